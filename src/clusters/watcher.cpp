#include "clusters/watcher.hpp"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "core/log.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 200ms;
constexpr auto pause_within = 60s;

}  // namespace

core::awaitable<void> watcher::run() {
    core::timer clock(co_await core::asio::this_coro::executor);
    for (;;) {
        clock.expires_after(look_every);
        const auto [failed] = co_await clock.async_wait(core::as_tuple);
        if (failed) co_return;
        for (const auto& each : registry_.scaled()) co_await look_at(*each);
        for (const auto& each : registry_.leaving()) co_await see_off(*each);
    }
}

core::awaitable<void> watcher::look_at(const view& seen) {
    const auto now = core::clock::now();
    auto& here = all_[seen.about->resource_id];
    if (std::exchange(here.process, seen.process_id) != seen.process_id) here.idle.restart(now);
    const auto in_use = co_await sessions_.look(seen.arn);
    const auto& scales = seen.about->scales;
    if (here.idle.observe(in_use, scales.auto_pause ? scales.pause_after : 0ms, now)) {
        const auto on = co_await core::asio::this_coro::executor;
        core::asio::co_spawn(on, pause(registry_, seen.id), core::asio::detached);
        co_return;
    }
    if (const auto next = here.scales.observe(*seen.about, seen.now, in_use, now)) {
        if (const auto done = registry_.scale(seen.id, *next); !done)
            core::log(core::log_level::warning, "cluster {}: {}", seen.id, done.error().message);
    }
}

/// One that runs up has somebody who waits for it, and whom no thread counts yet; so it must be quiet twice.
core::awaitable<void> watcher::see_off(const view& leaving) {
    auto& here = all_[leaving.about->resource_id];
    const auto in_use = co_await sessions_.let_go(leaving.arn);
    const bool runs_up = leaving.state == status::creating || leaving.state == status::starting ||
                         leaving.state == status::resuming || leaving.state == status::modifying;
    const bool quiet = in_use.running == 0 && !runs_up;
    if (!quiet || !std::exchange(here.was_quiet, quiet)) {
        here.was_quiet = quiet;
        co_return;
    }
    here.was_quiet = false;
    registry_.let_go(leaving.arn);
    core::log(core::log_level::info, "cluster {}: is not declared any more, and stopped; its data stay", leaving.id);
}

core::awaitable<void> watcher::pause(registry& of, std::string id) {
    const auto done = co_await of.pause(id, core::deadline::after(pause_within));
    if (done) core::log(core::log_level::info, "cluster {}: paused, since nobody used it", id);
}

}  // namespace borealis::clusters
