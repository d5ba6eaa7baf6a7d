#include "server/listening.hpp"

#include <stdexcept>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

namespace borealis::server {
namespace {

using reuse_port = core::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

}  // namespace

tcp_endpoint endpoint_of(const listen_setting& from, const std::string& address, std::uint16_t port) {
    boost::system::error_code failed;
    const auto read = core::asio::ip::make_address(address, failed);
    if (failed) throw std::runtime_error(fmt::format("{}: `{}` is no IP address", from.name, address));
    return {read, port};
}

void listen_on(tcp_acceptor& acceptor, tcp_endpoint& at, socket_order order, const listen_setting& from) {
    try {
        acceptor.open(at.protocol());
        acceptor.set_option(tcp_acceptor::reuse_address(true));
        // The kernel looks at the option when a socket is bound, for whether it may be, and again when it listens, for
        // whom it shares with.
        if (order == socket_order::first) acceptor.bind(at);
        acceptor.set_option(reuse_port(true));
        if (order == socket_order::further) acceptor.bind(at);
        acceptor.listen(4096);
    } catch (const boost::system::system_error& e) {
        throw std::runtime_error(fmt::format("{}: cannot listen on {}:{}: {}; give another address or port with {}",
                                             from.name, at.address().to_string(), at.port(), e.code().message(),
                                             from.option));
    }
    if (at.port() == 0) at.port(acceptor.local_endpoint().port());
}

}  // namespace borealis::server
