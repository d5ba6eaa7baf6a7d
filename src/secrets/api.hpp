#pragma once
/// The secretsmanager operations in AWS JSON 1.1, over a store; no HTTP.

#include <string>
#include <string_view>

#include "auth/caller.hpp"
#include "json/document.hpp"
#include "secrets/rotator.hpp"
#include "secrets/store.hpp"

namespace borealis::secrets {

/// What goes back to the client, as `application/x-amz-json-1.1`.
struct answer {
    int status = 200;
    std::string error_type = {};  ///< For x-amzn-ErrorType; empty after success.
    std::string body;
};

/// Thread-safe.
class api {
 public:
    /// @param on     Outlives this object, and so does
    /// @param turns  which carries rotations out; null: RotateSecret finds that no secret can be rotated.
    explicit api(store& on, rotator* turns = nullptr) : on_(on), rotator_(turns) {}

    /// @param target  X-Amz-Target, "secretsmanager.GetSecretValue".
    /// @param body    The request's JSON; an empty one is `{}`.
    /// @param who     Must be allowed the action, `secretsmanager:GetSecretValue` …, on each secret it touches.
    [[nodiscard]] answer handle(std::string_view target, std::string_view body, const auth::caller& who) const;

    /// What a policy is asked about: the ARN of the secret that the body's SecretId finds, else the SecretId as it
    /// stands; of CreateSecret the ARN without suffix that its Name will get; "*" where the operation works with no
    /// single secret, or the body names none.
    [[nodiscard]] std::string resource_of(std::string_view operation, const json::node& body) const;

 private:
    store& on_;
    rotator* rotator_;
};

}  // namespace borealis::secrets
