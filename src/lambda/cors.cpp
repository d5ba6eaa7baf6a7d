#include "lambda/cors.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace borealis::lambda {
namespace {

constexpr std::string_view every_method = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT";

bool has_star(const std::vector<std::string>& list) { return std::ranges::find(list, "*") != list.end(); }

std::string joined(const std::vector<std::string>& list) { return fmt::format("{}", fmt::join(list, ",")); }

}  // namespace

void check(const cors_rules& rules) {
    if (rules.allow_credentials && has_star(rules.allow_origins)) {
        throw std::runtime_error("CORS: the origin `*` and credentials exclude each other; name the origins");
    }
}

std::string allowed_origin(const cors_rules& rules, std::string_view origin) {
    if (origin.empty()) return {};
    for (const auto& one : rules.allow_origins) {
        if (one == "*") return "*";
        const bool scheme_only = one == "https://*" || one == "http://*";
        if (scheme_only ? origin.starts_with(std::string_view(one).substr(0, one.size() - 1)) : one == origin) {
            return std::string(origin);
        }
    }
    return {};
}

header_list response_headers(const cors_rules& rules, std::string_view origin) {
    auto allowed = allowed_origin(rules, origin);
    if (allowed.empty()) return {};
    header_list out{{"access-control-allow-origin", std::move(allowed)}};
    if (!rules.expose_headers.empty()) out.emplace_back("access-control-expose-headers", joined(rules.expose_headers));
    if (rules.allow_credentials) out.emplace_back("access-control-allow-credentials", "true");
    return out;
}

header_list preflight_headers(const cors_rules& rules, std::string_view origin, std::string_view method,
                              std::string_view headers) {
    auto out = response_headers(rules, origin);
    if (out.empty()) return out;
    if (!method.empty() && !rules.allow_methods.empty()) {
        out.emplace_back("access-control-allow-methods",
                         has_star(rules.allow_methods) ? std::string(every_method) : joined(rules.allow_methods));
    }
    if (!headers.empty() && !rules.allow_headers.empty()) {
        out.emplace_back("access-control-allow-headers",
                         has_star(rules.allow_headers) ? std::string(headers) : joined(rules.allow_headers));
    }
    if (rules.max_age) out.emplace_back("access-control-max-age", std::to_string(rules.max_age->count()));
    return out;
}

bool is_cors_header(std::string_view name) { return name.starts_with("access-control-"); }

header_list rest_options_headers(const cors_rules& rules) {
    header_list out;
    if (!rules.allow_headers.empty()) out.emplace_back("Access-Control-Allow-Headers", joined(rules.allow_headers));
    out.emplace_back("Access-Control-Allow-Methods",
                     rules.allow_methods.empty() ? std::string(every_method) : joined(rules.allow_methods));
    if (!rules.allow_origins.empty()) out.emplace_back("Access-Control-Allow-Origin", rules.allow_origins.front());
    if (rules.max_age) out.emplace_back("Access-Control-Max-Age", std::to_string(rules.max_age->count()));
    if (rules.allow_credentials) out.emplace_back("Access-Control-Allow-Credentials", "true");
    return out;
}

}  // namespace borealis::lambda
