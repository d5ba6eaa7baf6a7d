#include "server/fault_injection.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace borealis::server {
namespace {

using clusters::fault;
using clusters::fault_kind;

/// Whether a fault of that kind is for such a call.
bool fits(fault_kind is, data_api::operation what) {
    switch (is) {
        case fault_kind::statement_timeout:
            return what == data_api::operation::execute_statement ||
                   what == data_api::operation::batch_execute_statement;
        case fault_kind::lost_commit:
            return what == data_api::operation::commit_transaction;
        case fault_kind::resume_delay:
        case fault_kind::resume_failure:
            return false;  // the keeper takes those
        default:
            return true;
    }
}

void apply(const fault& one, planned_faults& to) {
    switch (one.is) {
        case fault_kind::latency:
            to.latency += one.duration;
            break;
        case fault_kind::throttling:
            to.answer = {core::error_kind::throttled, "Rate exceeded"};
            break;
        case fault_kind::statement_timeout:
            to.answer = {core::error_kind::statement_timeout, "Request timed out", 1};
            break;
        case fault_kind::lost_commit:
            to.cut_off = cut::before_the_answer;
            break;
        case fault_kind::drop:
            to.cut_off = cut::in_the_answer;
            break;
        case fault_kind::resume_delay:
        case fault_kind::resume_failure:
            break;
    }
}

}  // namespace

core::result<planned_faults> fault_injection::plan(const http::request& asked, data_api::operation what,
                                                   bool developer_mode) {
    planned_faults made;
    std::vector<fault> now;
    auto header = asked.find(fault_header);
    if (!header.empty() && !developer_mode) {
        return core::fail(core::error_kind::validation,
                          "The header X-Borealis-Fault is for developer mode, where no keys are declared.");
    }
    while (!header.empty()) {
        const auto end = std::min(header.find(';'), header.size());
        auto word = header.substr(0, end);
        header.remove_prefix(std::min(end + 1, header.size()));
        while (word.starts_with(' ')) word.remove_prefix(1);
        while (word.ends_with(' ')) word.remove_suffix(1);
        auto one = clusters::parse_fault(word);
        if (!one) return std::unexpected(std::move(one.error()));
        now.push_back(*one);
    }
    std::string cluster;
    if (const auto root = parser_.parse_copy(asked.body); root && (*root)->is() == json::kind::object) {
        const auto* arn = (*root)->find("resourceArn");
        if (arn != nullptr && arn->is() == json::kind::string) {
            if (const auto found = registry_.find(arn->text())) cluster = found->id;
        }
    }
    for (const auto& each : now) {
        if (fits(each.is, what)) {
            apply(each, made);
        } else if (!cluster.empty() && (each.is == fault_kind::resume_delay || each.is == fault_kind::resume_failure)) {
            registry_.faults().add(cluster, each);  // for the resume that this call brings about
        }
    }
    for (const auto each : {fault_kind::latency, fault_kind::throttling, fault_kind::statement_timeout,
                            fault_kind::lost_commit, fault_kind::drop}) {
        if (!fits(each, what)) continue;
        if (const auto one = registry_.faults().take(cluster, each)) apply(*one, made);
    }
    return made;
}

}  // namespace borealis::server
