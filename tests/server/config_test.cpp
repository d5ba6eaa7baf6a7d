#include "server/config.hpp"

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

namespace borealis::server {
namespace {

environment table(std::map<std::string, std::string> values) {
    return [values = std::move(values)](const char* name) -> const char* {
        const auto found = values.find(name);
        return found == values.end() ? nullptr : found->second.c_str();
    };
}

class config_file : public testing::Test {
 protected:
    config_file()
        : folder_(std::filesystem::path(testing::TempDir()) /
                  testing::UnitTest::GetInstance()->current_test_info()->name()) {
        std::filesystem::create_directories(folder_);
    }
    config_file(const config_file&) = delete;
    config_file& operator=(const config_file&) = delete;
    ~config_file() override { std::filesystem::remove_all(folder_); }

    config read(const std::string& text, const environment& variables = table({})) {
        std::ofstream(folder_ / "b.toml") << text;
        return read_config(folder_ / "b.toml", variables);
    }

    std::string refusal(const std::string& text) {
        try {
            read(text);
        } catch (const std::runtime_error& e) {
            return std::string(e.what()).substr(folder_.string().size() + 1);
        }
        return "nothing was refused";
    }

    std::filesystem::path folder_;
};

TEST_F(config_file, given_everything_when_read_then_everything_is_there) {
    std::ofstream(folder_ / "password") << "from a file\n";
    const auto made = read(R"(
listen = "[::1]:9000"
threads = 3
state_dir = "/srv/borealis"
region = "eu-central-1"
account = "000000000001"
log_level = "warning"
allowed_hosts = ["data.internal"]
statement_timeout_seconds = 1.5
[limits]
connections = 7
idle_seconds = 5
body_bytes = 2048
[pool]
maximum = 4
wait_seconds = 0.25
[transactions]
idle_seconds = 9
[[cluster]]
id = "orders"
engine = "postgresql"
host = "db.internal"
database = "orders"
tls = "verify-full"
tls_ca_file = "/etc/ca.pem"
[[cluster]]
id = "local"
engine = "mariadb"
managed = true
database = "app"
[[secret]]
name = "a"
username = "u"
password = "env:SECRET_A"
[[secret]]
name = "b"
username = "u"
password = "file:password"
database = "orders"
[[secret]]
name = "c"
username = "u"
password = "text:env:literal"
)",
                           table({{"SECRET_A", "from the environment"}}));
    EXPECT_EQ(made.address, "::1");
    EXPECT_EQ(made.port, 9000);
    EXPECT_EQ(made.threads, 3U);
    EXPECT_EQ(made.state_folder, "/srv/borealis");
    EXPECT_EQ(made.region, "eu-central-1");
    EXPECT_EQ(made.account, "000000000001");
    EXPECT_EQ(made.log_level, core::log_level::warning);
    EXPECT_EQ(made.allowed_hosts, std::vector<std::string>{"data.internal"});
    EXPECT_EQ(made.statement_timeout, std::chrono::milliseconds(1500));
    EXPECT_EQ(made.limits.connections, 7U);
    EXPECT_EQ(made.limits.idle, std::chrono::seconds(5));
    EXPECT_EQ(made.limits.request.body_bytes, 2048U);
    EXPECT_EQ(made.pool.maximum, 4U);
    EXPECT_EQ(made.pool.wait, std::chrono::milliseconds(250));
    EXPECT_EQ(made.transactions.idle, std::chrono::seconds(9));
    EXPECT_FALSE(made.default_clusters);
    ASSERT_EQ(made.external.size(), 1U);
    EXPECT_EQ(made.external[0].endpoint.host, "db.internal");
    EXPECT_EQ(made.external[0].endpoint.port, 5432);
    EXPECT_EQ(made.external[0].endpoint.tls, sql::tls_mode::verify_full);
    ASSERT_EQ(made.managed.size(), 1U);
    EXPECT_EQ(made.managed[0].is, clusters::engine::mysql);
    ASSERT_EQ(made.secrets.size(), 3U);
    EXPECT_EQ(made.secrets[0].password.reveal(), "from the environment");
    EXPECT_EQ(made.secrets[1].password.reveal(), "from a file");
    EXPECT_EQ(made.secrets[1].database, "orders");
    EXPECT_EQ(made.secrets[2].password.reveal(), "env:literal");
}

TEST_F(config_file, given_mistakes_when_read_then_the_error_names_line_column_and_what_is_known) {
    EXPECT_EQ(refusal("lisen = 1\n").substr(0, 40), "b.toml:1:1: unknown key `lisen`; known a");
    EXPECT_EQ(refusal("region = \"x y\"\n"),
              "b.toml:1:10: `region` must be lower-case letters, digits and hyphens, as in us-east-1");
    EXPECT_EQ(refusal("account = \"12\"\n"), "b.toml:1:11: `account` must be twelve digits");
    EXPECT_EQ(refusal("[pool]\nmaximum = 0\n"), "b.toml:2:11: `maximum` must be from 1 to 10000");
    EXPECT_EQ(refusal("[pool]\nmaximum = 1.5\n"), "b.toml:2:11: `maximum` must be a whole number");
    EXPECT_EQ(refusal("[limits]\nidle_seconds = \"long\"\n"),
              "b.toml:2:16: `idle_seconds` must be a number of seconds");
    EXPECT_EQ(refusal("[limits]\nsize = 1\n").substr(0, 40), "b.toml:2:1: unknown key `size` in [limit");
    EXPECT_EQ(refusal("pool = 3\n"), "b.toml:1:8: `pool` must be a table: [pool]");
    EXPECT_EQ(refusal("cluster = 3\n"), "b.toml:1:11: `cluster` must be a list of tables: [[cluster]]");
    EXPECT_NE(refusal("a = \n").find("b.toml:1:"), std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"oracle\"\nhost = \"h\"\n")
                  .find("`engine` must be postgresql, mysql or mariadb"),
              std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\n").find("needs either a `host` or a `socket`"),
              std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\nhost = \"h\"\nprofile = \"aws-v9\"\n")
                  .find("there is no profile `aws-v9`"),
              std::string::npos);
    EXPECT_NE(refusal("[[secret]]\nname = \"a\"\nusername = \"u\"\npassword = \"file:/not/there\"\n")
                  .find("cannot read a secret from /not/there"),
              std::string::npos);
}

TEST(environment_names, given_the_variables_of_local_data_api_when_read_then_there_is_a_cluster) {
    config mysql;
    ASSERT_TRUE(add_from_environment(mysql, table({{"MYSQL_HOST", "db"},
                                                   {"MYSQL_PASSWORD", "p"},
                                                   {"RESOURCE_ARN", "arn:aws:rds:us-east-1:1:cluster:x"},
                                                   {"SECRET_ARN", "arn:aws:secretsmanager:us-east-1:1:secret:s"}})));
    EXPECT_EQ(mysql.external.at(0).endpoint.host, "db");
    EXPECT_EQ(mysql.external.at(0).endpoint.port, 3306);
    EXPECT_EQ(mysql.external.at(0).arn, "arn:aws:rds:us-east-1:1:cluster:x");
    EXPECT_EQ(mysql.external.at(0).id, "x");
    EXPECT_EQ(mysql.secrets.at(0).username, "root");
    EXPECT_EQ(mysql.secrets.at(0).arn, "arn:aws:secretsmanager:us-east-1:1:secret:s");

    config postgres;
    ASSERT_TRUE(add_from_environment(postgres, table({{"ENGINE", "PostgreSQLJDBC"},
                                                      {"POSTGRES_HOST", "pg"},
                                                      {"POSTGRES_PORT", "6000"},
                                                      {"MYSQL_HOST", "other"},
                                                      {"POSTGRES_USER", "me"}})));
    EXPECT_EQ(postgres.external.at(0).is, clusters::engine::postgresql);
    EXPECT_EQ(postgres.external.at(0).endpoint.port, 6000);
    EXPECT_EQ(postgres.secrets.at(0).username, "me");

    config none;
    EXPECT_FALSE(add_from_environment(none, table({{"RESOURCE_ARN", "x"}})));
    EXPECT_THROW(add_from_environment(none, table({{"MYSQL_HOST", "db"}, {"MYSQL_PORT", "many"}})), std::runtime_error);
}

struct listen_case {
    std::string text, address;
    int port;  // -1: refused
};

class listen_text : public testing::TestWithParam<listen_case> {};

TEST_P(listen_text, given_a_text_when_set_then_address_and_port_are_apart) {
    config made;
    const auto& [text, address, port] = GetParam();
    if (port < 0) {
        EXPECT_THROW(set_listen(made, text), std::runtime_error);
        return;
    }
    set_listen(made, text);
    EXPECT_EQ(made.address, address);
    EXPECT_EQ(made.port, port);
}

INSTANTIATE_TEST_SUITE_P(forms, listen_text,
                         testing::Values(listen_case{"127.0.0.2:80", "127.0.0.2", 80},
                                         listen_case{"8081", "127.0.0.1", 8081}, listen_case{":0", "127.0.0.1", 0},
                                         listen_case{"[::1]:7", "::1", 7}, listen_case{"localhost:1", "127.0.0.1", 1},
                                         listen_case{"::1:7", "", -1}, listen_case{"1.2.3.4", "", -1},
                                         listen_case{"x:65536", "", -1}, listen_case{"", "", -1}));

TEST(loopback, given_hosts_when_asked_then_only_this_machine_is_one) {
    for (const auto* host : {"localhost", "LocalHost", "127.0.0.1", "127.255.1.2", "::1", "[::1]"})
        EXPECT_TRUE(is_loopback(host)) << host;
    for (const auto* host :
         {"", "0.0.0.0", "127.0.0.1.evil.example", "127.evil.a.b", "10.0.0.1", "localhost.evil.example", "::"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
}

TEST(check_config, given_another_address_when_checked_then_it_needs_both_flags) {
    config made;
    check(made);
    made.address = "0.0.0.0";
    EXPECT_THROW(check(made), std::runtime_error);
    made.insecure_no_auth = true;
    EXPECT_THROW(check(made), std::runtime_error);
    made.insecure_no_tls = true;
    check(made);
    made.insecure_no_auth = false;
    EXPECT_THROW(check(made), std::runtime_error);
    made.keys.push_back({.id = "AKID", .secret = core::secret_text("s")});
    check(made);
}

}  // namespace
}  // namespace borealis::server
