#include "auth/caller.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace borealis::auth {
namespace {

/// Developer mode takes any key id, also one that no name may have.
std::string as_name(std::string_view text) {
    std::string name(text.substr(0, 64));
    const auto allowed = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("+=,.@_-").contains(c);
    };
    std::ranges::replace_if(name, std::not_fn(allowed), '_');
    return name.empty() ? "anonymous" : name;
}

}  // namespace

caller caller::developer(std::string_view access_key_id, std::string_view account, circumstances where) {
    auto who = std::make_shared<principal>();
    who->access_key_id = access_key_id;
    who->arn = fmt::format("arn:aws:iam::{}:user/{}", account, as_name(access_key_id));
    who->account = account;
    who->user_id = access_key_id;
    who->may_everything = true;
    return {std::move(who), std::move(where)};
}

namespace {

policy::verdict judge_all(const policies& all, const question& asked) {
    auto found = policy::verdict::silent;
    for (const auto& one : all) {
        switch (one->judge(asked)) {
            case policy::verdict::denied:
                return policy::verdict::denied;
            case policy::verdict::allowed:
                found = policy::verdict::allowed;
                break;
            case policy::verdict::silent:
                break;
        }
    }
    return found;
}

}  // namespace

core::result<void> caller::may(std::string_view action, std::string_view resource, const tags* tagged) const {
    if (who_->may_everything) return {};
    const question asked{.action = action,
                         .resource = resource,
                         .tagged = tagged,
                         .where = where_,
                         .principal_arn = who_->arn,
                         .account = who_->account,
                         .user_name = who_->user_name,
                         .user_id = who_->user_id};
    const auto refuse = [&](std::string_view why) {
        return core::fail(core::error_kind::access_denied,
                          fmt::format("User: {} is not authorized to perform: {} on resource: {} {}", who_->arn, action,
                                      resource, why));
    };
    const auto by_identity = judge_all(who_->identity, asked);
    if (by_identity == policy::verdict::denied) return refuse("with an explicit deny in an identity-based policy");
    const auto by_session = who_->session.empty() ? policy::verdict::allowed : judge_all(who_->session, asked);
    if (by_session == policy::verdict::denied) return refuse("with an explicit deny in a session policy");
    if (by_identity == policy::verdict::silent)
        return refuse(fmt::format("because no identity-based policy allows the {} action", action));
    if (by_session == policy::verdict::silent)
        return refuse(fmt::format("because no session policy allows the {} action", action));
    return {};
}

policy::verdict caller::judge(std::string_view action, std::string_view resource, const tags* tagged) const {
    if (who_->may_everything) return policy::verdict::allowed;
    return judge_all(who_->identity, {.action = action,
                                      .resource = resource,
                                      .tagged = tagged,
                                      .where = where_,
                                      .principal_arn = who_->arn,
                                      .account = who_->account,
                                      .user_name = who_->user_name,
                                      .user_id = who_->user_id});
}

}  // namespace borealis::auth
