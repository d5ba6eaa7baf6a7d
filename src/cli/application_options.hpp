#pragma once
/// The options that bring a template's functions and HTTP APIs into a server.

#include <string>
#include <vector>

#include "server/config.hpp"

namespace CLI {
class App;
}

namespace borealis::cli {

struct application_options {
    std::string file;
    std::vector<std::string> parameters;  ///< `name=value`, as the next two.
    std::vector<std::string> attributes;
    std::vector<std::string> code;
    std::string listen;

    /// `--template`, `--parameter`, `--attribute`, `--code`, `--http-api`.
    void add_to(CLI::App& command);
    /// Over what the configuration says. @throws std::runtime_error for a word without `=`.
    void apply(server::config& to) const;
};

}  // namespace borealis::cli
