#pragma once
/// Child processes that end with us, run as an unprivileged user, and never keep us waiting for ever.

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "core/deadline.hpp"
#include "core/secret_text.hpp"

namespace borealis::clusters {

/// A file descriptor that is closed with this object.
class descriptor {
 public:
    descriptor() = default;
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor();
    [[nodiscard]] int get() const { return fd_; }
    /// Whose it is to close from now on.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    explicit operator bool() const { return fd_ >= 0; }

 private:
    int fd_ = -1;
};

/// Brings the file system of that folder to the disk. One call: an fsync(2) for each of PostgreSQL's thousand new files
/// took 4 s where this took 0.1 s (ext4, 2 cores, busy machine). Throws std::runtime_error.
void sync_file_system(const std::filesystem::path& at);

/// Who runs the databases.
struct account {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups = {};
    bool is_us = true;  ///< Nothing to change: we are no root.
};

/// `run_as`, or where it is empty `borealis`, else `nobody`, when we are root; ourselves when not.
/// Throws std::runtime_error when there is no such user, it is root, or we may not become it.
[[nodiscard]] account choose_account(const std::string& run_as);

/// The first folder on the way to `target` that `who` may not pass through, or an empty path.
[[nodiscard]] std::filesystem::path first_closed_folder(const account& who, const std::filesystem::path& target);

struct command {
    std::vector<std::string> words;  ///< The program's path first. Visible to all users: no secret.
    core::secret_text input = {};    ///< What it reads on its standard input, from memory.
    int death_signal = 9;            ///< Sent to it when the thread that started it ends, however it ends.
    bool network = false;            ///< It may use other sockets than Unix's (confinement.hpp).
};

/// One child process. Must be waited for to its end, or is killed by the destructor.
class child {
 public:
    child() = default;
    /// Starts `what` in a session of its own as `who`, output and errors going to `output`.
    /// Call on a thread that lives as long as the child may. Throws std::runtime_error when it cannot be started.
    child(const command& what, const account& who, int output);
    child(child&& other) noexcept : id_(std::exchange(other.id_, 0)), handle_(std::move(other.handle_)) {}
    child& operator=(child&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~child();

    [[nodiscard]] bool runs() const { return id_ > 0; }
    [[nodiscard]] pid_t id() const { return id_; }
    /// Readable once it has ended.
    [[nodiscard]] int handle() const { return handle_.get(); }
    void signal(int number) const;
    /// Kills it and what it started in its session.
    void kill() const;
    /// Waits for its end and says how it came: "" after exit status 0, else "status 1" or "signal 9 (Killed)".
    std::string reap();

 private:
    pid_t id_ = 0;
    descriptor handle_;
};

/// Runs a short program and hands out its output; empty where it cannot be run, fails, or takes over `limit`.
[[nodiscard]] std::string output_of(const std::vector<std::string>& words, const account& who,
                                    std::chrono::milliseconds limit);

/// Database processes that work in `folder` or below, whoever started them: left over from a Borealis that was killed.
[[nodiscard]] std::vector<pid_t> database_processes_in(const std::filesystem::path& folder);

/// Connections that a Unix socket's server has accepted and not closed, whoever is at their other ends.
[[nodiscard]] std::size_t connections_to(const std::filesystem::path& socket);

/// Memory of these processes in bytes: each page once among those that share it (PSS), 0 for those that have ended.
[[nodiscard]] std::size_t memory_of(const std::vector<pid_t>& processes);

/// Ends them: a running server is asked to shut down and gets until `until`; what then still runs is killed.
/// Throws std::runtime_error where even that does not end them.
void end_database_processes_in(const std::filesystem::path& folder, core::deadline until);

}  // namespace borealis::clusters
