#pragma once
/// What one caller may use at most, and how much of it is in use.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "sql/statement_kinds.hpp"

namespace borealis::auth {

/// Limits of one caller. What is not set is bounded by the server's own limits alone. Read by the server's config.
struct caller_limits {
    std::optional<double> requests_per_second = {};  ///< Sustained.
    std::size_t burst = 0;  ///< Requests at once before that rate holds; 0: one second's worth, at least one.
    std::optional<std::size_t> concurrent_calls = {};
    std::optional<std::size_t> open_transactions = {};
    std::optional<std::chrono::milliseconds> statement_time = {};
    std::optional<std::size_t> rows = {};          ///< In one answer.
    std::optional<std::size_t> answer_bytes = {};  ///< Of one result, counted as R-3.4 does.
    bool read_only = false;                        ///< Every session of the caller's is read only at the database.
    sql::statement_kinds denied = {};              ///< Statements that the caller may not send, wherever.

    /// Those of `own` over these.
    [[nodiscard]] caller_limits with(const caller_limits& own) const;
    friend bool operator==(const caller_limits&, const caller_limits&) = default;
};

/// How much one caller uses, all keys and sessions and threads together. Thread-safe, without a lock: one or two atomic
/// operations where there is a limit, nothing where there is none (docs/access.md has what it costs).
class meter {
 public:
    /// Something that counts while it lives.
    class use {
     public:
        use() = default;
        use(use&& other) noexcept : in_(std::exchange(other.in_, nullptr)), keeps_(std::move(other.keeps_)) {}
        use& operator=(use&& other) noexcept {
            std::swap(in_, other.in_);
            std::swap(keeps_, other.keeps_);
            return *this;
        }
        ~use() {
            if (in_ != nullptr) in_->fetch_sub(1, std::memory_order_relaxed);
        }

     private:
        friend class meter;
        use(std::atomic<std::size_t>& in, std::shared_ptr<const void> keeps) : in_(&in), keeps_(std::move(keeps)) {}
        std::atomic<std::size_t>* in_ = nullptr;
        std::shared_ptr<const void> keeps_;
    };

    /// Takes one request out of the rate's bucket; false when it is empty.
    /// @param at  Steady time since any fixed point.
    [[nodiscard]] bool take_request(const caller_limits& by, std::chrono::nanoseconds at);

    /// Nothing when as many are in use already.
    [[nodiscard]] static std::optional<use> begin_call(const std::shared_ptr<meter>& of, const caller_limits& by) {
        return begin(of, of->calls_, by.concurrent_calls);
    }
    [[nodiscard]] static std::optional<use> begin_transaction(const std::shared_ptr<meter>& of,
                                                              const caller_limits& by) {
        return begin(of, of->transactions_, by.open_transactions);
    }

    [[nodiscard]] std::size_t calls() const { return calls_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t transactions() const { return transactions_.load(std::memory_order_relaxed); }

 private:
    [[nodiscard]] static std::optional<use> begin(const std::shared_ptr<meter>& of, std::atomic<std::size_t>& in,
                                                  const std::optional<std::size_t>& most);

    std::atomic<std::int64_t> full_again_{0};  // when the bucket will be full, in nanoseconds of the caller's clock
    std::atomic<std::size_t> calls_{0};
    std::atomic<std::size_t> transactions_{0};
};

}  // namespace borealis::auth
