/// What callers, transactions and pools leave each other.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/fair_queue.hpp"
#include "pool/fake_database.hpp"

namespace borealis::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// ---- fair_queue

struct person {
    std::string name;
    int since;
};

TEST(fair_queue, given_two_callers_when_served_then_they_take_turns_and_each_keeps_its_order) {
    fair_queue<person> line;
    std::vector<person> all = {{"a1", 1}, {"a2", 2}, {"a3", 3}, {"b1", 4}, {"b2", 5}, {"c1", 6}};
    std::vector<fair_queue<person>::place> places;
    for (auto& each : all) places.push_back(line.add(each, each.name.substr(0, 1)));
    EXPECT_EQ(line.size(), 6U);
    std::vector<std::string> order;
    while (!line.empty()) {
        auto& next = line.next();
        order.push_back(next.name);
        line.served(places[static_cast<std::size_t>(&next - all.data())]);
    }
    EXPECT_THAT(order, ElementsAre("a1", "b1", "c1", "a2", "b2", "a3"));
    EXPECT_EQ(line.size(), 0U);
}

TEST(fair_queue, given_one_leaves_when_asked_then_the_others_keep_their_turns_and_the_oldest_is_known) {
    fair_queue<person> line;
    std::vector<person> all = {{"a1", 3}, {"b1", 1}, {"b2", 2}};
    const auto a1 = line.add(all[0], "a");
    const auto b1 = line.add(all[1], "b");
    line.add(all[2], "b");
    EXPECT_EQ(line.oldest().name, "b1");
    line.leave(b1);
    EXPECT_EQ(line.next().name, "a1");
    EXPECT_EQ(line.oldest().name, "b2");
    line.leave(a1);
    EXPECT_EQ(line.next().name, "b2");
}

// ---- one thread

class sharing : public testing::Test {
 protected:
    using slot = bench::slot;

    lease begin_transaction() {
        slot got;
        start(got);
        return std::move(got.value().value());
    }
    void start(slot& into, core::deadline until = core::deadline()) {
        on.spawn(acquire_into(on.pools(), on.to, until, into));
        on.settle();
    }
    destination as(std::string_view caller) {
        auto to = on.to;
        to.caller = caller;
        return to;
    }

    shared_budgets budgets;
    bench on{budgets};

 private:
    static core::awaitable<void> acquire_into(pools& from, destination what, core::deadline until, slot& into) {
        into = co_await from.acquire(what, until, purpose::transaction);
    }
};

TEST_F(sharing, given_a_caller_with_many_calls_when_another_comes_then_it_waits_for_one_turn_only) {
    on.to.limits.maximum = 1;
    auto held = on.acquire();
    slot greedy[3], modest;
    for (auto& each : greedy) on.begin_acquire(each, as("greedy"));
    on.begin_acquire(modest, as("modest"));
    held = lease();
    on.settle();
    ASSERT_TRUE(greedy[0].has_value());
    EXPECT_FALSE(modest.has_value());
    **greedy[0] = lease();
    on.settle();
    EXPECT_TRUE(modest.has_value()) << "its turn";
    EXPECT_FALSE(greedy[1].has_value());
}

TEST_F(sharing, given_transactions_hold_their_share_when_a_statement_comes_then_it_finds_a_session) {
    on.to.limits.maximum = 4;
    const auto one = begin_transaction(), two = begin_transaction(), three = begin_transaction();
    slot fourth;
    start(fourth);
    EXPECT_FALSE(fourth.has_value()) << "three quarters of four are taken";
    EXPECT_TRUE(on.acquire()) << "an autocommit call still finds one";
    EXPECT_EQ(on.pools().counts().waiting, 1U);
}

TEST_F(sharing, given_a_transaction_waits_when_another_ends_then_it_begins) {
    on.to.limits.transactions = 1;
    auto first = begin_transaction();
    slot second;
    start(second);
    EXPECT_FALSE(second.has_value());
    first = lease();
    on.settle();
    ASSERT_TRUE(second.has_value());
    EXPECT_TRUE(second->has_value());
    EXPECT_EQ(on.server.opened, 1);
}

TEST_F(sharing, given_transactions_stay_when_the_wait_is_over_then_the_text_says_what_to_change) {
    on.to.limits.transactions = 1;
    on.to.limits.wait = milliseconds(20);
    const auto first = begin_transaction();
    slot second;
    start(second);
    on.run_for(milliseconds(200));
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->error().kind, sql::failure_kind::busy);
    EXPECT_THAT(second->error().message, HasSubstr("Transactions hold all 1 connections"));
    EXPECT_THAT(second->error().message, HasSubstr("raise the pool's transactions"));
}

TEST_F(sharing, given_a_transaction_that_gave_up_waiting_when_its_share_comes_then_the_next_gets_it) {
    on.to.limits.transactions = 1;
    auto first = begin_transaction();
    slot impatient, patient;
    start(impatient, core::deadline::after(milliseconds(10)));
    start(patient);
    on.run_for(milliseconds(100));
    EXPECT_FALSE(impatient->has_value());
    first = lease();
    on.settle();
    ASSERT_TRUE(patient.has_value());
    EXPECT_TRUE(patient->has_value());
}

TEST_F(sharing, given_the_pools_end_when_a_transaction_waits_then_it_is_told) {
    on.to.limits.transactions = 1;
    const auto first = begin_transaction();
    slot second;
    start(second);
    on.end_pools();
    on.settle();
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->error().message, "The server is shutting down");
}

TEST_F(sharing, given_a_full_queue_when_another_call_comes_then_it_is_refused_at_once) {
    on.to.limits.queue = 2;
    const auto first = on.acquire(), second = on.acquire();
    slot waiting[2];
    for (auto& each : waiting) on.begin_acquire(each);
    const auto refused = on.fail_to_acquire();
    EXPECT_EQ(refused.kind, sql::failure_kind::busy);
    EXPECT_EQ(refused.message,
              "2 calls wait for a connection of this cluster and login already; send fewer at once, or raise the "
              "pool's queue");
    EXPECT_FALSE(waiting[0].has_value() || waiting[1].has_value());
}

TEST_F(sharing, given_a_total_for_the_cluster_when_another_login_needs_a_session_then_an_idle_one_makes_room) {
    on.to.limits.cluster_maximum = 1;
    auto other = on.to;
    other.login.user = "someone";
    {
        const auto idle_afterwards = on.acquire();
    }
    EXPECT_EQ(on.server.open(), 1);
    const auto mine = on.acquire(other);
    EXPECT_EQ(on.server.open(), 1);
    EXPECT_EQ(on.server.peak, 1);
    slot waiting;
    on.begin_acquire(waiting);
    EXPECT_FALSE(waiting.has_value());
}

TEST_F(sharing, given_another_login_waits_for_the_clusters_total_when_a_session_comes_home_then_it_makes_room) {
    on.to.limits.cluster_maximum = 1;
    auto other = on.to;
    other.login.user = "someone";
    auto first = on.acquire();
    slot second;
    on.begin_acquire(second, other);
    EXPECT_FALSE(second.has_value());
    first = lease();
    on.settle();
    EXPECT_TRUE(second.has_value());
    EXPECT_EQ(on.server.peak, 1);
}

TEST_F(sharing, given_the_clusters_total_stays_in_use_when_the_wait_is_over_then_the_text_says_what_to_change) {
    on.to.limits.cluster_maximum = 1;
    on.to.limits.wait = milliseconds(20);
    auto other = on.to;
    other.login.user = "someone";
    auto first = on.acquire();
    slot second;
    on.begin_acquire(second, other);
    on.run_for(milliseconds(200));
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->error().kind, sql::failure_kind::busy);
    EXPECT_THAT(second->error().message, HasSubstr("raise the pool's cluster_maximum"));
    first = lease();
    on.settle();
    const auto third = on.acquire(other);
    EXPECT_EQ(on.server.peak, 1);
}

TEST_F(sharing, given_a_minimum_when_swept_then_sessions_are_opened_and_kept) {
    on.to.limits.minimum = 2;
    on.to.limits.idle = seconds(1);
    {
        const auto used_once = on.acquire();
    }
    const auto now = core::clock::now();
    on.pools().sweep(now);
    on.settle();
    EXPECT_EQ(on.server.open(), 2);
    on.pools().sweep(now + seconds(60));
    on.settle();
    EXPECT_EQ(on.server.open(), 2) << "kept though idle";
    EXPECT_EQ(on.server.opened, 2);
    on.to.limits.minimum = 1;
    {
        const auto used = on.acquire();
    }
    on.pools().sweep(core::clock::now() + seconds(60));
    on.settle();
    EXPECT_EQ(on.server.open(), 1) << "no more than the minimum";
}

TEST_F(sharing, given_a_minimum_when_the_database_is_down_then_it_is_not_hammered) {
    on.to.limits.minimum = 2;
    {
        auto used_once = on.acquire();
        used_once.discard();
    }
    on.server.connect_fails = sql::failure{.kind = sql::failure_kind::unreachable, .message = "down"};
    const auto now = core::clock::now();
    for (int tick = 0; tick < 3; ++tick) {
        on.pools().sweep(now);
        on.settle();
    }
    EXPECT_EQ(on.server.opened, 1);
    on.server.connect_fails.reset();
    on.pools().sweep(now + seconds(5));
    on.settle();
    EXPECT_EQ(on.server.open(), 1);
}

// ---- several servers

class servers : public sharing {
 protected:
    servers() { on.to.others = {{.host = "two"}, {.host = "three"}}; }
    static std::string host(const lease& of) {
        const auto& text = bench::fake(of).address_and_password;
        return text.substr(0, text.find('/'));
    }
};

TEST_F(servers, given_the_first_is_a_standby_when_acquired_then_the_writer_is_found) {
    on.server.standby = "one";
    const auto found = on.acquire();
    EXPECT_EQ(host(found), "two");
    EXPECT_EQ(on.server.open(), 1) << "the standby's session is closed";
}

TEST_F(servers, given_the_writer_goes_when_acquired_again_then_the_next_is_asked_and_remembered) {
    on.server.standby = "three";
    {
        auto first = on.acquire();
        EXPECT_EQ(host(first), "one");
        first.discard();
    }
    on.server.down = {"one"};
    const auto second = on.acquire();
    EXPECT_EQ(host(second), "two");
    on.server.down.clear();
    const auto third = on.acquire();
    EXPECT_EQ(host(third), "two") << "it took writes the last time";
}

TEST_F(servers, given_standbys_only_when_acquired_then_the_failure_says_so) {
    on.server.standby = "t";
    on.server.down = {"one"};
    const auto refused = on.fail_to_acquire();
    EXPECT_EQ(refused.kind, sql::failure_kind::unreachable);
    EXPECT_EQ(refused.message, "None of the cluster's servers accepts writes.");
    EXPECT_EQ(on.server.open(), 0);
}

TEST_F(servers, given_a_refused_login_when_acquired_then_it_is_not_tried_everywhere) {
    on.server.right_password = "another";
    const auto refused = on.fail_to_acquire();
    EXPECT_EQ(refused.kind, sql::failure_kind::login);
    EXPECT_EQ(on.server.opened, 0);
}

}  // namespace
}  // namespace borealis::pool
