#pragma once
/// The sessions of one pool key on one thread that nobody uses, and what becomes of those that come home.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "core/deadline.hpp"
#include "pool/budget.hpp"
#include "pool/pool.hpp"
#include "sql/connection.hpp"

namespace borealis::pool {

/// A session and its shares of the budgets. The session is closed first, then the shares are given away.
struct session {
    share place;  ///< Of the cluster's total; empty where that has no limit.
    share unit;   ///< Of its key's.
    std::unique_ptr<sql::connection> held;
    session_origin origin;
};

/// Decides; knows no executor, timer or other thread. Time comes in as an argument.
///
///     connect ──► leased ──► come home ──┬─ keep ──► idle ──► leased (most recent first)
///                                        ├─ reset ─► resetting ──► come home again
///                                        └─ close
class slots {
 public:
    explicit slots(std::uint32_t seed) : random_(seed) {}

    /// Sets what sessions are for from now on. Sessions of another endpoint, driver or password are out of date: the
    /// idle ones are returned, to be closed, the others close when they come home.
    [[nodiscard]] std::vector<session> use(const destination& to);
    /// Makes all sessions out of date.
    [[nodiscard]] std::vector<session> outdate();

    [[nodiscard]] const settings& limits() const { return limits_; }
    /// Sessions and waiters of an older generation belong to an endpoint or password that is no longer used.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    /// Origin of a session that has just been opened for a caller of `generation`.
    [[nodiscard]] session_origin born(std::uint64_t generation, core::clock::time_point now);

    /// The most recently used idle session that is young enough and, where it has been idle for long, not dead.
    /// @param closed  Receives those found unfit.
    [[nodiscard]] std::optional<session> take(core::clock::time_point now, std::vector<session>& closed);

    /// What is done with a session that comes home: `keep`, give it to a waiter or keep(); `reset`, make it as new
    /// first; `close`, close it.
    enum class verdict : std::uint8_t { keep, reset, close };
    enum class state : std::uint8_t { clean, tainted, discarded };
    [[nodiscard]] verdict judge(const sql::connection& held, const session_origin& origin, state left_in,
                                core::clock::time_point now) const;

    void keep(session&& back, core::clock::time_point now);

    /// The least recently used idle session.
    [[nodiscard]] std::optional<session> take_oldest();
    /// Idle sessions past their time.
    /// @param spare  As many as may be closed for being unused.
    [[nodiscard]] std::vector<session> sweep(core::clock::time_point now, std::size_t spare);

    [[nodiscard]] std::size_t idle() const { return idle_.size(); }

    /// The database could not be reached: for a while, 0.1 s that doubles to 2 s, nobody need try.
    void connect_failed(sql::failure why, core::clock::time_point now);
    void connected() { backoff_ = std::chrono::milliseconds::zero(); }
    /// The last failure, while nobody need try.
    [[nodiscard]] std::optional<sql::failure> refusal(core::clock::time_point now) const;

 private:
    struct resting {
        session what;
        core::clock::time_point since;
    };

    sql::driver* driver_ = nullptr;
    sql::endpoint endpoint_;
    std::vector<sql::endpoint> others_;
    sql::login login_;
    settings limits_;
    std::uint64_t generation_ = 0;
    std::vector<resting> idle_;  ///< Most recently used last.
    std::chrono::milliseconds backoff_{0};
    core::clock::time_point retry_at_;
    sql::failure last_failure_;
    std::minstd_rand random_;
};

}  // namespace borealis::pool
