#include "auth/verifier.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"

namespace borealis::auth {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::chrono::sys_seconds now = sys_days(2019y / 12 / 3) + 10h + 15min;

/// A request that owns its text, to be signed, changed and verified.
struct owned_request {
    std::string method = "POST", path = "/Execute", query = {};
    std::vector<std::pair<std::string, std::string>> headers = {{"Host", "127.0.0.1:8080"},
                                                                {"Content-Type", "application/json"}};
    std::string body = R"({"sql":"SELECT 1"})";

    [[nodiscard]] std::vector<header> views() const {
        std::vector<header> all;
        for (const auto& [name, text] : headers) all.push_back({name, text});
        return all;
    }
    std::string& value(std::string_view name) {
        for (auto& [key, text] : headers) {
            if (key == name) return text;
        }
        return headers.emplace_back(name, "").second;
    }
    void drop(std::string_view name) {
        std::erase_if(headers, [name](const auto& one) { return one.first == name; });
    }
    owned_request& sign(scope in = {now, "us-east-1", "rds-data"}, std::string_view id = "AKIDEXAMPLE",
                        std::string_view with = secret) {
        value("X-Amz-Date") = timestamp(in.at);
        const auto all = views();
        headers.emplace_back("Authorization",
                             authorization({method, path, query, all, body}, in, id, signing_key(with, in)));
        return *this;
    }
};

/// One verifier with one long-term and two temporary keys.
struct gate {
    verification_rules rules = {};
    known_key plain{core::secret_text(std::string(secret))};
    std::string plain_token = {};
    known_key temporary{core::secret_text(std::string(secret)), now + 1h};
    known_key expired{core::secret_text(std::string(secret)), now};
    signing_keys cache = signing_keys();
    std::string asked_for = {};

    std::expected<verified, refusal> ask(const owned_request& request, std::chrono::sys_seconds at = now) {
        const auto find = [this](std::string_view id, std::string_view token) -> const known_key* {
            asked_for = id;
            if (id == "AKIDEXAMPLE" && token == plain_token) return &plain;
            if (id == "ASIATEMPORARY" && token == "TOKEN") return &temporary;
            if (id == "ASIAEXPIRED" && token == "TOKEN") return &expired;
            return nullptr;
        };
        const auto headers = request.views();
        return verify({request.method, request.path, request.query, headers, request.body}, rules, find, cache, at);
    }
};

TEST(verify, given_a_signed_request_when_verified_then_it_is_the_keys) {
    const auto request = owned_request().sign();
    gate at;
    const auto who = at.ask(request);
    ASSERT_TRUE(who) << who.error().message;
    EXPECT_EQ(at.asked_for, "AKIDEXAMPLE");
}

constexpr std::string_view mismatch_text =
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and "
    "signing method. Consult the service documentation for details.";

struct refusal_case {
    std::string_view name;
    std::function<owned_request()> make;
    int status;
    std::string_view type, message;
};

owned_request with_authorization(std::string value) {
    owned_request request;
    request.sign();
    request.value("Authorization") = std::move(value);
    return request;
}

/// A signed request whose Authorization header has `from` replaced.
owned_request replaced(std::string_view from, std::string_view to) {
    auto request = owned_request().sign();
    auto& value = request.value("Authorization");
    value.replace(value.find(from), from.size(), to);
    return request;
}

owned_request signed_with(std::string_view name, std::string_view value, std::string_view id = "AKIDEXAMPLE") {
    owned_request request;
    request.value(name) = value;
    return request.sign({now, "us-east-1", "rds-data"}, id);
}

owned_request signed_then(const std::function<void(owned_request&)>& change) {
    auto request = owned_request().sign();
    change(request);
    return request;
}

/// A request signed in its query, as SDKs presign URLs.
struct presigning {
    std::chrono::sys_seconds at = now;
    std::string expires = "900", token = {}, id = "AKIDEXAMPLE";
    bool token_is_signed = true;
};

owned_request presigned(const presigning& how = {}) {
    owned_request request;
    const auto when = timestamp(how.at);
    request.query = "a=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + how.id + "%2F" + when.substr(0, 8) +
                    "%2Fus-east-1%2Frds-data%2Faws4_request&X-Amz-Date=" + when + "&X-Amz-Expires=" + how.expires +
                    "&X-Amz-SignedHeaders=content-type%3Bhost";
    const std::string token = how.token.empty() ? "" : "&X-Amz-Security-Token=" + how.token;
    if (how.token_is_signed) request.query += token;
    const scope in{how.at, "us-east-1", "rds-data"};
    const auto all = request.views();
    constexpr std::array<std::string_view, 2> names = {"content-type", "host"};
    const auto made = sign(
        signing_key(secret, in),
        string_to_sign(in, canonical_request({request.method, request.path, request.query, all, request.body}, names)));
    request.query += "&X-Amz-Signature=" + hex(made);
    if (!how.token_is_signed) request.query += token;
    return request;
}

const refusal_case refusals[] = {
    {"R-10.30 no header", [] { return owned_request(); }, 403, "MissingAuthenticationTokenException",
     "Missing Authentication Token"},
    {"R-10.30 empty header", [] { return with_authorization(" "); }, 403, "MissingAuthenticationTokenException",
     "Missing Authentication Token"},
    {"R-10.31 unknown key", [] { return owned_request().sign({now, "us-east-1", "rds-data"}, "AKIDNOBODY"); }, 403,
     "UnrecognizedClientException", "The security token included in the request is invalid."},
    {"R-10.31 a token where none belongs", [] { return signed_with("X-Amz-Security-Token", "TOKEN"); }, 403,
     "UnrecognizedClientException", "The security token included in the request is invalid."},
    {"R-10.31 no token where one belongs",
     [] { return owned_request().sign({now, "us-east-1", "rds-data"}, "ASIATEMPORARY"); }, 403,
     "UnrecognizedClientException", "The security token included in the request is invalid."},
    {"R-10.31 another token", [] { return signed_with("X-Amz-Security-Token", "TOKEM", "ASIATEMPORARY"); }, 403,
     "UnrecognizedClientException", "The security token included in the request is invalid."},
    {"R-10.32 another secret",
     [] { return owned_request().sign({now, "us-east-1", "rds-data"}, "AKIDEXAMPLE", "guessed"); }, 403,
     "InvalidSignatureException", mismatch_text},
    {"R-10.32 upper-case signature",
     [] {
         auto request = owned_request().sign();
         auto& value = request.value("Authorization");
         for (auto& c : value) {
             if (c >= 'a' && c <= 'f' && &c > &value[value.size() - 65]) c = static_cast<char>(c - 'a' + 'A');
         }
         return request;
     },
     403, "InvalidSignatureException", mismatch_text},
    {"R-10.32 signed header that is not there",
     [] { return signed_then([](owned_request& r) { r.drop("Content-Type"); }); }, 403, "InvalidSignatureException",
     mismatch_text},
    {"R-10.32 path without a slash",
     [] {
         auto request = owned_request();
         request.path = "/";
         request.sign();
         request.path = ".";
         return request;
     },
     403, "InvalidSignatureException", mismatch_text},
    {"R-10.32 names out of order", [] { return replaced("content-type;host", "host;content-type"); }, 403,
     "InvalidSignatureException", mismatch_text},
    {"R-10.32 name twice", [] { return replaced("content-type;host", "content-type;host;host"); }, 403,
     "InvalidSignatureException", mismatch_text},
    {"R-10.32 name with a capital", [] { return replaced("content-type;host", "content-typE;host"); }, 403,
     "InvalidSignatureException", mismatch_text},
    {"L-5.2 x-amz name with a capital", [] { return replaced("x-amz-date,", "x-amz-datE,"); }, 403,
     "InvalidSignatureException", "There were headers present in the request which were not signed: x-amz-date"},
    {"R-10.33 too old", [] { return owned_request().sign({now - 5min - 1s, "us-east-1", "rds-data"}); }, 403,
     "InvalidSignatureException",
     "Signature expired: 20191203T100959Z is now earlier than 20191203T101000Z (20191203T101500Z - 5 min.)"},
    {"R-10.34 of the future", [] { return owned_request().sign({now + 5min + 1s, "us-east-1", "rds-data"}); }, 403,
     "InvalidSignatureException",
     "Signature not yet current: 20191203T102001Z is still later than 20191203T102000Z (20191203T101500Z + 5 min.)"},
    {"R-10.35 service", [] { return owned_request().sign({now, "us-east-1", "lambda"}); }, 403,
     "InvalidSignatureException", "Credential should be scoped to correct service: 'rds-data'."},
    {"R-10.35 region", [] { return owned_request().sign({now, "us-west-2", "rds-data"}); }, 403,
     "InvalidSignatureException", "Credential should be scoped to a valid region."},
    {"R-10.35 both", [] { return owned_request().sign({now, "us-west-2", "rds"}); }, 403, "InvalidSignatureException",
     "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'rds-data'."},
    {"R-10.35 terminator", [] { return replaced("aws4_request", "aws5_request"); }, 403, "InvalidSignatureException",
     "Credential should be scoped with a valid terminator: 'aws4_request'."},
    {"R-10.35 day", [] { return replaced("/20191203/", "/20191202/"); }, 403, "InvalidSignatureException",
     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20191202' != "
     "'20191203', from "
     "'20191203T101500Z'."},
    {"R-10.36 no signature", [] { return replaced(", Signature=", ", Sig="); }, 400, "IncompleteSignatureException",
     "Authorization header requires 'Signature' parameter."},
    {"R-10.36 nothing but the algorithm", [] { return with_authorization("AWS4-HMAC-SHA256"); }, 400,
     "IncompleteSignatureException",
     "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
     "Authorization header requires 'SignedHeaders' parameter."},
    {"R-10.36 no date", [] { return signed_then([](owned_request& r) { r.drop("X-Amz-Date"); }); }, 400,
     "IncompleteSignatureException",
     "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
    {"R-10.36 broken date", [] { return signed_then([](owned_request& r) { r.value("X-Amz-Date") = "yesterday"; }); },
     400, "IncompleteSignatureException",
     "Date must be in ISO-8601 'basic format' (YYYYMMDD'T'HHMMSS'Z'), once, in the X-Amz-Date or Date header."},
    {"R-10.36 date twice",
     [] { return signed_then([](owned_request& r) { r.headers.emplace_back("x-amz-date", "20191203T101500Z"); }); },
     400, "IncompleteSignatureException",
     "Date must be in ISO-8601 'basic format' (YYYYMMDD'T'HHMMSS'Z'), once, in the X-Amz-Date or Date header."},
    {"R-10.36 other scheme", [] { return with_authorization("Bearer abc"); }, 400, "IncompleteSignatureException",
     "Unsupported AWS 'algorithm' in the Authorization header; use 'AWS4-HMAC-SHA256'."},
    {"R-10.36 short credential", [] { return replaced("/aws4_request", ""); }, 400, "IncompleteSignatureException",
     "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."},
    {"R-10.36 parameter twice", [] { return replaced(", Signature=", ", Signature=0, Signature="); }, 400,
     "IncompleteSignatureException", "Authorization header has a parameter twice."},
    {"R-10.36 header twice",
     [] {
         return signed_then(
             [](owned_request& r) { r.headers.emplace_back("authorization", r.value("Authorization")); });
     },
     400, "IncompleteSignatureException", "There is more than one Authorization header."},
    {"R-10.37 expired token", [] { return signed_with("X-Amz-Security-Token", "TOKEN", "ASIAEXPIRED"); }, 403,
     "ExpiredTokenException", "The security token included in the request is expired"},
    {"R-10.39 host not signed", [] { return replaced("content-type;host;", "content-type;"); }, 403,
     "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
    {"R-10.36 unknown parameter", [] { return replaced(", Signature=", ", Color=blue, Signature="); }, 400,
     "IncompleteSignatureException", "Authorization header has an unknown parameter."},
    {"R-10.39 hash of another body",
     [] { return signed_with("X-Amz-Content-Sha256", hex(sha256(R"({"sql":"SELECT 2"})"))); }, 403,
     "InvalidSignatureException", "The provided 'x-amz-content-sha256' header does not match what was computed."},
    {"R-10.39 no hash of the body", [] { return signed_with("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"); }, 403,
     "InvalidSignatureException", "The provided 'x-amz-content-sha256' header does not match what was computed."},
    {"R-10.40 presigned, and switched off", [] { return presigned(); }, 403, "MissingAuthenticationTokenException",
     "Missing Authentication Token"},
    {"L-5.2 x-amz header not signed",
     [] { return signed_then([](owned_request& r) { r.value("X-Amz-Target") = "secretsmanager.DeleteSecret"; }); }, 403,
     "InvalidSignatureException", "There were headers present in the request which were not signed: x-amz-target"},
};

class refused : public testing::TestWithParam<refusal_case> {};

TEST_P(refused, given_a_request_when_verified_then_the_refusal_is_awss) {
    gate at;
    at.rules.regions = {"eu-central-1", "us-east-1"};
    const auto who = at.ask(GetParam().make());
    ASSERT_FALSE(who) << GetParam().name;
    EXPECT_EQ(who.error().status, GetParam().status) << GetParam().name;
    EXPECT_EQ(who.error().type, GetParam().type) << GetParam().name;
    EXPECT_EQ(who.error().message, GetParam().message) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(signature_layer, refused, testing::ValuesIn(refusals));

TEST(same_secret, given_any_octet_that_differs_when_compared_then_it_is_another) {
    for (std::size_t size = 0; size <= 40; ++size) {
        const std::string one(size, 's');
        EXPECT_TRUE(same_secret(one, std::string(size, 's')));
        EXPECT_FALSE(same_secret(one, one + "s"));
        for (std::size_t at = 0; at < size; ++at) {
            auto other = one;
            other[at] = 't';
            EXPECT_FALSE(same_secret(one, other)) << size << " " << at;
        }
    }
}

TEST(verify, given_the_edges_of_five_minutes_when_verified_then_both_pass) {
    EXPECT_TRUE(gate().ask(owned_request().sign({now - 5min, "us-east-1", "rds-data"})));
    EXPECT_TRUE(gate().ask(owned_request().sign({now + 5min, "us-east-1", "rds-data"})));
}

TEST(verify, given_a_day_that_has_just_begun_when_the_signature_is_of_yesterday_then_it_passes) {
    const auto midnight = std::chrono::sys_seconds(sys_days(2019y / 12 / 4));
    EXPECT_TRUE(gate().ask(owned_request().sign({midnight - 10s, "us-east-1", "rds-data"}), midnight + 10s));
}

TEST(verify, given_a_temporary_key_when_its_token_comes_along_then_it_passes) {
    EXPECT_TRUE(gate().ask(signed_with("X-Amz-Security-Token", "TOKEN", "ASIATEMPORARY")));
}

TEST(verify, given_a_token_that_is_not_signed_when_it_is_the_keys_then_it_passes) {
    auto request = owned_request().sign({now, "us-east-1", "rds-data"}, "ASIATEMPORARY");
    request.value("X-Amz-Security-Token") = "TOKEN";
    EXPECT_TRUE(gate().ask(request));
    request.value("X-Amz-Security-Token") = "TOKEM";
    EXPECT_FALSE(gate().ask(request));
}

TEST(verify, given_the_bodys_own_hash_when_it_is_claimed_then_it_passes) {  // R-10.39
    EXPECT_TRUE(gate().ask(signed_with("X-Amz-Content-Sha256", hex(sha256(owned_request().body)))));
}

struct presigned_case {
    std::string_view name;
    presigning how;
    std::chrono::seconds later;
    std::string_view refused;  ///< Empty: it passes.
};

const presigned_case presigned_cases[] = {
    {"at_once", {}, 0s, ""},
    {"at_the_end", {}, 900s, ""},
    {"too_late",
     {},
     901s,
     "Signature expired: 20191203T101500Z is now earlier than 20191203T101501Z (20191203T103001Z - 15 min.)"},
    {"of_the_future",
     {.at = now + 5min + 1s},
     0s,
     "Signature not yet current: 20191203T102001Z is still later than 20191203T102000Z (20191203T101500Z + 5 min.)"},
    {"a_week", {.expires = "604800"}, 604'800s, ""},
    {"more_than_a_week", {.expires = "604801"}, 0s, "X-Amz-Expires must be a number of seconds from 1 to 604800."},
    {"for_no_time", {.expires = "0"}, 0s, "X-Amz-Expires must be a number of seconds from 1 to 604800."},
    {"for_a_word", {.expires = "9x"}, 0s, "X-Amz-Expires must be a number of seconds from 1 to 604800."},
    {"with_token", {.token = "TOKEN", .id = "ASIATEMPORARY"}, 0s, ""},
    {"with_token_added_later", {.token = "TOKEN", .id = "ASIATEMPORARY", .token_is_signed = false}, 0s, ""},
    {"with_another_token",
     {.token = "TOKEM", .id = "ASIATEMPORARY", .token_is_signed = false},
     0s,
     "The security token included in the request is invalid."},
    {"without_token", {.id = "ASIATEMPORARY"}, 0s, "The security token included in the request is invalid."},
};

class presigned_requests : public testing::TestWithParam<presigned_case> {};

TEST_P(presigned_requests, given_they_are_switched_on_when_one_is_verified_then_its_own_time_counts) {  // R-10.40
    gate at;
    at.rules.presigned = true;
    const auto who = at.ask(presigned(GetParam().how), now + GetParam().later);
    if (GetParam().refused.empty()) {
        ASSERT_TRUE(who) << who.error().message;
        EXPECT_EQ(at.asked_for, GetParam().how.id);
    } else {
        ASSERT_FALSE(who);
        EXPECT_EQ(who.error().message, GetParam().refused);
    }
}

INSTANTIATE_TEST_SUITE_P(all, presigned_requests, testing::ValuesIn(presigned_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(verify, given_a_presigned_request_when_any_single_byte_changes_then_it_is_refused) {
    auto request = presigned({.token = "TOKEN", .id = "ASIATEMPORARY"});
    gate at;
    at.rules.presigned = true;
    ASSERT_TRUE(at.ask(request));
    for (auto* text : {&request.method, &request.path, &request.query, &request.body}) {
        for (auto& c : *text) {
            const char before = c;
            for (const int bit : {0x01, 0x02, 0x08, 0x20}) {
                c = static_cast<char>(before ^ bit);
                EXPECT_FALSE(at.ask(request)) << *text;
            }
            c = before;
        }
    }
    EXPECT_TRUE(at.ask(request));
}

TEST(verify, given_both_ways_of_signing_when_one_request_has_them_then_it_is_refused) {
    auto request = presigned();
    request.headers.emplace_back("Authorization", owned_request().sign().value("Authorization"));
    gate at;
    at.rules.presigned = true;
    EXPECT_EQ(at.ask(request).error().type, "IncompleteSignatureException");
}

TEST(verify, given_a_request_when_it_passes_then_it_says_until_when) {
    EXPECT_EQ(gate().ask(owned_request().sign())->good_until, now + 5min);
    gate at;
    at.rules.presigned = true;
    EXPECT_EQ(at.ask(presigned())->good_until, now + 900s);
}

TEST(verify, given_a_date_header_alone_when_signed_then_it_passes) {
    owned_request request;
    request.value("Date") = "Tue, 03 Dec 2019 10:15:00 GMT";
    const auto all = request.views();
    const scope in{now, "us-east-1", "rds-data"};
    request.headers.emplace_back("Authorization",
                                 authorization({request.method, request.path, request.query, all, request.body}, in,
                                               "AKIDEXAMPLE", signing_key(secret, in)));
    const auto who = gate().ask(request);
    EXPECT_TRUE(who) << who.error().message;
}

TEST(verify, given_headers_added_on_the_way_when_they_are_not_signed_then_it_passes) {
    auto request = owned_request().sign();
    request.headers.emplace_back("X-Forwarded-For", "10.0.0.1");
    request.headers.emplace_back("X-Amzn-Trace-Id", "Root=1");
    request.headers.emplace_back("X-Amz-Cf-Id", "abc");
    EXPECT_TRUE(gate().ask(request));
}

TEST(verify, given_other_services_when_the_rules_name_them_then_they_pass) {
    for (const std::string_view service : {"rds-data", "rds", "secretsmanager", "lambda"}) {
        gate at;
        at.rules.service = service;
        EXPECT_TRUE(at.ask(owned_request().sign({now, "us-east-1", service}))) << service;
    }
}

TEST(verify, given_a_signed_request_when_any_single_byte_changes_then_it_is_refused) {
    owned_request request;
    request.query = "b=2&a=%41";
    request.value("X-Amz-Security-Token") = "TOKEN";
    request.sign({now, "us-east-1", "rds-data"}, "ASIATEMPORARY");
    gate at;
    ASSERT_TRUE(at.ask(request));
    const auto flip_each = [&](std::string& text, std::string_view what) {
        for (auto& c : text) {
            const char before = c;
            for (const int bit : {0x01, 0x02, 0x08}) {
                c = static_cast<char>(before ^ bit);
                EXPECT_FALSE(at.ask(request)) << what << " with " << text;
            }
            c = before;
        }
    };
    flip_each(request.method, "method");
    flip_each(request.path, "path");
    flip_each(request.query, "query");
    flip_each(request.body, "body");
    for (auto& [name, value] : request.headers) {
        flip_each(name, "header name");
        if (name != "Authorization") flip_each(value, "header value");
    }
    // In the Authorization header the blanks between the parameters mean nothing.
    auto& value = request.value("Authorization");
    for (auto& c : value) {
        const char before = c;
        if (before == ' ') continue;
        c = static_cast<char>(before ^ 0x01);
        EXPECT_FALSE(at.ask(request)) << value;
        c = before;
    }
    EXPECT_TRUE(at.ask(request));
}

TEST(verify, given_a_signed_request_when_the_body_is_cut_or_grows_then_it_is_refused) {
    owned_request request;
    request.body.append(600, ' ');
    request.sign();
    gate at;
    const auto whole = request.body;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        request.body = whole.substr(0, size);
        EXPECT_FALSE(at.ask(request));
    }
    request.body = whole + " ";
    EXPECT_FALSE(at.ask(request));
    request.body = whole;
    EXPECT_TRUE(at.ask(request));
}

// tests/auth/make_vectors.py says where these come from.
TEST(botocore, given_its_requests_when_signed_and_verified_then_both_sides_agree) {
    std::ifstream file(BOREALIS_AUTH_VECTORS);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    json::document document;
    const auto cases = document.parse_copy(text);
    ASSERT_TRUE(cases) << cases.error().message;
    std::size_t count = 0;
    for (const auto& one : **cases) {
        const auto member = [&one](std::string_view name) { return std::string(one.find(name)->text()); };
        SCOPED_TRACE(member("name"));
        owned_request request{member("method"), member("path"), member("query"), {}, member("body")};
        std::string theirs;
        for (const auto& pair : *one.find("headers")) {
            std::string name((*pair.begin()).text());
            std::string value((*std::next(pair.begin())).text());
            if (name == "Authorization") {
                theirs = value;
            } else {
                request.headers.emplace_back(std::move(name), std::move(value));
            }
        }
        const auto service = member("service"), region = member("region");
        const scope in{now, region, service};
        const auto headers = request.views();
        EXPECT_EQ(authorization({request.method, request.path, request.query, headers, request.body}, in, "AKIDEXAMPLE",
                                signing_key(secret, in)),
                  theirs);

        request.headers.emplace_back("Authorization", theirs);
        gate at;
        at.rules.service = service;
        at.plain_token = member("token");
        const auto who = at.ask(request);
        EXPECT_TRUE(who) << who.error().message;
        ++count;
    }
    EXPECT_EQ(count, 42U);
}

}  // namespace
}  // namespace borealis::auth
