#pragma once
/// The Lambda runtime client: turns a C++ function into the `bootstrap` of a custom runtime (provided.al2023).
///
/// @code
/// int main() {
///     return borealis::lambda::run([](const borealis::lambda::invocation& call) -> borealis::lambda::outcome {
///         return borealis::lambda::response{"{\"echo\":" + call.event + "}"};
///     });
/// }
/// @endcode
///
/// @see AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

#include <chrono>
#include <expected>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace borealis::lambda {

/// One event, and what the host says about it. Whatever the host did not send is empty.
struct invocation {
    std::string event;         ///< The bytes as they came: JSON unless the invoker sent something else.
    std::string content_type;  ///< Of the event.
    std::string request_id;
    std::string function_arn;    ///< As invoked, with `:qualifier` where the invoker used one.
    std::string trace_id;        ///< X-Ray; also in the environment variable `_X_AMZN_TRACE_ID` while the handler runs.
    std::string client_context;  ///< JSON text of the mobile SDKs' client context.
    std::string cognito_identity;  ///< JSON text.
    std::string tenant_id;
    /// When Lambda ends the process. The far future where the host names none.
    std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();

    /// Time left until the deadline, never negative. Bound every call that the handler makes by it.
    [[nodiscard]] std::chrono::milliseconds remaining(
        std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) const;
};

struct response {
    std::string body;
    std::string content_type = "application/json";
};

/// What the invoker gets instead of a result: `{"errorMessage":…,"errorType":…,"requestId":…,"stackTrace":[…]}`.
struct error {
    std::string message;  ///< UTF-8.
    std::string
        type;  ///< E.g. `ValidationError`. Also sent, as `Function.<type>`, where it holds no category of its own.
    std::vector<std::string> stack_trace = {};
    /// A JSON value for one further member of the body, `details`; no such member where this is empty.
    std::string details = {};
};

/// Status and headers of an HTTP answer, sent in front of a stream for function URLs (an HTTP API does not know it).
struct http_prelude {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::vector<std::string> cookies = {};  ///< One `set-cookie` each.
};

/// The result of one event, sent while it is made. Nothing is sent before the first `write`, or the handler's end.
class response_stream {
 public:
    response_stream() = default;
    response_stream(const response_stream&) = delete;
    response_stream& operator=(const response_stream&) = delete;
    virtual ~response_stream() = default;

    /// `application/octet-stream` otherwise. @throws std::logic_error after the first `write`, as `set_prelude` does.
    virtual void set_content_type(std::string type) = 0;
    virtual void set_prelude(http_prelude prelude) = 0;
    /// Sends, and returns when the host has room for more. @throws std::runtime_error when the host takes no more: let
    /// it pass, to be ready for the next event.
    virtual void write(std::string_view bytes) = 0;
};

using outcome = std::expected<response, error>;
using handler = std::function<outcome(const invocation&)>;
/// What it throws is the event's error: as any other's before the first `write`, at the end of the stream after it.
using streaming_handler = std::function<void(const invocation&, response_stream&)>;

/// An exception that carries the error type. Any other exception of a handler is reported with its C++ class as the
/// type, and those nested in it (std::throw_with_nested) as its stack trace, outermost first.
class function_error : public std::runtime_error {
 public:
    explicit function_error(error what) : std::runtime_error(what.message), error_(std::move(what)) {}
    [[nodiscard]] const error& what_happened() const { return error_; }

 private:
    error error_;
};

/// Largest result that Lambda takes, in bytes: 6 MiB and a bit for the envelope.
inline constexpr std::size_t largest_response = 6'291'556;

/// Whether this process runs under Lambda, or a host that plays it (AWS_LAMBDA_RUNTIME_API is set).
[[nodiscard]] bool inside_lambda();

/// Fetches events from the host and answers them, one after the other, until the host goes away.
///
/// Makes standard output line buffered, since every line is one log record. An exception of the handler is answered as
/// an error, and the next event is fetched. Nothing limits the wait for an event: the process may be frozen in it for
/// hours. Proxy variables of the environment do not apply to the host.
///
/// @return What main should return: never 0, as only a failure ends the loop (the host refused to give events, or is
/// gone).
///         One line on standard error says which.
[[nodiscard]] int run(const handler& handle);

/// The same for a function that has something to prepare: `init` is called once, before the first event is asked for,
/// and what it throws is reported as the error of the initialisation (`/init/error`); then 1 is returned.
[[nodiscard]] int run_after(const std::function<handler()>& init);

/// The same for results that are streamed: they may be larger than `largest_response`, and their first bytes reach the
/// invoker while the rest is made, where the invoker asks for a stream.
[[nodiscard]] int run_streaming(const streaming_handler& handle);
[[nodiscard]] int run_streaming_after(const std::function<streaming_handler()>& init);

}  // namespace borealis::lambda
