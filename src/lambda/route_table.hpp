#pragma once
/// Which route of an API a request takes (L-3.40).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lambda/api.hpp"

namespace borealis::lambda {

struct route_match {
    const api_route* route = nullptr;  ///< Null: none.
    /// Names and percent-decoded values, in the path's order.
    std::vector<std::pair<std::string, std::string>> parameters;
};

/// The routes of one API, sorted by how specific they are: a static segment before `{name}`, that before a greedy
/// `{name+}` at the end, and `$default` last; on one path, a method before `ANY`.
class route_table {
 public:
    /// Throws std::runtime_error for a route that API Gateway would not take: a path without its slash, a broken or
    /// repeated parameter, a greedy parameter before the end, an unknown method, the same route twice.
    explicit route_table(const api_description& of);

    /// @param path  Percent-encoded, without the stage. HTTP APIs tell `/a/` from `/a`; REST APIs do not (our choice:
    ///              unverified).
    [[nodiscard]] route_match match(std::string_view method, std::string_view path) const;

    /// Whether any route has this path, whatever its method.
    [[nodiscard]] bool knows_path(std::string_view path) const;

 private:
    struct entry {
        api_route route;
        std::vector<std::string> segments;
    };
    static bool fits(const entry& one, const std::vector<std::string_view>& segments,
                     std::vector<std::pair<std::string, std::string>>* parameters);
    static bool before(const entry& a, const entry& b);
    [[nodiscard]] std::vector<std::string_view> split(std::string_view path) const;

    bool keep_trailing_slash_;
    std::vector<entry> entries_;
};

/// Percent-decoded; a broken escape stays as it is. @param plus_is_blank  As in query strings.
[[nodiscard]] std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

}  // namespace borealis::lambda
