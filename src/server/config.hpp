#pragma once
/// Everything a server can be told, and where it is read from: a TOML file, the environment, the command line.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/registry.hpp"
#include "core/log.hpp"
#include "core/secret_text.hpp"
#include "http/request.hpp"
#include "pool/pool.hpp"
#include "pool/transactions.hpp"

namespace borealis::server {

/// A login declared by the config or the environment.
struct declared_secret {
    std::string name;
    std::string arn;  ///< Empty: made from the name.
    std::string username;
    core::secret_text password;
    std::string database;  ///< The secret's `dbname`; empty: none.
};

/// A database that Borealis creates and runs.
struct declared_managed {
    std::string id;
    std::string arn;
    clusters::engine is = clusters::engine::postgresql;
    std::string default_database;
    std::string profile = "aws-v2";
};

/// A key that may call. Where there is any, every request must be signed with one of them.
struct declared_key {
    std::string id;  ///< Access key id.
    core::secret_text secret;
};

struct connection_limits {
    std::size_t connections = 10'000;  ///< Client connections, all threads together; one more is closed at once.
    std::chrono::seconds idle{75};     ///< Between requests of a kept-alive connection.
    std::chrono::seconds read{30};     ///< From the first byte of a request to its last.
    std::chrono::seconds write{60};    ///< For a client to take an answer.
    std::chrono::seconds drain{15};    ///< After SIGTERM: for running calls to end.
    http::request_limits request;
};

struct config {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;           ///< 0: any free one.
    unsigned threads = 0;                ///< 0: one a core.
    std::filesystem::path state_folder;  ///< Empty: `default_state_folder()`.
    std::string region = "us-east-1";
    std::string account = "123456789012";
    core::log_level log_level = core::log_level::info;

    std::vector<declared_key> keys;
    /// Without keys, in developer mode, any credentials are accepted, on a loopback address only unless the flags below
    /// allow more.
    bool insecure_no_auth = false;  ///< Accept callers from other machines although nobody's signature is checked.
    bool insecure_no_tls = false;   ///< Listen on another address in clear text.
    std::vector<std::string> allowed_hosts;  ///< Host names accepted beside the loopback ones.

    connection_limits limits;
    pool::settings pool;
    pool::transaction_settings transactions;
    std::chrono::milliseconds statement_timeout{0};  ///< 0: the profile's (45 s, R-3.9).

    bool default_clusters = true;  ///< Declare `borealis-postgresql` and `borealis-mysql`.
    std::vector<clusters::external_cluster> external;
    std::vector<declared_managed> managed;
    std::vector<declared_secret> secrets;
    std::string run_databases_as;
    std::filesystem::path postgres_bin;
    std::filesystem::path mariadbd;
};

/// Names of the two clusters that are there without a config, and of their secrets.
inline constexpr std::string_view default_postgresql_id = "borealis-postgresql";
inline constexpr std::string_view default_mysql_id = "borealis-mysql";

/// Where state lives unless told otherwise: $XDG_STATE_HOME/borealis, ~/.local/state/borealis, and /var/lib/borealis
/// for root (whose home other users, and so the databases, cannot enter).
[[nodiscard]] std::filesystem::path default_state_folder();

/// Reads variables; std::getenv in the program, a table in tests. Returns null where unset.
using environment = std::function<const char*(const char*)>;
[[nodiscard]] environment process_environment();

/// Reads the file over the defaults. A file switches the default clusters off unless it says `default_clusters = true`.
/// Throws std::runtime_error, `FILE:LINE:COLUMN: text`, for broken TOML, an unknown key, a wrong type or a value out of
/// range.
/// @param variables  For `env:` references; relative `file:` references count from the file's folder.
[[nodiscard]] config read_config(const std::filesystem::path& file, const environment& variables);

/// Adds the cluster and secret described by the variables that users of local-data-api have (docs/configuration.md
/// lists them). Throws std::runtime_error naming the variable that is wrong.
/// @return Whether there was any.
bool add_from_environment(config& to, const environment& variables);

/// Takes `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `8080` apart into address and port. Throws std::runtime_error.
void set_listen(config& to, std::string_view text);

/// Throws std::runtime_error where the whole is not to be started: another address without the flags that allow it.
void check(const config& whole);

/// debug, info, warning, error; throws std::runtime_error for another word.
[[nodiscard]] core::log_level parse_log_level(std::string_view text);

/// Is that an address or name of this machine's loopback?
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace borealis::server
