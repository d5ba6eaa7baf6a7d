#include "lambda/sandbox.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr auto memory_read_every = 200ms;
/// A program that a linker is just writing cannot be executed (ETXTBSY); it gets so long to finish.
constexpr auto busy_program_limit = 3s;
constexpr auto busy_program_pause = 50ms;
/// What a process that has posted its init error may take to leave.
constexpr auto leave_limit = 1s;

std::string error_json(std::string_view type, std::string_view message) {
    std::string body = R"({"errorType":)";
    json::append_string(body, type);
    body += R"(,"errorMessage":)";
    json::append_string(body, message);
    return body += '}';
}

double in_ms(core::clock::duration time) {
    return static_cast<double>(duration_cast<microseconds>(time).count()) / 1000.0;
}

}  // namespace

sandbox::sandbox(const sandbox_context& in, sandbox_owner& owner, function_state of, function_log& log)
    : in_(in),
      owner_(owner),
      of_(std::move(of)),
      log_(log),
      stream_(make_log_stream_name()),
      temp_(in.temp_folder / core::random_alphanumeric(12)),
      last_used_(clock::now()),
      timer_(in.loop) {
    std::error_code failed;
    std::filesystem::create_directories(temp_, failed);
    if (failed) {
        core::log(core::log_level::warning, "{}: {}", temp_.string(), failed.message());
        return;
    }
    std::filesystem::permissions(temp_, std::filesystem::perms::owner_all, failed);
    if (!in.who.is_us && ::chown(temp_.c_str(), in.who.user, in.who.group) != 0) {
        core::log(core::log_level::warning, "{}: cannot be given to {}: {}", temp_.string(), in.who.name,
                  std::generic_category().message(errno));
    }
}

sandbox::~sandbox() {
    if (process_) {
        process_->detach();
        process_->kill();
    }
    std::error_code ignored;  // the folder of temp folders is emptied at the next start
    std::filesystem::remove_all(temp_, ignored);
}

void sandbox::line(std::string_view text) {
    tail_.add(text);
    log_.add(std::string_view(stream_).substr(stream_.find(']') + 1), text);
}

void sandbox::arm(clock::time_point at) {
    const auto mine = ++armed_;
    timer_.expires_at(at);
    if (at == clock::time_point::max()) return;
    timer_.async_wait([this, mine, alive = std::weak_ptr(alive_)](const boost::system::error_code& stopped) {
        if (!stopped && !alive.expired()) on_time(mine);
    });
}

void sandbox::take(std::shared_ptr<call> what) {
    call_ = std::move(what);
    call_->leave_queue();
    tail_.clear();
    init_duration_ = microseconds(0);
    if (phase_ == phase::idle) {
        deliver();
        return;
    }
    suppressed_ = !first_;
    process_started_ = clock::now();
    begin();
}

void sandbox::begin() {
    const auto& one = of_->settings;
    has_init_error_ = init_timed_out_ = false;
    try {
        process_ = std::make_shared<runtime_process>(in_.loop, *this);
    } catch (const std::exception& why) {
        core::log(core::log_level::error, "function {}: no port for its Runtime API: {}", one.name, why.what());
        return failed_to_start({.at = launch_failure::stage::machine, .error = EADDRNOTAVAIL});
    }
    function_credentials credentials{.access_key_id = "ASIABOREALISLOCAL000",
                                     .secret_access_key = core::secret_text("borealis"),
                                     .session_token = core::secret_text("borealis")};
    if (in_.with.credentials) credentials = in_.with.credentials(one);
    launch what{.program = of_->program, .folder = of_->task_root, .temp_folder = temp_, .environment = {}};
    what.environment = make_environment(one, in_.with, credentials,
                                        {.runtime_api = process_->address(),
                                         .task_root = of_->task_root.string(),
                                         .temp_folder = temp_.string(),
                                         .log_stream = stream_});
    phase_ = phase::starting;
    auto started = process_->start(what, in_.who);
    if (!started && started.error().error == EACCES && !in_.who.is_us && !in_.who.by_choice && !of_->uploaded()) {
        // Root's own function, in a folder that only root may enter: the developer's machine, or a container.
        core::log(core::log_level::warning,
                  "function {} runs as root: its code is closed to the user {}; name a user with run_functions_as, or "
                  "put the "
                  "code where that user may read it",
                  one.name, in_.who.name);
        account root = in_.who;
        root.is_us = true;
        started = process_->start(what, root);
    }
    if (!started) {
        if (started.error().error == ETXTBSY && clock::now() - process_started_ < busy_program_limit) {
            process_->detach();
            process_->kill();
            process_ = nullptr;
            return arm(clock::now() + busy_program_pause);
        }
        return failed_to_start(started.error());
    }
    if (first_ || suppressed_) {
        line(fmt::format("INIT_START Runtime Version: {}\tRuntime Version ARN: arn:aws:lambda:{}::runtime:borealis",
                         fmt::format("{}.v1", one.runtime == "provided.al2023" ? "provided:al2023" : "provided:al2"),
                         in_.with.region));
    }
    const auto now = clock::now();
    if (suppressed_) {
        delivered_ = now;
        deadline_ = now + one.timeout;
        arm(deadline_);
    } else {
        arm(now + in_.with.init_limit);
    }
}

void sandbox::failed_to_start(const launch_failure& why) {
    const auto& one = of_->settings;
    if (process_) {
        process_->detach();
        process_->kill();
        process_ = nullptr;
    }
    arm(clock::time_point::max());
    phase_ = phase::down;
    delivered_ = process_started_;
    const auto reason = std::generic_category().message(why.error);
    std::string text;
    switch (why.at) {
        case launch_failure::stage::execute:
        case launch_failure::stage::folder:
            if (why.at == launch_failure::stage::execute && (why.error == ENOENT || why.error == EACCES) &&
                ::access(of_->program.c_str(), X_OK) != 0) {
                text = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
            } else {
                auto lower = reason;
                if (!lower.empty() && lower[0] >= 'A' && lower[0] <= 'Z') lower[0] = static_cast<char>(lower[0] + 32);
                text = fmt::format("fork/exec /var/task/bootstrap: {}", lower);
            }
            core::log(core::log_level::warning, "function {}: {} cannot be run{}: {}", one.name, of_->program.string(),
                      in_.who.is_us ? "" : " as user " + in_.who.name, reason);
            break;
        default:
            text = "the host could not start a process";
            core::log(core::log_level::error, "function {}: no process can be started{}: {}", one.name,
                      why.at == launch_failure::stage::temp_folder
                          ? fmt::format(" with the temp folder {}", temp_.string())
                          : std::string(),
                      reason);
    }
    fail(invoke_result::kind::no_program, "Runtime.InvalidEntrypoint", text);
    release();
}

void sandbox::deliver() {
    const auto& one = of_->settings;
    const auto& asked = call_->asked;
    if (std::exchange(frozen_, false)) process_->thaw();
    const auto now = clock::now();
    const bool within_init = suppressed_ && phase_ == phase::starting;
    if (!within_init) {
        delivered_ = now;
        deadline_ = now + one.timeout;
    }
    const auto left = duration_cast<milliseconds>(deadline_ - now);
    const auto wall = std::chrono::system_clock::now() + left;
    runtime_event event{.request_id = asked.request_id,
                        .deadline_ms = duration_cast<milliseconds>(wall.time_since_epoch()).count(),
                        .function_arn = call_->function_arn,
                        .trace_id = asked.trace_id,
                        .client_context = asked.client_context,
                        .cognito_identity = asked.cognito_identity,
                        .content_type = asked.content_type,
                        .body = asked.payload};
    arm(deadline_);
    if (!process_->deliver(event)) {  // its connection has gone: it asks again, or has ended
        phase_ = phase::starting;
        suppressed_ = true;
        return;
    }
    suppressed_ = false;
    first_ = false;
    phase_ = phase::running;
    line(fmt::format("START RequestId: {} Version: $LATEST", asked.request_id));
}

void sandbox::on_ready() {
    switch (phase_) {
        case phase::starting:
            if (!suppressed_ && first_) init_duration_ = duration_cast<microseconds>(clock::now() - process_started_);
            if (call_) {
                deliver();
                return;
            }
            phase_ = phase::idle;
            break;
        case phase::answered:
            phase_ = phase::idle;
            break;
        default:
            return;  // asked again, on another connection
    }
    arm(clock::time_point::max());
    last_used_ = clock::now();
    release();
    if (phase_ == phase::idle && !retired_ && of_->settings.freeze == freezing::between_events) {
        process_->freeze();
        frozen_ = true;
    }
}

void sandbox::on_answer(runtime_answer answer) {
    if (answer.what == runtime_answer::kind::init_error) {
        if (phase_ != phase::starting) return;
        has_init_error_ = true;
        init_error_ = std::move(answer.body);
        init_error_type_ = std::move(answer.error_type);
        arm(clock::now() + leave_limit);  // it leaves by itself, or is made to
        return;
    }
    if (phase_ != phase::running) return;
    process_->drain_output();
    phase_ = phase::answered;
    since_ = clock::now();
    switch (answer.what) {
        case runtime_answer::kind::response:
            finish(invoke_result::kind::success, std::move(answer.body), std::move(answer.content_type), {});
            break;
        case runtime_answer::kind::too_large:
            finish(
                invoke_result::kind::too_large,
                R"({"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"})",
                "application/json", "Function.ResponseSizeTooLarge");
            break;
        default:
            finish(invoke_result::kind::error, std::move(answer.body), std::move(answer.content_type),
                   answer.error_type.empty() ? "Function.Unknown" : answer.error_type);
    }
}

void sandbox::on_output(std::string_view bytes) {
    lines_.add(bytes, [this](std::string_view text) { line(text); });
    log_.write();  // who follows the log sees it now
}

void sandbox::on_exit(int wait_status) {
    lines_.flush([this](std::string_view text) { line(text); });
    process_ = nullptr;
    frozen_ = false;
    arm(clock::time_point::max());
    const auto was = std::exchange(phase_, phase::down);
    if (!call_) {
        log_.write();
        return release();
    }
    const auto text = exit_text(wait_status);
    if (was == phase::starting && !suppressed_ && first_ && !retired_) {
        init_report(init_timed_out_ ? "timeout" : "error", init_timed_out_   ? ""
                                                           : has_init_error_ ? std::string_view(init_error_type_)
                                                                             : "Runtime.ExitError");
        return begin_again();
    }
    if (was == phase::starting && has_init_error_) {
        init_report("error", init_error_type_);
        finish(invoke_result::kind::init_error, std::move(init_error_), "application/json", init_error_type_);
    } else {
        fail(invoke_result::kind::exited, "Runtime.ExitError", text);
    }
    release();
}

void sandbox::begin_again() {  // L-1.60
    first_ = false;
    suppressed_ = true;
    process_started_ = clock::now();
    begin();
}

void sandbox::on_time(std::uint64_t armed) {
    if (armed != armed_) return;  // meanwhile armed anew
    if (!process_) {
        if (call_) begin();  // the program was busy
        return;
    }
    if (phase_ == phase::starting && has_init_error_) return process_->kill();
    if (phase_ == phase::starting && !suppressed_) {
        init_timed_out_ = true;
        return process_->kill();  // on_exit repeats it
    }
    if (call_) {
        process_->drain_output();
        lines_.flush([this](std::string_view text) { line(text); });
        const double seconds = static_cast<double>(of_->settings.timeout.count());
        line(fmt::format("{} {} Task timed out after {:.2f} seconds", iso_time(std::chrono::system_clock::now()),
                         call_->asked.request_id, seconds));
        fail(invoke_result::kind::timed_out, "Sandbox.Timedout",
             fmt::format("Task timed out after {:.2f} seconds", seconds));
    }
    phase_ = phase::ending;
    since_ = clock::now();
    process_->kill();
}

void sandbox::init_report(std::string_view status, std::string_view error_type) {
    line(fmt::format("INIT_REPORT Init Duration: {:.2f} ms\tPhase: {}\tStatus: {}{}{}",
                     in_ms(clock::now() - process_started_), suppressed_ ? "invoke" : "init", status,
                     error_type.empty() ? "" : "\tError Type: ", error_type));
}

void sandbox::fail(invoke_result::kind what, std::string_view type, std::string_view text) {
    finish(what, error_json(type, fmt::format("RequestId: {} Error: {}", call_->asked.request_id, text)),
           "application/json", type);
}

void sandbox::finish(invoke_result::kind what, std::string payload, std::string content_type,
                     std::string_view error_type) {
    const auto now = clock::now();
    const auto& asked = call_->asked;
    if (process_ && now - memory_read_ > memory_read_every) {
        memory_read_ = now;
        peak_memory_ = std::max(peak_memory_, process_->peak_memory_mb());
    }
    const auto duration = duration_cast<microseconds>(now - delivered_);
    line(fmt::format("END RequestId: {}", asked.request_id));
    line(report_line({.request_id = asked.request_id,
                      .duration = duration,
                      .init_duration = init_duration_,
                      .memory_mb = of_->settings.memory_mb,
                      .peak_memory_mb = peak_memory_,
                      .timed_out = what == invoke_result::kind::timed_out,
                      .error_type = error_type}));
    log_.write();
    const auto done = std::exchange(call_, nullptr);
    done->finish(invoke_result{.what = what,
                               .payload = std::move(payload),
                               .content_type = std::move(content_type),
                               .request_id = asked.request_id,
                               .trace_id = asked.trace_id,
                               .log_tail = tail_.text(),
                               .duration = duration,
                               .init_duration = std::exchange(init_duration_, microseconds(0))});
}

void sandbox::retire() {
    retired_ = true;
    if (phase_ == phase::down) return release();
    if (phase_ != phase::idle) return;
    phase_ = phase::ending;
    process_->kill();
}

void sandbox::abort(const refusal& why) {
    retired_ = true;
    if (const auto lost = std::exchange(call_, nullptr)) lost->finish(std::unexpected(why));
    if (!process_) {
        phase_ = phase::down;
        return release();
    }
    phase_ = phase::ending;
    process_->kill();
}

void sandbox::release() {
    if (retired_ && phase_ == phase::idle) {
        phase_ = phase::ending;
        process_->kill();
        return;
    }
    if (free()) owner_.on_released(*this);
}

}  // namespace borealis::lambda
