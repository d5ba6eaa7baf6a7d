#include "server/web_pages.hpp"

#include <algorithm>
#include <array>

namespace borealis::server {
namespace {

constexpr std::string_view exposed_headers = "x-amzn-RequestId,x-amzn-ErrorType,Date";
constexpr std::string_view allowed_methods = "GET,POST,PUT,DELETE";
constexpr std::string_view allowed_headers =
    "authorization,content-type,x-amz-date,x-amz-security-token,x-amz-user-agent,amz-sdk-invocation-id,amz-sdk-request,"
    "x-amz-content-sha256,x-amz-target,x-amz-invocation-type,x-amz-log-type,x-amz-client-context";
constexpr std::string_view preflight_seconds = "600";

}  // namespace

page_behind look_for_page(const http::request& asked, std::span<const std::string> listed) {
    page_behind found;
    bool other_site = false;
    for (const auto& [name, value] : asked.headers) {
        if (http::iequals(name, "origin")) {
            // Each of several must be listed: which of them another program would believe is not known.
            if (found.is == page_behind::kind::foreign) continue;
            const bool known = std::ranges::find(listed, value) != listed.end();
            found.is = known ? page_behind::kind::listed : page_behind::kind::foreign;
            found.origin = known ? value : std::string_view();
        } else if (http::iequals(name, "sec-fetch-site")) {
            other_site |= !http::iequals(value, "none") && !http::iequals(value, "same-origin");
        } else if (http::iequals(name, "access-control-request-method")) {
            found.preflight = asked.method == "OPTIONS";
        } else if (http::iequals(name, "access-control-request-private-network")) {
            found.to_private_network = http::iequals(value, "true");
        }
    }
    // A GET of a page's image, script, link or form has no Origin.
    if (found.is == page_behind::kind::none && other_site) found.is = page_behind::kind::foreign;
    return found;
}

bool is_origin(std::string_view text) {
    const bool secure = text.starts_with("https://");
    if (!secure && !text.starts_with("http://")) return false;
    text.remove_prefix(secure ? 8 : 7);
    auto host = text;
    if (text.starts_with('[')) {
        host = text.substr(0, text.find(']') + 1);
        if (host.size() < 4 || host.find_first_not_of("0123456789abcdef:.", 1) != host.size() - 1) return false;
    } else {
        host = text.substr(0, text.find(':'));
        if (host.empty() || host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") != host.npos)
            return false;
    }
    text.remove_prefix(host.size());
    if (text.empty()) return true;
    const auto port = text.substr(1);
    return text.front() == ':' && !port.empty() && port.size() <= 5 && port.front() != '0' &&
           port.find_first_not_of("0123456789") == port.npos && port != (secure ? "443" : "80");
}

bool is_sent_by_itself(std::string_view authorization) {
    static constexpr std::array<std::string_view, 4> schemes = {"basic", "digest", "negotiate", "ntlm"};
    const auto scheme = authorization.substr(0, authorization.find(' '));
    return std::ranges::any_of(schemes, [&](std::string_view one) { return http::iequals(one, scheme); });
}

void add_cors(const page_behind& page, reply& to) {
    const auto add = [&](std::string_view name, std::string_view value) { to.headers.emplace_back(name, value); };
    add("Access-Control-Allow-Origin", page.origin);
    add("Vary", "Origin");
    if (!page.preflight) return add("Access-Control-Expose-Headers", exposed_headers);
    add("Access-Control-Allow-Methods", allowed_methods);
    add("Access-Control-Allow-Headers", allowed_headers);
    add("Access-Control-Max-Age", preflight_seconds);
    if (page.to_private_network) add("Access-Control-Allow-Private-Network", "true");
}

}  // namespace borealis::server
