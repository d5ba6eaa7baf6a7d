#include "lambda/route_table.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

namespace borealis::lambda {
namespace {

constexpr std::array<std::string_view, 8> methods = {"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};

enum class rank : int { fixed = 0, parameter = 1, greedy = 2 };

rank rank_of(std::string_view segment) {
    if (!segment.starts_with('{')) return rank::fixed;
    return segment.ends_with("+}") ? rank::greedy : rank::parameter;
}

/// `id` of `{id}` and `{id+}`.
std::string_view name_of(std::string_view segment) {
    segment.remove_prefix(1);
    segment.remove_suffix(segment.ends_with("+}") ? 2 : 1);
    return segment;
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void check_segments(const api_route& route, const std::vector<std::string>& segments) {
    const auto fail = [&route](std::string_view why) {
        throw std::runtime_error(fmt::format("the route `{}`: {}", route.key(), why));
    };
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const std::string_view one = segments[i];
        const bool opens = one.contains('{'), closes = one.contains('}');
        if (!opens && !closes) continue;
        if (!one.starts_with('{') || !one.ends_with('}') || name_of(one).empty() ||
            name_of(one).find_first_of("{}+") != std::string_view::npos) {
            fail(fmt::format("`{}` is no parameter; write {{name}} or, at the end, {{name+}}", one));
        }
        if (!names.insert(name_of(one)).second) fail(fmt::format("the parameter `{}` stands twice", name_of(one)));
        if (rank_of(one) == rank::greedy && i + 1 != segments.size()) {
            fail(fmt::format("the greedy parameter `{}` must be at the end", one));
        }
    }
}

}  // namespace

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else {
            out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

std::vector<std::string_view> route_table::split(std::string_view path) const {
    std::vector<std::string_view> segments;
    if (path.starts_with('/')) path.remove_prefix(1);
    if (!keep_trailing_slash_ && path.ends_with('/')) path.remove_suffix(1);
    if (path.empty()) return segments;
    for (std::size_t from = 0;;) {
        const auto slash = path.find('/', from);
        segments.push_back(path.substr(from, slash == std::string_view::npos ? slash : slash - from));
        if (slash == std::string_view::npos) return segments;
        from = slash + 1;
    }
}

bool route_table::before(const entry& a, const entry& b) {
    const bool a_default = a.route.path == "$default", b_default = b.route.path == "$default";
    if (a_default != b_default) return b_default;
    const auto common = std::min(a.segments.size(), b.segments.size());
    for (std::size_t i = 0; i < common; ++i) {
        const auto left = rank_of(a.segments[i]), right = rank_of(b.segments[i]);
        if (left != right) return left < right;
    }
    if (a.segments.size() != b.segments.size()) return a.segments.size() > b.segments.size();
    return a.route.method != "ANY" && b.route.method == "ANY";
}

route_table::route_table(const api_description& of) : keep_trailing_slash_(of.kind == api_kind::http) {
    std::set<std::string> keys;
    for (const auto& route : of.routes) {
        entry made{.route = route, .segments = {}};
        if (route.path != "$default") {
            if (!route.path.starts_with('/')) {
                throw std::runtime_error(fmt::format("the route `{}`: a path begins with a slash", route.key()));
            }
            if (std::ranges::find(methods, route.method) == methods.end()) {
                throw std::runtime_error(
                    fmt::format("the route `{}`: unknown method; known are {}", route.key(), fmt::join(methods, ", ")));
            }
            for (const auto one : split(route.path)) made.segments.emplace_back(one);
            check_segments(route, made.segments);
        } else if (of.kind == api_kind::rest) {
            throw std::runtime_error("a REST API has no route `$default`; give it a method and a path");
        }
        // `/a/{x}` and `/a/{y}` are one path.
        std::string shape = route.path == "$default" ? "$default" : route.method;
        for (const auto& one : made.segments) {
            shape += '/';
            shape += rank_of(one) == rank::fixed ? one : rank_of(one) == rank::parameter ? "{}" : "{+}";
        }
        if (!keys.insert(shape).second) {
            throw std::runtime_error(fmt::format("the route `{}` is there already", route.key()));
        }
        entries_.push_back(std::move(made));
    }
    std::ranges::sort(entries_, before);
}

bool route_table::fits(const entry& one, const std::vector<std::string_view>& segments,
                       std::vector<std::pair<std::string, std::string>>* parameters) {
    const bool greedy = !one.segments.empty() && rank_of(one.segments.back()) == rank::greedy;
    if (greedy ? segments.size() < one.segments.size() : segments.size() != one.segments.size()) return false;
    for (std::size_t i = 0; i < one.segments.size(); ++i) {
        const std::string_view wanted = one.segments[i];
        switch (rank_of(wanted)) {
            case rank::fixed:
                if (wanted != segments[i] && wanted != percent_decoded(segments[i])) return false;
                break;
            case rank::parameter:
                if (segments[i].empty()) return false;
                break;
            case rank::greedy:
                if (segments[i].empty() && segments.size() == one.segments.size()) return false;
                break;
        }
    }
    if (parameters == nullptr) return true;
    for (std::size_t i = 0; i < one.segments.size(); ++i) {
        const std::string_view wanted = one.segments[i];
        if (rank_of(wanted) == rank::fixed) continue;
        std::string value(segments[i]);
        if (rank_of(wanted) == rank::greedy) {
            for (std::size_t more = i + 1; more < segments.size(); ++more) {
                value += '/';
                value += segments[more];
            }
        }
        parameters->emplace_back(name_of(wanted), percent_decoded(value));
    }
    return true;
}

route_match route_table::match(std::string_view method, std::string_view path) const {
    const auto segments = split(path);
    for (const auto& one : entries_) {
        if (one.route.path == "$default") return {.route = &one.route, .parameters = {}};
        if (one.route.method != method && one.route.method != "ANY") continue;
        route_match found{.route = &one.route, .parameters = {}};
        if (fits(one, segments, &found.parameters)) return found;
    }
    return {};
}

bool route_table::knows_path(std::string_view path) const {
    const auto segments = split(path);
    return std::ranges::any_of(
        entries_, [&](const entry& one) { return one.route.path != "$default" && fits(one, segments, nullptr); });
}

}  // namespace borealis::lambda
