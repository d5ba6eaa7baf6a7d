#pragma once
/// The second variant: no connection at all, each step is one call of the RDS Data API.

#include <memory>

#include <borealis/data_api.hpp>

#include "database.hpp"

namespace employees {

/// Works against MySQL and PostgreSQL clusters; the statements are the same.
/// @param target  Cluster, secret and database of every call.
[[nodiscard]] std::unique_ptr<database> open_data_api_database(const borealis::client_options& options,
                                                               borealis::database_target target);

}  // namespace employees
