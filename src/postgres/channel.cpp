#include "postgres/channel.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using boost::system::error_code;
constexpr auto look_every = std::chrono::milliseconds(250);  // an idle session's timer is gone after it
constexpr std::size_t most_kept = 64UL * 1024;               // of the buffer, once all is sent

using descriptor = asio::posix::basic_stream_descriptor<core::executor>;

}  // namespace

struct channel::shared : std::enable_shared_from_this<shared> {
    shared(const core::executor& on, listener& told) : home(on), socket(on), alarm(on), to(&told) {}

    core::executor home;
    descriptor socket;
    core::timer alarm;
    listener* to;  // null once the channel is gone
    core::clock::time_point due = core::clock::time_point::max();
    core::clock::time_point rings_at = core::clock::time_point::max();
    bool reading = false;
    bool writing = false;
    bool turning = false;

    /// What a handler on the event loop holds. One that is destroyed without having been called says so: whoever waits
    /// for the listener then never goes on, and what he holds has to be let go.
    class hold {
     public:
        explicit hold(shared& of) : of_(of.weak_from_this()) {}
        hold(hold&& other) noexcept = default;
        hold& operator=(hold&&) = delete;
        ~hold() {
            const auto self = of_.lock();
            if (self && self->to != nullptr) self->to->torn_down();
        }
        [[nodiscard]] std::shared_ptr<shared> take() { return std::exchange(of_, {}).lock(); }

     private:
        std::weak_ptr<shared> of_;
    };

    void wait(descriptor::wait_type for_what, bool& underway) {
        if (std::exchange(underway, true)) return;
        socket.async_wait(for_what, [held = hold(*this), flag = &underway](error_code ec) mutable {
            const auto self = held.take();
            if (!self) return;
            *flag = false;
            if (ec == asio::error::operation_aborted || self->to == nullptr) return;
            self->to->ready();
        });
    }

    /// Setting a timer anew for every wait costs about a tenth of a short statement. So it is set for a while ahead at
    /// most, left running when nobody waits any more, and looks at `due` when it rings.
    void arm() {
        // One that is set rings within `look_every`.
        if (due == core::clock::time_point::max() || rings_at <= due) return;
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
        if (to == nullptr) return;
        if (!reading) {  // nobody waits for anything
            due = core::clock::time_point::max();
            return;
        }
        if (core::clock::now() < due) return arm();
        due = core::clock::time_point::max();
        to->rang();
    }
};

channel::channel(const core::executor& home, int of, void* tls, listener& to)
    : tls_(tls), descriptor_(of), shared_(std::make_shared<shared>(home, to)) {
    // Both suit a buffer that grows and is sent in pieces.
    if (tls_ != nullptr) {
        SSL_set_mode(static_cast<SSL*>(tls_), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    shared_->socket.assign(descriptor_);
}

channel::~channel() {
    shared_->to = nullptr;
    shared_->alarm.cancel();
    shared_->socket.release();  // its owner closes it
}

channel::state channel::flush() {
    blocked_ = false;
    while (begin_ < outgoing_.size() && !closed_) {
        const char* const from = outgoing_.data() + begin_;
        const std::size_t left = outgoing_.size() - begin_;
        if (tls_ == nullptr) {
            const auto done = ::send(descriptor_, from, left, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (done > 0) {
                begin_ += static_cast<std::size_t>(done);
                sent_ += static_cast<std::uint64_t>(done);
            } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                blocked_ = true;
                return state::blocked;
            } else if (errno != EINTR) {
                closed_ = true;
            }
            continue;
        }
        auto* const tls = static_cast<SSL*>(tls_);
        ERR_clear_error();
        std::size_t done = 0;
        const int how = SSL_write_ex(tls, from, left, &done);
        if (how == 1) {
            begin_ += done;
            sent_ += done;
            continue;
        }
        const int why = SSL_get_error(tls, how);
        if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) {
            // A part of the record may be on its way. Reading is wanted all the time.
            blocked_ = why == SSL_ERROR_WANT_WRITE;
            return state::blocked;
        }
        sent_ += left;  // who knows
        begin_ = outgoing_.size();
        closed_ = true;
    }
    if (closed_ && begin_ < outgoing_.size()) outgoing_.resize(begin_);
    if (begin_ == outgoing_.size()) {
        outgoing_.clear();
        begin_ = 0;
        if (outgoing_.capacity() > most_kept) outgoing_.shrink_to_fit();
    }
    return closed_ ? state::closed : state::done;
}

channel::state channel::receive(std::span<char> into, std::size_t& got) {
    got = 0;
    if (tls_ != nullptr) {
        auto* const tls = static_cast<SSL*>(tls_);
        ERR_clear_error();
        const int how = SSL_read_ex(tls, into.data(), into.size(), &got);
        if (how == 1) return state::done;
        const int why = SSL_get_error(tls, how);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? state::blocked : state::closed;
    }
    for (;;) {
        const auto done = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
        if (done > 0) {
            got = static_cast<std::size_t>(done);
            return state::done;
        }
        if (done == 0) return state::closed;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return state::blocked;
        if (errno != EINTR) return state::closed;
    }
}

bool channel::holds_octets() const { return tls_ != nullptr && SSL_pending(static_cast<const SSL*>(tls_)) > 0; }

bool channel::looks_quiet() const {
    if (holds_octets()) return false;
    pollfd look{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) == 0;
}

void channel::want() {
    shared_->wait(descriptor::wait_read, shared_->reading);
    if (blocked_) shared_->wait(descriptor::wait_write, shared_->writing);
}

void channel::ring_at(core::deadline when) {
    shared_->due = when.at();
    shared_->arm();
}

void channel::call_soon() {
    if (std::exchange(shared_->turning, true)) return;
    asio::post(shared_->home, [held = shared::hold(*shared_)]() mutable {
        const auto self = held.take();
        if (!self) return;
        self->turning = false;
        if (self->to != nullptr) self->to->turned();
    });
}

}  // namespace borealis::postgres
