#include "client/scripted_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace borealis::client::tests {
namespace {

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Reads until `buffer` has `size` bytes; false at the end of the stream.
bool fill(int socket, std::string& buffer, std::size_t size) {
    std::array<char, 4096> chunk{};
    while (buffer.size() < size) {
        const auto got = ::recv(socket, chunk.data(), chunk.size(), 0);
        if (got <= 0) return false;
        buffer.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return true;
}

seen_request read_head(std::string_view head) {
    seen_request request;
    const auto line = head.substr(0, head.find("\r\n"));
    request.method = line.substr(0, line.find(' '));
    request.target = line.substr(request.method.size() + 1, line.rfind(' ') - request.method.size() - 1);
    for (auto rest = head.substr(line.size() + 2); !rest.empty();) {
        const auto end = rest.find("\r\n");
        const auto one = rest.substr(0, end);
        const auto colon = one.find(':');
        if (colon != std::string_view::npos) {
            const auto begin = one.find_first_not_of(' ', colon + 1);
            request.headers[lower(std::string(one.substr(0, colon)))] =
                begin == std::string_view::npos ? "" : one.substr(begin);
        }
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    }
    return request;
}

std::string message(int status, std::string_view headers, std::string_view body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " Scripted\r\nContent-Type: application/json\r\nx-amzn-RequestId: request-1\r\n" + std::string(headers) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace

step answer(std::string_view body) { return {.bytes = message(200, "", body)}; }

step refuse(int status, std::string_view type, std::string_view text, std::string_view headers) {
    auto all = std::string(headers);
    if (!type.empty()) all += "x-amzn-ErrorType: " + std::string(type) + "\r\n";
    return {.bytes = message(status, all, "{\"message\":\"" + std::string(text) + "\"}")};
}

step lose() { return {.what = step::kind::close}; }

scripted_server::scripted_server(std::vector<step> script)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      script_(std::move(script)),
      otherwise_(refuse(500, "", "script is over")) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::system_error(errno, std::generic_category(), "scripted_server");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

scripted_server::~scripted_server() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::scoped_lock lock(mutex_);
        for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
}

std::string scripted_server::authority() const { return "127.0.0.1:" + std::to_string(port_); }
std::string scripted_server::url() const { return "http://" + authority(); }

std::vector<seen_request> scripted_server::requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
}

void scripted_server::await_closed(int count) {
    std::unique_lock lock(mutex_);
    closing_.wait(lock, [&] { return closed_ >= count; });
}

void scripted_server::otherwise(step next) {
    const std::scoped_lock lock(mutex_);
    otherwise_ = std::move(next);
}

void scripted_server::accept_all() {
    for (int number = 0; !stopping_; ++number) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const std::scoped_lock lock(mutex_);
        sockets_.push_back(socket);
        threads_.emplace_back([this, socket, number] { serve(socket, number); });
    }
}

step scripted_server::next_step(seen_request request) {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(std::move(request));
    return at_ < script_.size() ? script_[at_++] : otherwise_;
}

void scripted_server::serve(int socket, int number) {
    std::string buffer;
    for (;;) {
        std::size_t head_end;
        while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
            if (!fill(socket, buffer, buffer.size() + 1)) return;
        }
        auto request = read_head(std::string_view(buffer).substr(0, head_end));
        request.connection = number;
        const auto length =
            request.headers.contains("content-length") ? std::stoul(request.headers["content-length"]) : 0;
        bool wants_head_only;
        {
            const std::scoped_lock lock(mutex_);
            wants_head_only = at_ < script_.size() && script_[at_].what == step::kind::close_after_head;
        }
        if (!wants_head_only && !fill(socket, buffer, head_end + 4 + length)) return;
        request.body = buffer.substr(head_end + 4, length);
        buffer.erase(0, head_end + 4 + length);
        const auto todo = next_step(std::move(request));
        if (todo.what == step::kind::stay_silent) {
            std::string rest;
            fill(socket, rest, 1);  // until the client or the destructor ends it
            return;
        }
        if (todo.what == step::kind::answer) send_all(socket, todo.bytes);
        if (todo.what != step::kind::answer || todo.close_after) {
            ::shutdown(socket, SHUT_RDWR);
            const std::scoped_lock lock(mutex_);
            ++closed_;
            closing_.notify_all();
            return;
        }
    }
}

}  // namespace borealis::client::tests
