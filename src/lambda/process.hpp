#pragma once
/// One function's program as a child process: clean environment, own process group, ends with us.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace borealis::lambda {

/// Who runs the functions.
struct account {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
    bool is_us = true;       ///< Nothing to change: we are no root, or are told to stay it.
    bool by_choice = false;  ///< The user was named by the configuration.
};

/// `run_as`, or where it is empty `borealis`, else `nobody`, when we are root; ourselves when not.
/// Throws std::runtime_error when there is no such user, or we may not become it.
[[nodiscard]] account choose_account(const std::string& run_as);

struct launch {
    std::filesystem::path program;         ///< Executed, with its path as its only word.
    std::filesystem::path folder;          ///< Working directory.
    std::filesystem::path temp_folder;     ///< Must be the account's to write in.
    std::vector<std::string> environment;  ///< `NAME=value`; nothing else is passed on.
};

/// Why a program did not start.
struct launch_failure {
    enum class stage : std::uint8_t { machine, user, folder, temp_folder, execute };
    stage at = stage::machine;
    int error = 0;  ///< errno
};

/// A child that runs, and what we hold of it. The owner closes the descriptors, and ends and reaps the child.
struct started_process {
    pid_t id = 0;
    int handle = -1;  ///< pidfd: readable once it has ended.
    int output = -1;  ///< Its standard output and error; non-blocking.
};

/// Starts `what` in a process group of its own: standard input empty, output into one pipe, no core dump, 1,024
/// descriptors (L-1.54). It is killed when the calling thread ends, so call on a thread that lives as long.
[[nodiscard]] std::expected<started_process, launch_failure> start(const launch& what, const account& who);

/// Kills what is left of a child's process group, then reaps the child. Call once it has ended (its handle is
/// readable).
/// @return Its wait status.
int reap(pid_t id);

/// What AWS says of a process that ended by itself (L-1.42 to L-1.44), from its wait status:
/// `Runtime exited without providing a reason`, `Runtime exited with error: exit status 3`,
/// `Runtime exited with error: signal: segmentation fault`.
[[nodiscard]] std::string exit_text(int wait_status);

/// Most memory that a process has had (VmHWM), in MB rounded up; 0 when it cannot be read.
[[nodiscard]] unsigned peak_memory_mb(pid_t id);

}  // namespace borealis::lambda
