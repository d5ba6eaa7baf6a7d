#include "clusters/keeper.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <boost/asio/co_spawn.hpp>
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
#include "core/random.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "sql/row_sink.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto pause_between_looks = 10ms;  // while a server starts
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

/// What `cluster.json` says: who made the data, and how.
struct record {
    std::string engine;
    std::string version;
    std::string series;
    std::string master_user;
    core::secret_text administrator_password;
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
    return record{member("engine"), member("version"), member("series"), member("master_user"),
                  core::secret_text(member("administrator_password"))};
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
    add("administrator_password", what.administrator_password.reveal());
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

/// What a full disk adds to any failure: engines do not always say so.
std::string about_space(const fs::path& at) {
    constexpr std::uintmax_t scarce = std::uintmax_t{64} << 20U;
    std::error_code unknown;  // then nothing is said
    const auto room = fs::space(at, unknown);
    if (unknown || room.available > scarce) return {};
    return fmt::format("; the disk of {} has only {} MiB left: free some", at.string(), room.available >> 20U);
}

class no_rows final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column>) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell>, std::size_t) override { return sql::flow::more; }
};

/// @return The database's complaint, or nothing.
core::awaitable<std::string> run_as_administrator(sql::driver& by, sql::endpoint at, sql::login as,
                                                  const std::vector<std::string>& all, core::deadline until) {
    auto opened = co_await by.connect(at, as, "", until);
    if (!opened) co_return opened.error().message;
    no_rows dropped;
    for (const auto& each : all) {
        const auto done = co_await (*opened)->execute(each, {}, dropped, sql::description::types, until);
        if (!done) co_return done.error().message;
    }
    co_return std::string();
}

/// The line of a log's end that says what went wrong: one about a full disk, else the last that names an error, else
/// the last.
std::string last_words(const fs::path& file) {
    std::ifstream from(file);
    from.seekg(0, std::ios::end);
    from.seekg(-std::min<std::streamoff>(from.tellg(), 4096), std::ios::end);
    std::string line;
    std::string last;
    std::string complaint;
    std::string full;
    while (std::getline(from, line)) {
        if (line.empty()) continue;
        last = line;
        if (line.find("FATAL") != std::string::npos || line.find("ERROR") != std::string::npos ||
            line.find("error:") != std::string::npos) {
            if (!line.ends_with("Aborting")) complaint = line;  // MariaDB's last word
        }
        if (line.find("No space left on device") != std::string::npos) full = line;
    }
    if (!full.empty()) return full;
    return complaint.empty() ? last : complaint;
}

}  // namespace

/// One caller that waits. The keeper only posts to its executor; all members but `what` are its thread's.
struct keeper::waiter {
    waiter(const core::executor& on, event wanted) : executor(on), timer(on), what(wanted) {}

    core::executor executor;
    core::timer timer;
    event what;
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
        at_.take(who_.what);
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

fs::path keeper::folder_of(const settings& with, std::string_view key) { return with.folder / "clusters" / key; }

keeper::keeper(household shared, std::shared_ptr<const description> about, std::string key, core::secret_text verifier,
               status at, std::function<void()> when_gone)
    : shared_(shared),
      with_(shared.with),
      who_(shared.runs_as),
      key_(std::move(key)),
      is_(about->is),
      kind_(flavour_of(is_)),
      folder_(folder_of(with_, key_)),
      when_gone_(std::move(when_gone)),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      about_(std::move(about)),
      life_(at, !fs::exists(folder_)),
      verifier_(std::move(verifier)) {
    if (!bell_) throw std::system_error(errno, std::generic_category(), "eventfd");
    try {
        if (const auto found = read_record(folder_)) version_ = found->version;
    } catch (const std::runtime_error& why) {
        // Starting it will say so again.
        core::log(core::log_level::warning, "cluster {}: {}", about_->id, why.what());
    }
    publish();
    if (with_.manage) return;
    const auto processes = database_processes_in(site_in(folder_).data);
    if (processes.empty()) return;
    auto running = std::make_shared<view>(*now_);
    running->state = status::available;
    running->process_id = *std::ranges::min_element(processes);
    show(std::move(running));
}

keeper::~keeper() { close(); }

std::shared_ptr<const view> keeper::now() const {
    const std::lock_guard lock(mutex_);
    return now_;
}

std::shared_ptr<const description> keeper::about() const {
    const std::lock_guard lock(mutex_);
    return about_;
}

std::shared_ptr<const view> keeper::tell(event what) {
    const std::lock_guard lock(mutex_);
    if (!closing_) take(what);
    return now_;
}

void keeper::revise(std::shared_ptr<const description> about) {
    const std::lock_guard lock(mutex_);
    about_ = std::move(about);
    publish();
}

void keeper::set_verifier(core::secret_text verifier) {
    const std::lock_guard lock(mutex_);
    verifier_ = std::move(verifier);
    verifier_changed_ = true;
}

void keeper::set_megabytes(std::size_t megabytes) {
    const std::lock_guard lock(mutex_);
    megabytes_ = megabytes;
}

void keeper::show_capacity(capacity now) {
    const std::lock_guard lock(mutex_);
    capacity_ = now;
    if (now_->now == now) return;
    auto next = std::make_shared<view>(*now_);
    next->now = now;
    show(std::move(next));
}

void keeper::expect_version(std::string version) {
    const std::lock_guard lock(mutex_);
    if (!version_.empty()) return;
    version_ = std::move(version);
    publish();
}

capacity keeper::running_capacity() const {
    if (process_ == 0 || !about_->scales.given) return {};
    if (capacity_.halves != 0) return capacity_;
    return megabytes_ == 0 ? capacity{} : capacity{std::max(about_->scales.least.halves, 1)};
}

std::size_t keeper::connections() const { return connections_to(site_in(folder_).run / kind_.socket_name().substr(1)); }

core::awaitable<core::result<void>> keeper::fulfil(std::shared_ptr<keeper> self, event what, core::deadline until) {
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
        const auto id = self->about()->id;
        if (what == event::call || what == event::start) {
            co_return core::fail(
                core::error_kind::database_unavailable,
                fmt::format("The DB cluster {} is still starting. Please wait a few seconds and try again.", id));
        }
        co_return core::fail(core::error_kind::unavailable,
                             fmt::format("The DB cluster {} is still {}.", id, name_of(self->now()->state)));
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

void keeper::take(event what) {
    if (step_ != step::nothing) {
        if (std::ranges::find(kept_back_, what) == kept_back_.end()) kept_back_.push_back(what);
        publish();
        return;
    }
    advance(what);
    settle({});
}

void keeper::advance(event what) {
    step_ = life_.resume(what, core::clock::now());
    publish();
    if (step_ == step::nothing && !life_.wakes_at()) return;
    if (!thread_.joinable() && with_.manage) thread_ = std::thread([this] { run(); });
    wake();
}

void keeper::publish() {
    auto next = std::make_shared<view>();
    auto state = life_.is();
    // What is on its way is what the world sees.
    for (const auto each : kept_back_) {
        if (each == event::remove) state = status::deleting;
        if (each == event::stop && state != status::deleting) state = status::stopping;
    }
    // Scaling is no modification that anybody sees: Aurora stays available.
    if (state == status::modifying && process_ != 0 && !verifier_changed_) state = status::available;
    *next = {.id = about_->id,
             .arn = about_->arn,
             .is = is_,
             .engine_version = version_,
             .state = state,
             .managed = true,
             .endpoint = kind_.endpoint(site_in(folder_)),
             .default_database = about_->database,
             .master_user = about_->master_user,
             .profile = about_->profile,
             .process_id = process_,
             .now = running_capacity(),
             .folder = folder_,
             .about = about_};
    show(std::move(next));
}

/// Counted when it is to be seen, not before (registry::version).
void keeper::show(std::shared_ptr<const view> next) {
    now_ = std::move(next);
    shared_.changes->fetch_add(1, std::memory_order_release);
}

/// Answers those whose wish is decided. @param failure  Why the last step failed; empty: it did not.
void keeper::settle(std::string_view failure) {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        const auto what = (*at)->what;
        auto held = (*at)->self.lock();
        const bool waits = std::ranges::find(kept_back_, what) != kept_back_.end();
        const auto became = life_.about(what);
        if (held && (waits || became == verdict::pending) && failure.empty()) {
            ++at;
            continue;
        }
        at = waiting_.erase(at);
        if (!held) continue;
        core::result<void> outcome;
        if (became != verdict::come_true) {
            outcome = failure.empty() ? core::result<void>(std::unexpected(refusal()))
                                      : core::fail(core::error_kind::database_unavailable, std::string(failure));
        }
        auto executor = held->executor;
        core::asio::post(executor, [held = std::move(held), outcome] {
            held->done = true;
            held->outcome = outcome;
            held->timer.cancel();
        });
    }
}

core::error keeper::refusal() const {
    if (life_.is() == status::failed) return {core::error_kind::database_unavailable, failure_};
    return {core::error_kind::invalid_state,
            fmt::format("The DB cluster {} is in the {} state.", about_->id, name_of(life_.is()))};
}

void keeper::report(event outcome, std::string_view failure) {
    const std::lock_guard lock(mutex_);
    step_ = step::nothing;
    process_ = server_.id();
    if (!installed_.version.empty()) version_ = installed_.version;
    if (!failure.empty()) failure_ = failure;
    advance(outcome);
    settle(failure);
    while (step_ == step::nothing && !kept_back_.empty()) {
        const auto next = kept_back_.front();
        kept_back_.pop_front();
        advance(next);
        settle({});
    }
}

void keeper::run() noexcept {
    ::pthread_setname_np(::pthread_self(), "cluster-keeper");
    for (;;) {
        auto next = step::nothing;
        std::optional<core::clock::time_point> wakes_at;
        {
            const std::lock_guard lock(mutex_);
            if (closing_) break;
            next = step_;
            wakes_at = life_.wakes_at();
        }
        try {
            if (next == step::nothing) {
                std::array<pollfd, 2> events = {pollfd{.fd = bell_.get(), .events = POLLIN, .revents = 0},
                                                pollfd{.fd = server_.handle(), .events = POLLIN, .revents = 0}};
                const auto left = wakes_at ? core::deadline(*wakes_at).left() : core::clock::duration(1h);
                ::poll(events.data(), server_.runs() ? 2 : 1,
                       static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
                take_wake_ups();
                if (server_.runs() && events[1].revents != 0) {
                    note_death();
                } else if (wakes_at && core::deadline(*wakes_at).passed()) {
                    const std::lock_guard lock(mutex_);
                    take(event::timer);
                }
                continue;
            }
            carry_out(next);
            report(event::done, {});
            if (next == step::remove) break;
        } catch (const closing_down&) {
            break;
        } catch (const std::exception& why) {
            const auto id = about()->id;
            const auto space = about_space(folder_.parent_path());
            core::log(core::log_level::error, "cluster {}: {}{}", id, why.what(), space);
            if (next != step::apply) server_ = child();
            report(event::failed, fmt::format("The DB cluster {} is not available: {}{}", id, why.what(), space));
        }
    }
    try {
        stop();
    } catch (const std::exception& why) {
        core::log(core::log_level::error, "cluster {}: {}", about()->id, why.what());
        server_ = child();
    }
    const std::lock_guard lock(mutex_);
    closing_ = true;
    process_ = 0;
    publish();
    kept_back_.clear();
    for (auto* each : waiting_) {
        auto held = each->self.lock();
        if (!held) continue;
        auto executor = held->executor;
        core::asio::post(executor, [held = std::move(held), outcome = end()] {
            held->done = true;
            held->outcome = std::unexpected(outcome);
            held->timer.cancel();
        });
    }
    waiting_.clear();
}

void keeper::carry_out(step what) {
    switch (what) {
        case step::create:
        case step::start:
            start();
            break;
        case step::apply:
            apply();
            break;
        case step::halt:
            stop();
            if (now()->state == status::pausing && shared_.state != nullptr) shared_.state->rest(key_, status::paused);
            break;
        case step::remove:
            remove();
            break;
        case step::nothing:
            break;
    }
}

core::error keeper::end() const {
    return {core::error_kind::database_unavailable, fmt::format("The DB cluster {} is being shut down.", about_->id)};
}

void keeper::sleep_until(core::deadline until) {
    while (!until.passed()) {
        pollfd bell{.fd = bell_.get(), .events = POLLIN, .revents = 0};
        ::poll(&bell, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until.left()).count()));
        if (is_closing()) throw closing_down();
        take_wake_ups();
    }
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
    if (at.run.string().size() + kind_.socket_name().size() > longest_socket_path)
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

std::string keeper::check_record() {
    auto found = read_record(folder_);
    if (!found) {
        throw std::runtime_error(
            fmt::format("{}: has no cluster.json, so it was not made by Borealis; move it away", folder_.string()));
    }
    if (found->engine != kind_.name()) {
        throw std::runtime_error(fmt::format("{}: holds data of {}, not of {}; remove the cluster, or use another id",
                                             folder_.string(), found->engine, kind_.name()));
    }
    if (const auto user = about()->master_user; found->master_user != user) {
        throw std::runtime_error(
            fmt::format("{}: was made with the master user {}, not {}; name that one, or remove the cluster",
                        folder_.string(), found->master_user, user));
    }
    struct stat about_data{};
    const auto data = site_in(folder_).data;
    if (::stat(data.c_str(), &about_data) != 0) refuse(data, "cannot be used");
    if (about_data.st_uid != who_.user) {
        throw std::runtime_error(
            fmt::format("{0}: belongs to the user with id {1}, and the database runs as {2}; set run_databases_as, or: "
                        "chown -R {2} {0}",
                        data.string(), about_data.st_uid, who_.name));
    }
    administrator_password_ = std::move(found->administrator_password);
    return found->series;
}

void keeper::start() {
    const auto state = now()->state;
    const auto id = about()->id;
    if (state == status::resuming) {
        if (const auto asked = shared_.faults->take(id, fault_kind::resume_delay))
            sleep_until(core::deadline::after(asked->duration));
        if (shared_.faults->take(id, fault_kind::resume_failure))
            throw std::runtime_error("it could not be resumed, as asked for with `borealis cluster fault`");
    }
    const auto began = core::clock::now();
    const bool is_new = !fs::exists(folder_);
    if (const auto closed = first_closed_folder(who_, folder_.parent_path()); !closed.empty()) {
        throw std::runtime_error(
            fmt::format("the folder {0} is closed to the user {1}, who runs the database; open it (chmod o+x {0}), "
                        "put the state folder elsewhere, or set run_databases_as",
                        closed.string(), who_.name));
    }
    if (is_new) {
        installed_ = kind_.find(with_, who_, about()->series);
        create(installed_, folder_.parent_path() / (".making-" + key_));
        core::log(core::log_level::info, "cluster {}: created with {} {} in {} ms", id, kind_.name(),
                  installed_.version,
                  std::chrono::duration_cast<std::chrono::milliseconds>(core::clock::now() - began).count());
    }
    installed_ = kind_.find(with_, who_, check_record());
    // From now on a kill leaves a cluster that is neither paused nor stopped.
    if (shared_.state != nullptr) shared_.state->rest(key_, status::idle);

    const auto until = core::deadline::after(with_.start_timeout);
    const auto at = site_in(folder_);
    make_folder(at.run, 0700, true);
    end_database_processes_in(at.data, core::deadline::after(with_.stop_timeout));
    kind_.clear_stale_files(at);
    const auto log = folder_ / "log";
    {
        const descriptor output = open_log(log);
        auto service = kind_.service(installed_, at);
        service.network |= with_.databases_may_connect;
        server_ = child(service, who_, output.get());
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
    apply_after_start();
    core::log(core::log_level::info, "cluster {}: {} {} runs as process {} after {} ms", id, kind_.name(),
              installed_.version, server_.id(),
              std::chrono::duration_cast<std::chrono::milliseconds>(core::clock::now() - began).count());
}

void keeper::create(const installation& with, const fs::path& draft) {
    const auto until = core::deadline::after(with_.start_timeout);
    end_database_processes_in(draft, until);
    fs::remove_all(draft);
    make_folder(draft, 0711, false);
    const auto at = site_in(draft);
    const auto what = about();
    try {
        const descriptor output = open_log(draft / "log");
        if (!what->source.empty()) {
            const account us{.name = "us", .user = ::geteuid(), .group = ::getegid()};
            run_to_end({.words = {"/bin/tar", "--extract", "--gzip", "--same-owner", "--preserve-permissions",
                                  "--directory=" + draft.string(), "--file=" + what->source}},
                       us, output.get(), until);
        } else {
            make_folder(at.data, 0700, true);
            make_folder(at.temporary, 0700, true);
            const auto run = [&](const command& each) { run_to_end(each, who_, output.get(), until); };
            const auto from = shared_.templates->find(
                kind_, with, who_, [this](const fs::path& folder) { make_folder(folder, 0700, true); }, run);
            run({.words = {"/bin/cp", "--archive", "--reflink=auto", from.string() + "/.", at.data.string()}});
            record made{std::string(kind_.name()), with.version, with.series, what->master_user,
                        core::secret_text(core::random_alphanumeric(32))};
            owner whose{.master_user = what->master_user,
                        .master_verifier = {},
                        .administrator_verifier = kind_.verifier(made.administrator_password),
                        .database = what->database};
            {
                const std::lock_guard lock(mutex_);
                whose.master_verifier = verifier_;
            }
            for (const auto& each : kind_.completion(with, at, whose)) run(each);
            write_record(draft, made);
        }
    } catch (const closing_down&) {
        throw;
    } catch (const std::exception& why) {
        const auto words = last_words(draft / "log");
        throw std::runtime_error(fmt::format("it cannot be created: {}{}{}; see {}", why.what(),
                                             words.empty() ? "" : ": ", words, (draft / "log").string()));
    }
    // Whole and on disk before it has its name: a folder with that name is never half made.
    sync_file_system(draft);
    fs::rename(draft, folder_);
    const descriptor parent(::open(folder_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0) refuse(folder_.parent_path(), "cannot be brought to disk");
}

void keeper::run_to_end(const command& what, const account& who, int output, core::deadline until) {
    child runs(what, who, output);
    if (!child_ends(runs, until))
        throw std::runtime_error(fmt::format("{} did not end within {} seconds (start_timeout)", what.words.front(),
                                             with_.start_timeout.count()));
    if (const auto how = runs.reap(); !how.empty())
        throw std::runtime_error(fmt::format("{} ended with {}", what.words.front(), how));
}

void keeper::apply() {
    std::vector<std::string> statements;
    {
        const std::lock_guard lock(mutex_);
        if (verifier_changed_) {
            statements = kind_.password_change({.master_user = about_->master_user,
                                                .master_verifier = verifier_,
                                                .administrator_verifier = {},
                                                .database = {}});
        }
        if (megabytes_ != 0) {
            for (auto& each : kind_.scaling_to(megabytes_)) statements.push_back(std::move(each));
        }
    }
    if (statements.empty()) return;
    run_statements(statements);
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(verifier_changed_, false)) return;
    }
    if (shared_.state != nullptr) shared_.state->verifier_is_applied(key_);
}

/// What the last process had not got round to, and what an engine forgets when it stops.
void keeper::apply_after_start() {
    if ((is_ == engine::postgresql ? with_.postgresql : with_.mysql) == nullptr) return;
    try {
        apply();
    } catch (const std::runtime_error& why) {
        core::log(core::log_level::error, "cluster {}: {}", about()->id, why.what());
    }
}

/// As the administrator, one after the other, on a loop of this thread's own.
void keeper::run_statements(const std::vector<std::string>& all) {
    auto* driver = is_ == engine::postgresql ? with_.postgresql : with_.mysql;
    if (!server_.runs()) throw std::runtime_error("its engine has ended");
    if (driver == nullptr || administrator_password_.empty())
        throw std::runtime_error("its settings cannot be changed: there is no login of its administrator");
    core::asio::io_context here(1);
    std::string failed;
    std::exception_ptr thrown;
    core::asio::co_spawn(here.get_executor(),
                         run_as_administrator(*driver, kind_.endpoint(site_in(folder_)),
                                              {.user = std::string(administrator), .password = administrator_password_},
                                              all, core::deadline::after(with_.stop_timeout)),
                         [&](std::exception_ptr problem, std::string complaint) {
                             thrown = std::move(problem);
                             failed = std::move(complaint);
                         });
    here.run();
    if (thrown) std::rethrow_exception(thrown);
    if (!failed.empty()) throw std::runtime_error(fmt::format("its settings cannot be changed: {}", failed));
}

void keeper::remove_short_folder() const {
    const auto run = site_in(folder_).run;
    std::error_code ignored;  // an empty folder in /tmp, that the next start takes over
    if (run.parent_path() != folder_) fs::remove_all(run, ignored);
}

void keeper::stop() {
    if (!server_.runs()) {
        remove_short_folder();
        return;
    }
    server_.signal(kind_.stop_signal());
    const auto until = core::deadline::after(with_.stop_timeout);
    pollfd end{.fd = server_.handle(), .events = POLLIN, .revents = 0};
    // Not `child_ends`: closing must not cut this short.
    while (!until.passed() && end.revents == 0)
        ::poll(&end, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until.left()).count()));
    const auto id = about()->id;
    if (end.revents == 0) {
        core::log(core::log_level::warning, "cluster {}: {} does not stop within {} seconds and is killed", id,
                  kind_.name(), with_.stop_timeout.count());
        server_.kill();
    }
    server_.reap();
    end_database_processes_in(site_in(folder_).data, core::deadline(core::clock::now()));
    remove_short_folder();
    core::log(core::log_level::info, "cluster {}: its engine has stopped", id);
}

void keeper::remove() {
    stop();
    if (fs::exists(folder_)) write_snapshots();
    // First out of its name, then gone: what a kill leaves behind is removed at the next start.
    const auto dying = folder_.parent_path() / (".removing-" + key_);
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
    when_gone_();
}

/// The data folder of the stopped engine, users and settings included: what Aurora keeps as a snapshot is its volume,
/// too. Needs neither a login nor a client program, and the same program reads it as it was.
void keeper::write_snapshots() {
    if (shared_.state == nullptr) return;
    const auto id = about()->id;
    for (auto each : shared_.state->snapshots()) {
        if (each.available || each.cluster_id != id) continue;
        const fs::path file = each.file;
        fs::create_directories(file.parent_path());
        const auto draft = file.string() + ".making";
        const descriptor output = open_log(folder_ / "log");
        const account us{.name = "us", .user = ::geteuid(), .group = ::getegid()};
        run_to_end({.words = {"/bin/tar", "--create", "--gzip", "--sparse", "--directory=" + folder_.string(),
                              "--file=" + draft, "cluster.json", "data", "tmp"}},
                   us, output.get(), core::deadline::after(10 * with_.start_timeout));
        sync_file_system(file.parent_path());
        fs::rename(draft, file);
        each.available = true;
        each.bytes = static_cast<std::int64_t>(fs::file_size(file));
        shared_.state->save(each);
        core::log(core::log_level::info, "cluster {}: final snapshot {} has {} bytes", id, each.id, each.bytes);
    }
}

void keeper::note_death() {
    const auto how = server_.reap();
    core::log(core::log_level::error, "cluster {}: {} has ended by itself ({}): {}", about()->id, kind_.name(),
              how.empty() ? "status 0" : how, last_words(folder_ / "log"));
    const std::lock_guard lock(mutex_);
    process_ = 0;
    if (step_ == step::nothing) {
        take(event::died);
    } else if (step_ == step::apply) {
        kept_back_.push_front(event::died);  // it was handed over just now, and will fail
    }  // else it is to be stopped anyway
}

}  // namespace borealis::clusters
