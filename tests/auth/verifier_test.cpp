#include "auth/verifier.hpp"

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
    known_key temporary{core::secret_text(std::string(secret)), core::secret_text("TOKEN"), now + 1h};
    known_key expired{core::secret_text(std::string(secret)), core::secret_text("TOKEN"), now};
    signing_keys cache = signing_keys();

    std::expected<identity, refusal> ask(const owned_request& request, std::chrono::sys_seconds at = now) {
        const auto find = [this](std::string_view id) -> const known_key* {
            if (id == "AKIDEXAMPLE") return &plain;
            if (id == "ASIATEMPORARY") return &temporary;
            if (id == "ASIAEXPIRED") return &expired;
            return nullptr;
        };
        const auto headers = request.views();
        return verify({request.method, request.path, request.query, headers, request.body}, rules, find, cache, at);
    }
};

TEST(verify, given_a_signed_request_when_verified_then_it_is_the_keys) {
    const auto request = owned_request().sign();
    const auto who = gate().ask(request);
    ASSERT_TRUE(who) << who.error().message;
    EXPECT_EQ(who->access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(who->region, "us-east-1");
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
    {"R-10.32 names out of order", [] { return replaced("content-type;host", "host;content-type"); }, 403,
     "InvalidSignatureException", mismatch_text},
    {"R-10.32 name twice", [] { return replaced("content-type;host", "content-type;host;host"); }, 403,
     "InvalidSignatureException", mismatch_text},
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
    auto request = owned_request().sign();
    gate at;
    const auto whole = request.body;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        request.body = whole.substr(0, size);
        EXPECT_FALSE(at.ask(request));
    }
    request.body = whole + " ";
    EXPECT_FALSE(at.ask(request));
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
        at.plain.session_token = core::secret_text(member("token"));
        const auto who = at.ask(request);
        EXPECT_TRUE(who) << who.error().message;
        ++count;
    }
    EXPECT_EQ(count, 42U);
}

}  // namespace
}  // namespace borealis::auth
