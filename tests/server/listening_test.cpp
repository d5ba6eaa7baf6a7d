// Listening sockets: one a thread, of which the first has the port to itself.
#include "server/listening.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace borealis::server {
namespace {

constexpr listen_setting setting{};

tcp_endpoint loopback(std::uint16_t port = 0) { return endpoint_of(setting, "127.0.0.1", port); }

/// errno of one attempt to connect; 0 when it goes well.
int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int problem = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
    ::close(fd);
    return problem;
}

TEST(listening, given_a_port_when_each_thread_listens_then_all_share_it) {
    core::asio::io_context loop(1);
    auto at = loopback();
    tcp_acceptor first(loop.get_executor()), second(loop.get_executor());
    listen_on(first, at, socket_order::first, setting);
    ASSERT_NE(at.port(), 0);
    listen_on(second, at, socket_order::further, setting);
    first.non_blocking(true);
    second.non_blocking(true);
    int taken[] = {0, 0};
    for (int i = 0; i < 64; ++i) {
        ASSERT_EQ(connect_to(at.port()), 0);
        boost::system::error_code none;
        core::asio::basic_stream_socket<core::asio::ip::tcp, core::executor> client(loop.get_executor());
        first.accept(client, none);
        if (!none) {
            ++taken[0];
            continue;
        }
        second.accept(client, none);
        ASSERT_FALSE(none) << none.message();
        ++taken[1];
    }
    EXPECT_GT(taken[0], 0);
    EXPECT_GT(taken[1], 0);
}

TEST(listening, given_a_port_that_is_served_when_somebody_else_would_listen_then_he_is_told) {
    core::asio::io_context loop(1);
    auto at = loopback();
    tcp_acceptor first(loop.get_executor()), other(loop.get_executor());
    listen_on(first, at, socket_order::first, setting);
    EXPECT_THROW(listen_on(other, at, socket_order::first, setting), std::runtime_error);
}

TEST(listening, given_a_client_that_tries_all_the_time_when_a_port_opens_then_it_is_refused_or_taken_and_never_reset) {
    core::asio::io_context loop(1);
    constexpr std::size_t ports = 200;
    std::vector<std::uint16_t> free;
    {
        std::vector<tcp_acceptor> bound;
        for (std::size_t i = 0; i < ports; ++i) {
            bound.emplace_back(loop.get_executor(), loopback());
            free.push_back(bound.back().local_endpoint().port());
        }
    }
    std::atomic<std::size_t> connected = 0;
    std::atomic<bool> ends = false;
    int odd = 0;
    std::thread client([&] {
        while (connected < ports && !ends) {
            const int problem = connect_to(free[connected]);
            if (problem == 0) ++connected;
            // A listening socket that is closed again resets who waits at it.
            if (problem != 0 && problem != ECONNREFUSED) ++odd;
        }
    });
    std::list<tcp_acceptor> open;
    for (std::size_t i = 0; i < ports; ++i) {
        auto at = loopback(free[i]);
        listen_on(open.emplace_back(loop.get_executor()), at, socket_order::first, setting);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (connected <= i && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    }
    ends = true;
    client.join();
    EXPECT_EQ(connected, ports);
    EXPECT_EQ(odd, 0);
}

}  // namespace
}  // namespace borealis::server
