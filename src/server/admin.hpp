#pragma once
/// The listener for those who look after the server, apart from the API: metrics and health.

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "server/answerer.hpp"
#include "server/config.hpp"
#include "server/given_sockets.hpp"
#include "server/metrics.hpp"
#include "server/session.hpp"

namespace borealis::server {

/// Asks every thread for its numbers.
using gatherer = std::function<core::awaitable<std::vector<thread_numbers>>()>;

///   GET /metrics        Prometheus' text
///   GET /health/live    200 while the process answers
///   GET /health/ready   200, or 503 once it stops
/// No credentials are asked for: it listens on loopback unless told otherwise, and shows no caller, statement or value.
class admin_door final : public answerer {
 public:
    /// @param stopping  Outlives this.
    admin_door(gatherer numbers, const std::atomic<bool>& stopping)
        : numbers_(std::move(numbers)), stopping_(stopping) {}

    core::awaitable<reply> route(const http::request& asked, const peer& from) override;
    [[nodiscard]] reply answer_unreadable(const http::refusal& why, const peer& from) const override;
    [[nodiscard]] reply answer_failed() const override;

 private:
    gatherer numbers_;
    const std::atomic<bool>& stopping_;
};

/// Serves an admin_door on one thread's loop.
class admin_listener {
 public:
    /// Binds. Throws std::runtime_error naming `[admin] listen`.
    /// @param given  A socket that listens already; none: it is made.
    admin_listener(core::executor home, const config& with, gatherer numbers, const std::atomic<bool>& stopping,
                   descriptor given);

    /// Until the acceptor is closed. To be spawned on the home thread.
    core::awaitable<void> accept();
    void sweep(core::clock::time_point now) { clients_.sweep(now); }
    void set_limits(const connection_limits& limits) { clients_.set_limits(limits); }
    /// Takes no more connections and closes those it has; on the home thread.
    void close();

    [[nodiscard]] const std::string& url() const { return url_; }
    /// For the process that follows this one.
    [[nodiscard]] int socket() { return acceptor_.native_handle(); }
    [[nodiscard]] std::size_t open() const { return clients_.open(); }

 private:
    core::executor home_;
    std::size_t most_clients_;
    admin_door door_;
    sessions clients_;
    core::asio::basic_socket_acceptor<core::asio::ip::tcp, core::executor> acceptor_;
    std::string url_;
};

}  // namespace borealis::server
