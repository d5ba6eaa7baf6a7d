#pragma once
/// What the result columns are, in words common to the engines.

#include <cstdint>
#include <string>

namespace borealis::sql {

/// How a value of the column is to be understood. `data_api` makes the Field from it.
enum class type_class : std::uint8_t {
    boolean,
    integer,
    unsigned_integer,
    float4,
    float8,
    decimal,
    text,
    bytes,
    date,
    time,
    timestamp,
    timestamptz,
    json,
    uuid,
    bits,       ///< PostgreSQL bit/varbit: text of 0 and 1.
    bit_field,  ///< MySQL BIT(n), n > 1: an unsigned integer of `precision` bits.
    year,       ///< MySQL's YEAR: text of four digits.
    object_id,  ///< PostgreSQL's: an integer.
    interval,
    timetz,
    nothing,  ///< PostgreSQL void.
    other,    ///< Whose text says it all.
};

/// Everything section 6 of the Data API reference (columnMetadata) asks for. The members marked (described) are only
/// filled when the statement was run with `description::full`.
struct column {
    std::string label;  ///< Alias, or the engine's own name for the expression.
    std::string name;   ///< Column's own name; the label where the engine does not say.
    std::string table;  ///< (described) Base table, empty for expressions.
    type_class type = type_class::text;
    bool is_array = false;  ///< PostgreSQL array of `type`; cells are array text, `{1,NULL,3}`.
    char array_delimiter = ',';
    std::string type_name;          ///< R-6.4: `int4`, `_text`, `serial` (described) / `VARCHAR`, `BIGINT UNSIGNED`.
    std::string jdbc_type_name;     ///< What MariaDB Connector/J calls it; empty: the same.
    std::string refused_name;       ///< R-5.30: AWS refuses the type, and calls it so. Empty: it does not.
    std::uint32_t native_type = 0;  ///< PostgreSQL: type OID. MySQL: enum_field_types.
    int jdbc_type = 0;              ///< java.sql.Types code (R-6.3).
    int precision = 0;
    int scale = 0;
    int nullable = 1;                ///< (described) 0 NOT NULL, 1 nullable, 2 unknown (an expression of PostgreSQL's).
    bool is_auto_increment = false;  ///< (described) on PostgreSQL.
    bool is_signed = false;
    bool is_currency = false;
    bool is_case_sensitive = false;
};

}  // namespace borealis::sql
