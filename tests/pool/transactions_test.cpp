#include "pool/transactions.hpp"

#include <expected>
#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "pool/fake_database.hpp"

namespace borealis::pool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using refusal = transaction_refusal;
using ending = held_transaction::ending;

class open_transactions : public testing::Test {
 protected:
    open_transactions() { on.to.limits.maximum = 100; }

    std::string begin() {
        auto session = on.acquire();
        bench::fake(session).open_transaction = true;
        auto id = table->adopt(std::move(session), to);
        EXPECT_TRUE(id);
        return id.value_or("");
    }
    refusal refused(const std::string& id) { return refused(id, to); }
    refusal refused(const std::string& id, const binding& as) {
        const auto got = table->hold(id, as);
        EXPECT_FALSE(got.has_value());
        return got.has_value() ? refusal::unknown : got.error();
    }
    void limit(transaction_settings limits) { table.emplace(on.context().get_executor(), std::uint8_t{7}, limits); }

    using attempt = std::expected<held_transaction, refusal>;
    static core::awaitable<void> wait_for(transactions& what, std::string id, binding as, core::deadline until,
                                          std::optional<attempt>& into) {
        into = co_await what.hold_in_turn(id, as, until);
    }
    /// Waits in the background.
    void queue(const std::string& id, std::optional<attempt>& into, milliseconds limit = milliseconds(60'000)) {
        on.spawn(wait_for(*table, id, to, core::deadline::after(limit), into));
        on.settle();
    }

    static core::awaitable<void> drain(transactions& what, core::deadline until, bool& done) {
        co_await what.end_all(until);
        done = true;
    }

    shared_budgets budgets;
    bench on{budgets};
    binding to{"cluster", "secret", "caller", "db"};
    std::optional<transactions> table{std::in_place, on.context().get_executor(), std::uint8_t{7},
                                      transaction_settings{}};
};

TEST_F(open_transactions, given_a_session_when_adopted_then_its_id_has_the_old_form_and_names_its_home) {
    std::set<std::string> seen;
    for (int i = 0; i < 50; ++i) {
        const auto id = begin();
        EXPECT_EQ(id.size(), 184U);
        EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
                  std::string::npos);
        EXPECT_EQ(transactions::home_of(id), 7);
        EXPECT_TRUE(seen.insert(id.substr(0, 16)).second) << "the first characters vary";
    }
    EXPECT_EQ(table->open(), 50U);
    EXPECT_EQ(table->open("cluster"), 50U);
    EXPECT_EQ(table->open("another"), 0U);
}

TEST(transaction_home, given_any_index_when_an_id_is_made_then_it_is_read_back) {
    shared_budgets budgets;
    bench on(budgets);
    for (const int index : {0, 1, 127, 128, 254}) {
        transactions table(on.context().get_executor(), static_cast<std::uint8_t>(index), {});
        const auto id = table.adopt(on.acquire(), {});
        EXPECT_EQ(transactions::home_of(*id), index);
        on.settle();
    }
    for (const auto& other : {std::string(), std::string("ABC1234567890xyz"), std::string(183, 'A'),
                              std::string(185, 'A'), std::string(184, '?'), "AB?D" + std::string(180, 'A')}) {
        EXPECT_EQ(transactions::home_of(other), std::nullopt) << other;
    }
}

TEST_F(open_transactions, given_an_open_one_when_held_and_released_then_the_same_session_stays) {
    const auto id = begin();
    int number = 0;
    {
        const auto held = table->hold(id, to);
        ASSERT_TRUE(held);
        EXPECT_EQ(held->bound_to(), to);
        number = dynamic_cast<fake_connection&>(held->session()).number;
    }
    const auto again = table->hold(id, to);
    ASSERT_TRUE(again);
    EXPECT_EQ(dynamic_cast<fake_connection&>(again->session()).number, number);
}

TEST_F(open_transactions, given_a_statement_runs_when_held_again_then_it_is_refused_at_once) {
    const auto id = begin();
    {
        const auto held = table->hold(id, to);
        EXPECT_EQ(refused(id), refusal::running);
    }
    EXPECT_TRUE(table->hold(id, to));
}

TEST_F(open_transactions, given_calls_wait_when_the_first_is_released_then_they_come_in_order) {
    const auto id = begin();
    std::optional<attempt> held = table->hold(id, to), second, third;
    queue(id, second);
    queue(id, third);
    EXPECT_FALSE(second || third);
    held.reset();
    on.settle();
    ASSERT_TRUE(second && *second);
    EXPECT_FALSE(third);
    EXPECT_EQ(refused(id), refusal::running) << "nobody may push in";
    second.reset();
    on.settle();
    ASSERT_TRUE(third && *third);
    third.reset();
    on.settle();
    EXPECT_TRUE(table->hold(id, to));
}

TEST_F(open_transactions, given_calls_wait_when_the_transaction_ends_then_they_hear_of_it) {
    const auto id = begin();
    std::optional<attempt> held = table->hold(id, to), second, third;
    queue(id, second);
    queue(id, third);
    (*held)->end(ending::rolled_back);
    on.settle();
    ASSERT_TRUE(second && third);
    EXPECT_EQ(second->error(), refusal::ended);
    EXPECT_EQ(third->error(), refusal::ended);
}

TEST_F(open_transactions, given_a_call_waits_too_long_when_its_time_is_over_then_the_next_is_not_held_up) {
    const auto id = begin();
    std::optional<attempt> held = table->hold(id, to), second, third;
    queue(id, second, milliseconds(10));
    queue(id, third);
    on.run_for(milliseconds(100));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->error(), refusal::running);
    held.reset();
    on.settle();
    ASSERT_TRUE(third && *third);
}

TEST_F(open_transactions, given_nobody_runs_it_when_waited_for_then_it_is_held_at_once) {
    const auto id = begin();
    std::optional<attempt> held;
    queue(id, held);
    ASSERT_TRUE(held && *held);
    std::optional<attempt> unknown;
    queue("no such id", unknown);
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->error(), refusal::unknown);
}

TEST_F(open_transactions, given_another_caller_cluster_or_secret_when_held_then_the_id_is_unknown) {
    const auto id = begin();
    for (auto member : {&binding::resource_arn, &binding::secret_arn, &binding::caller}) {
        auto other = to;
        other.*member = "other";
        EXPECT_EQ(refused(id, other), refusal::unknown);
    }
    auto other = to;
    other.database = "other";
    EXPECT_EQ(refused(id, other), refusal::other_database);
    other.database = "";
    EXPECT_TRUE(table->hold(id, other));
}

TEST_F(open_transactions, given_an_unknown_id_when_held_then_it_is_unknown) {
    (void)begin();
    EXPECT_EQ(refused(""), refusal::unknown);
    EXPECT_EQ(refused("ABC1234567890xyz"), refusal::unknown);
    EXPECT_EQ(refused(std::string(184, 'A')), refusal::unknown);
}

TEST_F(open_transactions, given_a_commit_when_asked_again_then_it_is_known_to_its_caller_for_a_while) {
    limit({.repeat_commit = seconds(60)});
    const auto committed = begin(), undone = begin();
    table->hold(committed, to)->end(ending::committed);
    table->hold(undone, to)->end(ending::rolled_back);
    EXPECT_EQ(refused(committed), refusal::committed);
    EXPECT_EQ(refused(undone), refusal::ended);
    auto other = to;
    other.caller = "other";
    EXPECT_EQ(refused(committed, other), refusal::ended);
    limit({});
    const auto id = begin();
    table->hold(id, to)->end(ending::committed);
    EXPECT_EQ(refused(id), refusal::ended) << "as on AWS, unless told otherwise";
}

TEST_F(open_transactions, given_one_ends_when_held_again_then_the_refusal_says_how) {
    const auto first = begin(), second = begin();
    table->hold(first, to)->end(ending::rolled_back);
    table->hold(second, to)->end(ending::aborted);
    EXPECT_EQ(refused(first), refusal::ended);
    EXPECT_EQ(refused(second), refusal::aborted);
    EXPECT_EQ(table->open(), 0U);
    on.settle();
    EXPECT_EQ(on.server.resets, 2) << "the server says that their transactions are open";
    EXPECT_EQ(on.pools().counts().idle, 2U);
}

TEST_F(open_transactions, given_a_transaction_is_over_when_it_ends_then_the_session_is_reset_where_a_call_touched_it) {
    for (const bool touched : {false, true}) {
        const auto id = begin();
        auto held = table->hold(id, to);
        ASSERT_TRUE(held);
        dynamic_cast<fake_connection&>(held->session()).open_transaction = false;
        if (touched) held->taint();
        held->end(ending::committed);
        on.settle();
        EXPECT_EQ(on.server.resets, touched ? 1 : 0);
    }
}

TEST_F(open_transactions, given_all_are_to_be_reset_when_one_ends_then_it_is) {
    limit({.always_reset = true});
    const auto id = begin();
    auto held = table->hold(id, to);
    ASSERT_TRUE(held);
    dynamic_cast<fake_connection&>(held->session()).open_transaction = false;
    held->end(ending::committed);
    on.settle();
    EXPECT_EQ(on.server.resets, 1);
}

TEST_F(open_transactions, given_the_session_broke_when_released_then_the_transaction_is_aborted) {
    const auto id = begin();
    {
        const auto held = table->hold(id, to);
        dynamic_cast<fake_connection&>(held->session()).alive = false;
    }
    EXPECT_EQ(refused(id), refusal::aborted);
    EXPECT_EQ(on.server.open(), 0);
}

TEST_F(open_transactions, given_one_is_idle_for_three_minutes_when_reaped_then_it_is_rolled_back) {
    const auto id = begin();
    table->reap(core::clock::now() + seconds(179));
    EXPECT_TRUE(table->hold(id, to));
    table->reap(core::clock::now() + seconds(181));
    EXPECT_EQ(refused(id), refusal::expired);
    EXPECT_EQ(table->open(), 0U);
    on.settle();
    EXPECT_EQ(on.server.rollbacks, 1);
    EXPECT_EQ(on.pools().counts().idle, 1U);
}

TEST_F(open_transactions, given_it_was_used_when_reaped_then_its_clock_began_again) {
    limit({.idle = seconds(1)});
    const auto id = begin();
    const auto began = core::clock::now();
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_TRUE(table->hold(id, to));
    table->reap(began + milliseconds(1050));
    EXPECT_TRUE(table->hold(id, to));
}

TEST_F(open_transactions, given_a_statement_runs_for_long_when_reaped_then_it_is_not_idle) {
    const auto id = begin();
    {
        const auto held = table->hold(id, to);
        table->reap(core::clock::now() + hours(1));
        EXPECT_EQ(refused(id), refusal::running);
    }
    EXPECT_TRUE(table->hold(id, to));
}

TEST_F(open_transactions, given_one_is_a_day_old_when_reaped_then_it_ends_once_its_statement_has) {
    const auto idle = begin(), running = begin();
    {
        const auto held = table->hold(running, to);
        table->reap(core::clock::now() + hours(24));
        EXPECT_EQ(refused(idle), refusal::expired);
        EXPECT_EQ(refused(running), refusal::running);
    }
    EXPECT_EQ(refused(running), refusal::expired);
    on.settle();
    EXPECT_EQ(on.server.rollbacks, 2);
}

TEST_F(open_transactions, given_a_rollback_fails_when_reaped_then_the_session_is_closed) {
    (void)begin();
    on.server.rollback_fails = sql::failure{.kind = sql::failure_kind::timeout, .message = "stuck"};
    table->reap(core::clock::now() + hours(1));
    on.settle();
    EXPECT_EQ(on.server.open(), 0);
}

TEST_F(open_transactions, given_the_maximum_when_another_is_adopted_then_its_session_goes_home_reset) {
    limit({.maximum = 1});
    (void)begin();
    auto session = on.acquire();
    bench::fake(session).open_transaction = true;
    EXPECT_EQ(table->adopt(std::move(session), to), std::nullopt);
    on.settle();
    EXPECT_EQ(on.pools().counts().idle, 1U);
    EXPECT_EQ(on.server.resets, 1);
}

TEST_F(open_transactions, given_many_have_ended_when_asked_then_only_the_last_are_remembered) {
    limit({.remembered = 2});
    const auto first = begin(), second = begin(), third = begin();
    for (const auto& id : {first, second, third}) table->hold(id, to)->end(ending::rolled_back);
    EXPECT_EQ(refused(first), refusal::unknown);
    EXPECT_EQ(refused(second), refusal::ended);
    EXPECT_EQ(refused(third), refusal::ended);
}

TEST_F(open_transactions, given_a_drain_has_begun_when_reaped_then_unused_ones_have_a_grace_and_no_new_one_begins) {
    limit({.drain = milliseconds(5'000)});
    const auto left = begin();
    const auto used = begin();
    const auto began = core::clock::now() + seconds(60);  // both are idle for a minute by then
    table->begin_drain(began);
    EXPECT_FALSE(table->adopt(on.acquire(), to));
    table->reap(began + milliseconds(4'900));
    on.settle();
    EXPECT_EQ(table->open(), 2U);
    auto running = table->hold(used, to);
    ASSERT_TRUE(running.has_value());
    table->reap(began + milliseconds(5'000));
    on.settle();
    EXPECT_EQ(refused(left), refusal::expired);
    EXPECT_EQ(table->open(), 1U) << "one that runs a statement is not idle";
    running->end(ending::committed);
    EXPECT_EQ(table->open(), 0U);
}

TEST_F(open_transactions, given_other_limits_when_reaped_then_they_hold_for_open_ones) {
    const auto id = begin();
    table->set_limits({.idle = seconds(1)});
    table->reap(core::clock::now() + milliseconds(1'100));
    on.settle();
    EXPECT_EQ(refused(id), refusal::expired);
}

TEST_F(open_transactions, given_none_are_open_when_drained_then_it_returns_at_once) {
    bool done = false;
    on.spawn(drain(*table, core::deadline(), done));
    on.settle();
    EXPECT_TRUE(done);
}

TEST_F(open_transactions, given_some_run_when_drained_then_idle_ones_end_now_and_the_others_when_released) {
    const auto idle = begin(), running = begin();
    on.server.rolling_back.shut();
    bool done = false;
    {
        const auto held = table->hold(running, to);
        on.spawn(drain(*table, core::deadline(), done));
        on.settle();
        EXPECT_EQ(refused(idle), refusal::aborted);
        on.server.rolling_back.open();
        on.settle();
        EXPECT_EQ(on.server.rollbacks, 1);
        EXPECT_FALSE(done);
        EXPECT_EQ(table->adopt(on.acquire(), to), std::nullopt) << "none begin while draining";
    }
    on.settle();
    EXPECT_TRUE(done);
    EXPECT_EQ(on.server.rollbacks, 2);
    EXPECT_EQ(refused(running), refusal::aborted);
}

TEST_F(open_transactions, given_a_rollback_hangs_when_the_drain_is_over_time_then_it_returns) {
    (void)begin();
    on.server.rolling_back.shut();
    bool done = false;
    on.spawn(drain(*table, core::deadline::after(milliseconds(20)), done));
    on.run_for(milliseconds(100));
    EXPECT_TRUE(done);
    on.server.rolling_back.open();
    on.settle();
    EXPECT_EQ(on.server.rollbacks, 1);
}

TEST_F(open_transactions, given_the_table_ends_when_one_is_held_then_its_session_still_comes_home) {
    const auto running = begin(), idle = begin();
    {
        const auto held = table->hold(running, to);
        table.reset();
        EXPECT_TRUE(held->session().usable());
    }
    on.settle();
    EXPECT_EQ(on.pools().counts().idle, 2U);
}

TEST_F(open_transactions, given_a_held_one_when_moved_then_it_is_released_once) {
    const auto id = begin(), other = begin();
    auto held = *table->hold(id, to);
    held = *table->hold(other, to);
    EXPECT_TRUE(table->hold(id, to));
    EXPECT_EQ(refused(other), refusal::running);
    const auto moved = std::move(held);
    EXPECT_EQ(refused(other), refusal::running);
}

}  // namespace
}  // namespace borealis::pool
