#include "mysql/columns.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace borealis::mysql {
namespace {

using sql::type_class;

/// java.sql.Types, R-6.3.
enum jdbc : int {
    jdbc_bit = -7,
    jdbc_tinyint = -6,
    jdbc_bigint = -5,
    jdbc_longvarbinary = -4,
    jdbc_varbinary = -3,
    jdbc_binary = -2,
    jdbc_longvarchar = -1,
    jdbc_null = 0,
    jdbc_char = 1,
    jdbc_decimal = 3,
    jdbc_integer = 4,
    jdbc_smallint = 5,
    jdbc_real = 7,
    jdbc_double = 8,
    jdbc_varchar = 12,
    jdbc_date = 91,
    jdbc_time = 92,
    jdbc_timestamp = 93,
    jdbc_other = 1111,
};

constexpr unsigned int binary_charset = 63;
constexpr unsigned long utf8mb4_width = 4;  ///< Lengths of texts come in octets of our character set.
constexpr int json_precision = 1073741824;

std::string_view view(const char* text, std::size_t length) {
    return text == nullptr ? std::string_view() : std::string_view(text, length);
}

int clamped(unsigned long length) {
    return static_cast<int>(std::min<unsigned long>(length, std::numeric_limits<int>::max()));
}

void set(sql::column& out, type_class type, std::string_view name, int jdbc_type, int precision, int scale = 0) {
    out.type = type;
    out.type_name = name;
    out.jdbc_type = jdbc_type;
    out.precision = precision;
    out.scale = scale;
}

void set_integer(sql::column& out, const definition& field, std::string_view name, int jdbc_type) {
    const bool is_unsigned = (field.flags & UNSIGNED_FLAG) != 0;
    set(out, is_unsigned ? type_class::unsigned_integer : type_class::integer, name, jdbc_type, clamped(field.length));
    if (is_unsigned) out.type_name += " UNSIGNED";
    out.is_signed = !is_unsigned;
}

/// TINY, MEDIUM and LONG variants all arrive as BLOB; only their lengths tell them apart.
std::string_view size_of(unsigned long characters) {
    if (characters <= 255) return "TINY";
    if (characters <= 65535) return "";
    if (characters <= 16777215) return "MEDIUM";
    return "LONG";
}

void set_text(sql::column& out, const definition& field) {
    const bool is_binary = field.charset == binary_charset && (field.flags & (ENUM_FLAG | SET_FLAG)) == 0;
    const unsigned long characters = is_binary ? field.length : field.length / utf8mb4_width;
    const int precision = clamped(characters);
    const type_class type = is_binary ? type_class::bytes : type_class::text;
    out.is_case_sensitive = is_binary || (field.flags & BINARY_FLAG) != 0;
    switch (field.type) {
        case MYSQL_TYPE_STRING:
        case MYSQL_TYPE_ENUM:
        case MYSQL_TYPE_SET:
            set(out, type, is_binary ? "BINARY" : "CHAR", is_binary ? jdbc_binary : jdbc_char, precision);
            if ((field.flags & (ENUM_FLAG | SET_FLAG)) != 0) {
                out.type_name = (field.flags & ENUM_FLAG) != 0 ? "ENUM" : "SET";
                out.jdbc_type_name = "CHAR";
            }
            break;
        case MYSQL_TYPE_TINY_BLOB:
        case MYSQL_TYPE_MEDIUM_BLOB:
        case MYSQL_TYPE_LONG_BLOB:
        case MYSQL_TYPE_BLOB:
            // LONGTEXT's length is cut off at 32 bits, so that it comes out as a quarter of them.
            set(out, type, fmt::format("{}{}", size_of(characters), is_binary ? "BLOB" : "TEXT"),
                is_binary ? jdbc_longvarbinary : jdbc_longvarchar, precision);
            break;
        default:
            set(out, type, is_binary ? "VARBINARY" : "VARCHAR", is_binary ? jdbc_varbinary : jdbc_varchar, precision);
    }
}

void set_type(sql::column& out, const definition& field) {
    const int length = clamped(field.length);
    const int decimals = static_cast<int>(field.decimals);
    if (field.is_json) {
        set(out, type_class::json, "JSON", jdbc_longvarchar, json_precision);
        out.is_case_sensitive = true;
        return;
    }
    switch (field.type) {
        case MYSQL_TYPE_TINY:
            if (field.length == 1) {
                set(out, type_class::boolean, "BOOLEAN", jdbc_bit, 1);
                out.jdbc_type_name = "BIT";
                return;
            }
            return set_integer(out, field, "TINYINT", jdbc_tinyint);
        case MYSQL_TYPE_SHORT:
            return set_integer(out, field, "SMALLINT", jdbc_smallint);
        case MYSQL_TYPE_INT24:
            return set_integer(out, field, "MEDIUMINT", jdbc_integer);
        case MYSQL_TYPE_LONG:
            return set_integer(out, field, "INT", jdbc_integer);
        case MYSQL_TYPE_LONGLONG:
            return set_integer(out, field, "BIGINT", jdbc_bigint);
        case MYSQL_TYPE_FLOAT:
            set(out, type_class::float4, "FLOAT", jdbc_real, length, decimals);
            out.is_signed = (field.flags & UNSIGNED_FLAG) == 0;
            return;
        case MYSQL_TYPE_DOUBLE:
            set(out, type_class::float8, "DOUBLE", jdbc_double, length, decimals);
            out.is_signed = (field.flags & UNSIGNED_FLAG) == 0;
            return;
        case MYSQL_TYPE_DECIMAL:
        case MYSQL_TYPE_NEWDECIMAL: {
            const bool is_unsigned = (field.flags & UNSIGNED_FLAG) != 0;
            // The length counts the point and the sign.
            const int digits = length - (decimals > 0 ? 1 : 0) - (is_unsigned ? 0 : 1);
            set(out, type_class::decimal, "DECIMAL", jdbc_decimal, std::max(digits, 1), decimals);
            out.is_signed = !is_unsigned;
            out.is_case_sensitive = true;  // odd as it is
            return;
        }
        case MYSQL_TYPE_DATE:
        case MYSQL_TYPE_NEWDATE:
            return set(out, type_class::date, "DATE", jdbc_date, 10);
        case MYSQL_TYPE_TIME:
            return set(out, type_class::time, "TIME", jdbc_time, length);
        case MYSQL_TYPE_DATETIME:
            return set(out, type_class::timestamp, "DATETIME", jdbc_timestamp, length);
        case MYSQL_TYPE_TIMESTAMP:
            return set(out, type_class::timestamp, "TIMESTAMP", jdbc_timestamp, length);
        case MYSQL_TYPE_YEAR:
            return set(out, type_class::year, "YEAR", jdbc_date, length);
        case MYSQL_TYPE_BIT:
            return set(out, field.length == 1 ? type_class::boolean : type_class::bit_field, "BIT", jdbc_bit, length);
        case MYSQL_TYPE_NULL:
            return set(out, type_class::text, "NULL", jdbc_null, 0);
        case MYSQL_TYPE_STRING:
        case MYSQL_TYPE_VAR_STRING:
        case MYSQL_TYPE_VARCHAR:
        case MYSQL_TYPE_ENUM:
        case MYSQL_TYPE_SET:
        case MYSQL_TYPE_TINY_BLOB:
        case MYSQL_TYPE_MEDIUM_BLOB:
        case MYSQL_TYPE_LONG_BLOB:
        case MYSQL_TYPE_BLOB:
            return set_text(out, field);
        case MYSQL_TYPE_GEOMETRY:
        default:
            out.refused_name = field.type == MYSQL_TYPE_GEOMETRY ? "GEOMETRY" : "UNKNOWN";
            set(out, type_class::bytes, out.refused_name, jdbc_other, length);
            out.is_case_sensitive = true;
    }
}

std::size_t digits_of(std::uint64_t value) {
    // log10(2) is about 1233 / 4096; one comparison settles the rest.
    static constexpr auto powers = [] {
        std::array<std::uint64_t, 20> made{};
        std::uint64_t power = 1;
        for (auto& one : made) {
            one = power;
            power *= 10;
        }
        return made;
    }();
    const auto guess = static_cast<std::size_t>((std::bit_width(value | 1) * 1233) >> 12);
    return guess + (guess < powers.size() && value >= powers[guess] ? 1 : 0);
}

std::size_t digits_of(std::int64_t value) {
    const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    return digits_of(magnitude) + (value < 0 ? 1 : 0);
}

template <class T>
T load(const unsigned char* from) {
    static_assert(std::endian::native == std::endian::little, "the protocol is little-endian, and so are we");
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// A length-encoded string.
std::string_view counted(const unsigned char* at) {
    std::size_t length = at[0];
    ++at;
    if (length == 0xFC) {
        length = load<std::uint16_t>(at);
        at += 2;
    } else if (length == 0xFD) {
        length = load<std::uint32_t>(at - 1) >> 8;
        at += 3;
    } else if (length == 0xFE) {
        length = load<std::uint64_t>(at);
        at += 8;
    }
    return {reinterpret_cast<const char*>(at), length};
}

char* two(char* out, unsigned int value) {
    *out++ = static_cast<char>('0' + value / 10 % 10);
    *out++ = static_cast<char>('0' + value % 10);
    return out;
}

char* fraction_of(char* out, std::uint32_t micros, unsigned int digits) {
    if (digits > 6) digits = micros == 0 ? 0 : 6;
    if (digits == 0) return out;
    char all[6];
    for (int i = 5; i >= 0; --i) {
        all[i] = static_cast<char>('0' + micros % 10);
        micros /= 10;
    }
    *out++ = '.';
    return std::copy_n(all, digits, out);
}

std::string_view year_text(const unsigned char* at, char* scratch) {
    const unsigned int year = load<std::uint16_t>(at);
    two(two(scratch, year / 100), year % 100);
    return {scratch, 4};
}

/// Parts that the server left out are zero.
std::string_view date_text(const unsigned char* at, char* scratch, bool with_time, unsigned int digits) {
    const unsigned int length = *at++;
    const unsigned int year = length >= 4 ? load<std::uint16_t>(at) : 0;
    char* out = two(scratch, year / 100);
    out = two(out, year % 100);
    *out++ = '-';
    out = two(out, length >= 4 ? at[2] : 0);
    *out++ = '-';
    out = two(out, length >= 4 ? at[3] : 0);
    if (with_time) {
        *out++ = ' ';
        out = two(out, length >= 7 ? at[4] : 0);
        *out++ = ':';
        out = two(out, length >= 7 ? at[5] : 0);
        *out++ = ':';
        out = two(out, length >= 7 ? at[6] : 0);
        out = fraction_of(out, length >= 11 ? load<std::uint32_t>(at + 7) : 0, digits);
    }
    return {scratch, static_cast<std::size_t>(out - scratch)};
}

std::string_view time_text(const unsigned char* at, char* scratch, std::size_t room, unsigned int digits) {
    const unsigned int length = *at++;
    char* out = scratch;
    if (length >= 8 && at[0] != 0) *out++ = '-';
    const std::uint64_t hours = length >= 8 ? std::uint64_t{load<std::uint32_t>(at + 1)} * 24 + at[5] : 0;
    if (hours < 10) *out++ = '0';
    out = std::to_chars(out, scratch + room, hours).ptr;
    *out++ = ':';
    out = two(out, length >= 8 ? at[6] : 0);
    *out++ = ':';
    out = two(out, length >= 8 ? at[7] : 0);
    out = fraction_of(out, length >= 12 ? load<std::uint32_t>(at + 8) : 0, digits);
    return {scratch, static_cast<std::size_t>(out - scratch)};
}

void set_signed(sql::cell& out, std::int64_t value, std::size_t& bytes) {
    out.is = sql::cell::form::integer;
    out.integer = value;
    bytes += digits_of(value);
}

void set_unsigned(sql::cell& out, std::uint64_t value, std::size_t& bytes) {
    out.is = sql::cell::form::unsigned_integer;
    out.unsigned_integer = value;
    bytes += digits_of(value);
}

void set_real(sql::cell& out, sql::cell::form form, double value, std::size_t& bytes) {
    out.is = form;
    out.real = value;
    bytes += form == sql::cell::form::real4 ? 9 : 17;
}

void set_string(sql::cell& out, sql::cell::form form, std::string_view value, std::size_t& bytes) {
    out.is = form;
    out.text = value;
    bytes += value.size();
}

std::uint64_t bits(std::string_view big_endian) {
    std::uint64_t value = 0;
    for (const char c : big_endian) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

template <class T>
T parsed(std::string_view text) {
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// Octets of the value at `at`, of `left` there are; nothing when it is cut off.
std::optional<std::size_t> octets_of(layout how, const unsigned char* at, std::size_t left) {
    std::size_t size = 0;
    switch (how) {
        case layout::nothing:
            return 0;
        case layout::int1:
        case layout::uint1:
            size = 1;
            break;
        case layout::int2:
        case layout::uint2:
        case layout::year:
            size = 2;
            break;
        case layout::int4:
        case layout::uint4:
        case layout::real4:
            size = 4;
            break;
        case layout::int8:
        case layout::uint8:
        case layout::real8:
            size = 8;
            break;
        case layout::date:
        case layout::datetime:
        case layout::time:
            if (left == 0) return std::nullopt;
            size = 1 + std::size_t{at[0]};
            break;
        case layout::bits:
        case layout::text:
        case layout::bytes: {
            if (left == 0 || at[0] == 0xFB || at[0] == 0xFF) return std::nullopt;
            const std::size_t more = at[0] < 0xFB ? 0 : at[0] == 0xFC ? 2 : at[0] == 0xFD ? 3 : 8;
            if (left < 1 + more) return std::nullopt;
            const auto text = counted(at);
            if (text.size() > left - 1 - more) return std::nullopt;
            size = 1 + more + text.size();
            break;
        }
    }
    if (size > left) return std::nullopt;
    return size;
}

/// Takes a length-encoded string from the front of `from`; nothing when it is cut off.
std::optional<std::string_view> take_counted(std::string_view& from) {
    const auto* const at = reinterpret_cast<const unsigned char*>(from.data());
    const auto size = octets_of(layout::text, at, from.size());
    if (!size) return std::nullopt;
    const auto text = counted(at);
    from.remove_prefix(*size);
    return text;
}

/// MariaDB's JSON is a LONGTEXT whose extended metadata says so.
bool says_json(std::string_view extended) {
    while (!extended.empty()) {
        const char kind = extended.front();
        extended.remove_prefix(1);
        const auto text = take_counted(extended);
        if (!text) return false;
        if (kind == static_cast<char>(MARIADB_FIELD_ATTR_FORMAT_NAME) && *text == "json") return true;
    }
    return false;
}

}  // namespace

definition definition_of(const MYSQL_FIELD& field) {
    MARIADB_CONST_STRING format{nullptr, 0};
    const bool formatted = ::mariadb_field_attr(&format, &field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0;
    return {.label = view(field.name, field.name_length),
            .name = view(field.org_name, field.org_name_length),
            .table = view(field.org_table, field.org_table_length),
            .type = field.type,
            .charset = field.charsetnr,
            .length = field.length,
            .flags = field.flags,
            .decimals = field.decimals,
            .is_json = field.type == MYSQL_TYPE_JSON || (formatted && view(format.str, format.length) == "json")};
}

std::optional<definition> read_definition(std::string_view packet) {
    // Catalogue, schema, table as named here, table, label, name.
    std::array<std::string_view, 6> names;
    for (auto& one : names) {
        const auto text = take_counted(packet);
        if (!text) return std::nullopt;
        one = *text;
    }
    constexpr std::size_t fixed = 13;  // their number, 12, and themselves
    bool json = false;
    if (packet.size() > fixed) {
        const auto extended = take_counted(packet);
        if (!extended) return std::nullopt;
        json = says_json(*extended);
    }
    if (packet.size() < fixed) return std::nullopt;
    const auto* const at = reinterpret_cast<const unsigned char*>(packet.data()) + 1;
    const auto type = static_cast<enum_field_types>(at[6]);
    return definition{.label = names[4],
                      .name = names[5],
                      .table = names[3],
                      .type = type,
                      .charset = load<std::uint16_t>(at),
                      .length = load<std::uint32_t>(at + 2),
                      .flags = load<std::uint16_t>(at + 7),
                      .decimals = at[9],
                      .is_json = json || type == MYSQL_TYPE_JSON};
}

sql::column describe(const definition& field) {
    sql::column out;
    out.label = field.label;
    out.name = field.name.empty() ? field.label : field.name;
    out.table = field.table;
    out.native_type = static_cast<std::uint32_t>(field.type);
    out.nullable = !out.table.empty() && (field.flags & NOT_NULL_FLAG) != 0 ? 0 : 1;  // expressions 1
    out.is_auto_increment = (field.flags & AUTO_INCREMENT_FLAG) != 0;
    set_type(out, field);
    return out;
}

layout layout_of(const definition& field, const sql::column& as) {
    const bool is_unsigned = (field.flags & UNSIGNED_FLAG) != 0;
    switch (field.type) {
        case MYSQL_TYPE_NULL:
            return layout::nothing;
        case MYSQL_TYPE_TINY:
            return is_unsigned && as.type != type_class::boolean ? layout::uint1 : layout::int1;
        case MYSQL_TYPE_SHORT:
            return is_unsigned ? layout::uint2 : layout::int2;
        case MYSQL_TYPE_YEAR:
            return layout::year;
        case MYSQL_TYPE_INT24:
        case MYSQL_TYPE_LONG:
            return is_unsigned ? layout::uint4 : layout::int4;
        case MYSQL_TYPE_LONGLONG:
            return is_unsigned ? layout::uint8 : layout::int8;
        case MYSQL_TYPE_FLOAT:
            return layout::real4;
        case MYSQL_TYPE_DOUBLE:
            return layout::real8;
        case MYSQL_TYPE_DATE:
        case MYSQL_TYPE_NEWDATE:
            return layout::date;
        case MYSQL_TYPE_DATETIME:
        case MYSQL_TYPE_TIMESTAMP:
            return layout::datetime;
        case MYSQL_TYPE_TIME:
            return layout::time;
        case MYSQL_TYPE_BIT:
            return layout::bits;
        default:
            return as.type == type_class::bytes ? layout::bytes : layout::text;
    }
}

void row_reader::start(std::span<const definition> fields, std::span<const sql::column> columns) {
    slots_.resize(fields.size());
    cells_.resize(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        slots_[i].how = layout_of(fields[i], columns[i]);
        slots_[i].digits = static_cast<std::uint8_t>(std::min(fields[i].decimals, 255U));
    }
}

std::optional<std::span<const sql::cell>> row_reader::packet(std::string_view row) {
    // A zero; a bit for each column, from the third on, whether it is null; the values of the others.
    const std::size_t count = slots_.size();
    const std::size_t head = 1 + (count + 9) / 8;
    if (row.size() < head) return std::nullopt;
    const auto* const nulls = reinterpret_cast<const unsigned char*>(row.data()) + 1;
    const auto* at = reinterpret_cast<const unsigned char*>(row.data()) + head;
    std::size_t left = row.size() - head;
    values_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        if ((nulls[(i + 2) / 8] >> ((i + 2) % 8) & 1) != 0) {
            values_[i] = nullptr;
            continue;
        }
        const auto size = octets_of(slots_[i].how, at, left);
        if (!size) return std::nullopt;
        values_[i] = at;
        at += *size;
        left -= *size;
    }
    return binary(values_);
}

std::span<const sql::cell> row_reader::binary(std::span<const unsigned char* const> values) {
    using form = sql::cell::form;
    bytes_ = 2 + 4 * cells_.size();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        const unsigned char* const at = values[i];
        slot& as = slots_[i];
        sql::cell& out = cells_[i];
        if (at == nullptr) {
            out.is = form::null;
            continue;
        }
        switch (as.how) {
            case layout::nothing:
                out.is = form::null;
                break;
            case layout::int1:
                set_signed(out, load<std::int8_t>(at), bytes_);
                break;
            case layout::int2:
                set_signed(out, load<std::int16_t>(at), bytes_);
                break;
            case layout::int4:
                set_signed(out, load<std::int32_t>(at), bytes_);
                break;
            case layout::int8:
                set_signed(out, load<std::int64_t>(at), bytes_);
                break;
            case layout::uint1:
                set_unsigned(out, load<std::uint8_t>(at), bytes_);
                break;
            case layout::uint2:
                set_unsigned(out, load<std::uint16_t>(at), bytes_);
                break;
            case layout::uint4:
                set_unsigned(out, load<std::uint32_t>(at), bytes_);
                break;
            case layout::uint8:
                set_unsigned(out, load<std::uint64_t>(at), bytes_);
                break;
            case layout::real4:
                set_real(out, form::real4, static_cast<double>(load<float>(at)), bytes_);
                break;
            case layout::real8:
                set_real(out, form::real8, load<double>(at), bytes_);
                break;
            case layout::date:
                set_string(out, form::text, date_text(at, as.scratch, false, 0), bytes_);
                break;
            case layout::datetime:
                set_string(out, form::text, date_text(at, as.scratch, true, as.digits), bytes_);
                break;
            case layout::time:
                set_string(out, form::text, time_text(at, as.scratch, sizeof as.scratch, as.digits), bytes_);
                break;
            case layout::year:
                set_string(out, form::text, year_text(at, as.scratch), bytes_);
                break;
            case layout::bits:
                set_unsigned(out, bits(counted(at)), bytes_);
                break;
            case layout::text:
                set_string(out, form::text, counted(at), bytes_);
                break;
            case layout::bytes:
                set_string(out, form::bytes, counted(at), bytes_);
                break;
        }
    }
    return cells_;
}

std::span<const sql::cell> row_reader::text(const char* const* values, const unsigned long* lengths) {
    using form = sql::cell::form;
    bytes_ = 2 + 4 * cells_.size();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        sql::cell& out = cells_[i];
        if (values[i] == nullptr) {
            out.is = form::null;
            continue;
        }
        const std::string_view value(values[i], lengths[i]);
        switch (slots_[i].how) {
            case layout::nothing:
                out.is = form::null;
                break;
            case layout::int1:
            case layout::int2:
            case layout::int4:
            case layout::int8:
                set_signed(out, parsed<std::int64_t>(value), bytes_);
                break;
            case layout::uint1:
            case layout::uint2:
            case layout::uint4:
            case layout::uint8:
                set_unsigned(out, parsed<std::uint64_t>(value), bytes_);
                break;
            case layout::real4:
                set_real(out, form::real4, static_cast<double>(parsed<float>(value)), bytes_);
                break;
            case layout::real8:
                set_real(out, form::real8, parsed<double>(value), bytes_);
                break;
            case layout::bits:
                set_unsigned(out, bits(value), bytes_);
                break;
            case layout::bytes:
                set_string(out, form::bytes, value, bytes_);
                break;
            case layout::date:
            case layout::datetime:
            case layout::time:
            case layout::year:
            case layout::text:
                set_string(out, form::text, value, bytes_);
                break;
        }
    }
    return cells_;
}

}  // namespace borealis::mysql
