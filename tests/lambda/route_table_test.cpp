#include "lambda/route_table.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::lambda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

api_description api_with(std::initializer_list<std::string_view> keys, api_kind kind = api_kind::http) {
    api_description made{.kind = kind};
    for (const auto key : keys) {
        const auto blank = key.find(' ');
        api_route route;
        if (blank == std::string_view::npos) {
            route.path = key;
        } else {
            route.method = key.substr(0, blank);
            route.path = key.substr(blank + 1);
        }
        made.routes.push_back(std::move(route));
    }
    return made;
}

/// The routes of AWS's own example of priorities, and a few around them.
const api_description& pets() {
    static const auto made =
        api_with({"$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1",
                  "ANY /any/x", "POST /any/x", "GET /any/{id}", "GET /a/{x}/c/{y}", "GET /slash/"});
    return made;
}

struct match_case {
    std::string_view method, path, key;
};
class l_3_40 : public testing::TestWithParam<match_case> {};

TEST_P(l_3_40, given_a_request_when_routed_then_the_most_specific_route_wins) {
    const auto& [method, path, key] = GetParam();
    const route_table routes(pets());
    const auto found = routes.match(method, path);
    ASSERT_NE(nullptr, found.route);
    EXPECT_EQ(key, found.route->key());
}

INSTANTIATE_TEST_SUITE_P(
    routes, l_3_40,
    testing::Values(match_case{"GET", "/pets/dog/1", "GET /pets/dog/1"},
                    match_case{"GET", "/pets/dog/2", "GET /pets/dog/{id}"},
                    match_case{"GET", "/pets/cat/1", "GET /pets/{proxy+}"},
                    match_case{"POST", "/test/5", "ANY /{proxy+}"}, match_case{"POST", "/pets/dog/1", "ANY /{proxy+}"},
                    match_case{"GET", "/", "$default"}, match_case{"POST", "/any/x", "POST /any/x"},
                    match_case{"GET", "/any/x", "ANY /any/x"}, match_case{"DELETE", "/any/x", "ANY /any/x"},
                    match_case{"GET", "/any/y", "GET /any/{id}"}, match_case{"PUT", "/any/y", "ANY /{proxy+}"},
                    match_case{"GET", "/slash/", "GET /slash/"}, match_case{"GET", "/slash", "ANY /{proxy+}"},
                    match_case{"GET", "/pets/d%6Fg/1", "GET /pets/dog/1"},
                    match_case{"GET", "/pets/dog/", "GET /pets/{proxy+}"}));

TEST(route_table_test, given_parameters_when_matched_then_they_are_decoded_in_order) {
    const route_table routes(pets());
    EXPECT_THAT(routes.match("GET", "/a/1%2F2/c/z%C3%BC").parameters, ElementsAre(Pair("x", "1/2"), Pair("y", "zü")));
    EXPECT_THAT(routes.match("GET", "/pets/cat/1/x%20y").parameters, ElementsAre(Pair("proxy", "cat/1/x y")));
    EXPECT_THAT(routes.match("GET", "/pets/dog/1").parameters, IsEmpty());
    EXPECT_THAT(routes.match("GET", "/pets/dog/50%").parameters, ElementsAre(Pair("id", "50%")));
}

TEST(route_table_test, given_no_route_when_matched_then_there_is_none) {
    const route_table routes(api_with({"GET /employees", "GET /employees/{id}", "POST /files/{path+}"}));
    for (const auto& [method, path] :
         {std::pair("POST", "/employees"), std::pair("GET", "/"), std::pair("GET", "/employees/"),
          std::pair("GET", "/employees/1/2"), std::pair("POST", "/files"), std::pair("POST", "/files/"),
          std::pair("GET", "/Employees"), std::pair("get", "/employees")}) {
        EXPECT_EQ(nullptr, routes.match(method, path).route) << method << ' ' << path;
    }
}

TEST(route_table_test, given_a_rest_api_when_matched_then_a_last_slash_does_not_matter) {
    const route_table routes(api_with({"GET /employees/{id}"}, api_kind::rest));
    EXPECT_NE(nullptr, routes.match("GET", "/employees/7/").route);
    EXPECT_EQ(nullptr, routes.match("GET", "/employees/").route);
}

TEST(route_table_test, given_paths_when_asked_then_any_method_counts) {
    const route_table routes(api_with({"GET /employees/{id}"}));
    EXPECT_TRUE(routes.knows_path("/employees/7"));
    EXPECT_FALSE(routes.knows_path("/employees"));
}

struct refused_case {
    std::string_view key, says;
    api_kind kind = api_kind::http;
};
class l_3_53 : public testing::TestWithParam<refused_case> {};

TEST_P(l_3_53, given_a_route_that_cannot_be_when_read_then_the_error_says_why) {
    try {
        const route_table routes(api_with({GetParam().key, "GET /there/{x}"}, GetParam().kind));
        FAIL() << GetParam().key;
    } catch (const std::runtime_error& wrong) {
        EXPECT_THAT(wrong.what(), HasSubstr(GetParam().says));
    }
}

INSTANTIATE_TEST_SUITE_P(
    routes, l_3_53,
    testing::Values(refused_case{"GET employees", "begins with a slash"}, refused_case{"FETCH /x", "unknown method"},
                    refused_case{"GET /{a+}/x", "must be at the end"}, refused_case{"GET /{a}/{a}", "stands twice"},
                    refused_case{"GET /x{a}", "is no parameter"}, refused_case{"GET /{}", "is no parameter"},
                    refused_case{"GET /{a", "is no parameter"}, refused_case{"GET /there/{y}", "is there already"},
                    refused_case{"$default", "no route `$default`", api_kind::rest}));

TEST(percent_decoded_test, given_escapes_when_decoded_then_broken_ones_stay) {
    EXPECT_EQ("a b+c", percent_decoded("a%20b+c"));
    EXPECT_EQ("a b c", percent_decoded("a%20b+c", true));
    EXPECT_EQ("%", percent_decoded("%"));
    EXPECT_EQ("%2", percent_decoded("%2"));
    EXPECT_EQ("%zz", percent_decoded("%zz"));
    EXPECT_EQ("/", percent_decoded("%2f"));
}

}  // namespace
}  // namespace borealis::lambda
