#pragma once
/// The one error type that rooms hand to each other.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

namespace borealis::core {

/// What went wrong, in the caller's terms. `data_api` maps each kind to one AWS error name and HTTP status; nobody else
/// does.
/// @see RDS Data API reference, "Errors" (rules R-2.x of tests/).
enum class error_kind : std::uint8_t {
    validation,             ///< The request breaks a constraint of the API.
    serialization,          ///< The body is not JSON, or a member has the wrong JSON type.
    bad_request,            ///< Refused for another reason of the caller's.
    access_denied,          ///< The caller lacks the permission.
    forbidden,              ///< Refused whoever calls.
    not_authenticated,      ///< No, or no valid, credentials.
    database_error,         ///< The database answered with an error.
    database_not_found,     ///< The cluster has no database server.
    database_resuming,      ///< The cluster is paused; this call has begun to resume it.
    database_unavailable,   ///< The database cannot be reached; nothing was sent to it.
    endpoint_not_enabled,   ///< No such cluster, or its Data API is off.
    invalid_state,          ///< The cluster is in a state that does not allow the call.
    invalid_secret,         ///< The secret's content cannot be used.
    secret_not_found,       ///< The secret cannot be found or read.
    not_found,              ///< Something else that was named does not exist.
    already_exists,         ///< Something of this name is there already.
    statement_timeout,      ///< The statement ran longer than allowed.
    transaction_not_found,  ///< Unknown, expired or ended transaction id.
    unsupported_result,     ///< The result has a type, shape or size that the API cannot carry.
    throttled,              ///< Too many calls.
    too_large,              ///< The request is larger than allowed.
    unavailable,            ///< A limit of this server is reached; a later call may succeed. Nothing was done.
    internal_failure,       ///< AWS fails without a word here, and so do we (R-2.29); no bug of ours.
    internal,               ///< A bug of ours or an exhausted machine.
};

struct error {
    error_kind kind = error_kind::internal;
    std::string message;  ///< Sent to the client as it is: no secret and no address in it.
    std::optional<std::int64_t> db_connection_id = {};  ///< Only with `statement_timeout` (R-1.33).
};

template <class T>
using result = std::expected<T, error>;

[[nodiscard]] inline std::unexpected<error> fail(error_kind kind, std::string message) {
    return std::unexpected(error{kind, std::move(message)});
}

}  // namespace borealis::core
