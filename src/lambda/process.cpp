#include "lambda/process.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace borealis::lambda {
namespace {

constexpr rlim_t descriptors = 1024;  // L-1.54

/// A descriptor closed at the end of the scope unless it is handed on.
class fd {
 public:
    fd() = default;
    explicit fd(int number) : number_(number) {}
    fd(const fd&) = delete;
    fd& operator=(const fd&) = delete;
    ~fd() { reset(); }
    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    void reset(int number = -1) {
        if (number_ >= 0) ::close(number_);
        number_ = number;
    }

 private:
    int number_ = -1;
};

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

using stage = launch_failure::stage;

struct told {
    stage at;
    int error;
};

/// Everything below runs in the child, after fork(2) in a program with threads: system calls only, no allocation, no
/// lock. glibc's setuid and its kin would want to tell the other threads, which are not here.
[[noreturn]] void run_child(const char* program, const char* folder, const char* temp, char* const* words,
                            char* const* environment, const account& who, pid_t parent, int input, int output,
                            int tells) {
    const auto give_up = [tells](stage at) {
        const told why{at, errno};
        [[maybe_unused]] const auto written = ::write(tells, &why, sizeof why);
        ::_exit(127);
    };
    ::setpgid(0, 0);
    ::umask(022);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const rlimit few{descriptors, descriptors};
    ::setrlimit(RLIMIT_NOFILE, &few);
    if (!who.is_us) {
        if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
            ::syscall(SYS_setresgid, who.group, who.group, who.group) != 0 ||
            ::syscall(SYS_setresuid, who.user, who.user, who.user) != 0) {
            give_up(stage::user);
        }
    }
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // PR_SET_PDEATHSIG is lost by a change of user, so it comes after; we may be gone by then.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) give_up(stage::machine);
    if (::chdir(folder) != 0) give_up(stage::folder);
    if (::access(temp, W_OK | X_OK) != 0) give_up(stage::temp_folder);
    if (::dup2(input, 0) != 0 || ::dup2(output, 1) != 1 || ::dup2(output, 2) != 2) give_up(stage::machine);
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    ::execve(program, words, environment);
    give_up(stage::execute);
    __builtin_unreachable();
}

std::string_view signal_name(int number) {  // as Go writes them on Linux
    switch (number) {
        case SIGHUP:
            return "hangup";
        case SIGINT:
            return "interrupt";
        case SIGQUIT:
            return "quit";
        case SIGILL:
            return "illegal instruction";
        case SIGTRAP:
            return "trace/breakpoint trap";
        case SIGABRT:
            return "aborted";
        case SIGBUS:
            return "bus error";
        case SIGFPE:
            return "floating point exception";
        case SIGKILL:
            return "killed";
        case SIGUSR1:
            return "user defined signal 1";
        case SIGSEGV:
            return "segmentation fault";
        case SIGUSR2:
            return "user defined signal 2";
        case SIGPIPE:
            return "broken pipe";
        case SIGALRM:
            return "alarm clock";
        case SIGTERM:
            return "terminated";
        case SIGXCPU:
            return "CPU time limit exceeded";
        case SIGXFSZ:
            return "file size limit exceeded";
        case SIGSYS:
            return "bad system call";
        default:
            return {};
    }
}

}  // namespace

account choose_account(const std::string& run_as) {
    const auto find = [](const std::string& name) { return ::getpwnam(name.c_str()); };
    if (::geteuid() != 0) {
        const passwd* us = ::getpwuid(::geteuid());
        const std::string name = us == nullptr ? fmt::format("{}", ::geteuid()) : us->pw_name;
        if (!run_as.empty() && run_as != name) {
            throw std::runtime_error(fmt::format(
                "run_functions_as = \"{}\": only root can run functions as another user, and this is {}; leave it out",
                run_as, name));
        }
        return {.name = name, .user = ::geteuid(), .group = ::getegid()};
    }
    const passwd* found = run_as.empty() ? find("borealis") : find(run_as);
    if (found == nullptr && run_as.empty()) found = find("nobody");
    if (found == nullptr) {
        throw std::runtime_error(
            fmt::format("run_functions_as = \"{0}\": there is no such user; make it: useradd --system {0}",
                        run_as.empty() ? "borealis" : run_as));
    }
    return {.name = found->pw_name,
            .user = found->pw_uid,
            .group = found->pw_gid,
            .is_us = found->pw_uid == 0,
            .by_choice = !run_as.empty()};
}

std::expected<started_process, launch_failure> start(const launch& what, const account& who) {
    const auto fail = [](stage at) { return std::unexpected(launch_failure{at, errno}); };
    std::string program = what.program.string();
    const std::string folder = what.folder.string();
    const std::string temp = what.temp_folder.string();
    std::array<char*, 2> words = {program.data(), nullptr};
    std::vector<std::string> lines = what.environment;
    std::vector<char*> environment;
    environment.reserve(lines.size() + 1);
    for (auto& line : lines) environment.push_back(line.data());
    environment.push_back(nullptr);

    const fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (input.get() < 0) return fail(stage::machine);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(stage::machine);
    fd output(ends[0]);
    fd prints(ends[1]);
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(stage::machine);
    const fd hears(ends[0]);
    fd tells(ends[1]);

    const pid_t us = ::getpid();
    pid_t id = 0;
    {
        const all_signals_blocked quiet;
        id = ::fork();
        if (id == 0) {
            run_child(program.c_str(), folder.c_str(), temp.c_str(), words.data(), environment.data(), who, us,
                      input.get(), prints.get(), tells.get());
        }
    }
    if (id < 0) return fail(stage::machine);
    prints.reset();
    tells.reset();
    told why{};
    ssize_t got = 0;
    do got = ::read(hears.get(), &why, sizeof why);  // ends with the execution
    while (got < 0 && errno == EINTR);
    if (got == ssize_t{sizeof why}) {
        reap(id);
        return std::unexpected(launch_failure{why.at, why.error});
    }
    started_process made{.id = id, .handle = static_cast<int>(::syscall(SYS_pidfd_open, id, 0)), .output = -1};
    if (made.handle < 0) {
        const auto failed = fail(stage::machine);
        ::kill(-id, SIGKILL);
        reap(id);
        return failed;
    }
    ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
    made.output = output.release();
    return made;
}

int reap(pid_t id) {
    // The child, not reaped yet, keeps the group's number from being given away.
    ::kill(-id, SIGKILL);
    int status = 0;
    while (::waitpid(id, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

std::string exit_text(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        const auto name = signal_name(WTERMSIG(wait_status));
        return fmt::format("Runtime exited with error: signal: {}{}",
                           name.empty() ? fmt::format("signal {}", WTERMSIG(wait_status)) : std::string(name),
                           WCOREDUMP(wait_status) ? " (core dumped)" : "");
    }
    if (WEXITSTATUS(wait_status) == 0) return "Runtime exited without providing a reason";
    return fmt::format("Runtime exited with error: exit status {}", WEXITSTATUS(wait_status));
}

unsigned peak_memory_mb(pid_t id) {
    const fd file(::open(fmt::format("/proc/{}/status", id).c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return 0;
    std::array<char, 4096> text{};
    const auto size = ::read(file.get(), text.data(), text.size());
    if (size <= 0) return 0;
    const std::string_view read(text.data(), static_cast<std::size_t>(size));
    static constexpr std::string_view label = "VmHWM:";
    auto at = read.find(label);
    if (at == std::string_view::npos) return 0;
    at = read.find_first_of("0123456789", at + label.size());
    if (at == std::string_view::npos) return 0;
    unsigned kilobytes = 0;
    std::from_chars(read.data() + at, read.data() + read.size(), kilobytes);
    return (kilobytes + 1023) / 1024;
}

}  // namespace borealis::lambda
