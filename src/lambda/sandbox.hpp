#pragma once
/// One execution environment of a function: a temp folder, a log stream, and the process that runs in it now.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "lambda/call.hpp"
#include "lambda/environment.hpp"
#include "lambda/function_log.hpp"
#include "lambda/process.hpp"
#include "lambda/runtime_process.hpp"

namespace borealis::lambda {

/// What all sandboxes of a host have in common. Outlives them.
struct sandbox_context {
    core::executor loop;
    const host_settings& with;
    const account& who;
    std::filesystem::path temp_folder;
};

class sandbox;

/// Who is told when a sandbox can take a call again, or has ended for good after `retire`.
class sandbox_owner {
 public:
    virtual void on_released(sandbox& one) = 0;

 protected:
    ~sandbox_owner() = default;
};

/// Runs one call at a time (L-1.65).
///
///   down ──take→ starting ──next→ idle ──take→ running ──answer→ answered ──next→ idle
///     ↑             │                              │                  │
///     └── exited ── ending ←── time-out, kill ─────┴──────────────────┘
///
/// The first process has 10 s for its initialisation; when that fails or takes longer, it is repeated within the
/// function's own time-out, as is every later one after a crash or time-out (L-1.60, L-1.63). The temp folder stays.
class sandbox final : public runtime_events {
 public:
    enum class phase : std::uint8_t { down, starting, idle, running, answered, ending };

    /// @param log  Outlives this, as `in` and `owner` do.
    sandbox(const sandbox_context& in, sandbox_owner& owner, function_state of, function_log& log);
    sandbox(const sandbox&) = delete;
    sandbox& operator=(const sandbox&) = delete;
    ~sandbox();

    /// Down or idle.
    [[nodiscard]] bool free() const { return phase_ == phase::down || phase_ == phase::idle; }
    /// Will be in a moment: it has answered and is about to ask for the next event, or its process is being ended.
    [[nodiscard]] bool soon_free(core::clock::time_point now) const {
        return !retired_ && (phase_ == phase::answered || phase_ == phase::ending) && now - since_ < soon;
    }
    static constexpr std::chrono::milliseconds soon{50};
    void take(std::shared_ptr<call> what);

    /// Ends it: at once when free, else after its call. `on_released` follows, with `ended()`.
    void retire();
    /// Ends it now; a call that runs is answered with `why`.
    void abort(const refusal& why);
    [[nodiscard]] bool ended() const { return retired_ && phase_ == phase::down; }

    [[nodiscard]] phase now() const { return phase_; }
    [[nodiscard]] const function_state& of() const { return of_; }
    [[nodiscard]] core::clock::time_point last_used() const { return last_used_; }
    /// When the process that runs now was started.
    [[nodiscard]] core::clock::time_point born() const { return process_started_; }

    void on_ready() override;
    void on_answer(runtime_answer answer) override;
    void on_output(std::string_view bytes) override;
    void on_exit(int wait_status) override;

 private:
    using clock = core::clock;

    void begin();
    void begin_again();
    void failed_to_start(const launch_failure& why);
    void deliver();
    void finish(invoke_result::kind what, std::string payload, std::string content_type, std::string_view error_type);
    void fail(invoke_result::kind what, std::string_view type, std::string_view text);
    void init_report(std::string_view status, std::string_view error_type);
    void line(std::string_view text);
    void arm(clock::time_point at);
    void on_time(std::uint64_t armed);
    void release();

    const sandbox_context& in_;
    sandbox_owner& owner_;
    function_state of_;
    function_log& log_;
    std::string stream_;
    std::filesystem::path temp_;
    std::shared_ptr<runtime_process> process_;  // shared with its own coroutines
    std::shared_ptr<call> call_;

    phase phase_ = phase::down;
    bool retired_ = false;
    bool first_ = true;        // no process of this sandbox has come up yet
    bool suppressed_ = false;  // this initialisation runs within the function's time-out
    bool init_timed_out_ = false;
    bool frozen_ = false;
    std::string init_error_, init_error_type_;
    bool has_init_error_ = false;
    clock::time_point process_started_, delivered_, last_used_, deadline_;
    clock::time_point since_;  // it answered, or began to end
    std::chrono::microseconds init_duration_{0};
    unsigned peak_memory_ = 0;
    clock::time_point memory_read_{};

    core::timer timer_;
    std::uint64_t armed_ = 0;
    std::shared_ptr<const bool> alive_ =
        std::make_shared<const bool>(true);  // a timer that has run off may be heard late
    line_cutter lines_;
    log_tail tail_;
};

}  // namespace borealis::lambda
