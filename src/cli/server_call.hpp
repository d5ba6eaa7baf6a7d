#pragma once
/// The running server, for commands that ask it to do something.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/server_options.hpp"
#include "client/service.hpp"

namespace borealis::cli {

/// Calls its `rds` operations and its own paths, signed like any client's: with the keys of the environment, or any at
/// a server of this machine. So a person on the command line needs the permissions that a program would, and what the
/// command line can do can be done from anywhere.
class server_call {
 public:
    explicit server_call(const server_options& options);

    /// One of the `rds` operations. Throws aws_error with its code and message.
    void rds(std::string_view action, std::vector<std::pair<std::string, std::string>> parameters);
    /// Answers the JSON of `/borealis/clusters…`. Throws aws_error.
    [[nodiscard]] std::string own(const std::string& path, std::string body = {});

 private:
    std::unique_ptr<client::service> rds_;
    std::unique_ptr<client::service> own_;
};

}  // namespace borealis::cli
