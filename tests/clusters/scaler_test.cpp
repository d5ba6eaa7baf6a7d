#include "clusters/scaler.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using core::clock;

description of(generation mode, int least, int most) {
    description made;
    made.is = engine::mysql;
    made.mode = mode;
    made.scales = {.given = true, .least = {least}, .most = {most}};
    return made;
}

TEST(capacity_values, given_each_engine_when_asked_then_they_are_those_of_aws) {
    EXPECT_TRUE(is_capacity_value(engine::mysql, 1));
    EXPECT_FALSE(is_capacity_value(engine::postgresql, 1));
    EXPECT_TRUE(is_capacity_value(engine::postgresql, 384));
    EXPECT_FALSE(is_capacity_value(engine::mysql, 384));
    EXPECT_FALSE(is_capacity_value(engine::mysql, 3));
}

TEST(scaler, given_v2_when_load_comes_and_goes_then_it_is_up_at_once_and_down_in_steps) {  // L-7.3
    scaler one;
    const auto what = of(generation::v2, 0, 16);
    auto now = clock::time_point(1h);
    EXPECT_EQ(one.observe(what, {0}, {}, now), capacity{1});  // it runs: half a unit at least
    EXPECT_EQ(one.observe(what, {1}, {.running = 1}, now), std::nullopt);
    EXPECT_EQ(one.observe(what, {1}, {.running = 7}, now), capacity{7});
    EXPECT_EQ(one.observe(what, {7}, {.running = 400}, now), capacity{16});  // its maximum
    EXPECT_EQ(one.observe(what, {16}, {}, now + 4s), std::nullopt);
    EXPECT_EQ(one.observe(what, {16}, {}, now + 5s), capacity{12});
    EXPECT_EQ(one.observe(what, {12}, {}, now + 6s), std::nullopt);
    EXPECT_EQ(one.observe(what, {12}, {}, now + 10s), capacity{9});
    EXPECT_EQ(one.observe(what, {2}, {}, now + 60s), capacity{1});
    EXPECT_EQ(one.observe(what, {1}, {}, now + 70s), std::nullopt);
}

TEST(scaler, given_v1_when_load_comes_then_it_doubles_at_a_scaling_point_alone) {  // L-7.3, L-7.4
    scaler one;
    auto what = of(generation::v1, 2, 32);
    auto now = clock::time_point(1h);
    EXPECT_EQ(one.observe(what, {0}, {}, now), capacity{2});
    EXPECT_EQ(one.observe(what, {2}, {.running = 8}, now + 1s), std::nullopt);    // no scaling point
    EXPECT_EQ(one.observe(what, {2}, {.running = 8}, now + 302s), std::nullopt);  // given up: RollbackCapacityChange
    what.scales.timeout_action = "ForceApplyCapacityChange";
    EXPECT_EQ(one.observe(what, {2}, {.running = 8}, now + 602s), capacity{4});
    // Down: 15 minutes after a change up, 310 s after one down.
    EXPECT_EQ(one.observe(what, {4}, {}, now + 602s + 14min), std::nullopt);
    EXPECT_EQ(one.observe(what, {4}, {}, now + 602s + 15min), capacity{2});
    EXPECT_EQ(one.observe(what, {2}, {}, now + 602s + 30min), std::nullopt);  // its minimum
}

TEST(scaler, given_v1_when_its_bounds_are_moved_away_then_it_follows_them) {
    scaler one;
    const auto now = clock::time_point(1h);
    EXPECT_EQ(one.observe(of(generation::v1, 2, 8), {64}, {}, now), std::nullopt);  // a change by hand rests as well
    EXPECT_EQ(one.observe(of(generation::v1, 2, 8), {64}, {}, now + 15min), capacity{32});
    EXPECT_EQ(one.observe(of(generation::v1, 2, 8), {32}, {}, now + 15min + 310s), capacity{16});
    EXPECT_EQ(one.observe(of(generation::v1, 32, 64), {2}, {}, now + 16min + 310s), capacity{4});
    EXPECT_EQ(one.observe(of(generation::v1, 2, 8), {8}, {.running = 99}, now + 2h), std::nullopt);
}

}  // namespace
}  // namespace borealis::clusters
