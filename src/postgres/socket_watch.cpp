#include "postgres/socket_watch.hpp"

#include <algorithm>
#include <chrono>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using boost::system::error_code;
constexpr auto look_every = std::chrono::milliseconds(250);  // an idle session's timer is gone after it

using descriptor = asio::posix::basic_stream_descriptor<core::executor>;

}  // namespace

struct socket_watch::state : std::enable_shared_from_this<state> {
    explicit state(const core::executor& home) : socket(home), alarm(home) {}

    descriptor socket;
    core::timer alarm;
    core::clock::time_point due = core::clock::time_point::max();
    core::clock::time_point rings_at = core::clock::time_point::max();
    bool waiting = false;
    bool expired = false;

    void wake() {
        error_code ignored;  // nothing to cancel is fine
        if (socket.is_open()) socket.cancel(ignored);
    }

    /// Setting a timer anew for every wait costs about a tenth of a short statement. So it is set for a while ahead at
    /// most, left running when a wait ends, and looks at `due` when it rings; nobody waiting, it is not set again.
    void arm() {
        if (due == core::clock::time_point::max()) return;
        const auto at = std::min(due, core::clock::now() + look_every);
        if (rings_at <= at) return;
        rings_at = at;
        alarm.expires_at(at);
        alarm.async_wait([weak = weak_from_this()](error_code ec) {
            if (ec) return;
            if (const auto self = weak.lock()) self->ring();
        });
    }

    void ring() {
        rings_at = core::clock::time_point::max();
        if (!waiting) return;
        if (core::clock::now() < due) return arm();
        expired = true;
        wake();
    }
};

socket_watch::socket_watch(const core::executor& home) : state_(std::make_shared<state>(home)) {}

socket_watch::~socket_watch() {
    if (!state_) return;
    unwatch();
    state_->alarm.cancel();
}

void socket_watch::watch(int fd) {
    unwatch();
    state_->socket.assign(fd);
}

void socket_watch::unwatch() noexcept {
    if (state_->socket.is_open()) state_->socket.release();
}

void socket_watch::expire() noexcept {
    if (!state_->waiting) return;
    state_->expired = true;
    state_->wake();
}

core::awaitable<waited> socket_watch::wait(interest in, core::deadline until) {
    const auto held = state_;
    if (!held->socket.is_open()) co_return waited::broken;
    if (until.passed()) co_return waited::timed_out;
    held->due = until.at();
    held->expired = false;
    held->waiting = true;
    held->arm();
    if (in == interest::read_or_write) {
        held->socket.async_wait(descriptor::wait_write, [weak = std::weak_ptr(held)](error_code ec) {
            if (ec) return;
            if (const auto self = weak.lock()) self->wake();
        });
    }
    const auto wanted = in == interest::write ? descriptor::wait_write : descriptor::wait_read;
    const auto [ec] = co_await held->socket.async_wait(wanted, core::as_tuple);
    held->waiting = false;
    if (in == interest::read_or_write) held->wake();
    if (!ec) co_return waited::ready;
    if (held->expired) co_return waited::timed_out;
    co_return ec == asio::error::operation_aborted ? waited::ready : waited::broken;
}

}  // namespace borealis::postgres
