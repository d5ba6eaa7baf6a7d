#pragma once
/// MySQL's column definitions in the words of `sql`. Functions of bytes; no I/O.

#include <cstddef>
#include <cstdint>
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

/// What `data_api` is told about a column: the MySQL tables of sections 5.3 and 6 of the Data API reference.
[[nodiscard]] sql::column describe(const MYSQL_FIELD& field);

[[nodiscard]] layout layout_of(const MYSQL_FIELD& field, const sql::column& as);

/// Turns rows into cells that point into the row, or into texts this object keeps until the next row.
class row_reader {
 public:
    void start(std::span<const MYSQL_FIELD> fields, std::span<const sql::column> columns);

    /// A row of the binary protocol.
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
    std::size_t bytes_ = 0;
};

}  // namespace borealis::mysql
