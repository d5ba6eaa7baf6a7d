#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "borealis/errors.hpp"
#include "cli/commands.hpp"
#include "cli/server_call.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "json/document.hpp"
#include "server/cluster_json.hpp"
#include "server/server.hpp"

namespace borealis::cli {
namespace {

using namespace std::chrono_literals;

struct cluster_options {
    source from;
    server_options server;
    bool json = false;
    bool wait = true;
    std::string id;
    // create and modify
    std::string engine = "postgresql";
    std::string version;
    std::string database;
    std::string user = "boss";
    std::string secret_name;
    std::string resume;
    std::string minimum;
    std::string maximum;
    std::string pause_after;
    std::string endpoint_enabled;
    std::string protect;
    std::string snapshot;
    bool v1 = false;
    // fault
    std::vector<std::string> faults;
    bool clear = false;
    // logs and connect
    int lines = 50;
    bool follow = false;
    std::vector<std::string> words;
};

/// A cluster as `/borealis/clusters/ID` shows it.
class shown_cluster {
 public:
    explicit shown_cluster(std::string json) : text_(std::move(json)) {
        const auto root = reader_.parse_copy(text_);
        if (!root || (*root)->is() != json::kind::object)
            throw call_failed("the server answers something else than a cluster: is it a Borealis of another version?");
        root_ = *root;
    }
    [[nodiscard]] std::string text(std::string_view name) const {
        const auto* found = root_->find(name);
        if (found == nullptr) return {};
        switch (found->is()) {
            case json::kind::string:
                return std::string(found->text());
            case json::kind::boolean:
                return found->boolean() ? "yes" : "no";
            case json::kind::integer:
            case json::kind::real:
                return std::string(found->raw());
            default:
                return {};
        }
    }
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
        std::vector<std::string> all;
        const auto* found = root_->find(name);
        if (found == nullptr || found->is() != json::kind::array) return all;
        for (const auto& each : *found) all.emplace_back(each.text());
        return all;
    }
    [[nodiscard]] const std::string& json() const { return text_; }

 private:
    std::string text_;
    json::document reader_;
    const json::node* root_ = nullptr;
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
    table shown({"ID", "ENGINE", "STATUS", "CAPACITY", "DATABASE", "RESOURCE ARN", "SECRET ARN"});
    for (const auto& one : all) {
        const auto& about = *one.about;
        const auto secret = state.secrets->describe(about.master_secret_arn.empty() ? one.id : about.master_secret_arn);
        shown.add({one.id, (one.is == clusters::engine::postgresql ? "postgresql " : "mysql ") + one.engine_version,
                   std::string(one.managed ? clusters::name_of(one.state) : "external"),
                   about.scales.given
                       ? fmt::format("{}-{}", about.scales.least.halves / 2.0, about.scales.most.halves / 2.0)
                       : "",
                   one.default_database, one.arn, secret ? secret->arn : about.master_secret_arn});
    }
    shown.print();
    return 0;
}

void print(const shown_cluster& what, bool json) {
    if (json) {
        std::printf("%s\n", what.json().c_str());
        return;
    }
    table shown({"CLUSTER", what.text("id")});
    for (const auto& [label, member] : {std::pair{"status", "status"},
                                        {"engine", "engine"},
                                        {"version", "engineVersion"},
                                        {"resource ARN", "resourceArn"},
                                        {"secret ARN", "secretArn"},
                                        {"database", "database"},
                                        {"master user", "masterUsername"},
                                        {"Data API", "httpEndpointEnabled"},
                                        {"profile", "profile"},
                                        {"capacity", "capacity"},
                                        {"minimum capacity", "minCapacity"},
                                        {"maximum capacity", "maxCapacity"},
                                        {"pauses after seconds", "pauseAfterSeconds"},
                                        {"while it resumes", "resume"},
                                        {"process", "processId"},
                                        {"folder", "folder"},
                                        {"socket", "socket"},
                                        {"resource id", "resourceId"}}) {
        if (const auto value = what.text(member); !value.empty() && value != "0") shown.add({label, value});
    }
    shown.print();
}

int describe(const cluster_options& options) {
    server_call at(options.server);
    print(shown_cluster(at.own("/" + options.id)), options.json);
    return 0;
}

/// Shows on a terminal what the cluster is doing until it is `wanted`; with `--no-wait` does not look.
int follow(server_call& at, const cluster_options& options, std::string_view wanted) {
    const bool speaks = ::isatty(STDERR_FILENO) == 1 && !options.json;
    const auto began = std::chrono::steady_clock::now();
    std::string last;
    while (options.wait) {
        std::string status;
        try {
            status = shown_cluster(at.own("/" + options.id)).text("status");
        } catch (const aws_error& e) {
            if (e.code() != "NotFoundException") throw;
            status = "gone";
        }
        if (status != last && speaks) {
            std::fprintf(stderr, "%s%s %s", last.empty() ? "" : "\n", options.id.c_str(), status.c_str());
        } else if (speaks) {
            std::fprintf(stderr, ".");
        }
        last = status;
        if (status == wanted || status == "failed") break;
        if (std::chrono::steady_clock::now() - began > 3min)
            throw call_failed(fmt::format("cluster {} is still {} after 3 minutes", options.id, status));
        std::this_thread::sleep_for(100ms);
    }
    if (speaks && options.wait) std::fprintf(stderr, "\n");
    if (last == "failed")
        throw call_failed(fmt::format("cluster {0} has failed: borealis cluster logs {0} says why", options.id));
    if (last != "gone") print(shown_cluster(at.own("/" + options.id)), options.json);
    return 0;
}

using parameters = std::vector<std::pair<std::string, std::string>>;

void add_scaling(const cluster_options& options, parameters& to, bool v1) {
    const std::string prefix = v1 ? "ScalingConfiguration." : "ServerlessV2ScalingConfiguration.";
    if (!options.minimum.empty()) to.emplace_back(prefix + "MinCapacity", options.minimum);
    if (!options.maximum.empty()) to.emplace_back(prefix + "MaxCapacity", options.maximum);
    if (!options.pause_after.empty()) to.emplace_back(prefix + "SecondsUntilAutoPause", options.pause_after);
}

void add_flag(std::string_view value, std::string_view name, parameters& to) {
    if (!value.empty()) to.emplace_back(name, value == "on" ? "true" : "false");
}

int create(const cluster_options& options) {
    const std::string engine =
        options.engine == "postgresql" || options.engine == "aurora-postgresql" ? "aurora-postgresql" : "aurora-mysql";
    parameters with = {{"DBClusterIdentifier", options.id},
                       {"Engine", engine},
                       {"MasterUsername", options.user},
                       {"ManageMasterUserPassword", "true"},
                       {"EnableHttpEndpoint", "true"}};
    if (!options.version.empty()) with.emplace_back("EngineVersion", options.version);
    if (!options.database.empty()) with.emplace_back("DatabaseName", options.database);
    if (options.v1) with.emplace_back("EngineMode", "serverless");
    if (!options.resume.empty()) {
        with.emplace_back("Tags.Tag.1.Key", std::string(clusters::resume_tag));
        with.emplace_back("Tags.Tag.1.Value", options.resume);
    }
    auto sized = options;
    if (!options.v1 && sized.minimum.empty()) sized.minimum = "0";
    if (!options.v1 && sized.maximum.empty()) sized.maximum = "4";
    add_scaling(sized, with, options.v1);
    add_flag(options.protect, "DeletionProtection", with);
    server_call at(options.server);
    at.rds("CreateDBCluster", std::move(with));
    if (!options.v1) {
        at.rds("CreateDBInstance", {{"DBInstanceIdentifier", options.id + "-writer"},
                                    {"DBClusterIdentifier", options.id},
                                    {"DBInstanceClass", "db.serverless"},
                                    {"Engine", engine}});
    }
    return follow(at, options, "available");
}

int modify(const cluster_options& options) {
    server_call at(options.server);
    const shown_cluster before(at.own("/" + options.id));
    parameters with = {{"DBClusterIdentifier", options.id}};
    add_scaling(options, with, before.text("profile") == "aws-v1");
    add_flag(options.protect, "DeletionProtection", with);
    add_flag(options.endpoint_enabled, "EnableHttpEndpoint", with);
    if (with.size() > 1) at.rds("ModifyDBCluster", std::move(with));
    if (!options.resume.empty()) {
        at.rds("AddTagsToResource", {{"ResourceName", before.text("resourceArn")},
                                     {"Tags.Tag.1.Key", std::string(clusters::resume_tag)},
                                     {"Tags.Tag.1.Value", options.resume}});
    }
    print(shown_cluster(at.own("/" + options.id)), options.json);
    return 0;
}

int start(const cluster_options& options) {
    server_call at(options.server);
    at.rds("StartDBCluster", {{"DBClusterIdentifier", options.id}});
    return follow(at, options, "available");
}

int stop(const cluster_options& options) {
    server_call at(options.server);
    at.rds("StopDBCluster", {{"DBClusterIdentifier", options.id}});
    return follow(at, options, "stopped");
}

int remove(const cluster_options& options) {
    server_call at(options.server);
    const shown_cluster before(at.own("/" + options.id));
    // Its instances go with it: a person means all of it.
    for (const auto& each : before.texts("instances")) at.rds("DeleteDBInstance", {{"DBInstanceIdentifier", each}});
    parameters with = {{"DBClusterIdentifier", options.id}};
    if (options.snapshot.empty()) {
        with.emplace_back("SkipFinalSnapshot", "true");
    } else {
        with.emplace_back("FinalDBSnapshotIdentifier", options.snapshot);
    }
    at.rds("DeleteDBCluster", std::move(with));
    return follow(at, options, "gone");
}

int pause(const cluster_options& options) {
    server_call at(options.server);
    print(shown_cluster(at.own("/" + options.id + "/pause")), options.json);
    return 0;
}

int resume(const cluster_options& options) {
    server_call at(options.server);
    print(shown_cluster(at.own("/" + options.id + "/resume")), options.json);
    return 0;
}

int fault(const cluster_options& options) {
    server_call at(options.server);
    const auto path = "/" + options.id + "/faults";
    if (options.clear) (void)at.own(path, "none");
    for (const auto& each : options.faults) (void)at.own(path, each);
    const auto answer = at.own(path);
    if (options.json) {
        std::printf("%s\n", answer.c_str());
        return 0;
    }
    json::document reader;
    const auto root = reader.parse_copy(answer);
    table shown({"FAULT", "MILLISECONDS", "TIMES"});
    if (root) {
        for (const auto& each : **root) {
            shown.add({std::string(each.find("fault")->text()), std::string(each.find("milliseconds")->raw()),
                       std::string(each.find("times")->raw())});
        }
    }
    shown.print();
    return 0;
}

/// The folder of a managed cluster on this machine.
shown_cluster here(const cluster_options& options) {
    server_call at(options.server);
    shown_cluster found(at.own("/" + options.id));
    if (found.text("managed") != "yes")
        throw call_failed(
            fmt::format("cluster {} is run by somebody else: Borealis has neither its log nor its socket", options.id));
    return found;
}

int logs(const cluster_options& options) {
    const auto file = here(options).text("folder") + "/log";
    const auto count = fmt::format("-n{}", options.lines);
    std::vector<const char*> words = {"tail", count.c_str()};
    if (options.follow) words.push_back("-F");
    words.push_back(file.c_str());
    words.push_back(nullptr);
    // execvp's own type: it changes none of them.
    ::execvp(words[0], const_cast<char**>(words.data()));
    throw call_failed(fmt::format("tail cannot be run: {}", std::generic_category().message(errno)));
}

/// Opens the engine's own client on the cluster's socket, as the master user.
int connect(const cluster_options& options) {
    auto found = here(options);
    if (found.text("status") != "available") {
        server_call at(options.server);
        found = shown_cluster(at.own("/" + options.id + "/resume"));
    }
    const bool postgresql = found.text("engine") == "postgresql";
    const auto user = found.text("masterUsername");
    const auto database = found.text("database");
    const auto socket = found.text("socket");
    core::set_log_level(core::log_level::warning);
    auto with = options.from;
    if (with.state_folder.empty()) with.state_folder = options.server.state_folder;
    auto config = with.read();
    const auto state = server::open_state(config, false);
    const auto name = found.text("secretArn");
    if (const auto secret = state.secrets->get(name.empty() ? options.id : name)) {
        json::document reader;
        const auto root = reader.parse_copy(secret->text.reveal());
        const auto* password = root && (*root)->is() == json::kind::object ? (*root)->find("password") : nullptr;
        // By the environment of that one process: an argument would be seen by all.
        if (password != nullptr && password->is() == json::kind::string) {
            ::setenv(postgresql ? "PGPASSWORD" : "MYSQL_PWD", std::string(password->text()).c_str(),
                     1);  // NOLINT(concurrency-mt-unsafe): one thread
        }
    }
    std::vector<std::string> words;
    if (postgresql) {
        words = {"psql", "--host=" + socket, "--port=" + found.text("port"), "--username=" + user,
                 "--dbname=" + (database.empty() ? "postgres" : database)};
    } else {
        words = {"mariadb", "--socket=" + socket, "--user=" + user};
        if (!database.empty()) words.push_back("--database=" + database);
    }
    words.insert(words.end(), options.words.begin(), options.words.end());
    std::vector<char*> arguments;
    for (auto& each : words) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    throw call_failed(fmt::format("{} cannot be run: {}; apt-get install {}", words[0],
                                  std::generic_category().message(errno),
                                  postgresql ? "postgresql-client" : "mariadb-client-core"));
}

}  // namespace

void add_cluster(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("cluster", "The databases this server knows");
    command->require_subcommand(1);
    auto options = std::make_shared<cluster_options>();
    auto* listed = command->add_subcommand("list", "Print them with their ARNs and secrets; needs no running server");
    options->from.add_to(*listed);
    listed->add_flag("--json", options->json, "As a JSON array");
    listed->callback([options, &chosen] { chosen = [options] { return list(*options); }; });

    const auto add = [&](const char* name, const char* about, int (*run)(const cluster_options&)) {
        auto* made = command->add_subcommand(name, about);
        options->server.add_to(*made, "AWS_ENDPOINT_URL_RDS");
        made->add_option("id", options->id, "The cluster's id")->required();
        made->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
        return made;
    };
    const auto with_json = [&](CLI::App* made) {
        made->add_flag("--json", options->json, "As a JSON object");
        return made;
    };
    const auto waits = [&](CLI::App* made) {
        made->add_flag("--wait,!--no-wait", options->wait, "Wait until it is done, which is the default");
        return with_json(made);
    };
    const auto switches = CLI::IsMember({"on", "off"});
    const auto scales = [&](CLI::App* made) {
        made->add_option("--min-capacity", options->minimum, "In Aurora capacity units; 0 lets it pause");
        made->add_option("--max-capacity", options->maximum, "In Aurora capacity units");
        made->add_option("--pause-after", options->pause_after, "Seconds without calls until it pauses");
        made->add_option("--resume", options->resume, "What a call gets while it resumes")
            ->check(CLI::IsMember({"wait", "aws-v2", "aws-v1"}));
        made->add_option("--deletion-protection", options->protect, "on or off")->check(switches);
        return made;
    };
    auto* creating = scales(waits(add("create", "Make one, with a secret of its own", create)));
    creating->add_option("--engine", options->engine, "postgresql or mysql")
        ->check(CLI::IsMember({"postgresql", "mysql", "aurora-postgresql", "aurora-mysql"}))
        ->capture_default_str();
    creating->add_option("--engine-version", options->version, "One that is installed; default: the newest");
    creating->add_option("--database", options->database, "Database to make in it");
    creating->add_option("--user", options->user, "Its master user")->capture_default_str();
    creating->add_flag("--serverless-v1", options->v1, "Of the engine mode serverless");
    with_json(add("describe", "Print all about one", describe));
    waits(add("start", "Start a stopped one", start));
    waits(add("stop", "Stop it until it is started", stop));
    with_json(add("pause", "Stop its engine until the next call", pause));
    with_json(add("resume", "Start its engine", resume));
    auto* modifying = scales(with_json(add("modify", "Change its settings", modify)));
    modifying->add_option("--data-api", options->endpoint_enabled, "on or off")->check(switches);
    waits(add("delete", "Remove it with its instances and data", remove))
        ->add_option("--final-snapshot", options->snapshot, "Keep its data as a snapshot of that name");
    auto* failing = with_json(add("fault", "Let calls fail, to try what callers do; prints what still waits", fault));
    failing->add_option(
        "faults", options->faults,
        "resume-delay=MS, resume-failure, latency=MS, throttling, statement-timeout, lost-commit, drop; "
        "each with ,times=N");
    failing->add_flag("--clear", options->clear, "Forget those that wait");
    auto* reading = add("logs", "Print what its engine has written", logs);
    reading->add_option("-n,--lines", options->lines, "How many of the last lines")->check(CLI::Range(0, 1'000'000));
    reading->add_flag("-f,--follow", options->follow, "Go on as more is written");
    auto* opening = add("connect", "Open psql or mariadb on it, as its master user", connect);
    opening->add_option("-c,--config", options->from.config_file, "Configuration file of the server")
        ->check(CLI::ExistingFile);
    opening->add_option("words", options->words, "Passed on to psql or mariadb, behind --");
}

}  // namespace borealis::cli
