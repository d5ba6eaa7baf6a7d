#pragma once
/// Policies in IAM's grammar: what is allowed, what is denied, under which conditions.
/// @see AWS IAM User Guide, "IAM JSON policy elements", "Policy evaluation logic".

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/circumstances.hpp"
#include "core/error.hpp"

namespace borealis::auth {

/// What a policy is asked. Views and references that live while it answers.
struct question {
    std::string_view action;       ///< `rds-data:ExecuteStatement`
    std::string_view resource;     ///< ARN, or `*`
    const tags* tagged = nullptr;  ///< What the resource is tagged with; null: nothing.
    const circumstances& where;
    std::string_view principal_arn = {};
    std::string_view account = {};
    std::string_view user_name = {};  ///< Empty for roles.
    std::string_view user_id = {};
};

enum class letter_case : std::uint8_t { exact, any };

/// A text with wildcards, compiled: `*` is any run of characters, `?` one, `${aws:username}` and the like what they
/// name.
class pattern {
 public:
    struct grammar {
        bool variables = true;  ///< Policies of version 2012-10-17 have them.
        bool wildcards = true;  ///< Else `*` and `?` are characters like others.
    };
    /// @return `validation` for a variable that is not known.
    [[nodiscard]] static core::result<pattern> parse(std::string_view text, grammar by);
    /// The whole text. A variable that has no value matches nothing.
    [[nodiscard]] bool matches(std::string_view text, const question& asked, letter_case by = letter_case::exact) const;
    /// Part by part of an ARN: a wildcard reaches over a colon in the last part alone (IAM, "Resource").
    [[nodiscard]] bool matches_arn(std::string_view text, const question& asked) const;

 private:
    [[nodiscard]] bool expand(std::string& into, const question& asked) const;
    /// Nothing where it takes a search.
    [[nodiscard]] std::optional<bool> matches_simply(std::string_view text, letter_case by) const;

    /// Most are a text, or one with `*` at its end: these need no search.
    enum class kind : std::uint8_t { text, beginning, search };

    std::string compiled_;  // wildcards and variables as control characters
    bool has_variables_ = false;
    kind is_ = kind::text;
};

/// A policy document. Never changed; may be shared.
class policy {
 public:
    enum class verdict : std::uint8_t { silent, allowed, denied };

    /// Reads a document: `{"Version": "2012-10-17", "Statement": […]}`.
    /// @return `validation` with a text that names the statement and what to change: for anything that IAM's grammar
    ///         does not have, and for condition operators and keys that are not evaluated here. Nothing is ignored.
    [[nodiscard]] static core::result<std::shared_ptr<const policy>> parse(std::string_view json);

    /// An explicit deny wins; else one statement that allows is enough.
    [[nodiscard]] verdict judge(const question& asked) const;

    /// As it was given.
    [[nodiscard]] const std::string& text() const { return text_; }

    struct condition;
    struct statement;

    policy();
    ~policy();

 private:
    std::string text_;
    std::vector<statement> statements_;
};

using policies = std::vector<std::shared_ptr<const policy>>;

/// The documents of the managed policies that have a name here: `AmazonRDSDataFullAccess`,
/// `AdministratorAccess`, `BorealisDataAccess` (the Data API with every secret), with or without
/// `arn:aws:iam::aws:policy/` in front. Null for another name.
[[nodiscard]] std::shared_ptr<const policy> managed_policy(std::string_view name);
/// Their names, for an error's text.
[[nodiscard]] std::string managed_policy_names();

}  // namespace borealis::auth
