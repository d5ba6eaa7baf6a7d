#include "data_api/temporal.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

struct moment_case {
    std::string_view text, expected;
};

class moments : public testing::TestWithParam<moment_case> {};

TEST_P(moments, given_a_time_when_written_then_fraction_has_0_3_or_6_digits) {
    std::string out = ">";
    append_moment(out, GetParam().text);
    EXPECT_EQ(out, ">" + std::string(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    r_5_2, moments,
    testing::Values(moment_case{"12:00:00", "12:00:00"}, moment_case{"12:00:00.5", "12:00:00.500"},
                    moment_case{"12:00:00.100000", "12:00:00.100"}, moment_case{"12:00:00.78018", "12:00:00.780180"},
                    moment_case{"12:00:00.000001", "12:00:00.000001"}, moment_case{"12:00:00.000000", "12:00:00"},
                    moment_case{"12:00:00.123", "12:00:00.123"}, moment_case{"12:00:00.1234", "12:00:00.123400"},
                    moment_case{"2024-01-15 12:34:56.7", "2024-01-15 12:34:56.700"},
                    moment_case{"0044-03-15 12:00:00.25 BC", "0044-03-15 12:00:00.250 BC"},
                    moment_case{"-838:59:59.000000", "-838:59:59"},
                    moment_case{"0000-00-00 00:00:00", "0000-00-00 00:00:00"}, moment_case{"2024-01-15", "2024-01-15"},
                    moment_case{"15.01.2024", "15.01.2024"},  // DateStyle German
                    moment_case{"15.01.2024 10:00:00.5", "15.01.2024 10:00:00.500"}, moment_case{"", ""}));

class utc_moments : public testing::TestWithParam<moment_case> {};

TEST_P(utc_moments, given_an_offset_when_written_then_it_is_utc_without_offset) {
    std::string out = ">";
    append_moment_in_utc(out, GetParam().text);
    EXPECT_EQ(out, ">" + std::string(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    r_5_4, utc_moments,
    testing::Values(moment_case{"2024-01-15 12:34:56+00", "2024-01-15 12:34:56"},
                    moment_case{"2024-01-15 12:34:56+09", "2024-01-15 03:34:56"},
                    moment_case{"2024-01-15 12:34:56.780180-03:30", "2024-01-15 16:04:56.780180"},
                    moment_case{"2024-01-01 00:30:00.5+05:45", "2023-12-31 18:45:00.500"},
                    moment_case{"2024-02-28 23:00:00-02", "2024-02-29 01:00:00"},
                    moment_case{"2023-02-28 23:00:00-02", "2023-03-01 01:00:00"},
                    moment_case{"1900-01-01 00:00:00+00:19:32", "1899-12-31 23:40:28"},  // local mean time of Amsterdam
                    moment_case{"0001-01-01 00:30:00+01", "0001-12-31 23:30:00 BC"},
                    moment_case{"0001-12-31 23:30:00-01 BC", "0001-01-01 00:30:00"},
                    moment_case{"4713-11-24 12:00:00+00 BC", "4713-11-24 12:00:00 BC"},
                    moment_case{"294276-12-31 22:59:59-01", "294276-12-31 23:59:59"},
                    moment_case{"Mon Jan 15 12:34:56 2024 JST", "Mon Jan 15 12:34:56 2024 JST"},  // DateStyle Postgres
                    moment_case{"2024-01-15 12:34:56", "2024-01-15 12:34:56"}, moment_case{"", ""}));

TEST(temporal, given_the_infinities_when_asked_then_they_are_known) {
    EXPECT_TRUE(is_infinite("infinity"));
    EXPECT_TRUE(is_infinite("-infinity"));
    EXPECT_FALSE(is_infinite("2024-01-15"));
}

}  // namespace
}  // namespace borealis::data_api
