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
    explicit held_session(pool::lease leased) : leased_(std::move(leased)) {}
    explicit held_session(pool::held_transaction held) : held_(std::move(held)) {}

    [[nodiscard]] sql::connection& operator*() const { return held_ ? held_->session() : *leased_; }
    [[nodiscard]] sql::connection* operator->() const { return &**this; }
    [[nodiscard]] bool in_transaction() const { return held_.has_value(); }

    /// After a statement: decides what becomes of the session.
    /// @param touched  The statement may have changed the session.
    void settle(bool touched) {
        const auto& session = **this;
        if (held_) {
            if (!session.usable()) held_->end(pool::held_transaction::ending::aborted);
        } else if (!session.usable()) {
            leased_.discard();
        } else if (touched || session.in_transaction()) {
            leased_.taint();
        }
    }

 private:
    pool::lease leased_;
    std::optional<pool::held_transaction> held_;
};

}  // namespace borealis::data_api
