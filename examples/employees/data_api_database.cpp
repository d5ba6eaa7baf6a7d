#include "data_api_database.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <borealis/errors.hpp>
#include <fmt/format.h>

#include "core/log.hpp"

namespace employees {
namespace {

using namespace std::chrono_literals;
using borealis::aws_error;
using borealis::core::log_level;

constexpr std::string_view insert_text = "INSERT INTO Employee (EmpId, EmpName) VALUES (:EmpId, :EmpName)";
constexpr std::string_view select_text = "SELECT EmpId, EmpName FROM Employee";
constexpr std::string_view find_text = "SELECT EmpId, EmpName FROM Employee WHERE EmpId = :EmpId";
constexpr std::string_view table_text =
    "CREATE TABLE IF NOT EXISTS Employee (EmpId VARCHAR(64) NOT NULL PRIMARY KEY, EmpName VARCHAR(255))";

std::vector<borealis::parameter> parameters_of(const employee& one) {
    return {borealis::param("EmpId", one.id), borealis::param("EmpName", one.name)};
}

cell to_cell(const borealis::field& value) {
    if (const auto* held = std::get_if<bool>(&value.value())) return *held;
    if (const auto* held = std::get_if<std::int64_t>(&value.value())) return *held;
    if (const auto* held = std::get_if<double>(&value.value())) return *held;
    if (const auto* held = std::get_if<std::string>(&value.value())) return *held;
    if (const auto* held = std::get_if<borealis::blob>(&value.value())) {
        std::string bytes;
        for (const auto byte : *held) bytes += std::to_integer<char>(byte);
        return bytes;
    }
    return std::monostate();
}

/// The texts of all generations of the service.
bool is_too_large(const aws_error& what) {
    return what.message().contains("exceeds the size limit") ||
           what.message().contains("allowed response size limit") ||
           what.message().contains("response exceeded size limit");
}

bool is_gone(const aws_error& what) {
    return what.code() == "TransactionNotFoundException" ||
           (what.message().starts_with("Transaction ") && what.message().contains("is not found"));
}

/// Whether a commit that was answered so has certainly not been done: the database refused it in its own words, or the
/// call never reached the database. A connection lost on the way, a time-out and the like leave it open (L-8.16).
bool is_refused(const aws_error& what) {
    if (what.outcome_unknown()) return false;
    if (what.status() == 0 || is_gone(what)) return true;
    if (const auto state = what.sql_state()) {
        constexpr int killed = 1927, shutdown = 1053, gone = 2006, lost = 2013;
        const int number = what.engine_code().value_or(0);
        return !state->starts_with("08") && !state->starts_with("57") && number != killed && number != shutdown &&
               number != gone && number != lost;
    }
    return dynamic_cast<const borealis::access_denied*>(&what) != nullptr ||
           dynamic_cast<const borealis::forbidden*>(&what) != nullptr ||
           dynamic_cast<const borealis::http_endpoint_not_enabled*>(&what) != nullptr ||
           dynamic_cast<const borealis::invalid_request*>(&what) != nullptr ||
           dynamic_cast<const borealis::not_authenticated*>(&what) != nullptr ||
           dynamic_cast<const borealis::not_found*>(&what) != nullptr ||
           dynamic_cast<const borealis::throttled*>(&what) != nullptr;
}

class data_api_database final : public database {
 public:
    data_api_database(const borealis::client_options& options, borealis::database_target target)
        : target_(std::move(target)),
          client_(options, target_),
          client_without_database_(options, {.resource_arn = target_.resource_arn, .secret_arn = target_.secret_arn}) {}

    outcome<void> begin(deadline until) override {
        return attempt([&] { transaction_ = client_.begin_transaction({.timeout = left(until)}); });
    }

    outcome<void> insert(std::span<const employee> employees, deadline until) override {
        return attempt([&] {
            if (employees.size() == 1) {
                client_.execute_statement({.sql = std::string(insert_text),
                                           .parameters = parameters_of(employees.front()),
                                           .transaction_id = transaction_,
                                           .timeout = left(until)});
                return;
            }
            std::vector<std::vector<borealis::parameter>> sets;
            for (const auto& one : employees) sets.push_back(parameters_of(one));
            client_.batch_execute_statement({.sql = std::string(insert_text),
                                             .parameter_sets = std::move(sets),
                                             .transaction_id = transaction_,
                                             .timeout = left(until)});
        });
    }

    outcome<void> commit(deadline until) override {
        const auto id = std::exchange(transaction_, {});
        std::string status;
        bool refused = false;
        auto committed = attempt([&] {
            try {
                status = client_.commit_transaction({.transaction_id = id, .timeout = left(until)});
            } catch (const aws_error& caught) {
                refused = is_refused(caught);
                throw;
            }
        });
        if (!committed) committed.error().outcome_unknown = !refused;
        if (!committed || status == "Transaction Committed") return committed;
        // `Rollback Complete`: a statement had failed (PostgreSQL). Anything else says nothing we know (L-8.16).
        return std::unexpected(failure{.kind = failure_kind::other,
                                       .type = "OperationalError",
                                       .message = fmt::format("The transaction was not committed: {}", status),
                                       .outcome_unknown = status != "Rollback Complete"});
    }

    outcome<void> rollback(deadline until) override {
        if (transaction_.empty()) return {};
        const auto id = std::exchange(transaction_, {});
        return attempt([&] {
            try {
                client_.rollback_transaction({.transaction_id = id, .timeout = left(until)});
            } catch (const aws_error& caught) {
                if (!is_gone(caught)) throw;
            }
        });
    }

    outcome<void> list(const row_receiver& receive, deadline until) override {
        bool too_large = false;
        auto listed = attempt([&] {
            try {
                hand_over(client_.execute_statement({.sql = std::string(select_text), .timeout = left(until)}),
                          receive);
            } catch (const aws_error& caught) {
                if (!is_too_large(caught)) throw;
                too_large = true;
            }
        });
        return too_large ? list_in_pages(receive, until) : listed;
    }

    outcome<void> find(const std::string& id, const row_receiver& receive, deadline until) override {
        return attempt([&] {
            hand_over(client_.execute_statement({.sql = std::string(find_text),
                                                 .parameters = {borealis::param("EmpId", id)},
                                                 .idempotent = true,
                                                 .timeout = left(until)}),
                      receive);
        });
    }

    outcome<void> page(const std::optional<std::string>& after, std::size_t limit, const row_receiver& receive,
                       deadline until) override {
        return attempt([&] {
            while (true) {
                try {
                    std::vector<borealis::parameter> parameters;
                    if (after) parameters.push_back(borealis::param("after", *after));
                    hand_over(client_.execute_statement({.sql = page_text(after ? ":after" : "", limit),
                                                         .parameters = std::move(parameters),
                                                         .idempotent = true,
                                                         .timeout = left(until)}),
                              receive);
                    return;
                } catch (const aws_error& caught) {
                    if (!is_too_large(caught) || limit == 1) throw;
                    limit /= 2;
                }
            }
        });
    }

    outcome<void> create_table(deadline until) override {
        return attempt([&] {
            const bool postgresql = is_postgresql(until);
            // DDL ends a MySQL transaction, and PostgreSQL makes no database inside of one: each statement by itself.
            const auto run = [&](borealis::data_api_client& client, std::string text,
                                 std::vector<borealis::parameter> parameters = {}) {
                return client.execute_statement(
                    {.sql = std::move(text), .parameters = std::move(parameters), .timeout = left(until)});
            };
            if (postgresql) {
                const auto found =
                    run(client_without_database_, "SELECT datname FROM pg_database WHERE datname = :name",
                        {borealis::param("name", target_.database)});
                if (found.rows().empty())
                    run(client_without_database_, fmt::format("CREATE DATABASE {}", quoted(target_.database, '"')));
            } else {
                run(client_without_database_, fmt::format("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4",
                                                          quoted(target_.database, '`')));
            }
            run(client_, fmt::format("{}{}", table_text, postgresql ? "" : " CHARACTER SET utf8mb4"));
        });
    }

 private:
    static std::string quoted(std::string_view name, char quote) {
        std::string text(1, quote);
        for (const char c : name) text += c == quote ? std::string(2, c) : std::string(1, c);
        return text += quote;
    }

    /// Nothing where the call may take as long as the service lets it.
    static std::optional<std::chrono::milliseconds> left(deadline until) {
        const auto time = std::chrono::floor<std::chrono::milliseconds>(until.left());
        if (time > std::chrono::hours(24)) return std::nullopt;
        return std::max(time, 1ms);
    }

    template <class Call>
    static outcome<void> attempt(const Call& call) {
        try {
            call();
            return {};
        } catch (const aws_error& caught) {
            auto made = service_failure(caught.code(), caught.message());
            // This one says the same for every reason; the reason is for the log.
            if (made.message == credentials_failure().message)
                borealis::core::log(log_level::error, "{}", caught.what());
            return std::unexpected(std::move(made));
        }
    }

    /// @return Whether the receiver wants more.
    static bool hand_over(const borealis::execute_statement_result& result, const row_receiver& receive) {
        return std::ranges::all_of(result.rows(),
                                   [&](const borealis::row& at) { return receive({to_cell(at[0]), to_cell(at[1])}); });
    }

    bool is_postgresql(deadline until) {
        if (!postgresql_) {
            const auto found =
                client_without_database_.execute_statement({.sql = "SELECT version()", .timeout = left(until)});
            const auto version = found.rows()[0].get<std::string>(0);
            postgresql_ = version.starts_with("PostgreSQL") || version.starts_with("CockroachDB");
        }
        return *postgresql_;
    }

    /// More rows than one answer holds (L-6.75), in the order of the one big answer: by position, in one snapshot. A
    /// key is no help, since the database's own order need not be the key's (L-6.57).
    outcome<void> list_in_pages(const row_receiver& receive, deadline until) {
        std::string id;
        auto listed = attempt([&] {
            const bool postgresql = is_postgresql(until);
            id = client_.begin_transaction({.timeout = left(until)});
            const auto run = [&](std::string text) {
                return client_.execute_statement(
                    {.sql = std::move(text), .transaction_id = id, .idempotent = true, .timeout = left(until)});
            };
            // MySQL's transactions are of that kind by themselves.
            if (postgresql) run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
            std::size_t page = 8192;
            for (std::size_t at = 0;;) {
                try {
                    const auto result = run(fmt::format("{} LIMIT {} OFFSET {}", select_text, page, at));
                    const auto rows = result.rows().size();
                    if (!hand_over(result, receive) || rows < page) return;
                    at += rows;
                } catch (const aws_error& caught) {
                    if (!is_too_large(caught) || page == 1) throw;
                    page /= 2;
                }
            }
        });
        if (!id.empty()) {
            const auto ended =
                attempt([&] { client_.rollback_transaction({.transaction_id = id, .timeout = left(until)}); });
            if (!ended)
                borealis::core::log(log_level::warning, "the read transaction could not be ended: {}",
                                    ended.error().message);
        }
        return listed;
    }

    borealis::database_target target_;
    borealis::data_api_client client_;
    borealis::data_api_client client_without_database_;
    std::string transaction_;
    std::optional<bool> postgresql_;
};

}  // namespace

std::unique_ptr<database> open_data_api_database(const borealis::client_options& options,
                                                 borealis::database_target target) {
    return std::make_unique<data_api_database>(options, std::move(target));
}

}  // namespace employees
