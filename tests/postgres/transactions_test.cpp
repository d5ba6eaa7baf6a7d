// Transactions, resets, deadlines and lost sessions at a real server.
#include <functional>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fixture.hpp"

namespace borealis::postgres {
namespace {

using sql::failure_kind;

class postgres_transactions : public postgres_fixture {
 protected:
    std::unique_ptr<sql::connection> other = open();
};

TEST_P(postgres_transactions, given_a_transaction_when_committed_then_others_see_it) {
    must("CREATE TABLE t (id int)");
    EXPECT_FALSE(session->in_transaction());
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_TRUE(session->in_transaction());
    must("INSERT INTO t VALUES (1)");
    EXPECT_EQ(cell("SELECT count(*) FROM t", {}, other.get()), "0");
    const auto done = run(io, session->commit(soon()));
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, sql::commit_status::committed);
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(cell("SELECT count(*) FROM t", {}, other.get()), "1");
}

TEST_P(postgres_transactions, given_a_transaction_when_rolled_back_then_nothing_happened) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(run(io, session->rollback(soon())));
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
}

TEST_P(postgres_transactions, given_a_transaction_when_nothing_is_done_in_it_then_the_database_need_not_know) {
    const auto state = [this] {
        return cell(fmt::format("SELECT state FROM pg_stat_activity WHERE pid = {}", session->backend_id()), {},
                    other.get());
    };
    const bool begins_later = session->pipelines();
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_EQ(state(), begins_later ? "idle" : "idle in transaction");
    EXPECT_TRUE(session->in_transaction());
    EXPECT_EQ(*run(io, session->commit(soon())), sql::commit_status::committed);
    ASSERT_TRUE(run(io, session->begin(soon())));
    ASSERT_TRUE(run(io, session->rollback(soon())));
    ASSERT_TRUE(run(io, session->begin(soon())));
    ASSERT_TRUE(run(io, session->reset(soon())));
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(state(), "idle");
    EXPECT_EQ(cell("SELECT pg_current_xact_id_if_assigned() IS NULL"), "t");
    must("CREATE TABLE t (id int)");
    EXPECT_EQ(cell("SELECT count(*) FROM t", {}, other.get()), "0") << "it commits by itself";
    sql::session_settings settings;
    settings.quick_begin = false;
    const auto at_once = make_driver(GetParam(), settings);
    const auto& server = tests::postgresql();
    session = *run(io, at_once->connect(server.endpoint, server.login(), database, soon()));
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_EQ(state(), "idle in transaction");
    session.reset();
}

TEST_P(postgres_transactions, given_any_kind_of_first_call_when_it_fails_then_the_transaction_is_aborted) {
    must("CREATE TABLE t (id int PRIMARY KEY)");
    must("INSERT INTO t VALUES ($1)", {whole(1)});  // known from now on
    const std::function<bool()> calls[] = {
        [&] { return refused("SELEC").sqlstate == "42601"; },
        [&] { return refused("SELECT coalesce($1, nothing)", {null()}).sqlstate == "42703"; },
        [&] { return refused("INSERT INTO t VALUES ($1)", {whole(1)}).sqlstate == "23505"; },
        [&] {
            keeper into;
            return execute("SELECT 1 / 0", {}, into, sql::description::full).error().sqlstate == "22012";
        },
        [&] {
            std::vector<std::vector<sql::parameter>> sets{{whole(7)}, {whole(1)}};
            return run(io, session->execute_batch("INSERT INTO t VALUES ($1)", sets, soon())).error().sqlstate ==
                   "23505";
        },
        [&] {
            std::vector<std::vector<sql::parameter>> sets;
            for (int i = 100; i < 300; ++i) sets.push_back({whole(i)});
            sets.push_back({whole(1)});
            return run(io, session->execute_batch("INSERT INTO t VALUES ($1)", sets, soon())).error().sqlstate ==
                   "23505";
        },
    };
    for (const auto& call : calls) {
        ASSERT_TRUE(run(io, session->begin(soon())));
        EXPECT_TRUE(call());
        EXPECT_TRUE(session->in_transaction());
        EXPECT_EQ(refused("SELECT 1").sqlstate, "25P02");
        EXPECT_EQ(*run(io, session->commit(soon())), sql::commit_status::rolled_back);
    }
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "1");
}

TEST_P(postgres_transactions, given_any_kind_of_first_call_when_rolled_back_then_nothing_is_left_of_it) {
    must("CREATE TABLE t (id int)");
    std::vector<std::vector<sql::parameter>> few{{whole(1)}, {whole(2)}};
    std::vector<std::vector<sql::parameter>> many;
    for (int i = 0; i < 200; ++i) many.push_back({whole(i)});
    const std::function<void()> calls[] = {
        [&] { must("INSERT INTO t VALUES (1)"); },
        [&] { must("INSERT INTO t VALUES (1)"); },  // known now
        [&] { must("INSERT INTO t VALUES (coalesce($1, 1))", {null()}); },
        [&] { must("INSERT INTO t VALUES (1) RETURNING ARRAY[id]"); },
        [&] { must("CREATE TABLE u (id int)"); },
        [&] { EXPECT_TRUE(run(io, session->execute_batch("INSERT INTO t VALUES ($1)", few, soon()))); },
        [&] { EXPECT_TRUE(run(io, session->execute_batch("INSERT INTO t VALUES ($1)", many, soon()))); },
    };
    for (const auto& call : calls) {
        ASSERT_TRUE(run(io, session->begin(soon())));
        call();
        EXPECT_TRUE(session->in_transaction());
        ASSERT_TRUE(run(io, session->rollback(soon())));
        EXPECT_FALSE(session->in_transaction());
    }
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
    EXPECT_EQ(cell("SELECT to_regclass('u') IS NULL"), "t");
    ASSERT_TRUE(run(io, session->begin(soon())));
    ASSERT_TRUE(run(io, session->begin_reading(soon())));
    EXPECT_EQ(refused("INSERT INTO t VALUES (1)").sqlstate, "25006");
    ASSERT_TRUE(run(io, session->rollback(soon())));
}

//
TEST_P(postgres_transactions, given_an_aborted_transaction_when_committed_then_it_was_rolled_back) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    EXPECT_EQ(refused("SELECT 1 / 0").sqlstate, "22012");
    EXPECT_TRUE(session->in_transaction());
    for (const std::string_view again : {"SELECT 1 / 0", "SELECT 'never prepared'", "SELECT 'x'::regclass"}) {
        const auto what = refused(again);
        EXPECT_EQ(what.sqlstate, "25P02");
        EXPECT_EQ(what.message, "current transaction is aborted, commands ignored until end of transaction block");
    }
    keeper into;
    EXPECT_EQ(execute("SELECT * FROM t", {}, into, sql::description::full).error().sqlstate, "25P02");
    const auto done = run(io, session->commit(soon()));
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, sql::commit_status::rolled_back);
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
}

TEST_P(postgres_transactions, given_a_failed_statement_when_rolled_back_to_a_savepoint_then_the_transaction_goes_on) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    must("SAVEPOINT s");
    EXPECT_EQ(refused("SELECT 1 / 0").sqlstate, "22012");
    must("ROLLBACK TO SAVEPOINT s");
    must("INSERT INTO t VALUES (2)");
    EXPECT_EQ(*run(io, session->commit(soon())), sql::commit_status::committed);
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "2");
}

//
TEST_P(postgres_transactions, given_sql_that_ends_the_transaction_when_committed_then_it_is_still_a_success) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("COMMIT");
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(*run(io, session->commit(soon())), sql::commit_status::committed);
    must("BEGIN");
    EXPECT_TRUE(session->in_transaction());
    ASSERT_TRUE(run(io, session->rollback(soon())));
    ASSERT_TRUE(run(io, session->rollback(soon())));
}

TEST_P(postgres_transactions, given_a_deferred_constraint_when_committed_then_the_failure_is_the_databases) {
    must("CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1), (1)");
    const auto done = run(io, session->commit(soon()));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, failure_kind::database);
    EXPECT_EQ(done.error().sqlstate, "23505");
    EXPECT_FALSE(session->in_transaction());
    EXPECT_TRUE(session->usable());
}

//
TEST_P(postgres_transactions, given_a_statement_that_needs_to_be_alone_when_run_outside_then_it_works) {
    must("CREATE TABLE t (id int)");
    must("VACUUM t");
    must("CREATE INDEX CONCURRENTLY ON t (id)");
    ASSERT_TRUE(run(io, session->begin(soon())));
    EXPECT_EQ(refused("VACUUM t").sqlstate, "25001");
}

// ---- session state

const std::pair<std::string_view, std::string_view> start_values[] = {{"TimeZone", "UTC"},
                                                                      {"client_encoding", "UTF8"},
                                                                      {"DateStyle", "ISO, MDY"},
                                                                      {"IntervalStyle", "postgres"},
                                                                      {"bytea_output", "hex"},
                                                                      {"extra_float_digits", "1"},
                                                                      {"standard_conforming_strings", "on"},
                                                                      {"application_name", "borealis"}};

TEST_P(postgres_transactions, given_a_fresh_session_when_asked_then_its_settings_are_ours) {
    for (const auto& [name, value] : start_values) {
        EXPECT_EQ(cell(fmt::format("SHOW {}", name)), value) << name;
    }
    EXPECT_EQ(cell("SELECT pg_backend_pid()"), fmt::to_string(session->backend_id()));
}

TEST_P(postgres_transactions, given_settings_of_role_and_database_when_connected_then_ours_win) {
    must(fmt::format("ALTER DATABASE {} SET TimeZone = 'Asia/Tokyo'", database));
    must(fmt::format("ALTER DATABASE {} SET DateStyle = 'German'", database));
    auto fresh = open();
    EXPECT_EQ(cell("SHOW TimeZone", {}, fresh.get()), "UTC");
    EXPECT_EQ(cell("SELECT '2024-02-01'::date", {}, fresh.get()), "2024-02-01");
}

TEST_P(postgres_transactions, given_a_changed_session_when_reset_then_it_is_as_fresh) {
    for (const bool inside : {false, true}) {
        for (const auto& [name, value] : {std::pair{"TimeZone", "'Asia/Tokyo'"},
                                          {"client_encoding", "LATIN1"},
                                          {"DateStyle", "German"},
                                          {"IntervalStyle", "iso_8601"},
                                          {"bytea_output", "escape"},
                                          {"extra_float_digits", "-3"},
                                          {"standard_conforming_strings", "off"},
                                          {"application_name", "'x'"},
                                          {"search_path", "pg_temp"},
                                          {"default_transaction_read_only", "on"}}) {
            must(fmt::format("SET {} = {}", name, value));
        }
        must("SET default_transaction_read_only = off");
        must("CREATE TEMP TABLE mine (id int)");
        must("LISTEN news");
        must("SELECT pg_advisory_lock(42)");
        must("PREPARE mine AS SELECT 1");
        must("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE");
        must("DECLARE holding CURSOR WITH HOLD FOR SELECT 1");
        must("NOTIFY news, 'unwanted'");
        if (inside) {
            ASSERT_TRUE(run(io, session->begin(soon())));
            (void)refused("SELECT 1 / 0");
        }
        ASSERT_TRUE(run(io, session->reset(soon())));
        EXPECT_TRUE(session->usable());
        EXPECT_FALSE(session->in_transaction());
        for (const auto& [name, value] : start_values) EXPECT_EQ(cell(fmt::format("SHOW {}", name)), value) << name;
        EXPECT_EQ(cell("SHOW search_path"), "\"$user\", public");
        EXPECT_EQ(cell("SHOW default_transaction_isolation"), "read committed");
        EXPECT_EQ(refused("SELECT * FROM mine").sqlstate, "42P01");
        EXPECT_EQ(refused("EXECUTE mine").sqlstate, "26000");
        EXPECT_EQ(cell("SELECT count(*) FROM pg_listening_channels()"), "0");
        EXPECT_EQ(cell("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"), "0");
        EXPECT_EQ(cell("SELECT count(*) FROM pg_cursors WHERE name = 'holding'"), "0");
    }
}

// ---- deadlines

TEST_P(postgres_transactions, given_a_slow_statement_when_the_deadline_passes_then_it_is_cancelled_at_the_database) {
    keeper into;
    const auto start = std::chrono::steady_clock::now();
    const auto out = execute("SELECT pg_sleep(30)", {}, into, sql::description::types, core::deadline::after(200ms));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_EQ(out.error().backend_id, session->backend_id());
    EXPECT_EQ(out.error().message, "canceling statement due to user request");
    EXPECT_EQ(out.error().sqlstate, "57014");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT 'next'"), "next");
    EXPECT_EQ(cell(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = "
                               "'active' AND datname = '{}'",
                               database),
                   {}, other.get()),
              "0");
}

TEST_P(postgres_transactions, given_a_deadline_in_the_past_when_called_then_nothing_is_sent) {
    must("CREATE TABLE t (id int)");
    keeper into;
    const auto out = execute("INSERT INTO t VALUES (1)", {}, into, sql::description::types, core::deadline::after(-1s));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
}

TEST_P(postgres_transactions, given_a_transaction_when_a_statement_times_out_then_it_is_known_and_aborted) {
    ASSERT_TRUE(run(io, session->begin(soon())));
    keeper into;
    const auto out = execute("SELECT pg_sleep(30)", {}, into, sql::description::types, core::deadline::after(100ms));
    ASSERT_FALSE(out);
    EXPECT_TRUE(session->in_transaction());
    EXPECT_EQ(refused("SELECT 1").sqlstate, "25P02");
    EXPECT_EQ(*run(io, session->commit(soon())), sql::commit_status::rolled_back);
}

TEST_P(postgres_transactions,
       given_deadlines_about_as_long_as_the_statements_when_run_then_no_cancel_hits_the_next_one) {
    int late = 0;
    for (int i = 0; i < 150; ++i) {
        keeper into;
        // Mostly a race between the end and the cancel; now and then a statement that only a cancel ends.
        const auto* statement = i % 10 == 0 ? "SELECT pg_sleep(5)" : "SELECT pg_sleep(0.003)";
        const auto out = execute(statement, {}, into, sql::description::types,
                                 core::deadline::after(std::chrono::microseconds(2000 + 20 * i)));
        if (!out) {
            ASSERT_EQ(out.error().kind, failure_kind::timeout) << out.error().message;
            ++late;
        }
        ASSERT_TRUE(session->usable());
        ASSERT_EQ(cell(fmt::format("SELECT {} FROM pg_sleep(0.001)", i % 7)), fmt::to_string(i % 7)) << i;
    }
    EXPECT_GE(late, 15);
}

TEST_P(postgres_transactions,
       given_a_statement_that_the_database_cancels_when_it_ends_then_that_is_the_databases_failure) {
    must("SET statement_timeout = '50ms'");
    const auto what = refused("SELECT pg_sleep(10)");
    EXPECT_EQ(what.kind, failure_kind::database);
    EXPECT_EQ(what.sqlstate, "57014");
    EXPECT_TRUE(session->usable());
}

TEST_P(postgres_transactions, given_a_lock_when_the_deadline_passes_then_the_waiting_statement_did_nothing) {
    must("CREATE TABLE t (id int)");
    must("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(run(io, other->begin(soon())));
    must("UPDATE t SET id = 2", {}, other.get());
    keeper into;
    const auto out = execute("UPDATE t SET id = 3", {}, into, sql::description::types, core::deadline::after(100ms));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    ASSERT_TRUE(run(io, other->commit(soon())));
    EXPECT_EQ(cell("SELECT id FROM t"), "2");
}

// ---- sessions that end

core::awaitable<int> wait_for(std::chrono::milliseconds time) {
    core::timer timer(co_await core::asio::this_coro::executor, time);
    co_await timer.async_wait(core::as_tuple);
    co_return 0;
}

/// Ends a session in the middle of the statement, or COMMIT, that begins like `busy_with`.
core::awaitable<int> kill_later(sql::connection* with, std::int64_t pid, std::string_view busy_with) {
    const sql::parameter whom[] = {whole(pid), {sql::parameter_type::text, busy_with}};
    for (int tries = 0; tries < 500; ++tries) {
        keeper into;
        const auto out = co_await with->execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::int AND state = 'active' AND "
            "starts_with(query, $2)",
            whom, into, sql::description::types, soon());
        EXPECT_TRUE(out);
        if (!into.rows.empty()) co_return 0;
        co_await wait_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "the session never ran " << busy_with;
    co_return 0;
}

TEST_P(postgres_transactions, given_a_session_that_is_killed_when_a_statement_runs_then_the_session_is_over) {
    must("CREATE TABLE t (id int)");
    bool killed = false;
    core::asio::co_spawn(io.get_executor(), kill_later(other.get(), session->backend_id(), "INSERT"),
                         [&killed](std::exception_ptr, int) { killed = true; });
    const auto what = refused("INSERT INTO t SELECT 1 FROM pg_sleep(20)");
    while (!killed) run(io, wait_for(10ms));  // until then the other session is in use
    EXPECT_EQ(what.kind, failure_kind::database);
    EXPECT_EQ(what.severity, "FATAL");
    EXPECT_EQ(what.sqlstate, "57P01");
    EXPECT_EQ(what.message, "terminating connection due to administrator command");
    EXPECT_FALSE(session->usable());
    EXPECT_TRUE(session->seems_dead());
    EXPECT_EQ(cell("SELECT count(*) FROM t", {}, other.get()), "0");
    EXPECT_EQ(refused("SELECT 1").kind, failure_kind::unreachable);
    EXPECT_EQ(run(io, session->begin(soon())).error().kind, failure_kind::unreachable);
    EXPECT_FALSE(run(io, session->reset(soon())));
}

TEST_P(postgres_transactions, given_an_idle_session_that_is_killed_when_looked_at_then_it_seems_dead) {
    EXPECT_FALSE(session->seems_dead());
    must("SELECT pg_terminate_backend($1::int)", {whole(session->backend_id())}, other.get());
    for (int i = 0; i < 200 && !session->seems_dead(); ++i) run(io, wait_for(10ms));
    EXPECT_TRUE(session->seems_dead());
    EXPECT_FALSE(session->usable());
    EXPECT_EQ(refused("SELECT 1").kind, failure_kind::unreachable);
}

TEST_P(postgres_transactions, given_a_listening_idle_session_when_notified_then_it_does_not_seem_dead) {
    must("LISTEN news");
    must("NOTIFY news, 'x'", {}, other.get());
    run(io, wait_for(50ms));
    EXPECT_FALSE(session->seems_dead());
    EXPECT_EQ(cell("SELECT 1"), "1");
}

/// Ends the connection of `session` as a network would: no word from the server.
core::awaitable<int> cut_later(std::uint16_t local_port) {
    co_await wait_for(std::chrono::milliseconds(100));
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in at{};
        socklen_t size = sizeof at;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0 || at.sin_family != AF_INET) continue;
        if (ntohs(at.sin_port) == local_port) ::shutdown(fd, SHUT_RDWR);
    }
    co_return 0;
}

class postgres_cuts : public postgres_transactions {
 protected:
    void cut_soon() {
        const auto port = static_cast<std::uint16_t>(std::stoi(cell("SELECT inet_client_port()")));
        core::asio::co_spawn(io.get_executor(), cut_later(port), [](std::exception_ptr, int) {});
    }
};

TEST_P(postgres_cuts, given_a_statement_that_runs_when_the_connection_breaks_then_it_is_lost) {
    cut_soon();
    EXPECT_EQ(refused("SELECT pg_sleep(20)").kind, failure_kind::lost);
    EXPECT_FALSE(session->usable());
    EXPECT_EQ(refused("SELECT 1").kind, failure_kind::unreachable);
}

TEST_P(postgres_cuts, given_a_statement_that_is_only_prepared_when_the_connection_breaks_then_nothing_happened) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, other->begin(soon())));
    must("LOCK TABLE t", {}, other.get());
    cut_soon();
    EXPECT_EQ(refused("INSERT INTO t VALUES (1)").kind, failure_kind::unreachable);
    EXPECT_FALSE(session->usable());
}

TEST_P(postgres_cuts, given_a_commit_when_the_connection_breaks_then_it_is_lost) {
    must("CREATE TABLE t (id int)");
    must(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$");
    must(
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "slow()");
    cut_soon();
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    const auto done = run(io, session->commit(soon()));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, failure_kind::lost);
}

TEST_P(postgres_cuts, given_a_batch_when_the_connection_breaks_then_it_is_lost) {
    cut_soon();
    ASSERT_TRUE(run(io, session->begin(soon())));
    const std::vector<std::vector<sql::parameter>> sets(100, {real(0.1)});
    const auto out = run(io, session->execute_batch("SELECT pg_sleep($1)", sets, soon()));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::lost);
    EXPECT_FALSE(session->usable());
}

TEST_P(postgres_transactions, given_a_statement_that_waits_to_be_prepared_when_the_deadline_passes_then_it_times_out) {
    must("CREATE TABLE t (id int)");
    ASSERT_TRUE(run(io, other->begin(soon())));
    must("LOCK TABLE t", {}, other.get());
    keeper into;
    const auto out = execute("SELECT * FROM t", {}, into, sql::description::types, core::deadline::after(100ms));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE(session->usable());
    ASSERT_TRUE(run(io, other->rollback(soon())));
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
}

TEST_P(postgres_transactions, given_a_commit_that_is_cut_short_when_it_ends_then_its_outcome_is_unknown) {
    must("CREATE TABLE t (id int)");
    must(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END "
        "$$");
    must(
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "slow()");
    ASSERT_TRUE(run(io, session->begin(soon())));
    must("INSERT INTO t VALUES (1)");
    bool killed = false;
    core::asio::co_spawn(io.get_executor(), kill_later(other.get(), session->backend_id(), "COMMIT"),
                         [&killed](std::exception_ptr, int) { killed = true; });
    const auto done = run(io, session->commit(soon()));
    while (!killed) run(io, wait_for(10ms));  // until then the other session is in use
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, failure_kind::lost);
    EXPECT_FALSE(session->usable());
}

INSTANTIATE_TEST_SUITE_P(over, postgres_cuts, both_protocols, name_of_protocol);
INSTANTIATE_TEST_SUITE_P(over, postgres_transactions, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
