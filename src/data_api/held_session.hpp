#pragma once
/// The session a statement runs on.

#include <optional>
#include <utility>

#include "pool/pool.hpp"
#include "pool/transactions.hpp"
#include "sql/connection.hpp"

namespace borealis::data_api {

/// Leased from a pool, or an open transaction's. Goes home when destroyed.
class held_session {
 public:
    held_session() = default;
    explicit held_session(pool::lease&& leased) : leased_(std::move(leased)) {}
    explicit held_session(pool::held_transaction&& held) : held_(std::move(held)) {}

    [[nodiscard]] explicit operator bool() const { return held_.has_value() || leased_; }
    [[nodiscard]] sql::connection& operator*() const { return held_ ? held_->session() : *leased_; }
    [[nodiscard]] sql::connection* operator->() const { return &**this; }
    [[nodiscard]] bool in_transaction() const { return held_.has_value(); }
    /// A place on one that others use at the same time.
    [[nodiscard]] bool is_shared() const { return leased_.is_shared(); }
    [[nodiscard]] pool::lease& leased() { return leased_; }

    /// Before a statement that asks for what those before it left (sql::rewritten::asks_for_leftovers): what other
    /// callers have left is gone. A transaction that has run statements has its own.
    core::awaitable<sql::result<void>> forget_others(core::deadline until) {
        if (held_ && !held_->is_first()) co_return sql::result<void>();
        auto done = co_await (*this)->reset(until);
        if (done && held_) done = co_await (*this)->begin(until);
        co_return done;
    }

    /// After a statement: decides what becomes of the session.
    /// @param touched  The statement may have changed the session.
    /// @param ends     Its transaction is over, if it has one: resetting the session rolls it back.
    void settle(bool touched, bool ends = false) {
        const auto& session = **this;
        if (held_) {
            if (touched) held_->taint();
            if (ends || !session.usable()) held_->end(pool::held_transaction::ending::aborted);
        } else if (!session.usable()) {
            leased_.discard();
        } else if (!is_shared() && (touched || session.in_transaction())) {
            leased_.taint();
        }
    }

 private:
    pool::lease leased_;
    std::optional<pool::held_transaction> held_;
};

}  // namespace borealis::data_api
