#pragma once
/// Pools of sessions: who holds which connection.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "sql/connection.hpp"

namespace borealis::pool {

/// Limits of one pool. Durations of zero mean "no limit".
struct settings {
    std::size_t maximum = 20;                ///< Sessions of one pool key, all threads together.
    std::chrono::milliseconds wait{10'000};  ///< Longest wait for a session; then `sql::failure_kind::busy`.
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::seconds idle{300};  ///< A session unused for so long is closed.
    std::chrono::seconds lifetime{
        3600};  ///< A session older than that, give or take a tenth, is closed when it comes home.
};

/// What to connect to. Target, user and database together are the pool key; a changed endpoint or password opens new
/// sessions from then on and drops the old ones as they come home.
struct destination {
    std::string target;             ///< The cluster's ARN: its identity.
    sql::driver* driver = nullptr;  ///< Outlives the pools.
    sql::endpoint endpoint;
    sql::login login;
    std::string database;  ///< Empty: the engine's default.
    settings limits;
};

class pool_state;

/// When a session ends, and whether its endpoint and password are still those in use.
struct session_origin {
    core::clock::time_point expires;
    std::uint64_t generation = 0;
};

/// A session held alone. Give it back by destroying it, on the thread that acquired it. It then waits for the next
/// caller, after a reset when it is tainted or in a transaction; one that is discarded, unusable or too old is closed.
/// May outlive `pools`, though not the session's executor: it is closed then.
class lease {
 public:
    lease() = default;
    lease(lease&& other) noexcept;
    lease& operator=(lease&& other) noexcept;
    ~lease();

    [[nodiscard]] explicit operator bool() const { return held_ != nullptr; }
    [[nodiscard]] sql::connection& operator*() const { return *held_; }
    [[nodiscard]] sql::connection* operator->() const { return held_.get(); }

    /// The session may differ from a fresh one: reset it before anybody else gets it.
    void taint() { tainted_ = true; }
    /// Never give this session to anybody again.
    void discard() { discarded_ = true; }

 private:
    friend class pool_state;
    lease(std::shared_ptr<pool_state> home, std::unique_ptr<sql::connection> held, session_origin origin);
    void give_back() noexcept;

    std::shared_ptr<pool_state> home_;  // shared with the registry: a lease may outlive a pool that was dropped
    std::unique_ptr<sql::connection> held_;
    session_origin origin_;
    bool tainted_ = false;
    bool discarded_ = false;
};

/// Numbers of one pool, for tests and metrics.
struct pool_counts {
    std::size_t open = 0, idle = 0, leased = 0, waiting = 0, resetting = 0;
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

    /// Hands out a session nobody else holds, in order of arrival.
    /// Takes an idle one, or opens one while the key's total is below `maximum`, or asks the other threads to close an
    /// idle one and waits. After a database could not be reached, calls for it fail at once with the same failure for
    /// 0.1 s, longer each time, up to 2 s. `to` must live until the call returns.
    /// @param until  The request's deadline; waiting also ends after `limits.wait`.
    /// @return `busy` when none came free in time, `unreachable` or `login` when none could be opened.
    core::awaitable<sql::result<lease>> acquire(const destination& to, core::deadline until);

    /// Closes idle sessions past their time; called by a timer of the owner about once a second.
    void sweep(core::clock::time_point now);

    /// Closes every idle session of a target (a cluster that is about to be paused or stopped); leased ones when they
    /// come home.
    void drop_target(const std::string& target);
    /// The same for all.
    void drop_all();

    [[nodiscard]] pool_counts counts() const;
    /// Of one target.
    [[nodiscard]] pool_counts counts(const std::string& target) const;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::pool
