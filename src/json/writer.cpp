#include "json/writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "json/plain.hpp"

namespace borealis::json {
namespace {

struct sequence {
    std::size_t length;  // when invalid: the bytes that one U+FFFD stands for
    bool valid;
};

/// One non-ASCII character (Unicode 15, table 3-7); what is broken is cut as section 3.9 advises (maximal subparts).
sequence read_sequence(const char* at, const char* end) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    const auto lead = byte(0);
    if (lead < 0xC2 || lead > 0xF4) return {1, false};
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t i = 1; i < length; ++i) {
        if (at + i == end || byte(i) < low || byte(i) > high) return {i, false};
        low = 0x80;
        high = 0xBF;
    }
    return {length, true};
}

void append_escape(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    const auto code = static_cast<unsigned char>(c);
    out += "\\u00";
    out += digits[code >> 4U];
    out += digits[code & 0xFU];
}

template <class Integer>
void append_digits(std::string& out, Integer value) {
    std::array<char, 24> digits;
    out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
}

/// Below `fixed_below` every integral value prints exactly without an exponent.
template <class Real>
void append_real(std::string& out, Real value, Real fixed_below) {
    if (std::isnan(value)) {
        out += "\"NaN\"";
        return;
    }
    if (std::isinf(value)) {
        out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
        return;
    }
    std::array<char, 40> digits;
    const auto magnitude = std::abs(value);
    const bool fixed = magnitude == 0 || (magnitude >= static_cast<Real>(1e-4) && magnitude < fixed_below);
    const auto* const end = std::to_chars(digits.begin(), digits.end(), value,
                                          fixed ? std::chars_format::fixed : std::chars_format::scientific)
                                .ptr;
    const std::string_view text(digits.data(), end);
    out += text;
    if (fixed && !text.contains('.')) out += ".0";
}

}  // namespace

void append_escaped(std::string& out, std::string_view utf8) {
    const char* run = utf8.data();
    const char* const end = run + utf8.size();
    for (const char* at = run;;) {
        at = skip_plain(at, end);
        if (at == end) break;
        if (static_cast<unsigned char>(*at) >= 0x80) {
            const auto [length, valid] = read_sequence(at, end);
            if (!valid) {
                out.append(run, at);
                out += "\uFFFD";
                run = at + length;
            }
            at += length;
        } else {
            out.append(run, at);
            append_escape(out, *at);
            run = ++at;
        }
    }
    out.append(run, end);
}

bool is_plain(std::string_view utf8) {
    const char* const end = utf8.data() + utf8.size();
    return skip_plain(utf8.data(), end) == end;
}

void append_string(std::string& out, std::string_view utf8) {
    out += '"';
    append_escaped(out, utf8);
    out += '"';
}

void append_integer(std::string& out, std::int64_t value) { append_digits(out, value); }
void append_unsigned(std::string& out, std::uint64_t value) { append_digits(out, value); }
void append_double(std::string& out, double value) { append_real(out, value, 1e16); }
void append_float(std::string& out, float value) { append_real(out, value, 1e7F); }

}  // namespace borealis::json
