#pragma once
/// A cluster as JSON, for `borealis cluster list` and the server's own path.

#include <string>

#include "clusters/registry.hpp"

namespace borealis::server {

/// Appends one object; no password in it.
void append_cluster(std::string& out, const clusters::view& what);

}  // namespace borealis::server
