#include "server/key_file.hpp"

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/deadline.hpp"

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

constexpr mode_t owner_only = 0600;
/// For another process that changes the file, which takes milliseconds.
constexpr std::chrono::seconds longest_wait{10};
constexpr std::string_view file_name = "keys.json";

[[noreturn]] void fail(const fs::path& file, std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), what));
}

[[noreturn]] void fail_system(const fs::path& file, std::string_view what) {
    const std::error_code why(errno, std::generic_category());
    throw std::runtime_error(fmt::format("{}: cannot {}: {}", file.string(), what, why.message()));
}

class descriptor {
 public:
    descriptor(const fs::path& file, int flags) : fd_(::open(file.c_str(), flags | O_CLOEXEC, owner_only)) {
        if (fd_ < 0) fail_system(file, "open it");
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { ::close(fd_); }
    [[nodiscard]] int operator*() const { return fd_; }

 private:
    int fd_;
};

void write_whole(const fs::path& file, const std::string& text) {
    const descriptor out(file, O_WRONLY | O_CREAT | O_TRUNC);
    for (std::size_t at = 0; at < text.size();) {
        const auto written = ::write(*out, text.data() + at, text.size() - at);
        if (written < 0 && errno != EINTR) fail_system(file, "write it");
        if (written > 0) at += static_cast<std::size_t>(written);
    }
    if (::fsync(*out) != 0) fail_system(file, "write it");
}

}  // namespace

std::string state_seal::close(std::string_view text, std::string_view context) const {
    return with_.close(text, context);
}

std::optional<core::secret_text> state_seal::open(std::string_view sealed, std::string_view context) const {
    return with_.open(sealed, context);
}

key_file::key_file(const fs::path& state_folder, const auth::seal& with)
    : path_(state_folder / file_name), seal_(with) {}

bool key_file::in(const fs::path& state_folder) {
    const auto file = state_folder / file_name;
    std::error_code failed;
    const bool there = fs::exists(file, failed);
    if (failed) fail(file, failed.message());
    return there;
}

key_file::stamp key_file::look() const {
    struct stat about{};
    if (::stat(path_.c_str(), &about) != 0) return {};
    return {.file = about.st_ino,
            .nanoseconds = about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec,
            .bytes = about.st_size};
}

std::vector<auth::user> key_file::read() const {
    struct stat about{};
    if (::stat(path_.c_str(), &about) != 0) {
        if (errno == ENOENT) return {};
        fail_system(path_, "look at it");
    }
    if (!S_ISREG(about.st_mode)) fail(path_, "it is no plain file");
    if ((about.st_mode & 077) != 0)
        fail(path_, fmt::format("others may read or write it: chmod 600 {}", path_.string()));
    if (about.st_uid != ::geteuid() && about.st_uid != 0) {
        fail(path_, fmt::format("it belongs to user {}, who could change it, and not to user {}: chown {} {}",
                                about.st_uid, ::geteuid(), ::geteuid(), path_.string()));
    }
    std::ifstream in(path_, std::ios::binary);
    if (!in) fail_system(path_, "read it");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto users = auth::read_users(text, seal_);
    if (!users) fail(path_, users.error().message);
    return *std::move(users);
}

class key_file::lock {
 public:
    explicit lock(const fs::path& of) : held_(fs::path(of) += ".lock", O_RDWR | O_CREAT) {
        const auto until = core::clock::now() + longest_wait;
        while (::flock(*held_, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK && errno != EINTR) fail_system(of, "lock it");
            if (core::clock::now() > until) fail(of, "another process has been changing it for 10 s; try again later");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

 private:
    descriptor held_;
};

void key_file::write(const std::vector<auth::user>& users) {
    const auto unfinished = fs::path(path_) += ".new";
    write_whole(unfinished, auth::write_users(users, seal_));
    if (::rename(unfinished.c_str(), path_.c_str()) != 0) fail_system(path_, "replace it");
    const descriptor folder(path_.parent_path(), O_RDONLY | O_DIRECTORY);
    ::fsync(*folder);  // where it fails, the old file may be back after a power cut; it is whole either way
}

void key_file::change(const std::function<void(std::vector<auth::user>&)>& to) {
    const lock held(path_);
    auto users = read();
    to(users);
    write(users);
}

}  // namespace borealis::server
