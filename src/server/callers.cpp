#include "server/callers.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "core/log.hpp"

namespace borealis::server {

callers::callers(std::shared_ptr<const config> with, const secrets::store& state)
    : with_(std::move(with)),
      seal_(state),
      file_(with_->state_folder, seal_),
      replays_(with_->access.replay_memory),
      authenticate_(with_->access.authenticates()) {
    load();
    for (const auto& name : ring_->without_policy()) {
        core::log(core::log_level::warning,
                  "user {} has no policy and so may call nothing: give it one (docs/access.md)", name);
    }
}

std::shared_ptr<const auth::key_ring> callers::ring() const {
    const std::scoped_lock held(lock_);
    return ring_;
}

std::shared_ptr<const auth::key_ring> callers::make(const config& with) {
    auto users = file_.read();
    for (const auto& one : with.access.users) {
        if (std::ranges::find(users, one.name, &auth::user::name) != users.end()) {
            throw std::runtime_error(fmt::format("{}: user {} stands in the config too: remove it from one of them",
                                                 file_.path().string(), one.name));
        }
    }
    users.insert(users.end(), with.access.users.begin(), with.access.users.end());
    auto roles = with.access.roles;
    for (const auto& one : template_roles_) {
        if (std::ranges::find(roles, one.name, &auth::role::name) == roles.end()) roles.push_back(one);
    }
    const auto before = ring();
    auto made =
        auth::key_ring::make(with.account, std::move(users), std::move(roles), with.access.defaults, before.get());
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
}

void callers::use(std::shared_ptr<const auth::key_ring> made) {
    if (read_at_.bytes >= 0) authenticate_ = true;
    const std::scoped_lock held(lock_);
    ring_ = std::move(made);
    generation_.fetch_add(1, std::memory_order_release);
}

void callers::load() {
    read_at_ = file_.look();
    use(make(*with_));
}

std::shared_ptr<const auth::key_ring> callers::prepare(const config& with) {
    const std::scoped_lock held(loading_);
    return make(with);
}

void callers::take(std::shared_ptr<const config> with, std::shared_ptr<const auth::key_ring> made) {
    const std::scoped_lock held(loading_);
    with_ = std::move(with);
    if (with_->access.authenticates()) authenticate_ = true;
    try {
        load();  // the keys file may have changed a moment ago
    } catch (const std::exception&) {
        use(std::move(made));
    }
}

void callers::set_template_roles(std::vector<auth::role> roles) {
    const std::scoped_lock held(loading_);
    auto before = std::exchange(template_roles_, std::move(roles));
    try {
        load();
    } catch (...) {
        template_roles_ = std::move(before);
        throw;
    }
}

void callers::refresh() {
    const std::scoped_lock held(loading_);
    if (file_.look() == read_at_) return;
    try {
        load();
        core::log(core::log_level::info, "the keys file was read again");
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "the keys file was not taken over: {}", e.what());
    }
}

}  // namespace borealis::server
