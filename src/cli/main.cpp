#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>

#include "borealis/errors.hpp"
#include "cli/commands.hpp"

namespace {

/// Exit statuses: 0 done, 1 the call failed, 2 the command line or configuration is wrong.
constexpr int failed = 1;
constexpr int misused = 2;

struct subcommand {
    std::string_view name;
    void (*add)(CLI::App& to, borealis::cli::action& chosen);
};
constexpr std::array subcommands = {
    subcommand{"serve", borealis::cli::add_serve},   subcommand{"dev", borealis::cli::add_dev},
    subcommand{"sql", borealis::cli::add_sql},       subcommand{"cluster", borealis::cli::add_cluster},
    subcommand{"secret", borealis::cli::add_secret}, subcommand{"key", borealis::cli::add_key},
    subcommand{"auth", borealis::cli::add_auth},     subcommand{"lambda", borealis::cli::add_lambda}};

/// Says what the command line asks for. The parser, large as it is, is gone when that begins.
/// @return  The exit status where there is nothing more to do.
std::optional<int> read_command_line(int count, char** words, borealis::cli::action& chosen) {
    CLI::App app("Borealis: the RDS Data API, open and self-hosted.", "borealis");
    app.set_version_flag("--version", "borealis " BOREALIS_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    // Of a subcommand that is named right away, the others' options need not be made.
    const auto named = count < 2 ? subcommands.end() : std::ranges::find(subcommands, words[1], &subcommand::name);
    if (named != subcommands.end()) {
        named->add(app, chosen);
    } else {
        for (const auto& each : subcommands) each.add(app, chosen);
    }
    try {
        app.parse(count, words);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
        std::fprintf(stderr, "borealis: %s; --help says more\n", e.what());
        return misused;
    }
    return std::nullopt;
}

}  // namespace

int main(int count, char** words) {
    try {
        borealis::cli::action chosen;
        if (const auto status = read_command_line(count, words, chosen)) return *status;
        return chosen();
    } catch (const borealis::aws_error& e) {
        std::fprintf(stderr, "borealis: %s: %s\n", e.code().c_str(), e.message().c_str());
        return e.code() == "ConfigurationError" ? misused : failed;
    } catch (const borealis::cli::call_failed& e) {
        std::fprintf(stderr, "borealis: %s\n", e.what());
        return failed;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "borealis: %s\n", e.what());
        return misused;
    }
}
