#include "server/web_pages.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::server {
namespace {

const std::vector<std::string> allowed = {"https://app.example", "http://localhost:3000"};

struct origin_case {
    std::string_view name, text;
    bool valid;
};

class origin : public testing::TestWithParam<origin_case> {};

TEST_P(origin, given_a_text_when_judged_then_only_what_a_browser_sends_is_one) {
    EXPECT_EQ(is_origin(GetParam().text), GetParam().valid);
}

constexpr origin_case origins[] = {
    {"plain", "https://app.example", true},
    {"port", "http://localhost:3000", true},
    {"address", "http://192.0.2.1:81", true},
    {"v6", "http://[::1]:3000", true},
    {"null", "null", false},
    {"any", "*", false},
    {"any_host", "https://*.example", false},
    {"path", "https://app.example/", false},
    {"upper_case", "https://App.example", false},
    {"own_port", "https://app.example:443", false},
    {"own_port_of_http", "http://app.example:80", false},
    {"empty_port", "https://app.example:", false},
    {"port_too_long", "https://app.example:123456", false},
    {"leading_zero", "https://app.example:08", false},
    {"no_host", "https://", false},
    {"no_host_but_port", "https://:80", false},
    {"scheme", "ftp://app.example", false},
    {"bare", "app.example", false},
    {"user", "https://a@app.example", false},
    {"v6_open", "http://[::1", false},
    {"v6_empty", "http://[]", false},
    {"two", "https://a.example https://b.example", false},
    {"empty", "", false},
};
INSTANTIATE_TEST_SUITE_P(all, origin, testing::ValuesIn(origins),
                         [](const auto& info) { return std::string(info.param.name); });

struct page_case {
    std::string_view name;
    std::string_view method;
    std::vector<http::header> headers;
    page_behind::kind is;
    std::string_view origin;
    bool preflight = false;
};

class page : public testing::TestWithParam<page_case> {};

TEST_P(page, given_headers_when_looked_at_then_the_page_behind_is_found) {
    const auto& wanted = GetParam();
    const http::request asked{.method = wanted.method,
                              .target = "/Execute",
                              .path = "/Execute",
                              .query = {},
                              .headers = wanted.headers,
                              .body = {}};
    const auto found = look_for_page(asked, allowed);
    EXPECT_EQ(found.is, wanted.is);
    EXPECT_EQ(found.origin, wanted.origin);
    EXPECT_EQ(found.preflight, wanted.preflight);
}

using enum page_behind::kind;
const page_case pages[] = {
    {"program", "POST", {{"Host", "127.0.0.1"}}, none, ""},
    {"listed", "POST", {{"Origin", "https://app.example"}}, listed, "https://app.example"},
    {"listed_cross_site",
     "POST",
     {{"origin", "http://localhost:3000"}, {"sec-fetch-site", "same-site"}},
     listed,
     "http://localhost:3000"},
    {"foreign", "POST", {{"Origin", "https://evil.example"}}, foreign, ""},
    {"sandboxed", "POST", {{"Origin", "null"}}, foreign, ""},
    {"empty", "POST", {{"Origin", ""}}, foreign, ""},
    {"other_port", "POST", {{"Origin", "http://localhost:3001"}}, foreign, ""},
    {"other_scheme", "POST", {{"Origin", "http://app.example"}}, foreign, ""},
    {"longer", "POST", {{"Origin", "https://app.example.evil.example"}}, foreign, ""},
    {"both", "POST", {{"Origin", "https://app.example"}, {"Origin", "https://evil.example"}}, foreign, ""},
    {"both_turned", "POST", {{"Origin", "https://evil.example"}, {"Origin", "https://app.example"}}, foreign, ""},
    {"image", "GET", {{"Sec-Fetch-Site", "cross-site"}}, foreign, ""},
    {"image_of_another_port", "GET", {{"Sec-Fetch-Site", "same-site"}}, foreign, ""},
    {"typed", "GET", {{"Sec-Fetch-Site", "none"}}, none, ""},
    {"preflight",
     "OPTIONS",
     {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}},
     listed,
     "https://app.example",
     true},
    {"foreign_preflight",
     "OPTIONS",
     {{"Access-Control-Request-Method", "POST"}, {"Origin", "https://evil.example"}},
     foreign,
     "",
     true},
    {"no_preflight", "POST", {{"Access-Control-Request-Method", "POST"}}, none, ""},
};
INSTANTIATE_TEST_SUITE_P(all, page, testing::ValuesIn(pages),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(credentials, given_a_scheme_that_browsers_add_when_judged_then_it_proves_nothing) {
    for (const auto text : {"Basic dGVzdDp0ZXN0", "basic x", "Digest a=b", "Negotiate abc", "NTLM abc", "Basic"})
        EXPECT_TRUE(is_sent_by_itself(text)) << text;
    for (const auto text : {"AWS4-HMAC-SHA256 Credential=a/b", "Bearer x", "test", "Basics x", ""})
        EXPECT_FALSE(is_sent_by_itself(text)) << text;
}

}  // namespace
}  // namespace borealis::server
