#pragma once
/// Options that several subcommands share.

#include <string>

#include "server/config.hpp"

namespace CLI {
class App;
}

namespace borealis::cli {

/// Where the configuration comes from: `--config`, `--state-dir`, and the environment's variables.
struct source {
    std::string config_file;
    std::string state_folder;

    void add_to(CLI::App& command);
    /// Reads all of it. @throws std::runtime_error in words for the user.
    [[nodiscard]] server::config read() const;
};

/// The default state folder, for help texts: also where there is none since no home folder is known.
[[nodiscard]] std::string default_state_text();

/// The file in the state folder that holds the URL of the server that runs on it.
[[nodiscard]] std::filesystem::path endpoint_file(const server::config& with);

}  // namespace borealis::cli
