#pragma once
/// Log lines on standard error: one line an event, `time level message`, never a secret, never a statement's values.

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace borealis::core {

enum class log_level : std::uint8_t { debug, info, warning, error, off };

/// Lines below `level` are dropped. Set once at start (default: info).
void set_log_level(log_level level);
[[nodiscard]] log_level current_log_level();

/// Writes one line with one write(2), so that lines of several threads do not mix. Control characters in `text` are
/// escaped.
void write_log_line(log_level level, std::string_view text);

template <class... Args>
void log(log_level level, fmt::format_string<Args...> format, Args&&... args) {
    if (level >= current_log_level()) write_log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace borealis::core
