#pragma once
/// Opens plain connections to PostgreSQL and logs in, without libpq: loading that takes longer than everything else up
/// to the first answer, and what it brings stays in memory.

#include <optional>
#include <string>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "postgres/established.hpp"
#include "sql/connection.hpp"
#include "sql/failure.hpp"
#include "sql/session_settings.hpp"

namespace borealis::postgres {

/// Whether log_in() may be asked at all: without TLS, or where that is only preferred.
[[nodiscard]] bool may_be_plain(const sql::endpoint& to);

/// @param address  Of `to.host`, as numbers; empty with a Unix socket.
/// @param as  User, password and database have no zero byte, and a user there is.
/// @return Nothing where libpq has to: the server speaks TLS, or wants a proof that we do not know how to give.
core::awaitable<sql::result<std::optional<established>>> log_in(const sql::endpoint& to, const std::string& address,
                                                                const sql::login& as, const std::string& database,
                                                                const sql::session_settings& with,
                                                                core::deadline until);

}  // namespace borealis::postgres
