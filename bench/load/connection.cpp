#include "load/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace borealis::bench {
namespace {

bool same_without_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

int connect_to(const address& to) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found) != 0) {
        throw std::runtime_error("no such host: " + to.host);
    }
    int fd = -1;
    for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) {
        fd = ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (fd >= 0 && ::connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            ::close(fd);
            fd = -1;
        }
    }
    ::freeaddrinfo(found);
    if (fd < 0) throw std::runtime_error("cannot connect to " + to.host + ":" + to.port);
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

}  // namespace

address parse_url(std::string_view url) {
    address to;
    to.tls = url.starts_with("https://");
    if (!to.tls && !url.starts_with("http://")) throw std::runtime_error("not a URL: " + std::string(url));
    url.remove_prefix(to.tls ? 8 : 7);
    url = url.substr(0, url.find('/'));
    const auto colon = url.rfind(':');
    to.host = url.substr(0, colon);
    to.port = colon == std::string_view::npos ? std::string(to.tls ? "443" : "80") : std::string(url.substr(colon + 1));
    return to;
}

connection::connection(const address& to, SSL_CTX* tls) : fd_(connect_to(to)) {
    if (tls != nullptr) {
        tls_.reset(::SSL_new(tls));
        ::SSL_set_fd(tls_.get(), fd_);
        if (::SSL_connect(tls_.get()) != 1) throw std::runtime_error("no TLS handshake with " + to.host);
    }
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

connection::~connection() { ::close(fd_); }

void connection::send(std::string_view bytes, bool keeps_body) {
    unsent_ = bytes;
    keeps_body_ = keeps_body;
    head_.clear();
    body_.clear();
    in_body_ = false;
    status_ = 0;
    flush();
}

void connection::flush() {
    while (!unsent_.empty()) {
        const auto sent = tls_ ? ::SSL_write(tls_.get(), unsent_.data(), static_cast<int>(unsent_.size()))
                               : ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        // What went wrong shows when the answer is read.
        if (sent <= 0) return;
        unsent_.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::ptrdiff_t connection::receive(char* into, std::size_t room) {
    if (!tls_) {
        const auto got = ::recv(fd_, into, room, 0);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? -1 : std::max<std::ptrdiff_t>(got, 0);
    }
    const int got = ::SSL_read(tls_.get(), into, static_cast<int>(room));
    if (got > 0) return got;
    const int why = ::SSL_get_error(tls_.get(), got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

connection::progress connection::go_on() {
    flush();
    static std::array<char, 262'144> buffer;  // one thread, one buffer
    for (;;) {
        const auto got = receive(buffer.data(), buffer.size());
        if (got < 0) return progress::waiting;
        if (got == 0) {
            closes_ = true;
            return in_body_ && length_ == length::until_close ? progress::answered : progress::ended;
        }
        if (take({buffer.data(), static_cast<std::size_t>(got)})) return progress::answered;
        // Most often all has come at once: no second look that finds nothing. TLS may hold more of its own.
        if (!tls_ && static_cast<std::size_t>(got) < buffer.size()) return progress::waiting;
    }
}

bool connection::take(std::string_view bytes) {
    if (in_body_) return take_body(bytes);
    head_ += bytes;
    const auto end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    read_head(std::string_view(head_).substr(0, end + 2));
    in_body_ = true;
    keeps_body_ = keeps_body_ || status_ != 200 || length_ != length::known;
    return take_body(std::string_view(head_).substr(end + 4));
}

bool connection::take_body(std::string_view bytes) {
    if (keeps_body_) body_ += bytes;
    switch (length_) {
        case length::known:
            left_ -= std::min(left_, bytes.size());
            return left_ == 0;
        case length::chunked:
            return body_ == "0\r\n\r\n" || body_.ends_with("\r\n0\r\n\r\n");
        case length::until_close:
            return false;
    }
    return false;
}

void connection::read_head(std::string_view head) {
    // HTTP/1.1 200 OK
    status_ = 0;
    if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status_);
    length_ = length::until_close;
    closes_ = head.starts_with("HTTP/1.0");
    for (auto at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        std::string_view line = head.substr(at + 2);
        line = line.substr(0, line.find("\r\n"));
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        std::string_view value = line.substr(colon + 1);
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        if (same_without_case(name, "content-length")) {
            length_ = length::known;
            std::from_chars(value.data(), value.data() + value.size(), left_);
        } else if (same_without_case(name, "transfer-encoding")) {
            length_ = length::chunked;
        } else if (same_without_case(name, "connection")) {
            closes_ = same_without_case(value, "close");
        }
    }
}

}  // namespace borealis::bench
