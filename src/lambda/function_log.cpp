#include "lambda/function_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <system_error>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.hpp"

namespace borealis::lambda {
namespace {

constexpr std::size_t longest_line = 256 * 1024;
constexpr std::size_t tail_bytes = 4096;

double in_ms(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

bool write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(to, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

void line_cutter::add(std::string_view bytes, const std::function<void(std::string_view line)>& line) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto here = std::min(bytes.size(), end);
        const auto room = longest_line - begun_.size();
        if (here > room) {
            begun_.append(bytes.substr(0, room));
            bytes.remove_prefix(room);
            flush(line);
            continue;
        }
        if (end == std::string_view::npos) {
            begun_.append(bytes);
            return;
        }
        if (begun_.empty()) {
            line(bytes.substr(0, end));
        } else {
            begun_.append(bytes.substr(0, end));
            line(begun_);
            begun_.clear();
        }
        bytes.remove_prefix(end + 1);
    }
}

void line_cutter::flush(const std::function<void(std::string_view line)>& line) {
    if (begun_.empty()) return;
    line(begun_);
    begun_.clear();
}

function_log::function_log(std::filesystem::path file, std::size_t most_bytes, bool echo)
    : file_(std::move(file)), most_bytes_(most_bytes), echo_(echo) {
    open();
}

function_log::~function_log() {
    write();
    if (fd_ >= 0) ::close(fd_);
}

void function_log::open() {
    fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat now{};
    size_ = fd_ >= 0 && ::fstat(fd_, &now) == 0 ? static_cast<std::size_t>(now.st_size) : 0;
    if (fd_ < 0 && !failed_) {
        failed_ = true;
        core::log(core::log_level::warning, "{}: function logs are not kept: {}", file_.string(),
                  std::generic_category().message(errno));
    }
}

void function_log::add(std::string_view stream, std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    fmt::format_to(std::back_inserter(pending_), "{} {} {}\n", iso_time(std::chrono::system_clock::now()),
                   stream.substr(0, 8), line);
    if (pending_.size() > 64 * 1024) write();
}

void function_log::write() {
    if (pending_.empty()) return;
    if (echo_) {
        std::fwrite(pending_.data(), 1, pending_.size(), stdout);
        std::fflush(stdout);
    }
    if (size_ > 0 && size_ + pending_.size() > most_bytes_ && fd_ >= 0) {
        std::error_code ignored;  // then the file grows on
        std::filesystem::rename(file_, std::filesystem::path(file_) += ".1", ignored);
        ::close(fd_);
        open();
    }
    if (fd_ >= 0) {
        if (write_all(fd_, pending_)) {
            size_ += pending_.size();
        } else if (!failed_) {
            failed_ = true;
            core::log(core::log_level::warning, "{}: a function's log is not kept: {}", file_.string(),
                      std::generic_category().message(errno));
        }
    }
    pending_.clear();
}

void log_tail::add(std::string_view line) {
    text_ += line;
    text_ += '\n';
    if (text_.size() > 4 * tail_bytes) text_.erase(0, text_.size() - tail_bytes);
}

std::string log_tail::text() const {
    return text_.size() <= tail_bytes ? text_ : text_.substr(text_.size() - tail_bytes);
}

std::string report_line(const report& of) {
    const double ms = in_ms(of.duration);
    std::string line = fmt::format(
        "REPORT RequestId: {}\tDuration: {:.2f} ms\tBilled Duration: {:.0f} ms\tMemory Size: {} MB\tMax Memory Used: "
        "{} MB\t",
        of.request_id, ms, std::ceil(std::max(ms, 0.001)), of.memory_mb, of.peak_memory_mb);
    if (of.init_duration.count() > 0) line += fmt::format("Init Duration: {:.2f} ms\t", in_ms(of.init_duration));
    if (of.timed_out) {
        line += "Status: timeout";
    } else if (!of.error_type.empty()) {
        line += fmt::format("Status: error\tError Type: {}", of.error_type);
    }
    return line;
}

std::string iso_time(std::chrono::system_clock::time_point at) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

}  // namespace borealis::lambda
