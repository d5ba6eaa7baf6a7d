#pragma once
/// Open Data API transactions of one thread: which session each pins, whom it belongs to, until when.

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "pool/pool.hpp"

namespace borealis::pool {

struct transaction_settings {
    std::chrono::seconds idle{180};       ///< R-3.10: unused for so long → rolled back.
    std::chrono::seconds age{24 * 3600};  ///< R-3.11
    std::size_t maximum = 1000;           ///< Open at once on this thread; more → `busy`.
    std::size_t remembered = 10'000;      ///< Finished ids kept so that an error can say why.
    /// For so long CommitTransaction of a transaction that was committed answers as it did the first time, for clients
    /// that did not read the answer. Zero: never, as on AWS.
    std::chrono::seconds repeat_commit{0};
    std::chrono::milliseconds drain{5'000};  ///< While the server stops: unused for so long → rolled back.
    /// Sessions are reset after each transaction; else only where one of its statements may have changed the session.
    bool always_reset = false;

    friend bool operator==(const transaction_settings&, const transaction_settings&) = default;
};

/// What a transaction is bound to; each later call must come with the same.
struct binding {
    std::string resource_arn;
    std::string secret_arn;
    std::string caller;
    std::string database;

    friend bool operator==(const binding&, const binding&) = default;
};

/// The same, as a call comes with it.
struct binding_view {
    std::string_view resource_arn;
    std::string_view secret_arn;
    std::string_view caller;
    std::string_view database;

    binding_view(std::string_view resource, std::string_view secret, std::string_view by, std::string_view in)
        : resource_arn(resource), secret_arn(secret), caller(by), database(in) {}
    binding_view(const binding& of) : binding_view(of.resource_arn, of.secret_arn, of.caller, of.database) {}
};

/// Why a transaction id cannot be used.
enum class transaction_refusal : std::uint8_t {
    unknown,         ///< Never seen, or forgotten; or bound to another cluster, secret or caller.
    expired,         ///< Rolled back by the reaper.
    ended,           ///< Committed or rolled back.
    committed,       ///< Committed, by the same caller, less than `repeat_commit` ago.
    aborted,         ///< Its session was lost, or it was ended by the service.
    running,         ///< A statement of it is running (R-2.20).
    other_database,  ///< R-9.14
};

/// How the transactions of one thread have ended so far.
struct transaction_totals {
    std::uint64_t committed = 0, rolled_back = 0, expired = 0, aborted = 0;
};

class transaction_table;

/// A transaction held for one call: nobody else can use it meanwhile. Destroying it makes the transaction idle again
/// (and restarts its clock, R-3.16), unless `end` was called. It ends as aborted when its session is no longer usable.
class held_transaction {
 public:
    held_transaction() = default;
    held_transaction(held_transaction&&) noexcept;
    held_transaction& operator=(held_transaction&&) noexcept;
    ~held_transaction();

    /// Holds one.
    explicit operator bool() const { return held_ != nullptr; }
    [[nodiscard]] sql::connection& session() const;
    [[nodiscard]] const binding& bound_to() const;
    /// Is this the first call after the transaction was begun?
    [[nodiscard]] bool is_first() const;
    /// A call may have changed the session: it is reset when the transaction is over.
    void taint();

    enum class ending : std::uint8_t { committed, rolled_back, aborted };
    /// Forgets the transaction, remembers how it ended, and gives its session back (to be reset where it is tainted or
    /// still in a transaction). Committing or rolling back has been done by the caller, or the session is unusable.
    void end(ending how);

 private:
    friend class transaction_table;
    struct entry;
    held_transaction(std::shared_ptr<transaction_table> home, std::shared_ptr<entry> held);
    std::shared_ptr<transaction_table> home_;
    std::shared_ptr<entry> held_;
};

/// The transactions of one thread.
class transactions {
 public:
    /// @param home_index  This thread's number, 0..254: part of each id, so that any thread can tell where it lives.
    transactions(core::executor home, std::uint8_t home_index, transaction_settings limits);
    ~transactions();

    /// Takes over a session on which a transaction has just been begun.
    /// @param kept  Lives as long as the transaction: what counts it.
    /// @return Its id: 184 characters of the base64 alphabet, unguessable; nothing when `maximum` are open.
    [[nodiscard]] std::optional<std::string> adopt(lease session, binding to, std::shared_ptr<const void> kept = {});

    /// Finds the transaction for a call. An empty `as.database` means "the transaction's".
    [[nodiscard]] std::expected<held_transaction, transaction_refusal> hold(std::string_view id, binding_view as);

    /// The same, but where a call runs it waits for its turn, first come, first served; `running` at `until`.
    core::awaitable<std::expected<held_transaction, transaction_refusal>> hold_in_turn(std::string_view id, binding as,
                                                                                       core::deadline until);

    /// Rolls back what is idle or old, in the background; called by a timer of the owner about once a second. One that
    /// runs a statement is not idle; when it is old it ends as soon as it is released.
    void reap(core::clock::time_point now);

    /// The server stops: no new ones are adopted from now on, and `reap` rolls back those that have been unused for
    /// `drain`, counted from now at the earliest.
    void begin_drain(core::clock::time_point now);

    /// Rolls back all that are idle, and the rest as they come home. No new ones are adopted from then on.
    /// Returns when all are done, or at `until`.
    core::awaitable<void> end_all(core::deadline until);

    /// Other limits from now on, for the open ones too.
    void set_limits(transaction_settings limits);

    [[nodiscard]] transaction_totals totals() const;
    [[nodiscard]] std::size_t open() const;
    /// Open ones of a cluster: they keep it awake.
    [[nodiscard]] std::size_t open(std::string_view resource_arn) const;

    /// The home thread that an id names; nothing when the id is not of our form.
    [[nodiscard]] static std::optional<std::uint8_t> home_of(std::string_view id);

 private:
    std::shared_ptr<transaction_table> table_;
};

}  // namespace borealis::pool
