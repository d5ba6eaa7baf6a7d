#include "server/logins.hpp"

#include <atomic>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace borealis::server {
namespace {

namespace asio = core::asio;
using namespace std::chrono_literals;
using answer = core::result<core::secret_text>;

/// Runs some fetches at the same time on a loop of their own, and hands out what they got.
std::vector<std::string> fetch(outside_secrets& from, const outside_secret& what, bool anew, std::size_t count,
                               core::deadline until = core::deadline::after(60s)) {
    asio::io_context loop(1);
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
        asio::co_spawn(loop.get_executor(), from.fetch(what, anew, until),
                       [&](const std::exception_ptr& thrown, const answer& got) {
                           if (thrown) std::rethrow_exception(thrown);
                           all.push_back(got ? got->reveal() : got.error().message);
                       });
    }
    loop.run();
    return all;
}

const outside_secret app{.id = "app", .lives = 3600s};

TEST(outside, given_many_callers_when_they_ask_at_once_then_it_is_read_once) {
    std::atomic<int> reads = 0;
    std::latch go(1);
    outside_secrets of([&](const outside_secret& what) -> answer {
        go.wait();
        return core::secret_text(what.id + " " + std::to_string(++reads));
    });
    EXPECT_FALSE(of.at_hand(app));
    std::thread opens([&] {
        std::this_thread::sleep_for(20ms);
        go.count_down();
    });
    EXPECT_EQ(fetch(of, app, false, 50), std::vector<std::string>(50, "app 1"));
    opens.join();
    EXPECT_EQ(of.at_hand(app)->reveal(), "app 1");
    EXPECT_EQ(fetch(of, app, false, 1).front(), "app 1");
    EXPECT_EQ(fetch(of, app, true, 1).front(), "app 1");  // a moment ago is new enough
    EXPECT_EQ(fetch(of, {.id = "other"}, false, 1).front(), "other 2");
}

TEST(outside, given_a_refused_login_when_asked_anew_then_it_is_read_again) {
    std::atomic<int> reads = 0;
    outside_secrets of([&](const outside_secret&) -> answer { return core::secret_text(std::to_string(++reads)); });
    EXPECT_EQ(fetch(of, app, false, 1).front(), "1");
    std::this_thread::sleep_for(1050ms);
    EXPECT_EQ(fetch(of, app, false, 1).front(), "1");
    EXPECT_EQ(fetch(of, app, true, 1).front(), "2");
    EXPECT_EQ(of.at_hand(app)->reveal(), "2");
}

TEST(outside, given_a_place_that_is_gone_when_read_again_then_the_former_value_stays) {
    std::atomic<bool> there = true;
    outside_secrets of([&](const outside_secret&) -> answer {
        if (!there) throw std::runtime_error("nobody answers");
        return core::secret_text("kept");
    });
    const outside_secret brief{.id = "brief", .lives = 0s};
    EXPECT_EQ(fetch(of, brief, false, 1).front(), "kept");
    EXPECT_FALSE(of.at_hand(brief));
    there = false;
    EXPECT_EQ(fetch(of, brief, false, 1).front(), "kept");
    EXPECT_EQ(of.at_hand(brief)->reveal(), "kept");  // for a while, so that not every call asks
    EXPECT_EQ(fetch(of, {.id = "never"}, false, 1).front(), "The secret never wasn't found.");
}

TEST(outside, given_a_place_that_is_slow_when_the_time_is_over_then_the_caller_does_not_wait_for_it) {
    std::latch go(1);
    outside_secrets of([&](const outside_secret&) -> answer {
        go.wait();
        return core::secret_text("late");
    });
    EXPECT_EQ(fetch(of, app, false, 2, core::deadline::after(10ms)).front(),
              "The secret app could not be read in time; try again later.");
    go.count_down();
    of.finish();
    EXPECT_EQ(of.at_hand(app)->reveal(), "late");
}

}  // namespace
}  // namespace borealis::server
