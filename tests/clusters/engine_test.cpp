#include "clusters/engine.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace borealis::clusters {
namespace {

using ::testing::HasSubstr;

struct version_case {
    std::string_view name, text, expected;
};
constexpr version_case version_cases[] = {
    {"postgresql", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18"},
    {"mariadb", "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n", "10.11.19"},
    {"preview", "postgres (PostgreSQL) 18beta1", ""},
    {"dot_at_the_end", "version 7. Then 8.4.", "8.4"},
    {"none", "no number", ""},
    {"empty", "", ""},
};
struct version_text : ::testing::TestWithParam<version_case> {};
INSTANTIATE_TEST_SUITE_P(cases, version_text, ::testing::ValuesIn(version_cases),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(version_text, given_what_a_program_says_when_read_then_the_version_is_found) {
    EXPECT_EQ(version_in(GetParam().text), GetParam().expected);
}

struct order_case {
    std::string_view name, left, right;
    bool older;
};
constexpr order_case order_cases[] = {
    {"by_number", "9.6", "15.1", true}, {"same", "15.18", "15.18", false}, {"shorter", "15", "15.1", true},
    {"longer", "15.1", "15", false},    {"minor", "15.9", "15.10", true},  {"empty", "", "1", true},
};
struct version_order : ::testing::TestWithParam<order_case> {};
INSTANTIATE_TEST_SUITE_P(cases, version_order, ::testing::ValuesIn(order_cases),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(version_order, given_two_versions_when_compared_then_their_numbers_decide) {
    EXPECT_EQ(is_older(GetParam().left, GetParam().right), GetParam().older);
}

std::string refusal_of(const flavour& kind, const settings& with, std::string_view series) {
    try {
        return kind.find(with, choose_account(""), series).version;
    } catch (const std::runtime_error& why) {
        return why.what();
    }
}

TEST(programs, given_a_folder_without_them_when_searched_then_the_error_names_the_setting) {
    const tests::temporary_folder empty;
    EXPECT_THAT(refusal_of(postgresql_flavour(), {.postgres_bin = empty.path()}, ""),
                HasSubstr("postgres_bin = \"" + empty.path().string()));
    EXPECT_THAT(refusal_of(mariadb_flavour(), {.mariadbd = "/bin/true"}, ""), HasSubstr("mariadbd = \"/bin/true\""));
}

TEST(programs, given_data_of_another_version_when_searched_then_the_error_says_what_to_install) {
    EXPECT_THAT(refusal_of(postgresql_flavour(), {}, "8"), HasSubstr("apt-get install postgresql-8"));
    EXPECT_THAT(refusal_of(mariadb_flavour(), {}, "5.5"), HasSubstr("its data was made by MariaDB 5.5"));
}

TEST(programs, given_the_machine_when_searched_then_both_are_found) {
    EXPECT_FALSE(postgresql_flavour().find({}, choose_account(""), "").series.empty());
    const auto found = mariadb_flavour().find({}, choose_account(""), "");
    EXPECT_TRUE(found.version.starts_with(found.series + "."));
}

}  // namespace
}  // namespace borealis::clusters
