#include "server/config.hpp"

#include <algorithm>
#include <cctype>
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

#include "data_api/profile.hpp"
#include "json/writer.hpp"
#include "lambda/route_table.hpp"
#include "server/access_config.hpp"
#include "server/section.hpp"
#include "server/web_pages.hpp"

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

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

void read_limits(section& from, connection_limits& into) {
    from.number("connections", into.connections, 1, 1'000'000);
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("read_seconds", into.read, 1, 3'600);
    from.seconds("handshake_seconds", into.handshake, 1, 3'600);
    from.seconds("write_seconds", into.write, 1, 3'600);
    from.seconds("drain_seconds", into.drain, 0, 3'600);
    from.seconds("drain_idle_seconds", into.drain_idle, 0, 3'600);
    from.number("linger_bytes", into.linger_bytes, 0, 1LL << 40);
    from.seconds("linger_seconds", into.linger, 0, 3'600);
    from.seconds("busy_poll_seconds", into.busy_poll, 0, 0.01);
    from.number("body_bytes", into.request.body_bytes, 1'024, 1LL << 30);
    from.number("header_bytes", into.request.header_bytes, 1'024, 1 << 20);
    from.number("header_count", into.request.header_count, 8, 10'000);
    from.number("json_values", into.json_values, 1'000, 100'000'000);
    from.number("target_bytes", into.request.target_bytes, 64, 1 << 20);
    from.finish();
}

void read_tls(section& from, tls_settings& into, const fs::path& folder) {
    std::string certificate;
    std::string key;
    std::string authorities;
    std::string clients = "none";
    std::string minimum = "1.2";
    from.text("certificate_file", certificate);
    from.text("key_file", key);
    from.text("client_ca_file", authorities);
    from.text("client_certificates", clients);
    from.text("minimum_version", minimum);
    from.finish();
    if (certificate.empty() || key.empty())
        from.fail(from.where(), "[tls] needs a `certificate_file` and a `key_file`");
    // Relative to the file's folder, as `file:` is.
    into.certificate = folder / certificate;
    into.key = folder / key;
    if (!authorities.empty()) into.client_ca = folder / authorities;
    if (clients == "none") {
        into.clients = client_certificates::none;
    } else if (clients == "optional") {
        into.clients = client_certificates::optional;
    } else if (clients == "required") {
        into.clients = client_certificates::required;
    } else {
        from.fail(from.find("client_certificates")->source(),
                  "`client_certificates` must be none, optional or required");
    }
    if (minimum != "1.2" && minimum != "1.3")
        from.fail(from.find("minimum_version")->source(), "`minimum_version` must be \"1.2\" or \"1.3\"");
    into.minimum = minimum == "1.3" ? tls_version::tls_1_3 : tls_version::tls_1_2;
    if ((into.clients == client_certificates::none) != authorities.empty()) {
        from.fail(from.where(),
                  "`client_ca_file` and `client_certificates` (optional or required) go together in [tls]");
    }
}

void read_secrets_key(section& from, key_settings& into, const fs::path& folder, const environment& variables) {
    std::string key;
    from.text("key", key);
    from.finish();
    if (key.empty()) return;
    if (key.starts_with("file:")) {
        into.file = folder / key.substr(5);
    } else if (key.starts_with("env:")) {
        const auto name = key.substr(4);
        const char* value = variables(name.c_str());
        if (value == nullptr || *value == '\0')
            from.fail(from.find("key")->source(), fmt::format("the environment variable {} is not set", name));
        into.text = core::secret_text(value);
        into.text_name = fmt::format("the environment variable {}", name);
    } else if (key.starts_with("credential:")) {
        const auto name = key.substr(11);
        const char* where = variables("CREDENTIALS_DIRECTORY");
        if (where == nullptr || *where == '\0') {
            from.fail(from.find("key")->source(),
                      "CREDENTIALS_DIRECTORY is not set: a credential needs a systemd unit with LoadCredential=");
        }
        if (name.empty() || name.find('/') != std::string::npos)
            from.fail(from.find("key")->source(), "a credential's name has no slash");
        into.file = fs::path(where) / name;
        into.file_is_given = true;
    } else {
        from.fail(from.find("key")->source(),
                  "`key` must be file:PATH, env:NAME or credential:NAME: the key itself does not belong in this file");
    }
}

void read_pool(section& from, pool::settings& into, sql::session_settings& sessions) {
    from.number("maximum", into.maximum, 1, 10'000);
    from.number("minimum", into.minimum, 0, 10'000);
    from.number("cluster_maximum", into.cluster_maximum, 0, 100'000);
    from.number("transactions", into.transactions, 0, 10'000);
    from.number("opens_at_once", into.opens_at_once, 1, 10'000);
    from.number("queue", into.queue, 1, 1'000'000);
    from.seconds("wait_seconds", into.wait, 0.001, 3'600);
    from.seconds("connect_seconds", into.connect_timeout, 0.01, 600);
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("lifetime_seconds", into.lifetime, 1, 7 * 86'400);
    from.seconds("reset_seconds", into.reset_timeout, 0.1, 600);
    from.number("statements", sessions.statements, sql::session_settings::least_statements, 100'000);
    from.flag("batches_at_once", sessions.batches_at_once);
    from.flag("quick_begin", sessions.quick_begin);
    from.seconds("keepalive_idle_seconds", sessions.keepalive_idle, 0, 32'767);
    from.seconds("keepalive_interval_seconds", sessions.keepalive_interval, 1, 32'767);
    from.number("keepalive_count", sessions.keepalive_count, 1, 127);
    from.seconds("unacknowledged_seconds", sessions.user_timeout, 0, 86'400);
    from.number("shared_sessions", into.shared.sessions, 0, 1'000);
    from.number("shared_depth", into.shared.depth, 1, 10'000);
    from.seconds("shared_wait_seconds", into.shared.proof.slow, 0.001, 3'600);
    from.seconds("shared_write_seconds", into.shared.proof.write_time, 0, 1);
    from.number("short_after", into.shared.proof.after, 1, 1'000'000);
    from.seconds("short_seconds", into.shared.proof.time, 0.000'001, 60);
    from.number("short_bytes", into.shared.proof.bytes, 1, 1LL << 30);
    if (into.minimum > into.maximum) from.fail(from.where(), "[pool] `minimum` is larger than `maximum`");
    if (into.transactions > into.maximum) from.fail(from.where(), "[pool] `transactions` is larger than `maximum`");
    if (into.cluster_maximum != 0 && into.cluster_maximum < into.minimum)
        from.fail(from.where(), "[pool] `cluster_maximum` is smaller than `minimum`");
    from.finish();
}

void read_transactions(section& from, pool::transaction_settings& into) {
    from.seconds("idle_seconds", into.idle, 1, 86'400);
    from.seconds("age_seconds", into.age, 1, 7 * 86'400);
    from.number("maximum", into.maximum, 1, 1'000'000);
    from.number("remembered", into.remembered, 0, 10'000'000);
    from.seconds("drain_seconds", into.drain, 0, 3'600);
    from.flag("always_reset", into.always_reset);
    from.seconds("repeat_commit_seconds", into.repeat_commit, 0, 3'600);
    from.finish();
}

void read_observe(section& from, observe_settings& into, const fs::path& folder) {
    std::string calls = "off";
    from.text("access_log", calls);
    from.flag("access_log_sql", into.calls.sql);
    from.number("access_log_buffer_bytes", into.calls.buffer_bytes, 4'096, 1LL << 30);
    from.seconds("slow_statement_seconds", into.slow.threshold, 0, 86'400);
    from.number("slow_statements_per_second", into.slow.lines_per_second, 1, 100'000);
    from.number("sql_characters", into.slow.characters, 20, 1'000'000);
    from.flag("sql_comment", into.sql_comment);
    from.finish();
    into.calls.on = calls != "off";
    if (calls.empty()) from.fail(from.find("access_log")->source(), "`access_log` must be off, stderr or a file");
    if (into.calls.on && calls != "stderr") into.calls.file = folder / calls;
}

/// As the registry keeps ids (R-12.23).
std::string lowered(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return text;
}

std::optional<protocol_speaker> read_driver(section& from) {
    std::string name;
    from.text("driver", name);
    if (name.empty()) return std::nullopt;
    if (name == "native") return protocol_speaker::native;
    if (name == "library") return protocol_speaker::library;
    from.fail(from.find("driver")->source(), "`driver` must be native or library");
}

std::string unknown_profile(std::string_view name) {
    return fmt::format("there is no profile `{}`; known: {}", name, data_api::profile_names());
}

/// The keys that both the file and a [[cluster]] may have.
void read_api_limits(section& from, data_api_limits& into) {
    constexpr std::int64_t most = 1LL << 30;
    const auto number = [&](const char* key, std::optional<std::size_t>& to, std::int64_t least) {
        if (from.find(key) != nullptr) from.number(key, to.emplace(), least, most);
    };
    number("result_bytes", into.result_bytes, 1);
    number("row_bytes", into.row_bytes, 0);
    number("formatted_bytes", into.formatted_bytes, 1);
    number("sql_characters", into.sql_characters, 1);
    if (from.find("statement_timeout_seconds") != nullptr)
        from.seconds("statement_timeout_seconds", into.statement_timeout.emplace(), 0.01, 86'400);
}

std::uint16_t port_of(std::string_view text, std::string_view what) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > std::numeric_limits<std::uint16_t>::max()) {
        throw std::runtime_error(fmt::format("{}: `{}` is no port (0 to 65535)", what, text));
    }
    return static_cast<std::uint16_t>(value);
}

/// `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `8080` into both.
void set_address(std::string_view text, std::string_view what, std::string& into_address, std::uint16_t& into_port) {
    const auto colon = text.rfind(':');
    const bool only_port = colon == std::string_view::npos;
    std::string_view address = only_port ? std::string_view() : text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    } else if (address.find(':') != std::string_view::npos) {
        throw std::runtime_error(
            fmt::format("{}: write an IPv6 address in brackets, [{}]:{}", what, address, text.substr(colon + 1)));
    }
    into_port = port_of(only_port ? text : text.substr(colon + 1), what);
    if (!address.empty()) into_address = address == "localhost" ? "127.0.0.1" : std::string(address);
}

/// `name`, `name:port`, `[::1]:port`; the port stays what it is where none is given.
void take_apart(std::string_view text, sql::endpoint& into) {
    const auto colon = text.rfind(':');
    const auto bracket = text.rfind(']');
    const bool has_port = colon != std::string_view::npos && text.find(':') == colon;
    const bool has_port_too = bracket != std::string_view::npos && colon != std::string_view::npos && colon > bracket;
    auto host = has_port || has_port_too ? text.substr(0, colon) : text;
    if (has_port || has_port_too) into.port = port_of(text.substr(colon + 1), text);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || into.port == 0) throw std::runtime_error(fmt::format("`{}` is no host[:port]", text));
    into.host = host;
}

/// Where outside secrets are read; the keys begin with `prefix`.
void read_outside(section& from, const std::string& prefix, outside_secret& into) {
    from.text(prefix + "region", into.region);
    from.text(prefix + "endpoint", into.endpoint);
    from.text(prefix + "aws_profile", into.profile);
    from.seconds(prefix + "ttl_seconds", into.lives, 1, 86'400);
}

void read_cluster(section& from, config& into) {
    std::string id;
    std::string arn;
    std::string engine;
    std::string database;
    std::string profile;
    data_api_limits limits;
    std::string tls = "prefer";
    bool managed = false;
    sql::endpoint at;
    declared_managed own;
    std::string resume;
    std::int64_t least = 0;
    std::int64_t most = 0;
    std::chrono::milliseconds pause_after{0};
    from.text("id", id);
    from.text("arn", arn);
    from.text("engine", engine);
    from.text("database", database);
    from.text("profile", profile);
    read_api_limits(from, limits);
    from.flag("managed", managed);
    from.text("host", at.host);
    auto hosts = from.texts("hosts");
    from.number("port", at.port, 1, 65'535);
    from.text("socket", at.socket);
    from.text("tls", tls);
    from.text("tls_ca_file", at.tls_ca_file);
    from.text("tls_certificate_file", at.tls_certificate_file);
    from.text("tls_key_file", at.tls_key_file);
    const auto denied = read_statement_kinds(from, "deny_statements");
    const auto driver = read_driver(from);
    from.text("engine_version", own.series);
    from.text("resume", resume);
    from.seconds("pause_after_seconds", pause_after, 0, 86'400);
    from.number("min_capacity", least, 0, 256);
    from.number("max_capacity", most, 1, 256);
    std::string secrets_of = "store";
    outside_secret outside;
    from.text("secrets", secrets_of);
    read_outside(from, "secrets_", outside);
    const auto tagged = from.texts_by_name("tags");
    auth::tags tags(tagged.begin(), tagged.end());
    from.finish();

    if (secrets_of != "store" && secrets_of != "aws")
        from.fail(from.where(), fmt::format("cluster `{}`: `secrets` must be store or aws", id));
    if (secrets_of == "aws") {
        into.outside_of[lowered(id)] = outside;
    } else if (outside != outside_secret{}) {
        from.fail(from.where(), fmt::format("cluster `{}`: secrets_region, secrets_endpoint, secrets_aws_profile and "
                                            "secrets_ttl_seconds go with `secrets = \"aws\"`",
                                            id));
    }

    into.denied_on[lowered(id)] = denied;
    if (driver) into.driver_of[lowered(id)] = *driver;
    const auto is = engine_of(engine);
    const auto mode = tls_of(tls);
    if (id.empty()) from.fail(from.where(), "a [[cluster]] needs an `id`");
    if (!is) from.fail(from.where(), fmt::format("cluster `{}`: `engine` must be postgresql, mysql or mariadb", id));
    if (!mode)
        from.fail(from.where(),
                  fmt::format("cluster `{}`: `tls` must be disable, prefer, require, verify-ca or verify-full", id));
    if (!profile.empty() && data_api::find_profile(profile) == nullptr)
        from.fail(from.where(), fmt::format("cluster `{}`: {}", id, unknown_profile(profile)));
    if (limits != data_api_limits{}) into.cluster_limits[lowered(id)] = limits;
    if (managed) {
        if (!at.host.empty() || !hosts.empty() || !at.socket.empty() || at.port != 0) {
            from.fail(
                from.where(),
                fmt::format(
                    "cluster `{}` is managed: Borealis chooses where it listens; remove host, hosts, port and socket",
                    id));
        }
        const auto style = clusters::resume_style_of(resume);
        if (!style && !resume.empty())
            from.fail(from.where(), fmt::format("cluster `{}`: `resume` must be wait, aws-v2 or aws-v1", id));
        if (most != 0 && least > most)
            from.fail(from.where(), fmt::format("cluster `{}`: `min_capacity` is over `max_capacity`", id));
        own.id = id;
        own.arn = arn;
        own.is = *is;
        own.default_database = database;
        own.profile = profile;
        own.tags = std::move(tags);
        own.resume = style;
        own.scales.given = pause_after.count() != 0 || most != 0;
        own.scales.least.halves = static_cast<int>(least) * 2;
        own.scales.most.halves = static_cast<int>(most == 0 ? std::max<std::int64_t>(least, 1) : most) * 2;
        own.scales.auto_pause = pause_after.count() != 0;
        if (own.scales.auto_pause) own.scales.pause_after = pause_after;
        into.managed.push_back(std::move(own));
        return;
    }
    if (pause_after.count() != 0 || !resume.empty() || most != 0 || least != 0 || !own.series.empty()) {
        from.fail(from.where(),
                  fmt::format("cluster `{}`: engine_version, resume, pause_after_seconds, min_capacity and "
                              "max_capacity are for clusters with `managed = true`",
                              id));
    }
    if (at.host.empty() + at.socket.empty() + hosts.empty() != 2) {
        from.fail(from.where(),
                  fmt::format("cluster `{}` needs one of `host`, `hosts` and `socket` (or `managed = true`)", id));
    }
    at.tls = at.socket.empty() ? *mode : sql::tls_mode::disable;
    if (at.port == 0) at.port = *is == clusters::engine::postgresql ? 5432 : 3306;
    std::vector<sql::endpoint> others;
    for (const auto& host : hosts) {
        sql::endpoint one = at;
        try {
            take_apart(host, one);
        } catch (const std::runtime_error& wrong) {
            from.fail(from.where(), fmt::format("cluster `{}`, `hosts`: {}", id, wrong.what()));
        }
        others.push_back(std::move(one));
    }
    if (!others.empty()) {
        at = others.front();
        others.erase(others.begin());
    }
    into.external.push_back({.id = id,
                             .arn = arn,
                             .is = *is,
                             .endpoint = at,
                             .others = std::move(others),
                             .default_database = database,
                             .profile = profile,
                             .tags = std::move(tags)});
}

void read_secret(section& from, config& into, const fs::path& folder, const environment& variables) {
    declared_secret secret;
    std::string password;
    std::string source = "config";
    outside_secret kept;
    rotate_command turns;
    from.text("name", secret.name);
    from.text("source", source);
    from.text("arn", secret.arn);
    from.text("username", secret.username);
    from.text("password", password);
    from.text("database", secret.database);
    turns.words = from.texts("rotate_command");
    from.seconds("rotate_seconds", turns.limit, 1, 3'600);
    from.text("id", kept.id);
    read_outside(from, "", kept);
    from.finish();
    if (secret.name.empty()) from.fail(from.where(), "a [[secret]] needs a `name`");
    const auto taken = [&](const auto& other) { return other.name == secret.name; };
    if (std::ranges::any_of(into.secrets, taken) || std::ranges::any_of(into.outside, taken) ||
        into.rotate_commands.contains(secret.name))
        from.fail(from.where(), fmt::format("there is a [[secret]] `{}` already", secret.name));
    const bool has_login = !secret.username.empty() || !password.empty() || !secret.database.empty();
    if (source != "config" && source != "store" && source != "aws")
        from.fail(from.where(), fmt::format("secret `{}`: `source` must be config, store or aws", secret.name));
    if (source != "config" && has_login) {
        from.fail(from.where(),
                  fmt::format("secret `{}`: its value is not kept here: remove username, password and database, or "
                              "`source`",
                              secret.name));
    }
    if (source != "store" && !turns.words.empty())
        from.fail(from.where(), fmt::format("secret `{}`: a `rotate_command` needs `source = \"store\"`", secret.name));
    if (source != "aws" && kept != outside_secret{}) {
        from.fail(from.where(), fmt::format("secret `{}`: id, region, endpoint, aws_profile and ttl_seconds go with "
                                            "`source = \"aws\"`",
                                            secret.name));
    }
    if (source == "store") {
        if (turns.words.empty() || !turns.words.front().starts_with('/')) {
            from.fail(from.where(),
                      fmt::format("secret `{}`: `source = \"store\"` needs a `rotate_command`, a list that "
                                  "begins with the absolute path of a program",
                                  secret.name));
        }
        into.rotate_commands.emplace(std::move(secret.name), std::move(turns));
        return;
    }
    if (source == "aws") {
        if (kept.id.empty()) kept.id = secret.arn.empty() ? secret.name : secret.arn;
        into.outside.push_back({std::move(secret.name), std::move(secret.arn), std::move(kept)});
        return;
    }
    if (password.starts_with("file:")) secret.password_file = folder / password.substr(5);
    if (secret.username.empty()) from.fail(from.where(), fmt::format("secret `{}` needs a `username`", secret.name));
    try {
        secret.password = resolve_secret(password, folder, variables);
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), fmt::format("secret `{}`: {}", secret.name, e.what()));
    }
    into.secrets.push_back(std::move(secret));
}

void read_http_api(section& from, http_api_settings& into) {
    std::string listen;
    from.text("listen", listen);
    from.number("rate_per_second", into.rate_per_second, 0, 10'000'000);
    from.number("burst", into.burst, 1, 10'000'000);
    from.number("body_bytes", into.request.body_bytes, 1'024, 1LL << 30);
    from.number("header_bytes", into.request.header_bytes, 1'024, 1 << 20);
    from.text("stage", into.stage);
    if (const auto* inner = from.table("cors")) {
        section part(*inner, "[http_api.cors]", from.file());
        auto& cors = into.cors.emplace();
        cors.allow_origins = part.texts("allow_origins");
        cors.allow_methods = part.texts("allow_methods");
        cors.allow_headers = part.texts("allow_headers");
        cors.expose_headers = part.texts("expose_headers");
        part.flag("allow_credentials", cors.allow_credentials);
        if (part.find("max_age_seconds") != nullptr) {
            part.number("max_age_seconds", cors.max_age.emplace(), 0, 86'400);
        }
        part.finish();
    }
    from.finish();
    try {
        if (!listen.empty()) set_http_api_listen(into, listen);
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), e.what());
    }
}

void read_template_settings(section& from, template_settings& into, const fs::path& folder) {
    std::string file;
    from.text("file", file);
    if (!file.empty()) into.file = folder / file;
    into.parameters = from.texts_by_name("parameters");
    into.attributes = from.texts_by_name("attributes");
    into.clusters = from.texts_by_name("clusters");
    for (auto& [name, path] : from.texts_by_name("code")) into.code.emplace(name, folder / path);
    from.flag("watch", into.watch);
}

void read_route(section& from, http_api_settings& into) {
    lambda::api_route route;
    std::string key;
    std::string format = "2.0";
    from.text("route", key);
    from.text("function", route.function);
    from.text("payload_format", format);
    from.seconds("timeout_seconds", route.timeout, 0.05, 30);
    from.finish();
    if (route.function.empty()) from.fail(from.where(), "a [[route]] needs a `function`");
    if (format != "1.0" && format != "2.0") from.fail(from.where(), "`payload_format` must be \"1.0\" or \"2.0\"");
    route.format = format == "1.0" ? lambda::payload_format::v1 : lambda::payload_format::v2;
    const auto blank = key.find(' ');
    if (key == "$default") {
        route.path = key;
    } else if (blank != std::string::npos) {
        route.method = key.substr(0, blank);
        route.path = key.substr(blank + 1);
    } else {
        from.fail(from.where(), "a [[route]] needs a `route`, as in \"GET /employees/{id}\" or \"$default\"");
    }
    into.routes.push_back(std::move(route));
    try {  // now, while the line is known
        static_cast<void>(lambda::route_table({.routes = into.routes}));
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), e.what());
    }
}

void read_lambda(section& from, lambda_settings& into) {
    into.serve = true;
    from.flag("serve", into.serve);
    if (const auto* value = from.find("uploads")) into.uploads = from.need<bool>(*value, "uploads", "true or false");
    from.text("run_functions_as", into.host.run_as);
    from.seconds("init_seconds", into.host.init_limit, 0.1, 900);
    from.seconds("queue_seconds", into.host.queue_limit, 0.01, 900);
    from.number("queue_length", into.host.queue_length, 0, 1'000'000);
    from.seconds("idle_seconds", into.host.idle_limit, 1, 86'400);
    from.seconds("event_age_seconds", into.host.event_age_limit, 60, 6 * 60 * 60);
    from.number("log_bytes", into.host.log_bytes, 64 * 1024, 1LL << 32);
    if (const auto* value = from.find("event_retry_seconds")) {
        into.host.retry_after.clear();
        const auto* list = value->as_array();
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            const auto seconds = list->get(i)->value<double>();
            if (!seconds || *seconds < 0 || *seconds > 3'600)
                list = nullptr;
            else
                into.host.retry_after.emplace_back(static_cast<std::int64_t>(*seconds * 1000));
        }
        if (list == nullptr || list->size() > 2)
            from.fail(value->source(), "`event_retry_seconds` must be a list of at most two numbers of seconds");
    }
    from.finish();
}

void read_function(section& from, config& into, const fs::path& folder, const environment& variables) {
    lambda::function_settings one;
    std::string program;
    std::string code_folder;
    std::string zip;
    bool freeze = false;
    from.text("name", one.name);
    from.text("program", program);
    from.text("folder", code_folder);
    from.text("zip", zip);
    from.text("handler", one.handler);
    from.text("runtime", one.runtime);
    from.text("description", one.description);
    from.text("role", one.role);
    from.seconds("timeout_seconds", one.timeout, 1, 900);
    from.number("memory_mb", one.memory_mb, 128, 10'240);
    from.number("instances", one.instances, 1, 1'000);
    from.flag("freeze", freeze);
    if (const auto* value = from.find("reserved_concurrency")) {
        const auto count = from.need<std::int64_t>(*value, "reserved_concurrency", "a whole number");
        if (count < 0 || count > 100'000) from.fail(value->source(), "`reserved_concurrency` must be from 0 to 100000");
        one.reserved_concurrency = static_cast<unsigned>(count);
    }
    if (const auto* table = from.table("environment")) {
        for (const auto& [name, value] : *table) {
            const auto text = value.value_exact<std::string>();
            if (!text)
                from.fail(value.source(), fmt::format("the variable `{}` must be a string", std::string(name.str())));
            try {
                one.environment[std::string(name.str())] = resolve_secret(*text, folder, variables).reveal();
            } catch (const std::runtime_error& e) {
                from.fail(value.source(), fmt::format("the variable `{}`: {}", std::string(name.str()), e.what()));
            }
        }
    }
    from.finish();
    if (one.name.empty()) from.fail(from.where(), "a [[function]] needs a `name`");
    for (const auto& other : into.lambda.functions) {
        if (other.name == one.name)
            from.fail(from.where(), fmt::format("there is a [[function]] `{}` already", one.name));
    }
    if ((program.empty() ? 0 : 1) + (code_folder.empty() ? 0 : 1) + (zip.empty() ? 0 : 1) != 1) {
        from.fail(from.where(),
                  fmt::format("function `{}` needs one of `program`, `folder` (that holds a program named "
                              "bootstrap) and `zip`",
                              one.name));
    }
    if (freeze) one.freeze = lambda::freezing::between_events;
    if (!program.empty()) one.program = folder / program;
    if (!code_folder.empty()) one.folder = folder / code_folder;
    if (!zip.empty()) one.zip = folder / zip;
    if (const auto good = lambda::check(one); !good)
        from.fail(from.where(), fmt::format("function `{}`: {}", one.name, good.error().message));
    into.lambda.functions.push_back(std::move(one));
}

}  // namespace

core::log_level parse_log_level(std::string_view text) {
    if (text == "debug") return core::log_level::debug;
    if (text == "info") return core::log_level::info;
    if (text == "warning") return core::log_level::warning;
    if (text == "error") return core::log_level::error;
    throw std::runtime_error("`log_level` must be debug, info, warning or error");
}

core::secret_text login_text(const declared_secret& of) {
    std::string out = R"({"username":)";
    json::append_string(out, of.username);
    out += R"(,"password":)";
    json::append_string(out, of.password.reveal());
    if (!of.database.empty()) {
        out += R"(,"dbname":)";
        json::append_string(out, of.database);
    }
    return core::secret_text(out + '}');
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
    std::ostringstream text;
    text << in.rdbuf();
    return parse_config(text.str(), file, variables);
}

config parse_config(std::string_view text, const fs::path& file, const environment& variables) {
    const std::string name = file.string();
    toml::table root;
    try {
        root = toml::parse(text, name);
    } catch (const toml::parse_error& e) {
        throw std::runtime_error(
            fmt::format("{}:{}:{}: {}", name, e.source().begin.line, e.source().begin.column, e.description()));
    }

    config made;
    made.default_clusters = false;
    made.lambda.serve = false;
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
    top.flag("core_dumps", made.core_dumps);
    top.text("run_databases_as", made.run_databases_as);
    top.flag("databases_may_connect", made.databases_may_connect);
    top.text("postgres_bin", bin);
    top.text("mariadbd", mariadbd);
    top.text("profile", made.profile);
    if (data_api::find_profile(made.profile) == nullptr)
        top.fail(top.find("profile")->source(), unknown_profile(made.profile));
    read_api_limits(top, made.api_limits);
    made.denied_statements = read_statement_kinds(top, "deny_statements");
    made.driver = read_driver(top).value_or(made.driver);
    made.allowed_hosts = top.texts("allowed_hosts");
    made.allowed_origins = top.texts("allowed_origins");
    for (const auto& origin : made.allowed_origins) {
        if (is_origin(origin)) continue;
        top.fail(
            top.find("allowed_origins")->source(),
            fmt::format("`allowed_origins`: `{}` is no origin: write https://host or http://host:port, each origin "
                        "by itself, without a path",
                        origin));
    }
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
    if (const auto* inner = top.table("clusters")) {
        section part(*inner, "[clusters]", name);
        part.number("maximum", made.rds.most_clusters, 0, 10'000);
        part.seconds("least_pause_after_seconds", made.rds.least_pause_after, 1, 86'400);
        part.number("megabytes_per_capacity_unit", made.megabytes_per_capacity_unit, 16, 1 << 20);
        part.finish();
    }
    if (const auto* inner = top.table("limits")) {
        section part(*inner, "[limits]", name);
        read_limits(part, made.limits);
    }
    if (const auto* inner = top.table("secrets")) {
        section part(*inner, "[secrets]", name);
        part.number("remembered_logins", made.remembered_logins, 1, 10'000'000);
        read_secrets_key(part, made.secrets_key, file.parent_path(), variables);
    }
    if (const auto* inner = top.table("tls")) {
        section part(*inner, "[tls]", name);
        read_tls(part, made.tls, file.parent_path());
    }
    if (const auto* inner = top.table("admin")) {
        section part(*inner, "[admin]", name);
        std::string address;
        part.text("listen", address);
        part.number("connections", made.admin_connections, 1, 100'000);
        part.finish();
        made.admin_address = "127.0.0.1";
        try {
            set_address(address, "[admin] `listen`", made.admin_address, made.admin_port);
        } catch (const std::runtime_error& e) {
            part.fail(part.where(), e.what());
        }
    }
    if (const auto* inner = top.table("observe")) {
        section part(*inner, "[observe]", name);
        read_observe(part, made.observe, file.parent_path());
    }
    if (const auto* inner = top.table("pool")) {
        section part(*inner, "[pool]", name);
        read_pool(part, made.pool, made.database_sessions);
    }
    if (const auto* inner = top.table("transactions")) {
        section part(*inner, "[transactions]", name);
        read_transactions(part, made.transactions);
    }
    if (const auto* inner = top.table("http_api")) {
        section part(*inner, "[http_api]", name);
        read_http_api(part, made.http_api);
    }
    for (const auto* inner : top.tables("route")) {
        section part(*inner, "[[route]]", name);
        read_route(part, made.http_api);
    }
    if (const auto* inner = top.table("template")) {
        section part(*inner, "[template]", name);
        read_template_settings(part, made.application, file.parent_path());
        part.finish();
    }
    for (const auto* inner : top.tables("cluster")) {
        section part(*inner, "[[cluster]]", name);
        read_cluster(part, made);
    }
    for (const auto* inner : top.tables("secret")) {
        section part(*inner, "[[secret]]", name);
        read_secret(part, made, file.parent_path(), variables);
    }
    if (const auto* inner = top.table("auth")) {
        section part(*inner, "[auth]", name);
        read_auth(part, made.access);
    }
    if (const auto* inner = top.table("caller_limits")) {
        section part(*inner, "[caller_limits]", name);
        read_caller_limits(part, made.access.defaults);
        part.finish();
    }
    for (const auto* inner : top.tables("role")) {
        section part(*inner, "[[role]]", name);
        read_role(part, made.access, file.parent_path());
    }
    for (const auto* inner : top.tables("key")) {
        section part(*inner, "[[key]]", name);
        read_key(part, made.access, file.parent_path(), variables);
    }
    if (const auto* inner = top.table("lambda")) {
        section part(*inner, "[lambda]", name);
        read_lambda(part, made.lambda);
    }
    for (const auto* inner : top.tables("function")) {
        section part(*inner, "[[function]]", name);
        read_function(part, made, fs::absolute(file).parent_path(), variables);
    }
    if (!made.lambda.functions.empty() && top.table("lambda") == nullptr) made.lambda.serve = true;
    std::ostringstream of_functions;
    for (const auto* key : {"lambda", "function", "template", "http_api", "route"})
        if (const auto* value = root.get(key)) of_functions << key << toml::node_view<const toml::node>(value) << '\n';
    made.of_functions = std::hash<std::string>()(of_functions.str());
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

void set_profile(config& to, std::string_view name) {
    if (data_api::find_profile(name) == nullptr) throw std::runtime_error(unknown_profile(name));
    to.profile = name;
}

void set_listen(config& to, std::string_view text) { set_address(text, "`listen`", to.address, to.port); }

void set_http_api_listen(http_api_settings& to, std::string_view text) {
    set_address(text, "`http_api.listen`", to.address, to.port);
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
    if (!is_loopback(whole.http_api.address) &&
        !(whole.insecure_no_auth && (whole.tls.on() || whole.insecure_no_tls))) {
        throw std::runtime_error(
            fmt::format("`http_api.listen`: {} can be reached from other machines and an HTTP API asks nobody who they "
                        "are; listen on 127.0.0.1, or allow it with --insecure-no-auth, and with a certificate or "
                        "--insecure-no-tls",
                        whole.http_api.address));
    }
    if (is_loopback(whole.address)) return;
    if (!whole.access.authenticates() && !whole.insecure_no_auth) {
        throw std::runtime_error(
            fmt::format("`listen`: {} can be reached from other machines and no caller's signature would be checked; "
                        "listen on 127.0.0.1, or allow "
                        "it with --insecure-no-auth",
                        whole.address));
    }
    if (!whole.tls.on() && !whole.insecure_no_tls) {
        throw std::runtime_error(
            fmt::format("`listen`: {} can be reached from other machines and nothing would be encrypted; give a "
                        "certificate ([tls], or --tls-certificate and --tls-key), listen on 127.0.0.1, or allow it "
                        "with --insecure-no-tls",
                        whole.address));
    }
}

}  // namespace borealis::server
