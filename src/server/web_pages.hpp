#pragma once
/// What a web page may make a browser send here: nothing, unless its origin is listed.

#include <span>
#include <string>
#include <string_view>

#include "http/request.hpp"
#include "server/reply.hpp"

namespace borealis::server {

/// What a request says about a page behind it.
///
/// A browser adds `Origin` to every request that a page of another origin could read the answer of, and to every POST,
/// and `Sec-Fetch-Site` to all (Fetch standard, "append a request Origin header"; Fetch Metadata, section 2.1); a page
/// can neither change nor leave out either.
struct page_behind {
    enum class kind {
        none,     ///< No page: a program, or a person who typed the address.
        listed,   ///< A page of a listed origin: its answers carry CORS headers (R-10.41).
        foreign,  ///< A page of any other.
    };
    kind is = kind::none;
    std::string_view origin = {};  ///< Of a listed page, as in the request.
    bool preflight = false;        ///< The browser asks whether the page may send what it wants to (Fetch, 4.8).
    bool to_private_network = false;
};

/// @param listed  Origins as `is_origin` takes them.
[[nodiscard]] page_behind look_for_page(const http::request& asked, std::span<const std::string> listed);

/// Is that an origin as a browser writes it (RFC 6454, section 6.2): `https://host` or `http://host:port`, in lower
/// case, without a path and without the scheme's own port? `null`, which every sandboxed page has, and `*` are none.
[[nodiscard]] bool is_origin(std::string_view text);

/// Credentials that a browser adds to a request by itself once it has them (RFC 7617, RFC 7616, RFC 4559): no sign that
/// whoever made the request knows any.
[[nodiscard]] bool is_sent_by_itself(std::string_view authorization);

/// Adds the headers that let a listed page read the answer, or that answer its preflight.
void add_cors(const page_behind& page, reply& to);

}  // namespace borealis::server
