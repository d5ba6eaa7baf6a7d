#include "pool/pool.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/fake_database.hpp"

namespace borealis::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class one_thread : public testing::Test {
 protected:
    using slot = bench::slot;

    void expect_counts(std::size_t open, std::size_t idle, std::size_t leased, std::size_t waiting) {
        const auto now = on.pools().counts();
        EXPECT_EQ(now.open, open);
        EXPECT_EQ(now.idle, idle);
        EXPECT_EQ(now.leased, leased);
        EXPECT_EQ(now.waiting, waiting);
        EXPECT_EQ(now.resetting, 0U);
        EXPECT_EQ(on.server.open(), static_cast<int>(open));
    }

    shared_budgets budgets;
    bench on{budgets};
};

TEST_F(one_thread, given_a_lease_comes_home_when_another_is_acquired_then_the_session_is_used_again) {
    {
        const auto first = on.acquire();
    }
    expect_counts(1, 1, 0, 0);
    const auto second = on.acquire();
    expect_counts(1, 0, 1, 0);
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(one_thread, given_all_are_taken_when_sessions_come_home_then_callers_are_served_in_order_of_arrival) {
    auto first = on.acquire(), second = on.acquire();
    slot waiting[4];
    for (auto& each : waiting) on.begin_acquire(each);
    expect_counts(2, 0, 2, 4);
    std::vector<int> order;
    for (int served = 0; served < 4; ++served) {
        (served == 0 ? first : **waiting[served - 1]) = lease();
        on.settle();
        for (int i = 0; i < 4; ++i) EXPECT_EQ(waiting[i].has_value(), i <= served);
    }
    expect_counts(2, 0, 2, 0);
    EXPECT_EQ(on.server.opened, 2);
}

TEST_F(one_thread, given_callers_wait_when_another_comes_then_it_does_not_overtake_them) {
    auto first = on.acquire();
    const auto second = on.acquire();
    slot early, late;
    on.begin_acquire(early);
    first = lease();  // handed over, but the early one has not run yet
    on.begin_acquire(late);
    EXPECT_TRUE(early.has_value());
    EXPECT_FALSE(late.has_value());
}

TEST_F(one_thread, given_nothing_comes_home_when_the_wait_limit_passes_then_the_caller_is_told) {
    on.to.limits.wait = milliseconds(20);
    const auto first = on.acquire(), second = on.acquire();
    slot waiting;
    on.begin_acquire(waiting);
    on.run_for(milliseconds(100));
    ASSERT_TRUE(waiting.has_value());
    EXPECT_EQ(waiting->error().kind, sql::failure_kind::busy);
    EXPECT_THAT(waiting->error().message,
                HasSubstr("All 2 connections of this cluster and login stayed busy for 0.0 s; "));
    expect_counts(2, 0, 2, 0);
}

TEST_F(one_thread, given_nothing_comes_home_when_the_deadline_passes_then_waiting_ends) {
    const auto first = on.acquire(), second = on.acquire();
    slot waiting;
    on.begin_acquire(waiting, core::deadline::after(milliseconds(20)));
    on.run_for(milliseconds(100));
    ASSERT_TRUE(waiting.has_value());
    EXPECT_EQ(waiting->error().kind, sql::failure_kind::busy);
}

TEST_F(one_thread, given_a_waiter_gave_up_when_a_session_comes_home_then_the_next_gets_it) {
    auto first = on.acquire();
    const auto second = on.acquire();
    slot impatient, patient;
    on.begin_acquire(impatient, core::deadline::after(milliseconds(10)));
    on.begin_acquire(patient);
    on.run_for(milliseconds(50));
    EXPECT_FALSE(impatient->has_value());
    first = lease();
    on.settle();
    EXPECT_TRUE(patient.has_value() && patient->has_value());
}

TEST_F(one_thread, given_a_session_is_handed_over_when_the_time_is_up_before_the_waiter_runs_then_it_still_gets_it) {
    auto first = on.acquire();
    const auto second = on.acquire();
    slot waiting;
    on.begin_acquire(waiting, core::deadline::after(milliseconds(10)));
    std::this_thread::sleep_for(milliseconds(20));  // the timer is due, but nothing has run
    first = lease();
    on.settle();
    ASSERT_TRUE(waiting.has_value());
    EXPECT_TRUE(waiting->has_value());
}

TEST_F(one_thread, given_other_logins_or_databases_when_acquired_then_each_has_its_own_sessions) {
    auto other = on.to;
    other.database = "b";
    auto user = on.to;
    user.login.user = "someone";
    {
        const auto a = on.acquire(), b = on.acquire(other), c = on.acquire(user);
    }
    EXPECT_EQ(on.server.opened, 3);
    {
        const auto a = on.acquire(), b = on.acquire(other), c = on.acquire(user);
    }
    EXPECT_EQ(on.server.opened, 3);
}

TEST_F(one_thread, given_a_lease_is_moved_when_it_is_given_back_then_it_comes_home_once) {
    auto first = on.acquire();
    auto second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the point
    first = std::move(second);
    first = lease();
    expect_counts(1, 1, 0, 0);
}

struct homecoming_case {
    const char* name;
    void (*what)(lease&);
    int resets;
    std::size_t left;
};
class homecoming : public testing::TestWithParam<homecoming_case> {};

TEST_P(homecoming, given_what_happened_to_a_session_when_it_comes_home_then_it_is_kept_reset_or_closed) {
    shared_budgets budgets;
    bench on(budgets);
    auto one = on.acquire();
    GetParam().what(one);
    one = lease();
    on.settle();
    EXPECT_EQ(on.server.resets, GetParam().resets);
    EXPECT_EQ(on.pools().counts().idle, GetParam().left);
    EXPECT_EQ(on.pools().counts().open, GetParam().left);
    EXPECT_EQ(on.server.open(), static_cast<int>(GetParam().left));
}

const homecoming_case homecomings[] = {
    {"clean", [](lease&) {}, 0, 1},
    {"tainted", [](lease& it) { it.taint(); }, 1, 1},
    {"in_transaction", [](lease& it) { bench::fake(it).open_transaction = true; }, 1, 1},
    {"unusable", [](lease& it) { bench::fake(it).alive = false; }, 0, 0},
    {"discarded", [](lease& it) { it.discard(); }, 0, 0},
    {"discarded_and_tainted", [](lease& it) { it.taint(), it.discard(); }, 0, 0},
};
INSTANTIATE_TEST_SUITE_P(all, homecoming, testing::ValuesIn(homecomings), [](const auto& i) { return i.param.name; });

TEST_F(one_thread, given_a_tainted_session_when_it_comes_home_then_nobody_gets_it_before_it_is_reset) {
    on.to.limits.maximum = 1;
    on.server.resetting.shut();
    auto first = on.acquire();
    first.taint();
    slot next;
    on.begin_acquire(next);
    first = lease();
    on.settle();
    EXPECT_FALSE(next.has_value());
    EXPECT_EQ(on.pools().counts().resetting, 1U);
    EXPECT_LE(on.server.reset_until.load().left(), seconds(5));
    on.server.resetting.open();
    on.settle();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(on.server.resets, 1);
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(one_thread, given_a_reset_fails_when_somebody_waits_then_a_new_session_is_opened_for_them) {
    on.to.limits.maximum = 1;
    on.server.reset_fails = sql::failure{.kind = sql::failure_kind::timeout, .message = "slow"};
    auto first = on.acquire();
    first.taint();
    slot next;
    on.begin_acquire(next);
    first = lease();
    on.settle();
    ASSERT_TRUE(next.has_value() && next->has_value());
    expect_counts(1, 0, 1, 0);
    EXPECT_EQ(on.server.opened, 2);
    EXPECT_EQ(on.server.peak, 1) << "the old one is closed before the new one is opened";
}

TEST_F(one_thread, given_a_discarded_session_when_somebody_waits_then_a_new_one_is_opened_for_them) {
    on.to.limits.maximum = 1;
    auto first = on.acquire();
    slot next;
    on.begin_acquire(next);
    first.discard();
    first = lease();
    on.settle();
    ASSERT_TRUE(next.has_value() && next->has_value());
    EXPECT_EQ(on.server.opened, 2);
    EXPECT_EQ(on.server.peak, 1);
}

TEST_F(one_thread, given_an_idle_session_is_dead_when_acquired_then_another_is_opened) {
    {
        const auto first = on.acquire();
    }
    on.server.dead = true;
    const auto second = on.acquire();
    EXPECT_EQ(bench::fake(second).number, 2);
    expect_counts(1, 0, 1, 0);
}

TEST_F(one_thread, given_the_database_cannot_be_reached_when_acquired_then_callers_fail_at_once_for_a_while) {
    on.server.connect_fails = sql::failure{.kind = sql::failure_kind::unreachable, .message = "refused"};
    EXPECT_EQ(on.fail_to_acquire().message, "refused");
    on.server.connecting.shut();  // nobody gets so far
    EXPECT_EQ(on.fail_to_acquire().message, "refused");
    expect_counts(0, 0, 0, 0);
    on.server.connecting.open();
    on.server.connect_fails.reset();
    std::this_thread::sleep_for(milliseconds(110));
    const auto back = on.acquire();
    expect_counts(1, 0, 1, 0);
}

TEST_F(one_thread, given_callers_wait_for_a_connection_when_it_cannot_be_made_then_all_fail_with_it) {
    on.to.limits.maximum = 1;
    on.server.connecting.shut();
    on.server.connect_fails = sql::failure{.kind = sql::failure_kind::unreachable, .message = "no answer"};
    slot first, waiting[3];
    on.begin_acquire(first);
    for (auto& each : waiting) on.begin_acquire(each);
    EXPECT_EQ(on.pools().counts().waiting, 3U);
    on.server.connecting.open();
    on.settle();
    EXPECT_EQ(first->error().message, "no answer");
    for (const auto& each : waiting) EXPECT_EQ(each->error().message, "no answer");
    expect_counts(0, 0, 0, 0);
}

TEST_F(one_thread, given_many_callers_come_at_once_when_sessions_are_opened_then_only_a_few_at_the_same_time) {
    on.to.limits.maximum = 10;
    on.to.limits.opens_at_once = 2;
    on.server.connecting.shut();
    slot all[6];
    for (auto& each : all) on.begin_acquire(each);
    EXPECT_EQ(on.server.connecting.waiting(), 2U);
    EXPECT_EQ(on.pools().counts().waiting, 4U);
    on.server.connecting.open();
    on.settle();
    for (auto& each : all) EXPECT_TRUE(each.has_value() && each->has_value());
    expect_counts(6, 0, 6, 0);
}

TEST_F(one_thread, given_callers_wait_for_their_turn_to_open_when_a_session_comes_home_then_it_serves_one_of_them) {
    on.to.limits.maximum = 4;
    on.to.limits.opens_at_once = 1;
    auto first = on.acquire();
    on.server.connecting.shut();
    slot opens, served, waits;
    for (auto* each : {&opens, &served, &waits}) on.begin_acquire(*each);
    first = lease();
    on.settle();
    EXPECT_FALSE(opens.has_value());
    ASSERT_TRUE(served.has_value());
    EXPECT_FALSE(waits.has_value());
    on.server.connecting.open();
    on.settle();
    ASSERT_TRUE(opens.has_value() && waits.has_value());
    EXPECT_EQ(on.server.opened, 3);
    const auto last = on.acquire();  // no share was lost on the way
    expect_counts(4, 0, 4, 0);
}

TEST_F(one_thread, given_sessions_open_one_by_one_when_one_cannot_be_opened_then_the_next_caller_still_has_its_turn) {
    on.to.limits.maximum = 4;
    on.to.limits.opens_at_once = 1;
    on.server.right_password = "right";
    on.server.connecting.shut();
    auto wrong = on.to;
    wrong.login.password = core::secret_text("wrong");
    slot bad, good[2];
    on.begin_acquire(bad, wrong);
    for (auto& each : good) on.begin_acquire(each);
    on.server.connecting.open();
    on.settle();
    EXPECT_EQ(bad->error().kind, sql::failure_kind::login);
    for (auto& each : good) EXPECT_TRUE(each.has_value() && each->has_value());
    expect_counts(2, 0, 2, 0);
}

TEST_F(one_thread, given_the_turn_to_open_does_not_come_when_the_wait_limit_passes_then_the_caller_is_told_why) {
    on.to.limits.opens_at_once = 1;
    on.to.limits.wait = milliseconds(20);
    on.server.connecting.shut();
    slot opens, waits;
    on.begin_acquire(opens);
    on.begin_acquire(waits);
    on.run_for(milliseconds(100));
    ASSERT_TRUE(waits.has_value());
    EXPECT_EQ(waits->error().kind, sql::failure_kind::busy);
    EXPECT_THAT(waits->error().message, HasSubstr("raise the pool's opens_at_once"));
    on.server.connecting.open();
    on.settle();
    EXPECT_TRUE(opens->has_value());
}

TEST_F(one_thread, given_a_login_fails_when_somebody_waits_then_they_try_themselves) {
    on.to.limits.maximum = 1;
    on.server.right_password = "right";
    on.server.connecting.shut();
    auto wrong = on.to;
    wrong.login.password = core::secret_text("wrong");
    slot bad, good;
    on.begin_acquire(bad, wrong);
    on.begin_acquire(good);
    on.server.connecting.open();
    on.settle();
    EXPECT_EQ(bad->error().kind, sql::failure_kind::login);
    ASSERT_TRUE(good.has_value());
    EXPECT_TRUE(good->has_value());
}

TEST_F(one_thread, given_a_login_failed_when_acquired_again_then_it_is_tried_again) {
    on.server.connect_fails = sql::failure{.kind = sql::failure_kind::login, .message = "wrong password"};
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(on.fail_to_acquire().kind, sql::failure_kind::login) << "failures take no budget";
    on.server.connect_fails.reset();
    const auto one = on.acquire();
    EXPECT_TRUE(one);
}

TEST_F(one_thread, given_a_caller_had_little_time_when_connecting_failed_then_others_are_not_refused) {
    on.server.connect_fails = sql::failure{.kind = sql::failure_kind::unreachable, .message = "no time"};
    EXPECT_EQ(on.fail_to_acquire(core::deadline(core::clock::now())).message, "no time");
    on.server.connect_fails.reset();
    const auto one = on.acquire();
    EXPECT_TRUE(one);
}

TEST_F(one_thread, given_a_connect_time_out_when_connecting_then_it_bounds_the_deadline) {
    on.to.limits.connect_timeout = milliseconds(500);
    const auto one = on.acquire();
    EXPECT_LE(on.server.connect_until.load().left(), milliseconds(500));
    slot other;
    on.begin_acquire(other, core::deadline::after(milliseconds(50)));
    EXPECT_LE(on.server.connect_until.load().left(), milliseconds(50));
}

TEST_F(one_thread, given_another_password_when_acquired_then_no_session_of_the_old_one_is_used) {
    auto held = on.acquire();
    {
        const auto idle = on.acquire();
    }
    on.to.login.password = core::secret_text("new");
    const auto fresh = on.acquire();
    EXPECT_EQ(bench::fake(fresh).address_and_password, "one/new");
    expect_counts(2, 0, 2, 0);
    held = lease();
    expect_counts(1, 0, 1, 0);
}

TEST_F(one_thread, given_another_endpoint_when_acquired_then_sessions_go_there) {
    {
        const auto old = on.acquire();
    }
    on.to.endpoint.host = "two";
    const auto fresh = on.acquire();
    EXPECT_EQ(bench::fake(fresh).address_and_password, "two/right");
    expect_counts(1, 0, 1, 0);
}

TEST_F(one_thread, given_a_waiter_with_a_wrong_password_when_a_session_comes_home_then_it_does_not_get_that_one) {
    on.to.limits.maximum = 1;
    on.server.right_password = "right";
    auto wrong = on.to;
    wrong.login.password = core::secret_text("wrong");
    auto first = on.acquire();
    slot bad, good;
    on.begin_acquire(bad, wrong);
    on.begin_acquire(good);
    first = lease();
    on.settle();
    ASSERT_TRUE(bad.has_value());
    EXPECT_EQ(bad->error().kind, sql::failure_kind::login);
    ASSERT_TRUE(good.has_value());
    EXPECT_TRUE(good->has_value());
    EXPECT_EQ(on.server.peak, 1);
}

TEST_F(one_thread, given_a_target_is_dropped_when_its_sessions_come_home_then_they_close) {
    auto other = on.to;
    other.target += "2";
    const auto elsewhere = on.acquire(other);
    auto held = on.acquire();
    {
        const auto idle = on.acquire();
    }
    on.pools().drop_target(on.to.target);
    EXPECT_EQ(on.pools().counts(on.to.target).idle, 0U);
    EXPECT_EQ(on.pools().counts(on.to.target).leased, 1U);
    held = lease();
    EXPECT_EQ(on.pools().counts(on.to.target).open, 0U);
    EXPECT_EQ(on.pools().counts(other.target).open, 1U);
    const auto again = on.acquire();
    EXPECT_EQ(bench::fake(again).number, 4);
}

TEST_F(one_thread, given_all_are_dropped_when_resets_end_then_their_sessions_close_too) {
    on.server.resetting.shut();
    auto held = on.acquire();
    held.taint();
    held = lease();
    on.settle();
    EXPECT_EQ(on.pools().counts().resetting, 1U);
    on.pools().drop_all();
    on.server.resetting.open();
    on.settle();
    expect_counts(0, 0, 0, 0);
}

TEST_F(one_thread, given_idle_sessions_when_swept_then_old_ones_close_and_the_pool_is_forgotten) {
    {
        const auto a = on.acquire(), b = on.acquire();
    }
    on.pools().sweep(core::clock::now() + seconds(299));
    expect_counts(2, 2, 0, 0);
    on.pools().sweep(core::clock::now() + seconds(301));
    expect_counts(0, 0, 0, 0);
    const auto again = on.acquire();
    expect_counts(1, 0, 1, 0);
}

TEST_F(one_thread, given_a_caller_waits_when_swept_then_its_pool_stays) {
    on.to.limits.maximum = 1;
    auto held = on.acquire();
    slot waiting;
    on.begin_acquire(waiting);
    held = lease();
    on.pools().sweep(core::clock::now() + seconds(301));  // the session is on its way to the waiter
    on.settle();
    ASSERT_TRUE(waiting.has_value() && waiting->has_value());
    waiting.reset();
    expect_counts(1, 1, 0, 0);
}

TEST_F(one_thread, given_the_maximum_changes_when_acquired_then_the_new_one_counts) {
    on.to.limits.maximum = 1;
    auto first = on.acquire();
    slot waiting;
    on.begin_acquire(waiting);
    EXPECT_FALSE(waiting.has_value());
    on.to.limits.maximum = 3;
    slot another;
    on.begin_acquire(another);
    on.settle();
    EXPECT_TRUE(waiting.has_value() && another.has_value());
    on.to.limits.maximum = 1;
    slot last;
    on.begin_acquire(last);
    (*another)->discard();
    (*waiting)->discard();
    another.reset();
    waiting.reset();
    on.settle();
    EXPECT_FALSE(last.has_value());
    first.discard();
    first = lease();
    on.settle();
    EXPECT_TRUE(last.has_value());
    EXPECT_EQ(on.server.open(), 1);
}

TEST_F(one_thread, given_the_pools_have_ended_when_leases_and_waiters_remain_then_they_end_well) {
    auto held = on.acquire(), tainted = on.acquire();
    tainted.taint();
    slot waiting;
    on.begin_acquire(waiting);
    on.end_pools();
    EXPECT_EQ(on.server.open(), 2);
    held = lease();
    tainted = lease();
    EXPECT_EQ(on.server.open(), 0);
    on.settle();
    EXPECT_EQ(waiting->error().kind, sql::failure_kind::busy);
}

TEST(pool_teardown, given_coroutines_wait_connect_and_reset_when_their_context_ends_then_nothing_leaks) {
    shared_budgets budgets;
    std::vector<bench::slot> slots(4);
    {
        bench on(budgets);
        on.server.connecting.shut();
        on.server.resetting.shut();
        on.to.limits.maximum = 3;
        on.begin_acquire(slots[0]);
        on.server.connecting.open();
        on.settle();
        (*slots[0])->taint();
        slots[0].reset();
        on.settle();  // resetting
        on.server.connecting.shut();
        on.begin_acquire(slots[1]);  // connecting
        on.begin_acquire(slots[2]);  // connecting
        on.begin_acquire(slots[3]);  // waiting
        EXPECT_EQ(on.pools().counts().waiting, 1U);
        on.end_pools();
    }
    bench next(budgets);
    next.to.limits.maximum = 3;
    const auto a = next.acquire(), b = next.acquire(), c = next.acquire();
    EXPECT_TRUE(a && b && c) << "the budget of the old one is free again";
}

}  // namespace
}  // namespace borealis::pool
