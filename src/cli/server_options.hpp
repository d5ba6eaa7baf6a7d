#pragma once
/// Which server a command talks to, and as whom.

#include <filesystem>
#include <string>

#include "borealis/options.hpp"

namespace CLI {
class App;
}

namespace borealis::cli {

/// Where the server is, and who calls.
struct server_options {
    std::string endpoint;
    std::string region;
    std::string state_folder;

    /// @param variable  The service's own, as in `for_client`.
    void add_to(CLI::App& command, const std::string& variable);
    /// That one alone.
    void add_state_folder(CLI::App& command);

    [[nodiscard]] std::filesystem::path folder() const;

    /// The server is the one that was told, or that the service's variable or AWS_ENDPOINT_URL names, or that noted its
    /// URL in the state folder, or http://127.0.0.1:8080. One of this machine is called with any key where the
    /// environment has none; the rest as AWS's own clients do it.
    /// @param variable  AWS_ENDPOINT_URL_RDS, AWS_ENDPOINT_URL_RDS_DATA, AWS_ENDPOINT_URL_LAMBDA
    [[nodiscard]] client_options for_client(const char* variable) const;
};

}  // namespace borealis::cli
