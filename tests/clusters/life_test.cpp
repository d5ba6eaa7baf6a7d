// The life of a cluster, event by event: no process, no clock.
#include "clusters/life.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using core::clock;

struct told {
    event what;
    step then;
    status now;
};

struct life_case {
    std::string_view name;
    status begins;
    bool is_new;
    std::vector<told> story;
};

const life_case life_cases[] = {
    {"first_call_creates",
     status::idle,
     true,
     {{event::call, step::create, status::creating}, {event::done, step::nothing, status::available}}},
    {"first_call_of_old_data_starts",
     status::idle,
     false,
     {{event::call, step::start, status::starting}, {event::done, step::nothing, status::available}}},
    {"created_by_the_api_goes_on_after_a_kill",
     status::creating,
     true,
     {{event::call, step::create, status::creating}, {event::done, step::nothing, status::available}}},
    {"pause_and_resume",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::pause, step::nothing, status::pausing},
      {event::quiet, step::halt, status::pausing},
      {event::done, step::nothing, status::paused},
      {event::call, step::start, status::resuming},
      {event::done, step::nothing, status::available}}},
    {"a_call_ends_the_pause_that_has_not_come",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::pause, step::nothing, status::pausing},
      {event::call, step::nothing, status::available},
      {event::quiet, step::nothing, status::available}}},
    {"a_pause_is_given_up",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::pause, step::nothing, status::pausing},
      {event::keep_up, step::nothing, status::available}}},
    {"an_idle_cluster_is_paused_at_once",
     status::idle,
     false,
     {{event::pause, step::nothing, status::paused}, {event::call, step::start, status::resuming}}},
    {"stop_and_start",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::stop, step::halt, status::stopping},
      {event::done, step::nothing, status::stopped},
      {event::call, step::nothing, status::stopped},
      {event::pause, step::nothing, status::stopped},
      {event::modify, step::nothing, status::stopped},
      {event::start, step::start, status::starting},
      {event::done, step::nothing, status::available}}},
    {"stop_of_a_paused_one", status::paused, false, {{event::stop, step::nothing, status::stopped}}},
    {"stop_before_the_pause_came",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::pause, step::nothing, status::pausing},
      {event::stop, step::halt, status::stopping},
      {event::done, step::nothing, status::stopped}}},
    {"stopped_stays_stopped_after_a_kill", status::stopped, false, {{event::call, step::nothing, status::stopped}}},
    {"modify_runs_on",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::modify, step::apply, status::modifying},
      {event::done, step::nothing, status::available}}},
    {"modify_starts_a_paused_one",
     status::paused,
     false,
     {{event::modify, step::start, status::modifying},
      {event::done, step::apply, status::modifying},
      {event::done, step::nothing, status::available}}},
    {"a_refused_modification_leaves_it_running",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::modify, step::apply, status::modifying},
      {event::failed, step::nothing, status::available}}},
    {"a_dead_engine_is_started_by_the_next_call",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::died, step::nothing, status::idle},
      {event::call, step::start, status::starting}}},
    {"an_engine_that_dies_while_it_is_let_go_is_paused",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::pause, step::nothing, status::pausing},
      {event::died, step::nothing, status::paused},
      {event::quiet, step::nothing, status::paused}}},
    {"remove",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::remove, step::remove, status::deleting},
      {event::done, step::nothing, status::gone},
      {event::call, step::nothing, status::gone},
      {event::start, step::nothing, status::gone},
      {event::stop, step::nothing, status::gone},
      {event::remove, step::nothing, status::gone}}},
    {"a_deletion_goes_on_after_a_kill",
     status::deleting,
     false,
     {{event::call, step::nothing, status::deleting},
      {event::remove, step::remove, status::deleting},
      {event::done, step::nothing, status::gone}}},
    {"a_failed_deletion_can_be_tried_again",
     status::idle,
     false,
     {{event::remove, step::remove, status::deleting},
      {event::failed, step::nothing, status::failed},
      {event::remove, step::remove, status::deleting}}},
    {"a_failed_halt_is_a_failure",
     status::idle,
     false,
     {{event::call, step::start, status::starting},
      {event::done, step::nothing, status::available},
      {event::stop, step::halt, status::stopping},
      {event::failed, step::nothing, status::failed}}},
};

struct a_life : ::testing::TestWithParam<life_case> {};
INSTANTIATE_TEST_SUITE_P(stories, a_life, ::testing::ValuesIn(life_cases),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_P(a_life, given_a_story_when_told_then_each_step_follows) {
    const auto& what = GetParam();
    life one(what.begins, what.is_new);
    auto now = clock::time_point(1h);
    for (std::size_t i = 0; i < what.story.size(); ++i) {
        const auto& told = what.story[i];
        EXPECT_EQ(one.resume(told.what, now), told.then) << "event " << i;
        EXPECT_EQ(one.is(), told.now) << "event " << i << ": " << name_of(one.is());
        now += 1s;
    }
}

TEST(life, given_a_failed_start_when_called_then_it_waits_for_its_time_longer_each_time) {
    life one(status::idle, false);
    auto now = clock::time_point(1h);
    ASSERT_EQ(one.resume(event::call, now), step::start);
    clock::duration last{};
    for (int tries = 0; tries < 8; ++tries) {
        EXPECT_EQ(one.resume(event::failed, now), step::nothing);
        EXPECT_EQ(one.is(), status::failed);
        EXPECT_EQ(one.about(event::call), verdict::refused);
        EXPECT_FALSE(one.wakes_at());  // nobody wants it
        EXPECT_EQ(one.resume(event::call, now), step::nothing);
        EXPECT_EQ(one.about(event::call), verdict::pending);
        ASSERT_TRUE(one.wakes_at());
        const auto waits = *one.wakes_at() - now;
        EXPECT_GE(waits, last);
        EXPECT_LE(waits, 4s);
        last = waits;
        EXPECT_EQ(one.resume(event::timer, *one.wakes_at() - 1ms), step::nothing);
        now = *one.wakes_at();
        EXPECT_EQ(one.resume(event::timer, now), step::start);
    }
    EXPECT_EQ(one.resume(event::done, now), step::nothing);
    EXPECT_EQ(one.is(), status::available);
}

TEST(life, given_wishes_when_their_steps_run_then_they_are_pending_and_then_true) {
    const auto now = clock::time_point(1h);
    for (const auto wish : {event::stop, event::remove, event::modify, event::quiet}) {
        life one(status::idle, false);
        EXPECT_EQ(one.about(event::call), verdict::pending);
        one.resume(event::call, now);
        EXPECT_EQ(one.about(event::call), verdict::pending);
        one.resume(event::done, now);
        EXPECT_EQ(one.about(event::call), verdict::come_true);
        if (wish == event::quiet) {
            one.resume(event::pause, now);
            EXPECT_EQ(one.about(event::pause), verdict::come_true);
        }
        one.resume(wish, now);
        EXPECT_EQ(one.about(wish), verdict::pending) << name_of(one.is());
        one.resume(event::done, now);
        EXPECT_EQ(one.about(wish), verdict::come_true) << name_of(one.is());
    }
    life stopped(status::stopped, false);
    EXPECT_EQ(stopped.about(event::call), verdict::refused);
    EXPECT_EQ(stopped.about(event::start), verdict::refused);  // until it is told
    EXPECT_EQ(stopped.about(event::pause), verdict::refused);
    EXPECT_EQ(stopped.about(event::modify), verdict::refused);
    stopped.resume(event::start, now);
    EXPECT_EQ(stopped.about(event::start), verdict::pending);
}

TEST(life, given_a_resume_that_failed_when_it_succeeds_later_then_it_was_a_resume_all_along) {
    life one(status::paused, false);
    const auto now = clock::time_point(1h);
    life fresh(status::idle, false);
    EXPECT_EQ(fresh.resume(event::pause, now), step::nothing);
    EXPECT_EQ(fresh.resume(event::call, now), step::start);
    EXPECT_EQ(fresh.is(), status::resuming);
    EXPECT_EQ(fresh.resume(event::failed, now), step::nothing);
    EXPECT_EQ(fresh.resume(event::call, now + 1h), step::start);
    EXPECT_EQ(fresh.is(), status::resuming);
}

TEST(life, given_every_state_when_asked_then_a_kill_leaves_what_is_true) {
    const auto now = clock::time_point(1h);
    life one(status::creating, true);
    EXPECT_EQ(one.resting(), status::creating);
    one.resume(event::call, now);
    EXPECT_EQ(one.resting(), status::creating);
    one.resume(event::done, now);
    EXPECT_EQ(one.resting(), status::idle);
    one.resume(event::pause, now);
    EXPECT_EQ(one.resting(), status::idle);
    one.resume(event::quiet, now);
    one.resume(event::done, now);
    EXPECT_EQ(one.resting(), status::paused);
    one.resume(event::call, now);
    EXPECT_EQ(one.resting(), status::idle);
    one.resume(event::done, now);
    one.resume(event::stop, now);
    EXPECT_EQ(one.resting(), status::stopped);
    one.resume(event::done, now);
    EXPECT_EQ(one.resting(), status::stopped);
    one.resume(event::remove, now);
    EXPECT_EQ(one.resting(), status::deleting);
}

TEST(life, given_our_own_states_when_shown_then_aws_calls_them_available) {
    for (const auto each : {status::idle, status::pausing, status::paused, status::resuming, status::available})
        EXPECT_EQ(aws_name_of(each), "available");
    for (const auto each : {status::creating, status::starting, status::stopping, status::stopped, status::modifying,
                            status::deleting, status::failed})
        EXPECT_EQ(aws_name_of(each), name_of(each));
}

TEST(idle_watch, given_calls_and_transactions_when_they_end_then_the_pause_counts_from_there) {  // L-7.20
    idle_watch one;
    auto now = clock::time_point(1h);
    EXPECT_FALSE(one.observe({.running = 0, .begun = 0}, 300s, now));
    EXPECT_FALSE(one.observe({.running = 0, .begun = 0}, 300s, now + 299s));
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 300s, now + 299s));  // a call came and went
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 300s, now + 598s));
    EXPECT_FALSE(one.observe({.running = 1, .begun = 1}, 300s, now + 599s));  // a transaction is open
    EXPECT_FALSE(one.observe({.running = 1, .begun = 1}, 300s, now + 3000s));
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 300s, now + 3299s));
    EXPECT_TRUE(one.observe({.running = 0, .begun = 1}, 300s, now + 3300s));
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 300s, now + 3301s));  // once
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 0s, now + 90'000s));  // never
    one.restart(now + 90'000s);
    EXPECT_FALSE(one.observe({.running = 0, .begun = 1}, 300s, now + 90'299s));
    EXPECT_TRUE(one.observe({.running = 0, .begun = 1}, 300s, now + 90'300s));
}

}  // namespace
}  // namespace borealis::clusters
