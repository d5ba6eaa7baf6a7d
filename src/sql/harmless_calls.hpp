#pragma once
/// Built-in functions that leave a session as it was.

#include <string_view>

#include "sql/dialect.hpp"

namespace borealis::sql {

/// Is `name` (lower case, not qualified) a well-known function that changes nothing a later caller of the same session
/// could notice? Sequences' currval and MySQL's LAST_INSERT_ID() count as unnoticed: a caller that asks for them
/// without having inserted first has no answer to expect. False for all that is not known, a user's functions first of
/// all.
[[nodiscard]] bool is_harmless_call(std::string_view name, dialect of);

/// Of those: does it do something all the same, though to no session (sequences, locks until the statement's end,
/// notifications, waiting), or answer for one session alone?
[[nodiscard]] bool has_effect(std::string_view name, dialect of);

}  // namespace borealis::sql
