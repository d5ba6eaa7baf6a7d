#pragma once
/// What policies look at beside action and resource.

#include <chrono>
#include <functional>
#include <map>
#include <string>

namespace borealis::auth {

/// What a resource is tagged with, by key.
using tags = std::map<std::string, std::string, std::less<>>;

/// The circumstances of a request, for the conditions of policies.
struct circumstances {
    std::string source_ip = {};        ///< The caller's address in text; empty: not known.
    bool secure_transport = false;     ///< It came over TLS.
    std::chrono::sys_seconds at = {};  ///< When it was let in.
};

}  // namespace borealis::auth
