// Connecting, and being destroyed in the middle of something.
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.hpp"
#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

using sql::failure_kind;
using namespace std::string_literals;

/// What the environment could do to every session of this program. Set before any driver is made.
const bool environment_is_hostile = [] {
    for (const auto& [name, value] : {std::pair{"PGHOST", "/nonexistent"},
                                      {"PGPASSWORD", "wrong"},
                                      {"PGSERVICE", "nowhere"},
                                      {"PGOPTIONS", "-c TimeZone=Asia/Tokyo"},
                                      {"PGTZ", "Asia/Tokyo"},
                                      {"PGDATESTYLE", "German"},
                                      {"PGREQUIREPEER", "nobody_at_all"},
                                      {"PGSSLMODE", "verify-full"},
                                      {"PGCHANNELBINDING", "require"},
                                      {"PGTARGETSESSIONATTRS", "standby"},
                                      {"PGAPPNAME", "other"}}) {
        ::setenv(name, value, 1);
    }
    return true;
}();

class postgres_lifecycle : public postgres_fixture {};

TEST_P(postgres_lifecycle, given_a_unix_socket_when_connected_then_it_works) {
    const auto& server = tests::postgresql();
    auto made = try_open(server.socket, server.login(), "");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(cell("SELECT current_database()", {}, made->get()), "postgres");
    EXPECT_EQ(cell("SELECT inet_client_addr() IS NULL", {}, made->get()), "t");
}

TEST_P(postgres_lifecycle, given_a_host_name_when_connected_then_each_address_is_tried) {
    auto to = tests::postgresql().endpoint;
    to.host = "localhost";  // ::1 may come first, where nobody listens
    auto made = try_open(to, tests::postgresql().login(), database);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(cell("SELECT 1", {}, made->get()), "1");
}

//
TEST_P(postgres_lifecycle, given_wrong_logins_when_connected_then_the_servers_words_come_back) {
    const auto& server = tests::postgresql();
    struct login_case {
        sql::login as;
        std::string database;
        std::string_view sqlstate, message;
    };
    const login_case cases[] = {
        {{"postgres", core::secret_text("wrong")},
         "postgres",
         "28P01",
         "password authentication failed for user \"postgres\""},
        {{"postgres", core::secret_text("")},
         "postgres",
         "28P01",
         "password authentication failed for user \"postgres\""},
        {{"nobody_at_all", core::secret_text("x")},
         "postgres",
         "28P01",
         "password authentication failed for user \"nobody_at_all\""},
        {server.login(), "no_such_database", "3D000", "database \"no_such_database\" does not exist"},
        {{"", core::secret_text("x")}, "postgres", "28000", "no PostgreSQL user name specified in startup packet"},
        {server.login(), "post\0gres"s, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00"},
    };
    for (const auto& one : cases) {
        auto made = try_open(server.endpoint, one.as, one.database);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, failure_kind::login);
        EXPECT_EQ(made.error().sqlstate, one.sqlstate);
        EXPECT_EQ(made.error().severity, "FATAL");
        EXPECT_EQ(made.error().message, one.message);
    }
}

TEST_P(postgres_lifecycle, given_a_role_without_rights_or_connections_when_connected_then_login_fails) {
    must(fmt::format("CREATE ROLE limited_{} LOGIN PASSWORD 'p' CONNECTION LIMIT 0", database));
    must(fmt::format("CREATE ROLE barred_{} PASSWORD 'p'", database));
    const auto& server = tests::postgresql();
    auto made = try_open(server.endpoint, {"limited_" + database, core::secret_text("p")}, database);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, failure_kind::login);
    EXPECT_EQ(made.error().sqlstate, "53300");
    made = try_open(server.endpoint, {"barred_" + database, core::secret_text("p")}, database);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().sqlstate, "28000");
    must(fmt::format("DROP ROLE limited_{0}, barred_{0}", database));
}

/// A listening socket that accepts nobody, or nothing at all.
struct silent_server {
    silent_server() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* generic = reinterpret_cast<sockaddr*>(&at);
        EXPECT_EQ(::bind(fd, generic, size), 0);
        EXPECT_EQ(::getsockname(fd, generic, &size), 0);
        port = ntohs(at.sin_port);
    }
    ~silent_server() { ::close(fd); }
    int fd;
    std::uint16_t port = 0;
};

TEST_P(postgres_lifecycle, given_nobody_who_answers_when_connected_then_it_is_unreachable_in_time) {
    silent_server server;
    const sql::endpoint to{.host = "127.0.0.1", .port = server.port, .tls = sql::tls_mode::prefer};
    const sql::login as{"u", core::secret_text("p")};
    auto refused = try_open(to, as, "d");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, failure_kind::unreachable);
    EXPECT_EQ(refused.error().message, "The database cannot be reached.");

    ASSERT_EQ(::listen(server.fd, 1), 0);
    const auto start = std::chrono::steady_clock::now();
    auto silent = try_open(to, as, "d", core::deadline::after(200ms));
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, failure_kind::unreachable);
    EXPECT_EQ(silent.error().message, "The database did not answer in time.");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);

    auto unnamed = try_open({.host = "no-such-host.invalid", .port = 5432}, as, "d", core::deadline::after(10s));
    ASSERT_FALSE(unnamed);
    EXPECT_EQ(unnamed.error().kind, failure_kind::unreachable);

    auto folder = try_open({.port = 5432, .socket = "/nonexistent"}, as, "d");
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().kind, failure_kind::unreachable);
}

TEST_P(postgres_lifecycle, given_libpqs_variables_in_the_environment_when_the_driver_is_made_then_nothing_leaks_in) {
    ASSERT_TRUE(environment_is_hostile);
    for (const char* name : {"PGHOST", "PGPASSWORD", "PGSERVICE", "PGOPTIONS", "PGTZ", "PGREQUIREPEER", "PGSSLMODE"}) {
        EXPECT_EQ(::getenv(name), nullptr) << name;
    }
    const auto& server = tests::postgresql();
    auto made = try_open(server.socket, server.login(), "");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(cell("SHOW TimeZone", {}, made->get()), "UTC");
    EXPECT_EQ(cell("SHOW DateStyle", {}, made->get()), "ISO, MDY");
}

core::awaitable<int> sleep_at(sql::connection* at, keeper* into) {
    (void)co_await at->execute("SELECT pg_sleep(20)", {}, *into, sql::description::types, soon());
    co_return 0;
}

core::awaitable<int> connect_and_sleep(sql::driver* with, std::string database, bool* reached) {
    const auto& server = tests::postgresql();
    auto made = co_await with->connect(server.endpoint, server.login(), database, soon());
    if (!made) co_return 1;
    const auto held = std::move(*made);
    *reached = true;
    keeper into;
    (void)co_await held->execute("SELECT pg_sleep(20)", {}, into, sql::description::types, core::deadline::after(1s));
    co_return 0;
}

TEST_P(postgres_lifecycle, given_coroutines_inside_a_session_when_the_loop_is_torn_down_then_all_is_destroyed) {
    for (const auto time : {5ms, 100ms, 1005ms}) {  // while connecting, while executing, while cancelling
        bool reached = false;
        {
            core::asio::io_context loop(1);
            core::asio::co_spawn(loop.get_executor(), connect_and_sleep(driver.get(), database, &reached),
                                 [](std::exception_ptr, int) {});
            loop.run_for(time);
        }
        if (time > 50ms) EXPECT_TRUE(reached);
    }
    EXPECT_EQ(cell("SELECT 1"), "1");
}

TEST_P(postgres_lifecycle, given_a_session_inside_a_call_when_it_is_destroyed_before_the_loop_then_that_is_harmless) {
    core::asio::io_context loop(1);
    const auto& server = tests::postgresql();
    auto made = run(loop, driver->connect(server.endpoint, server.login(), database, soon()));
    ASSERT_TRUE(made);
    keeper into;
    core::asio::co_spawn(loop.get_executor(), sleep_at(made->get(), &into), [](std::exception_ptr, int) {});
    loop.restart();
    loop.run_for(50ms);
    EXPECT_FALSE((*made)->usable());
    made->reset();
}

TEST_P(postgres_lifecycle, given_a_session_when_the_driver_is_gone_then_it_still_works_and_cancels) {
    driver.reset();
    EXPECT_EQ(cell("SELECT 1"), "1");
    keeper into;
    const auto out = execute("SELECT pg_sleep(20)", {}, into, sql::description::types, core::deadline::after(50ms));
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE(session->usable());
    driver = make_driver(GetParam());
}

INSTANTIATE_TEST_SUITE_P(over, postgres_lifecycle, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
