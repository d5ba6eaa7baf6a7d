#pragma once
/// AWS Signature Version 4: a request and a secret in, a signature out. No clock, no I/O.
/// @see AWS, "Create a signed AWS API request"; rules L-5.1 to L-5.7 of tests/auth.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret_text.hpp"

namespace borealis::auth {

inline constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

struct header {
    std::string_view name;  ///< In any case.
    std::string_view value;
};

/// What is signed of a request. Everything as it stands on the wire.
struct message {
    std::string_view method;
    std::string_view path;        ///< Percent-encoded, without the query; empty counts as `/`.
    std::string_view query = {};  ///< Behind `?`.
    std::span<const header> headers;
    std::string_view body = {};
};

/// For whom, where and when a signature holds.
struct scope {
    std::chrono::sys_seconds at;
    std::string_view region;
    std::string_view service;  ///< `rds-data`, `secretsmanager`, `lambda`, `rds` (L-5.5)
};

using digest = std::array<std::uint8_t, 32>;

[[nodiscard]] digest sha256(std::string_view bytes);
/// Lower-case hexadecimal.
[[nodiscard]] std::string hex(const digest& of);

/// `20191203T101500Z`
[[nodiscard]] std::string timestamp(std::chrono::sys_seconds at);
/// Nothing for any other form or a day that is not in the calendar.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_timestamp(std::string_view text);
/// `Tue, 03 Dec 2019 10:15:00 GMT` (RFC 9110, 5.6.7); the two older forms are not read.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

/// False for what proxies may alter on the way and what is the signature itself (L-5.2). @param name  lower case.
[[nodiscard]] bool may_be_signed(std::string_view name);

/// Names of the headers to sign, lower case, ascending, once each: all but those that may not be.
[[nodiscard]] std::vector<std::string> signable_headers(std::span<const header> headers);

/// Dot segments and repeated slashes removed, then each octet outside `A-Za-z0-9-_.~/` encoded once more (L-5.4).
[[nodiscard]] std::string canonical_uri(std::string_view path);
/// Names and values decoded and encoded again, sorted by name, then value (L-5.3). `+` is a plus sign.
[[nodiscard]] std::string canonical_query(std::string_view query);
/// @param signed_names  Lower case. One without a header in the message has an empty line.
[[nodiscard]] std::string canonical_request(const message& of, std::span<const std::string_view> signed_names);
[[nodiscard]] std::string string_to_sign(const scope& in, std::string_view canonical_request);

[[nodiscard]] digest signing_key(std::string_view secret, const scope& in);

/// Signing keys already derived, for they stay the same all day (L-5.7). One thread at a time.
class signing_keys {
 public:
    /// @param capacity  Keys held; the oldest makes room.
    explicit signing_keys(std::size_t capacity = 64) : capacity_(capacity) {}
    /// The key lives until the next call. A secret that changed is derived anew.
    [[nodiscard]] const digest& find(std::string_view access_key_id, const core::secret_text& secret, const scope& in);

 private:
    struct entry {
        std::string access_key_id, region, service;
        core::secret_text secret;
        std::chrono::sys_days day;
        digest key;
    };
    std::size_t capacity_;
    std::size_t oldest_ = 0;
    std::vector<entry> entries_;
};

[[nodiscard]] digest sign(const digest& key, std::string_view string_to_sign);

/// Value of the Authorization header: signs `of` with all its signable headers.
/// @param of  Has `host` and `x-amz-date` (that of `in`), and what else goes out: `x-amz-security-token` …
[[nodiscard]] std::string authorization(const message& of, const scope& in, std::string_view access_key_id,
                                        const digest& key);

}  // namespace borealis::auth
