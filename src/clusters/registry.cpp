#include "clusters/registry.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clusters/keeper.hpp"
#include "clusters/process.hpp"
#include "clusters/state.hpp"
#include "clusters/templates.hpp"
#include "core/log.hpp"
#include "core/random.hpp"

namespace borealis::clusters {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view lower_case_and_more = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::size_t longest_identifier = 63;  // and the names of both databases

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// for an id in lower case.
bool is_identifier(std::string_view id) {
    return !id.empty() && id.size() <= longest_identifier && id.front() >= 'a' && id.front() <= 'z' &&
           id.back() != '-' && id.find("--") == std::string_view::npos &&
           id.find_first_not_of(lower_case_and_more) == std::string_view::npos;
}

bool is_name(std::string_view name, std::string_view others) {
    static const std::string usual = std::string(letters) + "0123456789";
    return !name.empty() && name.size() <= longest_identifier && letters.find(name.front()) != std::string_view::npos &&
           std::ranges::all_of(name, [&](char c) {
               return usual.find(c) != std::string::npos || others.find(c) != std::string_view::npos;
           });
}

/// One cluster, of either kind.
struct entry {
    std::shared_ptr<const view> external;  // as declared
    std::shared_ptr<keeper> managed;       // shared with the coroutines that wait on it

    [[nodiscard]] std::shared_ptr<const view> now() const { return managed ? managed->now() : external; }
};

struct hash_text {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

struct index {
    std::vector<entry> all;
    std::unordered_map<std::string, std::size_t, hash_text, std::equal_to<>> by_arn;
    std::unordered_map<std::string, std::size_t, hash_text, std::equal_to<>> by_id;

    [[nodiscard]] const entry* find_arn(std::string_view arn) const {
        const auto found = by_arn.find(arn);
        return found == by_arn.end() ? nullptr : &all[found->second];
    }
    [[nodiscard]] const entry* find(std::string_view arn_or_id) const {
        if (const auto* found = find_arn(arn_or_id)) return found;
        const auto found = by_id.find(in_lower_case(arn_or_id));
        return found == by_id.end() ? nullptr : &all[found->second];
    }
    void add(entry what) {
        const auto now = what.now();
        by_arn.emplace(now->arn, all.size());
        by_id.emplace(now->id, all.size());
        all.push_back(std::move(what));
    }
};

std::unexpected<core::error> unknown(std::string_view id) {
    return core::fail(core::error_kind::not_found, fmt::format("DBCluster {} not found.", id));
}

}  // namespace

struct registry::parts {
    explicit parts(settings with) : given(absolute(std::move(with))), templates(given.folder / "templates") {
        if (!given.run_as.empty()) static_cast<void>(runs_as());
        const auto file = given.folder / "clusters.db";
        if (!given.manage) {
            std::error_code ignored;  // not to be seen is as good as not there
            if (fs::exists(file, ignored)) state.emplace(file);
            return;
        }
        make_folder(given.folder);
        lock_folder();
        make_folder(given.folder / "clusters");
        end_leftovers();
        remove_leftovers();
        state.emplace(file);
    }

    /// Absolute and without links, as the kernel shows the folders that processes work in.
    static settings absolute(settings with) {
        if (with.folder.empty()) throw std::runtime_error("the state folder of the clusters is not set");
        with.folder = fs::weakly_canonical(fs::absolute(with.folder));
        return with;
    }

    /// Who runs databases. Chosen for the first of them: what looks users up brings libraries of its own.
    [[nodiscard]] const account& runs_as() const {
        std::call_once(account_is_chosen, [this] { chosen_account = choose_account(given.run_as); });
        return chosen_account;
    }

    /// Databases of a Borealis that was killed follow it at once, but for those that could not: nobody would watch
    /// them.
    void end_leftovers() const {
        const auto all = given.folder / "clusters";
        if (!database_processes_in(all).empty())
            end_database_processes_in(all, core::deadline::after(given.stop_timeout));
    }

    static void make_folder(const fs::path& at) {
        std::error_code failed;
        // Others may pass through, not look: as root, the databases run as another user.
        if (fs::create_directories(at, failed))
            fs::permissions(at, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec, failed);
        if (!failed && ::access(at.c_str(), W_OK | X_OK) != 0) failed = {errno, std::generic_category()};
        if (failed)
            throw std::runtime_error(
                fmt::format("{}: the state folder cannot be used: {}", at.string(), failed.message()));
    }

    void lock_folder() {
        const auto file = given.folder / "lock";
        lock = given.given_lock >= 0
                   ? descriptor(given.given_lock)
                   : descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock)
            throw std::runtime_error(
                fmt::format("{}: cannot be opened: {}", file.string(), std::generic_category().message(errno)));
        const auto until = core::deadline::after(given.wait_for_lock);
        bool ours = ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
        while (!ours && !until.passed()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            ours = ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
        }
        if (!ours) {
            std::array<char, 32> holder{};
            [[maybe_unused]] const auto size = ::pread(lock.get(), holder.data(), holder.size() - 1, 0);
            throw std::runtime_error(
                fmt::format("{}: another Borealis (process {}) runs with this state folder; stop it, or use another "
                            "folder",
                            given.folder.string(),
                            std::string_view(holder.data()).substr(0, std::string_view(holder.data()).find('\n'))));
        }
        if (given.given_lock < 0) note_holder();
    }

    void note_holder() const {
        const auto file = given.folder / "lock";
        const std::string us = fmt::format("{}\n", ::getpid());
        if (::ftruncate(lock.get(), 0) != 0 ||
            ::pwrite(lock.get(), us.data(), us.size(), 0) != static_cast<ssize_t>(us.size()))
            throw std::runtime_error(
                fmt::format("{}: cannot be written: {}", file.string(), std::generic_category().message(errno)));
    }

    /// Half-made and half-removed clusters of a process that was killed.
    void remove_leftovers() const {
        std::error_code ignored;  // no templates yet
        for (const auto& each : fs::directory_iterator(given.folder / "templates", ignored)) {
            if (!each.path().filename().string().starts_with(".making-")) continue;
            end_database_processes_in(each.path(), core::deadline(core::clock::now()));
            fs::remove_all(each.path());
        }
        for (const auto& each : fs::directory_iterator(given.folder / "clusters")) {
            const auto name = each.path().filename().string();
            if (!name.starts_with(".making-") && !name.starts_with(".removing-")) continue;
            core::log(core::log_level::info, "{}: is left over from a process that was killed, and removed",
                      each.path().string());
            end_database_processes_in(each.path(), core::deadline(core::clock::now()));
            fs::remove_all(each.path());
        }
    }

    [[nodiscard]] std::string arn_of(std::string_view id) const {
        return fmt::format("arn:aws:rds:{}:{}:cluster:{}", given.region, given.account, id);
    }

    [[nodiscard]] std::shared_ptr<const index> current() const {
        const std::lock_guard held(reading);
        return seen;
    }

    /// Puts what `change` makes of the present index in its place.
    template <class Change>
    void replace(Change change) {
        const std::lock_guard only_one(writing);
        auto next = std::make_shared<index>();
        change(*current(), *next);
        {
            const std::lock_guard held(reading);
            seen = std::move(next);
        }
        changes.fetch_add(1, std::memory_order_release);
    }

    static void check_name(const index& among, const std::string& id, const std::string& arn) {
        if (!is_identifier(id)) {
            throw std::invalid_argument(
                fmt::format("cluster \"{}\": an id has 1 to 63 letters, digits and hyphens, begins with a letter, "
                            "and has no hyphen at its end nor "
                            "two in a row",
                            id));
        }
        if (among.find(id) != nullptr) throw std::invalid_argument(fmt::format("cluster \"{}\": the id is taken", id));
        if (among.find_arn(arn) != nullptr)
            throw std::invalid_argument(fmt::format("cluster \"{}\": the ARN {} is taken", id, arn));
    }

    template <class Make>
    void add(const std::string& id, const std::string& arn, Make make) {
        replace([&](const index& before, index& next) {
            check_name(before, id, arn);
            next = before;
            next.add(make());
        });
    }

    /// Forgets a cluster; its keeper, on whose thread this runs, is kept for `stop_all` to wait for.
    void retire(const std::string& key) {
        if (state) state->forget(key);
        replace([&](const index& before, index& next) {
            for (const auto& each : before.all) {
                if (each.managed && each.managed->key() == key) {
                    retired.push_back(each.managed);
                } else {
                    next.add(each);
                }
            }
        });
    }

    /// The managed cluster, or why there is none.
    core::result<std::shared_ptr<keeper>> managed(std::string_view id) const {
        const auto now = current();
        const auto* found = now->find(id);
        if (found == nullptr) return unknown(id);
        if (!found->managed) {
            return core::fail(core::error_kind::invalid_state,
                              fmt::format("DbCluster {} is run by somebody else: Borealis neither starts nor stops it.",
                                          found->now()->id));
        }
        return found->managed;
    }

    ///
    static std::unexpected<core::error> not_in(const view& what, std::string_view expected) {
        return core::fail(core::error_kind::invalid_state,
                          fmt::format("DbCluster {} is in {} state but expected to be one of {}.", what.id,
                                      what.state == status::failed ? "failed" : aws_name_of(what.state), expected));
    }

    entry keep(std::shared_ptr<const description> about, std::string key, core::secret_text verifier, status at) {
        const household shared{.with = given,
                               .runs_as = runs_as(),
                               .state = given.manage && state ? &*state : nullptr,
                               .templates = &templates,
                               .faults = &faults,
                               .changes = &changes};
        auto made = std::make_shared<keeper>(shared, std::move(about), key, std::move(verifier), at,
                                             [this, key] { retire(key); });
        made->set_megabytes(megabytes_of(*made->now()));
        return {nullptr, std::move(made)};
    }

    /// What its engine gets at the start: nothing of it is changed where there are no bounds.
    [[nodiscard]] std::size_t megabytes_of(const view& what) const {
        if (!what.about->scales.given) return 0;
        const auto halves = std::max(what.now.halves, std::max(what.about->scales.least.halves, 1));
        return given.megabytes_per_unit * static_cast<std::size_t>(halves) / 2;
    }

    // What a declared cluster is. All throw std::invalid_argument.
    void check_declared(const std::vector<external_cluster>& external,
                        const std::vector<managed_cluster>& managed) const;
    [[nodiscard]] std::shared_ptr<const view> view_of(external_cluster what) const;
    [[nodiscard]] std::shared_ptr<const description> description_of(const managed_cluster& what) const;
    [[nodiscard]] entry keep_declared(std::shared_ptr<const description> about, const core::secret_text& password);

    /// Of a managed cluster of the config that is declared, or was until a moment ago; null: none.
    [[nodiscard]] std::shared_ptr<keeper> declared_keeper(std::string_view id) const {
        if (const auto* found = current()->find(id); found != nullptr) {
            return found->managed && found->now()->about->from_config ? found->managed : nullptr;
        }
        const auto known = std::ranges::find(leaving, id, [](const auto& each) { return each->key(); });
        return known == leaving.end() ? nullptr : *known;
    }

    /// Waits for the engine of one that has been let go of.
    void finish_closing(std::string_view id) {
        std::vector<std::shared_ptr<keeper>> closing;
        {
            const std::lock_guard only_one(writing);
            for (const auto& each : retired)
                if (each->key() == id) closing.push_back(each);
        }
        for (const auto& each : closing) each->close();
    }

    const settings given;
    mutable std::once_flag account_is_chosen;
    mutable account chosen_account;
    template_store templates;
    fault_table faults;
    std::atomic<std::uint64_t> changes = 1;  // of the index, and of what keepers show; outlives them
    std::optional<state_file> state;
    descriptor lock;  // released by the kernel, however we end

    std::atomic<bool> refuses_new = false;
    session_owner* sessions = nullptr;
    std::mutex changing;                           // one change of a description at a time
    std::mutex writing;                            // one change of the index at a time
    std::vector<std::shared_ptr<keeper>> retired;  // guarded by it; shared with the coroutines that wait on them
    std::vector<std::shared_ptr<keeper>> leaving;  // as those: declared no more, in use still
    mutable std::mutex reading;                    // held only to copy or swap the pointer
    std::shared_ptr<const index> seen = std::make_shared<index>();
};

registry::registry(settings with) : parts_(std::make_unique<parts>(std::move(with))) {}

registry::~registry() { stop_all(); }

namespace {

/// 26 upper-case letters and digits, always the same for the same text: AWS's resource ids look so.
std::string resource_id_of(std::string_view text) {
    static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
    std::string out;
    for (int part = 0; part < 26; ++part) {
        for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
        hash = (hash ^ static_cast<std::uint8_t>(part)) * 0x100000001b3U;
        out += digits[(hash >> 32U) % digits.size()];
    }
    return out;
}

std::string default_engine_name(engine of) { return of == engine::postgresql ? "aurora-postgresql" : "aurora-mysql"; }
std::uint16_t default_port(engine of) { return of == engine::postgresql ? 5432 : 3306; }

/// Why user or database cannot be used; empty: they can.
std::string_view complaint_about(std::string_view user, std::string_view database) {
    if (!is_name(user, "_") || user.starts_with("pg_") || user == "mariadb" || user == administrator)
        return "the master user must be a letter and up to 62 letters, digits or _, not beginning with pg_, and not "
               "rdsadmin";
    if (!database.empty() && !is_name(database, "_-"))
        return "the database's name must be a letter and up to 62 letters, digits, _ or -";
    return {};
}

core::secret_text verifier_of(engine is, const core::secret_text& password) {
    return flavour_of(is).verifier(password);
}

}  // namespace

std::shared_ptr<const view> registry::parts::view_of(external_cluster what) const {
    auto about = std::make_shared<description>();
    about->id = in_lower_case(what.id);
    about->arn = what.arn.empty() ? arn_of(about->id) : what.arn;
    about->resource_id = "cluster-" + resource_id_of(about->arn);
    about->instance_resource_id = "db-" + resource_id_of(about->arn);
    about->is = what.is;
    about->engine_name = default_engine_name(what.is);
    about->database = what.default_database;
    about->profile = what.profile;
    about->port = what.endpoint.port;
    about->tags = std::move(what.tags);
    about->from_config = true;
    auto made = std::make_shared<view>();
    made->id = about->id;
    made->arn = about->arn;
    made->is = what.is;
    made->state = status::available;
    made->endpoint = std::move(what.endpoint);
    made->others = std::move(what.others);
    made->default_database = std::move(what.default_database);
    made->profile = std::move(what.profile);
    made->about = std::move(about);
    return made;
}

std::shared_ptr<const description> registry::parts::description_of(const managed_cluster& what) const {
    auto about = std::make_shared<description>();
    about->id = in_lower_case(what.id);
    about->arn = what.arn.empty() ? arn_of(about->id) : what.arn;
    if (const auto why = complaint_about(what.master_user, what.default_database); !why.empty())
        throw std::invalid_argument(fmt::format("cluster \"{}\": {}", about->id, why));
    about->resource_id = "cluster-" + resource_id_of(about->arn);
    about->instance_resource_id = "db-" + resource_id_of(about->arn);
    about->is = what.is;
    about->engine_name = default_engine_name(what.is);
    about->series = what.series;
    about->database = what.default_database;
    about->master_user = what.master_user;
    about->profile = what.profile;
    about->scales = what.scales;
    about->port = default_port(what.is);
    about->tags = what.tags;
    about->resume = what.resume.value_or(resume_of(*about));
    about->from_config = true;
    return about;
}

entry registry::parts::keep_declared(std::shared_ptr<const description> about, const core::secret_text& password) {
    const auto& text = password.reveal();
    if (text.empty() || text.size() > 128 ||
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
        throw std::invalid_argument(fmt::format(
            "cluster \"{}\": the master password must have 1 to 128 bytes and no control characters", about->id));
    }
    const auto at = state ? state->resting(about->id).value_or(status::idle) : status::idle;
    const auto id = about->id;
    const auto is = about->is;
    return keep(std::move(about), id, verifier_of(is, password),
                at == status::deleting || at == status::creating ? status::idle : at);
}

void registry::declare(external_cluster what) {
    const auto made = parts_->view_of(std::move(what));
    parts_->add(made->id, made->arn, [&] { return entry{made, nullptr}; });
}

void registry::declare(managed_cluster what) {
    const auto about = parts_->description_of(what);
    parts_->add(about->id, about->arn, [&] { return parts_->keep_declared(about, what.master_password); });
}

void registry::parts::check_declared(const std::vector<external_cluster>& external,
                                     const std::vector<managed_cluster>& managed) const {
    const auto now = current();
    index next;
    for (const auto& each : now->all)
        if (!each.now()->about->from_config) next.add(each);
    const auto take = [&](const std::string& id, const std::string& arn) {
        check_name(next, id, arn);
        auto placeholder = std::make_shared<view>();
        placeholder->id = id;
        placeholder->arn = arn;
        next.add({std::move(placeholder), nullptr});
    };
    for (const auto& each : external) {
        const auto made = view_of(each);
        take(made->id, made->arn);
    }
    for (const auto& each : managed) {
        const auto about = description_of(each);
        take(about->id, about->arn);
        const auto kept = declared_keeper(about->id);
        if (kept && kept->now()->is != about->is)
            throw std::invalid_argument(fmt::format(
                "cluster \"{}\" is managed, and its data are of another engine: give the new one another id",
                about->id));
    }
}

void registry::check_declared(const std::vector<external_cluster>& external,
                              const std::vector<managed_cluster>& managed) const {
    const std::lock_guard only_one(parts_->writing);
    parts_->check_declared(external, managed);
}

registry::redeclared registry::redeclare(std::vector<external_cluster> external, std::vector<managed_cluster> managed) {
    redeclared all;
    // One that was let go of a moment ago and comes back: its engine must have stopped before another keeper begins.
    for (const auto& each : managed) parts_->finish_closing(in_lower_case(each.id));
    parts_->replace([&](const index& before, index& next) {
        parts_->check_declared(external, managed);
        std::vector<std::string> arns_before;  // a keeper's changes with what is declared
        for (const auto& each : before.all) {
            arns_before.push_back(each.now()->arn);
            if (!each.now()->about->from_config) next.add(each);
        }
        const auto note_change = [&](const std::string& id, const std::string& arn, bool same) {
            const auto* found = before.find(id);
            if (found != nullptr && found->now()->arn == arn && !same) all.changed.push_back(arn);
        };
        for (auto& each : external) {
            auto made = parts_->view_of(std::move(each));
            const auto* known = before.find_arn(made->arn);
            const bool there = known != nullptr && known->external && *known->external->about == *made->about &&
                               known->external->endpoint == made->endpoint && known->external->others == made->others;
            note_change(made->id, made->arn, there);
            next.add({there ? known->external : std::move(made), nullptr});
        }
        for (const auto& each : managed) {
            const auto about = parts_->description_of(each);
            const auto kept = parts_->declared_keeper(about->id);
            if (!kept) {
                note_change(about->id, about->arn, false);
                next.add(parts_->keep_declared(about, each.master_password));
                continue;
            }
            if (*kept->now()->about != *about) kept->revise(about);
            next.add({nullptr, kept});
        }
        for (auto& arn : arns_before)
            if (next.find_arn(arn) == nullptr) all.gone.push_back(std::move(arn));
        const auto is_there = [&next](const std::shared_ptr<keeper>& one) {
            return std::ranges::any_of(next.all, [&](const entry& each) { return each.managed == one; });
        };
        std::erase_if(parts_->leaving, is_there);
        for (const auto& each : before.all)
            if (each.managed && !is_there(each.managed)) parts_->leaving.push_back(each.managed);
    });
    return all;
}

std::vector<std::shared_ptr<const view>> registry::leaving() const {
    const std::lock_guard only_one(parts_->writing);
    std::vector<std::shared_ptr<const view>> found;
    for (const auto& each : parts_->leaving) found.push_back(each->now());
    return found;
}

void registry::let_go(std::string_view arn) {
    const std::lock_guard only_one(parts_->writing);
    std::erase_if(parts_->leaving, [&](const auto& each) {
        if (each->now()->arn != arn) return false;
        each->begin_close();
        parts_->retired.push_back(each);
        return true;
    });
}

void registry::restore() {
    if (!parts_->state) return;
    std::vector<std::shared_ptr<keeper>> creating;
    std::vector<std::shared_ptr<keeper>> deleting;
    for (auto& each : parts_->state->clusters()) {
        auto about = std::make_shared<description>(std::move(each.about));
        about->resume = resume_of(*about);
        try {
            std::shared_ptr<keeper> kept;
            parts_->add(about->id, about->arn, [&] {
                auto made = parts_->keep(about, about->resource_id, each.verifier, each.resting);
                kept = made.managed;
                if (each.verifier_pending) kept->set_verifier(each.verifier);
                return made;
            });
            if (each.resting == status::creating) creating.push_back(kept);
            if (each.resting == status::deleting) deleting.push_back(kept);
        } catch (const std::invalid_argument& why) {
            core::log(core::log_level::error, "{}; the one that the API has made is left alone", why.what());
        }
    }
    if (!parts_->given.manage) return;
    for (const auto& each : creating) each->tell(event::call);
    for (const auto& each : deleting) each->tell(event::remove);
}

std::vector<view> registry::list() const {
    std::vector<view> found;
    for (const auto& each : parts_->current()->all) found.push_back(*each.now());
    return found;
}

std::vector<std::shared_ptr<const view>> registry::scaled() const {
    std::vector<std::shared_ptr<const view>> found;
    const auto now = parts_->current();
    for (const auto& each : now->all) {
        if (!each.managed) continue;
        auto seen = each.managed->now();
        if (seen->about->scales.given && seen->state == status::available) found.push_back(std::move(seen));
    }
    return found;
}

core::result<view> registry::find(std::string_view arn_or_id) const {
    const auto found = seen(arn_or_id);
    if (!found) return unknown(arn_or_id);
    return *found;
}

std::shared_ptr<const view> registry::seen(std::string_view arn_or_id) const {
    const auto now = parts_->current();
    const auto* found = now->find(arn_or_id);
    return found == nullptr ? nullptr : found->now();
}

std::uint64_t registry::version() const noexcept { return parts_->changes.load(std::memory_order_acquire); }

core::awaitable<core::result<std::shared_ptr<const view>>> registry::ready(std::string_view arn, core::deadline until) {
    std::shared_ptr<keeper> wanted;
    {
        const auto now = parts_->current();
        const auto* found = now->find_arn(arn);
        auto seen = found == nullptr ? nullptr : found->now();
        if (!seen || !seen->about->endpoint_enabled || seen->state == status::deleting) {
            co_return core::fail(core::error_kind::endpoint_not_enabled,
                                 fmt::format("HttpEndpoint is not enabled for resource {}", arn));
        }
        const auto& about = *seen->about;
        if (about.needs_instance && about.instances.empty()) {
            co_return core::fail(core::error_kind::database_not_found,
                                 fmt::format("The DB cluster {} has no DB instance.", about.id));
        }
        if (seen->state == status::available || (seen->state == status::modifying && seen->process_id != 0))
            co_return seen;
        wanted = found->managed;
        const bool resumes =
            seen->state == status::pausing || seen->state == status::paused || seen->state == status::resuming;
        if (resumes && about.resume != resume_style::wait) {
            seen = wanted->tell(event::call);
            if (seen->state == status::available) co_return seen;  // the pause had not come yet
            if (about.resume == resume_style::aws_v2) {
                co_return core::fail(core::error_kind::database_resuming,
                                     fmt::format("The Aurora DB instance {} is resuming after being auto-paused. "
                                                 "Please wait a few seconds and try again.",
                                                 about.instance_resource_id));
            }
            co_return core::fail(core::error_kind::bad_request,
                                 "Communications link failure\n\nThe last packet sent successfully to the server was "
                                 "0 milliseconds ago. The driver has not received any packets from the server.");
        }
    }
    auto done = co_await keeper::fulfil(wanted, event::call, until);
    if (!done) co_return std::unexpected(std::move(done.error()));
    co_return wanted->now();
}

core::result<view> registry::begin_start(std::string_view id) {
    const auto wanted = parts_->managed(id);
    if (!wanted) return std::unexpected(wanted.error());
    const auto seen = (*wanted)->now();
    if (seen->state != status::stopped && seen->state != status::failed) return parts::not_in(*seen, "stopped");
    parts_->state->rest((*wanted)->key(), status::idle);
    return *(*wanted)->tell(event::start);
}

core::result<view> registry::begin_stop(std::string_view id) {
    const auto wanted = parts_->managed(id);
    if (!wanted) return std::unexpected(wanted.error());
    const auto seen = (*wanted)->now();
    if (seen->about->mode == generation::v1) {
        return core::fail(core::error_kind::invalid_state,
                          fmt::format("DbCluster {} of engine mode serverless cannot be stopped.", seen->id));
    }
    if (aws_name_of(seen->state) != "available") return parts::not_in(*seen, "available");
    parts_->state->rest((*wanted)->key(), status::stopped);
    auto after = *(*wanted)->tell(event::stop);
    if (after.state != status::stopped) after.state = status::stopping;
    return after;
}

core::result<view> registry::begin_remove(std::string_view id, std::string_view final_snapshot) {
    const auto wanted = parts_->managed(id);
    if (!wanted) return std::unexpected(wanted.error());
    const auto seen = (*wanted)->now();
    if (seen->state == status::deleting) return parts::not_in(*seen, "available, stopped, failed");
    if (!final_snapshot.empty()) {
        for (const auto& each : parts_->state->snapshots()) {
            if (each.id == final_snapshot)
                return core::fail(core::error_kind::already_exists,
                                  fmt::format("Cannot create the cluster snapshot {}: it exists already.", each.id));
        }
        parts_->state->save({.id = std::string(final_snapshot),
                             .cluster_id = seen->id,
                             .engine_name = seen->about->engine_name,
                             .engine_version = seen->engine_version,
                             .master_user = seen->master_user,
                             .file = parts_->given.folder / "snapshots" / (std::string(final_snapshot) + ".tar.gz"),
                             .created = std::chrono::system_clock::now()});
    }
    parts_->state->rest((*wanted)->key(), status::deleting);
    auto after = *(*wanted)->tell(event::remove);
    after.state = status::deleting;
    return after;
}

core::result<view> registry::create(description what, const core::secret_text& password, std::string_view from) {
    if (parts_->refuses_new)
        return core::fail(core::error_kind::invalid_state, "Another server is about to take over: try again.");
    what.id = in_lower_case(what.id);
    if (!is_identifier(what.id)) {
        return core::fail(core::error_kind::validation,
                          fmt::format("The parameter DBClusterIdentifier is not a valid identifier: \"{}\". It must "
                                      "begin with a letter, have 1 to 63 letters, digits and hyphens, and no hyphen at "
                                      "its end nor two in a row.",
                                      what.id));
    }
    if (!from.empty()) {
        const auto all = parts_->state->snapshots();
        const auto found = std::ranges::find(all, from, &snapshot::id);
        if (found == all.end() || !found->available)
            return core::fail(core::error_kind::not_found, fmt::format("DBClusterSnapshot not found: {}", from));
        what.source = found->file;
        what.master_user = found->master_user;
    }
    if (const auto why = complaint_about(what.master_user, what.database); !why.empty())
        return core::fail(core::error_kind::validation, fmt::format("{}.", why));
    what.arn = parts_->arn_of(what.id);
    const auto salt = core::random_uuid();
    what.resource_id = "cluster-" + resource_id_of(salt + "c");
    what.instance_resource_id = "db-" + resource_id_of(salt + "i");
    if (what.engine_name.empty()) what.engine_name = default_engine_name(what.is);
    if (what.port == 0) what.port = default_port(what.is);
    what.created = std::chrono::system_clock::now();
    std::string version;
    for (const auto& each : flavour_of(what.is).find_all(parts_->given, parts_->runs_as())) {
        if (version.empty() && (what.series.empty() || each.series == what.series)) version = each.version;
    }
    auto about = std::make_shared<const description>(std::move(what));
    auto verifier = password.empty() ? core::secret_text() : verifier_of(about->is, password);
    std::shared_ptr<keeper> kept;
    try {
        parts_->add(about->id, about->arn, [&] {
            parts_->state->save({.about = *about, .verifier = verifier, .resting = status::creating});
            auto made = parts_->keep(about, about->resource_id, std::move(verifier), status::creating);
            kept = made.managed;
            kept->expect_version(std::move(version));
            return made;
        });
    } catch (const std::invalid_argument&) {
        return core::fail(core::error_kind::already_exists, "DB Cluster already exists");
    }
    return *kept->tell(event::call);
}

core::result<view> registry::change(std::string_view id, const std::function<void(description&)>& how,
                                    const core::secret_text* password) {
    const auto wanted = parts_->managed(id);
    if (!wanted) return std::unexpected(wanted.error());
    const std::lock_guard one_after_another(parts_->changing);
    const auto seen = (*wanted)->now();
    auto next = std::make_shared<description>(*seen->about);
    how(*next);
    next->resume = resume_of(*next);
    parts_->state->save(*next);
    (*wanted)->revise(next);
    if (password == nullptr) return *(*wanted)->now();
    auto verifier = verifier_of(next->is, *password);
    parts_->state->save_verifier(next->resource_id, verifier);
    (*wanted)->set_verifier(std::move(verifier));
    return *(*wanted)->tell(event::modify);
}

core::result<view> registry::scale(std::string_view id, capacity to) {
    const auto wanted = parts_->managed(id);
    if (!wanted) return std::unexpected(wanted.error());
    (*wanted)->show_capacity(to);
    (*wanted)->set_megabytes(parts_->given.megabytes_per_unit * static_cast<std::size_t>(std::max(to.halves, 1)) / 2);
    const auto seen = (*wanted)->now();
    if (seen->process_id != 0 && (parts_->given.postgresql != nullptr || parts_->given.mysql != nullptr))
        (*wanted)->tell(event::modify);
    return *(*wanted)->now();
}

void registry::attend(session_owner& sessions) { parts_->sessions = &sessions; }

core::awaitable<core::result<void>> registry::pause(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    const auto keeps = *wanted;
    auto begun = co_await keeper::fulfil(keeps, event::pause, until);
    if (!begun) co_return begun;
    if (keeps->now()->state == status::paused) co_return core::result<void>();
    activity in_use;
    if (parts_->sessions != nullptr) in_use = co_await parts_->sessions->let_go(keeps->now()->arn);
    std::size_t others = 0;
    if (in_use.running == 0) {
        // What let_go has closed takes the server a moment to notice; who is left then is somebody else's session.
        core::timer pause(co_await core::asio::this_coro::executor);
        for (const auto soon = core::deadline::after(std::chrono::seconds(1));;) {
            others = keeps->connections();
            if (others == 0 || soon.passed()) break;
            pause.expires_after(std::chrono::milliseconds(10));
            [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
        }
    }
    if (in_use.running != 0 || others != 0) {
        keeps->tell(event::keep_up);
        co_return core::fail(core::error_kind::invalid_state,
                             fmt::format("DbCluster {} is in use: {} calls and transactions, {} other connections.",
                                         keeps->now()->id, in_use.running, others));
    }
    auto done = co_await keeper::fulfil(keeps, event::quiet, until);
    if (!done && done.error().kind == core::error_kind::invalid_state) {
        co_return core::fail(core::error_kind::invalid_state,
                             fmt::format("DbCluster {} is in use: it was called meanwhile.", keeps->now()->id));
    }
    co_return done;
}

core::awaitable<core::result<void>> registry::start(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    co_return co_await keeper::fulfil(*wanted, event::start, until);
}

core::awaitable<core::result<void>> registry::stop(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    if (parts_->state) parts_->state->rest((*wanted)->key(), status::stopped);
    co_return co_await keeper::fulfil(*wanted, event::stop, until);
}

core::awaitable<core::result<void>> registry::remove(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    if (!parts_->given.manage) {
        co_return core::fail(core::error_kind::invalid_state,
                             "This process only looks; the server that manages the cluster can remove it.");
    }
    co_return co_await keeper::fulfil(*wanted, event::remove, until);
}

std::vector<snapshot> registry::snapshots() const {
    return parts_->state ? parts_->state->snapshots() : std::vector<snapshot>();
}

core::result<snapshot> registry::remove_snapshot(std::string_view id) {
    for (auto& each : snapshots()) {
        if (each.id != id) continue;
        parts_->state->forget_snapshot(id);
        std::error_code ignored;  // gone already
        fs::remove(each.file, ignored);
        return std::move(each);
    }
    return core::fail(core::error_kind::not_found, fmt::format("DBClusterSnapshot not found: {}", id));
}

std::vector<std::string> registry::versions(engine of) const {
    std::vector<std::string> all;
    for (const auto& each : flavour_of(of).find_all(parts_->given, parts_->runs_as())) all.push_back(each.version);
    return all;
}

int registry::lock() const { return parts_->lock.get(); }

void registry::note_holder() const { parts_->note_holder(); }

bool registry::manages_any() const {
    const std::lock_guard only_one(parts_->writing);
    return !parts_->leaving.empty() ||
           std::ranges::any_of(parts_->current()->all, [](const entry& each) { return each.managed != nullptr; });
}

void registry::refuse_new(bool refuse) { parts_->refuses_new = refuse; }

fault_table& registry::faults() { return parts_->faults; }
const settings& registry::given() const { return parts_->given; }
std::string registry::arn_of(std::string_view id) const { return parts_->arn_of(id); }

std::string registry::cluster_of_instance(std::string_view instance_id) const {
    for (const auto& each : parts_->current()->all) {
        const auto seen = each.now();
        for (const auto& one : seen->about->instances)
            if (one.id == instance_id) return seen->id;
    }
    return {};
}

void registry::stop_all() noexcept {
    std::vector<std::shared_ptr<keeper>> keepers;
    for (const auto& each : parts_->current()->all) {
        if (each.managed) keepers.push_back(each.managed);
    }
    {
        const std::lock_guard only_one(parts_->writing);
        keepers.insert(keepers.end(), parts_->leaving.begin(), parts_->leaving.end());
    }
    for (const auto& each : keepers) each->begin_close();
    for (const auto& each : keepers) each->close();
    std::vector<std::shared_ptr<keeper>> removed;
    {
        const std::lock_guard only_one(parts_->writing);
        removed = parts_->retired;  // one may have retired just now
    }
    for (const auto& each : removed) each->close();
}

}  // namespace borealis::clusters
