#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;
using sql::failure_kind;
using sql::tls_mode;

/// A MariaDB of its own with a certificate for `localhost`, from an authority of its own.
class tls_server {
 public:
    tls_server() {
        std::string pattern = (fs::temp_directory_path() / "borealis-tls-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder = pattern;
        fs::permissions(folder, fs::perms::all);
        for (const char* name : {"ca", "other"}) {
            shell(fmt::format(
                "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.pem -subj /CN={0} -days 2", name));
        }
        for (const char* name : {"server", "client"}) {
            shell(fmt::format("openssl req -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.csr -subj /CN={0}", name));
            shell(fmt::format(
                "printf 'subjectAltName=DNS:localhost' > {0}.ext && openssl x509 -req -in {0}.csr -CA ca.pem -CAkey "
                "ca.key -CAcreateserial -days 2 -extfile {0}.ext -out {0}.pem",
                name));
        }
        shell("chmod 644 *.key");
        shell(as_nobody(
            fmt::format("mariadb-install-db --no-defaults --datadir={}/data --skip-test-db --skip-name-resolve "
                        "--auth-root-authentication-method=normal",
                        folder.string())));
        std::ofstream(folder / "init.sql") << "CREATE USER plain@'%' IDENTIFIED BY 'secret';\n"
                                              "CREATE USER certified@'%' IDENTIFIED BY 'secret' REQUIRE X509;\n";
        {
            boost::asio::io_context context;
            const tcp::acceptor free(context, {boost::asio::ip::address_v4::loopback(), 0});
            port = free.local_endpoint().port();
        }
        process_ = ::fork();
        if (process_ == 0) {
            const std::string command = fmt::format(
                "cd {0} && exec {1} > server.log 2>&1", folder.string(),
                as_nobody(fmt::format("mariadbd --no-defaults --datadir={0}/data --socket={0}/socket --port={1} "
                                      "--bind-address=127.0.0.1 --pid-file={0}/pid --init-file={0}/init.sql "
                                      "--skip-name-resolve --skip-log-bin --innodb-buffer-pool-size=32M "
                                      "--ssl-ca={0}/ca.pem --ssl-cert={0}/server.pem --ssl-key={0}/server.key",
                                      folder.string(), port)));
            ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
            ::_exit(127);
        }
        for (int i = 0; i < 600 && !answers(); ++i) std::this_thread::sleep_for(50ms);
    }
    tls_server(const tls_server&) = delete;
    tls_server& operator=(const tls_server&) = delete;
    ~tls_server() {
        ::kill(process_, SIGTERM);
        ::waitpid(process_, nullptr, 0);
        std::error_code ignored;  // a folder left in /tmp is no reason to fail
        fs::remove_all(folder, ignored);
    }

    [[nodiscard]] sql::endpoint endpoint(tls_mode tls, std::string host = "localhost",
                                         std::string_view authority = "ca.pem") const {
        return {.host = std::move(host),
                .port = port,
                .tls = tls,
                .tls_ca_file = authority.empty() ? "" : (folder / authority).string()};
    }

    /// The server's certificate from now on: `ca` signs it for `days`, which may be past. FLUSH SSL reads it.
    void make_certificate_of(int days) const {
        shell(
            fmt::format("openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {} -extfile "
                        "server.ext -out server.pem",
                        days));
    }

    fs::path folder;
    std::uint16_t port = 0;

 private:
    static std::string as_nobody(std::string_view command) {
        if (::geteuid() != 0) return std::string(command);
        return fmt::format("setpriv --reuid=nobody --regid=nogroup --clear-groups --pdeathsig=TERM {}", command);
    }
    void shell(const std::string& command) const {
        if (std::system(fmt::format("cd {} && ( {} ) >> made.log 2>&1", folder.string(), command).c_str()) != 0) {
            throw std::runtime_error(command + " failed; see " + (folder / "made.log").string());
        }
    }
    [[nodiscard]] bool answers() const {
        boost::asio::io_context context;
        tcp::socket socket(context);
        boost::system::error_code ec;
        socket.connect({boost::asio::ip::address_v4::loopback(), port}, ec);
        return !ec;
    }

    pid_t process_ = -1;
};

class mysql_tls : public testing::Test {
 protected:
    static void SetUpTestSuite() { server = std::make_unique<tls_server>(); }
    static void TearDownTestSuite() { server.reset(); }

    auto connect(const sql::endpoint& to, const char* user = "plain", const char* password = "secret") {
        return turning.run(driver->connect(to, {user, core::secret_text(password)}, "", soon()));
    }
    /// The cipher in use, empty without TLS; what went wrong where nothing was connected.
    std::string cipher(const sql::endpoint& to, const char* user = "plain") {
        auto made = connect(to, user);
        if (!made) return made.error().message;
        collecting_sink sink;
        const auto out = turning.run(
            (*made)->execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'", {}, sink, sql::description::types, soon()));
        return out ? sink.rows.at(0).at(1).text : out.error().message;
    }

    static std::unique_ptr<tls_server> server;
    loop turning;
    std::unique_ptr<sql::driver> driver = make_driver();
};

std::unique_ptr<tls_server> mysql_tls::server;

constexpr const char* no_tls = "A TLS connection to the database could not be made.";

TEST_F(mysql_tls, given_a_server_with_tls_when_connected_then_the_mode_says_whether_it_is_used) {
    EXPECT_EQ(cipher(server->endpoint(tls_mode::disable)), "");
    for (const auto mode : {tls_mode::prefer, tls_mode::require, tls_mode::verify_ca, tls_mode::verify_full}) {
        EXPECT_THAT(cipher(server->endpoint(mode)), testing::StartsWith("TLS_"));
    }
}

TEST_F(mysql_tls, given_a_name_not_in_the_certificate_when_connected_then_only_verify_full_minds) {
    for (const auto mode : {tls_mode::prefer, tls_mode::require, tls_mode::verify_ca}) {
        EXPECT_THAT(cipher(server->endpoint(mode, "127.0.0.1")), testing::StartsWith("TLS_"));
    }
    EXPECT_EQ(cipher(server->endpoint(tls_mode::verify_full, "127.0.0.1")), no_tls);
}

TEST_F(mysql_tls, given_an_unknown_authority_when_connected_then_both_verifying_modes_refuse) {
    for (const std::string_view authority : {"other.pem", "missing.pem", ""}) {  // the last: the system's authorities
        for (const auto mode : {tls_mode::verify_ca, tls_mode::verify_full}) {
            EXPECT_EQ(cipher(server->endpoint(mode, "localhost", authority)), no_tls) << authority;
        }
    }
    EXPECT_THAT(cipher(server->endpoint(tls_mode::require, "localhost", "other.pem")), testing::StartsWith("TLS_"));
}

TEST_F(mysql_tls, given_a_login_that_needs_a_certificate_when_one_is_shown_then_it_is_let_in) {
    auto to = server->endpoint(tls_mode::verify_full);
    auto refused = connect(to, "certified");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, failure_kind::login);
    to.tls_certificate_file = server->folder / "client.pem";
    to.tls_key_file = server->folder / "client.key";
    EXPECT_THAT(cipher(to, "certified"), testing::StartsWith("TLS_"));
}

TEST_F(mysql_tls, given_a_client_certificate_of_another_authority_when_connected_then_it_is_refused) {
    auto to = server->endpoint(tls_mode::verify_full);
    to.tls_certificate_file = server->folder / "other.pem";
    to.tls_key_file = server->folder / "other.key";
    EXPECT_FALSE(connect(to, "certified"));
}

TEST_F(mysql_tls, given_an_expired_certificate_when_connected_then_only_those_that_verify_refuse) {
    auto root = turning.run(driver->connect({.socket = server->folder / "socket"}, {"root", {}}, "", soon()));
    ASSERT_TRUE(root);
    const auto show_certificate_of = [&](int days) {
        server->make_certificate_of(days);
        collecting_sink sink;
        const auto done = turning.run((*root)->execute("FLUSH SSL", {}, sink, sql::description::types, soon()));
        ASSERT_TRUE(done) << done.error().message;
    };
    show_certificate_of(-1);
    for (const auto mode : {tls_mode::verify_ca, tls_mode::verify_full})
        EXPECT_EQ(cipher(server->endpoint(mode)), no_tls);
    EXPECT_THAT(cipher(server->endpoint(tls_mode::require)), testing::StartsWith("TLS_"));
    show_certificate_of(2);
    EXPECT_THAT(cipher(server->endpoint(tls_mode::verify_full)), testing::StartsWith("TLS_"));
}

TEST_F(mysql_tls, given_a_wrong_password_over_tls_when_connected_then_the_server_tells) {
    const auto out = connect(server->endpoint(tls_mode::verify_full), "plain", "wrong");
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, failure_kind::login);
    EXPECT_EQ(out.error().code, 1045);
}

TEST_F(mysql_tls, given_tls_when_statements_are_large_slow_or_stopped_then_all_goes_as_without) {
    auto made = connect(server->endpoint(tls_mode::require));
    ASSERT_TRUE(made);
    sql::connection& on = **made;
    const std::string large(3 * 1024 * 1024, 'x');
    for (int i = 0; i < 3; ++i) {
        collecting_sink sink;
        const std::vector<sql::parameter> parameters = {of_text(large)};
        ASSERT_TRUE(turning.run(on.execute("SELECT ?", parameters, sink, sql::description::types, soon())));
        EXPECT_TRUE(sink.rows.at(0).at(0).text == large);
        const auto late = turning.run(
            on.execute("SELECT SLEEP(20)", {}, sink, sql::description::types, core::deadline::after(100ms)));
        ASSERT_FALSE(late);
        EXPECT_EQ(late.error().kind, failure_kind::timeout);
        EXPECT_TRUE(on.usable());
        EXPECT_FALSE(on.seems_dead());
        EXPECT_TRUE(turning.run(on.reset(soon())));
    }
}

// Here and not with the other statements, since the limit is the whole server's.
TEST_F(mysql_tls, given_the_servers_limit_of_prepared_statements_when_reached_then_ours_are_given_back) {
    auto root = turning.run(driver->connect({.socket = server->folder / "socket"}, {"root", {}}, "", soon()));
    ASSERT_TRUE(root);
    auto made = connect(server->endpoint(tls_mode::disable));
    ASSERT_TRUE(made);
    collecting_sink sink;
    ASSERT_TRUE(turning.run(
        (*root)->execute("SET GLOBAL max_prepared_stmt_count = 20", {}, sink, sql::description::types, soon())));
    for (int i = 0; i < 100; ++i) {
        const auto out =
            turning.run((*made)->execute(fmt::format("SELECT {}", i), {}, sink, sql::description::types, soon()));
        ASSERT_TRUE(out) << i << ' ' << out.error().message;
    }
    EXPECT_EQ(sink.shown_rows().back(), "99");
    const auto beside = [&](int i) {
        sql::beside_call name;
        return turning.run((*made)->execute_beside(fmt::format("SELECT 1000 + {}", i), {}, sink,
                                                   sql::description::types, soon(), name));
    };
    int alone = 0;
    for (int i = 0; i < 50; ++i) {
        const auto out = beside(i);
        ASSERT_TRUE(out) << i << ' ' << out.error().message;
        if (!*out) ++alone;  // to be asked again on a session of its own, which gives back what it has
    }
    EXPECT_EQ(alone > 0, (*made)->pipelines());
    ASSERT_TRUE(turning.run(
        (*root)->execute("SET GLOBAL max_prepared_stmt_count = DEFAULT", {}, sink, sql::description::types, soon())));
}

// ---- an address that leads elsewhere the second time ----------------------------------------------------------------

/// Sends the first connection to one port and the others to another, as a load balancer may.
class balancer {
 public:
    balancer(boost::asio::io_context& on, std::uint16_t first, std::uint16_t others)
        : on_(on), ports_{first, others}, from_(on, {boost::asio::ip::address_v4::loopback(), 0}) {
        accept();
    }
    [[nodiscard]] std::uint16_t port() const { return from_.local_endpoint().port(); }

    int connections = 0;

 private:
    struct pair {
        explicit pair(boost::asio::io_context& on) : client(on), server(on) {}
        tcp::socket client;
        tcp::socket server;
        std::array<char, 4096> up{};
        std::array<char, 4096> down{};
    };

    void accept() {
        auto made = std::make_shared<pair>(on_);
        from_.async_accept(made->client, [this, made](const boost::system::error_code& ec) {
            if (ec) return;
            made->server.connect({boost::asio::ip::address_v4::loopback(), ports_.at(connections++ == 0 ? 0 : 1)});
            pump(made, &pair::client, &pair::server, &pair::up);
            pump(made, &pair::server, &pair::client, &pair::down);
            accept();
        });
    }
    static void pump(const std::shared_ptr<pair>& of, tcp::socket pair::* from, tcp::socket pair::* to,
                     std::array<char, 4096> pair::* by) {
        ((*of).*from)
            .async_read_some(boost::asio::buffer((*of).*by), [=](const boost::system::error_code& ec, std::size_t n) {
                boost::system::error_code ignored;  // an end that is closed already needs no closing
                if (!ec) boost::asio::write((*of).*to, boost::asio::buffer((*of).*by, n), ignored);
                if (!ec && !ignored) return pump(of, from, to, by);
                ((*of).*to).close(ignored);
            });
    }

    boost::asio::io_context& on_;
    std::array<std::uint16_t, 2> ports_;
    tcp::acceptor from_;
};

TEST_F(mysql_tls, given_another_server_behind_the_address_when_the_deadline_passes_then_it_is_not_told_to_kill) {
    const auto& first = tests::mariadb();
    auto root = turning.run(driver->connect({.socket = server->folder / "socket"}, {"root", {}}, "", soon()));
    ASSERT_TRUE(root);
    collecting_sink sink;
    const auto run = [&](const std::string& text) {
        return turning.run((*root)->execute(text, {}, sink, sql::description::types, soon()));
    };
    ASSERT_TRUE(run(fmt::format("CREATE USER '{0}'@'%' IDENTIFIED BY '{1}'", first.user, first.password)));
    ASSERT_TRUE(run("SHOW GLOBAL STATUS LIKE 'Com_kill'"));
    const auto before = sink.shown_rows().back();
    balancer between(turning.context, first.endpoint.port, server->port);
    auto made = turning.run(driver->connect({.host = "127.0.0.1", .port = between.port(), .tls = tls_mode::disable},
                                            first.login(), "", soon()));
    ASSERT_TRUE(made);
    const auto late = turning.run(
        (*made)->execute("SELECT SLEEP(3)", {}, sink, sql::description::types, core::deadline::after(100ms)));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, failure_kind::timeout);
    EXPECT_FALSE((*made)->usable());
    EXPECT_EQ(between.connections, 2);
    ASSERT_TRUE(run("SHOW GLOBAL STATUS LIKE 'Com_kill'"));
    EXPECT_EQ(sink.shown_rows().back(), before);
    ASSERT_TRUE(run(fmt::format("DROP USER '{}'@'%'", first.user)));
}

// ---- servers that are not what they should be -----------------------------------------------------------------------

/// Greets as a server with the capabilities given, and keeps what it is answered.
class false_server {
 public:
    false_server(boost::asio::io_context& on, std::uint32_t capabilities, std::string plugin,
                 std::vector<std::string> answers)
        : capabilities_(capabilities),
          plugin_(std::move(plugin)),
          answers_(std::move(answers)),
          from_(on, {boost::asio::ip::address_v4::loopback(), 0}),
          peer_(on) {
        from_.async_accept(peer_, [this](const boost::system::error_code& ec) {
            if (!ec) greet();
        });
    }

    [[nodiscard]] sql::endpoint endpoint(tls_mode tls) const {
        return {.host = "127.0.0.1", .port = from_.local_endpoint().port(), .tls = tls};
    }

    std::string got;

 private:
    void greet() {
        using namespace std::string_literals;
        const auto low = static_cast<std::uint16_t>(capabilities_);
        const auto high = static_cast<std::uint16_t>(capabilities_ >> 16);
        std::string body = "\x0a"s + "5.5.5-10.11.0-MariaDB\0"s + "\7\0\0\0"s + "abcdefgh\0"s;
        body += static_cast<char>(low);
        body += static_cast<char>(low >> 8);
        body += "\x2d\2\0"s;
        body += static_cast<char>(high);
        body += static_cast<char>(high >> 8);
        body += "\x15"s + std::string(10, '\0') + "ijklmnopqrst\0"s + plugin_ + "\0"s;
        greeting_ = std::string{static_cast<char>(body.size()), '\0', '\0', '\0'} + body;
        boost::asio::write(peer_, boost::asio::buffer(greeting_));
        read();
    }
    void read() {
        peer_.async_read_some(boost::asio::buffer(some_), [this](const boost::system::error_code& ec, std::size_t n) {
            got.append(some_.data(), n);
            if (!ec && got.size() < 4096) {
                if (next_ < answers_.size()) boost::asio::write(peer_, boost::asio::buffer(answers_[next_++]));
                read();
            } else {
                peer_.close();
            }
        });
    }

    std::uint32_t capabilities_;
    std::string plugin_;
    std::vector<std::string> answers_;
    tcp::acceptor from_;
    tcp::socket peer_;
    std::string greeting_;
    std::array<char, 4096> some_{};
    std::size_t next_ = 0;
};

/// A packet of the protocol with its number.
std::string packet(char number, std::string_view body) {
    return std::string{static_cast<char>(body.size()), '\0', '\0', number}.append(body);
}

constexpr std::uint32_t can_tls = 0x800;
constexpr std::uint32_t can_plugins = 1U << 19;
constexpr std::uint32_t ordinary = 0x81FFF7FF & ~can_tls;

class mysql_false_server : public testing::Test {
 protected:
    std::string answer_of(std::uint32_t capabilities, tls_mode mode,
                          const std::string& plugin = "mysql_native_password", std::vector<std::string> answers = {}) {
        false_server thief(turning.context, capabilities, plugin, std::move(answers));
        const auto out = turning.run(driver->connect(
            thief.endpoint(mode), {"someone", core::secret_text("the password")}, "", core::deadline::after(2s)));
        EXPECT_FALSE(out);
        EXPECT_EQ(out.error().kind, failure_kind::unreachable);
        turning.context.restart();
        turning.context.run_for(20ms);
        return thief.got;
    }

    loop turning;
    std::unique_ptr<sql::driver> driver = make_driver();
};

TEST_F(mysql_false_server, given_tls_is_stripped_when_it_is_required_then_nothing_at_all_is_sent) {
    for (const auto mode : {tls_mode::require, tls_mode::verify_ca, tls_mode::verify_full}) {
        EXPECT_EQ(answer_of(ordinary, mode), "");
        EXPECT_EQ(answer_of(ordinary & ~can_plugins, mode), "");
    }
}

TEST_F(mysql_false_server, given_the_password_is_asked_for_in_clear_when_not_encrypted_then_it_is_not_told) {
    using namespace std::string_literals;
    const auto in_clear = packet(2, "\xfemysql_clear_password\0"s);
    for (const auto mode : {tls_mode::disable, tls_mode::prefer}) {
        for (const char* plugin :
             {"mysql_native_password", "mysql_clear_password", "caching_sha2_password", "dialog"}) {
            EXPECT_THAT(answer_of(ordinary, mode, plugin, {in_clear}),
                        testing::Not(testing::HasSubstr("the password")));
        }
    }
}

TEST_F(mysql_false_server, given_sha2_without_tls_when_the_server_wants_the_password_then_its_key_is_asked_for) {
    using namespace std::string_literals;
    const auto change = packet(2, "\xfe"s + "caching_sha2_password\0"s + "abcdefghijklmnopqrst\0"s);
    const auto full = packet(4, "\1\4"s);
    const auto got = answer_of(ordinary, tls_mode::prefer, "mysql_native_password", {change, full});
    EXPECT_THAT(got, testing::Not(testing::HasSubstr("the password")));
    EXPECT_THAT(got, testing::EndsWith("\1\0\0\5\2"s));
}

}  // namespace
}  // namespace borealis::mysql
