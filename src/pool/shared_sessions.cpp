#include "pool/shared_sessions.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace borealis::pool {
namespace {

/// Guests of the least used session from which another one is shared as well.
constexpr std::size_t many_guests = 4;

/// Else nobody shall wait behind its head, which may turn out to be slow.
bool is_moving(const shared_session& which, const sharing& limits, core::clock::time_point now) {
    return now - which.head_since <= limits.proof.slow / 4;
}

}  // namespace

void shared_sessions::close_if_due(shared_session& which, const surroundings& with) {
    if (which.closing) return;
    const auto& origin = which.what.origin;
    if (origin.generation != with.generation || with.now >= origin.expires || !which.what.held->usable() ||
        which.left_in != slots::state::clean) {
        which.closing = true;
        return;
    }
    if (!with.wanted) return;
    // One at a time: who waits is served by the first that comes home.
    if (std::ranges::any_of(all_, [](const auto& each) { return each->closing; })) return;
    const auto turn = with.others > all_.size() ? long_turn : short_turn;
    which.closing = with.now - which.shared_since >= turn;
}

shared_session* shared_sessions::find(const sharing& limits, const surroundings& with) {
    shared_session* best = nullptr;
    for (const auto& each : all_) {
        close_if_due(*each, with);
        if (each->closing || each->guests.size() >= limits.depth) continue;
        if (!is_moving(*each, limits, with.now)) continue;
        if (each->expected > limits.proof.time) continue;
        if (best == nullptr || each->guests.size() < best->guests.size()) best = each.get();
    }
    return best;
}

bool shared_sessions::worth_another(const shared_session* found, const sharing& limits) const {
    return all_.size() < limits.sessions && (found == nullptr || found->guests.size() >= many_guests);
}

bool shared_sessions::keeps_moving(const sharing& limits, core::clock::time_point now) const {
    return all_.size() >= limits.sessions &&
           std::ranges::any_of(all_, [&](const auto& each) { return !each->closing && is_moving(*each, limits, now); });
}

shared_session& shared_sessions::host(session&& what, core::clock::time_point now) {
    if (spare_hosts_.empty()) {
        spare_hosts_.reserve(all_.size() + 1);  // to come back to
        spare_hosts_.push_back(std::make_unique<shared_session>());
    }
    auto& made = *all_.emplace_back(std::move(spare_hosts_.back()));
    spare_hosts_.pop_back();
    made.what = std::move(what);
    made.expected = {};
    made.shared_since = now;
    made.closing = false;
    made.left_in = slots::state::clean;
    return made;
}

guest& shared_sessions::join(shared_session& which, core::clock::duration usual, core::clock::time_point now) {
    if (which.guests.empty()) which.head_since = now;
    if (spare_.empty()) spare_.emplace_back();
    which.guests.splice(which.guests.end(), spare_, spare_.begin());
    auto& made = which.guests.back();
    made.since = now;
    made.usual = usual;
    made.moved_on = false;
    made.place = std::prev(which.guests.end());
    which.expected += usual;
    return made;
}

core::clock::duration shared_sessions::took(const shared_session& which, const guest& who,
                                            core::clock::time_point now) {
    return now - std::max(which.head_since, who.since);
}

std::optional<shared_sessions::remains> shared_sessions::leave(shared_session& which, guest& who,
                                                               core::clock::time_point now) {
    which.head_since = now;
    which.expected -= who.usual;
    spare_.splice(spare_.begin(), which.guests, who.place);
    if (!which.guests.empty()) return std::nullopt;
    const auto at = std::ranges::find(all_, &which, [](const auto& each) { return each.get(); });
    std::optional<remains> last({std::move(which.what), which.left_in});
    std::swap(*at, all_.back());
    spare_hosts_.push_back(std::move(all_.back()));
    all_.pop_back();
    return last;
}

std::optional<core::clock::time_point> shared_sessions::move_on(const sharing& limits, core::clock::time_point now,
                                                                std::uint64_t& counted) {
    std::optional<core::clock::time_point> next;
    for (const auto& each : all_) {
        if (each->guests.size() < 2) continue;
        auto& head = each->guests.front();
        if (now - each->head_since >= limits.proof.slow && !std::exchange(head.moved_on, true)) {
            ++counted;
            head.call.abandon();
        }
        const auto due = (head.moved_on ? now : each->head_since) + limits.proof.slow;
        if (!next || due < *next) next = due;
    }
    return next;
}

}  // namespace borealis::pool
