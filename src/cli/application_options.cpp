#include "cli/application_options.hpp"

#include <stdexcept>
#include <utility>

#include <CLI/CLI.hpp>

namespace borealis::cli {
namespace {

std::pair<std::string, std::string> name_and_value(const std::string& word, const std::string& option) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
        throw std::runtime_error(option + ": write NAME=VALUE, not `" + word + "`");
    }
    return {word.substr(0, equals), word.substr(equals + 1)};
}

}  // namespace

void application_options::add_to(CLI::App& command) {
    auto* group = command.add_option_group("Template", "functions and HTTP APIs; see docs/http-api.md");
    group
        ->add_option("--template", file,
                     "SAM or CloudFormation template whose functions and HTTP APIs are to live here")
        ->check(CLI::ExistingFile);
    group->add_option("--parameter", parameters, "NAME=VALUE of the template's parameter; may stand often");
    group->add_option("--attribute", attributes,
                      "RESOURCE.ATTRIBUTE=VALUE (or RESOURCE=VALUE, its Ref) of what exists outside; may stand often");
    group->add_option("--code", code, "RESOURCE=PATH of a function's code instead of its CodeUri; may stand often");
    group->add_option("--http-api", listen,
                      "ADDRESS:PORT or PORT of the first HTTP API; port 0 takes a free one; default 127.0.0.1:3000");
}

void application_options::apply(server::config& to) const {
    auto& into = to.application;
    if (!file.empty()) into.file = file;
    for (const auto& one : parameters) {
        auto [name, value] = name_and_value(one, "--parameter");
        into.parameters.insert_or_assign(std::move(name), std::move(value));
    }
    for (const auto& one : attributes) {
        auto [name, value] = name_and_value(one, "--attribute");
        into.attributes.insert_or_assign(std::move(name), std::move(value));
    }
    for (const auto& one : code) {
        auto [name, path] = name_and_value(one, "--code");
        into.code.insert_or_assign(std::move(name), std::move(path));
    }
    if (!listen.empty()) server::set_http_api_listen(to.http_api, listen);
}

}  // namespace borealis::cli
