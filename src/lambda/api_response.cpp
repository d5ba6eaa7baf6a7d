#include "lambda/api_response.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "lambda/api_event.hpp"

namespace borealis::lambda {
namespace {

using json::kind;
using json::node;
using header_lines = std::vector<std::pair<std::string, std::string>>;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

/// A value written again without blanks (L-3.10).
void append_compact(std::string& out, const node& value) {
    switch (value.is()) {
        case kind::null:
            out += "null";
            return;
        case kind::boolean:
            out += value.boolean() ? "true" : "false";
            return;
        case kind::integer:
        case kind::real:
            out += value.raw();
            return;
        case kind::string:
            json::append_string(out, value.text());
            return;
        case kind::array:
        case kind::object:
            break;
    }
    const bool object = value.is() == kind::object;
    out += object ? '{' : '[';
    bool first = true;
    for (const auto& one : value) {
        if (!first) out += ',';
        first = false;
        if (object) {
            json::append_string(out, one.key());
            out += ':';
        }
        append_compact(out, one);
    }
    out += object ? '}' : ']';
}

/// A number, or text of digits (L-3.11, L-3.22).
std::optional<int> status_of(const node& value) {
    std::string_view digits = value.is() == kind::string ? value.text() : value.raw();
    if (value.is() != kind::string && value.is() != kind::integer) return std::nullopt;
    int status = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (status < 200 || status > 599) return std::nullopt;
    return status;
}

/// Text of a header's value: numbers and booleans too (L-3.12, L-3.24).
std::optional<std::string> scalar_text(const node& value) {
    switch (value.is()) {
        case kind::string:
            return std::string(value.text());
        case kind::boolean:
            return value.boolean() ? "true" : "false";
        case kind::integer:
        case kind::real:
            return std::string(value.raw());
        default:
            return std::nullopt;
    }
}

bool is_token(std::string_view name) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::ranges::all_of(name, [&](unsigned char c) {
        return std::isalnum(c) != 0 || others.contains(static_cast<char>(c));
    });
}

bool is_field_value(std::string_view value) {
    return std::ranges::none_of(value, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

/// Lines that belong to the connection, which is the gateway's.
bool is_connections_own(std::string_view lower_name) {
    static constexpr std::array<std::string_view, 9> names = {"connection", "content-length",    "date",
                                                              "keep-alive", "proxy-connection",  "te",
                                                              "trailer",    "transfer-encoding", "upgrade"};
    return std::ranges::find(names, lower_name) != names.end();
}

/// @return False for what cannot stand in a head.
bool add_line(header_lines& to, std::string_view name, const std::string& value) {
    if (!is_token(name) || !is_field_value(value)) return false;
    if (!is_connections_own(lower(name))) to.emplace_back(name, value);
    return true;
}

bool has(const header_lines& in, std::string_view lower_name) {
    return std::ranges::any_of(in, [&](const auto& line) { return lower(line.first) == lower_name; });
}

const node* present(const node& object, std::string_view name) {
    const node* found = object.find(name);
    return found == nullptr || found->is() == kind::null ? nullptr : found;
}

/// Single and multiple values; of a name in both the multiple ones come first (L-3.25).
bool read_headers(const node& result, header_lines& into, bool lower_names) {
    const node* single = present(result, "headers");
    const node* multiple = present(result, "multiValueHeaders");
    const auto shown = [&](std::string_view name) { return lower_names ? lower(name) : std::string(name); };
    if (multiple != nullptr) {
        if (multiple->is() != kind::object) return false;
        for (const auto& one : *multiple) {
            if (one.is() != kind::array) return false;
            for (const auto& value : one) {
                const auto text = scalar_text(value);
                if (!text || !add_line(into, shown(one.key()), *text)) return false;
            }
        }
    }
    if (single != nullptr) {
        if (single->is() != kind::object) return false;
        for (const auto& one : *single) {
            if (one.is() == kind::null) continue;
            const auto text = scalar_text(one);
            if (!text || !add_line(into, shown(one.key()), *text)) return false;
        }
    }
    return true;
}

bool read_body(const node& result, std::string& into) {
    const node* body = present(result, "body");
    if (body == nullptr) return true;
    if (body->is() != kind::string) return false;
    into = body->text();
    return true;
}

bool is_encoded(const node& result) {
    const node* flag = present(result, "isBase64Encoded");
    return flag != nullptr && flag->is() == kind::boolean && flag->boolean();
}

bool decode_body(std::string& body) {
    auto bytes = core::decode_base64(body);
    if (!bytes) return false;
    body = std::move(*bytes);
    return true;
}

std::optional<api_response> read_inferred(const node& result) {
    if (result.is() == kind::null) return std::nullopt;  // L-3.13
    api_response out{.headers = {{"content-type", "application/json"}}};
    if (result.is() == kind::string) {
        out.body = result.text();
    } else {
        append_compact(out.body, result);
    }
    return out;
}

std::optional<api_response> read_http(const node& result, payload_format format) {
    const bool v2 = format == payload_format::v2;
    const node* status = result.is() == kind::object ? result.find("statusCode") : nullptr;
    if (status == nullptr) {
        if (v2) return read_inferred(result);
        return std::nullopt;
    }
    const auto number = status_of(*status);
    if (!number) return std::nullopt;
    api_response out{.status = *number};
    if (v2) {
        if (const node* headers = present(result, "headers")) {
            if (headers->is() != kind::object) return std::nullopt;
            for (const auto& one : *headers) {
                if (one.is() == kind::null) continue;
                const auto text = scalar_text(one);
                if (!text || !add_line(out.headers, lower(one.key()), *text)) return std::nullopt;
            }
        }
        if (const node* cookies = present(result, "cookies")) {
            if (cookies->is() != kind::array) return std::nullopt;
            for (const auto& one : *cookies) {
                if (one.is() != kind::string || !add_line(out.headers, "set-cookie", std::string(one.text()))) {
                    return std::nullopt;
                }
            }
        }
    } else if (!read_headers(result, out.headers, true)) {
        return std::nullopt;
    }
    if (!read_body(result, out.body)) return std::nullopt;
    if (is_encoded(result) && !decode_body(out.body)) return std::nullopt;
    if (!has(out.headers, "content-type")) out.headers.emplace_back("content-type", "text/plain;charset=UTF-8");
    return out;
}

std::optional<api_response> read_rest(const node& result, const std::vector<std::string>& binary_types,
                                      std::string_view accept) {
    static constexpr std::array<std::string_view, 5> known = {"body", "headers", "isBase64Encoded", "multiValueHeaders",
                                                              "statusCode"};
    if (result.is() != kind::object || result.size() == 0) return std::nullopt;
    for (const auto& one : result) {
        if (std::ranges::find(known, one.key()) == known.end()) return std::nullopt;  // L-3.23
    }
    api_response out;
    if (const node* status = present(result, "statusCode")) {
        const auto number = status_of(*status);
        if (!number) return std::nullopt;
        out.status = *number;
    }
    if (!read_headers(result, out.headers, false) || !read_body(result, out.body)) return std::nullopt;
    const auto first_type = accept.substr(0, accept.find(','));  // the gateway looks at the first one only
    if (is_encoded(result) && matches_media_type(binary_types, first_type) && !decode_body(out.body)) {
        return std::nullopt;
    }
    if (!has(out.headers, "content-type")) out.headers.emplace_back("Content-Type", "application/json");
    return out;
}

}  // namespace

api_response read_result(const api_description& api, payload_format format, std::string_view result,
                         std::string_view accept) {
    json::document reader;
    const auto parsed = reader.parse_copy(result);
    std::optional<api_response> read;
    if (parsed) {
        read = api.kind == api_kind::rest ? read_rest(**parsed, api.binary_media_types, accept)
                                          : read_http(**parsed, format);
    }
    if (!read) return make_error(api.kind, gateway_error::bad_result);
    if (read->status == 204 || read->status == 304) read->body.clear();
    return std::move(*read);
}

api_response make_error(api_kind kind, gateway_error what) {
    struct words {
        int http_status;
        std::string_view http;
        int rest_status;
        std::string_view rest;
        std::string_view rest_type;
    };
    const auto of = [what]() -> words {
        switch (what) {
            case gateway_error::no_route:
                return {404, "Not Found", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"};
            case gateway_error::no_stage:
                return {404, "Not Found", 403, "Forbidden", "ForbiddenException"};
            case gateway_error::function_failed:
            case gateway_error::bad_result:
                return {500, "Internal Server Error", 502, "Internal server error", "InternalServerErrorException"};
            case gateway_error::timed_out:
                return {503, "Service Unavailable", 504, "Endpoint request timed out", ""};
            case gateway_error::no_function:
                return {500, "Internal Server Error", 500, "Internal server error", "InternalServerErrorException"};
            case gateway_error::function_busy:
                return {503, "Service Unavailable", 500, "Internal server error", "InternalServerErrorException"};
            case gateway_error::foreign_host:
                return {403, "Forbidden", 403, "Forbidden", "ForbiddenException"};
            case gateway_error::throttled:
                return {429, "Too Many Requests", 429, "Too Many Requests", "TooManyRequestsException"};
            case gateway_error::too_large:
                return {413, "Request Entity Too Large", 413, "Request Too Long", "RequestTooLargeException"};
            case gateway_error::headers_too_large:
                return {431, "Request Header Fields Too Large", 431, "Request Header Fields Too Large", ""};
            case gateway_error::target_too_long:
                return {414, "Request-URI Too Long", 414, "Request-URI Too Long", ""};
            case gateway_error::bad_request:
                break;
        }
        return {400, "Bad Request", 400, "Bad Request", "BadRequestException"};
    }();
    const bool rest = kind == api_kind::rest;
    api_response out{.status = rest ? of.rest_status : of.http_status};
    out.headers.emplace_back(rest ? "Content-Type" : "content-type", "application/json");
    if (rest && !of.rest_type.empty()) out.headers.emplace_back("x-amzn-ErrorType", of.rest_type);
    out.body = fmt::format(R"({{"message":"{}"}})", rest ? of.rest : of.http);
    return out;
}

}  // namespace borealis::lambda
