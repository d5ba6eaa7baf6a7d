#pragma once
/// Statements that end when nobody waits for them any more.

#include <cstddef>
#include <vector>

#include "core/listener.hpp"
#include "sql/connection.hpp"

namespace borealis::data_api {

/// The running statements of one thread, each with whoever waits for it.
class attended {
 public:
    /// One statement, for as long as it lives. Must not outlive the table, the session (or the name of the call) or the
    /// listener.
    class guard {
     public:
        /// @param by  Null: it runs on whatever happens.
        guard(attended& table, sql::abandonable& session, const core::listener* by)
            : table_(table), session_(session), by_(by), place_(table.all_.size()) {
            table_.all_.push_back(this);
        }
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;
        ~guard() {
            guard* const last = table_.all_.back();
            table_.all_[place_] = last;
            last->place_ = place_;
            table_.all_.pop_back();
        }

        /// The caller has hung up, and the statement was told.
        [[nodiscard]] bool ended() const { return ended_; }

     private:
        friend class attended;
        attended& table_;
        sql::abandonable& session_;
        const core::listener* by_;
        std::size_t place_;
        bool ended_ = false;
    };

    /// Ends the statements whose caller has hung up, at the database; called about once a second.
    /// @return How many.
    std::size_t sweep() noexcept {
        std::size_t ended = 0;
        for (guard* const each : all_) {
            if (each->by_ == nullptr || !each->by_->gone()) continue;
            each->by_ = nullptr;  // once is enough
            each->ended_ = true;
            each->session_.abandon();
            ++ended;
        }
        return ended;
    }

 private:
    std::vector<guard*> all_;
};

}  // namespace borealis::data_api
