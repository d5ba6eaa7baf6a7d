#pragma once
/// Everybody who may call: users with their keys, and roles.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/caller.hpp"
#include "auth/limits.hpp"
#include "auth/seal.hpp"
#include "auth/verifier.hpp"
#include "core/error.hpp"
#include "core/secret_text.hpp"

namespace borealis::auth {

/// An access key of a user.
struct access_key {
    std::string id;
    core::secret_text secret;
    bool active = true;
    std::chrono::sys_seconds created = {};

    friend bool operator==(const access_key&, const access_key&) = default;
};

/// As the config or the keys file tells of a user.
struct user {
    std::string name;
    std::string user_id = {};                ///< Empty: made of the name.
    std::vector<std::string> policies = {};  ///< Each a document, or the name of a managed policy.
    caller_limits limits = {};
    std::vector<access_key> keys = {};

    friend bool operator==(const user&, const user&) = default;
};

/// What users may take on with sts:AssumeRole.
struct role {
    std::string name;
    std::vector<std::string> assumed_by = {};  ///< Names of users or their ARNs; `*` in them is any run of characters.
    std::vector<std::string> policies = {};
    caller_limits limits = {};
    std::chrono::seconds longest_session = std::chrono::hours(1);

    friend bool operator==(const role&, const role&) = default;
};

/// AWS's own bound: with two, one can be replaced while the other is in use.
inline constexpr std::size_t most_keys_of_a_user = 2;

/// Letters, digits and `+=,.@_-`, at most 64 (IAM, "Names").
[[nodiscard]] bool is_name(std::string_view text);

[[nodiscard]] access_key make_access_key(std::chrono::sys_seconds now);
/// `AIDA` or `AROA` and 17 characters that stay the same for a name.
[[nodiscard]] std::string stable_id(std::string_view prefix, std::string_view name);

/// Temporary credentials, as they are handed out.
struct credentials {
    std::string access_key_id;
    core::secret_text secret;
    std::string session_token;
    std::chrono::sys_seconds expires;
};

/// All users and roles. Never changed once it is made; threads share it.
class key_ring {
 public:
    /// @param before  Its meters live on: what a caller has used is not forgotten by a change of the keys.
    /// @return `validation` with a text that names user, role, key or policy, and what is wrong.
    [[nodiscard]] static core::result<std::shared_ptr<const key_ring>> make(std::string_view account,
                                                                            std::vector<user> users,
                                                                            std::vector<role> roles,
                                                                            const caller_limits& defaults,
                                                                            const key_ring* before = nullptr);

    struct holder {
        known_key key;
        std::shared_ptr<const principal> who;
    };
    /// An active key without a session token; null where there is none.
    [[nodiscard]] const holder* find(std::string_view access_key_id) const;
    [[nodiscard]] const role* find_role(std::string_view name) const;

    /// What a session is of.
    struct session {
        std::string parent_key = {};  ///< The user's key that it stands on; empty for roles.
        std::string role = {};
        std::string name = {};    ///< RoleSessionName
        std::string policy = {};  ///< A session policy's document; empty: none.
    };
    /// Makes credentials that any server with the same state key accepts until they expire, while the user's key is
    /// active or the role is there. @return `validation` for a policy that cannot be read or is too long.
    [[nodiscard]] static core::result<credentials> mint(const session& of, std::chrono::sys_seconds expires,
                                                        const seal& with);
    /// Reads them back; nothing where the token is not one of ours, not that key's, or what it stands on is gone. An
    /// expired one is found: `verify` has the words for it.
    [[nodiscard]] std::optional<holder> open(std::string_view access_key_id, std::string_view session_token,
                                             const seal& with) const;

    [[nodiscard]] bool empty() const { return keys_.empty(); }
    /// Names of users that have a key and no policy: they may call nothing.
    [[nodiscard]] std::vector<std::string> without_policy() const;

 private:
    struct held_role {
        role as_told;
        std::string id;
        std::shared_ptr<const principal> who;
    };
    struct hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    template <class T>
    using table = std::unordered_map<std::string, T, hash, std::equal_to<>>;

    std::string account_;
    table<holder> keys_;
    table<std::shared_ptr<const principal>> users_;
    table<held_role> roles_;
};

/// The text of a keys file: `{"Version": 1, "Users": […]}`, secrets sealed. docs/access.md has its grammar.
[[nodiscard]] std::string write_users(const std::vector<user>& users, const seal& with);
/// @return `validation` naming what is wrong, also when a secret does not open under this key.
[[nodiscard]] core::result<std::vector<user>> read_users(std::string_view text, const seal& with);

}  // namespace borealis::auth
