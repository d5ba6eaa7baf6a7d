#include "value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

namespace employees {
namespace {

using borealis::json::kind;
using borealis::json::node;

/// Shortest decimal digits of a finite double: 0.d1d2d3… × 10^point.
struct decimal {
    std::string digits;
    int point = 0;
    bool negative = false;
};

decimal shortest(double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific).ptr;
    decimal made;
    made.negative = std::signbit(value);
    const char* at = text;
    for (; at != end && *at != 'e'; ++at) {
        if (*at != '.') made.digits += *at;
    }
    int exponent = 0;
    if (at != end) std::from_chars(at + (at[1] == '+' ? 2 : 1), end, exponent);
    made.point = exponent + 1;
    return made;
}

/// The digits without an exponent.
std::string fixed(const decimal& number) {
    const auto count = static_cast<int>(number.digits.size());
    if (number.point <= 0) return fmt::format("0.{:0>{}}{}", "", -number.point, number.digits);
    if (number.point >= count) return fmt::format("{}{:0>{}}", number.digits, "", number.point - count);
    const auto whole = static_cast<std::size_t>(number.point);
    return fmt::format("{}.{}", number.digits.substr(0, whole), number.digits.substr(whole));
}

/// `d.ddd`, what stands before the exponent.
std::string mantissa(const decimal& number) {
    return number.digits.size() == 1 ? number.digits
                                     : fmt::format("{}.{}", number.digits.substr(0, 1), number.digits.substr(1));
}

bool is_whole(std::string_view digits) { return digits.find_first_of(".eE") == std::string_view::npos; }

/// One code point of UTF-8 that `json` has found valid, or that a database sent; a broken byte stands for itself.
char32_t next_code_point(std::string_view& rest) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80 ? 1U : first < 0xE0 ? 2U : first < 0xF0 ? 3U : 4U;
    if (length == 1 || rest.size() < length) {
        rest.remove_prefix(1);
        return first;
    }
    char32_t point = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte(i) & 0x3FU);
    rest.remove_prefix(length);
    return point;
}

/// Python's str.isprintable: no controls, formats, surrogates, private use, separators but the blank, noncharacters.
/// Code points that Unicode has not assigned yet are taken as printable, since that changes with each version.
bool is_printable(char32_t point) {
    static constexpr std::pair<char32_t, char32_t> hidden[] = {
        {0x0000, 0x001F},   {0x007F, 0x00A0},   {0x00AD, 0x00AD},   {0x0600, 0x0605},   {0x061C, 0x061C},
        {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x1680, 0x1680},
        {0x180E, 0x180E},   {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
        {0xD800, 0xF8FF},   {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},
        {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
        {0x1FFFE, 0x1FFFF}, {0x2FFFE, 0x2FFFF}, {0x3FFFE, 0x3FFFF}, {0x4FFFE, 0x4FFFF}, {0x5FFFE, 0x5FFFF},
        {0x6FFFE, 0x6FFFF}, {0x7FFFE, 0x7FFFF}, {0x8FFFE, 0x8FFFF}, {0x9FFFE, 0x9FFFF}, {0xAFFFE, 0xAFFFF},
        {0xBFFFE, 0xBFFFF}, {0xCFFFE, 0xCFFFF}, {0xDFFFE, 0xE0001}, {0xE0020, 0xE007F}, {0xEFFFE, 0x10FFFF},
    };
    return std::ranges::none_of(hidden,
                                [point](const auto& range) { return point >= range.first && point <= range.second; });
}

std::string repr_of_node(const node& value);

std::string python_repr_of_members(const node& value) {
    const bool object = value.is() == kind::object;
    std::string text(1, object ? '{' : '[');
    for (const auto& member : value) {
        if (object) {
            // A name that stands twice keeps its first place and its last value, as in a dict.
            const bool again = std::any_of(value.begin(), value.end(), [&, before = true](const node& other) mutable {
                before = before && &other != &member;
                return before && other.key() == member.key();
            });
            if (again) continue;
        }
        if (text.size() > 1) text += ", ";
        if (object) text += fmt::format("{}: {}", python_repr(member.key()), repr_of_node(*value.find(member.key())));
        if (!object) text += repr_of_node(member);
    }
    return text += object ? '}' : ']';
}

std::string repr_of_node(const node& value) {
    switch (value.is()) {
        case kind::null:
            return "None";
        case kind::boolean:
            return value.boolean() ? "True" : "False";
        case kind::integer:
            return fmt::format("{}", value.integer());
        case kind::real:
            return is_whole(value.raw()) ? std::string(value.raw()) : python_repr(value.real());
        case kind::string:
            return python_repr(value.text());
        case kind::array:
        case kind::object:
            return python_repr_of_members(value);
    }
    return {};
}

}  // namespace

bool render_value(const node& value, std::optional<std::string>& to) {
    switch (value.is()) {
        case kind::null:
            to.reset();
            return true;
        case kind::boolean:
            to = value.boolean() ? "1" : "0";
            return true;
        case kind::integer:
            to = fmt::format("{}", value.integer());
            return true;
        case kind::real:
            to = is_whole(value.raw()) ? std::string(value.raw()) : mysql_text(value.real());
            return true;
        case kind::string:
            to = value.text();
            return true;
        case kind::array:
        case kind::object:
            return false;
    }
    return false;
}

std::string mysql_text(double value) {
    if (value == 0) return "0";
    const auto number = shortest(value);
    // my_gcvt of the server: MAX_DECPT_FOR_F_FORMAT is 15, the digits every double has.
    const bool exponent = number.point > 15 || number.point < -14;
    return (number.negative ? "-" : "") +
           (exponent ? fmt::format("{}e{}", mantissa(number), number.point - 1) : fixed(number));
}

std::string python_str(const node& value) {
    return value.is() == kind::string ? std::string(value.text()) : repr_of_node(value);
}

std::string python_repr(std::string_view utf8) {
    const char quote = utf8.contains('\'') && !utf8.contains('"') ? '"' : '\'';
    std::string text(1, quote);
    while (!utf8.empty()) {
        const auto before = utf8;
        const char32_t point = next_code_point(utf8);
        if (point == '\\' || point == static_cast<char32_t>(quote)) {
            text += '\\';
            text += static_cast<char>(point);
        } else if (point == '\n') {
            text += "\\n";
        } else if (point == '\r') {
            text += "\\r";
        } else if (point == '\t') {
            text += "\\t";
        } else if (const auto bytes = before.substr(0, before.size() - utf8.size());
                   is_printable(point) && (bytes.size() > 1 || point < 0x80)) {
            text += bytes;
        } else if (point <= 0xFF) {
            text += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(point));
        } else if (point <= 0xFFFF) {
            text += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
        } else {
            text += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(point));
        }
    }
    return text += quote;
}

std::string python_repr(double value) {
    const auto number = shortest(value);
    const int exponent = number.point - 1;
    const std::string sign = number.negative ? "-" : "";
    if (exponent < -4 || exponent >= 16) {
        return fmt::format("{}{}e{}{:02}", sign, mantissa(number), exponent < 0 ? '-' : '+',
                           exponent < 0 ? -exponent : exponent);
    }
    const auto text = fixed(number);
    return sign + (is_whole(text) ? text + ".0" : text);
}

}  // namespace employees
