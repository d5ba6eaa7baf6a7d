#pragma once
/// `application/x-www-form-urlencoded` bodies (WHATWG URL, section 5), as the query protocol sends them.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace borealis::http {

/// Names and values, decoded, in the order they came.
using form = std::vector<std::pair<std::string, std::string>>;

/// Fields that a form may have at most.
inline constexpr std::size_t most_form_fields = 1'000;

/// `+` is a blank. Nothing when a `%` is not followed by two hexadecimal digits, or there are too many fields.
[[nodiscard]] std::optional<form> parse_form(std::string_view body);

/// Value of the first field of that name; empty when there is none.
[[nodiscard]] std::string_view find(const form& in, std::string_view name);

}  // namespace borealis::http
