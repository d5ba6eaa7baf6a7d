#include "clusters/state.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::clusters {
namespace {

using sqlite::database;
using std::chrono::system_clock;

/// One string a version: what brings a file of the version before up to date. Never changed once released.
constexpr std::array<std::string_view, 1> migrations = {R"(
CREATE TABLE clusters (
  resource_id TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, arn TEXT NOT NULL UNIQUE, instance_resource_id TEXT NOT NULL,
  engine INTEGER NOT NULL, engine_name TEXT NOT NULL, engine_version TEXT NOT NULL, series TEXT NOT NULL, mode INTEGER NOT NULL,
  database TEXT NOT NULL, master_user TEXT NOT NULL, master_secret_arn TEXT NOT NULL, profile TEXT NOT NULL,
  endpoint_enabled INTEGER NOT NULL, protected INTEGER NOT NULL, port INTEGER NOT NULL,
  scales INTEGER NOT NULL, least INTEGER NOT NULL, most INTEGER NOT NULL, auto_pause INTEGER NOT NULL, pause_after INTEGER NOT NULL,
  timeout_action TEXT NOT NULL, before_timeout INTEGER NOT NULL, created INTEGER NOT NULL, tags TEXT NOT NULL,
  source TEXT NOT NULL, verifier TEXT NOT NULL,
  verifier_pending INTEGER NOT NULL) STRICT;
CREATE TABLE instances (
  id TEXT PRIMARY KEY, cluster TEXT NOT NULL REFERENCES clusters (resource_id) ON DELETE CASCADE, resource_id TEXT NOT NULL,
  size TEXT NOT NULL, created INTEGER NOT NULL, tags TEXT NOT NULL) STRICT;
CREATE TABLE resting (key TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
CREATE TABLE snapshots (
  id TEXT PRIMARY KEY, cluster_id TEXT NOT NULL, engine_name TEXT NOT NULL, engine_version TEXT NOT NULL, master_user TEXT NOT NULL,
  file TEXT NOT NULL, created INTEGER NOT NULL, bytes INTEGER NOT NULL, available INTEGER NOT NULL) STRICT;
)"};

std::int64_t milliseconds(system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
system_clock::time_point from_milliseconds(std::int64_t at) {
    return system_clock::time_point(std::chrono::milliseconds(at));
}

std::string tags_to_json(const auth::tags& tags) {
    std::string out = "{";
    for (const auto& [key, value] : tags) {
        if (out.size() > 1) out += ',';
        json::append_string(out, key);
        out += ':';
        json::append_string(out, value);
    }
    return out + '}';
}

auth::tags tags_from_json(const std::string& text) {
    auth::tags tags;
    json::document reader;
    const auto root = reader.parse_copy(text);
    if (!root || (*root)->is() != json::kind::object) return tags;
    for (const auto& each : **root) tags.emplace(each.key(), each.text());
    return tags;
}

status status_of(std::string_view name) {
    for (const auto each : {status::creating, status::paused, status::stopped, status::deleting}) {
        if (name == name_of(each)) return each;
    }
    return status::idle;
}

std::int64_t number_of(bool what) { return what ? 1 : 0; }

}  // namespace

std::string_view name_of(resume_style what) {
    static constexpr std::array<std::string_view, 3> names = {"wait", "aws-v2", "aws-v1"};
    return names.at(static_cast<std::size_t>(what));
}

std::optional<resume_style> resume_style_of(std::string_view name) {
    for (const auto each : {resume_style::wait, resume_style::aws_v2, resume_style::aws_v1}) {
        if (name == name_of(each)) return each;
    }
    return std::nullopt;
}

resume_style resume_of(const description& what) {
    if (const auto tag = what.tags.find(std::string(resume_tag)); tag != what.tags.end()) {
        if (const auto asked = resume_style_of(tag->second)) return *asked;
    }
    if (what.profile.starts_with("aws-v1")) return resume_style::aws_v1;
    return what.profile.starts_with("aws-") ? resume_style::aws_v2 : resume_style::wait;
}

state_file::state_file(const std::filesystem::path& file) : file_(file) {
    database::transaction change(file_);
    auto version = file_.number("PRAGMA user_version");
    if (version > std::ssize(migrations)) {
        throw std::runtime_error(
            fmt::format("{}: was written by a newer version of Borealis (schema {}, this one knows {})", file.string(),
                        version, migrations.size()));
    }
    for (; version < std::ssize(migrations); ++version) {
        for (auto rest = migrations.at(static_cast<std::size_t>(version)); rest.find(';') != std::string_view::npos;
             rest.remove_prefix(rest.find(';') + 1))
            file_.run(rest.substr(0, rest.find(';')));
        file_.run(fmt::format("PRAGMA user_version = {}", version + 1));
    }
    change.commit();
}

std::vector<stored_cluster> state_file::clusters() {
    const std::lock_guard lock(mutex_);
    std::vector<stored_cluster> all;
    database::statement asked(
        file_,
        "SELECT resource_id, id, arn, instance_resource_id, engine, engine_name, engine_version, series, mode, "
        "database, master_user, master_secret_arn, profile, endpoint_enabled, protected, port, scales, least, most, "
        "auto_pause, pause_after, timeout_action, before_timeout, created, tags, source, verifier, verifier_pending, "
        "state "
        "FROM clusters LEFT JOIN resting ON key = resource_id ORDER BY created, id");
    while (asked.step()) {
        int at = 0;
        const auto text = [&] { return asked.text(at++); };
        const auto number = [&] { return asked.number(at++); };
        const auto flag = [&] { return asked.number(at++) != 0; };
        stored_cluster one;
        auto& about = one.about;
        about.resource_id = text();
        about.id = text();
        about.arn = text();
        about.instance_resource_id = text();
        about.is = number() == 0 ? engine::postgresql : engine::mysql;
        about.engine_name = text();
        about.engine_version = text();
        about.series = text();
        about.mode = number() == 1 ? generation::v1 : generation::v2;
        about.database = text();
        about.master_user = text();
        about.master_secret_arn = text();
        about.profile = text();
        about.endpoint_enabled = flag();
        about.protected_ = flag();
        about.port = static_cast<std::uint16_t>(number());
        about.scales.given = flag();
        about.scales.least.halves = static_cast<int>(number());
        about.scales.most.halves = static_cast<int>(number());
        about.scales.auto_pause = flag();
        about.scales.pause_after = std::chrono::milliseconds(number());
        about.scales.timeout_action = text();
        about.scales.before_timeout = std::chrono::seconds(number());
        about.created = from_milliseconds(number());
        about.tags = tags_from_json(text());
        about.source = text();
        about.needs_instance = about.mode == generation::v2;
        one.verifier = core::secret_text(text());
        one.verifier_pending = flag();
        one.resting = status_of(text());
        all.push_back(std::move(one));
    }
    database::statement instances(
        file_, "SELECT cluster, id, resource_id, size, created, tags FROM instances ORDER BY created, id");
    while (instances.step()) {
        for (auto& each : all) {
            if (each.about.resource_id != instances.text(0)) continue;
            each.about.instances.push_back({.id = instances.text(1),
                                            .resource_id = instances.text(2),
                                            .size = instances.text(3),
                                            .created = from_milliseconds(instances.number(4)),
                                            .tags = tags_from_json(instances.text(5))});
        }
    }
    return all;
}

void state_file::write(const description& what) {
    database::statement(
        file_,
        "INSERT INTO clusters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "'', 0) "
        "ON CONFLICT (resource_id) DO UPDATE SET id = excluded.id, arn = excluded.arn, "
        "instance_resource_id = excluded.instance_resource_id, engine_version = excluded.engine_version, "
        "series = excluded.series, master_secret_arn = excluded.master_secret_arn, profile = excluded.profile, "
        "endpoint_enabled = excluded.endpoint_enabled, protected = excluded.protected, port = excluded.port, "
        "scales = excluded.scales, least = excluded.least, most = excluded.most, auto_pause = excluded.auto_pause, "
        "pause_after = excluded.pause_after, timeout_action = excluded.timeout_action, "
        "before_timeout = excluded.before_timeout, tags = excluded.tags")
        .bind(what.resource_id)
        .bind(what.id)
        .bind(what.arn)
        .bind(what.instance_resource_id)
        .bind(number_of(what.is != engine::postgresql))
        .bind(what.engine_name)
        .bind(what.engine_version)
        .bind(what.series)
        .bind(what.mode == generation::v1 ? std::int64_t{1} : std::int64_t{2})
        .bind(what.database)
        .bind(what.master_user)
        .bind(what.master_secret_arn)
        .bind(what.profile)
        .bind(number_of(what.endpoint_enabled))
        .bind(number_of(what.protected_))
        .bind(std::int64_t{what.port})
        .bind(number_of(what.scales.given))
        .bind(std::int64_t{what.scales.least.halves})
        .bind(std::int64_t{what.scales.most.halves})
        .bind(number_of(what.scales.auto_pause))
        .bind(std::int64_t{what.scales.pause_after.count()})
        .bind(what.scales.timeout_action)
        .bind(std::int64_t{what.scales.before_timeout.count()})
        .bind(milliseconds(what.created))
        .bind(tags_to_json(what.tags))
        .bind(what.source)
        .run();
    database::statement(file_, "DELETE FROM instances WHERE cluster = ?").bind(what.resource_id).run();
    for (const auto& each : what.instances) {
        database::statement(file_, "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?)")
            .bind(each.id)
            .bind(what.resource_id)
            .bind(each.resource_id)
            .bind(each.size)
            .bind(milliseconds(each.created))
            .bind(tags_to_json(each.tags))
            .run();
    }
}

void state_file::save(const stored_cluster& what) {
    const std::lock_guard lock(mutex_);
    database::transaction change(file_);
    write(what.about);
    database::statement(file_, "UPDATE clusters SET verifier = ? WHERE resource_id = ?")
        .bind(what.verifier.reveal())
        .bind(what.about.resource_id)
        .run();
    database::statement(file_, "INSERT OR REPLACE INTO resting VALUES (?, ?)")
        .bind(what.about.resource_id)
        .bind(name_of(what.resting))
        .run();
    change.commit();
}

void state_file::save(const description& what) {
    const std::lock_guard lock(mutex_);
    database::transaction change(file_);
    write(what);
    change.commit();
}

void state_file::save_verifier(std::string_view resource_id, const core::secret_text& verifier) {
    const std::lock_guard lock(mutex_);
    database::statement(file_, "UPDATE clusters SET verifier = ?, verifier_pending = 1 WHERE resource_id = ?")
        .bind(verifier.reveal())
        .bind(resource_id)
        .run();
}

void state_file::verifier_is_applied(std::string_view resource_id) {
    const std::lock_guard lock(mutex_);
    database::statement(file_, "UPDATE clusters SET verifier_pending = 0 WHERE resource_id = ?")
        .bind(resource_id)
        .run();
}

void state_file::forget(std::string_view resource_id) {
    const std::lock_guard lock(mutex_);
    database::transaction change(file_);
    database::statement(file_, "DELETE FROM clusters WHERE resource_id = ?").bind(resource_id).run();
    database::statement(file_, "DELETE FROM resting WHERE key = ?").bind(resource_id).run();
    change.commit();
}

void state_file::rest(std::string_view key, status as) {
    const std::lock_guard lock(mutex_);
    database::statement(file_, "INSERT OR REPLACE INTO resting VALUES (?, ?)").bind(key).bind(name_of(as)).run();
}

std::optional<status> state_file::resting(std::string_view key) {
    const std::lock_guard lock(mutex_);
    database::statement asked(file_, "SELECT state FROM resting WHERE key = ?");
    if (!asked.bind(key).step()) return std::nullopt;
    return status_of(asked.text(0));
}

void state_file::save(const snapshot& what) {
    const std::lock_guard lock(mutex_);
    database::statement(file_, "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(what.id)
        .bind(what.cluster_id)
        .bind(what.engine_name)
        .bind(what.engine_version)
        .bind(what.master_user)
        .bind(what.file)
        .bind(milliseconds(what.created))
        .bind(what.bytes)
        .bind(number_of(what.available))
        .run();
}

std::vector<snapshot> state_file::snapshots() {
    const std::lock_guard lock(mutex_);
    std::vector<snapshot> all;
    database::statement asked(file_,
                              "SELECT id, cluster_id, engine_name, engine_version, master_user, file, created, bytes, "
                              "available FROM snapshots ORDER BY created, id");
    while (asked.step()) {
        all.push_back({.id = asked.text(0),
                       .cluster_id = asked.text(1),
                       .engine_name = asked.text(2),
                       .engine_version = asked.text(3),
                       .master_user = asked.text(4),
                       .file = asked.text(5),
                       .created = from_milliseconds(asked.number(6)),
                       .bytes = asked.number(7),
                       .available = asked.number(8) != 0});
    }
    return all;
}

void state_file::forget_snapshot(std::string_view id) {
    const std::lock_guard lock(mutex_);
    database::statement(file_, "DELETE FROM snapshots WHERE id = ?").bind(id).run();
}

}  // namespace borealis::clusters
