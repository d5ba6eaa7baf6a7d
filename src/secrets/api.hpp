#pragma once
/// The secretsmanager operations in AWS JSON 1.1, over a store; no HTTP.

#include <string>
#include <string_view>

#include "secrets/store.hpp"

namespace borealis::secrets {

/// What goes back to the client, as `application/x-amz-json-1.1`.
struct answer {
    int status = 200;
    std::string error_type = {};  ///< For x-amzn-ErrorType; empty after success.
    std::string body;
};

/// CreateSecret, GetSecretValue, PutSecretValue, UpdateSecret, DescribeSecret, ListSecrets, DeleteSecret,
/// RestoreSecret. Thread-safe. Who may call what is the caller's to check first: `resource_of` names the secret.
class api {
 public:
    /// `on` outlives this object.
    explicit api(store& on) : on_(on) {}

    /// @param target  X-Amz-Target, "secretsmanager.GetSecretValue".
    /// @param body    The request's JSON; an empty one is `{}`.
    [[nodiscard]] answer handle(std::string_view target, std::string_view body) const;

    /// What a policy is asked about: the ARN of the secret that the body's SecretId finds, else the SecretId as it
    /// stands, or the ARN without suffix that CreateSecret's Name will get; "*" where the body names none.
    [[nodiscard]] std::string resource_of(std::string_view body) const;

 private:
    store& on_;
};

}  // namespace borealis::secrets
