#pragma once
/// Who signed this request? The other side of signature.hpp; no clock, no I/O.

#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/signature.hpp"
#include "core/secret_text.hpp"

namespace borealis::auth {

/// A key that may call.
struct known_key {
    core::secret_text secret;
    std::optional<std::chrono::sys_seconds> expires = {};  ///< Of temporary ones.
};

/// Finds the key of an access key id and the session token that came with it (empty: none); null where there is none
/// such, or the token is not that key's. What it points to lives until `verify` returns.
using key_lookup = std::function<const known_key*(std::string_view access_key_id, std::string_view session_token)>;

/// Equal, in a time that depends on the lengths alone.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

struct verification_rules {
    std::string service = "rds-data";
    std::vector<std::string> regions = {};                      ///< Those a signature may be for; none given: any.
    std::chrono::seconds clock_skew = std::chrono::minutes(5);  ///< Either way (L-5.6).
    bool presigned = false;  ///< A signature in the query counts where there is no Authorization header (R-10.40).
    path_rules path = {};
};

/// A presigned request lasts a week at most.
inline constexpr std::chrono::seconds longest_presigned = std::chrono::days(7);

/// A request that is what the holder of the key has signed.
struct verified {
    digest signature;                     ///< For telling a repeated request.
    std::chrono::sys_seconds good_until;  ///< From then on the same request is refused as too old.
};

/// The answer to a request that is not let in, in AWS's words.
struct refusal {
    int status = 403;
    std::string_view type;  ///< Value of x-amzn-ErrorType.
    std::string message;
};

/// What a request says of its signature, not yet believed.
struct authorization_parts {
    std::string_view access_key_id, day, region, service, terminator;
    std::string_view scope;           ///< Day to terminator, with the slashes between them.
    std::string_view signed_headers;  ///< Names with semicolons between them.
    std::string_view signature;
};

/// @param has_date  Whether the request has a date, for the text that names all that is missing.
[[nodiscard]] std::expected<authorization_parts, refusal> parse_authorization(std::string_view value,
                                                                              bool has_date = true);

/// Checks, in this order: the form of the Authorization header (or query), scope, key, token and its expiry, date, that
/// host and every x-amz-* header are signed (but the token, which is good or not by itself), what x-amz-content-sha256
/// claims, and the signature over the message with the hash of its actual body, in constant time.
[[nodiscard]] std::expected<verified, refusal> verify(const message& what, const verification_rules& rules,
                                                      const key_lookup& find_key, signing_keys& cache,
                                                      std::chrono::sys_seconds now);

/// For whoever looks for why a signature does not match: the canonical request and the string to sign, as `verify`
/// makes them. Empty where the request presents no signature that can be read.
[[nodiscard]] std::string explain(const message& what, const verification_rules& rules);

}  // namespace borealis::auth
