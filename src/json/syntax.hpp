#pragma once
/// Is a text JSON? Without reading it into anything.

#include <cstddef>
#include <string_view>

#include "core/error.hpp"

namespace borealis::json {

[[nodiscard]] bool is_utf8(std::string_view text);

/// One value of RFC 8259 in UTF-8, with blanks around it, nested at most `deepest` levels. Needs no memory, and no
/// readable bytes behind the text.
/// @return `serialization` with the place and what is wrong there.
[[nodiscard]] core::result<void> check_syntax(std::string_view text, std::size_t deepest);

}  // namespace borealis::json
