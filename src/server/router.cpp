#include "server/router.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "json/writer.hpp"

namespace borealis::server {
namespace {

reply refuse(int status, std::string_view type, std::string_view message) {
    reply made{.status = status, .error_type = std::string(type)};
    made.body = R"({"message":)";
    json::append_string(made.body, message);
    made.body += '}';
    return made;
}

/// Host without its port: `127.0.0.1:8080`, `[::1]:8080`, `localhost`.
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
    return host.substr(0, colon);
}

}  // namespace

std::string_view access_key_of(std::string_view authorization) {
    static constexpr std::string_view before = "Credential=";
    const auto at = authorization.find(before);
    if (at == std::string_view::npos) return "anonymous";
    auto id = authorization.substr(at + before.size());
    id = id.substr(0, id.find('/'));
    return id.empty() || id.size() > 128 ? "anonymous" : id;
}

router::router(const config& with, data_api::service& api, secrets::store& secrets)
    : config_(with), api_(api), secrets_(secrets) {
    for (const auto& key : with.keys) keys_.emplace(key.id, auth::known_key{.secret = key.secret});
}

std::expected<std::string, reply> router::identify(const http::request& asked, std::string_view service) {
    const auto authorization = asked.find("authorization");
    if (keys_.empty()) {
        if (authorization.empty()) {  // R-10.30
            return std::unexpected(refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        return std::string(access_key_of(authorization));
    }
    headers_.clear();
    for (const auto& one : asked.headers) headers_.push_back({one.name, one.value});
    const auth::message signed_message = {
        .method = asked.method, .path = asked.path, .query = asked.query, .headers = headers_, .body = asked.body};
    const auto find_key = [this](std::string_view id) -> const auth::known_key* {
        const auto known = keys_.find(std::string(id));
        return known == keys_.end() ? nullptr : &known->second;
    };
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto who = auth::verify(signed_message, {.service = std::string(service)}, find_key, derived_, now);
    if (!who) return std::unexpected(refuse(who.error().status, who.error().type, who.error().message));
    return std::string(who->access_key_id);
}

bool router::host_is_ours(std::string_view host) const {
    const auto name = without_port(host);
    if (is_loopback(name)) return true;
    if (std::ranges::any_of(config_.allowed_hosts, [&](const std::string& one) { return http::iequals(one, name); }))
        return true;
    // On another address the operator has said --insecure-no-auth; without a list of names any will do.
    return config_.allowed_hosts.empty() && !is_loopback(config_.address);
}

core::awaitable<reply> router::route(const http::request& asked) {
    if (asked.path == "/health/live" || asked.path == "/health/ready") {
        if (asked.method != "GET" && asked.method != "HEAD") {
            auto refused = refuse(405, "UnknownOperationException", "Use GET.");
            refused.allow = "GET, HEAD";
            co_return refused;
        }
        co_return reply{.body = R"({"status":"ok"})"};
    }
    if (!host_is_ours(asked.find("host"))) {
        co_return refuse(403, "AccessDeniedException",
                         "This server only answers requests for its own host name; add the name to allowed_hosts in "
                         "its configuration.");
    }
    if (keys_.empty() && !asked.find("origin").empty()) {
        co_return refuse(403, "AccessDeniedException", "Requests of web pages are not accepted.");
    }
    const auto target = asked.find("x-amz-target");
    const bool to_secrets = asked.path == "/" && asked.method == "POST" && target.starts_with("secretsmanager.");
    auto who = identify(asked, to_secrets ? "secretsmanager" : "rds-data");
    if (!who) {
        auto& refused = who.error();
        if (to_secrets) {  // AWS JSON 1.1: clients look for the error's name in the body
            refused.content_type = "application/x-amz-json-1.1";
            std::string named = R"({"__type":)";
            json::append_string(named, refused.error_type);
            refused.body = named + ',' + refused.body.substr(1);
        }
        co_return std::move(refused);
    }

    if (const auto what = data_api::find_operation(asked.path)) {
        if (asked.method != "POST") {
            auto refused =
                refuse(405, "UnknownOperationException", fmt::format("Use POST for {}.", data_api::name_of(*what)));
            refused.allow = "POST";
            co_return refused;
        }
        const data_api::caller caller{std::move(*who)};
        auto answered = co_await api_.handle(*what, asked.body, caller);
        co_return reply{.status = answered.status,
                        .error_type = std::string(answered.error_type),
                        .body = std::move(answered.body)};
    }
    if (to_secrets) {
        auto answered = secrets_.handle(target, asked.body);
        co_return reply{.status = answered.status,
                        .error_type = std::move(answered.error_type),
                        .content_type = "application/x-amz-json-1.1",
                        .body = std::move(answered.body)};
    }
    co_return refuse(404, "UnknownOperationException", "Unknown operation");  // R-1.6
}

}  // namespace borealis::server
