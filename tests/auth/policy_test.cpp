#include "auth/policy.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/caller.hpp"
#include "auth/condition.hpp"

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using verdict = policy::verdict;

constexpr std::chrono::sys_seconds noon = std::chrono::sys_days(2026y / 1 / 31) + 12h;
constexpr std::string_view cluster = "arn:aws:rds:us-east-1:123456789012:cluster:orders";
constexpr std::string_view secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf";

/// A document of one statement.
std::string one(std::string_view members) {
    return R"({"Version":"2012-10-17","Statement":[{)" + std::string(members) + "}]}";
}
std::string allow(std::string_view action, std::string_view resource, std::string_view more = "") {
    return one(R"("Effect":"Allow","Action":")" + std::string(action) + R"(","Resource":")" + std::string(resource) +
               "\"" + std::string(more));
}
std::string on_condition(std::string_view condition) {
    return allow("*", "*", R"(,"Condition":{)" + std::string(condition) + "}");
}

verdict judged(std::string_view document, std::string_view action, std::string_view resource,
               const tags* tagged = nullptr, const circumstances& where = {}) {
    const auto parsed = policy::parse(document);
    EXPECT_TRUE(parsed) << parsed.error().message;
    if (!parsed) return verdict::silent;
    return (*parsed)->judge({.action = action,
                             .resource = resource,
                             .tagged = tagged,
                             .where = where,
                             .principal_arn = "arn:aws:iam::123456789012:user/ann",
                             .account = "123456789012",
                             .user_name = "ann",
                             .user_id = "AIDAANN"});
}

TEST(pattern, given_a_text_or_its_beginning_when_matched_then_it_is_what_a_search_finds) {
    const circumstances where;
    const question asked{.action = "", .resource = "", .where = where};
    const std::vector<std::string> texts = {"",
                                            "*",
                                            "rds-data:",
                                            "rds-data:executestatement",
                                            "RDS-data:ExecuteStatement",
                                            "rds-data:ExecuteStatement",
                                            "rds-data:ExecuteStatements",
                                            "arn",
                                            "arn:aws:rds",
                                            "arn:aws:rds:",
                                            "arn:aws:rds:us-east-1:123456789012:cluster:a",
                                            "arn:aws:rds:us-east-1:123456789012:cluster:ab:c",
                                            "arn:aws:rds:us-east-1:123456789012:db:a"};
    for (const auto& text : texts) {
        for (std::size_t size = 0; size <= text.size(); ++size) {
            const auto beginning = text.substr(0, size);
            const auto whole = pattern::parse(beginning, {.wildcards = false});
            const auto fast = pattern::parse(beginning + "*", {});
            const auto searched = pattern::parse(beginning + "**", {});  // the same, and no such simple form
            for (const auto& other : texts) {
                SCOPED_TRACE(beginning + " and " + other);
                EXPECT_EQ(whole->matches(other, asked), other == beginning);
                EXPECT_EQ(whole->matches_arn(other, asked), other == beginning);
                for (const auto by : {letter_case::exact, letter_case::any})
                    EXPECT_EQ(fast->matches(other, asked, by), searched->matches(other, asked, by));
                EXPECT_EQ(fast->matches_arn(other, asked), searched->matches_arn(other, asked));
            }
        }
    }
    EXPECT_TRUE(pattern::parse("RDS-DATA:executeSTATEMENT", {})->matches(texts[3], asked, letter_case::any));
}

struct policy_case {
    std::string_view name;
    std::string document;
    std::string_view action, resource;
    verdict expected;
};

const policy_case cases[] = {
    {"exact", allow("rds-data:ExecuteStatement", cluster), "rds-data:ExecuteStatement", cluster, verdict::allowed},
    {"other_action", allow("rds-data:ExecuteStatement", cluster), "rds-data:BeginTransaction", cluster,
     verdict::silent},
    {"action_without_case", allow("RDS-Data:executestatement", cluster), "rds-data:ExecuteStatement", cluster,
     verdict::allowed},
    {"action_with_star", allow("rds-data:*Transaction", "*"), "rds-data:BeginTransaction", cluster, verdict::allowed},
    {"action_with_star_and_another", allow("rds-data:*Transaction", "*"), "rds-data:ExecuteStatement", cluster,
     verdict::silent},
    {"action_with_question_mark", allow("rds-data:Execute?tatement", "*"), "rds-data:ExecuteStatement", cluster,
     verdict::allowed},
    {"question_mark_is_one", allow("rds-data:Execute?", "*"), "rds-data:ExecuteSql", cluster, verdict::silent},
    {"everything", allow("*", "*"), "secretsmanager:GetSecretValue", secret, verdict::allowed},
    {"resource_with_case", allow("*", "arn:aws:rds:us-east-1:123456789012:cluster:Orders"), "rds-data:ExecuteStatement",
     cluster, verdict::silent},
    {"resource_with_star", allow("*", "arn:aws:rds:*:*:cluster:ord*"), "rds-data:ExecuteStatement", cluster,
     verdict::allowed},
    {"star_keeps_to_its_part", allow("*", "arn:aws:rds:*:cluster:orders:x"), "rds-data:ExecuteStatement", cluster,
     verdict::silent},
    {"last_star_reaches_over_colons", allow("*", "arn:aws:rds:us-east-1:123456789012:*"), "rds-data:ExecuteStatement",
     cluster, verdict::allowed},
    {"short_arn_with_star", allow("*", "arn:aws:rds:*"), "rds-data:ExecuteStatement", cluster, verdict::allowed},
    {"several_stars", allow("*", "arn:aws:rds:us-*-1:123456789012:cl*er:o*d*rs"), "rds-data:ExecuteStatement", cluster,
     verdict::allowed},
    {"secret_suffix", allow("*", "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-??????"),
     "secretsmanager:GetSecretValue", secret, verdict::allowed},
    {"lists",
     one(R"("Effect":"Allow","Action":["a:B","rds-data:ExecuteStatement"],"Resource":["arn:aws:rds:x:y:z","*"])"),
     "rds-data:ExecuteStatement", cluster, verdict::allowed},
    {"not_action", one(R"("Effect":"Allow","NotAction":"rds-data:Execute*","Resource":"*")"),
     "rds-data:BeginTransaction", cluster, verdict::allowed},
    {"not_action_hit", one(R"("Effect":"Allow","NotAction":"rds-data:Execute*","Resource":"*")"),
     "rds-data:ExecuteStatement", cluster, verdict::silent},
    {"not_resource", one(R"("Effect":"Allow","Action":"*","NotResource":"arn:aws:rds:*:*:cluster:prod-*")"),
     "rds-data:ExecuteStatement", cluster, verdict::allowed},
    {"not_resource_hit", one(R"("Effect":"Allow","Action":"*","NotResource":"arn:aws:rds:*:*:cluster:ord*")"),
     "rds-data:ExecuteStatement", cluster, verdict::silent},
    {"deny_wins",
     R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"rds-data:*","Resource":"*"}]})",
     "rds-data:ExecuteStatement", cluster, verdict::denied},
    {"deny_wins_in_any_order",
     R"({"Statement":[{"Effect":"Deny","Action":"rds-data:*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]})",
     "rds-data:ExecuteStatement", cluster, verdict::denied},
    {"one_statement_without_a_list", R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})",
     "rds-data:ExecuteStatement", cluster, verdict::allowed},
    {"variable", allow("*", "arn:aws:rds:us-east-1:123456789012:cluster:${aws:username}"), "rds-data:ExecuteStatement",
     "arn:aws:rds:us-east-1:123456789012:cluster:ann", verdict::allowed},
    {"variable_of_another", allow("*", "arn:aws:rds:us-east-1:123456789012:cluster:${aws:username}"),
     "rds-data:ExecuteStatement", cluster, verdict::silent},
    {"escaped_star", allow("*", "arn:aws:rds:us-east-1:123456789012:cluster:${*}"), "rds-data:ExecuteStatement",
     cluster, verdict::silent},
    {"no_variables_in_the_old_version",
     R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:rds:::${aws:username}"}})",
     "rds-data:ExecuteStatement", "arn:aws:rds:::${aws:username}", verdict::allowed},
};

class documents : public testing::TestWithParam<policy_case> {};

TEST_P(documents, given_a_document_when_it_judges_then_it_is_as_iam_does) {
    EXPECT_EQ(judged(GetParam().document, GetParam().action, GetParam().resource), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(all, documents, testing::ValuesIn(cases),
                         [](const auto& each) { return std::string(each.param.name); });

struct condition_case {
    std::string_view name, condition;
    bool holds;
};

/// From 10.1.2.3, in clear, at noon of 2026-01-31, on a cluster tagged stage=test.
const condition_case conditions[] = {
    {"ip", R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})", true},
    {"ip_single", R"("IpAddress":{"aws:SourceIp":"10.1.2.3"})", true},
    {"ip_outside", R"("IpAddress":{"aws:SourceIp":"10.1.2.0/31"})", false},
    {"ip_list", R"("IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.2.0/30"]})", true},
    {"ip_of_the_other_kind", R"("IpAddress":{"aws:SourceIp":"::/0"})", false},
    {"not_ip", R"("NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"})", false},
    {"not_ip_outside", R"("NotIpAddress":{"aws:SourceIp":["192.168.0.0/16","172.16.0.0/12"]})", true},
    {"keys_have_no_case", R"("IpAddress":{"AWS:sourceip":"10.0.0.0/8"})", true},
    {"tag", R"("StringEquals":{"aws:ResourceTag/stage":"test"})", true},
    {"tag_of_another_case", R"("StringEquals":{"aws:ResourceTag/stage":"Test"})", false},
    {"tag_without_case", R"("StringEqualsIgnoreCase":{"aws:ResourceTag/Stage":"Test"})", true},
    {"tag_not", R"("StringNotEquals":{"aws:ResourceTag/stage":["prod","test"]})", false},
    {"tag_star_is_no_wildcard", R"("StringEquals":{"aws:ResourceTag/stage":"t*"})", false},
    {"tag_like", R"("StringLike":{"aws:ResourceTag/stage":"t?s*"})", true},
    {"tag_not_like", R"("StringNotLike":{"aws:ResourceTag/stage":"t*"})", false},
    {"tag_missing", R"("StringEquals":{"aws:ResourceTag/owner":"ann"})", false},
    {"tag_missing_negated", R"("StringNotEquals":{"aws:ResourceTag/owner":"ann"})", true},
    {"tag_missing_if_exists", R"("StringEqualsIfExists":{"aws:ResourceTag/owner":"ann"})", true},
    {"tag_there_if_exists", R"("StringEqualsIfExists":{"aws:ResourceTag/stage":"prod"})", false},
    {"any_value", R"("ForAnyValue:StringEquals":{"aws:ResourceTag/stage":["prod","test"]})", true},
    {"any_value_missing", R"("ForAnyValue:StringNotEquals":{"aws:ResourceTag/owner":"ann"})", false},
    {"all_values_missing", R"("ForAllValues:StringEquals":{"aws:ResourceTag/owner":"ann"})", true},
    {"null_missing", R"("Null":{"aws:ResourceTag/owner":"true"})", true},
    {"null_there", R"("Null":{"aws:ResourceTag/stage":true})", false},
    {"not_null_there", R"("Null":{"aws:ResourceTag/stage":"false"})", true},
    {"tls", R"("Bool":{"aws:SecureTransport":"true"})", false},
    {"no_tls", R"("Bool":{"aws:SecureTransport":"false"})", true},
    {"before", R"("DateLessThan":{"aws:CurrentTime":"2026-01-31T12:00:01Z"})", true},
    {"not_before", R"("DateLessThan":{"aws:CurrentTime":"2026-01-31T12:00:00Z"})", false},
    {"until", R"("DateLessThanEquals":{"aws:CurrentTime":"2026-01-31T12:00:00Z"})", true},
    {"after_a_day", R"("DateGreaterThan":{"aws:CurrentTime":"2026-01-31"})", true},
    {"epoch", R"("DateGreaterThanEquals":{"aws:EpochTime":1769860800})", true},
    {"user", R"("StringEquals":{"aws:username":"ann"})", true},
    {"variable_in_a_value", R"("StringEquals":{"aws:ResourceTag/owner":"${aws:username}"})", false},
    {"principal", R"("ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"})", true},
    {"principal_not", R"("ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/ann"})", false},
    {"all_must_hold", R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"aws:ResourceTag/stage":"prod"})",
     false},
};

class policy_conditions : public testing::TestWithParam<condition_case> {};

TEST_P(policy_conditions, given_a_condition_when_a_request_comes_then_it_holds_or_not) {
    const tags tagged = {{"stage", "test"}};
    const circumstances where{.source_ip = "10.1.2.3", .secure_transport = false, .at = noon};
    EXPECT_EQ(judged(on_condition(GetParam().condition), "rds-data:ExecuteStatement", cluster, &tagged, where),
              GetParam().holds ? verdict::allowed : verdict::silent);
}

INSTANTIATE_TEST_SUITE_P(all, policy_conditions, testing::ValuesIn(conditions),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(policy, given_ipv6_ranges_when_an_address_comes_then_bits_count) {
    const auto range = address_range::parse("2001:db8::/33");
    ASSERT_TRUE(range);
    EXPECT_TRUE(range->contains("2001:db8:7fff::1"));
    EXPECT_FALSE(range->contains("2001:db8:8000::1"));
    EXPECT_FALSE(range->contains("10.0.0.1"));
    EXPECT_FALSE(range->contains(""));
    EXPECT_TRUE(address_range::parse("0.0.0.0/0")->contains("203.0.113.9"));
}

struct refused_case {
    std::string_view name;
    std::string document;
    std::string_view says;
};

const refused_case refused[] = {
    {"no_json", "{", "no JSON"},
    {"no_object", "[]", "JSON object"},
    {"no_statement", R"({"Version":"2012-10-17"})", "has no Statement"},
    {"empty_statement", R"({"Statement":[]})", "no statement"},
    {"version", R"({"Version":"2020-01-01","Statement":[]})", "Version must be"},
    {"unknown_member", R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},"Colour":1})",
     "Colour is not known"},
    {"effect", one(R"("Effect":"allow","Action":"*","Resource":"*")"), "Effect must be Allow or Deny"},
    {"no_action", one(R"("Effect":"Allow","Resource":"*")"), "either Action or NotAction"},
    {"both_actions", one(R"("Effect":"Allow","Action":"*","NotAction":"*","Resource":"*")"),
     "either Action or NotAction"},
    {"no_resource", one(R"("Effect":"Allow","Action":"*")"), "either Resource or NotResource"},
    {"principal", one(R"("Effect":"Allow","Action":"*","Resource":"*","Principal":"*")"), "Principal is not known"},
    {"member_twice", one(R"("Effect":"Deny","Action":"*","Resource":"*","Effect":"Allow")"), "given twice"},
    {"action_without_service", allow("ExecuteStatement", "*"), "no action such as"},
    {"resource_no_arn", allow("*", "orders"), "no ARN"},
    {"resource_short_arn", allow("*", "arn:aws:rds"), "no ARN"},
    {"empty_list", one(R"("Effect":"Allow","Action":[],"Resource":"*")"), "Action is empty"},
    {"unknown_variable", allow("*", "arn:aws:rds:::${aws:colour}"), "${aws:colour} is not known"},
    {"unknown_operator", on_condition(R"("StringSounds":{"aws:username":"a"})"), "StringSounds is not known"},
    {"null_if_exists", on_condition(R"("NullIfExists":{"aws:username":"true"})"), "NullIfExists is not known"},
    {"unknown_key", on_condition(R"("StringEquals":{"aws:MultiFactorAuthPresent":"true"})"),
     "aws:MultiFactorAuthPresent is not known"},
    {"tag_without_key", on_condition(R"("StringEquals":{"aws:ResourceTag/":"x"})"), "aws:ResourceTag/ is not known"},
    {"operator_on_the_wrong_key", on_condition(R"("StringEquals":{"aws:SourceIp":"10.0.0.1"})"), "does not go with"},
    {"bad_address", on_condition(R"("IpAddress":{"aws:SourceIp":"10.0.0.0/33"})"), "no address or range"},
    {"bad_time", on_condition(R"("DateLessThan":{"aws:CurrentTime":"tomorrow"})"), "no time such as"},
    {"bad_boolean", on_condition(R"("Bool":{"aws:SecureTransport":"yes"})"), "give true or false"},
    {"no_values", on_condition(R"("StringEquals":{"aws:username":[]})"), "needs a value"},
};

class refused_documents : public testing::TestWithParam<refused_case> {};

TEST_P(refused_documents, given_what_is_not_evaluated_when_parsed_then_it_is_an_error_that_names_it) {
    const auto parsed = policy::parse(GetParam().document);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().kind, core::error_kind::validation);
    EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(all, refused_documents, testing::ValuesIn(refused),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(policy, given_many_stars_when_matched_then_it_ends_soon) {
    const std::string stars = "arn:aws:rds:::" + std::string(2'000, '*') + "x";
    EXPECT_EQ(judged(allow("*", stars), "a:B", "arn:aws:rds:::" + std::string(20'000, 'y')), verdict::silent);
}

TEST(policy, given_the_managed_policies_when_asked_then_they_allow_what_aws_says) {  // R-10.22
    const auto data = managed_policy("AmazonRDSDataFullAccess");
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(managed_policy("arn:aws:iam::aws:policy/AmazonRDSDataFullAccess")->text(), data->text());
    EXPECT_EQ(managed_policy("Unheard"), nullptr);
    const std::string text = data->text();
    EXPECT_EQ(judged(text, "rds-data:ExecuteStatement", cluster), verdict::allowed);
    EXPECT_EQ(judged(text, "secretsmanager:GetSecretValue", secret), verdict::silent);
    EXPECT_EQ(judged(text, "secretsmanager:GetSecretValue",
                     "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds-db-credentials/cluster-X/ann-AbCdEf"),
              verdict::allowed);
    EXPECT_EQ(judged(managed_policy("AdministratorAccess")->text(), "rds:DeleteDBCluster", cluster), verdict::allowed);
    EXPECT_EQ(judged(managed_policy("BorealisDataAccess")->text(), "secretsmanager:GetSecretValue", secret),
              verdict::allowed);
    EXPECT_EQ(judged(managed_policy("BorealisDataAccess")->text(), "rds:DeleteDBCluster", cluster), verdict::silent);
}

caller with(policies identity, policies session = {}) {
    auto who = std::make_shared<principal>(
        principal{.arn = "arn:aws:iam::123456789012:user/ann", .account = "123456789012", .user_name = "ann"});
    who->identity = std::move(identity);
    who->session = std::move(session);
    return {std::move(who), {}};
}

std::string sentence(const caller& who, std::string_view action = "rds-data:ExecuteStatement") {
    const auto answer = who.may(action, cluster);
    return answer ? "" : answer.error().message;
}

TEST(caller, given_policies_when_asked_then_the_sentence_names_the_reason) {  // R-2.39
    const auto all = *policy::parse(allow("*", "*"));
    const auto other = *policy::parse(allow("rds:*", "*"));
    const auto deny = *policy::parse(one(R"("Effect":"Deny","Action":"*","Resource":"*")"));
    const std::string start =
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: rds-data:ExecuteStatement on "
        "resource: " +
        std::string(cluster);
    EXPECT_EQ(sentence(with({all})), "");
    EXPECT_EQ(sentence(with({other, all})), "");
    EXPECT_EQ(sentence(with({other})),
              start + " because no identity-based policy allows the rds-data:ExecuteStatement action");
    EXPECT_EQ(sentence(with({all, deny})), start + " with an explicit deny in an identity-based policy");
    EXPECT_EQ(sentence(with({all}, {all})), "");
    EXPECT_EQ(sentence(with({all}, {other})),
              start + " because no session policy allows the rds-data:ExecuteStatement action");
    EXPECT_EQ(sentence(with({all}, {all, deny})), start + " with an explicit deny in a session policy");
    EXPECT_EQ(sentence(with({other}, {all})),
              start + " because no identity-based policy allows the rds-data:ExecuteStatement action");
}

}  // namespace
}  // namespace borealis::auth
