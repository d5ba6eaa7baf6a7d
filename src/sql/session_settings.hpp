#pragma once
/// What all sessions of a driver have in common, whatever they connect to.

#include <chrono>
#include <cstddef>

namespace borealis::sql {

struct session_settings {
    /// Prepared statements that a session keeps, the least recently used one out first. At least `least_statements`.
    std::size_t statements = 256;
    /// A batch needs up to 64 of them at once.
    static constexpr std::size_t least_statements = 100;

    /// Sets of a batch are sent at once (MySQL), or many rows as one statement (PostgreSQL), where that is the same.
    bool batches_at_once = true;

    /// connection::begin() makes no round trip where it can be done without.
    bool quick_begin = true;

    // How a session notices that its server is gone without a word (tcp(7)). Of TCP connections alone.

    std::chrono::seconds keepalive_idle{30};      ///< TCP_KEEPIDLE; 0: no keepalive.
    std::chrono::seconds keepalive_interval{10};  ///< TCP_KEEPINTVL
    int keepalive_count = 3;                      ///< TCP_KEEPCNT
    /// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged; 0: the kernel's own limit.
    std::chrono::milliseconds user_timeout{30'000};

    friend bool operator==(const session_settings&, const session_settings&) = default;
};

}  // namespace borealis::sql
