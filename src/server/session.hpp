#pragma once
/// One client connection: bytes in, answers out, time-outs kept.

#include <cstddef>
#include <list>

#include <boost/asio/ip/tcp.hpp>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "server/config.hpp"
#include "server/router.hpp"

namespace borealis::server {

using tcp_socket = core::asio::basic_stream_socket<core::asio::ip::tcp, core::executor>;

/// The client connections of one thread. Deadlines are kept to the second: one sweep looks at all, so that a request
/// costs no timer.
class sessions {
 public:
    /// @param routes  Outlives this.
    sessions(const connection_limits& limits, router& routes) : limits_(limits), routes_(routes) {}

    /// Serves a connection until either side ends it. Takes the socket by value: it is spawned.
    core::awaitable<void> serve(tcp_socket socket);

    /// Closes the connections whose deadline has passed; called about once a second.
    void sweep(core::clock::time_point now);

    /// From now on every connection ends after the answer it is waiting for; those that wait for none end now.
    void drain();

    /// Closes every connection, whatever it is doing.
    void close_all();

    [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
    struct connection {
        tcp_socket* socket = nullptr;
        core::clock::time_point until = core::clock::time_point::max();
        bool between_requests = true;
    };
    class entry;

    core::awaitable<bool> answer(tcp_socket& socket, connection& self, const http::request& asked);
    core::awaitable<bool> send(tcp_socket& socket, connection& self, const reply& what, bool keep_alive,
                               bool with_body);
    core::awaitable<void> linger(tcp_socket& socket, connection& self);

    const connection_limits& limits_;
    router& routes_;
    std::list<connection> open_;
    bool draining_ = false;
};

}  // namespace borealis::server
