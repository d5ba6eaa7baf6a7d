#pragma once
/// One session at a database, whatever the engine.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/secret_text.hpp"
#include "sql/dialect.hpp"
#include "sql/failure.hpp"
#include "sql/parameter.hpp"
#include "sql/row_sink.hpp"

namespace borealis::sql {

/// TLS towards the database, named as libpq's sslmode.
enum class tls_mode : std::uint8_t { disable, prefer, require, verify_ca, verify_full };

/// Where a database listens.
struct endpoint {
    std::string host = {};  ///< Name or address; empty when `socket` is set.
    std::uint16_t port = 0;
    std::string socket = {};  ///< Path of a Unix socket: PostgreSQL the folder, MySQL the socket itself.
    tls_mode tls = tls_mode::prefer;
    std::string tls_ca_file = {};  ///< PEM; empty: the system's.
    std::string tls_certificate_file = {};
    std::string tls_key_file = {};

    friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// Who logs in.
struct login {
    std::string user = {};
    core::secret_text password = {};

    friend bool operator==(const login&, const login&) = default;
};

/// How much a driver finds out about result columns.
enum class description : std::uint8_t { types, full };

/// What a statement did.
struct outcome {
    bool has_rows = false;      ///< A result set, perhaps empty.
    bool stopped = false;       ///< The sink said stop.
    std::int64_t affected = 0;  ///< Rows inserted, updated (matched ones on MySQL, R-8.1) or deleted; 0 with rows.
    std::uint64_t last_insert_id = 0;  ///< MySQL's; 0 when none.
};

/// What became of a COMMIT.
enum class commit_status : std::uint8_t { committed, rolled_back };

/// A call that somebody may stop waiting for.
class abandonable {
 public:
    /// Nobody waits for the running call any more: it ends as if its deadline had passed now. Where none runs, or it is
    /// being cancelled already, nothing happens.
    virtual void abandon() noexcept = 0;

 protected:
    abandonable() = default;
    ~abandonable() = default;
};

/// Names one call among those that run beside each other at one session (`connection::execute_beside`), so that it can
/// be abandoned alone. Belongs to the caller, and outlives the call.
class beside_call final : public abandonable {
 public:
    beside_call() = default;
    beside_call(const beside_call&) = delete;
    beside_call& operator=(const beside_call&) = delete;

    /// Set before the call: it writes. Its `timeout` then means that it was not sent, or that the database has said
    /// that it was undone; so that it may be run again.
    bool writes = false;

    void abandon() noexcept override {
        if (running_ != nullptr) running_->abandon();
    }
    /// For the driver: what runs under this name from now on; null: nothing.
    void names(abandonable* running) noexcept { running_ = running; }

 private:
    abandonable* running_ = nullptr;
};

/// One session. Not thread-safe: every call happens on the thread of the executor it was connected with, one at a time,
/// and the object outlives the call. A call that fails with `lost`, or leaves `usable()` false, ends the session.
///
/// Every call is bounded by its deadline: when it passes, the driver cancels the statement at the database, waits a
/// short bounded time for the cancellation to be confirmed, and returns `timeout` (`usable()` says whether it was).
class connection : public abandonable {
 public:
    connection() = default;
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    virtual ~connection() = default;

    /// Runs one statement as a prepared statement (kept in a bounded per-session cache keyed by text and parameter
    /// types). Outside begin()/commit() it commits by itself. The views in `parameters` and `text` live until the call
    /// returns.
    /// @param parameters  In placeholder order; may be fewer than the text has (R-4.8: the engine complains).
    virtual core::awaitable<result<outcome>> execute(std::string_view text, std::span<const parameter> parameters,
                                                     row_sink& sink, description wanted, core::deadline until) = 0;

    /// May execute_beside() be called while calls of it are under way? Always the same answer for a session.
    [[nodiscard]] virtual bool pipelines() const noexcept { return false; }

    /// As execute(), for a plain read or a plain write (sql::rewritten) outside a transaction. Where pipelines(),
    /// several may be under way at once: they are answered in order, each with a Sync of its own, so that the failure
    /// of one touches no other. No other function that returns an awaitable may be called meanwhile.
    ///
    /// - A call whose deadline passes while the database works on it is cancelled there. A read that waits behind
    /// others
    ///   fails with `timeout` by itself, and its answer is dropped when it comes; a write waits until it is known what
    ///   became of it.
    /// - A call that another one's cancellation has hit by mistake is run again, unseen by its caller.
    /// - Where the sink says stop, the rest is dropped, and cancelled at the database only when it is large.
    /// - When the session breaks, calls that were sent fail with `lost`, the others (those behind a statement that the
    ///   server ended the session for, too) with `unreachable`.
    /// @param name  abandon() of it ends this call alone; the session's own abandon() is for calls that run alone.
    /// The default is execute().
    /// @return Nothing when the statement has to run alone (its result may have to be guarded, or a transaction is
    ///         open): nothing was executed and the sink was told nothing; call execute() when the session is yours
    ///         alone.
    virtual core::awaitable<result<std::optional<outcome>>> execute_beside(std::string_view text,
                                                                           std::span<const parameter> parameters,
                                                                           row_sink& sink, description wanted,
                                                                           core::deadline until, beside_call& name);

    /// One parameter set of a batch after the other, stopping at the first failure; rows are dropped. Neither
    /// begins nor ends a transaction. Several may be sent at once.
    /// @return One outcome a set, in order; or the failure of the first failing set.
    virtual core::awaitable<result<std::vector<outcome>>> execute_batch(std::string_view text,
                                                                        std::span<const std::vector<parameter>> sets,
                                                                        core::deadline until) = 0;

    /// Opens a transaction: PostgreSQL BEGIN; MySQL SET autocommit=0, so that it stays open past an implicit commit
    /// . What earlier statements have left for lastval(), currval() and LAST_INSERT_ID() is gone in it. It may
    /// be sent with the first statement only, and nothing at all where none comes.
    virtual core::awaitable<result<void>> begin(core::deadline until) = 0;
    /// Before a statement of somebody who may only read. Where no transaction is open, begins one that is read only;
    /// in an open one, sees to it that this statement cannot write, whatever an earlier one has set. PostgreSQL: BEGIN
    /// READ ONLY, or SET TRANSACTION READ ONLY, which is always allowed; MySQL: the session's default is made read
    /// only, for transactions that begin by themselves, and START TRANSACTION READ ONLY. There it needs a `reset`
    /// later.
    /// @return As `begin`; `database` when a transaction is open for writing.
    virtual core::awaitable<result<void>> begin_reading(core::deadline until) = 0;
    /// After that statement: no transaction is open that might write. Known without a round trip.
    [[nodiscard]] virtual bool only_reads() const noexcept = 0;
    virtual core::awaitable<result<commit_status>> commit(core::deadline until) = 0;
    virtual core::awaitable<result<void>> rollback(core::deadline until) = 0;

    /// Makes the session as if freshly connected (PostgreSQL: ROLLBACK where needed, DISCARD ALL; MySQL:
    /// mysql_reset_connection and our session settings again). Prepared statements may be gone after it.
    virtual core::awaitable<result<void>> reset(core::deadline until) = 0;

    /// False once the session must be thrown away.
    [[nodiscard]] virtual bool usable() const noexcept = 0;

    /// True while the database says that a transaction is open, whoever opened it (PostgreSQL: ReadyForQuery status;
    /// MySQL: SERVER_STATUS_IN_TRANS, or autocommit off, so that the next statement opens one). Known without a round
    /// trip.
    [[nodiscard]] virtual bool in_transaction() const noexcept = 0;

    /// Does the server take no writes: a standby (PostgreSQL: pg_is_in_recovery()), or one that was told so (MySQL:
    /// @@global.read_only)?
    virtual core::awaitable<result<bool>> read_only(core::deadline until) = 0;

    /// PostgreSQL backend pid, MySQL CONNECTION_ID().
    [[nodiscard]] virtual std::int64_t backend_id() const noexcept = 0;

    /// Cheap look at the descriptor, without a round trip: true when the server has closed it, or sent what nobody
    /// asked for.
    [[nodiscard]] virtual bool seems_dead() noexcept = 0;
};

/// Opens sessions of one engine. Stateless and shared by all threads.
class driver {
 public:
    driver() = default;
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    virtual ~driver() = default;

    [[nodiscard]] virtual dialect speaks() const noexcept = 0;

    /// Connects on the calling coroutine's executor. Session settings of R-3.23 (UTC, UTF-8) are in place afterwards.
    /// @param database  Empty: none (MySQL) or "postgres" (PostgreSQL).
    /// @return `login` with the server's text when it refuses; `unreachable` when it does not answer before `until`.
    virtual core::awaitable<result<std::unique_ptr<connection>>> connect(const endpoint& to, const login& as,
                                                                         const std::string& database,
                                                                         core::deadline until) = 0;
};

}  // namespace borealis::sql
