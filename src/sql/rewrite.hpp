#pragma once
/// Statement text: its named parameters made the engine's placeholders, and what kind of statement it is.
/// A function of bytes; no I/O. Rules of the Data API reference.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/dialect.hpp"

namespace borealis::sql {

/// What the first keyword (after WITH clauses, EXPLAIN and parentheses) says. Decides how a session is treated after
/// it.
enum class statement_class : std::uint8_t {
    query,        ///< SELECT, VALUES, TABLE, SHOW, EXPLAIN, DESCRIBE
    write,        ///< INSERT, UPDATE, DELETE, REPLACE, MERGE
    definition,   ///< CREATE, ALTER, DROP, TRUNCATE, …
    transaction,  ///< BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, END, ABORT, …
    session,      ///< SET, USE, RESET, DISCARD, LISTEN, LOCK TABLES, PREPARE, DECLARE, …
    call,         ///< CALL, DO, EXECUTE: anything may happen inside
    other,
};

/// A statement ready to be prepared.
struct rewritten {
    std::string text;  ///< With $1… (PostgreSQL) or ? (MySQL); semicolons at the end are removed.
    /// PostgreSQL: names[i] is $i+1, one entry a distinct name. MySQL: one entry a `?`.
    std::vector<std::string> names;
    statement_class kind = statement_class::other;
    bool several_statements = false;  ///< R-3.19: something but blanks, comments and `;` follows a `;`. The
                                      ///< bodies BEGIN … END of routines are one statement.
    bool empty = false;               ///< Only blanks, comments and semicolons.
    bool inserts = false;             ///< INSERT or REPLACE.
    bool returning = false;           ///< A RETURNING of the statement itself.
    /// The session may differ afterwards from a fresh one: everything but plain query/write, and those that call a
    /// function not known to leave the session alone (set_config, pg_advisory_lock, GET_LOCK, any function of the
    /// user's), assign a user variable, or select INTO something. When unsure: true. What a trigger, a view, an
    /// operator or a cast of the user's does inside cannot be seen here.
    bool touches_session = true;
    /// A SELECT, VALUES or TABLE that leaves the session alone, locks no rows, and calls no function with an effect or
    /// an answer of one session's own (sequences, advisory locks, pg_notify, pg_sleep, pg_backend_pid …). It may run on
    /// a session beside others, and, as nothing comes of it, twice. The same is unseen as for `touches_session`.
    bool plain_read = false;
    /// An INSERT, UPDATE or DELETE (PostgreSQL: with RETURNING, too) that leaves the session alone and calls no
    /// function with an effect beyond its rows. It may run on a session beside others, and again where the database has
    /// said that it was undone. The same is unseen.
    bool plain_write = false;
    /// Asks for what the statements before it left in the session: LAST_INSERT_ID(), FOUND_ROWS(), ROW_COUNT(),
    /// SHOW WARNINGS, @@identity …; lastval(), currval(). Such a one `touches_session` as well: nobody else may have
    /// a part in its session.
    bool asks_for_leftovers = false;
    /// The text holds `[… :digits …]` that is a slice only when no such parameter is supplied, so that the
    /// rewriting depends on the names supplied and must not be cached by text alone.
    bool depends_on_supplied = false;
};

/// Rewrites one statement. Nothing but placeholders and semicolons at the end changes; a $n that would stick to an
/// identifier before it (`a:p`, no valid SQL) is kept off by a blank. A text that ends within a string
/// or comment keeps even those; the engine says what is wrong with it. Definitions of routines (CREATE FUNCTION,
/// PROCEDURE, TRIGGER, EVENT) have no placeholders: no engine takes parameters there, and `label:LOOP` is not one.
/// Within MySQL's `/*! … */` there are, since it is code. `$1` and `?` pass as they are.
/// @param supplied  Names of the parameters of this call; only looked at for.
[[nodiscard]] rewritten rewrite(std::string_view text, dialect of, std::span<const std::string_view> supplied = {});

/// The statements in `text`, in order and without what separates them; empty ones left out. What counts as one is as
/// for `several_statements`.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, dialect of);

/// Is `name` a legal parameter name, [A-Za-z0-9_]+ (R-4.1)?
[[nodiscard]] bool is_parameter_name(std::string_view name);

}  // namespace borealis::sql
