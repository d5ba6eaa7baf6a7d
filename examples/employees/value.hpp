#pragma once
/// Values of an event: what the database gets, and how Python would have shown them.
///
/// The workshop's function is a Python program. Its log lines and texts are part of the contract, so its str() and
/// repr() are rebuilt here for what JSON can hold.

#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"

namespace employees {

/// One employee as it goes to the database; both columns as text or NULL, the same in both variants (L-6.73).
struct employee {
    std::optional<std::string> id;
    std::optional<std::string> name;
};

/// Text of a scalar for the database: strings as they are, integers in decimal, true and false as `1` and `0`, other
/// numbers as MySQL would write the double. `*to` stays empty for null.
/// @return False for an array or an object: no column takes one.
[[nodiscard]] bool render_value(const borealis::json::node& value, std::optional<std::string>& to);

/// A double as MySQL writes it into a text column: shortest digits, no `.0`, exponents outside 1e-15 … 1e15 (`1e15`,
/// `1e-16`).
[[nodiscard]] std::string mysql_text(double value);

/// Python's str() of the value `json.loads` makes of it: `None`, `True`, `7.0`, `1e+16`, `[1, 'a']`, `{'a': None}`.
[[nodiscard]] std::string python_str(const borealis::json::node& value);

/// Python's repr() of a text: single quotes, or double ones where the text has single quotes only; `\\`, `\n`, `\xNN`,
/// `\uNNNN`.
[[nodiscard]] std::string python_repr(std::string_view utf8);

/// Python's repr() of a float.
[[nodiscard]] std::string python_repr(double value);

}  // namespace employees
