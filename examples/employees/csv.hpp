#pragma once
/// Comma-separated employees (RFC 4180).

#include <string>
#include <string_view>
#include <vector>

namespace employees {

/// The records of `text`: fields parted by commas, in double quotes where they hold commas, quotes (doubled) or line
/// breaks. Lines end with LF or CRLF; empty lines and a byte order mark in front are left out. Throws
/// std::invalid_argument, with the line, for a quote that stands inside an unquoted field or is never closed.
[[nodiscard]] std::vector<std::vector<std::string>> read_csv(std::string_view text);

/// The JSON list of employees in a CSV text whose first record names the columns `EmpId` and `EmpName`; others are left
/// out. Throws std::invalid_argument, with the record, where a column or a field is missing.
[[nodiscard]] std::string employees_of_csv(std::string_view text);

}  // namespace employees
