#pragma once
/// Cancel requests: each is a connection of its own, and libpq 15 only has a blocking call for it, so threads of their
/// own make them.

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace borealis::postgres {

/// What it takes to cancel what one session runs. Any thread.
class cancel_request {
 public:
    cancel_request() = default;
    cancel_request(const cancel_request&) = delete;
    cancel_request& operator=(const cancel_request&) = delete;
    virtual ~cancel_request() = default;

    /// Blocks until the server has taken note of it, for a time that is bounded.
    /// @return Empty, or why it has not.
    [[nodiscard]] virtual std::string send() const = 0;
};

/// One request under way. The server has taken note of it (and will not apply it to a later statement) once it is done.
class cancel_ticket {
 public:
    cancel_ticket();  ///< Its descriptor is negative when none is left.
    cancel_ticket(const cancel_ticket&) = delete;
    cancel_ticket& operator=(const cancel_ticket&) = delete;
    ~cancel_ticket();

    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }
    /// Becomes readable when done; stays open as long as the ticket.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Any thread.
    void finish() noexcept;

 private:
    int descriptor_;
    std::atomic<bool> done_ = false;
};

/// Thread-safe. Its threads start when they are needed and are joined by the destructor.
class canceller {
 public:
    /// Requests that may wait; further ones are turned down.
    static constexpr std::size_t capacity = 256;
    /// More than one, so that a database that swallows packets does not hold up the cancellations at others.
    static constexpr std::size_t most_workers = 4;

    canceller();
    canceller(const canceller&) = delete;
    canceller& operator=(const canceller&) = delete;
    ~canceller();

    /// Asks the database to cancel what the session of `which` runs.
    /// @return Null when too many wait, or neither descriptor nor thread is left for it.
    std::shared_ptr<cancel_ticket> submit(std::shared_ptr<const cancel_request> which);

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::postgres
