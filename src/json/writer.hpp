#pragma once
/// JSON appended to a buffer. No tree, no stream: the caller writes the brackets and commas it wants.

#include <cstdint>
#include <string>
#include <string_view>

namespace borealis::json {

/// Appends `utf8` as a JSON string with its quotes: escapes `"`, `\` and control characters (\b \f \n \r \t, else
/// \u00XX), leaves the rest as it is. Invalid UTF-8 is replaced by U+FFFD so that the output is always valid
/// JSON.
void append_string(std::string& out, std::string_view utf8);

/// What stands between the quotes of append_string.
void append_escaped(std::string& out, std::string_view utf8);

/// Does append_escaped change nothing of it, as it is ASCII without anything to escape?
[[nodiscard]] bool is_plain(std::string_view utf8);

void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);

/// Shortest digits that read back as the same double; integral values keep `.0` (`10.0`). NaN and the infinities as the
/// JSON strings "NaN", "Infinity", "-Infinity".
void append_double(std::string& out, double value);
/// The same with the shortest digits of the float (`3.14`, not the widened double).
void append_float(std::string& out, float value);

}  // namespace borealis::json
