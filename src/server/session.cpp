#include "server/session.hpp"

#include <array>
#include <ctime>
#include <exception>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "core/log.hpp"
#include "core/random.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "json/writer.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// What a client that is still sending gets to send after our last word, so that it reads it before the reset (RFC
/// 9112, 9.6).
constexpr std::size_t linger_bytes = 64 * 1024 * 1024;
constexpr std::chrono::seconds linger_time{2};

reply reply_to(const http::refusal& why) {
    reply made{.status = why.status};
    if (why.status == 413) {
        made.body = R"({"message":"Request Entity Too Large"})";  // R-1.8: no error type
    } else {
        made.error_type = "SerializationException";
        made.body = R"({"message":)";
        json::append_string(made.body, why.reason);
        made.body += '}';
    }
    return made;
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

core::awaitable<bool> sessions::send(tcp_socket& socket, connection& self, const reply& what, bool keep_alive,
                                     bool with_body) {
    std::string head;
    head.reserve(256);
    http::response_head lines(head, what.status, std::time(nullptr));
    lines.add("x-amzn-RequestId", core::random_uuid()).add("Content-Type", what.content_type);
    if (!what.error_type.empty()) lines.add("x-amzn-ErrorType", what.error_type);
    if (!what.allow.empty()) lines.add("Allow", what.allow);
    lines.finish(what.body.size(), keep_alive);

    self.until = core::clock::now() + limits_.write;
    const std::array<asio::const_buffer, 2> both = {asio::buffer(head),
                                                    asio::buffer(with_body ? what.body : std::string_view())};
    const auto [failed, sent] = co_await asio::async_write(socket, both, core::as_tuple);
    co_return !failed;
}

core::awaitable<bool> sessions::answer(tcp_socket& socket, connection& self, const http::request& asked) {
    self.until = core::clock::time_point::max();  // the operations have deadlines of their own
    reply made;
    try {
        made = co_await routes_.route(asked);
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "a request ended in an exception: {}", e.what());
        made = {.status = 500, .error_type = "InternalServerErrorException", .body = "{}"};
    }
    const bool keep_alive = asked.keep_alive && !draining_;
    const bool sent = co_await send(socket, self, made, keep_alive, asked.method != "HEAD");
    co_return sent&& keep_alive;
}

core::awaitable<void> sessions::linger(tcp_socket& socket, connection& self) {
    boost::system::error_code ignored;  // the connection ends either way
    socket.shutdown(tcp_socket::shutdown_send, ignored);
    self.until = core::clock::now() + linger_time;
    std::array<char, 16 * 1024> sink{};
    for (std::size_t total = 0; total < linger_bytes;) {
        const auto [ended, bytes] = co_await socket.async_read_some(asio::buffer(sink), core::as_tuple);
        if (ended) break;
        total += bytes;
    }
}

core::awaitable<void> sessions::serve(tcp_socket socket) {
    const entry place(open_, socket);
    connection& self = *place;
    http::request_reader reader(limits_.request);
    self.until = core::clock::now() + limits_.idle;
    bool reading = false;  // the clock of the request that is arriving runs
    while (true) {
        switch (reader.next()) {
            case http::request_reader::progress::request: {
                self.between_requests = false;
                reading = false;
                const bool go_on = co_await answer(socket, self, reader.message());
                if (!go_on) co_return;
                reader.consume();
                self.between_requests = true;
                self.until = core::clock::now() + limits_.idle;
                continue;
            }
            case http::request_reader::progress::expects_continue: {
                const auto [failed, sent] =
                    co_await asio::async_write(socket, asio::buffer(continue_line), core::as_tuple);
                if (failed) co_return;
                break;
            }
            case http::request_reader::progress::failed: {
                self.between_requests = false;
                const bool sent = co_await send(socket, self, reply_to(reader.reason()), false, true);
                if (sent) co_await linger(socket, self);
                co_return;
            }
            case http::request_reader::progress::need_more:
                break;
        }
        if (!reading && !reader.idle()) {  // one deadline from the first byte to the last, however slowly they drip
            reading = true;
            self.between_requests = false;
            self.until = core::clock::now() + limits_.read;
        }
        const auto room = reader.prepare();
        const auto [ended, bytes] =
            co_await socket.async_read_some(asio::buffer(room.data(), room.size()), core::as_tuple);
        if (ended) co_return;
        reader.commit(bytes);
    }
}

void sessions::sweep(core::clock::time_point now) {
    for (auto& one : open_) {
        if (now < one.until && !(draining_ && one.between_requests)) continue;
        boost::system::error_code ignored;  // closing is all that is left to do
        one.socket->close(ignored);
        one.until = core::clock::time_point::max();
    }
}

void sessions::close_all() {
    for (auto& one : open_) {
        boost::system::error_code ignored;  // closing is all that is left to do
        one.socket->close(ignored);
    }
}

void sessions::drain() {
    draining_ = true;
    sweep(core::clock::now());
}

}  // namespace borealis::server
