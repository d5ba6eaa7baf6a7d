#include "server/access_config.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "json/writer.hpp"
#include "server/section.hpp"

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

/// A TOML value as JSON: policies are read from one grammar only.
void append_json(std::string& out, const toml::node& from, const section& in) {
    if (const auto* table = from.as_table()) {
        out += '{';
        for (bool first = true; const auto& [key, value] : *table) {
            if (!first) out += ',';
            first = false;
            json::append_string(out, key.str());
            out += ':';
            append_json(out, value, in);
        }
        out += '}';
    } else if (const auto* list = from.as_array()) {
        out += '[';
        for (bool first = true; const auto& value : *list) {
            if (!first) out += ',';
            first = false;
            append_json(out, value, in);
        }
        out += ']';
    } else if (const auto text = from.value_exact<std::string>()) {
        json::append_string(out, *text);
    } else if (const auto flag = from.value_exact<bool>()) {
        out += *flag ? "true" : "false";
    } else if (const auto number = from.value_exact<std::int64_t>()) {
        json::append_integer(out, *number);
    } else {
        in.fail(from.source(), "a policy has strings, whole numbers, true, false, lists and tables");
    }
}

std::string read_policy_file(section& from, const toml::node& at, const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) from.fail(at.source(), fmt::format("`policy_file`: cannot read {}", file.string()));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    text.erase(0, text.find_first_not_of(" \t\r\n"));
    return text;
}

/// `policy`, a list of statements; `policy_file`; `managed_policies`.
void read_policies(section& from, std::vector<std::string>& into, const fs::path& folder) {
    const auto take = [&](const toml::node& at, std::string text, std::string_view what) {
        if (auto read = auth::policy::parse(text); !read)
            from.fail(at.source(), fmt::format("`{}`: {}", what, read.error().message));
        into.push_back(std::move(text));
    };
    if (const auto* statements = from.find("policy")) {
        const auto* list = statements->as_array();
        if (list == nullptr)
            from.fail(statements->source(),
                      "`policy` must be a list of statements: policy = [{ Effect = \"Allow\", … }]");
        std::string text = R"({"Version":"2012-10-17","Statement":)";
        append_json(text, *list, from);
        take(*statements, text + '}', "policy");
    }
    if (const auto* file = from.find("policy_file")) {
        const auto name = from.need<std::string>(*file, "policy_file", "a string");
        take(*file, read_policy_file(from, *file, folder / name), "policy_file");
    }
    for (auto& name : from.texts("managed_policies")) {
        if (auth::managed_policy(name) == nullptr) {
            from.fail(
                from.find("managed_policies")->source(),
                fmt::format("`managed_policies`: there is no {}; known are {}", name, auth::managed_policy_names()));
        }
        into.push_back(std::move(name));
    }
}

template <class T>
void optional_number(section& from, std::string_view key, std::optional<T>& into, std::int64_t least,
                     std::int64_t most) {
    if (from.find(key) == nullptr) return;
    T value{};
    from.number(key, value, least, most);
    into = value;
}

}  // namespace

sql::statement_kinds read_statement_kinds(section& from, std::string_view key) {
    sql::statement_kinds all;
    for (const auto& name : from.texts(key)) {
        const auto one = sql::find_statement_kind(name);
        if (!one) {
            from.fail(from.find(key)->source(), fmt::format("`{}`: there is no kind of statements `{}`; known: {}", key,
                                                            name, sql::names_of(sql::statement_kinds::all())));
        }
        all.add(*one);
    }
    return all;
}

void read_caller_limits(section& from, auth::caller_limits& into) {
    constexpr double most_rate = 1e6;
    if (const auto* rate = from.find("requests_per_second")) {
        const auto given = rate->value<double>();
        if (!given || rate->is_string() || rate->is_boolean() || !(*given > 0 && *given <= most_rate))
            from.fail(rate->source(), "`requests_per_second` must be a number above 0, up to 1000000");
        into.requests_per_second = given;
    }
    from.number("burst", into.burst, 1, 1'000'000);
    optional_number(from, "concurrent_calls", into.concurrent_calls, 1, 1'000'000);
    optional_number(from, "open_transactions", into.open_transactions, 0, 1'000'000);
    if (from.find("statement_timeout_seconds") != nullptr) {
        std::chrono::milliseconds time{};
        from.seconds("statement_timeout_seconds", time, 0.01, 86'400);
        into.statement_time = time;
    }
    optional_number(from, "rows", into.rows, 1, 1'000'000'000);
    optional_number(from, "answer_bytes", into.answer_bytes, 1, 1LL << 30);
    from.flag("read_only", into.read_only);
    into.denied = read_statement_kinds(from, "deny_statements");
}

void read_auth(section& from, access_config& into) {
    into.regions = from.texts("regions");
    from.seconds("clock_skew_seconds", into.clock_skew, 1, 86'400);
    from.flag("presigned", into.presigned);
    from.number("replay_memory", into.replay_memory, 0, 100'000'000);
    from.finish();
}

void read_key(section& from, access_config& into, const fs::path& folder, const environment& variables) {
    auth::access_key key;
    auth::user told;
    std::string secret;
    from.text("id", key.id);
    from.text("secret", secret);
    from.text("user", told.name);
    read_policies(from, told.policies, folder);
    read_caller_limits(from, told.limits);
    from.finish();
    if (key.id.empty() || key.id.size() > 128 || key.id.find_first_of("/, \t") != std::string::npos) {
        from.fail(from.where(), "a [[key]] needs an `id`: up to 128 characters without blank, comma or slash");
    }
    for (const auto& user : into.users) {
        if (std::ranges::find(user.keys, key.id, &auth::access_key::id) != user.keys.end())
            from.fail(from.where(), fmt::format("there is a [[key]] `{}` already", key.id));
    }
    if (told.name.empty()) told.name = key.id;
    if (!auth::is_name(told.name)) {
        from.fail(
            from.where(),
            fmt::format("key `{}` needs a `user`: 1 to 64 letters, digits and +=,.@_- (without one, the id is the "
                        "name)",
                        key.id));
    }
    try {
        key.secret = resolve_secret(secret, folder, variables);
    } catch (const std::runtime_error& e) {
        from.fail(from.where(), fmt::format("key `{}`: {}", key.id, e.what()));
    }
    // Also where it came from a variable or a file: anybody could sign with an empty one.
    if (key.secret.empty()) from.fail(from.where(), fmt::format("key `{}` needs a `secret` that is not empty", key.id));

    const auto known = std::ranges::find(into.users, told.name, &auth::user::name);
    if (known == into.users.end()) {
        told.keys.push_back(std::move(key));
        into.users.push_back(std::move(told));
        return;
    }
    // Another key of a user: what the user may is said once, so that its keys cannot differ.
    if (!told.policies.empty() || told.limits != auth::caller_limits{}) {
        from.fail(from.where(),
                  fmt::format("user `{}` has a [[key]] already: give policies and limits there", told.name));
    }
    known->keys.push_back(std::move(key));
}

void read_role(section& from, access_config& into, const fs::path& folder) {
    auth::role told;
    from.text("name", told.name);
    told.assumed_by = from.texts("assumed_by");
    from.seconds("longest_session_seconds", told.longest_session, 900, 43'200);
    read_policies(from, told.policies, folder);
    read_caller_limits(from, told.limits);
    from.finish();
    if (!auth::is_name(told.name))
        from.fail(from.where(), "a [[role]] needs a `name`: 1 to 64 letters, digits and +=,.@_-");
    if (std::ranges::find(into.roles, told.name, &auth::role::name) != into.roles.end())
        from.fail(from.where(), fmt::format("there is a [[role]] `{}` already", told.name));
    if (told.assumed_by.empty()) {
        from.fail(from.where(), fmt::format("role `{}` needs `assumed_by`, the users who may take it on", told.name));
    }
    into.roles.push_back(std::move(told));
}

}  // namespace borealis::server
