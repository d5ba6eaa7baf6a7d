#include "pool/waiting_room.hpp"

#include <utility>

namespace borealis::pool {

/// May be destroyed at any time, with its coroutine.
struct waiting_room::waiter {
    explicit waiter(std::shared_ptr<waiting_room> of) : home(std::move(of)), wake(home->home_) {
        place = home->waiting_.insert(home->waiting_.end(), this);
        queued = true;
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { leave(); }

    void leave() noexcept {
        if (!std::exchange(queued, false)) return;
        home->waiting_.erase(place);
        home->budget_->unwant(home.get(), home->waiting_.size());
    }
    void call() {
        leave();
        wake.cancel();
    }

    std::shared_ptr<waiting_room> home;
    core::timer wake;
    std::list<waiter*>::iterator place;
    bool queued = false;
    share unit;
};

waiting_room::waiting_room(core::executor home, std::shared_ptr<key_budget> budget, std::function<void()> when_asked)
    : home_(std::move(home)), budget_(std::move(budget)), when_asked_(std::move(when_asked)) {}

void waiting_room::shut() noexcept {
    shut_ = true;
    while (!waiting_.empty()) waiting_.front()->call();
    budget_->leave(this);
}

void waiting_room::set_maximum(std::size_t maximum) {
    if (std::exchange(maximum_, maximum) != maximum) budget_->set_maximum(maximum);
}

share waiting_room::enter_at_once(std::size_t maximum) {
    if (shut_ || !waiting_.empty()) return {};
    set_maximum(maximum);
    return budget_->take().value_or(share());
}

core::awaitable<share> waiting_room::enter(std::shared_ptr<waiting_room> self, std::size_t maximum,
                                           core::deadline until) {
    if (self->shut_) co_return share();
    self->set_maximum(maximum);
    waiter me(self);
    if (auto unit = self->budget_->take_or_want(self.get(), core::clock::now())) {
        // Whoever came first on this thread has waited longest.
        auto& first = *self->waiting_.front();
        first.unit = std::move(*unit);
        first.call();
    }
    if (me.queued) {
        me.wake.expires_at(until.at());
        co_await me.wake.async_wait(core::as_tuple);
    }
    me.leave();
    co_return std::move(me.unit);
}

void waiting_room::granted(share unit) {
    if (waiting_.empty()) return;  // the share goes to the next room
    auto& first = *waiting_.front();
    first.unit = std::move(unit);
    first.call();
}

}  // namespace borealis::pool
