#pragma once
/// What a client gets for a function's result (L-3.10 to L-3.15, L-3.20 to L-3.27), and the gateway's own errors
/// (section 3.4). Bytes in, values out.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lambda/api.hpp"

namespace borealis::lambda {

struct api_response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< Without content-length.
    std::string body = {};
};

/// The function's result as the API reads it.
/// @param accept  The request's Accept header: a REST API decodes base64 only where it asks for a binary type.
/// @return `bad_result` where the result has not the form that this API takes.
[[nodiscard]] api_response read_result(const api_description& api, payload_format format, std::string_view result,
                                       std::string_view accept);

/// The gateway's own words, by what happened (L-3.30 to L-3.35).
enum class gateway_error : std::uint8_t {
    no_route,           ///< 404 | 403
    no_stage,           ///< 404 | 403
    function_failed,    ///< 500 | 502
    bad_result,         ///< 500 | 502
    timed_out,          ///< 503 | 504
    no_function,        ///< 500 | 500
    function_busy,      ///< 503 | 500: Lambda refused for its concurrency
    foreign_host,       ///< 403: another domain's name
    throttled,          ///< 429: this gateway's own rate
    too_large,          ///< 413
    headers_too_large,  ///< 431
    target_too_long,    ///< 414
    bad_request,        ///< 400
};
[[nodiscard]] api_response make_error(api_kind kind, gateway_error what);

}  // namespace borealis::lambda
