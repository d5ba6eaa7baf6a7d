#include "cli/settings.hpp"

#include <stdexcept>

#include <CLI/CLI.hpp>

namespace borealis::cli {

std::string default_state_text() {
    try {
        return server::default_state_folder().string();
    } catch (const std::runtime_error&) {
        return "~/.local/state/borealis";  // nobody's home is known: one must be given
    }
}

void source::add_to(CLI::App& command) {
    command.add_option("-c,--config", config_file, "Configuration file (TOML); see docs/configuration.md")
        ->check(CLI::ExistingFile);
    command.add_option("--state-dir", state_folder,
                       "Folder of databases, secrets and keys; default: " + default_state_text());
}

server::config source::read() const {
    const auto variables = server::process_environment();
    server::config made;
    if (!config_file.empty()) {
        made = server::read_config(config_file, variables);
    } else if (server::add_from_environment(made, variables)) {
        made.default_clusters = false;
    }
    if (!state_folder.empty()) made.state_folder = state_folder;
    if (made.state_folder.empty()) made.state_folder = server::default_state_folder();
    return made;
}

std::filesystem::path endpoint_file(const server::config& with) { return with.state_folder / "endpoint"; }

}  // namespace borealis::cli
