#include <fstream>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

using sql::failure_kind;
using testing::Test;

class mysql_statements : public mysql_test {};

TEST_F(mysql_statements, given_updates_when_run_then_matched_rows_are_counted) {
    done("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    EXPECT_EQ(done("INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)").affected, 3);
    EXPECT_EQ(done("UPDATE t SET v = 1 WHERE v = 1").affected, 2);
    EXPECT_EQ(done("INSERT INTO t VALUES (1, 9) ON DUPLICATE KEY UPDATE v = 9").affected, 2);
    EXPECT_EQ(done("DELETE FROM t WHERE id > 1").affected, 2);
    const auto selected = done("SELECT * FROM t");
    EXPECT_TRUE(selected.has_rows);
    EXPECT_EQ(selected.affected, 0);
    const auto made = done("CREATE TABLE u (id INT)");
    EXPECT_FALSE(made.has_rows);
    EXPECT_EQ(made.affected, 0);
}

TEST_F(mysql_statements, given_generated_ids_when_inserted_then_the_first_is_told) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
    EXPECT_EQ(done("INSERT INTO t (v) VALUES (1)").last_insert_id, 1U);
    EXPECT_EQ(done("INSERT INTO t (v) VALUES (2), (3), (4)").last_insert_id, 2U);
    EXPECT_EQ(done("UPDATE t SET v = 5").last_insert_id, 0U);
    EXPECT_EQ(done("SELECT * FROM t").last_insert_id, 0U);
    EXPECT_EQ(done("INSERT INTO t (v) VALUES (6)").last_insert_id, 5U);
    EXPECT_EQ(done("SELECT 1").last_insert_id, 0U);
}

TEST_F(mysql_statements, given_no_rows_when_selected_then_the_columns_are_told_all_the_same) {
    collecting_sink sink;
    const auto out = execute(*session, "SELECT 1 AS one FROM DUAL WHERE FALSE", {}, &sink);
    ASSERT_TRUE(out);
    EXPECT_TRUE(out->has_rows);
    EXPECT_EQ(sink.described, 1);
    EXPECT_EQ(sink.all.at(0).label, "one");
    EXPECT_EQ(sink.count, 0U);
}

TEST_F(mysql_statements, given_several_result_sets_when_called_then_the_first_is_told) {
    done("CREATE TABLE t (v INT)");
    done(
        "CREATE PROCEDURE several(n INT) BEGIN INSERT INTO t VALUES (n); SELECT n, n + 1; SELECT 'x' FROM "
        "seq_1_to_5000; "
        "INSERT INTO t VALUES (n); END");
    done("CREATE PROCEDURE silent() INSERT INTO t VALUES (8), (9)");
    for (int i = 0; i < 3; ++i) {
        collecting_sink sink;
        const auto out = execute(*session, "CALL several(?)", {of_integer(7)}, &sink);
        ASSERT_TRUE(out);
        EXPECT_EQ(sink.shown_rows(), std::vector<std::string>{"7|8"});
        EXPECT_EQ(sink.described, 1);
    }
    const auto quiet = done("CALL silent()");
    EXPECT_FALSE(quiet.has_rows);
    EXPECT_EQ(quiet.affected, 2);
    EXPECT_EQ(rows("SELECT v, COUNT(*) FROM t GROUP BY v ORDER BY v"), (std::vector<std::string>{"7|6", "8|1", "9|1"}));
}

TEST_F(mysql_statements, given_a_failure_in_a_later_result_set_when_called_then_the_call_fails) {
    done("CREATE PROCEDURE p() BEGIN SELECT 1; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no further'; END");
    const auto out = execute("CALL p()");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::database);
    EXPECT_EQ(out.error().message, "no further");
    EXPECT_EQ(out.error().sqlstate, "45000");
    EXPECT_EQ(rows("SELECT 1"), std::vector<std::string>{"1"});
}

TEST_F(mysql_statements, given_what_cannot_be_prepared_when_run_then_it_runs_as_text) {
    done("PREPARE s FROM 'SELECT 1, ''x'', NULL, 2.5'");
    EXPECT_EQ(rows("EXECUTE s"), std::vector<std::string>{"1|x|NULL|2.5"});
    EXPECT_EQ(rows("EXECUTE s"), std::vector<std::string>{"1|x|NULL|2.5"});
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
    done("PREPARE i FROM 'INSERT INTO t (v) VALUES (1), (2)'");
    const auto out = done("EXECUTE i");
    EXPECT_FALSE(out.has_rows);
    EXPECT_EQ(out.affected, 2);
    EXPECT_EQ(out.last_insert_id, 1U);
    const auto refused = execute("EXECUTE s USING ?", {of_integer(1)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, 1295);
    EXPECT_EQ(rows("SELECT 2"), std::vector<std::string>{"2"});
}

TEST_F(mysql_statements, given_more_texts_than_are_kept_when_run_then_all_work_and_the_server_keeps_few) {
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 400; ++i)
            EXPECT_EQ(rows(fmt::format("SELECT {}", i)), std::vector<std::string>{fmt::format("{}", i)});
    }
    EXPECT_EQ(
        rows("SELECT SUM(IF(VARIABLE_NAME = 'COM_STMT_PREPARE', VARIABLE_VALUE, -VARIABLE_VALUE)) BETWEEN 200 AND "
             "256 AS kept FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN ('COM_STMT_PREPARE', "
             "'COM_STMT_CLOSE')"),
        std::vector<std::string>{"1"});
}

TEST_F(mysql_statements, given_a_session_when_opened_then_its_settings_are_ours) {
    EXPECT_EQ(rows("SELECT @@time_zone, @@character_set_client, @@character_set_results, @@autocommit, DATABASE()"),
              std::vector<std::string>{"+00:00|utf8mb4|utf8mb4|1|" + schema});
    EXPECT_EQ(rows("SELECT CONNECTION_ID()"), std::vector<std::string>{fmt::format("{}u", session->backend_id())});
}

TEST_F(mysql_statements, given_a_unix_socket_when_connected_then_statements_run) {
    const auto local = connect(server.socket, schema);
    EXPECT_EQ(rows(*local, "SELECT ?", {of_integer(5)}), std::vector<std::string>{"5"});
}

TEST_F(mysql_statements, given_a_local_file_when_loaded_then_it_is_not_sent) {
    done("CREATE TABLE t (v TEXT)");
    const auto out = execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t");
    ASSERT_FALSE(out);
    EXPECT_EQ(rows(*another(), "SELECT COUNT(*) FROM t"), std::vector<std::string>{"0"});
}

class throwing_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell>, std::size_t) override { throw std::length_error("no room"); }
};

TEST_F(mysql_statements, given_a_sink_that_throws_when_rows_are_left_then_the_session_is_not_used_again) {
    throwing_sink sink;
    EXPECT_THROW(execute(*session, "SELECT seq FROM seq_1_to_100000", {}, &sink), std::length_error);
    EXPECT_FALSE(session->usable());
    EXPECT_EQ(execute("SELECT 1").error().kind, failure_kind::unreachable);
}

// ---- batches --------------------------------------------------------------------------------------------------------

class mysql_batches : public mysql_test {
 protected:
    auto batch(std::string_view text, const std::vector<std::vector<sql::parameter>>& sets,
               core::deadline until = soon()) {
        return turning.run(session->execute_batch(text, sets, until));
    }
};

TEST_F(mysql_batches, given_sets_when_run_then_each_has_its_outcome) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT UNIQUE)");
    const auto out = batch("INSERT INTO t (v) VALUES (?)", {{of_integer(1)}, {of_integer(2)}, {of_integer(3)}});
    ASSERT_TRUE(out);
    ASSERT_EQ(out->size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ((*out)[i].last_insert_id, i + 1);
        EXPECT_EQ((*out)[i].affected, 1);
    }
}

TEST_F(mysql_batches, given_a_failing_set_when_run_then_the_batch_stops_there) {
    done("CREATE TABLE t (v INT UNIQUE)");
    const auto out = batch("INSERT INTO t (v) VALUES (?)", {{of_integer(1)}, {of_integer(1)}, {of_integer(3)}});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, 1062);
    EXPECT_EQ(rows("SELECT v FROM t"), std::vector<std::string>{"1"});
}

TEST_F(mysql_batches, given_rows_or_no_sets_when_run_then_rows_are_dropped) {
    const auto out = batch("SELECT ? FROM seq_1_to_2000", {{of_integer(1)}, {of_integer(2)}});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->size(), 2U);
    const auto none = batch("this is no SQL", {});
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    const auto once = batch("SELECT 1", {{}});
    ASSERT_TRUE(once);
    EXPECT_EQ(once->size(), 1U);
}

// ---- failures -------------------------------------------------------------------------------------------------------

class mysql_failures : public mysql_test {};

struct failure_case {
    std::string_view name, statement, message, sqlstate;
    int code;
};

//
constexpr failure_case failures[] = {
    {"duplicate", "INSERT INTO t VALUES (1)", "Duplicate entry '1' for key 'PRIMARY'", "23000", 1062},
    {"no_table", "SELECT * FROM missing", "missing' doesn't exist", "42S02", 1146},
    {"syntax", "SELEKT 1", "You have an error in your SQL syntax", "42000", 1064},
    {"while_running", "SELECT (SELECT id FROM t UNION SELECT 2)", "Subquery returns more than 1 row", "21000", 1242},
    {"after_rows", "SELECT IF(seq < 5000, 1, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_6000", "Subquery returns more",
     "21000", 1242},
    {"time_limit", "SET STATEMENT max_statement_time=0.2 FOR SELECT * FROM seq_1_to_100 WHERE SLEEP(0.1)",
     "max_statement_time exceeded", "70100", 1969},
};

class mysql_failure : public mysql_test, public testing::WithParamInterface<failure_case> {};

TEST_P(mysql_failure, given_a_faulty_statement_when_run_then_the_server_tells_and_the_session_lives) {
    const auto& is = GetParam();
    done("CREATE TABLE t (id INT PRIMARY KEY)");
    done("INSERT INTO t VALUES (1)");
    for (int i = 0; i < 2; ++i) {
        const auto out = execute(is.statement);
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().kind, failure_kind::database);
        EXPECT_NE(out.error().message.find(is.message), std::string::npos) << out.error().message;
        EXPECT_EQ(out.error().sqlstate, is.sqlstate);
        EXPECT_EQ(out.error().code, is.code);
        EXPECT_TRUE(session->usable());
        EXPECT_EQ(rows("SELECT id FROM t"), std::vector<std::string>{"1"});
    }
}

INSTANTIATE_TEST_SUITE_P(texts, mysql_failure, testing::ValuesIn(failures),
                         [](const auto& of) { return std::string(of.param.name); });

core::awaitable<int> code_of(sql::connection* on, std::string text) {
    collecting_sink nowhere;
    const auto out = co_await on->execute(text, {}, nowhere, sql::description::types, soon());
    co_return out ? 0 : out.error().code;
}

TEST_F(mysql_failures, given_a_deadlock_when_it_is_resolved_then_the_victims_id_stays_usable) {
    done("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
    done("INSERT INTO t VALUES (1, 0), (2, 0)");
    const auto other = another();
    ASSERT_TRUE(turning.run(session->begin(soon())));
    ASSERT_TRUE(turning.run(other->begin(soon())));
    done("UPDATE t SET v = 1 WHERE id = 1");
    done(*other, "UPDATE t SET v = 2 WHERE id = 2");
    // Both wait for each other, on one thread.
    std::vector<int> codes;
    for (auto [on, id] : {std::pair{session.get(), 2}, std::pair{other.get(), 1}}) {
        boost::asio::co_spawn(turning.context, code_of(on, fmt::format("UPDATE t SET v = 3 WHERE id = {}", id)),
                              [&codes](std::exception_ptr, int code) { codes.push_back(code); });
    }
    while (codes.size() < 2) {
        turning.context.restart();
        turning.context.run_one();
    }
    std::sort(codes.begin(), codes.end());
    EXPECT_EQ(codes, (std::vector<int>{0, 1213}));
    for (auto* on : {session.get(), other.get()}) {
        EXPECT_TRUE(on->usable());
        EXPECT_EQ(rows(*on, "SELECT COUNT(*) FROM t"), std::vector<std::string>{"2"});
        EXPECT_TRUE(turning.run(on->commit(soon())));
    }
}

TEST_F(mysql_failures, given_a_held_lock_when_waited_for_then_only_the_statement_fails) {
    done("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
    done("INSERT INTO t VALUES (1, 0), (2, 0)");
    const auto other = another();
    ASSERT_TRUE(turning.run(other->begin(soon())));
    done(*other, "UPDATE t SET v = 1 WHERE id = 1");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("SET innodb_lock_wait_timeout = 1");
    done("UPDATE t SET v = 5 WHERE id = 2");
    const auto out = execute("UPDATE t SET v = 2 WHERE id = 1");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, 1205);
    EXPECT_TRUE(session->in_transaction());
    EXPECT_TRUE(turning.run(session->commit(soon())));
    EXPECT_TRUE(turning.run(other->rollback(soon())));
    EXPECT_EQ(rows("SELECT v FROM t ORDER BY id"), (std::vector<std::string>{"0", "5"}));
}

TEST_F(mysql_failures, given_a_wrong_login_when_connected_then_the_server_tells) {
    auto wrong = server.login();
    wrong.password = core::secret_text("not this");
    auto out = turning.run(driver->connect(server.endpoint, wrong, schema, soon()));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::login);
    EXPECT_EQ(out.error().code, 1045);
    EXPECT_EQ(out.error().sqlstate, "28000");
    EXPECT_NE(out.error().message.find("Access denied for user"), std::string::npos);

    out = turning.run(driver->connect(server.endpoint, {"", core::secret_text("any")}, schema, soon()));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::login);
    EXPECT_EQ(out.error().message, "Access denied: the login names no user");

    out = turning.run(driver->connect(server.endpoint, server.login(), "no_such_database", soon()));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::login);
    EXPECT_EQ(out.error().code, 1049);
    EXPECT_EQ(out.error().message, "Unknown database 'no_such_database'");
}

TEST_F(mysql_failures, given_nobody_there_when_connected_then_it_is_unreachable_and_no_address_is_told) {
    for (sql::endpoint to : {sql::endpoint{.host = "127.0.0.1", .port = 1, .tls = sql::tls_mode::disable},
                             sql::endpoint{.host = "no-such-host.invalid", .port = 3306},
                             sql::endpoint{.host = "a,b", .port = 3306}, sql::endpoint{.socket = "/nowhere/at/all"}}) {
        const auto out = turning.run(driver->connect(to, server.login(), schema, soon()));
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().kind, failure_kind::unreachable);
        for (const char* hidden : {"127", "invalid", "3306", "nowhere"}) {
            EXPECT_EQ(out.error().message.find(hidden), std::string::npos) << out.error().message;
        }
    }
}

/// Takes connections and says nothing.
class silent_server {
 public:
    silent_server() : from_(context_, {boost::asio::ip::address_v4::loopback(), 0}) {}
    [[nodiscard]] sql::endpoint endpoint(sql::tls_mode tls) const {
        return {.host = "127.0.0.1", .port = from_.local_endpoint().port(), .tls = tls};
    }

 private:
    boost::asio::io_context context_;
    boost::asio::ip::tcp::acceptor from_;
};

TEST_F(mysql_failures, given_a_silent_server_when_connected_then_the_deadline_holds_and_others_go_on) {
    const silent_server silent;
    const auto begun = core::clock::now();
    const auto out = turning.run(
        driver->connect(silent.endpoint(sql::tls_mode::prefer), server.login(), schema, core::deadline::after(300ms)));
    EXPECT_LT(core::clock::now() - begun, 900ms);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::unreachable);
}

}  // namespace
}  // namespace borealis::mysql
