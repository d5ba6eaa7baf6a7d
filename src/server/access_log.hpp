#pragma once
/// The access log: one JSON object a call, written by a thread of its own.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace borealis::server {

struct access_log_settings {
    bool on = false;
    std::filesystem::path file;                        ///< Empty: standard error.
    bool sql = false;                                  ///< Statements as well, without their values.
    std::size_t buffer_bytes = std::size_t{1} << 20U;  ///< Of each event loop; a line more is dropped, and counted.

    friend bool operator==(const access_log_settings&, const access_log_settings&) = default;
};

/// Event loops put lines into a buffer each, under a lock that is never held while something is written; the thread
/// takes them out ten times a second. Where what is written to does not keep up, lines are dropped and the log says how
/// many: `{"time":"…","dropped":17}`.
class access_log {
 public:
    /// Throws std::runtime_error naming the setting when the file cannot be opened.
    explicit access_log(access_log_settings with);
    access_log(const access_log&) = delete;
    access_log& operator=(const access_log&) = delete;
    /// Writes what is there, for at most a second where it is not taken.
    ~access_log();

    /// One event loop's end.
    class lane {
     public:
        explicit lane(std::size_t bytes) : bytes_(bytes) {}
        /// @param line  With its line feed.
        void add(std::string_view line);

     private:
        friend class access_log;
        const std::size_t bytes_;
        std::mutex lock_;
        std::string lines_;
        std::uint64_t taken_ = 0;    ///< Lines, so far.
        std::uint64_t dropped_ = 0;  ///< Those for which there was no room, so far.
    };
    /// Lives as long as the log.
    [[nodiscard]] lane& open_lane();

    /// The file is opened anew, under its name: it has been moved away. From any thread.
    void reopen();

    struct totals {
        std::uint64_t lines = 0;    ///< Logged.
        std::uint64_t dropped = 0;  ///< No room, or not written.
    };
    [[nodiscard]] totals so_far();

 private:
    [[nodiscard]] std::vector<lane*> lanes();
    void run();
    void write_out();
    void open_again();
    void write_all(std::string_view text);
    void give_up(std::string_view lines);

    const access_log_settings with_;
    int file_ = -1;
    std::mutex lock_;  // of what follows
    std::list<lane> lanes_;
    std::condition_variable wake_;
    bool ends_ = false;
    bool wants_reopening_ = false;
    std::atomic<std::uint64_t> lost_{0};                  ///< Lines that could not be written.
    bool torn_ = false;                                   ///< What was written last ends within a line.
    std::chrono::steady_clock::time_point says_again_{};  ///< That lines are lost.
    std::uint64_t told_ = 0;                              ///< Of those dropped: what the log says already.
    std::chrono::steady_clock::time_point gives_up_{};
    std::atomic<bool> ending_{false};
    std::thread writer_;
};

}  // namespace borealis::server
