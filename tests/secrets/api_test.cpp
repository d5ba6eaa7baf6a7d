#include "secrets/api.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

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
const auth::caller tester = auth::caller::developer("tester", "123456789012");

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
        return on.handle("secretsmanager." + std::string(operation), body, tester);
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

std::string names(const answer& of) {
    std::string all;
    for (auto at = of.body.find("\"Name\":\""); at != std::string::npos; at = of.body.find("\"Name\":\"", at + 1))
        all += of.body.substr(at + 8, 2);
    return all;
}

TEST_F(protocol, given_many_secrets_when_listed_then_pages_follow_each_other) {
    for (const auto* name : {"a1", "a2", "b1", "b2", "b3"}) make(name);
    const auto first = ask("ListSecrets", R"({"MaxResults":2})");
    EXPECT_EQ(names(first), "a1a2");
    EXPECT_THAT(first.body, HasSubstr("SecretVersionsToStages"));
    const auto second = ask("ListSecrets", R"({"MaxResults":3,"NextToken":")" + member(first, "NextToken") + R"("})");
    EXPECT_EQ(names(second), "b1b2b3");
    EXPECT_EQ(member(second, "NextToken"), "(none)");
    EXPECT_EQ(names(ask("ListSecrets", R"({"SortOrder":"desc","SortBy":"name"})")), "b3b2b1a2a1");
    ASSERT_EQ(ask("TagResource", R"({"SecretId":"a1","Tags":[{"Key":"k","Value":"v"}]})").status, 200);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // dates have milliseconds
    ASSERT_EQ(ask("PutSecretValue", R"({"SecretId":"a2","SecretString":"x"})").status, 200);
    EXPECT_EQ(names(ask("ListSecrets", R"({"SortOrder":"desc","SortBy":"last-changed-date","MaxResults":1})")), "a2");
    // Page by page in each order: every one once.
    for (const auto* order : {R"("SortBy":"created-date")", R"("SortBy":"last-accessed-date","SortOrder":"desc")",
                              R"("SortBy":"name","SortOrder":"desc")"}) {
        std::string all, token;
        for (int pages = 0; pages < 6; ++pages) {
            const auto page = ask("ListSecrets", std::string("{\"MaxResults\":1,") + order + token + "}");
            all += names(page);
            if (member(page, "NextToken") == "(none)") break;
            token = R"(,"NextToken":")" + member(page, "NextToken") + '"';
        }
        EXPECT_EQ(all.size(), 10U) << order << all;
    }
    EXPECT_EQ(ask("ListSecrets", R"({"NextToken":"?"})").error_type, "InvalidNextTokenException");
    EXPECT_EQ(ask("ListSecrets", R"({"NextToken":"YQ=="})").error_type, "InvalidNextTokenException");
}

struct filter_case {
    std::string_view name, filters, shown;
};
constexpr filter_case filter_cases[] = {
    {"none", "", "ABabcd"},
    {"name", R"({"Key":"name","Values":["a"]})", "ab"},
    {"name_minds_case", R"({"Key":"name","Values":["A"]})", "AB"},
    {"any_value_of_a_filter", R"({"Key":"name","Values":["cd","A"]})", "ABcd"},
    {"all_filters", R"({"Key":"name","Values":["a","c"]},{"Key":"tag-key","Values":["te"]})", "cd"},
    {"not", R"({"Key":"name","Values":["!a"]})", "ABcd"},
    {"description_does_not_mind_case", R"({"Key":"description","Values":["first O"]})", "ab"},
    {"tag_key", R"({"Key":"tag-key","Values":["team"]})", "cd"},
    {"tag_key_minds_case", R"({"Key":"tag-key","Values":["Team"]})", ""},
    {"tag_value", R"({"Key":"tag-value","Values":["blu"]})", "cd"},
    {"region", R"({"Key":"primary-region","Values":["us-"]})", "ABabcd"},
    {"other_region", R"({"Key":"primary-region","Values":["eu-"]})", ""},
    {"owner", R"({"Key":"owning-service","Values":["rds"]})", "AB"},
    {"all_words", R"({"Key":"all","Values":["ONE first"]})", "ab"},
    {"all_in_tags", R"({"Key":"all","Values":["blue"]})", "cd"},
    {"all_but_one_word", R"({"Key":"all","Values":["first blue"]})", ""},
};
struct filtered : protocol, ::testing::WithParamInterface<filter_case> {};
INSTANTIATE_TEST_SUITE_P(cases, filtered, ::testing::ValuesIn(filter_cases),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(filtered, given_filters_when_listed_then_only_what_fits_is_there) {
    ASSERT_EQ(ask("CreateSecret", R"({"Name":"ab","SecretString":"x","Description":"First one"})").status, 200);
    ASSERT_EQ(ask("CreateSecret", R"({"Name":"cd","SecretString":"x","Tags":[{"Key":"team","Value":"blue"}]})").status,
              200);
    ASSERT_TRUE(secrets.put("AB", core::secret_text("x"), "", store::if_exists::fail, "rds"));
    EXPECT_EQ(names(ask("ListSecrets", R"({"SortBy":"name","Filters":[)" + std::string(GetParam().filters) + "]}")),
              GetParam().shown);
}

TEST_F(protocol, given_labels_when_put_then_they_are_the_versions) {  // R-12.41
    make("db");
    const auto put = ask(
        "PutSecretValue",
        R"({"SecretId":"db","SecretString":"two","VersionStages":["AWSPENDING","mine"],"ClientRequestToken":"00000000-0000-4000-8000-000000000002"})");
    EXPECT_THAT(put.body, HasSubstr(R"("VersionStages":["AWSPENDING","mine"])"));
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), "one");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionStage":"mine"})"), "SecretString"), "two");
    EXPECT_EQ(
        member(ask("GetSecretValue",
                   R"({"SecretId":"db","VersionId":"00000000-0000-4000-8000-000000000001","VersionStage":"mine"})"),
               "Message"),
        "You provided a VersionStage that is not associated to the provided VersionId.");
    // The same request again is one version; another value under its token is none (R-12.41).
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
    const auto moved = ask(
        "UpdateSecretVersionStage",
        R"({"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"00000000-0000-4000-8000-000000000002","RemoveFromVersionId":"00000000-0000-4000-8000-000000000001"})");
    EXPECT_EQ(member(moved, "Name"), "db");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), "two");
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionStage":"AWSPREVIOUS"})"), "SecretString"),
              "one");
    const auto unlabelled = ask(
        "UpdateSecretVersionStage",
        R"({"SecretId":"db","VersionStage":"AWSPREVIOUS","RemoveFromVersionId":"00000000-0000-4000-8000-000000000001"})");
    EXPECT_EQ(unlabelled.status, 200);
    const auto listed = ask("ListSecretVersionIds", R"({"SecretId":"db"})");
    EXPECT_THAT(listed.body, HasSubstr(R"("VersionId":"00000000-0000-4000-8000-000000000002")"));
    EXPECT_THAT(listed.body, Not(HasSubstr(R"("VersionId":"00000000-0000-4000-8000-000000000001")")));
    const auto first = ask("ListSecretVersionIds", R"({"SecretId":"db","IncludeDeprecated":true,"MaxResults":1})");
    EXPECT_THAT(first.body, Not(HasSubstr("000000000001\"")));
    const auto second =
        ask("ListSecretVersionIds", R"({"SecretId":"db","IncludeDeprecated":true,"MaxResults":1,"NextToken":")" +
                                        member(first, "NextToken") + R"("})");
    EXPECT_THAT(second.body, HasSubstr("000000000001\""));
    EXPECT_EQ(member(second, "NextToken"), "(none)");
    EXPECT_THAT(ask("DescribeSecret", R"({"SecretId":"db"})").body, Not(HasSubstr("000000000001")));
    EXPECT_EQ(member(ask("GetSecretValue", R"({"SecretId":"db","VersionId":"00000000-0000-4000-8000-000000000001"})"),
                     "SecretString"),
              "one");
}

TEST_F(protocol, given_tags_when_set_and_removed_then_they_are_shown) {
    make("db");
    EXPECT_EQ(ask("TagResource", R"({"SecretId":"db","Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]})").body,
              "{}");
    EXPECT_EQ(ask("TagResource", R"({"SecretId":"db","Tags":[{"Key":"a","Value":"3"}]})").status, 200);
    EXPECT_THAT(ask("DescribeSecret", R"({"SecretId":"db"})").body,
                HasSubstr(R"("Tags":[{"Key":"b","Value":"2"},{"Key":"a","Value":"3"}])"));
    EXPECT_EQ(ask("UntagResource", R"({"SecretId":"db","TagKeys":["a","none"]})").body, "{}");
    EXPECT_THAT(ask("DescribeSecret", R"({"SecretId":"db"})").body, HasSubstr(R"("Tags":[{"Key":"b","Value":"2"}])"));
    EXPECT_EQ(ask("TagResource", R"({"SecretId":"db","Tags":[{"Key":"aws:x","Value":"1"}]})").error_type,
              "InvalidParameterException");
    EXPECT_EQ(ask("UntagResource", R"({"SecretId":"db","TagKeys":["aws:x"]})").error_type, "InvalidParameterException");
    std::string many = R"({"SecretId":"db","Tags":[)";
    for (int i = 0; i < 50; ++i) many += R"({"Key":"k)" + std::to_string(i) + R"(","Value":""},)";
    many.back() = ']';
    EXPECT_THAT(member(ask("TagResource", many + "}"), "Message"), HasSubstr("at most 50 tags"));
}

TEST_F(protocol, given_many_ids_when_read_at_once_then_values_and_errors_come_apart) {
    make("a1");
    make("a2");
    const auto got = ask("BatchGetSecretValue", R"({"SecretIdList":["a2","none","a1"]})");
    EXPECT_EQ(names(got), "a2a1");
    EXPECT_THAT(
        got.body,
        HasSubstr(
            R"("Errors":[{"SecretId":"none","ErrorCode":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}])"));
    const auto first = ask("BatchGetSecretValue", R"({"Filters":[{"Key":"name","Values":["a"]}],"MaxResults":1})");
    EXPECT_EQ(names(first), "a1");
    EXPECT_EQ(names(ask("BatchGetSecretValue", R"({"Filters":[{"Key":"name","Values":["a"]}],"NextToken":")" +
                                                   member(first, "NextToken") + R"("})")),
              "a2");
    EXPECT_EQ(ask("BatchGetSecretValue", "{}").error_type, "InvalidParameterException");
}

TEST_F(protocol, given_wishes_when_a_password_is_made_then_they_are_kept) {
    EXPECT_EQ(member(ask("GetRandomPassword", "{}"), "RandomPassword").size(), 32U);
    EXPECT_THAT(
        member(
            ask("GetRandomPassword",
                R"({"PasswordLength":5,"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true,"ExcludeCharacters":"01234"})"),
            "RandomPassword"),
        MatchesRegex("[5-9]{5}"));
    EXPECT_EQ(ask("GetRandomPassword", R"({"PasswordLength":0})").error_type, "InvalidParameterException");
}

TEST_F(protocol, given_a_read_when_described_then_the_day_is_there) {
    make("db");
    EXPECT_EQ(member(ask("DescribeSecret", R"({"SecretId":"db"})"), "LastAccessedDate"), "(none)");
    ASSERT_EQ(ask("GetSecretValue", R"({"SecretId":"db"})").status, 200);
    EXPECT_EQ(std::stoll(member(ask("DescribeSecret", R"({"SecretId":"db"})"), "LastAccessedDate")) % 86400, 0);
    const auto before = secrets.generation();
    ASSERT_EQ(ask("GetSecretValue", R"({"SecretId":"db"})").status, 200);
    EXPECT_EQ(secrets.generation(), before);  // a write a day
}

TEST_F(protocol, given_no_such_secret_when_force_deleted_then_it_succeeds) {  // R-12.44
    const auto done = ask("DeleteSecret", R"({"SecretId":"none","ForceDeleteWithoutRecovery":true})");
    EXPECT_EQ(done.status, 200);
    EXPECT_EQ(member(done, "Name"), "none");
    EXPECT_EQ(member(done, "ARN"), "arn:aws:secretsmanager:us-east-1:123456789012:secret:none");
    EXPECT_EQ(ask("DeleteSecret", R"({"SecretId":"none"})").error_type, "ResourceNotFoundException");
}

TEST_F(protocol, given_a_master_login_when_changed_then_only_its_service_may) {  // R-12.46
    const auto arn =
        secrets.make_master_login("arn:aws:rds:us-east-1:123456789012:cluster:c", "admin", core::secret_text("p"))->arn;
    const auto id = R"({"SecretId":")" + arn + '"';
    EXPECT_EQ(member(ask("GetSecretValue", id + "}"), "SecretString"), R"({"username":"admin","password":"p"})");
    const auto about = ask("DescribeSecret", id + "}");
    EXPECT_EQ(member(about, "OwningService"), "rds");
    for (const auto& [operation, more] :
         {std::pair("PutSecretValue", R"(,"SecretString":"x"})"), std::pair("UpdateSecret", R"(,"SecretString":"x"})"),
          std::pair("DeleteSecret", R"(,"ForceDeleteWithoutRecovery":true})"),
          std::pair("UpdateSecretVersionStage", R"(,"VersionStage":"x"})")})
        EXPECT_EQ(ask(operation, id + more).error_type, "InvalidRequestException") << operation;
    EXPECT_EQ(ask("TagResource", id + R"(,"Tags":[{"Key":"a","Value":"b"}]})").status, 200);
}

struct counting_rotator final : rotator {
    bool can_rotate(const record& secret) const override { return secret.about.name != "fixed"; }
    void begin(const std::string& arn) override { begun.push_back(arn); }
    std::vector<std::string> begun;
};

struct rotating : ::testing::Test {
    store secrets{{}};
    counting_rotator turns;
    api on{secrets, &turns};
    std::string arn =
        secrets.put("db", core::secret_text(R"({"username":"u","password":"old"})"), "", store::if_exists::fail)->arn;
    answer ask(std::string_view operation, std::string_view body) const {
        return on.handle("secretsmanager." + std::string(operation), body, tester);
    }
};

TEST_F(rotating, given_a_login_when_rotated_then_a_pending_version_is_made_and_taken_on) {  // R-12.41
    const auto done = ask(
        "RotateSecret",
        R"({"SecretId":"db","ClientRequestToken":"00000000-0000-4000-8000-000000000002","RotationRules":{"AutomaticallyAfterDays":30,"Duration":"3h"}})");
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(member(done, "VersionId"), other_token);
    EXPECT_THAT(turns.begun, ::testing::ElementsAre(arn));
    EXPECT_THAT(member(ask("GetSecretValue", R"({"SecretId":"db"})"), "SecretString"), HasSubstr("\"old\""));
    EXPECT_THAT(member(ask("GetSecretValue", R"({"SecretId":"db","VersionStage":"AWSPENDING"})"), "SecretString"),
                Not(HasSubstr("\"old\"")));
    const auto again = ask("RotateSecret", R"({"SecretId":"db"})");
    EXPECT_EQ(again.error_type, "InvalidRequestException");
    EXPECT_EQ(member(again, "Message"), "A previous rotation isn't complete. That rotation will be reattempted.");
    EXPECT_EQ(turns.begun.size(), 2U);
    ASSERT_TRUE(finish_rotation(secrets, "db"));
    const auto about = ask("DescribeSecret", R"({"SecretId":"db"})");
    EXPECT_THAT(about.body,
                HasSubstr(R"("RotationEnabled":true,"RotationRules":{"AutomaticallyAfterDays":30,"Duration":"3h"})"));
    EXPECT_NEAR(std::stod(member(about, "NextRotationDate")) - std::stod(member(about, "LastRotatedDate")), 30 * 86400,
                0.01);
    EXPECT_EQ(ask("CancelRotateSecret", R"({"SecretId":"db"})").status, 200);
    EXPECT_THAT(ask("DescribeSecret", R"({"SecretId":"db"})").body, HasSubstr(R"("RotationEnabled":false)"));
}

TEST_F(rotating, given_rules_alone_when_set_then_nothing_is_rotated) {
    const auto done =
        ask("RotateSecret",
            R"x({"SecretId":"db","RotateImmediately":false,"RotationRules":{"ScheduleExpression":"rate(12 hours)"}})x");
    EXPECT_EQ(done.status, 200);
    EXPECT_EQ(member(done, "VersionId"), "(none)");
    EXPECT_TRUE(turns.begun.empty());
    EXPECT_EQ(secrets.look_up("db")->about.rotates.every, std::chrono::hours(12));
    for (const auto* rules :
         {R"x({"ScheduleExpression":"cron(0 8 1 * ? *)"})x", R"x({"ScheduleExpression":"rate(3 hours)"})x",
          R"x({"ScheduleExpression":"rate(9999 days)"})x", R"x({"ScheduleExpression":"rate(1 fortnight)"})x",
          R"x({"AutomaticallyAfterDays":0})x",
          R"x({"AutomaticallyAfterDays":1,"ScheduleExpression":"rate(1 day)"})x"}) {
        EXPECT_EQ(ask("RotateSecret", R"({"SecretId":"db","RotationRules":)" + std::string(rules) + "}").error_type,
                  "InvalidParameterException")
            << rules;
    }
    EXPECT_EQ(ask("RotateSecret", R"({"SecretId":"db","RotationLambdaARN":"arn:aws:lambda:us-east-1:1:function:f"})")
                  .error_type,
              "InvalidParameterException");
}

TEST_F(protocol, given_a_body_when_asked_for_its_resource_then_it_is_an_arn) {
    make("db");
    const auto resource = [&](std::string_view operation, std::string_view body) {
        json::document reader;
        return on.resource_of(operation, **reader.parse_copy(body));
    };
    EXPECT_EQ(resource("GetSecretValue", R"({"SecretId":"db"})"), secrets.describe("db")->arn);
    EXPECT_EQ(resource("GetSecretValue", R"({"SecretId":"none"})"), "none");
    EXPECT_EQ(resource("CreateSecret", R"({"Name":"new"})"),
              "arn:aws:secretsmanager:us-east-1:123456789012:secret:new");
    EXPECT_EQ(resource("DescribeSecret", "{}"), "*");
    EXPECT_EQ(resource("DescribeSecret", "[]"), "*");
    // A member that the operation does not work with says nothing.
    EXPECT_EQ(resource("CreateSecret", R"({"SecretId":"db","Name":"new"})"),
              "arn:aws:secretsmanager:us-east-1:123456789012:secret:new");
    for (const auto* operation : {"ListSecrets", "BatchGetSecretValue", "GetRandomPassword"})
        EXPECT_EQ(resource(operation, R"({"SecretId":"db","Name":"new"})"), "*") << operation;
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
    {"empty_stage", "PutSecretValue", R"({"SecretId":"db","SecretString":"x","VersionStages":[""]})",
     "InvalidParameterException", "staging label"},
    {"unknown_filter", "ListSecrets", R"({"Filters":[{"Key":"colour","Values":["x"]}]})", "ValidationException",
     "Member must satisfy enum value set: [all, description, name, tag-key, tag-value, primary-region, "
     "owning-service]"},
    {"filter_without_value", "ListSecrets", R"({"Filters":[{"Key":"name"}]})", "InvalidParameterException",
     "1 to 10 values"},
    {"replicas", "CreateSecret", R"({"Name":"n","AddReplicaRegions":[{"Region":"eu-west-1"}]})",
     "InvalidParameterException", "cannot be replicated"},
    {"no_rotation", "RotateSecret", R"({"SecretId":"db"})", "InvalidRequestException",
     "No Lambda rotation function ARN is associated with this secret."},
    {"tag_twice", "TagResource", R"({"SecretId":"db","Tags":[{"Key":"a"},{"Key":"a"}]})", "InvalidParameterException",
     "given twice"},
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
    {"unknown_operation", "ReplicateSecretToRegions", "{}", "UnknownOperationException",
     "secretsmanager.ReplicateSecretToRegions"},
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
    EXPECT_EQ(on.handle("AmazonSSM.GetSecretValue", "{}", tester).error_type, "UnknownOperationException");
    EXPECT_EQ(on.handle("", "{}", tester).error_type, "UnknownOperationException");
}

TEST_F(protocol, given_a_caller_without_permission_when_it_asks_then_the_secrets_arn_is_in_the_refusal) {  // R-2.37
    make("app");
    const auto nobody = std::make_shared<const auth::principal>(
        auth::principal{.arn = "arn:aws:iam::123456789012:user/ann", .account = "123456789012"});
    const auto refused = on.handle("secretsmanager.GetSecretValue", R"({"SecretId":"app"})", auth::caller(nobody, {}));
    EXPECT_EQ(ask("DescribeSecret", R"({"SecretId":"app"})").status, 200);
    EXPECT_EQ(on.handle("secretsmanager.DeleteSecret", R"({"SecretId":"app","ForceDeleteWithoutRecovery":true})",
                        auth::caller(nobody, {}))
                  .error_type,
              "AccessDeniedException");
    EXPECT_TRUE(secrets.get("app"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.error_type, "AccessDeniedException");
    EXPECT_THAT(member(refused, "Message"),
                HasSubstr("User: arn:aws:iam::123456789012:user/ann is not authorized to perform: "
                          "secretsmanager:GetSecretValue on resource: " +
                          secrets.describe("app")->arn));
}

}  // namespace
}  // namespace borealis::secrets
