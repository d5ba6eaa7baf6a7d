#include "auth/caller.hpp"

#include <gtest/gtest.h>

namespace borealis::auth {
namespace {

TEST(caller, given_developer_mode_when_any_key_calls_then_it_may_everything_under_an_arn_of_its_own) {
    const auto who = caller::developer("AKIDEXAMPLE", "123456789012");
    EXPECT_EQ(who.arn(), "arn:aws:iam::123456789012:user/AKIDEXAMPLE");
    EXPECT_EQ(who.access_key_id(), "AKIDEXAMPLE");
    EXPECT_TRUE(who.may("rds-data:ExecuteStatement", "arn:aws:rds:us-east-1:123456789012:cluster:a"));
    EXPECT_EQ(caller::developer("a b/c:d", "123456789012").arn(), "arn:aws:iam::123456789012:user/a_b_c_d");
}

TEST(caller, given_no_policy_when_asked_then_the_sentence_is_that_of_aws) {
    const auto who = std::make_shared<const principal>(
        principal{.arn = "arn:aws:iam::123456789012:user/ann", .account = "123456789012", .user_id = "AIDA"});
    const auto answer = caller(who, {}).may("rds-data:ExecuteStatement", "arn:aws:rds:::cluster:a");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, core::error_kind::access_denied);
    EXPECT_EQ(answer.error().message,
              "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: rds-data:ExecuteStatement on "
              "resource: arn:aws:rds:::cluster:a because no identity-based policy allows the "
              "rds-data:ExecuteStatement action");
}

}  // namespace
}  // namespace borealis::auth
