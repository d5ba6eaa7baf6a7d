#include "data_api/value_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "data_api/array_text.hpp"
#include "data_api/json_text.hpp"
#include "data_api/temporal.hpp"
#include "json/writer.hpp"

namespace borealis::data_api {
namespace {

using sql::cell;
using sql::type_class;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum class number : std::uint8_t { none, whole, real };

/// Is `text` a number as JSON writes it (RFC 8259, section 6)?
number number_in(std::string_view text) {
    const auto take_digits = [&text] {
        std::size_t size = 0;
        while (size < text.size() && is_digit(text[size])) ++size;
        text.remove_prefix(size);
        return size;
    };
    if (text.starts_with('-')) text.remove_prefix(1);
    const bool zero = text.starts_with('0');
    const auto digits = take_digits();
    if (digits == 0 || (zero && digits > 1)) return number::none;
    if (text.empty()) return number::whole;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (take_digits() == 0) return number::none;
    }
    if (text.starts_with('e')) {
        text.remove_prefix(text.starts_with("e+") || text.starts_with("e-") ? 2 : 1);
        if (take_digits() == 0) return number::none;
    }
    return text.empty() ? number::real : number::none;
}

bool is_true(const cell& value) {
    switch (value.is) {
        case cell::form::integer:
        case cell::form::unsigned_integer:
            return value.unsigned_integer != 0;
        case cell::form::text:
            return value.text.starts_with('t') || value.text.starts_with('1');
        case cell::form::bytes:
            return std::ranges::any_of(value.text, [](char c) { return c != 0; });  // MySQL BIT(1)
        default:
            return value.real != 0;
    }
}

double double_of(std::string_view digits) {
    double value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc::result_out_of_range) return value;  // NaN and Infinity are read as well
    return std::strtod(std::string(digits).c_str(), nullptr);    // a numeric of hundreds of digits: infinite or zero
}

/// PostgreSQL's shortest text of a float4 or float8: it is JSON already but for whole numbers' `.0`, the exponents that
/// it writes where R-7.5 has none (`1e+15`, `1e+06` of a float4), and the specials (R-1.26).
void append_real_text(std::string& out, std::string_view text) {
    switch (number_in(text)) {
        case number::whole:
            out.append(text).append(".0");
            break;
        case number::real:
            text.contains("e+") ? json::append_double(out, double_of(text)) : void(out += text);
            break;
        case number::none:
            json::append_string(out, text);
            break;
    }
}

constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    return (c | 0x20) - 'a' + 10;
}

/// `\x48656c6c6f` → base64, a piece at a time.
void append_base64_of_hex(std::string& out, std::string_view digits) {
    std::array<char, 3 * 256> piece;  // a multiple of three, so that only the last piece is padded
    while (digits.size() >= 2) {
        const auto size = std::min(piece.size(), digits.size() / 2);
        for (std::size_t at = 0; at < size; ++at)
            piece[at] = static_cast<char>(hex_value(digits[2 * at]) << 4 | hex_value(digits[2 * at + 1]));
        core::append_base64(out, {piece.data(), size});
        digits.remove_prefix(2 * size);
    }
}

/// bytea in the session's `bytea_output = escape` form (PostgreSQL manual, "bytea Escape Format").
void append_base64_of_escaped(std::string& out, std::string_view text, std::string& scratch) {
    scratch.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            scratch += text[at];
        } else if (text.substr(at + 1).starts_with('\\')) {
            scratch += text[++at];
        } else if (text.size() - at > 3) {
            scratch += static_cast<char>((text[at + 1] - '0') << 6 | (text[at + 2] - '0') << 3 | (text[at + 3] - '0'));
            at += 3;
        }
    }
    core::append_base64(out, scratch);
}

constexpr std::string_view field_names[] = {R"({"booleanValue":)", R"({"longValue":)", R"({"doubleValue":)",
                                            R"({"stringValue":)", R"({"blobValue":)"};
constexpr std::string_view list_names[] = {R"({"booleanValues":[)", R"({"longValues":[)", R"({"doubleValues":[)",
                                           R"({"stringValues":[)"};

/// The short pieces of a value at once: one look at the buffer's room.
template <std::size_t Before, std::size_t After>
void append_between(std::string& out, const char (&before)[Before], std::string_view text, const char (&after)[After]) {
    const auto size = out.size();
    const auto whole = size + (Before - 1) + text.size() + (After - 1);
    out.resize_and_overwrite(whole, [&](char* to, std::size_t) {
        to = std::copy_n(before, Before - 1, to + size);
        to = std::ranges::copy(text, to).out;
        std::copy_n(after, After - 1, to);
        return whole;
    });
}

constexpr int jdbc_bit = -7;
constexpr int jdbc_bigint = -5;

/// As Java's Double.toString and Float.toString put the shortest digits of a number (R-7.5): `0.001` to `9999999.0`
/// plain, the rest as `1.0E7`.
/// @param text  JSON's spelling: `[-]digits[.digits][e[±]digits]`, or a string.
void append_as_java(std::string& out, std::string_view text) {
    if (text.starts_with('"')) {
        out += text;
        return;
    }
    if (text.starts_with('-')) {
        out += '-';
        text.remove_prefix(1);
    }
    int exponent = 0;
    if (const auto at = text.find('e'); at != std::string_view::npos) {
        auto power = text.substr(at + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        std::from_chars(power.data(), power.data() + power.size(), exponent);
        text = text.substr(0, at);
    }
    const auto point = std::min(text.find('.'), text.size());
    std::string digits(text.substr(0, point));
    if (point < text.size()) digits += text.substr(point + 1);
    int before_point = static_cast<int>(point) + exponent;  // digits in front of the point
    const auto zeros = std::min(digits.find_first_not_of('0'), digits.size());
    digits.erase(0, zeros);
    before_point -= static_cast<int>(zeros);
    while (digits.ends_with('0')) digits.pop_back();
    if (digits.size() == 1 && before_point < -300) {  // Java wants two digits, the nearest: 4.9E-324
        const auto two = fmt::format("{:.1e}", double_of(fmt::format("{}e{}", digits, before_point - 1)));
        digits = {two[0], two[2]};
        std::from_chars(two.data() + two.find('e') + 1, two.data() + two.size(), before_point);
        ++before_point;
    }
    if (digits.empty()) {
        out += "0.0";
    } else if (before_point > 7 || before_point < -2) {
        out += digits[0];
        out.append(".").append(digits.size() > 1 ? digits.substr(1) : "0");
        fmt::format_to(std::back_inserter(out), "E{}", before_point - 1);
    } else if (before_point <= 0) {
        out.append("0.").append(static_cast<std::size_t>(-before_point), '0').append(digits);
    } else {
        const auto whole = static_cast<std::size_t>(before_point);
        if (digits.size() < whole) digits.append(whole - digits.size(), '0');
        out.append(digits, 0, whole).append(".").append(digits.size() > whole ? digits.substr(whole) : "0");
    }
}

}  // namespace

value_writer::value_writer(const sql::column& of, result_options with, const value_rules& by)
    : rules_(by),
      form_(form_of(of, with, by)),
      fraction_(!by.strips_fractions                                           ? fraction_style::in_threes
                : of.type == type_class::time || of.type == type_class::timetz ? fraction_style::short_time
                                                                               : fraction_style::stripped),
      supported_(of.refused_name.empty() || !by.refuses_types),
      is_array_(of.is_array),
      delimiter_(of.array_delimiter),
      whole_(of.scale <= 0),
      longs_as_text_(with.longs_as_text),
      wide_(of.jdbc_type == jdbc_bigint),
      single_(of.type == type_class::float4),
      bit_octets_((static_cast<std::size_t>(of.precision) + 7) / 8) {}

value_writer::form value_writer::form_of(const sql::column& column, result_options with, const value_rules& by) {
    const auto integer = with.longs_as_text ? form::integer_as_text : form::integer;
    switch (column.type) {
        case type_class::boolean:
            return form::boolean;
        case type_class::integer:
        case type_class::unsigned_integer:
            return integer;
        case type_class::object_id:
            return by.as_jdbc ? form::text : integer;
        case type_class::year:
            return by.as_jdbc ? form::year_as_date : form::text;
        case type_class::bit_field:
            return by.as_jdbc ? form::bit_blob : form::boolean;
        case type_class::float4:
        case type_class::float8:
            return form::real;
        case type_class::decimal:
            return with.decimals_as_numbers ? form::decimal_as_number : form::decimal;
        case type_class::text:
        case type_class::uuid:
        case type_class::other:
            return form::text;
        case type_class::bits:  // pgjdbc: bit(1) is a boolean
            return by.as_jdbc && column.jdbc_type == jdbc_bit && column.precision == 1 ? form::boolean : form::text;
        case type_class::interval:
            return by.as_jdbc ? form::interval : form::text;
        case type_class::timetz:
            return by.as_jdbc ? form::time_in_utc : form::text;
        case type_class::bytes:
            return column.is_array ? form::text : form::blob;  // ArrayValue has no blobs (R-1.11)
        case type_class::time:
            return by.as_jdbc ? form::time_of_day : form::moment;
        case type_class::date:
        case type_class::timestamp:
            return form::moment;
        case type_class::timestamptz:
            return form::moment_in_utc;
        case type_class::json:
            return form::json;
        case type_class::nothing:
            return form::nothing;
    }
    return form::text;
}

value_writer::member value_writer::list_member(form of) {
    switch (of) {
        case form::boolean:
            return member::boolean;
        case form::integer:
            return member::integer;
        case form::real:
        case form::decimal_as_number:
            return member::real;  // one list, so never longs beside doubles
        default:
            return member::text;
    }
}

spoilt value_writer::field(std::string& out, const cell& value) { return write<dress::field>(out, value); }
spoilt value_writer::value(std::string& out, const cell& value) { return write<dress::value>(out, value); }
spoilt value_writer::plain(std::string& out, const cell& value) { return write<dress::plain>(out, value); }

template <value_writer::dress Dress>
void value_writer::open(std::string& out, member which) const {
    if constexpr (Dress == dress::field) {
        out += field_names[static_cast<std::size_t>(which)];
    } else if constexpr (Dress == dress::value) {
        switch (which) {
            case member::boolean:
                out += R"({"bitValue":)";
                break;
            case member::integer:
                out += wide_ ? R"({"bigIntValue":)" : R"({"intValue":)";
                break;
            case member::real:
                out += single_ ? R"({"realValue":)" : R"({"doubleValue":)";
                break;
            default:
                out += field_names[static_cast<std::size_t>(which)];
        }
    }
}

template <value_writer::dress Dress>
spoilt value_writer::write(std::string& out, const cell& value) {
    if (value.is == cell::form::null && form_ != form::nothing) {
        out += Dress == dress::plain ? "null" : R"({"isNull":true})";
        return spoilt::no;
    }
    return is_array_ ? write_array<Dress>(out, value) : write_scalar<Dress>(out, value);
}

template <value_writer::dress Dress>
spoilt value_writer::write_scalar(std::string& out, const cell& value) {
    const auto open = [&](member which) { this->open<Dress>(out, which); };
    const auto close = [&] {
        if constexpr (Dress != dress::plain) out += '}';
    };
    switch (form_) {
        case form::boolean:
            open(member::boolean);
            out += is_true(value) ? "true" : "false";
            break;
        case form::integer:
        case form::integer_as_text:
            write_integer<Dress>(out, value);
            return spoilt::no;
        case form::real:
            open(member::real);
            append_real(out, value, Dress);
            break;
        case form::decimal_as_number:
            write_number_of_decimal<Dress>(out, value.text);
            return spoilt::no;
        case form::decimal:
        case form::text:
            if (Dress == dress::field && json::is_plain(value.text)) {
                append_between(out, R"({"stringValue":")", value.text, R"("})");
                return spoilt::no;
            }
            open(member::text);
            json::append_string(out, value.text);
            break;
        case form::blob:
            open(member::blob);
            out += '"';
            if (value.is == cell::form::bytes)
                core::append_base64(out, value.text);
            else if (value.text.starts_with("\\x"))
                append_base64_of_hex(out, value.text.substr(2));
            else
                append_base64_of_escaped(out, value.text, scratch_);
            out += '"';
            break;
        case form::bit_blob:  // big-endian, as MySQL sends it
            open(member::blob);
            out += '"';
            scratch_.clear();
            for (auto octet = bit_octets_; octet > 0; --octet)
                scratch_ += static_cast<char>(value.unsigned_integer >> (8 * (octet - 1)) & 0xff);
            core::append_base64(out, scratch_);
            out += '"';
            break;
        case form::moment:
        case form::moment_in_utc:
            if (rules_.refuses_infinity && is_infinite(value.text)) return spoilt::infinite_moment;
            if (rules_.as_jdbc && value.text.starts_with("0000-00-00")) {  // section 5.3
                out += Dress == dress::plain ? "null" : R"({"isNull":true})";
                return spoilt::no;
            }
            scratch_.clear();
            form_ == form::moment ? append_moment(scratch_, value.text, fraction_)
                                  : append_moment_in_utc(scratch_, value.text, fraction_);
            open(member::text);
            json::append_string(out, scratch_);
            break;
        case form::time_in_utc:
        case form::time_of_day:
            scratch_.clear();
            form_ == form::time_in_utc ? append_time_in_utc(scratch_, value.text, fraction_)
                                       : append_time_of_day(scratch_, value.text, fraction_);
            open(member::text);
            json::append_string(out, scratch_);
            break;
        case form::interval:
            scratch_.clear();
            append_interval(scratch_, value.text);
            open(member::text);
            json::append_string(out, scratch_);
            break;
        case form::year_as_date:
            open(member::text);
            scratch_.assign(value.text).append("-01-01");
            json::append_string(out, scratch_);
            break;
        case form::json:
            if (!rules_.compacts_json) {
                open(member::text);
                json::append_string(out, value.text);
                break;
            }
            scratch_.clear();
            switch (append_compact(scratch_, value.text)) {
                case compacting::number_out_of_range:
                    return spoilt::json_number_range;
                case compacting::malformed:
                    scratch_ = value.text;
                    break;  // then it is no JSON, and stays as it is
                case compacting::done:
                    break;
            }
            open(member::text);
            json::append_string(out, scratch_);
            break;
        case form::nothing:
            open(member::text);
            out += R"("")";
            break;
    }
    close();
    return spoilt::no;
}

void value_writer::append_real(std::string& out, const cell& value, dress as) {
    const auto append = [&](std::string& to) {
        if (value.is == cell::form::text)
            append_real_text(to, value.text);
        else if (value.is == cell::form::real4)
            json::append_float(to, static_cast<float>(value.real));
        else
            json::append_double(to, value.real);
    };
    if (as != dress::plain || !rules_.java_doubles) return append(out);
    scratch_.clear();
    append(scratch_);
    append_as_java(out, scratch_);
}

template <value_writer::dress Dress>
void value_writer::write_integer(std::string& out, const cell& value) {
    const bool is_text = value.is == cell::form::text;
    // An unsigned value that no long holds is text (section 5.3: our choice).
    const bool as_text =
        form_ == form::integer_as_text || (is_text && number_in(value.text) != number::whole) ||
        (value.is == cell::form::unsigned_integer &&
         value.unsigned_integer > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (Dress == dress::field && !as_text) {
        std::array<char, 24> digits;
        auto written = value.text;
        if (!is_text) {
            const auto* const end = value.is == cell::form::unsigned_integer
                                        ? std::to_chars(digits.begin(), digits.end(), value.unsigned_integer).ptr
                                        : std::to_chars(digits.begin(), digits.end(), value.integer).ptr;
            written = {digits.data(), end};
        }
        return append_between(out, R"({"longValue":)", written, "}");
    }
    open<Dress>(out, as_text ? member::text : member::integer);
    if (is_text) {
        as_text ? json::append_string(out, value.text) : void(out += value.text);
    } else {
        if (as_text) out += '"';
        if (value.is == cell::form::unsigned_integer)
            json::append_unsigned(out, value.unsigned_integer);
        else
            json::append_integer(out, value.integer);
        if (as_text) out += '"';
    }
    if constexpr (Dress != dress::plain) out += '}';
}

template <value_writer::dress Dress>
void value_writer::write_number_of_decimal(std::string& out, std::string_view digits) {
    std::int64_t whole = 0;
    const char* const end = digits.data() + digits.size();
    if (whole_ && number_in(digits) == number::whole && std::from_chars(digits.data(), end, whole).ec == std::errc()) {
        open<Dress>(out, longs_as_text_ ? member::text : member::integer);
        if (longs_as_text_) out += '"';
        json::append_integer(out, whole);
        if (longs_as_text_) out += '"';
    } else {
        open<Dress>(out, member::real);
        cell number;
        number.is = cell::form::real8;
        number.real = double_of(digits);
        append_real(out, number, Dress);
    }
    if constexpr (Dress != dress::plain) out += '}';
}

template <value_writer::dress Dress>
spoilt value_writer::write_array(std::string& out, const cell& value) {
    if constexpr (Dress == dress::field) out += R"({"arrayValue":)";
    const auto problem = write_list<Dress>(out, value.text);
    if constexpr (Dress == dress::field) out += '}';
    return problem;
}

/// An ArrayValue, a list of Values, or a plain list; of more dimensions lists within lists (R-5.44).
template <value_writer::dress Dress>
spoilt value_writer::write_list(std::string& out, std::string_view text) {
    // The elements of an ArrayValue are bare, those of ExecuteSql's arrayValues are Values (R-1.11, R-1.12).
    constexpr auto inner = Dress == dress::value ? dress::value : dress::plain;
    using step_of = array_reader::step;
    array_reader elements(text, delimiter_);
    const bool decimals = form_ == form::decimal_as_number;
    auto step = elements.next();
    if (step == step_of::nested && rules_.refuses_nested) return spoilt::nested_array;
    if constexpr (Dress == dress::field) {
        out +=
            step == step_of::nested ? R"({"arrayValues":[)" : list_names[static_cast<std::size_t>(list_member(form_))];
    } else {
        out += Dress == dress::value ? R"({"arrayValues":[)" : "[";
    }
    for (bool first = true; step != step_of::end; first = false, step = elements.next()) {
        if (step == step_of::malformed) return spoilt::unreadable_array;
        if (!first) out += ',';
        if (step == step_of::nested) {
            if (const auto what = write_list<Dress>(out, elements.text()); what != spoilt::no) return what;
        } else if (step == step_of::null) {  // R-5.41
            out += inner == dress::value ? R"({"isNull":true})" : "null";
        } else if (decimals) {
            open<inner>(out, member::real);
            json::append_double(out, double_of(elements.text()));
            if constexpr (inner == dress::value) out += '}';
        } else {
            cell element;
            element.is = cell::form::text;
            element.text = elements.text();
            if (const auto what = write_scalar<inner>(out, element); what != spoilt::no) return what;
        }
    }
    out += Dress == dress::plain ? "]" : "]}";
    return spoilt::no;
}

}  // namespace borealis::data_api
