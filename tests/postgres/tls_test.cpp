// TLS towards a server of its own, with certificates made for the test.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.hpp"
#include "postgres/driver.hpp"

namespace borealis::postgres {
namespace {

namespace fs = std::filesystem;
using sql::failure_kind;
using sql::tls_mode;

/// A PostgreSQL that demands TLS (pg_hba: hostssl only), whose certificate is for `localhost`.
class tls_server {
 public:
    tls_server() {
        std::string pattern = (fs::temp_directory_path() / "borealis-tls-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder = pattern;
        for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql")) {
            if (fs::exists(entry.path() / "bin/initdb")) bin_ = entry.path() / "bin";
        }
        authority("good");
        authority("other");
        shell("openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
        std::ofstream(folder / "names") << "subjectAltName=DNS:localhost\n";
        shell(
            "openssl x509 -req -in server.csr -CA good.pem -CAkey good.key -CAcreateserial -days 2 -extfile names -out "
            "server.pem");
        shell("openssl req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=certified");
        shell("openssl x509 -req -in client.csr -CA good.pem -CAkey good.key -CAcreateserial -days 2 -out client.pem");
        std::ofstream(folder / "password") << "secret\n";
        shell("chmod 600 server.key client.key");
        if (::geteuid() == 0) shell("chown nobody:nogroup server.key . password");
        shell(unprivileged() + fmt::format("{}/initdb -D data -U postgres --pwfile=password --auth=scram-sha-256 "
                                           "--encoding=UTF8 --locale=C.UTF-8 --no-sync",
                                           bin_.string()));
        std::ofstream(folder / "data/pg_hba.conf")
            << "hostssl all certified all cert\nhostssl all all all scram-sha-256\n";
        port = free_port();
        start();
    }
    ~tls_server() {
        if (child_ > 0) {
            ::kill(child_, SIGINT);
            ::waitpid(child_, nullptr, 0);
        }
        std::error_code ignored;  // a folder left in /tmp is no reason to fail
        fs::remove_all(folder, ignored);
    }
    tls_server(const tls_server&) = delete;
    tls_server& operator=(const tls_server&) = delete;

    fs::path folder;
    std::uint16_t port = 0;

    /// The server's certificate from now on: `good` signs it for `days`, which may be past.
    void show_certificate_of(int days) const {
        shell(
            fmt::format("openssl x509 -req -in server.csr -CA good.pem -CAkey good.key -CAcreateserial -days {} "
                        "-extfile names -out server.pem",
                        days));
        ::kill(child_, SIGHUP);
    }

 private:
    [[nodiscard]] static std::string unprivileged() {
        return ::geteuid() == 0 ? "setpriv --reuid=nobody --regid=nogroup --clear-groups " : "";
    }

    void shell(const std::string& line) const {
        const auto whole = fmt::format("cd {} && {} >>log 2>&1", folder.string(), line);
        if (std::system(whole.c_str()) != 0) {
            std::ifstream log(folder / "log");
            std::cerr << log.rdbuf();
            throw std::runtime_error(line);
        }
    }

    void authority(const std::string& name) const {
        shell(fmt::format(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.pem -days 2 -subj /CN={0}", name));
    }

    static std::uint16_t free_port() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* generic = reinterpret_cast<sockaddr*>(&at);
        if (::bind(fd, generic, size) != 0 || ::getsockname(fd, generic, &size) != 0)
            throw std::runtime_error("no port");
        ::close(fd);
        return ntohs(at.sin_port);
    }

    void start() {
        const auto line = fmt::format(
            "cd {0} && exec {1}{2}/postgres -D data -c listen_addresses=127.0.0.1 -c port={3} -c "
            "unix_socket_directories={0} "
            "-c fsync=off -c ssl=on -c ssl_cert_file={0}/server.pem -c ssl_key_file={0}/server.key -c "
            "ssl_ca_file={0}/good.pem "
            ">>log 2>&1",
            folder.string(), unprivileged(), bin_.string(), port);
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGINT);
            ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
            ::_exit(127);
        }
        core::asio::io_context io(1);
        const auto driver = make_driver();
        for (int i = 0; i < 300; ++i) {
            const auto made = run(io, driver->connect({.host = "127.0.0.1", .port = port, .tls = tls_mode::require},
                                                      {"postgres", core::secret_text("secret")}, "", soon()));
            if (made) return;
            std::this_thread::sleep_for(50ms);
        }
        throw std::runtime_error("the TLS server does not start");
    }

    fs::path bin_;
    pid_t child_ = -1;
};

class postgres_tls : public testing::TestWithParam<protocol> {
 protected:
    static tls_server& server() {
        static tls_server one;
        return one;
    }
    [[nodiscard]] sql::endpoint endpoint(std::string host, tls_mode mode, const char* ca) const {
        sql::endpoint to{.host = std::move(host), .port = server().port, .tls = mode};
        if (ca != nullptr) to.tls_ca_file = server().folder / ca;
        return to;
    }
    sql::result<std::unique_ptr<sql::connection>> open(const sql::endpoint& to, std::string user = "postgres",
                                                       std::string password = "secret") {
        return run(io, driver->connect(to, {std::move(user), core::secret_text(std::move(password))}, "", soon()));
    }

    core::asio::io_context io{1};
    std::unique_ptr<sql::driver> driver = make_driver(GetParam());
};

TEST_P(postgres_tls, given_modes_and_authorities_when_connected_then_only_the_trusted_pass) {
    struct tls_case {
        std::string_view name;
        std::string host;
        tls_mode mode;
        const char* ca;
        bool connects;
    };
    const tls_case cases[] = {
        {"full, right", "localhost", tls_mode::verify_full, "good.pem", true},
        {"full, name of another", "127.0.0.1", tls_mode::verify_full, "good.pem", false},
        {"full, unknown authority", "localhost", tls_mode::verify_full, "other.pem", false},
        {"full, the system's authorities", "localhost", tls_mode::verify_full, nullptr, false},
        {"full, no such file", "localhost", tls_mode::verify_full, "absent.pem", false},
        {"ca, name of another", "127.0.0.1", tls_mode::verify_ca, "good.pem", true},
        {"ca, unknown authority", "127.0.0.1", tls_mode::verify_ca, "other.pem", false},
        {"require", "127.0.0.1", tls_mode::require, nullptr, true},
        {"prefer", "127.0.0.1", tls_mode::prefer, nullptr, true},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.name);
        auto made = open(endpoint(one.host, one.mode, one.ca));
        ASSERT_EQ(made.has_value(), one.connects) << (made ? "" : made.error().message);
        if (made) {
            keeper into;
            ASSERT_TRUE(run(io, (*made)->execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", {}, into,
                                                 sql::description::types, soon())));
            EXPECT_EQ(into.cell(), "t");
        } else {
            EXPECT_EQ(made.error().kind, failure_kind::unreachable);
            EXPECT_EQ(made.error().message,
                      "No TLS connection to the database could be made that satisfies its TLS settings.");
        }
    }
}

TEST_P(postgres_tls, given_a_server_that_demands_tls_when_connected_without_then_its_words_come_back) {
    auto made = open(endpoint("127.0.0.1", tls_mode::disable, nullptr));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, failure_kind::login);
    EXPECT_EQ(made.error().sqlstate, "28000");
}

TEST_P(postgres_tls, given_tls_and_a_wrong_password_when_connected_then_the_first_answer_counts) {
    for (const auto mode : {tls_mode::prefer, tls_mode::require}) {
        auto made = open(endpoint("127.0.0.1", mode, nullptr), "postgres", "wrong");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, failure_kind::login);
        EXPECT_EQ(made.error().sqlstate, "28P01");
        EXPECT_EQ(made.error().message, "password authentication failed for user \"postgres\"");
    }
}

TEST_P(postgres_tls, given_a_client_certificate_when_connected_then_it_logs_in) {
    auto admin = open(endpoint("localhost", tls_mode::require, nullptr));
    ASSERT_TRUE(admin);
    keeper into;
    ASSERT_TRUE(run(io, (*admin)->execute("DROP ROLE IF EXISTS certified", {}, into, sql::description::types, soon())));
    ASSERT_TRUE(run(io, (*admin)->execute("CREATE ROLE certified LOGIN", {}, into, sql::description::types, soon())));
    auto to = endpoint("localhost", tls_mode::verify_full, "good.pem");
    EXPECT_FALSE(open(to, "certified", ""));
    to.tls_certificate_file = server().folder / "client.pem";
    to.tls_key_file = server().folder / "client.key";
    auto made = open(to, "certified", "");
    EXPECT_TRUE(made) << made.error().message;
}

TEST_P(postgres_tls, given_a_client_certificate_of_another_authority_when_connected_then_it_is_refused) {
    auto to = endpoint("localhost", tls_mode::verify_full, "good.pem");
    to.tls_certificate_file = server().folder / "other.pem";
    to.tls_key_file = server().folder / "other.key";
    EXPECT_FALSE(open(to, "certified", ""));
    EXPECT_FALSE(open(to));
}

TEST_P(postgres_tls, given_an_expired_certificate_when_connected_then_only_those_that_verify_refuse) {
    const auto connects = [&](tls_mode mode) { return open(endpoint("localhost", mode, "good.pem")).has_value(); };
    ASSERT_TRUE(connects(tls_mode::verify_full));
    server().show_certificate_of(-1);
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (connects(tls_mode::verify_full) && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(20ms);
    for (const auto mode : {tls_mode::verify_full, tls_mode::verify_ca}) {
        const auto made = open(endpoint("localhost", mode, "good.pem"));
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, failure_kind::unreachable);
        EXPECT_EQ(made.error().message,
                  "No TLS connection to the database could be made that satisfies its TLS settings.");
    }
    EXPECT_TRUE(open(endpoint("localhost", tls_mode::require, nullptr)));
    server().show_certificate_of(2);
    while (!connects(tls_mode::verify_full) && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(connects(tls_mode::verify_full));
}

// libpq leaves the end of a TLS record in OpenSSL's buffer, for which the socket is never readable again.
TEST_P(postgres_tls, given_rows_of_many_sizes_when_read_over_tls_then_none_is_waited_for_in_vain) {
    auto made = open(endpoint("localhost", tls_mode::require, nullptr));
    ASSERT_TRUE(made);
    for (int size = 1000; size < 60000; size += 997) {
        keeper into;
        const sql::parameter parameters[] = {whole(size)};
        const auto out = run(io, (*made)->execute("SELECT repeat('x', $1::int) FROM generate_series(1, 20)", parameters,
                                                  into, sql::description::types, core::deadline::after(5s)));
        ASSERT_TRUE(out) << size << ": " << out.error().message;
        ASSERT_EQ(into.count, 20U);
    }
}

TEST_P(postgres_tls, given_a_slow_statement_over_tls_when_the_deadline_passes_then_it_is_cancelled) {
    auto made = open(endpoint("localhost", tls_mode::require, nullptr));
    ASSERT_TRUE(made);
    keeper into;
    const auto out = run(
        io, (*made)->execute("SELECT pg_sleep(20)", {}, into, sql::description::types, core::deadline::after(100ms)));
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_TRUE((*made)->usable());
}

INSTANTIATE_TEST_SUITE_P(over, postgres_tls, both_protocols, name_of_protocol);

}  // namespace
}  // namespace borealis::postgres
