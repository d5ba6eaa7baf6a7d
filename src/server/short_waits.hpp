#pragma once
/// Waiting awake for what is about to come: a thread that goes to sleep for 20 µs spends as much CPU on that and on
/// being woken, and both take time. Only while one caller alone is served (several are work enough), and only as long
/// as it proves right.

#include <chrono>
#include <cstdint>

#include "core/async.hpp"
#include "core/deadline.hpp"

namespace borealis::server {

/// Of one thread.
class short_waits {
 public:
    /// @param most  How long to stay awake each time; 0: never.
    short_waits(const core::executor& home, std::chrono::microseconds most) : home_(home), most_(most) {}
    short_waits(const short_waits&) = delete;
    short_waits& operator=(const short_waits&) = delete;

    void set(std::chrono::microseconds most) { most_ = most; }

    /// One call, from when its request has been read (what it waits for may come soon) until it has been answered (the
    /// caller's next request may come soon).
    class call {
     public:
        /// @param at  Outlives this. Null: nobody waits awake.
        explicit call(short_waits* at) : at_(at) {
            if (at_ != nullptr) at_->asked();
        }
        call(const call&) = delete;
        call& operator=(const call&) = delete;
        ~call() {
            if (at_ != nullptr) at_->answered();
        }

     private:
        short_waits* at_;
    };

    /// Waits that were worth it, and others. For tests.
    [[nodiscard]] std::uint64_t right() const { return right_; }
    [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
    /// Of one kind of wait: how often it came to nothing lately.
    struct habit {
        std::uint32_t pass = 0;     ///< So many waits are not tried …
        std::uint32_t penalty = 0;  ///< … twice as many after each that was in vain, until one is not.
    };
    static constexpr std::uint32_t most_penalty = 1023;

    void asked();
    void answered();
    void came();
    void begin(habit& what);
    void look();

    core::executor home_;
    std::chrono::microseconds most_;
    habit for_answer_;
    habit for_request_;
    habit* now_ = nullptr;  ///< The wait under way.
    core::clock::time_point until_;
    std::uint32_t calls_ = 0;  ///< Under way.
    bool looking_ = false;     ///< A turn of look() will come.
    std::uint64_t right_ = 0;
    std::uint64_t wrong_ = 0;
};

}  // namespace borealis::server
