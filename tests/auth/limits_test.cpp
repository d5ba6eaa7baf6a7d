#include "auth/limits.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;

TEST(meter, given_a_rate_when_requests_come_then_the_bucket_empties_and_fills) {
    const caller_limits by{.requests_per_second = 10, .burst = 3};
    meter used;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(used.take_request(by, 1s)) << i;
    EXPECT_FALSE(used.take_request(by, 1s));
    EXPECT_FALSE(used.take_request(by, 1s + 99ms));
    EXPECT_TRUE(used.take_request(by, 1s + 100ms));
    EXPECT_FALSE(used.take_request(by, 1s + 100ms));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(used.take_request(by, 10s)) << i;
    EXPECT_FALSE(used.take_request(by, 10s));
}

TEST(meter, given_a_rate_below_one_when_a_request_comes_then_one_fits) {
    const caller_limits by{.requests_per_second = 0.5};
    meter used;
    EXPECT_TRUE(used.take_request(by, 5s));
    EXPECT_FALSE(used.take_request(by, 6s));
    EXPECT_TRUE(used.take_request(by, 7s));
}

TEST(meter, given_no_rate_when_requests_come_then_all_pass) {
    meter used;
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(used.take_request({}, 1s));
}

TEST(meter, given_a_bound_when_calls_begin_and_end_then_no_more_run_at_once) {
    const caller_limits by{.concurrent_calls = 2, .open_transactions = 1};
    const auto used = std::make_shared<meter>();
    auto first = meter::begin_call(used, by);
    auto second = meter::begin_call(used, by);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(meter::begin_call(used, by));
    EXPECT_EQ(used->calls(), 2U);
    first.reset();
    EXPECT_TRUE(meter::begin_call(used, by));
    EXPECT_EQ(used->calls(), 1U);
    auto open = meter::begin_transaction(used, by);
    EXPECT_TRUE(open);
    EXPECT_FALSE(meter::begin_transaction(used, by));
    const auto moved = std::move(*open);
    open.reset();
    EXPECT_EQ(used->transactions(), 1U);
}

TEST(meter, given_many_threads_when_they_take_at_once_then_no_more_pass_than_the_rate_allows) {
    const caller_limits by{.requests_per_second = 1'000, .burst = 500};
    meter used;
    std::atomic<int> passed = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int n = 0; n < 1'000; ++n) passed += used.take_request(by, 1s) ? 1 : 0;
            });
    }
    EXPECT_EQ(passed, 500);
}

TEST(caller_limits, given_defaults_and_own_when_joined_then_own_win_and_read_only_stays) {
    const caller_limits defaults{.requests_per_second = 5, .burst = 9, .rows = 100, .read_only = true};
    const auto joined = defaults.with({.requests_per_second = 50, .concurrent_calls = 4});
    EXPECT_EQ(joined,
              (caller_limits{.requests_per_second = 50, .concurrent_calls = 4, .rows = 100, .read_only = true}));
    EXPECT_EQ(defaults.with({.burst = 2}).burst, 2U);
}

}  // namespace
}  // namespace borealis::auth
