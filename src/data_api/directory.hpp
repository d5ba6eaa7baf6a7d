#pragma once
/// What the Data API asks of the rooms beside it: which database is behind an ARN, and who logs in.

#include <memory>
#include <string>
#include <string_view>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "data_api/profile.hpp"
#include "pool/pool.hpp"
#include "sql/connection.hpp"

namespace borealis::data_api {

/// A cluster that can be used now.
struct target {
    std::string resource_arn;
    std::string cluster_id;
    sql::driver* driver = nullptr;
    sql::endpoint endpoint;
    std::string default_database;      ///< The cluster's DatabaseName; empty when it has none.
    const profile* behaves = nullptr;  ///< Never null; lives as long as the server.
    pool::settings limits;
};

/// A secret's login.
struct secret_login {
    sql::login login;
    std::string database;  ///< The secret's `dbname`, or empty (R-10.4).
};

/// Implemented by `server` over `clusters` and `secrets`. Called on any thread.
class directory {
 public:
    directory() = default;
    directory(const directory&) = delete;
    directory& operator=(const directory&) = delete;
    virtual ~directory() = default;

    /// Finds the cluster and makes it ready (a managed one is created or started first).
    /// @return endpoint_not_enabled, database_resuming, invalid_state, database_unavailable.
    virtual core::awaitable<core::result<std::shared_ptr<const target>>> find_target(std::string_view resource_arn,
                                                                                     core::deadline until) = 0;

    /// @param secret  ARN, partial ARN or name.
    /// @return secret_not_found, invalid_secret.
    virtual core::result<secret_login> find_login(std::string_view secret) = 0;
};

}  // namespace borealis::data_api
