/// The function that the host's tests call: does what its event says, through our own runtime client.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <borealis/lambda.hpp>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using borealis::lambda::error;
using borealis::lambda::handler;
using borealis::lambda::invocation;
using borealis::lambda::outcome;
using borealis::lambda::response;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string all_variables() {
    std::string out;
    for (char** one = environ; *one != nullptr; ++one) out += std::string(*one) + '\n';
    return out;
}

/// How often this process, and how often its temp folder has been used.
int calls = 0;

std::string count_in_temp_folder() {
    const auto file = variable("TMPDIR") + "/count";
    int count = 0;
    std::ifstream(file) >> count;
    std::ofstream(file) << count + 1;
    return std::to_string(count + 1);
}

outcome handle(const invocation& call) {
    ++calls;
    std::string_view what = call.event;
    if (what.starts_with('"')) what = what.substr(1, what.size() - 2);
    const auto number = [&what] {
        return std::strtol(std::string(what.substr(what.find(' ') + 1)).c_str(), nullptr, 10);
    };
    if (what.starts_with("sleep ")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(number()));
        return response{"\"slept\""};
    }
    if (what.starts_with("exit ")) ::_exit(static_cast<int>(number()));
    if (what.starts_with("signal ")) {
        std::signal(static_cast<int>(number()), SIG_DFL);
        std::raise(static_cast<int>(number()));
    }
    if (what.starts_with("big ")) return response{std::string(static_cast<std::size_t>(number()), 'x')};
    if (what.starts_with("print ")) {
        std::printf("%s\n", std::string(what.substr(6)).c_str());
        std::fprintf(stderr, "to stderr\n");
        return response{"null"};
    }
    if (what.starts_with("lines ")) {
        for (long i = number(); i > 0; --i) std::printf("line %ld\n", i);
        return response{"null"};
    }
    if (what == "throw") throw std::runtime_error("thrown");
    if (what == "error") return std::unexpected(error{.message = "M\xC3\xBCller", .type = "Custom"});
    if (what == "child") {  // one that outlives this process unless its group is killed
        if (::fork() == 0) {
            for (;;) ::pause();
        }
        return response{"null"};
    }
    if (what == "environment") return response{all_variables(), "text/plain"};
    if (what == "folder") {
        char text[4096];
        return response{::getcwd(text, sizeof text) == nullptr ? "" : text, "text/plain"};
    }
    if (what == "calls") return response{std::to_string(calls)};
    if (what == "temp") return response{count_in_temp_folder()};
    if (what == "process") return response{std::to_string(::getpid())};
    if (what == "files") {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return response{std::to_string(limit.rlim_max)};
    }
    if (what == "call") {
        return response{call.request_id + '\n' + call.function_arn + '\n' + call.trace_id + '\n' + call.client_context +
                            '\n' + call.cognito_identity + '\n' + call.content_type + '\n' +
                            std::to_string(call.remaining().count()) + '\n' + variable("_X_AMZN_TRACE_ID"),
                        "text/plain"};
    }
    return response{call.event, call.content_type};
}

handler init() {
    const auto how = variable("INIT");
    const auto file = variable("TMPDIR") + "/init";
    int count = 0;
    std::ifstream(file) >> count;
    std::ofstream(file) << count + 1;
    std::printf("init %d\n", count + 1);
    if (how == "throw" || (how == "throw-once" && count == 0)) throw std::runtime_error("no init");
    if (how == "exit") ::_exit(7);
    if (how == "hang" || (how == "hang-once" && count == 0)) {
        for (;;) ::pause();
    }
    return handle;
}

}  // namespace

int main() { return borealis::lambda::run_after(init); }
