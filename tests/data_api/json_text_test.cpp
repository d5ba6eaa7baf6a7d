#include "data_api/json_text.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

struct json_case {
    std::string text, expected;
};

class compacted : public testing::TestWithParam<json_case> {};

TEST_P(compacted, given_json_when_compacted_then_only_blanks_are_gone) {
    std::string out = "x";
    EXPECT_EQ(append_compact(out, GetParam().text), compacting::done);
    EXPECT_EQ(out, "x" + GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    r_5_2, compacted,
    testing::Values(json_case{R"({"x": 0, "y": "0", "z": [0, 0, 1]})", R"({"x":0,"y":"0","z":[0,0,1]})"},
                    json_case{R"( { "b" : 1.10 , "a" : [ ] , "c" : { } } )", R"({"b":1.10,"a":[],"c":{}})"},
                    json_case{R"({"a b": "c , : d \" e"})", R"({"a b":"c , : d \" e"})"},
                    json_case{"[1e3,-0.5E-7, -0]", "[1e3,-0.5E-7,-0]"}, json_case{R"("\u00e9\n\/")", R"("\u00e9\n\/")"},
                    json_case{" true\n", "true"}, json_case{"[null , false]", "[null,false]"},
                    json_case{"18446744073709551616", "18446744073709551616"}, json_case{"[[[1]],{}]", "[[[1]],{}]"},
                    // 128^128 fits a double, 512^512 does not
                    json_case{"[" + std::string(270, '9') + "]", "[" + std::string(270, '9') + "]"},
                    json_case{"1e308", "1e308"}, json_case{"0e999", "0e999"}, json_case{"1e-999", "1e-999"},
                    json_case{"1.7976931348623157e308", "1.7976931348623157e308"},
                    json_case{"0." + std::string(400, '0') + "1e400", "0." + std::string(400, '0') + "1e400"}));

TEST(json_text, given_deep_nesting_when_compacted_then_no_limit_is_hit) {
    const auto deep = std::string(100'000, '[') + std::string(100'000, ']');
    std::string out;
    EXPECT_EQ(append_compact(out, deep), compacting::done);
    EXPECT_EQ(out, deep);
}

class malformed : public testing::TestWithParam<std::string> {};

TEST_P(malformed, given_what_is_not_json_when_compacted_then_nothing_is_written) {
    std::string out = "x";
    EXPECT_EQ(append_compact(out, GetParam()), compacting::malformed);
    EXPECT_EQ(out, "x");
}

INSTANTIATE_TEST_SUITE_P(rfc_8259, malformed,
                         testing::Values("", " ", "{", "[1", "[1,]", "{,}", R"({"a"})", R"({"a":})", R"({"a":1,})",
                                         "{1:2}", "[1 2]", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "True",
                                         R"("a)", R"("\x")", R"("\u12g4")", R"("\u12)", "\"\n\"", "1 2", "[}", "{]",
                                         "]", "'a'", "NaN", "{\"a\":1", "//"));

class out_of_range : public testing::TestWithParam<std::string> {};

TEST_P(out_of_range, given_a_number_no_double_holds_when_compacted_then_it_says_so) {
    std::string out;
    EXPECT_EQ(append_compact(out, GetParam()), compacting::number_out_of_range);
}

INSTANTIATE_TEST_SUITE_P(r_5_2, out_of_range,
                         testing::Values("1e309", "-1e309", "[1.8e308]", std::string(400, '9'),
                                         "1" + std::string(309, '0') + ".5", "1e99999999999999999999", "0.001e312"));

}  // namespace
}  // namespace borealis::data_api
