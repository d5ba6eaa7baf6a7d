#pragma once
/// Who calls, and what they may: the one value that every service's handler receives.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auth/circumstances.hpp"
#include "auth/limits.hpp"
#include "auth/policy.hpp"
#include "core/error.hpp"

namespace borealis::auth {

/// A user, or a role that somebody has taken on: what a key stands for. Never changed once it is made.
struct principal {
    std::string access_key_id = {};  ///< The key by which it calls; empty: none.
    std::string arn;              ///< `arn:aws:iam::123456789012:user/NAME`, `arn:aws:sts::…:assumed-role/ROLE/SESSION`
    std::string account;          ///< Twelve digits.
    std::string user_id = {};     ///< As sts:GetCallerIdentity shows it.
    std::string user_name = {};   ///< Empty for roles.
    bool may_everything = false;  ///< No policy is asked.
    bool temporary = false;       ///< A session.
    policies identity = {};       ///< One must allow, none may deny.
    policies session = {};        ///< Of a session that has its own: one of these must allow as well.
    caller_limits limits = {};
    std::shared_ptr<meter> used = std::make_shared<meter>();  ///< Shared by all sessions and threads of one user.
};

/// Who sent a request. Cheap to copy; may be handed to another thread.
class caller {
 public:
    caller(std::shared_ptr<const principal> who, circumstances where)
        : who_(std::move(who)), where_(std::move(where)) {}

    /// Developer mode's: whoever the key says, a user of that name who may everything.
    [[nodiscard]] static caller developer(std::string_view access_key_id, std::string_view account,
                                          circumstances where = {});

    [[nodiscard]] const std::string& access_key_id() const { return who_->access_key_id; }
    [[nodiscard]] const std::string& arn() const { return who_->arn; }
    [[nodiscard]] const std::string& account() const { return who_->account; }
    [[nodiscard]] const principal& who() const { return *who_; }
    [[nodiscard]] const circumstances& where() const { return where_; }
    [[nodiscard]] const caller_limits& limits() const { return who_->limits; }
    /// Nothing that `may` is asked is refused: for leaving out what only serves to ask it.
    [[nodiscard]] bool may_everything() const { return who_->may_everything; }

    /// Is the action allowed on the resource?
    /// @param action    `rds-data:ExecuteStatement`, `secretsmanager:GetSecretValue`, `lambda:InvokeFunction` …
    /// @param resource  ARN, or `*` where the action has none.
    /// @param tagged    What the resource is tagged with (aws:ResourceTag/…); null: nothing.
    /// @return `access_denied` with AWS's sentence: `User: <arn> is not authorized to perform: …`
    [[nodiscard]] core::result<void> may(std::string_view action, std::string_view resource,
                                         const tags* tagged = nullptr) const;

    /// The same without the sentence: allowed, denied, or not spoken of by any identity policy.
    [[nodiscard]] policy::verdict judge(std::string_view action, std::string_view resource,
                                        const tags* tagged = nullptr) const;

 private:
    std::shared_ptr<const principal> who_;  // shared by the calls of one key on one thread
    circumstances where_;
};

}  // namespace borealis::auth
