#pragma once
/// What the client reads when the database refuses.

#include <string>

#include "core/error.hpp"
#include "sql/failure.hpp"

namespace borealis::data_api {

/// The text of generation 2: one line, never DETAIL.
[[nodiscard]] std::string database_text(const sql::failure& of);

/// A failed database call as the error its caller gets.
[[nodiscard]] core::error error_of(const sql::failure& of);

}  // namespace borealis::data_api
