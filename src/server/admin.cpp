#include "server/admin.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "core/log.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;
using asio::ip::tcp;

reply plain(int status, std::string body) {
    return {.status = status, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(body)};
}

}  // namespace

core::awaitable<reply> admin_door::route(const http::request& asked, const peer& /*from*/) {
    if (asked.method != "GET" && asked.method != "HEAD") {
        auto refused = plain(405, "Use GET.\n");
        refused.allow = "GET, HEAD";
        co_return refused;
    }
    if (asked.path == "/metrics") {
        const auto all = co_await numbers_();
        co_return plain(200, prometheus_text(all));
    }
    if (asked.path == "/health/live") co_return reply{.body = R"({"status":"ok"})"};
    if (asked.path == "/health/ready") {
        if (stopping_) co_return reply{.status = 503, .body = R"({"status":"stopping"})"};
        co_return reply{.body = R"({"status":"ok"})"};
    }
    co_return plain(404, "There are /metrics, /health/live and /health/ready.\n");
}

reply admin_door::answer_unreadable(const http::refusal& why, const peer& /*from*/) const {
    return plain(why.status, fmt::format("{}\n", why.reason));
}

reply admin_door::answer_failed() const { return plain(500, "internal error\n"); }

admin_listener::admin_listener(core::executor home, const config& with, gatherer numbers,
                               const std::atomic<bool>& stopping, descriptor given)
    : home_(std::move(home)),
      most_clients_(with.admin_connections),
      door_(std::move(numbers), stopping),
      clients_(with.limits, door_),
      acceptor_(home_) {
    try {
        const tcp::endpoint at(asio::ip::make_address(with.admin_address), with.admin_port);
        if (given) {
            accept_from(acceptor_, std::move(given));
        } else {
            acceptor_.open(at.protocol());
            acceptor_.set_option(asio::socket_base::reuse_address(true));
            acceptor_.bind(at);
            acceptor_.listen(64);
        }
        const bool v6 = at.address().is_v6();
        url_ = fmt::format("http://{}{}{}:{}", v6 ? "[" : "", with.admin_address, v6 ? "]" : "",
                           acceptor_.local_endpoint().port());
    } catch (const boost::system::system_error& failed) {
        throw std::runtime_error(fmt::format("[admin] `listen`: cannot listen on {}:{}: {}", with.admin_address,
                                             with.admin_port, failed.code().message()));
    }
}

core::awaitable<void> admin_listener::accept() {
    while (acceptor_.is_open()) {
        auto [failed, socket] = co_await acceptor_.async_accept(core::as_tuple);
        if (failed == asio::error::operation_aborted) co_return;
        if (failed) {  // out of descriptors: later, perhaps
            core::timer pause(home_, std::chrono::milliseconds(100));
            [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
            continue;
        }
        if (clients_.open() >= most_clients_) continue;
        asio::co_spawn(home_, clients_.serve(std::move(socket)), [](const std::exception_ptr& thrown) {
            if (thrown) core::log(core::log_level::error, "an admin connection ended in an exception");
        });
    }
}

void admin_listener::close() {
    boost::system::error_code ignored;  // it is closed either way
    acceptor_.close(ignored);
    clients_.close_all();
}

}  // namespace borealis::server
