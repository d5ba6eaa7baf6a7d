#pragma once
/// Which databases exist and where; starting and stopping the managed ones.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/description.hpp"
#include "clusters/faults.hpp"
#include "clusters/life.hpp"
#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "core/secret_text.hpp"
#include "sql/connection.hpp"

namespace borealis::clusters {

/// A database that somebody else runs.
struct external_cluster {
    std::string id;
    std::string arn = {};  ///< Empty: made from the id.
    engine is = engine::postgresql;
    sql::endpoint endpoint = {};
    std::vector<sql::endpoint> others = {};  ///< Further servers; which of all takes writes is found out.
    std::string default_database = {};
    std::string profile = {};  ///< Of the Data API; empty: the server's default.
    auth::tags tags = {};

    friend bool operator==(const external_cluster&, const external_cluster&) = default;
};

/// A database of this machine that we create and run.
struct managed_cluster {
    std::string id;
    std::string arn = {};  ///< Empty: made from the id.
    engine is = engine::postgresql;
    std::string default_database;  ///< Made with the cluster; empty: none.
    std::string master_user;
    core::secret_text master_password;
    std::string profile = {};                 ///< Of the Data API; empty: the server's default.
    std::optional<resume_style> resume = {};  ///< None: as `resume_of` finds.
    scaling scales = {};
    std::string series = {};  ///< Of the programs: "15", "10.11"; empty: the newest there is.
    auth::tags tags = {};
};

/// A cluster as others see it. Never changed once it is made.
struct view {
    std::string id;
    std::string arn;
    engine is = engine::postgresql;
    std::string engine_version;  ///< "15.18", "10.11.19"; empty while unknown
    status state = status::idle;
    bool managed = false;
    sql::endpoint endpoint;                  ///< Of a managed one: its private socket
    std::vector<sql::endpoint> others = {};  ///< Of an external one: its further servers
    std::string default_database = {};
    std::string master_user;
    std::string profile;
    std::int64_t process_id = 0;  ///< Of a running managed database
    capacity now = {};            ///< What it has at the moment; zero where its engine is off, or it has no bounds.
    std::filesystem::path folder = {};                   ///< Of a managed one
    std::shared_ptr<const description> about = nullptr;  ///< Never null
};

/// What the server knows of a cluster's calls and sessions, on all its threads. Awaited on any of them.
class session_owner {
 public:
    session_owner() = default;
    session_owner(const session_owner&) = delete;
    session_owner& operator=(const session_owner&) = delete;
    virtual ~session_owner() = default;
    virtual core::awaitable<activity> look(std::string arn) = 0;
    /// Closes its idle sessions first. Calls that had begun before are counted.
    virtual core::awaitable<activity> let_go(std::string arn) = 0;
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
    /// Managed databases may open network connections of their own (postgres_fdw, dblink); else the kernel refuses
    /// them.
    bool databases_may_connect = false;
    std::chrono::seconds start_timeout{60};
    std::chrono::seconds stop_timeout{20};
    /// Memory that one Aurora capacity unit stands for (2 GiB on AWS, too much for a developer's machine).
    std::size_t megabytes_per_unit = 128;
    /// How a running engine is given other settings; null: it is not.
    sql::driver* postgresql = nullptr;
    sql::driver* mysql = nullptr;
    /// The folder's lock, as `lock` of the former process gave it, which holds it too until it ends; it is ours to
    /// close. -1: none. Else how long to wait for a former process to let go of it.
    int given_lock = -1;
    std::chrono::seconds wait_for_lock{0};
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
    /// Whether these could be all that is declared, passwords aside. Throws std::invalid_argument as `declare` does;
    /// for an id twice, or that of a cluster which the API has made; and for a managed cluster that is to get another
    /// engine.
    void check_declared(const std::vector<external_cluster>& external,
                        const std::vector<managed_cluster>& managed) const;
    /// These are what is declared from now on, in place of what was; what the API has made stays. All of it, or nothing
    /// where it throws as `check_declared`. What has not changed stays the same object. A cluster that is declared no
    /// more is unknown at once; the engine of a managed one runs on for those who use it still, until `let_go`, and its
    /// data stay. One that comes back is the same again, after its engine has stopped where that had begun (bounded by
    /// `stop_timeout`).
    struct redeclared {
        std::vector<std::string> gone;     ///< ARNs
        std::vector<std::string> changed;  ///< ARNs of those that are elsewhere now, or something else.
    };
    redeclared redeclare(std::vector<external_cluster> external, std::vector<managed_cluster> managed);
    /// The managed ones that are declared no more, and whose engines run on.
    [[nodiscard]] std::vector<std::shared_ptr<const view>> leaving() const;
    /// Stops the engine of one of those; returns at once.
    void let_go(std::string_view arn);
    /// After the last `declare`: the clusters that the API has made, as they were when the last process ended. What was
    /// being created or deleted then goes on.
    void restore();

    [[nodiscard]] std::vector<view> list() const;
    /// The managed ones that run and have bounds.
    [[nodiscard]] std::vector<std::shared_ptr<const view>> scaled() const;
    /// Exact and case-sensitive by ARN, or by id; `not_found` otherwise.
    [[nodiscard]] core::result<view> find(std::string_view arn_or_id) const;
    /// The same without a copy; null: there is none.
    [[nodiscard]] std::shared_ptr<const view> seen(std::string_view arn_or_id) const;

    /// Another one, never 0, after each change of what `seen` and `ready` look at: as long as it is the same, `ready`
    /// would answer at once what it has answered at once before. Takes no lock.
    [[nodiscard]] std::uint64_t version() const noexcept;

    /// The cluster, running: a managed one is created and started first, once however many ask at the same time, and
    /// started again when its process has died.
    /// @return `endpoint_not_enabled` for an unknown ARN or where the Data API is off, `database_not_found`
    ///         without an instance, `invalid_state` when it is stopped, `database_resuming`
    ///         or `bad_request` while it resumes and has such a style, `database_unavailable` when it
    ///         does not start in time: the message says why in words fit for the client, the log has the rest. The next
    ///         call tries again. A cluster of which nothing has changed is the same object as before.
    /// @note The caller's io_context is run by one thread; `until` bounds this caller's wait only, a start goes on.
    core::awaitable<core::result<std::shared_ptr<const view>>> ready(std::string_view arn, core::deadline until);

    // What people and the `rds` operations do to a managed cluster. Common failures: `not_found`; `invalid_state` for
    // an external cluster, or one whose state does not allow it.

    /// Begins to do it, and returns what is to be seen then. What is begun is on disk: it goes on after a kill.
    core::result<view> begin_start(std::string_view id);
    core::result<view> begin_stop(std::string_view id);
    /// With its data, and with a final snapshot of that name where it is not empty.
    core::result<view> begin_remove(std::string_view id, std::string_view final_snapshot);
    /// Makes one. `already_exists`; `validation` for a name that cannot be used.
    /// @param from  A snapshot to fill it with; empty: none. `not_found`.
    core::result<view> create(description what, const core::secret_text& password, std::string_view from);
    /// Changes what is written down about one that the API has made, and gives the engine what it has to know of it.
    core::result<view> change(std::string_view id, const std::function<void(description&)>& how,
                              const core::secret_text* password);
    /// v1's ModifyCurrentDBClusterCapacity, and scaling by load: memory for the engine, no connection lost.
    core::result<view> scale(std::string_view id, capacity to);

    /// Lets go of its sessions and stops its engine until the next call. `invalid_state` while it is used.
    core::awaitable<core::result<void>> pause(std::string_view id, core::deadline until);
    /// Starts its engine, whatever it is but deleted.
    core::awaitable<core::result<void>> start(std::string_view id, core::deadline until);
    core::awaitable<core::result<void>> stop(std::string_view id, core::deadline until);
    /// Removes a managed cluster with its data; its id is free afterwards.
    core::awaitable<core::result<void>> remove(std::string_view id, core::deadline until);

    /// Whom `pause` asks. Call before the first call; outlives the registry's use.
    void attend(session_owner& sessions);

    [[nodiscard]] std::vector<snapshot> snapshots() const;
    core::result<snapshot> remove_snapshot(std::string_view id);
    /// Programs of this machine that can run such a cluster, the newest first: "15.18", "10.11.19".
    [[nodiscard]] std::vector<std::string> versions(engine of) const;
    /// For the process that follows this one: the descriptor of the folder's lock.
    [[nodiscard]] int lock() const;
    /// Says in the lock's file that this process holds it now: with `given_lock` it says so no sooner.
    void note_holder() const;
    /// Whether it has databases of its own, that end with this process.
    [[nodiscard]] bool manages_any() const;
    /// Makes none any more (`invalid_state`), or does again.
    void refuse_new(bool refuse);
    [[nodiscard]] fault_table& faults();
    [[nodiscard]] const settings& given() const;
    [[nodiscard]] std::string arn_of(std::string_view id) const;
    /// The id of the cluster that has the instance; empty: none.
    [[nodiscard]] std::string cluster_of_instance(std::string_view instance_id) const;

    /// Stops all, side by side; blocks, bounded by `stop_timeout`. For the end of the program: nothing starts
    /// afterwards.
    void stop_all() noexcept;

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::clusters
