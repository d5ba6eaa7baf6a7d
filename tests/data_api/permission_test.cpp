#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_api/harness.hpp"

namespace borealis::data_api {
namespace {

using ::testing::HasSubstr;

std::string document(std::string_view action, std::string_view resource, std::string_view more = "") {
    return R"({"Statement":[{"Effect":"Allow","Action":")" + std::string(action) + R"(","Resource":")" +
           std::string(resource) + R"("})" + std::string(more) + "]}";
}

auth::caller with(std::string_view policy) {
    auto who = std::make_shared<auth::principal>(
        auth::principal{.arn = "arn:aws:iam::123456789012:user/ann", .account = "123456789012"});
    who->identity.push_back(*auth::policy::parse(policy));
    return {std::move(who), {}};
}

class permission : public service_test {
 protected:
    response ask(operation what, const auth::caller& who) {
        return api->call_as(what, body(what == operation::execute_statement ? R"(,"sql":"SELECT 1")" : ""), who);
    }
};

TEST_P(permission, given_a_policy_for_action_and_secret_when_called_then_it_runs) {
    const auto who = with(document("rds-data:ExecuteStatement", test_arn,
                                   R"(,{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":")" +
                                       std::string(test_secret) + R"("})"));
    EXPECT_EQ(ask(operation::execute_statement, who).status, 200);
    EXPECT_EQ(ask(operation::begin_transaction, who).error_type, "AccessDeniedException");
}

TEST_P(permission, given_no_permission_when_called_then_the_cluster_is_not_even_looked_for) {  // R-10.21
    const auto refused = ask(operation::execute_statement, with(document("rds:*", "*")));
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.error_type, "AccessDeniedException");
    EXPECT_THAT(refused.body, HasSubstr("not authorized to perform: rds-data:ExecuteStatement on resource: " +
                                        std::string(test_arn)));
    EXPECT_EQ(names.targets_asked, 0);
}

TEST_P(permission, given_the_action_alone_when_called_then_the_secret_is_asked_for_next) {  // R-2.38
    const auto refused = ask(operation::execute_statement, with(document("rds-data:*", "*")));
    EXPECT_EQ(refused.error_type, "AccessDeniedException");
    EXPECT_THAT(refused.body, HasSubstr("secretsmanager:GetSecretValue on resource: " + std::string(test_secret)));
    EXPECT_EQ(names.targets_asked, 0);
}

TEST_P(permission, given_a_condition_on_tags_when_the_clusters_fit_then_it_runs) {
    const auto who = with(
        R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/stage":"test"}}},)"
        R"({"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}]})");
    EXPECT_EQ(ask(operation::execute_statement, who).status, 403);
    names.tagged = {{"stage", "test"}};
    EXPECT_EQ(ask(operation::execute_statement, who).status, 200);
}

TEST_P(permission, given_a_condition_on_tags_when_the_secrets_do_not_fit_then_it_is_denied) {
    const auto who = with(
        R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"secretsmanager:*","Resource":"*",)"
        R"("Condition":{"StringEquals":{"aws:ResourceTag/guarded":"yes"}}}]})");
    EXPECT_EQ(ask(operation::execute_statement, who).status, 200);
    names.secret_tagged = {{"guarded", "yes"}};
    EXPECT_EQ(ask(operation::execute_statement, who).status, 403);
}

INSTANTIATE_TEST_SUITE_P(both, permission, testing::Values(engine::postgresql, engine::mysql));

}  // namespace
}  // namespace borealis::data_api
