/// Two threads, one budget.

#include "pool/budget.hpp"

#include <random>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "pool/fake_database.hpp"

namespace borealis::pool {
namespace {

using std::chrono::milliseconds;
using slot = bench::slot;

/// Both contexts are run by the test's own thread, in any order the test likes.
class two_homes : public testing::Test {
 protected:
    two_homes() { a.to.limits.maximum = b.to.limits.maximum = 1; }

    void settle() {
        for (int i = 0; i < 4; ++i) {
            a.settle();
            b.settle();
        }
    }

    shared_budgets budgets;
    bench a{budgets}, b{budgets};
};

TEST_F(two_homes, given_one_has_an_idle_session_when_the_other_needs_one_then_it_is_closed_for_it) {
    {
        const auto idle = a.acquire();
    }
    slot got;
    b.begin_acquire(got);
    EXPECT_FALSE(got.has_value());
    settle();
    ASSERT_TRUE(got.has_value() && got->has_value());
    EXPECT_EQ(a.server.open(), 0);
    EXPECT_EQ(b.server.open(), 1);
}

TEST_F(two_homes, given_one_uses_all_when_a_session_comes_home_then_the_other_gets_its_share) {
    auto held = a.acquire();
    slot got;
    b.begin_acquire(got);
    settle();
    EXPECT_FALSE(got.has_value());
    held = lease();
    settle();
    ASSERT_TRUE(got.has_value() && got->has_value());
    EXPECT_EQ(a.server.open(), 0);
}

TEST_F(two_homes, given_both_wait_when_a_session_comes_home_then_the_own_waiter_comes_first) {
    auto held = a.acquire();
    slot theirs, own;
    b.begin_acquire(theirs);
    a.begin_acquire(own);
    held = lease();
    settle();
    EXPECT_TRUE(own.has_value());
    EXPECT_FALSE(theirs.has_value());
    own.reset();
    settle();
    EXPECT_TRUE(theirs.has_value());
}

TEST_F(two_homes, given_the_other_has_waited_much_longer_when_a_session_comes_home_then_it_comes_first) {
    auto held = a.acquire();
    slot theirs, own;
    b.begin_acquire(theirs);
    std::this_thread::sleep_for(key_budget::patience + milliseconds(10));
    a.begin_acquire(own);
    held = lease();
    settle();
    EXPECT_FALSE(own.has_value());
    EXPECT_TRUE(theirs.has_value());
    theirs.reset();
    settle();
    EXPECT_TRUE(own.has_value());
}

/// Else two threads that both wait now and then would close each other's sessions all the time.
TEST_F(two_homes, given_the_other_has_a_session_when_it_wants_one_more_then_an_idle_one_stays_for_a_while) {
    a.to.limits.maximum = b.to.limits.maximum = 2;
    auto theirs = b.acquire();
    lease mine = a.acquire();
    slot more;
    b.begin_acquire(more);
    mine = lease();
    settle();
    EXPECT_FALSE(more.has_value());
    EXPECT_EQ(a.pools().counts().idle, 1U);
    theirs = lease();  // its own comes back
    settle();
    EXPECT_TRUE(more.has_value() && more->has_value());
    EXPECT_EQ(a.server.open(), 1);
}

TEST_F(two_homes, given_the_others_session_does_not_come_back_when_time_has_passed_then_an_idle_one_is_given_up) {
    a.to.limits.maximum = b.to.limits.maximum = 2;
    const auto theirs = b.acquire();
    lease mine = a.acquire();
    slot more;
    b.begin_acquire(more);
    mine = lease();
    settle();
    EXPECT_FALSE(more.has_value());
    std::this_thread::sleep_for(key_budget::patience + milliseconds(10));
    settle();
    EXPECT_TRUE(more.has_value() && more->has_value());
    EXPECT_EQ(a.server.open(), 0);
}

TEST_F(two_homes, given_a_waiter_gave_up_when_the_share_arrives_then_it_goes_on_to_the_next) {
    auto held = a.acquire();
    slot impatient;
    b.begin_acquire(impatient, core::deadline::after(milliseconds(10)));
    held = lease();  // sent to b, which has not run
    std::this_thread::sleep_for(milliseconds(20));
    slot own;
    a.begin_acquire(own);
    settle();
    EXPECT_TRUE(impatient.has_value());
    if (impatient->has_value()) impatient.reset();  // it may have come just in time
    settle();
    EXPECT_TRUE(own.has_value() && own->has_value());
}

TEST_F(two_homes, given_one_ends_when_the_other_waits_then_it_gets_the_share) {
    auto held = a.acquire();
    slot got;
    b.begin_acquire(got);
    a.end_pools();
    held = lease();
    settle();
    EXPECT_TRUE(got.has_value() && got->has_value());
}

TEST_F(two_homes, given_the_waiting_one_ends_when_a_session_comes_home_then_it_stays) {
    auto held = a.acquire();
    slot got;
    b.begin_acquire(got);
    b.end_pools();
    held = lease();
    settle();
    EXPECT_EQ(a.pools().counts().idle, 1U);
}

TEST_F(two_homes, given_a_share_is_on_its_way_when_the_receiver_ends_then_it_is_free_again) {
    auto held = a.acquire();
    slot got;
    b.begin_acquire(got);
    held = lease();  // granted to b, which has not run
    b.end_pools();
    settle();
    const auto again = a.acquire();
    EXPECT_TRUE(again);
}

/// What one caller of the stress test does, over and over.
core::awaitable<void> use_sessions(pools& from, const destination& to, int rounds, unsigned seed, int& served) {
    std::minstd_rand random(seed);
    core::timer pause(co_await core::asio::this_coro::executor);
    for (int i = 0; i < rounds; ++i) {
        auto got = co_await from.acquire(to, core::deadline::after(std::chrono::seconds(30)));
        if (!got) continue;
        ++served;
        pause.expires_after(std::chrono::microseconds(random() % 300));
        co_await pause.async_wait(core::as_tuple);
        switch (random() % 8) {
            case 0:
                got->taint();
                break;
            case 1:
                got->discard();
                break;
            default:
                break;
        }
    }
}

TEST(two_threads, given_more_callers_than_sessions_when_they_run_then_the_maximum_holds_and_all_are_served) {
    constexpr int threads = 2, callers = 10, rounds = 60;
    shared_budgets budgets;
    fake_server server;  // its gates stay open, its counters are atomic
    struct worker {
        explicit worker(shared_budgets& of) : home(of) {}
        bench home;
        int served = 0;
    };
    std::vector<std::unique_ptr<worker>> workers;
    fake_driver driver(server);
    for (int i = 0; i < threads; ++i) {
        auto& one = *workers.emplace_back(std::make_unique<worker>(budgets));
        one.home.to.driver = &driver;
        one.home.to.limits.maximum = 3;
        one.home.to.limits.wait = std::chrono::seconds(30);
        for (int c = 0; c < callers; ++c) {
            one.home.spawn(use_sessions(one.home.pools(), one.home.to, rounds,
                                        static_cast<unsigned>(i * callers + c + 1), one.served));
        }
    }
    {
        std::vector<std::jthread> running;
        for (auto& each : workers) {
            running.emplace_back([&home = each->home] { home.context().run(); });
        }
    }
    // A share sent to a thread that had already stopped is still to be taken.
    for (auto& each : workers) each->home.settle();
    for (const auto& each : workers) {
        EXPECT_EQ(each->served, callers * rounds);
        const auto left = each->home.pools().counts();
        EXPECT_EQ(left.leased + left.waiting + left.resetting, 0U);
        EXPECT_EQ(left.open, left.idle);
    }
    EXPECT_LE(server.peak, 3);
    for (auto& each : workers) each->home.end_pools();
    EXPECT_EQ(server.open(), 0);
}

}  // namespace
}  // namespace borealis::pool
