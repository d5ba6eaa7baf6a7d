#include "auth/signature.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using testing::ElementsAre;

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::chrono::sys_seconds vector_time = sys_days(2019y / 12 / 3) + 10h + 15min;

// The two requests worked out in L section 5.1, each stage compared.
struct stage_case {
    std::string_view name;
    message of;
    std::string_view service, body_hash, uri, query, signed_headers, request_hash, key, signature;
};

constexpr header headers_a[] = {{"content-type", "application/json"},
                                {"host", "127.0.0.1:8080"},
                                {"x-amz-date", "20191203T101500Z"},
                                {"x-amz-security-token", "SESSIONTOKEN"}};
constexpr header headers_b[] = {
    {"Host", "127.0.0.1:9001"}, {"X-Amz-Date", "20191203T101500Z"}, {"X-Amz-Invocation-Type", "RequestResponse"}};

const stage_case stages[] = {
    {"A, Data API",
     {"POST", "/Execute", "", headers_a,
      R"({"resourceArn":"arn:aws:rds:us-east-1:123456789012:cluster:demo","secretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:demo-AbCdEf","database":"EmployeeDB","sql":"SELECT 1"})"},
     "rds-data",
     "276ad89180713ef0359ec47123614141fdc22f8d08dc9be91125b3dad474f777",
     "/Execute",
     "",
     "content-type;host;x-amz-date;x-amz-security-token",
     "1421e5230742bd9c464ed881230040b957a645e988670c42a70e86f21da48e31",
     "df974f1ced1da8af3a56f7a21e494335775af4284368731d7ecd8637644dfc1e",
     "47bf89b3258b9be378fff89b3f38b2eedc999152c65cab1881f0c74a8c462f3d"},
    {"B, Lambda by ARN",
     {"POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aemployee/invocations",
      "Qualifier=%24LATEST", headers_b, ""},
     "lambda",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "/2015-03-31/functions/arn%253Aaws%253Alambda%253Aus-east-1%253A123456789012%253Afunction%253Aemployee/"
     "invocations",
     "Qualifier=%24LATEST",
     "host;x-amz-date;x-amz-invocation-type",
     "9616b9c431babe20e6dbdfaca41368dea0283e0f4ed04146a3788a89ab64e366",
     "9bebfcc7e2114924036d8d2b482aa62997eb69560bac7441371b25b61f3f3ea9",
     "9f7000de59b760f59eb9a0d6cd91dccbbff6e5df7f5aa5aee3baebcef089a430"},
};

TEST(l_5_1, given_the_two_vectors_when_signed_then_each_stage_is_theirs) {
    for (const auto& expected : stages) {
        SCOPED_TRACE(expected.name);
        const scope in{vector_time, "us-east-1", expected.service};
        const auto names = signable_headers(expected.of.headers);
        const std::vector<std::string_view> views(names.begin(), names.end());
        const auto request = canonical_request(expected.of, views);

        EXPECT_EQ(hex(sha256(expected.of.body)), expected.body_hash);
        EXPECT_EQ(canonical_uri(expected.of.path), expected.uri);
        EXPECT_EQ(canonical_query(expected.of.query), expected.query);
        EXPECT_EQ(hex(sha256(request)), expected.request_hash) << request;
        const auto key = signing_key(secret, in);
        EXPECT_EQ(hex(key), expected.key);
        EXPECT_EQ(hex(sign(key, string_to_sign(in, request))), expected.signature);
        EXPECT_EQ(authorization(expected.of, in, "AKIDEXAMPLE", key),
                  "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20191203/us-east-1/" + std::string(expected.service) +
                      "/aws4_request, SignedHeaders=" + std::string(expected.signed_headers) +
                      ", Signature=" + std::string(expected.signature));
    }
}

// RFC 2104: a key longer than a block is hashed first. The value is Python's hmac.
TEST(l_5_1, given_a_secret_longer_than_a_block_when_derived_then_it_is_the_hmac_of_its_hash) {
    EXPECT_EQ(hex(signing_key(std::string(100, 'x'), {vector_time, "us-east-1", "rds-data"})),
              "7bcb217735682f7e8db4ba8d451147bd7957214916a516466e1aa77b1db04653");
}

struct text_case {
    std::string_view name, given, expected;
};

class l_5_4 : public testing::TestWithParam<text_case> {};

TEST_P(l_5_4, given_a_path_when_made_canonical_then_it_is_normalised_and_encoded_once_more) {
    EXPECT_EQ(canonical_uri(GetParam().given), GetParam().expected) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    paths, l_5_4,
    testing::Values(text_case{"empty", "", "/"}, text_case{"root", "/", "/"},
                    text_case{"plain", "/Execute", "/Execute"}, text_case{"trailing slash", "/Execute/", "/Execute/"},
                    text_case{"slashes", "//a///b", "/a/b"}, text_case{"dot", "/./a/.", "/a"},
                    text_case{"dots", "/a/b/../c", "/a/c"}, text_case{"above", "/../..", "/"},
                    text_case{"encoded", "/a%20b", "/a%2520b"}, text_case{"reserved", "/a:b@c", "/a%3Ab%40c"},
                    text_case{"unreserved", "/-_.~", "/-_.~"}, text_case{"octets", "/\xC3\xA9", "/%C3%A9"}));

class l_5_3 : public testing::TestWithParam<text_case> {};

TEST_P(l_5_3, given_a_query_when_made_canonical_then_it_is_encoded_and_sorted) {
    EXPECT_EQ(canonical_query(GetParam().given), GetParam().expected) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    queries, l_5_3,
    testing::Values(text_case{"empty", "", ""}, text_case{"sorted", "b=2&a=1", "a=1&b=2"},
                    text_case{"by value", "a=2&a=10&a=1", "a=1&a=10&a=2"}, text_case{"no value", "flag", "flag="},
                    text_case{"empty value", "a=", "a="}, text_case{"empty pairs", "&a=1&&", "a=1"},
                    text_case{"lower-case escapes", "a=%c3%a9", "a=%c3%a9"},
                    text_case{"needless escapes", "%61=%7E", "%61=%7E"}, text_case{"blank", "a=b%20c", "a=b%20c"},
                    text_case{"plus", "a=b+c", "a=b%2Bc"}, text_case{"broken escape", "a=%zz%4", "a=%25zz%254"},
                    text_case{"second equals sign", "a=b=c", "a=b%3Dc"},
                    text_case{"name before longer name", "ab=1&a-b=2&a=3", "a=3&a-b=2&ab=1"}));

TEST(l_5_1, given_blanks_repeats_and_cases_when_made_canonical_then_each_name_has_one_line) {
    const header headers[] = {{"X-Many", " b "}, {"HOST", "h"}, {"x-many", "a \t c"}, {"X-Empty", "  "}};
    const std::string_view names[] = {"host", "x-empty", "x-many"};
    EXPECT_EQ(canonical_request({"GET", "/", "", headers, ""}, names),
              "GET\n/\n\nhost:h\nx-empty:\nx-many:b,a c\n\nhost;x-empty;x-many\n"
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(l_5_2, given_headers_when_chosen_for_signing_then_those_proxies_alter_are_left_out) {
    const header headers[] = {{"Host", ""},
                              {"Connection", ""},
                              {"Expect", ""},
                              {"User-Agent", ""},
                              {"X-Amz-Date", ""},
                              {"X-Amzn-Trace-Id", ""},
                              {"Transfer-Encoding", ""},
                              {"TE", ""},
                              {"Keep-Alive", ""},
                              {"Proxy-Connection", ""},
                              {"Sec-WebSocket-Key", ""},
                              {"Upgrade", ""},
                              {"Content-Type", ""},
                              {"Trailer", ""},
                              {"Authorization", ""},
                              {"HOST", ""}};
    EXPECT_THAT(signable_headers(headers), ElementsAre("content-type", "host", "x-amz-date"));
}

struct date_case {
    std::string_view text;
    bool valid;
};

class amz_dates : public testing::TestWithParam<date_case> {};

TEST_P(amz_dates, given_a_text_when_read_then_only_the_calendars_dates_pass_and_come_back) {
    const auto at = parse_timestamp(GetParam().text);
    ASSERT_EQ(at.has_value(), GetParam().valid);
    if (at) EXPECT_EQ(timestamp(*at), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(l_5_1, amz_dates,
                         testing::Values(date_case{"20191203T101500Z", true}, date_case{"20240229T235959Z", true},
                                         date_case{"19700101T000000Z", true}, date_case{"00010101T000000Z", true},
                                         date_case{"20230229T000000Z", false}, date_case{"20191303T101500Z", false},
                                         date_case{"20191203T241500Z", false}, date_case{"20191203T106000Z", false},
                                         date_case{"20191203t101500Z", false}, date_case{"20191203T101500", false},
                                         date_case{"2019-12-03T10:15", false}, date_case{"+0191203T101500Z", false},
                                         date_case{"20191203T1015 0Z", false}, date_case{"", false}));

TEST(http_dates, given_an_imf_fixdate_when_read_then_it_is_that_second) {
    EXPECT_EQ(parse_http_date("Tue, 03 Dec 2019 10:15:00 GMT"), vector_time);
    for (const std::string_view wrong :
         {"", "Tuesday, 03-Dec-19 10:15:00 GMT", "Tue Dec  3 10:15:00 2019", "Tue, 03 dec 2019 10:15:00 GMT",
          "Tue, 31 Feb 2019 10:15:00 GMT", "Tue, 03 Dec 2019 10:15:00 UTC"}) {
        EXPECT_FALSE(parse_http_date(wrong)) << wrong;
    }
}

TEST(l_5_7, given_a_cache_when_day_or_secret_change_then_the_key_is_derived_anew) {
    signing_keys cache(2);
    const core::secret_text first{std::string(secret)};
    const core::secret_text second("another");
    const scope today{vector_time, "us-east-1", "rds-data"};
    const scope later_today{vector_time + 13h, "us-east-1", "rds-data"};
    const scope tomorrow{vector_time + 24h, "us-east-1", "rds-data"};
    const scope elsewhere{vector_time, "eu-central-1", "rds-data"};
    const scope for_lambda{vector_time, "us-east-1", "lambda"};
    for (int round = 0; round < 3; ++round) {  // more keys than the cache holds, again and again
        EXPECT_EQ(cache.find("A", first, today), signing_key(secret, today));
        EXPECT_EQ(cache.find("A", first, later_today), signing_key(secret, today));
        EXPECT_EQ(cache.find("A", second, today), signing_key("another", today));
        EXPECT_EQ(cache.find("A", first, tomorrow), signing_key(secret, tomorrow));
        EXPECT_EQ(cache.find("A", first, elsewhere), signing_key(secret, elsewhere));
        EXPECT_EQ(cache.find("A", first, for_lambda), signing_key(secret, for_lambda));
        EXPECT_EQ(cache.find("B", second, for_lambda), signing_key("another", for_lambda));
        EXPECT_EQ(cache.find_mac("B", second, for_lambda).sign("a text"),
                  sign(signing_key("another", for_lambda), "a text"));
        EXPECT_EQ(cache.find_mac("B", first, tomorrow).sign(""), sign(signing_key(secret, tomorrow), ""));
    }
}

TEST(sha256, given_texts_of_every_length_when_hashed_then_they_are_padded_as_fips_180_4_has_it) {
    std::string all;
    for (std::size_t size = 0; size <= 300; ++size) all += hex(sha256(std::string(size, 'a')));
    EXPECT_EQ(hex(sha256(all)),
              "1d2ef37f10edc523a59e4fa147289061bd7b8b98a208a636c2b3334c56a5838d");  // by Python's hashlib
}

TEST(mac_key, given_texts_of_every_length_when_signed_then_it_is_as_rfc_2104_has_it) {
    const auto key = signing_key(secret, {vector_time, "us-east-1", "rds-data"});
    const mac_key kept(key);
    for (std::size_t size = 0; size <= 300; ++size) {
        const std::string text(size, 'x');
        EXPECT_EQ(kept.sign(text), sign(key, text)) << size;
    }
}

struct path_case {
    std::string_view name, path;
    path_rules by;
    std::string_view expected;
};

const path_case path_cases[] = {
    {"as_most_services", "/a/./b/../c%20d//e/", {}, "/a/c%2520d/e/"},
    {"dots_and_slashes_kept", "//a/./b/../", {.normalize = false}, "//a/./b/../"},
    {"dots_kept_at_the_end", "/a/..", {.normalize = false}, "/a/.."},
    {"encoded_once", "/a%2fb%7Ec d/$x", {.encode_twice = false}, "/a%2fb%7Ec%20d/%24x"},
    {"as_s3", "/a//b%20c", {.normalize = false, .encode_twice = false}, "/a//b%20c"},
    {"empty_and_kept", "", {.normalize = false}, "/"},
    {"root_and_kept", "/", {.normalize = false}, "/"},
};

class path_forms : public testing::TestWithParam<path_case> {};

TEST_P(path_forms, given_a_path_when_made_canonical_then_the_services_rules_hold) {  // L-5.4
    EXPECT_EQ(canonical_uri(GetParam().path, GetParam().by), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(all, path_forms, testing::ValuesIn(path_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(signature, given_encoded_octets_in_a_query_when_made_canonical_then_they_stay_as_they_were_sent) {
    EXPECT_EQ(canonical_query("a=%2f&b=%2F&c=%7E&d=%"), "a=%2f&b=%2F&c=%7E&d=%25");
}

TEST(signature, given_parameters_to_leave_out_when_a_query_is_made_canonical_then_they_are_not_there) {
    constexpr std::string_view without[] = {"X-Amz-Signature"};
    EXPECT_EQ(canonical_query("b=1&X%2DAmz-Signature=00&a=2", without), "a=2&b=1");
}

}  // namespace
}  // namespace borealis::auth
