#pragma once
/// PostgreSQL (10 and newer) behind `sql::driver`.

#include <cstdint>
#include <memory>

#include "sql/connection.hpp"
#include "sql/session_settings.hpp"

namespace borealis::postgres {

/// Who speaks to the server. The results are the same.
enum class protocol : std::uint8_t {
    /// We do: one message and one answer a statement, and several calls at once (`pipelines()`). With TLS, and where
    /// the
    /// server wants a proof that we cannot give, once libpq has logged in.
    native,
    libpq,  ///< libpq does.
};

/// Makes the driver. Call it before threads start: libpq reads PGSERVICE, PGOPTIONS, PGTZ and the like from the
/// environment even where a parameter is given as empty, so this removes libpq's variables from the process's
/// environment. The sessions may outlive the driver. Its helper threads (cancel requests block) start with the
/// first cancellations and are joined with the last session or the driver.
///
/// How its sessions keep the promises of `sql::connection`:
/// - `login` is what the server says at connect (28xxx, 3D000, 53300 …); 57P0x (starting up, shutting down) and
///   everything that never reached the server's own answer are `unreachable`.
/// - A statement the driver had only prepared or described when the session broke is `unreachable`: nothing happened.
///   After that it is `lost`, except that a FATAL the server sent before the statement was complete (57P01, an
///   administrator ended the session) is `database` in the server's words, with `usable()` false. A COMMIT cut short is
///   always `lost`.
/// - `reception::guarded` counts for results with a type that AWS refuses, two equal labels, or an array column of a
///   statement that may write; the sink is asked about those before the statement runs. For other results the sink is
///   asked when the first row arrives, and the answer is taken as `plain`.
/// - A statement that ends well although its cancellation was under way is reported as what it is: done.
/// - execute_batch sends up to 1,024 sets a round trip (libpq: 64). Outside a transaction each such section would
/// commit by itself, so
///   call begin() first.
/// - A prepared statement that the server refuses because a table changed (0A000) or that is gone (26000) is prepared
///   again and run once more, outside a transaction; inside one the error stands and the next use prepares it again.
/// - COPY … FROM STDIN / TO STDOUT is `unsupported` and ends the session.
std::unique_ptr<sql::driver> make_driver(protocol spoken, const sql::session_settings& with = {});
/// The native one.
std::unique_ptr<sql::driver> make_driver(const sql::session_settings& with = {});

}  // namespace borealis::postgres
