#pragma once
/// How many sessions of one pool key are open, all threads together.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"

namespace borealis::pool {

class key_budget;

/// The right to have one session open. Destroying it gives it to whoever has waited longest, on any thread.
class share {
 public:
    share() = default;
    share(share&& other) noexcept : of_(std::move(other.of_)) {}
    share& operator=(share&& other) noexcept {
        std::swap(of_, other.of_);
        return *this;
    }
    ~share() {
        if (of_) give();
    }

    [[nodiscard]] explicit operator bool() const { return of_ != nullptr; }

 private:
    friend class key_budget;
    explicit share(std::shared_ptr<key_budget> of) : of_(std::move(of)) {}
    void give() noexcept;

    std::shared_ptr<key_budget> of_;
};

/// One thread's end of a budget. Both functions are posted to the thread's executor.
class budget_member {
 public:
    budget_member() = default;
    budget_member(const budget_member&) = delete;
    budget_member& operator=(const budget_member&) = delete;
    virtual ~budget_member() = default;

    /// A share that take_or_want() asked for.
    virtual void granted(share unit) = 0;
    /// Another thread wants a share: close an idle session, if there is one, and pass its share on.
    virtual void asked() = 0;
};

/// The budget of one key. Any thread may call it. Its lock is taken where a session is opened, closed or waited for,
/// never where an idle one is taken or comes home: there only `wanted()` is read, which is written while somebody
/// waits.
class key_budget : public std::enable_shared_from_this<key_budget> {
 public:
    explicit key_budget(std::size_t maximum) : maximum_(maximum) {}

    /// Makes a thread known. `at` must live until leave() has returned.
    void join(std::weak_ptr<budget_member> who, core::executor at);
    /// Nothing is posted to the member's thread afterwards, and its wants are forgotten.
    void leave(const budget_member* who);

    void set_maximum(std::size_t maximum);

    /// How much a share is wanted. A session cannot move between threads: to give one up costs a new login.
    enum class need : std::uint8_t {
        some,    ///< `who` has none: others give up a session as soon as one is idle, and after `patience` also before
                 ///< their own waiters.
        more,    ///< Those that it has come back to it: others give up nothing.
        longer,  ///< They have not for `patience`: others give up idle ones. All busy, threads keep what they have.
    };

    /// A share if one is left. Otherwise notes that `who` has wanted one since `since`, and asks the other threads to
    /// close an idle session; the share comes by `granted`.
    [[nodiscard]] std::optional<share> take_or_want(const budget_member* who, core::clock::time_point since,
                                                    need how = need::some);

    /// The wants of `who` are of this need from now on.
    void press(const budget_member* who, need how);

    /// A share if one is left.
    [[nodiscard]] std::optional<share> take();

    /// Forgets the latest wants of `who` until `left` remain.
    void unwant(const budget_member* who, std::size_t left);

    /// Does any thread want a share? Without the lock, so perhaps a moment old; whoever wants also sends `asked`.
    [[nodiscard]] bool wanted() const { return wanted_.load(std::memory_order_relaxed) != 0; }

    /// The want of another thread's that a session of `who` should serve rather than `who`'s own waiter.
    struct claim {
        const budget_member* whose = nullptr;
    };
    /// @param own_first  Since when `who`'s own first waiter waits; nothing when nobody does. An own waiter is served
    ///                   unless the other has waited `patience` longer: a session cannot move between threads, so that
    ///                   serving the other costs a new connection.
    /// @return The longest waiting one, its want removed: it must be sent a share now.
    [[nodiscard]] std::optional<claim> claim_for_another(const budget_member* who,
                                                         std::optional<core::clock::time_point> own_first);
    static constexpr std::chrono::milliseconds patience{250};

    /// Sends the share to the claimer.
    void deliver(claim to, share unit);

    /// The share of a session that was lent without it.
    [[nodiscard]] share adopt() { return share(shared_from_this()); }
    /// Lends a session: its share is counted, but nobody's, until adopt().
    static void lend(share& unit) { unit.of_.reset(); }

    [[nodiscard]] std::size_t open() const;
    /// More are open than may be, since the maximum was lowered.
    [[nodiscard]] bool exceeded() const;

 private:
    friend class share;
    struct thread {
        std::weak_ptr<budget_member> who;
        const budget_member* name;
        core::executor at;
    };
    struct want {
        const budget_member* whose;
        core::clock::time_point since;
        need how;
    };

    void give() noexcept;
    void ask_all_but(const budget_member* who);
    void send(const budget_member* to, share unit);
    void serve_front();
    void note_wanted() { wanted_.store(wants_.size(), std::memory_order_relaxed); }

    // Recursive, because a grant that cannot be posted for want of memory gives its share back while the lock is held.
    mutable std::recursive_mutex guard_;
    std::size_t maximum_;
    std::size_t open_ = 0;
    std::deque<want> wants_;  ///< Longest waiting first.
    std::vector<thread> threads_;
    std::atomic<std::size_t> wanted_ = 0;
};

/// The budgets of all keys.
class budget_table {
 public:
    [[nodiscard]] std::shared_ptr<key_budget> find(const std::string& key, std::size_t maximum);

 private:
    std::mutex guard_;
    std::unordered_map<std::string, std::weak_ptr<key_budget>> all_;
};

}  // namespace borealis::pool
