#include "batch_report.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "json/writer.hpp"
#include "service.hpp"

namespace employees {
namespace {

void append_error(std::string& out, const failure& what, audience whom) {
    out += R"({"errorType":)";
    borealis::json::append_string(out, what.type);
    out += R"(,"errorMessage":)";
    borealis::json::append_string(out, whom == audience::internet ? public_message(what) : what.message);
    out += '}';
}

}  // namespace

std::size_t batch_report::count(batch_status status) const {
    std::size_t sum = 0;
    for (const auto& one : batches) sum += one.status == status ? one.count : 0;
    return sum;
}

std::size_t batch_report::total() const {
    std::size_t sum = 0;
    for (const auto& one : batches) sum += one.count;
    return sum;
}

std::string to_json(const batch_report& report, audience whom) {
    std::string out = fmt::format(R"({{"Inserted":{},"Failed":{},"Skipped":{})", report.count(batch_status::committed),
                                  report.count(batch_status::rolled_back), report.count(batch_status::skipped));
    if (const auto unknown = report.count(batch_status::unknown); unknown > 0)
        out += fmt::format(R"(,"Unknown":{})", unknown);
    out += R"(,"Batches":[)";
    static constexpr std::array<std::string_view, 4> names = {"committed", "rolled_back", "skipped", "unknown"};
    for (std::size_t i = 0; i < report.batches.size(); ++i) {
        const auto& one = report.batches[i];
        out += fmt::format(R"({}{{"Index":{},"First":{},"Count":{},"Status":"{}")", i > 0 ? "," : "", i, one.first,
                           one.count, names[static_cast<std::size_t>(one.status)]);
        if (one.error) {
            out += R"(,"Error":)";
            append_error(out, *one.error, whom);
        }
        out += '}';
    }
    out += ']';
    if (report.employees) out += fmt::format(R"(,"Employees":{})", to_json(*report.employees));
    if (report.list_error) {
        out += R"(,"EmployeesError":)";
        append_error(out, *report.list_error, whom);
    }
    return out += '}';
}

int http_status(const batch_report& report) {
    if (report.all_committed()) return 200;
    if (report.count(batch_status::committed) > 0) return 207;
    for (const auto& one : report.batches) {
        if (one.error) return http_status(one.error->kind);
    }
    return 500;
}

}  // namespace employees
