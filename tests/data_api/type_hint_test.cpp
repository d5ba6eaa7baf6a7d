#include "data_api/type_hint.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

struct hint_case {
    type_hint hint;
    std::string_view text;
    bool good;
};

class hints : public testing::TestWithParam<hint_case> {};

TEST_P(hints, given_text_when_checked_then_only_the_documented_form_fits) {
    EXPECT_EQ(fits(GetParam().hint, GetParam().text), GetParam().good) << GetParam().text;
}

using enum type_hint;
INSTANTIATE_TEST_SUITE_P(r_4_30, hints,
                         testing::Values(hint_case{timestamp, "2024-01-15 12:34:56", true},
                                         hint_case{timestamp, "2024-01-15 12:34:56.7", true},
                                         hint_case{timestamp, "2024-01-15 12:34:56.123456", true},
                                         hint_case{time, "23:59:59.123", true}, hint_case{time, "00:00:00", true},
                                         hint_case{date, "2024-02-29", true}));
INSTANTIATE_TEST_SUITE_P(r_4_31, hints,
                         testing::Values(hint_case{timestamp, "2024-01-15T12:34:56", false},
                                         hint_case{timestamp, "2024-01-15 12:34:56Z", false},
                                         hint_case{timestamp, "2024-01-15 12:34:56.", false},
                                         hint_case{timestamp, "2024-01-15 12:34:56.1234567", false},
                                         hint_case{timestamp, "2024-01-15", false}, hint_case{timestamp, "", false},
                                         hint_case{timestamp, "2024-13-15 12:34:56", false},
                                         hint_case{time, "24:00:00", false}, hint_case{time, "12:60:00", false},
                                         hint_case{time, "12:00", false}, hint_case{time, "12:00:0x", false},
                                         hint_case{time, "12:00:00+01", false}, hint_case{date, "2023-02-29", false},
                                         hint_case{date, "2024-1-15", false}, hint_case{date, "15.01.2024", false},
                                         hint_case{date, "2024-01-15 ", false}, hint_case{date, "0000-00-00", false}));
INSTANTIATE_TEST_SUITE_P(
    section_4_3, hints,
    testing::Values(hint_case{decimal, "-12.340", true}, hint_case{decimal, "0", true}, hint_case{decimal, ".5", true},
                    hint_case{decimal, "5.", true}, hint_case{decimal, "+1e-10", true}, hint_case{decimal, "", false},
                    hint_case{decimal, ".", false}, hint_case{decimal, "1e", false}, hint_case{decimal, "1,5", false},
                    hint_case{decimal, "NaN", false}, hint_case{decimal, " 1", false}, hint_case{decimal, "--1", false},
                    hint_case{uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", true},
                    hint_case{uuid, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", true},
                    hint_case{uuid, "a0eebc999c0b4ef8bb6d6bb9bd380a11", false},
                    hint_case{uuid, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1}", false},
                    hint_case{uuid, "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", false}, hint_case{uuid, "", false}));

TEST(type_hints, given_the_six_names_when_found_then_they_name_themselves) {
    for (const auto name : {"JSON", "UUID", "TIMESTAMP", "DATE", "TIME", "DECIMAL"}) {
        const auto found = find_type_hint(name);
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(name_of(*found), name);
    }
    EXPECT_FALSE(find_type_hint("json"));
    EXPECT_FALSE(find_type_hint(""));
}

}  // namespace
}  // namespace borealis::data_api
