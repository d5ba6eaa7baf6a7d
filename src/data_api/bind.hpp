#pragma once
/// Parameters by name into values in placeholder order.

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "data_api/decode.hpp"
#include "data_api/profile.hpp"
#include "sql/dialect.hpp"
#include "sql/parameter.hpp"

namespace borealis::data_api {

/// Fills `into` with one value a placeholder. Of two parameters with one name the last one counts; unused ones
/// are ignored.
/// A missing one: on MySQL, and where the profile checks, `validation`; on PostgreSQL the values end there, so that the
/// server complains.
/// @param made  Keeps the text of arrays.
[[nodiscard]] core::result<void> bind_parameters(std::span<const std::string> placeholders,
                                                 std::span<const named_parameter> given, sql::dialect of,
                                                 const profile& as, std::deque<std::string>& made,
                                                 std::vector<sql::parameter>& into);

}  // namespace borealis::data_api
