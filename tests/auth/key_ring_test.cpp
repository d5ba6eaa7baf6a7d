#include "auth/key_ring.hpp"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/fake_seal.hpp"
#include "auth/replay.hpp"

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view account = "123456789012";
constexpr std::chrono::sys_seconds noon = std::chrono::sys_days(2026y / 1 / 31) + 12h;
constexpr std::string_view cluster = "arn:aws:rds:us-east-1:123456789012:cluster:orders";
const std::string everything = R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})";
const std::string only_execute =
    R"({"Statement":{"Effect":"Allow","Action":"rds-data:ExecuteStatement","Resource":"*"}})";

access_key key(std::string id, bool active = true) {
    return {.id = std::move(id), .secret = core::secret_text("secret"), .active = active, .created = noon};
}

user ann() { return {.name = "ann", .policies = {everything}, .keys = {key("AKIA1"), key("AKIA2", false)}}; }

std::shared_ptr<const key_ring> made(std::vector<user> users, std::vector<role> roles = {},
                                     const caller_limits& defaults = {}, const key_ring* before = nullptr) {
    auto ring = key_ring::make(account, std::move(users), std::move(roles), defaults, before);
    EXPECT_TRUE(ring) << ring.error().message;
    return ring ? *ring : nullptr;
}

TEST(key_ring, given_users_when_a_key_is_looked_for_then_only_active_ones_are_found) {
    const auto ring = made({ann()});
    const auto* found = ring->find("AKIA1");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->who->arn, "arn:aws:iam::123456789012:user/ann");
    EXPECT_EQ(found->key.secret.reveal(), "secret");
    EXPECT_EQ(ring->find("AKIA2"), nullptr);
    EXPECT_EQ(ring->find("AKIA3"), nullptr);
}

TEST(key_ring, given_two_keys_of_a_user_when_both_are_active_then_they_are_one_principal) {
    auto one = ann();
    one.keys[1].active = true;
    const auto ring = made({one});
    EXPECT_EQ(ring->find("AKIA1")->who->used, ring->find("AKIA2")->who->used);
    EXPECT_EQ(ring->find("AKIA2")->who->access_key_id, "AKIA2");
}

TEST(key_ring, given_a_change_when_it_is_made_anew_then_what_was_used_is_not_forgotten) {
    const auto before = made({ann()});
    const auto after = made({ann()}, {}, {}, before.get());
    EXPECT_EQ(before->find("AKIA1")->who->used, after->find("AKIA1")->who->used);
}

TEST(key_ring, given_defaults_when_a_user_has_limits_of_its_own_then_those_win) {
    auto one = ann();
    one.limits.rows = 5;
    const auto ring = made({one}, {}, {.concurrent_calls = 3, .rows = 100});
    EXPECT_EQ(ring->find("AKIA1")->who->limits, (caller_limits{.concurrent_calls = 3, .rows = 5}));
}

struct wrong_case {
    std::string_view name;
    std::vector<user> users;
    std::vector<role> roles;
    std::string_view says;
};

TEST(key_ring, given_what_cannot_be_when_made_then_the_error_names_it) {
    const wrong_case cases[] = {
        {"name", {{.name = "a b"}}, {}, "user `a b`"},
        {"policy", {{.name = "a", .policies = {"{}"}}}, {}, "user a: the policy has no Statement"},
        {"managed", {{.name = "a", .policies = {"Unheard"}}}, {}, "there is no managed policy Unheard; known are"},
        {"two users", {ann(), {.name = "ann"}}, {}, "two users ann"},
        {"two keys", {ann(), {.name = "bob", .keys = {key("AKIA1")}}}, {}, "two keys AKIA1"},
        {"role", {}, {{.name = "r", .policies = {"["}}}, "role r: "},
        {"two roles", {}, {{.name = "r"}, {.name = "r"}}, "two roles"},
    };
    for (const auto& one : cases) {
        const auto ring = key_ring::make(account, one.users, one.roles, {});
        ASSERT_FALSE(ring) << one.name;
        EXPECT_THAT(ring.error().message, HasSubstr(one.says)) << one.name;
    }
}

TEST(key_ring, given_users_without_policy_when_asked_then_they_are_named) {
    EXPECT_THAT(made({ann(), {.name = "zoe"}, {.name = "bob"}})->without_policy(), ElementsAre("bob", "zoe"));
}

// ---- sessions

const fake_seal seal_of_state;

TEST(session, given_a_users_session_when_opened_then_it_is_the_user) {
    const auto ring = made({ann()});
    const auto minted = key_ring::mint({.parent_key = "AKIA1"}, noon, seal_of_state);
    ASSERT_TRUE(minted);
    EXPECT_THAT(minted->access_key_id, testing::MatchesRegex("ASIA[A-Z2-7]{16}"));
    EXPECT_EQ(minted->secret.reveal().size(), 40U);
    const auto opened = ring->open(minted->access_key_id, minted->session_token, seal_of_state);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->who->arn, "arn:aws:iam::123456789012:user/ann");
    EXPECT_TRUE(opened->who->temporary);
    EXPECT_EQ(opened->key.secret, minted->secret);
    EXPECT_EQ(opened->key.expires, noon);
    EXPECT_EQ(opened->who->used, ring->find("AKIA1")->who->used);  // its limits are the user's
}

TEST(session, given_a_roles_session_when_opened_then_it_is_the_role_under_the_sessions_name) {
    const auto ring = made({}, {{.name = "reader", .policies = {everything}}});
    const auto minted = key_ring::mint({.role = "reader", .name = "job-7"}, noon, seal_of_state);
    const auto opened = ring->open(minted->access_key_id, minted->session_token, seal_of_state);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->who->arn, "arn:aws:sts::123456789012:assumed-role/reader/job-7");
    EXPECT_EQ(opened->who->user_id, stable_id("AROA", "reader") + ":job-7");
    EXPECT_TRUE(caller(opened->who, {}).may("rds-data:ExecuteStatement", cluster));
}

TEST(session, given_a_session_policy_when_it_does_not_allow_then_the_user_may_not) {
    const auto ring = made({ann()});
    const auto minted = key_ring::mint({.parent_key = "AKIA1", .policy = only_execute}, noon, seal_of_state);
    const auto opened = ring->open(minted->access_key_id, minted->session_token, seal_of_state);
    ASSERT_TRUE(opened);
    const caller who(opened->who, {});
    EXPECT_TRUE(who.may("rds-data:ExecuteStatement", cluster));
    EXPECT_FALSE(who.may("rds-data:BeginTransaction", cluster));
}

TEST(session, given_a_token_that_is_not_this_keys_when_opened_then_it_is_none) {
    const auto ring = made({ann()});
    const auto minted = key_ring::mint({.parent_key = "AKIA1"}, noon, seal_of_state);
    EXPECT_FALSE(ring->open("ASIAOTHER", minted->session_token, seal_of_state));
    EXPECT_FALSE(ring->open(minted->access_key_id, minted->session_token, fake_seal("other")));
    EXPECT_FALSE(ring->open(minted->access_key_id, "not base64!", seal_of_state));
    EXPECT_FALSE(ring->open(minted->access_key_id, "", seal_of_state));
}

TEST(session, given_what_it_stands_on_is_gone_when_opened_then_it_is_none) {
    const auto minted = key_ring::mint({.parent_key = "AKIA1"}, noon, seal_of_state);
    auto disabled = ann();
    disabled.keys[0].active = false;
    EXPECT_FALSE(made({disabled})->open(minted->access_key_id, minted->session_token, seal_of_state));
    EXPECT_FALSE(made({})->open(minted->access_key_id, minted->session_token, seal_of_state));
    const auto of_role = key_ring::mint({.role = "reader", .name = "x1"}, noon, seal_of_state);
    EXPECT_FALSE(made({ann()})->open(of_role->access_key_id, of_role->session_token, seal_of_state));
}

TEST(session, given_a_policy_that_cannot_be_read_when_minted_then_it_is_refused) {
    EXPECT_FALSE(key_ring::mint({.parent_key = "AKIA1", .policy = "{}"}, noon, seal_of_state));
    EXPECT_FALSE(key_ring::mint({.parent_key = "AKIA1", .policy = std::string(2'049, ' ')}, noon, seal_of_state));
}

// ---- the keys file

TEST(keys_text, given_users_when_written_and_read_then_they_are_the_same_and_no_secret_is_in_clear) {
    auto one = ann();
    one.user_id = "AIDAANN";
    one.limits = {.requests_per_second = 2.5,
                  .burst = 7,
                  .concurrent_calls = 3,
                  .open_transactions = 0,
                  .statement_time = 1'500ms,
                  .rows = 10,
                  .answer_bytes = 1'000,
                  .read_only = true};
    one.policies.emplace_back("AmazonRDSDataFullAccess");
    struct opaque final : seal {
        [[nodiscard]] std::string close(std::string_view text, std::string_view) const override {
            std::string out(text);
            for (auto& c : out) c = static_cast<char>(c ^ 0x55);
            return out;
        }
        [[nodiscard]] std::optional<core::secret_text> open(std::string_view text,
                                                            std::string_view context) const override {
            return core::secret_text(close(text, context));
        }
    };
    const auto text = write_users({one, {.name = "bob"}}, opaque());
    EXPECT_THAT(text, Not(HasSubstr("secret\"")));
    const auto read = read_users(text, opaque());
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 2U);
    const auto& back = read->front();
    EXPECT_EQ(back.name, "ann");
    EXPECT_EQ(back.user_id, "AIDAANN");
    EXPECT_EQ(back.policies, one.policies);
    EXPECT_EQ(back.limits, one.limits);
    ASSERT_EQ(back.keys.size(), 2U);
    EXPECT_EQ(back.keys[0].secret.reveal(), "secret");
    EXPECT_TRUE(back.keys[0].active);
    EXPECT_FALSE(back.keys[1].active);
    EXPECT_EQ(back.keys[1].created, noon);
}

TEST(keys_text, given_a_file_that_is_not_ours_when_read_then_the_error_says_what_is_wrong) {
    const auto says = [](std::string_view text) {
        const auto read = read_users(text, fake_seal());
        return read ? "" : read.error().message;
    };
    EXPECT_THAT(says("{"), HasSubstr("no JSON"));
    EXPECT_THAT(says(R"({"Version":2,"Users":[]})"), HasSubstr("newer Borealis"));
    EXPECT_THAT(says(R"({"Version":1})"), HasSubstr("no list of Users"));
    EXPECT_THAT(says(R"({"Version":1,"Users":[{"Name":"a","Colour":1}]})"), HasSubstr("Colour is not known"));
    EXPECT_THAT(says(R"({"Version":1,"Users":[{"Name":"a","Limits":{"Rows":-1}}]})"), HasSubstr("Rows"));
    EXPECT_THAT(says(write_users({ann()}, fake_seal("other"))), HasSubstr("sealed with another key"));
    // The secret of one key is none for another.
    auto text = write_users({ann()}, fake_seal());
    text.replace(text.find("AKIA1"), 5, "AKIA9");
    EXPECT_THAT(says(text), HasSubstr("sealed with another key"));
}

// ---- replays

TEST(replay_memory, given_a_request_when_it_comes_again_then_it_is_known_until_it_is_too_old) {
    replay_memory seen(100);
    const auto one = sha256("one");
    EXPECT_EQ(seen.look(one, noon + 5min, noon), replay_memory::seen::never);
    EXPECT_EQ(seen.look(one, noon + 5min, noon + 1s), replay_memory::seen::before);
    EXPECT_EQ(seen.look(sha256("two"), noon + 5min, noon), replay_memory::seen::never);
    EXPECT_EQ(seen.look(one, noon + 5min, noon + 6min), replay_memory::seen::never);
}

TEST(replay_memory, given_it_is_full_when_another_request_comes_then_it_says_so_until_old_ones_go) {
    replay_memory seen(16);
    int full = 0;
    for (int i = 0; i < 200; ++i)
        full += seen.look(sha256(std::to_string(i)), noon + 5min, noon) == replay_memory::seen::full ? 1 : 0;
    EXPECT_EQ(full, 200 - 16);
    EXPECT_EQ(seen.look(sha256("later"), noon + 20min, noon + 10min), replay_memory::seen::never);
}

TEST(replay_memory, given_it_is_off_when_a_request_repeats_then_it_is_new) {
    replay_memory off(0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(off.look(sha256("x"), noon, noon), replay_memory::seen::never);
}

}  // namespace
}  // namespace borealis::auth
