#include "pool/slots.hpp"

#include <gtest/gtest.h>

#include "pool/fake_database.hpp"

namespace borealis::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using verdict = slots::verdict;
using state = slots::state;

class idle_slots : public testing::Test {
 protected:
    void SetUp() override {
        to.endpoint.host = "one";
        to.login = {"user", core::secret_text("p")};
        to.limits = {.idle = seconds(300), .lifetime = seconds(3600)};
        EXPECT_TRUE(all.use(to).empty());
    }

    session fresh(core::clock::time_point at) {
        return {{}, {}, std::make_unique<fake_connection>(server, "", ""), all.born(all.generation(), at)};
    }
    static int number_of(const session& of) { return dynamic_cast<fake_connection&>(*of.held).number; }

    fake_server server;
    destination to;
    slots all{1};
    core::clock::time_point t0 = core::clock::now();
    std::vector<session> closed;
};

TEST_F(idle_slots, given_several_when_taken_then_the_most_recently_used_comes_first) {
    all.keep(fresh(t0), t0);
    all.keep(fresh(t0), t0 + seconds(1));
    EXPECT_EQ(number_of(*all.take(t0 + seconds(2), closed)), 2);
    EXPECT_EQ(number_of(*all.take(t0 + seconds(2), closed)), 1);
    EXPECT_FALSE(all.take(t0 + seconds(2), closed));
    EXPECT_TRUE(closed.empty());
}

TEST_F(idle_slots, given_one_idle_when_it_seems_dead_then_all_dead_ones_are_closed) {
    for (int i = 0; i < 3; ++i) all.keep(fresh(t0), t0);
    server.dead = true;
    EXPECT_FALSE(all.take(t0, closed));
    EXPECT_EQ(closed.size(), 3U);
}

TEST_F(idle_slots, given_one_past_its_time_when_taken_or_swept_then_it_is_closed) {
    all.keep(fresh(t0), t0);
    EXPECT_FALSE(all.take(t0 + seconds(300), closed));
    EXPECT_EQ(closed.size(), 1U);
    all.keep(fresh(t0), t0);
    EXPECT_TRUE(all.sweep(t0 + seconds(299), 100).empty());
    EXPECT_EQ(all.sweep(t0 + seconds(300), 100).size(), 1U);
    all.keep(fresh(t0), t0 + seconds(3959));
    EXPECT_EQ(all.sweep(t0 + seconds(3961), 100).size(), 1U) << "older than the lifetime and its tenth";
    EXPECT_EQ(all.idle(), 0U);
}

TEST_F(idle_slots, given_a_lifetime_when_born_then_it_varies_by_a_tenth) {
    auto least = core::clock::time_point::max(), most = core::clock::time_point::min();
    for (int i = 0; i < 200; ++i) {
        const auto expires = all.born(1, t0).expires;
        least = std::min(least, expires);
        most = std::max(most, expires);
    }
    EXPECT_GE(least, t0 + seconds(3240));
    EXPECT_LE(most, t0 + seconds(3960));
    EXPECT_GT(most - least, seconds(300));
}

TEST_F(idle_slots, given_no_limits_when_kept_then_it_stays) {
    to.limits.idle = to.limits.lifetime = seconds(0);
    EXPECT_TRUE(all.use(to).empty());
    all.keep(fresh(t0), t0);
    EXPECT_TRUE(all.sweep(t0 + std::chrono::hours(10'000), 100).empty());
    EXPECT_TRUE(all.take(t0 + std::chrono::hours(10'000), closed));
}

TEST_F(idle_slots, given_a_session_comes_home_when_judged_then_its_state_decides) {
    auto one = fresh(t0);
    auto& fake = dynamic_cast<fake_connection&>(*one.held);
    EXPECT_EQ(all.judge(fake, one.origin, state::clean, t0), verdict::keep);
    EXPECT_EQ(all.judge(fake, one.origin, state::tainted, t0), verdict::reset);
    EXPECT_EQ(all.judge(fake, one.origin, state::discarded, t0), verdict::close);
    EXPECT_EQ(all.judge(fake, one.origin, state::tainted, t0 + seconds(3961)), verdict::close);
    fake.open_transaction = true;
    EXPECT_EQ(all.judge(fake, one.origin, state::clean, t0), verdict::reset);
    fake.alive = false;
    EXPECT_EQ(all.judge(fake, one.origin, state::clean, t0), verdict::close);
    fake.alive = true;
    EXPECT_TRUE(all.outdate().empty());
    EXPECT_EQ(all.judge(fake, one.origin, state::clean, t0), verdict::close);
}

TEST_F(idle_slots, given_another_endpoint_or_password_when_used_then_idle_sessions_are_returned) {
    const auto generation = all.generation();
    all.keep(fresh(t0), t0);
    EXPECT_TRUE(all.use(to).empty());
    EXPECT_EQ(all.generation(), generation);
    to.endpoint.port = 1;
    EXPECT_EQ(all.use(to).size(), 1U);
    all.keep(fresh(t0), t0);
    to.login.password = core::secret_text("q");
    EXPECT_EQ(all.use(to).size(), 1U);
    EXPECT_EQ(all.generation(), generation + 2);
}

TEST_F(idle_slots, given_failures_when_connecting_then_the_back_off_doubles_to_two_seconds) {
    const sql::failure why{.kind = sql::failure_kind::unreachable, .message = "no route"};
    EXPECT_FALSE(all.refusal(t0));
    for (const auto wait : {100, 200, 400, 800, 1600, 2000, 2000}) {
        all.connect_failed(why, t0);
        EXPECT_EQ(all.refusal(t0 + milliseconds(wait - 1))->message, "no route");
        EXPECT_FALSE(all.refusal(t0 + milliseconds(wait)));
    }
    all.connected();
    EXPECT_FALSE(all.refusal(t0));
    all.connect_failed(why, t0);
    EXPECT_FALSE(all.refusal(t0 + milliseconds(100))) << "it starts small again";
    all.connect_failed(why, t0);
    to.endpoint.host = "two";
    (void)all.use(to);
    EXPECT_FALSE(all.refusal(t0)) << "another endpoint has not failed yet";
}

}  // namespace
}  // namespace borealis::pool
