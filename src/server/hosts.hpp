#pragma once
/// Which Host names a listener answers for: its own, so that DNS rebinding gets a page nowhere.

#include <span>
#include <string>
#include <string_view>

namespace borealis::server {

/// @param host     The request's Host, with or without a port.
/// @param address  Listened on. On one that other machines reach, any name will do unless `allowed` lists some.
/// @param allowed  Names beside the loopback ones.
[[nodiscard]] bool host_is_ours(std::string_view host, std::string_view address, std::span<const std::string> allowed);

}  // namespace borealis::server
