#pragma once
/// Sessions at a real MariaDB, called as plain functions.

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "mysql/driver.hpp"
#include "sql/connection.hpp"
#include "support/databases.hpp"

namespace borealis::mysql {

using namespace std::chrono_literals;

/// A cell that keeps its text.
struct value {
    sql::cell::form is = sql::cell::form::null;
    std::string text;
    std::int64_t integer = 0;
    std::uint64_t unsigned_integer = 0;
    double real = 0;
};

/// For EXPECT_EQ on whole rows: NULL, text, x'6162', 1, 1u, 1.5.
std::string shown(const value& of);

class collecting_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> all) override;
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override;

    /// Every row, its values separated by `|`.
    [[nodiscard]] std::vector<std::string> shown_rows() const;

    sql::reception receive = sql::reception::plain;
    std::size_t limit = SIZE_MAX;  ///< Stops when so many bytes have come.
    bool keeps = true;             ///< False: rows are counted only.

    int described = 0;
    std::vector<sql::column> all;
    std::vector<std::vector<value>> rows;
    std::size_t count = 0;
    std::size_t bytes = 0;
};

/// One thread's worth of a program: an io_context that is turned until a call is over.
class loop {
 public:
    template <class T>
    T run(core::awaitable<T> what) {
        std::optional<T> out;
        std::exception_ptr thrown;
        boost::asio::co_spawn(context, std::move(what), [&](std::exception_ptr e, T made) {
            if (e) {
                thrown = std::move(e);
            } else {
                out.emplace(std::move(made));
            }
        });
        while (!out && !thrown) {
            context.restart();
            context.run_one();
        }
        if (thrown) std::rethrow_exception(thrown);
        return std::move(*out);
    }

    boost::asio::io_context context{1};
};

/// The whole program runs over one of them.
protocol spoken();

inline core::deadline soon() { return core::deadline::after(30s); }

/// What a test has at hand: a database of its own, and a session in it.
class mysql_test : public testing::Test {
 protected:
    mysql_test();
    ~mysql_test() override;

    std::unique_ptr<sql::connection> connect(const sql::endpoint& to, const std::string& database);
    std::unique_ptr<sql::connection> another() { return connect(server.endpoint, schema); }

    sql::result<sql::outcome> execute(sql::connection& on, std::string_view text,
                                      std::vector<sql::parameter> parameters = {}, sql::row_sink* sink = nullptr,
                                      core::deadline until = soon());
    sql::result<sql::outcome> execute(std::string_view text, std::vector<sql::parameter> parameters = {}) {
        return execute(*session, text, std::move(parameters));
    }
    /// Runs what must go well.
    sql::outcome done(std::string_view text, std::vector<sql::parameter> parameters = {}) {
        return done(*session, text, std::move(parameters));
    }
    sql::outcome done(sql::connection& on, std::string_view text, std::vector<sql::parameter> parameters = {});
    /// Rows as text, of what must go well.
    std::vector<std::string> rows(std::string_view text, std::vector<sql::parameter> parameters = {}) {
        return rows(*session, text, std::move(parameters));
    }
    std::vector<std::string> rows(sql::connection& on, std::string_view text,
                                  std::vector<sql::parameter> parameters = {});
    std::vector<sql::column> columns(std::string_view text, std::vector<sql::parameter> parameters = {});

    const tests::database& server;
    std::string schema;
    loop turning;
    std::unique_ptr<sql::driver> driver = make_driver(spoken());
    std::unique_ptr<sql::connection> session;
};

inline sql::parameter of_text(std::string_view of, sql::parameter_type type = sql::parameter_type::text) {
    return {type, of};
}
inline sql::parameter of_integer(std::int64_t of) { return {sql::parameter_type::int8, of}; }

}  // namespace borealis::mysql
