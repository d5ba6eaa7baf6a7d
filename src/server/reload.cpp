#include "server/reload.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace borealis::server {
namespace {

/// A setting that stays what it was at the start.
template <class Before, class Next>
void fix(config_changes& into, std::string_view name, const Before& before, Next&& next) {
    if (before == next) return;
    into.needs_restart.emplace_back(name);
    next = before;
}

template <class Before, class Next>
void note(config_changes& into, std::string_view name, const Before& before, const Next& next) {
    if (!(before == next)) into.taken.emplace_back(name);
}

auto all_of(const connection_limits& of) {
    return std::tie(of.connections, of.idle, of.read, of.handshake, of.write, of.drain, of.drain_idle, of.linger_bytes,
                    of.linger, of.busy_poll, of.request.target_bytes, of.request.header_bytes, of.request.header_count,
                    of.request.body_bytes, of.json_values);
}

/// Things with a name, each with all that the config says of it.
template <class What>
using named = std::map<std::string, What>;

template <class What>
void note_each(config_changes& into, std::string_view kind, const named<What>& before, const named<What>& next) {
    for (const auto& [name, what] : next) {
        const auto known = before.find(name);
        if (known == before.end()) {
            into.taken.push_back(fmt::format("{} {} (new)", kind, name));
        } else if (!(known->second == what)) {
            into.taken.push_back(fmt::format("{} {}", kind, name));
        }
    }
    for (const auto& [name, what] : before) {
        if (!next.contains(name)) into.taken.push_back(fmt::format("{} {} (gone)", kind, name));
    }
}

template <class Map>
auto found(const Map& in, const std::string& id) {
    const auto at = in.find(id);
    return at == in.end() ? typename Map::mapped_type{} : at->second;
}

std::string lowered(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    return text;
}

auto clusters_of(const config& with) {
    using own = std::tuple<std::vector<clusters::external_cluster>, std::vector<declared_managed>, data_api_limits,
                           sql::statement_kinds, outside_secret, protocol_speaker>;
    named<own> all;
    const auto settings_of = [&with](const std::string& id) {
        return own{{},
                   {},
                   found(with.cluster_limits, id),
                   found(with.denied_on, id),
                   found(with.outside_of, id),
                   found(with.driver_of, id)};
    };
    for (const auto& each : with.external) {
        const auto id = lowered(each.id);
        std::get<0>(all.try_emplace(id, settings_of(id)).first->second).push_back(each);
    }
    for (const auto& each : with.managed) {
        const auto id = lowered(each.id);
        std::get<1>(all.try_emplace(id, settings_of(id)).first->second).push_back(each);
    }
    return all;
}

auto secrets_of(const config& with) {
    using own = std::tuple<std::vector<declared_secret>, std::vector<declared_outside>, std::vector<rotate_command>>;
    named<own> all;
    for (const auto& each : with.secrets) std::get<0>(all[each.name]).push_back(each);
    for (const auto& each : with.outside) std::get<1>(all[each.name]).push_back(each);
    for (const auto& [name, each] : with.rotate_commands) std::get<2>(all[name]).push_back(each);
    return all;
}

template <class T>
auto by_name(const std::vector<T>& of) {
    named<T> all;
    for (const auto& each : of) all.emplace(each.name, each);
    return all;
}

}  // namespace

config_changes compare(const config& before, config& next) {
    config_changes all;
    fix(all, "listen", std::tie(before.address, before.port), std::tie(next.address, next.port));
    fix(all, "threads", before.threads, next.threads);
    fix(all, "state_dir", before.state_folder, next.state_folder);
    fix(all, "region", before.region, next.region);
    fix(all, "account", before.account, next.account);
    fix(all, "core_dumps", before.core_dumps, next.core_dumps);
    fix(all, "run_databases_as", before.run_databases_as, next.run_databases_as);
    fix(all, "databases_may_connect", before.databases_may_connect, next.databases_may_connect);
    fix(all, "postgres_bin", before.postgres_bin, next.postgres_bin);
    fix(all, "mariadbd", before.mariadbd, next.mariadbd);
    if (before.tls.on() != next.tls.on()) fix(all, "[tls] on or off", before.tls, next.tls);
    fix(all, "[admin] listen", std::tie(before.admin_address, before.admin_port),
        std::tie(next.admin_address, next.admin_port));
    fix(all, "[admin] connections", before.admin_connections, next.admin_connections);
    fix(all, "[pool] statements, keepalive or unacknowledged_seconds", before.database_sessions,
        next.database_sessions);
    fix(all, "[secrets] remembered_logins", before.remembered_logins, next.remembered_logins);
    fix(all, "[clusters] megabytes_per_capacity_unit", before.megabytes_per_capacity_unit,
        next.megabytes_per_capacity_unit);
    fix(all, "[observe] access_log", before.observe.calls, next.observe.calls);
    fix(all, "[secrets] key", before.secrets_key, next.secrets_key);
    fix(all, "[auth] replay_memory", before.access.replay_memory, next.access.replay_memory);
    fix(all, "[lambda], [[function]], [template], [http_api] or [[route]]", before.of_functions, next.of_functions);
    next.lambda = before.lambda;
    next.application = before.application;
    next.http_api = before.http_api;

    note(all, "log_level", before.log_level, next.log_level);
    note(all, "profile", before.profile, next.profile);
    note(all, "driver", before.driver, next.driver);
    note(all, "limits of the Data API", before.api_limits, next.api_limits);
    note(all, "allowed_hosts", before.allowed_hosts, next.allowed_hosts);
    note(all, "allowed_origins", before.allowed_origins, next.allowed_origins);
    note(all, "deny_statements", before.denied_statements, next.denied_statements);
    note(all, "default_clusters", before.default_clusters, next.default_clusters);
    note(all, "[limits]", all_of(before.limits), all_of(next.limits));
    note(all, "[tls]", before.tls, next.tls);
    note(all, "[pool]", before.pool, next.pool);
    note(all, "[transactions]", before.transactions, next.transactions);
    note(all, "[clusters]", before.rds, next.rds);
    note(all, "[observe]", std::tie(before.observe.slow, before.observe.sql_comment),
         std::tie(next.observe.slow, next.observe.sql_comment));
    note_each(all, "cluster", clusters_of(before), clusters_of(next));
    note_each(all, "secret", secrets_of(before), secrets_of(next));
    note_each(all, "user", by_name(before.access.users), by_name(next.access.users));
    note_each(all, "role", by_name(before.access.roles), by_name(next.access.roles));
    note(all, "[caller_limits]", before.access.defaults, next.access.defaults);
    note(all, "[auth]", std::tie(before.access.regions, before.access.clock_skew, before.access.presigned),
         std::tie(next.access.regions, next.access.clock_skew, next.access.presigned));
    return all;
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
    return text;
}

}  // namespace borealis::server
