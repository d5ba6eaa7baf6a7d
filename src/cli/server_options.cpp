#include "cli/server_options.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/settings.hpp"
#include "client/settings.hpp"
#include "server/config.hpp"

namespace borealis::cli {
namespace {

const char* variable_of(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    return value == nullptr || *value == '\0' ? nullptr : value;
}

struct found_endpoint {
    std::string url;
    std::string certificate = {};  ///< To be trusted; empty: the system's authorities.
};

found_endpoint find_endpoint(const server_options& options, const char* variable) {
    if (!options.endpoint.empty()) return {options.endpoint};
    for (const char* name : {variable, "AWS_ENDPOINT_URL"}) {
        if (const char* value = variable_of(name)) return {value};
    }
    server::config with;
    with.state_folder = options.folder();
    std::ifstream note(endpoint_file(with));
    found_endpoint found;
    std::string process;
    if (!std::getline(note, found.url)) return {"http://127.0.0.1:8080"};
    std::getline(note, process);
    std::getline(note, found.certificate);
    return found;
}

}  // namespace

void server_options::add_to(CLI::App& command, const std::string& variable) {
    command.add_option(
        "--endpoint-url,--endpoint", endpoint,
        fmt::format("Server; default: {}, AWS_ENDPOINT_URL, the server running on the state folder", variable));
    command.add_option("--region", region,
                       "Region of the signature; default: AWS_REGION, us-east-1 for a local server");
    add_state_folder(command);
}

void server_options::add_state_folder(CLI::App& command) {
    command.add_option("--state-dir", state_folder, "Folder of the server's state; default: " + default_state_text());
}

std::filesystem::path server_options::folder() const {
    return state_folder.empty() ? server::default_state_folder() : std::filesystem::path(state_folder);
}

client_options server_options::for_client(const char* variable) const {
    client_options with;
    const auto found = find_endpoint(*this, variable);
    with.endpoint_url = found.url;
    if (variable_of("AWS_CA_BUNDLE") == nullptr) with.ca_file = found.certificate;
    with.region = region;
    if (client::is_loopback(client::parse_endpoint(with.endpoint_url).host)) {  // takes any key in developer mode
        if (variable_of("AWS_ACCESS_KEY_ID") == nullptr && variable_of("AWS_PROFILE") == nullptr)
            with.credentials = aws_credentials{.access_key_id = "local", .secret_access_key = "local"};
        if (with.region.empty() && variable_of("AWS_REGION") == nullptr && variable_of("AWS_DEFAULT_REGION") == nullptr)
            with.region = "us-east-1";
    }
    return with;
}

}  // namespace borealis::cli
