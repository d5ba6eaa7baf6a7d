#include "clusters/process.hpp"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// What `script` prints, run by sh.
std::string printed_by(std::string script, core::secret_text input = {}) {
    const tests::temporary_folder folder;
    const auto file = folder.path() / "out";
    const descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
    child runs({.words = {"/bin/sh", "-c", std::move(script)}, .input = std::move(input)}, choose_account(""),
               out.get());
    const auto how = runs.reap();
    std::ifstream from(file);
    return std::string{std::istreambuf_iterator<char>(from), {}} + how;
}

TEST(a_child, given_input_when_read_twice_then_it_is_there_and_nowhere_else) {
    EXPECT_EQ(printed_by("cat; cat /dev/stdin", core::secret_text("word\n")), "word\nword\n");
}

TEST(a_child, given_an_end_when_reaped_then_it_says_how) {
    EXPECT_EQ(printed_by("exit 3"), "status 3");
    EXPECT_EQ(printed_by("kill -9 $$"), "signal 9 (Killed)");
    EXPECT_EQ(printed_by("true"), "");
}

TEST(a_child, given_our_state_when_started_then_none_of_it_is_inherited) {
    const int leak = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    ASSERT_GT(leak, 2);
    ::setenv("PGDATA", "/elsewhere", 1);
    EXPECT_EQ(
        printed_by("echo /proc/self/fd/*; echo \"$PGDATA\"; umask; pwd"),
        printed_by("echo /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3; echo; echo 0077; echo /"));
    ::unsetenv("PGDATA");
    ::close(leak);
}

TEST(a_child, given_root_when_started_then_it_is_nobody_special) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(printed_by("id -u | grep -c '^0$'; id -G | grep -cw 0; cat /etc/shadow 2>/dev/null | wc -l"),
              "0\n0\n0\n");
}

TEST(a_child, given_no_program_when_started_then_the_error_names_it) {
    try {
        child({.words = {"/no/such/program"}}, choose_account(""), STDERR_FILENO);
        FAIL();
    } catch (const std::runtime_error& why) {
        EXPECT_THAT(why.what(), HasSubstr("/no/such/program cannot be run"));
        EXPECT_THAT(why.what(), HasSubstr("No such file"));
    }
}

TEST(a_child, given_the_thread_that_started_it_when_it_ends_then_so_does_the_child) {
    child runs;
    std::thread([&] {
        runs = child({.words = {"/bin/sleep", "60"}, .death_signal = SIGTERM}, choose_account(""), STDERR_FILENO);
    }).join();
    pollfd end{.fd = runs.handle(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&end, 1, 10000), 1);
    EXPECT_EQ(runs.reap(), "signal 15 (Terminated)");
}

TEST(a_child, given_its_children_when_killed_then_they_go_too) {
    const tests::temporary_folder folder;
    const descriptor out(::open((folder.path() / "out").c_str(), O_RDWR | O_CREAT, 0600));
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const descriptor read_end(ends[0]);
    descriptor write_end(ends[1]);
    child runs({.words = {"/bin/sh", "-c", "sleep 60 & sleep 60 & wait"}}, choose_account(""), write_end.get());
    {
        const descriptor closes = std::move(write_end);
    }
    std::this_thread::sleep_for(50ms);  // time for the two to start; the test holds without it
    runs.kill();
    EXPECT_EQ(runs.reap(), "signal 9 (Killed)");
    pollfd closed{.fd = read_end.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&closed, 1, 10000), 1);  // nobody holds the pipe's other end any more
}

TEST(closed_folders, given_a_folder_that_the_user_may_not_enter_when_asked_then_the_first_one_is_named) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const tests::temporary_folder folder;
    fs::create_directories(folder.path() / "a" / "b");
    EXPECT_EQ(first_closed_folder(choose_account("nobody"), folder.path() / "a" / "b"), folder.path());
    fs::permissions(folder.path(), fs::perms(0711));
    EXPECT_EQ(first_closed_folder(choose_account("nobody"), folder.path() / "a" / "b"), "");
    fs::permissions(folder.path() / "a" / "b", fs::perms(0700));
    EXPECT_EQ(first_closed_folder(choose_account("nobody"), folder.path() / "a" / "b"), folder.path() / "a" / "b");
}

TEST(accounts, given_a_user_that_cannot_be_used_when_chosen_then_the_error_says_why) {
    const auto refusal = [](const std::string& name) -> std::string {
        try {
            return choose_account(name).name;
        } catch (const std::runtime_error& why) {
            return why.what();
        }
    };
    if (::geteuid() == 0) {
        EXPECT_THAT(refusal("no-such-user"), HasSubstr("useradd --system no-such-user"));
        EXPECT_THAT(refusal("root"), HasSubstr("refuse to run as root"));
        EXPECT_EQ(refusal("nobody"), "nobody");
    } else {
        EXPECT_THAT(refusal("root"), HasSubstr("only root can"));
    }
}

}  // namespace
}  // namespace borealis::clusters
