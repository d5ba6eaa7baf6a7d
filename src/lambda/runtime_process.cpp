#include "lambda/runtime_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <exception>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base64.hpp"
#include "core/log.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

namespace asio = core::asio;
using asio::ip::tcp;

constexpr std::size_t largest_answer = 6'291'556;       // L-1.33
constexpr std::size_t header_bytes = 1024 * 1024;       // X-Ray causes and error bodies in trailers are long
constexpr std::size_t output_at_once = 1024 * 1024;     // drained before other work gets its turn
constexpr std::size_t linger_bytes = 64 * 1024 * 1024;  // of an answer that is too large, so that its refusal is read
constexpr std::chrono::seconds linger_time{5};
constexpr std::size_t most_clients = 64;  // connections of one process at once
constexpr std::string_view base = "/2018-06-01/runtime";
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

void log_exception(const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "the Runtime API of a process ended in an exception: {}", e.what());
    }
}

http::request_limits limits() {
    http::request_limits made;
    made.header_bytes = header_bytes;
    made.body_bytes = largest_answer;
    made.keep_trailers = true;
    return made;
}

std::string error_json(std::string_view type, std::string_view message) {
    std::string body = R"({"errorMessage":)";
    json::append_string(body, message);
    body += R"(,"errorType":)";
    json::append_string(body, type);
    return body += '}';
}

std::string too_large_text() {
    return fmt::format("Exceeded maximum allowed payload size ({} bytes).", largest_answer);
}

}  // namespace

/// What one request of the process is answered with.
struct runtime_process::reply {
    int status = 202;
    std::string body = R"({"status":"OK"})";
    std::string_view content_type = "application/json";
};

/// A connection that waits for an event.
struct runtime_process::waiting {
    waiting(const loop& on, std::shared_ptr<tcp_socket> from)
        : socket(std::move(from)), signal(on, core::timer::time_point::max()) {}
    std::shared_ptr<tcp_socket> socket;
    core::timer signal;
    bool over = false;       // an event has come, or will not come here
    std::string head, body;  // empty head: it will not
};

runtime_process::runtime_process(loop on, runtime_events& tells)
    : loop_(std::move(on)), tells_(&tells), acceptor_(loop_), output_(loop_), handle_(loop_) {
    const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen(16);
    address_ = fmt::format("127.0.0.1:{}", acceptor_.local_endpoint().port());
}

runtime_process::~runtime_process() {
    if (!runs()) return;  // the loop is going down under us
    ::kill(-child_.id, SIGKILL);
    reap(child_.id);
}

std::string runtime_process::address() const { return address_; }

std::expected<void, launch_failure> runtime_process::start(const launch& what, const account& who) {
    auto started = lambda::start(what, who);
    if (!started) return std::unexpected(started.error());
    child_ = *started;
    output_.assign(child_.output);
    handle_.assign(child_.handle);
    auto self = shared_from_this();
    asio::co_spawn(loop_, accept(self), log_exception);
    asio::co_spawn(loop_, read_output(self), log_exception);
    asio::co_spawn(loop_, wait_for_end(self), log_exception);
    return {};
}

core::awaitable<void> runtime_process::accept(std::shared_ptr<runtime_process> self) {
    while (self->acceptor_.is_open()) {
        auto [failed, peer] = co_await self->acceptor_.async_accept(core::as_tuple);
        if (failed == asio::error::operation_aborted) co_return;
        if (failed) {
            core::timer pause(self->loop_, std::chrono::milliseconds(50));
            [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
            continue;
        }
        std::erase_if(self->clients_, [](const auto& one) { return one.expired(); });
        if (self->clients_.size() >= most_clients) continue;
        boost::system::error_code ignored;  // slower without, not wrong
        peer.set_option(tcp::no_delay(true), ignored);
        auto socket = std::make_shared<tcp_socket>(std::move(peer));
        self->clients_.push_back(socket);
        asio::co_spawn(self->loop_, serve(self, std::move(socket)), log_exception);
    }
}

core::awaitable<void> runtime_process::serve(std::shared_ptr<runtime_process> self,
                                             std::shared_ptr<tcp_socket> socket) {
    http::request_reader reader(limits());
    const auto send = [&socket](std::string_view head, std::string_view body) {
        const std::array<asio::const_buffer, 2> both = {asio::buffer(head), asio::buffer(body)};
        return asio::async_write(*socket, both, core::as_tuple);
    };
    const auto head_of = [](const reply& what, bool keep_alive) {
        std::string head;
        http::response_head lines(head, what.status, std::time(nullptr));
        lines.add("Content-Type", what.content_type);
        lines.finish(what.body.size(), keep_alive);
        return head;
    };

    while (true) {
        const auto seen = reader.next();
        if (seen == http::request_reader::progress::expects_continue) {
            const auto [failed, sent] =
                co_await asio::async_write(*socket, asio::buffer(continue_line), core::as_tuple);
            if (failed) co_return;
        }
        if (seen == http::request_reader::progress::failed) {
            const int status = reader.reason().status;
            reply what{.status = status, .body = error_json("InvalidRequest", reader.reason().reason)};
            if (status == 413) {
                what.body = error_json("RequestEntityTooLarge", too_large_text());
                if (self->state_.now() == runtime_state::step::running &&
                    self->state_.response(self->state_.request_id()).accepted() && self->tells_ != nullptr) {
                    self->tells_->on_answer({.what = runtime_answer::kind::too_large});
                }
            }
            const auto head = head_of(what, false);
            const auto [failed, sent] = co_await send(head, what.body);
            if (failed || status != 413) co_return;
            boost::system::error_code ignored;  // the connection ends either way
            socket->shutdown(tcp_socket::shutdown_send, ignored);
            core::timer enough(self->loop_, linger_time);
            enough.async_wait([socket](const boost::system::error_code& stopped) {
                boost::system::error_code unheard;
                if (!stopped) socket->close(unheard);
            });
            std::array<char, 16 * 1024> sink{};
            for (std::size_t total = 0; total < linger_bytes;) {
                const auto [ended, bytes] = co_await socket->async_read_some(asio::buffer(sink), core::as_tuple);
                if (ended) break;
                total += bytes;
            }
            co_return;
        }
        if (seen != http::request_reader::progress::request) {
            const auto room = reader.prepare();
            const auto [ended, bytes] =
                co_await socket->async_read_some(asio::buffer(room.data(), room.size()), core::as_tuple);
            if (ended == asio::error::eof && reader.in_body()) {  // L-1.35; it may still read
                const reply cut{.status = 400,
                                .body = error_json("TruncatedHTTPRequest", "HTTP request was shorter than it said")};
                const auto head = head_of(cut, false);
                [[maybe_unused]] const auto [failed, sent] = co_await send(head, cut.body);
            }
            if (ended) co_return;
            reader.commit(bytes);
            continue;
        }

        const auto& asked = reader.message();
        const bool keep_alive = asked.keep_alive;
        reply what;
        const auto refuse = [&what](const runtime_state::verdict& why) {
            what.status = why.status;
            if (!why.accepted()) what.body = error_json(why.error_type, why.message);
        };
        const auto tell = [&self](runtime_answer answer) {
            if (self->tells_ != nullptr) self->tells_->on_answer(std::move(answer));
        };
        auto path = asked.path;
        const auto to = asked.find("host");  // a web page that makes a browser call us brings another name (L-9.10)
        if (!to.empty() && to != self->address_ && to != "localhost" + self->address_.substr(9)) {
            refuse({.status = 403, .error_type = "InvalidHost", .message = "This Runtime API has another host name."});
        } else if (path == "/2018-06-01/ping" && asked.method == "GET") {  // L-1.6
            what = {.status = 200, .body = "pong", .content_type = "text/plain"};
        } else if (!path.starts_with(base)) {
            what = {.status = 404, .body = "404 page not found\n", .content_type = "text/plain; charset=utf-8"};
        } else if (path.remove_prefix(base.size()); path == "/invocation/next") {
            const auto verdict = asked.method == "GET" ? self->state_.next()
                                                       : runtime_state::verdict{405, "MethodNotAllowed", "Use GET."};
            if (verdict.accepted()) {
                reader.consume();
                if (self->asks_) {  // an older request that nobody reads any more
                    self->asks_->over = true;
                    self->asks_->signal.cancel();
                }
                const auto place = std::make_shared<waiting>(self->loop_, socket);
                self->asks_ = place;
                if (self->tells_ != nullptr) self->tells_->on_ready();
                if (!place->over) {
                    [[maybe_unused]] const auto [woken] = co_await place->signal.async_wait(core::as_tuple);
                }
                if (place->head.empty()) co_return;
                const auto [failed, sent] = co_await send(place->head, place->body);
                if (failed || !keep_alive) co_return;
                continue;
            }
            refuse(verdict);
        } else if (asked.method != "POST") {
            refuse({.status = 405, .error_type = "MethodNotAllowed", .message = "Use POST."});
        } else if (path == "/init/error") {
            const auto verdict = self->state_.init_error();
            refuse(verdict);
            if (verdict.accepted()) {
                tell({.what = runtime_answer::kind::init_error,
                      .body = std::string(asked.body),
                      .content_type = std::string(asked.find("content-type")),
                      .error_type = std::string(asked.find("lambda-runtime-function-error-type"))});
            }
        } else if (path.starts_with("/invocation/")) {
            path.remove_prefix(std::string_view("/invocation/").size());
            const auto slash = path.find('/');
            const auto id = path.substr(0, slash);
            const auto action = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
            const auto mode = asked.find("lambda-runtime-function-response-mode");
            if (action == "response") {
                if (!mode.empty() && !http::iequals(mode, "streaming")) {  // L-1.34
                    refuse({.status = 400,
                            .error_type = "InvalidFunctionResponseMode",
                            .message = fmt::format("Invalid value for header Lambda-Runtime-Function-Response-Mode: {}",
                                                   mode)});
                } else {
                    const auto verdict = self->state_.response(id);
                    refuse(verdict);
                    if (verdict.accepted()) {
                        runtime_answer answer{.body = std::string(asked.body),
                                              .content_type = std::string(asked.find("content-type"))};
                        for (const auto& [name, value] : asked.trailers) {  // L-1.80: a stream that failed half-way
                            if (http::iequals(name, "lambda-runtime-function-error-type")) {
                                answer.what = runtime_answer::kind::error;
                                answer.error_type = value;
                            }
                        }
                        for (const auto& [name, value] : asked.trailers) {
                            if (answer.what == runtime_answer::kind::error &&
                                http::iequals(name, "lambda-runtime-function-error-body")) {
                                if (auto body = core::decode_base64(value)) answer.body = std::move(*body);
                            }
                        }
                        tell(std::move(answer));
                    }
                }
            } else if (action == "error") {
                const auto verdict = self->state_.error(id);
                refuse(verdict);
                if (verdict.accepted()) {
                    tell({.what = runtime_answer::kind::error,
                          .body = std::string(asked.body),
                          .content_type = std::string(asked.find("content-type")),
                          .error_type = std::string(asked.find("lambda-runtime-function-error-type"))});
                }
            } else {
                what = {.status = 404, .body = "404 page not found\n", .content_type = "text/plain; charset=utf-8"};
            }
        } else {  // L-1.5 among others
            what = {.status = 404, .body = "404 page not found\n", .content_type = "text/plain; charset=utf-8"};
        }
        reader.consume();
        const auto head = head_of(what, keep_alive);
        const auto [failed, sent] = co_await send(head, what.body);
        if (failed || !keep_alive) co_return;
    }
}

bool runtime_process::deliver(const runtime_event& event) {
    const auto to = std::exchange(asks_, nullptr);
    if (!to) return false;
    char byte = 0;
    const auto there = ::recv(to->socket->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (there == 0 || (there < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        to->over = true;
        to->signal.cancel();
        return false;
    }
    state_.deliver(event.request_id);
    http::response_head lines(to->head, 200, std::time(nullptr));
    lines.add("Content-Type", event.content_type);  // L-1.11: always
    lines.add("Lambda-Runtime-Aws-Request-Id", event.request_id);
    lines.add("Lambda-Runtime-Deadline-Ms", fmt::to_string(event.deadline_ms));
    lines.add("Lambda-Runtime-Invoked-Function-Arn", event.function_arn);
    if (!event.trace_id.empty()) lines.add("Lambda-Runtime-Trace-Id", event.trace_id);
    if (!event.client_context.empty()) lines.add("Lambda-Runtime-Client-Context", event.client_context);
    if (!event.cognito_identity.empty()) lines.add("Lambda-Runtime-Cognito-Identity", event.cognito_identity);
    lines.finish(event.body.size(), true);
    to->body = event.body;
    to->over = true;
    to->signal.cancel();
    return true;
}

bool runtime_process::drain_output() {
    std::array<char, 16 * 1024> some{};
    for (std::size_t total = 0; total < output_at_once && output_.is_open();) {
        const auto got = ::read(output_.native_handle(), some.data(), some.size());
        if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
        total += static_cast<std::size_t>(got);
        if (tells_ != nullptr) tells_->on_output({some.data(), static_cast<std::size_t>(got)});
    }
    return true;
}

core::awaitable<void> runtime_process::read_output(std::shared_ptr<runtime_process> self) {
    // Waits, and reads by itself: bytes that a pending read has taken would be missed by whoever drains meanwhile.
    while (self->output_.is_open()) {
        const auto [ended] = co_await self->output_.async_wait(descriptor::wait_read, core::as_tuple);
        if (ended || !self->drain_output()) co_return;
    }
}

core::awaitable<void> runtime_process::wait_for_end(std::shared_ptr<runtime_process> self) {
    [[maybe_unused]] const auto [failed] = co_await self->handle_.async_wait(descriptor::wait_read, core::as_tuple);
    if (!self->runs()) co_return;
    const int status = reap(std::exchange(self->child_.id, 0));
    self->drain_output();
    boost::system::error_code ignored;  // nothing is to be had from them any more
    self->output_.close(ignored);
    self->handle_.close(ignored);
    self->close_api();
    if (self->tells_ != nullptr) self->tells_->on_exit(status);
}

void runtime_process::freeze() {
    if (runs()) ::kill(-child_.id, SIGSTOP);
}

void runtime_process::thaw() {
    if (runs()) ::kill(-child_.id, SIGCONT);
}

void runtime_process::kill() {
    close_api();
    if (runs()) ::kill(-child_.id, SIGKILL);
}

void runtime_process::close_api() {
    boost::system::error_code ignored;  // all of it is given up
    acceptor_.close(ignored);
    if (asks_) {
        asks_->over = true;
        asks_->signal.cancel();
        asks_ = nullptr;
    }
    for (auto& one : clients_) {
        if (const auto socket = one.lock()) socket->close(ignored);
    }
    clients_.clear();
}

}  // namespace borealis::lambda
