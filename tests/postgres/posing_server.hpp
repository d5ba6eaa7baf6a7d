#pragma once
/// A server that only poses as PostgreSQL: each client is told what the test wants.

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sql/connection.hpp"

namespace borealis::postgres {

/// A message of the protocol.
inline std::string message(char type, const std::string& body) {
    const auto size = static_cast<std::uint32_t>(body.size() + 4);
    std::string out(1, type);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
    return out + body;
}

/// All that a server says to one who needs no password; its backend is 7.
inline const std::string admitted =
    message('R', std::string(4, '\0')) + message('K', std::string("\0\0\0\7\0\0\0\11", 8)) + message('Z', "I");

/// Lets clients come one after the other and does with each what it is told.
class posing_server {
 public:
    explicit posing_server(std::vector<std::function<void(int)>> each)
        : listens_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), each_(std::move(each)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* const generic = reinterpret_cast<sockaddr*>(&at);
        if (::bind(listens_, generic, size) != 0 || ::listen(listens_, 4) != 0 ||
            ::getsockname(listens_, generic, &size) != 0) {
            throw std::runtime_error("no port");
        }
        to = {.host = "127.0.0.1", .port = ntohs(at.sin_port), .tls = sql::tls_mode::disable};
        serves_ = std::thread([this] {
            for (const auto& what : each_) {
                const int client = ::accept4(listens_, nullptr, nullptr, SOCK_CLOEXEC);
                if (client < 0) return;
                what(client);
                ::close(client);
            }
        });
    }
    ~posing_server() {
        ::shutdown(listens_, SHUT_RDWR);
        serves_.join();
        ::close(listens_);
    }
    posing_server(const posing_server&) = delete;
    posing_server& operator=(const posing_server&) = delete;

    sql::endpoint to;

 private:
    int listens_;
    std::vector<std::function<void(int)>> each_;
    std::thread serves_;
};

inline std::string hear(int from) {
    std::array<char, 4096> heard{};
    const auto got = ::recv(from, heard.data(), heard.size(), 0);
    return {heard.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}
inline void say(int to, std::string_view what) { (void)::send(to, what.data(), what.size(), MSG_NOSIGNAL); }

}  // namespace borealis::postgres
