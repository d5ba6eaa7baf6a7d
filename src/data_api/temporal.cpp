#include "data_api/temporal.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>

#include <fmt/format.h>

namespace borealis::data_api {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Where the fraction of the seconds stands; an empty one where there is none.
struct fraction {
    std::size_t dot = 0, end = 0;
};

std::optional<fraction> find_fraction(std::string_view text) {
    const auto colon = text.rfind(':');  // only what follows a colon: DateStyle German writes dates with dots
    const auto dot = text.find('.', colon == std::string_view::npos ? text.size() : colon);
    if (dot == std::string_view::npos) return std::nullopt;
    auto end = dot + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end - dot - 1 > 6) return std::nullopt;
    return fraction{dot, end};
}

void append_fraction(std::string& out, std::string_view digits, fraction_style style) {
    if (style == fraction_style::short_time) digits = digits.substr(0, 3);
    const auto last = digits.find_last_not_of('0');
    if (last == std::string_view::npos) return;
    if (style != fraction_style::in_threes) {
        out.append(".").append(digits.substr(0, last + 1));
        return;
    }
    const std::size_t wanted = last < 3 ? 3 : 6;
    out += '.';
    out += digits.substr(0, std::min(wanted, digits.size()));
    if (digits.size() < wanted) out.append(wanted - digits.size(), '0');
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; year 0 is 1 BC.
/// @see H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"; std::chrono::year ends at 32767, PostgreSQL at
/// 294276.
constexpr std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day) {
    year -= month <= 2;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t of_era = year - era * 400;
    const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil {
    std::int64_t year, month, day;
};

constexpr civil civil_of(std::int64_t days) {
    days += 719468;
    const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const std::int64_t of_era = days - era * 146097;
    const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t shifted = (5 * of_year + 2) / 153;
    const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    return {year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1};
}

static_assert(days_of(1970, 1, 1) == 0 && days_of(2000, 3, 1) == 11017 && days_of(0, 2, 29) + 1 == days_of(0, 3, 1));
static_assert(civil_of(-1).year == 1969 && civil_of(-1).month == 12 && civil_of(-1).day == 31);

/// Reads text from the left, one piece at a time; a piece that is not there fails it for good.
class cutter {
 public:
    explicit cutter(std::string_view text) : left_(text) {}

    std::int64_t number(std::size_t least_digits, std::size_t most_digits) {
        std::size_t size = 0;
        while (size < left_.size() && size < most_digits && is_digit(left_[size])) ++size;
        std::int64_t value = 0;
        if (size < least_digits) failed_ = true;
        std::from_chars(left_.data(), left_.data() + size, value);
        left_.remove_prefix(size);
        return value;
    }
    bool take(char c) {
        if (!left_.starts_with(c)) return false;
        left_.remove_prefix(1);
        return true;
    }
    void expect(char c) { failed_ |= !take(c); }
    [[nodiscard]] std::string_view left() const { return left_; }
    [[nodiscard]] bool failed() const { return failed_; }

 private:
    std::string_view left_;
    bool failed_ = false;
};

constexpr std::int64_t day_seconds = 86'400;

void append_clock(std::string& out, std::int64_t seconds, std::string_view fraction, fraction_style style) {
    seconds = (seconds % day_seconds + day_seconds) % day_seconds;
    fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    append_fraction(out, fraction, style);
}

/// `[.digits]` at the cutter; the digits.
std::string_view take_fraction(cutter& from) {
    if (!from.take('.')) return {};
    const auto begins = from.left();
    from.number(1, 6);
    return begins.substr(0, begins.size() - from.left().size());
}

/// `+HH[:MM[:SS]]` in seconds east.
std::int64_t take_offset(cutter& from) {
    const bool east = from.take('+');
    if (!east) from.expect('-');
    std::int64_t offset = from.number(2, 2) * 3600;
    if (from.take(':')) offset += from.number(2, 2) * 60;
    if (from.take(':')) offset += from.number(2, 2);
    return east ? offset : -offset;
}

/// `HH:MM:SS` in seconds; hours may have more digits.
std::int64_t take_clock(cutter& from) {
    std::int64_t seconds = from.number(2, 9) * 3600;
    from.expect(':');
    seconds += from.number(2, 2) * 60;
    from.expect(':');
    return seconds + from.number(2, 2);
}

}  // namespace

bool is_infinite(std::string_view text) { return text == "infinity" || text == "-infinity"; }

void append_moment(std::string& out, std::string_view text, fraction_style style) {
    const auto found = find_fraction(text);
    if (!found) {
        out += text;
        return;
    }
    out += text.substr(0, found->dot);
    append_fraction(out, text.substr(found->dot + 1, found->end - found->dot - 1), style);
    out += text.substr(found->end);
}

void append_moment_in_utc(std::string& out, std::string_view text, fraction_style style) {
    cutter from(text);
    std::int64_t year = from.number(4, 6);
    from.expect('-');
    const auto month = from.number(2, 2);
    from.expect('-');
    const auto day = from.number(2, 2);
    from.expect(' ');
    const auto hour = from.number(2, 2);
    from.expect(':');
    const auto minute = from.number(2, 2);
    from.expect(':');
    const auto second = from.number(2, 2);
    const auto digits = take_fraction(from);
    const auto moved_at = text.size() - from.left().size();
    const auto offset = take_offset(from);
    const bool before_christ = from.left() == " BC";
    if (from.failed() || !(before_christ || from.left().empty())) {
        out += text;
        return;
    }
    if (offset == 0) {
        append_moment(out, text.substr(0, moved_at), style);
        out += from.left();
        return;
    }
    if (before_christ) year = 1 - year;
    const auto seconds = days_of(year, month, day) * day_seconds + hour * 3600 + minute * 60 + second - offset;
    const auto days = seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400);
    const auto of_day = seconds - days * 86400;
    const auto at = civil_of(days);
    fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02} {:02}:{:02}:{:02}", at.year > 0 ? at.year : 1 - at.year,
                   at.month, at.day, of_day / 3600, of_day / 60 % 60, of_day % 60);
    append_fraction(out, digits, style);
    if (at.year <= 0) out += " BC";
}

void append_time_in_utc(std::string& out, std::string_view text, fraction_style style) {
    cutter from(text);
    const auto seconds = take_clock(from);
    const auto fraction = take_fraction(from);
    const auto offset = take_offset(from);
    if (from.failed() || !from.left().empty()) {
        out += text;
        return;
    }
    append_clock(out, seconds - offset, fraction, style);
}

void append_time_of_day(std::string& out, std::string_view text, fraction_style style) {
    cutter from(text);
    const bool negative = from.take('-');
    const auto seconds = take_clock(from);
    const auto fraction = take_fraction(from);
    if (from.failed() || !from.left().empty()) {
        out += text;
        return;
    }
    if (!negative) return append_clock(out, seconds, fraction, style);
    std::int64_t milliseconds = 0;  // java.sql.Time has no more; they count down as well
    const auto of_them = fmt::format("{:0<3}", fraction.substr(0, 3));
    std::from_chars(of_them.data(), of_them.data() + of_them.size(), milliseconds);
    const bool borrows = milliseconds != 0;
    append_clock(out, -seconds - (borrows ? 1 : 0), borrows ? fmt::format("{:03}", 1000 - milliseconds) : "", style);
}

void append_interval(std::string& out, std::string_view text) {
    std::int64_t years = 0, months = 0, days = 0, hours = 0, minutes = 0, seconds = 0;
    std::string_view fraction;
    bool negative = false;  // of the time
    for (auto left = text; !left.empty();) {
        const auto word = left.substr(0, left.find(' '));
        left.remove_prefix(std::min(word.size() + 1, left.size()));
        cutter from(word);
        const bool minus = from.take('-');
        if (!minus) from.take('+');
        if (word.contains(':')) {
            const auto all = take_clock(from);
            fraction = take_fraction(from);
            if (from.failed() || !from.left().empty()) {
                out += text;
                return;
            }
            negative = minus;
            hours = all / 3600, minutes = all / 60 % 60, seconds = all % 60;
            continue;
        }
        const auto count = from.number(1, 10) * (minus ? -1 : 1);
        const auto unit = left.substr(0, left.find(' '));
        left.remove_prefix(std::min(unit.size() + 1, left.size()));
        auto* const of = unit.starts_with("year")  ? &years
                         : unit.starts_with("mon") ? &months
                         : unit.starts_with("day") ? &days
                                                   : nullptr;
        if (from.failed() || !from.left().empty() || of == nullptr) {  // another IntervalStyle
            out += text;
            return;
        }
        *of = count;
    }
    const auto sign = negative ? -1 : 1;
    const auto last = fraction.find_last_not_of('0');
    fmt::format_to(std::back_inserter(out), "{} years {} mons {} days {} hours {} mins {}{}.{} secs", years, months,
                   days, sign * hours, sign * minutes,
                   negative && seconds + (last != std::string_view::npos) > 0 ? "-" : "", seconds,
                   last == std::string_view::npos ? "0" : fraction.substr(0, last + 1));
}

}  // namespace borealis::data_api
