#include "data_api/value_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <system_error>

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
        const auto size = std::min(text.find_first_not_of("0123456789"), text.size());
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

/// PostgreSQL's shortest text of a float4 or float8: it is JSON already but for whole numbers' `.0` and the specials
/// (R-1.26).
void append_real_text(std::string& out, std::string_view text) {
    switch (number_in(text)) {
        case number::whole:
            out.append(text).append(".0");
            break;
        case number::real:
            out += text;
            break;
        case number::none:
            json::append_string(out, text);
            break;
    }
}

double double_of(std::string_view digits) {
    double value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc::result_out_of_range) return value;  // NaN and Infinity are read as well
    return std::strtod(std::string(digits).c_str(), nullptr);    // a numeric of hundreds of digits: infinite or zero
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
constexpr std::string_view list_names[] = {R"({"arrayValue":{"booleanValues":[)", R"({"arrayValue":{"longValues":[)",
                                           R"({"arrayValue":{"doubleValues":[)", R"({"arrayValue":{"stringValues":[)"};

}  // namespace

value_writer::value_writer(const sql::column& of, result_options with)
    : form_(form_of(of, with)),
      is_array_(of.is_array),
      delimiter_(of.array_delimiter),
      whole_(of.scale <= 0),
      longs_as_text_(with.longs_as_text) {}

value_writer::form value_writer::form_of(const sql::column& column, result_options with) {
    switch (column.type) {
        case type_class::boolean:
            return form::boolean;
        case type_class::integer:
        case type_class::unsigned_integer:
            return with.longs_as_text ? form::integer_as_text : form::integer;
        case type_class::float4:
        case type_class::float8:
            return form::real;
        case type_class::decimal:
            return with.decimals_as_numbers ? form::decimal_as_number : form::decimal;
        case type_class::text:
        case type_class::uuid:
        case type_class::bits:
            return form::text;
        case type_class::bytes:
            return column.is_array ? form::refused : form::blob;  // ArrayValue has no blobs (R-1.11)
        case type_class::date:
        case type_class::time:
        case type_class::timestamp:
            return form::moment;
        case type_class::timestamptz:
            return form::moment_in_utc;
        case type_class::json:
            return form::json;
        case type_class::nothing:
            return form::nothing;
        case type_class::unsupported:
            break;
    }
    return form::refused;
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
spoilt value_writer::plain(std::string& out, const cell& value) { return write<dress::plain>(out, value); }

template <value_writer::dress Dress>
spoilt value_writer::write(std::string& out, const cell& value) {
    if (value.is == cell::form::null && form_ != form::nothing) {
        out += Dress == dress::field ? R"({"isNull":true})" : "null";
        return spoilt::no;
    }
    return is_array_ ? write_array<Dress>(out, value) : write_scalar<Dress>(out, value);
}

template <value_writer::dress Dress>
spoilt value_writer::write_scalar(std::string& out, const cell& value) {
    const auto open = [&](member which) {
        if constexpr (Dress == dress::field) out += field_names[static_cast<std::size_t>(which)];
    };
    const auto close = [&] {
        if constexpr (Dress == dress::field) out += '}';
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
            if (value.is == cell::form::text)
                append_real_text(out, value.text);
            else if (value.is == cell::form::real4)
                json::append_float(out, static_cast<float>(value.real));
            else
                json::append_double(out, value.real);
            break;
        case form::decimal_as_number:
            write_number_of_decimal<Dress>(out, value.text);
            return spoilt::no;
        case form::decimal:
        case form::text:
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
        case form::moment:
        case form::moment_in_utc:
            if (is_infinite(value.text)) return spoilt::infinite_moment;
            scratch_.clear();
            form_ == form::moment ? append_moment(scratch_, value.text) : append_moment_in_utc(scratch_, value.text);
            open(member::text);
            json::append_string(out, scratch_);
            break;
        case form::json:
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
        case form::refused:
            return spoilt::no;  // the caller asked is_supported
    }
    close();
    return spoilt::no;
}

template <value_writer::dress Dress>
void value_writer::write_integer(std::string& out, const cell& value) {
    const bool is_text = value.is == cell::form::text;
    // An unsigned value that no long holds is text (section 5.3: our choice).
    const bool as_text =
        form_ == form::integer_as_text || (is_text && number_in(value.text) != number::whole) ||
        (value.is == cell::form::unsigned_integer &&
         value.unsigned_integer > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if constexpr (Dress == dress::field)
        out += field_names[static_cast<std::size_t>(as_text ? member::text : member::integer)];
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
    if constexpr (Dress == dress::field) out += '}';
}

template <value_writer::dress Dress>
void value_writer::write_number_of_decimal(std::string& out, std::string_view digits) {
    std::int64_t whole = 0;
    const char* const end = digits.data() + digits.size();
    if (whole_ && number_in(digits) == number::whole && std::from_chars(digits.data(), end, whole).ec == std::errc()) {
        if constexpr (Dress == dress::field)
            out += field_names[static_cast<std::size_t>(longs_as_text_ ? member::text : member::integer)];
        if (longs_as_text_) out += '"';
        json::append_integer(out, whole);
        if (longs_as_text_) out += '"';
    } else {
        if constexpr (Dress == dress::field) out += field_names[static_cast<std::size_t>(member::real)];
        json::append_double(out, double_of(digits));
    }
    if constexpr (Dress == dress::field) out += '}';
}

template <value_writer::dress Dress>
spoilt value_writer::write_array(std::string& out, const cell& value) {
    array_reader elements(value.text, delimiter_);
    const bool decimals = form_ == form::decimal_as_number;
    if constexpr (Dress == dress::field) {
        out += list_names[static_cast<std::size_t>(list_member(form_))];
    } else {
        out += '[';
    }
    for (bool first = true;; first = false) {
        const auto step = elements.next();
        if (step == array_reader::step::end) break;
        if (step == array_reader::step::nested) return spoilt::nested_array;
        if (step == array_reader::step::malformed) return spoilt::unreadable_array;
        if (!first) out += ',';
        if (step == array_reader::step::null) {  // R-5.41
            out += "null";
        } else if (decimals) {
            json::append_double(out, double_of(elements.text()));
        } else {
            cell element;
            element.is = cell::form::text;
            element.text = elements.text();
            if (const auto what = write_scalar<dress::plain>(out, element); what != spoilt::no) return what;
        }
    }
    out += Dress == dress::field ? "]}}" : "]";
    return spoilt::no;
}

}  // namespace borealis::data_api
