#pragma once
/// The subcommands of the one binary. Each adds itself to the command line and says what to run.

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace borealis::cli {

/// What the chosen subcommand does; returns the exit status.
using action = std::function<int()>;

void add_serve(CLI::App& to, action& chosen);
void add_sql(CLI::App& to, action& chosen);
void add_cluster(CLI::App& to, action& chosen);
void add_secret(CLI::App& to, action& chosen);

}  // namespace borealis::cli
