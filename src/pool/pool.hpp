#pragma once
/// Pools of sessions: who holds which connection.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "pool/budget.hpp"
#include "pool/short_statements.hpp"
#include "sql/connection.hpp"

namespace borealis::pool {

/// How plain statements that have proved short share sessions; only where those pipeline.
struct sharing {
    std::size_t sessions = 2;  ///< Of one pool key, on each thread; 0: none.
    std::size_t depth = 16;    ///< Calls under way at once on one of them.
    /// Those behind a statement that is slow (`short_limits::slow`) go on: it is cancelled, and run again on a session
    /// of its own.
    short_limits proof = {};

    friend bool operator==(const sharing&, const sharing&) = default;
};

/// Limits of one pool. Durations of zero mean "no limit".
struct settings {
    std::size_t maximum = 20;         ///< Sessions of one pool key, all threads together.
    std::size_t minimum = 0;          ///< Sessions of one pool key that stay open once it has been used.
    std::size_t cluster_maximum = 0;  ///< Sessions of one target, all keys and threads together; 0: no limit.
    std::size_t transactions = 0;     ///< Sessions of one pool key that transactions may hold; 0: three quarters of
                                      ///< `maximum`, so that autocommit calls find one.
    std::size_t opens_at_once = 4;    ///< Sessions of one pool key that one thread opens at the same time.
    std::size_t queue = 10'000;       ///< Calls that may wait for a session of one pool key on one thread.
    std::chrono::milliseconds wait{10'000};  ///< Longest wait for a session; then `sql::failure_kind::busy`.
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds reset_timeout{5'000};  ///< A session that does not reset within this is closed instead.
    std::chrono::seconds idle{300};                  ///< A session unused for so long is closed.
    std::chrono::seconds lifetime{
        3600};  ///< A session older than that, give or take a tenth, is closed when it comes home.
    sharing shared = {};

    /// What `transactions` means.
    [[nodiscard]] std::size_t most_transactions() const {
        if (transactions != 0) return std::min(transactions, maximum);
        return std::max<std::size_t>(1, maximum - (maximum + 3) / 4);
    }

    friend bool operator==(const settings&, const settings&) = default;
};

/// What a session is for.
enum class purpose : std::uint8_t {
    statement,    ///< One autocommit call.
    transaction,  ///< Held between calls: only so many may be (`settings::transactions`).
};

/// What to connect to. Target, user and database together are the pool key; a changed endpoint or password opens new
/// sessions from then on and drops the old ones as they come home.
struct destination {
    std::string target;             ///< The cluster's ARN: its identity.
    sql::driver* driver = nullptr;  ///< Outlives the pools.
    sql::endpoint endpoint;
    /// Further servers of the cluster. Where there are any, each session is opened at whichever accepts writes.
    std::vector<sql::endpoint> others = {};
    sql::login login;
    std::string database;  ///< Empty: the engine's default.
    settings limits;
    std::string_view caller = {};  ///< Callers get their turns; lives until acquire() has returned.
    /// Grows by the time that opening a session takes; lives until acquire() has returned. Null: nobody wants to know.
    core::clock::duration* connecting = nullptr;
};

class pool_state;
struct session;
struct shared_session;
struct guest;

/// When a session ends, and whether its endpoint and password are still those in use.
struct session_origin {
    core::clock::time_point expires;
    std::uint64_t generation = 0;
};

/// A session held alone, or a place on a shared one. Give it back by destroying it, on the thread that acquired it. A
/// session then waits for the next caller, after a reset when it is tainted or in a transaction; one that is discarded,
/// unusable or too old is closed. May outlive `pools`, though not the session's executor: it is closed then.
class lease {
 public:
    lease() = default;
    lease(lease&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
    lease& operator=(lease&& other) noexcept {
        if (this == &other) return *this;
        if (it_ != nullptr) give_back();
        it_ = std::exchange(other.it_, nullptr);
        return *this;
    }
    ~lease() {
        if (it_ != nullptr) give_back();
    }

    [[nodiscard]] explicit operator bool() const { return it_ != nullptr; }
    [[nodiscard]] sql::connection& operator*() const { return *it_->used; }
    [[nodiscard]] sql::connection* operator->() const { return it_->used; }

    /// Others use the session as well: nothing but sql::connection::execute_beside may be called, once.
    [[nodiscard]] bool is_shared() const { return it_ != nullptr && it_->shared != nullptr; }
    /// The name for that call: the pool abandons it when others wait behind it for too long. Only where is_shared().
    [[nodiscard]] sql::beside_call& call() const;
    /// The pool has done so.
    [[nodiscard]] bool moved_on() const;

    /// The session may differ from a fresh one: reset it before anybody else gets it.
    void taint() {
        if (it_ != nullptr) it_->tainted = true;
    }
    /// Never give this session to anybody again.
    void discard() {
        if (it_ != nullptr) it_->discarded = true;
    }
    /// Octets of the result of the plain statement that it was acquired for.
    void returned(std::size_t bytes) {
        if (it_ != nullptr) it_->bytes = bytes;
    }

 private:
    friend class pool_state;
    /// What is held. A pool keeps those of its leases that have ended for the next ones.
    struct holding {
        std::shared_ptr<pool_state> home;  // shared with the registry: a lease may outlive a pool that was dropped
        sql::connection* used = nullptr;
        std::unique_ptr<sql::connection> held;
        shared_session* shared = nullptr;
        guest* as = nullptr;
        share place;  // of the cluster's total
        share pin;    // of the sessions that transactions may hold; given back last
        session_origin origin;
        std::shared_ptr<short_statement> known;  // what its time is told to
        core::clock::time_point since;           // of a session held alone
        std::size_t bytes = 0;
        bool tainted = false;
        bool discarded = false;
    };

    explicit lease(std::unique_ptr<holding> what) : it_(what.release()) {}
    void give_back() noexcept;

    holding* it_ = nullptr;  // ours
};

/// Numbers of one pool, for tests and metrics.
struct pool_counts {
    std::size_t open = 0, idle = 0, leased = 0, waiting = 0, resetting = 0;
    std::size_t shared = 0;  ///< Of the leased ones.

    pool_counts& operator+=(const pool_counts& more) {
        open += more.open;
        idle += more.idle;
        leased += more.leased;
        waiting += more.waiting;
        resetting += more.resetting;
        shared += more.shared;
        return *this;
    }
};

/// What has happened in the pools of one thread so far.
struct pool_totals {
    std::uint64_t opened = 0, connect_failed = 0, closed = 0, reset = 0, refused = 0;
    std::uint64_t joined = 0;    ///< Calls that got a place on a shared session.
    std::uint64_t moved_on = 0;  ///< Statements taken off one, for those that waited behind.
};

class budget_table;

/// Open sessions per pool key over all threads: the one thing threads share. Make one, give it to each thread's
/// `pools`.
class shared_budgets {
 public:
    shared_budgets();
    ~shared_budgets();

 private:
    friend class pools;
    std::shared_ptr<budget_table> table_;
};

/// All pools of one thread.
class pools {
 public:
    /// @param home  The thread's executor; every call below happens on it. Destroy the pools before its io_context:
    /// what
    ///              still waits then fails with `busy`, if it ever runs again.
    pools(core::executor home, shared_budgets& budgets);
    ~pools();

    /// A session for a plain statement, if one is at hand: a place on a shared one where the statement has proved
    /// short, else nothing, and what the statement is known for is put into `known`, for acquire(); null where sharing
    /// is switched off.
    /// @param statement  One with `plain_read` or `plain_write`, of which no transaction is open.
    [[nodiscard]] std::optional<lease> join(const destination& to,
                                            const std::shared_ptr<const sql::rewritten>& statement,
                                            std::shared_ptr<short_statement>& known);

    /// Hands out a session nobody else holds, in order of arrival.
    /// Takes an idle one, or opens one while the key's total is below `maximum`, or asks the other threads to close an
    /// idle one and waits. After a database could not be reached, calls for it fail at once with the same failure for
    /// 0.1 s, longer each time, up to 2 s. `to` must live until the call returns.
    /// Among callers it is turn by turn. For a transaction a share of `limits.transactions` is waited for first.
    /// @param until  The request's deadline; waiting also ends after `limits.wait`.
    /// @param known  What join() has said of a plain statement: its time is told to it, and when it has proved short
    ///               the lease may be a place on a shared session.
    /// @return `busy` when none came free in time or too many wait already, `unreachable` or `login` when none could be
    ///         opened.
    core::awaitable<sql::result<lease>> acquire(const destination& to, core::deadline until,
                                                purpose what = purpose::statement,
                                                std::shared_ptr<short_statement> known = nullptr);

    /// Closes idle sessions past their time, and opens those that `limits.minimum` misses; called by a timer of the
    /// owner about once a second.
    void sweep(core::clock::time_point now);

    /// Closes every idle session of a target (a cluster that is about to be paused or stopped); leased ones when they
    /// come home.
    void drop_target(const std::string& target);
    /// The same for all.
    void drop_all();

    [[nodiscard]] pool_totals totals() const;
    [[nodiscard]] pool_counts counts() const;
    /// Of one target.
    [[nodiscard]] pool_counts counts(const std::string& target) const;
    /// Of each target that has a pool.
    [[nodiscard]] std::map<std::string, pool_counts> counts_by_target() const;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::pool
