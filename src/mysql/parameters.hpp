#pragma once
/// Parameters in the binary protocol's types. Functions of bytes; no I/O.

#include <optional>
#include <string_view>

#include <mysql.h>

#include "sql/parameter.hpp"

namespace borealis::mysql {

/// The value of a date, time or timestamp parameter: `[YYYY-MM-DD][ ][HH:MM:SS[.ffffff]]`. Nothing for other types.
[[nodiscard]] std::optional<MYSQL_TIME> moment_of(sql::parameter_type of, std::string_view text);

/// What a value is sent as; MYSQL_TYPE_NULL for none.
[[nodiscard]] enum_field_types wire_type_of(const sql::parameter& of);

}  // namespace borealis::mysql
