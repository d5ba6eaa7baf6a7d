#pragma once
/// libpq opens connections, with and without TLS, and logs in.

#include <memory>
#include <optional>
#include <string>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "postgres/canceller.hpp"
#include "postgres/established.hpp"
#include "postgres/handles.hpp"
#include "sql/connection.hpp"
#include "sql/failure.hpp"
#include "sql/session_settings.hpp"

namespace borealis::postgres {

/// @param address  Of `to.host`, as numbers; empty with a Unix socket.
/// @param as  User, password and database have no zero byte, and a user there is.
core::awaitable<sql::result<connection_handle>> log_in_by_libpq(const sql::endpoint& to, const std::string& address,
                                                                const sql::login& as, const std::string& database,
                                                                const sql::session_settings& settings,
                                                                core::deadline until);

[[nodiscard]] std::shared_ptr<const cancel_request> cancels_of(pg_conn* which);

/// What libpq has opened, for others to speak on.
/// @param made  Taken, unless there is nothing that is returned: its TLS is none that we can speak on.
[[nodiscard]] std::optional<established> hand_over(connection_handle& made);

}  // namespace borealis::postgres
