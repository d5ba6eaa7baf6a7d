#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/settings.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

struct serve_options {
    source from;
    std::string listen;
    std::string log_level;
    unsigned threads = 0;
    bool insecure_no_auth = false;
    bool insecure_no_tls = false;
};

/// Says in the state folder where this server listens, and its process id, for as long as it does.
class endpoint_note {
 public:
    endpoint_note(std::filesystem::path file, const std::string& url) : file_(std::move(file)) {
        const auto unfinished = std::filesystem::path(file_) += ".new";  // who waits for the file finds it whole
        std::ofstream(unfinished) << url << '\n' << ::getpid() << '\n';
        std::error_code ignored;  // without the note, `borealis sql` looks at the default address
        std::filesystem::rename(unfinished, file_, ignored);
    }
    endpoint_note(const endpoint_note&) = delete;
    endpoint_note& operator=(const endpoint_note&) = delete;
    ~endpoint_note() {
        std::error_code ignored;  // a stale note only makes `borealis sql` say that nobody listens there
        std::filesystem::remove(file_, ignored);
    }

 private:
    std::filesystem::path file_;
};

int serve(const serve_options& options) {
    auto with = options.from.read();
    if (!options.listen.empty()) server::set_listen(with, options.listen);
    if (options.threads != 0) with.threads = options.threads;
    if (!options.log_level.empty()) with.log_level = server::parse_log_level(options.log_level);
    with.insecure_no_auth |= options.insecure_no_auth;
    with.insecure_no_tls |= options.insecure_no_tls;
    const auto note = endpoint_file(with);

    server::running_server running(with);
    const endpoint_note written(note, running.url());
    if (!server::is_loopback(with.address)) {
        std::printf("WARNING: %s can be reached from other machines, %s nothing is encrypted.\n", with.address.c_str(),
                    with.keys.empty() ? "callers are not authenticated and" : "and");
    }
    for (const auto& cluster : running.clusters()) {
        const auto secret = running.secret_of(cluster.id);
        std::printf("cluster %-20s %-10s %s\n", cluster.id.c_str(),
                    cluster.is == clusters::engine::postgresql ? "postgresql" : "mysql", cluster.arn.c_str());
        if (!secret.empty()) std::printf("        secret %s\n", secret.c_str());
    }
    std::printf("borealis listens on %s\n", running.url().c_str());
    std::fflush(stdout);
    running.run();
    return 0;
}

}  // namespace

void add_serve(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("serve", "Serve the RDS Data API");
    auto options = std::make_shared<serve_options>();
    options->from.add_to(*command);
    command->add_option("-l,--listen", options->listen,
                        "ADDRESS:PORT or PORT; port 0 takes a free one; default 127.0.0.1:8080");
    command->add_option("--threads", options->threads, "Event loops; default one a core")->check(CLI::Range(1, 128));
    command->add_option("--log-level", options->log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    command->add_flag("--insecure-no-auth", options->insecure_no_auth,
                      "Serve other machines although no caller is authenticated");
    command->add_flag("--insecure-no-tls", options->insecure_no_tls, "Serve other machines in clear text");
    command->footer(
        "Without a configuration there are two managed clusters, borealis-postgresql and borealis-mysql, whose\n"
        "databases are created and started on first use.\n\n"
        "  aws rds-data execute-statement --endpoint-url http://127.0.0.1:8080 \\\n"
        "    --resource-arn arn:aws:rds:us-east-1:123456789012:cluster:borealis-postgresql \\\n"
        "    --secret-arn borealis-postgresql --sql 'SELECT 1'");
    command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace borealis::cli
