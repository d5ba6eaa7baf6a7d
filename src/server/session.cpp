#include "server/session.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <sys/socket.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// A connection that waits so long for its next request does it without a buffer.
constexpr std::chrono::seconds buffer_is_kept{2};
/// So many of them are worth a look for pages that the system can have back.
constexpr std::size_t many_buffers = 100;

/// The clock as it was at the kernel's last timer tick, at most 10 ms ago: enough for time-outs of seconds, at a fifth
/// of the price.
core::clock::time_point recently() {
    timespec at{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
    return core::clock::time_point(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

using tls_stream = asio::ssl::stream<tcp_socket>;

/// Looks at the first byte, which is there: of TLS it is the type of a record, of HTTP a letter.
bool speaks_plain_http(tcp_socket& socket) {
    char first = 0;
    const auto got = ::recv(socket.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 1 && first >= 'A' && first <= 'Z';
}

reply plain_http_refused() {
    return {.status = 400,
            .error_type = "BadRequestException",
            .body = R"({"message":"This port speaks TLS: use https:// in the endpoint URL."})"};
}

peer peer_of(const tcp_socket& socket) {
    boost::system::error_code failed;
    const auto at = socket.remote_endpoint(failed);
    if (failed) return {};  // it is gone again
    auto address = at.address();
    if (address.is_v6()) {  // conditions on aws:SourceIp know no interfaces
        auto plain = address.to_v6();
        plain.scope_id(0);
        address = plain;
    }
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return {.address = address.to_string()};
}

/// The client has closed the connection, or its half of it: nobody reads the answer. (Data that waits to be read does
/// not hide it.)
bool has_left(tcp_socket& socket) {
    pollfd look{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

/// There is something to read, be it the end.
bool has_sent(tcp_socket& socket) {
    pollfd look{.fd = socket.native_handle(), .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

}  // namespace

/// Puts a connection into the table, and takes it out whichever way the coroutine ends.
class sessions::entry {
 public:
    entry(std::list<connection>& table, tcp_socket& socket) : table_(table), at_(table.emplace(table.end())) {
        at_->socket = &socket;
    }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() { table_.erase(at_); }
    [[nodiscard]] connection& operator*() const { return *at_; }

 private:
    std::list<connection>& table_;
    std::list<connection>::iterator at_;
};

template <class Stream>
sessions::sending sessions::begin_sending(Stream& stream, connection& self, const reply& what, bool keep_alive,
                                          bool with_body) {
    thread_local std::string head;  // kept for its memory
    head.clear();
    http::response_head lines(head, what.status, std::time(nullptr));
    if (what.head == head_lines::of_a_service) {
        if (what.request_id.empty()) {
            lines.add_lines("x-amzn-RequestId: ");
            core::append_random_uuid(head);
            lines.add_lines("\r\n");
        } else {
            lines.add("x-amzn-RequestId", what.request_id);
        }
        if (!what.own_content_type.empty()) {
            lines.add("Content-Type", what.own_content_type);
        } else if (!what.content_type.empty()) {
            lines.add_lines("Content-Type: ").add_lines(what.content_type).add_lines("\r\n");
        }
        if (!what.error_type.empty()) lines.add("x-amzn-ErrorType", what.error_type);
        if (!what.allow.empty()) lines.add("Allow", what.allow);
    }
    for (const auto& [name, value] : what.headers) lines.add(name, value);
    lines.finish(what.body.size(), keep_alive);

    ++traffic_.answers[std::min<std::size_t>(static_cast<std::size_t>(what.status) / 100, traffic_.answers.size() - 1)];
    if (what.cut_off == cut::before_the_answer) return sending::failed;
    auto body = with_body ? std::string_view(what.body) : std::string_view();
    if (what.cut_off == cut::in_the_answer) body = body.substr(0, body.size() / 2);
    std::size_t sent = 0;
    if constexpr (std::is_same_v<Stream, tcp_socket>) {
        const std::array<asio::const_buffer, 2> both = {asio::buffer(head), asio::buffer(body)};
        boost::system::error_code failed;
        sent = stream.write_some(both, failed);
        traffic_.sent += sent;
        if (failed && failed != asio::error::would_block) return sending::failed;
    }
    if (sent == head.size() + body.size()) return what.cut_off == cut::nowhere ? sending::whole : sending::failed;
    self.until = recently() + limits_.write;
    const auto of_head = std::min(sent, head.size());
    self.unsent_head.assign(head, of_head);
    self.unsent_body = body.substr(sent - of_head);
    return sending::in_part;
}

template <class Stream>
core::awaitable<bool> sessions::finish_sending(Stream& stream, connection& self) {
    const std::array<asio::const_buffer, 2> both = {asio::buffer(self.unsent_head), asio::buffer(self.unsent_body)};
    const auto [failed, sent] = co_await asio::async_write(stream, both, core::as_tuple);
    traffic_.sent += sent;
    self.unsent_body = {};
    co_return !failed;
}

template <class Stream>
core::awaitable<bool> sessions::send(Stream& stream, connection& self, const reply& what, bool keep_alive,
                                     bool with_body) {
    const auto begun = begin_sending(stream, self, what, keep_alive, with_body);
    if (begun != sending::in_part) co_return begun == sending::whole;
    const bool sent = co_await finish_sending(stream, self);
    co_return sent&& what.cut_off == cut::nowhere;
}

template <class Stream>
core::awaitable<bool> sessions::answer(Stream& stream, connection& self, const http::request& asked, const peer& from) {
    self.until = core::clock::time_point::max();  // the operations have deadlines of their own
    std::optional<reply> made;
    self.answering = true;
    const short_waits::call under_way(waits_);
    try {
        made.emplace(co_await routes_.route(asked, from));
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "a request ended in an exception: {}", e.what());
        made.emplace(routes_.answer_failed());
    }
    self.answering = false;
    const bool keep_alive = asked.keep_alive && !drain_began_;
    const auto begun = begin_sending(stream, self, *made, keep_alive, asked.method != "HEAD");
    if (begun != sending::in_part) co_return begun == sending::whole&& keep_alive;
    const bool sent = co_await finish_sending(stream, self);
    co_return sent&& keep_alive && made->cut_off == cut::nowhere;
}

core::awaitable<void> sessions::linger(tcp_socket& socket, connection& self) {
    boost::system::error_code ignored;  // the connection ends either way
    socket.shutdown(tcp_socket::shutdown_send, ignored);
    self.until = recently() + limits_.linger;
    std::array<char, 16 * 1024> sink{};
    for (std::size_t total = 0; total < limits_.linger_bytes;) {
        const auto [ended, bytes] = co_await socket.async_read_some(asio::buffer(sink), core::as_tuple);
        if (ended) break;
        total += bytes;
    }
}

template <class Stream>
core::awaitable<void> sessions::serve_requests(Stream& stream, connection& self, const peer& from) {
    using buffer = connection::buffer;
    http::request_reader reader(limits_.request);
    const auto wait_for_request = [&self, this] {
        self.silent_since = recently();
        self.until = self.silent_since + limits_.idle;
    };
    wait_for_request();
    bool reading = false;  // the clock of the request that is arriving runs
    while (true) {
        switch (reader.next()) {
            case http::request_reader::progress::request: {
                self.between_requests = false;
                reading = false;
                const bool go_on = co_await answer(stream, self, reader.message(), from);
                if (!go_on) co_return;
                reader.consume();
                self.between_requests = true;
                wait_for_request();
                continue;
            }
            case http::request_reader::progress::expects_continue: {
                const auto [failed, sent] =
                    co_await asio::async_write(stream, asio::buffer(continue_line), core::as_tuple);
                if (failed) co_return;
                break;
            }
            case http::request_reader::progress::failed: {
                self.between_requests = false;
                const bool sent =
                    co_await send(stream, self, routes_.answer_unreadable(reader.reason(), from), false, true);
                if (sent) co_await linger(*self.socket, self);
                co_return;
            }
            case http::request_reader::progress::need_more:
                break;
        }
        if (!reading && !reader.idle()) {  // one deadline from the first byte to the last, however slowly they drip
            reading = true;
            self.between_requests = false;
            self.until = recently() + limits_.read;
        }
        const auto room = reader.prepare();
        if constexpr (std::is_same_v<Stream, tcp_socket>) self.reads_into = reader.idle() ? buffer::held : buffer::kept;
        const auto [ended, bytes] =
            co_await stream.async_read_some(asio::buffer(room.data(), room.size()), core::as_tuple);
        if (ended == asio::error::operation_aborted && self.reads_into == buffer::to_be_given_back) {
            self.reads_into = buffer::given_back;
            reader.rest();
            const auto [failed] = co_await self.socket->async_wait(tcp_socket::wait_read, core::as_tuple);
            if (failed) co_return;
            continue;
        }
        if (ended) co_return;
        traffic_.received += bytes;
        reader.commit(bytes);
    }
}

core::awaitable<void> sessions::serve(tcp_socket socket) {
    const entry place(open_, socket);
    connection& self = *place;
    boost::system::error_code failed;
    socket.non_blocking(true, failed);  // what does not go at once is waited for in a coroutine
    peer from = peer_of(socket);
    if (failed || from.address.empty())
        co_return;  // what it has sent would be judged without aws:SourceIp, and nobody waits
    from.listens = &self.listens;
    co_await serve_requests(socket, self, from);
}

core::awaitable<void> sessions::serve_tls(tcp_socket socket, const certificates& with) {
    tls_stream stream(std::move(socket), with.open());
    auto& below = stream.next_layer();
    const entry place(open_, below);
    connection& self = *place;
    boost::system::error_code blocking;
    below.non_blocking(true, blocking);
    peer from = peer_of(below);
    if (blocking || from.address.empty()) co_return;
    from.secure = true;
    from.listens = &self.listens;
    self.until = recently() + limits_.handshake;
    const auto [unreadable] = co_await below.async_wait(tcp_socket::wait_read, core::as_tuple);
    if (unreadable) co_return;
    if (speaks_plain_http(below)) {
        self.between_requests = false;
        const bool sent = co_await send(below, self, plain_http_refused(), false, true);
        if (sent) co_await linger(below, self);
        co_return;
    }
    const auto [failed] = co_await stream.async_handshake(tls_stream::server, core::as_tuple);
    if (failed) {
        // A scanner's or a load balancer's probe is nothing that an operator must see; a client's refusal may be.
        if (failed.category() == asio::error::get_ssl_category()) {
            core::log(core::log_level::info, "no TLS with {}: {}", from.address, failed.message());
        } else {
            core::log(core::log_level::debug, "no TLS with {}: {}", from.address, failed.message());
        }
        co_return;
    }
    if (with.clients() != client_certificates::none) {
        const auto subject = peer_subject(stream.native_handle());
        core::log(core::log_level::info, "TLS connection of {}: client certificate {}", from.address,
                  subject.empty() ? "none" : subject);
    }
    co_await serve_requests(stream, self, from);
    if (!below.is_open()) co_return;
    // Our last word (RFC 8446, 6.1), and the client's where it comes soon.
    self.between_requests = false;
    self.until = recently() + limits_.linger;
    [[maybe_unused]] const auto [ignored] = co_await stream.async_shutdown(core::as_tuple);
}

void sessions::sweep(core::clock::time_point now) {
#ifdef __GLIBC__
    // It keeps what lies between pieces in use, which here is most of it.
    if (std::exchange(buffers_came_back_, false)) ::malloc_trim(0);
#endif
    std::size_t given_back = 0;
    for (auto& one : open_) {
        if (one.reads_into == connection::buffer::held && one.between_requests &&
            now - one.silent_since > buffer_is_kept) {
            one.reads_into = connection::buffer::to_be_given_back;
            boost::system::error_code ignored;  // then it keeps it
            one.socket->cancel(ignored);        // ends the read
            ++given_back;
        }
        if (one.answering && has_left(*one.socket)) one.listens.leave();
        if (now < one.until) continue;
        boost::system::error_code ignored;  // closing is all that is left to do
        one.socket->close(ignored);
        one.until = core::clock::time_point::max();
    }
    buffers_came_back_ = given_back >= many_buffers;
}

void sessions::close_all() {
    for (auto& one : open_) {
        boost::system::error_code ignored;  // closing is all that is left to do
        one.socket->close(ignored);
    }
}

void sessions::drain(core::clock::time_point now) {
    if (!drain_began_) drain_began_ = now;
    for (auto& one : open_) {
        if (!one.between_requests || now - std::max(one.silent_since, *drain_began_) < limits_.drain_idle) continue;
        if (has_sent(*one.socket)) continue;  // it is about to be read
        boost::system::error_code ignored;    // closing is all that is left to do
        one.socket->close(ignored);
        one.until = core::clock::time_point::max();
    }
    sweep(now);
}

}  // namespace borealis::server
