#include "server/access_log.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.hpp"
#include "server/call_record.hpp"

namespace borealis::server {
namespace {

using namespace std::chrono_literals;

constexpr auto write_every = 100ms;
constexpr auto patience_at_the_end = 1s;
constexpr auto say_every = 10s;

int open_file(const std::filesystem::path& file) {
    return ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

void access_log::lane::add(std::string_view line) {
    const std::lock_guard held(lock_);
    if (lines_.size() + line.size() > bytes_) {
        ++dropped_;
        return;
    }
    ++taken_;
    lines_ += line;
}

access_log::access_log(access_log_settings with) : with_(std::move(with)) {
    if (!with_.file.empty()) {
        file_ = open_file(with_.file);
        if (file_ < 0)
            throw std::runtime_error(
                fmt::format("[observe] `access_log`: cannot open {}: {}", with_.file.string(), reason()));
    }
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // signals belong to the server's own threads
    writer_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

access_log::~access_log() {
    {
        const std::lock_guard held(lock_);
        ends_ = true;
        gives_up_ = std::chrono::steady_clock::now() + patience_at_the_end;
        ending_ = true;
    }
    wake_.notify_all();
    writer_.join();
    if (file_ >= 0) ::close(file_);
}

access_log::lane& access_log::open_lane() {
    const std::lock_guard held(lock_);
    return lanes_.emplace_back(with_.buffer_bytes);
}

std::vector<access_log::lane*> access_log::lanes() {
    const std::lock_guard held(lock_);
    std::vector<lane*> all;
    for (auto& each : lanes_) all.push_back(&each);
    return all;
}

void access_log::reopen() {
    {
        const std::lock_guard held(lock_);
        wants_reopening_ = true;
    }
    wake_.notify_all();
}

access_log::totals access_log::so_far() {
    totals sum{.dropped = lost_.load()};
    for (auto* each : lanes()) {
        const std::lock_guard held(each->lock_);
        sum.lines += each->taken_;
        sum.dropped += each->dropped_;
    }
    sum.lines -= lost_.load();
    return sum;
}

void access_log::run() {
    for (bool ends = false; !ends;) {
        bool reopens = false;
        {
            std::unique_lock held(lock_);
            wake_.wait_for(held, write_every, [this] { return ends_ || wants_reopening_; });
            ends = ends_;
            reopens = std::exchange(wants_reopening_, false);
        }
        write_out();  // what was logged before the file was moved belongs to it
        if (reopens) open_again();
    }
}

void access_log::write_out() {
    std::string lines;
    std::uint64_t dropped = 0;
    for (auto* each : lanes()) {
        std::string some;
        {
            const std::lock_guard held(each->lock_);
            some.swap(each->lines_);
            dropped += each->dropped_;
        }
        lines += some;
    }
    if (dropped != told_) {
        lines += fmt::format("{{\"time\":\"{}\",\"dropped\":{}}}\n", time_text(std::chrono::system_clock::now()),
                             dropped - told_);
        core::log(core::log_level::warning,
                  "access log: {} lines were dropped: what they are written to does not keep up",
                  dropped - std::exchange(told_, dropped));
    }
    if (!lines.empty()) write_all(lines);
}

void access_log::open_again() {
    if (with_.file.empty()) return;
    const int fresh = open_file(with_.file);
    if (fresh < 0) {
        core::log(core::log_level::error, "access log: cannot open {} again, the old file is written on: {}",
                  with_.file.string(), reason());
        return;
    }
    ::close(std::exchange(file_, fresh));
    core::log(core::log_level::info, "access log: {} was opened again", with_.file.string());
}

/// In whole lines of up to PIPE_BUF octets where it is no file, so that they do not mix with others'.
void access_log::write_all(std::string_view text) {
    const int to = with_.file.empty() ? STDERR_FILENO : file_;
    struct stat is{};
    const bool at_once = ::fstat(to, &is) == 0 && S_ISREG(is.st_mode);
    if (torn_) torn_ = ::write(to, "\n", 1) != 1;
    while (!text.empty()) {
        auto piece = text;
        if (!at_once) {
            const auto whole_lines = text.substr(0, PIPE_BUF).rfind('\n');
            piece = text.substr(0, whole_lines == std::string_view::npos ? text.find('\n') + 1 : whole_lines + 1);
            pollfd ready{.fd = to, .events = POLLOUT, .revents = 0};
            while (::poll(&ready, 1, 100) == 0)
                if (ending_ && std::chrono::steady_clock::now() > gives_up_) return give_up(text);
        }
        const auto done = ::write(to, piece.data(), piece.size());
        if (done < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (done < 0) {
            const auto why = reason();
            const auto now = std::chrono::steady_clock::now();
            if (now >= says_again_) core::log(core::log_level::error, "access log: lines are lost: {}", why);
            says_again_ = std::max(says_again_, now + say_every);
            return give_up(text);
        }
        torn_ = done == 0 || text[static_cast<std::size_t>(done) - 1] != '\n';
        text.remove_prefix(static_cast<std::size_t>(done));
    }
}

void access_log::give_up(std::string_view lines) {
    lost_ += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
}

}  // namespace borealis::server
