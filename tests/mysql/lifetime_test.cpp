#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

using sql::failure_kind;
using testing::Test;

// ---- deadlines ------------------------------------------------------------------------------------------------------

class mysql_deadlines : public mysql_test {
 protected:
    void expect_timeout(const sql::result<sql::outcome>& out) {
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().kind, failure_kind::timeout);
        EXPECT_EQ(out.error().code, 1317);
        EXPECT_EQ(out.error().sqlstate, "70100");
        EXPECT_EQ(out.error().backend_id, session->backend_id());
    }
};

struct slow_case {
    std::string_view name, statement;
};

constexpr slow_case slow[] = {
    {"select", "SELECT SLEEP(20)"},
    {"rows", "SELECT seq FROM seq_1_to_1000 WHERE SLEEP(0.02) = 0"},
    {"many_rows", "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b"},
    {"many_rows_later", "CALL endless()"},
    {"nothing_to_tell", "DO SLEEP(20)"},
    {"write", "UPDATE t SET v = v + SLEEP(20)"},
    {"procedure", "CALL slow()"},
    {"handler",
     "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; SELECT SLEEP(20); SELECT 5; END"},
    {"text_protocol", "EXECUTE slowly"},
};

class mysql_deadline : public mysql_deadlines, public testing::WithParamInterface<slow_case> {};

TEST_P(mysql_deadline, given_a_slow_statement_when_the_deadline_passes_then_it_is_ended_and_the_session_goes_on) {
    done("CREATE TABLE t (v INT)");
    done("INSERT INTO t VALUES (1)");
    done("CREATE PROCEDURE slow() BEGIN DO SLEEP(20); SELECT 1; END");
    done("CREATE PROCEDURE endless() BEGIN SELECT 1; SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b; END");
    done("PREPARE slowly FROM 'SELECT SLEEP(20)'");
    for (int i = 0; i < 3; ++i) {
        collecting_sink sink;
        sink.keeps = false;
        const auto begun = core::clock::now();
        expect_timeout(execute(*session, GetParam().statement, {}, &sink, core::deadline::after(150ms)));
        EXPECT_LT(core::clock::now() - begun, 3s);
        ASSERT_TRUE(session->usable());
        EXPECT_FALSE(session->seems_dead());
        EXPECT_EQ(rows("SELECT v, SLEEP(0) FROM t"), std::vector<std::string>{"1|0"});
    }
    EXPECT_EQ(
        rows(*another(), fmt::format("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP%' "
                                     "AND ID = {}",
                                     session->backend_id())),
        std::vector<std::string>{"0"});
}

INSTANTIATE_TEST_SUITE_P(kinds, mysql_deadline, testing::ValuesIn(slow),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_F(mysql_deadlines, given_statements_that_end_at_their_deadline_when_repeated_then_no_kill_hits_the_next) {
    int timeouts = 0;
    for (int i = 0; i < 60; ++i) {
        // Mostly a race between the end and the KILL; now and then a statement that only a KILL ends.
        const auto* statement = i % 10 == 0 ? "SELECT SLEEP(5)" : "SELECT SLEEP(0.02)";
        const auto out = execute(*session, statement, {}, nullptr, core::deadline::after(18ms + (i % 9) * 1ms));
        if (!out) {
            EXPECT_EQ(out.error().kind, failure_kind::timeout);
            ++timeouts;
        }
        ASSERT_TRUE(session->usable());
        ASSERT_EQ(rows("SELECT 42, SLEEP(0.001)"), std::vector<std::string>{"42|0"}) << i;
    }
    EXPECT_GE(timeouts, 6);
}

TEST_F(mysql_deadlines, given_a_transaction_when_a_statement_is_ended_then_the_transaction_goes_on) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (1)");
    expect_timeout(execute(*session, "INSERT INTO t SELECT 2 FROM DUAL WHERE SLEEP(20) = 0", {}, nullptr,
                           core::deadline::after(100ms)));
    EXPECT_TRUE(session->in_transaction());
    done("INSERT INTO t VALUES (3)");
    ASSERT_TRUE(turning.run(session->commit(soon())));
    EXPECT_EQ(rows("SELECT v FROM t ORDER BY v"), (std::vector<std::string>{"1", "3"}));
}

TEST_F(mysql_deadlines, given_a_batch_when_the_deadline_passes_then_it_ends_there) {
    const std::vector<std::vector<sql::parameter>> sets(50);
    const auto out = turning.run(session->execute_batch("DO SLEEP(0.05)", sets, core::deadline::after(120ms)));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(rows("SELECT 1"), std::vector<std::string>{"1"});
}

TEST_F(mysql_deadlines, given_a_deadline_in_the_past_when_run_then_nothing_is_sent) {
    done("CREATE TABLE t (v INT)");
    expect_timeout(execute(*session, "INSERT INTO t VALUES (1)", {}, nullptr, core::deadline::after(-1s)));
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
}

TEST_F(mysql_deadlines, given_a_metadata_lock_when_preparing_waits_then_the_deadline_ends_that_too) {
    done("CREATE TABLE t (v INT)");
    const auto other = another();
    done(*other, "LOCK TABLES t WRITE");
    expect_timeout(execute(*session, "SELECT v FROM t", {}, nullptr, core::deadline::after(100ms)));
    EXPECT_TRUE(session->usable());
    done(*other, "UNLOCK TABLES");
    EXPECT_TRUE(rows("SELECT v FROM t").empty());
}

core::awaitable<void> connect_and_wait(sql::driver* with, sql::endpoint to, sql::login as, std::string statement,
                                       bool* running) {
    auto made = co_await with->connect(to, as, "test", soon());
    if (!made) co_return;
    collecting_sink nowhere;
    nowhere.keeps = false;
    *running = true;
    static_cast<void>(co_await (*made)->execute(statement, {}, nowhere, sql::description::types, soon()));
    *running = false;
}

TEST_F(mysql_deadlines, given_a_running_statement_when_its_program_ends_then_nothing_waits_for_it) {
    const auto begun = core::clock::now();
    for (const std::string statement :
         {"SELECT SLEEP(20)", "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b"}) {
        bool running = false;
        boost::asio::io_context doomed(1);
        boost::asio::co_spawn(doomed,
                              connect_and_wait(driver.get(), server.endpoint, server.login(), statement, &running),
                              [](const std::exception_ptr&) {});
        while (!running) doomed.run_one();
        doomed.run_for(100ms);
        EXPECT_TRUE(running);
    }
    bool running = false;
    boost::asio::io_context doomed(1);
    boost::asio::co_spawn(doomed, connect_and_wait(driver.get(), server.endpoint, server.login(), "DO 0", &running),
                          [](const std::exception_ptr&) {});
    doomed.poll();  // the connection is being made
    EXPECT_LT(core::clock::now() - begun, 5s);
}

// ---- large results --------------------------------------------------------------------------------------------------

class mysql_large_results : public mysql_test {
 protected:
    static std::size_t resident_kilobytes() {
        std::ifstream file("/proc/self/statm");
        std::size_t total = 0;
        std::size_t resident = 0;
        file >> total >> resident;
        return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
    }
};

TEST_F(mysql_large_results, given_two_million_rows_when_the_sink_stops_then_the_rest_is_ended_with_flat_memory) {
    const auto before = resident_kilobytes();
    for (int i = 0; i < 3; ++i) {
        collecting_sink sink;
        sink.keeps = false;
        sink.limit = 1024 * 1024;
        const auto begun = core::clock::now();
        const auto out = execute(*session, "SELECT seq, REPEAT('x', 100) FROM seq_1_to_2000000", {}, &sink);
        ASSERT_TRUE(out);
        EXPECT_TRUE(out->stopped);
        EXPECT_TRUE(out->has_rows);
        EXPECT_LT(sink.count, 12'000U);
        EXPECT_LT(core::clock::now() - begun, 2s);
        ASSERT_TRUE(session->usable());
        EXPECT_EQ(rows("SELECT 1, SLEEP(0)"), std::vector<std::string>{"1|0"});
    }
    EXPECT_LT(resident_kilobytes(), before + 20'000);
}

TEST_F(mysql_large_results, given_a_little_more_than_the_limit_when_the_sink_stops_then_no_kill_is_needed) {
    const auto killed = [&] {
        return rows("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'COM_KILL'")
            .at(0);
    };
    const auto before = killed();
    collecting_sink sink;
    sink.keeps = false;
    sink.limit = 1000;
    const auto out = execute(*session, "SELECT seq FROM seq_1_to_1000", {}, &sink);
    ASSERT_TRUE(out);
    EXPECT_TRUE(out->stopped);
    EXPECT_EQ(killed(), before);
}

TEST_F(mysql_large_results, given_a_transaction_when_the_sink_stops_then_it_goes_on) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (1)");
    for (const std::string_view statement : {"SELECT seq FROM seq_1_to_2000000", "EXECUTE large"}) {
        done("PREPARE large FROM 'SELECT seq FROM seq_1_to_2000000'");
        collecting_sink sink;
        sink.keeps = false;
        sink.limit = 1000;
        const auto out = execute(*session, statement, {}, &sink);
        ASSERT_TRUE(out);
        EXPECT_TRUE(out->stopped);
        ASSERT_TRUE(session->usable());
        EXPECT_TRUE(session->in_transaction());
    }
    ASSERT_TRUE(turning.run(session->commit(soon())));
    EXPECT_EQ(rows("SELECT v FROM t"), std::vector<std::string>{"1"});
}

// ---- writes that return rows ----------------------------------------------------------------------------------------

class mysql_returning : public mysql_test {};

TEST_F(mysql_returning, given_a_write_that_returns_rows_when_all_are_taken_then_it_is_kept) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(5)) ENGINE=InnoDB");
    EXPECT_EQ(rows("INSERT INTO t (v) VALUES (?), ('b') RETURNING id, v", {of_text("a")}),
              (std::vector<std::string>{"1|a", "2|b"}));
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(rows(*another(), "SELECT COUNT(*) FROM t"), std::vector<std::string>{"2"});
    EXPECT_EQ(rows("DELETE FROM t WHERE id = 1 RETURNING v"), std::vector<std::string>{"a"});
    EXPECT_EQ(rows(*another(), "SELECT COUNT(*) FROM t"), std::vector<std::string>{"1"});
}

TEST_F(mysql_returning, given_a_sink_that_stops_when_written_outside_a_transaction_then_it_is_undone) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    done("CREATE TABLE keep (v INT) ENGINE=InnoDB");
    done("INSERT INTO keep VALUES (1)");
    for (const std::string statement : {"INSERT INTO t VALUES (1), (2) RETURNING v",
                                        " -- first\n# then\n/* and */insert into t values (1), (2) returning v",
                                        "REPLACE INTO t VALUES (1) RETURNING v", "DELETE FROM keep RETURNING v"}) {
        for (const auto reception : {sql::reception::plain, sql::reception::guarded}) {
            collecting_sink sink;
            sink.receive = reception;
            sink.limit = 0;
            const auto out = execute(*session, statement, {}, &sink);
            ASSERT_TRUE(out) << statement << out.error().message;
            EXPECT_TRUE(out->stopped);
            EXPECT_FALSE(session->in_transaction());
            EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
            EXPECT_EQ(rows("SELECT COUNT(*) FROM keep"), std::vector<std::string>{"1"});
        }
    }
    collecting_sink guard;
    guard.receive = sql::reception::guarded;
    ASSERT_TRUE(execute(*session, "INSERT INTO t SELECT 1 FROM DUAL WHERE FALSE RETURNING v", {}, &guard));
    EXPECT_FALSE(session->in_transaction());
}

TEST_F(mysql_returning, given_a_sink_that_stops_when_written_inside_a_transaction_then_the_write_stays) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    collecting_sink sink;
    sink.keeps = false;
    sink.limit = 10;
    ASSERT_TRUE(
        execute(*session, "INSERT INTO t SELECT seq FROM seq_1_to_200000 RETURNING v, REPEAT('x', 50)", {}, &sink));
    ASSERT_TRUE(turning.run(session->commit(soon())));
    EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"200000"});
}

TEST_F(mysql_returning, given_a_failing_write_when_run_then_nothing_stays_open) {
    done("CREATE TABLE t (v INT UNIQUE) ENGINE=InnoDB");
    const auto out = execute("INSERT INTO t VALUES (1), (1) RETURNING v");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, 1062);
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
}

// ---- transactions and reset -----------------------------------------------------------------------------------------

class mysql_transactions : public mysql_test {};

TEST_F(mysql_transactions, given_a_transaction_when_ended_then_its_writes_are_kept_or_not) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    const auto other = another();
    EXPECT_FALSE(session->in_transaction());
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (1)");
    EXPECT_TRUE(session->in_transaction());
    EXPECT_EQ(rows(*other, "SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
    ASSERT_TRUE(turning.run(session->rollback(soon())));
    EXPECT_FALSE(session->in_transaction());
    done("INSERT INTO t VALUES (2)");
    EXPECT_EQ(turning.run(session->commit(soon())), sql::commit_status::committed);
    EXPECT_EQ(rows(*other, "SELECT v FROM t"), std::vector<std::string>{"2"});
}

TEST_F(mysql_transactions, given_a_transaction_when_ended_then_statements_commit_by_themselves_again) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    const auto other = another();
    for (const bool commits : {true, false}) {
        ASSERT_TRUE(turning.run(session->begin(soon())));
        EXPECT_TRUE(session->in_transaction());  // also before the first statement
        done("DELETE FROM t");
        if (commits) {
            ASSERT_TRUE(turning.run(session->commit(soon())));
        } else {
            ASSERT_TRUE(turning.run(session->rollback(soon())));
        }
        EXPECT_FALSE(session->in_transaction());
        done("INSERT INTO t VALUES (1)");
        EXPECT_FALSE(session->in_transaction());
        EXPECT_EQ(rows(*other, "SELECT COUNT(*) FROM t"), std::vector<std::string>{commits ? "1" : "2"});
    }
}

TEST_F(mysql_transactions, given_autocommit_switched_on_in_sql_when_committed_then_what_was_begun_after_it_is_too) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("SET autocommit=1");
    done("START TRANSACTION");
    done("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(turning.run(session->commit(soon())));
    EXPECT_FALSE(session->in_transaction());
    EXPECT_EQ(rows(*another(), "SELECT v FROM t"), std::vector<std::string>{"1"});
}

TEST_F(mysql_transactions, given_one_transaction_after_another_when_run_then_it_takes_two_commands_to_change) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    const auto questions = [this] { return rows("SHOW SESSION STATUS LIKE 'Questions'").front(); };
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (1)");
    const auto before = questions();
    ASSERT_TRUE(turning.run(session->commit(soon())));
    ASSERT_TRUE(turning.run(session->begin(soon())));
    const auto number = [](const std::string& row) { return std::stoi(row.substr(row.find('|') + 1)); };
    EXPECT_EQ(number(questions()), number(before) + 3);  // those two, and the question itself
}

TEST_F(mysql_transactions, given_a_session_that_had_a_transaction_when_used_without_one_then_each_call_commits) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    const auto had_one = [this] {
        ASSERT_TRUE(turning.run(session->begin(soon())));
        done("INSERT INTO t VALUES (0)");
        ASSERT_TRUE(turning.run(session->rollback(soon())));
        EXPECT_FALSE(session->in_transaction());
    };
    collecting_sink nowhere;
    sql::beside_call name;
    had_one();
    done("INSERT INTO t VALUES (1)");
    EXPECT_FALSE(session->in_transaction());
    had_one();
    const std::vector<std::vector<sql::parameter>> sets{{of_integer(2)}, {of_integer(3)}};
    ASSERT_TRUE(turning.run(session->execute_batch("INSERT INTO t VALUES (?)", sets, soon())));
    had_one();
    ASSERT_TRUE(turning.run(
        session->execute_beside("INSERT INTO t VALUES (4)", {}, nowhere, sql::description::types, soon(), name)));
    EXPECT_EQ(rows(*another(), "SELECT v FROM t ORDER BY v"), (std::vector<std::string>{"1", "2", "3", "4"}));
    EXPECT_FALSE(session->in_transaction());
    EXPECT_TRUE(session->usable());
}

TEST_F(mysql_transactions, given_what_a_transaction_left_when_the_next_begins_then_it_is_gone) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL DEFAULT 0) ENGINE=InnoDB");
    done("CREATE TABLE kept (v INT) ENGINE=MyISAM");
    done("CREATE PROCEDURE warns() BEGIN SELECT CAST('a secret' AS INT); SELECT 1; END");
    const std::vector<std::vector<std::string>> all = {
        {},
        {"INSERT IGNORE INTO t (v) VALUES (NULL)"},
        {"SELECT CAST('a secret' AS INT)", "SELECT 1"},    // which keeps the warnings
        {"INSERT INTO t (v) VALUES (5), (NULL)"},          // fails
        {"SELECT v FROM t WHERE id = (SELECT v FROM t)"},  // fails as well
        {"SELECT secret FROM t"},                          // cannot be prepared
        {"EXECUTE IMMEDIATE 'SELECT CAST(''a secret'' AS INT)'"},
        {"CALL warns()"},
        {"INSERT INTO kept VALUES (1)"},  // to roll back warns
    };
    for (const auto& texts : all) {
        for (const bool commits : {true, false}) {
            for (const std::string asked : {"SHOW WARNINGS", "SELECT FOUND_ROWS()", "SELECT LAST_INSERT_ID()"}) {
                SCOPED_TRACE(testing::PrintToString(texts) + (commits ? " COMMIT " : " ROLLBACK ") + asked);
                ASSERT_TRUE(turning.run(session->begin(soon())));
                done("INSERT INTO t (v) VALUES (1), (2), (3)");
                rows("SELECT SQL_CALC_FOUND_ROWS v FROM t LIMIT 3");
                for (const auto& text : texts) static_cast<void>(execute(text));
                if (commits) {
                    ASSERT_TRUE(turning.run(session->commit(soon())));
                } else {
                    ASSERT_TRUE(turning.run(session->rollback(soon())));
                }
                ASSERT_TRUE(turning.run(session->begin(soon())));
                const auto left = rows(asked);
                if (asked == "SHOW WARNINGS") EXPECT_THAT(left, testing::IsEmpty());
                if (asked == "SELECT FOUND_ROWS()") EXPECT_THAT(left, testing::ElementsAre(testing::AnyOf("0", "1")));
                if (asked == "SELECT LAST_INSERT_ID()") EXPECT_THAT(left, testing::ElementsAre("0u"));
                ASSERT_TRUE(turning.run(session->rollback(soon())));
            }
        }
    }
}

TEST_F(mysql_transactions, given_a_batch_that_warned_in_a_transaction_when_the_next_begins_then_it_is_gone) {
    done("CREATE TABLE t (v INT PRIMARY KEY) ENGINE=InnoDB");
    for (const std::int64_t second : {2, 1}) {  // well and, since it is there already, not
        ASSERT_TRUE(turning.run(session->begin(soon())));
        const std::vector<std::vector<sql::parameter>> sets{{of_integer(1)}, {of_integer(second)}};
        const auto out = turning.run(session->execute_batch("INSERT INTO t VALUES (?)", sets, soon()));
        EXPECT_EQ(out.has_value(), second == 2);
        ASSERT_TRUE(turning.run(session->rollback(soon())));
        ASSERT_TRUE(turning.run(session->begin(soon())));
        EXPECT_THAT(rows("SHOW WARNINGS"), testing::IsEmpty());
        ASSERT_TRUE(turning.run(session->rollback(soon())));
    }
}

TEST_F(mysql_transactions, given_an_implicit_commit_when_more_is_written_then_that_is_a_transaction_again) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (1)");
    done("CREATE TABLE u (v INT)");
    done("INSERT INTO t VALUES (2)");
    ASSERT_TRUE(turning.run(session->rollback(soon())));
    EXPECT_EQ(rows(*another(), "SELECT v FROM t"), std::vector<std::string>{"1"});
}

TEST_F(mysql_transactions, given_a_transaction_begun_in_sql_when_looked_at_then_it_shows) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    done("START TRANSACTION");
    EXPECT_TRUE(session->in_transaction());
    rows("SELECT * FROM t");
    EXPECT_TRUE(session->in_transaction());
    done("COMMIT");
    EXPECT_FALSE(session->in_transaction());
    done("SET autocommit=0");
    rows("SELECT * FROM t");
    EXPECT_TRUE(session->in_transaction());
}

TEST_F(mysql_transactions, given_everything_that_lasts_when_reset_then_nothing_is_left) {
    const auto state =
        "SELECT @v, @@sql_mode, @@autocommit, @@time_zone, DATABASE(), @@character_set_client, "
        "@@character_set_results, "
        "@@tx_isolation, IS_USED_LOCK('borealis_test') IS NULL, LAST_INSERT_ID(), CURRENT_ROLE(), "
        "@@foreign_key_checks, "
        "@@collation_connection, FOUND_ROWS()";
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->reset(soon())));
    const auto fresh = rows(*another(), state);
    EXPECT_EQ(rows(state), fresh);

    for (int round = 0; round < 2; ++round) {
        done("SET @v = 1, sql_mode = '', foreign_key_checks = 0, time_zone = '+05:00'");
        done("SET NAMES latin1");
        done("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE");
        done("CREATE TEMPORARY TABLE temporary_one (v INT)");
        done("SELECT GET_LOCK('borealis_test', 1)");
        done("PREPARE named FROM 'SELECT 1'");
        done("SET session_track_schema = OFF");
        done("USE information_schema");
        ASSERT_TRUE(turning.run(session->begin(soon())));
        done(fmt::format("INSERT INTO `{}`.t VALUES ()", schema));
        ASSERT_TRUE(turning.run(session->reset(soon())));

        EXPECT_TRUE(session->usable());
        EXPECT_FALSE(session->in_transaction());
        EXPECT_EQ(rows(state), fresh);
        EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
        EXPECT_EQ(execute("SELECT * FROM temporary_one").error().code, 1146);
        EXPECT_EQ(execute("EXECUTE named").error().code, 1243);
    }
}

TEST_F(mysql_transactions, given_another_role_when_reset_then_the_session_is_not_used_again) {
    const auto role = "r_" + schema;
    done(fmt::format("CREATE ROLE {}", role));
    const auto taker = another();
    done(*taker, fmt::format("SET ROLE {}", role));
    EXPECT_FALSE(turning.run(taker->reset(soon())));
    EXPECT_FALSE(taker->usable());
    done(fmt::format("DROP ROLE {}", role));
}

TEST_F(mysql_transactions, given_locked_tables_when_reset_then_others_may_write) {
    done("CREATE TABLE t (v INT)");
    done("LOCK TABLES t WRITE");
    ASSERT_TRUE(turning.run(session->reset(soon())));
    EXPECT_EQ(done(*another(), "INSERT INTO t VALUES (1)").affected, 1);
}

TEST_F(mysql_transactions, given_no_database_when_one_was_used_then_the_session_is_not_used_again) {
    const auto bare = connect(server.endpoint, "");
    ASSERT_TRUE(turning.run(bare->reset(soon())));
    EXPECT_TRUE(bare->usable());
    EXPECT_EQ(rows(*bare, "SELECT DATABASE()"), std::vector<std::string>{"NULL"});
    done(*bare, "USE information_schema");
    EXPECT_FALSE(turning.run(bare->reset(soon())));
    EXPECT_FALSE(bare->usable());
}

TEST_F(mysql_transactions, given_cached_statements_when_reset_then_they_are_prepared_anew) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(rows("SELECT ?", {of_integer(i)}), std::vector<std::string>{fmt::format("{}", i)});
        ASSERT_TRUE(turning.run(session->reset(soon())));
    }
}

// ---- broken connections ---------------------------------------------------------------------------------------------

class mysql_broken : public mysql_test {
 protected:
    void kill() { done(*other, fmt::format("KILL CONNECTION {}", session->backend_id())); }

    std::unique_ptr<sql::connection> other = another();
};

TEST_F(mysql_broken, given_a_session_that_was_looked_at_when_killed_after_a_statement_then_the_next_one_is_not_sent) {
    EXPECT_FALSE(session->seems_dead());
    ASSERT_TRUE(execute("SELECT 1"));
    kill();
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(execute("SELECT 1").error().kind, failure_kind::unreachable);
}

TEST_F(mysql_broken, given_an_idle_session_when_killed_then_it_is_noticed_before_anything_is_sent) {
    EXPECT_FALSE(session->seems_dead());
    kill();
    for (int i = 0; i < 200 && !session->seems_dead(); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(session->seems_dead());
    const auto out = execute("SELECT 1");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::unreachable);
    EXPECT_FALSE(session->usable());
    EXPECT_EQ(execute("SELECT 1").error().kind, failure_kind::unreachable);
    EXPECT_EQ(turning.run(session->begin(soon())).error().kind, failure_kind::unreachable);
    EXPECT_EQ(turning.run(session->reset(soon())).error().kind, failure_kind::unreachable);
}

core::awaitable<failure_kind> kind_of(sql::connection* on, std::string text) {
    collecting_sink nowhere;
    nowhere.keeps = false;
    const auto out = co_await on->execute(text, {}, nowhere, sql::description::types, soon());
    co_return out ? failure_kind::internal : out.error().kind;
}

TEST_F(mysql_broken, given_a_running_statement_when_its_session_is_killed_then_its_outcome_is_unknown) {
    for (const std::string statement :
         {"SELECT SLEEP(20)", "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b"}) {
        session = another();
        std::optional<failure_kind> kind;
        boost::asio::co_spawn(turning.context, kind_of(session.get(), statement),
                              [&kind](std::exception_ptr, failure_kind is) { kind = is; });
        const auto until = core::clock::now() + 200ms;
        while (core::clock::now() < until) {
            turning.context.restart();
            turning.context.run_one_for(10ms);
        }
        kill();
        while (!kind) {
            turning.context.restart();
            turning.context.run_one();
        }
        EXPECT_EQ(*kind, failure_kind::lost) << statement;
        EXPECT_FALSE(session->usable());
    }
}

}  // namespace
}  // namespace borealis::mysql
