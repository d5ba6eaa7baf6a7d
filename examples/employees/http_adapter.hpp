#pragma once
/// Events and results of API Gateway's proxy integrations: payload 2.0 (HTTP APIs) and 1.0 (REST APIs).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/document.hpp"

namespace employees {

struct http_request {
    enum class body_state : std::uint8_t { absent, present, broken };  ///< `broken`: said to be base64, and is not.

    std::string method;
    std::string path;  ///< Without the stage's name.
    /// The path's parameter of that name as the gateway has decoded it; a gateway may have routed `{proxy+}` instead.
    std::optional<std::string> id = {};
    std::vector<std::pair<std::string, std::string>> query = {};  ///< Decoded.
    std::string body;                                             ///< Decoded.
    body_state state = body_state::absent;
};

/// The request inside `event`, recognised by its structure and by nothing that an employee may hold (L-3.62): `version`
/// "2.0" with `requestContext.http`, or `httpMethod` with `path`.
[[nodiscard]] std::optional<http_request> read_http_event(const borealis::json::node& event);

/// `{"statusCode":…,"headers":{"content-type":"application/json"},"body":"…"}`, as both payload formats take it.
/// @param more_headers  Ready JSON members, each with a comma before it.
[[nodiscard]] std::string http_result(int status, std::string_view body, std::string_view more_headers = {},
                                      std::string_view content_type = "application/json");

}  // namespace employees
