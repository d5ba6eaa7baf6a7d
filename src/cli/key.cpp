#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "auth/key_ring.hpp"
#include "cli/commands.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "json/writer.hpp"
#include "server/callers.hpp"
#include "server/key_file.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

struct key_options {
    source from;
    std::string name;  // of a user, or an access key id
    std::vector<std::string> policies;
    auth::caller_limits limits;
    double statement_seconds = 0;
    std::string session_policy;
    std::string role;
    std::string session_name = "borealis";
    int duration_seconds = 3'600;
    bool json = false;
};

std::chrono::sys_seconds now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

/// The state folder's keys, and what is needed to change them.
struct opened {
    explicit opened(const key_options& options) : with(options.from.read()) {
        core::set_log_level(core::log_level::warning);
        state = server::open_state(with, false);  // makes the folder where there is none
        seal = std::make_unique<server::state_seal>(*state.secrets);
        file = std::make_unique<server::key_file>(with.state_folder, *seal);
    }
    server::config with;
    server::opened_state state;
    std::unique_ptr<server::state_seal> seal;
    std::unique_ptr<server::key_file> file;
};

std::string text_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(fmt::format("cannot read {}", file));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    text.erase(0, text.find_first_not_of(" \t\r\n"));
    while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
    return text;
}

/// A managed policy's name, or a file with a document.
std::string policy_of(const std::string& given) {
    if (auth::managed_policy(given) != nullptr) return given;
    if (!std::ifstream(given)) {
        throw std::runtime_error(fmt::format("--policy {}: neither a file nor a managed policy; known are {}", given,
                                             auth::managed_policy_names()));
    }
    auto text = text_of(given);
    if (const auto read = auth::policy::parse(text); !read)
        throw std::runtime_error(fmt::format("--policy {}: {}", given, read.error().message));
    return text;
}

std::vector<std::string> policies_of(const key_options& options) {
    std::vector<std::string> all;
    for (const auto& one : options.policies) all.push_back(policy_of(one));
    return all;
}

auth::caller_limits limits_of(const key_options& options) {
    auto limits = options.limits;
    if (options.statement_seconds > 0)
        limits.statement_time = std::chrono::milliseconds(static_cast<std::int64_t>(options.statement_seconds * 1'000));
    return limits;
}

[[noreturn]] void unknown(const std::string& name) {
    throw call_failed(fmt::format("there is no user or key {} in the keys file", name));
}

/// A user by name or by the id of one of its keys.
auth::user& find_user(std::vector<auth::user>& in, const std::string& name) {
    for (auto& one : in) {
        if (one.name == name || std::ranges::find(one.keys, name, &auth::access_key::id) != one.keys.end()) return one;
    }
    unknown(name);
}

auth::access_key& find_key(std::vector<auth::user>& in, const std::string& id) {
    for (auto& one : in) {
        const auto key = std::ranges::find(one.keys, id, &auth::access_key::id);
        if (key != one.keys.end()) return *key;
    }
    throw call_failed(fmt::format("there is no key {} in the keys file; `borealis key list` shows them", id));
}

/// The one time that a secret is shown.
void print_new(const auth::user& of, const auth::access_key& key, bool json) {
    if (json) {
        std::string out = R"({"UserName":)";
        json::append_string(out, of.name);
        out += R"(,"AccessKeyId":)";
        json::append_string(out, key.id);
        out += R"(,"SecretAccessKey":)";
        json::append_string(out, key.secret.reveal());
        std::printf("%s}\n", out.c_str());
        return;
    }
    std::printf("aws_access_key_id = %s\naws_secret_access_key = %s\n", key.id.c_str(), key.secret.reveal().c_str());
    std::fprintf(stderr, "The secret is not shown again. A running server knows the key within a second.\n");
}

int create(const key_options& options) {
    opened at(options);
    auth::user made{.name = options.name,
                    .user_id = {},
                    .policies = policies_of(options),
                    .limits = limits_of(options),
                    .keys = {auth::make_access_key(now())}};
    if (!auth::is_name(made.name))
        throw std::runtime_error("NAME: a user's name has 1 to 64 letters, digits and +=,.@_-");
    made.user_id = auth::stable_id("AIDA", made.name);
    if (std::ranges::find(at.with.access.users, made.name, &auth::user::name) != at.with.access.users.end())
        throw call_failed(fmt::format("user {} stands in the configuration already", made.name));
    at.file->change([&](std::vector<auth::user>& all) {
        if (std::ranges::find(all, made.name, &auth::user::name) != all.end()) {
            throw call_failed(fmt::format("there is a user {} already; `borealis key rotate {}` gives it another key",
                                          made.name, made.name));
        }
        all.push_back(made);
    });
    if (made.policies.empty()) {
        std::fprintf(stderr, "WARNING: without --policy the key may call nothing (borealis key policy %s --policy …)\n",
                     made.name.c_str());
    }
    print_new(made, made.keys.front(), options.json);
    return 0;
}

int rotate(const key_options& options) {
    opened at(options);
    auth::user of;
    const auto fresh = auth::make_access_key(now());
    at.file->change([&](std::vector<auth::user>& all) {
        auto& user = find_user(all, options.name);
        if (user.keys.size() >= auth::most_keys_of_a_user) {
            throw call_failed(fmt::format("user {} has {} keys already: delete the one that is not used any more",
                                          user.name, user.keys.size()));
        }
        user.keys.push_back(fresh);
        of = user;
    });
    print_new(of, fresh, options.json);
    return 0;
}

std::string joined(const std::vector<std::string>& policies) {
    std::string out;
    for (const auto& one : policies) {
        if (!out.empty()) out += ' ';
        out += one.starts_with('{') ? "(inline)" : one;
    }
    return out.empty() ? "none" : out;
}

int list(const key_options& options) {
    const opened at(options);
    const auto users = at.file->read();
    if (options.json) {
        std::string out = "[";
        for (const auto& one : users) {
            for (const auto& key : one.keys) {
                if (out.size() > 1) out += ',';
                out += R"({"UserName":)";
                json::append_string(out, one.name);
                out += R"(,"AccessKeyId":)";
                json::append_string(out, key.id);
                out += fmt::format(R"(,"Status":"{}","CreateDate":"{:%Y-%m-%dT%H:%M:%SZ}"}})",
                                   key.active ? "Active" : "Inactive", key.created);
            }
        }
        std::printf("%s]\n", out.c_str());
        return 0;
    }
    table shown({"USER", "ACCESS KEY", "STATUS", "CREATED", "POLICIES"});
    for (const auto& one : users) {
        if (one.keys.empty()) shown.add({one.name, "none", "", "", joined(one.policies)});
        for (const auto& key : one.keys) {
            shown.add({one.name, key.id, key.active ? "Active" : "Inactive",
                       fmt::format("{:%Y-%m-%d %H:%M}Z", key.created), joined(one.policies)});
        }
    }
    shown.print();
    return 0;
}

int show(const key_options& options) {
    const opened at(options);
    auto users = at.file->read();
    const auto& user = find_user(users, options.name);
    std::printf("user %s\narn arn:aws:iam::%s:user/%s\nid %s\n", user.name.c_str(), at.with.account.c_str(),
                user.name.c_str(), user.user_id.c_str());
    for (const auto& key : user.keys) std::printf("key %s %s\n", key.id.c_str(), key.active ? "Active" : "Inactive");
    for (const auto& one : user.policies) std::printf("policy %s\n", one.c_str());
    const auto& limits = user.limits;
    const auto line = [](const char* name, auto value) {
        if (value) std::printf("limit %s %s\n", name, fmt::format("{}", *value).c_str());
    };
    line("requests-per-second", limits.requests_per_second);
    if (limits.burst != 0) std::printf("limit burst %zu\n", limits.burst);
    line("concurrent-calls", limits.concurrent_calls);
    line("open-transactions", limits.open_transactions);
    if (limits.statement_time) std::printf("limit statement-milliseconds %ld\n", limits.statement_time->count());
    line("rows", limits.rows);
    line("answer-bytes", limits.answer_bytes);
    if (limits.read_only) std::printf("limit read-only\n");
    if (!limits.denied.empty()) std::printf("limit deny-statements %s\n", sql::names_of(limits.denied).c_str());
    return 0;
}

int set_active(const key_options& options, bool active) {
    opened at(options);
    at.file->change([&](std::vector<auth::user>& all) { find_key(all, options.name).active = active; });
    return 0;
}
int enable(const key_options& options) { return set_active(options, true); }
int disable(const key_options& options) { return set_active(options, false); }

int remove(const key_options& options) {
    opened at(options);
    at.file->change([&](std::vector<auth::user>& all) {
        if (std::erase_if(all, [&](const auth::user& one) { return one.name == options.name; }) != 0) return;
        auto& user = find_user(all, options.name);
        std::erase_if(user.keys, [&](const auth::access_key& one) { return one.id == options.name; });
    });
    return 0;
}

int set_policy(const key_options& options) {
    opened at(options);
    at.file->change([&](std::vector<auth::user>& all) {
        auto& user = find_user(all, options.name);
        if (!options.policies.empty()) user.policies = policies_of(options);
        user.limits = user.limits.with(limits_of(options));
    });
    return 0;
}

int session(const key_options& options) {
    opened at(options);
    const auto users = at.file->read();
    const auto ring = [&] {
        auto all = users;
        all.insert(all.end(), at.with.access.users.begin(), at.with.access.users.end());
        auto made = auth::key_ring::make(at.with.account, std::move(all), at.with.access.roles, {});
        if (!made) throw std::runtime_error(made.error().message);
        return *std::move(made);
    }();
    auth::key_ring::session of;
    if (options.role.empty() == options.name.empty())
        throw std::runtime_error("say whose session it is: --key ID, or --role NAME");
    if (!options.role.empty()) {
        if (ring->find_role(options.role) == nullptr)
            throw call_failed(fmt::format("there is no [[role]] {} in the configuration", options.role));
        if (!auth::is_name(options.session_name))
            throw std::runtime_error("--session-name: 2 to 64 letters, digits and +=,.@_-");
        of.role = options.role;
        of.name = options.session_name;
    } else {
        if (ring->find(options.name) == nullptr)
            throw call_failed(fmt::format("there is no active key {}", options.name));
        of.parent_key = options.name;
    }
    if (!options.session_policy.empty()) of.policy = text_of(options.session_policy);
    const auto made = auth::key_ring::mint(of, now() + std::chrono::seconds(options.duration_seconds), *at.seal);
    if (!made) throw std::runtime_error(fmt::format("--policy: {}", made.error().message));
    // The form that SDKs read from a `credential_process`.
    std::string out = R"({"Version":1,"AccessKeyId":)";
    json::append_string(out, made->access_key_id);
    out += R"(,"SecretAccessKey":)";
    json::append_string(out, made->secret.reveal());
    out += R"(,"SessionToken":)";
    json::append_string(out, made->session_token);
    out += fmt::format(R"(,"Expiration":"{:%Y-%m-%dT%H:%M:%SZ}"}})", made->expires);
    std::printf("%s\n", out.c_str());
    return 0;
}

void add_limits(CLI::App& to, key_options& options) {
    to.add_option("--requests-per-second", options.limits.requests_per_second, "Sustained rate of requests")
        ->check(CLI::Range(0.001, 1e6));
    to.add_option("--burst", options.limits.burst, "Requests at once before that rate holds")
        ->check(CLI::Range(1, 1'000'000));
    to.add_option("--concurrent-calls", options.limits.concurrent_calls, "Calls at the same time")
        ->check(CLI::Range(1, 1'000'000));
    to.add_option("--open-transactions", options.limits.open_transactions, "Transactions open at the same time");
    to.add_option("--statement-timeout", options.statement_seconds, "Seconds a statement may take")
        ->check(CLI::Range(0.01, 86'400.0));
    to.add_option("--rows", options.limits.rows, "Rows in one answer")->check(CLI::Range(1, 1'000'000'000));
    to.add_option("--answer-bytes", options.limits.answer_bytes, "Bytes in one result")->check(CLI::Range(1, 1 << 30));
    to.add_flag("--read-only", options.limits.read_only, "Read only, by the database session");
    to.add_option_function<std::vector<std::string>>(
          "--deny-statements",
          [&limits = options.limits](const std::vector<std::string>& names) {
              for (const auto& name : names) {
                  const auto kind = sql::find_statement_kind(name);
                  if (!kind)
                      throw CLI::ValidationError("--deny-statements",
                                                 fmt::format("`{}` is no kind of statement; known are {}", name,
                                                             sql::names_of(sql::statement_kinds::all())));
                  limits.denied.add(*kind);
              }
          },
          "Kinds of statements that are refused, joined by commas")
        ->delimiter(',');
}

}  // namespace

void add_key(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("key", "Who may call: users and access keys of the state folder");
    command->require_subcommand(1);
    auto options = std::make_shared<key_options>();
    const auto add = [&](const char* name, const char* about, int (*run)(const key_options&)) {
        auto* made = command->add_subcommand(name, about);
        options->from.add_to(*made);
        made->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
        return made;
    };
    const auto named = [&](CLI::App* made, const char* about) {
        made->add_option("name", options->name, about)->required();
        return made;
    };
    auto* creating =
        named(add("create", "Make a user with a key, and show its secret once", create), "Name of the user");
    creating->add_option("--policy", options->policies, "A file with a policy, or a managed policy's name; repeatable");
    creating->add_flag("--json", options->json, "As a JSON object");
    add_limits(*creating, *options);
    add("list", "Print users and keys, no secrets", list)->add_flag("--json", options->json, "As a JSON array");
    named(add("show", "Print a user's keys, policies and limits", show), "User or access key");
    named(add("disable", "Refuse a key until it is enabled", disable), "Access key");
    named(add("enable", "Let a disabled key in again", enable), "Access key");
    named(add("delete", "Remove a key, or a user with all keys", remove), "User or access key");
    named(add("rotate", "Give a user a second key; both are good until one is deleted", rotate), "User or access key")
        ->add_flag("--json", options->json, "As a JSON object");
    auto* policy = named(add("policy", "Replace a user's policies, or set limits", set_policy), "User or access key");
    policy->add_option("--policy", options->policies, "A file with a policy, or a managed policy's name; repeatable");
    add_limits(*policy, *options);
    auto* minting = add("session", "Print temporary credentials, as a credential_process does", session);
    minting->add_option("--key", options->name, "Access key that it stands on");
    minting->add_option("--role", options->role, "Or a [[role]] of the configuration");
    minting->add_option("--session-name", options->session_name, "Name of the role's session");
    minting->add_option("--duration", options->duration_seconds, "Seconds until they expire; default 3600")
        ->check(CLI::Range(1, 129'600));
    minting->add_option("--policy", options->session_policy, "File with a policy that must allow each call as well");
}

}  // namespace borealis::cli
