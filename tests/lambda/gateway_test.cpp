#include "lambda/gateway.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/document.hpp"
#include "lambda/cors.hpp"
#include "lambda/rate_limit.hpp"

namespace borealis::lambda {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;
using testing::Pair;
using testing::UnorderedElementsAre;

/// A request out of text, as the server would read it.
struct asked {
    explicit asked(std::string text) : bytes(std::move(text)) {
        const auto body = bytes.find("\n\n");
        std::string wire;
        for (const char c : bytes.substr(0, body)) wire += c == '\n' ? std::string("\r\n") : std::string(1, c);
        wire += "\r\nHost: abc.example.com:3000\r\n";
        const auto rest = body == std::string::npos ? std::string() : bytes.substr(body + 2);
        if (!rest.empty()) wire += "Content-Length: " + std::to_string(rest.size()) + "\r\n";
        wire += "\r\n" + rest;
        const auto room = reader.prepare();
        EXPECT_GE(room.size(), wire.size());
        std::ranges::copy(wire, room.begin());
        reader.commit(wire.size());
        EXPECT_EQ(http::request_reader::progress::request, reader.next()) << bytes;
    }
    const http::request& message() { return reader.message(); }

    std::string bytes;
    http::request_reader reader;
};

api_description employees(api_kind kind = api_kind::http, std::string stage = "$default") {
    api_description made{.name = "Api", .id = "abcdefghij", .kind = kind, .stage = std::move(stage)};
    const auto add = [&](std::string method, std::string path, payload_format format = payload_format::v2) {
        made.routes.push_back(
            {.method = std::move(method), .path = std::move(path), .function = "employees", .format = format});
    };
    add("POST", "/employees");
    add("GET", "/employees/{id}");
    add("GET", "/old/{path+}", payload_format::v1);
    return made;
}

using clock_type = std::chrono::system_clock;
constexpr clock_type::time_point now{std::chrono::milliseconds(1'583'348'638'390)};
const api_client client{.address = "203.0.113.9", .port = "3000"};

invoke_result result_of(std::string payload, invoke_result::kind what = invoke_result::kind::success) {
    invoke_result made;
    made.what = what;
    made.payload = std::move(payload);
    return made;
}

gateway::function_call call_of(const gateway& at, asked& request) {
    auto step = at.begin(request.message(), client, now);
    if (auto* call = std::get_if<gateway::function_call>(&step)) return std::move(*call);
    ADD_FAILURE() << "answered at once: " << std::get<api_response>(step).body;
    return {};
}

api_response answer_of(const gateway& at, asked& request) {
    auto step = at.begin(request.message(), client, now);
    if (auto* answer = std::get_if<api_response>(&step)) return std::move(*answer);
    ADD_FAILURE() << "called a function";
    return {};
}

std::string header(const api_response& of, std::string_view name) {
    for (const auto& [key, value] : of.headers) {
        if (http::iequals(key, name)) return value;
    }
    return "<none>";
}

/// The event without what changes from call to call.
std::string without_ids(std::string event, const gateway::exchange& of) {
    for (const auto& [id, name] : {std::pair(of.request_id, "REQUEST"), std::pair(of.extended_id, "EXTENDED"),
                                   std::pair(of.trace_id, "TRACE")}) {
        if (id.empty()) continue;
        for (auto at = event.find(id); at != std::string::npos; at = event.find(id)) event.replace(at, id.size(), name);
    }
    return event;
}

TEST(event_v2, l_3_1_given_a_request_with_everything_when_made_then_every_member_is_there) {
    auto api = employees(api_kind::http, "prod");
    api.stage_variables = {{"k", "v"}};
    const gateway at(api);
    asked request(
        "GET /prod/employees/7%2F8?a=1&a=2&b=x%20y&c&d=e+f HTTP/1.1\nUser-Agent: curl/8.5.0\nAccept: */*\nX-Two: "
        "1\nx-two: 2\n"
        "Cookie: c1=v1; c2=v2\nCookie: c3=v3\nX-Forwarded-For: 10.0.0.1\nConnection: keep-alive");
    const auto call = call_of(at, request);
    EXPECT_EQ("employees", call.function);
    EXPECT_EQ(std::chrono::milliseconds(30'000), call.timeout);
    EXPECT_EQ(
        R"({"version":"2.0","routeKey":"GET /employees/{id}","rawPath":"/prod/employees/7/8","rawQueryString":"a=1&a=2&b=x%20y&c&d=e+f",)"
        R"("cookies":["c1=v1","c2=v2","c3=v3"],"headers":{"accept":"*/*","host":"abc.example.com:3000","user-agent":"curl/8.5.0",)"
        R"("x-amzn-trace-id":"TRACE","x-forwarded-for":"10.0.0.1, 203.0.113.9","x-forwarded-port":"3000","x-forwarded-proto":"http","x-two":"1,2"},)"
        R"("queryStringParameters":{"a":"1,2","b":"x y","c":"","d":"e f"},"requestContext":{"accountId":"123456789012","apiId":"abcdefghij",)"
        R"("domainName":"abc.example.com","domainPrefix":"abc","http":{"method":"GET","path":"/prod/employees/7/8","protocol":"HTTP/1.1",)"
        R"("sourceIp":"203.0.113.9","userAgent":"curl/8.5.0"},"requestId":"REQUEST","routeKey":"GET /employees/{id}","stage":"prod",)"
        R"("time":"04/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"pathParameters":{"id":"7/8"},"stageVariables":{"k":"v"},)"
        R"("isBase64Encoded":false})",
        without_ids(call.event, call.of));
    EXPECT_THAT(call.of.request_id, MatchesRegex("[A-Za-z0-9+/]{15}="));
    EXPECT_THAT(call.of.trace_id, MatchesRegex("Root=1-[0-9a-f]{8}-[0-9a-f]{24}"));
}

TEST(event_v2, l_3_2_given_a_bare_request_when_made_then_absent_members_are_left_out) {
    const gateway at(employees());
    asked request("POST /employees HTTP/1.1");
    const auto call = call_of(at, request);
    json::document reader;
    const auto event = reader.parse_copy(call.event);
    ASSERT_TRUE(event);
    for (const auto* name : {"body", "queryStringParameters", "cookies", "pathParameters", "stageVariables"}) {
        EXPECT_EQ(nullptr, (*event)->find(name)) << name;
    }
    EXPECT_EQ("", (*event)->find("rawQueryString")->text());
    EXPECT_FALSE((*event)->find("isBase64Encoded")->boolean());
    EXPECT_EQ(nullptr, (*event)->find("headers")->find("content-length"));
}

struct body_case {
    std::string_view type;
    bool encoded;
};
class l_3_5 : public testing::TestWithParam<body_case> {};

TEST_P(l_3_5, given_a_content_type_when_made_then_only_texts_stay_texts) {
    const gateway at(employees());
    const auto& [type, encoded] = GetParam();
    asked request("POST /employees HTTP/1.1" + (type.empty() ? std::string() : "\nContent-Type: " + std::string(type)) +
                  "\n\n{\"a\":\"ä\"}");
    const auto call = call_of(at, request);
    json::document reader;
    const auto event = reader.parse_copy(call.event);
    ASSERT_TRUE(event) << call.event;
    EXPECT_EQ(encoded, (*event)->find("isBase64Encoded")->boolean());
    EXPECT_EQ(encoded ? "eyJhIjoiw6QifQ==" : "{\"a\":\"ä\"}", (*event)->find("body")->text());
    EXPECT_EQ("10", (*event)->find("headers")->find("content-length")->text());
}

INSTANTIATE_TEST_SUITE_P(
    types, l_3_5,
    testing::Values(body_case{"application/json", false}, body_case{"application/json; charset=utf-8", false},
                    body_case{"Text/Plain", false}, body_case{"application/xml", false},
                    body_case{"application/javascript", false}, body_case{"application/problem+json", false},
                    body_case{"image/svg+xml", false}, body_case{"application/x-www-form-urlencoded", true},
                    body_case{"multipart/form-data; boundary=x", true}, body_case{"application/octet-stream", true},
                    body_case{"image/png", true}, body_case{"", true}));

TEST(event_v1, l_3_3_given_an_http_api_with_payload_1_0_when_made_then_names_keep_their_casing) {
    const gateway at(employees(api_kind::http, "prod"));
    asked request("GET /prod/old/a%20b/c?x=1&x=2 HTTP/1.1\naccept: */*\nX-Two: 1\nx-two: 2\nCookie: c=v");
    const auto call = call_of(at, request);
    EXPECT_EQ(
        R"({"version":"1.0","resource":"/old/{path+}","path":"/prod/old/a b/c","httpMethod":"GET","headers":{"Cookie":"c=v","Host":"abc.example.com:3000",)"
        R"("X-Amzn-Trace-Id":"TRACE","X-Forwarded-For":"203.0.113.9","X-Forwarded-Port":"3000","X-Forwarded-Proto":"http","X-Two":"1,2","accept":"*/*"},)"
        R"("multiValueHeaders":{"Cookie":["c=v"],"Host":["abc.example.com:3000"],"X-Amzn-Trace-Id":["TRACE"],"X-Forwarded-For":["203.0.113.9"],)"
        R"("X-Forwarded-Port":["3000"],"X-Forwarded-Proto":["http"],"X-Two":["1","2"],"accept":["*/*"]},"queryStringParameters":{"x":"2"},)"
        R"("multiValueQueryStringParameters":{"x":["1","2"]},"requestContext":{"accountId":"123456789012","apiId":"abcdefghij","domainName":"abc.example.com",)"
        R"("domainPrefix":"abc","extendedRequestId":"REQUEST","httpMethod":"GET","identity":{"accessKey":null,"accountId":null,"caller":null,)"
        R"("cognitoAuthenticationProvider":null,"cognitoAuthenticationType":null,"cognitoIdentityId":null,"cognitoIdentityPoolId":null,"principalOrgId":null,)"
        R"("sourceIp":"203.0.113.9","user":null,"userAgent":null,"userArn":null},"path":"/prod/old/a b/c","protocol":"HTTP/1.1","requestId":"REQUEST",)"
        R"("requestTime":"04/Mar/2020:19:03:58 +0000","requestTimeEpoch":1583348638390,"resourceId":"/old/{path+}","resourcePath":"/old/{path+}","stage":"prod"},)"
        R"("pathParameters":{"path":"a b/c"},"stageVariables":null,"body":null,"isBase64Encoded":false})",
        without_ids(call.event, call.of));
}

TEST(event_v1, l_3_3_given_a_rest_api_when_made_then_absent_members_are_null_and_the_stage_is_not_in_the_path) {
    const gateway at(employees(api_kind::rest, "Prod"));
    asked request("POST /Prod/employees HTTP/1.1\nUser-Agent: x\n\nplain");
    const auto call = call_of(at, request);
    json::document reader;
    const auto parsed = reader.parse_copy(call.event);
    ASSERT_TRUE(parsed);
    const auto& event = **parsed;
    EXPECT_EQ(nullptr, event.find("version"));
    EXPECT_EQ("/employees", event.find("path")->text());
    for (const auto* name :
         {"queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"}) {
        EXPECT_EQ(json::kind::null, event.find(name)->is()) << name;
    }
    EXPECT_EQ("plain", event.find("body")->text());
    const auto& context = *event.find("requestContext");
    EXPECT_EQ("/Prod/employees", context.find("path")->text());
    EXPECT_EQ(call.of.request_id, context.find("requestId")->text());
    EXPECT_EQ(call.of.extended_id, context.find("extendedRequestId")->text());
    EXPECT_EQ("x", context.find("identity")->find("userAgent")->text());
    EXPECT_EQ("Prod", context.find("stage")->text());
}

TEST(event_v1, l_3_26_given_binary_types_when_made_then_only_those_bodies_are_encoded) {
    auto api = employees(api_kind::rest, "Prod");
    api.binary_media_types = {"image/*", "application/octet-stream"};
    const gateway at(api);
    for (const auto& [type, encoded] :
         {std::pair("image/png", true), std::pair("application/octet-stream", true), std::pair("text/plain", false)}) {
        asked request("POST /Prod/employees HTTP/1.1\nContent-Type: " + std::string(type) + "\n\nx");
        const auto call = call_of(at, request);
        EXPECT_EQ(encoded, call.event.contains(R"("body":"eA==","isBase64Encoded":true)")) << type;
    }
}

struct result_case {
    std::string_view name, result;
    int status;
    std::string_view body, type;
};

std::ostream& operator<<(std::ostream& out, const result_case& one) { return out << one.name; }

class result_v2 : public testing::TestWithParam<result_case> {};
constexpr std::string_view failed = R"({"message":"Internal Server Error"})";

TEST_P(result_v2, given_a_result_when_read_then_the_client_gets) {
    const auto& one = GetParam();
    const auto got = read_result(employees(), payload_format::v2, one.result, "*/*");
    EXPECT_EQ(one.status, got.status);
    EXPECT_EQ(one.body, got.body);
    EXPECT_EQ(one.type, header(got, "content-type"));
}

constexpr std::string_view json_type = "application/json";
constexpr std::string_view text_type = "text/plain;charset=UTF-8";
INSTANTIATE_TEST_SUITE_P(
    results, result_v2,
    testing::Values(
        result_case{"L-3.10 array", R"(["hello", 3, true, null, 1.50, {"a": "ü\n"}])", 200,
                    R"(["hello",3,true,null,1.50,{"a":"ü\n"}])", json_type},
        result_case{"L-3.10 text", R"("hello")", 200, "hello", json_type},
        result_case{"L-3.10 number", " 5 ", 200, "5", json_type},
        result_case{"L-3.10 object", R"({"message" : "hi"})", 200, R"({"message":"hi"})", json_type},
        result_case{"L-3.11 all", R"({"statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<p>"})", 201,
                    "<p>", "text/html"},
        result_case{"L-3.11 digits", R"({"statusCode":"202","body":"x"})", 202, "x", text_type},
        result_case{"L-3.11 no body", R"({"statusCode":200})", 200, "", text_type},
        result_case{"L-3.11 null body", R"({"statusCode":200,"body":null,"headers":null})", 200, "", text_type},
        result_case{"L-3.12 base64",
                    R"({"statusCode":200,"headers":{"content-type":"image/png"},"body":"AAEC","isBase64Encoded":true})",
                    200, std::string_view("\0\1\2", 3), "image/png"},
        result_case{"L-3.12 not base64", R"({"statusCode":200,"body":"%","isBase64Encoded":true})", 500, failed,
                    json_type},
        result_case{"L-3.12 list header", R"({"statusCode":200,"headers":{"a":["b"]}})", 500, failed, json_type},
        result_case{"a header that would end the line", "{\"statusCode\":200,\"headers\":{\"a\":\"b\\r\\nc: d\"}}", 500,
                    failed, json_type},
        result_case{"a header that is no name", R"({"statusCode":200,"headers":{"a b":"c"}})", 500, failed, json_type},
        result_case{"L-3.13 object body", R"({"statusCode":200,"body":{"a":1}})", 500, failed, json_type},
        result_case{"L-3.13 null", "null", 500, failed, json_type},
        result_case{"L-3.13 no JSON", "hello", 500, failed, json_type},
        result_case{"L-3.13 empty", "", 500, failed, json_type},
        result_case{"L-3.13 status", R"({"statusCode":"test"})", 500, failed, json_type},
        result_case{"status out of range", R"({"statusCode":42})", 500, failed, json_type},
        result_case{"204 has no body", R"({"statusCode":204,"body":"x"})", 204, "", text_type}));

TEST(result_v2_test, given_headers_and_cookies_when_read_then_names_are_lower_and_the_connections_own_are_dropped) {
    const auto got = read_result(
        employees(), payload_format::v2,
        R"({"statusCode":200,"headers":{"X-Yes":true,"X-Number":3,"Content-Length":"99","Connection":"close","Date":"x"},"cookies":["a=1; Secure","b=2"]})",
        "");
    EXPECT_THAT(got.headers,
                UnorderedElementsAre(Pair("x-yes", "true"), Pair("x-number", "3"), Pair("set-cookie", "a=1; Secure"),
                                     Pair("set-cookie", "b=2"), Pair("content-type", text_type)));
}

TEST(result_v1_test, given_an_http_api_with_payload_1_0_when_read_then_a_status_is_needed) {
    const auto bare = read_result(employees(), payload_format::v1, R"([["7","Ann"]])", "");
    EXPECT_EQ(500, bare.status);
    const auto got = read_result(
        employees(), payload_format::v1,
        R"({"statusCode":200,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"headers":{"X-A":"b"},"body":"ok"})", "");
    EXPECT_EQ("ok", got.body);
    EXPECT_THAT(got.headers, ElementsAre(Pair("set-cookie", "a=1"), Pair("set-cookie", "b=2"), Pair("x-a", "b"),
                                         Pair("content-type", text_type)));
}

class result_rest : public testing::TestWithParam<result_case> {};
constexpr std::string_view rest_failed = R"({"message":"Internal server error"})";

TEST_P(result_rest, given_a_result_when_read_then_the_client_gets) {
    const auto& one = GetParam();
    const auto got = read_result(employees(api_kind::rest, "Prod"), payload_format::v1, one.result, "*/*");
    EXPECT_EQ(one.status, got.status);
    EXPECT_EQ(one.body, got.body);
    EXPECT_EQ(one.type, header(got, "content-type"));
}

INSTANTIATE_TEST_SUITE_P(
    results, result_rest,
    testing::Values(
        result_case{"L-3.20", R"({"statusCode":200})", 200, "", json_type},
        result_case{"L-3.21", R"({"headers":{"a":"b"}})", 200, "", json_type},
        result_case{"L-3.22", R"({"statusCode":"201"})", 201, "", json_type},
        result_case{"L-3.23 status", R"({"statusCode":"test"})", 502, rest_failed, json_type},
        result_case{"L-3.23 empty", "{}", 502, rest_failed, json_type},
        result_case{"L-3.23 text", R"("hello")", 502, rest_failed, json_type},
        result_case{"L-3.23 extra", R"({"statusCode":200,"body":"x","extra":1})", 502, rest_failed, json_type},
        result_case{"L-3.23 multi", R"({"statusCode":200,"multiValueHeaders":{"a":"b"}})", 502, rest_failed, json_type},
        result_case{"L-3.24 null headers", R"({"statusCode":200,"headers":null,"body":"x"})", 200, "x", json_type},
        result_case{"L-3.26 not decoded", R"({"statusCode":200,"body":"eA==","isBase64Encoded":true})", 200,
                    "eA==", json_type},
        result_case{"L-3.27 array", R"([["7","Ann"]])", 502, rest_failed, json_type},
        result_case{"no JSON", "hello", 502, rest_failed, json_type}));

TEST(result_rest_test, l_3_25_given_a_name_in_both_when_read_then_the_multiple_come_first) {
    const auto got = read_result(
        employees(api_kind::rest, "Prod"), payload_format::v1,
        R"({"statusCode":200,"headers":{"X-Test":"value-solo","X-Flag":false},"multiValueHeaders":{"x-test":["value-multi"]}})",
        "");
    EXPECT_THAT(got.headers, ElementsAre(Pair("x-test", "value-multi"), Pair("X-Test", "value-solo"),
                                         Pair("X-Flag", "false"), Pair("Content-Type", "application/json")));
}

TEST(result_rest_test, l_3_26_given_a_binary_type_when_accepted_then_the_body_is_decoded) {
    auto api = employees(api_kind::rest, "Prod");
    api.binary_media_types = {"image/png"};
    constexpr std::string_view result = R"({"statusCode":200,"body":"eA==","isBase64Encoded":true})";
    EXPECT_EQ("x", read_result(api, payload_format::v1, result, "image/png, */*").body);
    EXPECT_EQ("eA==", read_result(api, payload_format::v1, result, "text/html, image/png").body);
}

struct error_case {
    gateway_error what;
    int http;
    std::string_view http_body;
    int rest;
    std::string_view rest_body;
};
class l_3_30 : public testing::TestWithParam<error_case> {};

TEST_P(l_3_30, given_an_error_of_the_gateway_when_made_then_the_texts_are_awss) {
    const auto& one = GetParam();
    const auto http = make_error(api_kind::http, one.what), rest = make_error(api_kind::rest, one.what);
    EXPECT_EQ(one.http, http.status);
    EXPECT_EQ("{\"message\":\"" + std::string(one.http_body) + "\"}", http.body);
    EXPECT_EQ(json_type, header(http, "content-type"));
    EXPECT_EQ(one.rest, rest.status);
    EXPECT_EQ("{\"message\":\"" + std::string(one.rest_body) + "\"}", rest.body);
}

INSTANTIATE_TEST_SUITE_P(
    errors, l_3_30,
    testing::Values(error_case{gateway_error::no_route, 404, "Not Found", 403, "Missing Authentication Token"},
                    error_case{gateway_error::no_stage, 404, "Not Found", 403, "Forbidden"},
                    error_case{gateway_error::function_failed, 500, "Internal Server Error", 502,
                               "Internal server error"},
                    error_case{gateway_error::timed_out, 503, "Service Unavailable", 504, "Endpoint request timed out"},
                    error_case{gateway_error::function_busy, 503, "Service Unavailable", 500, "Internal server error"},
                    error_case{gateway_error::throttled, 429, "Too Many Requests", 429, "Too Many Requests"},
                    error_case{gateway_error::too_large, 413, "Request Entity Too Large", 413, "Request Too Long"}));

TEST(gateway_test, l_3_40_given_a_stage_when_routed_then_it_is_the_first_segment) {
    const gateway named(employees(api_kind::http, "prod")), rest(employees(api_kind::rest, "Prod"));
    asked without("GET /employees/7 HTTP/1.1"), with("GET /prod/employees/7 HTTP/1.1"),
        other("GET /production/employees/7 HTTP/1.1");
    EXPECT_EQ(404, answer_of(named, without).status);
    EXPECT_EQ(404, answer_of(named, other).status);
    EXPECT_TRUE(call_of(named, with).event.contains(R"("rawPath":"/prod/employees/7")"));
    EXPECT_EQ(R"({"message":"Forbidden"})", answer_of(rest, without).body);
    asked unknown("GET /Prod/staff HTTP/1.1");
    const auto answer = answer_of(rest, unknown);
    EXPECT_EQ(403, answer.status);
    EXPECT_EQ(R"({"message":"Missing Authentication Token"})", answer.body);
    EXPECT_NE("<none>", header(answer, "x-amzn-RequestId"));
}

TEST(gateway_test, given_a_callers_trace_when_routed_then_it_goes_on) {
    const gateway at(employees());
    asked request("GET /employees/7 HTTP/1.1\nX-Amzn-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700");
    const auto call = call_of(at, request);
    EXPECT_EQ("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700", call.of.trace_id);
    EXPECT_TRUE(call.event.contains(R"("x-amzn-trace-id":"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")"));
}

TEST(gateway_test, l_3_15_given_any_answer_when_made_then_it_names_its_request) {
    const gateway at(employees());
    asked unknown("GET /staff HTTP/1.1");
    EXPECT_THAT(header(answer_of(at, unknown), "apigw-requestid"), MatchesRegex("[A-Za-z0-9+/]{15}="));
    EXPECT_THAT(header(at.refuse(gateway_error::too_large), "apigw-requestid"), MatchesRegex("[A-Za-z0-9+/]{15}="));
    asked request("GET /employees/7 HTTP/1.1");
    const auto call = call_of(at, request);
    const auto answer = at.finish(call, result_of(R"({"statusCode":200})"));
    EXPECT_EQ(call.of.request_id, header(answer, "apigw-requestid"));
}

TEST(gateway_test, given_outcomes_of_the_host_when_finished_then_they_become_the_gateways_errors) {
    const gateway http(employees()), rest(employees(api_kind::rest, "Prod"));
    asked request("GET /employees/7 HTTP/1.1"), staged("GET /Prod/employees/7 HTTP/1.1");
    const auto call = call_of(http, request), rest_call = call_of(rest, staged);
    for (const auto kind :
         {invoke_result::kind::error, invoke_result::kind::init_error, invoke_result::kind::timed_out,
          invoke_result::kind::exited, invoke_result::kind::no_program, invoke_result::kind::too_large}) {
        // L-3.14: whatever the payload says, the client does not read it.
        const auto failing = result_of(R"({"statusCode":200,"body":"secret"})", kind);
        EXPECT_EQ(500, http.finish(call, failing).status);
        EXPECT_EQ(failed, http.finish(call, failing).body);
        EXPECT_EQ(502, rest.finish(rest_call, failing).status);
    }
    const auto refused = [](refusal::kind why) {
        return std::unexpected(refusal{.what = why, .reason = "", .message = "secret"});
    };
    EXPECT_EQ(503, http.finish(call, refused(refusal::kind::gave_up)).status);
    EXPECT_EQ(504, rest.finish(rest_call, refused(refusal::kind::gave_up)).status);
    EXPECT_EQ(503, http.finish(call, refused(refusal::kind::throttled)).status);
    EXPECT_EQ(500, rest.finish(rest_call, refused(refusal::kind::throttled)).status);
    EXPECT_EQ(500, http.finish(call, refused(refusal::kind::no_function)).status);
    EXPECT_EQ(503, http.finish(call, refused(refusal::kind::stopping)).status);
}

TEST(gateway_test, l_3_34_given_an_event_over_lambdas_limit_when_routed_then_413) {
    const gateway at(employees());
    http::request_reader reader({.body_bytes = 10 * 1024 * 1024});
    const std::string body(5 * 1024 * 1024, 'x');  // a third more as base64
    const auto wire =
        "POST /employees HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::string_view rest = wire; !rest.empty();) {
        const auto room = reader.prepare();
        const auto piece = rest.substr(0, room.size());
        std::ranges::copy(piece, room.begin());
        reader.commit(piece.size());
        rest.remove_prefix(piece.size());
        static_cast<void>(reader.next());
    }
    auto step = at.begin(reader.message(), client, now);
    ASSERT_TRUE(std::holds_alternative<api_response>(step));
    EXPECT_EQ(413, std::get<api_response>(step).status);
}

cors_rules page_rules() {
    return {.allow_origins = {"https://a.example"},
            .allow_methods = {"GET", "POST"},
            .allow_headers = {"content-type"},
            .expose_headers = {"link"},
            .max_age = std::chrono::seconds(300),
            .allow_credentials = true};
}

TEST(cors_test, l_3_41_given_a_preflight_when_asked_then_the_gateway_answers_itself) {
    auto api = employees();
    api.cors = page_rules();
    const gateway at(api);
    asked preflight(
        "OPTIONS /anything HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: "
        "POST\nAccess-Control-Request-Headers: content-type");
    const auto answer = answer_of(at, preflight);
    EXPECT_EQ(204, answer.status);
    EXPECT_EQ("https://a.example", header(answer, "access-control-allow-origin"));
    EXPECT_EQ("GET,POST", header(answer, "access-control-allow-methods"));
    EXPECT_EQ("content-type", header(answer, "access-control-allow-headers"));
    EXPECT_EQ("300", header(answer, "access-control-max-age"));
    EXPECT_EQ("true", header(answer, "access-control-allow-credentials"));
    asked foreign("OPTIONS /employees HTTP/1.1\nOrigin: https://b.example\nAccess-Control-Request-Method: POST");
    const auto refused = answer_of(at, foreign);
    EXPECT_EQ(204, refused.status);
    EXPECT_EQ("<none>", header(refused, "access-control-allow-origin"));
    asked plain("OPTIONS /employees HTTP/1.1");
    EXPECT_EQ(404, answer_of(at, plain).status);
}

TEST(cors_test, l_3_41_given_cors_when_answered_then_the_functions_own_headers_are_replaced) {
    auto api = employees();
    api.cors = page_rules();
    const gateway at(api);
    constexpr std::string_view result =
        R"({"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","access-control-max-age":"1"}})";
    asked allowed("GET /employees/7 HTTP/1.1\nOrigin: https://a.example"),
        foreign("GET /employees/7 HTTP/1.1\nOrigin: https://b.example");
    const auto good = at.finish(call_of(at, allowed), result_of(std::string(result)));
    EXPECT_EQ("https://a.example", header(good, "access-control-allow-origin"));
    EXPECT_EQ("link", header(good, "access-control-expose-headers"));
    EXPECT_EQ("<none>", header(good, "access-control-max-age"));
    const auto none = at.finish(call_of(at, foreign), result_of(std::string(result)));
    EXPECT_EQ("<none>", header(none, "access-control-allow-origin"));
    // Without a configuration the function's own pass.
    const gateway open(employees());
    EXPECT_EQ("*", header(open.finish(call_of(open, foreign), result_of(std::string(result))),
                          "access-control-allow-origin"));
}

struct origin_case {
    std::string_view allowed, origin, answer;
};
class l_3_42 : public testing::TestWithParam<origin_case> {};

TEST_P(l_3_42, given_an_origin_when_compared_then) {
    EXPECT_EQ(GetParam().answer,
              allowed_origin({.allow_origins = {std::string(GetParam().allowed)}}, GetParam().origin));
}

INSTANTIATE_TEST_SUITE_P(origins, l_3_42,
                         testing::Values(origin_case{"*", "https://x.example", "*"},
                                         origin_case{"https://*", "https://x.example", "https://x.example"},
                                         origin_case{"https://*", "http://x.example", ""},
                                         origin_case{"http://*", "http://x.example", "http://x.example"},
                                         origin_case{"https://x.example", "https://x.example", "https://x.example"},
                                         origin_case{"https://x.example", "https://x.example:8443", ""},
                                         origin_case{"*", "", ""}));

TEST(cors_test, given_stars_when_asked_then_every_method_and_the_asked_headers_are_allowed) {
    const cors_rules rules{.allow_origins = {"*"}, .allow_methods = {"*"}, .allow_headers = {"*"}};
    EXPECT_THAT(preflight_headers(rules, "https://x", "PUT", "x-one,x-two"),
                ElementsAre(Pair("access-control-allow-origin", "*"),
                            Pair("access-control-allow-methods", "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"),
                            Pair("access-control-allow-headers", "x-one,x-two")));
}

TEST(cors_test, l_3_42_given_a_star_with_credentials_when_made_then_it_is_refused) {
    auto api = employees();
    api.cors = {.allow_origins = {"*"}, .allow_credentials = true};
    EXPECT_THROW(gateway{api}, std::runtime_error);
}

TEST(cors_test, given_a_rest_api_when_options_is_asked_then_sams_method_answers) {
    auto api = employees(api_kind::rest, "Prod");
    api.cors = {.allow_origins = {"https://a.example"}, .allow_methods = {"POST"}, .allow_headers = {"content-type"}};
    const gateway at(api);
    asked preflight("OPTIONS /Prod/employees HTTP/1.1"), nowhere("OPTIONS /Prod/nowhere HTTP/1.1");
    const auto answer = answer_of(at, preflight);
    EXPECT_EQ(200, answer.status);
    EXPECT_EQ("https://a.example", header(answer, "Access-Control-Allow-Origin"));
    EXPECT_EQ(403, answer_of(at, nowhere).status);
}

TEST(rate_limit_test, l_3_33_given_a_burst_when_it_is_used_up_then_the_rate_holds) {
    rate_limit limit(10, 3);
    const std::chrono::steady_clock::time_point start{std::chrono::hours(1)};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.pass(start)) << i;
    EXPECT_FALSE(limit.pass(start));
    EXPECT_FALSE(limit.pass(start + std::chrono::milliseconds(99)));
    EXPECT_TRUE(limit.pass(start + std::chrono::milliseconds(100)));
    EXPECT_FALSE(limit.pass(start + std::chrono::milliseconds(100)));
    int passed = 0;
    for (int i = 0; i < 10; ++i) passed += limit.pass(start + std::chrono::seconds(10)) ? 1 : 0;
    EXPECT_EQ(3, passed);
    rate_limit none(0, 0);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(none.pass(start));
}

}  // namespace
}  // namespace borealis::lambda
