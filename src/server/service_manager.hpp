#pragma once
/// What systemd, or whoever speaks its protocol, is told of the server.

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/async.hpp"
#include "server/environment.hpp"

namespace borealis::server {

/// sd_notify(3): assignments, a line each, as one datagram to the socket that `NOTIFY_SOCKET` names.
class service_manager {
 public:
    /// Nobody.
    service_manager() = default;
    /// `NOTIFY_SOCKET` (a path, or `@name` of the abstract namespace); `WATCHDOG_USEC` where `WATCHDOG_PID` is unset or
    /// ours.
    explicit service_manager(const environment& variables);

    /// Never blocks for long and never fails: the server does not depend on who listens.
    void tell(std::string_view assignments) const noexcept;
    /// Serves. @param status  For `systemctl status`.
    void ready(std::string_view status) const;
    /// Reads its configuration again; `ready` follows, whatever came of it.
    void reloading() const;
    void stopping() const;

    [[nodiscard]] bool listens() const { return !address_.empty(); }
    /// How long it waits for `WATCHDOG=1` before it ends us; zero: it does not.
    [[nodiscard]] std::chrono::microseconds watchdog() const { return watchdog_; }

 private:
    std::string address_;  // as sun_path has it; empty: nobody
    std::chrono::microseconds watchdog_{0};
};

/// Says `WATCHDOG=1` twice as often as needed, for as long as every loop answers: one that is stuck makes it silent.
class watchdog {
 public:
    /// @param loops  Run until this is gone.
    watchdog(service_manager to, std::vector<core::executor> loops);

 private:
    std::jthread thread_;
};

}  // namespace borealis::server
