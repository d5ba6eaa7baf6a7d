#include "server/config.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "data_api/profile.hpp"

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

/// One TOML table being read: each key is asked for once, and what nobody asked for is an error.
class section {
 public:
    section(const toml::table& table, std::string name, const std::string& file)
        : table_(table), name_(std::move(name)), file_(file) {}

    [[noreturn]] void fail(const toml::source_region& at, const std::string& text) const {
        throw std::runtime_error(fmt::format("{}:{}:{}: {}", file_, at.begin.line, at.begin.column, text));
    }

    const toml::node* find(std::string_view key) {
        asked_.emplace(key);
        return table_.get(key);
    }

    template <class T>
    T need(const toml::node& value, std::string_view key, std::string_view what) const {
        if (auto typed = value.value_exact<T>()) return *typed;
        fail(value.source(), fmt::format("`{}` must be {}", key, what));
    }

    void text(std::string_view key, std::string& into) {
        if (const auto* value = find(key)) into = need<std::string>(*value, key, "a string");
    }

    void flag(std::string_view key, bool& into) {
        if (const auto* value = find(key)) into = need<bool>(*value, key, "true or false");
    }

    template <class T>
    void number(std::string_view key, T& into, std::int64_t least, std::int64_t most) {
        const auto* value = find(key);
        if (value == nullptr) return;
        const auto given = need<std::int64_t>(*value, key, "a whole number");
        if (given < least || given > most)
            fail(value->source(), fmt::format("`{}` must be from {} to {}", key, least, most));
        into = static_cast<T>(given);
    }

    /// A number of seconds, fractions allowed.
    template <class Duration>
    void seconds(std::string_view key, Duration& into, double least, double most) {
        const auto* value = find(key);
        if (value == nullptr) return;
        const auto given = value->value<double>();
        if (!given || (!value->is_integer() && !value->is_floating_point())) {
            fail(value->source(), fmt::format("`{}` must be a number of seconds", key));
        }
        if (!(*given >= least && *given <= most)) {
            fail(value->source(), fmt::format("`{}` must be from {} to {} seconds", key, least, most));
        }
        into = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*given));
    }

    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> all;
        const auto* value = find(key);
        if (value == nullptr) return all;
        const auto* list = value->as_array();
        if (list == nullptr) fail(value->source(), fmt::format("`{}` must be a list of strings", key));
        for (const auto& one : *list) all.push_back(need<std::string>(one, key, "a list of strings"));
        return all;
    }

    /// The table of that key, or null.
    const toml::table* table(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return nullptr;
        if (const auto* inner = value->as_table()) return inner;
        fail(value->source(), fmt::format("`{0}` must be a table: [{0}]", key));
    }

    std::vector<const toml::table*> tables(std::string_view key) {
        std::vector<const toml::table*> all;
        const auto* value = find(key);
        if (value == nullptr) return all;
        const auto* list = value->as_array();
        if (list == nullptr) fail(value->source(), fmt::format("`{0}` must be a list of tables: [[{0}]]", key));
        for (const auto& one : *list) {
            if (!one.is_table()) fail(one.source(), fmt::format("`{0}` must be a list of tables: [[{0}]]", key));
            all.push_back(one.as_table());
        }
        return all;
    }

    [[nodiscard]] const toml::source_region& where() const { return table_.source(); }
    [[nodiscard]] const std::string& file() const { return file_; }

    /// Throws for the first key that nobody asked for.
    void finish() const {
        for (const auto& [key, value] : table_) {
            if (asked_.contains(key.str())) continue;
            std::string known;
            for (const auto& name : asked_) known += (known.empty() ? "" : ", ") + name;
            fail(key.source(), fmt::format("unknown key `{}`{}; known are: {}", std::string(key.str()),
                                           name_.empty() ? "" : " in " + name_, known));
        }
    }

 private:
    const toml::table& table_;
    std::string name_;
    const std::string& file_;
    std::set<std::string, std::less<>> asked_;
};

std::optional<clusters::engine> engine_of(std::string_view text) {
    if (text == "postgresql" || text == "postgres" || text == "aurora-postgresql") return clusters::engine::postgresql;
    if (text == "mysql" || text == "mariadb" || text == "aurora-mysql" || text == "aurora")
        return clusters::engine::mysql;
    return std::nullopt;
}

std::optional<sql::tls_mode> tls_of(std::string_view text) {
    if (text == "disable") return sql::tls_mode::disable;
    if (text == "prefer") return sql::tls_mode::prefer;
    if (text == "require") return sql::tls_mode::require;
    if (text == "verify-ca") return sql::tls_mode::verify_ca;
    if (text == "verify-full") return sql::tls_mode::verify_full;
    return std::nullopt;
}

std::string read_first_line(const fs::path& from) {
    std::ifstream in(from);
    std::string line;
    if (!in || !std::getline(in, line))
        throw std::runtime_error(fmt::format("cannot read a secret from {}", from.string()));
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

/// `env:NAME`, `file:PATH` or the text itself (`text:` in front of one that begins like the others).
core::secret_text resolve_secret(std::string_view text, const fs::path& folder, const environment& variables) {
    if (text.starts_with("env:")) {
        const std::string name(text.substr(4));
        const char* value = variables(name.c_str());
        if (value == nullptr) throw std::runtime_error(fmt::format("the environment variable {} is not set", name));
        return core::secret_text(value);
    }
    if (text.starts_with("file:")) return core::secret_text(read_first_line(folder / std::string(text.substr(5))));
    if (text.starts_with("text:")) text.remove_prefix(5);
    return core::secret_text(std::string(text));
}

void read_limits(section& from, connection_limits& into) {
    from.number("connections", into.connections, 1, 1'000'000);
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("read_seconds", into.read, 1, 3'600);
    from.seconds("write_seconds", into.write, 1, 3'600);
    from.seconds("drain_seconds", into.drain, 0, 3'600);
    from.number("body_bytes", into.request.body_bytes, 1'024, 1LL << 30);
    from.number("header_bytes", into.request.header_bytes, 1'024, 1 << 20);
    from.number("header_count", into.request.header_count, 8, 10'000);
    from.number("target_bytes", into.request.target_bytes, 64, 1 << 20);
    from.finish();
}

void read_pool(section& from, pool::settings& into) {
    from.number("maximum", into.maximum, 1, 10'000);
    from.seconds("wait_seconds", into.wait, 0.001, 3'600);
    from.seconds("connect_seconds", into.connect_timeout, 0.01, 600);
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("lifetime_seconds", into.lifetime, 1, 7 * 86'400);
    from.finish();
}

void read_transactions(section& from, pool::transaction_settings& into) {
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("age_seconds", into.age, 1, 7 * 86'400);
    from.number("maximum", into.maximum, 1, 1'000'000);
    from.number("remembered", into.remembered, 0, 10'000'000);
    from.finish();
}

void read_cluster(section& from, config& into) {
    std::string id;
    std::string arn;
    std::string engine;
    std::string database;
    std::string profile = "aws-v2";
    std::string tls = "prefer";
    bool managed = false;
    sql::endpoint at;
    from.text("id", id);
    from.text("arn", arn);
    from.text("engine", engine);
    from.text("database", database);
    from.text("profile", profile);
    from.flag("managed", managed);
    from.text("host", at.host);
    from.number("port", at.port, 1, 65'535);
    from.text("socket", at.socket);
    from.text("tls", tls);
    from.text("tls_ca_file", at.tls_ca_file);
    from.text("tls_certificate_file", at.tls_certificate_file);
    from.text("tls_key_file", at.tls_key_file);
    from.finish();

    const auto is = engine_of(engine);
    const auto mode = tls_of(tls);
    if (id.empty()) from.fail(from.where(), "a [[cluster]] needs an `id`");
    if (!is) from.fail(from.where(), fmt::format("cluster `{}`: `engine` must be postgresql, mysql or mariadb", id));
    if (!mode)
        from.fail(from.where(),
                  fmt::format("cluster `{}`: `tls` must be disable, prefer, require, verify-ca or verify-full", id));
    if (data_api::find_profile(profile) == nullptr) {
        from.fail(from.where(), fmt::format("cluster `{}`: there is no profile `{}`; known: aws-v2", id, profile));
    }
    if (managed) {
        if (!at.host.empty() || !at.socket.empty() || at.port != 0) {
            from.fail(
                from.where(),
                fmt::format("cluster `{}` is managed: Borealis chooses where it listens; remove host, port and socket",
                            id));
        }
        into.managed.push_back({.id = id, .arn = arn, .is = *is, .default_database = database, .profile = profile});
        return;
    }
    if (at.host.empty() == at.socket.empty()) {
        from.fail(from.where(),
                  fmt::format("cluster `{}` needs either a `host` or a `socket` (or `managed = true`)", id));
    }
    at.tls = at.socket.empty() ? *mode : sql::tls_mode::disable;
    if (at.port == 0) at.port = *is == clusters::engine::postgresql ? 5432 : 3306;
    into.external.push_back(
        {.id = id, .arn = arn, .is = *is, .endpoint = at, .default_database = database, .profile = profile});
}

void read_secret(section& from, config& into, const fs::path& folder, const environment& variables) {
    declared_secret secret;
    std::string password;
    from.text("name", secret.name);
    from.text("arn", secret.arn);
    from.text("username", secret.username);
    from.text("password", password);
    from.text("database", secret.database);
    from.finish();
    if (secret.name.empty()) from.fail(from.where(), "a [[secret]] needs a `name`");
    for (const auto& other : into.secrets) {
        if (other.name == secret.name)
            from.fail(from.where(), fmt::format("there is a [[secret]] `{}` already", secret.name));
    }
    if (secret.username.empty()) from.fail(from.where(), fmt::format("secret `{}` needs a `username`", secret.name));
    try {
        secret.password = resolve_secret(password, folder, variables);
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), fmt::format("secret `{}`: {}", secret.name, e.what()));
    }
    into.secrets.push_back(std::move(secret));
}

void read_key(section& from, config& into, const fs::path& folder, const environment& variables) {
    declared_key key;
    std::string secret;
    from.text("id", key.id);
    from.text("secret", secret);
    from.finish();
    if (key.id.empty() || key.id.size() > 128 || key.id.find_first_of("/, \t") != std::string::npos) {
        from.fail(from.where(), "a [[key]] needs an `id`: up to 128 characters without blank, comma or slash");
    }
    for (const auto& other : into.keys) {
        if (other.id == key.id) from.fail(from.where(), fmt::format("there is a [[key]] `{}` already", key.id));
    }
    try {
        key.secret = resolve_secret(secret, folder, variables);
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), fmt::format("key `{}`: {}", key.id, e.what()));
    }
    // Also where it came from a variable or a file: anybody could sign with an empty one.
    if (key.secret.empty()) from.fail(from.where(), fmt::format("key `{}` needs a `secret` that is not empty", key.id));
    into.keys.push_back(std::move(key));
}

std::uint16_t port_of(std::string_view text, std::string_view what) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > std::numeric_limits<std::uint16_t>::max()) {
        throw std::runtime_error(fmt::format("{}: `{}` is no port (0 to 65535)", what, text));
    }
    return static_cast<std::uint16_t>(value);
}

}  // namespace

core::log_level parse_log_level(std::string_view text) {
    if (text == "debug") return core::log_level::debug;
    if (text == "info") return core::log_level::info;
    if (text == "warning") return core::log_level::warning;
    if (text == "error") return core::log_level::error;
    throw std::runtime_error("`log_level` must be debug, info, warning or error");
}

environment process_environment() {
    return [](const char* name) -> const char* { return std::getenv(name); };
}

fs::path default_state_folder() {
    if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg != nullptr && *xdg == '/')
        return fs::path(xdg) / "borealis";
    if (::geteuid() == 0) return "/var/lib/borealis";
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home != '/') {
        const passwd* me = ::getpwuid(::geteuid());
        home = me == nullptr ? nullptr : me->pw_dir;
    }
    if (home == nullptr) throw std::runtime_error("no home folder: set HOME, XDG_STATE_HOME or --state-dir");
    return fs::path(home) / ".local/state/borealis";
}

config read_config(const fs::path& file, const environment& variables) {
    const std::string name = file.string();
    std::ifstream in(file);
    if (!in) throw std::runtime_error(fmt::format("cannot read the config file {}", name));
    toml::table root;
    try {
        root = toml::parse(in, name);
    } catch (const toml::parse_error& e) {
        throw std::runtime_error(
            fmt::format("{}:{}:{}: {}", name, e.source().begin.line, e.source().begin.column, e.description()));
    }

    config made;
    made.default_clusters = false;
    section top(root, "", name);
    std::string listen;
    std::string level;
    std::string state;
    std::string bin;
    std::string mariadbd;
    top.text("listen", listen);
    top.number("threads", made.threads, 1, 128);
    top.text("state_dir", state);
    top.text("region", made.region);
    top.text("account", made.account);
    top.text("log_level", level);
    top.flag("default_clusters", made.default_clusters);
    top.flag("insecure_no_auth", made.insecure_no_auth);
    top.flag("insecure_no_tls", made.insecure_no_tls);
    top.text("run_databases_as", made.run_databases_as);
    top.text("postgres_bin", bin);
    top.text("mariadbd", mariadbd);
    top.seconds("statement_timeout_seconds", made.statement_timeout, 0.01, 86'400);
    made.allowed_hosts = top.texts("allowed_hosts");
    if (made.region.empty() ||
        made.region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
        top.fail(top.find("region")->source(),
                 "`region` must be lower-case letters, digits and hyphens, as in us-east-1");
    }
    if (made.account.size() != 12 || made.account.find_first_not_of("0123456789") != std::string::npos) {
        top.fail(top.find("account")->source(), "`account` must be twelve digits");
    }
    if (!state.empty()) made.state_folder = state;
    made.postgres_bin = bin;
    made.mariadbd = mariadbd;
    try {
        if (!listen.empty()) set_listen(made, listen);
        if (!level.empty()) made.log_level = parse_log_level(level);
    } catch (const std::runtime_error& e) {
        top.fail(top.where(), e.what());
    }
    if (const auto* inner = top.table("limits")) {
        section part(*inner, "[limits]", name);
        read_limits(part, made.limits);
    }
    if (const auto* inner = top.table("pool")) {
        section part(*inner, "[pool]", name);
        read_pool(part, made.pool);
    }
    if (const auto* inner = top.table("transactions")) {
        section part(*inner, "[transactions]", name);
        read_transactions(part, made.transactions);
    }
    for (const auto* inner : top.tables("cluster")) {
        section part(*inner, "[[cluster]]", name);
        read_cluster(part, made);
    }
    for (const auto* inner : top.tables("secret")) {
        section part(*inner, "[[secret]]", name);
        read_secret(part, made, file.parent_path(), variables);
    }
    for (const auto* inner : top.tables("key")) {
        section part(*inner, "[[key]]", name);
        read_key(part, made, file.parent_path(), variables);
    }
    top.finish();
    return made;
}

bool add_from_environment(config& to, const environment& variables) {
    const auto text = [&](const char* name) {
        const char* value = variables(name);
        return std::string(value == nullptr ? "" : value);
    };
    const std::string wanted = text("ENGINE");
    bool postgresql = !text("POSTGRES_HOST").empty();
    if (wanted.starts_with("MySQL") || wanted.starts_with("mysql")) postgresql = false;
    if (wanted.starts_with("PostgreSQL") || wanted.starts_with("postgresql")) postgresql = true;
    const std::string prefix = postgresql ? "POSTGRES_" : "MYSQL_";
    const std::string host = text((prefix + "HOST").c_str());
    if (host.empty()) return false;

    clusters::external_cluster cluster;
    cluster.id = "dummy";
    cluster.arn = text("RESOURCE_ARN");
    if (cluster.arn.empty()) cluster.arn = "arn:aws:rds:us-east-1:123456789012:cluster:dummy";
    if (const auto colon = cluster.arn.rfind(':'); colon != std::string::npos)
        cluster.id = cluster.arn.substr(colon + 1);
    cluster.is = postgresql ? clusters::engine::postgresql : clusters::engine::mysql;
    cluster.endpoint.host = host;
    cluster.endpoint.port = postgresql ? 5432 : 3306;
    if (const auto port = text((prefix + "PORT").c_str()); !port.empty())
        cluster.endpoint.port = port_of(port, prefix + "PORT");
    cluster.default_database = text((prefix + "DB").c_str());
    declared_secret secret;
    secret.name = "dummy";
    secret.arn = text("SECRET_ARN");
    if (secret.arn.empty()) secret.arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dummy";
    secret.username = text((prefix + "USER").c_str());
    if (secret.username.empty()) secret.username = postgresql ? "postgres" : "root";
    secret.password = core::secret_text(text((prefix + "PASSWORD").c_str()));
    to.external.push_back(std::move(cluster));
    to.secrets.push_back(std::move(secret));
    return true;
}

void set_listen(config& to, std::string_view text) {
    const auto colon = text.rfind(':');
    const bool only_port = colon == std::string_view::npos;
    std::string_view address = only_port ? std::string_view() : text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    } else if (address.find(':') != std::string_view::npos) {
        throw std::runtime_error(
            fmt::format("`listen`: write an IPv6 address in brackets, [{}]:{}", address, text.substr(colon + 1)));
    }
    to.port = port_of(only_port ? text : text.substr(colon + 1), "`listen`");
    if (!address.empty()) to.address = address == "localhost" ? "127.0.0.1" : std::string(address);
}

bool is_loopback(std::string_view host) {
    if (http::iequals(host, "localhost") || host == "::1" || host == "[::1]" || host == "ip6-localhost") return true;
    if (!host.starts_with("127.")) return false;
    // 127.0.0.0/8 as a dotted quad: a name such as 127.evil.example is none.
    int dots = 0;
    for (const char c : host) {
        if (c == '.') {
            ++dots;
        } else if (c < '0' || c > '9') {
            return false;
        }
    }
    return dots == 3;
}

void check(const config& whole) {
    if (is_loopback(whole.address)) return;
    if (whole.keys.empty() && !whole.insecure_no_auth) {
        throw std::runtime_error(
            fmt::format("`listen`: {} can be reached from other machines and no caller's signature would be checked; "
                        "listen on 127.0.0.1, or allow "
                        "it with --insecure-no-auth",
                        whole.address));
    }
    if (!whole.insecure_no_tls) {
        throw std::runtime_error(
            fmt::format("`listen`: {} can be reached from other machines and nothing would be encrypted; listen on "
                        "127.0.0.1, or allow it with "
                        "--insecure-no-tls",
                        whole.address));
    }
}

}  // namespace borealis::server
