#pragma once
/// Statements without their values, for logs.

#include <cstddef>
#include <string>
#include <string_view>

#include "sql/dialect.hpp"

namespace borealis::sql {

/// `text` with `?` for each literal, one `?` for a list of literals and one `(?)` for a list of such rows, without
/// comments, and with one blank for what separated its words. Where the database's settings may make another literal of
/// a text than its defaults do (a backslash in quotes), what follows is left out.
/// @param most  Octets; a longer one ends in `…`.
[[nodiscard]] std::string normalised(std::string_view text, dialect of, std::size_t most);

}  // namespace borealis::sql
