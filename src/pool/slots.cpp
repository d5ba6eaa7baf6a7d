#include "pool/slots.hpp"

#include <algorithm>
#include <utility>

namespace borealis::pool {
namespace {

using std::chrono::milliseconds;

bool is_past(core::clock::duration limit, core::clock::time_point since, core::clock::time_point now) {
    return limit > limit.zero() && now - since >= limit;
}

/// Moves the sessions that are `unfit` from `idle` to `out`; the others stay in order.
template <class Idle, class Predicate>
void move_unfit(Idle& idle, std::vector<session>& out, Predicate unfit) {
    std::erase_if(idle, [&](auto& each) {
        if (!unfit(each)) return false;
        out.push_back(std::move(each.what));
        return true;
    });
}

}  // namespace

std::vector<session> slots::use(const destination& to) {
    limits_ = to.limits;
    if (driver_ == to.driver && endpoint_ == to.endpoint && others_ == to.others && login_ == to.login) return {};
    driver_ = to.driver;
    endpoint_ = to.endpoint;
    others_ = to.others;
    login_ = to.login;
    backoff_ = milliseconds::zero();
    return outdate();
}

std::vector<session> slots::outdate() {
    ++generation_;
    std::vector<session> all;
    all.reserve(idle_.size());
    for (auto& each : idle_) all.push_back(std::move(each.what));
    idle_.clear();
    return all;
}

session_origin slots::born(std::uint64_t generation, core::clock::time_point now) {
    if (limits_.lifetime <= limits_.lifetime.zero()) return {core::clock::time_point::max(), generation};
    // Sessions opened together shall not end together.
    const auto tenth = std::chrono::duration_cast<milliseconds>(limits_.lifetime).count() / 10;
    std::uniform_int_distribution<milliseconds::rep> jitter(-tenth, tenth);
    return {now + limits_.lifetime + milliseconds(jitter(random_)), generation};
}

std::optional<session> slots::take(core::clock::time_point now, std::vector<session>& closed) {
    while (!idle_.empty()) {
        std::optional<session> what(std::move(idle_.back().what));
        const auto since = idle_.back().since;
        idle_.pop_back();
        if (now < what->origin.expires && (limits_.minimum > 0 || !is_past(limits_.idle, since, now))) {
            // One poll(2), so that a server that went away a moment ago costs nobody his call.
            if (!what->held->seems_dead()) return what;
            // A server that closed one session has mostly closed them all.
            move_unfit(idle_, closed, [](const resting& each) { return each.what.held->seems_dead(); });
        }
        closed.push_back(std::move(*what));
    }
    return std::nullopt;
}

slots::verdict slots::judge(const sql::connection& held, const session_origin& origin, state left_in,
                            core::clock::time_point now) const {
    if (left_in == state::discarded || !held.usable() || origin.generation != generation_ || now >= origin.expires) {
        return verdict::close;
    }
    return left_in == state::tainted || held.in_transaction() ? verdict::reset : verdict::keep;
}

void slots::keep(session&& back, core::clock::time_point now) { idle_.push_back({std::move(back), now}); }

std::optional<session> slots::take_oldest() {
    if (idle_.empty()) return std::nullopt;
    auto oldest = std::move(idle_.front().what);
    idle_.erase(idle_.begin());
    return oldest;
}

std::vector<session> slots::sweep(core::clock::time_point now, std::size_t spare) {
    std::vector<session> past;
    move_unfit(idle_, past, [&](const resting& each) {
        if (now >= each.what.origin.expires) return true;
        if (spare == 0 || !is_past(limits_.idle, each.since, now)) return false;
        --spare;
        return true;
    });
    return past;
}

void slots::connect_failed(sql::failure why, core::clock::time_point now) {
    backoff_ = std::clamp(backoff_ * 2, milliseconds(100), milliseconds(2000));
    retry_at_ = now + backoff_;
    last_failure_ = std::move(why);
}

std::optional<sql::failure> slots::refusal(core::clock::time_point now) const {
    if (backoff_ == milliseconds::zero() || now >= retry_at_) return std::nullopt;
    return last_failure_;
}

}  // namespace borealis::pool
