#include "clusters/keeper.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto pause_between_looks = 10ms;   // while a server starts
constexpr auto pause_after_failure = 250ms;  // before the next try
constexpr std::size_t longest_socket_path = 100;
constexpr std::uintmax_t largest_log = std::uintmax_t{8} << 20U;

[[noreturn]] void refuse(const fs::path& file, std::string_view what, int error = errno) {
    throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, std::generic_category().message(error)));
}

/// What stays the same between programs and starts, unlike std::hash. FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
    return hash;
}

/// Brings the folder's file system to the disk. One call: an fsync(2) for each of PostgreSQL's thousand new files took
/// 4 s where this took 0.1 s (ext4, 2 cores, busy machine).
void sync_file_system(const fs::path& at) {
    const descriptor fd(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::syncfs(fd.get()) != 0) refuse(at, "cannot be brought to disk");
}

/// What `cluster.json` says: who made the data, and how.
struct record {
    std::string engine;
    std::string version;
    std::string series;
    std::string master_user;
};

std::optional<record> read_record(const fs::path& folder) {
    std::ifstream from(folder / "cluster.json", std::ios::binary);
    if (!from) return std::nullopt;
    const std::string text{std::istreambuf_iterator<char>(from), {}};
    json::document reader;
    const auto root = reader.parse_copy(text);
    const auto member = [&](std::string_view name) -> std::string {
        const auto* found = (*root)->find(name);
        return found == nullptr || found->is() != json::kind::string ? std::string() : std::string(found->text());
    };
    if (!root || (*root)->is() != json::kind::object || member("engine").empty() || member("series").empty())
        throw std::runtime_error(fmt::format("{}: is damaged; restore it, or remove the cluster's folder",
                                             (folder / "cluster.json").string()));
    return record{member("engine"), member("version"), member("series"), member("master_user")};
}

void write_record(const fs::path& folder, const record& what) {
    std::string text = "{";
    const auto add = [&text](std::string_view name, std::string_view value) {
        text += text.size() == 1 ? "" : ",";
        json::append_string(text, name);
        text += ':';
        json::append_string(text, value);
    };
    add("engine", what.engine);
    add("version", what.version);
    add("series", what.series);
    add("master_user", what.master_user);
    add("created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now())));
    text += "}\n";
    const auto file = folder / "cluster.json";
    const descriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to || ::write(to.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        refuse(file, "cannot be written");
}

descriptor open_log(const fs::path& file) {
    std::error_code ignored;  // no log yet
    if (fs::file_size(file, ignored) > largest_log && !ignored) fs::rename(file, file.string() + ".old", ignored);
    descriptor made(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made) refuse(file, "the log cannot be opened");
    return made;
}

/// The line of a log's end that says what went wrong: the last one that names an error, else the last one.
std::string last_words(const fs::path& file) {
    std::ifstream from(file);
    from.seekg(0, std::ios::end);
    from.seekg(-std::min<std::streamoff>(from.tellg(), 4096), std::ios::end);
    std::string line;
    std::string last;
    std::string complaint;
    while (std::getline(from, line)) {
        if (line.empty()) continue;
        last = line;
        if (line.find("FATAL") != std::string::npos || line.find("ERROR") != std::string::npos ||
            line.find("error:") != std::string::npos)
            complaint = line;
    }
    return complaint.empty() ? last : complaint;
}

}  // namespace

/// One caller that waits. The keeper only posts to its executor; all members but `what` are its thread's.
struct keeper::waiter {
    waiter(const core::executor& on, wish wanted) : executor(on), timer(on), what(wanted) {}

    core::executor executor;
    core::timer timer;
    wish what;
    bool done = false;
    core::result<void> outcome = {};
    std::weak_ptr<waiter> self = {};
};

/// Keeps a waiter in the list for as long as its coroutine waits, however that ends.
class keeper::registration {
 public:
    registration(keeper& at, waiter& who) : at_(at), who_(who) {
        const std::lock_guard lock(at_.mutex_);
        if (at_.closing_) {
            who_.done = true;
            who_.outcome = std::unexpected(at_.end());
            return;
        }
        at_.waiting_.push_back(&who_);
        at_.wished_.insert(who_.what);
        if (!at_.thread_.joinable()) at_.thread_ = std::thread([&keeps = at_] { keeps.run(); });
        at_.wake();
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() {
        const std::lock_guard lock(at_.mutex_);
        at_.waiting_.remove(&who_);
    }

 private:
    keeper& at_;
    waiter& who_;
};

fs::path keeper::folder_of(const settings& with, std::string_view id) { return with.folder / "clusters" / id; }

keeper::keeper(const settings& with, const account& who, managed_cluster what, std::function<void()> when_removed)
    : with_(with),
      who_(who),
      what_(std::move(what)),
      kind_(flavour_of(what_.is)),
      folder_(folder_of(with, what_.id)),
      when_removed_(std::move(when_removed)),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!bell_) throw std::system_error(errno, std::generic_category(), "eventfd");
    auto first = std::make_shared<view>();
    *first = {.id = what_.id,
              .arn = what_.arn,
              .is = what_.is,
              .engine_version = {},
              .state = status::stopped,
              .managed = true,
              .endpoint = kind_.endpoint(site_in(folder_)),
              .default_database = what_.default_database,
              .master_user = what_.master_user,
              .profile = what_.profile,
              .process_id = 0};
    try {
        if (const auto found = read_record(folder_)) first->engine_version = found->version;
    } catch (const std::runtime_error& why) {
        core::log(core::log_level::warning, "cluster {}: {}", what_.id, why.what());  // starting it will say so again
    }
    if (!with_.manage) {
        const auto processes = database_processes_in(site_in(folder_).data);
        if (!processes.empty()) {
            first->state = status::available;
            first->process_id = *std::ranges::min_element(processes);
        }
    }
    now_ = std::move(first);
}

keeper::~keeper() { close(); }

std::shared_ptr<const view> keeper::now() const {
    const std::lock_guard lock(mutex_);
    return now_;
}

core::awaitable<core::result<void>> keeper::fulfil(std::shared_ptr<keeper> self, wish what, core::deadline until) {
    const core::executor here = co_await core::asio::this_coro::executor;
    const auto waits = std::make_shared<waiter>(here, what);
    waits->self = waits;
    waits->timer.expires_at(until.at());
    const registration listed(*self, *waits);
    if (!waits->done) {
        // Ends at the deadline, or is cancelled by the answer.
        [[maybe_unused]] const auto [ended] = co_await waits->timer.async_wait(core::as_tuple);
    }
    if (!waits->done) {
        if (what == wish::run) {
            co_return core::fail(
                core::error_kind::database_unavailable,
                fmt::format("The DB cluster {} is still starting. Please wait a few seconds and try again.",
                            self->what_.id));
        }
        co_return core::fail(core::error_kind::unavailable,
                             fmt::format("The DB cluster {} is still stopping.", self->what_.id));
    }
    co_return waits->outcome;
}

void keeper::begin_close() noexcept {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake();
}

void keeper::close() noexcept {
    begin_close();
    if (thread_.joinable()) thread_.join();
}

void keeper::wake() const noexcept {
    const std::uint64_t one = 1;
    // A full counter is as good: it is readable.
    [[maybe_unused]] const auto ignored = ::write(bell_.get(), &one, sizeof one);
}

void keeper::take_wake_ups() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto ignored = ::read(bell_.get(), &count, sizeof count);
}

bool keeper::is_closing() const {
    const std::lock_guard lock(mutex_);
    return closing_;
}

void keeper::publish(status state) {
    auto next = std::make_shared<view>(*now());
    next->state = state;
    next->process_id = state == status::available ? server_.id() : 0;
    if (!installed_.version.empty()) next->engine_version = installed_.version;
    const std::lock_guard lock(mutex_);
    now_ = std::move(next);
}

void keeper::answer(wish what, const core::result<void>& outcome) {
    const std::lock_guard lock(mutex_);
    for (auto* each : waiting_) {
        auto held = each->self.lock();
        if (each->what != what || !held) continue;
        auto executor = held->executor;
        core::asio::post(executor, [held = std::move(held), outcome] {
            held->done = true;
            held->outcome = outcome;
            held->timer.cancel();
        });
    }
    wished_.erase(what);
    waiting_.remove_if([what](const waiter* each) { return each->what == what; });
}

void keeper::run() noexcept {
    ::pthread_setname_np(::pthread_self(), "cluster-keeper");
    for (;;) {
        try {
            std::optional<wish> next;
            {
                const std::lock_guard lock(mutex_);
                if (closing_) break;
                // A stop before a start: who wishes both wants a fresh one.
                if (!wished_.empty()) next = *wished_.rbegin();
            }
            if (!next) {
                std::array<pollfd, 2> events = {pollfd{.fd = bell_.get(), .events = POLLIN, .revents = 0},
                                                pollfd{.fd = server_.handle(), .events = POLLIN, .revents = 0}};
                ::poll(events.data(), server_.runs() ? 2 : 1, -1);
                if (server_.runs() && events[1].revents != 0) note_death();
                take_wake_ups();
                continue;
            }
            switch (*next) {
                case wish::run:
                    start();
                    break;
                case wish::stop:
                    stop();
                    break;
                case wish::remove:
                    remove();
                    break;
            }
            answer(*next, {});
        } catch (const closing_down&) {
            break;
        } catch (const std::exception& why) {
            core::log(core::log_level::error, "cluster {}: {}", what_.id, why.what());
            server_ = child();
            publish(status::failed);
            not_before_ = core::deadline::after(pause_after_failure);
            // Whoever waits for anything hears of it: a stop of what does not run is done, all else is not.
            const core::result<void> failure =
                core::fail(core::error_kind::database_unavailable,
                           fmt::format("The DB cluster {} is not available: {}", what_.id, why.what()));
            for (const wish each : {wish::run, wish::stop, wish::remove}) answer(each, failure);
        }
    }
    try {
        stop();
    } catch (const std::exception& why) {
        core::log(core::log_level::error, "cluster {}: {}", what_.id, why.what());
        server_ = child();
    }
    for (const wish each : {wish::run, wish::stop, wish::remove}) answer(each, std::unexpected(end()));
}

core::error keeper::end() const {
    return {core::error_kind::database_unavailable, fmt::format("The DB cluster {} is being shut down.", what_.id)};
}

bool keeper::child_ends(const child& what, core::deadline until) {
    for (;;) {
        if (is_closing()) throw closing_down();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until.left());
        std::array<pollfd, 2> events = {pollfd{.fd = what.handle(), .events = POLLIN, .revents = 0},
                                        pollfd{.fd = bell_.get(), .events = POLLIN, .revents = 0}};
        const int ready =
            ::poll(events.data(), 2, static_cast<int>(std::min<std::chrono::milliseconds>(left, 1h).count()));
        if (events[0].revents != 0) return true;
        if (ready > 0) take_wake_ups();
        if (until.passed()) return false;
    }
}

site keeper::site_in(const fs::path& folder) const {
    site at{.data = folder / "data", .run = folder / "run", .temporary = folder / "tmp"};
    if (at.run.string().size() + kind_.socket_name_size() > longest_socket_path)
        at.run = fmt::format("/tmp/borealis-{:016x}", hash_of(at.run.string()));
    return at;
}

void keeper::make_folder(const fs::path& at, unsigned mode, bool for_database) const {
    if (::mkdir(at.c_str(), mode) != 0 && errno != EEXIST) refuse(at, "cannot be made");
    // Through the descriptor: in /tmp somebody else could put a link in its place.
    const descriptor fd(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat about{};
    if (!fd || ::fstat(fd.get(), &about) != 0) refuse(at, "cannot be used");
    const uid_t owner = for_database ? who_.user : ::geteuid();
    if (about.st_uid != owner && about.st_uid != ::geteuid())
        throw std::runtime_error(fmt::format("{}: belongs to another user (id {}); remove it, or give it to {}",
                                             at.string(), about.st_uid, who_.name));
    if (about.st_uid != owner && ::fchown(fd.get(), owner, for_database ? who_.group : ::getegid()) != 0)
        refuse(at, "cannot be given to the database");
    if ((about.st_mode & 07777U) != mode && ::fchmod(fd.get(), mode) != 0) refuse(at, "its mode cannot be changed");
}

std::string keeper::check_record() const {
    const auto found = read_record(folder_);
    if (!found) {
        throw std::runtime_error(
            fmt::format("{}: has no cluster.json, so it was not made by Borealis; move it away", folder_.string()));
    }
    if (found->engine != kind_.name()) {
        throw std::runtime_error(fmt::format("{}: holds data of {}, not of {}; remove the cluster, or use another id",
                                             folder_.string(), found->engine, kind_.name()));
    }
    if (found->master_user != what_.master_user) {
        throw std::runtime_error(
            fmt::format("{}: was made with the master user {}, not {}; name that one, or remove the cluster",
                        folder_.string(), found->master_user, what_.master_user));
    }
    struct stat about{};
    const auto data = site_in(folder_).data;
    if (::stat(data.c_str(), &about) != 0) refuse(data, "cannot be used");
    if (about.st_uid != who_.user) {
        throw std::runtime_error(
            fmt::format("{0}: belongs to the user with id {1}, and the database runs as {2}; set run_databases_as, or: "
                        "chown -R {2} {0}",
                        data.string(), about.st_uid, who_.name));
    }
    return found->series;
}

void keeper::start() {
    if (server_.runs()) return;
    if (!with_.manage) throw std::runtime_error("this process only looks; the server that manages it can start it");
    while (!not_before_.passed()) {
        pollfd bell{.fd = bell_.get(), .events = POLLIN, .revents = 0};
        ::poll(&bell, 1, static_cast<int>(pause_after_failure.count()));
        if (is_closing()) throw closing_down();
        take_wake_ups();
    }
    const auto began = core::clock::now();
    const bool is_new = !fs::exists(folder_);
    publish(is_new ? status::creating : status::starting);
    if (const auto closed = first_closed_folder(who_, folder_.parent_path()); !closed.empty()) {
        throw std::runtime_error(
            fmt::format("the folder {0} is closed to the user {1}, who runs the database; open it (chmod o+x {0}), "
                        "put the state folder elsewhere, or set run_databases_as",
                        closed.string(), who_.name));
    }
    installed_ = kind_.find(with_, who_, is_new ? std::string() : check_record());
    if (is_new) {
        create(installed_, folder_.parent_path() / (".making-" + what_.id));
        core::log(core::log_level::info, "cluster {}: created with {} {} in {} ms", what_.id, kind_.name(),
                  installed_.version,
                  std::chrono::duration_cast<std::chrono::milliseconds>(core::clock::now() - began).count());
        publish(status::starting);
    }

    const auto until = core::deadline::after(with_.start_timeout);
    const auto at = site_in(folder_);
    make_folder(at.run, 0700, true);
    end_database_processes_in(at.data, core::deadline::after(with_.stop_timeout));
    kind_.clear_stale_files(at);
    const auto log = folder_ / "log";
    {
        const descriptor output = open_log(log);
        server_ = child(kind_.service(installed_, at), who_, output.get());
    }
    while (!kind_.is_ready(at, server_.id())) {
        if (child_ends(server_, core::deadline::after(pause_between_looks))) {
            const auto how = server_.reap();
            throw std::runtime_error(fmt::format("{} ended while starting ({}): {}; see {}", kind_.name(),
                                                 how.empty() ? "status 0" : how, last_words(log), log.string()));
        }
        if (until.passed()) {
            server_ = child();
            end_database_processes_in(at.data, core::deadline(core::clock::now()));
            throw std::runtime_error(fmt::format("{} did not start within {} seconds (start_timeout); see {}",
                                                 kind_.name(), with_.start_timeout.count(), log.string()));
        }
    }
    publish(status::available);
    core::log(core::log_level::info, "cluster {}: {} {} runs as process {} after {} ms", what_.id, kind_.name(),
              installed_.version, server_.id(),
              std::chrono::duration_cast<std::chrono::milliseconds>(core::clock::now() - began).count());
}

void keeper::create(const installation& with, const fs::path& draft) {
    const auto until = core::deadline::after(with_.start_timeout);
    end_database_processes_in(draft, until);
    fs::remove_all(draft);
    make_folder(draft, 0711, false);
    const auto at = site_in(draft);
    make_folder(at.data, 0700, true);
    make_folder(at.temporary, 0700, true);
    {
        const descriptor output = open_log(draft / "log");
        for (const auto& step : kind_.creation(with, at, what_)) {
            try {
                run_to_end(step, output.get(), until);
            } catch (const std::runtime_error& why) {
                if (is_closing()) throw closing_down();
                throw std::runtime_error(fmt::format("it cannot be created: {}: {}; see {}", why.what(),
                                                     last_words(draft / "log"), (draft / "log").string()));
            }
        }
    }
    write_record(draft, {std::string(kind_.name()), with.version, with.series, what_.master_user});
    // Whole and on disk before it has its name: a folder with that name is never half made.
    sync_file_system(draft);
    fs::rename(draft, folder_);
    const descriptor parent(::open(folder_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0) refuse(folder_.parent_path(), "cannot be brought to disk");
}

void keeper::run_to_end(const command& what, int output, core::deadline until) {
    child runs(what, who_, output);
    if (!child_ends(runs, until))
        throw std::runtime_error(fmt::format("{} did not end within {} seconds (start_timeout)", what.words.front(),
                                             with_.start_timeout.count()));
    if (const auto how = runs.reap(); !how.empty())
        throw std::runtime_error(fmt::format("{} ended with {}", what.words.front(), how));
}

void keeper::remove_short_folder() const {
    const auto run = site_in(folder_).run;
    std::error_code ignored;  // an empty folder in /tmp, that the next start takes over
    if (run.parent_path() != folder_) fs::remove_all(run, ignored);
}

void keeper::stop() {
    if (!server_.runs()) {
        remove_short_folder();
        if (now()->state != status::failed) publish(status::stopped);
        return;
    }
    publish(status::stopping);
    server_.signal(kind_.stop_signal());
    const auto until = core::deadline::after(with_.stop_timeout);
    pollfd end{.fd = server_.handle(), .events = POLLIN, .revents = 0};
    // Not `child_ends`: closing must not cut this short.
    while (!until.passed() && end.revents == 0)
        ::poll(&end, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until.left()).count()));
    if (end.revents == 0) {
        core::log(core::log_level::warning, "cluster {}: {} does not stop within {} seconds and is killed", what_.id,
                  kind_.name(), with_.stop_timeout.count());
        server_.kill();
    }
    server_.reap();
    end_database_processes_in(site_in(folder_).data, core::deadline(core::clock::now()));
    remove_short_folder();
    publish(status::stopped);
    core::log(core::log_level::info, "cluster {}: stopped", what_.id);
}

void keeper::remove() {
    if (!with_.manage) throw std::runtime_error("this process only looks; the server that manages it can remove it");
    stop();
    publish(status::deleting);
    // First out of its name, then gone: what a kill leaves behind is removed at the next start.
    const auto dying = folder_.parent_path() / (".removing-" + what_.id);
    fs::remove_all(dying);
    if (fs::exists(folder_)) {
        fs::rename(folder_, dying);
        fs::remove_all(dying);
    }
    {
        // Else a call that has found it before the registry forgets it would make it anew.
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    when_removed_();
}

void keeper::note_death() {
    const auto how = server_.reap();
    core::log(core::log_level::error, "cluster {}: {} has ended by itself ({}): {}", what_.id, kind_.name(),
              how.empty() ? "status 0" : how, last_words(folder_ / "log"));
    publish(status::stopped);
}

}  // namespace borealis::clusters
