#include "data_api/bind.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using sql::dialect;

named_parameter given(std::string_view name, std::int64_t value) {
    return {.name = name, .value = {sql::parameter_type::int8, value}};
}

std::vector<std::int64_t> longs(const std::vector<sql::parameter>& bound) {
    std::vector<std::int64_t> made;
    for (const auto& each : bound) made.push_back(std::get<std::int64_t>(each.value));
    return made;
}

using expected = std::vector<std::int64_t>;

TEST(bind, given_parameters_in_any_order_when_bound_then_placeholders_decide) {  // R-4.7, R-4.9
    const std::vector<std::string> placeholders = {"b", "a", "b"};
    std::deque<std::string> made;
    std::vector<sql::parameter> bound;
    ASSERT_TRUE(bind_parameters(placeholders, std::vector{given("a", 1), given("b", 2), given("unused", 3)},
                                dialect::mysql, aws_v2, made, bound));
    EXPECT_EQ(longs(bound), (expected{2, 1, 2}));
    ASSERT_TRUE(bind_parameters({}, std::vector{given("a", 1)}, dialect::mysql, aws_v2, made, bound));
    EXPECT_TRUE(bound.empty());
}

TEST(bind, given_names_that_differ_by_case_when_bound_then_they_are_two) {  // R-4.1
    const std::vector<std::string> placeholders = {"A", "a"};
    std::deque<std::string> made;
    std::vector<sql::parameter> bound;
    ASSERT_TRUE(bind_parameters(placeholders, std::vector{given("a", 1), given("A", 2)}, dialect::postgresql, aws_v2,
                                made, bound));
    EXPECT_EQ(longs(bound), (expected{2, 1}));
}

TEST(bind, given_one_name_twice_when_bound_then_the_last_wins_however_many_there_are) {  // R-4.10
    for (const std::size_t others : {0U, 40U}) {
        std::vector<std::string> names(others);
        std::vector<named_parameter> all = {given("x", 1)};
        for (std::size_t i = 0; i < others; ++i)
            names[i] = "other" + std::to_string(i), all.push_back(given(names[i], 0));
        all.push_back(given("x", 2));
        std::deque<std::string> made;
        std::vector<sql::parameter> bound;
        ASSERT_TRUE(bind_parameters(std::vector<std::string>{"x"}, all, dialect::postgresql, aws_v2, made, bound));
        EXPECT_EQ(longs(bound), expected{2});
    }
}

TEST(bind, given_a_missing_parameter_when_bound_then_mysql_refuses_and_postgresql_is_left_to_complain) {  // R-4.8
    const std::vector<std::string> placeholders = {"a", "gone", "b"};
    const std::vector all = {given("a", 1), given("b", 2)};
    std::deque<std::string> made;
    std::vector<sql::parameter> bound;
    const auto refused = bind_parameters(placeholders, all, dialect::mysql, aws_v2, made, bound);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, core::error_kind::validation);
    EXPECT_EQ(refused.error().message, "Cannot find parameter: gone");
    ASSERT_TRUE(bind_parameters(placeholders, all, dialect::postgresql, aws_v2, made, bound));
    EXPECT_EQ(longs(bound), expected{1});
}

TEST(bind, given_a_profile_that_checks_when_one_is_missing_then_postgresql_is_not_asked) {  // R-4.8
    std::deque<std::string> made;
    std::vector<sql::parameter> bound;
    const auto refused = bind_parameters(std::vector<std::string>{"gone"}, std::vector{given("a", 1)},
                                         dialect::postgresql, aws_v1, made, bound);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "Cannot find parameter: gone");
}

TEST(bind, given_an_array_when_bound_then_its_text_is_the_engines) {  // relaxed
    struct array_case {
        std::string_view json, postgresql, mysql;
        sql::parameter_type type;
    };
    for (const auto& each :
         {array_case{R"({"longValues":[1,null,-3]})", "{1,NULL,-3}", "[1,null,-3]", sql::parameter_type::int8_array},
          array_case{R"({"doubleValues":[1.5,"NaN",2]})", R"({1.5,"NaN",2})", R"([1.5,"NaN",2])",
                     sql::parameter_type::float8_array},
          array_case{R"({"booleanValues":[true,false]})", "{true,false}", "[true,false]",
                     sql::parameter_type::boolean_array},
          array_case{R"({"stringValues":["a","b\"c\\d",null,"NULL",""]})", R"({"a","b\"c\\d",NULL,"NULL",""})",
                     R"(["a","b\"c\\d",null,"NULL",""])", sql::parameter_type::untyped_array},
          array_case{R"({"arrayValues":[{"longValues":[1]},{"longValues":[2]}]})", "{{1},{2}}", "[[1],[2]]",
                     sql::parameter_type::int8_array},
          array_case{R"({"longValues":[]})", "{}", "[]", sql::parameter_type::int8_array}}) {
        json::document document;
        const auto root = document.parse_copy(each.json);
        ASSERT_TRUE(root);
        const std::vector all = {named_parameter{.name = "a", .value = {}, .array = *root}};
        std::deque<std::string> made;
        std::vector<sql::parameter> bound;
        ASSERT_TRUE(bind_parameters(std::vector<std::string>{"a"}, all, dialect::postgresql, relaxed, made, bound));
        EXPECT_EQ(std::get<std::string_view>(bound.at(0).value), each.postgresql);
        EXPECT_EQ(bound.at(0).type, each.type);
        ASSERT_TRUE(bind_parameters(std::vector<std::string>{"a"}, all, dialect::mysql, relaxed, made, bound));
        EXPECT_EQ(std::get<std::string_view>(bound.at(0).value), each.mysql);
        EXPECT_EQ(bound.at(0).type, sql::parameter_type::text);
    }
}

}  // namespace
}  // namespace borealis::data_api
