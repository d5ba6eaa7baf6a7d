#include "clusters/life.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;

constexpr auto first_pause = 250ms;  // after a failed start, before the next one; doubled each time
constexpr auto longest_pause = 4s;

}  // namespace

std::string_view name_of(status what) {
    static constexpr std::array<std::string_view, 13> names = {
        "idle",     "creating", "starting", "available", "modifying", "pausing", "paused",
        "resuming", "stopping", "stopped",  "deleting",  "failed",    "gone"};
    return names.at(static_cast<std::size_t>(what));
}

std::string_view aws_name_of(status what) {
    switch (what) {
        case status::idle:
        case status::pausing:
        case status::paused:
        case status::resuming:
            return name_of(status::available);
        default:
            return name_of(what);
    }
}

step life::run(core::clock::time_point now) {
    wanted_ = true;
    if (now < not_before_) return step::nothing;
    wanted_ = false;
    if (is_new_) return begin(step::create, status::creating);
    if (apply_after_) return begin(step::start, status::modifying);
    return begin(step::start, was_paused_ ? status::resuming : status::starting);
}

step life::resume(event what, core::clock::time_point now) {
    switch (what) {
        case event::call:
            if (is_ == status::stopped) return step::nothing;
            [[fallthrough]];
        case event::start:
            if (is_ == status::pausing) is_ = status::available;
            if (running_ || is_ == status::deleting || is_ == status::gone) return step::nothing;
            return run(now);
        case event::pause:
            if (is_ == status::available) is_ = status::pausing;
            if (is_ == status::idle && !is_new_) is_ = status::paused;
            was_paused_ |= is_ == status::paused;
            return step::nothing;
        case event::quiet:
            return is_ == status::pausing ? begin(step::halt, status::pausing) : step::nothing;
        case event::keep_up:
            if (is_ == status::pausing) is_ = status::available;
            return step::nothing;
        case event::modify:
            if (is_ == status::stopped || is_ == status::deleting || is_ == status::gone) return step::nothing;
            if (running_) return begin(step::apply, status::modifying);
            apply_after_ = true;
            return run(now);
        case event::stop:
            wanted_ = false;
            was_paused_ = false;
            if (is_ == status::deleting || is_ == status::gone) return step::nothing;
            if (running_) return begin(step::halt, status::stopping);
            is_ = status::stopped;
            return step::nothing;
        case event::remove:
            wanted_ = false;
            return is_ == status::gone ? step::nothing : begin(step::remove, status::deleting);
        case event::done:
            return done();
        case event::failed:
            return failed(now);
        case event::died:
            running_ = false;
            was_paused_ |= is_ == status::pausing;
            is_ = is_ == status::pausing ? status::paused : status::idle;
            return step::nothing;
        case event::timer:
            return wanted_ ? run(now) : step::nothing;
    }
    return step::nothing;
}

step life::done() {
    switch (last_) {
        case step::create:
        case step::start:
            running_ = true;
            is_new_ = false;
            was_paused_ = false;
            failures_ = 0;
            if (apply_after_) {
                apply_after_ = false;
                return begin(step::apply, status::modifying);
            }
            is_ = status::available;
            break;
        case step::apply:
            is_ = status::available;
            break;
        case step::halt:
            running_ = false;
            was_paused_ = is_ == status::pausing;
            is_ = was_paused_ ? status::paused : status::stopped;
            break;
        case step::remove:
            running_ = false;
            is_ = status::gone;
            break;
        case step::nothing:
            break;
    }
    last_ = step::nothing;
    return step::nothing;
}

step life::failed(core::clock::time_point now) {
    const auto what = std::exchange(last_, step::nothing);
    if (what == step::apply) {  // the engine runs as it did
        is_ = status::available;
        return step::nothing;
    }
    running_ = false;
    apply_after_ = false;
    is_ = status::failed;
    not_before_ = now + std::min<core::clock::duration>(first_pause * (1U << std::min(failures_, 8U)), longest_pause);
    ++failures_;
    return step::nothing;
}

verdict life::about(event wish) const {
    const auto either = [this](std::initializer_list<status> all) { return std::ranges::find(all, is_) != all.end(); };
    switch (wish) {
        case event::call:
        case event::start:
            if (running_ && either({status::available, status::modifying})) return verdict::come_true;
            if (either({status::stopped, status::deleting, status::gone}) || (is_ == status::failed && !wanted_))
                return verdict::refused;
            return verdict::pending;
        case event::pause:
            return either({status::pausing, status::paused}) ? verdict::come_true : verdict::refused;
        case event::quiet:
            if (is_ == status::pausing && last_ == step::halt) return verdict::pending;
            return is_ == status::paused ? verdict::come_true : verdict::refused;
        case event::modify:
            if (is_ == status::available) return verdict::come_true;
            return wanted_ || is_ == status::modifying ? verdict::pending : verdict::refused;
        case event::stop:
            if (is_ == status::stopping) return verdict::pending;
            return is_ == status::stopped ? verdict::come_true : verdict::refused;
        case event::remove:
            if (is_ == status::deleting) return verdict::pending;
            return is_ == status::gone ? verdict::come_true : verdict::refused;
        default:
            return verdict::come_true;
    }
}

std::optional<core::clock::time_point> life::wakes_at() const {
    return wanted_ ? std::optional(not_before_) : std::nullopt;
}

status life::resting() const {
    switch (is_) {
        case status::paused:
        case status::stopped:
        case status::deleting:
        case status::gone:
            return is_;
        case status::stopping:
            return status::stopped;
        default:
            return is_new_ ? status::creating : status::idle;
    }
}

bool idle_watch::observe(const activity& seen, std::chrono::milliseconds pause_after, core::clock::time_point now) {
    const bool used = seen.running != 0 || seen.begun != begun_ || !quiet_since_;
    begun_ = seen.begun;
    if (used) quiet_since_ = now;
    if (pause_after.count() == 0 || now - *quiet_since_ < pause_after) return false;
    quiet_since_ = now;
    return true;
}

}  // namespace borealis::clusters
