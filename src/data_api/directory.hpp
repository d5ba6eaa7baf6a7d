#pragma once
/// What the Data API asks of the rooms beside it: which database is behind an ARN, and who logs in.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/circumstances.hpp"
#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "data_api/profile.hpp"
#include "pool/pool.hpp"
#include "sql/connection.hpp"
#include "sql/statement_kinds.hpp"

namespace borealis::data_api {

/// A cluster that can be used now.
struct target {
    std::string resource_arn;
    std::string cluster_id;
    sql::driver* driver = nullptr;
    sql::endpoint endpoint;
    std::vector<sql::endpoint> others;  ///< Further servers of the cluster.
    std::string default_database;       ///< The cluster's DatabaseName; empty when it has none.
    const profile* behaves = nullptr;   ///< Never null; lives as long as the directory.
    pool::settings limits;
    sql::statement_kinds denied;  ///< Statements that nobody may send to it.
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

    /// How a cluster behaves, without making it ready; the server's default where there is no such cluster. Lives as
    /// long as the directory, also when the configuration changes.
    virtual const profile& profile_of(std::string_view resource_arn) = 0;

    /// The cluster, where that takes no looking and no waiting; null: find_target() says.
    virtual std::shared_ptr<const target> at_hand(std::string_view resource_arn) = 0;

    /// Finds the cluster and makes it ready (a managed one is created or started first).
    /// @return endpoint_not_enabled, database_resuming, invalid_state, database_unavailable.
    virtual core::awaitable<core::result<std::shared_ptr<const target>>> find_target(std::string_view resource_arn,
                                                                                     core::deadline until) = 0;

    /// A cluster that is declared no more, as its open transactions know it; null: none, or nobody uses it any more.
    virtual std::shared_ptr<const target> former_target(std::string_view resource_arn) = 0;

    /// A login, or null where it is kept outside and has to be fetched. It is the same object as long as it is known to
    /// be the same.
    using found_login = core::result<std::shared_ptr<const secret_login>>;

    /// @param secret  ARN, partial ARN or name.
    /// @return secret_not_found, invalid_secret.
    virtual found_login find_login(std::string_view secret, const target& at) = 0;

    /// Reads it where it is kept.
    /// @param refused  The login that the database has refused, or null. While a secret is being rotated this
    ///                 tries the version that is not yet the current one as well.
    /// @return As above, and `unavailable` where it takes longer than `until`.
    virtual core::awaitable<found_login> fetch_login(std::string secret, const target& at, const sql::login* refused,
                                                     core::deadline until) = 0;

    // For policies; neither starts anything.

    /// What a cluster is tagged with; null where it is not, or there is none.
    virtual std::shared_ptr<const auth::tags> tags_of(std::string_view resource_arn) = 0;
    /// The secret that `find_login` would take: its ARN (of one that is not there, what it would be called), and its
    /// tags.
    struct secret_subject {
        std::string arn;
        auth::tags tagged = {};
    };
    virtual std::shared_ptr<const secret_subject> subject_of(std::string_view secret) = 0;
};

}  // namespace borealis::data_api
