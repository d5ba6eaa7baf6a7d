#pragma once
/// Whether whoever asked still waits for the answer.

#include <atomic>

namespace borealis::core {

/// One client connection's word on it. Written by the thread that serves the connection, read by the one that works for
/// it.
class listener {
 public:
    void leave() noexcept { gone_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool gone() const noexcept { return gone_.load(std::memory_order_relaxed); }

 private:
    std::atomic<bool> gone_ = false;
};

}  // namespace borealis::core
