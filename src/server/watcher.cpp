#include "server/watcher.hpp"

#include <chrono>
#include <utility>

namespace borealis::server {
namespace {

using look = std::pair<std::filesystem::file_time_type, std::uintmax_t>;

look look_at(const std::filesystem::path& file) {
    std::error_code failed;
    const auto time = std::filesystem::last_write_time(file, failed);
    if (failed) return {};
    const auto size = std::filesystem::file_size(file, failed);
    return failed ? look() : look(time, size);
}

}  // namespace

watcher::watcher(std::filesystem::path file, std::function<void()> changed)
    : file_(std::move(file)), changed_(std::move(changed)), thread_([this] { run(); }) {}

watcher::~watcher() {
    {
        const std::lock_guard held(lock_);
        over_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void watcher::run() {
    auto known = look_at(file_);
    auto last = known;
    std::unique_lock held(lock_);
    while (!wake_.wait_for(held, std::chrono::milliseconds(500), [this] { return over_; })) {
        const auto now = look_at(file_);
        const bool settled = now == last && now != look();
        last = now;
        if (!settled || now == known) continue;
        known = now;
        held.unlock();
        changed_();
        held.lock();
    }
}

}  // namespace borealis::server
