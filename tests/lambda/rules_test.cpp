#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lambda/function.hpp"
#include "lambda/function_log.hpp"
#include "lambda/runtime_state.hpp"
#include "support/temporary_folder.hpp"

namespace borealis::lambda {
namespace {

using std::chrono::microseconds;
using step = runtime_state::step;
using testing::ElementsAre;

// --- the runtime's states (section 1.5)

TEST(lambda_runtime_state, given_one_event_when_answered_then_each_step_is_accepted) {
    runtime_state one;
    EXPECT_TRUE(one.next().accepted());
    one.deliver("a");
    EXPECT_EQ(one.now(), step::running);
    EXPECT_TRUE(one.response("a").accepted());
    EXPECT_TRUE(one.next().accepted());
    one.deliver("b");
    EXPECT_TRUE(one.error("b").accepted());
    EXPECT_TRUE(one.next().accepted());
}

TEST(lambda_runtime_state, given_an_id_that_is_not_in_progress_when_answered_then_the_id_is_wrong) {  // L-1.31
    runtime_state one;
    EXPECT_EQ(one.response("a").error_type, "InvalidRequestID") << "nothing was asked for yet";
    ASSERT_TRUE(one.next().accepted());
    EXPECT_EQ(one.response("").error_type, "InvalidRequestID");
    one.deliver("a");
    const auto verdict = one.response("b");
    EXPECT_EQ(verdict.status, 400);
    EXPECT_EQ(verdict.error_type, "InvalidRequestID");
    EXPECT_EQ(verdict.message, "Invalid request ID");
    ASSERT_TRUE(one.response("a").accepted());
    ASSERT_TRUE(one.next().accepted());
    EXPECT_EQ(one.response("a").error_type, "InvalidRequestID") << "finished";
}

TEST(lambda_runtime_state, given_a_step_that_may_not_be_when_asked_for_then_both_states_are_named) {  // L-1.32
    runtime_state one;
    ASSERT_TRUE(one.next().accepted());
    const auto late = one.init_error();
    EXPECT_EQ(late.status, 403);
    EXPECT_EQ(late.error_type, "InvalidStateTransition");
    EXPECT_EQ(late.message,
              "State transition from Ready to InitError failed for runtime. Error: State transition is not allowed");
    one.deliver("a");
    EXPECT_EQ(one.next().error_type, "InvalidStateTransition") << "a second /next while one event runs";
    ASSERT_TRUE(one.response("a").accepted());
    EXPECT_EQ(
        one.response("a").message,
        "State transition from ResponseSent to InvocationResponse failed for runtime. Error: State transition is not "
        "allowed");
    EXPECT_EQ(one.error("a").error_type, "InvalidStateTransition");
}

TEST(lambda_runtime_state, given_an_init_error_when_posted_then_no_event_can_be_asked_for) {
    runtime_state one;
    EXPECT_TRUE(one.init_error().accepted());
    EXPECT_FALSE(one.next().accepted());
    EXPECT_FALSE(one.init_error().accepted());
}

// --- names (L-2.1)

struct name_case {
    std::string_view name, text, function, qualifier;
    bool valid = true;
};
constexpr name_case names[] = {
    {"plain", "my-function_1", "my-function_1", ""},
    {"qualified", "f:$LATEST", "f", "$LATEST"},
    {"version", "f:7", "f", "7"},
    {"partial", "123456789012:function:f", "f", ""},
    {"partial_qualified", "123456789012:function:f:live", "f", "live"},
    {"arn", "arn:aws:lambda:us-east-1:123456789012:function:f", "f", ""},
    {"arn_qualified", "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", "f", "$LATEST"},
    {"other_region", "arn:aws:lambda:eu-west-1:123456789012:function:f", "", "", false},
    {"other_account", "999999999999:function:f", "", "", false},
    {"empty", "", "", "", false},
    {"blank", "a b", "", "", false},
    {"path", "../f", "", "", false},
    {"long", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", "", false},
    {"too_many_parts", "a:b:c", "", "", false},
    {"other_service", "arn:aws:rds:us-east-1:123456789012:function:f", "", "", false},
};
class lambda_names : public testing::TestWithParam<name_case> {};
TEST_P(lambda_names, given_a_name_when_read_then_function_and_qualifier_are_found) {
    const auto read = parse_function_name(GetParam().text, "us-east-1", "123456789012");
    ASSERT_EQ(read.has_value(), GetParam().valid);
    if (!read) return;
    EXPECT_EQ(read->name, GetParam().function);
    EXPECT_EQ(read->qualifier, GetParam().qualifier);
}
INSTANTIATE_TEST_SUITE_P(l_2_1, lambda_names, testing::ValuesIn(names),
                         [](const auto& named) { return std::string(named.param.name); });

// --- settings (L-1.52 and the model's limits)

struct settings_case {
    std::string_view name;
    void (*change)(function_settings&);
    std::string_view refused;  // empty: accepted
};
const settings_case settings[] = {
    {"plain", [](function_settings&) {}, ""},
    {"reserved_variable", [](function_settings& one) { one.environment["AWS_REGION"] = "x"; },
     "Reserved keys used in this request: AWS_REGION"},
    {"endpoint_variable", [](function_settings& one) { one.environment["AWS_ENDPOINT_URL"] = "x"; }, ""},
    {"time_zone", [](function_settings& one) { one.environment["TZ"] = "x"; }, ""},
    {"variable_name", [](function_settings& one) { one.environment["1A"] = "x"; }, "environment.variables"},
    {"short_variable", [](function_settings& one) { one.environment["A"] = "x"; }, "environment.variables"},
    {"environment_4096", [](function_settings& one) { one.environment["AB"] = std::string(4094, 'x'); }, ""},
    {"environment_4097", [](function_settings& one) { one.environment["AB"] = std::string(4095, 'x'); }, "4KB limit"},
    {"timeout_0", [](function_settings& one) { one.timeout = std::chrono::seconds(0); }, "greater than or equal to 1"},
    {"timeout_901", [](function_settings& one) { one.timeout = std::chrono::seconds(901); },
     "less than or equal to 900"},
    {"memory_127", [](function_settings& one) { one.memory_mb = 127; }, "greater than or equal to 128"},
    {"python", [](function_settings& one) { one.runtime = "python3.12"; }, "is not supported here"},
    {"name", [](function_settings& one) { one.name = "a/b"; }, "functionName"},
};
class lambda_settings : public testing::TestWithParam<settings_case> {};
TEST_P(lambda_settings, given_settings_when_checked_then_lambdas_limits_hold) {
    function_settings one;
    one.name = "f";
    GetParam().change(one);
    const auto checked = check(one);
    EXPECT_EQ(checked.has_value(), GetParam().refused.empty());
    if (!checked) EXPECT_THAT(checked.error().message, testing::HasSubstr(std::string(GetParam().refused)));
}
INSTANTIATE_TEST_SUITE_P(l_1_52, lambda_settings, testing::ValuesIn(settings),
                         [](const auto& named) { return std::string(named.param.name); });

// --- logs (section 1.9)

TEST(lambda_log, given_lines_when_cut_anywhere_then_the_same_lines_come) {
    const std::string text = "one\n\ntwo\r\nthree";
    for (std::size_t i = 0; i <= text.size(); ++i) {
        line_cutter cutter;
        std::vector<std::string> lines;
        const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
        cutter.add(std::string_view(text).substr(0, i), keep);
        cutter.add(std::string_view(text).substr(i), keep);
        EXPECT_THAT(lines, ElementsAre("one", "", "two\r"));
        cutter.flush(keep);
        EXPECT_THAT(lines, ElementsAre("one", "", "two\r", "three"));
    }
}

TEST(lambda_log, given_an_endless_line_when_cut_then_memory_is_bounded) {
    line_cutter cutter;
    std::vector<std::size_t> sizes;
    cutter.add(std::string(600 * 1024, 'x') + "\n", [&](std::string_view line) { sizes.push_back(line.size()); });
    EXPECT_THAT(sizes, ElementsAre(256 * 1024, 256 * 1024, 88 * 1024));
}

TEST(lambda_log, given_a_full_file_when_written_then_it_is_set_aside_once) {
    const tests::temporary_folder folder;
    const auto file = folder.path() / "f.log";
    function_log log(file, 200, false);
    for (int i = 0; i < 50; ++i) {
        log.add("0123456789abcdef", "line " + std::to_string(i));
        log.write();
    }
    EXPECT_LE(std::filesystem::file_size(file), 200U);
    EXPECT_LE(std::filesystem::file_size(folder.path() / "f.log.1"), 200U);
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    EXPECT_THAT(text, testing::EndsWith("Z 01234567 line 49\n"));
}

TEST(lambda_log, given_a_call_when_reported_then_the_line_is_lambdas) {
    EXPECT_EQ(
        report_line({.request_id = "id",
                     .duration = microseconds(12345),
                     .init_duration = microseconds(45670),
                     .memory_mb = 128,
                     .peak_memory_mb = 30}),
        "REPORT RequestId: id\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 30 "
        "MB\tInit Duration: 45.67 ms\t");
    EXPECT_EQ(report_line({.request_id = "id",
                           .duration = microseconds(1000),
                           .memory_mb = 128,
                           .peak_memory_mb = 1,
                           .error_type = "Runtime.ExitError"}),
              "REPORT RequestId: id\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 "
              "MB\tStatus: error\tError Type: Runtime.ExitError");
}

}  // namespace
}  // namespace borealis::lambda
