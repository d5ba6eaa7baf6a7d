#pragma once
/// An arrayValue as a parameter, where the profile binds them.

#include <expected>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "sql/dialect.hpp"
#include "sql/parameter.hpp"

namespace borealis::data_api {

/// Is `array` an ArrayValue: one list, its elements of its type or null, lists within lists of one depth and
/// kind?
/// @return What it must be otherwise, for the client.
[[nodiscard]] std::expected<void, std::string_view> check_array(const json::node& array);

/// Appends the array's text to `out`: PostgreSQL's, or JSON for MySQL (for JSON_TABLE, MEMBER OF and the like).
/// @param array  One that check_array() accepts.
/// @return The type to bind it as. Lists of strings are `untyped_array`.
sql::parameter_type append_array(std::string& out, const json::node& array, sql::dialect of);

}  // namespace borealis::data_api
