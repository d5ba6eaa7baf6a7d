#pragma once
/// What another configuration changes while the server runs, and what it cannot.

#include <string>
#include <vector>

#include "server/config.hpp"

namespace borealis::server {

/// Names as the user knows them, in the order of docs/configuration.md; no value is in them.
struct config_changes {
    std::vector<std::string> taken;          ///< `log_level`, `[pool]`, `cluster orders`, `secret app (new)` …
    std::vector<std::string> needs_restart;  ///< `listen`, `[[function]]` …
};

/// Compares them, and puts back in `next` what cannot change without a restart. Both are as the server uses them (the
/// state folder named, the options applied).
[[nodiscard]] config_changes compare(const config& before, config& next);

/// `a, b, c and 3 more`; at most `most` by name.
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::size_t most = 20);

}  // namespace borealis::server
