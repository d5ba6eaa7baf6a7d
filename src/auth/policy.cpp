#include "auth/policy.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "auth/condition.hpp"
#include "json/document.hpp"

namespace borealis::auth {
namespace {

/// IAM's own limit for a managed policy is 6144 characters; ten times that is no policy any more.
constexpr std::size_t longest_policy = 64 * 1024;

auto bad(std::string text) { return core::fail(core::error_kind::validation, std::move(text)); }

struct named_policy {
    std::string_view name, text;
};

constexpr std::string_view managed_prefix = "arn:aws:iam::aws:policy/";
constexpr std::array<named_policy, 3> managed = {{
    {"AdministratorAccess", R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    // R-10.22
    {"AmazonRDSDataFullAccess",
     R"({"Version":"2012-10-17","Statement":[)"
     R"({"Sid":"SecretsManagerDbCredentialsAccess","Effect":"Allow","Action":["secretsmanager:GetSecretValue",)"
     R"("secretsmanager:PutResourcePolicy","secretsmanager:PutSecretValue","secretsmanager:DeleteSecret",)"
     R"("secretsmanager:DescribeSecret","secretsmanager:TagResource"],)"
     R"("Resource":"arn:aws:secretsmanager:*:*:secret:rds-db-credentials/*"},)"
     R"({"Sid":"RDSDataServiceAccess","Effect":"Allow","Action":["dbqms:CreateFavoriteQuery","dbqms:DescribeFavoriteQueries",)"
     R"("dbqms:UpdateFavoriteQuery","dbqms:DeleteFavoriteQueries","dbqms:GetQueryString","dbqms:CreateQueryHistory",)"
     R"("dbqms:DescribeQueryHistory","dbqms:UpdateQueryHistory","dbqms:DeleteQueryHistory","rds-data:ExecuteSql",)"
     R"("rds-data:ExecuteStatement","rds-data:BatchExecuteStatement","rds-data:BeginTransaction",)"
     R"("rds-data:CommitTransaction","rds-data:RollbackTransaction","secretsmanager:CreateSecret",)"
     R"("secretsmanager:ListSecrets","secretsmanager:GetRandomPassword","tag:GetResources"],"Resource":"*"}]})"},
    {"BorealisDataAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds-data:*","secretsmanager:GetSecretValue",)"
     R"("secretsmanager:DescribeSecret"],"Resource":"*"}]})"},
}};

}  // namespace

struct policy::statement {
    bool allows = false;
    bool all_actions_but = false;
    bool all_resources_but = false;
    std::vector<pattern> actions;
    std::vector<pattern> resources;
    std::vector<condition> conditions;

    [[nodiscard]] bool applies(const question& asked) const {
        const bool action = std::ranges::any_of(
            actions, [&](const pattern& one) { return one.matches(asked.action, asked, letter_case::any); });
        if (action == all_actions_but) return false;
        const bool resource =
            std::ranges::any_of(resources, [&](const pattern& one) { return one.matches_arn(asked.resource, asked); });
        if (resource == all_resources_but) return false;
        return std::ranges::all_of(conditions, [&](const condition& one) { return one.holds(asked); });
    }
};

namespace {

core::result<std::vector<pattern>> parse_patterns(const json::node& from, std::string_view name, bool variables) {
    std::vector<pattern> all;
    const auto take = [&](const json::node& one) -> core::result<void> {
        if (one.is() != json::kind::string) return bad(fmt::format("{} must be a string or a list of strings", name));
        const auto text = one.text();
        const bool is_action = name.ends_with("Action");
        if (is_action && text != "*" && (text.find(':') == std::string_view::npos || text.starts_with(':')))
            return bad(fmt::format("{}: `{}` is no action such as rds-data:ExecuteStatement", name, text));
        if (!is_action && text != "*") {
            const auto colons = std::ranges::count(text, ':');
            if (!text.starts_with("arn:") || (colons < 5 && !text.ends_with('*')))
                return bad(fmt::format("{}: `{}` is no ARN, and not `*`", name, text));
        }
        auto made = pattern::parse(text, {.variables = variables && !is_action});
        if (!made) return std::unexpected(std::move(made.error()));
        all.push_back(*std::move(made));
        return {};
    };
    if (from.is() == json::kind::array) {
        for (const auto& one : from)
            if (auto taken = take(one); !taken) return std::unexpected(std::move(taken.error()));
    } else if (auto taken = take(from); !taken) {
        return std::unexpected(std::move(taken.error()));
    }
    if (all.empty()) return bad(fmt::format("{} is empty", name));
    return all;
}

/// The members of an object, each asked for once; what nobody asked for is an error.
class members {
 public:
    explicit members(const json::node& of) : of_(of) {}
    const json::node* find(std::string_view name) {
        asked_.push_back(name);
        return of_.find(name);
    }
    [[nodiscard]] core::result<void> finish() const {
        for (auto one = of_.begin(); one != of_.end(); ++one) {
            if (std::ranges::find(asked_, one->key()) == asked_.end())
                return bad(fmt::format("{} is not known there", one->key()));
            for (auto other = std::next(one); other != of_.end(); ++other)
                if (other->key() == one->key()) return bad(fmt::format("{} is given twice", one->key()));
        }
        return {};
    }

 private:
    const json::node& of_;
    std::vector<std::string_view> asked_;
};

core::result<policy::statement> parse_statement(const json::node& from, bool variables) {
    if (from.is() != json::kind::object) return bad("a statement must be an object");
    members in(from);
    policy::statement made;
    if (const auto* sid = in.find("Sid"); sid != nullptr && sid->is() != json::kind::string)
        return bad("Sid must be a string");
    const auto* effect = in.find("Effect");
    if (effect == nullptr || effect->is() != json::kind::string ||
        (effect->text() != "Allow" && effect->text() != "Deny"))
        return bad("Effect must be Allow or Deny");
    made.allows = effect->text() == "Allow";

    const auto either = [&](std::string_view name, std::string_view negated, bool& is_negated,
                            std::vector<pattern>& into) -> core::result<void> {
        const auto* plain = in.find(name);
        const auto* all_but = in.find(negated);
        if ((plain == nullptr) == (all_but == nullptr)) return bad(fmt::format("give either {} or {}", name, negated));
        is_negated = plain == nullptr;
        auto read = parse_patterns(is_negated ? *all_but : *plain, is_negated ? negated : name, variables);
        if (!read) return std::unexpected(std::move(read.error()));
        into = *std::move(read);
        return {};
    };
    if (auto read = either("Action", "NotAction", made.all_actions_but, made.actions); !read)
        return std::unexpected(std::move(read.error()));
    if (auto read = either("Resource", "NotResource", made.all_resources_but, made.resources); !read)
        return std::unexpected(std::move(read.error()));
    if (const auto* conditions = in.find("Condition"); conditions != nullptr) {
        auto read = parse_conditions(*conditions, variables);
        if (!read) return std::unexpected(std::move(read.error()));
        made.conditions = *std::move(read);
    }
    if (auto all = in.finish(); !all) return std::unexpected(std::move(all.error()));
    return made;
}

}  // namespace

policy::policy() = default;
policy::~policy() = default;

core::result<std::shared_ptr<const policy>> policy::parse(std::string_view text) {
    if (text.size() > longest_policy)
        return bad(fmt::format("the policy has {} bytes, more than {}", text.size(), longest_policy));
    json::document reader;
    const auto root = reader.parse_copy(text);
    if (!root) return bad(fmt::format("the policy is no JSON: {}", root.error().message));
    if ((*root)->is() != json::kind::object) return bad("the policy must be a JSON object");
    members in(**root);
    const auto* version = in.find("Version");
    if (version != nullptr &&
        (version->is() != json::kind::string || (version->text() != "2012-10-17" && version->text() != "2008-10-17")))
        return bad("the policy's Version must be 2012-10-17 or 2008-10-17");
    const bool variables = version != nullptr && version->text() == "2012-10-17";
    if (const auto* id = in.find("Id"); id != nullptr && id->is() != json::kind::string)
        return bad("the policy's Id must be a string");

    const auto made = std::make_shared<policy>();
    made->text_ = text;
    const auto* statements = in.find("Statement");
    std::size_t number = 0;
    const auto take = [&](const json::node& from) -> core::result<void> {
        ++number;
        auto read = parse_statement(from, variables);
        if (!read) return bad(fmt::format("the policy's statement {}: {}", number, read.error().message));
        made->statements_.push_back(*std::move(read));
        return {};
    };
    if (statements == nullptr) return bad("the policy has no Statement");
    if (statements->is() == json::kind::array) {
        for (const auto& one : *statements)
            if (auto taken = take(one); !taken) return std::unexpected(std::move(taken.error()));
    } else if (auto taken = take(*statements); !taken) {
        return std::unexpected(std::move(taken.error()));
    }
    if (made->statements_.empty()) return bad("the policy has no statement");
    if (auto all = in.finish(); !all) return bad(fmt::format("the policy: {}", all.error().message));
    return made;
}

policy::verdict policy::judge(const question& asked) const {
    auto found = verdict::silent;
    for (const auto& one : statements_) {
        if ((found == verdict::allowed && one.allows) || !one.applies(asked)) continue;
        if (!one.allows) return verdict::denied;
        found = verdict::allowed;
    }
    return found;
}

std::shared_ptr<const policy> managed_policy(std::string_view name) {
    if (name.starts_with(managed_prefix)) name.remove_prefix(managed_prefix.size());
    const auto* const known = std::ranges::find(managed, name, &named_policy::name);
    if (known == managed.end()) return nullptr;
    return *policy::parse(known->text);
}

std::string managed_policy_names() {
    std::string names;
    for (const auto& one : managed) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
    return names;
}

}  // namespace borealis::auth
