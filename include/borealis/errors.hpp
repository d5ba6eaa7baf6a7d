#pragma once
/// What a call may throw. One class per error shape of the service, all under `aws_error`.

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <version>
#if defined(__cpp_lib_expected)
#include <expected>
#endif

namespace borealis {

/// What is known about a failed call.
struct error_details {
    std::string code = {};     ///< The service's error name (`DatabaseErrorException`), or ours: see the classes below.
    std::string message = {};  ///< The service's text, unchanged; may be empty.
    std::string operation = {};    ///< `ExecuteStatement`, …
    int status = 0;                ///< HTTP status; 0 when there was no answer.
    std::string request_id = {};   ///< `x-amzn-RequestId`; empty when there was no answer.
    bool retryable = false;        ///< A later call may succeed and this one had no effect.
    bool outcome_unknown = false;  ///< The call may have had its effect: it was sent, and no answer says otherwise.
    std::optional<std::int64_t> db_connection_id = {};  ///< Of a statement that timed out.
};

/// The call failed. `what()` reads `An error occurred (<code>) when calling the <operation> operation: <message>`.
class aws_error : public std::runtime_error {
 public:
    explicit aws_error(error_details details);

    [[nodiscard]] const error_details& details() const noexcept { return details_; }
    [[nodiscard]] const std::string& code() const noexcept { return details_.code; }
    [[nodiscard]] const std::string& message() const noexcept { return details_.message; }
    [[nodiscard]] const std::string& request_id() const noexcept { return details_.request_id; }
    [[nodiscard]] int status() const noexcept { return details_.status; }
    [[nodiscard]] bool retryable() const noexcept { return details_.retryable; }
    /// True when nobody can say whether the statement or the commit took effect (its answer was lost). The client never
    /// repeats such a call by itself: look into the database before you do.
    [[nodiscard]] bool outcome_unknown() const noexcept { return details_.outcome_unknown; }

    /// The five characters behind `SQLState:` in the message of a database error.
    [[nodiscard]] std::optional<std::string> sql_state() const;
    /// MySQL's number behind `Error code:` (or the older `Database error code:`) in the message of a database error.
    [[nodiscard]] std::optional<int> engine_code() const;

 private:
    error_details details_;
};

// The shapes of the RDS Data API, by their names without "Exception".
class access_denied final : public aws_error {
    using aws_error::aws_error;
};
class bad_request final : public aws_error {
    using aws_error::aws_error;
};
class database_error final : public aws_error {
    using aws_error::aws_error;
};
class database_not_found final : public aws_error {
    using aws_error::aws_error;
};
class database_resuming final : public aws_error {
    using aws_error::aws_error;
};
class database_unavailable final : public aws_error {
    using aws_error::aws_error;
};
class forbidden final : public aws_error {
    using aws_error::aws_error;
};
class http_endpoint_not_enabled final : public aws_error {
    using aws_error::aws_error;
};
class internal_server_error final : public aws_error {
    using aws_error::aws_error;
};
class invalid_resource_state final : public aws_error {
    using aws_error::aws_error;
};
class invalid_secret final : public aws_error {
    using aws_error::aws_error;
};
class not_found final : public aws_error {
    using aws_error::aws_error;
};
class secrets_error final : public aws_error {
    using aws_error::aws_error;
};
class service_unavailable final : public aws_error {
    using aws_error::aws_error;
};
class transaction_not_found final : public aws_error {
    using aws_error::aws_error;
};
class unsupported_result final : public aws_error {
    using aws_error::aws_error;
};
class statement_timeout final : public aws_error {
 public:
    using aws_error::aws_error;
    /// The database's own number of the session whose statement was cancelled.
    [[nodiscard]] std::optional<std::int64_t> db_connection_id() const noexcept { return details().db_connection_id; }
};

// Answered by the layers in front of the service.
/// `ValidationException`, `SerializationException`: the request breaks a constraint.
class invalid_request final : public aws_error {
    using aws_error::aws_error;
};
/// `ThrottlingException`, `TooManyRequestsException` and their like.
class throttled final : public aws_error {
    using aws_error::aws_error;
};
/// `UnrecognizedClientException`, `InvalidSignatureException`, `ExpiredTokenException` and their like.
class not_authenticated final : public aws_error {
    using aws_error::aws_error;
};
/// `ResourceNotFoundException` of Secrets Manager.
class resource_not_found final : public aws_error {
    using aws_error::aws_error;
};

// Raised by the client itself; `status()` is 0 and `code()` is the class's name in PascalCase.
/// No connection, or it broke. See `outcome_unknown()`.
class connection_error final : public aws_error {
    using aws_error::aws_error;
};
/// The call's time is over. See `outcome_unknown()`.
class call_timeout final : public aws_error {
    using aws_error::aws_error;
};
/// The answer is not what the service promises.
class invalid_response final : public aws_error {
    using aws_error::aws_error;
};
/// No credentials were found, or the ones found cannot be used. Thrown by the first call, not by a constructor.
class credentials_error final : public aws_error {
    using aws_error::aws_error;
};
/// A setting is missing or wrong: region, profile, endpoint, retry mode, …
class configuration_error final : public aws_error {
    using aws_error::aws_error;
};
/// The database rolled the transaction back instead of committing it: one of its statements had failed (PostgreSQL).
class transaction_rolled_back final : public aws_error {
    using aws_error::aws_error;
};

#if defined(__cpp_lib_expected)
/// Runs `call` and hands its `aws_error` back as a value (`code()` tells which one).
///
///     auto found = borealis::attempt([&] { return client.execute("SELECT 1"); });
///     if (!found) report(found.error().what());
template <class Call>
[[nodiscard]] auto attempt(Call&& call) -> std::expected<std::invoke_result_t<Call>, aws_error> {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
            std::forward<Call>(call)();
            return {};
        } else {
            return std::forward<Call>(call)();
        }
    } catch (const aws_error& failed) {
        return std::unexpected(aws_error(failed.details()));
    }
}
#endif

}  // namespace borealis
