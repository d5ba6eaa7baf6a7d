#pragma once
/// Pauses the clusters that nobody uses, scales the others by their load, and ends those that are declared no more.

#include <string>
#include <unordered_map>

#include "clusters/life.hpp"
#include "clusters/registry.hpp"
#include "clusters/scaler.hpp"
#include "core/async.hpp"

namespace borealis::clusters {

class watcher {
 public:
    /// Both outlive the loop that runs it.
    watcher(registry& of, session_owner& sessions) : registry_(of), sessions_(sessions) {}

    /// Looks a few times a second, for as long as its loop runs. Spawn it once.
    core::awaitable<void> run();

 private:
    struct watched {
        idle_watch idle;
        scaler scales;
        std::int64_t process = 0;
        bool was_quiet = false;
    };

    core::awaitable<void> look_at(const view& seen);
    core::awaitable<void> see_off(const view& leaving);
    static core::awaitable<void> pause(registry& of, std::string id);

    registry& registry_;
    session_owner& sessions_;
    std::unordered_map<std::string, watched> all_;  // by resource id
};

}  // namespace borealis::clusters
