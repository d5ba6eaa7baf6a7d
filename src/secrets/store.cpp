#include "secrets/store.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <ranges>
#include <span>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/deadline.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "secrets/sealer.hpp"
#include "sqlite/database.hpp"

namespace borealis::secrets {
namespace {

using namespace std::chrono_literals;
using sqlite::database;
using std::chrono::system_clock;

constexpr std::int64_t schema_version = 3;
constexpr auto look_again_after = 1s;
constexpr std::string_view data_key_context = "borealis data key";
constexpr std::string_view key_mark_context = "borealis key mark";
constexpr std::string_view key_check_context = "key check";  // before schema 3: something sealed, to be opened
constexpr std::size_t longest_name = 512;                    // R-12.40, CreateSecret
constexpr std::size_t longest_value = 65536;                 // CreateSecret
constexpr std::size_t longest_about = 2048;                  // CreateSecret
constexpr std::string_view alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

constexpr std::string_view schema = R"(
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE secrets (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL, owning_service TEXT NOT NULL, tags TEXT NOT NULL,
  created INTEGER NOT NULL, changed INTEGER NOT NULL, removal INTEGER, kms_key TEXT NOT NULL DEFAULT '', accessed INTEGER,
  rotates INTEGER NOT NULL DEFAULT 0, rotates_every INTEGER NOT NULL DEFAULT 0, rotation_rules TEXT NOT NULL DEFAULT '',
  rotated INTEGER) STRICT;
CREATE TABLE versions (
  arn TEXT NOT NULL REFERENCES secrets (arn) ON DELETE CASCADE, id TEXT NOT NULL, labels TEXT NOT NULL,
  binary INTEGER NOT NULL, created INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (arn, id)) STRICT;
)";

/// From the schema before: what is here is not removed until nobody can have the old one any more.
constexpr std::string_view from_schema_1 = R"(
ALTER TABLE secrets ADD COLUMN kms_key TEXT NOT NULL DEFAULT '';
ALTER TABLE secrets ADD COLUMN accessed INTEGER;
ALTER TABLE secrets ADD COLUMN rotates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secrets ADD COLUMN rotates_every INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secrets ADD COLUMN rotation_rules TEXT NOT NULL DEFAULT '';
ALTER TABLE secrets ADD COLUMN rotated INTEGER;
ALTER TABLE versions RENAME TO versions_1;
CREATE TABLE versions (
  arn TEXT NOT NULL REFERENCES secrets (arn) ON DELETE CASCADE, id TEXT NOT NULL, labels TEXT NOT NULL,
  binary INTEGER NOT NULL, created INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (arn, id)) STRICT;
INSERT INTO versions SELECT arn, id, iif(stage = 0, 'AWSCURRENT', 'AWSPREVIOUS'), binary, created, sealed FROM versions_1;
DROP TABLE versions_1;
)";

std::int64_t milliseconds(system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
system_clock::time_point from_milliseconds(std::int64_t at) {
    return system_clock::time_point(std::chrono::milliseconds(at));
}
/// Now, as the database keeps it.
system_clock::time_point now() { return from_milliseconds(milliseconds(system_clock::now())); }

/// What a sealed value belongs to, so that it cannot be moved to another secret or version.
std::string context_of(std::string_view arn, std::string_view version_id) {
    return fmt::format("{}\n{}", arn, version_id);
}

std::string_view without_suffix(std::string_view arn) {
    constexpr std::size_t suffix = 7;
    if (arn.size() <= suffix || arn[arn.size() - suffix] != '-' ||
        arn.find_first_not_of(alphanumeric, arn.size() - suffix + 1) != std::string_view::npos)
        return {};
    return arn.substr(0, arn.size() - suffix);
}

core::result<void> check_name(std::string_view name) {
    static const std::string allowed = std::string(alphanumeric) + "/_+=.@!-";
    if (name.empty() || name.size() > longest_name || name.find_first_not_of(allowed) != std::string_view::npos) {
        return core::fail(
            core::error_kind::validation,
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!, at most 512 of them");
    }
    return {};
}

core::result<void> check_label(std::string_view label) {
    if (label.empty() || label.size() > 256 ||
        std::ranges::any_of(label, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
        return core::fail(core::error_kind::validation,
                          "A staging label must have 1 to 256 characters, none of them a control character.");
    }
    return {};
}

core::result<void> check_tags(const std::vector<tag>& tags) {
    if (tags.size() > most_tags)
        return core::fail(core::error_kind::validation, fmt::format("A secret can have at most {} tags.", most_tags));
    for (const auto& each : tags) {
        if (each.key.empty() || each.key.size() > 128 || each.value.size() > 256) {
            return core::fail(core::error_kind::validation,
                              "A tag's Key must have 1 to 128 characters, its Value at most 256.");
        }
    }
    return {};
}

core::result<void> check(const change& with) {
    const std::size_t longest = with.binary ? (longest_value + 2) / 3 * 4 : longest_value;  // base64 of so many bytes
    if (with.value && (with.value->empty() || with.value->reveal().size() > longest))
        return core::fail(core::error_kind::validation, "The secret value must have 1 to 65536 bytes.");
    if (with.text && with.text->size() > longest_about)
        return core::fail(core::error_kind::validation, "The description must have at most 2048 bytes.");
    if (!with.token.empty() && (with.token.size() < 32 || with.token.size() > 64))
        return core::fail(core::error_kind::validation, "ClientRequestToken must be 32-64 characters long.");
    if (with.labels.size() > most_labels) {
        return core::fail(core::error_kind::validation,
                          fmt::format("A version can have at most {} staging labels.", most_labels));
    }
    for (const auto& label : with.labels) {
        if (auto good = check_label(label); !good) return good;
    }
    return with.tags ? check_tags(*with.tags) : core::result<void>();
}

std::unexpected<core::error> not_found(std::string_view id) {
    return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", id));  // R-2.35
}
std::unexpected<core::error> marked_for_deletion() {
    return core::fail(core::error_kind::invalid_state,
                      "You can't perform this operation on the secret because it was marked for deletion.");
}
std::unexpected<core::error> of_config(std::string_view name) {
    return core::fail(core::error_kind::invalid_state,
                      fmt::format("The secret {} is declared in the server's config; change it there.", name));
}

/// True where `with` repeats the request that made `version`; the caller has compared the token.
bool repeats(const change& with, const version& made) { return with.value == made.text && with.binary == made.binary; }

/// Labels and tags as the database keeps them: what follows each other, a line each. No label or key has a line end.
std::string lines_of(const std::vector<std::string>& all) {
    std::string text;
    for (const auto& each : all) text += (text.empty() ? "" : "\n") + each;
    return text;
}
std::vector<std::string> of_lines(std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        all.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

std::string json_of(const std::vector<tag>& tags) {
    if (tags.empty()) return {};
    std::string out = "[";
    for (const auto& each : tags) {
        out += out.size() == 1 ? R"({"Key":)" : R"(,{"Key":)";
        json::append_string(out, each.key);
        out += R"(,"Value":)";
        json::append_string(out, each.value);
        out += '}';
    }
    return out + ']';
}
std::vector<tag> tags_of(std::string_view text) {
    std::vector<tag> all;
    if (text.empty()) return all;
    json::document reader;
    const auto root = reader.parse_copy(text);
    if (!root) throw std::runtime_error("the tags of a secret cannot be read");
    for (const auto& each : **root)
        all.push_back({std::string(each.find("Key")->text()), std::string(each.find("Value")->text())});
    return all;
}

bool expired(const record& one, system_clock::time_point at) { return one.removal && *one.removal <= at; }

struct hash_text {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class T>
using by_text = std::unordered_map<std::string, T, hash_text, std::equal_to<>>;

/// All secrets at one moment.
struct snapshot {
    by_text<store::record_pointer> by_id;  // ARN, ARN without suffix, name
    std::vector<store::record_pointer> by_name;

    [[nodiscard]] store::record_pointer find(std::string_view id) const {
        const auto found = by_id.find(id);
        return found == by_id.end() ? nullptr : found->second;
    }
};

}  // namespace

struct store::parts {
    explicit parts(settings with) : given(std::move(with)) {
        if (!given.folder.empty()) open();
        const std::lock_guard lock(writing);
        if (file) load();
        publish();
    }

    void open() {
        std::error_code failed;
        // Others may pass through, not look: the managed databases below run as another user.
        if (std::filesystem::create_directories(given.folder, failed))
            std::filesystem::permissions(given.folder,
                                         std::filesystem::perms::owner_all | std::filesystem::perms::group_exec |
                                             std::filesystem::perms::others_exec,
                                         failed);
        if (failed)
            throw std::runtime_error(fmt::format("{}: cannot be made: {}", given.folder.string(), failed.message()));
        const auto data = given.folder / "secrets.db";
        // In this order: a key is always made before the data that needs it.
        const bool has_data = std::filesystem::exists(data, failed);
        if (failed)
            throw std::runtime_error(
                fmt::format("{}: cannot be looked into: {}", given.folder.string(), failed.message()));
        if (key_file_is_ours() && !std::filesystem::exists(key_file(), failed)) {
            if (has_data) {
                throw std::runtime_error(
                    fmt::format("{}: is missing, and {} cannot be read without it; restore it, or remove "
                                "both and make the secrets again",
                                key_file().string(), data.string()));
            }
            make_key_file(key_file());
        }
        refuse_what_others_can_read(data);
        file = std::make_unique<sqlite::database>(data);
        database::transaction change(*file);
        const auto found = file->number("PRAGMA user_version");
        if (found > schema_version) {
            throw std::runtime_error(
                fmt::format("{}: was written by a newer version of Borealis (schema {}, this one knows {})",
                            data.string(), found, schema_version));
        }
        if (found == 0) {
            run_all(schema);
            key = std::make_unique<sealer>(read_key());
            save_key_mark(*key);
        } else {
            if (found == 1) run_all(from_schema_1);
            key = fitting_key();
            if (found != schema_version) save_key_mark(*key);  // the check stays, for who is about to hand over to us
        }
        if (found != schema_version) file->run(fmt::format("PRAGMA user_version = {}", schema_version));
        change.commit();
    }

    void run_all(std::string_view statements) {
        for (auto rest = statements; rest.find(';') != std::string_view::npos; rest.remove_prefix(rest.find(';') + 1))
            file->run(rest.substr(0, rest.find(';')));
    }

    /// SQLite makes it for us alone; whoever copied it back may not have.
    static void refuse_what_others_can_read(const std::filesystem::path& data) {
        struct stat about{};
        if (::stat(data.c_str(), &about) != 0) return;  // not there yet, or SQLite says why
        if ((about.st_mode & 077U) != 0) {
            throw std::runtime_error(
                fmt::format("{0}: others may read or write the secrets (mode {1:04o}); make it "
                            "yours alone: chmod 600 {0}",
                            data.string(), about.st_mode & 07777U));
        }
    }

    // ---- the key

    [[nodiscard]] std::filesystem::path key_file() const {
        return given.key_file.empty() ? given.folder / "secrets.key" : given.key_file;
    }
    [[nodiscard]] std::filesystem::path next_key_file() const { return key_file() += ".new"; }
    [[nodiscard]] bool key_file_is_ours() const { return given.key_text.empty() && !given.key_file_is_given; }
    [[nodiscard]] std::string key_name() const { return given.key_text.empty() ? key_file().string() : given.key_name; }
    [[nodiscard]] sealing_key read_key() const {
        if (!given.key_text.empty()) return parse_key(given.key_text.reveal(), given.key_name);
        return read_key_file(key_file(), given.key_file_is_given ? readable_by::group : readable_by::owner);
    }

    void save_key_mark(const sealer& with) {
        database::statement(*file, "INSERT OR REPLACE INTO meta VALUES ('key_mark', ?)")
            .bind_bytes(with.mark(key_mark_context))
            .run();
    }
    [[nodiscard]] bool fits(const sealer& one) {
        database::statement marked(*file, "SELECT value FROM meta WHERE name = 'key_mark'");
        if (marked.step()) return one.has_made(marked.bytes(0), key_mark_context);
        database::statement sealed(*file, "SELECT value FROM meta WHERE name = 'key_check'");
        return sealed.step() && one.open(sealed.bytes(0), key_check_context).has_value();
    }

    /// The key that the database was written with: the one in hand, the one where the key is kept (another process has
    /// replaced it), or the next one of a `rekey` that ended between its two steps, whose second step is then made.
    std::unique_ptr<sealer> fitting_key() {
        auto kept = std::make_unique<sealer>(read_key());
        if (fits(*kept)) return kept;
        std::error_code failed;
        if (key_file_is_ours() && std::filesystem::exists(next_key_file(), failed)) {
            auto next = std::make_unique<sealer>(read_key_file(next_key_file(), readable_by::owner));
            if (fits(*next)) {
                rename_key_file(next_key_file(), key_file());
                return next;
            }
        }
        throw std::runtime_error(fmt::format("{}: is not the key that {} was written with; restore the right one",
                                             key_name(), (given.folder / "secrets.db").string()));
    }

    /// The key of `close` and `open`. The caller holds `writing`.
    const sealer& data_sealer() {
        if (others) return *others;
        if (!file) throw std::runtime_error("secrets that are kept in memory only have no key");
        database::transaction change(*file);
        if (!fits(*key)) key = fitting_key();  // another process may have replaced it
        auto kept = data_key(*key);
        if (!kept) {
            std::string random(sealing_key::size, '\0');
            core::random_bytes(std::as_writable_bytes(std::span(random)));
            kept = core::secret_text(std::move(random));
            save_data_key(*kept, *key);
        }
        change.commit();
        others = std::make_unique<sealer>(sealing_key(kept->reveal()));
        return *others;
    }
    [[nodiscard]] std::optional<core::secret_text> data_key(const sealer& with) {
        database::statement asked(*file, "SELECT value FROM meta WHERE name = 'data_key'");
        if (!asked.step()) return std::nullopt;
        auto opened = with.open(asked.bytes(0), data_key_context);
        if (!opened) throw std::runtime_error("the store's data key cannot be decrypted");
        return opened;
    }
    void save_data_key(const core::secret_text& text, const sealer& with) {
        database::statement(*file, "INSERT OR REPLACE INTO meta VALUES ('data_key', ?)")
            .bind_bytes(with.seal(text.reveal(), data_key_context))
            .run();
    }

    std::size_t rekey(const std::optional<core::secret_text>& to) {
        const std::lock_guard lock(writing);
        if (!file) throw std::runtime_error("secrets that are kept in memory only have no key");
        if (!to && !key_file_is_ours()) {
            throw std::runtime_error(
                fmt::format("{}: is not ours to replace; make a new key, give it with --new-key, and then put it there",
                            key_name()));
        }
        std::size_t count = 0;
        {
            // The lock of all processes: nobody reads the key between the steps, and nobody else is at them.
            database::transaction change(*file);
            if (!fits(*key)) key = fitting_key();
            std::unique_ptr<sealer> next;
            if (to) {
                next = std::make_unique<sealer>(parse_key(to->reveal(), "the new key"));
            } else {
                std::filesystem::remove(next_key_file());  // of a rekey that ended before it changed anything
                make_key_file(next_key_file());
                next = std::make_unique<sealer>(read_key_file(next_key_file(), readable_by::owner));
            }
            database::statement versions(*file, "SELECT rowid, arn, id, sealed FROM versions");
            while (versions.step()) {
                const auto context = context_of(versions.text(1), versions.text(2));
                const auto text = key->open(versions.bytes(3), context);
                if (!text) {
                    throw std::runtime_error(
                        fmt::format("version {} of the secret {} cannot be decrypted; delete the secret first",
                                    versions.text(2), versions.text(1)));
                }
                database::statement(*file, "UPDATE versions SET sealed = ? WHERE rowid = ?")
                    .bind_bytes(next->seal(text->reveal(), context))
                    .bind(versions.number(0))
                    .run();
                ++count;
            }
            if (const auto kept = data_key(*key)) save_data_key(*kept, *next);
            save_key_mark(*next);
            file->run("DELETE FROM meta WHERE name = 'key_check'");
            change.commit();
            key = std::move(next);
        }
        // Old ciphertexts may still stand in the write-ahead log.
        database::statement(*file, "PRAGMA wal_checkpoint(TRUNCATE)").step();
        // Whoever opened the store meanwhile has made this step already.
        if (!to && std::filesystem::exists(next_key_file())) {
            try {
                rename_key_file(next_key_file(), key_file());
            } catch (const std::runtime_error&) {
                if (std::filesystem::exists(next_key_file())) throw;
            }
        }
        return count;
    }

    // Below: with `writing` held.

    void load() {
        data_version = file->number("PRAGMA data_version");
        if (!fits(*key)) key = fitting_key();
        by_text<std::shared_ptr<record>> read;
        const auto today = system_clock::now();
        database::statement secrets(
            *file,
            "SELECT arn, name, about, owning_service, tags, created, changed, removal, kms_key, accessed, rotates, "
            "rotates_every, rotation_rules, rotated FROM secrets");
        while (secrets.step()) {
            auto made = std::make_shared<record>();
            made->about = {.arn = secrets.text(0),
                           .name = secrets.text(1),
                           .text = secrets.text(2),
                           .version_id = {},
                           .created = from_milliseconds(secrets.number(5)),
                           .changed = from_milliseconds(secrets.number(6)),
                           .owning_service = secrets.text(3),
                           .tags = tags_of(secrets.text(4)),
                           .kms_key = secrets.text(8),
                           .accessed = secrets.optional_number(9).transform(from_milliseconds),
                           .rotates = {.enabled = secrets.number(10) != 0,
                                       .every = std::chrono::seconds(secrets.number(11)),
                                       .rules = secrets.text(12),
                                       .last = secrets.optional_number(13).transform(from_milliseconds)}};
            made->removal = secrets.optional_number(7).transform(from_milliseconds);
            if (expired(*made, today)) continue;
            read.emplace(made->about.arn, std::move(made));
        }
        database::statement versions(
            *file, "SELECT arn, id, labels, binary, created, sealed FROM versions ORDER BY arn, rowid DESC");
        while (versions.step()) {
            const auto owner = read.find(versions.text(0));
            if (owner == read.end()) continue;
            auto id = versions.text(1);
            auto text = key->open(versions.bytes(5), context_of(owner->first, id));
            if (!text) {
                core::log(core::log_level::error,
                          "{}: version {} of the secret {} cannot be decrypted, and is left out",
                          (given.folder / "secrets.db").string(), id, owner->first);
                continue;
            }
            auto& into = *owner->second;
            into.versions.push_back({.id = std::move(id),
                                     .labels = of_lines(versions.text(2)),
                                     .binary = versions.number(3) != 0,
                                     .created = from_milliseconds(versions.number(4)),
                                     .text = std::move(*text)});
            if (into.versions.back().has(current_label)) into.about.version_id = into.versions.back().id;
        }
        stored.clear();
        for (auto& [arn, made] : read) stored.emplace(arn, std::move(made));
    }

    /// Makes the present state the one that readers see.
    void publish() {
        auto next = std::make_shared<snapshot>();
        for (const auto& [arn, one] : stored) next->by_id.emplace(arn, one);
        for (const auto& [name, one] : declared) next->by_id.insert_or_assign(one->about.arn, one);
        // After all whole ARNs: one that looks like another without its suffix stays itself.
        const auto add = [&next](const record_pointer& one) {
            if (const auto shorter = without_suffix(one->about.arn); !shorter.empty())
                next->by_id.emplace(shorter, one);
            next->by_id.emplace(one->about.name, one);
            next->by_name.push_back(one);
        };
        for (const auto& [name, one] : declared) add(one);
        for (const auto& [arn, one] : stored) add(one);
        std::ranges::sort(next->by_name, {},
                          [](const record_pointer& one) -> const std::string& { return one->about.name; });
        {
            const std::lock_guard lock(reading);
            seen = std::move(next);
        }
        ++changes;
    }

    /// Takes over what another process wrote.
    void follow() {
        if (!file) return;
        if (file->number("PRAGMA data_version") == data_version) return;
        load();
        publish();
    }
    /// The same outside a transaction: secrets and versions of one moment.
    void follow_alone() {
        if (!file || file->number("PRAGMA data_version") == data_version) return;
        database::transaction one_moment(*file, database::transaction::kind::read);
        follow();
        one_moment.commit();
    }

    void save(const record& one) {
        const auto& about = one.about;
        const auto optional_time = [](const std::optional<system_clock::time_point>& at) {
            return at.transform(milliseconds);
        };
        database::statement(
            *file,
            "INSERT INTO secrets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
            "ON CONFLICT (arn) DO UPDATE SET about = ?3, owning_service = ?4, tags = ?5, changed = ?7, removal = ?8, "
            "kms_key = ?9, accessed = ?10, rotates = ?11, rotates_every = ?12, rotation_rules = ?13, rotated = ?14")
            .bind(about.arn)
            .bind(about.name)
            .bind(about.text)
            .bind(about.owning_service)
            .bind(json_of(about.tags))
            .bind(milliseconds(about.created))
            .bind(milliseconds(about.changed))
            .bind(optional_time(one.removal))
            .bind(about.kms_key)
            .bind(optional_time(about.accessed))
            .bind(std::int64_t{about.rotates.enabled ? 1 : 0})
            .bind(std::int64_t{about.rotates.every.count()})
            .bind(about.rotates.rules)
            .bind(optional_time(about.rotates.last))
            .run();
        // A version's value never changes: only new ones are encrypted and written.
        std::vector<std::string> gone;
        std::vector<std::string> kept;
        database::statement known(*file, "SELECT id FROM versions WHERE arn = ?");
        known.bind(about.arn);
        while (known.step()) {
            auto id = known.text(0);
            auto& into = one.with_id(id) == nullptr ? gone : kept;
            into.push_back(std::move(id));
        }
        for (const auto& id : gone)
            database::statement(*file, "DELETE FROM versions WHERE arn = ? AND id = ?").bind(about.arn).bind(id).run();
        for (const auto& each : std::views::reverse(one.versions)) {  // rowids grow with age
            const auto labels = lines_of(each.labels);
            if (std::ranges::find(kept, each.id) != kept.end()) {
                database::statement(*file,
                                    "UPDATE versions SET labels = ?1 WHERE arn = ?2 AND id = ?3 AND labels <> ?1")
                    .bind(labels)
                    .bind(about.arn)
                    .bind(each.id)
                    .run();
                continue;
            }
            database::statement(*file, "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)")
                .bind(about.arn)
                .bind(each.id)
                .bind(labels)
                .bind(std::int64_t{each.binary ? 1 : 0})
                .bind(milliseconds(each.created))
                .bind_bytes(key->seal(each.text.reveal(), context_of(about.arn, each.id)))
                .run();
        }
    }

    // Below: without a lock.

    std::shared_ptr<const snapshot> current() const {
        const std::lock_guard lock(reading);
        return seen;
    }

    /// Follows at most once a second, and never waits for a writer, which publishes anyway.
    void follow_now_and_then() {
        if (!file) return;
        const auto at = core::clock::now().time_since_epoch().count();
        auto due = next_look.load(std::memory_order_relaxed);
        if (at < due) return;
        const auto later = at + core::clock::duration(look_again_after).count();
        if (!next_look.compare_exchange_strong(due, later, std::memory_order_relaxed)) return;
        const std::unique_lock lock(writing, std::try_to_lock);
        if (lock) follow_or_log();
    }

    void follow_or_log() {
        try {
            follow_alone();
        } catch (const std::exception& why) {
            core::log(core::log_level::error, "the secrets are served as they were last read: {}", why.what());
        }
    }

    record_pointer look_up(std::string_view id) {
        follow_now_and_then();
        auto found = current()->find(id);
        if (!found && file) {
            const std::lock_guard lock(writing);
            follow_or_log();
            found = current()->find(id);
        }
        if (found && expired(*found, system_clock::now())) return nullptr;
        return found;
    }

    /// Runs `decide` on the newest state with the write lock of all processes held; what it returns is saved and
    /// published. `decide` answers with a record to put in place, or a null one to remove `arn`.
    struct decision {
        std::string arn;
        record_pointer next;
        bool unchanged = false;
    };
    template <class Decide>
    core::result<record_pointer> write(Decide decide) {
        const std::lock_guard lock(writing);
        try {
            std::unique_ptr<database::transaction> open;
            if (file) {
                open = std::make_unique<database::transaction>(*file);
                follow();
            }
            if (std::erase_if(stored,
                              [at = system_clock::now()](const auto& one) { return expired(*one.second, at); }) != 0)
                publish();
            core::result<decision> decided = decide(*current());
            if (!decided) return std::unexpected(std::move(decided.error()));
            if (decided->unchanged) return decided->next;
            if (file) {
                // First, since an expired one may have the name of the new one.
                database::statement(*file, "DELETE FROM secrets WHERE removal <= ?")
                    .bind(milliseconds(system_clock::now()))
                    .run();
                if (decided->next) {
                    save(*decided->next);
                } else {
                    database::statement(*file, "DELETE FROM secrets WHERE arn = ?").bind(decided->arn).run();
                }
                open->commit();
            }
            if (decided->next) {
                stored.insert_or_assign(decided->arn, decided->next);
            } else {
                stored.erase(decided->arn);
            }
            publish();
            return decided->next;
        } catch (const std::exception& why) {
            core::log(core::log_level::error, "the secrets cannot be written: {}", why.what());
            return core::fail(core::error_kind::internal,
                              "The secrets store cannot be written; the server's log says why.");
        }
    }

    settings given;
    std::unique_ptr<sealer> key;
    std::unique_ptr<sealer> others;  // of `close` and `open`; none: not asked for yet
    std::unique_ptr<database> file;  // none: in memory only

    std::mutex writing;  // guards `file` and all down to the blank line
    std::int64_t data_version = 0;
    by_text<record_pointer> stored;    // by ARN
    by_text<record_pointer> declared;  // by name

    mutable std::mutex reading;  // held only to copy or swap the pointer
    std::shared_ptr<const snapshot> seen;

    std::atomic<core::clock::rep> next_look = 0;
    std::atomic<std::uint64_t> changes = 0;
};

namespace {

/// `with` put on top of `base`; the caller has checked it.
store::record_pointer changed(const record& base, change with) {
    auto next = std::make_shared<record>(base);
    next->about.changed = now();
    if (with.text) next->about.text = std::move(*with.text);
    if (with.tags) next->about.tags = std::move(*with.tags);
    if (with.kms_key) next->about.kms_key = std::move(*with.kms_key);
    if (with.value) {
        const bool first = next->versions.empty();
        const auto id = with.token.empty() ? core::random_uuid() : std::move(with.token);
        next->versions.insert(next->versions.begin(), version{.id = id,
                                                              .labels = {},
                                                              .binary = with.binary,
                                                              .created = next->about.changed,
                                                              .text = std::move(*with.value)});
        if (first || with.labels.empty()) give_label(*next, id, current_label);
        for (const auto& label : with.labels) give_label(*next, id, label);
    }
    return next;
}

}  // namespace

store::store(settings with) : parts_(std::make_unique<parts>(std::move(with))) {}
store::~store() = default;

store::record_pointer store::look_up(std::string_view id) const { return parts_->look_up(id); }

std::vector<store::record_pointer> store::all() const {
    parts_->follow_now_and_then();
    auto found = parts_->current()->by_name;
    std::erase_if(found, [at = system_clock::now()](const record_pointer& one) { return expired(*one, at); });
    return found;
}

core::result<value> store::get(std::string_view id) const {
    const auto found = look_up(id);
    if (!found || found->removal) return not_found(id);  // R-12.45
    const auto* current = found->with_label(current_label);
    if (current == nullptr) return not_found(id);
    return value{found->about, current->text, current->binary};
}

core::result<description> store::describe(std::string_view id) const {
    const auto found = look_up(id);
    if (!found || found->removal) return not_found(id);
    return found->about;
}

std::vector<description> store::list() const {
    std::vector<description> found;
    for (const auto& one : all()) {
        if (!one->removal) found.push_back(one->about);
    }
    return found;
}

core::result<store::record_pointer> store::create(std::string_view name, change with, std::string_view owning_service) {
    if (auto good = check_name(name); !good) return std::unexpected(std::move(good.error()));
    if (auto good = check(with); !good) return std::unexpected(std::move(good.error()));
    return parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        if (const auto found = now_there.find(name); found && found->about.name == name) {
            if (found->removal) {
                return core::fail(
                    core::error_kind::invalid_state,
                    "You can't create this secret because a secret with this name is already scheduled for deletion.");
            }
            if (const auto* same = found->with_id(with.token); same != nullptr && repeats(with, *same))
                return parts::decision{found->about.arn, found, true};
            return core::fail(core::error_kind::already_exists,
                              fmt::format("The operation failed because the secret {} already exists.", name));
        }
        record base;
        base.about.arn = fmt::format("{}-{}", arn_without_suffix(name), core::random_alphanumeric(6));
        base.about.name = name;
        base.about.owning_service = owning_service;
        base.about.created = now();
        return parts::decision{base.about.arn, changed(base, std::move(with))};
    });
}

core::result<store::record_pointer> store::update(std::string_view id, change with) {
    if (auto good = check(with); !good) return std::unexpected(std::move(good.error()));
    return parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        const auto found = now_there.find(id);
        if (!found) return not_found(id);
        if (found->about.from_config) return of_config(found->about.name);
        if (found->removal) return marked_for_deletion();
        if (const auto* same = with.token.empty() ? nullptr : found->with_id(with.token);
            same != nullptr && with.value) {
            if (repeats(with, *same)) return parts::decision{found->about.arn, found, true};
            return core::fail(
                core::error_kind::already_exists,
                fmt::format("You can't use ClientRequestToken {} because that value is already in use for a "
                            "version of secret {}.",
                            with.token, found->about.arn));
        }
        return parts::decision{found->about.arn, changed(*found, std::move(with))};
    });
}

core::result<store::record_pointer> store::edit(std::string_view id,
                                                const std::function<core::result<void>(record&)>& change) {
    return parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        const auto found = now_there.find(id);
        if (!found) return not_found(id);
        if (found->about.from_config) return of_config(found->about.name);
        if (found->removal) return marked_for_deletion();
        auto next = std::make_shared<record>(*found);
        if (auto done = change(*next); !done) return std::unexpected(std::move(done.error()));
        if (auto good = check_tags(next->about.tags); !good) return std::unexpected(std::move(good.error()));
        return parts::decision{found->about.arn, std::move(next)};
    });
}

core::result<store::record_pointer> store::schedule_removal(std::string_view id,
                                                            std::optional<system_clock::time_point> at) {
    return parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        const auto found = now_there.find(id);
        if (!found) return not_found(id);
        if (found->about.from_config) return of_config(found->about.name);
        if (at && found->removal) return marked_for_deletion();
        auto next = std::make_shared<record>(*found);
        next->removal = at;
        return parts::decision{found->about.arn, std::move(next)};
    });
}

core::result<description> store::put(std::string_view name, core::secret_text text, std::string_view about,
                                     if_exists then, std::string_view owning_service) {
    change with{.text = std::string(about), .value = std::move(text)};
    auto made = then == if_exists::replace && look_up(name) ? update(name, std::move(with))
                                                            : create(name, std::move(with), owning_service);
    if (!made) return std::unexpected(std::move(made.error()));
    return (*made)->about;
}

namespace {

core::secret_text login_text(std::string_view user, const core::secret_text& password) {
    std::string text = R"({"username":)";
    json::append_string(text, user);
    text += R"(,"password":)";
    json::append_string(text, password.reveal());
    text += '}';
    return core::secret_text(std::move(text));
}

}  // namespace

core::result<description> store::make_master_login(std::string_view cluster_arn, std::string_view user,
                                                   core::secret_text password) {
    auto made = create(fmt::format("rds!cluster-{}", core::random_uuid()),
                       {.text = fmt::format("The secret associated with the primary RDS DB cluster: {}", cluster_arn),
                        .tags = std::vector<tag>{{std::string(cluster_tag), std::string(cluster_arn)},
                                                 {"aws:secretsmanager:owningService", "rds"}},
                        .value = login_text(user, password)},
                       "rds");
    if (!made) return std::unexpected(std::move(made.error()));
    return (*made)->about;
}

core::result<description> store::renew_master_login(std::string_view arn, std::string_view user,
                                                    core::secret_text password) {
    auto done = update(arn, {.value = login_text(user, password)});
    if (!done) return std::unexpected(std::move(done.error()));
    return (*done)->about;
}

std::string store::close(std::string_view text, std::string_view context) const {
    const std::lock_guard lock(parts_->writing);
    return parts_->data_sealer().seal(text, context);
}

std::optional<core::secret_text> store::open(std::string_view closed, std::string_view context) const {
    const std::lock_guard lock(parts_->writing);
    return parts_->data_sealer().open(closed, context);
}

std::size_t store::rekey(std::optional<core::secret_text> to) { return parts_->rekey(to); }

core::result<void> store::remove(std::string_view id) {
    auto done = parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        const auto found = now_there.find(id);
        if (!found) return not_found(id);
        if (found->about.from_config) return of_config(found->about.name);
        return parts::decision{found->about.arn, nullptr};
    });
    if (!done) return std::unexpected(std::move(done.error()));
    return {};
}

store::record_pointer store::make_declared(std::string_view name, std::string_view arn, core::secret_text text) const {
    if (const auto good = check_name(name); !good)
        throw std::invalid_argument(fmt::format("secret {}: {}", name, good.error().message));
    if (text.empty()) throw std::invalid_argument(fmt::format("secret {}: its text is empty", name));
    auto made = std::make_shared<record>();
    made->about.name = name;
    made->about.arn =
        arn.empty() ? fmt::format("{}-{}", arn_without_suffix(name), stable_suffix(name)) : std::string(arn);
    made->about.created = made->about.changed = now();
    made->about.from_config = true;
    made->versions.push_back({.id = core::random_uuid(),
                              .labels = {std::string(current_label)},
                              .binary = false,
                              .created = made->about.created,
                              .text = std::move(text)});
    made->about.version_id = made->versions.front().id;
    return made;
}

void store::declare(std::string_view name, std::string_view arn, core::secret_text text) {
    auto made = make_declared(name, arn, std::move(text));
    const std::lock_guard lock(parts_->writing);
    parts_->declared.insert_or_assign(std::string(name), std::move(made));
    parts_->publish();
}

void store::redeclare(std::vector<declared> all) {
    by_text<record_pointer> next;
    for (auto& each : all) next.insert_or_assign(each.name, make_declared(each.name, each.arn, std::move(each.text)));
    const std::lock_guard lock(parts_->writing);
    for (auto& [name, made] : next) {
        const auto known = parts_->declared.find(name);
        if (known == parts_->declared.end()) continue;
        const auto& before = *known->second;
        if (before.about.arn == made->about.arn && before.versions.front().text == made->versions.front().text)
            made = known->second;
    }
    if (next == parts_->declared) return;
    parts_->declared = std::move(next);
    parts_->publish();
}

void store::renew_declared(std::string_view name, core::secret_text text) {
    const std::lock_guard lock(parts_->writing);
    const auto known = parts_->declared.find(name);
    if (known == parts_->declared.end()) return;
    known->second = make_declared(name, known->second->about.arn, std::move(text));
    parts_->publish();
}

std::string store::arn_without_suffix(std::string_view name) const {
    return fmt::format("arn:aws:secretsmanager:{}:{}:secret:{}", parts_->given.region, parts_->given.account, name);
}

void store::refresh() {
    const std::lock_guard lock(parts_->writing);
    if (parts_->file) parts_->follow_or_log();
}

const std::string& store::region() const noexcept { return parts_->given.region; }

std::uint64_t store::generation() const noexcept {
    parts_->follow_now_and_then();
    return parts_->changes.load(std::memory_order_acquire);
}

}  // namespace borealis::secrets
