#include "client/credentials.hpp"

#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "borealis/errors.hpp"
#include "client/fake_environment.hpp"
#include "client/scripted_server.hpp"

namespace borealis::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// A chain with all it stands on.
struct bench {
    tests::temporary_folder home;
    tests::fake_environment fake;
    client_options options;
    std::vector<std::string> warnings;

    bench() {
        fake.held->variables["HOME"] = home.path();
        options.on_warning = [this](std::string_view text) { warnings.emplace_back(text); };
    }

    /// `key/secret/token`, or the error.
    std::string ask() {
        try {
            if (!chain) {
                in = fake.make();
                profile = find_profile(options, in);
                chain.emplace(options, profile, in, over);
            }
            const auto found = chain->get();
            return found.access_key_id + "/" + found.secret.reveal() + "/" + found.session_token.reveal();
        } catch (const aws_error& failed) {
            return failed.code() + ": " + failed.message();
        }
    }

    environment in;
    profile_settings profile;
    transport over = transport("", 1);
    std::optional<credential_chain> chain;
};

struct chain_case {
    std::string_view name;
    std::map<std::string, std::string> environment = {};
    std::string config = {}, credentials = {};
    client_options options = {};
    std::string expected = {};
};

std::ostream& operator<<(std::ostream& out, const chain_case& of) { return out << of.name; }

const std::string both_files = "[default]\naws_access_key_id = CONFIG\naws_secret_access_key = c\n";
const std::string keys_file =
    "[default]\naws_access_key_id = FILE\naws_secret_access_key = f/+=\naws_session_token = t\n";

const chain_case chain_cases[] = {
    {.name = "L-5.30 option",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}},
     .options = {.credentials =
                     aws_credentials{.access_key_id = "CODE", .secret_access_key = "s", .session_token = "t"}},
     .expected = "CODE/s/t"},
    {.name = "L-5.30 half an option",
     .options = {.credentials = aws_credentials{.access_key_id = "CODE"}},
     .expected = "CredentialsError: Partial credentials found in client_options::credentials: an access key id and a "
                 "secret access key are needed"},
    {.name = "L-5.31 environment",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}, {"AWS_SESSION_TOKEN", "t"}},
     .credentials = keys_file,
     .expected = "ENV/e/t"},
    {.name = "L-5.31 old token variable",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}, {"AWS_SECURITY_TOKEN", "old"}},
     .expected = "ENV/e/old"},
    {.name = "L-5.31 key without secret",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}},
     .credentials = keys_file,
     .expected = "CredentialsError: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"},
    {.name = "L-5.31 profile in code skips the environment",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}},
     .credentials = keys_file,
     .options = {.profile = "default"},
     .expected = "FILE/f/+=/t"},
    {.name = "L-5.31 AWS_PROFILE does not",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}, {"AWS_PROFILE", "default"}},
     .credentials = keys_file,
     .expected = "ENV/e/"},
    {.name = "L-5.33 credentials file", .config = both_files, .credentials = keys_file, .expected = "FILE/f/+=/t"},
    {.name = "L-5.33 half of the keys",
     .credentials = "[default]\naws_access_key_id = FILE",
     .expected = "CredentialsError: Partial credentials found in the credentials file for the profile 'default', "
                 "missing: aws_secret_access_key"},
    {.name = "L-5.34 process",
     .config = both_files +
               "credential_process = printf "
               "'{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"p\",\"SessionToken\":\"t\"}'\n",
     .expected = "PROC/p/t"},
    {.name = "L-5.34 process that fails",
     .config = "[default]\ncredential_process = false",
     .expected = "CredentialsError: credential_process failed: false exited with 1"},
    {.name = "L-5.34 process that is not there",
     .config = "[default]\ncredential_process = /nonexistent/program --flag",
     .expected =
         "CredentialsError: credential_process cannot be started: /nonexistent/program: No such file or directory"},
    {.name = "L-5.34 process of another version",
     .config = "[default]\ncredential_process = echo {\\\"Version\\\":2}",
     .expected = "CredentialsError: The answer of credential_process is no JSON object with \"Version\": 1"},
    {.name = "L-5.34 process that says too little",
     .config = "[default]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'",
     .expected = "CredentialsError: The answer of credential_process lacks AccessKeyId or SecretAccessKey"},
    {.name = "L-5.35 config file", .config = both_files, .expected = "CONFIG/c/"},
    {.name = "L-5.35 other profile",
     .environment = {{"AWS_PROFILE", "p"}},
     .config = both_files + "[profile p]\naws_access_key_id = P\naws_secret_access_key = x\n",
     .expected = "P/x/"},
    {.name = "line end in a key",
     .environment = {{"AWS_ACCESS_KEY_ID", "ENV\r\nX-Evil: 1"}, {"AWS_SECRET_ACCESS_KEY", "e"}},
     .expected = "CredentialsError: The access key id from the environment has a blank, a line end or another "
                 "character that none has"},
    {.name = "L-5.36 plain http to elsewhere",
     .environment = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/creds"}},
     .expected = "CredentialsError: AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http is allowed to loopback and the "
                 "container hosts only, not to "
                 "'example.org'"},
    {.name = "L-5.38 none",
     .expected = "CredentialsError: Unable to locate credentials. You can set AWS_ACCESS_KEY_ID and "
                 "AWS_SECRET_ACCESS_KEY, or a profile in "
                 "~/.aws/credentials."},
};

class chain : public testing::TestWithParam<chain_case> {};

TEST_P(chain, given_a_machine_when_asked_for_credentials_then_the_first_source_that_is_set_up_answers) {
    const auto& of = GetParam();
    bench at;
    at.home.write(".aws/config", of.config);
    at.home.write(".aws/credentials", of.credentials);
    for (const auto& [name, value] : of.environment) at.fake.held->variables[name] = value;
    at.options.profile = of.options.profile;
    at.options.credentials = of.options.credentials;
    EXPECT_EQ(at.ask(), of.expected);
}

INSTANTIATE_TEST_SUITE_P(l_5_30_to_38, chain, testing::ValuesIn(chain_cases));

TEST(l_5_32, given_settings_that_need_sts_or_sso_when_asked_then_the_error_names_them) {
    for (const std::string key : {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url"}) {
        bench at;
        at.home.write(".aws/config", both_files + key + " = x\n");
        EXPECT_THAT(at.ask(), HasSubstr("The setting " + key + " of the profile 'default' needs a call of STS or SSO"))
            << key;
    }
    bench at;
    at.fake.held->variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
    EXPECT_THAT(at.ask(), HasSubstr("The setting AWS_WEB_IDENTITY_TOKEN_FILE needs a call of STS or SSO"));
}

std::string ec2_answer(std::string_view key, std::string_view expires) {
    return R"({"Code":"Success","AccessKeyId":")" + std::string(key) +
           R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + std::string(expires) + R"("})";
}

tests::step text(std::string_view body) { return tests::answer(body); }

TEST(l_5_36, given_a_container_when_asked_then_the_token_is_sent_and_read_anew_each_time) {
    tests::scripted_server server(
        {text(ec2_answer("ONE", "2026-11-23T12:05:00Z")), text(ec2_answer("TWO", "2026-11-23T18:00:00Z"))});
    bench at;
    at.fake.held->variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url() + "/creds?role=a";
    at.fake.held->variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = at.home.write("token", "first");
    EXPECT_EQ(at.ask(), "ONE/s/t");
    at.home.write("token", "second");
    EXPECT_EQ(at.ask(), "TWO/s/t");
    EXPECT_EQ(at.ask(), "TWO/s/t");
    const auto seen = server.requests();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].method + " " + seen[0].target, "GET /creds?role=a");
    EXPECT_EQ(seen[0].headers.at("authorization"), "first");
    EXPECT_EQ(seen[1].headers.at("authorization"), "second");
}

TEST(l_5_36, given_a_container_that_fails_when_asked_then_it_is_asked_three_times) {
    tests::scripted_server server;
    bench at;
    at.fake.held->variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url() + "/creds";
    at.fake.held->variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "plain";
    EXPECT_EQ(at.ask(), "CredentialsError: The container's credentials endpoint does not answer: status 500");
    EXPECT_EQ(server.requests().size(), 3U);

    bench other;
    other.fake.held->variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url() + "/creds";
    other.fake.held->variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "plain\r\nX-Evil: 1";
    EXPECT_EQ(other.ask(), "CredentialsError: The container's authorization token has a line end in it");
    EXPECT_EQ(server.requests().size(), 3U);
}

struct ec2_bench : bench {
    explicit ec2_bench(const tests::scripted_server& server) {
        fake.held->variables["AWS_EC2_METADATA_DISABLED"] = "";
        fake.held->variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url() + "/";
    }
};

TEST(l_5_37, given_ec2_when_asked_then_a_session_token_comes_first_and_goes_along) {
    tests::scripted_server server(
        {text("SESSION"), text("my-role\n"), text(ec2_answer("EC2", "2026-11-23T18:00:00Z"))});
    ec2_bench at(server);
    EXPECT_EQ(at.ask(), "EC2/s/t");
    EXPECT_EQ(at.ask(), "EC2/s/t");
    const auto seen = server.requests();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].method + " " + seen[0].target, "PUT /latest/api/token");
    EXPECT_EQ(seen[0].headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(seen[1].target, "/latest/meta-data/iam/security-credentials/");
    EXPECT_EQ(seen[2].target, "/latest/meta-data/iam/security-credentials/my-role");
    EXPECT_EQ(seen[2].headers.at("x-aws-ec2-metadata-token"), "SESSION");
}

TEST(l_5_37, given_ec2_when_it_falls_silent_then_expired_credentials_are_used_on_and_it_is_asked_again_later) {
    tests::scripted_server server({text("S"), text("r"), text(ec2_answer("OLD", "2026-11-23T13:00:00Z")),
                                   tests::refuse(500, "", ""), text("S"), text("r"),
                                   text(ec2_answer("NEW", "2026-11-23T20:00:00Z"))});
    ec2_bench at(server);
    EXPECT_EQ(at.ask(), "OLD/s/t");
    at.fake.held->now += 61min;
    EXPECT_EQ(at.ask(), "OLD/s/t");
    EXPECT_EQ(at.ask(), "OLD/s/t");  // not asked again at once
    EXPECT_EQ(server.requests().size(), 4U);
    EXPECT_THAT(
        at.warnings,
        ElementsAre(
            "Credentials could not be refreshed, the old ones are used on: The EC2 instance metadata service no "
            "longer has credentials"));
    at.fake.held->now += 6min;
    EXPECT_EQ(at.ask(), "NEW/s/t");
}

TEST(refresh, given_a_process_when_its_credentials_near_their_end_then_it_runs_again) {
    bench at;
    const auto answer = at.home.write(
        "answer",
        R"({"Version":1,"AccessKeyId":"ONE","SecretAccessKey":"s","Expiration":"2026-11-23T13:00:00+00:00"})");
    at.home.write(".aws/config", "[default]\ncredential_process = cat \"" + answer + "\"\n");
    EXPECT_EQ(at.ask(), "ONE/s/");
    at.home.write("answer",
                  R"({"Version":1,"AccessKeyId":"TWO","SecretAccessKey":"s","Expiration":"2026-11-23T14:00:00Z"})");
    at.fake.held->now += 44min;
    EXPECT_EQ(at.ask(), "ONE/s/");
    at.fake.held->now += 2min;
    EXPECT_EQ(at.ask(), "TWO/s/");
    // Within the quarter of an hour before the end a failure is only a warning; behind the end it is an error.
    at.home.write("answer", "broken");
    at.fake.held->now += 60min;
    EXPECT_EQ(at.ask(), "TWO/s/");
    EXPECT_EQ(at.warnings.size(), 1U);
    at.fake.held->now += 20min;
    EXPECT_EQ(at.ask(), "CredentialsError: The answer of credential_process is no JSON object with \"Version\": 1");
}

TEST(refresh, given_credentials_the_service_calls_expired_when_asked_then_they_are_fetched_anew) {
    bench at;
    const auto answer = at.home.write("answer", R"({"Version":1,"AccessKeyId":"ONE","SecretAccessKey":"s"})");
    at.home.write(".aws/config", "[default]\ncredential_process = cat " + answer + "\n");
    EXPECT_EQ(at.ask(), "ONE/s/");
    at.home.write("answer", R"({"Version":1,"AccessKeyId":"TWO","SecretAccessKey":"s"})");
    EXPECT_EQ(at.ask(), "ONE/s/");
    EXPECT_TRUE(at.chain->expire(at.chain->get()));
    EXPECT_EQ(at.ask(), "TWO/s/");
    bench fixed;
    fixed.options.credentials = aws_credentials{.access_key_id = "A", .secret_access_key = "b"};
    EXPECT_EQ(fixed.ask(), "A/b/");
    EXPECT_FALSE(fixed.chain->expire(fixed.chain->get()));
}

struct command_case {
    std::string_view command;
    std::vector<std::string> words;
};

TEST(command, given_a_line_when_split_then_quotes_and_backslashes_are_the_shells) {
    const command_case cases[] = {{"", {}},
                                  {"  a  b\t", {"a", "b"}},
                                  {"'a b' \"c d\"", {"a b", "c d"}},
                                  {R"(a\ b "c\"d\\e\f" 'g\h')", {"a b", R"(c"d\e\f)", R"(g\h)"}},
                                  {"a''b \"\"", {"ab", ""}},
                                  {"$HOME `x` *", {"$HOME", "`x`", "*"}}};
    for (const auto& of : cases) EXPECT_EQ(split_command(of.command), of.words) << of.command;
    EXPECT_THROW((void)split_command("'open"), credentials_error);
}

TEST(iso_time, given_texts_when_read_then_zone_and_fraction_count) {
    const auto at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 19h + 27min + 25s;
    EXPECT_EQ(parse_iso_time("2026-11-23T19:27:25Z"), at);
    EXPECT_EQ(parse_iso_time("2026-11-23T19:27:25.123456Z"), at);
    EXPECT_EQ(parse_iso_time("2026-11-23T20:27:25+01:00"), at);
    EXPECT_EQ(parse_iso_time("2026-11-23T18:57:25-00:30"), at);
    for (const std::string_view wrong : {"", "2026-11-23", "2026-11-23T19:27:25", "2026-13-23T19:27:25Z",
                                         "2026-11-23T25:27:25Z", "2026-11-23 19:27:25Z"}) {
        EXPECT_FALSE(parse_iso_time(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace borealis::client
