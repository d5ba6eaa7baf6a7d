#include "server/config.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>

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
allowed_origins = ["https://app.example", "http://localhost:3000"]
statement_timeout_seconds = 1.5
profile = "relaxed"
sql_characters = 100
[limits]
connections = 7
idle_seconds = 5
body_bytes = 2048
linger_bytes = 1000
linger_seconds = 0.5
busy_poll_seconds = 0.0001
[admin]
listen = "127.0.0.1:0"
connections = 3
[observe]
access_log = "logs/access.log"
access_log_sql = true
access_log_buffer_bytes = 5000
slow_statement_seconds = 0.5
slow_statements_per_second = 2
sql_characters = 300
sql_comment = true
[secrets]
remembered_logins = 50
[pool]
maximum = 4
wait_seconds = 0.25
reset_seconds = 1.5
statements = 100
keepalive_idle_seconds = 0
keepalive_interval_seconds = 2
keepalive_count = 4
unacknowledged_seconds = 1.25
batches_at_once = false
quick_begin = false
shared_write_seconds = 0.001
shared_sessions = 3
shared_depth = 5
shared_wait_seconds = 0.2
short_after = 20
short_seconds = 0.0025
short_bytes = 1000
[transactions]
idle_seconds = 9
always_reset = true
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
profile = "aws-v1"
result_bytes = 1000
row_bytes = 0
formatted_bytes = 2000
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
    EXPECT_EQ(made.api_limits.statement_timeout, std::chrono::milliseconds(1500));
    EXPECT_EQ(made.profile, "relaxed");
    EXPECT_EQ(made.api_limits.sql_characters, 100U);
    EXPECT_EQ(made.api_limits.result_bytes, std::nullopt);
    EXPECT_EQ(made.external[0].profile, "");
    EXPECT_EQ(made.managed[0].profile, "aws-v1");
    ASSERT_EQ(made.cluster_limits.size(), 1U);
    EXPECT_EQ(made.cluster_limits.at("local").result_bytes, 1000U);
    EXPECT_EQ(made.cluster_limits.at("local").row_bytes, 0U);
    EXPECT_EQ(made.cluster_limits.at("local").formatted_bytes, 2000U);
    EXPECT_EQ(made.limits.connections, 7U);
    EXPECT_EQ(made.limits.idle, std::chrono::seconds(5));
    EXPECT_EQ(made.limits.request.body_bytes, 2048U);
    EXPECT_EQ(made.pool.maximum, 4U);
    EXPECT_EQ(made.pool.wait, std::chrono::milliseconds(250));
    EXPECT_EQ(made.limits.linger_bytes, 1000U);
    EXPECT_EQ(made.limits.linger, std::chrono::milliseconds(500));
    EXPECT_EQ(made.limits.busy_poll, std::chrono::microseconds(100));
    EXPECT_EQ(made.admin_connections, 3U);
    EXPECT_TRUE(made.observe.calls.on);
    EXPECT_EQ(made.observe.calls.file, folder_ / "logs/access.log");
    EXPECT_TRUE(made.observe.calls.sql);
    EXPECT_EQ(made.observe.calls.buffer_bytes, 5000U);
    EXPECT_EQ(made.observe.slow.threshold, std::chrono::milliseconds(500));
    EXPECT_EQ(made.observe.slow.lines_per_second, 2U);
    EXPECT_EQ(made.observe.slow.characters, 300U);
    EXPECT_TRUE(made.observe.sql_comment);
    EXPECT_EQ(made.remembered_logins, 50U);
    EXPECT_EQ(made.pool.reset_timeout, std::chrono::milliseconds(1500));
    EXPECT_EQ(made.database_sessions.statements, 100U);
    EXPECT_EQ(made.database_sessions.keepalive_idle, std::chrono::seconds(0));
    EXPECT_EQ(made.database_sessions.keepalive_interval, std::chrono::seconds(2));
    EXPECT_EQ(made.database_sessions.keepalive_count, 4);
    EXPECT_EQ(made.database_sessions.user_timeout, std::chrono::milliseconds(1250));
    EXPECT_FALSE(made.database_sessions.batches_at_once);
    EXPECT_FALSE(made.database_sessions.quick_begin);
    EXPECT_EQ(made.pool.shared.sessions, 3U);
    EXPECT_EQ(made.pool.shared.depth, 5U);
    EXPECT_EQ(made.pool.shared.proof.slow, std::chrono::milliseconds(200));
    EXPECT_EQ(made.pool.shared.proof.after, 20U);
    EXPECT_EQ(made.pool.shared.proof.write_time, std::chrono::microseconds(1000));
    EXPECT_EQ(made.pool.shared.proof.time, std::chrono::microseconds(2500));
    EXPECT_EQ(made.pool.shared.proof.bytes, 1000U);
    EXPECT_EQ(made.transactions.idle, std::chrono::seconds(9));
    EXPECT_TRUE(made.transactions.always_reset);
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

TEST_F(config_file, given_where_the_access_log_goes_when_read_then_it_is_off_standard_error_or_a_file) {
    EXPECT_FALSE(read("").observe.calls.on);
    EXPECT_FALSE(read("[observe]\naccess_log = \"off\"\n").observe.calls.on);
    const auto error = read("[observe]\naccess_log = \"stderr\"\n").observe.calls;
    EXPECT_TRUE(error.on);
    EXPECT_TRUE(error.file.empty());
    EXPECT_EQ(read("[observe]\naccess_log = \"/var/log/a\"\n").observe.calls.file, "/var/log/a");
    EXPECT_TRUE(refusal("[observe]\naccess_log = \"\"\n").contains("`access_log` must be off, stderr or a file"));
}

TEST_F(config_file, given_a_driver_for_all_and_one_for_a_cluster_when_read_then_that_cluster_has_its_own) {
    const auto made = read(
        "driver = \"library\"\n[[cluster]]\nid = \"A\"\nengine = \"postgresql\"\nhost = \"h\"\ndriver = \"native\"\n");
    EXPECT_EQ(made.driver, protocol_speaker::library);
    ASSERT_EQ(made.driver_of.size(), 1U);
    EXPECT_EQ(made.driver_of.at("a"), protocol_speaker::native);
}

TEST_F(config_file, given_several_hosts_when_read_then_each_has_its_port_and_the_tls_of_the_cluster) {
    const auto made = read(
        "[[cluster]]\nid = \"a\"\nengine = \"postgresql\"\nport = 6000\ntls = \"verify-full\"\n"
        "hosts = [\"one\", \"two:5433\", \"[::1]:5434\", \"::1\"]\n");
    ASSERT_EQ(made.external.size(), 1U);
    const auto& cluster = made.external.front();
    EXPECT_EQ(cluster.endpoint.host, "one");
    EXPECT_EQ(cluster.endpoint.port, 6000);
    ASSERT_EQ(cluster.others.size(), 3U);
    EXPECT_EQ(cluster.others[0].host, "two");
    EXPECT_EQ(cluster.others[0].port, 5433);
    EXPECT_EQ(cluster.others[1].host, "::1");
    EXPECT_EQ(cluster.others[1].port, 5434);
    EXPECT_EQ(cluster.others[2].host, "::1");
    EXPECT_EQ(cluster.others[2].port, 6000);
    EXPECT_EQ(cluster.others[2].tls, sql::tls_mode::verify_full);
}

TEST_F(config_file, given_mistakes_when_read_then_the_error_names_line_column_and_what_is_known) {
    EXPECT_EQ(refusal("lisen = 1\n").substr(0, 40), "b.toml:1:1: unknown key `lisen`; known a");
    EXPECT_EQ(refusal("region = \"x y\"\n"),
              "b.toml:1:10: `region` must be lower-case letters, digits and hyphens, as in us-east-1");
    EXPECT_EQ(refusal("driver = \"odbc\"\n"), "b.toml:1:10: `driver` must be native or library");
    EXPECT_EQ(refusal("account = \"12\"\n"), "b.toml:1:11: `account` must be twelve digits");
    EXPECT_EQ(refusal("profile = \"aws\"\n"),
              "b.toml:1:11: there is no profile `aws`; known: aws-v2, aws-v1, aws-v1-early, relaxed");
    EXPECT_EQ(refusal("result_bytes = 0\n"), "b.toml:1:16: `result_bytes` must be from 1 to 1073741824");
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
    EXPECT_NE(
        refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\n").find("needs one of `host`, `hosts` and `socket`"),
        std::string::npos);
    EXPECT_NE(
        refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\nhost = \"h\"\nhosts = [\"i\"]\n").find("needs one of"),
        std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\nhosts = [\"i:x\"]\n").find("is no port"),
              std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\nhosts = [\":1\"]\n").find("`:1` is no host[:port]"),
              std::string::npos);
    EXPECT_NE(refusal("[pool]\nmaximum = 2\nminimum = 3\n").find("`minimum` is larger than `maximum`"),
              std::string::npos);
    EXPECT_NE(refusal("[pool]\nmaximum = 2\ntransactions = 3\n").find("`transactions` is larger than `maximum`"),
              std::string::npos);
    EXPECT_NE(refusal("[[cluster]]\nid = \"a\"\nengine = \"mysql\"\nhost = \"h\"\nprofile = \"aws-v9\"\n")
                  .find("there is no profile `aws-v9`"),
              std::string::npos);
    EXPECT_NE(refusal("[[secret]]\nname = \"a\"\nusername = \"u\"\npassword = \"file:/not/there\"\n")
                  .find("cannot read a secret from /not/there"),
              std::string::npos);
}

TEST_F(config_file, given_an_http_api_when_read_then_everything_is_there) {
    const auto made = read(R"(
[http_api]
listen = "127.0.0.1:0"
rate_per_second = 5
burst = 2
body_bytes = 2048
header_bytes = 4096
stage = "live"
cors = { allow_origins = ["https://a.example"], allow_methods = ["GET"], allow_headers = ["x"], expose_headers = ["y"], allow_credentials = true, max_age_seconds = 60 }

[[route]]
route = "GET /employees/{id}"
function = "employees"
payload_format = "1.0"
timeout_seconds = 2.5

[[route]]
route = "$default"
function = "other"

[template]
file = "app/template.yaml"
parameters = { Stage = "test" }
attributes = { "Table.Arn" = "arn:x" }
clusters = { Cluster = "orders" }
code = { Function = "build/program" }
watch = true
)");
    const auto& api = made.http_api;
    EXPECT_EQ(api.port, 0);
    EXPECT_EQ(api.rate_per_second, 5U);
    EXPECT_EQ(api.burst, 2U);
    EXPECT_EQ(api.request.body_bytes, 2048U);
    EXPECT_EQ(api.request.header_bytes, 4096U);
    EXPECT_EQ(api.stage, "live");
    ASSERT_TRUE(api.cors);
    EXPECT_EQ(api.cors->allow_origins, std::vector<std::string>{"https://a.example"});
    EXPECT_EQ(api.cors->max_age, std::chrono::seconds(60));
    EXPECT_TRUE(api.cors->allow_credentials);
    ASSERT_EQ(api.routes.size(), 2U);
    EXPECT_EQ(api.routes[0].key(), "GET /employees/{id}");
    EXPECT_EQ(api.routes[0].format, lambda::payload_format::v1);
    EXPECT_EQ(api.routes[0].timeout, std::chrono::milliseconds(2500));
    EXPECT_EQ(api.routes[1].key(), "$default");
    EXPECT_EQ(api.routes[1].function, "other");
    EXPECT_EQ(made.application.file, folder_ / "app/template.yaml");
    EXPECT_EQ(made.application.parameters.at("Stage"), "test");
    EXPECT_EQ(made.application.attributes.at("Table.Arn"), "arn:x");
    EXPECT_EQ(made.application.clusters.at("Cluster"), "orders");
    EXPECT_EQ(made.application.code.at("Function"), folder_ / "build/program");
    EXPECT_TRUE(made.application.watch);
}

TEST_F(config_file, given_mistakes_in_routes_when_read_then_the_error_says_what_to_change) {
    for (const auto& [text, says] : {
             std::pair(R"(route = "GET /x")", "a [[route]] needs a `function`"),
             std::pair(R"(route = "/x"\nfunction = "f")", "a [[route]] needs a `route`"),
             std::pair(R"(route = "FETCH /x"\nfunction = "f")", "unknown method"),
             std::pair(R"(route = "GET x"\nfunction = "f")", "a path begins with a slash"),
             std::pair(R"(route = "GET /{a+}/b"\nfunction = "f")", "must be at the end"),
             std::pair(R"(route = "GET /x"\nfunction = "f"\npayload_format = "3.0")", "`payload_format` must be"),
             std::pair(R"(route = "GET /x"\nfunction = "f"\ntimeout_seconds = 31)", "from 0.05 to 30"),
         }) {
        std::string lines(text);
        for (auto at = lines.find("\\n"); at != std::string::npos; at = lines.find("\\n")) lines.replace(at, 2, "\n");
        const auto refused = refusal("[[route]]\n" + lines + "\n");
        EXPECT_NE(refused.find(says), std::string::npos) << refused;
        EXPECT_TRUE(refused.starts_with("b.toml:")) << refused;
    }
    EXPECT_NE(refusal("[http_api]\nlisten = \"::1:80\"\n").find("write an IPv6 address in brackets"),
              std::string::npos);
    EXPECT_NE(refusal("[http_api]\nlisten = \"1:99999\"\n").find("`99999` is no port"), std::string::npos);
    EXPECT_NE(refusal("[template]\nparameters = { A = 1 }\n").find("`A` must be a string"), std::string::npos);
}

TEST_F(config_file, given_where_secrets_are_when_read_then_each_place_is_known) {
    std::ofstream(folder_ / "password") << "from a file\n";
    const auto made = read(R"(
core_dumps = true

[secrets]
key = "credential:store"

[tls]
certificate_file = "tls/chain.pem"
key_file = "/etc/tls/key.pem"
client_ca_file = "clients.pem"
client_certificates = "optional"
minimum_version = "1.3"

[limits]
handshake_seconds = 3

[[cluster]]
id = "Far"
engine = "mysql"
host = "h"
secrets = "aws"
secrets_region = "eu-west-1"
secrets_endpoint = "http://127.0.0.1:1"
secrets_aws_profile = "p"
secrets_ttl_seconds = 60

[[secret]]
name = "in-a-file"
username = "u"
password = "file:password"

[[secret]]
name = "turned"
source = "store"
rotate_command = ["/usr/bin/rotate", "--now"]
rotate_seconds = 5

[[secret]]
name = "far"
source = "aws"

[[secret]]
name = "farther"
source = "aws"
arn = "arn:aws:secretsmanager:eu-west-1:1:secret:f-AbCdEf"
id = "there"
region = "eu-west-1"
ttl_seconds = 1
)",
                           table({{"CREDENTIALS_DIRECTORY", "/run/credentials/borealis"}}));
    EXPECT_TRUE(made.core_dumps);
    EXPECT_EQ(made.secrets_key.file, "/run/credentials/borealis/store");
    EXPECT_TRUE(made.secrets_key.file_is_given);
    EXPECT_EQ(made.tls.certificate, folder_ / "tls/chain.pem");
    EXPECT_EQ(made.tls.key, "/etc/tls/key.pem");
    EXPECT_EQ(made.tls.client_ca, folder_ / "clients.pem");
    EXPECT_EQ(made.tls.clients, client_certificates::optional);
    EXPECT_EQ(made.tls.minimum, tls_version::tls_1_3);
    EXPECT_EQ(made.limits.handshake, std::chrono::seconds(3));
    EXPECT_EQ(made.outside_of.at("far"), (outside_secret{.id = "",
                                                         .region = "eu-west-1",
                                                         .endpoint = "http://127.0.0.1:1",
                                                         .profile = "p",
                                                         .lives = std::chrono::seconds(60)}));
    ASSERT_EQ(made.secrets.size(), 1U);
    EXPECT_EQ(made.secrets.front().password_file, folder_ / "password");
    EXPECT_EQ(made.rotate_commands.at("turned").words, (std::vector<std::string>{"/usr/bin/rotate", "--now"}));
    EXPECT_EQ(made.rotate_commands.at("turned").limit, std::chrono::seconds(5));
    ASSERT_EQ(made.outside.size(), 2U);
    EXPECT_EQ(made.outside.front().kept.id, "far");
    EXPECT_EQ(made.outside.back().kept.id, "there");
    const auto of_variable = read("[secrets]\nkey = \"env:K\"\n", table({{"K", "abc"}}));
    EXPECT_EQ(of_variable.secrets_key.text.reveal(), "abc");
    EXPECT_EQ(of_variable.secrets_key.text_name, "the environment variable K");
}

TEST_F(config_file, given_mistakes_about_secrets_when_read_then_the_error_says_what_goes_together) {
    const auto secret = [&](std::string_view more) {
        return refusal("[[secret]]\nname = \"a\"\n" + std::string(more));
    };
    const auto says = [](const std::string& text, std::string_view words) {
        return text.find(words) != std::string::npos;
    };
    EXPECT_TRUE(says(secret("source = \"vault\"\n"), "`source` must be config, store or aws"));
    EXPECT_TRUE(says(secret("source = \"aws\"\nusername = \"u\"\n"), "its value is not kept here"));
    EXPECT_TRUE(says(secret("username = \"u\"\nrotate_command = [\"/x\"]\n"), "needs `source = \"store\"`"));
    EXPECT_TRUE(says(secret("source = \"store\"\n"), "needs a `rotate_command`"));
    EXPECT_TRUE(says(secret("source = \"store\"\nrotate_command = [\"relative\"]\n"), "absolute path"));
    EXPECT_TRUE(says(secret("username = \"u\"\nregion = \"r\"\n"), "go with `source = \"aws\"`"));
    EXPECT_TRUE(
        says(secret("source = \"aws\"\n[[secret]]\nname = \"a\"\nusername = \"u\"\n"), "there is a [[secret]] `a`"));
    EXPECT_TRUE(says(refusal("[[cluster]]\nid = \"c\"\nengine = \"mysql\"\nhost = \"h\"\nsecrets_region = \"r\"\n"),
                     "go with `secrets = \"aws\"`"));
    EXPECT_TRUE(says(refusal("[secrets]\nkey = \"0123\"\n"), "the key itself does not belong in this file"));
    EXPECT_FALSE(says(refusal("[secrets]\nkey = \"0123\"\n"), "0123"));
    EXPECT_TRUE(says(refusal("[secrets]\nkey = \"env:K\"\n"), "the environment variable K is not set"));
    EXPECT_TRUE(says(refusal("[secrets]\nkey = \"credential:k\"\n"), "CREDENTIALS_DIRECTORY is not set"));
    EXPECT_TRUE(says(refusal("[tls]\ncertificate_file = \"c\"\n"), "needs a `certificate_file` and a `key_file`"));
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

TEST_F(config_file, given_functions_when_read_then_each_has_its_settings) {
    const auto made = read(R"(
[lambda]
uploads = true
run_functions_as = "nobody"
queue_seconds = 1.5
event_retry_seconds = [0.5]
[[function]]
name = "first"
program = "bin/first"
timeout_seconds = 7
memory_mb = 256
instances = 2
reserved_concurrency = 0
freeze = true
[function.environment]
TOKEN = "env:A_TOKEN"
PLAIN = "as it is"
[[function]]
name = "second"
zip = "/srv/second.zip"
)",
                           table({{"A_TOKEN", "from a variable"}}));
    EXPECT_TRUE(made.lambda.serve);
    EXPECT_EQ(made.lambda.uploads, true);
    EXPECT_EQ(made.lambda.host.run_as, "nobody");
    EXPECT_EQ(made.lambda.host.queue_limit, std::chrono::milliseconds(1500));
    ASSERT_EQ(made.lambda.host.retry_after.size(), 1U);
    EXPECT_EQ(made.lambda.host.retry_after.front(), std::chrono::milliseconds(500));
    ASSERT_EQ(made.lambda.functions.size(), 2U);
    const auto& first = made.lambda.functions.front();
    EXPECT_EQ(first.program, folder_ / "bin/first");
    EXPECT_EQ(first.timeout, std::chrono::seconds(7));
    EXPECT_EQ(first.memory_mb, 256U);
    EXPECT_EQ(first.instances, 2U);
    EXPECT_EQ(first.reserved_concurrency, 0U);
    EXPECT_EQ(first.freeze, lambda::freezing::between_events);
    EXPECT_EQ(first.environment.at("TOKEN"), "from a variable");
    EXPECT_EQ(first.environment.at("PLAIN"), "as it is");
    EXPECT_EQ(made.lambda.functions.back().zip, "/srv/second.zip");
}

TEST_F(config_file, given_a_file_when_it_names_no_function_then_there_is_no_lambda_host_unless_asked_for) {
    EXPECT_TRUE(config().lambda.serve) << "without a file";
    EXPECT_FALSE(read("threads = 1").lambda.serve);
    EXPECT_TRUE(read("[lambda]").lambda.serve);
    EXPECT_TRUE(read("[[function]]\nname = \"f\"\nprogram = \"p\"").lambda.serve);
    EXPECT_FALSE(read("[lambda]\nserve = false\n[[function]]\nname = \"f\"\nprogram = \"p\"").lambda.serve);
}

TEST_F(config_file, given_a_function_that_cannot_be_when_read_then_the_line_says_why) {
    EXPECT_EQ(refusal("[[function]]\nprogram = \"p\""), "b.toml:1:1: a [[function]] needs a `name`");
    EXPECT_EQ(
        refusal("[[function]]\nname = \"f\""),
        "b.toml:1:1: function `f` needs one of `program`, `folder` (that holds a program named bootstrap) and `zip`");
    EXPECT_EQ(
        refusal("[[function]]\nname = \"f\"\nprogram = \"p\"\nzip = \"z\""),
        "b.toml:1:1: function `f` needs one of `program`, `folder` (that holds a program named bootstrap) and `zip`");
    EXPECT_EQ(refusal("[[function]]\nname = \"f\"\nprogram = \"p\"\ntimeout_seconds = 901"),
              "b.toml:4:19: `timeout_seconds` must be from 1 to 900 seconds");
    EXPECT_NE(refusal("[[function]]\nname = \"f\"\nprogram = \"p\"\nenvironment = {AWS_REGION = \"x\"}")
                  .find("Reserved keys"),
              std::string::npos);
    EXPECT_EQ(refusal("[[function]]\nname = \"f\"\nprogram = \"p\"\nenvironment = {A1 = 1}"),
              "b.toml:4:21: the variable `A1` must be a string");
    EXPECT_EQ(refusal("[lambda]\nevent_retry_seconds = [1, 2, 3]"),
              "b.toml:2:23: `event_retry_seconds` must be a list of at most two numbers of seconds");
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

TEST(check_config, given_another_address_of_an_http_api_when_checked_then_it_needs_both_flags) {
    config made;
    set_http_api_listen(made.http_api, "0.0.0.0:3000");
    EXPECT_THROW(check(made), std::runtime_error);
    made.insecure_no_auth = true;
    EXPECT_THROW(check(made), std::runtime_error);
    made.insecure_no_tls = true;
    EXPECT_NO_THROW(check(made));
    set_http_api_listen(made.http_api, "localhost:3000");
    EXPECT_EQ(made.http_api.address, "127.0.0.1");
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
    made.insecure_no_tls = false;
    made.tls.certificate = "certificate";
    check(made);  // with a certificate nothing has to be said about it
    made.insecure_no_auth = false;
    EXPECT_THROW(check(made), std::runtime_error);
    made.access.users.push_back({.name = "ann"});
    check(made);
}

}  // namespace
}  // namespace borealis::server
