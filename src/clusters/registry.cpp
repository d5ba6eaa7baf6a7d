#include "clusters/registry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clusters/keeper.hpp"
#include "clusters/process.hpp"
#include "core/log.hpp"

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

std::string_view name_of(status what) {
    static constexpr std::array<std::string_view, 7> names = {"creating", "available", "stopping", "stopped",
                                                              "starting", "deleting",  "failed"};
    return names.at(static_cast<std::size_t>(what));
}

struct registry::parts {
    explicit parts(settings with) : given(std::move(with)), runs_as(choose_account(given.run_as)) {
        if (given.folder.empty()) throw std::runtime_error("the state folder of the clusters is not set");
        // Absolute and without links, as the kernel shows the folders that processes work in.
        given.folder = fs::weakly_canonical(fs::absolute(given.folder));
        if (!given.manage) return;
        make_folder(given.folder);
        lock_folder();
        make_folder(given.folder / "clusters");
        remove_leftovers();
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
        lock = descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock)
            throw std::runtime_error(
                fmt::format("{}: cannot be opened: {}", file.string(), std::generic_category().message(errno)));
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            std::array<char, 32> holder{};
            [[maybe_unused]] const auto size = ::pread(lock.get(), holder.data(), holder.size() - 1, 0);
            throw std::runtime_error(
                fmt::format("{}: another Borealis (process {}) runs with this state folder; stop it, or use another "
                            "folder",
                            given.folder.string(),
                            std::string_view(holder.data()).substr(0, std::string_view(holder.data()).find('\n'))));
        }
        const std::string us = fmt::format("{}\n", ::getpid());
        if (::ftruncate(lock.get(), 0) != 0 ||
            ::pwrite(lock.get(), us.data(), us.size(), 0) != static_cast<ssize_t>(us.size()))
            throw std::runtime_error(
                fmt::format("{}: cannot be written: {}", file.string(), std::generic_category().message(errno)));
    }

    /// Half-made and half-removed clusters of a process that was killed.
    void remove_leftovers() const {
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
        const std::lock_guard held(reading);
        seen = std::move(next);
    }

    template <class Make>
    void add(const std::string& id, const std::string& arn, Make make) {
        replace([&](const index& before, index& next) {
            if (!is_identifier(id)) {
                throw std::invalid_argument(
                    fmt::format("cluster \"{}\": an id has 1 to 63 letters, digits and hyphens, begins with a letter, "
                                "and has no hyphen at its end nor "
                                "two in a row",
                                id));
            }
            if (before.find(id) != nullptr)
                throw std::invalid_argument(fmt::format("cluster \"{}\": the id is taken", id));
            if (before.find_arn(arn) != nullptr)
                throw std::invalid_argument(fmt::format("cluster \"{}\": the ARN {} is taken", id, arn));
            next = before;
            next.add(make());
        });
    }

    /// Forgets a cluster; its keeper, on whose thread this runs, is kept for `stop_all` to wait for.
    void retire(std::string_view id) {
        replace([&](const index& before, index& next) {
            for (const auto& each : before.all) {
                if (each.now()->id == id) {
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
                              fmt::format("DbCluster {} is run by somebody else, so it cannot be stopped here.", id));
        }
        return found->managed;
    }

    settings given;
    const account runs_as;
    descriptor lock;  // released by the kernel, however we end

    std::mutex writing;                            // one change of the index at a time
    std::vector<std::shared_ptr<keeper>> retired;  // guarded by it; shared with the coroutines that wait on them
    mutable std::mutex reading;                    // held only to copy or swap the pointer
    std::shared_ptr<const index> seen = std::make_shared<index>();
};

registry::registry(settings with) : parts_(std::make_unique<parts>(std::move(with))) {}

registry::~registry() { stop_all(); }

void registry::declare(external_cluster what) {
    auto made = std::make_shared<view>();
    made->id = in_lower_case(what.id);
    made->arn = what.arn.empty() ? parts_->arn_of(made->id) : std::move(what.arn);
    made->is = what.is;
    made->state = status::available;
    made->endpoint = std::move(what.endpoint);
    made->default_database = std::move(what.default_database);
    made->profile = std::move(what.profile);
    parts_->add(made->id, made->arn, [&] { return entry{made, nullptr}; });
}

void registry::declare(managed_cluster what) {
    what.id = in_lower_case(what.id);
    if (what.arn.empty()) what.arn = parts_->arn_of(what.id);
    const auto refuse = [&](std::string_view why) {
        throw std::invalid_argument(fmt::format("cluster \"{}\": {}", what.id, why));
    };
    if (!is_name(what.master_user, "_") || what.master_user.starts_with("pg_") || what.master_user == "mariadb")
        refuse("the master user must be a letter and up to 62 letters, digits or _, not beginning with pg_");
    if (!what.default_database.empty() && !is_name(what.default_database, "_-"))
        refuse("the database's name must be a letter and up to 62 letters, digits, _ or -");
    const auto& password = what.master_password.reveal();
    if (password.empty() || password.size() > 128 ||
        std::ranges::any_of(password, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
        refuse("the master password must have 1 to 128 bytes and no control characters");
    parts_->add(what.id, what.arn, [&] {
        return entry{nullptr, std::make_shared<keeper>(parts_->given, parts_->runs_as, what,
                                                       [of = parts_.get(), id = what.id] { of->retire(id); })};
    });
}

std::vector<view> registry::list() const {
    std::vector<view> found;
    for (const auto& each : parts_->current()->all) found.push_back(*each.now());
    return found;
}

core::result<view> registry::find(std::string_view arn_or_id) const {
    const auto now = parts_->current();
    const auto* found = now->find(arn_or_id);
    if (found == nullptr) return unknown(arn_or_id);
    return *found->now();
}

core::awaitable<core::result<std::shared_ptr<const view>>> registry::ready(std::string_view arn, core::deadline until) {
    std::shared_ptr<keeper> wanted;
    {
        const auto now = parts_->current();
        const auto* found = now->find_arn(arn);
        if (found == nullptr) {
            co_return core::fail(core::error_kind::endpoint_not_enabled,
                                 fmt::format("HttpEndpoint is not enabled for resource {}", arn));
        }
        auto seen = found->now();
        if (seen->state == status::available) co_return seen;
        wanted = found->managed;
    }
    auto done = co_await keeper::fulfil(wanted, keeper::wish::run, until);
    if (!done) co_return std::unexpected(std::move(done.error()));
    co_return wanted->now();
}

core::awaitable<core::result<void>> registry::stop(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    co_return co_await keeper::fulfil(*wanted, keeper::wish::stop, until);
}

core::awaitable<core::result<void>> registry::remove(std::string_view id, core::deadline until) {
    auto wanted = parts_->managed(id);
    if (!wanted) co_return std::unexpected(std::move(wanted.error()));
    co_return co_await keeper::fulfil(*wanted, keeper::wish::remove, until);
}

void registry::stop_all() noexcept {
    std::vector<std::shared_ptr<keeper>> keepers;
    for (const auto& each : parts_->current()->all) {
        if (each.managed) keepers.push_back(each.managed);
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
