#pragma once
/// Passwords as the databases keep them, so that a password itself is neither stored nor handed on.

#include <string>

#include "core/secret_text.hpp"

namespace borealis::clusters {

/// PostgreSQL's `SCRAM-SHA-256$4096:<salt>$<stored key>:<server key>` (RFC 5803), as pg_authid holds it.
/// @param password  Taken as it is: SASLprep (RFC 4013) changes nothing in printable ASCII.
/// @param salt      16 bytes.
[[nodiscard]] core::secret_text scram_verifier(const core::secret_text& password, const std::string& salt);
/// With a random salt.
[[nodiscard]] core::secret_text scram_verifier(const core::secret_text& password);

/// MariaDB's mysql_native_password: `*` and the hexadecimal SHA1(SHA1(password)).
[[nodiscard]] core::secret_text native_password_hash(const core::secret_text& password);

}  // namespace borealis::clusters
