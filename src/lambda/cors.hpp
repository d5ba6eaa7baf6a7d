#pragma once
/// CORS as API Gateway answers it (L-3.41, L-3.42). Text in, headers out.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lambda/api.hpp"

namespace borealis::lambda {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Throws std::runtime_error for what the control plane refuses: `*` with credentials.
void check(const cors_rules& rules);

/// Value of access-control-allow-origin for that Origin, or empty: then no CORS header is sent at all.
[[nodiscard]] std::string allowed_origin(const cors_rules& rules, std::string_view origin);

/// Headers of the gateway's own answer to a preflight request.
/// @param origin, method, headers  The request's Origin, Access-Control-Request-Method and -Headers.
[[nodiscard]] header_list preflight_headers(const cors_rules& rules, std::string_view origin, std::string_view method,
                                            std::string_view headers);

/// What the gateway adds to an integration's answer; the function's own CORS headers are dropped (`is_cors_header`).
[[nodiscard]] header_list response_headers(const cors_rules& rules, std::string_view origin);

/// Any `access-control-…` header, in lower case.
[[nodiscard]] bool is_cors_header(std::string_view name);

/// The headers of the OPTIONS method that SAM adds to a REST API with `Cors`.
[[nodiscard]] header_list rest_options_headers(const cors_rules& rules);

}  // namespace borealis::lambda
