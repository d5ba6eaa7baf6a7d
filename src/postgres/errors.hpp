#pragma once
/// The server's errors, and libpq's, as failures.

#include <string>
#include <string_view>

#include "postgres/handles.hpp"
#include "sql/failure.hpp"

namespace borealis::postgres {

/// The failure in an error result: kind `database` with the server's fields, or `lost` without an SQLSTATE when libpq
/// made the result up because the connection broke.
[[nodiscard]] sql::failure failure_of(const pg_result* result);

/// The server's plan of a prepared statement no longer fits its tables. Raised when the statement is bound, before it
/// does anything (not when a function or procedure it runs meets the same).
[[nodiscard]] bool is_stale_plan(const pg_result* result);

/// True for errors after which the server closes the session.
[[nodiscard]] bool ends_session(const sql::failure& what);

/// Understands what libpq says when it could not connect. At connect libpq 15 yields text alone; asked for
/// PQERRORS_VERBOSE it holds the server's error as `FATAL:  28P01: password authentication failed …\nLOCATION: …`.
/// @return `login` in the server's words, or `unreachable` with a text that names no host, address or port.
[[nodiscard]] sql::failure connect_failure_of(std::string_view text);

}  // namespace borealis::postgres
