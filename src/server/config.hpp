#pragma once
/// Everything a server can be told, and where it is read from: a TOML file, the environment, the command line.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clusters/rds.hpp"
#include "clusters/registry.hpp"
#include "core/log.hpp"
#include "core/secret_text.hpp"
#include "data_api/slow_statements.hpp"
#include "http/request.hpp"
#include "json/document.hpp"
#include "lambda/api.hpp"
#include "lambda/function.hpp"
#include "lambda/host.hpp"
#include "pool/pool.hpp"
#include "pool/transactions.hpp"
#include "server/access_config.hpp"
#include "server/access_log.hpp"
#include "server/environment.hpp"
#include "server/logins.hpp"
#include "server/tls.hpp"
#include "sql/session_settings.hpp"
#include "sql/statement_kinds.hpp"

namespace borealis::server {

/// A login declared by the config or the environment.
struct declared_secret {
    std::string name;
    std::string arn;  ///< Empty: made from the name.
    std::string username;
    core::secret_text password;
    std::string database;                      ///< The secret's `dbname`; empty: none.
    std::filesystem::path password_file = {};  ///< Where the password came from, to be read again; empty: elsewhere.

    friend bool operator==(const declared_secret&, const declared_secret&) = default;
};

/// A secret that is kept outside, under the name or ARN that callers give.
struct declared_outside {
    std::string name;
    std::string arn;  ///< May be empty.
    outside_secret kept;

    friend bool operator==(const declared_outside&, const declared_outside&) = default;
};

/// What rotates a secret: a program that gets both versions on its standard input and sets the password.
struct rotate_command {
    std::vector<std::string> words;  ///< The program's path first.
    std::chrono::seconds limit{60};  ///< Then it is killed, and the rotation has failed.

    friend bool operator==(const rotate_command&, const rotate_command&) = default;
};
/// By the name of a stored secret.
using rotate_commands = std::map<std::string, rotate_command, std::less<>>;

/// Where the key is that encrypts the stored secrets.
struct key_settings {
    std::filesystem::path file;  ///< Empty: `secrets.key` in the state folder.
    bool file_is_given = false;  ///< It is a credential of systemd: not ours to make or replace.
    core::secret_text text;      ///< From a variable, instead of a file.
    std::string text_name = {};  ///< What to call it.

    friend bool operator==(const key_settings&, const key_settings&) = default;
};

/// A database that Borealis creates and runs.
struct declared_managed {
    std::string id;
    std::string arn;
    clusters::engine is = clusters::engine::postgresql;
    std::string default_database;
    std::string profile = {};                           ///< Empty: the config's.
    std::string series = {};                            ///< Of the programs; empty: the newest.
    std::optional<clusters::resume_style> resume = {};  ///< None: the profile's.
    clusters::scaling scales = {};
    auth::tags tags = {};

    friend bool operator==(const declared_managed&, const declared_managed&) = default;
};

/// Limits of the Data API; those not set are the profile's.
struct data_api_limits {
    std::optional<std::size_t> result_bytes = {};                     ///< R-3.3
    std::optional<std::size_t> row_bytes = {};                        ///< R-3.5; 0: none
    std::optional<std::size_t> formatted_bytes = {};                  ///< R-3.6
    std::optional<std::size_t> sql_characters = {};                   ///< R-3.2
    std::optional<std::chrono::milliseconds> statement_timeout = {};  ///< R-3.9

    friend bool operator==(const data_api_limits&, const data_api_limits&) = default;
};

struct connection_limits {
    std::size_t connections = 10'000;    ///< Client connections, all threads together; one more is closed at once.
    std::chrono::seconds idle{75};       ///< Between requests of a kept-alive connection.
    std::chrono::seconds read{30};       ///< From the first byte of a request to its last.
    std::chrono::seconds handshake{10};  ///< From a connection to the end of its TLS handshake.
    std::chrono::seconds write{60};      ///< For a client to take an answer.
    std::chrono::seconds drain{15};      ///< After SIGTERM: for running calls and open transactions to end.
    /// Then a kept-alive connection that sends nothing for so long is closed.
    std::chrono::milliseconds drain_idle{500};
    /// What a client that is still sending gets to send after the last word to it, so that it reads it before the reset
    /// (RFC 9112, 9.6).
    std::size_t linger_bytes = std::size_t{64} << 20U;
    std::chrono::milliseconds linger{2'000};
    /// How long a thread that serves one caller alone stays awake for what comes next; 0: not at all.
    std::chrono::microseconds busy_poll{50};
    http::request_limits request;
    std::size_t json_values = json::document::usual_most_values;  ///< In one body of the Data API.
};

/// What is written about calls, and what databases are told of them.
struct observe_settings {
    access_log_settings calls;
    data_api::slow_settings slow;
    bool sql_comment = false;  ///< The caller's trace id goes with its statements, as a comment (server/trace.hpp).
};

/// A SAM or CloudFormation template whose functions and APIs live here (docs/http-api.md).
struct template_settings {
    std::filesystem::path file;  ///< Empty: none.
    std::map<std::string, std::string, std::less<>> parameters = {};
    std::map<std::string, std::string, std::less<>> attributes = {};      ///< `Cluster.DBClusterArn` -> its value here.
    std::map<std::string, std::string, std::less<>> clusters = {};        ///< Logical id -> cluster id.
    std::map<std::string, std::filesystem::path, std::less<>> code = {};  ///< Logical id -> folder, zip or program.
    bool watch = false;  ///< Read the template again, and restart functions, when it or their code changes.
};

/// Listeners of HTTP APIs. The first API takes `port`, each further one the next; port 0: any free ones.
struct http_api_settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 3000;
    std::uint32_t rate_per_second = 10'000;  ///< Of one API (L-3.33); 0: no limit.
    std::uint32_t burst = 5'000;
    http::request_limits request{.header_bytes = 10'240, .body_bytes = 10 * 1024 * 1024};  ///< L-3.34, L-3.35.
    std::vector<lambda::api_route> routes = {};  ///< `[[route]]`: an API of the config itself.
    std::optional<lambda::cors_rules> cors = {};
    std::string stage = "$default";
};

/// The local Lambda host.
struct lambda_settings {
    bool serve = true;  ///< Without a config file; with one: when it has a [lambda] or a [[function]].
    std::optional<bool> uploads =
        {};  ///< Whether callers may send code. Unset: in developer mode, on a loopback address.
    lambda::host_settings host = {};  ///< Region, account, folder and endpoints are filled in by the server.
    std::vector<lambda::function_settings> functions = {};
};

/// Who speaks to a database: we ourselves, at the latest once its client library has logged in, or the library (libpq,
/// libmariadb).
enum class protocol_speaker : std::uint8_t { native, library };

struct config {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;           ///< 0: any free one.
    unsigned threads = 0;                ///< 0: one a core.
    std::filesystem::path state_folder;  ///< Empty: `default_state_folder()`.
    std::string region = "us-east-1";
    std::string account = "123456789012";
    core::log_level log_level = core::log_level::info;

    access_config access;
    /// Without keys, in developer mode, any credentials are accepted, on a loopback address only unless the flags below
    /// allow more.
    bool insecure_no_auth = false;  ///< Accept callers from other machines although nobody's signature is checked.
    bool insecure_no_tls = false;   ///< Listen on another address in clear text.
    std::vector<std::string> allowed_hosts;  ///< Host names accepted beside the loopback ones.
    std::vector<std::string>
        allowed_origins;  ///< Whose web pages may call, as `https://example.org`; see web_pages.hpp.

    bool core_dumps = false;              ///< Allow core dumps and debuggers, which see every secret.
    tls_settings tls;                     ///< Towards clients.
    std::string admin_address;            ///< Of metrics and health; empty: none.
    std::uint16_t admin_port = 0;         ///< 0: any free one.
    std::size_t admin_connections = 100;  ///< One more is closed at once.
    connection_limits limits;
    pool::settings pool;
    sql::session_settings database_sessions;  ///< Of both engines.
    std::size_t remembered_logins = 10'000;   ///< Read ones, on each thread; and of outside secrets, over all.
    pool::transaction_settings transactions;
    std::string profile = "aws-v2";  ///< Of clusters that name none, and of unknown ones.
    observe_settings observe;
    data_api_limits api_limits;                                          ///< Over the profiles'.
    std::map<std::string, data_api_limits> cluster_limits;               ///< By cluster id, over those.
    sql::statement_kinds denied_statements;                              ///< On every cluster.
    std::map<std::string, sql::statement_kinds, std::less<>> denied_on;  ///< On that cluster as well.
    protocol_speaker driver = protocol_speaker::native;                  ///< For all clusters …
    std::map<std::string, protocol_speaker, std::less<>> driver_of;      ///< … but these.

    http_api_settings http_api;
    template_settings application;

    bool default_clusters = true;  ///< Declare `borealis-postgresql` and `borealis-mysql`.
    std::vector<clusters::external_cluster> external;
    std::vector<declared_managed> managed;
    clusters::rds_settings rds;
    std::size_t megabytes_per_capacity_unit = 128;
    std::vector<declared_secret> secrets;
    lambda_settings lambda;
    std::vector<declared_outside> outside;
    std::map<std::string, outside_secret, std::less<>> outside_of;  ///< By cluster id: where its other secrets are.
    server::rotate_commands rotate_commands;
    key_settings secrets_key;
    std::string run_databases_as;
    bool databases_may_connect = false;  ///< See clusters::settings.
    std::filesystem::path postgres_bin;
    std::filesystem::path mariadbd;

    /// Hash of the text of [lambda], [[function]], [template], [http_api] and [[route]].
    std::size_t of_functions = 0;
};

/// Names of the two clusters that are there without a config, and of their secrets.
inline constexpr std::string_view default_postgresql_id = "borealis-postgresql";
inline constexpr std::string_view default_mysql_id = "borealis-mysql";

/// Where state lives unless told otherwise: $XDG_STATE_HOME/borealis, ~/.local/state/borealis, and /var/lib/borealis
/// for root (whose home other users, and so the databases, cannot enter).
[[nodiscard]] std::filesystem::path default_state_folder();

/// The value of a declared secret, `{"username":…,"password":…}`.
[[nodiscard]] core::secret_text login_text(const declared_secret& of);

/// Reads the file over the defaults. A file switches the default clusters off unless it says `default_clusters = true`.
/// Throws std::runtime_error, `FILE:LINE:COLUMN: text`, for broken TOML, an unknown key, a wrong type or a value out of
/// range.
/// @param variables  For `env:` references; relative `file:` references count from the file's folder.
[[nodiscard]] config read_config(const std::filesystem::path& file, const environment& variables);

/// The same for the text of such a file; `file` is only named.
[[nodiscard]] config parse_config(std::string_view text, const std::filesystem::path& file,
                                  const environment& variables);

/// Adds the cluster and secret described by the variables that users of local-data-api have (docs/configuration.md
/// lists them). Throws std::runtime_error naming the variable that is wrong.
/// @return Whether there was any.
bool add_from_environment(config& to, const environment& variables);

/// Takes `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `8080` apart into address and port. Throws std::runtime_error.
void set_listen(config& to, std::string_view text);

/// The profile of clusters that name none. Throws std::runtime_error for an unknown one, naming those there are.
void set_profile(config& to, std::string_view name);

/// The same for the first HTTP API.
void set_http_api_listen(http_api_settings& to, std::string_view text);

/// Throws std::runtime_error where the whole is not to be started: another address without the flags that allow it.
void check(const config& whole);

/// debug, info, warning, error; throws std::runtime_error for another word.
[[nodiscard]] core::log_level parse_log_level(std::string_view text);

/// Is that an address or name of this machine's loopback?
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace borealis::server
