#pragma once
/// What a client asks of the machine it runs on, so that tests can answer instead.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace borealis::client {

struct environment {
    /// An environment variable; nothing where it is unset or empty (L-5.51 treats both alike).
    std::function<std::optional<std::string>(const std::string& name)> variable;
    std::function<std::chrono::system_clock::time_point()> now;
    std::function<std::chrono::steady_clock::time_point()> steady_now;
    std::function<void(std::chrono::steady_clock::duration)> sleep;
    std::function<double()> random;  ///< Evenly out of [0, 1).
};

[[nodiscard]] environment system_environment();

}  // namespace borealis::client
