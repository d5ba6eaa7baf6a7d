#pragma once
/// The INSERT whose executions one after the other come to the same as one INSERT of all their rows.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace borealis::postgres {

/// `INSERT INTO table [(column, …)] VALUES ($1, …)`: each value a parameter, and nothing after them.
struct plain_insert {
    std::string table;   ///< As it is written, for `::regclass`.
    std::string merged;  ///< The same of many rows: $n is an array of the values that $n has in each.
};

/// @param parameters  All of them have to be among the values.
/// @return Nothing for what is not surely of that form.
[[nodiscard]] std::optional<plain_insert> plain_insert_of(std::string_view text, std::size_t parameters);

/// A question with one parameter, the name of a table: fails by dividing by zero where many rows at once may not come
/// to the same as one after the other. To be asked while the table is locked for writing, so that what it says stays
/// true to the end of the transaction.
///
/// The same means: each row is made, checked and stored by itself, in order, by nothing that looks at other rows, at
/// the statement or at its time. So: an ordinary table without rules, row security and triggers that an INSERT fires,
/// foreign keys being such; columns of the server's own types, and none but its own casts between those; defaults,
/// generated columns and CHECK constraints of functions that are immutable, and of those few others that yield the same
/// in the next statement; indexes of plain columns. And the session: READ COMMITTED, so that the catalogue is seen as
/// it is, and no statement_timeout, which is a statement's.
extern const char* const merges_query;

}  // namespace borealis::postgres
