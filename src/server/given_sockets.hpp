#pragma once
/// Listening sockets that were open before this process: systemd has made them, or the server that it follows.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/process.hpp"
#include "server/environment.hpp"
#include "server/listening.hpp"

namespace borealis::server {

using clusters::descriptor;

/// What each is for: `api`, `admin`, `http_api:NAME`.
class given_sockets {
 public:
    given_sockets() = default;

    /// sd_listen_fds(3): `LISTEN_FDS` where `LISTEN_PID` is ours. Those named `admin` (`FileDescriptorName=`) are for
    /// metrics and health, all others for the API, wherever they listen. Throws std::runtime_error for one that is no
    /// listening TCP socket.
    [[nodiscard]] static given_sockets of_systemd(const environment& variables);

    /// Throws std::runtime_error where it is no listening TCP socket.
    void add(descriptor socket, std::string_view name);

    /// Where those of that name listen.
    [[nodiscard]] std::vector<tcp_endpoint> where(std::string_view name) const;
    /// All of that name; with `at`, those that listen there (port 0: any).
    [[nodiscard]] std::vector<descriptor> take(std::string_view name, const tcp_endpoint* at = nullptr);
    /// They decide where the API listens, not the configuration.
    [[nodiscard]] bool decide() const { return decide_; }

 private:
    struct one {
        descriptor socket;
        std::string name;
        tcp_endpoint at;
    };
    std::vector<one> all_;
    bool decide_ = false;
};

/// So many shares, none empty where there is any socket: each socket is in one at least, and in several where there are
/// fewer sockets than shares. Throws std::system_error without a free descriptor.
[[nodiscard]] std::vector<std::vector<descriptor>> dealt(std::vector<descriptor> sockets, std::size_t shares);

/// Takes connections from a socket of another. @return Where it listens.
tcp_endpoint accept_from(tcp_acceptor& acceptor, descriptor socket);

}  // namespace borealis::server
