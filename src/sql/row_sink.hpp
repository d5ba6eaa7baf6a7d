#pragma once
/// Where a driver pushes a result, row by row, without keeping it.

#include <cstdint>
#include <span>
#include <string_view>

#include "sql/column.hpp"

namespace borealis::sql {

/// One value of a row, valid only during the call that hands it over.
struct cell {
    enum class form : std::uint8_t {
        null,
        text,     ///< `text` in the engine's text form: PostgreSQL always; MySQL for text, decimal, temporal, JSON.
                  ///< PostgreSQL bytea arrives as its hex text (`\x…`), booleans as `t`/`f`.
        bytes,    ///< `text` holds raw bytes (MySQL blobs).
        integer,  ///< `integer`
        unsigned_integer,  ///< `unsigned_integer`
        real4,             ///< `real`, of float4 precision
        real8,             ///< `real`
    };
    form is = form::null;
    std::string_view text = {};
    union {
        std::int64_t integer = 0;
        std::uint64_t unsigned_integer;
        double real;
    };
};

/// What a driver does about a result before its first row arrives.
enum class reception : std::uint8_t {
    plain,    ///< Run the statement as it is.
    guarded,  ///< A row would make the call fail: outside a transaction, run it inside one and roll back if the sink
              ///< stops.
};

/// What a driver does after a row.
enum class flow : std::uint8_t {
    more,  ///< Go on.
    stop,  ///< Enough: cancel the rest at the database (inside a PostgreSQL transaction: read and drop it, R-3.18).
};

class row_sink {
 public:
    row_sink() = default;
    row_sink(const row_sink&) = delete;
    row_sink& operator=(const row_sink&) = delete;
    virtual ~row_sink() = default;

    /// Called once, before the first row, for a statement that returns rows; never for one that does not.
    /// The columns live as long as the statement runs.
    virtual reception columns(std::span<const column> all) = 0;

    /// Called once a row, with one cell a column.
    /// @param wire_bytes  Size of the row for size limits: 2, and for each column 4 and its value's octets.
    virtual flow row(std::span<const cell> cells, std::size_t wire_bytes) = 0;
};

}  // namespace borealis::sql
