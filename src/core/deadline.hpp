#pragma once
/// One point in steady time per request, passed down; no layer invents another.

#include <algorithm>
#include <chrono>

namespace borealis::core {

using clock = std::chrono::steady_clock;

class deadline {
 public:
    /// Never passes.
    constexpr deadline() = default;
    constexpr explicit deadline(clock::time_point at) : at_(at) {}
    [[nodiscard]] static deadline after(clock::duration from_now) { return deadline(clock::now() + from_now); }

    [[nodiscard]] constexpr clock::time_point at() const { return at_; }
    [[nodiscard]] bool passed(clock::time_point now = clock::now()) const { return now >= at_; }
    /// Time left, never negative.
    [[nodiscard]] clock::duration left(clock::time_point now = clock::now()) const {
        return at_ <= now ? clock::duration::zero() : at_ - now;
    }
    /// The earlier of this and `other`.
    [[nodiscard]] constexpr deadline sooner(deadline other) const { return deadline(std::min(at_, other.at_)); }

 private:
    clock::time_point at_ = clock::time_point::max();
};

}  // namespace borealis::core
