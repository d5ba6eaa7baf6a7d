#include "cli/serve.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/outside.hpp"
#include "cli/privacy.hpp"

namespace borealis::cli {
namespace {

/// Says in the state folder where this server listens, and its process id, for as long as it does.
class endpoint_note {
 public:
    /// @param certificate  That clients of this machine may trust; empty: none.
    endpoint_note(std::filesystem::path file, const std::string& url, const std::filesystem::path& certificate)
        : file_(std::move(file)) {
        const auto unfinished = std::filesystem::path(file_) += ".new";  // who waits for the file finds it whole
        std::ofstream to(unfinished);
        to << url << '\n' << ::getpid() << '\n';
        if (!certificate.empty()) to << std::filesystem::absolute(certificate).string() << '\n';
        to.close();
        std::error_code ignored;  // without the note, `borealis sql` looks at the default address
        std::filesystem::rename(unfinished, file_, ignored);
    }
    endpoint_note(const endpoint_note&) = delete;
    endpoint_note& operator=(const endpoint_note&) = delete;
    ~endpoint_note() {
        std::ifstream now(file_);
        std::string url;
        pid_t process = 0;
        if (now >> url >> process && process != ::getpid()) return;  // of the server that follows this one
        std::error_code ignored;  // a stale note only makes `borealis sql` say that nobody listens there
        std::filesystem::remove(file_, ignored);
    }

 private:
    std::filesystem::path file_;
};

/// Says in the state folder where each HTTP API listens, `name url` on a line, for as long as it does.
class api_note {
 public:
    api_note(std::filesystem::path file, const std::vector<server::running_server::api_view>& apis)
        : file_(std::move(file)) {
        if (apis.empty()) return;
        std::ofstream out(file_);
        for (const auto& api : apis) out << api.name << ' ' << api.url << '\n';
    }
    api_note(const api_note&) = delete;
    api_note& operator=(const api_note&) = delete;
    ~api_note() {
        std::error_code ignored;  // a stale note is of no consequence but for `./run`
        std::filesystem::remove(file_, ignored);
    }

 private:
    std::filesystem::path file_;
};

void print_apis(const std::vector<server::running_server::api_view>& apis) {
    for (const auto& api : apis) {
        std::printf("API %s (%s API, %zu routes) listens on %s\n", api.name.c_str(),
                    api.kind == lambda::api_kind::rest ? "REST" : "HTTP", api.routes, api.url.c_str());
    }
}

/// glibc raises both thresholds to the size of what was freed, up to 32 and 64 MiB an arena, once large blocks come and
/// go: after a few large requests it would keep that much. @see mallopt(3), M_MMAP_THRESHOLD
void give_memory_back() {
#ifdef __GLIBC__
    constexpr int mebibyte = 1024 * 1024;
    ::mallopt(M_MMAP_THRESHOLD, 4 * mebibyte);
    ::mallopt(M_TRIM_THRESHOLD, 8 * mebibyte);
#endif
}

/// What this process starts, and whoever reads its configuration, is not to speak for it.
server::service_manager take_service_manager() {
    server::service_manager made(server::process_environment());
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    return made;
}

/// Those of systemd, likewise.
server::given_sockets take_sockets() {
    auto made = server::given_sockets::of_systemd(server::process_environment());
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    return made;
}

}  // namespace

int serve(const serve_options& options, const std::function<void(server::config&)>& adjust) {
    give_memory_back();
    const auto read = [options, adjust] {
        auto with = options.read();
        if (adjust) adjust(with);
        return with;
    };
    const auto with = read();
    if (options.check) {
        server::check_offline(with);
        std::puts("the configuration is good");
        return 0;
    }
    const auto note = endpoint_file(with);

    if (!with.core_dumps) keep_memory_private();
    server::running_server running(with, {.outside = make_outside_reader(),
                                          .read_again = read,
                                          .manager = take_service_manager(),
                                          .sockets = take_sockets(),
                                          .take_over = options.take_over});
    const endpoint_note written(note, running.url(), with.tls.certificate);
    if (!server::is_loopback(with.address) && (!running.authenticates() || !with.tls.on())) {
        std::printf("WARNING: %s can be reached from other machines, %s%s.\n", with.address.c_str(),
                    !running.authenticates() ? "callers are not authenticated" : "",
                    with.tls.on()              ? ""
                    : !running.authenticates() ? " and nothing is encrypted"
                                               : "and nothing is encrypted");
    }
    for (const auto& cluster : running.clusters()) {
        const auto secret = running.secret_of(cluster.id);
        std::printf("cluster %-20s %-10s %s\n", cluster.id.c_str(),
                    cluster.is == clusters::engine::postgresql ? "postgresql" : "mysql", cluster.arn.c_str());
        if (!secret.empty()) std::printf("        secret %s\n", secret.c_str());
    }
    for (const auto& one : running.functions()) {
        std::printf("function %-19s %s\n", one->settings.name.c_str(),
                    lambda::function_arn(with.region, with.account, one->settings.name).c_str());
    }
    const auto apis = running.apis();
    const api_note apis_written(note.parent_path() / "apis", apis);
    print_apis(apis);
    std::printf("borealis listens on %s\n", running.url().c_str());
    std::fflush(stdout);
    running.run();
    return 0;
}

server::config serve_options::read() const {
    auto with = from.read();
    if (!listen.empty()) server::set_listen(with, listen);
    if (threads != 0) with.threads = threads;
    if (!log_level.empty()) with.log_level = server::parse_log_level(log_level);
    if (!profile.empty()) server::set_profile(with, profile);
    if (tls_certificate.empty() != tls_key.empty())
        throw std::runtime_error("--tls-certificate and --tls-key go together");
    if (!tls_certificate.empty()) {
        with.tls.certificate = tls_certificate;
        with.tls.key = tls_key;
    }
    with.insecure_no_auth |= insecure_no_auth;
    with.insecure_no_tls |= insecure_no_tls;
    application.apply(with);
    return with;
}

void serve_options::add_to(CLI::App& command) {
    from.add_to(command);
    command.add_option("-l,--listen", listen, "ADDRESS:PORT or PORT; port 0 takes a free one; default 127.0.0.1:8080");
    command.add_option("--threads", threads, "Event loops; default one a core")->check(CLI::Range(1, 128));
    command.add_option("--log-level", log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    command.add_option("--profile", profile,
                       "Behave as aws-v2 (default), aws-v1, aws-v1-early or relaxed, where a cluster names no other");
    command
        .add_option("--tls-certificate", tls_certificate,
                    "Serve over TLS: PEM file of the certificate and those up to its authority")
        ->check(CLI::ExistingFile);
    command.add_option("--tls-key", tls_key, "PEM file of its private key")->check(CLI::ExistingFile);
    command.add_flag("--insecure-no-auth", insecure_no_auth,
                     "Serve other machines although no caller is authenticated");
    command.add_flag("--insecure-no-tls", insecure_no_tls, "Serve other machines in clear text");
    command.add_flag("--take-over", take_over,
                     "Follow the server that runs with the same state folder, if any, without losing a connection");
    command.add_flag("--check", check, "Look at the configuration, say what is wrong with it (status 2), and end");
    application.add_to(command);
}

void add_serve(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("serve", "Serve the RDS Data API");
    auto options = std::make_shared<serve_options>();
    options->add_to(*command);
    command->footer(
        "Without a configuration there are two managed clusters, borealis-postgresql and borealis-mysql, whose\n"
        "databases are created and started on first use.\n\n"
        "  aws rds-data execute-statement --endpoint-url http://127.0.0.1:8080 \\\n"
        "    --resource-arn arn:aws:rds:us-east-1:123456789012:cluster:borealis-postgresql \\\n"
        "    --secret-arn borealis-postgresql --sql 'SELECT 1'");
    command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

void add_dev(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("dev", "Serve a template's functions and HTTP APIs, and follow its changes");
    auto options = std::make_shared<serve_options>();
    command->add_option("file", options->application.file, "SAM or CloudFormation template")
        ->type_name("TEMPLATE")
        ->required()
        ->check(CLI::ExistingFile);
    options->add_to(*command);
    command->footer(
        "When the template changes it is read again; a function whose code has changed starts anew with its next "
        "call.\n"
        "The functions' log lines appear here. The Data API is served as by `borealis serve`.\n\n"
        "  borealis dev template.yaml --code MyFunction=build/bootstrap");
    command->callback([options, &chosen] {
        chosen = [options] {
            return serve(*options, [](server::config& with) {
                with.application.watch = true;
                with.lambda.host.echo_logs = true;
            });
        };
    });
}

}  // namespace borealis::cli
