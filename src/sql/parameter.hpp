#pragma once
/// A value to bind.

#include <cstdint>
#include <string_view>
#include <variant>

namespace borealis::sql {

/// The type a parameter is declared with at the database (R-4.22, section 4.2 of the Data API reference).
/// PostgreSQL: text 25, varchar 1043, int8 20, float8 701, boolean 16, bytes 17, date 1082, time 1083, timestamp 1114,
/// decimal 1700, json 3802 (jsonb), plain_json 114, uuid 2950, arrays 1000, 1016, 1022 and 1009. null, untyped and
/// untyped_array are 0 (the server infers), and text or text[] where it cannot.
/// MySQL: text VAR_STRING, int8 LONGLONG, float8 DOUBLE, boolean TINY, bytes BLOB, date DATE, time TIME, timestamp
/// DATETIME, decimal NEWDECIMAL, the rest VAR_STRING. Hinted values have the form of section 4.3; arrays that of the
/// engine: PostgreSQL's array text, JSON for MySQL.
enum class parameter_type : std::uint8_t {
    null,
    boolean,
    int8,
    float8,
    text,
    bytes,
    date,
    time,
    timestamp,
    decimal,
    json,
    plain_json,
    uuid,
    varchar,
    untyped,
    boolean_array,
    int8_array,
    float8_array,
    text_array,
    untyped_array,
};

/// One bound value. Text and bytes are views: whoever runs the statement keeps them alive until it is over.
struct parameter {
    parameter_type type = parameter_type::null;
    /// monostate for null; string_view for text, bytes (raw, not base64) and every hinted type.
    std::variant<std::monostate, bool, std::int64_t, double, std::string_view> value = {};
};

}  // namespace borealis::sql
