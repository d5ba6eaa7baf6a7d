// Who waits awake, for how long, and who has learnt not to.
#include "server/short_waits.hpp"

#include <optional>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace borealis::server {
namespace {

using namespace std::chrono_literals;

struct server_short_waits : testing::Test {
    core::asio::io_context loop{1};
    core::asio::executor_work_guard<core::executor> open = core::asio::make_work_guard(loop);

    /// Lets a wait come to nothing, or end by itself.
    std::size_t turns() { return loop.run_for(10ms) + loop.poll_one(); }
};

TEST_F(server_short_waits, given_a_lone_call_when_it_ends_in_time_then_each_wait_was_right_and_the_loop_was_awake) {
    short_waits waits(loop.get_executor(), 10s);
    for (int round = 0; round < 3; ++round) {
        std::optional<short_waits::call> one(std::in_place, &waits);
        EXPECT_GT(turns(), 3U) << "it asks again and again";
        one.reset();
        EXPECT_GT(turns(), 3U) << "for the next request";
    }
    EXPECT_EQ(waits.right(), 5U) << "the last one goes on";
    EXPECT_EQ(waits.wrong(), 0U);
}

TEST_F(server_short_waits, given_waits_in_vain_when_there_are_more_then_fewer_and_fewer_are_tried_until_one_is_right) {
    short_waits waits(loop.get_executor(), 1ms);
    const auto call_in_vain = [&] {
        {
            const short_waits::call one(&waits);
            turns();
        }
        turns();
    };
    // Of 30 calls the 1st, 3rd, 7th and 15th are waited for, and as many that do not follow them.
    for (int i = 0; i < 30; ++i) call_in_vain();
    EXPECT_EQ(waits.right(), 0U);
    EXPECT_EQ(waits.wrong(), 8U);
    for (int i = 0; i < 2; ++i) {  // in time, and in time again: the answer twice, and a request
        const short_waits::call one(&waits);
    }
    EXPECT_EQ(waits.right(), 3U);
    EXPECT_EQ(waits.wrong(), 8U);
}

TEST_F(server_short_waits, given_several_calls_when_they_are_under_way_then_the_loop_sleeps) {
    short_waits waits(loop.get_executor(), 10s);
    const short_waits::call one(&waits);
    {
        const short_waits::call other(&waits);
        EXPECT_EQ(waits.right(), 1U) << "something else has come";
        EXPECT_LE(turns(), 1U);
    }
    EXPECT_LE(turns(), 1U) << "the first one has been waited for already";
    EXPECT_EQ(waits.wrong(), 0U);
}

TEST_F(server_short_waits, given_none_wanted_when_calls_come_then_the_loop_sleeps) {
    short_waits waits(loop.get_executor(), 0us);
    {
        const short_waits::call one(&waits);
        EXPECT_EQ(turns(), 0U);
    }
    EXPECT_EQ(turns(), 0U);
    {
        const short_waits::call nobody(nullptr);
    }
    waits.set(10s);
    {
        const short_waits::call one(&waits);
        EXPECT_GT(turns(), 3U);
    }
    EXPECT_EQ(waits.right(), 1U);
}

}  // namespace
}  // namespace borealis::server
