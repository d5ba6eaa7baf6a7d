// Several calls at once over one session (sql/connection.hpp, execute_beside).
#include <random>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

using sql::failure_kind;

/// One call and what came of it.
struct asked {
    asked(std::string what, std::vector<sql::parameter> with, core::deadline limit)
        : text(std::move(what)), parameters(std::move(with)), until(limit) {}
    std::string text;
    std::vector<sql::parameter> parameters;
    core::deadline until;
    sql::description wanted = sql::description::types;
    collecting_sink into;
    sql::beside_call name;
    std::optional<sql::result<std::optional<sql::outcome>>> out;
    std::size_t ended_as = 0;  // how many had ended by then, itself included

    [[nodiscard]] bool refused() const { return out && out->has_value() && !out->value().has_value(); }
    [[nodiscard]] bool well() const { return out && out->has_value() && out->value().has_value(); }
    [[nodiscard]] failure_kind kind() const { return out->error().kind; }
    [[nodiscard]] std::string words() const {
        return !out ? "still runs" : refused() ? "refused" : well() ? "well" : out->error().message;
    }
    [[nodiscard]] std::string cell() const { return into.rows.empty() ? "(no row)" : shown(into.rows[0][0]); }
};

class mysql_beside : public mysql_test {
 protected:
    void SetUp() override { other = another(); }
    asked& ask(std::string text, std::vector<sql::parameter> parameters = {}, core::deadline until = soon()) {
        calls.push_back(std::make_unique<asked>(std::move(text), std::move(parameters), until));
        core::asio::co_spawn(turning.context, run_one(*calls.back()), [this](std::exception_ptr thrown) {
            if (thrown) std::rethrow_exception(thrown);
            ++ended;
        });
        return *calls.back();
    }
    asked& write(std::string text, std::vector<sql::parameter> parameters = {}, core::deadline until = soon()) {
        auto& made = ask(std::move(text), std::move(parameters), until);
        made.name.writes = true;
        return made;
    }
    core::awaitable<void> run_one(asked& one) {
        one.out = co_await session->execute_beside(one.text, one.parameters, one.into, one.wanted, one.until, one.name);
        one.ended_as = ended + 1;
    }
    void until(auto holds) {
        const auto end = std::chrono::steady_clock::now() + 30s;
        turning.context.restart();
        while (!holds()) {
            turning.context.run_one_until(end);
            if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the calls do not end");
        }
    }
    void until_all_end() {
        until([&] { return ended == calls.size(); });
    }
    void run_for(std::chrono::milliseconds time) {
        turning.context.restart();
        turning.context.run_for(time);
    }

    std::unique_ptr<sql::connection> other;
    std::vector<std::unique_ptr<asked>> calls;
    std::size_t ended = 0;
};

TEST_F(mysql_beside, given_calls_at_once_when_answered_then_each_has_its_own_in_order) {
    EXPECT_TRUE(session->pipelines());
    done("CREATE TABLE t (v INT)");
    for (int turn = 0; turn < 3; ++turn) {  // all new, then known
        for (int i = 0; i < 50; ++i) {
            if (i % 10 == 3) {
                ask("SELECT JSON_ARRAYAGG(v), (SELECT 1 UNION SELECT 2) FROM t");
            } else {
                ask("SELECT ? + 0, REPEAT('x', 100)", {of_integer(i)});
            }
        }
        until_all_end();
        for (int i = 0; i < 50; ++i) {
            const auto& one = *calls[static_cast<std::size_t>(i)];
            if (i % 10 == 3) {
                ASSERT_FALSE(one.well());
                EXPECT_EQ(one.out->error().code, 1242) << one.words();  // a subquery of more than one row
                EXPECT_EQ(one.out->error().sqlstate, "21000");
            } else {
                ASSERT_TRUE(one.well()) << one.words();
                EXPECT_EQ(one.cell(), fmt::to_string(i));
                EXPECT_EQ(one.into.described, 1);
            }
            if (turn > 0) EXPECT_EQ(one.ended_as, static_cast<std::size_t>(i) + 1);
        }
        calls.clear();
        ended = 0;
    }
    EXPECT_TRUE(session->usable());
    // Whoever was not the first to prepare a text has given his statement back.
    const auto before = rows(*other, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").at(0);
    ask("SELECT ? + 0, REPEAT('x', 100)", {of_integer(1)});
    until_all_end();
    EXPECT_LE(rows(*other, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").at(0), before);
}

TEST_F(mysql_beside, given_every_kind_of_result_when_beside_others_then_it_is_that_of_a_call_alone) {
    done(
        "CREATE TABLE t (i INT UNSIGNED, d DECIMAL(10,2), s VARCHAR(20), b BLOB, at DATETIME(3), f FLOAT, j JSON, e "
        "ENUM('a','b'), y YEAR, x BIT(9))");
    done(
        "INSERT INTO t VALUES (4000000000, 1.5, 'ä', x'00FF', '2024-02-29 12:00:00.125', 1.25, '{\"a\":1}', 'b', 2024, "
        "257), "
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)");
    const std::string texts[] = {"SELECT * FROM t", "SELECT * FROM t WHERE i < 0", "SELECT 'a', 1.50, NULL, TRUE, 9e99",
                                 "SELECT i, COUNT(*) FROM t GROUP BY i ORDER BY i", "VALUES (1, 'x'), (2, 'y')"};
    for (const auto& one : texts) ask(one);
    until_all_end();
    for (const auto& one : calls) {
        collecting_sink alone;
        ASSERT_TRUE(execute(*other, one->text, {}, &alone));
        ASSERT_TRUE(one->well()) << one->words();
        EXPECT_EQ(one->into.shown_rows(), alone.shown_rows()) << one->text;
        EXPECT_EQ(one->into.bytes, alone.bytes) << one->text;
        ASSERT_EQ(one->into.all.size(), alone.all.size());
        for (std::size_t i = 0; i < alone.all.size(); ++i) {
            EXPECT_EQ(one->into.all[i].type_name, alone.all[i].type_name);
            EXPECT_EQ(one->into.all[i].label, alone.all[i].label);
        }
    }
}

TEST_F(mysql_beside, given_a_statement_that_has_to_run_alone_when_asked_beside_then_nothing_is_done) {
    done("CREATE TABLE t (id INT)");
    auto& full = ask("SELECT 1");
    full.wanted = sql::description::full;
    for (const auto* one : {"INSERT INTO t VALUES (1) RETURNING id", "PREPARE p FROM 'SELECT 1'"}) ask(one);
    until_all_end();
    for (const auto& one : calls) {
        EXPECT_TRUE(one->refused()) << one->text << ": " << one->words();
        EXPECT_EQ(one->into.described, 0);
    }
    EXPECT_THAT(rows("SELECT COUNT(*) FROM t"), testing::ElementsAre("0"));
    ASSERT_TRUE(turning.run(session->begin(soon())));
    auto& within = ask("SELECT 1");
    until_all_end();
    EXPECT_TRUE(within.refused());
    ASSERT_TRUE(turning.run(session->rollback(soon())));
}

TEST_F(mysql_beside, given_too_few_or_many_parameters_when_asked_then_it_is_told_without_a_trip) {
    ask("SELECT ?");
    ask("SELECT 1", {of_integer(1)});
    ask("SELECT nothing FROM nowhere");
    ask("SELECT 'fine'");
    until_all_end();
    EXPECT_EQ(calls[0]->words(), "The statement has 1 parameter, but 0 were supplied");
    EXPECT_EQ(calls[1]->words(), "The statement has 0 parameters, but 1 were supplied");
    EXPECT_EQ(calls[2]->out->error().sqlstate, "42S02");
    EXPECT_EQ(calls[3]->cell(), "fine");
}

// ---- time

TEST_F(mysql_beside, given_a_slow_call_when_its_deadline_passes_then_it_alone_is_cancelled) {
    auto& first = ask("SELECT 'first'");
    auto& slow = ask("SELECT SLEEP(20)", {}, core::deadline::after(200ms));
    std::vector<asked*> behind;
    for (int i = 0; i < 20; ++i) behind.push_back(&ask("SELECT ? + 0", {of_integer(i)}));
    until_all_end();
    EXPECT_TRUE(first.well());
    ASSERT_FALSE(slow.well());
    EXPECT_EQ(slow.kind(), failure_kind::timeout);
    EXPECT_EQ(slow.out->error().backend_id, session->backend_id());
    for (std::size_t i = 0; i < behind.size(); ++i) {
        ASSERT_TRUE(behind[i]->well()) << behind[i]->words();
        EXPECT_EQ(behind[i]->cell(), fmt::to_string(i));
        EXPECT_EQ(behind[i]->into.described, 1);
    }
    EXPECT_TRUE(session->usable());
    EXPECT_THAT(rows("SELECT 'alone'"), testing::ElementsAre("alone"));
}

TEST_F(mysql_beside, given_a_call_behind_a_slow_one_when_abandoned_then_the_others_never_notice) {
    auto& slow = ask("SELECT 'slow', SLEEP(0.5)");
    auto& unwanted = ask("SELECT 'unwanted'");
    auto& patient = ask("SELECT 'patient'");
    run_for(100ms);
    session->abandon();  // is for calls that run alone
    unwanted.name.abandon();
    unwanted.name.abandon();
    until_all_end();
    unwanted.name.abandon();  // it is over
    EXPECT_EQ(unwanted.kind(), failure_kind::timeout);
    EXPECT_EQ(slow.cell(), "slow");
    EXPECT_EQ(patient.cell(), "patient");
}

TEST_F(mysql_beside, given_the_call_that_runs_when_abandoned_then_it_is_cancelled_and_the_others_go_on) {
    auto& slow = ask("SELECT SLEEP(20)");
    auto& patient = ask("SELECT 'patient'");
    run_for(100ms);
    slow.name.abandon();
    until_all_end();
    EXPECT_EQ(slow.kind(), failure_kind::timeout);
    EXPECT_EQ(patient.cell(), "patient");
}

TEST_F(mysql_beside, given_an_unwanted_answer_that_takes_long_when_it_is_next_then_it_is_cancelled) {
    ask("SELECT 'slow', SLEEP(0.4)");
    auto& late = ask("SELECT SLEEP(20)", {}, core::deadline::after(100ms));
    auto& unwanted = ask("SELECT SLEEP(20)");
    auto& patient = ask("SELECT 'patient'");
    run_for(50ms);
    unwanted.name.abandon();
    const auto start = std::chrono::steady_clock::now();
    until_all_end();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    EXPECT_EQ(late.kind(), failure_kind::timeout);
    EXPECT_EQ(unwanted.kind(), failure_kind::timeout);
    EXPECT_EQ(patient.cell(), "patient");
}

// What runs alone must never be hit by the end of a call before it.
TEST_F(mysql_beside, given_calls_that_were_given_up_when_a_call_runs_alone_then_it_comes_after_their_end) {
    done("CREATE TABLE t (id INT)");
    for (int i = 0; i < 30; ++i) {
        auto& first = ask("SELECT SLEEP(0.03)", {}, core::deadline::after(10ms));
        auto& second = ask("SELECT SLEEP(0.2)", {}, core::deadline::after(12ms));
        until([&] { return first.out.has_value() && second.out.has_value(); });
        EXPECT_TRUE(session->usable());
        done("INSERT INTO t VALUES (?)", {of_integer(i)});
        ASSERT_TRUE(turning.run(session->begin(soon())));
        done("UPDATE t SET id = id");
        ASSERT_TRUE(turning.run(session->commit(soon())));
    }
    EXPECT_THAT(rows("SELECT COUNT(*) FROM t"), testing::ElementsAre("30"));
}

TEST_F(mysql_beside, given_deadlines_about_as_long_as_the_calls_when_many_run_then_no_cancel_is_seen_by_another) {
    std::mt19937 dice(7);
    std::size_t late = 0, well = 0;
    const std::string slow_text = "SELECT ? + 0, SLEEP(0.003)";
    for (int turn = 0; turn < 60; ++turn) {
        for (int i = 0; i < 12; ++i) {
            const bool slow = dice() % 4 == 0;
            const auto limit = slow ? std::chrono::microseconds(dice() % 8000) : 20s;
            ask(slow ? slow_text : "SELECT ? + 0, REPEAT('x', 20000)", {of_integer(i)},
                core::deadline::after(limit + 1ms));
        }
        until_all_end();
        for (const auto& one : calls) {
            if (one->well()) {
                ++well;
                ASSERT_EQ(one->into.count, 1U);
                ASSERT_EQ(one->into.described, 1);
                ASSERT_EQ(one->cell(), fmt::to_string(std::get<std::int64_t>(one->parameters[0].value)));
            } else {
                ++late;
                ASSERT_EQ(one->kind(), failure_kind::timeout) << one->words();
                ASSERT_EQ(one->text, slow_text);
            }
        }
        ASSERT_TRUE(session->usable());
        calls.clear();
        ended = 0;
    }
    EXPECT_GT(late, 20U);
    EXPECT_GT(well, 400U);
}

TEST_F(mysql_beside, given_a_call_given_up_while_autocommit_is_switched_on_when_a_transaction_follows_then_it_is_one) {
    done("CREATE TABLE t (id INT)");
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(turning.run(session->begin(soon())));
        done("INSERT INTO t VALUES (1)");
        ASSERT_TRUE(turning.run(session->rollback(soon())));
        auto& given_up = ask("SELECT 1");
        turning.context.restart();
        for (int steps = 0; steps < i % 4 + 1; ++steps) turning.context.poll_one();
        given_up.name.abandon();
        until_all_end();
        ASSERT_TRUE(session->usable());
        ASSERT_TRUE(turning.run(session->begin(soon())));
        done("INSERT INTO t VALUES (2)");
        ASSERT_TRUE(turning.run(session->rollback(soon())));
        calls.clear();
        ended = 0;
    }
    EXPECT_THAT(rows("SELECT COUNT(*) FROM t"), testing::ElementsAre("0"));
}

// ---- writes

TEST_F(mysql_beside, given_writes_at_once_when_answered_then_each_commits_or_fails_by_itself) {
    done("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, n INT UNIQUE)");
    done("INSERT INTO t VALUES (1000, 13), (1001, 33)");
    for (int turn = 0; turn < 2; ++turn) {
        for (int i = 0; i < 40; ++i) write("INSERT INTO t (n) VALUES (?)", {of_integer(turn * 40 + i)});
    }
    until_all_end();
    for (int i = 0; i < 80; ++i) {
        const auto& one = *calls[static_cast<std::size_t>(i)];
        if (i == 13 || i == 33) {
            EXPECT_EQ(one.out->error().code, 1062);
        } else {
            ASSERT_TRUE(one.well()) << one.words();
            const auto& made = one.out->value().value();
            EXPECT_EQ(made.affected, 1);
            EXPECT_THAT(rows(fmt::format("SELECT n FROM t WHERE id = {}", made.last_insert_id)),
                        testing::ElementsAre(fmt::to_string(i)));
        }
    }
    EXPECT_THAT(rows("SELECT COUNT(*) FROM t"), testing::ElementsAre("80"));
    EXPECT_FALSE(session->in_transaction());
}

TEST_F(mysql_beside, given_a_write_that_the_server_may_leave_half_done_when_asked_beside_then_nothing_is_done) {
    done("CREATE TABLE kept (id INT) ENGINE=MyISAM");
    done("CREATE TABLE watched (id INT)");
    done("CREATE TRIGGER watches AFTER INSERT ON watched FOR EACH ROW INSERT INTO kept VALUES (NEW.id)");
    done("CREATE VIEW seen AS SELECT * FROM watched");
    for (const auto* one :
         {"INSERT INTO kept VALUES (1)", "INSERT INTO watched VALUES (1)", "INSERT INTO seen VALUES (1)",
          "DELETE a FROM watched a JOIN kept b ON a.id = b.id", "INSERT /* x */ INTO watched VALUES (1)"})
        write(one);
    until_all_end();
    for (const auto& one : calls) EXPECT_TRUE(one->refused()) << one->text << ": " << one->words();
    EXPECT_THAT(rows("SELECT COUNT(*) FROM kept"), testing::ElementsAre("0"));
}

TEST_F(mysql_beside, given_a_write_that_waits_for_a_lock_when_given_up_then_nothing_is_left_of_it) {
    done("CREATE TABLE t (id INT PRIMARY KEY)");
    ASSERT_TRUE(turning.run(other->begin(soon())));
    collecting_sink nowhere;
    ASSERT_TRUE(turning.run(other->execute("INSERT INTO t VALUES (1)", {}, nowhere, sql::description::types, soon())));
    auto& blocked = write("INSERT INTO t VALUES (1)");
    auto& behind = write("INSERT INTO t VALUES (2)");
    run_for(100ms);
    blocked.name.abandon();
    until_all_end();
    EXPECT_EQ(blocked.kind(), failure_kind::timeout);
    EXPECT_TRUE(behind.well());
    ASSERT_TRUE(turning.run(other->rollback(soon())));
    EXPECT_THAT(rows("SELECT id FROM t"), testing::ElementsAre("2"));
}

TEST_F(mysql_beside, given_writes_given_up_at_any_moment_when_all_have_ended_then_each_is_there_as_it_was_told) {
    done("CREATE TABLE t (id INT, nap INT)");
    std::mt19937 dice(11);
    std::vector<std::pair<std::int64_t, bool>> told;
    std::size_t late = 0;
    // On a slow machine fewer are given up while they run.
    for (int turn = 0; turn < 60 || (late <= 20 && turn < 600); ++turn) {
        for (int i = 0; i < 12; ++i) {
            const bool slow = dice() % 4 == 0;
            const auto limit = slow ? std::chrono::microseconds(dice() % 8000) : 20s;
            write(slow ? "INSERT INTO t SELECT ?, SLEEP(0.003)" : "INSERT INTO t VALUES (?, 0)",
                  {of_integer(turn * 12 + i)}, core::deadline::after(limit + 1ms));
        }
        if (turn % 2 == 0) {
            run_for(2ms);
            calls[dice() % calls.size()]->name.abandon();
        }
        until_all_end();
        for (const auto& one : calls) {
            if (!one->well()) ASSERT_EQ(one->kind(), failure_kind::timeout) << one->words();
            late += one->well() ? 0 : 1;
            told.emplace_back(std::get<std::int64_t>(one->parameters[0].value), one->well());
        }
        ASSERT_TRUE(session->usable());
        calls.clear();
        ended = 0;
    }
    EXPECT_GT(late, 20U);
    for (const auto& [id, well] : told)
        ASSERT_THAT(rows(fmt::format("SELECT COUNT(*) FROM t WHERE id = {}", id)),
                    testing::ElementsAre(well ? "1" : "0"))
            << id;
}

// ---- results

TEST_F(mysql_beside, given_a_sink_that_stops_when_beside_others_then_the_rest_is_dropped_or_cancelled) {
    auto& small = ask("SELECT seq FROM seq_1_to_1000");
    small.into.limit = 100;
    auto& next = ask("SELECT 'next'");
    auto& large = ask("SELECT seq, REPEAT('x', 100) FROM seq_1_to_1000000000");
    large.into.limit = 100;
    large.into.keeps = false;
    auto& last = ask("SELECT 'last'");
    const auto start = std::chrono::steady_clock::now();
    until_all_end();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    for (auto* one : {&small, &large}) {
        ASSERT_TRUE(one->well()) << one->words();
        EXPECT_TRUE((**one->out)->stopped);
    }
    EXPECT_EQ(next.cell(), "next");
    EXPECT_EQ(last.cell(), "last");
    EXPECT_TRUE(session->usable());
    EXPECT_THAT(rows("SELECT 'alone'"), testing::ElementsAre("alone"));
}

TEST_F(mysql_beside, given_large_results_and_parameters_at_once_when_run_then_neither_side_blocks) {
    const std::string large(2 * 1024 * 1024, 'x');
    for (int i = 0; i < 10; ++i) ask("SELECT ?", {of_text(large)});
    until_all_end();
    for (const auto& one : calls) EXPECT_TRUE(one->cell() == large) << one->words();
}

TEST_F(mysql_beside, given_more_texts_at_once_than_the_cache_holds_when_run_then_each_is_answered) {
    for (int turn = 0; turn < 2; ++turn) {
        for (int i = 0; i < 400; ++i) ask(fmt::format("SELECT {}", i));
    }
    until_all_end();
    for (int i = 0; i < 800; ++i) {
        ASSERT_EQ(calls[static_cast<std::size_t>(i)]->cell(), fmt::to_string(i % 400))
            << calls[static_cast<std::size_t>(i)]->words();
    }
}

TEST_F(mysql_beside, given_a_table_that_changed_when_many_use_it_then_each_gets_the_new_columns_once) {
    done("CREATE TABLE t (id INT)");
    done("INSERT INTO t VALUES (1)");
    ask("SELECT * FROM t");
    until_all_end();
    done(*other, "ALTER TABLE t ADD COLUMN more VARCHAR(9) DEFAULT 'm', CHANGE id ident BIGINT");
    for (int i = 0; i < 10; ++i) ask("SELECT * FROM t");
    ask("SELECT 'other'");
    until_all_end();
    for (std::size_t i = 1; i <= 10; ++i) {
        if (!calls[i]->well()) {
            EXPECT_EQ(calls[i]->out->error().code, 1054) << calls[i]->words();
            continue;
        }
        EXPECT_EQ(calls[i]->into.described, 1);
        ASSERT_EQ(calls[i]->into.all.size(), 2U);
        EXPECT_EQ(calls[i]->into.all[0].label, "ident");
        EXPECT_EQ(calls[i]->into.all[0].type_name, "BIGINT");
        EXPECT_THAT(calls[i]->into.shown_rows(), testing::ElementsAre("1|m"));
    }
    EXPECT_EQ(calls.back()->cell(), "other");
}

// ---- sessions that end

TEST_F(mysql_beside, given_a_session_that_the_server_ends_when_calls_are_under_way_then_nothing_is_told_as_done) {
    auto& running = ask("SELECT SLEEP(20)");
    auto& behind = ask("SELECT 1");
    run_for(100ms);
    done(*other, fmt::format("KILL {}", session->backend_id()));
    until_all_end();
    EXPECT_FALSE(running.well());
    EXPECT_FALSE(behind.well());
    EXPECT_TRUE(behind.kind() == failure_kind::unreachable || behind.kind() == failure_kind::lost) << behind.words();
    EXPECT_FALSE(session->usable());
    EXPECT_TRUE(session->seems_dead());
    auto& after = ask("SELECT 1");
    until_all_end();
    EXPECT_EQ(after.kind(), failure_kind::unreachable);
}

TEST_F(mysql_beside, given_a_connection_that_breaks_when_calls_are_under_way_then_those_sent_are_lost) {
    const auto host = rows(*other, fmt::format("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = {}",
                                               session->backend_id()))
                          .at(0);
    const auto port = static_cast<std::uint16_t>(std::stoi(host.substr(host.rfind(':') + 1)));
    auto& running = ask("SELECT SLEEP(20)");
    auto& behind = ask("SELECT 1");
    run_for(100ms);
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in at{};
        socklen_t size = sizeof at;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0 || at.sin_family != AF_INET) continue;
        if (ntohs(at.sin_port) == port) ::shutdown(fd, SHUT_RDWR);
    }
    auto& unsent = ask("SELECT 2");
    until_all_end();
    EXPECT_EQ(running.kind(), failure_kind::lost) << running.words();
    EXPECT_EQ(behind.kind(), failure_kind::lost) << behind.words();
    EXPECT_EQ(unsent.kind(), failure_kind::unreachable);
}

TEST_F(mysql_beside, given_a_loop_that_is_torn_down_when_calls_are_under_way_then_all_is_destroyed) {
    asked one("SELECT SLEEP(20)", {}, soon()), two("SELECT 1", {}, soon()), three("SELECT 2", {}, soon());
    {
        loop own;
        auto made = own.run(driver->connect(server.endpoint, server.login(), schema, soon()));
        ASSERT_TRUE(made);
        const auto shared = std::shared_ptr(std::move(*made));
        for (auto* each : {&one, &two, &three}) {
            core::asio::co_spawn(
                own.context,
                [](std::shared_ptr<sql::connection> at, asked* call) -> core::awaitable<void> {
                    (void)co_await at->execute_beside(call->text, call->parameters, call->into, call->wanted,
                                                      call->until, call->name);
                }(shared, each),
                [](std::exception_ptr) {});
        }
        own.context.restart();
        own.context.run_for(50ms);
    }
    EXPECT_THAT(rows("SELECT 1"), testing::ElementsAre("1"));
}

}  // namespace
}  // namespace borealis::mysql
