#pragma once
/// Waiting for a share of a budget where no session is at stake: the right to begin a transaction, or to have one more
/// session at a cluster.

#include <cstddef>
#include <functional>
#include <list>
#include <memory>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "pool/budget.hpp"

namespace borealis::pool {

/// One thread's end of a budget: who waits here for a share. Those of one thread are served in order of arrival, the
/// threads by who has waited longest.
class waiting_room final : public budget_member, public std::enable_shared_from_this<waiting_room> {
 public:
    /// @param when_asked  Called on the home thread when another thread or pool waits: may give a share back. May be
    /// empty.
    waiting_room(core::executor home, std::shared_ptr<key_budget> budget, std::function<void()> when_asked = {});

    void join() { budget_->join(weak_from_this(), home_); }
    /// Nobody enters any more; those who wait leave empty-handed.
    void shut() noexcept;

    /// @param maximum  Shares that there may be from now on.
    /// @return Empty when there is none, or others wait for one: then comes enter().
    [[nodiscard]] share enter_at_once(std::size_t maximum);
    /// @return Empty when none came free before `until`, or the room was shut.
    static core::awaitable<share> enter(std::shared_ptr<waiting_room> self, std::size_t maximum, core::deadline until);

    void granted(share unit) override;
    void asked() override {
        if (when_asked_) when_asked_();
    }

    /// Does anybody wait for a share, here or elsewhere? Perhaps a moment old.
    [[nodiscard]] bool wanted() const { return budget_->wanted(); }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
    /// Shares out, all threads together.
    [[nodiscard]] std::size_t open() const { return budget_->open(); }

 private:
    struct waiter;

    core::executor home_;
    std::shared_ptr<key_budget> budget_;
    std::function<void()> when_asked_;
    std::list<waiter*> waiting_;  ///< In order of arrival; each lives in its coroutine's frame.
    std::size_t maximum_ = 0;
    bool shut_ = false;

    void set_maximum(std::size_t maximum);
};

}  // namespace borealis::pool
