#pragma once
/// The first variant: one MySQL connection that stays open between events.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/secret_text.hpp"
#include "database.hpp"

namespace employees {

/// Where the server is and who logs in. Empty members may come from the secret.
struct rds_login {
    std::string host;
    std::uint16_t port = 0;  ///< 3306 where zero.
    std::string socket;      ///< A Unix socket goes before host and port.
    std::string user;
    borealis::core::secret_text password;
    std::string database;
    std::string tls_ca;  ///< PEM file; TLS with a verified server where it is given.
};

/// Completes a login from a secret's JSON: `host`, `port`, `unix_socket`, `username`, `password`, `dbname`.
/// Throws std::invalid_argument where it is no JSON object with user and password.
[[nodiscard]] rds_login complete_login(rds_login known, std::string_view secret);

/// The text of the secret; throws std::exception with the reason where it cannot be had.
using secret_source = std::function<std::string()>;

/// Connects at the first use (L-6.78), again where the connection has died before a transaction begins (L-6.77), and
/// reads the secret again where the server refuses a login that worked before (L-4.4: secrets are rotated).
/// @param secret  Null where `known` is complete.
[[nodiscard]] std::unique_ptr<database> open_rds_database(rds_login known, secret_source secret);

}  // namespace employees
