#pragma once
/// The words of a statement, as far as placeholders, statement ends and statement classes need them.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sql/dialect.hpp"

namespace borealis::sql {

/// What a stretch of statement text is. Blanks and comments are between tokens, never tokens.
enum class lexeme : std::uint8_t {
    word,    ///< Keyword or bare identifier.
    quoted,  ///< "…" (PostgreSQL) or `…` (MySQL): an identifier.
    string,  ///< Any literal in quotes, prefix excluded except for E'…'; dollar quotes.
    number,
    placeholder,  ///< `:name` (R-4.1), the colon included.
    symbol,       ///< One character, or `::` or `:=`.
};

struct token {
    lexeme is;
    std::size_t from;
    std::size_t to;
};

struct tokens {
    std::vector<token> all;
    bool unterminated = false;  ///< A string, quoted identifier or comment runs to the end of the text.
};

/// What a session's settings say about quotes.
struct quoting {
    /// A backslash in '…' takes the next character with it: MySQL without NO_BACKSLASH_ESCAPES, PostgreSQL with
    /// standard_conforming_strings=off.
    bool backslash_escapes = false;
    bool double_quotes_name = true;  ///< "…" is an identifier: PostgreSQL, and MySQL with ANSI_QUOTES.
};
[[nodiscard]] quoting default_quoting(dialect of);

/// Cuts `text` as the engine's own lexer would, with its default settings:
/// - PostgreSQL (manual 4.1): standard_conforming_strings on, nested comments, E'…' and its continuation over lines,
///   dollar quotes (a `$` inside an identifier opens none).
/// - MySQL and MariaDB: backslash escapes on, "…" a string, `--` a comment only before a blank, control character or
///   the end; `#` comments. The inside of `/*! … */` and `/*M! … */` is code, because the engine may run it; `/*+ … */`
///   is a comment (no placeholder is legal in a hint).
[[nodiscard]] tokens cut(std::string_view text, dialect of);
/// The same with other settings.
[[nodiscard]] tokens cut(std::string_view text, dialect of, quoting as);

}  // namespace borealis::sql
