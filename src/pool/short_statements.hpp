#pragma once
/// Which statements have proved short, and which of those that write do well one after the other.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "core/deadline.hpp"
#include "sql/rewrite.hpp"

namespace borealis::pool {

/// What counts as short.
struct short_limits {
    std::uint32_t after = 8;               ///< Times that a statement must have been short.
    std::chrono::microseconds time{5000};  ///< What it usually takes at the database.
    std::chrono::milliseconds slow{50};    ///< It is slow when it takes longer than that, though it usually does not.
    std::size_t bytes = 32 * 1024;         ///< Of a result, as size limits count (R-3.4).
    /// What a write that shares a session may take there, its commit included; 0: none shares.
    std::chrono::microseconds write_time{500};

    friend bool operator==(const short_limits&, const short_limits&) = default;
};

/// How one statement has behaved so far. A single slow or large one takes the standing of one that is new; one that has
/// been short for long is forgiven one in `most_slow`, since on a busy machine anything is slow now and then.
///
/// A write ends with a commit. Commits that wait for a disk are cheap together, from many sessions, and dear one after
/// the other on a few; those that wait for nothing are cheaper the fewer sessions there are. Which it is, is found out:
/// a few calls of a short write share a session, then all for a while, and what shared sessions get done while calls
/// queue on them is compared with what gets done by sessions held alone: a moment before, and warm.
///
///     alone ──so many times──► a trial ──as good──► shares ──so many times, more each time──► alone, to compare
///       ▲                        └──not──┐             └──not better, or no longer as good──┐
///       └────────────────────────────────┴──────────────────────────────────────────────────┘  longer each time
class short_statement {
 public:
    explicit short_statement(bool writes = false) : writes_(writes) {}

    /// It begins on a session of its own …
    void began(core::clock::time_point now) noexcept {
        if (under_way_++ == 0) busy_since_ = now;
    }
    /// A call on a session held alone.
    struct alone_run {
        core::clock::duration took;  ///< At the database.
        std::size_t beside;          ///< Sessions in use meanwhile, its own among them: all have the machine to share.
        core::clock::time_point ended;
    };
    /// … and has run there.
    void observe(const alone_run& what, std::size_t bytes, const short_limits& by) noexcept;

    /// It begins to share one …
    void joined(core::clock::time_point now) noexcept {
        began(now);
        if (writes_ && !shares_) ++trying_;
    }
    /// A call on a shared session.
    struct shared_run {
        core::clock::duration took;  ///< At the database, without what it waited behind others on its session.
        bool waited;                 ///< It did: `took` is the server's work alone, without the way there.
        std::size_t sessions;        ///< That are shared …
        std::size_t most_sessions;   ///< … and that may be.
        core::clock::time_point ended;
    };
    /// … and has shared it.
    void observe_shared(const shared_run& what, std::size_t bytes, const short_limits& by) noexcept;

    /// May it share a session?
    [[nodiscard]] bool proved(const short_limits& by) const noexcept {
        if (credit_ < by.after || usual_ > by.time) return false;
        if (!writes_) return true;
        return by.write_time.count() > 0 && (shares_ || (next_trial_ == 0 && trying_ < trials));
    }
    /// Its usual time: an average in which the latest counts an eighth.
    [[nodiscard]] core::clock::duration usual() const noexcept { return usual_; }

    static constexpr std::int64_t most_slow = 256;
    static constexpr std::uint32_t trials = 8;            ///< Under way at once, and to decide by.
    static constexpr std::uint32_t before_trial = 64;     ///< Times that a write runs alone first …
    static constexpr std::uint32_t after_failure = 4096;  ///< … or after it did not do well; longer each time, …
    static constexpr std::uint32_t most_failures = 4;     ///< … up to so many times doubled.
    static constexpr std::uint32_t compared = 256;        ///< Times that it shares, or runs alone, to be compared by.
    static constexpr std::uint32_t most_looks = 256;      ///< So often as many until it runs alone again; first once.

 private:
    /// What has got done.
    struct work {
        core::clock::duration took{};
        std::uint64_t sessions = 0;
        std::uint32_t times = 0;

        /// @param by  So many sessions, each of them one.
        void add(core::clock::duration time, std::size_t by) noexcept {
            took += time;
            sessions += by;
            ++times;
        }
        void halve() noexcept { took /= 2, sessions /= 2, times /= 2; }
        [[nodiscard]] core::clock::duration mean() const noexcept { return took / std::max(times, 1U); }
        /// By all of them, in a second.
        [[nodiscard]] double rate() const noexcept {
            const double seconds = std::chrono::duration<double>(took).count();
            return static_cast<double>(sessions) / std::max(seconds, 1e-9);
        }
    };

    void note(core::clock::duration took, std::size_t beside, std::size_t bytes, const short_limits& by) noexcept;
    /// @return How long at least one has been there since the last one left.
    core::clock::duration left(core::clock::time_point now) noexcept;
    void run_alone(std::uint32_t times) noexcept;

    core::clock::duration usual_{};
    std::int64_t credit_ = 0;  ///< A short one earns one, a slow one costs `most_slow`.
    // Of a write:
    work alone_, together_;  ///< The former is the work of all: its time is that in which there was some.
    core::clock::time_point busy_since_;
    std::uint32_t next_trial_ = before_trial;  ///< After so many more times alone.
    std::uint32_t trying_ = 0;
    std::uint32_t under_way_ = 0;  ///< Alone or not.
    std::uint32_t looks_ = 1;
    std::uint32_t looks_left_ = 0;
    std::uint32_t failures_ = 0;
    bool shares_ = false;
    const bool writes_;
    bool seen_ = false;
};

/// The statements of one pool key on one thread; the least recently used one makes room.
class short_statements {
 public:
    explicit short_statements(std::size_t most = 1000) : most_(most) {}
    short_statements(const short_statements&) = delete;
    short_statements& operator=(const short_statements&) = delete;

    /// @param statement  Found by its address: the same text again is the same object as long as
    ///                   `sql::statement_cache` remembers it, and is unknown here when that has forgotten it.
    /// @return Shared with the leases of the calls that run it; the reference is good until the next call.
    [[nodiscard]] const std::shared_ptr<short_statement>& find(const std::shared_ptr<const sql::rewritten>& statement);

    [[nodiscard]] std::size_t size() const { return by_statement_.size(); }

 private:
    struct entry {
        const sql::rewritten* name;
        std::weak_ptr<const sql::rewritten> of;  ///< An address may be used again.
        std::shared_ptr<short_statement> known;
    };

    std::size_t most_;
    std::list<entry> by_use_;  ///< Most recent first.
    std::unordered_map<const sql::rewritten*, std::list<entry>::iterator> by_statement_;
};

}  // namespace borealis::pool
