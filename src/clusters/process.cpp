#include "clusters/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clusters/confinement.hpp"
#include "core/log.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto killed_within = 5s;

[[noreturn]] void fail(std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::generic_category().message(errno)));
}

int open_process(pid_t id) { return static_cast<int>(::syscall(SYS_pidfd_open, id, 0)); }

/// After fork(2) in a program with threads: only system calls, no allocation, no lock. glibc's setuid and its kin would
/// want to tell the other threads, which are not here.
bool become(const account& who) {
    if (who.is_us) return true;
    return ::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) == 0 &&
           ::syscall(SYS_setresgid, who.group, who.group, who.group) == 0 &&
           ::syscall(SYS_setresuid, who.user, who.user, who.user) == 0;
}

void forget_signal_handling() {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Blocks every signal while in scope, so that no handler of ours runs in a child that has just been forked.
class all_signals_blocked {
 public:
    all_signals_blocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    all_signals_blocked(const all_signals_blocked&) = delete;
    all_signals_blocked& operator=(const all_signals_blocked&) = delete;
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
    sigset_t before_{};
};

/// A file in memory that holds `text`, at its beginning.
descriptor in_memory(std::string_view text) {
    descriptor made(::memfd_create("borealis", MFD_CLOEXEC));
    if (!made) fail("memfd_create");
    while (!text.empty()) {
        const auto written = ::write(made.get(), text.data(), text.size());
        if (written < 0) fail("write to memory");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(made.get(), 0, SEEK_SET);
    return made;
}

bool readable(int fd, std::chrono::milliseconds limit) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

fs::path target_of(const fs::path& link) {
    std::error_code ignored;  // the process has gone, or is not ours to look at
    return fs::read_symlink(link, ignored);
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// What PostgreSQL's main process has written about itself.
pid_t postmaster_of(const fs::path& data) {
    pid_t id = 0;
    std::ifstream(data / "postmaster.pid") >> id;
    return id;
}

}  // namespace

descriptor::~descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

void sync_file_system(const fs::path& at) {
    const descriptor fd(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::syncfs(fd.get()) != 0) fail(fmt::format("{}: cannot be brought to disk", at.string()));
}

account choose_account(const std::string& run_as) {
    const auto find = [](const std::string& name) { return ::getpwnam(name.c_str()); };
    if (::geteuid() != 0) {
        const passwd* us = ::getpwuid(::geteuid());
        const std::string name = us == nullptr ? fmt::format("{}", ::geteuid()) : us->pw_name;
        if (!run_as.empty() && run_as != name) {
            throw std::runtime_error(fmt::format(
                "run_databases_as = \"{}\": only root can run databases as another user, and this is {}; leave it out",
                run_as, name));
        }
        return {.name = name, .user = ::geteuid(), .group = ::getegid()};
    }
    const passwd* found = run_as.empty() ? find("borealis") : find(run_as);
    if (found == nullptr && run_as.empty()) found = find("nobody");
    if (found == nullptr) {
        throw std::runtime_error(
            fmt::format("run_databases_as = \"{0}\": there is no such user; make it: useradd --system {0}",
                        run_as.empty() ? "borealis" : run_as));
    }
    if (found->pw_uid == 0)
        throw std::runtime_error("run_databases_as: databases refuse to run as root; name an unprivileged user");
    account who{.name = found->pw_name, .user = found->pw_uid, .group = found->pw_gid, .groups = {}, .is_us = false};
    int count = 64;
    who.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(who.name.c_str(), who.group, who.groups.data(), &count) < 0) {
        who.groups.resize(static_cast<std::size_t>(count));
        ::getgrouplist(who.name.c_str(), who.group, who.groups.data(), &count);
    }
    who.groups.resize(static_cast<std::size_t>(count));
    return who;
}

fs::path first_closed_folder(const account& who, const fs::path& target) {
    if (who.is_us) return {};
    std::vector<std::string> prefixes;
    for (fs::path at = target; at.has_relative_path(); at = at.parent_path()) prefixes.push_back(at.string());
    std::ranges::reverse(prefixes);
    std::vector<const char*> names;
    names.reserve(prefixes.size());
    for (const auto& prefix : prefixes) names.push_back(prefix.c_str());
    // The kernel is asked as that user: modes, groups, access lists and whatever else decides.
    pid_t asked = 0;
    {
        const all_signals_blocked quiet;
        asked = ::fork();
        if (asked == 0) {
            if (!become(who)) ::_exit(0);
            for (std::size_t i = 0; i < names.size() && i < 254; ++i) {
                if (::access(names[i], X_OK) != 0 && errno == EACCES) ::_exit(static_cast<int>(i) + 1);
            }
            ::_exit(0);
        }
    }
    int status = 0;
    if (asked < 0 || ::waitpid(asked, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 0) return {};
    return prefixes.at(static_cast<std::size_t>(WEXITSTATUS(status)) - 1);
}

child::child(const command& what, const account& who, int output) {
    std::vector<std::string> words = what.words;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    // A clean environment: PGDATA, MYSQL_HOME and the like of our caller must not steer a database of ours.
    std::array<std::string, 4> variables = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"};
    std::array<char*, 5> environment{};
    std::ranges::transform(variables, environment.begin(), [](std::string& each) { return each.data(); });

    const descriptor input = in_memory(what.input.reveal());
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    const descriptor told(ends[0]);
    descriptor tells(ends[1]);
    const pid_t us = ::getpid();
    {
        const all_signals_blocked quiet;
        id_ = ::fork();
        if (id_ == 0) {
            ::setsid();  // Ctrl-C at our terminal is for us: we stop the databases in order
            ::umask(077);
            // PR_SET_PDEATHSIG is lost by a change of user, so it comes after; we may be gone by then.
            if (become(who) && ::prctl(PR_SET_PDEATHSIG, what.death_signal) == 0 && ::getppid() == us &&
                ::chdir("/") == 0 && ::dup2(input.get(), 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(output, 2) == 2) {
                forget_signal_handling();
                confine(what.network);
                ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
                ::execve(arguments[0], arguments.data(), environment.data());
            }
            const int why = errno;
            [[maybe_unused]] const auto told_or_not = ::write(tells.get(), &why, sizeof why);
            ::_exit(127);
        }
    }
    if (id_ < 0) fail("fork");
    {
        const descriptor closes = std::move(tells);
    }
    int why = 0;
    if (::read(told.get(), &why, sizeof why) == ssize_t{sizeof why}) {
        reap();
        errno = why;
        fail(fmt::format("{} cannot be run as user {}", what.words.front(), who.name));
    }
    handle_ = descriptor(open_process(id_));
    if (!handle_) {
        const int error = errno;
        kill();
        reap();
        errno = error;
        fail("pidfd_open (Linux 5.3 or newer is needed)");
    }
}

child::~child() {
    if (!runs()) return;
    kill();
    reap();
}

void child::signal(int number) const {
    if (runs()) ::kill(id_, number);  // not yet reaped, so the id is still its own
}

void child::kill() const {
    if (!runs()) return;
    ::kill(-id_, SIGKILL);
    ::kill(id_, SIGKILL);
}

std::string child::reap() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    handle_ = descriptor();
    if (WIFSIGNALED(status)) return fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == 0 ? std::string() : fmt::format("status {}", WEXITSTATUS(status));
}

std::string output_of(const std::vector<std::string>& words, const account& who, std::chrono::milliseconds limit) {
    const descriptor into = in_memory({});
    try {
        child runs({.words = words}, who, into.get());
        if (!readable(runs.handle(), limit) || !runs.reap().empty()) return {};
    } catch (const std::runtime_error& why) {
        core::log(core::log_level::debug, "{}", why.what());
        return {};
    }
    std::string text(4096, '\0');
    const auto size = ::pread(into.get(), text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
}

std::vector<pid_t> database_processes_in(const fs::path& folder) {
    static constexpr std::array<std::string_view, 3> programs = {"postgres", "mariadbd", "mysqld"};
    std::vector<pid_t> found;
    std::error_code ignored;  // a process may end while we look
    for (fs::directory_iterator each("/proc", ignored), end; each != end; each.increment(ignored)) {
        const std::string name = each->path().filename().string();
        pid_t id = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), id).ec != std::errc()) continue;
        // Every process of both databases works in its data folder. An updated program's file is shown as "(deleted)".
        if (!lies_in(target_of(each->path() / "cwd"), folder)) continue;
        auto program = target_of(each->path() / "exe").filename().string();
        program = program.substr(0, program.find(' '));
        if (std::ranges::find(programs, program) != programs.end()) found.push_back(id);
    }
    return found;
}

std::size_t connections_to(const fs::path& socket) {
    // Num RefCount Protocol Flags Type St Inode Path: St 03 is connected, and only the server's ends have the path.
    std::ifstream from("/proc/net/unix");
    std::size_t count = 0;
    std::string line;
    while (std::getline(from, line)) {
        if (line.ends_with(" " + socket.string()) && line.find(" 0001 03 ") != std::string::npos) ++count;
    }
    return count;
}

std::size_t memory_of(const std::vector<pid_t>& processes) {
    std::size_t kibibytes = 0;
    for (const pid_t id : processes) {
        std::ifstream from(fmt::format("/proc/{}/smaps_rollup", id));
        std::string word;
        while (from >> word) {
            if (word != "Pss:") continue;
            std::size_t size = 0;
            from >> size;
            kibibytes += size;
        }
    }
    return kibibytes * 1024;
}

void end_database_processes_in(const fs::path& folder, core::deadline until) {
    auto found = database_processes_in(folder);
    if (found.empty()) return;
    core::log(core::log_level::warning, "{}: {} processes of a database that nobody watches are ended first",
              folder.string(), found.size());
    // PostgreSQL: only the main process may be asked, and its children without it have nothing left to do.
    const auto asked = [&](pid_t id) {
        const auto program = target_of(fmt::format("/proc/{}/exe", id)).filename().string();
        if (!program.starts_with("postgres")) return ::kill(id, SIGTERM) == 0;
        const auto data = target_of(fmt::format("/proc/{}/cwd", id));
        return id == postmaster_of(data) && ::kill(id, SIGINT) == 0;
    };
    const auto any_asked = std::ranges::count_if(found, asked) != 0;
    while (any_asked && !until.passed() && !database_processes_in(folder).empty()) std::this_thread::sleep_for(20ms);
    // A process may start another while we look, so: until there is none.
    const auto last = core::deadline::after(killed_within);
    for (found = database_processes_in(folder); !found.empty(); found = database_processes_in(folder)) {
        if (last.passed()) {
            throw std::runtime_error(
                fmt::format("process {} still works in {} and cannot be killed", found.front(), folder.string()));
        }
        for (const pid_t id : found) ::kill(id, SIGKILL);
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace borealis::clusters
