#include "secrets/store.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "core/deadline.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "secrets/database.hpp"
#include "secrets/sealer.hpp"

namespace borealis::secrets {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

constexpr std::int64_t schema_version = 1;
constexpr auto look_again_after = 1s;
constexpr std::string_view key_check_text = "borealis";
constexpr std::string_view key_check_context = "key check";
constexpr std::size_t longest_name = 512;     // R-12.40, CreateSecret
constexpr std::size_t longest_value = 65536;  // CreateSecret
constexpr std::size_t longest_about = 2048;   // CreateSecret
constexpr std::string_view alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

constexpr std::string_view schema = R"(
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE secrets (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL, owning_service TEXT NOT NULL, tags TEXT NOT NULL,
  created INTEGER NOT NULL, changed INTEGER NOT NULL, removal INTEGER) STRICT;
CREATE TABLE versions (
  arn TEXT NOT NULL REFERENCES secrets (arn) ON DELETE CASCADE, id TEXT NOT NULL, stage INTEGER NOT NULL,
  binary INTEGER NOT NULL, created INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (arn, id), UNIQUE (arn, stage)) STRICT;
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

core::result<void> check(const change& with) {
    const std::size_t longest = with.binary ? (longest_value + 2) / 3 * 4 : longest_value;  // base64 of so many bytes
    if (with.value && (with.value->empty() || with.value->reveal().size() > longest))
        return core::fail(core::error_kind::validation, "The secret value must have 1 to 65536 bytes.");
    if (with.text && with.text->size() > longest_about)
        return core::fail(core::error_kind::validation, "The description must have at most 2048 bytes.");
    if (!with.token.empty() && (with.token.size() < 32 || with.token.size() > 64))
        return core::fail(core::error_kind::validation, "ClientRequestToken must be 32-64 characters long.");
    return {};
}

std::unexpected<core::error> not_found(std::string_view id) {
    return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", id));  // R-2.35
}
std::unexpected<core::error> of_config(std::string_view name) {
    return core::fail(core::error_kind::invalid_state,
                      fmt::format("The secret {} is declared in the server's config; change it there.", name));
}

/// True where `with` repeats the request that made `version`; the caller has compared the token.
bool repeats(const change& with, const version& made) { return with.value == made.text && with.binary == made.binary; }

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

const version* record::find(stage what) const {
    const auto found = std::ranges::find(versions, what, &version::is);
    return found == versions.end() ? nullptr : &*found;
}

const version* record::find(std::string_view version_id) const {
    const auto found = std::ranges::find(versions, version_id, &version::id);
    return found == versions.end() ? nullptr : &*found;
}

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
        const auto key_file = given.folder / "secrets.key";
        // In this order: a key is always made before the data that needs it.
        const bool has_data = std::filesystem::exists(data, failed);
        const bool has_key = !failed && std::filesystem::exists(key_file, failed);
        if (failed)
            throw std::runtime_error(
                fmt::format("{}: cannot be looked into: {}", given.folder.string(), failed.message()));
        if (!has_key) {
            if (has_data) {
                throw std::runtime_error(
                    fmt::format("{}: is missing, and {} cannot be read without it; restore it, or remove "
                                "both and make the secrets again",
                                key_file.string(), data.string()));
            }
            sealer::make_key(key_file);
        }
        key = std::make_unique<sealer>(key_file);
        file = std::make_unique<database>(data);
        database::transaction change(*file);
        const auto found = file->number("PRAGMA user_version");
        if (found > schema_version) {
            throw std::runtime_error(
                fmt::format("{}: was written by a newer version of Borealis (schema {}, this one knows {})",
                            data.string(), found, schema_version));
        }
        if (found == 0) {
            for (auto rest = schema; rest.find(';') != std::string_view::npos; rest.remove_prefix(rest.find(';') + 1))
                file->run(rest.substr(0, rest.find(';')));
            database::statement(*file, "INSERT INTO meta VALUES ('key_check', ?)")
                .bind_bytes(key->seal(key_check_text, key_check_context))
                .run();
            file->run(fmt::format("PRAGMA user_version = {}", schema_version));
        }
        database::statement asked(*file, "SELECT value FROM meta WHERE name = 'key_check'");
        if (!asked.step() || !key->open(asked.bytes(0), key_check_context)) {
            throw std::runtime_error(fmt::format("{}: is not the key that {} was written with; restore the right one",
                                                 key_file.string(), data.string()));
        }
        change.commit();
    }

    // Below: with `writing` held.

    void load() {
        data_version = file->number("PRAGMA data_version");
        by_text<std::shared_ptr<record>> read;
        const auto today = system_clock::now();
        database::statement secrets(
            *file, "SELECT arn, name, about, owning_service, tags, created, changed, removal FROM secrets");
        while (secrets.step()) {
            auto made = std::make_shared<record>();
            made->about = {.arn = secrets.text(0),
                           .name = secrets.text(1),
                           .text = secrets.text(2),
                           .version_id = {},
                           .created = from_milliseconds(secrets.number(5)),
                           .changed = from_milliseconds(secrets.number(6)),
                           .owning_service = secrets.text(3),
                           .tags = secrets.text(4)};
            if (const auto at = secrets.optional_number(7)) made->removal = from_milliseconds(*at);
            if (expired(*made, today)) continue;
            read.emplace(made->about.arn, std::move(made));
        }
        database::statement versions(
            *file, "SELECT arn, id, stage, binary, created, sealed FROM versions ORDER BY arn, stage");
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
                                     .is = versions.number(2) == 0 ? stage::current : stage::previous,
                                     .binary = versions.number(3) != 0,
                                     .created = from_milliseconds(versions.number(4)),
                                     .text = std::move(*text)});
            if (into.versions.back().is == stage::current) into.about.version_id = into.versions.back().id;
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

    void save(const record& one) {
        const auto& about = one.about;
        database::statement(*file, "DELETE FROM secrets WHERE arn = ?").bind(about.arn).run();
        database::statement(*file, "INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(about.arn)
            .bind(about.name)
            .bind(about.text)
            .bind(about.owning_service)
            .bind(about.tags)
            .bind(milliseconds(about.created))
            .bind(milliseconds(about.changed))
            .bind(one.removal ? std::optional(milliseconds(*one.removal)) : std::nullopt)
            .run();
        for (const auto& each : one.versions) {
            database::statement(*file, "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)")
                .bind(about.arn)
                .bind(each.id)
                .bind(each.is == stage::current ? std::int64_t{0} : std::int64_t{1})
                .bind(each.binary ? std::int64_t{1} : std::int64_t{0})
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
            follow();
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
                if (decided->next) {
                    save(*decided->next);
                } else {
                    database::statement(*file, "DELETE FROM secrets WHERE arn = ?").bind(decided->arn).run();
                }
                database::statement(*file, "DELETE FROM secrets WHERE removal <= ?")
                    .bind(milliseconds(system_clock::now()))
                    .run();
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
    if (with.value) {
        // The former one becomes AWSPREVIOUS; what was that falls off (R-12.41).
        std::erase_if(next->versions, [](const version& each) { return each.is == stage::previous; });
        for (auto& each : next->versions) each.is = stage::previous;
        version made{.id = with.token.empty() ? core::random_uuid() : std::move(with.token),
                     .is = stage::current,
                     .binary = with.binary,
                     .created = next->about.changed,
                     .text = std::move(*with.value)};
        next->about.version_id = made.id;
        next->versions.insert(next->versions.begin(), std::move(made));
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
    const auto* current = found->find(stage::current);
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
            const auto* current = found->find(stage::current);
            if (current != nullptr && current->id == with.token && repeats(with, *current))
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
        if (found->removal) {
            return core::fail(core::error_kind::invalid_state,
                              "You can't perform this operation on the secret because it was marked for deletion.");
        }
        if (const auto* same = with.token.empty() ? nullptr : found->find(with.token); same != nullptr && with.value) {
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

core::result<store::record_pointer> store::schedule_removal(std::string_view id,
                                                            std::optional<system_clock::time_point> at) {
    return parts_->write([&](const snapshot& now_there) -> core::result<parts::decision> {
        const auto found = now_there.find(id);
        if (!found) return not_found(id);
        if (found->about.from_config) return of_config(found->about.name);
        if (at && found->removal) {
            return core::fail(core::error_kind::invalid_state,
                              "You can't perform this operation on the secret because it was marked for deletion.");
        }
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

void store::declare(std::string_view name, std::string_view arn, core::secret_text text) {
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
                              .is = stage::current,
                              .binary = false,
                              .created = made->about.created,
                              .text = std::move(text)});
    made->about.version_id = made->versions.front().id;
    const std::lock_guard lock(parts_->writing);
    parts_->declared.insert_or_assign(std::string(name), std::move(made));
    parts_->publish();
}

std::string store::arn_without_suffix(std::string_view name) const {
    return fmt::format("arn:aws:secretsmanager:{}:{}:secret:{}", parts_->given.region, parts_->given.account, name);
}

std::uint64_t store::generation() const noexcept {
    parts_->follow_now_and_then();
    return parts_->changes.load(std::memory_order_acquire);
}

}  // namespace borealis::secrets
