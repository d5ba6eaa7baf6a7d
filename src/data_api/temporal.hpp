#pragma once
/// Dates and times from the engines' text to the API's.

#include <string>
#include <string_view>

namespace borealis::data_api {

/// PostgreSQL's `infinity` and `-infinity`, of dates and timestamps.
[[nodiscard]] bool is_infinite(std::string_view text);

/// Appends a time or timestamp with its fraction in 0, 3 or 6 digits: `12:00:00.500000` → `12:00:00.500`. What stands
/// before and behind the fraction stays. Text without a recognisable fraction is kept.
/// The characters appended need no JSON escaping as long as those of `text` do not.
void append_moment(std::string& out, std::string_view text);

/// The same for a PostgreSQL timestamptz in ISO style, moved to UTC and without its offset:
/// `2024-01-15 12:34:56+09` → `2024-01-15 03:34:56`. Other text is kept.
void append_moment_in_utc(std::string& out, std::string_view text);

}  // namespace borealis::data_api
