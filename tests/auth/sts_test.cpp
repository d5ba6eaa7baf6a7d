#include "auth/sts.hpp"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/fake_seal.hpp"

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::chrono::sys_seconds noon = std::chrono::sys_days(2026y / 1 / 31) + 12h;
constexpr std::string_view role_arn = "arn:aws:iam::123456789012:role/reader";

struct sts : ::testing::Test {
    fake_seal with;
    std::shared_ptr<const key_ring> known = *key_ring::make(
        "123456789012",
        {{.name = "ann", .policies = {}, .keys = {{.id = "AKIAANN", .secret = core::secret_text("s")}}},
         {.name = "bob",
          .policies = {R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}})"},
          .keys = {{.id = "AKIABOB", .secret = core::secret_text("s")}}},
         {.name = "eve",
          .policies = {R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})"},
          .keys = {{.id = "AKIAEVE", .secret = core::secret_text("s")}}}},
        {{.name = "reader", .assumed_by = {"ann", "eve"}, .policies = {"AdministratorAccess"}, .longest_session = 2h},
         {.name = "open", .assumed_by = {"arn:aws:iam::123456789012:user/*"}, .policies = {}}},
        {});

    [[nodiscard]] caller as(std::string_view id) const { return {known->find(id)->who, {.at = noon}}; }
    [[nodiscard]] sts_answer ask(const caller& who, form_fields form) const {
        form.emplace_back("Version", "2011-06-15");
        return answer_sts(form, who, *known, with, "request-1");
    }
    [[nodiscard]] sts_answer assume(const caller& who, std::string_view arn, form_fields more = {}) const {
        more.insert(more.begin(),
                    {{"Action", "AssumeRole"}, {"RoleArn", std::string(arn)}, {"RoleSessionName", "job"}});
        return ask(who, more);
    }
    static std::string element(const sts_answer& of, std::string_view name) {
        const auto begin = of.body.find("<" + std::string(name) + ">") + name.size() + 2;
        return of.body.substr(begin, of.body.find('<', begin) - begin);
    }
    /// The principal behind credentials that were handed out.
    [[nodiscard]] std::optional<key_ring::holder> opened(const sts_answer& of) const {
        return known->open(element(of, "AccessKeyId"), element(of, "SessionToken"), with);
    }
};

TEST_F(sts, given_anybody_when_asking_who_they_are_then_they_are_told) {
    const auto answer = ask(as("AKIAANN"), {{"Action", "GetCallerIdentity"}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body,
              "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
              "<UserId>" +
                  stable_id("AIDA", "ann") +
                  "</UserId><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/ann</Arn>"
                  "</GetCallerIdentityResult><ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata>"
                  "</GetCallerIdentityResponse>");
}

TEST_F(sts, given_a_user_when_asking_for_a_session_then_it_lasts_as_long_as_asked) {
    const auto usual = ask(as("AKIAANN"), {{"Action", "GetSessionToken"}});
    ASSERT_EQ(usual.error_code, "");
    EXPECT_EQ(opened(usual)->key.expires, noon + 12h);
    const auto shorter = ask(as("AKIAANN"), {{"Action", "GetSessionToken"}, {"DurationSeconds", "900"}});
    EXPECT_EQ(opened(shorter)->key.expires, noon + 15min);
    EXPECT_EQ(element(shorter, "Expiration"), "2026-01-31T12:15:00Z");
    EXPECT_EQ(ask(as("AKIAANN"), {{"Action", "GetSessionToken"}, {"DurationSeconds", "899"}}).error_code,
              "ValidationError");
    const caller session(opened(usual)->who, {.at = noon});
    EXPECT_EQ(ask(session, {{"Action", "GetSessionToken"}}).error_code, "AccessDenied");
}

TEST_F(sts, given_a_role_that_names_the_user_when_assumed_then_the_credentials_are_the_roles) {
    const auto answer = assume(as("AKIAANN"), role_arn);
    ASSERT_EQ(answer.error_code, "") << answer.message;
    EXPECT_EQ(element(answer, "Arn"), "arn:aws:sts::123456789012:assumed-role/reader/job");
    EXPECT_EQ(element(answer, "AssumedRoleId"), stable_id("AROA", "reader") + ":job");
    const auto who = opened(answer);
    ASSERT_TRUE(who);
    EXPECT_EQ(who->who->arn, "arn:aws:sts::123456789012:assumed-role/reader/job");
    EXPECT_EQ(who->key.expires, noon + 1h);
}

TEST_F(sts, given_trust_when_policies_differ_then_a_name_is_enough_and_a_pattern_is_not) {
    EXPECT_EQ(assume(as("AKIABOB"), role_arn).error_code, "AccessDenied");  // not named
    const auto open = "arn:aws:iam::123456789012:role/open";
    EXPECT_EQ(assume(as("AKIABOB"), open).error_code, "");                  // a pattern, and a policy of his
    EXPECT_EQ(assume(as("AKIAANN"), open).error_code, "AccessDenied");      // a pattern, and none of hers
    EXPECT_EQ(assume(as("AKIAEVE"), role_arn).error_code, "AccessDenied");  // named, but denied
}

TEST_F(sts, given_a_role_that_is_not_there_when_assumed_then_it_looks_like_one_that_is_not_allowed) {
    const auto answer = assume(as("AKIAANN"), "arn:aws:iam::123456789012:role/nobody");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.message,
              "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole on resource: "
              "arn:aws:iam::123456789012:role/nobody");
    EXPECT_EQ(assume(as("AKIAANN"), "arn:aws:iam::999999999999:role/reader").error_code, "AccessDenied");
}

TEST_F(sts, given_a_session_policy_when_assumed_then_it_bounds_the_session) {
    const auto answer =
        assume(as("AKIAANN"), role_arn,
               {{"Policy", R"({"Statement":{"Effect":"Allow","Action":"rds-data:Execute*","Resource":"*"}})"}});
    ASSERT_EQ(answer.error_code, "");
    const caller who(opened(answer)->who, {});
    EXPECT_TRUE(who.may("rds-data:ExecuteStatement", "*"));
    EXPECT_FALSE(who.may("rds-data:BeginTransaction", "*"));
    EXPECT_EQ(assume(as("AKIAANN"), role_arn, {{"Policy", "{"}}).error_code, "MalformedPolicyDocument");
}

TEST_F(sts, given_durations_when_assumed_then_the_roles_own_is_the_most) {
    EXPECT_EQ(opened(assume(as("AKIAANN"), role_arn, {{"DurationSeconds", "7200"}}))->key.expires, noon + 2h);
    const auto longer = assume(as("AKIAANN"), role_arn, {{"DurationSeconds", "7201"}});
    EXPECT_EQ(longer.error_code, "ValidationError");
    EXPECT_THAT(longer.message, HasSubstr("MaxSessionDuration"));
    EXPECT_EQ(assume(as("AKIAANN"), role_arn, {{"DurationSeconds", "x"}}).error_code, "ValidationError");
}

TEST_F(sts, given_what_is_not_done_here_when_asked_then_the_error_names_it) {
    EXPECT_EQ(ask(as("AKIAANN"), {{"Action", "GetFederationToken"}}).error_code, "InvalidAction");
    EXPECT_EQ(ask(as("AKIAANN"), {}).error_code, "MissingAction");
    EXPECT_EQ(ask(as("AKIAANN"), {{"Action", "AssumeRole"}, {"RoleArn", std::string(role_arn)}}).error_code,
              "ValidationError");
    EXPECT_THAT(assume(as("AKIAANN"), role_arn, {{"ExternalId", "7"}}).message, HasSubstr("ExternalId is not"));
}

TEST_F(sts, given_developer_mode_when_credentials_are_handed_out_then_no_key_or_role_of_later_takes_them) {
    const auto developer = caller::developer("AKIABOB", "123456789012", {.at = noon});
    const auto session = ask(developer, {{"Action", "GetSessionToken"}});
    ASSERT_EQ(session.status, 200);
    EXPECT_FALSE(opened(session));
    const auto assumed = assume(developer, "arn:aws:iam::123456789012:role/later");
    ASSERT_EQ(assumed.status, 200);
    const auto later =
        *key_ring::make("123456789012", {}, {{.name = "later", .policies = {"AdministratorAccess"}}}, {});
    EXPECT_FALSE(later->open(element(assumed, "AccessKeyId"), element(assumed, "SessionToken"), with));
}

TEST_F(sts, given_developer_mode_when_any_role_is_assumed_then_there_are_credentials) {
    const auto answer = assume(caller::developer("test", "123456789012", {.at = noon}), "arn:aws:iam::1:role/any");
    ASSERT_EQ(answer.error_code, "");
    EXPECT_THAT(element(answer, "AccessKeyId"), HasSubstr("ASIA"));
}

}  // namespace
}  // namespace borealis::auth
