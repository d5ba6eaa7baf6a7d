// Several calls at once over one session (sql/connection.hpp, execute_beside).
#include <algorithm>
#include <random>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fixture.hpp"

namespace borealis::postgres {
namespace {

using sql::failure_kind;
using sql::parameter_type;

/// One call and what came of it.
struct asked {
    asked(std::string what, std::vector<sql::parameter> with, core::deadline limit)
        : text(std::move(what)), parameters(std::move(with)), until(limit) {}
    std::string text;
    std::vector<sql::parameter> parameters;
    core::deadline until;
    sql::description wanted = sql::description::types;
    keeper into;
    sql::beside_call name;
    std::optional<sql::result<std::optional<sql::outcome>>> out;
    std::size_t ended_as = 0;  // how many had ended by then, itself included

    [[nodiscard]] bool refused() const { return out && out->has_value() && !out->value().has_value(); }
    [[nodiscard]] bool well() const { return out && out->has_value() && out->value().has_value(); }
    [[nodiscard]] failure_kind kind() const { return out->error().kind; }
    [[nodiscard]] std::string words() const {
        return !out ? "still runs" : refused() ? "refused" : well() ? "well" : out->error().message;
    }
};

class postgres_beside : public postgres_fixture {
 protected:
    asked& ask(std::string text, std::vector<sql::parameter> parameters = {}, core::deadline until = soon()) {
        calls.push_back(std::make_unique<asked>(std::move(text), std::move(parameters), until));
        core::asio::co_spawn(io.get_executor(), run_one(*calls.back()), [this](std::exception_ptr thrown) {
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
        io.restart();
        while (!holds()) {
            io.run_one_until(end);
            if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the calls do not end");
        }
    }
    void until_all_end() {
        until([&] { return ended == calls.size(); });
    }
    void run_for(std::chrono::milliseconds time) {
        io.restart();
        io.run_for(time);
    }

    std::unique_ptr<sql::connection> other = open();
    std::vector<std::unique_ptr<asked>> calls;
    std::size_t ended = 0;
};

TEST_P(postgres_beside, given_calls_at_once_when_answered_then_each_has_its_own_in_order) {
    EXPECT_TRUE(session->pipelines());
    for (int turn = 0; turn < 3; ++turn) {  // all new, then known
        for (int i = 0; i < 50; ++i) {
            if (i % 10 == 3) {
                ask("SELECT 1 / $1", {whole(0)});
            } else {
                ask("SELECT $1, repeat('x', 100)", {whole(i)});
            }
        }
        until_all_end();
        for (int i = 0; i < 50; ++i) {
            const auto& one = *calls[static_cast<std::size_t>(i)];
            if (i % 10 == 3) {
                ASSERT_FALSE(one.well());
                EXPECT_EQ(one.out->error().sqlstate, "22012");
            } else {
                ASSERT_TRUE(one.well()) << one.words();
                EXPECT_EQ(one.into.cell(), fmt::to_string(i));
            }
            if (turn > 0) EXPECT_EQ(one.ended_as, static_cast<std::size_t>(i) + 1);
        }
        calls.clear();
        ended = 0;
    }
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1, repeat%'"), "1");
}

TEST_P(postgres_beside, given_what_it_takes_to_run_a_statement_when_beside_others_then_each_path_is_taken) {
    must("CREATE TYPE mood AS ENUM ('sad', 'glad')");
    must("CREATE TABLE t (id int, m mood)");
    must("INSERT INTO t VALUES (1, 'glad')");
    for (int i = 0; i < 5; ++i) {
        ask("SELECT m FROM t");                                   // a type that has to be asked for
        ask("SELECT $1 + 1", {{parameter_type::untyped, "41"}});  // types that the server infers …
        ask("SELECT coalesce($1, 'none')", {null()});
        ask("SELECT $1", {null()});  // … or cannot
        ask("SELECT nothing FROM t");
        ask("SELECT 'a\nb'; SELECT 2");
        ask(std::string("SELECT 1\0", 9));
        ask("SELECT $1", {text(std::string_view("a\0b", 3))});
        ask("SELECT b FROM (VALUES ('\\x00'::bytea)) v (b)");
    }
    until_all_end();
    for (std::size_t i = 0; i < calls.size(); i += 9) {
        EXPECT_EQ(calls[i]->into.cell(), "glad") << calls[i]->words();
        EXPECT_EQ(calls[i]->into.seen.at(0).type_name, "mood");
        EXPECT_EQ(calls[i + 1]->into.cell(), "42") << calls[i + 1]->words();
        EXPECT_EQ(calls[i + 2]->into.cell(), "none") << calls[i + 2]->words();
        EXPECT_EQ(calls[i + 3]->into.cell(), "NULL") << calls[i + 3]->words();
        EXPECT_EQ(calls[i + 4]->out->error().sqlstate, "42703");
        EXPECT_EQ(calls[i + 5]->out->error().sqlstate, "42601");
        EXPECT_EQ(calls[i + 6]->out->error().sqlstate, "22021");
        EXPECT_EQ(calls[i + 7]->out->error().sqlstate, "22021");
        EXPECT_EQ(calls[i + 8]->into.octets, 2U + 4 + 1);
        EXPECT_EQ(calls[i + 8]->into.announced, 1U);
    }
}

TEST_P(postgres_beside, given_a_statement_that_has_to_run_alone_when_asked_beside_then_nothing_is_done) {
    must("CREATE TABLE t (id int, i interval)");
    must("SELECT i FROM t");
    auto& full = ask("SELECT 1");
    full.wanted = sql::description::full;
    const std::string_view texts[] = {"SELECT i FROM t",  "INSERT INTO t VALUES (1, '1 day') RETURNING i",
                                      "SHOW TimeZone",    "SET work_mem = '5MB'",
                                      "COPY t TO STDOUT", ""};
    for (const auto one : texts) ask(std::string(one));
    until_all_end();
    for (const auto& one : calls) {
        EXPECT_TRUE(one->refused()) << one->text << ": " << one->words();
        EXPECT_EQ(one->into.announced, 0U);
    }
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "0");
    ASSERT_TRUE(run(io, session->begin(soon())));
    auto& within = ask("SELECT 1");
    until_all_end();
    EXPECT_TRUE(within.refused());
    ASSERT_TRUE(run(io, session->rollback(soon())));
}

// ---- time

TEST_P(postgres_beside, given_a_slow_call_when_its_deadline_passes_then_it_alone_is_cancelled) {
    auto& first = ask("SELECT 'first'");
    auto& slow = ask("SELECT pg_sleep(20)", {}, core::deadline::after(200ms));
    std::vector<asked*> behind;
    for (int i = 0; i < 20; ++i) behind.push_back(&ask("SELECT $1", {whole(i)}));
    until_all_end();
    EXPECT_TRUE(first.well());
    ASSERT_FALSE(slow.well());
    EXPECT_EQ(slow.kind(), failure_kind::timeout);
    EXPECT_EQ(slow.out->error().sqlstate, "57014");
    EXPECT_EQ(slow.out->error().backend_id, session->backend_id());
    for (std::size_t i = 0; i < behind.size(); ++i) {
        ASSERT_TRUE(behind[i]->well()) << behind[i]->words();
        EXPECT_EQ(behind[i]->into.cell(), fmt::to_string(i));
        EXPECT_EQ(behind[i]->into.announced, 1U);
    }
    EXPECT_TRUE(session->usable());
    EXPECT_EQ(cell("SELECT 'alone'"), "alone");
}

TEST_P(postgres_beside, given_a_call_behind_a_slow_one_when_its_deadline_passes_then_it_fails_by_itself) {
    auto& slow = ask("SELECT 'slow' FROM pg_sleep(1)");
    auto& hasty = ask("SELECT 'hasty', pg_sleep(0)", {}, core::deadline::after(200ms));
    auto& patient = ask("SELECT 'patient'");
    const auto start = std::chrono::steady_clock::now();
    until([&] { return hasty.out.has_value(); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, 900ms);
    EXPECT_EQ(hasty.kind(), failure_kind::timeout);
    EXPECT_FALSE(slow.out);
    until_all_end();
    EXPECT_EQ(slow.into.cell(), "slow");  // nobody has cancelled it
    EXPECT_EQ(patient.into.cell(), "patient");
    EXPECT_EQ(hasty.into.announced, 0U);
    EXPECT_TRUE(session->usable());
}

TEST_P(postgres_beside, given_a_call_behind_a_slow_one_when_abandoned_then_the_others_never_notice) {
    auto& slow = ask("SELECT 'slow' FROM pg_sleep(0.5)");
    auto& unwanted = ask("SELECT 'unwanted'");
    auto& patient = ask("SELECT 'patient'");
    run_for(100ms);
    session->abandon();  // is for calls that run alone
    unwanted.name.abandon();
    unwanted.name.abandon();
    until([&] { return unwanted.out.has_value(); });
    EXPECT_EQ(unwanted.kind(), failure_kind::timeout);
    EXPECT_FALSE(slow.out);
    until_all_end();
    unwanted.name.abandon();  // it is over
    EXPECT_EQ(slow.into.cell(), "slow");
    EXPECT_EQ(patient.into.cell(), "patient");
}

TEST_P(postgres_beside, given_the_call_that_runs_when_abandoned_then_it_is_cancelled_and_the_others_go_on) {
    auto& slow = ask("SELECT pg_sleep(20)");
    auto& patient = ask("SELECT 'patient'");
    run_for(100ms);
    slow.name.abandon();
    until_all_end();
    EXPECT_EQ(slow.kind(), failure_kind::timeout);
    EXPECT_EQ(patient.into.cell(), "patient");
}

TEST_P(postgres_beside, given_an_unwanted_answer_that_takes_long_when_it_is_next_then_it_is_cancelled) {
    ask("SELECT 'slow' FROM pg_sleep(0.4)");
    auto& unwanted = ask("SELECT pg_sleep(20)", {}, core::deadline::after(100ms));
    auto& patient = ask("SELECT 'patient'");
    until_all_end();
    EXPECT_EQ(unwanted.kind(), failure_kind::timeout);
    EXPECT_EQ(patient.into.cell(), "patient");
}

// A write that runs alone must never be hit by a cancel request that was meant for a call before it.
TEST_P(postgres_beside, given_calls_that_were_given_up_when_a_call_runs_alone_then_it_comes_after_their_end) {
    must("CREATE TABLE t (id int)");
    for (int i = 0; i < 30; ++i) {
        auto& first = ask("SELECT pg_sleep(0.03)", {}, core::deadline::after(10ms));
        auto& second = ask("SELECT pg_sleep(0.2)", {}, core::deadline::after(12ms));
        until([&] { return first.out.has_value() && second.out.has_value(); });
        EXPECT_TRUE(session->usable());
        must("INSERT INTO t VALUES ($1)", {whole(i)});
        ASSERT_TRUE(run(io, session->begin(soon())));
        must("UPDATE t SET id = id");
        ASSERT_TRUE(run(io, session->commit(soon())));
    }
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "30");
}

TEST_P(postgres_beside, given_deadlines_about_as_long_as_the_calls_when_many_run_then_no_cancel_is_seen_by_another) {
    std::mt19937 dice(7);
    std::size_t late = 0, well = 0;
    for (int turn = 0; turn < 60; ++turn) {
        for (int i = 0; i < 12; ++i) {
            const bool slow = dice() % 4 == 0;
            const auto limit = slow ? std::chrono::microseconds(dice() % 8000) : 20s;
            ask(slow ? "SELECT $1 FROM pg_sleep(0.003)" : "SELECT $1, repeat('x', 20000)", {whole(i)},
                core::deadline::after(limit + 1ms));
        }
        until_all_end();
        for (const auto& one : calls) {
            if (one->well()) {
                ++well;
                ASSERT_EQ(one->into.count, 1U);
                ASSERT_EQ(one->into.announced, 1U);
                ASSERT_EQ(one->into.cell(), fmt::to_string(std::get<std::int64_t>(one->parameters[0].value)));
            } else {
                ++late;
                ASSERT_EQ(one->kind(), failure_kind::timeout) << one->words();
                ASSERT_EQ(one->text, "SELECT $1 FROM pg_sleep(0.003)");
            }
        }
        ASSERT_TRUE(session->usable());
        calls.clear();
        ended = 0;
    }
    EXPECT_GT(late, 20U);
    EXPECT_GT(well, 400U);
}

// ---- writes

TEST_P(postgres_beside, given_writes_at_once_when_answered_then_each_commits_or_fails_by_itself) {
    must("CREATE TABLE t (id int PRIMARY KEY, n serial)");
    must("INSERT INTO t VALUES (13), (33)");
    for (int i = 0; i < 40; ++i) write("INSERT INTO t (id) VALUES ($1) RETURNING id", {whole(i)});
    until_all_end();
    for (int i = 0; i < 40; ++i) {
        const auto& one = *calls[static_cast<std::size_t>(i)];
        if (i == 13 || i == 33) {
            EXPECT_EQ(one.out->error().sqlstate, "23505");
        } else {
            ASSERT_TRUE(one.well()) << one.words();
            EXPECT_EQ(one.into.cell(), fmt::to_string(i));
        }
    }
    EXPECT_EQ(cell("SELECT count(*) FROM t"), "40");
    EXPECT_FALSE(session->in_transaction());
}

TEST_P(postgres_beside, given_a_write_behind_others_when_given_up_then_it_ends_by_what_became_of_it) {
    must("CREATE TABLE t (id int)");
    ask("SELECT pg_sleep(0.3)");
    auto& late = write("INSERT INTO t VALUES (1)", {}, core::deadline::after(100ms));
    auto& unwanted = write("INSERT INTO t SELECT 2 FROM pg_sleep(20)");
    auto& patient = write("INSERT INTO t VALUES (3)");
    run_for(50ms);
    unwanted.name.abandon();
    run_for(150ms);
    EXPECT_FALSE(late.out) << "nobody knows yet";
    EXPECT_FALSE(unwanted.out);
    until_all_end();
    EXPECT_EQ(unwanted.kind(), failure_kind::timeout);
    EXPECT_TRUE(patient.well());
    // Its turn came too late, so that it was cancelled; or it was quicker.
    EXPECT_EQ(cell("SELECT string_agg(id::text, ' ' ORDER BY id) FROM t"), late.well() ? "1 3" : "3");
}

TEST_P(postgres_beside, given_a_write_that_waits_for_a_lock_when_given_up_then_nothing_is_left_of_it) {
    must("CREATE TABLE t (id int PRIMARY KEY)");
    ASSERT_TRUE(run(io, other->begin(soon())));
    keeper nowhere;
    ASSERT_TRUE(run(io, other->execute("INSERT INTO t VALUES (1)", {}, nowhere, sql::description::types, soon())));
    auto& blocked = write("INSERT INTO t VALUES (1)");
    auto& behind = write("INSERT INTO t VALUES (2)");
    run_for(100ms);
    blocked.name.abandon();
    until_all_end();
    EXPECT_EQ(blocked.kind(), failure_kind::timeout);
    EXPECT_TRUE(behind.well());
    ASSERT_TRUE(run(io, other->rollback(soon())));
    EXPECT_EQ(cell("SELECT string_agg(id::text, ' ') FROM t"), "2");
}

TEST_P(postgres_beside, given_writes_given_up_at_any_moment_when_all_have_ended_then_each_is_there_as_it_was_told) {
    must("CREATE TABLE t (id int)");
    std::mt19937 dice(11);
    std::vector<std::pair<int, bool>> told;
    std::size_t late = 0;
    for (int turn = 0; turn < 60; ++turn) {
        for (int i = 0; i < 12; ++i) {
            const int id = turn * 12 + i;
            const bool slow = dice() % 4 == 0;
            const auto limit = slow ? std::chrono::microseconds(dice() % 8000) : 20s;
            write(slow ? "INSERT INTO t SELECT $1 FROM pg_sleep(0.003)" : "INSERT INTO t VALUES ($1)", {whole(id)},
                  core::deadline::after(limit + 1ms));
        }
        if (turn % 2 == 0) {
            run_for(2ms);
            calls[dice() % calls.size()]->name.abandon();
        }
        until_all_end();
        for (const auto& one : calls) {
            if (!one->well()) ASSERT_EQ(one->kind(), failure_kind::timeout) << one->words();
            late += one->well() ? 0 : 1;
            told.emplace_back(static_cast<int>(std::get<std::int64_t>(one->parameters[0].value)), one->well());
        }
        ASSERT_TRUE(session->usable());
        calls.clear();
        ended = 0;
    }
    EXPECT_GT(late, 20U);
    for (const auto& [id, well] : told)
        ASSERT_EQ(cell(fmt::format("SELECT count(*) FROM t WHERE id = {}", id)), well ? "1" : "0") << id;
}

// ---- results

TEST_P(postgres_beside, given_a_sink_that_stops_when_beside_others_then_the_rest_is_dropped_or_cancelled) {
    auto& small = ask("SELECT generate_series(1, 1000)");
    small.into.stop_after = 100;
    auto& next = ask("SELECT 'next'");
    auto& large = ask("SELECT generate_series(1, 1000000000), repeat('x', 100)");
    large.into.stop_after = 100;
    large.into.keep = false;
    auto& last = ask("SELECT 'last'");
    const auto start = std::chrono::steady_clock::now();
    until_all_end();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    for (auto* one : {&small, &large}) {
        ASSERT_TRUE(one->well()) << one->words();
        EXPECT_TRUE((**one->out)->stopped);
    }
    EXPECT_EQ(next.into.cell(), "next");
    EXPECT_EQ(last.into.cell(), "last");
    EXPECT_TRUE(session->usable());
}

TEST_P(postgres_beside, given_large_results_and_parameters_at_once_when_run_then_neither_side_blocks) {
    const std::string large(500 * 1024, 'x');
    for (int i = 0; i < 10; ++i) ask("SELECT $1", {text(large)});
    until_all_end();
    for (const auto& one : calls) EXPECT_EQ(one->into.cell(), large) << one->words();
}

TEST_P(postgres_beside, given_more_texts_at_once_than_the_cache_holds_when_run_then_each_is_answered) {
    for (int turn = 0; turn < 2; ++turn) {
        for (int i = 0; i < 400; ++i) ask(fmt::format("SELECT {}", i));
    }
    until_all_end();
    for (int i = 0; i < 800; ++i) {
        ASSERT_EQ(calls[static_cast<std::size_t>(i)]->into.cell(), fmt::to_string(i % 400))
            << calls[static_cast<std::size_t>(i)]->words();
    }
    EXPECT_LE(std::stoi(cell("SELECT count(*) FROM pg_prepared_statements")), 257 + 256);
}

TEST_P(postgres_beside, given_a_table_that_changed_when_many_use_it_then_each_gets_the_new_columns_once) {
    must("CREATE TABLE t (id int)");
    must("INSERT INTO t VALUES (1)");
    ask("SELECT * FROM t");
    until_all_end();
    must("ALTER TABLE t ADD COLUMN more text DEFAULT 'm'", {}, other.get());
    for (int i = 0; i < 10; ++i) ask("SELECT * FROM t");
    ask("SELECT 'other'");
    until_all_end();
    for (std::size_t i = 1; i <= 10; ++i) {
        ASSERT_TRUE(calls[i]->well()) << calls[i]->words();
        EXPECT_EQ(calls[i]->into.announced, 1U);
        EXPECT_EQ(calls[i]->into.seen.size(), 2U);
        EXPECT_EQ(calls[i]->into.rows.at(0).at(1), "m");
    }
    EXPECT_EQ(calls.back()->into.cell(), "other");
}

// ---- sessions that end

TEST_P(postgres_beside, given_a_session_that_the_server_ends_when_calls_are_under_way_then_only_the_first_had_begun) {
    auto& running = ask("SELECT pg_sleep(20)");
    auto& behind = ask("SELECT 1");
    run_for(100ms);
    must("SELECT pg_terminate_backend($1::int)", {whole(session->backend_id())}, other.get());
    until_all_end();
    EXPECT_EQ(running.kind(), failure_kind::database);
    EXPECT_EQ(running.out->error().sqlstate, "57P01");
    EXPECT_EQ(behind.kind(), failure_kind::unreachable);
    EXPECT_FALSE(session->usable());
    EXPECT_TRUE(session->seems_dead());
    auto& after = ask("SELECT 1");
    until_all_end();
    EXPECT_EQ(after.kind(), failure_kind::unreachable);
}

TEST_P(postgres_beside, given_a_connection_that_breaks_when_calls_are_under_way_then_those_sent_are_lost) {
    const auto port = static_cast<std::uint16_t>(std::stoi(cell("SELECT inet_client_port()")));
    auto& running = ask("SELECT pg_sleep(20)");
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
    EXPECT_EQ(running.kind(), failure_kind::lost);
    EXPECT_EQ(behind.kind(), failure_kind::lost);
    EXPECT_EQ(unsent.kind(), failure_kind::unreachable);
}

TEST_P(postgres_beside, given_a_loop_that_is_torn_down_when_calls_are_under_way_then_all_is_destroyed) {
    asked one("SELECT pg_sleep(20)", {}, soon()), two("SELECT 1", {}, soon());
    {
        core::asio::io_context loop(1);
        const auto& server = tests::postgresql();
        auto made = run(loop, driver->connect(server.endpoint, server.login(), database, soon()));
        ASSERT_TRUE(made);
        const auto shared = std::shared_ptr(std::move(*made));
        for (auto* each : {&one, &two}) {
            core::asio::co_spawn(
                loop.get_executor(),
                [](std::shared_ptr<sql::connection> at, asked* call) -> core::awaitable<void> {
                    (void)co_await at->execute_beside(call->text, call->parameters, call->into, call->wanted,
                                                      call->until, call->name);
                }(shared, each),
                [](std::exception_ptr) {});
        }
        loop.restart();
        loop.run_for(50ms);
    }
    EXPECT_EQ(cell("SELECT 1"), "1");
}

INSTANTIATE_TEST_SUITE_P(over, postgres_beside, testing::Values(protocol::native), name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
