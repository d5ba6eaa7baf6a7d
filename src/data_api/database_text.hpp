#pragma once
/// What the client reads when the database refuses.

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "data_api/profile.hpp"
#include "sql/connection.hpp"
#include "sql/dialect.hpp"
#include "sql/failure.hpp"

namespace borealis::data_api {

/// The database's own words, put together as `how` says.
[[nodiscard]] std::string database_text(const sql::failure& of, database_wording how);

/// SQLSTATE transaction_resolution_unknown: nobody can say whether the statement or the commit took effect.
inline constexpr std::string_view outcome_unknown = "08007";

/// After a call on `session` failed: a time-out whose cancellation the database has not confirmed becomes one with the
/// SQLSTATE `outcome_unknown`.
void doubt(sql::failure& of, const sql::connection& session);

/// A failed database call as the error its caller gets. One whose outcome is unknown ends in `; SQLState: 08007`,
/// whatever the profile.
[[nodiscard]] core::error error_of(const sql::failure& of, const profile& as, sql::dialect from);

}  // namespace borealis::data_api
