#include "lambda/function.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace borealis::lambda {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t environment_bytes = 4096;  // L-1.52

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_name &&
           std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
}

bool is_qualifier(std::string_view text) { return text == "$LATEST" || (is_name(text) && text.size() <= 128); }

/// L-1.50 without those that L-1.52 leaves to the user.
constexpr std::array<std::string_view, 22> reserved = {"_HANDLER",
                                                       "_X_AMZN_TRACE_ID",
                                                       "AWS_DEFAULT_REGION",
                                                       "AWS_REGION",
                                                       "AWS_EXECUTION_ENV",
                                                       "AWS_LAMBDA_FUNCTION_NAME",
                                                       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                                       "AWS_LAMBDA_FUNCTION_VERSION",
                                                       "AWS_LAMBDA_INITIALIZATION_TYPE",
                                                       "AWS_LAMBDA_LOG_GROUP_NAME",
                                                       "AWS_LAMBDA_LOG_STREAM_NAME",
                                                       "AWS_ACCESS_KEY",
                                                       "AWS_ACCESS_KEY_ID",
                                                       "AWS_SECRET_ACCESS_KEY",
                                                       "AWS_SESSION_TOKEN",
                                                       "AWS_LAMBDA_RUNTIME_API",
                                                       "LAMBDA_TASK_ROOT",
                                                       "LAMBDA_RUNTIME_DIR",
                                                       "AWS_XRAY_DAEMON_ADDRESS",
                                                       "_AWS_XRAY_DAEMON_ADDRESS",
                                                       "_AWS_XRAY_DAEMON_PORT",
                                                       "AWS_LAMBDA_MAX_CONCURRENCY"};

bool is_variable_name(std::string_view text) {
    return text.size() >= 2 && is_alphanumeric(text.front()) && !(text.front() >= '0' && text.front() <= '9') &&
           std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '_'; });
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto found = text.find(at);
        parts.push_back(text.substr(0, found));
        if (found == std::string_view::npos) return parts;
        text.remove_prefix(found + 1);
    }
}

}  // namespace

core::result<void> check(const function_settings& one) {
    const auto refuse = [](std::string text) { return core::fail(core::error_kind::validation, std::move(text)); };
    const auto constraint = [&](std::string_view value, std::string_view member, std::string_view rule) {
        return refuse(
            fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must {}",
                        value, member, rule));
    };
    if (!is_name(one.name))
        return constraint(one.name, "functionName", "satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}");
    if (!one.runtime.starts_with("provided")) {
        return refuse(fmt::format(
            "The runtime parameter of {} is not supported here: only provided.al2023, provided.al2 and provided "
            "are, with a program named bootstrap in the zip.",
            one.runtime));
    }
    if (one.runtime != "provided" && one.runtime != "provided.al2" && one.runtime != "provided.al2023")
        return constraint(one.runtime, "runtime", "satisfy enum value set: [provided, provided.al2, provided.al2023]");
    if (!one.architecture.empty() && one.architecture != "x86_64" && one.architecture != "arm64")
        return constraint(one.architecture, "architectures", "satisfy enum value set: [x86_64, arm64]");
    if (one.timeout.count() < 1)
        return constraint(fmt::to_string(one.timeout.count()), "timeout", "have value greater than or equal to 1");
    if (one.timeout.count() > 900)
        return constraint(fmt::to_string(one.timeout.count()), "timeout", "have value less than or equal to 900");
    if (one.memory_mb < 128)
        return constraint(fmt::to_string(one.memory_mb), "memorySize", "have value greater than or equal to 128");
    if (one.memory_mb > 10240)
        return constraint(fmt::to_string(one.memory_mb), "memorySize", "have value less than or equal to 10240");
    if (one.handler.size() > 128) return constraint(one.handler, "handler", "have length less than or equal to 128");
    if (one.description.size() > 256)
        return constraint(one.description, "description", "have length less than or equal to 256");
    if (one.instances < 1 || one.instances > 1000) return refuse("instances must be from 1 to 1000.");

    std::size_t bytes = 0;
    for (const auto& [name, value] : one.environment) {
        bytes += name.size() + value.size();
        if (!is_variable_name(name)) {
            return constraint(name, "environment.variables",
                              "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+");
        }
        if (std::ranges::find(reserved, name) != reserved.end()) {
            return refuse(fmt::format(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
                "in "
                "this request: {}",
                name));
        }
        if (value.find('\0') != std::string::npos)
            return refuse(fmt::format("The value of the environment variable {} contains a NUL character.", name));
    }
    if (bytes > environment_bytes) {
        return refuse(
            fmt::format("Lambda was unable to configure your environment variables because the environment variables "
                        "you have provided "
                        "exceeded the 4KB limit. {} bytes measured.",
                        bytes));
    }
    return {};
}

std::optional<function_name> parse_function_name(std::string_view text, std::string_view region,
                                                 std::string_view account) {
    auto parts = split(text, ':');
    if (parts.front() == "arn") {  // arn:aws:lambda:region:account:function:name[:qualifier]
        if (parts.size() < 7 || parts[1] != "aws" || parts[2] != "lambda" || parts[3] != region) return std::nullopt;
        parts.erase(parts.begin(), parts.begin() + 4);
    }
    if (parts.size() >= 3 && parts[1] == "function") {
        if (parts[0] != account) return std::nullopt;
        parts.erase(parts.begin(), parts.begin() + 2);
    }
    if (parts.size() > 2 || !is_name(parts[0])) return std::nullopt;
    function_name read{.name = std::string(parts[0]), .qualifier = {}};
    if (parts.size() == 2) {
        if (!is_qualifier(parts[1])) return std::nullopt;
        read.qualifier = parts[1];
    }
    return read;
}

std::string function_arn(std::string_view region, std::string_view account, std::string_view name,
                         std::string_view qualifier) {
    return fmt::format("arn:aws:lambda:{}:{}:function:{}{}{}", region, account, name, qualifier.empty() ? "" : ":",
                       qualifier);
}

}  // namespace borealis::lambda
