#include "core/log.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>

#include <fmt/chrono.h>
#include <unistd.h>

namespace borealis::core {
namespace {

std::atomic<log_level> threshold = log_level::info;

}  // namespace

void set_log_level(log_level level) { threshold.store(level, std::memory_order_relaxed); }
log_level current_log_level() { return threshold.load(std::memory_order_relaxed); }

void write_log_line(log_level level, std::string_view text) {
    static constexpr std::array<std::string_view, 4> names = {"debug", "info", "warning", "error"};
    const auto now = std::chrono::system_clock::now();
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
    fmt::memory_buffer line;
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    fmt::format_to(fmt::appender(line), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z {} ", utc, milliseconds,
                   names.at(static_cast<std::size_t>(level)));
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            fmt::format_to(fmt::appender(line), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            line.push_back(c);
        }
    }
    line.push_back('\n');
    // A log line that cannot be written has nowhere else to go.
    [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace borealis::core
