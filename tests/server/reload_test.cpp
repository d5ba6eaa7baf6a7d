#include "server/reload.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace borealis::server {
namespace {

constexpr std::string_view plain = R"(
[[cluster]]
id = "Orders"
engine = "postgresql"
host = "a"
[[cluster]]
id = "own"
engine = "mysql"
managed = true
[[secret]]
name = "app"
username = "u"
password = "text:the password"
[[key]]
id = "AKIA1"
secret = "text:the secret"
user = "ann"
)";

config made_of(const std::string& text) {
    auto made = parse_config(text, "b.toml", [](const char*) -> const char* { return nullptr; });
    made.state_folder = "/state";
    return made;
}

std::string replaced(std::string_view what, std::string_view by) {
    std::string text(plain);
    return text.replace(text.find(what), what.size(), by);
}

struct one_case {
    std::string_view name;
    std::string text;
    std::string_view taken, needs_restart;
};

const one_case cases[] = {
    {"the_same", std::string(plain), "", ""},
    {"a_comment", std::string(plain) + "# more", "", ""},
    {"a_setting", "log_level = \"debug\"\n" + std::string(plain), "log_level", ""},
    {"tables", "result_bytes = 5\n" + std::string(plain) + "[pool]\nmaximum = 3\n[limits]\nidle_seconds = 3\n",
     "limits of the Data API, [limits], [pool]", ""},
    {"a_cluster_moves", replaced(R"(host = "a")", R"(host = "b")"), "cluster orders", ""},
    {"a_cluster_has_a_rule", replaced(R"(host = "a")", "host = \"a\"\ndeny_statements = [\"ddl\"]"), "cluster orders",
     ""},
    {"a_cluster_has_a_limit", replaced("managed = true", "managed = true\nresult_bytes = 5"), "cluster own", ""},
    {"a_cluster_is_another", replaced("Orders", "new"), "cluster new (new), cluster orders (gone)", ""},
    {"a_password", replaced("the password", "another"), "secret app", ""},
    {"a_secret_elsewhere", replaced("username = \"u\"\npassword = \"text:the password\"", "source = \"aws\""),
     "secret app", ""},
    {"a_key", replaced("the secret", "another"), "user ann", ""},
    {"a_user", replaced("\"ann\"", "\"bob\""), "user bob (new), user ann (gone)", ""},
    {"fixed_ones", "listen = \"127.0.0.1:1\"\nthreads = 3\nregion = \"eu-west-1\"\n" + std::string(plain), "",
     "listen, threads, region"},
    {"tls_on", std::string(plain) + "[tls]\ncertificate_file = \"a\"\nkey_file = \"b\"\n", "", "[tls] on or off"},
    {"a_function", std::string(plain) + "[[function]]\nname = \"f\"\nprogram = \"/f\"\n", "",
     "[lambda], [[function]], [template], [http_api] or [[route]]"},
};

class comparing : public testing::TestWithParam<one_case> {};

TEST_P(comparing, given_another_configuration_then_what_changes_is_named_without_its_value) {
    auto next = made_of(GetParam().text);
    const auto found = compare(made_of(std::string(plain)), next);
    EXPECT_EQ(listed(found.taken), GetParam().taken);
    EXPECT_EQ(listed(found.needs_restart), GetParam().needs_restart);
}

TEST_P(comparing, given_the_same_twice_then_nothing_changes) {
    auto next = made_of(GetParam().text);
    const auto found = compare(made_of(GetParam().text), next);
    EXPECT_TRUE(found.taken.empty());
    EXPECT_TRUE(found.needs_restart.empty());
}

INSTANTIATE_TEST_SUITE_P(all, comparing, testing::ValuesIn(cases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(reload, given_what_needs_a_restart_then_it_stays_as_it_was) {
    auto next = made_of("listen = \"0.0.0.0:1\"\nthreads = 3\nresult_bytes = 5\n" + std::string(plain) +
                        "[admin]\nlisten = \"127.0.0.1:9\"\n");
    const auto before = made_of(std::string(plain));
    const auto found = compare(before, next);
    EXPECT_EQ(listed(found.needs_restart), "listen, threads, [admin] listen");
    EXPECT_EQ(next.address, before.address);
    EXPECT_EQ(next.port, before.port);
    EXPECT_EQ(next.threads, before.threads);
    EXPECT_EQ(next.admin_address, "");
    EXPECT_EQ(next.api_limits.result_bytes, 5U);
}

TEST(reload, given_many_names_then_some_are_listed) {
    EXPECT_EQ(listed({"a", "b", "c", "d"}, 2), "a, b and 2 more");
    EXPECT_EQ(listed({"a", "b"}, 2), "a, b");
    EXPECT_EQ(listed({}), "");
}

}  // namespace
}  // namespace borealis::server
