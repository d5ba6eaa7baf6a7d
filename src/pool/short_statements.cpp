#include "pool/short_statements.hpp"

#include <algorithm>
#include <utility>

namespace borealis::pool {
namespace {

/// What is forgotten: how good, and how bad, a statement has been.
constexpr std::int64_t most_credit = 2 * short_statement::most_slow;
constexpr std::int64_t least_credit = -4 * short_statement::most_slow;
/// So many sessions in use are taken to work without one waiting for another …
constexpr std::size_t unhindered = 4;
/// … and with more than so many now and then one waits for all the others.
constexpr std::size_t crowd = 16;
/// Of what sessions held alone get done, what shared ones must in the few calls of a trial, which have to find their
/// place among all the others …
constexpr double promising = 0.2;
/// … to be taken up, when there is work saved elsewhere as well …
constexpr double better = 0.95;
/// … and to go on, beside what may have been so under another load.
constexpr double still_good = 0.8;

}  // namespace

void short_statement::note(core::clock::duration took, std::size_t beside, std::size_t bytes,
                           const short_limits& by) noexcept {
    const auto own = took / static_cast<std::int64_t>(std::max<std::size_t>(1, beside / unhindered));
    usual_ = std::exchange(seen_, true) ? usual_ + (own - usual_) / 8 : own;
    const auto slow = by.slow * static_cast<std::int64_t>(std::max<std::size_t>(1, beside / crowd));
    const bool bad = took > slow || bytes > by.bytes;
    credit_ = std::clamp(credit_ + (bad ? -most_slow : 1), least_credit, most_credit);
}

void short_statement::observe(const alone_run& what, std::size_t bytes, const short_limits& by) noexcept {
    note(what.took, what.beside, bytes, by);
    const auto busy = left(what.ended);
    if (!writes_) return;
    if (alone_.times == after_failure) alone_.halve();
    alone_.add(busy, 1);
    if (next_trial_ > 0 && --next_trial_ == compared) alone_ = {};  // what came before made sessions warm
}

void short_statement::observe_shared(const shared_run& what, std::size_t bytes, const short_limits& by) noexcept {
    note(what.took, 1, bytes, by);
    (void)left(what.ended);
    if (!writes_) return;
    if (!shares_ && trying_ > 0) --trying_;
    if (!what.waited || (!shares_ && next_trial_ > 0)) return;
    together_.add(what.took, shares_ ? what.sessions : what.most_sessions);
    if (together_.times < (shares_ ? compared : trials)) return;
    const auto enough = !shares_ ? promising : looks_left_ == looks_ ? better : still_good;
    if (together_.mean() > by.write_time || together_.rate() < enough * alone_.rate()) {
        looks_ = 1;
        run_alone(after_failure << failures_);
        failures_ = std::min(failures_ + 1, most_failures);
        return;
    }
    together_ = {};
    if (!std::exchange(shares_, true)) {
        looks_left_ = looks_;
    } else if (--looks_left_ == 0) {
        failures_ = 0;
        looks_ = std::min(looks_ * 4, most_looks);
        run_alone(compared + before_trial);
    }
}

core::clock::duration short_statement::left(core::clock::time_point now) noexcept {
    const auto since = std::exchange(busy_since_, now);
    if (under_way_ > 0) --under_way_;
    return now - since;
}

void short_statement::run_alone(std::uint32_t times) noexcept {
    shares_ = false;
    next_trial_ = times;
    trying_ = 0;
    alone_ = together_ = {};
}

const std::shared_ptr<short_statement>& short_statements::find(const std::shared_ptr<const sql::rewritten>& statement) {
    const auto found = by_statement_.find(statement.get());
    if (found != by_statement_.end()) {
        if (found->second != by_use_.begin()) by_use_.splice(by_use_.begin(), by_use_, found->second);
        auto& it = by_use_.front();
        if (it.of.expired()) {  // another statement at the same address
            it.of = statement;
            it.known = std::make_shared<short_statement>(statement->plain_write);
        }
        return it.known;
    }
    if (by_use_.size() >= most_) {
        by_statement_.erase(by_use_.back().name);
        by_use_.pop_back();
    }
    by_use_.push_front({statement.get(), statement, std::make_shared<short_statement>(statement->plain_write)});
    by_statement_.emplace(statement.get(), by_use_.begin());
    return by_use_.front().known;
}

}  // namespace borealis::pool
