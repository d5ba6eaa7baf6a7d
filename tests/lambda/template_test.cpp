#include "lambda/template.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace borealis::lambda {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// A folder with code: `app/bootstrap` and `app.zip`.
class template_test : public testing::Test {
 protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / fmt::format("borealis-template-{}", ::getpid());
        fs::create_directories(folder_ / "app");
        std::ofstream(folder_ / "app" / "bootstrap") << "#!/bin/sh\n";
        std::ofstream(folder_ / "app.zip") << "PK";
    }
    void TearDown() override { fs::remove_all(folder_); }

    template_options options() const { return {.context = {}, .folder = folder_}; }
    application read(std::string_view text) const { return read_template(text, options()); }

    fs::path folder_;
};

std::string error_of(std::string_view text, const template_options& with) {
    try {
        static_cast<void>(read_template(text, with));
    } catch (const template_error& wrong) {
        return fmt::format("{}: {}", wrong.line, wrong.what());
    }
    return "none";
}

constexpr std::string_view whole = R"(
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: test, AllowedValues: [test, live]}
  Names: {Type: CommaDelimitedList, Default: 'one, two'}
  Subnets: {Type: 'List<AWS::EC2::Subnet::Id>'}
  Word: {Type: String, Default: abc, AllowedPattern: '[a-z]+'}
Conditions:
  Live: !Equals [!Ref Stage, live]
  NotLive: !Not [!Condition Live]
  Either: !Or [!Condition Live, !Condition NotLive]
  Both: !And [!Condition Live, !Condition NotLive]
Mappings:
  Sizes:
    test: {memory: 256}
    live: {memory: 1024}
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 29
    Environment: {Variables: {SHARED: everywhere, STAGE: !Ref Stage}}
    Tags: {team: a}
Resources:
  Cluster:
    Type: AWS::RDS::DBCluster
    Properties: {Engine: aurora-mysql, DBSubnetGroupName: !Ref Subnets}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageVariables: {k: !Ref Stage}
      CorsConfiguration: {AllowOrigins: ['https://a.example'], AllowMethods: [get, POST], AllowHeaders: [content-type], MaxAge: 5, AllowCredentials: true}
  Employees:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: app
      Handler: employee
      MemorySize: !FindInMap [Sizes, !Ref Stage, memory]
      Architectures: [arm64]
      ReservedConcurrentExecutions: 5
      Description: !Join [' ', [Stores, !Select [1, !Ref Names], !If [Live, live, test]]]
      Environment:
        Variables:
          STAGE: !Sub '${Stage}-own'
          CLUSTER: !GetAtt Cluster.DBClusterArn
          SECRET: !Sub ['${a}/${!b}/${Cluster.MasterUserSecret.SecretArn}', {a: !Ref 'AWS::Region'}]
          NOTHING: !If [Live, x, !Ref 'AWS::NoValue']
          SPLIT: !Select [0, !Split ['-', 'p-q']]
          SELF: !GetAtt Other.Arn
          B64: !Base64 x
      Policies:
        - AWSLambdaBasicExecutionRole
        - AWSSecretsManagerGetSecretValuePolicy: {SecretArn: !GetAtt Cluster.MasterUserSecret.SecretArn}
        - Statement:
            - {Effect: Allow, Action: 'rds-data:*', Resource: !GetAtt Cluster.DBClusterArn}
      Events:
        Add: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: post, Path: /employees, TimeoutInMillis: 5000}}
        Old: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: '/old/{path+}', PayloadFormatVersion: '1.0'}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api}}
  Other:
    Type: AWS::Serverless::Function
    Condition: Either
    Properties:
      FunctionName: other-name
      CodeUri: app.zip
      Events:
        Implicit: {Type: HttpApi, Properties: {Method: GET, Path: /other}}
        ImplicitRest: {Type: Api, Properties: {Method: get, Path: /rest}}
        Timer: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
  Never:
    Type: AWS::Serverless::Function
    Condition: Both
    Properties: {CodeUri: nowhere}
)";

template_options with_cluster(const fs::path& folder) {
    template_options made{.context = {}, .folder = folder};
    made.context.resource = [](const std::string& id, const std::string& type, const yaml_value&,
                               std::string_view attribute) -> std::optional<std::string> {
        if (type != "AWS::RDS::DBCluster") return std::nullopt;
        return fmt::format("arn:{}:{}", id, attribute);
    };
    return made;
}

TEST_F(template_test, l_4_34_given_a_whole_template_when_read_then_the_functions_have_what_it_says) {
    const auto app = read_template(whole, with_cluster(folder_));
    ASSERT_EQ(2U, app.functions.size());
    const auto& one = app.functions[0];
    EXPECT_EQ("Employees", one.name);
    EXPECT_EQ("employee", one.handler);
    EXPECT_EQ("provided.al2023", one.runtime);
    EXPECT_EQ("arm64", one.architecture);
    EXPECT_EQ(256U, one.memory_mb);
    EXPECT_EQ(std::chrono::seconds(29), one.timeout);
    EXPECT_EQ(5U, one.reserved_concurrency);
    EXPECT_EQ("Stores two test", one.description);
    EXPECT_EQ(fs::canonical(folder_ / "app"), one.folder);
    EXPECT_THAT(
        one.environment,
        UnorderedElementsAre(
            Pair("SHARED", "everywhere"), Pair("STAGE", "test-own"), Pair("CLUSTER", "arn:Cluster:DBClusterArn"),
            Pair("SECRET", "us-east-1/${b}/arn:Cluster:MasterUserSecret.SecretArn"), Pair("SPLIT", "p"),
            Pair("SELF", "arn:aws:lambda:us-east-1:123456789012:function:other-name"), Pair("B64", "eA==")));
    EXPECT_EQ("arn:aws:iam::123456789012:role/EmployeesRole", one.role);
    EXPECT_EQ(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue",)"
        R"("Resource":"arn:Cluster:MasterUserSecret.SecretArn"},{"Effect":"Allow","Action":"rds-data:*","Resource":"arn:Cluster:DBClusterArn"}]})",
        app.role_policies.at(one.role));
    EXPECT_EQ("other-name", app.functions[1].name);
    EXPECT_EQ(fs::canonical(folder_ / "app.zip"), app.functions[1].zip);
    EXPECT_THAT(app.warnings, ElementsAre(HasSubstr("Timer of type Schedule")));
}

TEST_F(template_test, l_3_50_given_a_whole_template_when_read_then_the_apis_have_its_routes) {
    const auto app = read_template(whole, with_cluster(folder_));
    ASSERT_EQ(3U, app.apis.size());
    const auto& api = app.apis[0];
    EXPECT_EQ("Api", api.name);
    EXPECT_EQ(api_kind::http, api.kind);
    EXPECT_EQ("$default", api.stage);
    EXPECT_THAT(api.stage_variables, ElementsAre(Pair("k", "test")));
    ASSERT_EQ(3U, api.routes.size());
    EXPECT_EQ("POST /employees", api.routes[0].key());
    EXPECT_EQ(std::chrono::milliseconds(5000), api.routes[0].timeout);
    EXPECT_EQ(payload_format::v2, api.routes[0].format);
    EXPECT_EQ("ANY /old/{path+}", api.routes[1].key());
    EXPECT_EQ(payload_format::v1, api.routes[1].format);
    EXPECT_EQ("$default", api.routes[2].key());
    EXPECT_EQ("Employees", api.routes[2].function);
    ASSERT_TRUE(api.cors);
    EXPECT_THAT(api.cors->allow_methods, ElementsAre("GET", "POST"));
    EXPECT_EQ(std::chrono::seconds(5), api.cors->max_age);
    EXPECT_TRUE(api.cors->allow_credentials);
    EXPECT_EQ("ServerlessHttpApi", app.apis[1].name);
    EXPECT_EQ("GET /other", app.apis[1].routes[0].key());
    EXPECT_EQ("other-name", app.apis[1].routes[0].function);
    EXPECT_EQ(api_kind::rest, app.apis[2].kind);
    EXPECT_EQ("Prod", app.apis[2].stage);
    EXPECT_EQ(std::chrono::milliseconds(29'000), app.apis[2].routes[0].timeout);
    EXPECT_EQ(payload_format::v1, app.apis[2].routes[0].format);
}

TEST_F(template_test, given_parameters_when_read_then_they_win_over_defaults) {
    auto with = with_cluster(folder_);
    with.context.parameters = {{"Stage", "live"}, {"Names", "x,y"}};
    const auto app = read_template(whole, with);
    EXPECT_EQ(1024U, app.functions[0].memory_mb);
    EXPECT_EQ("Stores y live", app.functions[0].description);
    EXPECT_EQ("x", app.functions[0].environment.at("NOTHING"));
}

TEST_F(template_test, given_code_elsewhere_when_read_then_it_is_taken) {
    auto with = with_cluster(folder_);
    with.code = {{"Employees", folder_ / "app" / "bootstrap"}};
    const auto app = read_template(whole, with);
    EXPECT_EQ(fs::canonical(folder_ / "app" / "bootstrap"), app.functions[0].program);
    EXPECT_TRUE(app.functions[0].folder.empty());
}

TEST_F(template_test, given_attributes_when_read_then_they_win_over_the_lookup) {
    auto with = with_cluster(folder_);
    with.context.attributes = {{"Cluster.DBClusterArn", "arn:given"}};
    EXPECT_EQ("arn:given", read_template(whole, with).functions[0].environment.at("CLUSTER"));
}

TEST_F(template_test, given_the_workshops_own_template_when_read_then_it_is_understood) {
    const fs::path own = BOREALIS_SOURCE_DIR "/deploy/aws/template.yaml";
    auto with = with_cluster(folder_);
    with.code = {{"EmployeeFunction", folder_ / "app"}};
    const auto app = load_template(own, with);
    ASSERT_EQ(1U, app.functions.size());
    EXPECT_EQ("arn:Cluster:DBClusterArn", app.functions[0].environment.at("DB_CLUSTER_ARN"));
    EXPECT_EQ("EmployeeDB", app.functions[0].environment.at("DB_NAME"));
    EXPECT_THAT(app.role_policies.at(app.functions[0].role), HasSubstr(R"("Action":"secretsmanager:GetSecretValue")"));
    ASSERT_EQ(1U, app.apis.size());
    EXPECT_THAT(app.warnings, IsEmpty());
}

TEST_F(template_test, given_json_when_read_then_it_is_a_template_too) {
    const auto app = read(
        R"({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "app", "Runtime": "provided.al2023",
        "Role": {"Fn::GetAtt": ["R", "Arn"]}, "Environment": {"Variables": {"A": {"Fn::Join": ["", ["x", {"Ref": "AWS::AccountId"}]]}}}}},
        "R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement":
          {"Effect": "Allow", "Action": ["rds-data:ExecuteStatement"], "Resource": "*"}}}], "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonRDSDataFullAccess"]}}}})");
    ASSERT_EQ(1U, app.functions.size());
    EXPECT_EQ("x123456789012", app.functions[0].environment.at("A"));
    EXPECT_EQ("arn:aws:iam::123456789012:role/R", app.functions[0].role);
    EXPECT_EQ(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds-data:ExecuteStatement"],"Resource":"*"},)"
        R"({"Effect":"Allow","Action":["rds-data:*","secretsmanager:GetSecretValue"],"Resource":"*"}]})",
        app.role_policies.at(app.functions[0].role));
}

TEST_F(template_test, l_3_50_given_an_openapi_body_when_read_then_its_paths_are_routes) {
    const auto app = read(R"(
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /x/{id}:
            get:
              x-amazon-apigateway-integration:
                uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'
                payloadFormatVersion: '1.0'
            x-amazon-apigateway-any-method:
              x-amazon-apigateway-integration:
                uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'
          /foreign:
            post: {x-amazon-apigateway-integration: {uri: 'https://example.com'}}
  F:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: app, Runtime: provided.al2023}
)");
    ASSERT_EQ(2U, app.apis[0].routes.size());
    EXPECT_EQ("GET /x/{id}", app.apis[0].routes[0].key());
    EXPECT_EQ(payload_format::v1, app.apis[0].routes[0].format);
    EXPECT_EQ("ANY /x/{id}", app.apis[0].routes[1].key());
    EXPECT_THAT(app.warnings, ElementsAre(HasSubstr("calls no function of this template")));
}

TEST_F(template_test, given_another_runtime_when_read_then_a_warning_says_so_and_its_routes_stay) {
    const auto app = read(R"(
Resources:
  P:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: nowhere, Runtime: python3.12, Events: {E: {Type: HttpApi, Properties: {Path: /p, Method: GET}}}}
)");
    EXPECT_THAT(app.functions, IsEmpty());
    EXPECT_EQ("GET /p", app.apis[0].routes[0].key());
    EXPECT_THAT(app.warnings, ElementsAre(HasSubstr("line 4: the function P has the runtime `python3.12`")));
}

TEST_F(template_test, given_rest_cors_of_sam_when_read_then_its_second_quotes_are_taken_off) {
    const auto app = read(R"(
Globals: {Api: {Cors: {AllowMethods: "'GET,POST'", AllowOrigin: "'*'", MaxAge: "'600'"}, BinaryMediaTypes: [image~1png]}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: app, Runtime: provided.al2023, Events: {E: {Type: Api, Properties: {Path: /p, Method: GET}}}}
)");
    ASSERT_TRUE(app.apis[0].cors);
    EXPECT_THAT(app.apis[0].cors->allow_methods, ElementsAre("GET,POST"));
    EXPECT_THAT(app.apis[0].cors->allow_origins, ElementsAre("*"));
    EXPECT_THAT(app.apis[0].binary_media_types, ElementsAre("image/png"));
}

struct wrong_case {
    std::string_view resources, says;
};
class l_3_53_template : public template_test, public testing::WithParamInterface<wrong_case> {};

TEST_P(l_3_53_template, given_a_template_that_cannot_be_when_read_then_the_line_and_the_remedy_are_told) {
    const auto text = fmt::format("Parameters: {{P: {{Type: String}}}}\nResources:\n{}", GetParam().resources);
    EXPECT_THAT(error_of(text, options()), HasSubstr(GetParam().says)) << text;
}

std::string function(std::string_view properties) {
    return fmt::format(
        "  F:\n    Type: AWS::Serverless::Function\n    Properties: {{Runtime: provided.al2023, CodeUri: app, {}}}\n",
        properties);
}

const auto unknown_api = function("Events: {E: {Type: HttpApi, Properties: {ApiId: !Ref G, Path: /, Method: GET}}}");
const auto unknown_method = function("Events: {E: {Type: HttpApi, Properties: {Path: /, Method: FETCH}}}");
const auto no_path = function("Events: {E: {Type: HttpApi, Properties: {Method: GET}}}");
const auto twice = function(
    "Events: {E: {Type: HttpApi, Properties: {Path: /x, Method: GET}}, G: {Type: HttpApi, Properties: {Path: /x, "
    "Method: get}}}");
const auto no_value =
    function("Environment: {Variables: {A: !GetAtt Table.Arn}}") + "  Table: {Type: AWS::DynamoDB::Table}\n";
const auto no_parameter = function("Environment: {Variables: {A: !Ref P}}");
const auto no_import = function("Environment: {Variables: {A: !ImportValue x}}");
const auto dynamic = function("Environment: {Variables: {A: '{{resolve:ssm:x}}'}}");
const auto big_timeout = function("Timeout: 901");
const auto bad_version =
    function("Events: {E: {Type: HttpApi, Properties: {Path: /, Method: GET, PayloadFormatVersion: '3.0'}}}");
const auto bad_function = function("Environment: {Variables: {A: !Frobnicate x}}");
const auto bad_cors = std::string(
    "  A: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: {AllowOrigins: ['*'], AllowCredentials: "
    "true}}}\n");

INSTANTIATE_TEST_SUITE_P(
    templates, l_3_53_template,
    testing::Values(
        wrong_case{unknown_api, "`G` names neither a resource nor a parameter"},
        wrong_case{unknown_method, "5: E: unknown method `FETCH`"},
        wrong_case{no_path, "5: the event E needs Path and Method"},
        wrong_case{twice, "the route `GET /x` is there already"},
        wrong_case{no_value, "5: `Table.Arn` has no value on this machine: give --attribute Table.Arn=…"},
        wrong_case{no_parameter, "5: the parameter `P` needs a value: give --parameter P=…"},
        wrong_case{no_import, "give --attribute x=…"}, wrong_case{dynamic, "cannot be resolved on this machine"},
        wrong_case{big_timeout, "`Timeout` must be a number from 1 to 900, not `901`"},
        wrong_case{bad_version, "PayloadFormatVersion is 1.0 or 2.0"},
        wrong_case{bad_function, "Fn::Frobnicate is not known"}, wrong_case{bad_cors, "exclude each other"},
        wrong_case{"  F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, CodeUri: nowhere}}",
                   "--code F=PATH"},
        wrong_case{
            "  F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, CodeUri: {Bucket: b}}}",
            "must be a folder or zip of this machine"},
        wrong_case{"  A: {Type: AWS::Serverless::Api}", "needs a StageName"},
        wrong_case{"  A: {Typ: x}", "has no Type"}, wrong_case{"  A: {Type: x}\n  A: {Type: y}", "4: `A` stands twice"},
        wrong_case{"  A: [", "3: end of sequence flow not found"}));

TEST_F(template_test, given_what_is_no_template_when_read_then_it_is_said) {
    for (const std::string_view text : {"", "x", "[]", "Resources: {}", "Resources: []", "\tx: y"}) {
        EXPECT_NE("none", error_of(text, options())) << text;
    }
    template_options with = options();
    with.context.parameters = {{"Nobody", "x"}};
    EXPECT_THAT(error_of(whole, with), HasSubstr("no parameter `Nobody`"));
    with.context.parameters = {{"Stage", "x"}};
    EXPECT_THAT(error_of(whole, with), HasSubstr("may be one of test, live, not `x`"));
    with.context.parameters = {{"Word", "ABC"}};
    EXPECT_THAT(error_of(whole, with), HasSubstr("must match [a-z]+"));
}

TEST_F(template_test, given_hostile_yaml_when_read_then_it_ends_in_an_error) {
    std::string deep(5000, '[');
    EXPECT_NE("none", error_of(deep, options()));
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'j'; ++c)
        bomb += fmt::format("{0}: &{0} [*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1}]\n", c, static_cast<char>(c - 1));
    EXPECT_THAT(error_of(bomb, options()), HasSubstr("too many values"));
    EXPECT_NE(
        "none",
        error_of("Conditions: {A: !Condition B, B: !Condition A}\nResources: {X: {Type: t, Condition: A}}", options()));
}

TEST(local_api_id_test, given_a_name_when_hashed_then_it_looks_like_awss) {
    EXPECT_THAT(local_api_id("local", "Api"), testing::MatchesRegex("[a-z][a-z0-9]{9}"));
    EXPECT_EQ(local_api_id("local", "Api"), local_api_id("local", "Api"));
    EXPECT_NE(local_api_id("local", "Api"), local_api_id("local", "Apj"));
}

}  // namespace
}  // namespace borealis::lambda
