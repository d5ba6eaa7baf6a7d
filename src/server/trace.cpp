#include "server/trace.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace borealis::server {
namespace {

/// Root, Parent, Self, Sampled, Lineage and whatever else proxies add are well below it.
constexpr std::size_t most_octets = 256;

constexpr bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
constexpr bool is_plain(char c) {  // RFC 3986, 2.3
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

bool is_amazon(std::string_view text) {
    return text.size() <= most_octets && std::ranges::all_of(text, [](char c) {
               return is_plain(c) || c == '=' || c == ';' || c == ':' || c == ',' || c == '|';
           });
}

bool is_w3c(std::string_view text) {
    if (text.size() != 55 || text.starts_with("ff")) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 2 || i == 35 || i == 52;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    const auto zeros = [](std::string_view part) { return part.find_first_not_of('0') == std::string_view::npos; };
    return !zeros(text.substr(3, 32)) && !zeros(text.substr(36, 16));
}

}  // namespace

trace_context trace_of(const http::request& asked) {
    trace_context found{.amazon = asked.find("x-amzn-trace-id"), .w3c = asked.find("traceparent")};
    if (!is_amazon(found.amazon)) found.amazon = {};
    if (!is_w3c(found.w3c)) found.w3c = {};
    return found;
}

std::string sql_comment_of(const trace_context& trace) {
    std::string out;
    const auto add = [&out](std::string_view key, std::string_view value) {
        if (value.empty()) return;
        fmt::format_to(std::back_inserter(out), "{}{}='", out.empty() ? "/*" : ",", key);
        for (const char c : value) {
            if (is_plain(c)) {
                out += c;
            } else {
                fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
            }
        }
        out += '\'';
    };
    add("traceparent", trace.w3c);
    add("x_amzn_trace_id", trace.amazon);
    if (!out.empty()) out += "*/";
    return out;
}

}  // namespace borealis::server
