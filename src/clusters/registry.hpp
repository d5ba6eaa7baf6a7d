#pragma once
/// Which databases exist and where; starting and stopping the managed ones.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "core/secret_text.hpp"
#include "sql/connection.hpp"

namespace borealis::clusters {

enum class engine : std::uint8_t { postgresql, mysql };

/// What a cluster is doing, in the words of DescribeDBClusters (data-api section 11, lambda section 7).
enum class status : std::uint8_t { creating, available, stopping, stopped, starting, deleting, failed };
[[nodiscard]] std::string_view name_of(status what);

/// A database that somebody else runs.
struct external_cluster {
    std::string id;
    std::string arn = {};  ///< Empty: made from the id.
    engine is = engine::postgresql;
    sql::endpoint endpoint = {};
    std::string default_database = {};
    std::string profile = "aws-v2";
};

/// A database of this machine that we create and run.
struct managed_cluster {
    std::string id;
    std::string arn = {};  ///< Empty: made from the id.
    engine is = engine::postgresql;
    std::string default_database;  ///< Made with the cluster; empty: none.
    std::string master_user;
    core::secret_text master_password;
    std::string profile = "aws-v2";
};

/// A cluster as others see it.
struct view {
    std::string id;
    std::string arn;
    engine is = engine::postgresql;
    std::string engine_version;  ///< "15.18", "10.11.19"; empty while unknown
    status state = status::stopped;
    bool managed = false;
    sql::endpoint endpoint;  ///< Of a managed one: its private socket
    std::string default_database = {};
    std::string master_user;
    std::string profile;
    std::int64_t process_id = 0;  ///< Of a running managed database
};

struct settings {
    /// State folder. Managed data lives in `folder/clusters/<id>/`: `data`, `run` (the socket), `log`, `cluster.json`.
    /// One registry that manages may use it at a time. Where the socket's path would have over 100 bytes (the kernel
    /// takes 107), it lies in `/tmp/borealis-<hash of the path>/` instead.
    std::filesystem::path folder = {};
    std::string region = "us-east-1";
    std::string account = "123456789012";
    /// Unprivileged user that runs the databases when we are root; empty: `borealis`, else `nobody`.
    std::string run_as = {};
    std::filesystem::path postgres_bin = {};  ///< Folder of initdb and postgres; empty: searched for.
    std::filesystem::path mariadbd = {};      ///< Program; empty: searched for.
    std::chrono::seconds start_timeout{60};
    std::chrono::seconds stop_timeout{20};
    /// False: only look (a command line beside a running server). The folder is not locked, and nothing is started or
    /// stopped.
    bool manage = true;
};

/// Thread-safe. Looking up a running cluster takes no lock that a start or stop holds.
class registry {
 public:
    /// Throws std::runtime_error with a text that says what to change when the state folder cannot be used, or another
    /// process (named by its id) manages it. What a killed process left half made is removed.
    explicit registry(settings with);
    /// Stops every managed database that it started.
    ~registry();

    /// Both throw std::invalid_argument when the id is malformed or taken. The id is kept in lower case.
    void declare(external_cluster what);
    /// Also when master user, password or database name cannot be used: the user and the database are a letter and up
    /// to 62 letters, digits, `_` or (the database) `-`; the password has no control characters. They matter when the
    /// cluster is created; later the caller must give the same.
    void declare(managed_cluster what);

    [[nodiscard]] std::vector<view> list() const;
    /// Exact and case-sensitive by ARN, or by id; `not_found` otherwise.
    [[nodiscard]] core::result<view> find(std::string_view arn_or_id) const;

    /// The cluster, running: a managed one is created and started first, once however many ask at the same time, and
    /// started again when its process has died.
    /// @return `endpoint_not_enabled` for an unknown ARN, `database_unavailable` when it does not start in
    /// time:
    ///         the message says why in words fit for the client, the log has the rest. The next call tries again.
    ///         A cluster of which nothing has changed is the same object as before.
    /// @note The caller's io_context is run by one thread; `until` bounds this caller's wait only, a start goes on.
    core::awaitable<core::result<std::shared_ptr<const view>>> ready(std::string_view arn, core::deadline until);

    /// @return `not_found`; `invalid_state` for an external cluster; `unavailable` when it takes longer than `until`.
    core::awaitable<core::result<void>> stop(std::string_view id, core::deadline until);
    /// Removes a managed cluster with its data; its id is free afterwards. Fails as `stop` does.
    core::awaitable<core::result<void>> remove(std::string_view id, core::deadline until);

    /// Stops all, side by side; blocks, bounded by `stop_timeout`. For the end of the program: nothing starts
    /// afterwards.
    void stop_all() noexcept;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::clusters
