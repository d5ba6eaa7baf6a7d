#include "data_api/type_hint.hpp"

#include <chrono>
#include <iterator>

#include "data_api/temporal.hpp"

namespace borealis::data_api {
namespace {

constexpr std::string_view names[] = {"",     "JSON", "UUID",   "TIMESTAMP",
                                      "DATE", "TIME", "DECIMAL"};  // in the order of the enum

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// `text` has the form of `mask`, where 0 stands for any digit.
bool looks_like(std::string_view text, std::string_view mask) {
    if (text.size() != mask.size()) return false;
    for (std::size_t at = 0; at < text.size(); ++at)
        if (mask[at] == '0' ? !is_digit(text[at]) : text[at] != mask[at]) return false;
    return true;
}

unsigned two_digits(std::string_view text, std::size_t at) {
    return static_cast<unsigned>(text[at] - '0') * 10 + static_cast<unsigned>(text[at + 1] - '0');
}

bool is_date(std::string_view text) {
    if (!looks_like(text, "0000-00-00")) return false;
    const int year = static_cast<int>(two_digits(text, 0) * 100 + two_digits(text, 2));
    return (std::chrono::year(year) / static_cast<int>(two_digits(text, 5)) / static_cast<int>(two_digits(text, 8)))
        .ok();
}

bool is_time(std::string_view text) {
    if (!looks_like(text.substr(0, 8), "00:00:00")) return false;
    if (two_digits(text, 0) > 23 || two_digits(text, 3) > 59 || two_digits(text, 6) > 59) return false;
    const auto fraction = text.substr(8);
    if (fraction.empty()) return true;
    return fraction.size() >= 2 && fraction.size() <= 7 &&
           looks_like(fraction, std::string_view(".000000").substr(0, fraction.size()));
}

bool is_decimal(std::string_view text) {
    const auto take_digits = [&text] {
        std::size_t size = 0;
        while (size < text.size() && is_digit(text[size])) ++size;
        text.remove_prefix(size);
        return size;
    };
    const auto take_sign = [&text] {
        if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    };
    take_sign();
    auto digits = take_digits();
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        digits += take_digits();
    }
    if (digits == 0) return false;
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        take_sign();
        if (take_digits() == 0) return false;
    }
    return text.empty();
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool hyphen = at == 8 || at == 13 || at == 18 || at == 23;
        if (hyphen ? text[at] != '-' : !is_hex(text[at])) return false;
    }
    return true;
}

}  // namespace

std::optional<type_hint> find_type_hint(std::string_view name) {
    for (std::size_t at = 1; at < std::size(names); ++at)
        if (names[at] == name) return static_cast<type_hint>(at);
    return std::nullopt;
}

std::string_view name_of(type_hint hint) { return names[static_cast<std::size_t>(hint)]; }

sql::parameter_type bound_type(type_hint hint) {
    switch (hint) {
        case type_hint::json:
            return sql::parameter_type::json;
        case type_hint::uuid:
            return sql::parameter_type::uuid;
        case type_hint::timestamp:
            return sql::parameter_type::timestamp;
        case type_hint::date:
            return sql::parameter_type::date;
        case type_hint::time:
            return sql::parameter_type::time;
        case type_hint::decimal:
            return sql::parameter_type::decimal;
        case type_hint::none:
            break;
    }
    return sql::parameter_type::text;
}

bool fits(type_hint hint, std::string_view text) {
    switch (hint) {
        case type_hint::uuid:
            return is_uuid(text);
        case type_hint::date:
            return is_date(text);
        case type_hint::time:
            return text.size() >= 8 && is_time(text);
        case type_hint::timestamp:
            return text.size() >= 19 && text[10] == ' ' && is_date(text.substr(0, 10)) && is_time(text.substr(11));
        case type_hint::decimal:
            return is_decimal(text);
        case type_hint::none:
        case type_hint::json:
            break;
    }
    return true;
}

std::optional<std::string> plain_moment(type_hint hint, std::string_view text) {
    const auto is_z = [](char c) { return c == 'Z' || c == 'z'; };
    if (hint == type_hint::time) {
        if (text.empty() || !is_z(text.back()) || !fits(hint, text.substr(0, text.size() - 1))) return std::nullopt;
        return std::string(text.substr(0, text.size() - 1));
    }
    if (hint != type_hint::timestamp || text.size() < 19) return std::nullopt;
    std::string moved(text);
    if (moved[10] == 'T' || moved[10] == 't') moved[10] = ' ';
    if (is_z(moved.back())) moved.pop_back();
    if (fits(hint, moved)) return moved;
    const auto sign = moved.find_first_of("+-", 19);
    if (sign == std::string::npos || !fits(hint, std::string_view(moved).substr(0, sign))) return std::nullopt;
    const auto offset = std::string_view(moved).substr(sign + 1);
    if (!looks_like(offset, "00") && !looks_like(offset, "00:00")) return std::nullopt;
    std::string in_utc;
    append_moment_in_utc(in_utc, moved);
    if (!fits(hint, in_utc)) return std::nullopt;
    return in_utc;
}

}  // namespace borealis::data_api
