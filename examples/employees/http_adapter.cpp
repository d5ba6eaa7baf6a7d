#include "http_adapter.hpp"

#include <fmt/format.h>

#include "core/base64.hpp"
#include "json/writer.hpp"

namespace employees {
namespace {

using borealis::json::kind;
using borealis::json::node;

std::string_view text_of(const node* value) {
    return value != nullptr && value->is() == kind::string ? value->text() : std::string_view();
}

const node* member(const node* of, std::string_view name) {
    return of != nullptr && of->is() == kind::object ? of->find(name) : nullptr;
}

/// Paths of a named stage begin with its name (L-3.1).
std::string_view without_stage(std::string_view path, std::string_view stage) {
    if (stage.empty() || stage == "$default" || !path.starts_with('/')) return path;
    const auto rest = path.substr(1);
    if (!rest.starts_with(stage)) return path;
    const auto behind = rest.substr(stage.size());
    return behind.empty() || behind.starts_with('/') ? behind : path;
}

}  // namespace

std::optional<http_request> read_http_event(const node& event) {
    const node* context = member(&event, "requestContext");
    const node* http = member(context, "http");
    http_request request;
    if (text_of(member(&event, "version")) == "2.0" && http != nullptr) {
        request.method = text_of(member(http, "method"));
        const auto raw_path = text_of(member(&event, "rawPath"));
        request.path = without_stage(raw_path.empty() ? text_of(member(http, "path")) : raw_path,
                                     text_of(member(context, "stage")));
    } else if (!text_of(member(&event, "httpMethod")).empty() && !text_of(member(&event, "path")).empty()) {
        request.method = text_of(member(&event, "httpMethod"));
        request.path = without_stage(text_of(member(&event, "path")), text_of(member(context, "stage")));
    } else {
        return std::nullopt;
    }
    while (request.path.size() > 1 && request.path.ends_with('/')) request.path.pop_back();

    if (const node* parameters = member(&event, "pathParameters"); member(parameters, "id") != nullptr) {
        request.id = text_of(member(parameters, "id"));
    }
    if (const node* query = member(&event, "queryStringParameters"); query != nullptr && query->is() == kind::object) {
        for (const auto& one : *query) {
            if (one.is() == kind::string) request.query.emplace_back(one.key(), one.text());
        }
    }
    const node* body = member(&event, "body");
    if (body == nullptr || body->is() != kind::string) return request;
    const node* encoded = member(&event, "isBase64Encoded");
    if (encoded != nullptr && encoded->is() == kind::boolean && encoded->boolean()) {
        auto decoded = borealis::core::decode_base64(body->text());
        request.state = decoded ? http_request::body_state::present : http_request::body_state::broken;
        if (decoded) request.body = std::move(*decoded);
    } else {
        request.state = http_request::body_state::present;
        request.body = body->text();
    }
    return request;
}

std::string http_result(int status, std::string_view body, std::string_view more_headers,
                        std::string_view content_type) {
    std::string out = fmt::format(R"({{"statusCode":{},"headers":{{"content-type":"{}"{}}},"body":)", status,
                                  content_type, more_headers);
    borealis::json::append_string(out, body);
    return out += '}';
}

}  // namespace employees
