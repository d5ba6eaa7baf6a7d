#pragma once
/// Errors in the form both variants show them: class and text of PyMySQL, which the workshop's function is built on
/// (L-6.70).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace employees {

/// What an error means to a caller by HTTP (L-3.61).
enum class failure_kind : std::uint8_t {
    invalid_input,  ///< The event breaks the contract; the database has not been asked.
    duplicate,      ///< An employee of this id is there already.
    data,           ///< The database refuses the values.
    unavailable,    ///< A later call may succeed.
    other,
};

struct failure {
    failure_kind kind = failure_kind::other;
    std::string type;
    std::string message;
    std::string details = {};      ///< JSON for the error's member `details`; none where empty.
    bool outcome_unknown = false;  ///< What failed may have taken effect: its answer was lost.
};

template <class T>
using outcome = std::expected<T, failure>;

/// The event is refused: class `Exception`, as the workshop's function raises it.
[[nodiscard]] failure invalid_input(std::string message, std::string details = {});

/// `(1062, "Duplicate entry '7' for key 'PRIMARY'")` with the class PyMySQL gives the number (L-6.72).
[[nodiscard]] failure mysql_failure(unsigned number, std::string_view text);

/// `('23505', 'ERROR: duplicate key …')` with the class that the SQLSTATE's meaning has among MySQL's (L-6.71).
[[nodiscard]] failure postgresql_failure(std::string_view sql_state, std::string_view text);

/// The error behind an answer of the Data API: number and text are read back out of its message (L-6.71).
/// @param code     The service's error name, e.g. `DatabaseErrorException`.
/// @param message  The service's text, unchanged.
[[nodiscard]] failure service_failure(std::string_view code, std::string_view message);

/// The login cannot be had: the secret is missing, unreadable or without user and password. Says the same in both
/// variants; the reason belongs into the log.
[[nodiscard]] failure credentials_failure();

/// Text for callers who shall see neither SQL nor hosts (L-3.61).
[[nodiscard]] std::string public_message(const failure& what);

[[nodiscard]] int http_status(failure_kind kind);

}  // namespace employees
