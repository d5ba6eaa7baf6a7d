#pragma once
/// The subcommands of the one binary. Each adds itself to the command line and says what to run.

#include <functional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace borealis::cli {

/// What the chosen subcommand does; returns the exit status.
using action = std::function<int()>;

/// What was asked for could not be done, with nothing wrong in how it was asked.
struct call_failed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void add_auth(CLI::App& to, action& chosen);
void add_key(CLI::App& to, action& chosen);
void add_serve(CLI::App& to, action& chosen);
void add_dev(CLI::App& to, action& chosen);
void add_sql(CLI::App& to, action& chosen);
void add_cluster(CLI::App& to, action& chosen);
void add_secret(CLI::App& to, action& chosen);
void add_lambda(CLI::App& to, action& chosen);

}  // namespace borealis::cli
