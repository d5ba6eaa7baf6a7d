#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "server/cluster_json.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

struct cluster_options {
    source from;
    bool json = false;
};

int list(const cluster_options& options) {
    auto with = options.from.read();
    with.log_level = core::log_level::warning;
    core::set_log_level(with.log_level);
    const auto state = server::open_state(with, false);
    const auto all = state.clusters->list();
    if (options.json) {
        std::string out = "[";
        for (const auto& one : all) {
            if (out.size() > 1) out += ',';
            server::append_cluster(out, one);
        }
        std::printf("%s]\n", out.c_str());
        return 0;
    }
    table shown({"ID", "ENGINE", "STATUS", "DATABASE", "RESOURCE ARN", "SECRET ARN"});
    for (const auto& one : all) {
        const auto secret = state.secrets->describe(one.id);
        shown.add({one.id, (one.is == clusters::engine::postgresql ? "postgresql " : "mysql ") + one.engine_version,
                   std::string(one.managed ? clusters::name_of(one.state) : "external"), one.default_database, one.arn,
                   secret ? secret->arn : ""});
    }
    shown.print();
    return 0;
}

}  // namespace

void add_cluster(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("cluster", "The databases this server knows");
    command->require_subcommand(1);
    auto options = std::make_shared<cluster_options>();
    auto* listed = command->add_subcommand("list", "Print them with their ARNs and secrets");
    options->from.add_to(*listed);
    listed->add_flag("--json", options->json, "As a JSON array");
    listed->callback([options, &chosen] { chosen = [options] { return list(*options); }; });
}

}  // namespace borealis::cli
