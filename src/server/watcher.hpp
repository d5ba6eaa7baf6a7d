#pragma once
/// Follows files on disk.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

namespace borealis::server {

/// Calls `changed` on a thread of its own when the file has another time or size than before, once it has stayed so for
/// a look; looks twice a second. Editors that write a new file and rename it are followed.
class watcher {
 public:
    watcher(std::filesystem::path file, std::function<void()> changed);
    watcher(const watcher&) = delete;
    watcher& operator=(const watcher&) = delete;
    ~watcher();

 private:
    void run();

    std::filesystem::path file_;
    std::function<void()> changed_;
    std::mutex lock_;  // guards over_ alone
    std::condition_variable wake_;
    bool over_ = false;
    std::thread thread_;
};

}  // namespace borealis::server
