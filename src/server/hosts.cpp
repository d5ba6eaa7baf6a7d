#include "server/hosts.hpp"

#include <algorithm>

#include "http/request.hpp"
#include "server/config.hpp"

namespace borealis::server {
namespace {

/// Host without its port: `127.0.0.1:8080`, `[::1]:8080`, `localhost`.
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
    return host.substr(0, colon);
}

}  // namespace

bool host_is_ours(std::string_view host, std::string_view address, std::span<const std::string> allowed) {
    const auto name = without_port(host);
    if (is_loopback(name)) return true;
    if (std::ranges::any_of(allowed, [&](const std::string& one) { return http::iequals(one, name); })) return true;
    return allowed.empty() && !is_loopback(address);
}

}  // namespace borealis::server
