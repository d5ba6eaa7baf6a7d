#pragma once
/// MySQL's column definitions in the words of `sql`. Functions of bytes; no I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <mysql.h>

#include "sql/column.hpp"
#include "sql/row_sink.hpp"

namespace borealis::mysql {

/// How a value of the binary protocol is read. Booleans, TINYINT(1) and BIT, become integers.
/// @see https://mariadb.com/kb/en/resultset-row/ ("Binary resultset row")
enum class layout : std::uint8_t {
    nothing,
    int1,
    uint1,
    int2,
    uint2,
    int4,
    uint4,
    int8,
    uint8,
    real4,
    real8,
    date,
    datetime,
    time,
    year,
    bits,
    text,
    bytes,
};

/// What the server says of a column. The views live as long as the packet, or the library's field.
struct definition {
    std::string_view label;
    std::string_view name;   ///< In its table; empty for an expression.
    std::string_view table;  ///< The table's own name; empty for an expression.
    enum_field_types type = MYSQL_TYPE_NULL;
    unsigned int charset = 0;
    unsigned long length = 0;
    unsigned int flags = 0;
    unsigned int decimals = 0;
    bool is_json = false;
};

[[nodiscard]] definition definition_of(const MYSQL_FIELD& field);

/// @param packet  A column definition of the protocol. @return Nothing when it is none.
/// @see https://mariadb.com/kb/en/result-set-packets/#column-definition-packet
[[nodiscard]] std::optional<definition> read_definition(std::string_view packet);

/// What `data_api` is told about a column: the MySQL tables of sections 5.3 and 6 of the Data API reference.
[[nodiscard]] sql::column describe(const definition& field);

[[nodiscard]] layout layout_of(const definition& field, const sql::column& as);

/// Turns rows into cells that point into the row, or into texts this object keeps until the next row.
class row_reader {
 public:
    void start(std::span<const definition> fields, std::span<const sql::column> columns);

    /// A row of the binary protocol, as its packet. @return Nothing when it is none of these columns.
    std::optional<std::span<const sql::cell>> packet(std::string_view row);

    /// A row of the binary protocol, taken apart.
    /// @param values  One a column: where the value begins (with its length for those that have one), null for NULL.
    std::span<const sql::cell> binary(std::span<const unsigned char* const> values);

    /// A row of the text protocol.
    std::span<const sql::cell> text(const char* const* values, const unsigned long* lengths);

    /// of the row read last: 2 + 4 a column + the octets of the values. As the formula is PostgreSQL's, numbers
    /// count as their decimal text would; reals, whose text is not made here, as 9 (FLOAT) and 17 (DOUBLE) digits.
    [[nodiscard]] std::size_t wire_bytes() const { return bytes_; }

 private:
    struct slot {
        layout how = layout::text;
        std::uint8_t digits = 0;  ///< Of the fraction; more than 6: as needed.
        char scratch[40] = {};    ///< A temporal value's text.
    };

    std::vector<slot> slots_;
    std::vector<sql::cell> cells_;
    std::vector<const unsigned char*> values_;
    std::size_t bytes_ = 0;
};

}  // namespace borealis::mysql
