#include "client/config_file.hpp"

#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "borealis/errors.hpp"

namespace borealis::client {
namespace {

struct value_case {
    std::string_view name, text, section, key, expected;
};

std::ostream& operator<<(std::ostream& out, const value_case& of) { return out << of.name; }

constexpr value_case value_cases[] = {
    {"plain", "[default]\nregion = eu-central-1\n", "default", "region", "eu-central-1"},
    {"no blanks", "[default]\nregion=eu-central-1", "default", "region", "eu-central-1"},
    {"line ends of Windows", "[default]\r\nregion = x\r\n", "default", "region", "x"},
    {"byte order mark", "\xEF\xBB\xBF[default]\nregion = x", "default", "region", "x"},
    {"key in another case", "[default]\nREGION = x", "default", "region", "x"},
    {"comments", "# one\n[default]\n; two\n  # three\nregion = x", "default", "region", "x"},
    {"comment signs within a value", "[default]\nkey = a#b ; c", "default", "key", "a#b ; c"},
    {"quotes stay", "[default]\nkey = \"a b\"", "default", "key", "\"a b\""},
    {"equals sign in the value", "[default]\nkey = a=b=", "default", "key", "a=b="},
    {"later wins", "[default]\nkey = a\nkey = b", "default", "key", "b"},
    {"sections merge", "[p]\na = 1\n[q]\na = 2\n[p]\nb = 3", "p", "a", "1"},
    {"profile prefix", "[profile demo]\nregion = x", "profile demo", "region", "x"},
    {"blanks around names", "[ profile   demo ]\nregion = x", "profile demo", "region", "x"},
    {"quoted name", "[profile \"my own\"]\nregion = x", "profile my own", "region", "x"},
    {"value goes on", "[default]\nkey = a\n  b", "default", "key", "a\nb"},
    {"empty lines", "\n\n[default]\n\nregion = x\n\n", "default", "region", "x"},
};

class config_values : public testing::TestWithParam<value_case> {};

TEST_P(config_values, given_a_file_when_read_then_the_value_is_there) {
    const auto& expected = GetParam();
    const auto file = parse_config(expected.text, "config");
    ASSERT_TRUE(file.contains(std::string(expected.section)));
    EXPECT_EQ(file.at(std::string(expected.section)).find(std::string(expected.key)), expected.expected);
}

INSTANTIATE_TEST_SUITE_P(l_5_35, config_values, testing::ValuesIn(value_cases));

TEST(config_file, given_indented_lines_below_an_empty_value_when_read_then_they_are_one_level_of_their_own) {
    const auto file = parse_config(
        "[services local]\nrds_data =\n  endpoint_url = http://127.0.0.1:8080\n  Other = "
        "1\nlambda=\n\tendpoint_url=http://b\n",
        "config");
    const auto& services = file.at("services local");
    EXPECT_EQ(services.nested.at("rds_data").at("endpoint_url"), "http://127.0.0.1:8080");
    EXPECT_EQ(services.nested.at("rds_data").at("other"), "1");
    EXPECT_EQ(services.nested.at("lambda").at("endpoint_url"), "http://b");
    EXPECT_FALSE(services.find("rds_data"));
}

struct broken_case {
    std::string_view text, message;
};

class config_broken : public testing::TestWithParam<broken_case> {};

TEST_P(config_broken, given_a_broken_file_when_read_then_the_error_names_file_and_line) {
    try {
        (void)parse_config(GetParam().text, "/home/me/.aws/config");
        FAIL() << GetParam().text;
    } catch (const configuration_error& refused) {
        EXPECT_EQ(refused.message(),
                  "Unable to parse config file: /home/me/.aws/config, line " + std::string(GetParam().message));
    }
}

INSTANTIATE_TEST_SUITE_P(
    l_5_35, config_broken,
    testing::Values(broken_case{"region = x", "1: there is no [section] before it"},
                    broken_case{"[default\nregion = x", "1: the section's name does not end in ']'"},
                    broken_case{"[default]\nregion", "2: it needs the form 'key = value'"},
                    broken_case{"[default]\n= x", "2: it needs the form 'key = value'"},
                    broken_case{"[default]\na =\n  b", "3: an indented line needs the form 'key = value'"}));

TEST(config_file, given_no_file_when_read_then_it_has_no_sections) {
    EXPECT_TRUE(read_config("/nonexistent/config").empty());
}

}  // namespace
}  // namespace borealis::client
