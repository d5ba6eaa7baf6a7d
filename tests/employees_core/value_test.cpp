#include "value.hpp"

#include <string_view>

#include <gtest/gtest.h>

namespace employees {
namespace {

struct json_case {
    std::string_view json, str;
    std::optional<std::string_view> column;
};

// L-6.13 and L-6.73.
constexpr json_case values[] = {
    {R"("7")", "7", "7"},
    {R"("")", "", ""},
    {"7", "7", "7"},
    {"-7", "-7", "-7"},
    {"-0", "0", "0"},
    {"9223372036854775807", "9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808", "9223372036854775808"},
    {"3.5", "3.5", "3.5"},
    {"7.0", "7.0", "7"},
    {"1e3", "1000.0", "1000"},
    {"-0.0", "-0.0", "0"},
    {"1e14", "100000000000000.0", "100000000000000"},
    {"1e15", "1000000000000000.0", "1e15"},
    {"1e16", "1e+16", "1e16"},
    {"1.5e300", "1.5e+300", "1.5e300"},
    {"123456789012345678.0", "1.2345678901234568e+17", "1.2345678901234568e17"},
    {"0.0001", "0.0001", "0.0001"},
    {"0.00001", "1e-05", "0.00001"},
    {"1e-15", "1e-15", "0.000000000000001"},
    {"1e-16", "1e-16", "1e-16"},
    {"-2.5e-20", "-2.5e-20", "-2.5e-20"},
    {"0.1", "0.1", "0.1"},
    {"true", "True", "1"},
    {"false", "False", "0"},
    {"null", "None", std::nullopt},
};

class scalar : public testing::TestWithParam<json_case> {};

TEST_P(scalar, given_json_when_shown_then_it_is_pythons_str) {
    borealis::json::document reader;
    EXPECT_EQ(python_str(**reader.parse_copy(GetParam().json)), GetParam().str);
}

TEST_P(scalar, given_json_when_rendered_then_the_column_gets_this_text) {
    borealis::json::document reader;
    std::optional<std::string> column = "before";
    EXPECT_TRUE(render_value(**reader.parse_copy(GetParam().json), column));
    EXPECT_EQ(column, GetParam().column);
}

INSTANTIATE_TEST_SUITE_P(l_6_73, scalar, testing::ValuesIn(values));

struct container_case {
    std::string_view json, str;
};
constexpr container_case containers[] = {
    {"[]", "[]"},
    {"{}", "{}"},
    {"[1, 2]", "[1, 2]"},
    {R"({"a":1})", "{'a': 1}"},
    {R"([1.0,"x",null,true,[{"a":[]}]])", "[1.0, 'x', None, True, [{'a': []}]]"},
    {R"({"a":1,"b":2,"a":3})", "{'a': 3, 'b': 2}"},
    {R"(["it's"])", R"(["it's"])"},
};

class container : public testing::TestWithParam<container_case> {};

TEST_P(container, given_json_when_shown_then_it_is_pythons_and_no_column_takes_it) {
    borealis::json::document reader;
    const auto& root = **reader.parse_copy(GetParam().json);
    EXPECT_EQ(python_str(root), GetParam().str);
    std::optional<std::string> column;
    EXPECT_FALSE(render_value(root, column));
}

INSTANTIATE_TEST_SUITE_P(l_6_13, container, testing::ValuesIn(containers));

struct repr_case {
    std::string_view text, repr;
};
using namespace std::string_view_literals;
// L-6.23.
constexpr repr_case reprs[] = {
    {"", "''"},
    {"Ann", "'Ann'"},
    {"it's", R"("it's")"},
    {R"(say "no")", R"('say "no"')"},
    {R"(it's "no")", R"('it\'s "no"')"},
    {R"(a\b)", R"('a\\b')"},
    {"a\nb\rc\td", R"('a\nb\rc\td')"},
    {"\x00\x01\x1b\x7f"sv, R"('\x00\x01\x1b\x7f')"},
    {"M\u00fcller \u65e5\u672c \U0001F600 e\u0301", "'M\u00fcller \u65e5\u672c \U0001F600 e\u0301'"},
    {"\u00a0\u00ad\u200b\u2028\u3000\ufeff\uffff", R"('\xa0\xad\u200b\u2028\u3000\ufeff\uffff')"},
    {"\ue000\U000E0001\U0010FFFF", R"('\ue000\U000e0001\U0010ffff')"},
    {"\u00a1\u00ff\u0100\ufffd", "'\u00a1\u00ff\u0100\ufffd'"},
};

class text_repr : public testing::TestWithParam<repr_case> {};

TEST_P(text_repr, given_text_when_quoted_then_it_is_pythons) {
    EXPECT_EQ(python_repr(GetParam().text), GetParam().repr);
}

INSTANTIATE_TEST_SUITE_P(l_6_23, text_repr, testing::ValuesIn(reprs));

TEST(text_repr, given_a_cut_sequence_when_quoted_then_the_byte_stands_for_itself) {
    EXPECT_EQ(python_repr("a\xE2\x82"), "'a\\xe2\\x82'");
}

}  // namespace
}  // namespace employees
