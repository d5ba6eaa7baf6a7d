#include "client/settings.hpp"

#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "borealis/errors.hpp"
#include "client/fake_environment.hpp"

namespace borealis::client {
namespace {

using variables = std::map<std::string, std::string>;

/// One machine: its variables, its two files, the options in code.
struct machine {
    variables environment = {};
    std::string config = {}, credentials = {};
    client_options options = {};
};

struct setting_case {
    std::string_view name;
    machine on;
    std::string expected;
};

std::ostream& operator<<(std::ostream& out, const setting_case& of) { return out << of.name; }

std::string ask(
    const machine& on,
    const std::function<std::string(const client_options&, const profile_settings&, const environment&)>& what) {
    const tests::temporary_folder home;
    home.write(".aws/config", on.config);
    home.write(".aws/credentials", on.credentials);
    tests::fake_environment fake;
    fake.held->variables["HOME"] = home.path();
    for (const auto& [name, value] : on.environment) fake.held->variables[name] = value;
    const auto in = fake.make();
    try {
        const auto profile = find_profile(on.options, in);
        return what(on.options, profile, in);
    } catch (const configuration_error& refused) {
        return "error: " + refused.message();
    }
}

class l_5_4 : public testing::TestWithParam<setting_case> {};

TEST_P(l_5_4, given_a_machine_when_asked_for_the_region_then_the_first_place_wins) {
    EXPECT_EQ(ask(GetParam().on, find_region), GetParam().expected);
}

const setting_case regions[] = {
    {"option", {.environment = {{"AWS_REGION", "b"}}, .options = {.region = "a"}}, "a"},
    {"AWS_REGION",
     {.environment = {{"AWS_REGION", "b"}, {"AWS_DEFAULT_REGION", "c"}}, .config = "[default]\nregion=d"},
     "b"},
    {"AWS_DEFAULT_REGION",
     {.environment = {{"AWS_REGION", ""}, {"AWS_DEFAULT_REGION", "c"}}, .config = "[default]\nregion=d"},
     "c"},
    {"profile", {.config = "[default]\nregion=d"}, "d"},
    {"named profile",
     {.environment = {{"AWS_PROFILE", "p"}}, .config = "[default]\nregion=d\n[profile p]\nregion=e"},
     "e"},
    {"default profile with the prefix", {.config = "[default]\nregion=d\n[profile default]\nregion=f"}, "f"},
    {"credentials file", {.config = "[default]\nregion=d", .credentials = "[default]\nregion=g"}, "g"},
    {"none",
     {},
     "error: You must specify a region: set client_options::region, AWS_REGION, or 'region' in the profile 'default'."},
    {"not a host's label",
     {.options = {.region = "a.evil.example"}},
     "error: Provided region_name 'a.evil.example' doesn't match a supported format."},
};

INSTANTIATE_TEST_SUITE_P(machines, l_5_4, testing::ValuesIn(regions));

class profiles : public testing::TestWithParam<setting_case> {};

TEST_P(profiles, given_a_machine_when_asked_for_the_profile_then_the_first_place_wins) {
    EXPECT_EQ(ask(GetParam().on, [](const auto&, const profile_settings& of, const auto&) { return of.name; }),
              GetParam().expected);
}

const setting_case profile_cases[] = {
    {"option",
     {.environment = {{"AWS_PROFILE", "b"}}, .config = "[profile a]\n[profile b]", .options = {.profile = "a"}},
     "a"},
    {"AWS_PROFILE",
     {.environment = {{"AWS_PROFILE", "b"}, {"AWS_DEFAULT_PROFILE", "c"}}, .config = "[profile b]\n[profile c]"},
     "b"},
    {"AWS_DEFAULT_PROFILE", {.environment = {{"AWS_DEFAULT_PROFILE", "c"}}, .credentials = "[c]"}, "c"},
    {"default", {}, "default"},
    {"default by name", {.environment = {{"AWS_PROFILE", "default"}}}, "default"},
    {"unknown",
     {.environment = {{"AWS_PROFILE", "x"}}, .config = "[x]"},
     "error: The config profile (x) could not be found"},
};

INSTANTIATE_TEST_SUITE_P(machines, profiles, testing::ValuesIn(profile_cases));

class l_5_50 : public testing::TestWithParam<setting_case> {};

TEST_P(l_5_50, given_a_machine_when_asked_for_the_endpoint_then_the_first_place_wins) {
    EXPECT_EQ(ask(GetParam().on,
                  [](const client_options& options, const profile_settings& profile, const environment& in) {
                      const auto at = find_endpoint(options, profile, in, data_api_names, "eu-central-1");
                      return at.scheme + "|" + at.authority + "|" + at.base_path;
                  }),
              GetParam().expected);
}

const std::string services =
    "[default]\nservices = local\nendpoint_url = http://profile\n[services local]\nrds_data =\n  endpoint_url = "
    "http://service\n";

const setting_case endpoints[] = {
    {"option",
     {.environment = {{"AWS_ENDPOINT_URL_RDS_DATA", "http://b"}}, .options = {.endpoint_url = "http://a"}},
     "http|a|"},
    {"variable of the service",
     {.environment = {{"AWS_ENDPOINT_URL_RDS_DATA", "http://b"}, {"AWS_ENDPOINT_URL", "http://c"}}},
     "http|b|"},
    {"variable of all", {.environment = {{"AWS_ENDPOINT_URL", "http://c"}}, .config = services}, "http|c|"},
    {"empty variables count as unset",
     {.environment = {{"AWS_ENDPOINT_URL_RDS_DATA", ""}, {"AWS_ENDPOINT_URL", ""}}, .config = services},
     "http|service|"},
    {"services section", {.config = services}, "http|service|"},
    {"services section of another service",
     {.config =
          "[default]\nservices = s\nendpoint_url = http://profile\n[services s]\nlambda =\n  endpoint_url = http://l"},
     "http|profile|"},
    {"services without a section",
     {.config = "[default]\nservices = s"},
     "error: The profile 'default' names services = s, but the config file has no section [services s]"},
    {"profile", {.config = "[default]\nendpoint_url = http://profile"}, "http|profile|"},
    {"built in", {}, "https|rds-data.eu-central-1.amazonaws.com|"},
    {"ignored by variable",
     {.environment = {{"AWS_ENDPOINT_URL", "http://c"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"}}},
     "https|rds-data.eu-central-1.amazonaws.com|"},
    {"ignored by profile",
     {.environment = {{"AWS_ENDPOINT_URL", "http://c"}}, .config = "[default]\nignore_configured_endpoint_urls = true"},
     "https|rds-data.eu-central-1.amazonaws.com|"},
    {"ignored, but not the option",
     {.environment = {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}, .options = {.endpoint_url = "http://a"}},
     "http|a|"},
    {"base path", {.options = {.endpoint_url = "https://Host:8443/base/path/"}}, "https|host:8443|/base/path"},
    {"own port of the scheme", {.options = {.endpoint_url = "https://host:443"}}, "https|host|"},
    {"IPv6", {.options = {.endpoint_url = "http://[::1]:8080/"}}, "http|[::1]:8080|"},
    {"no scheme",
     {.options = {.endpoint_url = "localhost:8080"}},
     "error: Invalid endpoint 'localhost:8080': it must begin with http:// or https://"},
    {"other scheme",
     {.options = {.endpoint_url = "ftp://a"}},
     "error: Invalid endpoint 'ftp://a': it must begin with http:// or https://"},
    {"query",
     {.options = {.endpoint_url = "http://a/?b"}},
     "error: Invalid endpoint 'http://a/?b': it must not have a query or fragment"},
    {"no host", {.options = {.endpoint_url = "http://:80"}}, "error: Invalid endpoint 'http://:80': it has no host"},
    {"port too large",
     {.options = {.endpoint_url = "http://a:65536"}},
     "error: Invalid endpoint 'http://a:65536': its port is not a number from 1 to 65535"},
    {"password",
     {.options = {.endpoint_url = "http://u:hunter2@a/?b"}},
     "error: Invalid endpoint: it must not hold '@' (a user name or password)"},
    {"line end",
     {.options = {.endpoint_url = "http://a\r\nX: y"}},
     "error: Invalid endpoint 'http://a\r\nX: y': it has a blank or control character in it"},
};

INSTANTIATE_TEST_SUITE_P(machines, l_5_50, testing::ValuesIn(endpoints));

TEST(l_5_53, given_the_general_variable_when_asked_for_secrets_manager_then_it_is_redirected_as_well) {
    const auto ask_for = [](const variables& environment) {
        return ask({.environment = environment},
                   [](const client_options& options, const profile_settings& profile, const client::environment& in) {
                       return find_endpoint(options, profile, in, secrets_manager_names, "eu-central-1").authority;
                   });
    };
    EXPECT_EQ(ask_for({{"AWS_ENDPOINT_URL", "http://all"}}), "all");
    EXPECT_EQ(ask_for({{"AWS_ENDPOINT_URL", "http://all"}, {"AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://own"}}), "own");
    EXPECT_EQ(ask_for({{"AWS_ENDPOINT_URL_RDS_DATA", "http://data"}}), "secretsmanager.eu-central-1.amazonaws.com");
}

class attempts : public testing::TestWithParam<setting_case> {};

TEST_P(attempts, given_a_machine_when_asked_for_the_attempts_then_the_first_place_wins) {
    EXPECT_EQ(ask(GetParam().on, [](const auto&... all) { return std::to_string(find_max_attempts(all...)); }),
              GetParam().expected);
}

const setting_case attempt_cases[] = {
    {"option", {.environment = {{"AWS_MAX_ATTEMPTS", "5"}}, .options = {.max_attempts = 2}}, "2"},
    {"variable", {.environment = {{"AWS_MAX_ATTEMPTS", "5"}}, .config = "[default]\nmax_attempts = 4"}, "5"},
    {"profile", {.config = "[default]\nmax_attempts = 4\nretry_mode = adaptive"}, "4"},
    {"default", {}, "3"},
    {"no number",
     {.environment = {{"AWS_MAX_ATTEMPTS", "many"}}},
     "error: Invalid number of attempts 'many' (AWS_MAX_ATTEMPTS or max_attempts): use a whole number from 1"},
    {"none at all",
     {.environment = {{"AWS_MAX_ATTEMPTS", "0"}}},
     "error: Invalid number of attempts '0' (AWS_MAX_ATTEMPTS or max_attempts): use a whole number from 1"},
    {"unknown mode",
     {.environment = {{"AWS_RETRY_MODE", "wild"}}},
     "error: Invalid retry mode 'wild': use standard (legacy and adaptive are taken as standard)"},
};

INSTANTIATE_TEST_SUITE_P(l_5_60, attempts, testing::ValuesIn(attempt_cases));

TEST(ca_file, given_a_bundle_that_cannot_be_read_when_asked_for_then_the_error_names_it) {
    EXPECT_EQ(ask({.environment = {{"AWS_CA_BUNDLE", "~/none.pem"}, {"HOME", "/nonexistent"}}}, find_ca_file),
              "error: The CA bundle '/nonexistent/none.pem' cannot be read");
    EXPECT_EQ(ask({.environment = {{"AWS_CA_BUNDLE", "/nonexistent.pem"}}, .options = {.ca_file = "/dev/null"}},
                  find_ca_file),
              "/dev/null");
}

TEST(loopback, given_hosts_when_asked_then_only_this_machines_are) {
    for (const std::string_view host : {"127.0.0.1", "127.1.2.3", "localhost", "::1"})
        EXPECT_TRUE(is_loopback(host)) << host;
    for (const std::string_view host : {"128.0.0.1", "127.evil.example", "localhost.example", "10.0.0.1", ""})
        EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace borealis::client
