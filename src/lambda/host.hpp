#pragma once
/// Plays Lambda on this machine: starts functions as processes, hands them events over the Runtime API, and says what
/// an invoker of AWS would read. The wire of the Invoke API is in `invoke_api`, HTTP APIs in `gateway`.
///
/// Threads: the host has one thread of its own, on which everything that lives (processes, Runtime API sockets, queues,
/// timers) has its home. `invoke` and `enqueue` may be called from any thread; they hop there and back.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/secret_text.hpp"
#include "lambda/function.hpp"

namespace borealis::lambda {

class function_table;

/// What a function's processes sign with (L-1.50, L-1.53).
struct function_credentials {
    std::string access_key_id;
    core::secret_text secret_access_key;
    core::secret_text session_token;  ///< Empty: the variable is not set.
};

struct host_settings {
    std::string region = "us-east-1";
    std::string account = "123456789012";
    std::filesystem::path folder;  ///< State: logs, unpacked code, the processes' temp folders.
    /// Variables that every process gets beside those of AWS, e.g. AWS_ENDPOINT_URL; the function's own win.
    std::map<std::string, std::string> environment;
    /// Asked once for each process that starts, on the host's thread; must not block. Null: dummy credentials.
    std::function<function_credentials(const function_settings&)> credentials;
    /// User that runs the processes where we are root; empty: `borealis`, else `nobody`.
    std::string run_as;
    std::chrono::milliseconds init_limit{10'000};   ///< L-1.60.
    std::chrono::milliseconds queue_limit{30'000};  ///< Longest wait for a free process, then throttled.
    std::size_t queue_length = 1'000;               ///< Calls of one function that wait; one more is throttled.
    std::chrono::seconds idle_limit{300};           ///< A process without an event for so long is ended.
    /// A process older than this is ended between two calls: its credentials must not expire under it (L-1.53).
    std::chrono::seconds process_lifetime{6 * 60 * 60};
    /// Before the second and third try of an Event (L-2.14; AWS: 1 and 2 minutes).
    std::vector<std::chrono::milliseconds> retry_after = {std::chrono::seconds(1), std::chrono::seconds(2)};
    std::chrono::seconds event_age_limit{6 * 60 * 60};  ///< An Event older than this is dropped.
    std::size_t log_bytes = 10 * 1024 * 1024;  ///< Of a function's log file; then a new one is begun, one is kept.
    bool echo_logs = false;                    ///< Function log lines on standard output as well.
};

/// One call of a function.
struct invoke_request {
    std::string function = {};   ///< Plain name.
    std::string qualifier = {};  ///< As the invoker gave it; empty or `$LATEST`.
    std::string payload = {};    ///< The event: its bytes reach the function unchanged.
    std::string content_type = "application/json";
    std::string client_context = {};    ///< JSON text (base64 already undone); empty: none.
    std::string cognito_identity = {};  ///< JSON text; empty: none.
    std::string trace_id = {};          ///< `Root=…`; empty: one is made.
    std::string request_id = {};        ///< Empty: one is made.
    /// When the caller stops waiting (`refusal::gave_up`). The function goes on until its own time-out, as behind a
    /// gateway (L-9.8).
    core::deadline answer_by = {};
};

/// What came of a call that reached the function.
struct invoke_result {
    /// Anything but `success` is a function error: HTTP 200 with `X-Amz-Function-Error: Unhandled` for an invoker
    /// (L-1.40 to L-1.46), 500 or 502 behind a gateway.
    enum class kind : std::uint8_t {
        success,
        error,       ///< The function posted an error.
        init_error,  ///< It posted one before its first event.
        timed_out,   ///< Sandbox.Timedout
        exited,      ///< Runtime.ExitError
        no_program,  ///< Runtime.InvalidEntrypoint
        too_large,   ///< Function.ResponseSizeTooLarge
    };
    kind what = kind::success;
    std::string payload;       ///< The result, or the error JSON of AWS.
    std::string content_type;  ///< Of the payload, as the function said.
    std::string request_id;
    std::string trace_id;
    std::string executed_version = "$LATEST";
    std::string log_tail;  ///< The last 4 KB of this call's log, START and REPORT included.
    std::chrono::microseconds duration{0};
    std::chrono::microseconds init_duration{0};  ///< 0: a warm process.
    [[nodiscard]] bool failed() const { return what != kind::success; }
};

/// Why a call did not reach the function, or its end was not waited for.
struct refusal {
    enum class kind : std::uint8_t {
        no_function,  ///< No such function, or no such qualifier.
        throttled,    ///< L-2.21; `reason` is AWS's word.
        gave_up,      ///< `answer_by` has passed; the function goes on.
        stopping,     ///< This host is being stopped.
    };
    kind what = kind::no_function;
    std::string reason;   ///< With `throttled`: e.g. `ReservedFunctionConcurrentInvocationLimitExceeded`.
    std::string message;  ///< AWS's text.
};

class host {
 public:
    using answer = std::expected<invoke_result, refusal>;

    /// Begins to serve what `functions` holds, now and later. Nothing is started before it is called.
    /// @param functions  Outlives this. Throws std::exception where the state folder cannot be used.
    host(host_settings with, function_table& functions);
    host(const host&) = delete;
    host& operator=(const host&) = delete;
    /// Stops; see `stop`.
    ~host();

    /// Calls a function and waits for its answer; bounded by `answer_by`, and else by the queue limit, the init limit
    /// and the function's time-out. The caller may go away: the function goes on (L-9.7).
    core::awaitable<answer> invoke(invoke_request what);

    /// Takes an Event (L-2.14): returns at once; tried again after a function error, and while throttled, until it is
    /// too old. What is queued is lost when the host stops.
    /// @return Its request id; or `no_function`, `throttled` where too many wait, `stopping`.
    [[nodiscard]] std::expected<std::string, refusal> enqueue(invoke_request what);

    /// Refuses new calls, waits for those that run until `until`, then kills every process with what it started.
    /// From any thread but the host's. Idempotent.
    void stop(core::deadline until) noexcept;

    [[nodiscard]] const host_settings& settings() const;

    /// Processes of all functions, for tests and status pages.
    struct counts {
        std::size_t starting = 0, idle = 0, running = 0;
        std::size_t waiting = 0;  ///< Calls in queues.
    };
    [[nodiscard]] counts count() const;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::lambda
