#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "borealis/errors.hpp"
#include "cli/commands.hpp"

namespace {

/// Exit statuses: 0 done, 1 the call failed, 2 the command line or configuration is wrong.
constexpr int failed = 1;
constexpr int misused = 2;

}  // namespace

int main(int count, char** words) {
    CLI::App app("Borealis: the RDS Data API, open and self-hosted.", "borealis");
    app.set_version_flag("--version", "borealis " BOREALIS_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    borealis::cli::action chosen;
    borealis::cli::add_serve(app, chosen);
    borealis::cli::add_dev(app, chosen);
    borealis::cli::add_sql(app, chosen);
    borealis::cli::add_cluster(app, chosen);
    borealis::cli::add_secret(app, chosen);
    borealis::cli::add_key(app, chosen);
    borealis::cli::add_auth(app, chosen);
    borealis::cli::add_lambda(app, chosen);
    try {
        app.parse(count, words);
        return chosen();
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
        std::fprintf(stderr, "borealis: %s; --help says more\n", e.what());
        return misused;
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
