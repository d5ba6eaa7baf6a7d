// A server that ends the session together with the answer to what was sent before.
#include <array>
#include <stdexcept>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.hpp"
#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

using namespace std::string_literals;

std::string message(char type, const std::string& body) {
    const auto size = static_cast<std::uint32_t>(body.size() + 4);
    std::string out(1, type);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
    return out + body;
}

/// Lets one client log in, answers its first Parse and Describe, and is gone with a FATAL in the same segment.
class ending_server {
 public:
    ending_server() : listens_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* const generic = reinterpret_cast<sockaddr*>(&at);
        if (::bind(listens_, generic, size) != 0 || ::listen(listens_, 1) != 0 ||
            ::getsockname(listens_, generic, &size) != 0) {
            throw std::runtime_error("no port");
        }
        port = ntohs(at.sin_port);
        serves_ = std::thread([this] { serve(); });
    }
    ~ending_server() {
        ::shutdown(listens_, SHUT_RDWR);
        serves_.join();
        ::close(listens_);
    }
    ending_server(const ending_server&) = delete;
    ending_server& operator=(const ending_server&) = delete;

    std::uint16_t port = 0;

 private:
    void serve() const {
        const int client = ::accept4(listens_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) return;
        const auto ready = message('Z', "I");
        const auto fatal = message('E', "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"s);
        std::array<char, 4096> heard{};
        if (::recv(client, heard.data(), heard.size(), 0) > 0) {
            say(client, message('R', "\0\0\0\0"s) + message('K', "\0\0\0\1\0\0\0\2"s) + ready);
        }
        if (::recv(client, heard.data(), heard.size(), 0) > 0) {
            say(client, message('1', "") + message('t', "\0\0"s) + message('n', "") + ready + fatal);
        }
        ::close(client);
    }
    static void say(int to, const std::string& what) {
        EXPECT_EQ(::send(to, what.data(), what.size(), MSG_NOSIGNAL), static_cast<ssize_t>(what.size()));
    }

    int listens_;
    std::thread serves_;
};

class postgres_early_end : public testing::TestWithParam<protocol> {};

TEST_P(postgres_early_end, given_an_end_that_comes_with_an_answer_when_the_statement_goes_on_then_it_fails_at_once) {
    ending_server server;
    core::asio::io_context io{1};
    const auto driver = make_driver(GetParam());
    auto made = run(io, driver->connect({.host = "127.0.0.1", .port = server.port, .tls = sql::tls_mode::disable},
                                        {"someone", core::secret_text("x")}, "d", soon()));
    ASSERT_TRUE(made) << made.error().message;
    keeper into;
    const auto began = core::clock::now();
    const auto done =
        run(io, (*made)->execute("UPDATE t SET v = 1", {}, into, sql::description::types, core::deadline::after(40s)));
    ASSERT_FALSE(done);
    // As nothing of it was sent, native sessions can say so; libpq learns of the end after it has sent.
    if (GetParam() == protocol::native) EXPECT_EQ(done.error().kind, sql::failure_kind::unreachable);
    EXPECT_NE(done.error().kind, sql::failure_kind::timeout);
    EXPECT_LT(core::clock::now() - began, 30s);
    EXPECT_FALSE((*made)->usable());
}

INSTANTIATE_TEST_SUITE_P(protocols, postgres_early_end, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
