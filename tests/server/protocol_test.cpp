#include "server/protocol.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::server {
namespace {

struct address_case {
    std::string_view name, method, target;
    std::vector<http::header> headers;
    std::string_view body;
    service expected;
};

constexpr std::string_view form_type = "application/x-www-form-urlencoded; charset=utf-8";
constexpr std::string_view rds_scope =
    "AWS4-HMAC-SHA256 Credential=AKID/20261127/us-east-1/rds/aws4_request, SignedHeaders=host, Signature=00";
constexpr std::string_view sts_scope =
    "AWS4-HMAC-SHA256 Credential=AKID/20261127/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00";

const address_case cases[] = {
    {"execute", "POST", "/Execute", {}, "{}", service::rds_data},
    {"unknown_path", "GET", "/favicon.ico", {}, "", service::rds_data},
    {"root_without_anything", "POST", "/", {}, "", service::rds_data},
    {"secrets", "POST", "/", {{"X-Amz-Target", "secretsmanager.GetSecretValue"}}, "{}", service::secretsmanager},
    {"secrets_by_get", "GET", "/", {{"X-Amz-Target", "secretsmanager.GetSecretValue"}}, "", service::rds_data},
    {"rds_by_scope",
     "POST",
     "/",
     {{"Content-Type", form_type}, {"Authorization", rds_scope}},
     "Action=DescribeDBClusters",
     service::rds},
    {"sts_by_scope",
     "POST",
     "/",
     {{"content-type", form_type}, {"authorization", sts_scope}},
     "Action=AssumeRole",
     service::sts},
    {"sts_by_version",
     "POST",
     "/",
     {{"content-type", form_type}, {"authorization", "any"}},
     "Action=GetCallerIdentity&Version=2011-06-15",
     service::sts},
    {"rds_by_version",
     "POST",
     "/",
     {{"content-type", form_type}, {"authorization", "any"}},
     "Action=DescribeDBClusters&Version=2014-10-31",
     service::rds},
    {"presigned_sts",
     "POST",
     "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261127%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date="
     "x",
     {{"content-type", form_type}},
     "Action=GetCallerIdentity",
     service::sts},
    {"lambda", "POST", "/2015-03-31/functions/employee/invocations", {}, "{}", service::lambda},
};

class addresses : public testing::TestWithParam<address_case> {};

TEST_P(addresses, given_a_request_when_asked_whom_it_addresses_then_that_service_is_named) {
    const auto& in = GetParam();
    const auto question = std::min(in.target.find('?'), in.target.size());
    const http::request asked{.method = in.method,
                              .target = in.target,
                              .path = in.target.substr(0, question),
                              .query = in.target.substr(std::min(question + 1, in.target.size())),
                              .headers = in.headers,
                              .body = in.body};
    EXPECT_EQ(signing_name(addressed_by(asked)), signing_name(in.expected));
}

INSTANTIATE_TEST_SUITE_P(all, addresses, testing::ValuesIn(cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(protocol, given_a_rest_service_when_it_refuses_then_the_name_is_in_the_header) {  // R-1.30
    for (const auto by : {service::rds_data, service::lambda}) {
        const auto made = refuse(by, 403, "AccessDeniedException", "No \"entry\"");
        EXPECT_EQ(made.status, 403);
        EXPECT_EQ(made.error_type, "AccessDeniedException");
        EXPECT_EQ(made.content_type, "application/json");
        EXPECT_EQ(made.body, R"({"message":"No \"entry\""})");
    }
}

TEST(protocol, given_secretsmanager_when_it_refuses_then_the_name_is_in_the_body_too) {  // R-12.31
    const auto made = refuse(service::secretsmanager, 403, "UnrecognizedClientException", "No");
    EXPECT_EQ(made.content_type, "application/x-amz-json-1.1");
    EXPECT_EQ(made.body, R"({"__type":"UnrecognizedClientException","message":"No"})");
}

TEST(protocol, given_a_query_service_when_it_refuses_then_it_is_xml_with_the_query_protocols_name) {  // R-12.3
    const auto made = refuse(service::rds, 403, "InvalidSignatureException", "a<b");
    EXPECT_EQ(made.content_type, "text/xml");
    EXPECT_EQ(made.error_type, "");
    EXPECT_EQ(made.body,
              "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type>"
              "<Code>SignatureDoesNotMatch</Code><Message>a&lt;b</Message></Error><RequestId>" +
                  made.request_id + "</RequestId></ErrorResponse>");
    EXPECT_EQ(made.request_id.size(), 36U);
    EXPECT_NE(refuse(service::sts, 500, "InternalFailure", "")
                  .body.find("xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Receiver</Type>"),
              std::string::npos);
}

}  // namespace
}  // namespace borealis::server
