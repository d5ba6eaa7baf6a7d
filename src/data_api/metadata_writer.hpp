#pragma once
/// columnMetadata (section 6 of the reference).

#include <span>
#include <string>

#include "data_api/profile.hpp"
#include "sql/column.hpp"

namespace borealis::data_api {

/// Appends the JSON array, all 14 members of each column.
void append_column_metadata(std::string& out, std::span<const sql::column> columns, const profile& as);

}  // namespace borealis::data_api
