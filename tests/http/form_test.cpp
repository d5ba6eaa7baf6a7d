#include "http/form.hpp"

#include <gtest/gtest.h>

namespace borealis::http {
namespace {

struct form_case {
    std::string_view name, body;
    std::optional<form> fields;
};

const form_case cases[] = {
    {"empty", "", form{}},
    {"query_protocol", "Action=DescribeDBClusters&Version=2014-10-31",
     form{{"Action", "DescribeDBClusters"}, {"Version", "2014-10-31"}}},
    {"encoded", "a+b=c%20d%2Fe&%C3%A9=%c3%a9", form{{"a b", "c d/e"}, {"é", "é"}}},
    {"without_value", "a&b=&=c", form{{"a", ""}, {"b", ""}, {"", "c"}}},
    {"equals_in_value", "a=b=c", form{{"a", "b=c"}}},
    {"twice", "a=1&a=2", form{{"a", "1"}, {"a", "2"}}},
    {"empty_pairs", "&&a=1&", form{{"a", "1"}}},
    {"cut_off", "a=%2", std::nullopt},
    {"not_hexadecimal", "a=%2x", std::nullopt},
};

class forms : public testing::TestWithParam<form_case> {};

TEST_P(forms, given_a_body_when_parsed_then_its_fields_come_out) {
    EXPECT_EQ(parse_form(GetParam().body), GetParam().fields);
}

INSTANTIATE_TEST_SUITE_P(all, forms, testing::ValuesIn(cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(form, given_too_many_fields_when_parsed_then_it_is_refused) {
    std::string body;
    for (std::size_t i = 0; i < most_form_fields; ++i) body += "a=1&";
    EXPECT_EQ(parse_form(body)->size(), most_form_fields);
    EXPECT_FALSE(parse_form(body + "a=1"));
}

TEST(form, given_fields_when_one_is_looked_for_then_the_first_of_that_name_is_found) {
    const form fields = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    EXPECT_EQ(find(fields, "a"), "1");
    EXPECT_EQ(find(fields, "c"), "");
}

}  // namespace
}  // namespace borealis::http
