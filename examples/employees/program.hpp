#pragma once
/// The command line and the Lambda entry that both variants share.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "database.hpp"

namespace CLI {
class App;
}

namespace employees {

struct variant {
    std::string name;
    std::string description;
    /// Adds the options that say where the database is. What they are bound to must outlive the program.
    std::function<void(CLI::App&)> add_options;
    /// Makes the way to the database from the options; no input or output yet.
    /// Throws std::invalid_argument, naming the setting, where something is missing.
    std::function<std::unique_ptr<database>()> open;
    /// Whether to connect before the first event, and to fail the initialisation where that does not work (L-6.78).
    std::function<bool()> connect_at_start = [] { return false; };
};

/// `us-east-1` out of `arn:aws:rds:us-east-1:…`; empty where the text is no ARN.
[[nodiscard]] std::string region_of_arn(std::string_view arn);

/// Runs as a Lambda function where AWS_LAMBDA_RUNTIME_API is set and no mode is asked for, else as a script (L-6.17).
/// @return The exit status: 0 done, 1 the function failed or not every employee was stored, 2 wrong use.
[[nodiscard]] int run_program(int argc, char** argv, const variant& what);

}  // namespace employees
