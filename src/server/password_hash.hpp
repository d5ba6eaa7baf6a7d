#pragma once
/// Passwords as databases keep them, so that a statement that sets one does not show it.

#include <string>
#include <string_view>

namespace borealis::server {

/// PostgreSQL's SCRAM-SHA-256 verifier (RFC 5803; PostgreSQL manual, pg_authid): `SCRAM-SHA-256$4096:…$…:…`.
/// @param salt  16 random bytes. @param password  ASCII: nothing is normalised (SASLprep).
[[nodiscard]] std::string scram_verifier(std::string_view password, std::string_view salt);

/// mysql_native_password's: `*` and 40 hex digits.
[[nodiscard]] std::string mysql_native_hash(std::string_view password);

}  // namespace borealis::server
