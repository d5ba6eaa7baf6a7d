#pragma once
/// Which statements have proved short.

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

    friend bool operator==(const short_limits&, const short_limits&) = default;
};

/// How one statement has behaved so far. A single slow or large one takes the standing of one that is new; one that has
/// been short for long is forgiven one in `most_slow`, since on a busy machine anything is slow now and then.
class short_read {
 public:
    /// @param took    At the database, without what it waited behind others on its session.
    /// @param beside  Sessions in use meanwhile, its own among them: all have the machine to share.
    void observe(core::clock::duration took, std::size_t beside, std::size_t bytes, const short_limits& by) noexcept;

    [[nodiscard]] bool proved(const short_limits& by) const noexcept {
        return credit_ >= by.after && usual_ <= by.time;
    }
    /// Its usual time: an average in which the latest counts an eighth.
    [[nodiscard]] core::clock::duration usual() const noexcept { return usual_; }

    static constexpr std::int64_t most_slow = 256;

 private:
    core::clock::duration usual_{};
    std::int64_t credit_ = 0;  ///< A short one earns one, a slow one costs `most_slow`.
    bool seen_ = false;
};

/// The statements of one pool key on one thread; the least recently used one makes room.
class short_reads {
 public:
    explicit short_reads(std::size_t most = 1000) : most_(most) {}
    short_reads(const short_reads&) = delete;
    short_reads& operator=(const short_reads&) = delete;

    /// @param statement  Found by its address: the same text again is the same object as long as
    ///                   `sql::statement_cache` remembers it, and is unknown here when that has forgotten it.
    /// @return Shared with the leases of the calls that run it.
    [[nodiscard]] std::shared_ptr<short_read> find(const std::shared_ptr<const sql::rewritten>& statement);

    [[nodiscard]] std::size_t size() const { return by_statement_.size(); }

 private:
    struct entry {
        const sql::rewritten* name;
        std::weak_ptr<const sql::rewritten> of;  ///< An address may be used again.
        std::shared_ptr<short_read> known;
    };

    std::size_t most_;
    std::list<entry> by_use_;  ///< Most recent first.
    std::unordered_map<const sql::rewritten*, std::list<entry>::iterator> by_statement_;
};

}  // namespace borealis::pool
