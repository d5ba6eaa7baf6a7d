#pragma once
/// A token bucket in one number (L-3.33).

#include <atomic>
#include <chrono>
#include <cstdint>

namespace borealis::lambda {

/// So many calls a second, and so many at once after a quiet time. May be asked from any thread.
class rate_limit {
 public:
    /// @param per_second  0: no limit.
    rate_limit(std::uint32_t per_second, std::uint32_t burst)
        : interval_(per_second == 0 ? 0 : 1'000'000'000 / per_second),
          tolerance_(interval_ * (burst == 0 ? 0 : burst - 1)) {}

    /// Whether a call at `now` passes; it is counted then.
    [[nodiscard]] bool pass(std::chrono::steady_clock::time_point now) {
        if (interval_ == 0) return true;
        const auto at = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
        auto due = due_.load(std::memory_order_relaxed);  // when the bucket is full again
        while (true) {
            const auto from = due > at ? due : at;
            if (from - at > tolerance_) return false;
            if (due_.compare_exchange_weak(due, from + interval_, std::memory_order_relaxed)) return true;
        }
    }

 private:
    std::int64_t interval_;
    std::int64_t tolerance_;
    std::atomic<std::int64_t> due_{0};
};

}  // namespace borealis::lambda
