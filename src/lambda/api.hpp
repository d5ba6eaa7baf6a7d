#pragma once
/// What an HTTP API is made of: routes, stage, CORS, limits. Values only.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace borealis::lambda {

/// `http`: API Gateway's HTTP APIs (AWS::Serverless::HttpApi). `rest`: its REST APIs (AWS::Serverless::Api). They
/// differ in errors, events and in how they read a function's result (L-3.30 to L-3.34).
enum class api_kind : std::uint8_t { http, rest };

/// What the function gets and gives. REST APIs always speak 1.0, in a form of their own (L-3.3).
enum class payload_format : std::uint8_t { v1, v2 };

/// CORS of an HTTP API (L-3.41), or the OPTIONS methods that SAM makes for a REST API.
struct cors_rules {
    std::vector<std::string> allow_origins = {};  ///< `*`, `https://*`, `http://*` or an origin.
    std::vector<std::string> allow_methods = {};
    std::vector<std::string> allow_headers = {};
    std::vector<std::string> expose_headers = {};
    std::optional<std::chrono::seconds> max_age = {};
    bool allow_credentials = false;
};

/// Longest that API Gateway waits for a function (L-3.32).
inline constexpr std::chrono::milliseconds http_integration_limit{30'000};
inline constexpr std::chrono::milliseconds rest_integration_limit{29'000};

struct api_route {
    std::string method = {};    ///< Upper case, `ANY`; empty with the path `$default`.
    std::string path = {};      ///< `/employees/{id}`, `/files/{path+}`, or `$default`.
    std::string function = {};  ///< Name of the function.
    payload_format format = payload_format::v2;
    std::chrono::milliseconds timeout = http_integration_limit;

    /// `GET /employees/{id}`, `$default` (L-3.1).
    [[nodiscard]] std::string key() const { return path == "$default" ? path : method + ' ' + path; }
};

struct api_description {
    std::string name = {};  ///< Logical id in the template, for people.
    std::string id = {};    ///< Ten characters, as in AWS's host names.
    api_kind kind = api_kind::http;
    std::string stage = "$default";  ///< A REST API always has a named one.
    std::vector<std::pair<std::string, std::string>> stage_variables = {};
    std::optional<cors_rules> cors = {};
    std::vector<std::string> binary_media_types = {};  ///< REST: bodies of these types travel as base64 (L-3.26).
    std::vector<api_route> routes = {};
    std::string account = "123456789012";
    std::string region = "us-east-1";
};

}  // namespace borealis::lambda
