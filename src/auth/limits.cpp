#include "auth/limits.hpp"

#include <algorithm>

namespace borealis::auth {

caller_limits caller_limits::with(const caller_limits& own) const {
    caller_limits made = *this;
    if (own.requests_per_second) {
        made.requests_per_second = own.requests_per_second;
        made.burst = own.burst;
    } else if (own.burst != 0) {
        made.burst = own.burst;
    }
    if (own.concurrent_calls) made.concurrent_calls = own.concurrent_calls;
    if (own.open_transactions) made.open_transactions = own.open_transactions;
    if (own.statement_time) made.statement_time = own.statement_time;
    if (own.rows) made.rows = own.rows;
    if (own.answer_bytes) made.answer_bytes = own.answer_bytes;
    made.read_only |= own.read_only;
    made.denied = made.denied | own.denied;
    return made;
}

/// The token bucket in its other shape (GCRA, ITU-T I.371): one number, the time at which the bucket is full again.
bool meter::take_request(const caller_limits& by, std::chrono::nanoseconds at) {
    if (!by.requests_per_second) return true;
    const auto one = static_cast<std::int64_t>(1e9 / *by.requests_per_second);
    const auto burst = by.burst != 0 ? static_cast<double>(by.burst) : std::max(1.0, *by.requests_per_second);
    const auto whole = static_cast<std::int64_t>(burst * static_cast<double>(one));
    const auto now = at.count();
    auto full = full_again_.load(std::memory_order_relaxed);
    while (true) {
        const auto then = std::max(full, now) + one;
        if (then > now + whole) return false;
        if (full_again_.compare_exchange_weak(full, then, std::memory_order_relaxed)) return true;
    }
}

std::optional<meter::use> meter::begin(const std::shared_ptr<meter>& of, std::atomic<std::size_t>& in,
                                       const std::optional<std::size_t>& most) {
    const auto before = in.fetch_add(1, std::memory_order_relaxed);
    use made(in, of);
    if (most && before >= *most) return std::nullopt;
    return made;
}

}  // namespace borealis::auth
