#pragma once
/// The event that a function gets for an HTTP request: payload 2.0 and 1.0 of HTTP APIs, and that of REST APIs
/// (L-3.1 to L-3.6, section 3.3). Bytes in, bytes out.

#include <chrono>
#include <string>
#include <string_view>

#include "http/request.hpp"
#include "lambda/api.hpp"
#include "lambda/route_table.hpp"

namespace borealis::lambda {

/// A request as it reached the gateway, and what only the gateway knows of it.
struct api_request {
    const http::request* message = nullptr;
    std::string_view stage;      ///< `$default`, or the first segment of the path.
    std::string_view path;       ///< Percent-encoded, without the stage; begins with a slash.
    std::string_view source_ip;  ///< The client's address.
    std::string_view scheme = "http";
    std::string_view port;         ///< On which it came.
    std::string_view request_id;   ///< `new_http_request_id`, or a UUID for REST.
    std::string_view extended_id;  ///< REST: a second id.
    std::string_view trace_id;     ///< `Root=…`
    std::chrono::system_clock::time_point at;
};

[[nodiscard]] std::string make_event(const api_description& api, const route_match& to, const api_request& request);

/// Whether an HTTP API hands a body of this content type on as text (L-3.5); every other goes as base64.
[[nodiscard]] bool is_text_type(std::string_view content_type);

/// Whether a media type (its parameters ignored) is in a REST API's list, where `*/*` and `image/*` stand for many.
[[nodiscard]] bool matches_media_type(const std::vector<std::string>& list, std::string_view type);

/// Sixteen characters, the last a `=`, as HTTP APIs have them.
[[nodiscard]] std::string new_http_request_id();

/// `Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700`
[[nodiscard]] std::string new_trace_id(std::chrono::system_clock::time_point at);

}  // namespace borealis::lambda
