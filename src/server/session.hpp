#pragma once
/// One client connection: bytes in, answers out, time-outs kept.

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/listener.hpp"
#include "server/answerer.hpp"
#include "server/config.hpp"
#include "server/short_waits.hpp"
#include "server/tls.hpp"

namespace borealis::server {

using tcp_socket = core::asio::basic_stream_socket<core::asio::ip::tcp, core::executor>;

/// The client connections of one thread. Deadlines are kept to the second: one sweep looks at all, so that a request
/// costs no timer.
class sessions {
 public:
    /// @param routes  Outlives this.
    /// @param waits  Of the thread; outlives this. Null: it sleeps as soon as there is nothing to do.
    sessions(connection_limits limits, answerer& routes, short_waits* waits = nullptr)
        : limits_(limits), routes_(routes), waits_(waits) {}

    /// Other limits. The sizes hold for connections that are made from now on, the times for all.
    void set_limits(const connection_limits& limits) { limits_ = limits; }

    /// Serves a connection until either side ends it. Takes the socket by value: it is spawned.
    core::awaitable<void> serve(tcp_socket socket);
    /// The same over TLS, with a handshake first. What speaks plain HTTP is told so.
    /// @param with  Outlives the call.
    core::awaitable<void> serve_tls(tcp_socket socket, const certificates& with);

    /// Closes the connections whose deadline has passed; called about once a second.
    void sweep(core::clock::time_point now);

    /// From now on every answer is the last of its connection, and says so. A connection that waits for none is closed
    /// once it has been silent for `drain_idle`, counted from the first call at the earliest: what its client sends
    /// until then is answered. Call again and again.
    void drain(core::clock::time_point now);

    /// Closes every connection, whatever it is doing.
    void close_all();

    [[nodiscard]] std::size_t open() const { return open_.size(); }

    /// So far; octets above TLS.
    struct traffic {
        std::uint64_t received = 0, sent = 0;
        std::array<std::uint64_t, 6> answers = {};  ///< By the first digit of their status.
    };
    [[nodiscard]] const traffic& so_far() const { return traffic_; }

 private:
    struct connection {
        tcp_socket* socket = nullptr;
        core::clock::time_point until = core::clock::time_point::max();
        core::clock::time_point silent_since = core::clock::now();
        bool between_requests = true;
        bool answering = false;  ///< A request has been read and its answer is being made.
        enum class buffer : std::uint8_t { kept, held, to_be_given_back, given_back };
        buffer reads_into = buffer::kept;  ///< `held`: waits for a request, and could do so without it.
        core::listener listens;
        std::string unsent_head;  ///< Of the answer that did not go at once.
        std::string_view unsent_body;
    };
    enum class sending : std::uint8_t { whole, in_part, failed };
    class entry;

    /// `Stream` is the socket, or TLS over it: the plain one pays nothing for the other.
    template <class Stream>
    core::awaitable<void> serve_requests(Stream& stream, connection& self, const peer& from);
    template <class Stream>
    core::awaitable<bool> answer(Stream& stream, connection& self, const http::request& asked, const peer& from);
    template <class Stream>
    core::awaitable<bool> send(Stream& stream, connection& self, const reply& what, bool keep_alive, bool with_body);
    /// Sends as much as a plain socket takes at once, mostly all: without a coroutine and a turn of the loop.
    template <class Stream>
    sending begin_sending(Stream& stream, connection& self, const reply& what, bool keep_alive, bool with_body);
    template <class Stream>
    core::awaitable<bool> finish_sending(Stream& stream, connection& self);
    core::awaitable<void> linger(tcp_socket& socket, connection& self);

    connection_limits limits_;
    answerer& routes_;
    short_waits* waits_;
    std::list<connection> open_;
    std::optional<core::clock::time_point> drain_began_;
    traffic traffic_;
    bool buffers_came_back_ = false;  ///< Many, with the last sweep.
};

}  // namespace borealis::server
