#include "service.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "core/log.hpp"
#include "json/writer.hpp"
#include "web_files.hpp"

namespace employees {
namespace {

using borealis::json::kind;
using borealis::json::node;
using namespace std::chrono_literals;

constexpr std::string_view missing_members = R"(Invalid input! Missing "EmpId" and/or "EmpName" attributes.)";
constexpr std::string_view not_scalar =
    R"(Invalid input! "EmpId" and "EmpName" must be text, numbers, true, false or null.)";
constexpr std::string_view reading_failed = "Reading employees failed";
constexpr std::string_view oops = "Oops, something went wrong adding a new employee";

failure type_error(std::string message) {
    return {.kind = failure_kind::invalid_input, .type = "TypeError", .message = std::move(message)};
}

/// Python's class of a scalar that `in` cannot search.
std::string_view python_class(const node& value) {
    switch (value.is()) {
        case kind::boolean:
            return "bool";
        case kind::integer:
            return "int";
        case kind::real:
            return value.raw().find_first_of(".eE") == std::string_view::npos ? "int" : "float";
        default:
            return "NoneType";
    }
}

/// Whether both members are there, as Python's `"EmpId" in event` sees it on any value (L-6.11, L-6.50 to L-6.52).
std::optional<failure> refuse_event(const node& event) {
    const auto needs_both = [](bool both, std::string_view otherwise) -> std::optional<failure> {
        if (!both) return invalid_input(std::string(missing_members));
        if (!otherwise.empty()) return type_error(std::string(otherwise));
        return std::nullopt;
    };
    switch (event.is()) {
        case kind::object:
            return needs_both(event.find("EmpId") != nullptr && event.find("EmpName") != nullptr, "");
        case kind::array: {
            const auto holds = [&event](std::string_view name) {
                return std::any_of(event.begin(), event.end(),
                                   [name](const node& at) { return at.is() == kind::string && at.text() == name; });
            };
            return needs_both(holds("EmpId") && holds("EmpName"), "list indices must be integers or slices, not str");
        }
        case kind::string:
            return needs_both(event.text().contains("EmpId") && event.text().contains("EmpName"),
                              "string indices must be integers, not 'str'");
        default:
            return type_error(fmt::format("argument of type '{}' is not iterable", python_class(event)));
    }
}

std::optional<employee> read_employee(const node& event) {
    employee made;
    if (!render_value(*event.find("EmpId"), made.id) || !render_value(*event.find("EmpName"), made.name))
        return std::nullopt;
    return made;
}

std::string index_details(std::size_t index) { return fmt::format(R"({{"index":{}}})", index); }

/// Size of the employee in a BatchExecuteStatement request.
std::size_t request_bytes(const employee& one) {
    constexpr std::string_view frame =
        R"([{"name":"EmpId","value":{"stringValue":}},{"name":"EmpName","value":{"stringValue":}}],)";
    std::string text;
    for (const auto* value : {&one.id, &one.name}) {
        if (*value) borealis::json::append_string(text, **value);
    }
    return frame.size() + text.size();
}

/// Consecutive batches in the list's order (L-8.12).
std::vector<batch> split(const std::vector<employee>& employees, const service_settings& settings) {
    std::vector<batch> made;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < employees.size(); ++i) {
        const auto more = request_bytes(employees[i]);
        if (made.empty() || made.back().count == settings.batch_size || bytes + more > settings.batch_limit_bytes) {
            made.push_back({.first = i});
            bytes = 0;
        }
        ++made.back().count;
        bytes += more;
    }
    return made;
}

outcome<std::vector<employee>> read_employees(const node& list) {
    if (list.is() != kind::array)
        return std::unexpected(invalid_input(R"(Invalid input! "Employees" must be a list.)"));
    std::vector<employee> made;
    std::unordered_map<std::string, std::size_t> ids;
    for (const auto& member : list) {
        const auto index = made.size();
        if (member.is() != kind::object || refuse_event(member)) {
            return std::unexpected(invalid_input(std::string(missing_members), index_details(index)));
        }
        auto one = read_employee(member);
        if (!one) return std::unexpected(invalid_input(std::string(not_scalar), index_details(index)));
        if (one->id) {
            const auto [first, fresh] = ids.emplace(*one->id, index);
            if (!fresh) {
                return std::unexpected(
                    invalid_input(R"(Invalid input! Two employees have the same "EmpId".)",
                                  fmt::format(R"({{"index":{},"firstIndex":{}}})", index, first->second)));
            }
        }
        made.push_back(std::move(*one));
    }
    return made;
}

/// The member's text if it is one of `allowed`, the first of them where it is absent.
outcome<std::string_view> choice(const node* event, std::string_view name, std::string_view usual,
                                 std::string_view other) {
    const node* value = event != nullptr ? event->find(name) : nullptr;
    if (value == nullptr) return usual;
    if (value->is() == kind::string && (value->text() == usual || value->text() == other)) return value->text();
    return std::unexpected(
        invalid_input(fmt::format(R"(Invalid input! "{}" must be "{}" or "{}".)", name, usual, other)));
}

void append_cell(std::string& out, const cell& value) {
    struct {
        std::string& to;
        void operator()(std::monostate) const { to += "null"; }
        void operator()(bool held) const { to += held ? "true" : "false"; }
        void operator()(std::int64_t held) const { borealis::json::append_integer(to, held); }
        void operator()(double held) const { borealis::json::append_double(to, held); }
        void operator()(const std::string& held) const { borealis::json::append_string(to, held); }
    } const append{out};
    std::visit(append, value);
}

std::string repr(const cell& value) {
    struct {
        std::string operator()(std::monostate) const { return "None"; }
        std::string operator()(bool held) const { return held ? "True" : "False"; }
        std::string operator()(std::int64_t held) const { return fmt::format("{}", held); }
        std::string operator()(double held) const { return python_repr(held); }
        std::string operator()(const std::string& held) const { return python_repr(held); }
    } constexpr show;
    return std::visit(show, value);
}

/// An id as a caller writes it.
std::string plain_text(const cell& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    std::string out;
    append_cell(out, value);
    return out;
}

/// Least JSON that the row can become.
std::size_t least_bytes(const row& one) {
    const auto text = [](const cell& value) {
        return std::holds_alternative<std::string>(value) ? std::get<std::string>(value).size() + 2 : 1;
    };
    return text(one.id) + text(one.name) + 3;
}

constexpr std::size_t usual_page = 50;

/// The page may run its own script and style, talk to its own address, and be in nobody's frame.
constexpr std::string_view web_headers =
    R"(,"content-security-policy":"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'","x-content-type-options":"nosniff","referrer-policy":"no-referrer","cache-control":"no-cache")";

std::string http_error(const failure& what) {
    std::string body = R"({"message":)";
    borealis::json::append_string(body, public_message(what));
    if (!what.details.empty()) body += fmt::format(R"(,"details":{})", what.details);
    body += '}';
    return http_result(http_status(what.kind), body,
                       what.kind == failure_kind::unavailable ? R"(,"retry-after":"2")" : "");
}

failure unknown_commit(failure what) {
    if (what.outcome_unknown) what.message += " The outcome of the commit is unknown.";
    return what;
}

}  // namespace

struct employee_service::batch_options {
    bool go_on_after_failure = false;
    bool all_in_one_transaction = false;
    bool return_employees = false;

    static outcome<batch_options> read(const node* event) {
        batch_options options;
        const auto on_error = choice(event, "OnError", "stop", "continue");
        if (!on_error) return std::unexpected(on_error.error());
        options.go_on_after_failure = *on_error == "continue";
        const auto atomic = choice(event, "Atomic", "batch", "all");
        if (!atomic) return std::unexpected(atomic.error());
        options.all_in_one_transaction = *atomic == "all";
        if (options.all_in_one_transaction && options.go_on_after_failure) {
            return std::unexpected(
                invalid_input(R"(Invalid input! "OnError": "continue" makes no sense with "Atomic": "all".)"));
        }
        if (const node* wanted = event != nullptr ? event->find("ReturnEmployees") : nullptr) {
            if (wanted->is() != kind::boolean)
                return std::unexpected(invalid_input(R"(Invalid input! "ReturnEmployees" must be true or false.)"));
            options.return_employees = wanted->boolean();
        }
        return options;
    }
};

employee_service::employee_service(database& at, service_settings settings) : at_(at), settings_(std::move(settings)) {}

outcome<std::vector<row>> employee_service::add(const node& event, deadline until) {
    if (auto refused = refuse_event(event)) return std::unexpected(std::move(*refused));
    if (auto begun = at_.begin(until); !begun) return std::unexpected(std::move(begun.error()));

    settings_.log(fmt::format("Inserting employee {}", python_str(*event.find("EmpId"))));
    const auto made = read_employee(event);
    auto inserted =
        made ? at_.insert({&*made, 1}, until) : outcome<void>(std::unexpected(invalid_input(std::string(not_scalar))));
    if (!inserted) {
        roll_back(until);
        log_insert_failure(inserted.error());
        return std::unexpected(std::move(inserted.error()));
    }
    if (auto committed = at_.commit(until); !committed)
        return std::unexpected(unknown_commit(std::move(committed.error())));
    return list(until);
}

outcome<std::optional<row>> employee_service::find(const std::string& id, deadline until) {
    std::optional<row> found;
    const auto receive = [&](row one) {
        // A number compared with a text that is none would be found as 0: its own text must be what was asked for.
        if (std::holds_alternative<std::string>(one.id) || plain_text(one.id) == id) found = std::move(one);
        return false;
    };
    if (auto read = at_.find(id, receive, until); !read) {
        settings_.log(fmt::format("{}: {}", reading_failed, read.error().message));
        return std::unexpected(std::move(read.error()));
    }
    return found;
}

outcome<employee_service::page> employee_service::list_page(const std::optional<std::string>& after, std::size_t limit,
                                                            deadline until) {
    page made;
    const auto receive = [&](row one) {
        made.rows.push_back(std::move(one));
        return true;
    };
    // One more than asked for says whether there is a next page.
    if (auto read = at_.page(after, limit + 1, receive, until); !read) {
        settings_.log(fmt::format("{}: {}", reading_failed, read.error().message));
        return std::unexpected(std::move(read.error()));
    }
    const bool cut_short = made.rows.size() > limit;
    if (cut_short) made.rows.resize(limit);
    if (cut_short) made.next = plain_text(made.rows.back().id);
    return made;
}

outcome<std::vector<row>> employee_service::list(deadline until) {
    std::vector<row> rows;
    std::size_t bytes = 0;
    const auto receive = [&](row one) {
        bytes += least_bytes(one);
        rows.push_back(std::move(one));
        return settings_.result_limit_bytes == 0 || bytes <= settings_.result_limit_bytes;
    };
    if (auto listed = at_.list(receive, until); !listed) {
        settings_.log(fmt::format("{}: {}", oops, listed.error().message));
        return std::unexpected(std::move(listed.error()));
    }
    if (settings_.result_limit_bytes > 0 && bytes > settings_.result_limit_bytes)
        return std::unexpected(result_too_large());
    return rows;
}

bool employee_service::roll_back(deadline until) {
    // Even a call that has run out of time tries it: else the rows stay locked until the server gives up.
    const auto rolled_back = at_.rollback(until.left() < 2s ? deadline::after(2s) : until);
    if (!rolled_back) {
        borealis::core::log(borealis::core::log_level::warning, "the rollback failed: {}: {}", rolled_back.error().type,
                            rolled_back.error().message);
    }
    return rolled_back.has_value();
}

void employee_service::log_insert_failure(const failure& what) const {
    settings_.log(fmt::format("{}. Transaction Rollbacked: {}", oops, what.message));
}

outcome<batch_report> employee_service::add_batch(const node& employees, const node* event, deadline until) {
    if (event != nullptr && (event->find("EmpId") != nullptr || event->find("EmpName") != nullptr)) {
        return std::unexpected(
            invalid_input(R"(Invalid input! Give either "Employees" or "EmpId" and "EmpName", not both.)"));
    }
    const auto options = batch_options::read(event);
    if (!options) return std::unexpected(options.error());
    const auto list_of_all = read_employees(employees);
    if (!list_of_all) return std::unexpected(list_of_all.error());

    batch_report report{.batches = split(*list_of_all, settings_)};
    if (options->all_in_one_transaction) {
        if (!report.batches.empty()) run_as_one(*list_of_all, report, until);
    } else {
        run_separately(*list_of_all, *options, report, until);
    }

    if (options->return_employees) {
        // What is stored is stored: a listing that fails must not lose the report.
        auto listed = list(until);
        if (!listed) {
            report.list_error = std::move(listed.error());
        } else if (settings_.result_limit_bytes > 0 &&
                   to_json(*listed).size() + to_json(report).size() > settings_.result_limit_bytes) {
            report.list_error = result_too_large();
        } else {
            report.employees = std::move(*listed);
        }
    }
    return report;
}

namespace {

failure too_late(std::chrono::milliseconds margin) {
    return {.kind = failure_kind::unavailable,
            .type = "Deadline",
            .message = fmt::format("Not begun: fewer than {} ms were left.", margin.count())};
}

std::span<const employee> members(const std::vector<employee>& all, const batch& one) {
    return std::span(all).subspan(one.first, one.count);
}

std::string batch_line(std::size_t index, const batch& one) {
    return fmt::format("Inserting batch {}: employees {}..{}", index, one.first, one.first + one.count - 1);
}

}  // namespace

void employee_service::run_separately(const std::vector<employee>& employees, const batch_options& options,
                                      batch_report& report, deadline until) {
    for (std::size_t i = 0; i < report.batches.size(); ++i) {
        auto& one = report.batches[i];
        if (until.left() < settings_.batch_margin) {
            one.error = too_late(settings_.batch_margin);
            break;
        }
        run_batch(employees, i, one, until);
        if (settings_.progress) settings_.progress(one.first + one.count, employees.size());
        // Behind an unknown outcome nothing may follow (L-8.16).
        if (one.status == batch_status::unknown || (one.error && !options.go_on_after_failure)) break;
    }
}

void employee_service::run_batch(const std::vector<employee>& employees, std::size_t index, batch& one,
                                 deadline until) {
    one.status = batch_status::rolled_back;
    if (auto begun = at_.begin(until); !begun) {
        one.error = std::move(begun.error());
        return;
    }
    settings_.log(batch_line(index, one));
    if (auto inserted = at_.insert(members(employees, one), until); !inserted) {
        if (!roll_back(until)) one.status = batch_status::unknown;
        log_insert_failure(inserted.error());
        one.error = std::move(inserted.error());
        return;
    }
    if (auto committed = at_.commit(until); !committed) {
        if (committed.error().outcome_unknown) one.status = batch_status::unknown;
        one.error = unknown_commit(std::move(committed.error()));
        return;
    }
    one.status = batch_status::committed;
}

void employee_service::run_as_one(const std::vector<employee>& employees, batch_report& report, deadline until) {
    const auto end_as = [&report](std::size_t behind, batch_status status) {
        for (std::size_t i = 0; i < behind; ++i) report.batches[i].status = status;
    };
    if (until.left() < settings_.batch_margin) {
        report.batches.front().error = too_late(settings_.batch_margin);
        return;
    }
    if (auto begun = at_.begin(until); !begun) {
        end_as(1, batch_status::rolled_back);
        report.batches.front().error = std::move(begun.error());
        return;
    }
    for (std::size_t i = 0; i < report.batches.size(); ++i) {
        auto& one = report.batches[i];
        if (until.left() < settings_.batch_margin) {
            end_as(i, roll_back(until) ? batch_status::rolled_back : batch_status::unknown);
            one.error = too_late(settings_.batch_margin);
            return;
        }
        settings_.log(batch_line(i, one));
        if (auto inserted = at_.insert(members(employees, one), until); !inserted) {
            end_as(i + 1, roll_back(until) ? batch_status::rolled_back : batch_status::unknown);
            log_insert_failure(inserted.error());
            one.error = std::move(inserted.error());
            return;
        }
        if (settings_.progress) settings_.progress(one.first + one.count, employees.size());
    }
    auto committed = at_.commit(until);
    end_as(report.batches.size(), committed                           ? batch_status::committed
                                  : committed.error().outcome_unknown ? batch_status::unknown
                                                                      : batch_status::rolled_back);
    if (!committed) report.batches.back().error = unknown_commit(std::move(committed.error()));
}

outcome<std::string> employee_service::answer(std::string_view event, deadline until) {
    borealis::json::document reader;
    const auto parsed = reader.parse_copy(event);
    if (!parsed) {
        return std::unexpected(
            failure{.kind = failure_kind::invalid_input,
                    .type = "Runtime.UnmarshalError",
                    .message = fmt::format("Unable to unmarshal input: {}", parsed.error().message)});
    }
    const node& root = **parsed;
    const auto request = read_http_event(root);
    auto result = request ? outcome<std::string>(answer_http(*request, until)) : answer_direct(root, until);
    if (result && settings_.result_limit_bytes > 0 && result->size() > settings_.result_limit_bytes) {
        if (request) return http_result(500, fmt::format(R"({{"message":"{}"}})", result_too_large().message));
        return std::unexpected(result_too_large());
    }
    return result;
}

outcome<std::string> employee_service::answer_direct(const node& event, deadline until) {
    const node* many = event.is() == kind::object ? event.find("Employees") : nullptr;
    if (many == nullptr) {
        const auto rows = add(event, until);
        if (!rows) return std::unexpected(rows.error());
        return to_json(*rows);
    }
    const auto report = add_batch(*many, &event, until);
    if (!report) return std::unexpected(report.error());
    return to_json(*report);
}

std::string employee_service::answer_http(const http_request& request, deadline until) {
    constexpr std::string_view below = "/employees/";
    const auto refuse_method = [](std::string_view allowed) {
        return http_result(405, R"({"message":"Method Not Allowed"})", fmt::format(R"(,"allow":"{}")", allowed));
    };
    const bool get = request.method == "GET";
    const bool many = request.path == "/employees/batch";
    if (request.path == "/employees") {
        if (get) return answer_list(request, until);
        return request.method == "POST" ? answer_post(request, false, until) : refuse_method("GET, POST");
    }
    if (many && !get) return request.method == "POST" ? answer_post(request, true, until) : refuse_method("GET, POST");
    if (request.path.starts_with(below) && (request.id || !request.path.substr(below.size()).contains('/'))) {
        return get ? answer_one(request.id.value_or(request.path.substr(below.size())), until) : refuse_method("GET");
    }
    if (const auto* file = find_web_file(request.path)) {
        return get ? http_result(200, file->content, web_headers, file->content_type) : refuse_method("GET");
    }
    return http_result(404, R"({"message":"Not Found"})");
}

std::string employee_service::answer_one(const std::string& id, deadline until) {
    const auto found = find(id, until);
    if (!found) return http_error(found.error());
    if (!*found) return http_result(404, R"({"message":"There is no employee with this id."})");
    std::string body = R"({"EmpId":)";
    append_cell(body, (*found)->id);
    body += R"(,"EmpName":)";
    append_cell(body, (*found)->name);
    return http_result(200, body += '}');
}

std::string employee_service::answer_list(const http_request& request, deadline until) {
    std::optional<std::string> limit, after;
    for (const auto& [name, value] : request.query) {
        if (name == "limit") limit = value;
        if (name == "after") after = value;
    }
    if (!limit && !after) {
        const auto rows = list(until);
        return rows ? http_result(200, to_json(*rows)) : http_error(rows.error());
    }
    std::size_t count = usual_page;
    if (limit) {
        const auto [end, failed] = std::from_chars(limit->data(), limit->data() + limit->size(), count);
        if (failed != std::errc() || end != limit->data() + limit->size() || count == 0 || count > largest_page) {
            return http_error(
                invalid_input(fmt::format(R"(Invalid input! "limit" must be a number from 1 to {}.)", largest_page)));
        }
    }
    const auto part = list_page(after, count, until);
    if (!part) return http_error(part.error());
    std::string body = R"({"Employees":)" + to_json(part->rows);
    if (part->next) {
        body += R"(,"Next":)";
        borealis::json::append_string(body, *part->next);
    }
    return http_result(200, body += '}');
}

std::string employee_service::answer_post(const http_request& request, bool many, deadline until) {
    using body_state = http_request::body_state;
    if (request.state == body_state::absent)
        return http_error(invalid_input("Invalid input! The request has no body."));
    if (request.state == body_state::broken)
        return http_error(invalid_input("Invalid input! The body is not valid base64."));
    borealis::json::document reader;
    const auto parsed = reader.parse_copy(request.body);
    if (!parsed) return http_error(invalid_input("Invalid input! The body is not valid JSON."));
    const node& body = **parsed;

    if (!many) {
        const auto rows = add(body, until);
        return rows ? http_result(200, to_json(*rows)) : http_error(rows.error());
    }
    const bool bare = body.is() == kind::array;
    const node* employees = bare ? &body : body.is() == kind::object ? body.find("Employees") : nullptr;
    if (employees == nullptr) return http_error(invalid_input(R"(Invalid input! Missing "Employees" attribute.)"));
    const auto report = add_batch(*employees, bare ? nullptr : &body, until);
    if (!report) return http_error(report.error());
    return http_result(http_status(*report), to_json(*report, audience::internet));
}

std::string to_json(const std::vector<row>& rows) {
    std::string out = "[";
    for (const auto& one : rows) {
        out += out.size() > 1 ? ",[" : "[";
        append_cell(out, one.id);
        out += ',';
        append_cell(out, one.name);
        out += ']';
    }
    return out += ']';
}

std::string to_python(const std::vector<row>& rows) {
    std::string out = "(";
    for (const auto& one : rows) {
        if (out.size() > 1) out += ", ";
        out += fmt::format("({}, {})", repr(one.id), repr(one.name));
    }
    return out += rows.size() == 1 ? ",)" : ")";
}

failure result_too_large() {
    return {.kind = failure_kind::other,
            .type = "Function.ResponseSizeTooLarge",
            .message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."};
}

}  // namespace employees
