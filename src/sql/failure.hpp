#pragma once
/// How a database call fails.

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace borealis::sql {

enum class failure_kind : std::uint8_t {
    database,     ///< The database refused the statement; `sqlstate` and `message` are its own.
    login,        ///< The database refused the connection (password, role, unknown database): its own texts as well.
    timeout,      ///< The deadline passed; the statement was cancelled at the database.
    unreachable,  ///< No connection could be made, or it was found dead before anything was sent. Nothing happened.
    lost,         ///< The connection broke after the statement was sent: its outcome is unknown. Never repeat it.
    busy,         ///< All connections the limits allow were in use until the deadline. Nothing happened.
    unsupported,  ///< The statement needs a protocol flow we do not speak (COPY … STDIN).
    internal,     ///< A bug of ours or of a library.
};

/// A failure in the engine's own words, unformatted: `data_api` makes the text its profile asks for.
struct failure {
    failure_kind kind = failure_kind::internal;
    std::string
        message;  ///< Primary message, UTF-8. For kinds other than database and login: ours, fit for the client.
    std::string sqlstate = {};  ///< Five characters, or empty.
    int code = 0;               ///< MySQL's error number; 0 elsewhere.
    std::string severity = {};  ///< PostgreSQL: ERROR, FATAL, PANIC.
    std::string detail = {};    ///< PostgreSQL's DETAIL; may hold row values.
    std::string hint = {};
    std::string where = {};       ///< PostgreSQL's CONTEXT.
    int position = 0;             ///< 1-based character position in the rewritten text; 0 when the server gave none.
    std::int64_t backend_id = 0;  ///< With `timeout`: the server's connection id.
};

template <class T>
using result = std::expected<T, failure>;

[[nodiscard]] inline std::unexpected<failure> fail(failure_kind kind, std::string message) {
    return std::unexpected(failure{.kind = kind, .message = std::move(message)});
}

}  // namespace borealis::sql
