#include "lambda/host.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <future>
#include <list>
#include <set>
#include <stdexcept>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "lambda/call.hpp"
#include "lambda/function_log.hpp"
#include "lambda/function_table.hpp"
#include "lambda/sandbox.hpp"

namespace borealis::lambda {
namespace {

namespace asio = core::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Events that wait or are tried, all functions together
constexpr std::size_t most_events = 1'000;
constexpr std::size_t most_event_bytes = 256 * 1024 * 1024;
constexpr auto killed_within = 5s;
constexpr auto sweep_every = 1s;
constexpr auto throttled_event_pause = 1s;

void log_exception(const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "the Lambda host met an exception: {}", e.what());
    }
}

refusal throttled(std::string_view reason) {
    return {.what = refusal::kind::throttled, .reason = std::string(reason), .message = "Rate Exceeded."};
}

refusal stopping() {
    return {.what = refusal::kind::stopping, .reason = {}, .message = "The server is being stopped."};
}

/// `Root=1-5f84c7a9-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0`
std::string make_trace_id() {
    auto digits = core::random_uuid() + core::random_uuid();
    std::erase(digits, '-');
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    return fmt::format("Root=1-{:08x}-{};Parent={};Sampled=0", now.count(), digits.substr(0, 24),
                       digits.substr(32, 16));
}

fs::path made_folder(const fs::path& at, fs::perms mode) {
    std::error_code failed;
    fs::create_directories(at, failed);
    if (failed) throw std::runtime_error(fmt::format("{}: {}", at.string(), failed.message()));
    fs::permissions(at, mode, failed);
    return at;
}

}  // namespace

/// Everything of the host; but for the marked members it lives on the host's thread.
struct host::parts final : sandbox_owner {
    /// One function with its calls and processes.
    struct live {
        live(const fs::path& logs, const std::string& name, const host_settings& with)
            : log(logs / (name + ".log"), with.log_bytes, with.echo_logs) {}
        function_log log;
        function_state state;
        std::deque<std::shared_ptr<call>> queue;
        std::list<std::unique_ptr<sandbox>> sandboxes;
        std::size_t in_flight = 0;
        std::shared_ptr<core::timer> again;  // looks at the queue once more; shared with its own handler
    };

    parts(host_settings given, function_table& table)
        : with(std::move(given)),
          functions(table),
          who(choose_account(with.run_as)),
          loop(1),
          context{.loop = loop.get_executor(), .with = with, .who = who, .temp_folder = with.folder / "tmp"} {
        made_folder(with.folder, fs::perms(0755));
        std::error_code ignored;  // left over from a server that was killed
        fs::remove_all(context.temp_folder, ignored);
        made_folder(context.temp_folder, fs::perms(0711));
        logs = made_folder(with.folder / "logs", fs::perms(0700));
    }

    live& find(const function_state& state);
    void pump(live& of);
    void look_again(live& of);
    void on_released(sandbox& one) override;
    void clean_up(live& of);
    core::awaitable<answer> run(invoke_request asked);
    core::awaitable<void> run_event(invoke_request asked);
    core::awaitable<void> sweep();
    core::awaitable<void> wind_down(core::deadline until);
    core::awaitable<void> pause(std::chrono::milliseconds time);

    const host_settings with;
    function_table& functions;  // thread-safe
    const account who;
    asio::io_context loop;
    sandbox_context context;
    fs::path logs;
    std::map<std::string, live, std::less<>> all;
    std::set<core::timer*> sleeping;  // of Events between tries
    core::timer sweeper{loop.get_executor()};

    std::atomic<bool> ends = false;            // any thread
    std::atomic<std::size_t> events = 0;       // any thread
    std::atomic<std::size_t> event_bytes = 0;  // any thread
    std::atomic<std::size_t> starting = 0, idle = 0, running = 0,
                             waiting = 0;  // any thread; as of the last sweep or change
    std::thread thread;
};

host::parts::live& host::parts::find(const function_state& state) {
    const auto& name = state->settings.name;
    auto found = all.find(name);
    if (found == all.end()) found = all.try_emplace(name, logs, name, with).first;
    auto& of = found->second;
    if (of.state != state) {
        of.state = state;
        for (auto& one : of.sandboxes) one->retire();
        clean_up(of);
    }
    return of;
}

void host::parts::clean_up(live& of) {
    std::erase_if(of.sandboxes, [](const auto& one) { return one->ended(); });
}

void host::parts::on_released(sandbox& one) {
    // The sandbox is in the middle of its work: what may destroy it, or give it the next call, comes after.
    asio::post(loop, [this, name = one.of()->settings.name] {
        const auto found = all.find(name);
        if (found == all.end()) return;
        clean_up(found->second);
        pump(found->second);
    });
}

void host::parts::pump(live& of) {
    while (!of.queue.empty() && !ends) {
        sandbox* best = nullptr;  // the one used last has the warmest memory; one that is down costs a start
        std::size_t current = 0, soon = 0;
        const auto now = core::clock::now();
        for (auto& one : of.sandboxes) {
            if (one->of() != of.state) continue;
            ++current;
            soon += one->soon_free(now) ? 1U : 0U;
            if (!one->free()) continue;
            const auto better = [](const sandbox& a, const sandbox& b) {
                const bool a_idle = a.now() == sandbox::phase::idle, b_idle = b.now() == sandbox::phase::idle;
                return a_idle != b_idle ? a_idle : a.last_used() > b.last_used();
            };
            if (best == nullptr || better(*one, *best)) best = one.get();
        }
        if (best == nullptr && of.queue.size() <= soon) {  // a caller's next call would else start another process
            look_again(of);
            return;
        }
        if (best == nullptr && current < of.state->settings.instances) {
            of.sandboxes.push_back(std::make_unique<sandbox>(context, *this, of.state, of.log));
            best = of.sandboxes.back().get();
        }
        if (best == nullptr) return;
        auto next = std::move(of.queue.front());
        of.queue.pop_front();
        best->take(std::move(next));
    }
}

void host::parts::look_again(live& of) {
    if (!of.again) of.again = std::make_shared<core::timer>(loop.get_executor());
    of.again->expires_after(sandbox::soon);
    of.again->async_wait(
        [this, timer = of.again, name = of.state->settings.name](const boost::system::error_code& stopped) {
            const auto found = all.find(name);
            if (!stopped && found != all.end()) pump(found->second);
        });
}

core::awaitable<host::answer> host::parts::run(invoke_request asked) {
    if (ends) co_return std::unexpected(stopping());
    const auto state = functions.current(asked.function);
    const bool latest = asked.qualifier.empty() || asked.qualifier == "$LATEST";
    if (!state || !latest) {
        co_return std::unexpected(
            refusal{.what = refusal::kind::no_function,
                    .reason = {},
                    .message = fmt::format("Function not found: {}",
                                           function_arn(with.region, with.account, asked.function,
                                                        latest ? "$LATEST" : std::string_view(asked.qualifier)))});
    }
    auto& of = find(state);
    const auto& reserved = state->settings.reserved_concurrency;
    if (reserved && of.in_flight >= *reserved)
        co_return std::unexpected(throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
    if (of.queue.size() >= with.queue_length) co_return std::unexpected(throttled("ConcurrentInvocationLimitExceeded"));

    if (asked.request_id.empty()) asked.request_id = core::random_uuid();
    if (asked.trace_id.empty()) asked.trace_id = make_trace_id();
    const auto give_up = asked.answer_by.at();
    const auto queue_until = core::clock::now() + with.queue_limit;
    const auto mine = std::make_shared<call>(loop.get_executor(), std::move(asked));
    mine->function_arn = function_arn(with.region, with.account, mine->asked.function, mine->asked.qualifier);
    mine->on_end = [this, name = state->settings.name] {
        const auto found = all.find(name);
        if (found != all.end() && found->second.in_flight > 0) --found->second.in_flight;
    };
    ++of.in_flight;
    of.queue.push_back(mine);
    pump(of);

    while (!mine->answer) {
        const auto now = core::clock::now();
        const bool late = now >= give_up;
        if (late || (mine->queued && now >= queue_until)) {
            const refusal why = late ? refusal{.what = refusal::kind::gave_up,
                                               .reason = {},
                                               .message = "The function has not answered in time."}
                                     : throttled("ConcurrentInvocationLimitExceeded");
            if (mine->queued) {  // nothing has begun
                const auto found = all.find(mine->asked.function);
                if (found != all.end()) std::erase(found->second.queue, mine);
                mine->finish(std::unexpected(why));
                break;
            }
            co_return std::unexpected(why);
        }
        mine->changed.expires_at(mine->queued ? std::min(give_up, queue_until) : give_up);
        [[maybe_unused]] const auto [woken] = co_await mine->changed.async_wait(core::as_tuple);
    }
    co_return std::move(*mine->answer);
}

core::awaitable<void> host::parts::pause(std::chrono::milliseconds time) {
    if (ends) co_return;
    core::timer clock(loop.get_executor(), time);
    sleeping.insert(&clock);
    [[maybe_unused]] const auto [woken] = co_await clock.async_wait(core::as_tuple);
    sleeping.erase(&clock);
}

core::awaitable<void> host::parts::run_event(invoke_request asked) {
    const auto too_old = core::clock::now() + with.event_age_limit;
    std::size_t failures = 0;
    const auto name = asked.function;
    const auto id = asked.request_id;
    const auto bytes = asked.payload.size();
    while (!ends) {
        const answer got = co_await run(asked);
        std::string why;
        std::chrono::milliseconds wait{0};
        if (got) {
            if (!got->failed()) break;
            why = "it ended in a function error";
            if (failures == with.retry_after.size()) {
                core::log(core::log_level::warning, "function {}: Event {} is dropped after {} tries", name, id,
                          failures + 1);
                break;
            }
            wait = with.retry_after[failures++];
        } else if (got.error().what == refusal::kind::throttled) {
            why = "it was throttled";
            wait = throttled_event_pause;
        } else {
            if (got.error().what == refusal::kind::no_function)
                core::log(core::log_level::warning,
                          "function {}: Event {} is dropped: there is no such function any more", name, id);
            break;
        }
        if (core::clock::now() + wait >= too_old) {
            core::log(core::log_level::warning,
                      "function {}: Event {} is dropped: {}, and it is too old for another try", name, id, why);
            break;
        }
        core::log(core::log_level::info, "function {}: Event {} is tried again: {}", name, id, why);
        co_await pause(wait);
    }
    --events;
    event_bytes -= bytes;
}

core::awaitable<void> host::parts::sweep() {
    while (!ends) {
        sweeper.expires_after(sweep_every);
        const auto [failed] = co_await sweeper.async_wait(core::as_tuple);
        if (failed || ends) co_return;
        const auto now = core::clock::now();
        const auto oldest = now - with.idle_limit;
        const auto eldest = now - with.process_lifetime;
        std::size_t counted_starting = 0, counted_idle = 0, counted_running = 0, counted_waiting = 0;
        for (auto at = all.begin(); at != all.end();) {
            auto& of = at->second;
            const bool gone = !functions.find(at->first);
            for (auto& one : of.sandboxes) {
                const bool over = gone || one->last_used() < oldest || one->born() < eldest;
                if (over && one->free()) one->retire();
                counted_starting += one->now() == sandbox::phase::starting ? 1U : 0U;
                counted_idle += one->now() == sandbox::phase::idle ? 1U : 0U;
                counted_running += one->now() == sandbox::phase::running ? 1U : 0U;
            }
            clean_up(of);
            counted_waiting += of.queue.size();
            at = gone && of.sandboxes.empty() && of.queue.empty() && of.in_flight == 0 ? all.erase(at) : std::next(at);
        }
        starting = counted_starting;
        idle = counted_idle;
        running = counted_running;
        waiting = counted_waiting;
    }
}

core::awaitable<void> host::parts::wind_down(core::deadline until) {
    sweeper.cancel();
    for (auto* one : sleeping) one->cancel();
    const auto busy = [this] {
        return std::ranges::any_of(all, [](const auto& one) { return one.second.in_flight > 0; });
    };
    core::timer clock(loop.get_executor());
    while (busy() && !until.passed()) {
        for (auto& [name, of] : all) {
            for (auto& one : std::exchange(of.queue, {})) one->finish(std::unexpected(stopping()));
        }
        clock.expires_after(10ms);
        [[maybe_unused]] const auto [woken] = co_await clock.async_wait(core::as_tuple);
    }
    for (auto& [name, of] : all) {
        for (auto& one : std::exchange(of.queue, {})) one->finish(std::unexpected(stopping()));
        for (auto& one : of.sandboxes) one->abort(stopping());
    }
    const auto last = core::deadline::after(killed_within);
    const auto left = [this] {
        return std::ranges::any_of(all, [](const auto& one) { return !one.second.sandboxes.empty(); });
    };
    while (left() && !last.passed()) {
        for (auto& [name, of] : all) clean_up(of);
        clock.expires_after(2ms);
        [[maybe_unused]] const auto [woken] = co_await clock.async_wait(core::as_tuple);
    }
    clock.expires_after(20ms);  // answers of the last calls are on their way to other threads
    [[maybe_unused]] const auto [woken] = co_await clock.async_wait(core::as_tuple);
    loop.stop();
}

host::host(host_settings with, function_table& functions)
    : parts_(std::make_unique<parts>(std::move(with), functions)) {
    asio::co_spawn(parts_->loop.get_executor(), parts_->sweep(), log_exception);
    parts_->thread = std::thread([loop = &parts_->loop] {
        const auto guard = asio::make_work_guard(*loop);
        loop->run();
    });
}

host::~host() { stop(core::deadline::after(0s)); }

core::awaitable<host::answer> host::invoke(invoke_request what) {
    if (parts_->ends) co_return std::unexpected(stopping());
    // By value: the caller's frame may go while the host still works on it.
    auto got = co_await asio::co_spawn(parts_->loop.get_executor(), parts_->run(std::move(what)), core::use_awaitable);
    co_return got;
}

std::expected<std::string, refusal> host::enqueue(invoke_request what) {
    if (parts_->ends) return std::unexpected(stopping());
    if (what.request_id.empty()) what.request_id = core::random_uuid();
    const auto id = what.request_id;
    const bool latest = what.qualifier.empty() || what.qualifier == "$LATEST";
    if (!latest || !parts_->functions.find(what.function)) {
        return std::unexpected(
            refusal{.what = refusal::kind::no_function,
                    .reason = {},
                    .message = fmt::format("Function not found: {}",
                                           function_arn(parts_->with.region, parts_->with.account, what.function,
                                                        latest ? "$LATEST" : std::string_view(what.qualifier)))});
    }
    const auto bytes = what.payload.size();
    const bool too_many = parts_->events.fetch_add(1) >= most_events;
    const bool too_large = parts_->event_bytes.fetch_add(bytes) + bytes > most_event_bytes;
    if (too_many || too_large) {
        --parts_->events;
        parts_->event_bytes -= bytes;
        return std::unexpected(throttled("ConcurrentInvocationLimitExceeded"));
    }
    what.answer_by = {};
    asio::co_spawn(parts_->loop.get_executor(), parts_->run_event(std::move(what)), log_exception);
    return id;
}

void host::stop(core::deadline until) noexcept {
    if (parts_->ends.exchange(true)) return;
    asio::co_spawn(parts_->loop.get_executor(), parts_->wind_down(until), log_exception);
    parts_->thread.join();
    parts_->all.clear();
    std::error_code ignored;  // it is emptied at the next start
    fs::remove_all(parts_->context.temp_folder, ignored);
}

const host_settings& host::settings() const { return parts_->with; }

host::counts host::count() const {
    return {.starting = parts_->starting, .idle = parts_->idle, .running = parts_->running, .waiting = parts_->waiting};
}

}  // namespace borealis::lambda
