#include "server/service_manager.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace borealis::server {
namespace {

long long number_of(const char* text) {
    long long value = 0;
    if (text == nullptr) return 0;
    const auto end = text + std::strlen(text);
    const auto [at, failed] = std::from_chars(text, end, value);
    return failed == std::errc() && at == end ? value : 0;
}

/// An assignment ends with its line.
std::string one_line(std::string_view text) {
    std::string line(text);
    std::ranges::replace(line, '\n', ' ');
    return line;
}

}  // namespace

service_manager::service_manager(const environment& variables) {
    const char* where = variables("NOTIFY_SOCKET");
    if (where == nullptr || (*where != '/' && *where != '@') || where[1] == '\0') return;
    address_ = where;
    if (address_.size() >= sizeof(sockaddr_un::sun_path)) {
        address_.clear();
        return;
    }
    if (address_.front() == '@') address_.front() = '\0';
    const auto whose = number_of(variables("WATCHDOG_PID"));
    if (whose == 0 || whose == ::getpid())
        watchdog_ = std::chrono::microseconds(std::max(0LL, number_of(variables("WATCHDOG_USEC"))));
}

void service_manager::tell(std::string_view assignments) const noexcept {
    if (address_.empty()) return;
    const int to = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (to < 0) return;
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address_.copy(at.sun_path, sizeof at.sun_path);
    const auto size = offsetof(sockaddr_un, sun_path) + address_.size() + (address_.front() == '\0' ? 0 : 1);
    // Whoever does not listen misses it.
    [[maybe_unused]] const auto ignored =
        ::sendto(to, assignments.data(), assignments.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&at),
                 static_cast<socklen_t>(size));
    ::close(to);
}

void service_manager::ready(std::string_view status) const {
    if (listens()) tell(fmt::format("READY=1\nSTATUS={}", one_line(status)));
}

void service_manager::reloading() const {
    if (!listens()) return;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration again",
                     static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000));
}

void service_manager::stopping() const { tell("STOPPING=1\nSTATUS=running calls and open transactions end"); }

watchdog::watchdog(service_manager to, std::vector<core::executor> loops) {
    if (to.watchdog().count() == 0) return;
    thread_ = std::jthread([to = std::move(to), loops = std::move(loops)](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "watchdog");
        std::mutex lock;
        std::condition_variable_any bell;
        const auto pause = [&](std::chrono::microseconds time) {
            std::unique_lock held(lock);
            bell.wait_for(held, stop, time, [] { return false; });
            return !stop.stop_requested();
        };
        const auto half = to.watchdog() / 2;
        do {
            const auto answers = std::make_shared<std::atomic<std::size_t>>(0);  // shared with loops that come late
            for (const auto& each : loops) boost::asio::post(each, [answers] { ++*answers; });
            while (*answers < loops.size()) {
                if (!pause(std::min<std::chrono::microseconds>(half / 20, std::chrono::milliseconds(20)))) return;
            }
            to.tell("WATCHDOG=1");
        } while (pause(half));
    });
}

}  // namespace borealis::server
