#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/privacy.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "json/writer.hpp"
#include "secrets/rotator.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

using namespace std::chrono_literals;

struct secret_options {
    source from;
    std::string name;
    std::string about;
    std::string stage = std::string(secrets::current_label);
    std::string file;
    std::string variable;
    std::string typed;  // a value where none belongs
    std::string new_key;
    unsigned wait_seconds = 120;
    bool json = false;
    bool replace = false;
};

server::opened_state open(const secret_options& options) {
    auto with = options.from.read();
    if (!with.core_dumps) keep_memory_private();
    core::set_log_level(core::log_level::warning);
    return server::open_state(with, false);
}

template <class T>
T value_or_throw(core::result<T> got) {
    if (!got) throw call_failed(got.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*got);
}

/// `{"name":…,"secretArn":…}`, open for more.
std::string begin_json(const secrets::description& about) {
    std::string out = R"({"name":)";
    json::append_string(out, about.name);
    out += R"(,"secretArn":)";
    json::append_string(out, about.arn);
    return out;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += ',';
    json::append_string(out, name);
    out += ':';
    json::append_string(out, value);
}

std::string rotation_of(const secrets::record& secret) {
    const auto* pending = secret.with_label(secrets::pending_label);
    if (pending != nullptr && !pending->has(secrets::current_label)) return "unfinished";
    if (!secret.about.rotates.enabled) return "";
    if (secret.about.rotates.every.count() == 0) return "when asked";
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(secret.about.rotates.every).count();
    return hours % 24 == 0 ? fmt::format("every {} days", hours / 24) : fmt::format("every {} hours", hours);
}

int list(const secret_options& options) {
    const auto state = open(options);
    std::string out = "[";
    table shown({"NAME", "KEPT", "ROTATION", "SECRET ARN", "DESCRIPTION"});
    for (const auto& one : state.secrets->all()) {
        if (one->removal) continue;
        const auto& about = one->about;
        const std::string kept = about.from_config ? "config" : "store";
        if (out.size() > 1) out += ',';
        out += begin_json(about);
        append_member(out, "description", about.text);
        append_member(out, "kept", kept);
        append_member(out, "owningService", about.owning_service);
        append_member(out, "rotation", rotation_of(*one));
        out += '}';
        shown.add({about.name, kept, rotation_of(*one), about.arn, about.text});
    }
    if (options.json) {
        std::printf("%s]\n", out.c_str());
    } else {
        shown.print();
    }
    return 0;
}

int show(const secret_options& options) {
    const auto state = open(options);
    const auto secret = state.secrets->look_up(options.name);
    if (!secret || secret->removal) throw call_failed(fmt::format("The secret {} wasn't found.", options.name));
    const auto* wanted = secret->with_label(options.stage);
    if (wanted == nullptr)
        throw call_failed(fmt::format("The secret {} has no version {}.", options.name, options.stage));
    if (!options.json) {
        std::printf("%s\n", wanted->text.reveal().c_str());
        return 0;
    }
    auto out = begin_json(secret->about);
    append_member(out, "versionId", wanted->id);
    append_member(out, wanted->binary ? "secretBinary" : "secretString", wanted->text.reveal());
    std::printf("%s}\n", out.c_str());
    return 0;
}

/// From standard input, a file or a variable: an argument would stand in the process list and the shell's history.
core::secret_text read_value(const secret_options& options) {
    if (!options.file.empty()) {
        std::ifstream from(options.file, std::ios::binary);
        if (!from) throw std::runtime_error(fmt::format("{}: cannot be read", options.file));
        return core::secret_text(std::string(std::istreambuf_iterator<char>(from), {}));
    }
    if (!options.variable.empty()) {
        const char* value = std::getenv(options.variable.c_str());
        if (value == nullptr)
            throw std::runtime_error(fmt::format("the environment variable {} is not set", options.variable));
        return core::secret_text(value);
    }
    return core::secret_text(std::string(std::istreambuf_iterator<char>(std::cin), {}));
}

int put(const secret_options& options) {
    if (!options.typed.empty()) {
        throw std::runtime_error(
            "the value is read from standard input, --from-file or --from-env, never from an argument: whoever lists "
            "processes would see it");
    }
    auto text = read_value(options);
    if (text.empty())
        throw std::runtime_error(
            R"(no value: write the secret to standard input, for example {"username":"u","password":"p"})");
    const auto state = open(options);
    const auto made = value_or_throw(
        state.secrets->put(options.name, std::move(text), options.about,
                           options.replace ? secrets::store::if_exists::replace : secrets::store::if_exists::fail));
    if (!options.json) {
        std::printf("%s\n", made.arn.c_str());
        return 0;
    }
    auto out = begin_json(made);
    append_member(out, "versionId", made.version_id);
    std::printf("%s}\n", out.c_str());
    return 0;
}

int remove(const secret_options& options) {
    const auto state = open(options);
    const auto about = state.secrets->look_up(options.name);
    value_or_throw(state.secrets->remove(options.name));
    if (options.json) std::printf("%s}\n", begin_json(about->about).c_str());
    return 0;
}

/// Makes the next version; the server that runs on the state folder sees it within seconds and takes it on.
int rotate(const secret_options& options) {
    const auto state = open(options);
    const auto before = state.secrets->look_up(options.name);
    auto prepared = secrets::prepare_rotation(*state.secrets, options.name, "");
    if (!prepared && prepared.error().kind == core::error_kind::secret_not_found)
        throw call_failed(fmt::format("The secret {} wasn't found.", options.name));
    // One that was begun before is waited for as well.
    if (!prepared && prepared.error().kind != core::error_kind::invalid_state) value_or_throw(std::move(prepared));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_seconds);
    while (true) {
        const auto now = state.secrets->look_up(options.name);
        if (!now) throw call_failed(fmt::format("The secret {} was deleted meanwhile.", options.name));
        if (now->with_label(secrets::pending_label) == nullptr &&
            now->about.rotates.last != before->about.rotates.last) {
            if (options.json) {
                auto out = begin_json(now->about);
                append_member(out, "versionId", now->about.version_id);
                std::printf("%s}\n", out.c_str());
            } else {
                std::printf("rotated: version %s\n", now->about.version_id.c_str());
            }
            return 0;
        }
        if (std::chrono::steady_clock::now() > until) {
            throw call_failed(
                "The new version is stored as AWSPENDING and not yet taken on: see the log of the server, or start "
                "one on this state folder (borealis serve).");
        }
        std::this_thread::sleep_for(200ms);
    }
}

int rekey(const secret_options& options) {
    std::optional<core::secret_text> to;
    if (!options.new_key.empty()) {
        if (!options.new_key.starts_with("file:") && !options.new_key.starts_with("env:"))
            throw std::runtime_error(
                "--new-key: write file:PATH or env:NAME; the key itself would show in the process list");
        to = server::resolve_secret(options.new_key, std::filesystem::current_path(), server::process_environment());
    }
    const auto count = open(options).secrets->rekey(to);
    if (options.json) {
        std::printf("{\"values\":%zu}\n", count);
    } else if (to) {
        std::printf(
            "%zu values are encrypted with the new key; put it where `[secrets] key` says, then restart the "
            "server\n",
            count);
    } else {
        std::printf(
            "%zu values are encrypted with a new key; keep a copy of the key file, the old one is of no more "
            "use\n",
            count);
    }
    return 0;
}

}  // namespace

void add_secret(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("secret", "The logins this server knows");
    command->require_subcommand(1);
    auto options = std::make_shared<secret_options>();
    const auto add = [&](const char* name, const char* about, int (*run)(const secret_options&)) {
        auto* made = command->add_subcommand(name, about);
        options->from.add_to(*made);
        made->add_flag("--json", options->json, "Print JSON");
        made->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
        return made;
    };
    add("list", "Print names and ARNs, no values", list);
    auto* showing = add("show", "Print a secret's value", show);
    showing->add_option("name", options->name, "Name or ARN")->required();
    showing->add_option("--stage", options->stage, "AWSCURRENT (default), AWSPREVIOUS, AWSPENDING or a label of yours");
    auto* putting = add("put", "Store the value read from standard input, a file or a variable", put);
    putting->add_option("name", options->name, "Name")->required();
    putting->add_option("value", options->typed)->group("");  // hidden: told about, and not repeated, by `put`
    putting->add_option("--description", options->about, "What it is for");
    putting->add_flag("--replace", options->replace, "Give an existing secret a new value");
    auto* from_file = putting->add_option("--from-file", options->file, "Read the value from this file");
    putting->add_option("--from-env", options->variable, "Read the value from this environment variable")
        ->excludes(from_file);
    add("delete", "Remove a secret at once", remove)->add_option("name", options->name, "Name or ARN")->required();
    auto* rotating = add("rotate", "Give a login a new password, in the database and in the secret", rotate);
    rotating->add_option("name", options->name, "Name or ARN")->required();
    rotating->add_option("--wait", options->wait_seconds, "Seconds to wait for the server to do it; default 120");
    add("rekey", "Encrypt all secrets anew with another key; servers may run meanwhile", rekey)
        ->add_option(
            "--new-key", options->new_key,
            "file:PATH or env:NAME of the key to use, where it is not a file of ours; default: a random one in "
            "the key file");
}

}  // namespace borealis::cli
