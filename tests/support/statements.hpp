#pragma once
/// Running statements in tests: a coroutine to its end, a result as texts.

#include <chrono>
#include <exception>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include "core/async.hpp"
#include "sql/connection.hpp"

namespace borealis::tests {

/// Runs one coroutine to its end; throws when that takes a minute.
template <class T>
T run(core::asio::io_context& on, core::awaitable<T> work) {
    std::optional<T> out;
    std::exception_ptr thrown;
    core::asio::co_spawn(on.get_executor(), std::move(work), [&](std::exception_ptr e, T value) {
        thrown = e;
        out.emplace(std::move(value));
    });
    on.restart();
    const auto end = core::clock::now() + std::chrono::minutes(1);
    while (!out && !thrown) {
        on.run_one_until(end);
        if (core::clock::now() > end) throw std::runtime_error("the coroutine does not end");
    }
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*out);
}

/// Keeps rows as texts, NULL as "NULL".
class text_rows final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell> cells, std::size_t) override {
        auto& last = rows.emplace_back();
        for (const auto& each : cells) last.push_back(text_of(each));
        return sql::flow::more;
    }

    std::vector<std::vector<std::string>> rows;

 private:
    static std::string text_of(const sql::cell& of) {
        using form = sql::cell::form;
        switch (of.is) {
            case form::null:
                return "NULL";
            case form::integer:
                return std::to_string(of.integer);
            case form::unsigned_integer:
                return std::to_string(of.unsigned_integer);
            case form::real4:
            case form::real8:
                return fmt::format("{}", of.real);
            case form::text:
            case form::bytes:
                break;
        }
        return std::string(of.text);
    }
};

}  // namespace borealis::tests
