#include "client/environment.hpp"

#include <cstdlib>
#include <random>
#include <thread>

namespace borealis::client {

environment system_environment() {
    return {
        .variable = [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            if (value == nullptr || *value == '\0') return std::nullopt;
            return value;
        },
        .now = [] { return std::chrono::system_clock::now(); },
        .steady_now = [] { return std::chrono::steady_clock::now(); },
        .sleep = [](std::chrono::steady_clock::duration time) { std::this_thread::sleep_for(time); },
        .random =
            [] {
                thread_local std::minstd_rand source(std::random_device{}());  // spreads retries, protects nothing
                return std::uniform_real_distribution<double>(0, 1)(source);
            },
    };
}

}  // namespace borealis::client
