#include "secrets/api.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/document.hpp"

namespace borealis::secrets {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr std::string_view token = "00000000-0000-4000-8000-000000000001";
constexpr std::string_view other_token = "00000000-0000-4000-8000-000000000002";

/// One member of an answer as text: a string's content, a number's digits; "(none)" where it is not there.
std::string member(const answer& of, std::string_view name) {
    json::document reader;
    const auto root = reader.parse_copy(of.body);
    EXPECT_TRUE(root) << of.body;
    const auto* found = root ? (*root)->find(name) : nullptr;
    if (found == nullptr) return "(none)";
    if (found->is() == json::kind::string) return std::string(found->text());
    return std::string(found->raw());
}

struct protocol : ::testing::Test {
    store secrets{{}};
    api on{secrets};

    answer ask(std::string_view operation, std::string_view body) const {
        return on.handle("secretsmanager." + std::string(operation), body);
    }
    void make(std::string_view name) const {
        const auto made =
            ask("CreateSecret", R"({"Name":")" + std::string(name) +
                                    R"(","SecretString":"one","ClientRequestToken":")" + std::string(token) + R"("})");
        ASSERT_EQ(made.status, 200) << made.body;
    }
};

TEST_F(protocol, given_a_secret_when_made_and_read_then_all_members_are_there) {  // R-12.30, R-12.40, R-12.41
    const auto made = ask(
        "CreateSecret",
        R"({"Name":"a/b","SecretString":"{\"username\":\"u\"}","Description":"d","ClientRequestToken":"00000000-0000-4000-8000-000000000001","Tags":[{"Key":"k","Value":"v"}]})");
    ASSERT_EQ(made.status, 200) << made.body;
    EXPECT_THAT(member(made, "ARN"),
                MatchesRegex("arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-[A-Za-z0-9]+"));
    EXPECT_EQ(member(made, "Name"), "a/b");
    EXPECT_EQ(member(made, "VersionId"), token);
    const auto got = ask("GetSecretValue", R"({"SecretId":"a/b"})");
    EXPECT_EQ(member(got, "SecretString"), R"({"username":"u"})");
    EXPECT_EQ(member(got, "VersionId"), token);
    EXPECT_THAT(member(got, "CreatedDate"), MatchesRegex("[0-9]+\\.[0-9][0-9][0-9]"));
    EXPECT_THAT(got.body, HasSubstr(R"("VersionStages":["AWSCURRENT"])"));
    EXPECT_EQ(got.error_type, "");
    const auto about = ask("DescribeSecret", R"({"SecretId":")" + member(made, "ARN") + R"("})");
    EXPECT_EQ(member(about, "Description"), "d");
    EXPECT_THAT(about.body, HasSubstr(R"("Tags":[{"Key":"k","Value":"v"}])"));
    EXPECT_THAT(about.body,
                HasSubstr(R"("VersionIdsToStages":{"00000000-0000-4000-8000-000000000001":["AWSCURRENT"]})"));
    EXPECT_EQ(member(about, "DeletedDate"), "(none)");
    EXPECT_THAT(about.body, Not(HasSubstr("username")));
}

TEST_F(protocol, given_a_new_value_when_put_then_both_versions_can_be_read) {  // R-12.41
    make("db");
    const auto put =
        ask("PutSecretValue",
            R"({"SecretId":"db","SecretString":"two","ClientRequestToken":"00000000-0000-4000-8000-000000000002"})");
    EXPECT_EQ(member(put, "VersionId"), other_token);
    EXPECT_THAT(put.body, HasSubstr(R"("VersionStages":["AWSCURRENT"])"));
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), "two");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionStage":"AWSPREVIOUS"})"), "SecretString"),
              "one");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionId":"00000000-0000-4000-8000-000000000001"})"),
                     "SecretString"),
              "one");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionStage":"AWSPENDING"})"), "Message"),
              "Secrets Manager can't find the specified secret value for staging label: AWSPENDING");
    EXPECT_EQ(
        ask("PutSecretValue",
            R"({"SecretId":"db","SecretString":"two","ClientRequestToken":"00000000-0000-4000-8000-000000000002"})")
            .status,
        200);
    EXPECT_EQ(
        ask("PutSecretValue",
            R"({"SecretId":"db","SecretString":"three","ClientRequestToken":"00000000-0000-4000-8000-000000000002"})")
            .error_type,
        "ResourceExistsException");
}

TEST_F(protocol, given_an_update_when_without_a_value_then_no_version_is_named) {
    make("db");
    const auto changed = ask("UpdateSecret", R"({"SecretId":"db","Description":"new"})");
    EXPECT_EQ(member(changed, "VersionId"), "(none)");
    EXPECT_EQ(member(ask("DescribeSecret", R"({"SecretId":"db"})"), "Description"), "new");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), "one");
    EXPECT_NE(member(ask("UpdateSecret", R"({"SecretId":"db","SecretString":"two"})"), "VersionId"), "(none)");
    EXPECT_EQ(member(ask("DescribeSecret", R"({"SecretId":"db"})"), "Description"), "new");
}

TEST_F(protocol, given_a_binary_value_when_read_then_it_is_base64) {
    const auto made = ask("CreateSecret", R"({"Name":"b","SecretBinary":"AAEC"})");
    ASSERT_EQ(made.status, 200);
    const auto got = ask("GetSecretValue", R"({"SecretId":"b"})");
    EXPECT_EQ(member(got, "SecretBinary"), "AAEC");
    EXPECT_EQ(member(got, "SecretString"), "(none)");
    EXPECT_TRUE(secrets.get("b")->binary);
}

TEST_F(protocol, given_a_secret_without_a_value_when_read_then_the_label_is_not_found) {  // R-12.42
    const auto made = ask("CreateSecret", R"({"Name":"empty"})");
    EXPECT_EQ(member(made, "VersionId"), "(none)");
    const auto got = ask("GetSecretValue", R"({"SecretId":"empty"})");
    EXPECT_EQ(got.error_type, "ResourceNotFoundException");
    EXPECT_EQ(member(got, "Message"),
              "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
}

TEST_F(protocol,
       given_a_removal_when_scheduled_then_it_can_be_taken_back_and_when_forced_then_not) {  // R-12.43, R-12.44
    make("db");
    const auto soon = ask("DeleteSecret", R"({"SecretId":"db","RecoveryWindowInDays":7})");
    EXPECT_EQ(soon.status, 200);
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_NEAR(std::stod(member(soon, "DeletionDate")), static_cast<double>(seconds + 7 * 86400), 10);
    const auto got = ask("GetSecretValue", R"({"SecretId":"db"})");
    EXPECT_EQ(got.error_type, "InvalidRequestException");
    EXPECT_EQ(member(got, "Message"),
              "You can't perform this operation on the secret because it was marked for deletion.");
    EXPECT_EQ(member(ask("CreateSecret", R"({"Name":"db","SecretString":"x"})"), "Message"),
              "You can't create this secret because a secret with this name is already scheduled for deletion.");
    EXPECT_NE(member(ask("DescribeSecret", R"({"SecretId":"db"})"), "DeletedDate"), "(none)");
    EXPECT_EQ(ask("ListSecrets", "{}").body, R"({"SecretList":[]})");
    EXPECT_THAT(ask("ListSecrets", R"({"IncludePlannedDeletion":true})").body, HasSubstr(R"("Name":"db")"));
    EXPECT_EQ(ask("RestoreSecret", R"({"SecretId":"db"})").status, 200);
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), "one");
    const auto now = ask("DeleteSecret", R"({"SecretId":"db","ForceDeleteWithoutRecovery":true})");
    EXPECT_NEAR(std::stod(member(now, "DeletionDate")), static_cast<double>(seconds), 10);
    EXPECT_EQ(ask("DescribeSecret", R"({"SecretId":"db"})").error_type, "ResourceNotFoundException");
    make("db");
}

TEST_F(protocol, given_many_secrets_when_listed_then_pages_and_filters_hold) {
    for (const auto* name : {"a1", "a2", "b1", "b2", "b3"}) make(name);
    const auto names = [](const answer& of) {
        std::string all;
        for (auto at = of.body.find("\"Name\":\""); at != std::string::npos; at = of.body.find("\"Name\":\"", at + 1))
            all += of.body.substr(at + 8, 2);
        return all;
    };
    const auto first = ask("ListSecrets", R"({"MaxResults":2})");
    EXPECT_EQ(names(first), "a1a2");
    EXPECT_THAT(first.body, HasSubstr("SecretVersionsToStages"));
    const auto second = ask("ListSecrets", R"({"MaxResults":3,"NextToken":")" + member(first, "NextToken") + R"("})");
    EXPECT_EQ(names(second), "b1b2b3");
    EXPECT_EQ(member(second, "NextToken"), "(none)");
    EXPECT_EQ(names(ask("ListSecrets", R"({"Filters":[{"Key":"name","Values":["b"]}],"SortOrder":"desc"})")), "b3b2b1");
    EXPECT_EQ(names(ask("ListSecrets", R"({"Filters":[{"Key":"name","Values":["!b"]}]})")), "a1a2");
    EXPECT_EQ(ask("ListSecrets", R"({"Filters":[{"Key":"tag-key","Values":["x"]}]})").error_type,
              "InvalidParameterException");
    EXPECT_EQ(ask("ListSecrets", R"({"NextToken":"?"})").error_type, "InvalidNextTokenException");
}

TEST_F(protocol, given_a_body_when_asked_for_its_resource_then_it_is_an_arn) {
    make("db");
    EXPECT_EQ(on.resource_of(R"({"SecretId":"db"})"), secrets.describe("db")->arn);
    EXPECT_EQ(on.resource_of(R"({"SecretId":"none"})"), "none");
    EXPECT_EQ(on.resource_of(R"({"Name":"new"})"), "arn:aws:secretsmanager:us-east-1:123456789012:secret:new");
    EXPECT_EQ(on.resource_of("{}"), "*");
    EXPECT_EQ(on.resource_of("{broken"), "*");
}

struct refusal_case {
    std::string_view name, operation, body, type, message;
};
constexpr refusal_case refusals[] = {
    {"unknown_secret", "GetSecretValue", R"({"SecretId":"none"})", "ResourceNotFoundException",
     "Secrets Manager can't find the specified secret."},
    {"unknown_put", "PutSecretValue", R"({"SecretId":"none","SecretString":"x"})", "ResourceNotFoundException",
     "Secrets Manager can't find the specified secret."},
    {"taken", "CreateSecret", R"({"Name":"db","SecretString":"x"})", "ResourceExistsException",
     "The operation failed because the secret db already exists."},
    {"both_values", "CreateSecret", R"({"Name":"n","SecretString":"x","SecretBinary":"AA=="})",
     "InvalidParameterException",
     "You can't specify both a binary secret value and a string secret value in the same secret."},
    {"bad_name", "CreateSecret", R"({"Name":"a b"})", "InvalidParameterException", "Invalid name."},
    {"no_name", "CreateSecret", "{}", "ValidationException", "Value null at 'name'"},
    {"no_id", "GetSecretValue", "", "ValidationException", "Value null at 'secretId'"},
    {"empty_id", "GetSecretValue", R"({"SecretId":""})", "InvalidParameterException", "SecretId must have 1 to 2048"},
    {"wrong_type", "GetSecretValue", R"({"SecretId":5})", "SerializationException",
     "SecretId has the wrong JSON type."},
    {"no_object", "GetSecretValue", "[]", "SerializationException", "must be a JSON object"},
    {"no_json", "GetSecretValue", "{", "SerializationException", ""},
    {"no_base64", "CreateSecret", R"({"Name":"n","SecretBinary":"?"})", "SerializationException",
     "SecretBinary is not base64."},
    {"no_value", "PutSecretValue", R"({"SecretId":"db"})", "InvalidParameterException",
     "You must provide either SecretString or SecretBinary."},
    {"other_stage", "PutSecretValue", R"({"SecretId":"db","SecretString":"x","VersionStages":["AWSPENDING"]})",
     "InvalidParameterException", "VersionStages"},
    {"unknown_version", "GetSecretValue", R"({"SecretId":"db","VersionId":"v"})", "ResourceNotFoundException",
     "Secrets Manager can't find the specified secret value for VersionId: v"},
    {"short_token", "PutSecretValue", R"({"SecretId":"db","SecretString":"x","ClientRequestToken":"t"})",
     "InvalidParameterException", "ClientRequestToken"},
    {"window_and_force", "DeleteSecret",
     R"({"SecretId":"db","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true})", "InvalidParameterException",
     "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."},
    {"short_window", "DeleteSecret", R"({"SecretId":"db","RecoveryWindowInDays":6})", "InvalidParameterException",
     "RecoveryWindowInDays"},
    {"of_config", "DeleteSecret", R"({"SecretId":"fixed","ForceDeleteWithoutRecovery":true})",
     "InvalidRequestException", "declared in the server's config"},
    {"unknown_operation", "RotateSecret", "{}", "UnknownOperationException", "secretsmanager.RotateSecret"},
};
struct refused : protocol, ::testing::WithParamInterface<refusal_case> {};
INSTANTIATE_TEST_SUITE_P(cases, refused, ::testing::ValuesIn(refusals),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(refused, given_a_request_that_cannot_be_when_handled_then_type_and_text_say_why) {  // R-12.31, R-12.42, R-12.43
    make("db");
    secrets.declare("fixed", "", core::secret_text("x"));
    const auto got = ask(GetParam().operation, GetParam().body);
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.error_type, GetParam().type);
    EXPECT_EQ(member(got, "__type"), GetParam().type);
    EXPECT_THAT(member(got, "Message"), HasSubstr(GetParam().message));
    EXPECT_EQ(member(got, "message"), member(got, "Message"));
    EXPECT_EQ(secrets.get("db")->text.reveal(), "one");
}

TEST_F(protocol, given_another_service_when_handled_then_the_operation_is_unknown) {
    EXPECT_EQ(on.handle("AmazonSSM.GetSecretValue", "{}").error_type, "UnknownOperationException");
    EXPECT_EQ(on.handle("", "{}").error_type, "UnknownOperationException");
}

}  // namespace
}  // namespace borealis::secrets
