#include "clusters/scaler.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;

constexpr auto v2_step = 5s;              // between two steps down
constexpr auto v1_rest_after_up = 15min;  // L-7.3
constexpr auto v1_rest_after_down = 310s;

}  // namespace

std::span<const int> capacity_values(engine of) {
    static constexpr std::array<int, 9> mysql = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    static constexpr std::array<int, 8> postgresql = {2, 4, 8, 16, 32, 64, 192, 384};
    if (of == engine::mysql) return mysql;
    return postgresql;
}

bool is_capacity_value(engine of, int units) {
    const auto all = capacity_values(of);
    return std::ranges::find(all, units) != all.end();
}

std::optional<capacity> scaler::observe(const description& of, capacity now, const activity& seen,
                                        core::clock::time_point at) {
    const auto& bounds = of.scales;
    const capacity least{std::max(bounds.least.halves, 1)};
    const auto wanted = std::clamp(capacity{static_cast<int>(std::min<std::size_t>(seen.running, 1024))}, least,
                                   std::max(least, bounds.most));
    const auto become = [&](capacity next) {
        last_was_up_ = next > now;
        changed_ = at;
        left_at_ = next;
        busy_since_.reset();
        return next;
    };
    if (now.halves == 0) return become(least);
    if (wanted == now) return std::nullopt;
    if (of.mode == generation::v2) {
        if (wanted > now) return become(wanted);
        if (changed_ && at - *changed_ < v2_step) return std::nullopt;
        return become(std::max(wanted, capacity{now.halves * 3 / 4}));
    }
    if (const auto before = std::exchange(left_at_, now); before != now) {  // somebody else has changed it
        last_was_up_ = now > before;
        changed_ = at;
    }
    const auto all = capacity_values(of.is);
    if (wanted < now && changed_ && at - *changed_ < (last_was_up_ ? v1_rest_after_up : v1_rest_after_down))
        return std::nullopt;
    const auto here = std::ranges::lower_bound(all, now.halves / 2);
    auto next = here;
    if (wanted > now && next != all.end() && next + 1 != all.end()) ++next;
    if (wanted < now && next != all.begin()) --next;
    const capacity value{next == all.end() ? now.halves : *next * 2};
    const bool away = value > now ? value > bounds.most : value < least;  // from the bounds, not to them
    if (value == now || away) return std::nullopt;
    // A scaling point, or the end of the search for one. Nothing of ours closes a connection, so that forcing it is as
    // harmless; giving up begins the search anew.
    if (seen.running != 0) {
        if (!busy_since_) busy_since_ = at;
        if (at - *busy_since_ < bounds.before_timeout) return std::nullopt;
        if (bounds.timeout_action != "ForceApplyCapacityChange") {
            busy_since_ = at;
            return std::nullopt;
        }
    }
    return become(value);
}

}  // namespace borealis::clusters
