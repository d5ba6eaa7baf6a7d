#include "program.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string_view>

#include <CLI/CLI.hpp>
#include <borealis/lambda.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "csv.hpp"
#include "json/writer.hpp"
#include "service.hpp"

namespace employees {
namespace {

using borealis::core::deadline;
using namespace std::chrono_literals;

enum exit_status : int { done = 0, failed = 1, wrong_use = 2 };

struct script_options {
    std::string event, employees_file, on_error, atomic;
    bool init_db = false, list = false, return_employees = false, progress = false;
    int timeout_seconds = 90;
};

void print_line(std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

void print_error(const failure& what) { std::fputs(fmt::format("{}: {}\n", what.type, what.message).c_str(), stderr); }

/// A bar on standard error; log lines go above it.
class progress_bar {
 public:
    explicit progress_bar(bool shown) : shown_(shown) {}

    void show(std::size_t done, std::size_t total) {
        if (!shown_) return;
        constexpr std::size_t width = 40;
        const auto filled = total == 0 ? width : done * width / total;
        std::fputs(fmt::format("\r[{:#<{}}{:.<{}}] {}/{}", "", filled, "", width - filled, done, total).c_str(),
                   stderr);
        drawn_ = true;
    }
    void make_room() {
        if (std::exchange(drawn_, false)) std::fputs("\r\x1b[K", stderr);
    }
    void end() {
        if (std::exchange(drawn_, false)) std::fputc('\n', stderr);
    }

 private:
    bool shown_;
    bool drawn_ = false;
};

int fail_with(const failure& what) {
    print_error(what);
    return failed;
}

void print_rows(const std::vector<row>& rows) {
    print_line(fmt::format("Number of employees: {}", rows.size()));
    print_line(fmt::format("List of employees: {}", to_python(rows)));
}

int add_random_employee(employee_service& service, deadline until) {
    const auto id = std::uniform_int_distribution(1, 100'000)(*std::make_unique<std::random_device>());
    borealis::json::document event;
    const auto root = event.parse_copy(fmt::format(R"({{"EmpId":"{0}","EmpName":"Employee-Name-{0}"}})", id));
    const auto rows = service.add(**root, until);
    if (!rows) return fail_with(rows.error());
    print_rows(*rows);
    return done;
}

int answer_event(employee_service& service, const std::string& event, deadline until) {
    const auto result = service.answer(event, until);
    if (result) {
        print_line(*result);
        return done;
    }
    std::string text = R"({"errorMessage":)";
    borealis::json::append_string(text, result.error().message);
    text += R"(,"errorType":)";
    borealis::json::append_string(text, result.error().type);
    if (!result.error().details.empty()) text += fmt::format(R"(,"details":{})", result.error().details);
    std::fputs((text += "}\n").c_str(), stderr);
    return failed;
}

std::string contents_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open() || in.bad()) throw std::invalid_argument(fmt::format("--employees: {} cannot be read", file));
    return text;
}

/// The options of the command line as members of an event.
std::string batch_event(const script_options& options) {
    std::string text = fmt::format(R"({{"ReturnEmployees":{})", options.return_employees);
    const auto add = [&text](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        text += fmt::format(R"(,"{}":)", name);
        borealis::json::append_string(text, value);
    };
    add("OnError", options.on_error);
    add("Atomic", options.atomic);
    return text += '}';
}

int add_file(employee_service& service, progress_bar& bar, const script_options& options, deadline until) {
    auto text = contents_of(options.employees_file);
    const auto first = text.find_first_not_of(" \t\r\n");
    const bool is_json = first != std::string::npos && (text[first] == '[' || text[first] == '{');
    borealis::json::document file, settings;
    const auto parsed = [&] {
        try {
            return file.parse_copy(is_json ? text : employees_of_csv(text));
        } catch (const std::invalid_argument& wrong) {
            throw std::invalid_argument(fmt::format("--employees: {}: {}", options.employees_file, wrong.what()));
        }
    }();
    if (!parsed)
        throw std::invalid_argument(fmt::format("--employees: {}: {}", options.employees_file, parsed.error().message));

    // An object brings its own OnError, Atomic and ReturnEmployees along, unless the command line says something.
    const auto& root = **parsed;
    const bool object = root.is() == borealis::json::kind::object;
    const auto* employees = object ? root.find("Employees") : &root;
    if (employees == nullptr)
        throw std::invalid_argument(
            fmt::format("--employees: {} holds no member \"Employees\"", options.employees_file));
    const bool told = options.return_employees || !options.on_error.empty() || !options.atomic.empty();
    const auto* event = object && !told ? &root : *settings.parse_copy(batch_event(options));

    const auto report = service.add_batch(*employees, event, until);
    bar.end();
    if (!report) {
        print_error(report.error());
        if (!report.error().details.empty())
            std::fputs(fmt::format("details: {}\n", report.error().details).c_str(), stderr);
        return failed;
    }
    print_line(to_json(*report));
    return report->all_committed() && !report->list_error ? done : failed;
}

int run_script(database& at, const script_options& options) {
    progress_bar bar(!options.employees_file.empty() && (options.progress || ::isatty(STDERR_FILENO) == 1));
    employee_service service(at,
                             {.log =
                                  [&bar](std::string_view line) {
                                      bar.make_room();
                                      print_line(line);
                                  },
                              .progress = [&bar](std::size_t count, std::size_t total) { bar.show(count, total); }});
    const auto until = deadline::after(std::chrono::seconds(options.timeout_seconds));
    if (options.init_db) {
        if (const auto made = at.create_table(until); !made) return fail_with(made.error());
        print_line("The table Employee is ready.");
        return done;
    }
    if (options.list) {
        const auto rows = service.list(until);
        if (!rows) return fail_with(rows.error());
        print_rows(*rows);
        return done;
    }
    if (!options.event.empty()) return answer_event(service, options.event, until);
    if (!options.employees_file.empty()) return add_file(service, bar, options, until);
    return add_random_employee(service, until);
}

/// When the function has to be done: a little before Lambda ends the process, so that its error still gets out.
deadline deadline_of(const borealis::lambda::invocation& call) {
    const auto left = call.remaining();
    return deadline::after(left - std::min(500ms, left / 4));
}

int run_in_lambda(const variant& what) {
    std::unique_ptr<database> at;
    std::unique_ptr<employee_service> service;
    return borealis::lambda::run_after([&]() -> borealis::lambda::handler {
        try {
            at = what.open();
        } catch (const std::invalid_argument& wrong) {
            throw borealis::lambda::function_error({.message = wrong.what(), .type = "Runtime.ConfigInvalid"});
        }
        if (what.connect_at_start()) {
            auto until = deadline::after(9s);  // L-1.60: Lambda gives the initialisation 10 s
            auto connected = at->begin(until);
            if (connected) connected = at->rollback(until);
            if (!connected) {
                print_line(
                    fmt::format("Could not connect to MySQL instance: {}", connected.error().message));  // L-6.21
                throw borealis::lambda::function_error(
                    {.message = connected.error().message, .type = connected.error().type});
            }
        }
        service = std::make_unique<employee_service>(
            *at, service_settings{.log = print_line, .result_limit_bytes = borealis::lambda::largest_response});
        return [&service](const borealis::lambda::invocation& call) -> borealis::lambda::outcome {
            auto result = service->answer(call.event, deadline_of(call));
            if (result) return borealis::lambda::response{std::move(*result)};
            auto& error = result.error();
            return std::unexpected(borealis::lambda::error{.message = std::move(error.message),
                                                           .type = std::move(error.type),
                                                           .details = std::move(error.details)});
        };
    });
}

}  // namespace

std::string region_of_arn(std::string_view arn) {
    if (!arn.starts_with("arn:")) return {};
    for (int colons = 0; colons < 3; ++colons) arn.remove_prefix(std::min(arn.find(':'), arn.size() - 1) + 1);
    return std::string(arn.substr(0, arn.find(':')));
}

int run_program(int argc, char** argv, const variant& what) {
    std::signal(SIGPIPE, SIG_IGN);  // a connection that broke is an error of its call
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    CLI::App app(what.description, what.name);
    app.footer(
        "Without a mode, one random employee is inserted and all are listed. Inside AWS Lambda (AWS_LAMBDA_RUNTIME_API "
        "is\n"
        "set) the program serves events. Exit status: 0 done, 1 failed, 2 wrong use.");
    script_options options;
    auto* modes = app.add_option_group("Modes", "one of these");
    modes->add_option("--event", options.event, "Handle this event (JSON) and print its result, or its error")
        ->type_name("JSON");
    modes
        ->add_option("--employees", options.employees_file,
                     "Insert the employees of a JSON or CSV file, in batches of 50")
        ->type_name("FILE");
    modes->add_flag("--list", options.list, "List all employees");
    modes->add_flag("--init-db", options.init_db, "Make the database and the table where they are missing");
    modes->require_option(0, 1);
    auto* batches = app.add_option_group("Batches", "with --employees");
    batches->add_option("--on-error", options.on_error, "What follows a failed batch")
        ->check(CLI::IsMember({"stop", "continue"}));
    batches->add_option("--atomic", options.atomic, "One transaction for each batch, or for all")
        ->check(CLI::IsMember({"batch", "all"}));
    batches->add_flag("--return-employees", options.return_employees, "Add all employees to the report");
    batches->add_flag("--progress", options.progress, "Show the progress although standard error is no terminal");
    app.add_option("--timeout", options.timeout_seconds, "Seconds the whole run may take")
        ->capture_default_str()
        ->check(CLI::Range(1, 86'400));
    what.add_options(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& wrong) {
        return app.exit(wrong) == 0 ? done : wrong_use;
    }

    const bool script = options.init_db || options.list || !options.event.empty() || !options.employees_file.empty();
    if (borealis::lambda::inside_lambda() && !script) return run_in_lambda(what);
    try {
        return run_script(*what.open(), options);
    } catch (const std::invalid_argument& wrong) {
        std::fputs(fmt::format("{}: {}\n", what.name, wrong.what()).c_str(), stderr);
        return wrong_use;
    }
}

}  // namespace employees
