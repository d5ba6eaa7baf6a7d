#include "auth/verifier.hpp"

#include <algorithm>

#include <openssl/crypto.h>

namespace borealis::auth {
namespace {

constexpr std::string_view incomplete = "IncompleteSignatureException";
constexpr std::string_view invalid = "InvalidSignatureException";
constexpr std::string_view unrecognized = "UnrecognizedClientException";

std::unexpected<refusal> refuse(int status, std::string_view type, std::string message) {
    return std::unexpected(refusal{status, type, std::move(message)});
}

std::unexpected<refusal> mismatch() {
    return refuse(
        403, invalid,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.");
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_named(const header& one, std::string_view lower_case) {
    return std::ranges::equal(one.name, lower_case, {}, lower);
}

struct found_header {
    std::string_view value = {};
    std::size_t count = 0;
};

found_header find(const message& in, std::string_view lower_case) {
    found_header found;
    for (const auto& one : in.headers) {
        if (is_named(one, lower_case) && found.count++ == 0) found.value = one.value;
    }
    return found;
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

template <class Each>
void split(std::string_view text, char at, Each each) {
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(at, begin), text.size());
        each(text.substr(begin, end - begin));
        begin = end + 1;
    }
}

/// The request's own time: X-Amz-Date, or Date where there is none. Twice is never.
std::optional<std::chrono::sys_seconds> date_of(const message& what) {
    const auto amz = find(what, "x-amz-date");
    if (amz.count == 1) return parse_timestamp(trimmed(amz.value));
    const auto plain = find(what, "date");
    if (amz.count != 0 || plain.count != 1) return std::nullopt;
    const auto text = trimmed(plain.value);
    const auto at = parse_timestamp(text);
    return at ? at : parse_http_date(text);
}

/// Every x-amz-* header acts on the call, so it must be signed (L-5.2); but a CloudFront in front adds one of its own.
std::string unsigned_headers(const message& what, const std::vector<std::string_view>& signed_names) {
    std::string names;
    static constexpr std::string_view prefix = "x-amz-";
    for (const auto& one : what.headers) {
        if (!std::ranges::equal(one.name.substr(0, prefix.size()), prefix, {}, lower)) continue;
        std::string name(one.name);
        std::ranges::transform(name, name.begin(), lower);
        if (name == "x-amz-cf-id" || std::ranges::find(signed_names, name) != signed_names.end()) continue;
        if (!names.empty()) names += ", ";
        names += name;
    }
    return names;
}

}  // namespace

std::expected<authorization_parts, refusal> parse_authorization(std::string_view value, bool has_date) {
    value = trimmed(value);
    const auto scheme = value.substr(0, value.find_first_of(" \t"));
    if (scheme != algorithm) {
        return refuse(400, incomplete,
                      "Unsupported AWS 'algorithm' in the Authorization header; use 'AWS4-HMAC-SHA256'.");
    }
    std::string_view credential, names, signature;
    bool repeated = false;
    split(value.substr(scheme.size()), ',', [&](std::string_view item) {
        item = trimmed(item);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos) return;
        for (auto [name, into] : {std::pair("Credential", &credential), std::pair("SignedHeaders", &names),
                                  std::pair("Signature", &signature)}) {
            if (item.substr(0, equals) != name) continue;
            repeated |= !into->empty();
            *into = item.substr(equals + 1);
        }
    });
    std::string missing;
    const auto require = [&missing](bool there, std::string_view what) {
        if (there) return;
        if (!missing.empty()) missing += ' ';
        missing += what;
    };
    require(!credential.empty(), "Authorization header requires 'Credential' parameter.");
    require(!signature.empty(), "Authorization header requires 'Signature' parameter.");
    require(!names.empty(), "Authorization header requires 'SignedHeaders' parameter.");
    require(has_date, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    if (!missing.empty()) return refuse(400, incomplete, std::move(missing));
    if (repeated) return refuse(400, incomplete, "Authorization header has a parameter twice.");

    std::vector<std::string_view> elements;
    split(credential, '/', [&](std::string_view element) { elements.push_back(element); });
    if (elements.size() != 5 || elements[0].empty()) {
        return refuse(400, incomplete,
                      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.");
    }
    authorization_parts parts{elements[0], elements[1], elements[2], elements[3], elements[4], {}, signature};
    split(names, ';', [&](std::string_view name) { parts.signed_headers.push_back(name); });
    return parts;
}

std::expected<identity, refusal> verify(const message& what, const verification_rules& rules,
                                        const key_lookup& find_key, signing_keys& cache, std::chrono::sys_seconds now) {
    const auto header = find(what, "authorization");
    if (header.count == 0 || trimmed(header.value).empty()) {
        return refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    if (header.count > 1) return refuse(400, incomplete, "There is more than one Authorization header.");
    const auto at = date_of(what);
    auto parsed = parse_authorization(header.value, find(what, "x-amz-date").count + find(what, "date").count > 0);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    if (!at) {
        return refuse(
            400, incomplete,
            "Date must be in ISO-8601 'basic format' (YYYYMMDD'T'HHMMSS'Z'), once, in the X-Amz-Date or Date header.");
    }
    const auto day = timestamp(*at).substr(0, 8);

    std::string scope_faults;
    const auto fault = [&scope_faults](std::string text) {
        if (!scope_faults.empty()) scope_faults += ' ';
        scope_faults += text;
    };
    if (!rules.regions.empty() && std::ranges::find(rules.regions, parsed->region) == rules.regions.end()) {
        fault("Credential should be scoped to a valid region.");
    }
    if (parsed->service != rules.service)
        fault("Credential should be scoped to correct service: '" + rules.service + "'.");
    if (parsed->terminator != "aws4_request")
        fault("Credential should be scoped with a valid terminator: 'aws4_request'.");
    if (parsed->day != day) {
        fault("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
              std::string(parsed->day) + "' != '" + day + "', from '" + timestamp(*at) + "'.");
    }
    if (!scope_faults.empty()) return refuse(403, invalid, std::move(scope_faults));

    const known_key* key = find_key(parsed->access_key_id);
    const auto token = find(what, "x-amz-security-token");
    if (key == nullptr || token.count > 1 || !same(trimmed(token.value), key->session_token.reveal())) {
        return refuse(403, unrecognized, "The security token included in the request is invalid.");
    }
    if (key->expires && *key->expires <= now) {
        return refuse(403, "ExpiredTokenException", "The security token included in the request is expired");
    }

    const auto minutes = std::to_string(std::chrono::floor<std::chrono::minutes>(rules.clock_skew).count());
    if (*at < now - rules.clock_skew) {
        return refuse(403, invalid,
                      "Signature expired: " + timestamp(*at) + " is now earlier than " +
                          timestamp(now - rules.clock_skew) + " (" + timestamp(now) + " - " + minutes + " min.)");
    }
    if (*at > now + rules.clock_skew) {
        return refuse(403, invalid,
                      "Signature not yet current: " + timestamp(*at) + " is still later than " +
                          timestamp(now + rules.clock_skew) + " (" + timestamp(now) + " + " + minutes + " min.)");
    }

    const auto& names = parsed->signed_headers;
    // Strictly ascending, as every signer writes them: else one request would have several signatures.
    if (std::ranges::adjacent_find(names, std::ranges::greater_equal()) != names.end()) return mismatch();
    if (std::ranges::find(names, "host") == names.end()) {
        return refuse(403, invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    if (auto left_out = unsigned_headers(what, names); !left_out.empty()) {
        return refuse(403, invalid, "There were headers present in the request which were not signed: " + left_out);
    }
    const auto absent = [&what](std::string_view name) { return find(what, name).count == 0; };
    if (std::ranges::any_of(names, absent)) return mismatch();

    const scope in{*at, parsed->region, parsed->service};
    const auto& derived = cache.find(parsed->access_key_id, key->secret, in);
    if (!same(hex(sign(derived, string_to_sign(in, canonical_request(what, names)))), parsed->signature))
        return mismatch();
    return identity{parsed->access_key_id, parsed->region};
}

}  // namespace borealis::auth
