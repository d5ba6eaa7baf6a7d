#pragma once
/// Listening sockets: one a thread for each address, the kernel spreads connections over them.

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "core/async.hpp"

namespace borealis::server {

using tcp_acceptor = core::asio::basic_socket_acceptor<core::asio::ip::tcp, core::executor>;
using tcp_endpoint = core::asio::ip::tcp::endpoint;

/// Which setting an address comes from, and the option that changes it: for errors.
struct listen_setting {
    std::string_view name = "`listen`";
    std::string_view option = "--listen";
};

/// Throws std::runtime_error where `address` is no IP address.
[[nodiscard]] tcp_endpoint endpoint_of(const listen_setting& from, const std::string& address, std::uint16_t port);

enum class socket_order : std::uint8_t { first, further };

/// Listens on `at`, whose port becomes the real one where it is 0. The first socket of an address binds alone, so that
/// a port which somebody else serves is an error and not a shared one. Throws std::runtime_error.
void listen_on(tcp_acceptor& acceptor, tcp_endpoint& at, socket_order order, const listen_setting& from);

}  // namespace borealis::server
