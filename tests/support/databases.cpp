#include "support/databases.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace borealis::tests {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::string_view password = "test-password-of-no-worth";

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    // The address family's own pointer type: bind and getsockname know no other.
    auto* generic = reinterpret_cast<sockaddr*>(&at);
    if (fd < 0 || ::bind(fd, generic, size) != 0 || ::getsockname(fd, generic, &size) != 0) {
        throw std::runtime_error("no free loopback port");
    }
    ::close(fd);
    return ntohs(at.sin_port);
}

/// Runs a program as an unprivileged user where we are root; the child dies with us.
pid_t spawn(std::vector<std::string> words, const fs::path& log, const fs::path& input = "/dev/null") {
    if (::geteuid() == 0) {
        const std::vector<std::string> drop = {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                               "--pdeathsig=TERM"};
        words.insert(words.begin(), drop.begin(), drop.end());
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::fflush(nullptr);  // else the child would write our buffered lines again
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        ::setpgid(0, 0);
        if (std::freopen(input.c_str(), "r", stdin) == nullptr || std::freopen(log.c_str(), "a", stdout) == nullptr)
            ::_exit(126);
        ::dup2(STDOUT_FILENO, STDERR_FILENO);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    return child;
}

void run(std::vector<std::string> words, const fs::path& log, const fs::path& input = "/dev/null") {
    const std::string name = words.front();
    int status = 0;
    if (::waitpid(spawn(std::move(words), log, input), &status, 0) < 0 || status != 0) {
        std::ifstream text(log);
        std::cerr << text.rdbuf();
        throw std::runtime_error(fmt::format("{} failed with status {}", name, status));
    }
}

bool answers(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    const bool open = ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    return open;
}

/// A server process and its folder, both gone with this object.
class server {
 public:
    server() {
        std::string pattern = (fs::temp_directory_path() / "borealis-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder_ = pattern;
        if (::geteuid() == 0) fs::permissions(folder_, fs::perms::all);
        port_ = free_port();
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() {
        if (child_ > 0) {
            ::kill(child_, stop_signal_);
            for (int i = 0; i < 200 && ::waitpid(child_, nullptr, WNOHANG) == 0; ++i) std::this_thread::sleep_for(50ms);
            ::kill(child_, SIGKILL);
        }
        std::error_code ignored;  // a folder left in /tmp is no reason to fail
        fs::remove_all(folder_, ignored);
    }

    void start(std::vector<std::string> words, int stop_signal) {
        stop_signal_ = stop_signal;
        child_ = spawn(std::move(words), log());
        for (int i = 0; i < 600; ++i) {
            if (answers(port_)) return;
            if (::waitpid(child_, nullptr, WNOHANG) != 0) break;
            std::this_thread::sleep_for(50ms);
        }
        std::ifstream text(log());
        std::cerr << text.rdbuf();
        throw std::runtime_error("the test database did not start");
    }

    [[nodiscard]] const fs::path& folder() const { return folder_; }
    [[nodiscard]] fs::path log() const { return folder_ / "log"; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t process() const { return child_; }

 private:
    fs::path folder_;
    std::uint16_t port_ = 0;
    pid_t child_ = -1;
    int stop_signal_ = SIGTERM;
};

fs::path postgres_bin() {
    fs::path best;
    if (fs::exists("/usr/lib/postgresql")) {
        for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql")) {
            if (fs::exists(entry.path() / "bin/initdb") && entry.path() > best) best = entry.path();
        }
    }
    if (best.empty()) throw std::runtime_error("initdb not found: install the package postgresql-15");
    return best / "bin";
}

/// PostgreSQL listens before it lets anybody in.
void wait_until_ready(const fs::path& bin, const server& on) {
    for (int i = 0; i < 300; ++i) {
        int status = 0;
        const std::vector<std::string> ask = {bin / "pg_isready", "-q", "-h",
                                              "127.0.0.1",        "-p", fmt::to_string(on.port())};
        if (::waitpid(spawn(ask, on.log()), &status, 0) > 0 && status == 0) return;
        std::this_thread::sleep_for(50ms);
    }
    throw std::runtime_error("the test database does not let anybody in");
}

database start_postgresql(server& on) {
    const auto bin = postgres_bin();
    const auto data = on.folder() / "data";
    std::ofstream(on.folder() / "password") << password << '\n';
    run({bin / "initdb", "-D", data, "-U", "postgres", "--pwfile", on.folder() / "password", "--auth=scram-sha-256",
         "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"},
        on.log());
    on.start({bin / "postgres", "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", fmt::format("port={}", on.port()),
              "-c", fmt::format("unix_socket_directories={}", on.folder().string()), "-c", "fsync=off", "-c",
              "max_connections=200", "-c", "shared_buffers=64MB"},
             SIGINT);
    wait_until_ready(bin, on);
    database made;
    made.endpoint = {.host = "127.0.0.1", .port = on.port(), .tls = sql::tls_mode::disable};
    made.socket = {.port = on.port(), .socket = on.folder(), .tls = sql::tls_mode::disable};
    made.user = "postgres";
    made.password = password;
    made.name = "postgres";
    made.process_id = on.process();
    return made;
}

database start_mariadb(server& on) {
    const auto data = on.folder() / "data";
    const auto socket = on.folder() / "socket";
    // Of its own, since a starting server deletes what others have in a common one.
    const auto temporary = fmt::format("--tmpdir={}", on.folder().string());
    run({"mariadb-install-db", "--no-defaults", fmt::format("--datadir={}", data.string()), temporary,
         "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"},
        on.log());
    std::ofstream(on.folder() / "init.sql") << fmt::format(
        "CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4;\n"
        "CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY '{0}';\nGRANT ALL PRIVILEGES ON *.* TO 'admin'@'%' WITH "
        "GRANT OPTION;\n",
        password);
    on.start({"mariadbd", "--no-defaults", fmt::format("--datadir={}", data.string()), temporary,
              fmt::format("--socket={}", socket.string()), fmt::format("--port={}", on.port()),
              "--bind-address=127.0.0.1", fmt::format("--pid-file={}", (on.folder() / "pid").string()),
              fmt::format("--init-file={}", (on.folder() / "init.sql").string()), "--skip-name-resolve",
              "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M",
              "--max-connections=300", "--skip-log-bin", "--max-allowed-packet=64M"},
             SIGTERM);
    database made;
    made.endpoint = {.host = "127.0.0.1", .port = on.port(), .tls = sql::tls_mode::disable};
    made.socket = {.socket = socket, .tls = sql::tls_mode::disable};
    made.user = "admin";
    made.password = password;
    made.name = "test";
    made.process_id = on.process();
    return made;
}

database from_environment(const char* text) {
    std::istringstream words(text);
    database shared;
    std::uint16_t port = 0;
    std::string socket;
    words >> port >> socket >> shared.user >> shared.password >> shared.name >> shared.process_id;
    if (!words) throw std::runtime_error("BOREALIS_TEST_…: expected `port socket user password name pid`");
    shared.endpoint = {.host = "127.0.0.1", .port = port, .tls = sql::tls_mode::disable};
    shared.socket = {.port = port, .socket = socket, .tls = sql::tls_mode::disable};
    return shared;
}

database find_or_start(const char* variable, database (*start)(server&)) {
    try {
        if (const char* shared = std::getenv(variable)) return from_environment(shared);
        static std::vector<std::unique_ptr<server>> servers;  // stopped when the program ends
        servers.push_back(std::make_unique<server>());
        return start(*servers.back());
    } catch (const std::exception& e) {
        std::cerr << "test database: " << e.what() << '\n';
        std::exit(2);
    }
}

}  // namespace

const database& postgresql() {
    static const database one = find_or_start("BOREALIS_TEST_POSTGRESQL", start_postgresql);
    return one;
}

const database& mariadb() {
    static const database one = find_or_start("BOREALIS_TEST_MARIADB", start_mariadb);
    return one;
}

}  // namespace borealis::tests
