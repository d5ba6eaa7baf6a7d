#include "auth/verifier.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/crypto.h>

#include "core/ascii.hpp"
#include "core/give_back.hpp"

namespace borealis::auth {
namespace {

constexpr std::string_view incomplete = "IncompleteSignatureException";
constexpr std::string_view invalid = "InvalidSignatureException";
constexpr std::string_view unrecognized = "UnrecognizedClientException";

/// Of a thread's texts: one that grew beyond is given back.
constexpr std::size_t kept_capacity = 16 * 1024;

std::unexpected<refusal> refuse(int status, std::string_view type, std::string message) {
    return std::unexpected(refusal{status, type, std::move(message)});
}

std::unexpected<refusal> mismatch() {
    return refuse(
        403, invalid,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.");
}

struct found_header {
    std::string_view value = {};
    std::size_t count = 0;
};

/// What the verifier looks for among the headers.
struct signing_headers {
    found_header authorization, amz_date, date, token, content_hash;
    std::size_t amz = 0;  ///< Those that begin with x-amz-.

    explicit signing_headers(const message& in) {
        for (const auto& [name, value] : in.headers) {
            if (is_amz(name)) ++amz;
            if (auto* const known = find(name); known != nullptr && known->count++ == 0) known->value = value;
        }
    }

    [[nodiscard]] static bool is_amz(std::string_view name) {
        static constexpr std::string_view prefix = "x-amz-";
        return core::iequals(name.substr(0, prefix.size()), prefix);
    }

 private:
    found_header* find(std::string_view name) {
        switch (name.size()) {
            case 4:
                return core::iequals(name, "date") ? &date : nullptr;
            case 10:
                return core::iequals(name, "x-amz-date") ? &amz_date : nullptr;
            case 13:
                return core::iequals(name, "authorization") ? &authorization : nullptr;
            case 20:
                if (core::iequals(name, "x-amz-content-sha256")) return &content_hash;
                return core::iequals(name, "x-amz-security-token") ? &token : nullptr;
            default:
                return nullptr;
        }
    }
};

std::string_view trimmed(std::string_view text, std::string_view blanks = " \t") {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

template <class Each>
void split(std::string_view text, char at, Each each) {
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(at, begin), text.size());
        each(text.substr(begin, end - begin));
        begin = end + 1;
    }
}

/// A time and its text: those of the last request, for most of a second have the same.
struct written_time {
    std::chrono::sys_seconds at;
    std::array<char, 17> text;

    [[nodiscard]] std::string_view view() const { return {text.data(), text.size() - 1}; }
};
thread_local constinit written_time last_time = {{}, std::to_array("19700101T000000Z")};

/// `timestamp`; the text lives until the next call.
std::string_view timestamp_of(std::chrono::sys_seconds at) {
    if (last_time.at != at) {
        timestamp(at).copy(last_time.text.data(), last_time.view().size());
        last_time.at = at;
    }
    return last_time.view();
}

std::optional<std::chrono::sys_seconds> time_of(std::string_view text) {
    return text == last_time.view() ? last_time.at : parse_timestamp(text);
}

/// The request's own time: X-Amz-Date, or Date where there is none. Twice is never.
std::optional<std::chrono::sys_seconds> date_of(const signing_headers& in) {
    if (in.amz_date.count == 1) return time_of(trimmed(in.amz_date.value));
    if (in.amz_date.count != 0 || in.date.count != 1) return std::nullopt;
    const auto text = trimmed(in.date.value);
    const auto at = parse_timestamp(text);
    return at ? at : parse_http_date(text);
}

/// Every x-amz-* header acts on the call, so it must be signed (L-5.2); but a CloudFront in front adds one of its own,
/// and some clients add the token to what is signed already (AWS's own vectors have it so).
std::string unsigned_headers(const message& what, std::string_view signed_names) {
    std::string names;
    for (const auto& one : what.headers) {
        if (!signing_headers::is_amz(one.name)) continue;
        std::string name(one.name);
        std::ranges::transform(name, name.begin(), core::lower);
        bool is_signed = false;
        split(signed_names, ';', [&](std::string_view other) { is_signed |= name == other; });
        if (is_signed || name == "x-amz-cf-id" || name == "x-amz-security-token") continue;
        if (!names.empty()) names += ", ";
        names += name;
    }
    return names;
}

std::string_view text_of(const hex_digits& of) { return {of.data(), of.size()}; }

constexpr std::string_view signature_parameter = "X-Amz-Signature";
constexpr std::string_view token_parameter = "X-Amz-Security-Token";

/// A signature as a request presents it, in its header or in its query.
struct presented {
    authorization_parts parts;
    std::chrono::sys_seconds at;
    std::string_view token;
    std::optional<std::chrono::seconds> lasts = {};  ///< Of presigned ones.
};

std::expected<void, refusal> take_credential(std::string_view credential, authorization_parts& into) {
    std::array<std::string_view, 5> elements;
    std::size_t count = 0;
    split(credential, '/', [&](std::string_view element) {
        if (count < elements.size()) elements[count] = element;
        ++count;
    });
    if (count != elements.size() || elements[0].empty()) {
        return refuse(400, incomplete,
                      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.");
    }
    into.access_key_id = elements[0];
    into.day = elements[1];
    into.region = elements[2];
    into.service = elements[3];
    into.terminator = elements[4];
    into.scope = credential.substr(elements[0].size() + 1);
    return {};
}

std::expected<presented, refusal> of_header(const signing_headers& in) {
    const auto at = date_of(in);
    auto parsed = parse_authorization(in.authorization.value, in.amz_date.count + in.date.count > 0);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    if (!at) {
        return refuse(
            400, incomplete,
            "Date must be in ISO-8601 'basic format' (YYYYMMDD'T'HHMMSS'Z'), once, in the X-Amz-Date or Date header.");
    }
    if (in.token.count > 1) {
        return refuse(403, unrecognized, "The security token included in the request is invalid.");
    }
    return presented{*parsed, *at, trimmed(in.token.value)};
}

/// The parameters of a presigned request, decoded. The parts of `presented` are views into it.
struct query_parameters {
    static constexpr std::array<std::string_view, 7> names = {
        "X-Amz-Algorithm",     "X-Amz-Credential", "X-Amz-Date",          "X-Amz-Expires",
        "X-Amz-SignedHeaders", "X-Amz-Signature",  "X-Amz-Security-Token"};
    std::array<std::optional<std::string>, names.size()> values;
    bool repeated = false;

    explicit query_parameters(std::string_view query) {
        if (query.empty()) return;
        split(query, '&', [&](std::string_view pair) {
            const auto equals = std::min(pair.find('='), pair.size());
            const auto* const known = std::ranges::find(names, percent_decoded(pair.substr(0, equals)));
            if (known == names.end()) return;
            auto& value = values[static_cast<std::size_t>(known - names.begin())];
            repeated |= value.has_value();
            value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
        });
    }
    [[nodiscard]] bool signs() const { return values[5].has_value(); }
};

std::expected<presented, refusal> of_query(const query_parameters& in) {
    for (std::size_t i = 0; i < in.values.size(); ++i) {
        const auto name = query_parameters::names[i];
        if (in.values[i] || name == token_parameter) continue;
        return refuse(400, incomplete,
                      "AWS query-string parameters must include '" + std::string(name) +
                          "'. Re-examine the query-string parameters.");
    }
    const auto& [algorithm_name, credential, date, expires, names, signature, token] = in.values;
    if (in.repeated) return refuse(400, incomplete, "An AWS query-string parameter is given twice.");
    if (*algorithm_name != algorithm)
        return refuse(400, incomplete, "Unsupported AWS 'algorithm': '" + *algorithm_name + "'.");
    const auto at = parse_timestamp(*date);
    if (!at)
        return refuse(
            400, incomplete,
            "Date must be in ISO-8601 'basic format'. Got '" + *date + "'. See http://en.wikipedia.org/wiki/ISO_8601");
    int seconds = 0;
    const auto [end, failed] = std::from_chars(expires->data(), expires->data() + expires->size(), seconds);
    if (failed != std::errc() || end != expires->data() + expires->size() || seconds < 1 ||
        std::chrono::seconds(seconds) > longest_presigned) {
        return refuse(400, incomplete, "X-Amz-Expires must be a number of seconds from 1 to 604800.");
    }
    presented made{{}, *at, token ? std::string_view(*token) : std::string_view(), std::chrono::seconds(seconds)};
    auto taken = take_credential(*credential, made.parts);
    if (!taken) return std::unexpected(std::move(taken.error()));
    made.parts.signed_headers = *names;
    made.parts.signature = *signature;
    return made;
}

std::expected<void, refusal> check_scope(const presented& from, const verification_rules& rules) {
    const auto& parts = from.parts;
    const auto day = timestamp_of(from.at).substr(0, 8);
    std::string faults;
    const auto fault = [&faults](std::string text) {
        if (!faults.empty()) faults += ' ';
        faults += text;
    };
    if (!rules.regions.empty() && std::ranges::find(rules.regions, parts.region) == rules.regions.end())
        fault("Credential should be scoped to a valid region.");
    if (parts.service != rules.service)
        fault("Credential should be scoped to correct service: '" + rules.service + "'.");
    if (parts.terminator != "aws4_request")
        fault("Credential should be scoped with a valid terminator: 'aws4_request'.");
    if (parts.day != day) {
        fault("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
              std::string(parts.day) + "' != '" + std::string(day) + "', from '" + timestamp(from.at) + "'.");
    }
    if (!faults.empty()) return refuse(403, invalid, std::move(faults));
    return {};
}

std::expected<void, refusal> check_date(std::chrono::sys_seconds at, std::chrono::seconds lasts,
                                        std::chrono::seconds skew, std::chrono::sys_seconds now) {
    const auto minutes = [](std::chrono::seconds of) {
        return std::to_string(std::chrono::floor<std::chrono::minutes>(of).count());
    };
    if (at < now - lasts) {
        return refuse(403, invalid,
                      "Signature expired: " + timestamp(at) + " is now earlier than " + timestamp(now - lasts) + " (" +
                          timestamp(now) + " - " + minutes(lasts) + " min.)");
    }
    if (at > now + skew) {
        return refuse(403, invalid,
                      "Signature not yet current: " + timestamp(at) + " is still later than " + timestamp(now + skew) +
                          " (" + timestamp(now) + " + " + minutes(skew) + " min.)");
    }
    return {};
}

/// The headers that are signed, as a canonical request has them, and what is known of them then.
struct signed_headers {
    bool ascending = true;  ///< Strictly.
    bool host = false;
    bool all_there = true;
    std::size_t amz = 0;

    void append_to(std::string& out, const message& what, std::string_view names) {
        bool capitals = false;
        for (const char c : names) capitals |= c >= 'A' && c <= 'Z';  // to the end, so that it goes by sixteen
        all_there = !capitals;                                        // names are signed in lower case
        std::optional<std::string_view> before;
        split(names, ';', [&](std::string_view name) {
            if (before && *before >= name) ascending = false;
            before = name;
            host |= name == "host";
            if (!ascending || !all_there) return;  // refused: there may be more names than headers
            const auto count = append_canonical_header(out, what.headers, name);
            all_there &= count > 0;
            if (signing_headers::is_amz(name)) amz += count;
        });
    }

    [[nodiscard]] std::expected<void, refusal> check(const message& what, std::string_view names,
                                                     const signing_headers& in) const {
        // As every signer writes them: else one request would have several signatures.
        if (!ascending) return mismatch();
        if (!host)
            return refuse(403, invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
        if (amz != in.amz || !all_there) {
            if (auto left_out = unsigned_headers(what, names); !left_out.empty()) {
                return refuse(403, invalid,
                              "There were headers present in the request which were not signed: " + left_out);
            }
        }
        if (!all_there) return mismatch();
        return {};
    }
};

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::expected<authorization_parts, refusal> parse_authorization(std::string_view value, bool has_date) {
    value = trimmed(value);
    const auto scheme = value.substr(0, value.find(' '));
    if (scheme != algorithm) {
        return refuse(400, incomplete,
                      "Unsupported AWS 'algorithm' in the Authorization header; use 'AWS4-HMAC-SHA256'.");
    }
    std::string_view credential, names, signature;
    bool repeated = false;
    bool unknown = false;
    const auto take = [&](std::string_view item, std::string_view name, std::string_view& into) {
        if (!item.starts_with(name)) return false;
        auto rest = item.substr(name.size());
        if (!rest.empty() && !rest.starts_with('=')) return false;
        repeated |= !into.empty();
        into = rest.substr(std::min<std::size_t>(1, rest.size()));
        return true;
    };
    split(value.substr(scheme.size()), ',', [&](std::string_view item) {
        item = trimmed(item, " ");
        if (item.empty()) return;
        unknown |= !take(item, "Credential", credential) && !take(item, "SignedHeaders", names) &&
                   !take(item, "Signature", signature);
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
    if (unknown) return refuse(400, incomplete, "Authorization header has an unknown parameter.");

    authorization_parts parts;
    auto taken = take_credential(credential, parts);
    if (!taken) return std::unexpected(std::move(taken.error()));
    parts.signed_headers = names;
    parts.signature = signature;
    return parts;
}

std::expected<verified, refusal> verify(const message& what, const verification_rules& rules,
                                        const key_lookup& find_key, signing_keys& cache, std::chrono::sys_seconds now) {
    const signing_headers in(what);
    const bool in_header = !trimmed(in.authorization.value).empty();
    const query_parameters in_query(rules.presigned ? what.query : std::string_view());
    if (!in_header && !in_query.signs())
        return refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    if (in.authorization.count > 1) return refuse(400, incomplete, "There is more than one Authorization header.");
    if (in_header && in_query.signs()) {
        return refuse(400, incomplete,
                      "Only one authentication is allowed: the Authorization header or the X-Amz-Signature parameter.");
    }
    const auto from = in_header ? of_header(in) : of_query(in_query);
    if (!from) return std::unexpected(from.error());
    const auto& parts = from->parts;
    if (!what.path.empty() && !what.path.starts_with('/')) return mismatch();  // what signers would make the same
    if (auto checked = check_scope(*from, rules); !checked) return std::unexpected(std::move(checked.error()));

    const known_key* key = find_key(parts.access_key_id, from->token);
    if (key == nullptr) return refuse(403, unrecognized, "The security token included in the request is invalid.");
    if (key->expires && *key->expires <= now)
        return refuse(403, "ExpiredTokenException", "The security token included in the request is expired");

    const auto lasts = from->lasts.value_or(rules.clock_skew);
    if (auto checked = check_date(from->at, lasts, rules.clock_skew, now); !checked)
        return std::unexpected(std::move(checked.error()));

    thread_local std::string canonical, signed_text;  // kept for their memory
    const auto begin_without = [&](std::span<const std::string_view> left_out) {
        canonical.clear();
        append_canonical_target(canonical, what, rules.path, left_out);
        signed_headers all;
        all.append_to(canonical, what, parts.signed_headers);
        return all;
    };
    constexpr std::array<std::string_view, 2> unsigned_parameters = {signature_parameter, token_parameter};
    const std::span<const std::string_view> left_out(unsigned_parameters);
    if (auto checked = begin_without(left_out.first(in_header ? 0 : 1)).check(what, parts.signed_headers, in); !checked)
        return std::unexpected(std::move(checked.error()));

    const auto& derived = cache.find_mac(parts.access_key_id, key->secret, {from->at, parts.region, parts.service});
    const auto of_body = hex_of(sha256(what.body));
    if (in.content_hash.count > 1 || (in.content_hash.count == 1 && trimmed(in.content_hash.value) != text_of(of_body)))
        return refuse(403, invalid, "The provided 'x-amz-content-sha256' header does not match what was computed.");

    const auto finish = [&] {
        ((canonical += '\n') += parts.signed_headers) += '\n';
        canonical += text_of(of_body);
        signed_text = algorithm;
        ((signed_text += '\n') += timestamp_of(from->at)) += '\n';
        (signed_text += parts.scope) += '\n';  // as checked: the one that we would write
        signed_text += text_of(hex_of(sha256(canonical)));
        if (canonical.capacity() > kept_capacity) core::give_back(canonical);
        return derived.sign(signed_text);
    };
    auto made = finish();
    bool matches = same_secret(text_of(hex_of(made)), parts.signature);
    if (!matches && !in_header && !from->token.empty()) {  // signed before the token was added, as in a header
        begin_without(left_out);
        made = finish();
        matches = same_secret(text_of(hex_of(made)), parts.signature);
    }
    if (!matches) return mismatch();
    return verified{made, from->at + lasts};
}

std::string explain(const message& what, const verification_rules& rules) {
    const signing_headers in(what);
    const bool in_header = !trimmed(in.authorization.value).empty();
    const query_parameters in_query(rules.presigned ? what.query : std::string_view());
    if (!in_header && !in_query.signs()) return {};
    const auto from = in_header ? of_header(in) : of_query(in_query);
    if (!from) return {};
    std::vector<std::string_view> names;
    split(from->parts.signed_headers, ';', [&](std::string_view name) { names.push_back(name); });
    constexpr std::array<std::string_view, 1> without = {signature_parameter};
    const auto canonical =
        canonical_request(what, names, rules.path, std::span<const std::string_view>(without).first(in_header ? 0 : 1));
    return "--- canonical request\n" + canonical + "\n--- string to sign\n" +
           string_to_sign({from->at, from->parts.region, from->parts.service}, canonical) + "\n";
}

}  // namespace borealis::auth
