#pragma once
/// MySQL and MariaDB servers: libmariadb connects, logs in and sets TLS up.

#include <cstdint>
#include <memory>

#include "sql/connection.hpp"
#include "sql/session_settings.hpp"

namespace borealis::mysql {

/// Who speaks of prepared statements with a server once it has been logged in to. The results are the same.
enum class protocol : std::uint8_t {
    native,      ///< We do, over plain sockets: several calls at once (`pipelines()`). Over TLS the library.
    libmariadb,  ///< libmariadb does.
};

/// The driver. Make one for the whole program: it may be used by all threads, each connection by the one that opened
/// it.
///
/// TLS (`sql::endpoint::tls`): `prefer` encrypts where the server can, without looking at its certificate; `require`
/// refuses a server that cannot; `verify_ca` and `verify_full` also check the certificate, the latter the host name.
/// A server that must be encrypted is refused before any part of a password is sent. Unix sockets are never encrypted.
/// Passwords are proved by mysql_native_password, caching_sha2_password, sha256_password or ed25519; in clear text only
/// over `require` and above.
/// @note Its destructor waits for connection attempts that nobody waits for any more (bounded by their time-outs).
std::unique_ptr<sql::driver> make_driver(protocol spoken, const sql::session_settings& with = {});
/// The native one.
std::unique_ptr<sql::driver> make_driver(const sql::session_settings& with = {});

}  // namespace borealis::mysql
