#include "postgres/log_in.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "postgres/canceller.hpp"
#include "postgres/protocol.hpp"
#include "postgres/socket_watch.hpp"
#include "postgres/start_up.hpp"
#include "sql/keepalive.hpp"

namespace borealis::postgres {
namespace {

namespace asio = core::asio;
using namespace std::chrono_literals;
using sql::failure;
using sql::failure_kind;

constexpr std::size_t nonce_octets = 24;
constexpr auto backlog_look = 5ms;     // a Unix socket whose backlog is full is tried again after it
constexpr auto most_cancelling = 30s;  // where the kernel's own limit would be the only one

failure unreachable() { return {.kind = failure_kind::unreachable, .message = "The database cannot be reached."}; }

failure too_late() { return {.kind = failure_kind::unreachable, .message = "The database did not answer in time."}; }

std::string reason(int problem) { return std::system_category().message(problem); }

/// Where a server listens, and what a socket there has to be told.
struct site {
    sockaddr_storage at{};
    socklen_t size = 0;
    sql::session_settings with;

    std::string name = {};  ///< For the log.

    [[nodiscard]] bool is_tcp() const { return at.ss_family != AF_UNIX; }
    [[nodiscard]] const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&at); }

    /// A socket that is not connected yet, and blocks nobody.
    [[nodiscard]] socket_handle open() const {
        socket_handle made(::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (made.get() < 0 || !is_tcp()) return made;
        const int yes = 1;
        (void)::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // slower without, not wrong
        sql::set_keepalive(made.get(), with);
        return made;
    }
};

/// @return Nothing where the path does not fit into a socket's address.
std::optional<site> site_of(const sql::endpoint& to, const std::string& address, const sql::session_settings& with) {
    site out{.with = with};
    if (to.socket.empty()) {
        boost::system::error_code problem;
        const auto numbers = asio::ip::make_address(address, problem);
        if (problem) return std::nullopt;
        const asio::ip::tcp::endpoint point(numbers, to.port);
        std::memcpy(&out.at, point.data(), point.size());
        out.size = static_cast<socklen_t>(point.size());
        out.name = fmt::format("{} port {}", address, to.port);
        return out;
    }
    out.name = fmt::format("{}/.s.PGSQL.{}", to.socket, to.port);
    sockaddr_un local{};
    if (out.name.size() >= sizeof local.sun_path) return std::nullopt;
    local.sun_family = AF_UNIX;
    std::ranges::copy(out.name, local.sun_path);
    std::memcpy(&out.at, &local, sizeof local);
    out.size = static_cast<socklen_t>(sizeof local);
    return out;
}

/// A connection of its own, as the protocol wants it: 16 octets, and the server closes it once it has taken note.
class key_of_session final : public cancel_request {
 public:
    key_of_session(site of, std::uint32_t backend, std::uint32_t key)
        : site_(std::move(of)), backend_(backend), key_(key) {}

    [[nodiscard]] std::string send() const override {
        const auto time = site_.with.user_timeout.count() == 0 ? most_cancelling : site_.with.user_timeout;
        const auto until = core::deadline::after(time);
        const auto to = site_.open();
        if (to.get() < 0) return reason(errno);
        while (::connect(to.get(), site_.address(), site_.size) != 0) {
            if (errno == EISCONN) break;
            if (errno == EAGAIN) {  // a full backlog
                if (until.passed()) return reason(ETIMEDOUT);
                (void)::poll(nullptr, 0, static_cast<int>(backlog_look.count()));
                continue;
            }
            if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR) return reason(errno);
            if (const int problem = wait(to.get(), POLLOUT, until)) return reason(problem);
            int problem = 0;
            socklen_t size = sizeof problem;
            if (::getsockopt(to.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0) problem = errno;
            if (problem != 0) return reason(problem);
        }
        std::string octets;
        append_cancel_request(octets, backend_, key_);
        // Sixteen octets always fit into a new socket's buffer.
        if (::send(to.get(), octets.data(), octets.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(octets.size())) {
            return reason(errno);
        }
        std::array<char, 64> nothing{};
        for (;;) {
            if (const int problem = wait(to.get(), POLLIN, until)) return reason(problem);
            const auto got = ::recv(to.get(), nothing.data(), nothing.size(), 0);
            // A server that has already closed its end may reset it: it has read the request by then.
            if (got == 0 || (got < 0 && errno == ECONNRESET)) return {};
            if (got < 0 && errno != EAGAIN && errno != EINTR) return reason(errno);
        }
    }

 private:
    /// @return Zero once ready, or what went wrong.
    static int wait(int descriptor, short in, core::deadline until) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until.left());
            pollfd look{.fd = descriptor, .events = in, .revents = 0};
            const int ready = ::poll(&look, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
            if (ready > 0) return 0;
            if (ready == 0) return ETIMEDOUT;
            if (errno != EINTR) return errno;
        }
    }

    site site_;
    std::uint32_t backend_;
    std::uint32_t key_;
};

/// One attempt at one address.
class attempt {
 public:
    attempt(const core::executor& home, site to, core::deadline until)
        : site_(std::move(to)), until_(until), watch_(home) {}
    ~attempt() {
        watch_.unwatch();
        OPENSSL_cleanse(outgoing_.data(), outgoing_.size());
    }
    attempt(const attempt&) = delete;
    attempt& operator=(const attempt&) = delete;

    /// @return Nothing once connected.
    core::awaitable<std::optional<failure>> connect() {
        socket_ = site_.open();
        if (socket_.get() < 0) co_return no_good(reason(errno));
        for (bool watched = false;;) {
            const int how_far = ::connect(socket_.get(), site_.address(), site_.size) == 0 ? EISCONN : errno;
            // Not before: a socket that is not even connecting counts as ready.
            if (!std::exchange(watched, true)) watch_.watch(socket_.get());
            if (how_far == EISCONN) co_return std::nullopt;
            if (how_far == EAGAIN) {
                core::timer alarm(co_await asio::this_coro::executor);
                alarm.expires_at(core::deadline::after(backlog_look).sooner(until_).at());
                (void)co_await alarm.async_wait(core::as_tuple);
                if (until_.passed()) co_return too_late();
                continue;
            }
            if (how_far != EINPROGRESS && how_far != EALREADY && how_far != EINTR) co_return no_good(reason(how_far));
            if (const auto how = co_await watch_.wait(interest::write, until_); how != waited::ready) {
                co_return how == waited::timed_out ? too_late() : no_good("the socket cannot be waited for");
            }
            int problem = 0;
            socklen_t size = sizeof problem;
            if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0) problem = errno;
            if (problem != 0) co_return no_good(reason(problem));
        }
    }

    enum class answer : std::uint8_t { plain, tls };

    /// Asks whether the server speaks TLS.
    core::awaitable<sql::result<answer>> ask_for_tls() {
        append_ssl_request(outgoing_);
        if (auto problem = co_await send()) co_return std::unexpected(std::move(*problem));
        // One octet and no more: what follows belongs to whoever speaks then.
        char said = '\0';
        std::size_t got = 0;
        if (auto problem = co_await receive({&said, 1}, got)) co_return std::unexpected(std::move(*problem));
        if (said == 'S') co_return answer::tls;
        if (said == 'N') co_return answer::plain;
        co_return std::unexpected(no_good("the question for TLS is not understood"));
    }

    core::awaitable<sql::result<std::optional<established>>> start(const sql::login& as, const std::string& database) {
        start_up talk(as, database, core::random_alphanumeric(nonce_octets));
        message_reader in(message_reader::phase::log_in);
        talk.begin(outgoing_);
        for (;;) {
            if (auto problem = co_await send()) co_return std::unexpected(std::move(*problem));
            const auto next = in.next();
            if (!next && in.failed()) co_return std::unexpected(no_good("the server does not keep to the protocol"));
            if (!next) {
                std::size_t got = 0;
                if (auto problem = co_await receive(in.prepare(), got)) co_return std::unexpected(std::move(*problem));
                in.commit(got);
                continue;
            }
            switch (talk.take(*next, outgoing_)) {
                case start_up::step::more:
                    continue;
                case start_up::step::for_libpq:
                    co_return std::nullopt;
                case start_up::step::failed:
                    (void)no_good(fmt::format("{} {}", talk.problem().sqlstate, talk.problem().message));
                    co_return std::unexpected(talk.problem());
                case start_up::step::done:
                    break;
            }
            in.go_on_to(message_reader::phase::session);
            watch_.unwatch();
            established out;
            out.descriptor = socket_.get();
            out.by_us = std::move(socket_);
            out.backend_id = talk.backend();
            out.cancels = std::make_shared<key_of_session>(site_, talk.backend(), talk.key());
            out.behind = std::move(in);
            co_return std::move(out);
        }
    }

 private:
    /// Logs the reason. The caller learns no address.
    [[nodiscard]] failure no_good(const std::string& why) const {
        core::log(core::log_level::warning, "postgres: connection to {} failed: {}", site_.name, why);
        return unreachable();
    }

    core::awaitable<std::optional<failure>> send() {
        std::size_t done = 0;
        while (done < outgoing_.size()) {
            const auto sent =
                ::send(socket_.get(), outgoing_.data() + done, outgoing_.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) {
                done += static_cast<std::size_t>(sent);
            } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                const auto how = co_await watch_.wait(interest::write, until_);
                if (how == waited::timed_out) co_return too_late();
                if (how == waited::broken) co_return no_good("the socket cannot be waited for");
            } else if (errno != EINTR) {
                // The server may have said why before it went.
                break;
            }
        }
        OPENSSL_cleanse(outgoing_.data(), outgoing_.size());  // it may hold a password
        outgoing_.clear();
        co_return std::nullopt;
    }

    /// @param got  More than none, without a failure.
    core::awaitable<std::optional<failure>> receive(std::span<char> into, std::size_t& got) {
        for (;;) {
            const auto octets = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
            if (octets > 0) {
                got = static_cast<std::size_t>(octets);
                co_return std::nullopt;
            }
            if (octets == 0) co_return no_good("the server closed the connection");
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) co_return no_good(reason(errno));
            const auto how = co_await watch_.wait(interest::read, until_);
            if (how == waited::timed_out) co_return too_late();
            if (how == waited::broken) co_return no_good("the socket cannot be waited for");
        }
    }

    site site_;
    core::deadline until_;
    socket_handle socket_;
    socket_watch watch_;  // lets go of the socket first
    std::string outgoing_;
};

}  // namespace

bool may_be_plain(const sql::endpoint& to) {
    // libpq, too, speaks no TLS over a Unix socket.
    if (!to.socket.empty()) return to.socket.starts_with('/');
    return to.tls == sql::tls_mode::disable || to.tls == sql::tls_mode::prefer;
}

core::awaitable<sql::result<std::optional<established>>> log_in(const sql::endpoint& to, const std::string& address,
                                                                const sql::login& as, const std::string& database,
                                                                const sql::session_settings& with,
                                                                core::deadline until) {
    const auto where = site_of(to, address, with);
    if (!where) co_return std::nullopt;
    attempt now(co_await asio::this_coro::executor, *where, until);
    if (auto problem = co_await now.connect()) co_return std::unexpected(std::move(*problem));
    if (where->is_tcp() && to.tls == sql::tls_mode::prefer) {
        const auto speaks = co_await now.ask_for_tls();
        if (!speaks) co_return std::unexpected(speaks.error());
        if (*speaks == attempt::answer::tls) co_return std::nullopt;
    }
    co_return co_await now.start(as, database);
}

}  // namespace borealis::postgres
