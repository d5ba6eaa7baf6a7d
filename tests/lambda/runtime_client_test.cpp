#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <borealis/lambda.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lambda/scripted_host.hpp"

namespace borealis::lambda {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Plays `answers` to a runtime client with this handler.
std::vector<scripted_host::request> play(std::vector<std::string> answers, const handler& handle) {
    scripted_host host(std::move(answers));
    setenv("AWS_LAMBDA_RUNTIME_API", host.address().c_str(), 1);
    EXPECT_EQ(run(handle), 1);
    return host.requests();
}

outcome echo(const invocation& call) { return response{call.event}; }

TEST(runtime_client, given_an_event_when_handled_then_its_result_is_posted_unchanged) {
    const std::string bytes("{\"a\":\"\xC3\xA4\\u0000\"}\n", 16);
    const auto asked = play({scripted_host::event("id-1", bytes), scripted_host::accepted()}, echo);
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[0].method, "GET");
    EXPECT_EQ(asked[0].path, "/2018-06-01/runtime/invocation/next");
    EXPECT_EQ(asked[1].method, "POST");
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/id-1/response");
    EXPECT_EQ(asked[1].body, bytes);
    EXPECT_TRUE(asked[1].has("Content-Type: application/json"));
    EXPECT_THAT(asked[1].head, testing::Not(HasSubstr("Expect:")));
}

TEST(runtime_client, given_all_headers_in_any_casing_when_read_then_the_handler_sees_them) {  // L-1.12, L-1.13
    std::optional<invocation> seen;
    std::string trace_of_environment;
    const auto deadline = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + std::chrono::seconds(20);
    play({scripted_host::event(
              "id-1", "{}",
              "lambda-runtime-deadline-ms: " + std::to_string(deadline.time_since_epoch().count()) +
                  "\r\nLAMBDA-RUNTIME-INVOKED-FUNCTION-ARN:arn:aws:lambda:us-east-1:123456789012:function:f:live\r\n"
                  "Lambda-Runtime-Trace-Id: Root=1-2;Sampled=1\r\nLambda-Runtime-Client-Context: {\"client\":{}}\r\n"
                  "Lambda-Runtime-Cognito-Identity: {\"cognitoIdentityId\":\"i\"}\r\nLambda-Runtime-Aws-Tenant-Id:  "
                  "blue \r\n"),
          scripted_host::accepted()},
         [&](const invocation& call) -> outcome {
             seen = call;
             if (const char* trace = std::getenv("_X_AMZN_TRACE_ID")) trace_of_environment = trace;
             return response{"null"};
         });
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->request_id, "id-1");
    EXPECT_EQ(seen->function_arn, "arn:aws:lambda:us-east-1:123456789012:function:f:live");
    EXPECT_EQ(seen->trace_id, "Root=1-2;Sampled=1");
    EXPECT_EQ(trace_of_environment, "Root=1-2;Sampled=1");
    EXPECT_EQ(seen->client_context, R"({"client":{}})");
    EXPECT_EQ(seen->cognito_identity, R"({"cognitoIdentityId":"i"})");
    EXPECT_EQ(seen->tenant_id, "blue");
    EXPECT_EQ(seen->content_type, "application/json");
    EXPECT_EQ(seen->deadline, deadline);
    EXPECT_EQ(seen->remaining(deadline - milliseconds(1500)), milliseconds(1500));
    EXPECT_EQ(seen->remaining(deadline + milliseconds(1)), milliseconds(0));  // L-1.14
}

TEST(runtime_client, given_a_trace_id_once_when_the_next_event_has_none_then_the_variable_is_gone) {
    std::vector<bool> there;
    play({scripted_host::event("1", "{}", "Lambda-Runtime-Trace-Id: Root=1\r\n"), scripted_host::accepted(),
          scripted_host::event("2", "{}"), scripted_host::accepted()},
         [&](const invocation&) -> outcome {
             there.push_back(std::getenv("_X_AMZN_TRACE_ID") != nullptr);
             return response{"null"};
         });
    EXPECT_THAT(there, testing::ElementsAre(true, false));
}

TEST(runtime_client, given_optional_headers_absent_when_read_then_they_are_empty_and_time_is_unlimited) {  // L-1.10
    std::optional<invocation> seen;
    play(
        {"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: x\r\nContent-Length: 0\r\n\r\n", scripted_host::accepted()},
        [&](const invocation& call) -> outcome {
            seen = call;
            return response{"null"};
        });
    ASSERT_TRUE(seen);
    EXPECT_THAT(seen->trace_id + seen->function_arn + seen->client_context + seen->content_type + seen->event,
                IsEmpty());
    EXPECT_GT(seen->remaining(), std::chrono::hours(24));
}

TEST(runtime_client, given_an_absurd_deadline_when_read_then_time_is_unlimited) {
    milliseconds left{};
    play({scripted_host::event("x", "{}", "Lambda-Runtime-Deadline-Ms: 9223372036854775807\r\n"),
          scripted_host::accepted()},
         [&](const invocation& call) -> outcome {
             left = call.remaining();
             return response{"null"};
         });
    EXPECT_GT(left, std::chrono::hours(24));
}

TEST(runtime_client, given_an_error_when_returned_then_its_body_and_headers_are_lambdas) {  // L-1.20 to L-1.22, L-1.90
    const auto asked =
        play({scripted_host::event("id-9", "{}"), scripted_host::accepted()}, [](const invocation&) -> outcome {
            return std::unexpected(error{.message = "M\xC3\xBCller said \"no\"\n",
                                         .type = "IntegrityError",
                                         .stack_trace = {"a", "b"},
                                         .details = R"({"index":3})"});
        });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/id-9/error");
    EXPECT_EQ(asked[1].body,
              "{\"errorMessage\":\"M\xC3\xBCller said "
              "\\\"no\\\"\\n\",\"errorType\":\"IntegrityError\",\"requestId\":\"id-9\","
              "\"stackTrace\":[\"a\",\"b\"],\"details\":{\"index\":3}}");
    EXPECT_TRUE(asked[1].has("Content-Type: application/vnd.aws.lambda.error+json"));
    EXPECT_TRUE(asked[1].has("Lambda-Runtime-Function-Error-Type: Function.IntegrityError"));
}

TEST(runtime_client, given_a_type_with_line_breaks_when_posted_then_no_header_is_smuggled) {
    const auto asked = play(
        {scripted_host::event("1", "{}"), scripted_host::accepted()},
        [](const invocation&) -> outcome { return std::unexpected(error{.message = "m", .type = "A\r\nX-Evil: 1"}); });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_TRUE(asked[1].has("Lambda-Runtime-Function-Error-Type: Function.A__X-Evil:_1"));
}

struct thrown_case {
    std::string_view name;
    void (*raise)();
    std::string_view type, message;
};
const thrown_case thrown[] = {
    {"standard", [] { throw std::out_of_range("too far"); }, "std::out_of_range", "too far"},
    {"own", [] { throw function_error({.message = "gone", .type = "NotFound"}); }, "NotFound", "gone"},
    {"foreign", [] { throw 42; }, "UnknownException", "The function threw something that is no std::exception."},
};

class thrown_by_handler : public testing::TestWithParam<thrown_case> {};

TEST_P(thrown_by_handler,
       given_an_exception_when_handled_then_the_error_is_posted_and_the_next_event_served) {  // L-1.91
    bool first = true;
    const auto asked = play({scripted_host::event("1", "{}"), scripted_host::accepted(),
                             scripted_host::event("2", "{}"), scripted_host::accepted()},
                            [&](const invocation& call) -> outcome {
                                if (std::exchange(first, false)) GetParam().raise();
                                return response{call.request_id};
                            });
    ASSERT_THAT(asked, SizeIs(4));
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/1/error");
    EXPECT_THAT(asked[1].body, HasSubstr("\"errorMessage\":\"" + std::string(GetParam().message) + "\""));
    EXPECT_THAT(asked[1].body, HasSubstr("\"errorType\":\"" + std::string(GetParam().type) + "\""));
    EXPECT_EQ(asked[3].path, "/2018-06-01/runtime/invocation/2/response");
    EXPECT_EQ(asked[3].body, "2");
}

INSTANTIATE_TEST_SUITE_P(l_1_91, thrown_by_handler, testing::ValuesIn(thrown),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(runtime_client,
     given_an_init_that_throws_when_started_then_init_error_is_posted_and_no_event_fetched) {  // L-1.4, L-1.24
    scripted_host host({scripted_host::accepted()});
    setenv("AWS_LAMBDA_RUNTIME_API", host.address().c_str(), 1);
    EXPECT_EQ(run_after([]() -> handler { throw std::runtime_error("no database"); }), 1);
    ASSERT_THAT(host.requests(), SizeIs(1));
    EXPECT_EQ(host.requests()[0].path, "/2018-06-01/runtime/init/error");
    EXPECT_EQ(host.requests()[0].body,
              R"({"errorMessage":"no database","errorType":"std::runtime_error","requestId":"","stackTrace":[]})");
    EXPECT_TRUE(host.requests()[0].has("Lambda-Runtime-Function-Error-Type: Function.std::runtime_error"));
}

TEST(runtime_client, given_an_init_when_it_succeeds_then_its_handler_serves) {
    scripted_host host({scripted_host::event("1", "[1]"), scripted_host::accepted()});
    setenv("AWS_LAMBDA_RUNTIME_API", host.address().c_str(), 1);
    int prepared = 0;
    EXPECT_EQ(run_after([&]() -> handler {
                  ++prepared;
                  return echo;
              }),
              1);
    EXPECT_EQ(prepared, 1);
    ASSERT_THAT(host.requests(), SizeIs(2));
    EXPECT_EQ(host.requests()[1].body, "[1]");
}

struct refusal_case {
    std::string_view name;
    int status;
    bool goes_on;
};
constexpr refusal_case refusals[] = {
    {"late", 400, true},
    {"wrong_state", 403, true},
    {"too_large", 413, true},
    {"container_error", 500, false},  // L-1.31 to L-1.36
};
class refused_answer : public testing::TestWithParam<refusal_case> {};

TEST_P(refused_answer, given_a_refused_answer_when_posted_then_the_loop_goes_on_or_ends) {
    std::vector<std::string> answers = {scripted_host::event("1", "{}"),
                                        scripted_host::reply(GetParam().status, "", R"({"errorType":"E"})")};
    if (GetParam().goes_on) {
        answers.push_back(scripted_host::event("2", "{}"));
        answers.push_back(scripted_host::accepted());
    }
    int handled = 0;
    const auto asked = play(answers, [&](const invocation&) -> outcome {
        ++handled;
        return response{"null"};
    });
    EXPECT_EQ(handled, GetParam().goes_on ? 2 : 1);
    EXPECT_EQ(asked.size(), answers.size());
}

INSTANTIATE_TEST_SUITE_P(section_1_5, refused_answer, testing::ValuesIn(refusals),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(runtime_client, given_nested_exceptions_when_thrown_then_they_are_the_stack_trace) {  // L-1.20
    const auto asked =
        play({scripted_host::event("1", "{}"), scripted_host::accepted()}, [](const invocation&) -> outcome {
            try {
                throw std::out_of_range("too far");
            } catch (...) {
                std::throw_with_nested(std::runtime_error("no list"));
            }
        });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_THAT(asked[1].body, HasSubstr(R"("errorMessage":"no list")"));
    EXPECT_THAT(asked[1].body, HasSubstr(R"("stackTrace":["caused by std::out_of_range: too far"])"));
}

// --- response streaming (L-1.80, L-1.81)

std::vector<scripted_host::request> play_stream(std::vector<std::string> answers, const streaming_handler& handle) {
    scripted_host host(std::move(answers));
    setenv("AWS_LAMBDA_RUNTIME_API", host.address().c_str(), 1);
    EXPECT_EQ(run_streaming(handle), 1);
    return host.requests();
}

TEST(runtime_client, given_a_streaming_handler_when_it_writes_then_chunks_are_sent_with_lambdas_headers) {
    const std::string large(300'000, 'y');
    const auto asked = play_stream({scripted_host::event("1", "{}"), scripted_host::accepted(),
                                    scripted_host::event("2", "{}"), scripted_host::accepted()},
                                   [&](const invocation& call, response_stream& out) {
                                       out.set_content_type("text/plain");
                                       out.write("first ");
                                       if (call.request_id == "1") out.write(large);
                                       out.write(" last");
                                   });
    ASSERT_THAT(asked, SizeIs(4));
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/1/response");
    EXPECT_TRUE(asked[1].has("Lambda-Runtime-Function-Response-Mode: streaming"));
    EXPECT_TRUE(asked[1].has("Transfer-Encoding: chunked"));
    EXPECT_TRUE(asked[1].has("Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"));
    EXPECT_TRUE(asked[1].has("Content-Type: text/plain"));
    EXPECT_THAT(asked[1].head, testing::Not(HasSubstr("Content-Length")));
    EXPECT_EQ(asked[1].body, "first " + large + " last");
    EXPECT_GE(asked[1].chunks, 3U) << "nothing waits for what comes after it";
    EXPECT_THAT(asked[1].trailers, testing::Not(HasSubstr("Error")));
    EXPECT_EQ(asked[3].body, "first  last");
}

TEST(runtime_client, given_a_stream_that_fails_half_way_when_ended_then_trailers_tell) {
    const auto asked = play_stream({scripted_host::event("1", "{}"), scripted_host::accepted()},
                                   [](const invocation&, response_stream& out) {
                                       out.write("half");
                                       throw function_error({.message = "no more", .type = "Cut"});
                                   });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[1].body, "half");
    EXPECT_THAT(asked[1].trailers, HasSubstr("\r\nLambda-Runtime-Function-Error-Type: Function.Cut\r\n"));
    // {"errorMessage":"no more","errorType":"Cut","requestId":"1","stackTrace":[]}
    EXPECT_THAT(
        asked[1].trailers,
        HasSubstr("\r\nLambda-Runtime-Function-Error-Body: "
                  "eyJlcnJvck1lc3NhZ2UiOiJubyBtb3JlIiwiZXJyb3JUeXBlIjoiQ3V0IiwicmVxdWVzdElkIjoiMSIsInN0YWNrVHJhY2Ui"
                  "OltdfQ==\r\n"));
}

TEST(runtime_client, given_a_stream_that_fails_before_its_first_byte_then_it_is_an_error_as_any_other) {
    const auto asked = play_stream({scripted_host::event("1", "{}"), scripted_host::accepted()},
                                   [](const invocation&, response_stream&) { throw std::runtime_error("no"); });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/1/error");
    EXPECT_TRUE(asked[1].has("Lambda-Runtime-Function-Error-Type: Function.std::runtime_error"));
}

TEST(runtime_client, given_a_prelude_when_streamed_then_eight_zero_bytes_part_it_from_the_body) {  // L-1.81
    const auto asked = play_stream({scripted_host::event("1", "{}"), scripted_host::accepted()},
                                   [](const invocation&, response_stream& out) {
                                       out.set_prelude({.status = 201, .headers = {{"x-a", "b"}}, .cookies = {"c=1"}});
                                       out.write("body");
                                       EXPECT_THROW(out.set_content_type("text/plain"), std::logic_error);
                                   });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_TRUE(asked[1].has("Content-Type: application/vnd.awslambda.http-integration-response"));
    EXPECT_EQ(asked[1].body,
              R"({"statusCode":201,"headers":{"x-a":"b"},"cookies":["c=1"]})" + std::string(8, '\0') + "body");
}

TEST(runtime_client, given_a_handler_that_writes_nothing_when_streamed_then_the_response_is_empty) {
    const auto asked = play_stream({scripted_host::event("1", "{}"), scripted_host::accepted()},
                                   [](const invocation&, response_stream&) {});
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[1].path, "/2018-06-01/runtime/invocation/1/response");
    EXPECT_EQ(asked[1].body, "");
}

TEST(runtime_client, given_proxy_variables_when_run_then_the_host_is_asked_directly) {  // 1.1
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    const auto asked = play({scripted_host::event("1", "7"), scripted_host::accepted()}, echo);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    EXPECT_THAT(asked, SizeIs(2));
}

TEST(runtime_client, given_a_large_result_when_posted_then_no_100_continue_is_asked_for) {
    const std::string large(3'000'000, 'x');
    const auto asked = play({scripted_host::event("1", "7"), scripted_host::accepted()},
                            [&](const invocation&) -> outcome { return response{large, "text/plain"}; });
    ASSERT_THAT(asked, SizeIs(2));
    EXPECT_EQ(asked[1].body, large);
    EXPECT_TRUE(asked[1].has("Content-Type: text/plain"));
    EXPECT_THAT(asked[1].head, testing::Not(HasSubstr("100-continue")));
}

TEST(runtime_client, given_an_error_status_for_next_when_polled_then_three_tries_end_the_process) {
    const auto refused = scripted_host::reply(500, "", "{}");
    const auto asked = play({refused, refused, refused}, echo);
    EXPECT_THAT(asked, SizeIs(3));
}

TEST(runtime_client, given_an_event_without_request_id_when_read_then_the_handler_is_not_called) {
    const auto nameless = scripted_host::reply(200, "", "{}");
    bool called = false;
    play({nameless, nameless, nameless}, [&](const invocation&) -> outcome {
        called = true;
        return response{"null"};
    });
    EXPECT_FALSE(called);
}

TEST(runtime_client, given_no_runtime_api_when_run_then_it_says_so) {
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    EXPECT_FALSE(inside_lambda());
    EXPECT_EQ(run(echo), 1);
}

}  // namespace
}  // namespace borealis::lambda
