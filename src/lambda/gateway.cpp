#include "lambda/gateway.hpp"

#include <algorithm>
#include <utility>

#include "core/random.hpp"
#include "lambda/cors.hpp"

namespace borealis::lambda {
namespace {

/// Lambda takes no larger event (section 2.3); base64 may have made this of a smaller body.
constexpr std::size_t largest_event = 6'291'456;

gateway_error error_of(const refusal& why) {
    switch (why.what) {
        case refusal::kind::gave_up:
            return gateway_error::timed_out;
        case refusal::kind::throttled:
        case refusal::kind::stopping:
            return gateway_error::function_busy;
        case refusal::kind::no_function:
            break;
    }
    return gateway_error::no_function;
}

/// The stage that a path names, and what is behind it (L-3.40).
struct staged_path {
    std::string_view stage, path;
};

staged_path take_stage(std::string_view path, std::string_view stage) {
    if (stage == "$default") return {stage, path};
    const auto rest = path.substr(1);
    const auto first = rest.substr(0, rest.find('/'));
    if (first != stage) return {};
    return {stage, first.size() == rest.size() ? std::string_view("/") : rest.substr(first.size())};
}

}  // namespace

gateway::gateway(api_description api) : api_(std::move(api)), routes_(api_) {
    if (api_.kind == api_kind::http && api_.cors) check(*api_.cors);
}

api_response gateway::with_headers(api_response answer, const exchange& of) const {
    auto& lines = answer.headers;
    if (api_.kind == api_kind::rest) {
        lines.emplace_back("x-amzn-RequestId", of.request_id);
        lines.emplace_back("x-amz-apigw-id", of.extended_id);
        lines.emplace_back("X-Amzn-Trace-Id", of.trace_id);
        return answer;
    }
    if (api_.cors) {
        std::erase_if(lines, [](const auto& line) { return is_cors_header(line.first); });
        for (auto& line : response_headers(*api_.cors, of.origin)) lines.push_back(std::move(line));
    }
    lines.emplace_back("apigw-requestid", of.request_id);
    return answer;
}

std::variant<api_response, gateway::function_call> gateway::begin(const http::request& asked, const api_client& from,
                                                                  std::chrono::system_clock::time_point now) const {
    const bool rest = api_.kind == api_kind::rest;
    const auto trace = asked.find("x-amzn-trace-id");  // the caller's own trace goes on
    exchange of{.request_id = rest ? core::random_uuid() : new_http_request_id(),
                .extended_id = rest ? new_http_request_id() : std::string(),
                .trace_id = trace.empty() ? new_trace_id(now) : std::string(trace),
                .origin = std::string(asked.find("origin")),
                .accept = std::string(asked.find("accept"))};
    if (!asked.path.starts_with('/')) return with_headers(make_error(api_.kind, gateway_error::bad_request), of);
    const auto [stage, path] = take_stage(asked.path, api_.stage);
    if (stage.empty()) return with_headers(make_error(api_.kind, gateway_error::no_stage), of);

    const auto wanted_method = asked.find("access-control-request-method");
    if (!rest && api_.cors && asked.method == "OPTIONS" && !of.origin.empty() && !wanted_method.empty()) {
        api_response answer{.status = 204};
        answer.headers =
            preflight_headers(*api_.cors, of.origin, wanted_method, asked.find("access-control-request-headers"));
        answer.headers.emplace_back("apigw-requestid", of.request_id);
        return answer;
    }
    const auto to = routes_.match(asked.method, path);
    if (to.route == nullptr) {
        if (rest && api_.cors && asked.method == "OPTIONS" && routes_.knows_path(path)) {
            api_response answer{.headers = rest_options_headers(*api_.cors), .body = "{}\n"};
            answer.headers.emplace_back("Content-Type", "application/json");
            return with_headers(std::move(answer), of);
        }
        return with_headers(make_error(api_.kind, gateway_error::no_route), of);
    }
    of.format = to.route->format;
    const api_request request{.message = &asked,
                              .stage = stage,
                              .path = path,
                              .source_ip = from.address,
                              .scheme = from.scheme,
                              .port = from.port,
                              .request_id = of.request_id,
                              .extended_id = of.extended_id,
                              .trace_id = of.trace_id,
                              .at = now};
    auto event = make_event(api_, to, request);
    if (event.size() > largest_event) return with_headers(make_error(api_.kind, gateway_error::too_large), of);
    return function_call{
        .of = std::move(of), .function = to.route->function, .event = std::move(event), .timeout = to.route->timeout};
}

api_response gateway::finish(const function_call& call, const host::answer& outcome) const {
    if (!outcome) return with_headers(make_error(api_.kind, error_of(outcome.error())), call.of);
    if (outcome->failed()) return with_headers(make_error(api_.kind, gateway_error::function_failed), call.of);
    return with_headers(read_result(api_, call.of.format, outcome->payload, call.of.accept), call.of);
}

api_response gateway::refuse(gateway_error why) const {
    const bool rest = api_.kind == api_kind::rest;
    return with_headers(make_error(api_.kind, why), {.request_id = rest ? core::random_uuid() : new_http_request_id(),
                                                     .extended_id = rest ? new_http_request_id() : std::string(),
                                                     .trace_id = new_trace_id(std::chrono::system_clock::now()),
                                                     .origin = {},
                                                     .accept = {},
                                                     .format = payload_format::v2});
}

}  // namespace borealis::lambda
