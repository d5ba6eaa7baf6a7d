#pragma once
/// One line of the access log.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/deadline.hpp"
#include "data_api/observation.hpp"
#include "server/reply.hpp"
#include "server/trace.hpp"

namespace borealis::server {

/// What is known of a call when it is answered. Views live as long as the request.
struct call_record {
    std::chrono::system_clock::time_point at = std::chrono::system_clock::now();
    core::clock::time_point since = core::clock::now();
    std::string_view client = {};   ///< Address.
    std::string_view service = {};  ///< Its signing name; empty: what came was no request.
    std::string operation = {};     ///< Empty: none that we know.
    std::string access_key = {};    ///< Empty until the caller is known, as is `caller`.
    std::string caller = {};        ///< ARN
    trace_context trace = {};
    std::size_t request_bytes = 0;  ///< Of the body.
    bool data_api = false;          ///< It reached the Data API: `seen` says how it went there.
    data_api::observation seen = {};
};

/// Appends the JSON object and a line feed. Members that have nothing to say are left out; durations are microseconds.
/// No value, no secret and no transaction id is in it: of an id the first 16 hexadecimal digits of its SHA-256.
void append_line(std::string& out, const call_record& of, const reply& made);

/// `2026-11-27T10:36:10.123456Z`
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point at);

}  // namespace borealis::server
