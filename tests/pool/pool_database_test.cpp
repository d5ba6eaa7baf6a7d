/// The pool over real sessions: what one caller leaves behind, no other sees.

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mysql/driver.hpp"
#include "pool/pool.hpp"
#include "pool/transactions.hpp"
#include "postgres/driver.hpp"
#include "support/databases.hpp"
#include "support/statements.hpp"

namespace borealis::pool {
namespace {

/// How each engine spells what the tests do.
struct engine {
    const char* name;
    const tests::database& (*at)();
    std::unique_ptr<sql::driver> (*driver)();
    const char *change, *look;  ///< Changes a session; shows the change.
    const char* kill;           ///< Ends the session `{}`.
    const char* sessions;       ///< How many sessions this test has at the server.
    std::unique_ptr<sql::driver> (*driver_with)(const sql::session_settings&);
    const char* kept;  ///< How many prepared statements the session has.
};

const engine engines[] = {
    {"postgresql", tests::postgresql, [] { return postgres::make_driver(); }, "SET application_name = 'changed'",
     "SHOW application_name", "SELECT pg_terminate_backend({})",
     "SELECT count(*) FROM pg_stat_activity WHERE pid IN ({})", postgres::make_driver,
     "SELECT count(*) FROM pg_prepared_statements"},
    {"mariadb", tests::mariadb, [] { return mysql::make_driver(); }, "SET @changed = 'changed'", "SELECT @changed",
     "KILL {}", "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN ({})", mysql::make_driver,
     "SELECT CAST(SUM(IF(VARIABLE_NAME LIKE '%PREPARE', 1, -1) * VARIABLE_VALUE) AS SIGNED) FROM "
     "information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN ('COM_STMT_PREPARE', 'COM_STMT_CLOSE')"},
};

core::deadline soon() { return core::deadline::after(std::chrono::seconds(20)); }

class real_sessions : public testing::TestWithParam<engine> {
 protected:
    void SetUp() override {
        const auto& server = GetParam().at();
        to.target = "arn:aws:rds:eu-central-1:1:cluster:c";
        to.driver = driver.get();
        to.endpoint = server.endpoint;
        to.login = server.login();
        to.database = server.name;
    }

    lease acquire() {
        auto got = tests::run(io, all->acquire(to, soon()));
        if (!got) throw std::runtime_error(got.error().message);
        return std::move(*got);
    }
    std::string cell(sql::connection& in, const std::string& text) {
        tests::text_rows rows;
        const auto done = tests::run(io, in.execute(text, {}, rows, sql::description::types, soon()));
        if (!done) throw std::runtime_error(text + ": " + done.error().message);
        return rows.rows.empty() ? "" : rows.rows[0][0];
    }
    /// Runs what goes on in the background until `done`.
    template <class Predicate>
    void await(Predicate done) {
        const auto end = core::clock::now() + std::chrono::seconds(20);
        io.restart();
        while (!done() && core::clock::now() < end) io.run_one_for(std::chrono::milliseconds(50));
        EXPECT_TRUE(done());
    }

    core::asio::io_context io{1};
    shared_budgets budgets;
    std::unique_ptr<sql::driver> driver = GetParam().driver();
    std::optional<pools> all{std::in_place, io.get_executor(), budgets};
    destination to;
};

TEST_P(real_sessions, given_a_caller_changes_its_session_when_the_next_gets_it_then_it_is_as_new) {
    auto first = acquire();
    const auto fresh = cell(*first, GetParam().look);
    const auto number = first->backend_id();
    (void)cell(*first, GetParam().change);
    EXPECT_EQ(cell(*first, GetParam().look), "changed");
    first.taint();
    first = lease();
    await([&] { return all->counts().idle == 1; });
    const auto second = acquire();
    EXPECT_EQ(second->backend_id(), number);
    EXPECT_EQ(cell(*second, GetParam().look), fresh);
}

TEST_P(real_sessions, given_a_caller_leaves_a_transaction_open_when_the_next_comes_then_it_is_rolled_back) {
    auto first = acquire();
    (void)cell(*first, "CREATE TABLE IF NOT EXISTS pool_left_open (a int)");
    (void)cell(*first, "BEGIN");
    (void)cell(*first, "INSERT INTO pool_left_open VALUES (1)");
    first = lease();  // not tainted: the session itself says so
    const auto second = acquire();
    EXPECT_FALSE(second->in_transaction());
    EXPECT_EQ(cell(*second, "SELECT count(*) FROM pool_left_open"), "0");
    (void)cell(*second, "DROP TABLE pool_left_open");
}

TEST_P(real_sessions, given_the_server_ended_an_idle_session_when_acquired_then_another_is_opened) {
    auto idle = acquire();
    const auto number = idle->backend_id();
    auto killer = acquire();
    idle = lease();
    (void)cell(*killer, fmt::format(fmt::runtime(GetParam().kill), number));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    const auto next = acquire();
    EXPECT_NE(next->backend_id(), number);
    EXPECT_EQ(cell(*next, "SELECT 1"), "1");
}

TEST_P(real_sessions, given_a_transaction_is_reaped_when_it_was_writing_then_nothing_of_it_remains) {
    auto setup = acquire();
    (void)cell(*setup, "CREATE TABLE IF NOT EXISTS pool_reaped (a int)");
    transactions table(io.get_executor(), 0, {});
    const binding mine{"cluster", "secret", "caller", ""};
    auto session = acquire();
    ASSERT_TRUE(tests::run(io, session->begin(soon())));
    const auto id = table.adopt(std::move(session), mine);
    {
        const auto held = table.hold(*id, mine);
        (void)cell(held->session(), "INSERT INTO pool_reaped VALUES (1)");
    }
    table.reap(core::clock::now() + std::chrono::seconds(181));
    await([&] { return all->counts().idle == 1; });
    EXPECT_EQ(cell(*setup, "SELECT count(*) FROM pool_reaped"), "0");
    EXPECT_EQ(table.hold(*id, mine).error(), transaction_refusal::expired);
    (void)cell(*setup, "DROP TABLE pool_reaped");
}

TEST_P(real_sessions, given_a_wrong_password_when_acquired_then_the_servers_refusal_comes_back) {
    to.login = {"nobody_of_this_name", core::secret_text("wrong")};
    const auto got = tests::run(io, all->acquire(to, soon()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, sql::failure_kind::login);
    EXPECT_EQ(got.error().message.find("wrong"), std::string::npos);
}

TEST_P(real_sessions, given_nobody_listens_when_acquired_then_it_is_unreachable) {
    to.endpoint.port = 1;
    const auto got = tests::run(io, all->acquire(to, soon()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, sql::failure_kind::unreachable);
}

core::awaitable<void> call_often(pools& from, const destination& to, int& left) {
    for (int i = 0; i < 20; ++i) {
        auto got = co_await from.acquire(to, soon());
        if (!got) continue;
        tests::text_rows rows;
        const auto done = co_await (*got)->execute("SELECT 1", {}, rows, sql::description::types, soon());
        if (done) --left;
    }
}

TEST_P(real_sessions, given_many_callers_when_they_share_few_sessions_then_all_are_served) {
    to.limits.maximum = 3;
    int left = 12 * 20;
    for (int i = 0; i < 12; ++i) {
        core::asio::co_spawn(io.get_executor(), call_often(*all, to, left), core::asio::detached);
    }
    await([&] { return left == 0; });
    EXPECT_LE(all->counts().open, 3U);
    await([&] { return all->counts().leased == 0; });
}

TEST_P(real_sessions, given_a_target_is_dropped_when_the_server_is_asked_then_its_sessions_are_gone) {
    auto watcher_to = to;
    watcher_to.target += "-watcher";
    auto watcher = tests::run(io, all->acquire(watcher_to, soon()));
    auto idle = acquire();
    const auto number = idle->backend_id();
    idle = lease();
    all->drop_target(to.target);
    const auto end = core::clock::now() + std::chrono::seconds(20);
    const auto query = fmt::format(fmt::runtime(GetParam().sessions), number);
    while (cell(**watcher, query) != "0" && core::clock::now() < end) ::usleep(10'000);
    EXPECT_EQ(cell(**watcher, query), "0");
}

/// The option's value of our socket towards `port`.
int option_of_socket_to(std::uint16_t port, int level, int name) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename());
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
        if (ntohs(peer.sin_port) != port) continue;
        int value = -1;
        size = sizeof value;
        if (::getsockopt(fd, level, name, &value, &size) == 0) return value;
    }
    return -1;
}

TEST_P(real_sessions, given_settings_of_the_driver_when_connected_then_the_socket_has_them) {
    const auto own = GetParam().driver_with({.keepalive_idle = std::chrono::seconds(17),
                                             .keepalive_interval = std::chrono::seconds(3),
                                             .keepalive_count = 5,
                                             .user_timeout = std::chrono::milliseconds(12'345)});
    to.driver = own.get();
    const auto held = acquire();
    const auto port = to.endpoint.port;
    EXPECT_EQ(option_of_socket_to(port, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of_socket_to(port, IPPROTO_TCP, TCP_KEEPIDLE), 17);
    EXPECT_EQ(option_of_socket_to(port, IPPROTO_TCP, TCP_KEEPINTVL), 3);
    EXPECT_EQ(option_of_socket_to(port, IPPROTO_TCP, TCP_KEEPCNT), 5);
    EXPECT_EQ(option_of_socket_to(port, IPPROTO_TCP, TCP_USER_TIMEOUT), 12'345);
}

TEST_P(real_sessions, given_keepalive_off_when_connected_then_the_socket_has_none) {
    const auto own = GetParam().driver_with(
        {.keepalive_idle = std::chrono::seconds(0), .user_timeout = std::chrono::milliseconds(0)});
    to.driver = own.get();
    const auto held = acquire();
    EXPECT_EQ(option_of_socket_to(to.endpoint.port, SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option_of_socket_to(to.endpoint.port, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
}

TEST_P(real_sessions, given_a_number_of_statements_when_more_are_run_then_no_more_are_kept) {
    const auto own = GetParam().driver_with({.statements = 100});
    to.driver = own.get();
    const auto held = acquire();
    for (int i = 0; i < 150; ++i) EXPECT_EQ(cell(*held, "SELECT " + std::to_string(i)), std::to_string(i));
    const auto kept = std::stoi(cell(*held, GetParam().kept));
    EXPECT_GE(kept, 99);   // the one that asks may not count itself
    EXPECT_LE(kept, 101);  // one whose end has not been told yet
}

INSTANTIATE_TEST_SUITE_P(both, real_sessions, testing::ValuesIn(engines), [](const auto& i) { return i.param.name; });

}  // namespace
}  // namespace borealis::pool
