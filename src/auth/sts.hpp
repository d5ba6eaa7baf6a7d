#pragma once
/// The `sts` operations in the query protocol: temporary credentials.
/// @see AWS STS API reference, version 2011-06-15.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/caller.hpp"
#include "auth/key_ring.hpp"
#include "auth/seal.hpp"

namespace borealis::auth {

/// Names and values of a form, decoded.
using form_fields = std::vector<std::pair<std::string, std::string>>;

/// What goes back to the client, `text/xml`.
struct sts_answer {
    int status = 200;
    std::string body = {};
    std::string error_code = {};  ///< Not empty: it failed so, and `message` says why; there is no body.
    std::string message = {};
};

/// GetCallerIdentity, GetSessionToken, AssumeRole.
///
/// AssumeRole: the role's `assumed_by` must name the caller. Naming the user is enough; where only a pattern with `*`
/// fits, a policy of the caller's must allow sts:AssumeRole on the role as well, as AWS asks when a role trusts a whole
/// account. An explicit deny always wins.
[[nodiscard]] sts_answer answer_sts(const form_fields& form, const caller& who, const key_ring& known, const seal& with,
                                    std::string_view request_id);

}  // namespace borealis::auth
