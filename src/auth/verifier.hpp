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
    core::secret_text session_token = {};  ///< Of temporary keys: the caller must send this one.
    std::optional<std::chrono::sys_seconds> expires = {};
};

/// Finds an access key id; null for an unknown one. What it points to lives until `verify` returns.
using key_lookup = std::function<const known_key*(std::string_view access_key_id)>;

struct verification_rules {
    std::string service = "rds-data";
    std::vector<std::string> regions = {};                      ///< Those a signature may be for; none given: any.
    std::chrono::seconds clock_skew = std::chrono::minutes(5);  ///< Either way (L-5.6).
};

/// Whose request it is. Views into the Authorization header.
struct identity {
    std::string_view access_key_id;
    std::string_view region;
};

/// The answer to a request that is not let in, in AWS's words.
struct refusal {
    int status = 403;
    std::string_view type;  ///< Value of x-amzn-ErrorType.
    std::string message;
};

/// An Authorization header's parts, not yet believed.
struct authorization_parts {
    std::string_view access_key_id, day, region, service, terminator;
    std::vector<std::string_view> signed_headers;
    std::string_view signature;
};

/// @param has_date  Whether the request has a date, for the text that names all that is missing.
[[nodiscard]] std::expected<authorization_parts, refusal> parse_authorization(std::string_view value,
                                                                              bool has_date = true);

/// Checks, in this order: the header's form, scope, key, token and its expiry, date, that host and every x-amz-* header
/// are signed, and the signature over the message with the hash of its actual body, in constant time.
[[nodiscard]] std::expected<identity, refusal> verify(const message& what, const verification_rules& rules,
                                                      const key_lookup& find_key, signing_keys& cache,
                                                      std::chrono::sys_seconds now);

}  // namespace borealis::auth
