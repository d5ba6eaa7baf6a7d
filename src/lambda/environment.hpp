#pragma once
/// The variables of a function's process, as AWS sets them (L-1.50 to L-1.54).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lambda/function.hpp"
#include "lambda/host.hpp"

namespace borealis::lambda {

/// What differs from process to process.
struct process_place {
    std::string runtime_api;  ///< `127.0.0.1:port`
    std::string task_root;    ///< Absolute folder of the code.
    std::string temp_folder;
    std::string log_stream;
};

/// `NAME=value` for each variable. A later source wins: AWS's, the host's `environment`, the function's own; nothing of
/// this process's own environment is passed on.
[[nodiscard]] std::vector<std::string> make_environment(const function_settings& of, const host_settings& with,
                                                        const function_credentials& credentials,
                                                        const process_place& where);

/// `2026/11/27/[$LATEST]` and 32 hexadecimal digits.
[[nodiscard]] std::string make_log_stream_name();

}  // namespace borealis::lambda
