#pragma once
/// Sessions of the driver at a real server, each test in a database of its own.

#include <chrono>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "postgres/driver.hpp"
#include "sql/connection.hpp"
#include "support/databases.hpp"

namespace borealis::postgres {

using namespace std::chrono_literals;

/// Runs one coroutine to its end. Ends the test program when that takes a minute.
template <class T>
T run(core::asio::io_context& io, core::awaitable<T> work) {
    std::optional<T> out;
    std::exception_ptr thrown;
    core::asio::co_spawn(io.get_executor(), std::move(work), [&](std::exception_ptr e, T value) {
        thrown = e;
        out.emplace(std::move(value));
    });
    io.restart();
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!out && !thrown) {
        io.run_one_until(end);
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the coroutine does not end");
    }
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*out);
}

inline core::deadline soon() { return core::deadline::after(20s); }

/// Keeps what it is given.
class keeper final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> all) override {
        ++announced;
        seen.assign(all.begin(), all.end());
        return answer;
    }
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override {
        octets += wire_bytes;
        ++count;
        if (keep) {
            std::vector<std::optional<std::string>> texts;
            for (const auto& cell : cells) {
                EXPECT_TRUE(cell.is == sql::cell::form::null || cell.is == sql::cell::form::text);
                texts.push_back(cell.is == sql::cell::form::null ? std::nullopt
                                                                 : std::optional<std::string>(cell.text));
            }
            rows.push_back(std::move(texts));
        }
        return octets > stop_after ? sql::flow::stop : sql::flow::more;
    }

    /// The first row's first cell; NULL reads `NULL`.
    [[nodiscard]] std::string cell() const {
        if (rows.empty() || rows[0].empty()) return "(no row)";
        return rows[0][0].value_or("NULL");
    }

    std::vector<sql::column> seen;
    std::vector<std::vector<std::optional<std::string>>> rows;
    std::size_t octets = 0, count = 0, announced = 0;
    std::size_t stop_after = static_cast<std::size_t>(-1);
    bool keep = true;
    sql::reception answer = sql::reception::plain;
};

inline sql::parameter text(std::string_view value) { return {sql::parameter_type::text, value}; }
inline sql::parameter hinted(sql::parameter_type type, std::string_view value) { return {type, value}; }
inline sql::parameter whole(std::int64_t value) { return {sql::parameter_type::int8, value}; }
inline sql::parameter real(double value) { return {sql::parameter_type::float8, value}; }
inline sql::parameter flag(bool value) { return {sql::parameter_type::boolean, value}; }
inline sql::parameter octets(std::string_view value) { return {sql::parameter_type::bytes, value}; }
inline sql::parameter null() { return {}; }

/// Every suite runs over both: the results are the same.
inline const auto both_protocols = testing::Values(protocol::native, protocol::libpq);
inline std::string name_of_protocol(const testing::TestParamInfo<protocol>& of) {
    return of.param == protocol::native ? "native" : "libpq";
}

class postgres_fixture : public testing::TestWithParam<protocol> {
 protected:
    postgres_fixture();
    ~postgres_fixture() override;

    /// Opens one more session in the test's database.
    std::unique_ptr<sql::connection> open();
    sql::result<std::unique_ptr<sql::connection>> try_open(const sql::endpoint& to, const sql::login& as,
                                                           const std::string& database, core::deadline until = soon());

    /// Runs a statement in `at`, or the first session.
    sql::result<sql::outcome> execute(std::string_view text, std::vector<sql::parameter> parameters, keeper& into,
                                      sql::description wanted = sql::description::types, core::deadline until = soon(),
                                      sql::connection* at = nullptr);
    std::string cell(std::string_view text, std::vector<sql::parameter> parameters = {}, sql::connection* at = nullptr);
    /// A statement that must succeed.
    sql::outcome must(std::string_view text, std::vector<sql::parameter> parameters = {},
                      sql::connection* at = nullptr);
    /// A statement that must fail.
    sql::failure refused(std::string_view text, std::vector<sql::parameter> parameters = {},
                         sql::connection* at = nullptr);

    core::asio::io_context io{1};
    std::unique_ptr<sql::driver> driver;
    std::string database;
    std::unique_ptr<sql::connection> session;
};

}  // namespace borealis::postgres
