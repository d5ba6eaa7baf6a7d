#pragma once
/// The caller's trace id: where it stands in a request, and how a database gets to see it.

#include <string>
#include <string_view>

#include "http/request.hpp"

namespace borealis::server {

/// As the caller sent it; empty where it did not, or in no form that its definition knows.
struct trace_context {
    std::string_view amazon = {};  ///< `X-Amzn-Trace-Id`: `Root=1-67891233-abcdef012345678912345678;Parent=…;Sampled=1`
    std::string_view w3c = {};     ///< `traceparent` (W3C Trace Context, 3.2): `00-<32 hex>-<16 hex>-<2 hex>`

    [[nodiscard]] bool empty() const { return amazon.empty() && w3c.empty(); }
    /// The one of both that there is.
    [[nodiscard]] std::string_view any() const { return amazon.empty() ? w3c : amazon; }
};

/// Views into the request.
[[nodiscard]] trace_context trace_of(const http::request& asked);

/// `/*traceparent='00-…',x_amzn_trace_id='Root%3D1-…'*/` (sqlcommenter: keys in order, values percent-encoded, so that
/// none can end the comment or its quotes); empty where there is none.
[[nodiscard]] std::string sql_comment_of(const trace_context& trace);

}  // namespace borealis::server
