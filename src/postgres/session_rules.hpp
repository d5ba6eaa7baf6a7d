#pragma once
/// What a session at PostgreSQL decides, however it speaks to the server.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/handles.hpp"
#include "postgres/statements.hpp"
#include "postgres/types.hpp"
#include "sql/column.hpp"
#include "sql/failure.hpp"

namespace borealis::postgres {

/// From the first cancel request until the session is given up.
inline constexpr auto cancel_grace = std::chrono::seconds(5);
/// A cancel request that finds the server between two messages is ignored by it: then another one is made.
inline constexpr auto cancel_again = std::chrono::seconds(1);
/// Types, and texts whose types are known to be inferable, that a session learns before it starts over.
inline constexpr std::size_t most_learnt = 4096;
/// Before a transaction: whoever asks for lastval() or currval() in it does not see another caller's. A query
/// of its own, as it would take the transaction's first snapshot.
inline constexpr const char* forget_sequences = "DISCARD SEQUENCES";

[[nodiscard]] sql::failure lost();
[[nodiscard]] sql::failure closed();
/// The deadline had passed before anything was sent.
[[nodiscard]] sql::failure too_late(std::int64_t backend_id);
/// A statement over its deadline, in the server's words, whether or not it got round to saying them.
[[nodiscard]] sql::failure cancelled(std::int64_t backend_id);
/// As the server would put it, had the protocol room for the text.
[[nodiscard]] sql::failure zero_byte();
[[nodiscard]] bool has_zero_byte(std::string_view text);

/// Rows affected, of INSERT, UPDATE, DELETE and MERGE; the tags of SELECT (CREATE TABLE AS), COPY … count as 0.
[[nodiscard]] std::int64_t affected_by(std::string_view tag);
/// Has the command taken all prepared statements away?
[[nodiscard]] bool clears_statements(std::string_view tag);

/// The server does not have the prepared statement of this name (any more).
[[nodiscard]] bool is_gone(const sql::failure& what, std::string_view name);

/// Names a text whose parameters of these types may be inferable.
[[nodiscard]] std::string inference_key(std::string_view text, std::span<const oid> types);

/// A value's octets as counts them: a bytea's own, not those of its hexadecimal text.
[[nodiscard]] std::size_t octets_of(const sql::column& of, std::string_view text);

/// Rows of our own questions; NULL is empty.
using answer_rows = std::vector<std::vector<std::string>>;

/// Types in a description that the book does not know.
[[nodiscard]] std::vector<oid> unknown_types(std::span<const result_field> fields, const type_book& book);
/// The one parameter of `types_query`, and of others that take a list.
[[nodiscard]] std::string list_of(std::span<const oid> all);
void learn_types(type_book& book, const answer_rows& rows);

/// Asks the catalogue for the columns at `tables`[i], `numbers`[i].
extern const char* const origins_query;
/// Its parameters for the columns of a statement, those that are expressions being told so; empty: nothing to ask.
[[nodiscard]] std::vector<std::string> origins_to_ask(statement& which);
void learn_origins(statement& which, const answer_rows& rows);

}  // namespace borealis::postgres
