#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "json/writer.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

struct secret_options {
    source from;
    std::string name;
    std::string about;
    bool json = false;
    bool replace = false;
};

server::opened_state open(const secret_options& options) {
    auto with = options.from.read();
    core::set_log_level(core::log_level::warning);
    return server::open_state(with, false);
}

template <class T>
T value_or_throw(core::result<T> got) {
    if (!got) throw call_failed(got.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*got);
}

int list(const secret_options& options) {
    const auto state = open(options);
    const auto all = state.secrets->list();
    if (options.json) {
        std::string out = "[";
        for (const auto& one : all) {
            if (out.size() > 1) out += ',';
            out += R"({"name":)";
            json::append_string(out, one.name);
            out += R"(,"secretArn":)";
            json::append_string(out, one.arn);
            out += R"(,"description":)";
            json::append_string(out, one.text);
            out += '}';
        }
        std::printf("%s]\n", out.c_str());
        return 0;
    }
    table shown({"NAME", "SECRET ARN", "DESCRIPTION"});
    for (const auto& one : all) shown.add({one.name, one.arn, one.text});
    shown.print();
    return 0;
}

int show(const secret_options& options) {
    const auto value = value_or_throw(open(options).secrets->get(options.name));
    std::printf("%s\n", value.text.reveal().c_str());
    return 0;
}

int put(const secret_options& options) {
    // From standard input: an argument would stand in the process list and the shell's history.
    core::secret_text text(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    if (text.empty())
        throw std::runtime_error(
            R"(no value: write the secret to standard input, for example {"username":"u","password":"p"})");
    const auto state = open(options);
    const auto made = value_or_throw(
        state.secrets->put(options.name, std::move(text), options.about,
                           options.replace ? secrets::store::if_exists::replace : secrets::store::if_exists::fail));
    std::printf("%s\n", made.arn.c_str());
    return 0;
}

int remove(const secret_options& options) {
    value_or_throw(open(options).secrets->remove(options.name));
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
        made->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
        return made;
    };
    add("list", "Print names and ARNs, no values", list)->add_flag("--json", options->json, "As a JSON array");
    add("show", "Print a secret's value", show)->add_option("name", options->name, "Name or ARN")->required();
    auto* putting = add("put", "Store the value read from standard input", put);
    putting->add_option("name", options->name, "Name")->required();
    putting->add_option("--description", options->about, "What it is for");
    putting->add_flag("--replace", options->replace, "Give an existing secret a new value");
    add("delete", "Remove a secret", remove)->add_option("name", options->name, "Name or ARN")->required();
}

}  // namespace borealis::cli
