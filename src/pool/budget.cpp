#include "pool/budget.hpp"

#include <algorithm>
#include <iterator>

#include <boost/asio/post.hpp>

namespace borealis::pool {

void share::give() noexcept { of_->give(); }

void key_budget::join(std::weak_ptr<budget_member> who, core::executor at) {
    const std::lock_guard lock(guard_);
    const auto* name = who.lock().get();
    threads_.push_back({std::move(who), name, std::move(at)});
}

void key_budget::leave(const budget_member* who) {
    const std::lock_guard lock(guard_);
    std::erase_if(threads_, [&](const thread& each) { return each.name == who; });
    std::erase_if(wants_, [&](const want& each) { return each.whose == who; });
    note_wanted();
}

void key_budget::set_maximum(std::size_t maximum) {
    const std::lock_guard lock(guard_);
    maximum_ = maximum;
    while (open_ < maximum_ && !wants_.empty()) {
        ++open_;
        serve_front();
    }
}

std::optional<share> key_budget::take_or_want(const budget_member* who, core::clock::time_point since, need how) {
    const std::lock_guard lock(guard_);
    if (open_ < maximum_) {
        ++open_;
        return share(shared_from_this());
    }
    wants_.push_back({who, since, how});
    note_wanted();
    if (how == need::some) ask_all_but(who);
    return std::nullopt;
}

void key_budget::press(const budget_member* who, need how) {
    const std::lock_guard lock(guard_);
    for (auto& each : wants_)
        if (each.whose == who) each.how = how;
    ask_all_but(who);
}

void key_budget::ask_all_but(const budget_member* who) {
    for (const auto& each : threads_) {
        if (each.name == who) continue;
        boost::asio::post(each.at, [member = each.who] {
            if (const auto there = member.lock()) there->asked();
        });
    }
}

std::optional<share> key_budget::take() {
    const std::lock_guard lock(guard_);
    if (open_ >= maximum_) return std::nullopt;
    ++open_;
    return share(shared_from_this());
}

void key_budget::unwant(const budget_member* who, std::size_t left) {
    const std::lock_guard lock(guard_);
    auto have = static_cast<std::size_t>(std::ranges::count(wants_, who, &want::whose));
    for (auto at = wants_.end(); have > left && at != wants_.begin();) {
        --at;
        if (at->whose != who) continue;
        at = wants_.erase(at);
        --have;
    }
    note_wanted();
}

std::optional<key_budget::claim> key_budget::claim_for_another(const budget_member* who,
                                                               std::optional<core::clock::time_point> own_first) {
    if (!wanted()) return std::nullopt;
    const std::lock_guard lock(guard_);
    if (open_ > maximum_) return std::nullopt;  // lowered: nobody gets this share
    const auto other = std::ranges::find_if(wants_, [&](const want& each) {
        if (each.whose == who || each.how == need::more) return false;
        return !own_first || (each.how == need::some && each.since + patience < *own_first);
    });
    if (other == wants_.end()) return std::nullopt;
    const claim made{other->whose};
    wants_.erase(other);
    note_wanted();
    return made;
}

void key_budget::deliver(claim to, share unit) { send(to.whose, std::move(unit)); }

std::size_t key_budget::open() const {
    const std::lock_guard lock(guard_);
    return open_;
}

bool key_budget::exceeded() const {
    const std::lock_guard lock(guard_);
    return open_ > maximum_;
}

void key_budget::give() noexcept {
    const std::lock_guard lock(guard_);
    if (open_ > maximum_ || wants_.empty()) {
        --open_;
    } else {
        serve_front();
    }
}

void key_budget::serve_front() {
    const auto* whose = wants_.front().whose;
    wants_.pop_front();
    note_wanted();
    send(whose, share(shared_from_this()));
}

void key_budget::send(const budget_member* to, share unit) {
    const std::lock_guard lock(guard_);
    const auto found = std::ranges::find(threads_, to, &thread::name);
    if (found == threads_.end()) return;  // it has left meanwhile: the share goes to the next
    boost::asio::post(found->at, [member = found->who, unit = std::move(unit)]() mutable {
        if (const auto there = member.lock()) there->granted(std::move(unit));
    });
}

std::shared_ptr<key_budget> budget_table::find(const std::string& key, std::size_t maximum) {
    const std::lock_guard lock(guard_);
    auto& known = all_[key];
    auto budget = known.lock();
    if (!budget) {
        budget = std::make_shared<key_budget>(maximum);
        known = budget;
        std::erase_if(all_, [](const auto& each) { return each.second.expired(); });
    }
    return budget;
}

}  // namespace borealis::pool
