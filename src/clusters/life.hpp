#pragma once
/// When a managed cluster is made, started, paused and stopped: the decisions alone, without process, clock or file.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/deadline.hpp"

namespace borealis::clusters {

/// What a cluster is doing. The words of DescribeDBClusters (data-api section 11, lambda section 7) and four of ours,
/// that AWS shows as "available": idle, pausing, paused and resuming.
enum class status : std::uint8_t {
    idle,       ///< To the world it is there, but its engine does not run yet, or has died: the next call starts it.
    creating,   ///< Its data are being made, or its engine runs up for the first time.
    starting,   ///< Its engine runs up.
    available,  ///< Its engine takes logins.
    modifying,  ///< Settings are being applied.
    pausing,    ///< Sessions are let go, then the engine stops; until it does, a call makes it available again.
    paused,     ///< Its engine is off, and the next call resumes it.
    resuming,   ///< Its engine runs up after a pause.
    stopping,
    stopped,   ///< Its engine is off until somebody starts the cluster.
    deleting,  ///< Engine and data are going away.
    failed,    ///< The last step failed; the next call tries again.
    gone,      ///< Deleted. Nobody sees it.
};
[[nodiscard]] std::string_view name_of(status what);
/// As DescribeDBClusters says it.
[[nodiscard]] std::string_view aws_name_of(status what);

/// What has happened to a cluster.
enum class event : std::uint8_t {
    call,     ///< Somebody needs the engine.
    start,    ///< The same, and a stopped cluster is to run again.
    pause,    ///< Sessions are being let go; `quiet` or `keep_up` follows.
    quiet,    ///< Nobody uses it: the pause may come.
    keep_up,  ///< Somebody uses it: no pause.
    modify,   ///< Settings are to be applied to the running engine.
    stop,
    remove,
    done,    ///< The last step has come to its end.
    failed,  ///< The last step has not.
    died,    ///< The engine has ended by itself. Only between steps.
    timer,   ///< The time of `wakes_at` has come.
};

/// What whoever carries it out does next; then it reports `done` or `failed`.
enum class step : std::uint8_t {
    nothing,  ///< Waits for the next event.
    create,   ///< Makes the data, then starts the engine.
    start,    ///< Starts the engine and waits until it takes logins.
    apply,    ///< Gives the running engine its new settings.
    halt,     ///< Stops the engine.
    remove,   ///< Stops the engine, then removes the data.
};

/// What became of a wish.
enum class verdict : std::uint8_t { pending, come_true, refused };

/// The life of one cluster. Events between a step and its `done` or `failed` must be kept back until then.
///
///     creating ─→ available ⇄ modifying          any ─ remove ─→ deleting ─→ gone
///                  │  ↑   ↑ ↑
///        pause, quiet │   │ └── starting ←─ start ─ stopped ←─ stopping ←─ stop ─ any
///                  ↓  │   └──── starting ←─ call ── idle ←─ died ─ available
///      pausing ─→ paused ─ call ─→ resuming ─→ available        a step that fails ─→ failed ─ call ─→ …
class life {
 public:
    /// @param at      idle, creating, paused, stopped or deleting: what it was when the last process ended.
    /// @param is_new  There are no data yet.
    life(status at, bool is_new) : is_(at), is_new_(is_new) {}

    step resume(event what, core::clock::time_point now);

    [[nodiscard]] status is() const { return is_; }
    /// Whether what `wish` asked for has come true. Meaningless while its event is kept back.
    [[nodiscard]] verdict about(event wish) const;
    /// When to send `timer`.
    [[nodiscard]] std::optional<core::clock::time_point> wakes_at() const;
    /// What a process that starts after this one has been killed should begin with.
    [[nodiscard]] status resting() const;

 private:
    step run(core::clock::time_point now);
    step begin(step what, status as) {
        is_ = as;
        return last_ = what;
    }
    step done();
    step failed(core::clock::time_point now);

    status is_;
    step last_ = step::nothing;
    bool is_new_;
    bool running_ = false;
    bool wanted_ = false;       // a start waits for its time
    bool was_paused_ = false;   // the failed or coming start is a resume
    bool apply_after_ = false;  // settings to apply once the engine runs
    unsigned failures_ = 0;
    core::clock::time_point not_before_ = core::clock::time_point::min();
};

/// What is going on at a cluster: as of now, and since the server's start.
struct activity {
    std::size_t running = 0;  ///< Calls and open transactions.
    std::uint64_t begun = 0;  ///< Calls so far.
};

/// Says when a cluster has been without calls and transactions for long enough (L-7.20).
class idle_watch {
 public:
    /// @param pause_after  Zero: never.
    /// @return True where it is time to pause; again at the earliest `pause_after` later.
    bool observe(const activity& seen, std::chrono::milliseconds pause_after, core::clock::time_point now);
    /// Begins to count anew.
    void restart(core::clock::time_point now) { quiet_since_ = now; }

 private:
    std::uint64_t begun_ = 0;
    std::optional<core::clock::time_point> quiet_since_;
};

}  // namespace borealis::clusters
