#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "borealis/errors.hpp"
#include "cli/commands.hpp"
#include "cli/serve.hpp"
#include "cli/server_options.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"
#include "client/service.hpp"
#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Longer than any function may run.
constexpr auto invoke_limit = 920s;

struct function_options {
    std::string name;
    std::vector<std::string> code;
    std::vector<std::string> environment;
    std::string handler;
    std::string role;
    unsigned timeout = 0;
    unsigned memory = 0;
    unsigned instances = 0;
    bool freeze = false;

    void add_to(CLI::App& command) {
        command.add_option("-e,--env", environment, "NAME=VALUE; a variable of the function; may be repeated");
        command.add_option("--handler", handler, "Free text, which the function finds in _HANDLER");
        command.add_option("--timeout", timeout, "Seconds that one call may take; default 3")
            ->check(CLI::Range(1, 900));
        command.add_option("--memory", memory, "MB; default 128")->check(CLI::Range(128, 10240));
    }

    [[nodiscard]] std::pair<std::string, std::string> variable(const std::string& text) const {
        const auto equals = text.find('=');
        if (equals == std::string::npos) throw std::runtime_error(fmt::format("--env {}: write NAME=VALUE", text));
        return {text.substr(0, equals), text.substr(equals + 1)};
    }
};

std::string name_of(const fs::path& code) {
    auto name = fs::absolute(code).lexically_normal();
    if (!name.has_filename()) name = name.parent_path();
    std::string text = name.extension() == ".zip" ? name.stem().string() : name.filename().string();
    for (char& c : text) {
        const bool fits =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (!fits) c = '-';
    }
    return text.substr(0, 64);
}

struct host_options {
    serve_options serving;
    function_options functions;
};

int serve_functions(const host_options& options) {
    return serve(options.serving, [&options](server::config& with) {
        const auto& given = options.functions;
        with.lambda.serve = true;
        with.lambda.host.echo_logs = true;
        if (!given.name.empty() && given.code.size() != 1)
            throw std::runtime_error("--name goes with exactly one program, folder or zip");
        for (const auto& code : given.code) {
            lambda::function_settings one;
            one.name = given.name.empty() ? name_of(code) : given.name;
            if (fs::is_directory(code)) {
                one.folder = code;
            } else if (fs::path(code).extension() == ".zip") {
                one.zip = code;
            } else {
                one.program = code;
            }
            if (!given.handler.empty()) one.handler = given.handler;
            if (given.timeout != 0) one.timeout = std::chrono::seconds(given.timeout);
            if (given.memory != 0) one.memory_mb = given.memory;
            if (given.instances != 0) one.instances = given.instances;
            if (given.freeze) one.freeze = lambda::freezing::between_events;
            for (const auto& text : given.environment) one.environment.insert(given.variable(text));
            with.lambda.functions.push_back(std::move(one));
        }
    });
}

client::service connect(const server_options& to) {
    auto with = to.for_client("AWS_ENDPOINT_URL_LAMBDA");
    with.attempt_timeout = invoke_limit;
    return client::service(with, client::lambda_names, client::system_environment());
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::string function_path(std::string_view name, std::string_view rest = {}) {
    return fmt::format("/2015-03-31/functions/{}{}", encoded(name), rest);
}

std::string read_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.good() && !in.eof()) throw std::runtime_error(fmt::format("cannot read {}", file));
    return bytes;
}

struct list_options {
    server_options at;
    bool json = false;
};

int list(const list_options& options) {
    auto service = connect(options.at);
    table shown({"NAME", "RUNTIME", "HANDLER", "TIMEOUT", "MEMORY", "MODIFIED"});
    std::string all = "[";
    std::string marker;
    do {
        const auto got = service.perform({.operation = "ListFunctions",
                                          .path = "/2015-03-31/functions",
                                          .body = {},
                                          .method = "GET",
                                          .query = marker.empty() ? "" : "Marker=" + encoded(marker)});
        json::document parser;
        const auto root = parser.parse_copy(got.body);
        const auto* functions = root ? (*root)->find("Functions") : nullptr;
        if (functions == nullptr) throw call_failed("the server's answer cannot be read");
        const auto text = [](const json::node& of, std::string_view name) {
            const auto* found = of.find(name);
            return found == nullptr ? std::string()
                                    : std::string(found->is() == json::kind::integer ? found->raw() : found->text());
        };
        for (const auto& one : *functions) {
            shown.add({text(one, "FunctionName"), text(one, "Runtime"), text(one, "Handler"),
                       text(one, "Timeout") + " s", text(one, "MemorySize") + " MB", text(one, "LastModified")});
        }
        // The array as it came, without its brackets.
        const auto begin = got.body.find('[') + 1;
        const auto end = got.body.rfind(']');
        if (end > begin) all += (all.size() > 1 ? "," : "") + got.body.substr(begin, end - begin);
        const auto* next = (*root)->find("NextMarker");
        marker = next != nullptr && next->is() == json::kind::string ? std::string(next->text()) : std::string();
    } while (!marker.empty());
    if (options.json) {
        std::printf("%s]\n", all.c_str());
    } else {
        shown.print();
    }
    return 0;
}

struct invoke_options {
    server_options at;
    std::string name, payload = "{}", qualifier;
    bool event = false, dry_run = false, tail = false, json = false;
};

int invoke(const invoke_options& options) {
    std::string payload = options.payload;
    if (payload == "-") {
        payload.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    } else if (payload.starts_with('@')) {
        payload = read_file(payload.substr(1));
    }
    auto service = connect(options.at);
    const auto path = function_path(options.name, "/invocations");
    client::service_call call{.operation = "Invoke", .path = path, .body = payload, .timeout = invoke_limit};
    if (options.event) call.headers.emplace_back("X-Amz-Invocation-Type", "Event");
    if (options.dry_run) call.headers.emplace_back("X-Amz-Invocation-Type", "DryRun");
    if (options.tail) call.headers.emplace_back("X-Amz-Log-Type", "Tail");
    if (!options.qualifier.empty()) call.query = "Qualifier=" + encoded(options.qualifier);
    const auto got = service.perform(call);
    const auto header = [&got](std::string_view name) -> std::string_view {
        for (const auto& [key, value] : got.headers)
            if (key == name) return value;
        return {};
    };
    const auto failed = header("x-amz-function-error");
    const auto log = core::decode_base64(header("x-amz-log-result")).value_or("");
    if (options.json) {
        std::string out = fmt::format(R"({{"statusCode":{})", got.status);
        const auto member = [&out](std::string_view name, std::string_view value) {
            if (value.empty()) return;
            out += fmt::format(R"(,"{}":)", name);
            json::append_string(out, value);
        };
        member("functionError", failed);
        member("executedVersion", header("x-amz-executed-version"));
        member("requestId", got.request_id);
        member("log", log);
        member("payload", got.body);
        std::printf("%s}\n", out.c_str());
    } else {
        if (!log.empty()) std::fprintf(stderr, "%s", log.c_str());
        if (!got.body.empty()) std::printf("%s%s", got.body.c_str(), got.body.ends_with('\n') ? "" : "\n");
        if (!failed.empty()) std::fprintf(stderr, "borealis: the function failed (%s)\n", std::string(failed).c_str());
    }
    return failed.empty() ? 0 : 1;
}

struct create_options {
    server_options at;
    function_options function;
    std::string zip;
    bool json = false;
};

std::string zip_member(const std::string& file) {
    std::string out = R"("ZipFile":")";
    core::append_base64(out, read_file(file));
    return out + '"';
}

int create(const create_options& options) {
    const auto& given = options.function;
    std::string body = R"({"FunctionName":)";
    json::append_string(body, given.name);
    body += R"(,"Runtime":"provided.al2023","Handler":)";
    json::append_string(body, given.handler.empty() ? "bootstrap" : given.handler);
    body += R"(,"Role":)";
    json::append_string(body, given.role.empty() ? "arn:aws:iam::123456789012:role/" + given.name : given.role);
    if (given.timeout != 0) body += fmt::format(R"(,"Timeout":{})", given.timeout);
    if (given.memory != 0) body += fmt::format(R"(,"MemorySize":{})", given.memory);
    if (!given.environment.empty()) {
        body += R"(,"Environment":{"Variables":{)";
        for (const auto& text : given.environment) {
            const auto [name, value] = given.variable(text);
            if (!body.ends_with('{')) body += ',';
            json::append_string(body, name);
            body += ':';
            json::append_string(body, value);
        }
        body += "}}";
    }
    body += R"(,"Code":{)" + zip_member(options.zip) + "}}";
    auto service = connect(options.at);
    const auto got = service.perform({.operation = "CreateFunction", .path = "/2015-03-31/functions", .body = body});
    if (options.json) {
        std::printf("%s\n", got.body.c_str());
    } else {
        std::printf("created %s\n", given.name.c_str());
    }
    return 0;
}

int update(const create_options& options) {
    auto service = connect(options.at);
    const auto path = function_path(options.function.name, "/code");
    const auto got = service.perform({.operation = "UpdateFunctionCode",
                                      .path = path,
                                      .body = "{" + zip_member(options.zip) + "}",
                                      .method = "PUT"});
    if (options.json) {
        std::printf("%s\n", got.body.c_str());
    } else {
        std::printf("updated %s\n", options.function.name.c_str());
    }
    return 0;
}

struct name_options {
    server_options at;
    std::string name;
};

int remove(const name_options& options) {
    auto service = connect(options.at);
    const auto path = function_path(options.name);
    [[maybe_unused]] const auto got =
        service.perform({.operation = "DeleteFunction", .path = path, .body = {}, .method = "DELETE"});
    std::printf("deleted %s\n", options.name.c_str());
    return 0;
}

struct log_options {
    server_options at;
    std::string name;
    bool follow = false, json = false;
    std::size_t lines = 100;
};

/// One line of a log file: time, stream, text.
void print_log_line(const std::string& line, bool as_json) {
    if (!as_json) {
        std::printf("%s\n", line.c_str());
        return;
    }
    const auto first = line.find(' ');
    const auto second = first == std::string::npos ? first : line.find(' ', first + 1);
    std::string out = R"({"time":)";
    json::append_string(out, line.substr(0, first));
    out += R"(,"stream":)";
    json::append_string(out, second == std::string::npos ? "" : line.substr(first + 1, second - first - 1));
    out += R"(,"message":)";
    json::append_string(out, second == std::string::npos ? "" : line.substr(second + 1));
    std::printf("%s}\n", out.c_str());
}

int logs(const log_options& options) {
    const auto file = options.at.folder() / "lambda" / "logs" / (options.name + ".log");
    const auto wait_for_file = [&] {
        while (!fs::exists(file)) {
            if (!options.follow) {
                throw call_failed(
                    fmt::format("the function {} has no log in {}: it was not called yet, or --state-dir names "
                                "another server's folder",
                                options.name, file.parent_path().string()));
            }
            std::this_thread::sleep_for(200ms);
        }
    };
    wait_for_file();
    std::ifstream in(file, std::ios::binary);
    std::vector<std::string> last;
    std::string line;
    std::ifstream before(file.string() + ".1", std::ios::binary);
    for (auto* from : {&before, &in}) {
        while (from->is_open() && std::getline(*from, line)) {
            last.push_back(line);
            if (last.size() > 2 * options.lines + 1000)
                last.erase(last.begin(), last.end() - static_cast<std::ptrdiff_t>(options.lines));
        }
    }
    const auto skip = last.size() > options.lines ? last.size() - options.lines : 0;
    for (std::size_t i = skip; i < last.size(); ++i) print_log_line(last[i], options.json);
    std::fflush(stdout);
    if (!options.follow) return 0;

    in.clear();
    std::string begun;
    auto at = in.tellg() < 0 ? std::streamoff(fs::file_size(file)) : std::streamoff(in.tellg());
    while (std::ferror(stdout) == 0) {
        std::error_code ignored;  // between two files
        const auto size = fs::file_size(file, ignored);
        if (!ignored && static_cast<std::streamoff>(size) < at) {  // a new file was begun
            in.close();
            in.open(file, std::ios::binary);
            at = 0;
        }
        in.clear();
        in.seekg(at);
        while (std::getline(in, line)) {
            if (in.eof()) break;  // not whole yet
            at = in.tellg();
            print_log_line(line, options.json);
        }
        std::fflush(stdout);
        std::this_thread::sleep_for(100ms);
    }
    return 1;
}

}  // namespace

void add_lambda(CLI::App& to, action& chosen) {
    auto* command = to.add_subcommand("lambda", "Functions on this machine: serve, call and watch them");
    command->require_subcommand(1);

    auto host = std::make_shared<host_options>();
    auto* served = command->add_subcommand("serve", "Serve with these functions, their logs on standard output");
    served->add_option(
        "code", host->functions.code,
        "A program that speaks the Lambda Runtime API, or a folder or zip with one named bootstrap; more than "
        "one may be given");
    served->add_option("--name", host->functions.name, "The function's name; default: the file's");
    host->functions.add_to(*served);
    served->add_option("--instances", host->functions.instances, "Processes at once; default 16")
        ->check(CLI::Range(1, 1000));
    served->add_flag("--freeze", host->functions.freeze, "Stop the processes between events, as Lambda does");
    host->serving.add_to(*served);
    served->footer(
        "  aws lambda invoke --endpoint-url http://127.0.0.1:8080 --function-name NAME \\\n"
        "    --cli-binary-format raw-in-base64-out --payload '{}' /dev/stdout");
    served->callback([host, &chosen] { chosen = [host] { return serve_functions(*host); }; });

    auto lists = std::make_shared<list_options>();
    auto* listed = command->add_subcommand("list", "Print the functions of the server that runs");
    lists->at.add_to(*listed, "AWS_ENDPOINT_URL_LAMBDA");
    listed->add_flag("--json", lists->json, "As a JSON array");
    listed->callback([lists, &chosen] { chosen = [lists] { return list(*lists); }; });

    auto calls = std::make_shared<invoke_options>();
    auto* invoked = command->add_subcommand("invoke", "Call a function; status 1 when it fails");
    invoked->add_option("name", calls->name, "Name or ARN")->required();
    invoked->add_option("payload", calls->payload, "The event: JSON, @FILE, or - for standard input; default {}");
    invoked->add_option("--qualifier", calls->qualifier, "Version; there is $LATEST");
    auto* event = invoked->add_flag("--event", calls->event, "Queue it and do not wait");
    invoked->add_flag("--dry-run", calls->dry_run, "Only ask whether it may be called")->excludes(event);
    invoked->add_flag("--tail", calls->tail, "The end of its log on standard error");
    invoked->add_flag("--json", calls->json, "Status, error, log and payload as one JSON object");
    calls->at.add_to(*invoked, "AWS_ENDPOINT_URL_LAMBDA");
    invoked->callback([calls, &chosen] { chosen = [calls] { return invoke(*calls); }; });

    auto reads = std::make_shared<log_options>();
    auto* logged = command->add_subcommand("logs", "Print a function's log");
    logged->add_option("name", reads->name)->required();
    logged->add_flag("-f,--follow", reads->follow, "Go on as it grows");
    logged->add_option("-n,--lines", reads->lines, "Last lines to begin with; default 100");
    logged->add_flag("--json", reads->json, "Each line as a JSON object");
    reads->at.add_state_folder(*logged);
    logged->callback([reads, &chosen] { chosen = [reads] { return logs(*reads); }; });

    auto makes = std::make_shared<create_options>();
    auto* created = command->add_subcommand("create", "Create a function from a zip");
    created->add_option("name", makes->function.name)->required();
    created->add_option("--zip", makes->zip, "Holds a program named bootstrap")->required()->check(CLI::ExistingFile);
    created->add_option("--role", makes->function.role, "ARN of the role it runs as");
    makes->function.add_to(*created);
    created->add_flag("--json", makes->json, "The function's configuration as JSON");
    makes->at.add_to(*created, "AWS_ENDPOINT_URL_LAMBDA");
    created->callback([makes, &chosen] { chosen = [makes] { return create(*makes); }; });

    auto changes = std::make_shared<create_options>();
    auto* updated = command->add_subcommand("update", "Replace a created function's code");
    updated->add_option("name", changes->function.name)->required();
    updated->add_option("--zip", changes->zip)->required()->check(CLI::ExistingFile);
    updated->add_flag("--json", changes->json, "The function's configuration as JSON");
    changes->at.add_to(*updated, "AWS_ENDPOINT_URL_LAMBDA");
    updated->callback([changes, &chosen] { chosen = [changes] { return update(*changes); }; });

    auto removes = std::make_shared<name_options>();
    auto* deleted = command->add_subcommand("delete", "Delete a function");
    deleted->add_option("name", removes->name)->required();
    removes->at.add_to(*deleted, "AWS_ENDPOINT_URL_LAMBDA");
    deleted->callback([removes, &chosen] { chosen = [removes] { return remove(*removes); }; });
}

}  // namespace borealis::cli
