/// Sessions that several short statements use at once: which statements may, who joins whom, and what stays true.
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/fake_database.hpp"
#include "pool/shared_sessions.hpp"
#include "pool/short_statements.hpp"

namespace borealis::pool {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

// ---- short_statement

class proving : public testing::Test {
 protected:
    void observe(int times, milliseconds took = milliseconds(1), std::size_t beside = 1, std::size_t bytes = 100) {
        for (int i = 0; i < times; ++i) read.observe({.took = took, .beside = beside, .ended = {}}, bytes, limits);
    }
    [[nodiscard]] bool proved() const { return read.proved(limits); }

    static constexpr int most_slow = short_statement::most_slow;
    short_limits limits{.after = 8, .time = milliseconds(5), .slow = milliseconds(50), .bytes = 1000};
    short_statement read;
};

TEST_F(proving, given_a_statement_when_it_was_short_eight_times_then_it_has_proved_short) {
    observe(7);
    EXPECT_FALSE(proved());
    observe(1);
    EXPECT_TRUE(proved());
}

TEST_F(proving, given_one_that_has_just_proved_short_when_it_is_slow_once_then_it_has_to_prove_much_more) {
    observe(8);
    observe(1, milliseconds(51));
    observe(most_slow - 1);
    EXPECT_FALSE(proved());
    observe(1);
    EXPECT_TRUE(proved());
}

TEST_F(proving, given_one_that_was_short_for_long_when_it_is_slow_once_then_it_keeps_its_standing) {
    observe(1000);
    observe(1, milliseconds(60));
    observe(30);
    EXPECT_TRUE(proved());
    observe(2, milliseconds(60));
    observe(30);
    EXPECT_FALSE(proved()) << "three of a hundred";
}

TEST_F(proving, given_one_that_has_proved_short_when_its_result_is_large_then_it_loses_its_standing) {
    observe(8);
    observe(1, milliseconds(1), 1, 1001);
    EXPECT_FALSE(proved());
}

TEST_F(proving, given_one_that_usually_takes_long_when_it_is_never_slow_then_it_is_not_short) {
    observe(100, milliseconds(6));
    EXPECT_FALSE(proved());
}

TEST_F(proving, given_many_sessions_at_work_when_each_takes_its_time_then_that_is_not_held_against_it) {
    observe(100, milliseconds(6), 3);
    EXPECT_FALSE(proved());
    observe(100, milliseconds(6), 32);
    EXPECT_TRUE(proved());
}

TEST_F(proving, given_a_crowd_of_sessions_at_work_when_one_waits_for_all_then_it_is_not_slow_yet) {
    observe(300);
    observe(2, milliseconds(90), 32);
    EXPECT_TRUE(proved());
    observe(2, milliseconds(110), 32);
    EXPECT_FALSE(proved());
}

TEST_F(proving, given_one_of_twenty_calls_is_slow_when_thousands_run_then_it_is_hardly_ever_taken_for_short) {
    int taken = 0;
    for (int i = 0; i < 10'000; ++i) {
        taken += proved() ? 1 : 0;
        observe(1, i % 20 == 19 ? milliseconds(100) : milliseconds(1));
    }
    EXPECT_LT(taken, 20);
}

TEST_F(proving, given_one_that_has_become_slow_when_it_is_short_again_for_long_then_it_is_forgiven) {
    observe(10'000, milliseconds(100));
    observe(40 * most_slow);
    EXPECT_TRUE(proved());
}

TEST_F(proving, given_durations_when_they_change_then_the_usual_one_follows) {
    observe(1, milliseconds(1));
    EXPECT_EQ(read.usual(), milliseconds(1));
    observe(100, milliseconds(3));
    EXPECT_NEAR(std::chrono::duration<double>(read.usual()).count(), 0.003, 0.0001);
}

// ---- writes

class writing : public testing::Test {
 protected:
    /// Each of so many sessions gets one done in that time.
    void alone(std::uint32_t times, microseconds took, std::size_t beside) {
        for (std::uint32_t i = 0; i < times; ++i) {
            write.began(now);
            now += took / static_cast<std::int64_t>(beside);
            write.observe({.took = took, .beside = beside, .ended = now}, 0, limits);
        }
    }
    void shared(std::uint32_t times, microseconds took, bool waited = true, std::size_t sessions = 2) {
        for (std::uint32_t i = 0; i < times; ++i) {
            write.joined(now);
            now += took / static_cast<std::int64_t>(sessions);
            write.observe_shared(
                {.took = took, .waited = waited, .sessions = sessions, .most_sessions = 2, .ended = now}, 0, limits);
        }
    }
    /// It shares, and is about to be compared with warm sessions, which get 40 done a millisecond.
    /// @param pause  In which nobody calls, after each call that ran alone.
    void begin_to_share(core::clock::duration pause = {}) {
        alone(before, microseconds(400), 16);
        shared(trials + compared, microseconds(40));  // 50
        for (std::uint32_t i = 0; i < before + compared; ++i) {
            alone(1, microseconds(400), 16);
            now += pause;
        }
        shared(trials, microseconds(40));
    }
    [[nodiscard]] bool may_share() const { return write.proved(limits); }

    static constexpr auto trials = short_statement::trials;
    static constexpr auto before = short_statement::before_trial;
    static constexpr auto compared = short_statement::compared;
    core::clock::time_point now{};
    short_limits limits{};
    short_statement write{true};
};

TEST_F(writing, given_a_short_write_when_it_has_run_alone_for_a_while_then_a_few_are_tried_on_a_shared_session) {
    alone(before - 1, microseconds(400), 16);
    EXPECT_FALSE(may_share());
    alone(1, microseconds(400), 16);
    for (std::uint32_t i = 0; i < trials; ++i) {
        EXPECT_TRUE(may_share());
        write.joined(now);
    }
    EXPECT_FALSE(may_share()) << "enough are under way";
}

TEST_F(writing,
       given_commits_that_wait_for_nothing_when_tried_then_it_shares_for_longer_each_time_until_compared_anew) {
    alone(before, microseconds(400), 16);
    for (const std::uint32_t looks : {1U, 4U, 16U, 64U, 256U, 256U}) {
        shared(trials, microseconds(40));
        EXPECT_TRUE(may_share()) << looks;
        shared(looks * compared - 1, microseconds(40));
        EXPECT_TRUE(may_share()) << looks;
        shared(1, microseconds(40));
        EXPECT_FALSE(may_share()) << looks;
        alone(before + compared - 1, microseconds(400), 16);
        EXPECT_FALSE(may_share()) << looks;
        alone(1, microseconds(400), 16);
        EXPECT_TRUE(may_share()) << looks;
    }
}

TEST_F(writing, given_one_that_shares_when_it_begins_then_any_number_may_at_once) {
    begin_to_share();
    for (std::uint32_t i = 0; i < 10 * trials; ++i) write.joined(now);
    EXPECT_TRUE(may_share());
}

TEST_F(writing, given_commits_that_wait_for_a_disk_when_tried_then_it_runs_alone_for_longer_each_time) {
    auto times = before;
    for (std::uint32_t failure = 0; failure < 7; ++failure) {
        alone(times - 1, microseconds(400), 16);
        EXPECT_FALSE(may_share()) << failure;
        alone(1, microseconds(400), 16);
        ASSERT_TRUE(may_share()) << failure;
        shared(trials, microseconds(499));  // 4 a millisecond: a tenth
        EXPECT_FALSE(may_share()) << failure;
        times = short_statement::after_failure << std::min(failure, short_statement::most_failures);
    }
}

TEST_F(writing, given_a_trial_among_others_when_it_does_badly_then_what_it_does_at_length_decides) {
    alone(before, microseconds(400), 16);
    shared(trials, microseconds(160));  // 12 a millisecond
    ASSERT_TRUE(may_share());
    shared(compared, microseconds(160));
    EXPECT_FALSE(may_share());
    alone(short_statement::after_failure, microseconds(400), 16);
    shared(trials, microseconds(160));
    shared(compared, microseconds(40));
    EXPECT_FALSE(may_share()) << "to be compared with warm sessions";
    alone(before + compared, microseconds(400), 16);
    EXPECT_TRUE(may_share());
}

TEST_F(writing, given_sessions_that_were_cold_when_compared_then_warm_ones_decide) {
    alone(before, microseconds(4000), 16);
    shared(trials + compared, microseconds(60));  // 33 a millisecond, cold ones 4
    alone(before, microseconds(4000), 16);
    alone(compared, microseconds(400), 16);
    shared(trials, microseconds(60));
    ASSERT_TRUE(may_share());
    shared(compared, microseconds(60));
    EXPECT_FALSE(may_share());
}

TEST_F(writing, given_fewer_sessions_shared_than_may_be_when_compared_then_those_count_that_were) {
    begin_to_share();
    shared(compared, microseconds(40), true, 1);  // 25 a millisecond
    EXPECT_FALSE(may_share());
}

TEST_F(writing, given_time_in_which_nobody_calls_when_compared_then_it_does_not_count) {
    begin_to_share(seconds(1));
    shared(compared, microseconds(60));  // 33 a millisecond
    EXPECT_FALSE(may_share());
}

TEST_F(writing, given_one_that_shares_when_its_commits_become_dear_then_it_runs_alone_again) {
    begin_to_share();
    shared(compared, microseconds(40));
    ASSERT_TRUE(may_share());
    shared(compared, microseconds(90));
    EXPECT_FALSE(may_share());
}

TEST_F(writing, given_calls_that_nobody_stood_before_when_tried_then_they_decide_nothing) {
    alone(before, microseconds(400), 16);
    shared(1000, microseconds(4000), false);
    EXPECT_TRUE(may_share());
    shared(trials, microseconds(40));
    EXPECT_TRUE(may_share());
}

TEST_F(writing, given_a_write_that_takes_longer_than_the_limit_when_as_good_as_alone_then_it_does_not_share) {
    alone(before, microseconds(600), 2);
    shared(trials, microseconds(510));
    EXPECT_FALSE(may_share());
}

TEST_F(writing, given_a_limit_of_zero_when_cheap_then_no_write_shares) {
    limits.write_time = microseconds(0);
    alone(before, microseconds(400), 16);
    EXPECT_FALSE(may_share());
}

std::shared_ptr<const sql::rewritten> some_read() { return std::make_shared<const sql::rewritten>(); }

TEST(short_statements, given_more_statements_than_room_when_found_then_the_least_recently_used_is_forgotten) {
    short_statements table(2);
    const auto a = some_read(), b = some_read(), c = some_read();
    const auto of_a = table.find(a), of_b = table.find(b);
    EXPECT_EQ(table.find(a), of_a);
    EXPECT_NE(table.find(c), of_a);
    EXPECT_EQ(table.size(), 2U);
    EXPECT_EQ(table.find(a), of_a);
    EXPECT_NE(table.find(b), of_b) << "had to make room";
}

TEST(short_statements, given_a_statement_that_is_gone_when_another_has_its_address_then_it_starts_anew) {
    short_statements table;
    alignas(sql::rewritten) std::byte place[sizeof(sql::rewritten)];
    const auto at_place = [&] {
        return std::shared_ptr<const sql::rewritten>(new (&place) sql::rewritten,
                                                     [](const sql::rewritten* it) { std::destroy_at(it); });
    };
    auto first = at_place();
    const auto known = table.find(first);
    first.reset();
    const auto second = at_place();
    EXPECT_NE(table.find(second), known);
    EXPECT_EQ(table.size(), 1U);
}

// ---- shared_sessions

class deciding : public testing::Test {
 protected:
    deciding() { around.now = core::clock::time_point() + seconds(1000); }

    shared_session& host() {
        auto held = std::make_unique<fake_connection>(server, "one", "right");
        auto& made = all.host({share(), share(), std::move(held), {around.now + seconds(100), 0}}, around.now);
        join(made);
        return made;
    }
    void join(shared_session& which, core::clock::duration usual = microseconds(50)) {
        guests.push_back(&all.join(which, usual, around.now));
    }
    shared_session* find() { return all.find(limits, around); }
    void pass(core::clock::duration time) { around.now += time; }
    static std::size_t guests_of(const shared_session& which) { return which.guests.size(); }

    /// Counts how often a call was abandoned.
    struct running final : sql::abandonable {
        void abandon() noexcept override { ++times; }
        int times = 0;
    };

    fake_server server;
    shared_sessions all;
    sharing limits{.sessions = 2, .depth = 4, .proof = {}};
    shared_sessions::surroundings around;
    std::vector<guest*> guests;
};

TEST_F(deciding, given_nobody_shares_when_asked_then_there_is_nothing_to_join) {
    EXPECT_EQ(find(), nullptr);
    EXPECT_TRUE(all.worth_another(nullptr, limits));
}

TEST_F(deciding, given_a_session_when_it_is_full_then_nobody_joins) {
    auto& one = host();
    for (std::size_t i = 1; i < limits.depth; ++i) {
        ASSERT_EQ(find(), &one);
        join(one);
    }
    EXPECT_EQ(find(), nullptr);
    EXPECT_TRUE(all.worth_another(nullptr, limits));
}

TEST_F(deciding, given_two_sessions_when_asked_then_the_one_with_fewer_guests_is_joined_and_no_third_is_shared) {
    auto& one = host();
    join(one);
    auto& other = host();
    EXPECT_EQ(find(), &other);
    EXPECT_FALSE(all.worth_another(nullptr, limits));
}

TEST_F(deciding, given_a_slow_head_when_asked_then_nobody_is_put_behind_it_until_it_is_answered) {
    auto& one = host();
    join(one);
    pass(limits.proof.slow / 4 + microseconds(1));
    EXPECT_EQ(find(), nullptr);
    EXPECT_FALSE(all.leave(one, *guests[0], around.now).has_value());
    EXPECT_EQ(find(), &one);
}

TEST_F(deciding, given_guests_that_will_take_long_together_when_asked_then_nobody_is_put_behind_them) {
    auto& one = host();
    join(one, milliseconds(4));
    EXPECT_EQ(find(), &one);
    join(one, milliseconds(2));
    EXPECT_EQ(find(), nullptr);
}

TEST_F(deciding, given_guests_when_they_leave_then_each_has_taken_the_time_since_the_one_before) {
    auto& one = host();
    join(one);
    pass(milliseconds(3));
    EXPECT_EQ(shared_sessions::took(one, *guests[0], around.now), milliseconds(3));
    EXPECT_FALSE(all.leave(one, *guests[0], around.now).has_value());
    pass(milliseconds(1));
    EXPECT_EQ(shared_sessions::took(one, *guests[1], around.now), milliseconds(1));
    const auto last = all.leave(one, *guests[1], around.now);
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(one.expected, core::clock::duration::zero());
    EXPECT_EQ(all.size(), 0U);
}

TEST_F(deciding, given_a_session_that_was_closing_when_another_is_shared_in_its_place_then_that_begins_anew) {
    auto& one = host();
    one.closing = true;
    one.left_in = slots::state::discarded;
    const auto last = all.leave(one, *guests[0], around.now);
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->left_in, slots::state::discarded);
    auto& next = host();
    EXPECT_FALSE(next.closing);
    EXPECT_EQ(next.left_in, slots::state::clean);
    EXPECT_EQ(guests_of(next), 1U);
    EXPECT_EQ(find(), &next);
}

TEST_F(deciding, given_a_session_that_is_due_when_asked_then_nobody_joins) {
    struct due_case {
        const char* name;
        std::function<void(shared_session&)> make;
    };
    const due_case cases[] = {
        {"out of date", [&](shared_session&) { around.generation = 1; }},
        {"too old", [&](shared_session& which) { which.what.origin.expires = around.now; }},
        {"discarded", [](shared_session& which) { which.left_in = slots::state::discarded; }},
        {"broken", [](shared_session& which) { dynamic_cast<fake_connection&>(*which.what.held).alive = false; }},
    };
    for (const auto& each : cases) {
        around.generation = 0;
        auto& one = host();
        ASSERT_EQ(find(), &one) << each.name;
        each.make(one);
        EXPECT_EQ(find(), nullptr) << each.name;
        (void)all.leave(one, *guests.back(), around.now);
    }
}

TEST_F(deciding, given_others_wait_when_a_turn_is_over_then_one_session_is_given_up_at_a_time) {
    auto& one = host();
    auto& other = host();
    around.wanted = true;
    EXPECT_NE(find(), nullptr) << "its turn has begun only now";
    for (auto* const each : {&one, &other}) each->head_since = around.now + shared_sessions::short_turn;
    pass(shared_sessions::short_turn);
    auto* const stays = find();
    ASSERT_NE(stays, nullptr);
    EXPECT_NE(one.closing, other.closing);
    EXPECT_EQ(find(), stays);
}

TEST_F(deciding, given_others_wait_when_most_sessions_are_held_alone_then_the_turn_is_longer) {
    auto& one = host();
    around.wanted = true;
    around.others = 5;
    one.head_since = around.now + seconds(1);
    pass(shared_sessions::short_turn);
    EXPECT_EQ(find(), &one);
    pass(shared_sessions::long_turn - shared_sessions::short_turn);
    EXPECT_EQ(find(), nullptr);
}

TEST_F(deciding, given_a_slow_head_with_others_behind_when_the_wait_is_over_then_it_alone_is_abandoned_once) {
    running head, second;
    std::uint64_t counted = 0;
    auto& one = host();
    guests[0]->call.names(&head);
    EXPECT_EQ(all.move_on(limits, around.now, counted), std::nullopt) << "nobody waits behind it";
    join(one);
    guests[1]->call.names(&second);
    EXPECT_EQ(all.move_on(limits, around.now, counted), around.now + limits.proof.slow);
    EXPECT_EQ(head.times, 0);
    pass(limits.proof.slow);
    EXPECT_NE(all.move_on(limits, around.now, counted), std::nullopt);
    EXPECT_EQ(head.times, 1);
    EXPECT_TRUE(guests[0]->moved_on);
    pass(limits.proof.slow);
    (void)all.move_on(limits, around.now, counted);
    EXPECT_EQ(head.times, 1);
    EXPECT_EQ(second.times, 0);
    EXPECT_EQ(counted, 1U);
    guests[0]->call.names(nullptr);
    guests[1]->call.names(nullptr);
}

// ---- the pool

class joining : public testing::Test {
 protected:
    using slot = bench::slot;

    joining() {
        on.server.pipelines = true;
        on.to.limits.shared = {
            .sessions = 1, .depth = 3, .proof = {.after = 1, .time = seconds(100), .slow = seconds(100)}};
        prove();
    }
    /// Leaves one idle session.
    void prove() {
        slot once;
        on.begin_read(once, read);
        once.value().value().returned(10);
        once.reset();
        on.settle();
    }
    pool_counts counts() { return on.pools().counts(); }
    destination as(std::string_view caller) {
        auto to = on.to;
        to.caller = caller;
        return to;
    }

    shared_budgets budgets;
    bench on{budgets};
    std::shared_ptr<const sql::rewritten> read = some_read();
};

TEST_F(joining, given_a_read_that_has_proved_short_when_two_run_at_once_then_they_are_on_one_session) {
    const auto one = on.join(read), two = on.join(read);
    ASSERT_TRUE(one && two);
    EXPECT_TRUE(one->is_shared() && two->is_shared());
    EXPECT_EQ(&**one, &**two);
    EXPECT_NE(&one->call(), &two->call());
    EXPECT_EQ(counts().leased, 1U);
    EXPECT_EQ(counts().shared, 1U);
    EXPECT_EQ(on.server.opened, 1);
    EXPECT_EQ(on.pools().totals().joined, 1U);
}

TEST_F(joining, given_a_statement_that_has_proved_nothing_when_it_runs_then_it_is_alone) {
    const auto shared = on.join(read);
    const auto unknown = some_read();
    EXPECT_FALSE(on.join(unknown).has_value());
    slot alone;
    on.begin_read(alone, unknown);
    EXPECT_FALSE(alone.value().value().is_shared());
    EXPECT_NE(&**alone.value(), &**shared);
}

TEST_F(joining, given_a_read_that_was_large_when_it_runs_again_then_it_is_alone) {
    on.join(read)->returned(1U << 20U);
    EXPECT_FALSE(on.join(read).has_value());
}

TEST_F(joining, given_sharing_is_switched_off_when_reads_run_then_nobody_joins) {
    on.to.limits.shared.sessions = 0;
    EXPECT_FALSE(on.join(read).has_value());
    slot alone;
    on.begin_read(alone, read);
    EXPECT_FALSE(alone.value().value().is_shared());
}

TEST_F(joining, given_a_driver_that_cannot_when_reads_run_then_each_is_alone) {
    on.server.pipelines = false;
    const auto one = on.join(read);
    ASSERT_TRUE(one.has_value()) << "an idle session";
    EXPECT_FALSE(one->is_shared());
    EXPECT_FALSE(on.join(read).has_value());
}

TEST_F(joining, given_the_last_guest_leaves_when_it_does_then_the_session_is_idle) {
    auto one = on.join(read), two = on.join(read);
    one.reset();
    EXPECT_EQ(counts().leased, 1U);
    two.reset();
    EXPECT_EQ(counts().leased, 0U);
    EXPECT_EQ(counts().idle, 1U);
    EXPECT_EQ(on.server.closed, 0);
}

TEST_F(joining, given_a_full_session_when_a_read_comes_then_it_waits_for_a_place_rather_than_take_a_session) {
    auto one = on.join(read);
    const auto two = on.join(read), three = on.join(read);
    ASSERT_TRUE(three.has_value());
    slot fourth, fifth;
    on.begin_read(fourth, read);
    on.begin_read(fifth, read);
    EXPECT_FALSE(fourth.has_value());
    EXPECT_EQ(counts().waiting, 2U);
    one.reset();
    EXPECT_FALSE(on.join(read).has_value()) << "those who wait came first";
    on.settle();
    EXPECT_TRUE(fourth.value().value().is_shared());
    EXPECT_FALSE(fifth.has_value());
    EXPECT_EQ(counts().waiting, 1U);
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(joining, given_a_full_session_when_its_head_takes_long_then_a_read_that_waits_takes_one_alone) {
    on.to.limits.maximum = 3;
    on.to.limits.shared.proof.slow = milliseconds(40);
    const auto one = on.join(read), two = on.join(read), three = on.join(read);
    slot waits, late;
    on.begin_read(waits, read);
    EXPECT_FALSE(waits.has_value());
    on.run_for(milliseconds(20));  // a quarter of slow is over
    EXPECT_FALSE(waits.value().value().is_shared());
    on.begin_read(late, read);
    EXPECT_FALSE(late.value().value().is_shared()) << "at once: nothing has moved";
    EXPECT_EQ(on.server.opened, 3);
    EXPECT_EQ(counts().waiting, 0U);
}

TEST_F(joining, given_reads_wait_for_a_place_when_the_session_goes_home_then_they_share_it_again) {
    on.to.limits.shared.depth = 1;
    auto one = on.join(read);
    slot waits, behind;
    on.begin_read(waits, read);
    on.begin_read(behind, read);
    one.reset();
    on.settle();
    EXPECT_TRUE(waits.value().value().is_shared());
    EXPECT_FALSE(behind.has_value());
    waits.reset();
    on.settle();
    EXPECT_TRUE(behind.value().value().is_shared());
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(joining, given_as_many_reads_wait_for_a_place_as_may_wait_when_another_comes_then_it_is_refused) {
    on.to.limits.queue = 1;
    const auto one = on.join(read), two = on.join(read), three = on.join(read);
    slot waits, refused;
    on.begin_read(waits, read);
    on.begin_read(refused, read);
    EXPECT_FALSE(waits.has_value());
    EXPECT_EQ(refused.value().error().kind, sql::failure_kind::busy);
}

TEST_F(joining, given_a_read_waits_for_a_place_when_the_pools_end_then_it_is_told) {
    auto one = on.join(read), two = on.join(read), three = on.join(read);
    slot waits;
    on.begin_read(waits, read);
    on.end_pools();
    on.settle();
    EXPECT_EQ(waits.value().error().kind, sql::failure_kind::busy);
}

TEST_F(joining, given_a_session_comes_home_when_reads_wait_for_a_place_then_it_is_left_to_others) {
    auto alone = on.acquire();  // what was idle
    slot first;
    on.begin_read(first, read);  // shares another
    const auto two = on.join(read), three = on.join(read);
    slot waits;
    on.begin_read(waits, read);
    alone = lease();
    on.settle();
    EXPECT_FALSE(waits.has_value());
    EXPECT_EQ(counts().idle, 1U);
}

TEST_F(joining, given_all_are_busy_when_a_guest_leaves_a_full_session_then_a_waiting_read_gets_its_place) {
    auto alone = on.acquire();
    on.to.limits.maximum = 2;
    std::vector<slot> full(3);
    for (auto& each : full) on.begin_read(each, read);
    slot waits;
    on.begin_read(waits, read);
    ASSERT_FALSE(waits.has_value());
    EXPECT_EQ(counts().waiting, 1U);
    full[1].reset();
    on.settle();
    ASSERT_TRUE(waits.has_value());
    EXPECT_TRUE((**waits).is_shared());
    EXPECT_EQ(counts().waiting, 0U);
    EXPECT_EQ(on.server.peak, 2);
}

TEST_F(joining, given_reads_wait_when_one_session_comes_free_then_all_run_on_it_callers_taking_turns) {
    on.to.limits.maximum = 1;
    auto alone = on.acquire();
    slot a1, a2, a3, b1;
    on.begin_read(a1, as("a"), read);
    on.begin_read(a2, as("a"), read);
    on.begin_read(a3, as("a"), read);
    on.begin_read(b1, as("b"), read);
    EXPECT_EQ(counts().waiting, 4U);
    alone = lease();
    on.settle();
    EXPECT_TRUE(a1 && a2 && b1) << "three fit";
    EXPECT_FALSE(a3.has_value()) << "a had two turns before b's first";
    EXPECT_EQ(counts().waiting, 1U);
    a1.reset();
    on.settle();
    EXPECT_TRUE(a3.has_value());
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(joining, given_a_write_waits_when_reads_go_on_then_it_gets_the_only_session_after_their_turn) {
    on.to.limits.maximum = 1;
    auto first = on.join(read);
    slot write;
    on.begin_acquire(write);
    EXPECT_FALSE(write.has_value());
    on.run_for(shared_sessions::short_turn);
    slot second;
    on.begin_read(second, read);
    EXPECT_FALSE(second.has_value()) << "behind the write";
    first.reset();
    on.settle();
    ASSERT_TRUE(write.has_value());
    EXPECT_FALSE(second.has_value());
    write.reset();
    on.settle();
    EXPECT_TRUE(second.has_value());
}

TEST_F(joining, given_another_thread_wants_a_session_when_reads_go_on_then_it_gets_the_only_one_after_their_turn) {
    on.to.limits.maximum = 1;
    bench other(budgets);
    other.to.limits.maximum = 1;
    auto first = on.join(read);
    slot there;
    other.begin_acquire(there);
    EXPECT_FALSE(there.has_value());
    std::this_thread::sleep_for(shared_sessions::short_turn);
    EXPECT_FALSE(on.join(read).has_value());
    first.reset();
    on.settle();
    other.settle();
    EXPECT_TRUE(there.has_value());
}

TEST_F(joining,
       given_another_login_of_the_cluster_waits_when_reads_go_on_then_it_gets_the_only_place_after_their_turn) {
    on.pools().drop_target(on.to.target);  // the session that proved it has no place of the total
    on.to.limits.cluster_maximum = 1;
    slot first, second, other_login;
    on.begin_read(first, read);
    ASSERT_TRUE(first.has_value());
    auto other = on.to;
    other.login.user = "someone";
    on.begin_acquire(other_login, other);
    EXPECT_FALSE(other_login.has_value());
    std::this_thread::sleep_for(shared_sessions::short_turn);
    EXPECT_FALSE(on.join(read).has_value());
    first.reset();
    on.settle();
    EXPECT_TRUE(other_login.has_value());
    EXPECT_EQ(on.server.open(), 1);
}

TEST_F(joining, given_guests_when_the_target_is_dropped_then_nobody_joins_and_the_session_is_closed_after_them) {
    auto one = on.join(read);
    on.pools().drop_target(on.to.target);
    EXPECT_FALSE(on.join(read).has_value());
    EXPECT_EQ(on.server.closed, 0);
    one.reset();
    EXPECT_EQ(on.server.closed, 1);
}

TEST_F(joining, given_guests_when_the_password_changes_then_the_next_read_logs_in_anew) {
    auto one = on.join(read);
    on.to.login.password = core::secret_text("new");
    slot next;
    on.begin_read(next, read);
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(bench::fake(**next).address_and_password, "one/new");
    one.reset();
    EXPECT_EQ(on.server.closed, 1);
}

TEST_F(joining, given_a_waiting_read_of_an_old_password_when_a_session_of_the_new_one_is_shared_then_it_proves_itself) {
    on.to.limits.maximum = 1;
    auto alone = on.acquire();
    slot old;
    on.begin_read(old, read);
    auto changed = on.to;
    changed.login.password = core::secret_text("new");
    slot next;
    on.begin_read(next, changed, read);
    alone = lease();
    on.settle();
    ASSERT_TRUE(old.has_value());
    ASSERT_TRUE(old->has_value());
    EXPECT_EQ(bench::fake(**old).address_and_password, "one/right");
}

TEST_F(joining, given_the_pools_are_gone_when_guests_leave_then_the_session_is_closed) {
    auto one = on.join(read), two = on.join(read);
    on.end_pools();
    one.reset();
    EXPECT_EQ(on.server.closed, 0);
    two.reset();
    EXPECT_EQ(on.server.closed, 1);
}

TEST_F(joining, given_a_broken_session_when_its_guests_leave_then_it_is_closed) {
    auto one = on.join(read), two = on.join(read);
    one->discard();
    one.reset();
    EXPECT_FALSE(on.join(read).has_value());
    two.reset();
    EXPECT_EQ(on.server.closed, 1);
}

TEST_F(joining, given_a_waiting_read_that_goes_away_when_its_place_is_ready_then_the_place_is_free_again) {
    on.to.limits.maximum = 1;
    auto alone = on.acquire();
    {
        bench::slot never;
        on.begin_read(never, read);
        EXPECT_EQ(counts().waiting, 1U);
        alone = lease();  // its place is ready, but it does not run any more
    }
    on.end_pools();
    EXPECT_EQ(on.server.open(), 1) << "still in the frame of the call";
}

}  // namespace
}  // namespace borealis::pool
