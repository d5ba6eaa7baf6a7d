/// Batches sent without waiting: that they come to the same as one set after the other.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "mysql/answers.hpp"
#include "mysql/harness.hpp"
#include "mysql/packets.hpp"
#include "mysql/plain_write.hpp"

namespace borealis::mysql {
namespace {

using sql::failure_kind;
using sets_of = std::vector<std::vector<sql::parameter>>;

sql::parameter of_null() { return {}; }
sql::parameter of_real(double of) { return {sql::parameter_type::float8, of}; }
sql::parameter of_flag(bool of) { return {sql::parameter_type::boolean, of}; }

// ---- what may be sent so --------------------------------------------------------------------------------------------

struct write_case {
    std::string_view name, text, schema, table;  // no table: may not
    bool inserts_values = false;
    std::string_view row = {};
};

constexpr write_case writes[] = {
    {"several_columns", "INSERT INTO t (a, b) VALUES (?, -1, NULL, DEFAULT)", "", "t", true, "(?, -1, NULL, DEFAULT)"},
    {"two_rows", "INSERT INTO t VALUES (?), (?)", "", "t", true},
    {"function", "INSERT INTO t VALUES (?, LAST_INSERT_ID())", "", "t", true},
    {"string", "INSERT INTO t VALUES (?, 'a')", "", "t", true},
    {"duplicate", "INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = ?", "", "t", true},
    {"column_called_value", "INSERT INTO t (value) VALUES (?)", "", "t", true},
    {"insert", "INSERT INTO t (a) VALUES (?)", "", "t", true, "(?)"},
    {"replace", "replace t values(?)", "", "t", true},
    {"schema", "INSERT IGNORE INTO `s`.`T_1`(a) VALUES (?)", "s", "T_1", true},
    {"set", "INSERT INTO t SET a = ?", "", "t", false},
    {"subquery", "INSERT INTO t VALUES (?, (SELECT MAX(a) FROM t))", "", "t", false},
    {"from_select", "INSERT INTO t SELECT ?", "", "t", false},
    {"update", "UPDATE t SET a = ? WHERE b = ?", "", "t", false},
    {"erase", "DELETE FROM t WHERE a = ?", "", "t", false},
    {"returning", "INSERT INTO t VALUES (?) RETURNING a", "", "", false},
    {"comment", "INSERT INTO t VALUES (?) /* x */", "", "", false},
    {"code_in_comment", "INSERT /*! INTO */ t VALUES (?)", "", "", false},
    {"letters_beyond_ascii", "INSERT INTO t\xC3\xA9 VALUES (?)", "", "", false},
    {"quote_in_name", "INSERT INTO `a``b` VALUES (?)", "", "", false},
    {"alias", "UPDATE t x SET a = ?", "", "", false},
    {"two_tables", "UPDATE t, u SET t.a = ?", "", "", false},
    {"two_tables_deleted", "DELETE t FROM t JOIN u", "", "", false},
    {"query", "SELECT ?", "", "", false},
    {"call", "CALL p(?)", "", "", false},
    {"nothing", "", "", "", false},
};

class plain_writes : public testing::TestWithParam<write_case> {};

TEST_P(plain_writes, given_a_text_when_read_then_only_what_is_surely_plain_is) {
    const auto& expected = GetParam();
    const auto found = plain_write_of(expected.text);
    ASSERT_EQ(found.has_value(), !expected.table.empty());
    if (!found) return;
    EXPECT_EQ(found->schema, expected.schema);
    EXPECT_EQ(found->table, expected.table);
    EXPECT_EQ(found->inserts_values, expected.inserts_values);
    EXPECT_EQ(found->row, expected.row);
}

INSTANTIATE_TEST_SUITE_P(all, plain_writes, testing::ValuesIn(writes),
                         [](const auto& one) { return std::string(one.param.name); });

// ---- packets --------------------------------------------------------------------------------------------------------

TEST(mysql_packets, given_an_execution_when_made_then_it_is_that_of_the_manual) {
    const std::vector<sql::parameter> with = {of_integer(-2), of_null(), of_text("ab"),
                                              of_text("2024-02-29", sql::parameter_type::date)};
    std::string out;
    append_execute(out, 7, with);
    using namespace std::string_literals;
    EXPECT_EQ(out,
              "\x24\0\0\0\x17\x07\0\0\0\0\x01\0\0\0"  // 36 octets; statement 7, no cursor, once
              "\x02\x01\x08\0\x06\0\xFE\0\x0A\0"      // the second is null; types: BIGINT, NULL, STRING, DATE
              "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"  // -2
              "ab\x04\xE8\x07\x02\x1D"s);
}

TEST(mysql_packets, given_sets_when_a_bulk_is_made_then_it_takes_what_the_limit_allows) {
    const sets_of sets = {{of_integer(1), of_text("x")}, {of_null(), of_text("y")}, {of_integer(3), of_null()}};
    const auto types = types_of(sets);
    ASSERT_TRUE(types);
    std::string out;
    EXPECT_EQ(append_bulk(out, 9, sets, *types, 1 << 20), 3U);
    using namespace std::string_literals;
    EXPECT_EQ(out,
              "\x25\0\0\0\xFA\x09\0\0\0\x80\0\x08\0\xFE\0"  // 37 octets; statement 9, with types
              "\0\x01\0\0\0\0\0\0\0\0\x01x\x01\0\x01y\0\x03\0\0\0\0\0\0\0\x01"s);
    out.clear();
    EXPECT_EQ(append_bulk(out, 9, sets, *types, 0), 1U);
}

TEST(mysql_packets, given_a_parameter_of_two_types_when_asked_then_there_is_no_bulk) {
    EXPECT_FALSE(types_of(sets_of{{of_integer(1)}, {of_text("1")}}));
    EXPECT_FALSE(types_of(sets_of{{of_integer(1)}, {}}));
    EXPECT_FALSE(types_of(sets_of{{}, {}}));
    EXPECT_TRUE(types_of(sets_of{{of_null()}, {of_null()}}));
}

TEST(mysql_packets, given_replies_when_cut_anywhere_then_they_are_read_alike) {
    using namespace std::string_literals;
    const std::string bytes =
        "\x0A\0\0\x01\0\xFC\x00\x01\x05\x03\0\0\0\0"s  // OK: 256 rows, id 5, status 3
        "\x09\0\0\x01\xFF\xFF\xFF\x01\x02\0\0\0\0"s    // how far something has come: not a reply
        "\x0B\0\0\x01\xFF\x26\x04#23000no"s            // 1062
        "\x07\0\0\x01\0\x01\0\x02\0\0\0"s;
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
        replies told(3);
        std::string pending;
        std::string whole;
        auto how = answer::progress::more;
        for (std::size_t at = 0; at < bytes.size(); at += cut) {
            pending += std::string_view(bytes).substr(at, cut);
            std::string_view left = pending;
            while (const auto packet = take_packet(left, whole)) {
                ASSERT_EQ(how, answer::progress::more);
                how = told.take(*packet);
            }
            pending = std::string(left);
        }
        ASSERT_EQ(how, answer::progress::whole) << cut;
        ASSERT_EQ(told.got.size(), 3U) << cut;
        EXPECT_TRUE(told.got[0].well);
        EXPECT_EQ(told.got[0].affected, 256U);
        EXPECT_EQ(told.got[0].last_insert_id, 5U);
        EXPECT_EQ(told.got[0].status, 3U);
        EXPECT_FALSE(told.got[1].well);
        EXPECT_EQ(told.got[1].code, 1062U);
        EXPECT_EQ(told.got[1].sqlstate, "23000");
        EXPECT_EQ(told.got[1].message, "no");
        EXPECT_TRUE(told.got[2].well);
    }
    EXPECT_EQ(replies(1).take("\x03"), answer::progress::nonsense);
}

// ---- at a server ----------------------------------------------------------------------------------------------------

/// Each case runs on a driver that sends at once and on one that does not, in tables of the same making.
class mysql_sent_batches : public mysql_test {
 protected:
    struct seen {
        std::string answer;  ///< Ids and counts, or the error.
        std::vector<std::string> rows;
    };

    struct given {
        std::string_view table;  ///< Its columns.
        std::string_view insert;
        sets_of sets;
        std::string_view engine = "InnoDB";
        std::string_view before = "DO 0";
    };

    sql::result<std::vector<sql::outcome>> batch(std::string_view text, const sets_of& sets,
                                                 core::deadline until = soon()) {
        return turning.run(session->execute_batch(text, sets, until));
    }

    std::unique_ptr<sql::connection> one_by_one() {
        sql::session_settings settings;
        settings.batches_at_once = false;
        slow_ = make_driver(settings);
        auto made = turning.run(slow_->connect(server.endpoint, server.login(), schema, soon()));
        EXPECT_TRUE(made);
        return std::move(*made);
    }

    seen look(const given& what) {
        done("DROP TABLE IF EXISTS t");
        done("CREATE TABLE t (" + std::string(what.table) + ") ENGINE=" + std::string(what.engine));
        done(what.before);
        EXPECT_TRUE(turning.run(session->begin(soon())));
        seen made;
        const auto out = batch(what.insert, what.sets);
        if (out) {
            for (const auto& one : *out)
                made.answer += std::to_string(one.last_insert_id) + "/" + std::to_string(one.affected) + " ";
        } else {
            made.answer = std::to_string(out.error().code) + " " + out.error().message;
        }
        EXPECT_TRUE(session->in_transaction());
        EXPECT_TRUE(turning.run(session->commit(soon())));
        made.rows = rows("SELECT * FROM t");
        std::ranges::sort(made.rows);
        return made;
    }

    /// How many statements of these kinds the session has run: Com_stmt_execute (bulk ones as well), Com_savepoint.
    std::string counted() {
        std::string all;
        for (const auto& row :
             rows("SHOW SESSION STATUS WHERE Variable_name IN ('Com_savepoint', 'Com_rollback_to_savepoint')"))
            all += row + " ";
        return all;
    }

    void expect_the_same(const given& what, std::string_view savepoints) {
        const auto at_once = look(what);
        EXPECT_EQ(counted(), savepoints);
        session = one_by_one();
        const auto slow = look(what);
        EXPECT_EQ(counted(), "Com_rollback_to_savepoint|0 Com_savepoint|0 ");
        EXPECT_EQ(at_once.answer, slow.answer);
        EXPECT_EQ(at_once.rows, slow.rows);
    }

    static constexpr std::string_view once = "Com_rollback_to_savepoint|0 Com_savepoint|1 ";
    static constexpr std::string_view taken_back = "Com_rollback_to_savepoint|1 Com_savepoint|1 ";
    static constexpr std::string_view never = "Com_rollback_to_savepoint|0 Com_savepoint|0 ";

    static sets_of numbers(int count) {
        sets_of sets;
        for (int i = 1; i <= count; ++i) sets.push_back({of_integer(i)});
        return sets;
    }

 private:
    std::unique_ptr<sql::driver> slow_;
};

TEST_F(mysql_sent_batches, given_a_table_that_numbers_rows_when_run_then_each_set_has_its_id) {
    expect_the_same({"id INT AUTO_INCREMENT PRIMARY KEY, v INT", "INSERT INTO t (v) VALUES (?)", numbers(2100)}, once);
}

TEST_F(mysql_sent_batches, given_ids_some_of_them_given_when_run_then_they_are_those_of_single_statements) {
    expect_the_same({"id INT AUTO_INCREMENT PRIMARY KEY, v INT",
                     "INSERT INTO t (id, v) VALUES (?, 1)",
                     {{of_integer(5)}, {of_null()}, {of_integer(20)}, {of_null()}}},
                    once);
}

TEST_F(mysql_sent_batches, given_many_ids_some_of_them_given_when_run_then_they_are_those_of_single_statements) {
    sets_of sets;
    for (int i = 1; i <= 600; ++i) sets.push_back({i % 50 == 0 ? of_integer(i * 10) : of_null(), of_integer(i)});
    expect_the_same({"id INT AUTO_INCREMENT PRIMARY KEY, v INT", "INSERT INTO t (id, v) VALUES (?, ?)", sets}, once);
}

TEST_F(mysql_sent_batches, given_more_rows_than_one_statement_when_one_fails_then_it_is_told_as_alone) {
    for (const auto& wrong : {of_integer(7), of_text("no number")}) {
        auto sets = numbers(700);
        sets[420] = std::vector<sql::parameter>{wrong};
        const auto run = [&](bool at_once) {
            session = at_once ? connect(server.endpoint, schema) : one_by_one();
            auto seen =
                look({"id INT AUTO_INCREMENT PRIMARY KEY, v INT UNIQUE", "INSERT INTO t (v) VALUES (?)", sets}).answer;
            // The numbers of what was taken back are not used again.
            return std::pair(seen, rows("SELECT COUNT(*), MAX(v), SUM(v) FROM t"));
        };
        EXPECT_EQ(run(true), run(false));
    }
}

TEST_F(mysql_sent_batches, given_a_server_that_is_not_strict_when_a_null_is_refused_then_it_is_as_in_a_row_of_its_own) {
    auto sets = numbers(60);
    sets[20] = {of_null()};
    const auto run = [&](bool at_once) {
        session = at_once ? connect(server.endpoint, schema) : one_by_one();
        done("SET SESSION sql_mode = ''");
        return look({"id INT AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL", "INSERT INTO t (v) VALUES (?)", sets}).answer;
    };
    EXPECT_EQ(run(true), run(false));
}

TEST_F(mysql_sent_batches, given_many_numbered_rows_when_run_then_the_last_set_is_the_last_statement) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    const auto out = batch("INSERT INTO t (v) VALUES (?)", numbers(400));
    ASSERT_TRUE(out);
    ASSERT_EQ(out->size(), 400U);
    EXPECT_EQ(rows("SELECT LAST_INSERT_ID()"),
              std::vector<std::string>{fmt::format("{}u", out->back().last_insert_id)});
    EXPECT_EQ(rows("SELECT ROW_COUNT()"), std::vector<std::string>{"-1"});
    ASSERT_TRUE(turning.run(session->commit(soon())));
    for (std::size_t i = 0; i < out->size(); i += 37)
        EXPECT_EQ(rows(fmt::format("SELECT v FROM t WHERE id = {}", (*out)[i].last_insert_id)),
                  std::vector<std::string>{fmt::to_string(i + 1)});
}

TEST_F(mysql_sent_batches, given_a_trigger_or_another_table_in_its_place_when_numbered_then_ids_are_right) {
    done("CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");
    expect_the_same({"id INT AUTO_INCREMENT PRIMARY KEY, v INT", "INSERT INTO t (v) VALUES (?)", numbers(60), "InnoDB",
                     "CREATE TRIGGER watches AFTER INSERT ON t FOR EACH ROW INSERT INTO log (v) VALUES (NEW.v)"},
                    once);
    session = connect(server.endpoint, schema);
    done("CREATE OR REPLACE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");
    done("CREATE TEMPORARY TABLE t (id INT DEFAULT 4711, v INT, n INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    const auto out = batch("INSERT INTO t (v) VALUES (?)", numbers(60));
    ASSERT_TRUE(out);
    EXPECT_EQ(rows("SELECT MIN(n), MAX(n) FROM t"),
              std::vector<std::string>{fmt::format("{}|{}", out->front().last_insert_id, out->back().last_insert_id)});
    ASSERT_TRUE(turning.run(session->rollback(soon())));
}

TEST_F(mysql_sent_batches, given_a_table_without_numbers_when_run_then_the_rows_are_there) {
    const sql::parameter day = of_text("2024-02-29", sql::parameter_type::date);
    const sql::parameter moment = of_text("2024-02-29 12:34:56.789", sql::parameter_type::timestamp);
    const sql::parameter time = of_text("23:59:58.5", sql::parameter_type::time);
    const sql::parameter money = of_text("12345.67", sql::parameter_type::decimal);
    const sql::parameter bytes = of_text(std::string_view("\0\xFF'", 3), sql::parameter_type::bytes);
    sets_of sets = {{of_integer(1), of_text("a'\"\\"), of_real(1.5), of_flag(true), day, moment, time, money, bytes}};
    sets.push_back({of_integer(-2), of_text(""), of_real(-0.25), of_flag(false), day, moment, time, money, bytes});
    sets.emplace_back(9, of_null());
    expect_the_same(
        {"a BIGINT, b VARCHAR(20), c DOUBLE, d BOOLEAN, e DATE, f DATETIME(3), g TIME(1), h DECIMAL(9,2), i BLOB",
         "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", sets},
        once);
}

TEST_F(mysql_sent_batches, given_parameters_of_several_types_when_run_then_the_rows_are_there) {
    expect_the_same({"v VARCHAR(20)",
                     "INSERT INTO t VALUES (?)",
                     {{of_integer(1)}, {of_text("two")}, {of_real(3.5)}, {of_null()}, {of_flag(true)}}},
                    once);
}

TEST_F(mysql_sent_batches, given_more_than_one_packet_when_run_then_the_rows_are_there) {
    const std::string long_text(1000, 'x');
    sets_of sets;
    for (int i = 0; i < 1500; ++i) sets.push_back({of_integer(i), of_text(long_text)});
    expect_the_same({"a INT, b TEXT", "INSERT INTO t VALUES (?, ?)", sets}, once);
    session = connect(server.endpoint, schema);
    expect_the_same({"id INT AUTO_INCREMENT PRIMARY KEY, a INT, b TEXT", "INSERT INTO t (a, b) VALUES (?, ?)", sets},
                    once);
}

TEST_F(mysql_sent_batches, given_a_failing_set_when_run_then_the_first_is_told_and_those_before_stay) {
    auto sets = numbers(600);
    sets[400] = {of_integer(7)};
    sets[500] = {of_integer(8)};
    expect_the_same({"v INT PRIMARY KEY", "INSERT INTO t VALUES (?)", sets}, taken_back);
    session = connect(server.endpoint, schema);
    expect_the_same({"v INT UNIQUE, w VARCHAR(3)", "INSERT INTO t VALUES (?, 'abc')", sets}, taken_back);
}

TEST_F(mysql_sent_batches, given_a_value_too_long_when_run_then_the_error_names_the_row_of_its_own_statement) {
    expect_the_same({"v VARCHAR(3)", "INSERT INTO t VALUES (?)", {{of_text("abc")}, {of_text("abcd")}, {of_text("a")}}},
                    taken_back);
}

TEST_F(mysql_sent_batches, given_updates_and_deletes_when_run_then_they_count) {
    const sets_of sets = {{of_integer(1)}, {of_integer(2)}, {of_integer(9)}};
    expect_the_same({"v INT, w INT", "UPDATE t SET w = w + 1 WHERE v >= ?", sets, "InnoDB",
                     "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)"},
                    once);
    session = connect(server.endpoint, schema);
    expect_the_same(
        {"v INT, w INT", "DELETE FROM t WHERE v = ?", sets, "InnoDB", "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)"},
        once);
}

TEST_F(mysql_sent_batches, given_a_table_that_takes_nothing_back_when_run_then_one_by_one) {
    auto sets = numbers(10);
    sets[5] = {of_integer(1)};
    expect_the_same({"v INT PRIMARY KEY", "INSERT INTO t VALUES (?)", sets, "MyISAM"}, never);
}

TEST_F(mysql_sent_batches, given_a_temporary_table_that_hides_another_when_it_numbers_rows_then_ids_are_right) {
    const auto run = [this] {
        done("DROP TABLE IF EXISTS t");
        done("CREATE TABLE t (v INT) ENGINE=InnoDB");
        done("CREATE TEMPORARY TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");
        EXPECT_TRUE(turning.run(session->begin(soon())));
        const auto out = batch("INSERT INTO t (v) VALUES (?)", numbers(3));
        std::vector<std::uint64_t> ids;
        if (out)
            for (const auto& one : *out) ids.push_back(one.last_insert_id);
        EXPECT_TRUE(turning.run(session->rollback(soon())));
        return ids;
    };
    const auto ids = run();
    ASSERT_EQ(ids.size(), 3U);
    // Taken back and run again: each set has its own, though not from 1.
    EXPECT_EQ(ids[1], ids[0] + 1);
    EXPECT_EQ(ids[2], ids[0] + 2);
}

TEST_F(mysql_sent_batches, given_no_transaction_when_run_then_one_by_one) {
    done("CREATE TABLE t (v INT) ENGINE=InnoDB");
    EXPECT_TRUE(batch("INSERT INTO t VALUES (?)", numbers(3)));
    EXPECT_EQ(counted(), never);
    EXPECT_EQ(rows("SELECT COUNT(*) FROM t"), std::vector<std::string>{"3"});
}

TEST_F(mysql_sent_batches,
       given_a_deadline_when_a_set_waits_for_a_lock_then_it_ends_and_the_transaction_goes_on) {
    done("CREATE TABLE t (v INT PRIMARY KEY) ENGINE=InnoDB");
    const auto other = another();
    ASSERT_TRUE(turning.run(other->begin(soon())));
    done(*other, "INSERT INTO t VALUES (50)");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    done("INSERT INTO t VALUES (0)");
    const auto out = batch("INSERT INTO t VALUES (?)", numbers(100), core::deadline::after(200ms));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    ASSERT_TRUE(session->usable());
    ASSERT_TRUE(turning.run(other->rollback(soon())));
    done("INSERT INTO t VALUES (200)");
    ASSERT_TRUE(turning.run(session->commit(soon())));
    EXPECT_EQ(rows("SELECT v FROM t"), (std::vector<std::string>{"0", "200"}));
}

core::awaitable<void> kill_soon(sql::connection* by, std::int64_t whom, bool* over) {
    core::timer pause(co_await boost::asio::this_coro::executor, 200ms);
    co_await pause.async_wait(core::as_tuple);
    collecting_sink sink;
    static_cast<void>(co_await by->execute("KILL " + std::to_string(whom), {}, sink, sql::description::full, soon()));
    *over = true;
}

TEST_F(mysql_sent_batches, given_a_session_that_is_killed_when_a_batch_runs_then_it_is_lost) {
    done("CREATE TABLE t (v INT PRIMARY KEY) ENGINE=InnoDB");
    const auto other = another();
    const auto killer = another();
    ASSERT_TRUE(turning.run(other->begin(soon())));
    done(*other, "INSERT INTO t VALUES (2)");
    ASSERT_TRUE(turning.run(session->begin(soon())));
    bool over = false;
    boost::asio::co_spawn(turning.context, kill_soon(killer.get(), session->backend_id(), &over),
                          boost::asio::detached);
    const auto out = batch("INSERT INTO t VALUES (?)", numbers(3));
    while (!over) {
        turning.context.restart();
        turning.context.run_one();
    }
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::lost);
    EXPECT_FALSE(session->usable());
}

}  // namespace
}  // namespace borealis::mysql
