#pragma once
/// AWS Signature Version 4: a request and a secret in, a signature out. No clock, no I/O.
/// @see AWS, "Create a signed AWS API request"; rules L-5.1 to L-5.7 of tests/auth.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/header.hpp"
#include "core/secret_text.hpp"

namespace borealis::auth {

inline constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

using core::header;

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
using hex_digits = std::array<char, 2 * std::tuple_size_v<digest>>;
/// Lower-case hexadecimal.
[[nodiscard]] hex_digits hex_of(const digest& of);
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

/// What a service makes of the path before it is signed. All but S3 do both (L-5.4).
struct path_rules {
    bool normalize = true;     ///< Dot segments and repeated slashes are removed.
    bool encode_twice = true;  ///< What is percent-encoded on the wire is encoded once more.
};

/// The path by those rules, and each octet outside `A-Za-z0-9-_.~/` encoded.
[[nodiscard]] std::string canonical_uri(std::string_view path, path_rules by = {});
/// Names and values encoded where they are not yet, sorted by name, then value (L-5.3). `+` is a plus sign; what is
/// encoded stays as it was sent.
/// @param without  Names, decoded, to leave out.
[[nodiscard]] std::string canonical_query(std::string_view query, std::span<const std::string_view> without = {});
/// Percent-encoding undone; a `%` that begins none stays.
[[nodiscard]] std::string percent_decoded(std::string_view text);
/// @param signed_names  Lower case. One without a header in the message has an empty line.
/// @param without       Query parameters that are not signed.
[[nodiscard]] std::string canonical_request(const message& of, std::span<const std::string_view> signed_names,
                                            path_rules by = {}, std::span<const std::string_view> without = {});
// Its parts, for whoever looks at each as it is made: the lines of method, path and query; and a line for each signed
// header, of which `append_canonical_header` says how many there were. Behind them stand an empty line, the names and
// the body's hash.
void append_canonical_target(std::string& out, const message& of, path_rules by,
                             std::span<const std::string_view> without);
std::size_t append_canonical_header(std::string& out, std::span<const header> headers, std::string_view name);
[[nodiscard]] std::string string_to_sign(const scope& in, std::string_view canonical_request);

[[nodiscard]] digest signing_key(std::string_view secret, const scope& in);

/// SHA-256 between two blocks.
using hash_state = std::array<std::uint32_t, 8>;

/// HMAC-SHA256 (RFC 2104) with a key whose two blocks are hashed once, not for each text.
class mac_key {
 public:
    explicit mac_key(const digest& key);
    mac_key(const mac_key&) = default;
    mac_key& operator=(const mac_key&) = default;
    ~mac_key();
    [[nodiscard]] digest sign(std::string_view text) const;

 private:
    hash_state inner_, outer_;  // behind the block of either
};

/// Signing keys already derived, for they stay the same all day (L-5.7). One thread at a time.
class signing_keys {
 public:
    /// @param capacity  Keys held; the oldest makes room.
    explicit signing_keys(std::size_t capacity = 64) : capacity_(capacity) {}
    /// The key lives until the next call. A secret that changed is derived anew.
    [[nodiscard]] const digest& find(std::string_view access_key_id, const core::secret_text& secret, const scope& in) {
        return find_entry(access_key_id, secret, in).key;
    }
    /// The same, to sign many texts with. Lives until the next call.
    [[nodiscard]] const mac_key& find_mac(std::string_view access_key_id, const core::secret_text& secret,
                                          const scope& in) {
        return find_entry(access_key_id, secret, in).mac;
    }

 private:
    struct entry {
        std::string access_key_id, region, service;
        core::secret_text secret;
        std::chrono::sys_days day;
        digest key;
        mac_key mac{key};
    };
    entry& find_entry(std::string_view access_key_id, const core::secret_text& secret, const scope& in);

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
