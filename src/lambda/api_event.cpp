#include "lambda/api_event.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "core/random.hpp"
#include "json/writer.hpp"

namespace borealis::lambda {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// `text/html` of `Text/HTML; charset=utf-8`.
std::string media_type(std::string_view content_type) {
    return lower(trimmed(content_type.substr(0, content_type.find(';'))));
}

/// What concerns one connection only (RFC 9110, 7.6.1) ends at the gateway.
bool is_hop_by_hop(std::string_view lower_name) {
    static constexpr std::array<std::string_view, 8> names = {
        "connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"};
    return std::ranges::find(names, lower_name) != names.end();
}

/// Names that the gateway writes itself.
bool is_gateways_own(std::string_view lower_name) {
    return lower_name == "x-amzn-trace-id" || lower_name == "x-forwarded-for" || lower_name == "x-forwarded-port" ||
           lower_name == "x-forwarded-proto" || lower_name == "content-length";
}

class object {
 public:
    explicit object(std::string& out) : out_(out) { out_ += '{'; }
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    ~object() { out_ += '}'; }

    std::string& key(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        json::append_string(out_, name);
        return out_ += ':';
    }
    object& text(std::string_view name, std::string_view value) {
        json::append_string(key(name), value);
        return *this;
    }
    object& null(std::string_view name) {
        key(name) += "null";
        return *this;
    }
    object& number(std::string_view name, std::int64_t value) {
        json::append_integer(key(name), value);
        return *this;
    }
    object& flag(std::string_view name, bool value) {
        key(name) += value ? "true" : "false";
        return *this;
    }

 private:
    std::string& out_;
    bool first_ = true;
};

void append_list(std::string& out, const std::vector<std::string>& values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) out += ',';
        json::append_string(out, values[i]);
    }
    out += ']';
}

/// Values of each name, the names sorted as the gateway's events have them.
using multimap = std::map<std::string, std::vector<std::string>, std::less<>>;

void append_pairs(std::string& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
    object made(out);
    for (const auto& [name, value] : pairs) made.text(name, value);
}

std::string joined(const std::vector<std::string>& values) {
    std::string out;
    for (const auto& one : values) {
        if (!out.empty()) out += ',';
        out += one;
    }
    return out;
}

void append_joined(std::string& out, const multimap& of) {
    object made(out);
    for (const auto& [name, values] : of) made.text(name, joined(values));
}

/// The last value of each: REST APIs' single-value maps.
void append_last(std::string& out, const multimap& of) {
    object made(out);
    for (const auto& [name, values] : of) made.text(name, values.back());
}

void append_multi(std::string& out, const multimap& of) {
    object made(out);
    for (const auto& [name, values] : of) append_list(made.key(name), values);
}

multimap query_of(std::string_view query) {
    multimap out;
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.empty()) continue;
        const auto equals = part.find('=');
        const auto value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        out[percent_decoded(part.substr(0, equals), true)].push_back(percent_decoded(value, true));
    }
    return out;
}

std::string forwarded_for(const api_request& request) {
    std::string out;
    for (const auto& one : request.message->headers) {
        if (http::iequals(one.name, "x-forwarded-for") && !one.value.empty()) {
            out += one.value;
            out += ", ";
        }
    }
    return out += request.source_ip;
}

enum class casing : std::uint8_t { lower, as_sent };

multimap headers_of(const api_request& request, casing names) {
    multimap out;
    const bool as_sent = names == casing::as_sent;
    for (const auto& one : request.message->headers) {
        const auto name = lower(one.name);
        if (is_hop_by_hop(name) || is_gateways_own(name)) continue;
        if (!as_sent && name == "cookie") continue;  // L-3.3
        auto shown = as_sent ? std::string(one.name) : name;
        if (as_sent) {  // two casings of one name are one header
            const auto known = std::ranges::find_if(out, [&](const auto& at) { return lower(at.first) == name; });
            if (known != out.end()) shown = known->first;
            if (name == "host") shown = "Host";
            if (name == "user-agent") shown = "User-Agent";
        }
        out[shown].emplace_back(one.value);
    }
    const auto own = [&](std::string_view text) { return as_sent ? std::string(text) : lower(text); };
    const bool has_length = !request.message->body.empty() || !request.message->find("content-length").empty() ||
                            !request.message->find("transfer-encoding").empty();
    if (has_length) out[own("Content-Length")] = {std::to_string(request.message->body.size())};
    out[own("X-Amzn-Trace-Id")] = {std::string(request.trace_id)};
    out[own("X-Forwarded-For")] = {forwarded_for(request)};
    out[own("X-Forwarded-Port")] = {std::string(request.port)};
    out[own("X-Forwarded-Proto")] = {std::string(request.scheme)};
    return out;
}

std::vector<std::string> cookies_of(const http::request& message) {
    std::vector<std::string> out;
    for (const auto& one : message.headers) {
        if (!http::iequals(one.name, "cookie")) continue;
        for (auto rest = one.value; !rest.empty();) {
            const auto part = rest.substr(0, rest.find(';'));
            rest.remove_prefix(std::min(part.size() + 1, rest.size()));
            if (const auto cookie = trimmed(part); !cookie.empty()) out.emplace_back(cookie);
        }
    }
    return out;
}

std::string_view domain_of(const http::request& message) {
    auto host = message.find("host");
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        host = host.substr(0, colon);
    }
    return host;
}

std::string_view prefix_of(std::string_view domain) { return domain.substr(0, domain.find('.')); }

std::string clf_time(std::chrono::system_clock::time_point at) {
    const auto seconds = std::chrono::system_clock::to_time_t(at);
    std::tm utc = {};
    gmtime_r(&seconds, &utc);
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    return fmt::format("{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000", utc.tm_mday,
                       months.substr(static_cast<std::size_t>(utc.tm_mon) * 3, 3), utc.tm_year + 1900, utc.tm_hour,
                       utc.tm_min, utc.tm_sec);
}

std::int64_t milliseconds_of(std::chrono::system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

std::string base64_of(std::string_view bytes) {
    std::string out;
    core::append_base64(out, bytes);
    return out;
}

std::string path_with_stage(const api_request& request, std::string_view path) {
    return request.stage == "$default" ? std::string(path) : fmt::format("/{}{}", request.stage, path);
}

/// HTTP APIs decode the path, and what follows a `?` that was encoded is lost.
std::string decoded_path(std::string_view encoded) {
    auto out = percent_decoded(encoded);
    if (const auto mark = out.find('?'); mark != std::string::npos) out.resize(mark);
    return out;
}

std::string event_v2(const api_description& api, const route_match& to, const api_request& request) {
    const auto& message = *request.message;
    const auto path = path_with_stage(request, decoded_path(request.path));
    const auto domain = domain_of(message);
    const auto key = to.route->key();
    std::string out;
    {
        object event(out);
        event.text("version", "2.0").text("routeKey", key).text("rawPath", path).text("rawQueryString", message.query);
        if (const auto cookies = cookies_of(message); !cookies.empty()) append_list(event.key("cookies"), cookies);
        append_joined(event.key("headers"), headers_of(request, casing::lower));
        if (const auto query = query_of(message.query); !query.empty()) {
            append_joined(event.key("queryStringParameters"), query);
        }
        {
            object context(event.key("requestContext"));
            context.text("accountId", api.account)
                .text("apiId", api.id)
                .text("domainName", domain)
                .text("domainPrefix", prefix_of(domain));
            {
                object http(context.key("http"));
                http.text("method", message.method)
                    .text("path", path)
                    .text("protocol", "HTTP/1.1")
                    .text("sourceIp", request.source_ip)
                    .text("userAgent", message.find("user-agent"));
            }
            context.text("requestId", request.request_id)
                .text("routeKey", key)
                .text("stage", request.stage)
                .text("time", clf_time(request.at))
                .number("timeEpoch", milliseconds_of(request.at));
        }
        if (!to.parameters.empty()) append_pairs(event.key("pathParameters"), to.parameters);
        if (!api.stage_variables.empty()) append_pairs(event.key("stageVariables"), api.stage_variables);
        const bool encode = !is_text_type(message.find("content-type"));
        if (!message.body.empty()) event.text("body", encode ? base64_of(message.body) : std::string(message.body));
        event.flag("isBase64Encoded", !message.body.empty() && encode);
    }
    return out;
}

void append_identity(std::string& out, const api_request& request) {
    object identity(out);
    for (const auto* name :
         {"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType",
          "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId"}) {
        identity.null(name);
    }
    identity.text("sourceIp", request.source_ip).null("user");
    const auto agent = request.message->find("user-agent");
    if (agent.empty()) {
        identity.null("userAgent");
    } else {
        identity.text("userAgent", agent);
    }
    identity.null("userArn");
}

std::string event_v1(const api_description& api, const route_match& to, const api_request& request) {
    const bool rest = api.kind == api_kind::rest;
    const auto& message = *request.message;
    const auto domain = domain_of(message);
    // An HTTP API's path has the stage (unless $default) and is decoded; a REST API's has neither done to it.
    const auto path = rest ? std::string(request.path) : path_with_stage(request, decoded_path(request.path));
    const auto headers = headers_of(request, casing::as_sent);
    const auto query = query_of(message.query);
    const std::string_view resource = to.route->path;
    std::string out;
    {
        object event(out);
        if (!rest) event.text("version", "1.0");
        event.text("resource", resource).text("path", path).text("httpMethod", message.method);
        if (rest) {
            append_last(event.key("headers"), headers);
        } else {
            append_joined(event.key("headers"), headers);
        }
        append_multi(event.key("multiValueHeaders"), headers);
        if (query.empty()) {
            event.null("queryStringParameters").null("multiValueQueryStringParameters");
        } else {
            append_last(event.key("queryStringParameters"), query);
            append_multi(event.key("multiValueQueryStringParameters"), query);
        }
        {
            object context(event.key("requestContext"));
            context.text("accountId", api.account).text("apiId", api.id);
            if (rest) context.text("deploymentId", std::string_view(api.id).substr(0, 6));
            context.text("domainName", domain).text("domainPrefix", prefix_of(domain));
            context.text("extendedRequestId", rest ? request.extended_id : request.request_id);
            context.text("httpMethod", message.method);
            append_identity(context.key("identity"), request);
            context.text("path", rest ? path_with_stage(request, request.path) : path).text("protocol", "HTTP/1.1");
            context.text("requestId", request.request_id)
                .text("requestTime", clf_time(request.at))
                .number("requestTimeEpoch", milliseconds_of(request.at));
            context.text("resourceId", rest ? std::string_view(api.id).substr(4) : std::string_view(to.route->path));
            context.text("resourcePath", resource).text("stage", request.stage);
        }
        if (to.parameters.empty()) {
            event.null("pathParameters");
        } else {
            append_pairs(event.key("pathParameters"), to.parameters);
        }
        if (api.stage_variables.empty()) {
            event.null("stageVariables");
        } else {
            append_pairs(event.key("stageVariables"), api.stage_variables);
        }
        const auto type = message.find("content-type");
        const bool encode =
            !message.body.empty() && (rest ? matches_media_type(api.binary_media_types, type) : !is_text_type(type));
        if (message.body.empty()) {
            event.null("body");
        } else {
            event.text("body", encode ? base64_of(message.body) : std::string(message.body));
        }
        event.flag("isBase64Encoded", encode);
    }
    return out;
}

}  // namespace

bool is_text_type(std::string_view content_type) {
    const auto type = media_type(content_type);
    return type.starts_with("text/") || type == "application/json" || type == "application/javascript" ||
           type == "application/xml" || type.ends_with("+json") || type.ends_with("+xml");
}

bool matches_media_type(const std::vector<std::string>& list, std::string_view type) {
    const auto wanted = media_type(type);
    return std::ranges::any_of(list, [&](const std::string& one) {
        const auto known = lower(one);
        if (known == "*/*") return true;
        if (known.ends_with("/*")) return wanted.starts_with(std::string_view(known).substr(0, known.size() - 1));
        return known == wanted;
    });
}

std::string new_http_request_id() {
    std::array<std::byte, 11> bytes{};
    core::random_bytes(bytes);
    std::string raw;
    for (const auto one : bytes) raw += std::to_integer<char>(one);
    return base64_of(raw);
}

std::string new_trace_id(std::chrono::system_clock::time_point at) {
    auto random = core::random_uuid();
    std::erase(random, '-');
    return fmt::format("Root=1-{:08x}-{}", milliseconds_of(at) / 1000, random.substr(0, 24));
}

std::string make_event(const api_description& api, const route_match& to, const api_request& request) {
    return api.kind == api_kind::http && to.route->format == payload_format::v2 ? event_v2(api, to, request)
                                                                                : event_v1(api, to, request);
}

}  // namespace borealis::lambda
