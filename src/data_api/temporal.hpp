#pragma once
/// Dates and times from the engines' text to the API's.

#include <cstdint>
#include <string>
#include <string_view>

namespace borealis::data_api {

/// PostgreSQL's `infinity` and `-infinity`, of dates and timestamps.
[[nodiscard]] bool is_infinite(std::string_view text);

/// How the fraction of a second is written.
enum class fraction_style : std::uint8_t {
    in_threes,   ///< R-5.2: 0, 3 or 6 digits
    stripped,    ///< R-5.3: without zeros at its end
    short_time,  ///< R-5.3 of a time: the same, of milliseconds
};

/// Appends a time or timestamp with its fraction in that style: `12:00:00.500000` → `12:00:00.500`. What stands
/// before and behind the fraction stays. Text without a recognisable fraction is kept.
/// The characters appended need no JSON escaping as long as those of `text` do not.
void append_moment(std::string& out, std::string_view text, fraction_style style = fraction_style::in_threes);

/// The same for a PostgreSQL timestamptz in ISO style, moved to UTC and without its offset:
/// `2024-01-15 12:34:56+09` → `2024-01-15 03:34:56`. Other text is kept.
void append_moment_in_utc(std::string& out, std::string_view text, fraction_style style = fraction_style::in_threes);

/// A PostgreSQL timetz moved to UTC and without its offset: `12:00:00+01` → `11:00:00`. Other text is kept.
void append_time_in_utc(std::string& out, std::string_view text, fraction_style style);

/// A MySQL TIME of any range as java.sql.Time holds it, within a day: `-01:00:00` → `23:00:00`. Other text is kept.
void append_time_of_day(std::string& out, std::string_view text, fraction_style style);

/// A PostgreSQL interval in style `postgres` as pgjdbc writes it: `1 day 02:00:00` →
/// `0 years 0 mons 1 days 2 hours 0 mins 0.0 secs`. Other text is kept.
void append_interval(std::string& out, std::string_view text);

}  // namespace borealis::data_api
