// Real PostgreSQL and MariaDB servers, created, started, killed and stopped. What is in them is looked at with the
// stock clients, psql and mariadb.
#include "clusters/registry.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clusters/process.hpp"
#include "support/temporary_folder.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using core::deadline;
using core::error_kind;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr std::string_view password = R"(it's a "secret"\ $HOME ü;)";
constexpr std::string_view arn = "arn:aws:rds:us-east-1:123456789012:cluster:db";

/// Runs a coroutine to its end on an io_context of its own.
template <class T>
T await(core::awaitable<T> what) {
    core::asio::io_context here(1);
    std::optional<T> got;
    core::asio::co_spawn(here.get_executor(), std::move(what), [&got](std::exception_ptr failed, T value) {
        if (failed) std::rethrow_exception(failed);
        got.emplace(std::move(value));
    });
    here.run();
    return std::move(got.value());
}

std::string contents_of(const fs::path& file) {
    std::ifstream from(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(from), {}};
}

/// What the engine's own client prints for `statement`, its complaint included; one line a row, columns cut by blanks.
std::string ask(const view& at, std::string_view statement, std::string_view user, std::string_view with,
                std::string_view database) {
    const tests::temporary_folder folder;
    const auto file = [&](const char* name, std::string_view text) {
        std::ofstream(folder.path() / name) << text;
        return (folder.path() / name).string();
    };
    const auto sql = file("sql", statement);
    ::setenv("PGPASSWORD", std::string(with).c_str(), 1);
    ::setenv("MYSQL_PWD", std::string(with).c_str(), 1);
    const auto line = at.is == engine::postgresql
                          ? fmt::format("psql -X -w -A -t -F ' ' -v ON_ERROR_STOP=1 -h '{}' -p {} -U {} -f {} {} 2>&1",
                                        at.endpoint.socket, at.endpoint.port, user, sql, database)
                          : fmt::format("mariadb --no-defaults -N -B --socket='{}' --user={} {} < {} 2>&1",
                                        at.endpoint.socket, user, database, sql);
    FILE* out = ::popen(line.c_str(), "r");
    std::string text;
    for (std::array<char, 256> part{}; std::fgets(part.data(), part.size(), out) != nullptr;) text += part.data();
    ::pclose(out);
    return text;
}
std::string ask(const view& at, std::string_view statement) { return ask(at, statement, "admin", password, "shop"); }

/// True when the process holds a socket that the kernel lists under TCP.
bool listens_on_tcp(std::int64_t process) {
    std::set<std::string> inodes;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream from(table);
        std::string line;
        std::getline(from, line);
        while (std::getline(from, line)) {
            std::istringstream words(line);
            std::string word;
            for (int i = 0; i < 10; ++i) words >> word;
            inodes.insert("socket:[" + word + "]");
        }
    }
    for (const auto& each : fs::directory_iterator(fmt::format("/proc/{}/fd", process))) {
        std::error_code ignored;  // closed meanwhile
        if (inodes.contains(fs::read_symlink(each.path(), ignored).string())) return true;
    }
    return false;
}

bool gone(std::int64_t process) {
    for (const auto until = deadline::after(20s); !until.passed(); std::this_thread::sleep_for(5ms)) {
        // A zombie of a parent that has not looked yet is no process that works.
        const auto about = contents_of(fmt::format("/proc/{}/stat", process));
        if (about.empty() || about.find(") Z") != std::string::npos) return true;
    }
    return false;
}

bool state_becomes(const registry& of, status wanted) {
    for (const auto until = deadline::after(20s); !until.passed(); std::this_thread::sleep_for(5ms)) {
        if (of.find("db")->state == wanted) return true;
    }
    return false;
}

std::string refusal_of(const settings& with) {
    try {
        const registry made(with);
    } catch (const std::runtime_error& why) {
        return why.what();
    }
    return "accepted";
}

struct a_registry : ::testing::Test {
    a_registry() { fs::permissions(folder.path(), fs::perms(0711)); }
    ~a_registry() override {
        for (const pid_t left : database_processes_in(folder.path()))
            ADD_FAILURE() << "process " << left << " still runs";
    }

    [[nodiscard]] settings usual() const {
        settings with;
        with.folder = folder.path() / "state";
        return with;
    }
    static managed_cluster cluster(engine is) {
        return {.id = "db",
                .arn = {},
                .is = is,
                .default_database = "shop",
                .master_user = "admin",
                .master_password = core::secret_text(std::string(password))};
    }
    static core::result<view> ready(registry& of, std::chrono::milliseconds within = 60s) {
        auto seen = await(of.ready(arn, deadline::after(within)));
        if (!seen) return std::unexpected(std::move(seen.error()));
        return **seen;
    }

    tests::temporary_folder folder;
};

/// A cluster made once for each engine, that most tests begin with a copy of: making one takes seconds on a busy
/// machine.
const fs::path& finished_cluster(engine is) {
    struct made {
        explicit made(engine of) {
            fs::permissions(folder.path(), fs::perms(0711));
            settings with;
            with.folder = folder.path();
            registry on(with);
            on.declare(a_registry::cluster(of));
            const auto at = a_registry::ready(on);
            if (!at) throw std::runtime_error(at.error().message);
            clusters = folder.path() / "clusters";
        }
        tests::temporary_folder folder;
        fs::path clusters;
    };
    if (is == engine::postgresql) {
        static const made postgresql(is);
        return postgresql.clusters;
    }
    static const made mariadb(is);
    return mariadb.clusters;
}

struct managed : a_registry, ::testing::WithParamInterface<engine> {
    [[nodiscard]] managed_cluster wanted() const { return cluster(GetParam()); }
    [[nodiscard]] bool is_postgresql() const { return GetParam() == engine::postgresql; }
    /// The usual settings, on a folder where the cluster has been made by an earlier process.
    [[nodiscard]] settings with_a_cluster() const {
        const auto to = folder.path() / "state";
        fs::create_directories(to);
        fs::permissions(to, fs::perms(0711));
        const auto copy = fmt::format("cp -a {} {}", finished_cluster(GetParam()).string(), to.string());
        if (std::system(copy.c_str()) != 0) throw std::runtime_error(copy);
        return usual();
    }
    [[nodiscard]] fs::path data() const { return folder.path() / "state/clusters/db/data"; }
};
INSTANTIATE_TEST_SUITE_P(both, managed, ::testing::Values(engine::postgresql, engine::mysql),
                         [](const auto& of) { return of.param == engine::postgresql ? "postgresql" : "mariadb"; });

TEST_P(managed, given_a_new_cluster_when_asked_for_then_it_is_made_and_only_the_password_opens_it) {
    registry on(usual());
    on.declare(wanted());
    EXPECT_EQ(on.find("DB")->state, status::idle);
    const auto began = std::chrono::steady_clock::now();
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    RecordProperty("milliseconds_to_create", static_cast<int>((std::chrono::steady_clock::now() - began) / 1ms));
    EXPECT_EQ(at->state, status::available);
    EXPECT_EQ(at->arn, arn);
    EXPECT_THAT(at->engine_version, Not(::testing::IsEmpty()));
    EXPECT_EQ(ask(*at, "SELECT 1;"), "1\n");
    EXPECT_THAT(ask(*at, "SELECT 1;", "admin", "wrong", "shop"),
                is_postgresql() ? HasSubstr("authentication failed") : HasSubstr("Access denied"));
    EXPECT_THAT(ask(*at, "SELECT 1;", "admin", "", "shop"),
                is_postgresql() ? HasSubstr("no password supplied") : HasSubstr("Access denied"));
    for (const auto* other : {"root", "nobody", "postgres", "mariadb.sys", "rdsadmin"})
        EXPECT_THAT(ask(*at, "SELECT 1;", other, "", is_postgresql() ? "postgres" : ""), Not(HasSubstr("1\n")))
            << other;
    EXPECT_FALSE(listens_on_tcp(at->process_id));
    if (is_postgresql()) {
        EXPECT_EQ(ask(*at,
                      "SELECT rolname FROM pg_roles WHERE rolcanlogin; SHOW data_checksums; SHOW fsync; SHOW "
                      "server_encoding; SHOW timezone"),
                  "rdsadmin\nadmin\non\non\nUTF8\nUTC\n");
    } else {
        EXPECT_EQ(
            ask(*at,
                "SELECT user, host FROM mysql.user ORDER BY 1, 2; SELECT @@innodb_flush_log_at_trx_commit, "
                "@@skip_networking, "
                "@@character_set_database, @@time_zone; SELECT COUNT(*) > 50 FROM information_schema.tables "
                "WHERE table_schema = 'sys'"),
            "admin\t%\nadmin\tlocalhost\nmariadb.sys\tlocalhost\nrdsadmin\tlocalhost\n1\t1\tutf8mb4\t+00:00\n1\n");
        EXPECT_THAT(ask(*at, "SHOW GRANTS"), HasSubstr("GRANT ALL PRIVILEGES ON *.* TO `admin`@`localhost`"));
        EXPECT_THAT(ask(*at, "SHOW GRANTS"), HasSubstr("WITH GRANT OPTION"));
    }
    // The password is nowhere that others could read it.
    EXPECT_THAT(contents_of(fmt::format("/proc/{}/cmdline", at->process_id)), Not(HasSubstr("secret")));
    EXPECT_THAT(contents_of(folder.path() / "state/clusters/db/log"), Not(HasSubstr("secret")));
    if (::geteuid() == 0) {
        struct stat about{};
        ASSERT_EQ(::stat(fmt::format("/proc/{}", at->process_id).c_str(), &about), 0);
        EXPECT_NE(about.st_uid, 0U);
    }
    struct stat run{};
    ASSERT_EQ(::stat((folder.path() / "state/clusters/db/run").c_str(), &run), 0);
    EXPECT_EQ(run.st_mode & 0777U, 0700U);
}

TEST_P(managed, given_many_callers_when_all_ask_at_once_then_one_database_starts) {
    registry on(usual());
    on.declare(wanted());
    std::array<core::result<view>, 4> answers;
    std::vector<std::jthread> callers;
    for (auto& each : answers) callers.emplace_back([&] { each = ready(on); });
    callers.clear();
    for (const auto& each : answers) {
        ASSERT_TRUE(each) << each.error().message;
        EXPECT_EQ(each->process_id, answers[0]->process_id);
    }
    EXPECT_EQ(ready(on)->process_id, answers[0]->process_id);
}

TEST_P(managed, given_a_killed_database_when_asked_for_again_then_what_was_committed_is_there) {
    registry on(with_a_cluster());
    on.declare(wanted());
    const auto first = ready(on);
    ASSERT_TRUE(first) << first.error().message;
    ASSERT_EQ(ask(*first, "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (42); SELECT id FROM t;")
                  .ends_with("42\n"),
              true);
    const auto version = on.version();
    ASSERT_TRUE(ready(on));
    EXPECT_EQ(on.version(), version);
    ASSERT_EQ(::kill(static_cast<pid_t>(first->process_id), SIGKILL), 0);
    ASSERT_TRUE(state_becomes(on, status::idle));
    const auto idle = on.version();
    EXPECT_NE(idle, version);
    const auto second = ready(on);
    EXPECT_NE(on.version(), idle);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_NE(second->process_id, first->process_id);
    EXPECT_EQ(ask(*second, "SELECT id FROM t;"), "42\n");
}

TEST_P(managed, given_a_stopped_cluster_when_asked_for_then_it_starts_and_when_removed_nothing_is_left) {
    registry on(usual());
    on.declare(wanted());
    const auto first = ready(on);
    ASSERT_TRUE(first) << first.error().message;
    ask(*first, "CREATE TABLE t (id INT PRIMARY KEY);");
    ASSERT_TRUE(await(on.stop("db", deadline::after(30s))));
    EXPECT_EQ(on.find("db")->state, status::stopped);
    EXPECT_EQ(on.find("db")->process_id, 0);
    EXPECT_TRUE(gone(first->process_id));
    EXPECT_TRUE(await(on.stop("db", deadline::after(30s))));
    const auto refused = ready(on);  // R-11.20
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, error_kind::invalid_state);
    EXPECT_EQ(refused.error().message, "The DB cluster db is in the stopped state.");
    ASSERT_TRUE(await(on.start("db", deadline::after(60s))));
    const auto second = ready(on);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(ask(*second, "SELECT COUNT(*) FROM t;"), "0\n");
    ASSERT_TRUE(await(on.remove("db", deadline::after(30s))));
    EXPECT_TRUE(gone(second->process_id));
    EXPECT_EQ(on.find("db").error().kind, error_kind::not_found);
    EXPECT_EQ(ready(on).error().kind, error_kind::endpoint_not_enabled);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "state/clusters"), {}), 0);
    on.declare(wanted());
    const auto third = ready(on);
    ASSERT_TRUE(third) << third.error().message;
    EXPECT_THAT(ask(*third, "SELECT COUNT(*) FROM t;"), HasSubstr("t"));
    EXPECT_THAT(ask(*third, "SELECT COUNT(*) FROM t;"), Not(HasSubstr("0\n")));
}

TEST_P(managed, given_a_registry_that_ends_when_opened_again_then_the_cluster_is_as_it_was) {
    std::int64_t process = 0;
    {
        registry on(with_a_cluster());
        on.declare(wanted());
        const auto at = ready(on);
        ASSERT_TRUE(at) << at.error().message;
        ask(*at, "CREATE TABLE t (id INT PRIMARY KEY);");
        process = at->process_id;
    }
    EXPECT_TRUE(gone(process));
    registry on(usual());
    on.declare(wanted());
    EXPECT_THAT(on.find("db")->engine_version, Not(::testing::IsEmpty()));
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    EXPECT_EQ(ask(*at, "SELECT COUNT(*) FROM t;"), "0\n");
}

TEST_P(managed, given_a_killed_borealis_when_started_again_then_its_database_has_ended_and_the_rows_are_there) {
    const auto with = with_a_cluster();
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t borealis = ::fork();
    if (borealis == 0) {
        registry on(with);
        on.declare(wanted());
        const auto at = ready(on);
        if (!at) ::_exit(1);
        ask(*at, "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (7);");
        if (::write(ends[1], &at->process_id, sizeof at->process_id) < 0) ::_exit(1);
        for (;;) ::pause();
    }
    ::close(ends[1]);
    std::int64_t process = 0;
    ASSERT_EQ(::read(ends[0], &process, sizeof process), ssize_t{sizeof process});
    ::close(ends[0]);
    EXPECT_THAT(refusal_of(usual()), HasSubstr(fmt::format("another Borealis (process {}) runs", borealis)));
    ASSERT_EQ(::kill(borealis, SIGKILL), 0);
    ASSERT_EQ(::waitpid(borealis, nullptr, 0), borealis);
    // At once, while the former database may still be shutting down.
    registry on(usual());
    on.declare(wanted());
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    EXPECT_EQ(ask(*at, "SELECT id FROM t;"), "7\n");
    EXPECT_TRUE(gone(process));
}

TEST_P(managed, given_a_database_that_nobody_watches_when_started_then_it_is_ended_first) {
    // A stopped (SIGSTOP) database cannot follow the death signal of its Borealis: the next one finds it running.
    auto with = with_a_cluster();
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t borealis = ::fork();
    if (borealis == 0) {
        registry on(with);
        on.declare(wanted());
        const auto at = ready(on);
        if (!at || ::write(ends[1], &at->process_id, sizeof at->process_id) < 0) ::_exit(1);
        for (;;) ::pause();
    }
    ::close(ends[1]);
    std::int64_t process = 0;
    ASSERT_EQ(::read(ends[0], &process, sizeof process), ssize_t{sizeof process});
    ::close(ends[0]);
    ASSERT_EQ(::kill(static_cast<pid_t>(process), SIGSTOP), 0);
    ASSERT_EQ(::kill(borealis, SIGKILL), 0);
    ASSERT_EQ(::waitpid(borealis, nullptr, 0), borealis);
    ASSERT_FALSE(database_processes_in(folder.path()).empty());
    with.stop_timeout = 1s;
    registry on(with);
    on.declare(wanted());
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    EXPECT_TRUE(gone(process));
    EXPECT_EQ(ask(*at, "SELECT 1;"), "1\n");
}

TEST_P(managed, given_what_a_killed_process_left_when_started_then_it_is_no_hindrance) {
    const auto clusters = folder.path() / "state/clusters";
    fs::create_directories(clusters / ".making-db/data/base");
    std::ofstream(clusters / ".making-db/data/PG_VERSION") << "15\n";
    fs::create_directories(clusters / ".removing-old/data");
    {
        registry on(usual());
        EXPECT_TRUE(fs::is_empty(clusters));
        on.declare(wanted());
        const auto at = ready(on);
        ASSERT_TRUE(at) << at.error().message;
    }
    // Process ids that somebody else has now, and sockets nobody answers.
    if (is_postgresql()) {
        std::ofstream(data() / "postmaster.pid") << "1\n" << data().string() << "\n1\n5432\n/run\n\n  1 1\nready   \n";
        std::ofstream(clusters / "db/run/.s.PGSQL.5432.lock") << "1\n";
        std::ofstream(clusters / "db/run/.s.PGSQL.5432") << "";
    } else {
        std::ofstream(clusters / "db/run/mysqld.pid") << "1\n";
        std::ofstream(clusters / "db/run/mysqld.sock") << "";
    }
    registry on(usual());
    on.declare(wanted());
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    EXPECT_EQ(ask(*at, "SELECT 1;"), "1\n");
}

TEST_P(managed, given_a_caller_in_a_hurry_when_it_gives_up_then_the_start_goes_on) {
    registry on(with_a_cluster());
    on.declare(wanted());
    const auto hurried = ready(on, 0ms);
    ASSERT_FALSE(hurried);
    EXPECT_EQ(hurried.error().kind, error_kind::database_unavailable);
    EXPECT_THAT(hurried.error().message, HasSubstr("is still starting"));
    EXPECT_TRUE(state_becomes(on, status::available));
}

TEST_P(managed, given_a_caller_in_a_hurry_when_it_removes_then_the_cluster_goes_and_its_id_is_free) {
    registry on(with_a_cluster());
    on.declare(wanted());
    ASSERT_TRUE(ready(on));
    EXPECT_EQ(await(on.remove("db", deadline::after(0ms))).error().kind, error_kind::unavailable);
    for (const auto until = deadline::after(20s); on.find("db") && !until.passed();) std::this_thread::sleep_for(5ms);
    EXPECT_NO_THROW(on.declare(wanted()));
}

TEST_P(managed, given_a_caller_that_goes_away_when_the_start_ends_then_nobody_is_missed) {
    registry on(with_a_cluster());
    on.declare(wanted());
    {
        core::asio::io_context here(1);
        core::asio::co_spawn(here.get_executor(), on.ready(arn, deadline::after(60s)), core::asio::detached);
        here.run_for(20ms);
    }
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
}

TEST_P(managed, given_a_start_that_is_under_way_when_the_registry_ends_then_it_does_not_wait_for_it) {
    {
        registry on(usual());
        on.declare(wanted());
        EXPECT_FALSE(ready(on, 1ms));
        on.stop_all();
        EXPECT_THAT(ready(on).error().message, HasSubstr("is being shut down"));
    }
    registry on(usual());
    on.declare(wanted());
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
}

TEST_P(managed, given_data_of_another_version_when_started_then_the_error_says_so_and_nothing_is_touched) {
    {
        registry on(with_a_cluster());
        on.declare(wanted());
        ASSERT_TRUE(ready(on));
    }
    const auto file = folder.path() / "state/clusters/db/cluster.json";
    const auto text = contents_of(file);
    const auto refusal = [&](std::string_view content, managed_cluster as) {
        std::ofstream(file) << content;
        registry on(usual());
        on.declare(std::move(as));
        const auto at = ready(on);
        EXPECT_EQ(on.find("db")->state, at ? status::available : status::failed);
        return at ? "started" : at.error().message;
    };
    EXPECT_THAT(refusal(R"({"engine":"PostgreSQL","version":"9.6.1","series":"9","master_user":"admin"})",
                        cluster(engine::postgresql)),
                HasSubstr("its data was made by PostgreSQL 9"));
    EXPECT_THAT(refusal(R"({"engine":"Oracle","version":"1","series":"1","master_user":"admin"})", wanted()),
                HasSubstr("holds data of Oracle"));
    EXPECT_THAT(refusal("{broken", wanted()), HasSubstr("cluster.json: is damaged"));
    auto other = wanted();
    other.master_user = "boss";
    EXPECT_THAT(refusal(text, other), HasSubstr("made with the master user admin, not boss"));
    EXPECT_EQ(refusal(text, wanted()), "started");
}

TEST_P(managed, given_a_long_path_when_started_then_the_socket_lies_in_tmp) {
    auto with = usual();
    with.folder = folder.path() / std::string(90, 'x');
    registry on(with);
    on.declare(wanted());
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
    EXPECT_TRUE(at->endpoint.socket.starts_with("/tmp/borealis-")) << at->endpoint.socket;
    EXPECT_EQ(ask(*at, "SELECT 1;"), "1\n");
    ASSERT_TRUE(await(on.remove("db", deadline::after(30s))));
    EXPECT_FALSE(fs::exists(at->endpoint.socket));
}

TEST_P(managed, given_a_registry_that_only_looks_when_asked_then_it_sees_and_leaves_alone) {
    registry runs(with_a_cluster());
    runs.declare(wanted());
    const auto at = ready(runs);
    ASSERT_TRUE(at) << at.error().message;
    auto with = usual();
    with.manage = false;
    registry looks(with);
    looks.declare(wanted());
    EXPECT_EQ(looks.find("db")->state, status::available);
    EXPECT_EQ(looks.find("db")->process_id, at->process_id);
    EXPECT_EQ(looks.find("db")->engine_version, at->engine_version);
    EXPECT_FALSE(await(looks.remove("db", deadline::after(10s))));
    EXPECT_EQ(ask(*at, "SELECT 1;"), "1\n");
}

TEST_F(a_registry, given_a_failing_start_when_the_cause_is_gone_then_the_next_call_succeeds) {
    auto with = usual();
    with.postgres_bin = folder.path() / "bin";
    registry on(with);
    on.declare(cluster(engine::postgresql));
    std::array<core::result<view>, 3> answers;
    std::vector<std::jthread> callers;
    for (auto& each : answers) callers.emplace_back([&] { each = ready(on); });
    callers.clear();
    for (const auto& each : answers) {
        ASSERT_FALSE(each);
        EXPECT_EQ(each.error().kind, error_kind::database_unavailable);
        EXPECT_THAT(each.error().message, HasSubstr("The DB cluster db is not available: postgres_bin = "));
    }
    EXPECT_EQ(on.find("db")->state, status::failed);
    std::string newest;
    for (const auto& each : fs::directory_iterator("/usr/lib/postgresql"))
        newest = std::max(newest, each.path().string());
    fs::create_directory_symlink(newest + "/bin", with.postgres_bin);
    const auto at = ready(on);
    ASSERT_TRUE(at) << at.error().message;
}

TEST_F(a_registry, given_a_folder_that_the_databases_user_may_not_enter_when_started_then_the_error_names_it) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    fs::permissions(folder.path(), fs::perms(0700));
    registry on(usual());
    on.declare(cluster(engine::postgresql));
    const auto at = ready(on);
    ASSERT_FALSE(at);
    EXPECT_THAT(at.error().message,
                HasSubstr(fmt::format(
                    "the folder {0} is closed to the user nobody, who runs the database; open it (chmod o+x {0})",
                    folder.path().string())));
}

TEST_F(a_registry, given_a_state_folder_in_use_when_opened_then_the_error_names_the_holder) {
    const registry first(usual());
    EXPECT_THAT(refusal_of(usual()),
                HasSubstr(fmt::format("another Borealis (process {}) runs with this state folder", ::getpid())));
    auto looks = usual();
    looks.manage = false;
    EXPECT_EQ(refusal_of(looks), "accepted");
}

TEST_F(a_registry, given_a_folder_that_cannot_be_used_when_opened_then_the_error_names_it) {
    std::ofstream(folder.path() / "file") << "x";
    auto with = usual();
    with.folder = folder.path() / "file/state";
    EXPECT_THAT(refusal_of(with), HasSubstr((folder.path() / "file/state").string()));
    with.folder.clear();
    EXPECT_THAT(refusal_of(with), HasSubstr("is not set"));
}

TEST_F(a_registry, given_an_external_cluster_when_asked_for_then_it_is_as_declared) {  // R-2.10, R-2.13, R-10.23
    auto with = usual();
    with.region = "eu-west-1";
    registry on(with);
    on.declare(external_cluster{.id = "Far",
                                .arn = {},
                                .is = engine::mysql,
                                .endpoint = {.host = "db.example", .port = 3306},
                                .default_database = "d"});
    const std::string far = "arn:aws:rds:eu-west-1:123456789012:cluster:far";
    const auto found = await(on.ready(far, deadline::after(1s)));
    ASSERT_TRUE(found);
    const auto& at = *found;
    EXPECT_EQ(at, *await(on.ready(far, deadline::after(1s))));  // the same object
    EXPECT_EQ(at->endpoint.host, "db.example");
    EXPECT_EQ(at->state, status::available);
    EXPECT_FALSE(at->managed);
    EXPECT_EQ(on.find(far)->id, "far");
    EXPECT_EQ(on.find("FAR")->id, "far");
    EXPECT_EQ(on.find("ARN:aws:rds:eu-west-1:123456789012:cluster:far").error().message,
              "DBCluster ARN:aws:rds:eu-west-1:123456789012:cluster:far not found.");
    const auto unknown = await(on.ready("far", deadline::after(1s)));
    EXPECT_EQ(unknown.error().kind, error_kind::endpoint_not_enabled);
    EXPECT_EQ(unknown.error().message, "HttpEndpoint is not enabled for resource far");
    EXPECT_EQ(await(on.stop("far", deadline::after(1s))).error().kind, error_kind::invalid_state);
    EXPECT_EQ(await(on.remove("near", deadline::after(1s))).error().kind, error_kind::not_found);
    EXPECT_EQ(on.list().size(), 1U);
}

TEST_F(a_registry, given_another_config_when_declared_anew_then_clusters_come_move_and_go) {
    registry on(usual());
    const auto at = [](std::string id, std::string host) {
        return external_cluster{.id = std::move(id), .endpoint = {.host = std::move(host), .port = 5432}};
    };
    const auto arn = [&](std::string_view id) { return on.arn_of(id); };
    const auto host_of = [&](std::string_view id) {
        const auto found = on.find(id);
        return found ? found->endpoint.host : "none";
    };
    const managed_cluster own{
        .id = "own", .default_database = {}, .master_user = "admin", .master_password = core::secret_text("p")};
    on.declare(at("stays", "a"));
    on.declare(at("moves", "a"));
    on.declare(at("goes", "a"));
    on.declare(own);
    const auto before = await(on.ready(arn("stays"), deadline::after(1s)));
    const auto version = on.version();
    static_cast<void>(await(on.ready(arn("moves"), deadline::after(1s))));
    EXPECT_EQ(on.version(), version) << "nothing has changed";
    const auto all = on.redeclare({at("stays", "a"), at("moves", "b"), at("comes", "a")}, {});
    EXPECT_EQ(all.gone, (std::vector{arn("goes"), arn("own")}));
    EXPECT_EQ(all.changed, std::vector{arn("moves")});
    EXPECT_EQ(*await(on.ready(arn("stays"), deadline::after(1s))), *before) << "the same object";
    EXPECT_NE(on.version(), version);
    EXPECT_EQ(host_of("moves"), "b");
    EXPECT_EQ(host_of("comes"), "a");
    EXPECT_EQ(host_of("goes"), "none");
    EXPECT_EQ(await(on.ready(arn("goes"), deadline::after(1s))).error().kind, error_kind::endpoint_not_enabled);

    ASSERT_EQ(on.leaving().size(), 1U);  // until nobody uses it
    EXPECT_EQ(on.leaving().front()->id, "own");
    EXPECT_TRUE(on.redeclare({at("stays", "a")}, {own}).changed.empty());  // back before it was let go
    EXPECT_TRUE(on.leaving().empty());
    static_cast<void>(on.redeclare({at("stays", "a")}, {}));
    on.let_go(arn("own"));
    EXPECT_TRUE(on.leaving().empty());
    static_cast<void>(on.redeclare({at("stays", "a")}, {own}));
    EXPECT_TRUE(on.find("own").has_value());
}

TEST_F(a_registry, given_a_config_that_cannot_be_when_declared_anew_then_all_stays_as_it_was) {
    registry on(usual());
    const auto at = [](std::string id) { return external_cluster{.id = std::move(id), .endpoint = {.host = "a"}}; };
    managed_cluster own{
        .id = "own", .default_database = {}, .master_user = "admin", .master_password = core::secret_text("p")};
    on.declare(at("stays"));
    on.declare(own);
    EXPECT_THROW(on.redeclare({at("new"), at("NEW")}, {own}), std::invalid_argument);
    EXPECT_THROW(on.redeclare({at("own")}, {own}), std::invalid_argument);
    EXPECT_THROW(on.redeclare({at("-")}, {own}), std::invalid_argument);
    own.is = engine::mysql;
    EXPECT_THROW(on.redeclare({}, {own}), std::invalid_argument) << "its data are PostgreSQL's";
    EXPECT_EQ(on.list().size(), 2U);
    EXPECT_TRUE(on.find("stays").has_value());
    EXPECT_EQ(on.find("own")->is, engine::postgresql);
    EXPECT_TRUE(on.leaving().empty());
}

struct declaration_case {
    std::string_view name, id, user, secret, database;
    bool good;
};
constexpr declaration_case declaration_cases[] = {
    {"plain", "a", "admin", "p", "shop", true},
    {"everything_allowed", "A-b-9", "Admin_9", R"('"\ü;$)", "a_b-9", true},
    {"no_database", "a", "admin", "p", "", true},
    {"empty_id", "", "admin", "p", "", false},
    {"digit_first", "1a", "admin", "p", "", false},
    {"hyphen_last", "a-", "admin", "p", "", false},
    {"double_hyphen", "a--b", "admin", "p", "", false},
    {"path", "../a", "admin", "p", "", false},
    {"underscore", "a_b", "admin", "p", "", false},
    {"long_id", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "admin", "p", "", false},
    {"taken_id", "TAKEN", "admin", "p", "", false},
    {"empty_user", "a", "", "p", "", false},
    {"user_quote", "a", "a'b", "p", "", false},
    {"user_reserved", "a", "pg_me", "p", "", false},
    {"empty_password", "a", "admin", "", "", false},
    {"password_line", "a", "admin", "p\nq", "", false},
    {"database_quote", "a", "admin", "p", "a`b", false},
    {"database_blank", "a", "admin", "p", "a b", false},
};
struct declaration : ::testing::TestWithParam<declaration_case> {};
INSTANTIATE_TEST_SUITE_P(cases, declaration, ::testing::ValuesIn(declaration_cases),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(declaration, given_names_when_declared_then_only_usable_ones_pass) {  // R-12.23
    const auto& what = GetParam();
    const tests::temporary_folder folder;
    settings with;
    with.folder = folder.path();
    registry on(with);
    on.declare(external_cluster{.id = "taken"});
    const auto declare = [&] {
        on.declare(managed_cluster{.id = std::string(what.id),
                                   .arn = {},
                                   .default_database = std::string(what.database),
                                   .master_user = std::string(what.user),
                                   .master_password = core::secret_text(std::string(what.secret))});
    };
    if (what.good) {
        EXPECT_NO_THROW(declare());
    } else {
        EXPECT_THROW(declare(), std::invalid_argument);
    }
    EXPECT_EQ(on.list().size(), what.good ? 2U : 1U);
}

}  // namespace
}  // namespace borealis::clusters
