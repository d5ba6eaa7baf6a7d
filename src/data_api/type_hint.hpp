#pragma once
/// typeHint of a parameter: which text it takes, and what is bound (section 4.3 of the reference).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sql/parameter.hpp"

namespace borealis::data_api {

enum class type_hint : std::uint8_t { none, json, uuid, timestamp, date, time, decimal };

/// By its name on the wire, or nothing.
[[nodiscard]] std::optional<type_hint> find_type_hint(std::string_view name);
[[nodiscard]] std::string_view name_of(type_hint hint);

/// Type that a stringValue with this hint is bound as.
[[nodiscard]] sql::parameter_type bound_type(type_hint hint);

/// Is `text` of the form the hint asks for? Always true for `none` and `json`, which is checked as it
/// is made compact.
[[nodiscard]] bool fits(type_hint hint, std::string_view text);

/// ISO 8601's further forms of TIMESTAMP and TIME (`T` between date and time, `Z`, an offset of hours and minutes) in
/// the form that fits(), the instant in UTC; nothing when `text` is not of them. Only for profiles that take them.
[[nodiscard]] std::optional<std::string> plain_moment(type_hint hint, std::string_view text);

}  // namespace borealis::data_api
