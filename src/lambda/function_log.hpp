#pragma once
/// What functions print: cut into lines, kept in one bounded file a function, and the last of it for each call.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace borealis::lambda {

/// Cuts a stream of bytes into lines, however they arrive. A line over 256 KB, the largest log record, is cut there.
class line_cutter {
 public:
    /// Calls `line` for each whole one, without its end.
    void add(std::string_view bytes, const std::function<void(std::string_view line)>& line);
    /// The same for what stands there without an end, if anything does.
    void flush(const std::function<void(std::string_view line)>& line);

 private:
    std::string begun_;
};

/// One file a function: `2026-11-27T03:36:00.123Z 0a1b2c3d text`, where the second word names the process's log stream.
/// Full, it becomes `<file>.1` in place of the last one, and a new one is begun. A file that cannot be written is said
/// once in the server's log and else passed over: no call fails for its log.
class function_log {
 public:
    function_log(std::filesystem::path file, std::size_t most_bytes, bool echo);
    function_log(const function_log&) = delete;
    function_log& operator=(const function_log&) = delete;
    ~function_log();

    /// Adds one record to what the next `write` writes.
    void add(std::string_view stream, std::string_view line);
    void write();

 private:
    void open();

    std::filesystem::path file_;
    std::size_t most_bytes_;
    bool echo_;
    int fd_ = -1;
    bool failed_ = false;
    std::size_t size_ = 0;
    std::string pending_;
};

/// The last bytes of one call's log (L-2.11: 4 KB).
class log_tail {
 public:
    void add(std::string_view line);
    void clear() { text_.clear(); }
    [[nodiscard]] std::string text() const;

 private:
    std::string text_;
};

/// What a REPORT line says (L-1.70, L-1.71).
struct report {
    std::string_view request_id;
    std::chrono::microseconds duration{0};
    std::chrono::microseconds init_duration{0};  ///< 0: not shown.
    unsigned memory_mb = 0;
    unsigned peak_memory_mb = 0;
    bool timed_out = false;
    std::string_view error_type = {};  ///< Empty: no error.
};
[[nodiscard]] std::string report_line(const report& of);

/// `2026-11-27T03:36:00.123Z`
[[nodiscard]] std::string iso_time(std::chrono::system_clock::time_point at);

}  // namespace borealis::lambda
