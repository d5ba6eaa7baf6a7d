#include "lambda/host.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "json/document.hpp"
#include "lambda/function_table.hpp"
#include "support/temporary_folder.hpp"

namespace borealis::lambda {
namespace {

namespace asio = core::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using kind = invoke_result::kind;

constexpr auto patience = 60s;  // the machine may be loaded; nothing below waits so long on a good day

template <class Done>
bool eventually(const Done& done) {
    const auto until = core::clock::now() + patience;
    while (!done()) {
        if (core::clock::now() > until) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

std::string file_text(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A member of a JSON object, as text.
std::string member(std::string_view body, std::string_view name) {
    json::document parser;
    const auto root = parser.parse_copy(body);
    if (!root || (*root)->is() != json::kind::object) return "(no object) " + std::string(body);
    const auto* found = (*root)->find(name);
    return found == nullptr ? "(no member)" : std::string(found->text());
}

class lambda_host : public testing::Test {
 protected:
    lambda_host() {
        fs::permissions(folder_.path(), fs::perms(0755));
        table_.emplace(folder_.path() / "lambda");
        with_.folder = folder_.path() / "lambda";
        with_.environment = {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"}};
    }

    host& running() {
        if (!host_) host_.emplace(with_, *table_);
        return *host_;
    }

    static function_settings probe(std::string name = "probe") {
        function_settings one;
        one.name = std::move(name);
        one.program = PROBE_FUNCTION;
        one.timeout = 30s;
        one.instances = 1;  // a slow machine may else start another one while the first is about to ask for an event
        return one;
    }

    void declare(function_settings one) {
        const auto made = table_->declare(std::move(one));
        ASSERT_TRUE(made) << made.error().message;
    }

    /// All at once, from this thread.
    std::vector<host::answer> invoke_all(std::vector<invoke_request> calls) {
        asio::io_context loop(1);
        std::vector<host::answer> answers(calls.size());
        for (std::size_t i = 0; i < calls.size(); ++i) {
            asio::co_spawn(loop.get_executor(), running().invoke(std::move(calls[i])),
                           [&answers, i](const std::exception_ptr& thrown, host::answer got) {
                               if (thrown) std::rethrow_exception(thrown);
                               answers[i] = std::move(got);
                           });
        }
        loop.run();
        return answers;
    }

    host::answer invoke(invoke_request call) {
        std::vector<invoke_request> one;
        one.push_back(std::move(call));
        return std::move(invoke_all(std::move(one)).front());
    }

    invoke_result call(std::string payload, std::string name = "probe") {
        auto got = invoke({.function = std::move(name), .qualifier = {}, .payload = std::move(payload)});
        if (!got) {
            ADD_FAILURE() << "refused: " << got.error().message;
            return {};
        }
        return std::move(*got);
    }

    std::string log_of(std::string_view name) {
        return file_text(folder_.path() / "lambda" / "logs" / (std::string(name) + ".log"));
    }

    tests::temporary_folder folder_;
    host_settings with_;
    std::optional<function_table> table_;
    std::optional<host> host_;
};

TEST_F(lambda_host, given_a_function_when_invoked_then_its_result_comes_back_unchanged) {
    declare(probe());
    const std::string bytes = "{\"a\": \"\xC3\xA4\\u0000\"}\n";
    const auto got = call(bytes);
    EXPECT_EQ(got.what, kind::success);
    EXPECT_EQ(got.payload, bytes);
    EXPECT_EQ(got.content_type, "application/json");
    EXPECT_EQ(got.executed_version, "$LATEST");
    EXPECT_THAT(got.request_id, MatchesRegex("[0-9a-f-]{36}"));
    EXPECT_GT(got.init_duration.count(), 0);
    EXPECT_EQ(call("2").init_duration.count(), 0) << "a warm process";
}

TEST_F(lambda_host, given_what_the_invoker_said_when_invoked_then_the_function_is_told) {  // section 1.3
    declare(probe());
    const auto got = invoke({.function = "probe",
                             .qualifier = "$LATEST",
                             .payload = "call",
                             .content_type = "text/plain",
                             .client_context = R"({"client":{}})",
                             .cognito_identity = R"({"cognitoIdentityId":"i"})",
                             .trace_id = "Root=1-2-3;Sampled=1",
                             .request_id = "5c1f1b9e-0000-4000-8000-000000000001"});
    ASSERT_TRUE(got);
    EXPECT_THAT(got->payload,
                MatchesRegex("5c1f1b9e-0000-4000-8000-000000000001\n"
                             "arn:aws:lambda:us-east-1:123456789012:function:probe:.LATEST\nRoot=1-2-3;Sampled=1\n"
                             "\\{\"client\":\\{\\}\\}\n\\{\"cognitoIdentityId\":\"i\"\\}\ntext/plain\n[0-9]+\n"
                             "Root=1-2-3;Sampled=1"));
    const auto bare = call("call");
    EXPECT_THAT(bare.payload, HasSubstr("function:probe\nRoot=1-")) << "a trace id is made, no qualifier is added";
}

TEST_F(lambda_host,
       given_a_function_when_started_then_its_environment_is_lambdas_and_nothing_more) {  // L-1.50 to L-1.54
    ::setenv("SECRET_OF_THE_HOST", "do-not-leak", 1);
    auto one = probe();
    one.handler = "any.text";
    one.memory_mb = 256;
    one.environment = {{"TABLE", "Employee"}, {"TZ", "Europe/Berlin"}};
    declare(one);
    with_.credentials = [](const function_settings&) {
        return function_credentials{.access_key_id = "AKID",
                                    .secret_access_key = core::secret_text("SECRET"),
                                    .session_token = core::secret_text("TOKEN")};
    };
    const auto text = "\n" + call("environment").payload;
    const std::string root = fs::path(PROBE_FUNCTION).parent_path();
    for (const std::string& line : std::vector<std::string>{
             "_HANDLER=any.text",
             "LAMBDA_TASK_ROOT=" + root,
             "LAMBDA_RUNTIME_DIR=/var/runtime",
             "AWS_REGION=us-east-1",
             "AWS_DEFAULT_REGION=us-east-1",
             "AWS_ACCESS_KEY_ID=AKID",
             "AWS_SECRET_ACCESS_KEY=SECRET",
             "AWS_SESSION_TOKEN=TOKEN",
             "AWS_LAMBDA_FUNCTION_NAME=probe",
             "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
             "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
             "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/probe",
             "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
             "TZ=Europe/Berlin",
             "LANG=en_US.UTF-8",
             "PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
             "AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
             "LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:" + root + ":" + root +
                 "/lib:/opt/lib",
             "TABLE=Employee",
             "AWS_ENDPOINT_URL=http://127.0.0.1:1"}) {
        EXPECT_THAT(text, HasSubstr("\n" + line + "\n"));
    }
    EXPECT_THAT(text, testing::ContainsRegex("\nAWS_LAMBDA_RUNTIME_API=127.0.0.1:[0-9]+\n"));
    EXPECT_THAT(text, testing::ContainsRegex(
                          "\nAWS_LAMBDA_LOG_STREAM_NAME=[0-9]{4}/[0-9]{2}/[0-9]{2}/\\[.LATEST\\][0-9a-f]{32}\n"));
    EXPECT_THAT(text, AllOf(Not(HasSubstr("do-not-leak")), Not(HasSubstr("AWS_EXECUTION_ENV"))));
    EXPECT_EQ(call("folder").payload, root);
    EXPECT_EQ(call("files").payload, "1024");
}

TEST_F(lambda_host, given_a_handler_that_fails_when_invoked_then_its_error_is_the_payload) {  // L-1.40, L-1.91
    declare(probe());
    const auto returned = call("error");
    EXPECT_EQ(returned.what, kind::error);
    EXPECT_EQ(member(returned.payload, "errorMessage"), "M\xC3\xBCller");
    EXPECT_EQ(member(returned.payload, "errorType"), "Custom");
    EXPECT_THAT(returned.log_tail, HasSubstr("Status: error\tError Type: Function.Custom"));
    const auto thrown = call("throw");
    EXPECT_EQ(thrown.what, kind::error);
    EXPECT_EQ(member(thrown.payload, "errorMessage"), "thrown");
    EXPECT_EQ(call("calls").payload, "3") << "the same process goes on";
}

TEST_F(lambda_host, given_a_result_that_looks_like_an_error_when_returned_then_it_is_a_success) {  // L-2.43
    declare(probe());
    EXPECT_EQ(call(R"({"errorMessage":"m","errorType":"t"})").what, kind::success);
}

TEST_F(lambda_host,
       given_a_call_over_time_when_its_limit_passes_then_it_is_answered_and_the_next_is_served) {  // L-1.41, L-9.4
    auto one = probe();
    one.timeout = 1s;
    declare(one);
    const auto got = call("sleep 600000");
    EXPECT_EQ(got.what, kind::timed_out);
    EXPECT_EQ(got.payload, R"({"errorType":"Sandbox.Timedout","errorMessage":"RequestId: )" + got.request_id +
                               R"( Error: Task timed out after 1.00 seconds"})");
    EXPECT_THAT(got.log_tail, AllOf(HasSubstr("Task timed out after 1.00 seconds\n"), HasSubstr("Status: timeout")));
    EXPECT_EQ(call("calls").payload, "1") << "a new process";
}

struct exit_case {
    std::string_view name, event, text;
};
constexpr exit_case exits[] = {
    {"zero", "exit 0", "Runtime exited without providing a reason"},
    {"three", "exit 3", "Runtime exited with error: exit status 3"},
    {"segmentation_fault", "signal 11", "Runtime exited with error: signal: segmentation fault"},
    {"killed", "signal 9", "Runtime exited with error: signal: killed"},
    {"aborted", "signal 6", "Runtime exited with error: signal: aborted"},
};
class lambda_exit : public lambda_host, public testing::WithParamInterface<exit_case> {};

TEST_P(lambda_exit, given_a_process_that_ends_in_a_call_then_the_invoker_reads_how) {  // L-1.42 to L-1.44
    declare(probe());
    EXPECT_EQ(call("temp").payload, "1");
    const auto got = call(std::string(GetParam().event));
    EXPECT_EQ(got.what, kind::exited);
    EXPECT_EQ(got.payload, R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: )" + got.request_id +
                               " Error: " + std::string(GetParam().text) + "\"}");
    EXPECT_THAT(got.log_tail, HasSubstr("Status: error\tError Type: Runtime.ExitError"));
    EXPECT_EQ(call("calls").payload, "1") << "memory is lost";        // L-1.63
    EXPECT_EQ(call("temp").payload, "2") << "the temp folder stays";  // L-1.54
}
INSTANTIATE_TEST_SUITE_P(section_1_6, lambda_exit, testing::ValuesIn(exits),
                         [](const auto& named) { return std::string(named.param.name); });

TEST_F(lambda_host,
       given_an_init_that_fails_when_invoked_then_it_runs_twice_and_its_error_is_the_payload) {  // L-1.24, L-1.60
    auto one = probe();
    one.environment = {{"INIT", "throw"}};
    declare(one);
    const auto got = call("1");
    EXPECT_EQ(got.what, kind::init_error);
    EXPECT_EQ(member(got.payload, "errorMessage"), "no init");
    EXPECT_EQ(member(got.payload, "errorType"), "std::runtime_error");
    EXPECT_EQ(member(got.payload, "requestId"), "");
    EXPECT_THAT(got.log_tail, AllOf(HasSubstr("init 1\n"), HasSubstr("init 2\n"),
                                    HasSubstr("Phase: init\tStatus: error\tError Type: Function.std::runtime_error\n"),
                                    HasSubstr("Phase: invoke\tStatus: error")));
}

TEST_F(lambda_host, given_an_init_that_exits_when_invoked_then_the_exit_is_the_payload) {
    auto one = probe();
    one.environment = {{"INIT", "exit"}};
    declare(one);
    const auto got = call("1");
    EXPECT_EQ(got.what, kind::exited);
    EXPECT_THAT(got.payload, HasSubstr("Runtime exited with error: exit status 7"));
}

TEST_F(lambda_host, given_an_init_that_fails_once_when_invoked_then_the_repetition_serves) {  // L-1.60
    auto one = probe();
    one.environment = {{"INIT", "throw-once"}};
    declare(one);
    EXPECT_EQ(call("1").what, kind::success);
    EXPECT_EQ(call("calls").payload, "2");
}

TEST_F(lambda_host, given_an_init_over_its_limit_when_repeated_then_the_functions_time_is_its_limit) {  // L-1.60
    with_.init_limit = 300ms;
    auto one = probe("once");
    one.environment = {{"INIT", "hang-once"}};
    declare(one);
    EXPECT_EQ(call("1", "once").what, kind::success);
    EXPECT_THAT(log_of("once"), HasSubstr("Phase: init\tStatus: timeout"));
    auto always = probe("always");
    always.environment = {{"INIT", "hang"}};
    always.timeout = 1s;
    declare(always);
    const auto got = call("1", "always");
    EXPECT_EQ(got.what, kind::timed_out);
    EXPECT_EQ(member(got.payload, "errorType"), "Sandbox.Timedout");
}

TEST_F(lambda_host, given_no_program_when_invoked_then_lambdas_words_say_so) {  // L-1.46
    const auto empty = folder_.path() / "empty";
    fs::create_directory(empty);
    function_settings one;
    one.name = "empty";
    one.folder = empty;
    declare(one);
    const auto got = call("1", "empty");
    EXPECT_EQ(got.what, kind::no_program);
    EXPECT_EQ(got.payload, R"({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: )" + got.request_id +
                               R"( Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"})");
    std::ofstream(empty / "bootstrap") << "no program\n";
    fs::permissions(empty / "bootstrap", fs::perms(0644));
    EXPECT_EQ(call("1", "empty").what, kind::no_program) << "not executable";
    fs::permissions(empty / "bootstrap", fs::perms(0755));
    EXPECT_TRUE(eventually([&] { return call("1", "empty").payload.contains("exec format error"); }));
}

TEST_F(lambda_host, given_a_result_over_the_limit_when_posted_then_the_invoker_reads_why) {  // L-1.33, L-1.45
    declare(probe());
    EXPECT_EQ(call("big 6291556").payload.size(), 6291556U);
    const auto got = call("big 6291557");
    EXPECT_EQ(got.what, kind::too_large);
    EXPECT_EQ(got.payload,
              R"({"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",)"
              R"("errorType":"Function.ResponseSizeTooLarge"})");
    EXPECT_EQ(call("calls").payload, "3") << "the process goes on";
}

TEST_F(lambda_host, given_output_when_a_call_ends_then_its_log_has_lambdas_lines_around_it) {  // L-1.70, L-9.6
    declare(probe());
    const auto got = call("print hello");
    EXPECT_THAT(got.log_tail,
                MatchesRegex("INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: [^\n]+\ninit 1\n"
                             "START RequestId: " +
                             got.request_id +
                             " Version: .LATEST\n"
                             "hello\nto stderr\nEND RequestId: " +
                             got.request_id + "\nREPORT RequestId: " + got.request_id +
                             "\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\tMemory Size: 128 MB\t"
                             "Max Memory Used: [1-9][0-9]* MB\tInit Duration: [0-9.]+ ms\t\n"));
    EXPECT_THAT(log_of("probe"), AllOf(HasSubstr(" hello\n"), HasSubstr(" REPORT RequestId: " + got.request_id)));
    const auto many = call("lines 2000");
    EXPECT_EQ(many.log_tail.size(), 4096U);  // L-2.11
    EXPECT_THAT(many.log_tail, AllOf(HasSubstr("line 1\nEND RequestId"), Not(HasSubstr("line 1000\n"))));
}

TEST_F(lambda_host, given_more_calls_than_processes_when_invoked_then_each_gets_its_own_answer) {  // L-1.65, L-9.3
    auto one = probe();
    one.instances = 3;
    declare(one);
    std::vector<invoke_request> calls;
    for (int i = 0; i < 60; ++i)
        calls.push_back({.function = "probe", .qualifier = {}, .payload = i % 10 == 3 ? "exit 1" : std::to_string(i)});
    const auto got = invoke_all(std::move(calls));
    for (int i = 0; i < 60; ++i) {
        ASSERT_TRUE(got[static_cast<std::size_t>(i)]);
        const auto& each = *got[static_cast<std::size_t>(i)];
        if (i % 10 == 3) {
            EXPECT_EQ(each.what, kind::exited);
        } else {
            EXPECT_EQ(each.payload, std::to_string(i)) << "a crash harms no other call";
        }
    }
}

TEST_F(lambda_host, given_reserved_concurrency_when_it_is_used_up_then_a_call_is_throttled) {  // L-2.21
    auto none = probe("none");
    none.reserved_concurrency = 0;
    declare(none);
    const auto refused = invoke({.function = "none", .qualifier = {}, .payload = "1"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, refusal::kind::throttled);
    EXPECT_EQ(refused.error().reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
    EXPECT_EQ(refused.error().message, "Rate Exceeded.");
    auto single = probe("single");
    single.reserved_concurrency = 1;
    declare(single);
    std::vector<invoke_request> calls;
    for (int i = 0; i < 3; ++i) calls.push_back({.function = "single", .qualifier = {}, .payload = "sleep 50"});
    const auto got = invoke_all(std::move(calls));
    EXPECT_TRUE(got[0]);
    EXPECT_FALSE(got[1]);
    EXPECT_FALSE(got[2]);
    EXPECT_EQ(call("1", "single").payload, "1") << "it is free again";
}

TEST_F(lambda_host, given_a_full_queue_when_invoked_then_the_call_is_throttled) {  // L-2.46
    with_.queue_length = 1;
    auto one = probe();
    one.instances = 1;
    declare(one);
    std::vector<invoke_request> calls;
    for (int i = 0; i < 3; ++i) calls.push_back({.function = "probe", .qualifier = {}, .payload = "sleep 50"});
    const auto got = invoke_all(std::move(calls));
    EXPECT_TRUE(got[0]);
    EXPECT_TRUE(got[1]);
    ASSERT_FALSE(got[2]);
    EXPECT_EQ(got[2].error().reason, "ConcurrentInvocationLimitExceeded");
}

TEST_F(lambda_host, given_a_call_that_waits_too_long_for_a_process_then_it_is_throttled) {
    with_.queue_limit = 100ms;
    auto one = probe();
    one.instances = 1;
    declare(one);
    std::vector<invoke_request> calls;
    calls.push_back({.function = "probe", .qualifier = {}, .payload = "sleep 3000"});
    calls.push_back({.function = "probe", .qualifier = {}, .payload = "1"});
    const auto got = invoke_all(std::move(calls));
    EXPECT_TRUE(got[0]);
    ASSERT_FALSE(got[1]);
    EXPECT_EQ(got[1].error().what, refusal::kind::throttled);
}

TEST_F(lambda_host, given_a_caller_who_stops_waiting_then_the_function_goes_on) {  // L-9.7, L-9.8
    auto one = probe();
    one.instances = 1;
    declare(one);
    EXPECT_EQ(call("calls").payload, "1");
    const auto got = invoke(
        {.function = "probe", .qualifier = {}, .payload = "sleep 500", .answer_by = core::deadline::after(20ms)});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().what, refusal::kind::gave_up);
    EXPECT_EQ(call("calls").payload, "3") << "the same process, after the call that nobody waited for";
}

TEST_F(lambda_host, given_no_such_function_or_version_when_invoked_then_it_is_not_found) {  // L-2.20
    declare(probe());
    const auto none = invoke({.function = "none", .qualifier = {}, .payload = "1"});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().what, refusal::kind::no_function);
    EXPECT_EQ(none.error().message, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:none:$LATEST");
    const auto version = invoke({.function = "probe", .qualifier = "7", .payload = "1"});
    ASSERT_FALSE(version);
    EXPECT_EQ(version.error().message, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:probe:7");
}

TEST_F(lambda_host, given_a_program_that_changes_on_disk_when_invoked_then_the_new_one_serves) {
    auto one = probe();
    one.program = folder_.path() / "program";
    fs::copy_file(PROBE_FUNCTION, one.program);
    declare(one);
    const auto first = call("process").payload;
    EXPECT_EQ(call("process").payload, first);
    fs::rename(one.program, folder_.path() / "old");
    fs::copy_file(PROBE_FUNCTION, one.program);
    EXPECT_TRUE(eventually([&] { return call("process").payload != first; }));
    EXPECT_TRUE(eventually([&] { return ::kill(std::stoi(first), 0) != 0; })) << "the old process is gone";
}

TEST_F(lambda_host, given_freezing_when_a_call_is_over_then_the_process_is_stopped_until_the_next) {  // L-1.62
    auto one = probe();
    one.freeze = freezing::between_events;
    declare(one);
    const auto process = call("process").payload;
    const auto stopped = [&] { return file_text("/proc/" + process + "/stat").contains(") T "); };
    EXPECT_TRUE(eventually(stopped));
    EXPECT_EQ(call("process").payload, process);
    EXPECT_TRUE(eventually(stopped));
}

TEST_F(lambda_host, given_a_process_without_events_when_its_time_passes_then_it_is_ended) {
    with_.idle_limit = 1s;
    declare(probe());
    const auto process = std::stoi(call("process").payload);
    EXPECT_TRUE(eventually([&] { return ::kill(process, 0) != 0; }));
    EXPECT_EQ(call("1").payload, "1");
}

TEST_F(lambda_host, given_a_process_that_is_old_when_free_then_a_new_one_takes_its_place) {  // L-1.53
    with_.process_lifetime = 1s;
    declare(probe());
    const auto process = std::stoi(call("process").payload);
    EXPECT_TRUE(eventually([&] { return std::stoi(call("process").payload) != process; }));
}

TEST_F(lambda_host, given_children_of_a_process_when_it_ends_then_they_do_too) {
    declare(probe());
    const auto process = std::stoi(call("process").payload);
    EXPECT_EQ(call("child").payload, "null");
    EXPECT_EQ(call("exit 1").what, kind::exited);
    EXPECT_TRUE(eventually([&] { return ::kill(-process, 0) != 0; })) << "nobody of its group is left";
}

TEST_F(lambda_host, given_a_host_that_stops_when_calls_run_then_they_are_refused_and_nothing_is_left) {
    declare(probe());
    const auto process = std::stoi(call("process").payload);
    asio::io_context loop(1);
    std::optional<host::answer> got;
    asio::co_spawn(loop.get_executor(),
                   running().invoke({.function = "probe", .qualifier = {}, .payload = "sleep 600000"}),
                   [&](const std::exception_ptr&, host::answer answered) { got = std::move(answered); });
    std::thread waits([&] { loop.run(); });
    ASSERT_TRUE(
        eventually([&] { return log_of("probe").contains("START RequestId") && running().count().running == 1; }));
    running().stop(core::deadline::after(50ms));
    waits.join();
    ASSERT_TRUE(got);
    ASSERT_FALSE(*got);
    EXPECT_EQ(got->error().what, refusal::kind::stopping);
    EXPECT_NE(::kill(process, 0), 0);
    EXPECT_FALSE(fs::exists(folder_.path() / "lambda" / "tmp"));
    EXPECT_FALSE(invoke({.function = "probe", .qualifier = {}, .payload = "1"}));
}

TEST_F(lambda_host, given_an_event_when_it_fails_then_it_is_tried_twice_more) {  // L-2.14
    with_.retry_after = {10ms, 10ms};
    declare(probe());
    const auto id = running().enqueue({.function = "probe", .qualifier = {}, .payload = "throw"});
    ASSERT_TRUE(id);
    const auto tries = [&] {
        const auto text = log_of("probe");
        std::size_t count = 0;
        for (auto at = text.find("START RequestId: " + *id); at != std::string::npos;
             at = text.find("START RequestId: " + *id, at + 1))
            ++count;
        return count;
    };
    EXPECT_TRUE(eventually([&] { return tries() == 3; }));
    EXPECT_EQ(call("calls").payload, "4") << "and no more";
    EXPECT_FALSE(running().enqueue({.function = "none", .qualifier = {}, .payload = "1"}));
}

}  // namespace
}  // namespace borealis::lambda
