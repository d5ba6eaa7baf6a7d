#pragma once
/// A database that keeps employees in memory, writes down what it is asked, and fails where the test says so.

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service.hpp"

namespace employees {

class scripted_database final : public database {
 public:
    std::vector<row> rows;           ///< What is committed.
    std::vector<std::string> calls;  ///< `begin`, `insert 2`, `commit`, `rollback`, `list`.
    std::deque<std::optional<failure>> begins, commits, rollbacks,
        lists;  ///< The failures of the next calls, in order.

    outcome<void> begin(deadline) override {
        pending_.clear();
        return next("begin", begins);
    }
    outcome<void> insert(std::span<const employee> employees, deadline) override {
        calls.push_back("insert " + std::to_string(employees.size()));
        for (const auto& one : employees) {
            const auto is_there = [&one](const row& at) { return at.id == cell(one.id.value_or("")); };
            if (!one.id) return std::unexpected(mysql_failure(1048, "Column 'EmpId' cannot be null"));
            if (std::ranges::any_of(rows, is_there) || std::ranges::any_of(pending_, is_there)) {
                return std::unexpected(mysql_failure(1062, "Duplicate entry '" + *one.id + "' for key 'PRIMARY'"));
            }
            pending_.push_back({*one.id, one.name ? cell(*one.name) : cell()});
        }
        return {};
    }
    outcome<void> commit(deadline) override {
        auto done = next("commit", commits);
        if (done || done.error().outcome_unknown) rows.insert(rows.end(), pending_.begin(), pending_.end());
        pending_.clear();
        return done;
    }
    outcome<void> rollback(deadline) override {
        pending_.clear();
        return next("rollback", rollbacks);
    }
    outcome<void> list(const row_receiver& receive, deadline) override {
        auto done = next("list", lists);
        for (std::size_t i = 0; done && i < rows.size() && receive(rows[i]); ++i) {
        }
        return done;
    }
    outcome<void> find(const std::string& id, const row_receiver& receive, deadline) override {
        auto done = next("find " + id, lists);
        for (const auto& one : rows) {
            if (done && one.id == cell(id)) receive(one);
        }
        // As MySQL compares a number with a text that is none: equal to 0.
        for (const auto& one : rows) {
            if (done && one.id == cell(std::int64_t{0})) receive(one);
        }
        return done;
    }
    outcome<void> page(const std::optional<std::string>& after, std::size_t limit, const row_receiver& receive,
                       deadline) override {
        auto done = next("page " + after.value_or("-") + " " + std::to_string(limit), lists);
        auto sorted = rows;
        std::ranges::sort(sorted, {}, &row::id);
        for (auto& one : sorted) {
            if (!done || limit == 0) break;
            if (after && one.id <= cell(*after)) continue;
            receive(one);
            --limit;
        }
        return done;
    }
    outcome<void> create_table(deadline) override { return {}; }

 private:
    outcome<void> next(std::string name, std::deque<std::optional<failure>>& failures) {
        calls.push_back(std::move(name));
        if (failures.empty()) return {};
        auto first = std::move(failures.front());
        failures.pop_front();
        if (first) return std::unexpected(std::move(*first));
        return {};
    }

    std::vector<row> pending_;
};

/// A service on such a database, and the lines it logs.
struct scripted_service {
    scripted_database database;
    std::vector<std::string> log;
    service_settings settings{.log = [this](std::string_view line) { log.emplace_back(line); }};

    outcome<std::string> answer(std::string_view event, borealis::core::deadline until = {}) {
        employee_service service(database, settings);
        return service.answer(event, until);
    }
};

}  // namespace employees
