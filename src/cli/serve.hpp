#pragma once
/// What `borealis serve` does, for the commands that serve more.

#include <functional>
#include <string>

#include "cli/application_options.hpp"
#include "cli/settings.hpp"
#include "server/server.hpp"

namespace CLI {
class App;
}

namespace borealis::cli {

struct serve_options {
    source from;
    application_options application;
    std::string listen;
    std::string log_level;
    std::string profile;
    unsigned threads = 0;
    std::string tls_certificate;
    std::string tls_key;
    bool insecure_no_auth = false;
    bool insecure_no_tls = false;
    bool take_over = false;
    bool check = false;  ///< Only look whether a server could start.

    void add_to(CLI::App& command);
    /// The configuration, with what the options say over it. @throws std::runtime_error in words for the user.
    [[nodiscard]] server::config read() const;
};

/// Serves until told to stop, and returns the exit status.
/// @param adjust  Changes the configuration before it is used.
int serve(const serve_options& options, const std::function<void(server::config&)>& adjust = {});

}  // namespace borealis::cli
