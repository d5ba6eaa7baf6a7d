#pragma once
/// What a function is: its code, its settings, and the rules that AWS has for both. No process, no clock.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace borealis::lambda {

/// Whether a function's processes are stopped (SIGSTOP) while they have no event, as on AWS (L-1.62): connections that
/// died meanwhile are then met by the next event.
enum class freezing : std::uint8_t { off, between_events };

/// Everything that is said about one function. Limits as on AWS; `check` says which one is broken.
struct function_settings {
    std::string name;                         ///< 1 to 64 of [A-Za-z0-9_-].
    std::string runtime = "provided.al2023";  ///< Or `provided.al2`, `provided`: a program that speaks the Runtime API.
    std::string handler = "bootstrap";        ///< Free text; the process finds it in `_HANDLER`.
    std::string description = {};
    std::string role = {};          ///< ARN of the role whose credentials the processes get; may be empty.
    std::string architecture = {};  ///< `x86_64` or `arm64`; empty: this machine's.
    std::map<std::string, std::string> environment = {};  ///< The function's own variables (L-1.52), at most 4 KB.
    std::map<std::string, std::string> tags = {};
    std::chrono::seconds timeout{3};                    ///< 1 to 900 (L-1.61).
    unsigned memory_mb = 128;                           ///< 128 to 10240.
    std::optional<unsigned> reserved_concurrency = {};  ///< Calls at once; one more is throttled. 0: every call is.
    unsigned instances = 16;  ///< Processes at once on this machine (1 to 1000); a call that finds all busy waits.
    freezing freeze = freezing::off;

    /// Where the code is; exactly one of the three. A program is executed as it is, with its folder as
    /// LAMBDA_TASK_ROOT; a folder or a zip holds an executable file `bootstrap`.
    std::filesystem::path program = {};
    std::filesystem::path folder = {};
    std::filesystem::path zip = {};
};

/// The first thing in `one` that Lambda would refuse, as `validation` with AWS's InvalidParameterValueException text.
[[nodiscard]] core::result<void> check(const function_settings& one);

/// How a function is named by its callers (L-2.1): `name`, `name:qualifier`, `account:function:name[:qualifier]` or an
/// ARN.
struct function_name {
    std::string name;
    std::string qualifier;  ///< Empty where none is given.
};

/// Reads a name, already percent-decoded.
/// @return Nothing for text of another form, or an ARN of another region or account than given here.
[[nodiscard]] std::optional<function_name> parse_function_name(std::string_view text, std::string_view region,
                                                               std::string_view account);

/// `arn:aws:lambda:us-east-1:123456789012:function:name[:qualifier]`
[[nodiscard]] std::string function_arn(std::string_view region, std::string_view account, std::string_view name,
                                       std::string_view qualifier = {});

}  // namespace borealis::lambda
