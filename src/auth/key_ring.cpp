#include "auth/key_ring.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "auth/signature.hpp"
#include "core/base64.hpp"
#include "core/random.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::auth {
namespace {

constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view token_context = "borealis session token 1";
/// IAM's bound of a session policy.
constexpr std::size_t longest_session_policy = 2048;
/// As long as AWS's secrets.
constexpr std::size_t secret_length = 40;

auto bad(std::string text) { return core::fail(core::error_kind::validation, std::move(text)); }

/// `prefix` and 16 random characters.
std::string random_id(std::string_view prefix) {
    std::array<std::byte, 16> random;
    core::random_bytes(random);
    std::string id(prefix);
    for (const auto octet : random) id += base32[std::to_integer<std::size_t>(octet) % base32.size()];
    return id;
}

core::result<policies> read_policies(const std::vector<std::string>& from) {
    policies all;
    for (const auto& text : from) {
        if (text.starts_with('{')) {
            auto read = policy::parse(text);
            if (!read) return std::unexpected(std::move(read.error()));
            all.push_back(*std::move(read));
        } else if (auto known = managed_policy(text)) {
            all.push_back(std::move(known));
        } else {
            return bad(fmt::format("there is no managed policy {}; known are {}", text, managed_policy_names()));
        }
    }
    return all;
}

/// Members of a sealed token, in this order, each with its length in front: no parser, no escapes.
constexpr std::size_t token_members = 7;

std::string pack(const std::array<std::string_view, token_members>& members) {
    std::string out;
    for (const auto one : members) out += fmt::format("{}:{}", one.size(), one);
    return out;
}

std::optional<std::array<std::string_view, token_members>> unpack(std::string_view text) {
    std::array<std::string_view, token_members> members;
    for (auto& one : members) {
        std::size_t size = 0;
        std::size_t digits = 0;
        for (; digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
            size = size * 10 + static_cast<std::size_t>(text[digits] - '0');
        if (digits == 0 || digits == text.size() || text[digits] != ':' || size > text.size() - digits - 1)
            return std::nullopt;
        one = text.substr(digits + 1, size);
        text.remove_prefix(digits + 1 + size);
    }
    if (!text.empty()) return std::nullopt;
    return members;
}

}  // namespace

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("+=,.@_-").contains(c);
    });
}

std::string stable_id(std::string_view prefix, std::string_view name) {
    constexpr std::size_t length = 17;
    const auto hashed = sha256(name);
    std::string id(prefix);
    for (std::size_t i = 0; i < length; ++i) id += base32[hashed[i] % base32.size()];
    return id;
}

access_key make_access_key(std::chrono::sys_seconds now) {
    return {
        .id = random_id("AKIA"), .secret = core::secret_text(core::random_alphanumeric(secret_length)), .created = now};
}

core::result<std::shared_ptr<const key_ring>> key_ring::make(std::string_view account, std::vector<user> users,
                                                             std::vector<role> roles, const caller_limits& defaults,
                                                             const key_ring* before) {
    const auto made = std::make_shared<key_ring>();
    made->account_ = account;
    for (auto& one : users) {
        if (!is_name(one.name))
            return bad(fmt::format("user `{}`: a name has 1 to 64 letters, digits and +=,.@_-", one.name));
        auto who = std::make_shared<principal>();
        who->arn = fmt::format("arn:aws:iam::{}:user/{}", account, one.name);
        who->account = account;
        who->user_id = one.user_id.empty() ? stable_id("AIDA", one.name) : one.user_id;
        who->user_name = one.name;
        auto read = read_policies(one.policies);
        if (!read) return bad(fmt::format("user {}: {}", one.name, read.error().message));
        who->identity = *std::move(read);
        who->limits = defaults.with(one.limits);
        if (before != nullptr)
            if (const auto known = before->users_.find(one.name); known != before->users_.end())
                who->used = known->second->used;
        if (!made->users_.emplace(one.name, who).second) return bad(fmt::format("there are two users {}", one.name));
        for (auto& key : one.keys) {
            if (!key.active) continue;
            auto by_key = std::make_shared<principal>(*who);
            by_key->access_key_id = key.id;
            if (!made->keys_.emplace(key.id, holder{{.secret = std::move(key.secret)}, std::move(by_key)}).second)
                return bad(fmt::format("there are two keys {}", key.id));
        }
    }
    for (auto& one : roles) {
        if (!is_name(one.name))
            return bad(fmt::format("role `{}`: a name has 1 to 64 letters, digits and +=,.@_-", one.name));
        auto who = std::make_shared<principal>();
        who->arn = fmt::format("arn:aws:iam::{}:role/{}", account, one.name);
        who->account = account;
        who->temporary = true;
        auto read = read_policies(one.policies);
        if (!read) return bad(fmt::format("role {}: {}", one.name, read.error().message));
        who->identity = *std::move(read);
        who->limits = defaults.with(one.limits);
        if (before != nullptr)
            if (const auto known = before->roles_.find(one.name); known != before->roles_.end())
                who->used = known->second.who->used;
        auto name = one.name;
        auto id = stable_id("AROA", name);
        if (!made->roles_.emplace(std::move(name), held_role{std::move(one), std::move(id), std::move(who)}).second)
            return bad(fmt::format("there are two roles {}", one.name));
    }
    return made;
}

const key_ring::holder* key_ring::find(std::string_view access_key_id) const {
    const auto known = keys_.find(access_key_id);
    return known == keys_.end() ? nullptr : &known->second;
}

const role* key_ring::find_role(std::string_view name) const {
    const auto known = roles_.find(name);
    return known == roles_.end() ? nullptr : &known->second.as_told;
}

core::result<credentials> key_ring::mint(const session& of, std::chrono::sys_seconds expires, const seal& with) {
    if (of.policy.size() > longest_session_policy) {
        return bad(fmt::format("the session policy has {} characters; it may have {}", of.policy.size(),
                               longest_session_policy));
    }
    if (!of.policy.empty())
        if (auto read = policy::parse(of.policy); !read) return std::unexpected(std::move(read.error()));
    credentials made{.access_key_id = random_id("ASIA"),
                     .secret = core::secret_text(core::random_alphanumeric(secret_length)),
                     .session_token = {},
                     .expires = expires};
    const auto end = std::to_string(expires.time_since_epoch().count());
    const core::secret_text packed(
        pack({made.access_key_id, made.secret.reveal(), end, of.parent_key, of.role, of.name, of.policy}));
    core::append_base64(made.session_token, with.close(packed.reveal(), token_context));
    return made;
}

std::optional<key_ring::holder> key_ring::open(std::string_view access_key_id, std::string_view session_token,
                                               const seal& with) const {
    const auto sealed = core::decode_base64(session_token);
    if (!sealed) return std::nullopt;
    const auto packed = with.open(*sealed, token_context);
    if (!packed) return std::nullopt;
    const auto members = unpack(packed->reveal());
    if (!members) return std::nullopt;
    const auto& [id, secret, end, parent_key, role_name, name, session_policy] = *members;
    if (id != access_key_id) return std::nullopt;

    auto who = std::make_shared<principal>();
    if (!parent_key.empty()) {
        const auto* parent = find(parent_key);
        if (parent == nullptr) return std::nullopt;
        *who = *parent->who;
    } else {
        const auto known = roles_.find(role_name);
        if (known == roles_.end()) return std::nullopt;
        *who = *known->second.who;
        who->arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", account_, role_name, name);
        who->user_id = fmt::format("{}:{}", known->second.id, name);
    }
    who->access_key_id = access_key_id;
    who->temporary = true;
    if (!session_policy.empty()) {
        auto read = policy::parse(session_policy);
        if (!read) return std::nullopt;
        who->session.push_back(*std::move(read));
    }
    std::int64_t seconds = 0;
    for (const char c : end) seconds = seconds * 10 + (c - '0');
    return holder{{.secret = core::secret_text(std::string(secret)),
                   .expires = std::chrono::sys_seconds(std::chrono::seconds(seconds))},
                  std::move(who)};
}

std::vector<std::string> key_ring::without_policy() const {
    std::vector<std::string> names;
    for (const auto& [name, who] : users_)
        if (who->identity.empty()) names.push_back(name);
    std::ranges::sort(names);
    return names;
}

}  // namespace borealis::auth
