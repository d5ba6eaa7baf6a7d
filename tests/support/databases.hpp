#pragma once
/// Real databases for tests: one PostgreSQL and one MariaDB server, on free loopback ports and Unix sockets.

#include <cstdint>
#include <string>

#include "sql/connection.hpp"

namespace borealis::tests {

/// A running server and its superuser.
struct database {
    sql::endpoint endpoint;  ///< 127.0.0.1 and a free port, no TLS.
    sql::endpoint socket;    ///< The same server by its Unix socket.
    std::string user;
    std::string password;
    std::string name;  ///< An empty database to begin with.
    std::int64_t process_id = 0;

    [[nodiscard]] sql::login login() const { return {user, core::secret_text(password)}; }
};

/// Started by the first call and stopped when the program ends, or taken from BOREALIS_TEST_POSTGRESQL /
/// BOREALIS_TEST_MARIADB (`port socket user password name pid`), which `./test` sets so that all programs share one
/// server. Ends the program with a text that names what is missing when it cannot be started.
const database& postgresql();
const database& mariadb();

}  // namespace borealis::tests
