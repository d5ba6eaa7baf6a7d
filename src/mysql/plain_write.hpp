#pragma once
/// Which writes of a batch may be sent without waiting for the answer of the one before. A function of bytes; no I/O.

#include <optional>
#include <string>
#include <string_view>

namespace borealis::mysql {

/// INSERT, REPLACE, UPDATE or DELETE of one table, named plainly, that returns no rows.
struct plain_write {
    std::string schema;  ///< Empty: the session's.
    std::string table;
    /// INSERT or REPLACE … VALUES without a subquery: rows of several sets may be one statement.
    bool inserts_values = false;
    /// The `(…)` of an INSERT … VALUES that ends with it: one row of placeholders and constants, each inserted or an
    /// error. Empty: something else.
    std::string row = {};
};

/// Nothing when unsure: anything else, and what holds a comment.
[[nodiscard]] std::optional<plain_write> plain_write_of(std::string_view text);

}  // namespace borealis::mysql
