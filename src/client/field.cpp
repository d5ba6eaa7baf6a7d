#include "borealis/field.hpp"

#include <array>
#include <cstdlib>

namespace borealis {
namespace {

using std::chrono::microseconds;

void append_digits(std::string& out, std::int64_t value, std::size_t width) {
    const auto begin = out.size();
    out.append(width, '0');
    for (auto at = out.size(); value > 0 && at > begin; value /= 10) out[--at] = static_cast<char>('0' + value % 10);
}

void append_date(std::string& out, std::chrono::year_month_day date) {
    const int year = static_cast<int>(date.year());
    if (!date.ok() || year < 0 || year > 9999) throw std::out_of_range("the date is none of the years 0 to 9999");
    append_digits(out, year, 4);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.day()), 2);
}

/// A fraction of six digits where there is one.
void append_time(std::string& out, microseconds since_midnight) {
    const std::chrono::hh_mm_ss time(since_midnight);
    append_digits(out, time.hours().count(), 2);
    out += ':';
    append_digits(out, time.minutes().count(), 2);
    out += ':';
    append_digits(out, time.seconds().count(), 2);
    if (time.subseconds().count() != 0) {
        out += '.';
        append_digits(out, time.subseconds().count(), 6);
    }
}

/// Takes `count` digits (at least `least`) off the front of `text`; -1 where they are not there.
std::int64_t take_digits(std::string_view& text, std::size_t least, std::size_t count) {
    std::int64_t value = 0;
    std::size_t taken = 0;
    for (; taken < count && taken < text.size() && text[taken] >= '0' && text[taken] <= '9'; ++taken)
        value = value * 10 + (text[taken] - '0');
    if (taken < least) return -1;
    text.remove_prefix(taken);
    return value;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::year_month_day> take_date(std::string_view& text) {
    const auto year = take_digits(text, 4, 4);
    if (year < 0 || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text, 2, 2);
    if (month < 0 || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text, 2, 2);
    if (day < 0) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    return date;
}

/// MySQL's TIME goes to ±838:59:59.
std::optional<microseconds> take_time(std::string_view& text) {
    const auto hour = take_digits(text, 2, 3);
    if (hour < 0 || !take(text, ':')) return std::nullopt;
    const auto minute = take_digits(text, 2, 2);
    if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
    const auto second = take_digits(text, 2, 2);
    if (second < 0 || second > 59) return std::nullopt;
    microseconds time = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
    if (take(text, '.')) {
        const auto before = text.size();
        auto fraction = take_digits(text, 1, 6);
        if (fraction < 0) return std::nullopt;
        for (auto digits = before - text.size(); digits < 6; ++digits) fraction *= 10;
        time += microseconds(fraction);
    }
    return time;
}

}  // namespace

field::field(std::chrono::year_month_day value) {
    std::string text;
    append_date(text, value);
    value_ = std::move(text);
}

std::string field::timestamp_text(microseconds since_epoch) {
    const std::chrono::sys_time<microseconds> at(since_epoch);
    const auto day = std::chrono::floor<std::chrono::days>(at);
    std::string text;
    append_date(text, std::chrono::year_month_day(day));
    text += ' ';
    append_time(text, at - day);
    return text;
}

std::string field::time_text(microseconds since_midnight) {
    if (since_midnight < microseconds(0) || since_midnight >= std::chrono::days(1)) {
        throw std::out_of_range("the time of day is none from 00:00:00 to 23:59:59.999999");
    }
    std::string text;
    append_time(text, since_midnight);
    return text;
}

void field::refuse(const char* wanted) const {
    static constexpr std::array<const char*, 7> held = {"null", "a boolean", "an integer", "a double",
                                                        "text", "bytes",     "an array"};
    throw bad_field_access(std::string("the field holds ") + held.at(value_.index()) + ", not " + wanted +
                           (is_null() ? " (use std::optional where it may be null)" : ""));
}

std::string_view field::text(const char* wanted) const {
    const auto* held = std::get_if<std::string>(&value_);
    if (held == nullptr) refuse(wanted);
    return *held;
}

std::chrono::year_month_day field::as_date() const {
    auto rest = text("a date");
    const auto date = take_date(rest);
    if (!date || !rest.empty()) refuse("a date YYYY-MM-DD");
    return *date;
}

microseconds field::as_timestamp() const {
    auto rest = text("a timestamp");
    const auto date = take_date(rest);
    if (!date) refuse("a timestamp YYYY-MM-DD HH:MM:SS");
    const microseconds day = std::chrono::sys_days(*date).time_since_epoch();
    if (rest.empty()) return day;
    const auto time = take(rest, ' ') ? take_time(rest) : std::nullopt;
    if (!time || !rest.empty()) refuse("a timestamp YYYY-MM-DD HH:MM:SS");
    return day + *time;
}

microseconds field::as_time() const {
    auto rest = text("a time");
    const bool negative = take(rest, '-');
    const auto time = take_time(rest);
    if (!time || !rest.empty()) refuse("a time HH:MM:SS");
    return negative ? -*time : *time;
}

}  // namespace borealis
