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
/// Of what sessions held alone get done, what shared ones must: what is saved elsewhere is worth a little.
constexpr double good = 0.8;

}  // namespace

void short_statement::note(core::clock::duration took, std::size_t beside, std::size_t bytes,
                           const short_limits& by) noexcept {
    const auto own = took / static_cast<std::int64_t>(std::max<std::size_t>(1, beside / unhindered));
    usual_ = std::exchange(seen_, true) ? usual_ + (own - usual_) / 8 : own;
    const auto slow = by.slow * static_cast<std::int64_t>(std::max<std::size_t>(1, beside / crowd));
    const bool bad = took > slow || bytes > by.bytes;
    credit_ = std::clamp(credit_ + (bad ? -most_slow : 1), least_credit, most_credit);
}

void short_statement::observe(core::clock::duration took, std::size_t beside, std::size_t bytes,
                              const short_limits& by) noexcept {
    note(took, beside, bytes, by);
    if (!writes_) return;
    if (alone_.times == after_failure) alone_.halve();
    alone_.add(took, beside);
    if (next_trial_ > 0) --next_trial_;
}

void short_statement::observe_shared(core::clock::duration took, bool waited, std::size_t sessions, std::size_t bytes,
                                     const short_limits& by) noexcept {
    note(took, 1, bytes, by);
    if (!writes_) return;
    if (!shares_ && trying_ > 0) --trying_;
    if (!waited || (!shares_ && next_trial_ > 0)) return;
    together_.add(took, sessions);
    if (together_.times < (shares_ ? looked_at : trials)) return;
    const bool well = together_.mean() <= by.write_time && together_.rate() >= good * alone_.rate();
    together_ = {};
    if (!well) {
        run_alone(after_failure << failures_);
        failures_ = std::min(failures_ + 1, most_failures);
        return;
    }
    if (!std::exchange(shares_, true)) {
        looks_left_ = renewed / looked_at;
    } else if (--looks_left_ == 0) {
        failures_ = 0;
        run_alone(before_trial);
    }
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
