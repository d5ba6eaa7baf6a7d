#include "server/cluster_paths.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "server/cluster_json.hpp"
#include "server/protocol.hpp"

namespace borealis::server {
namespace {

constexpr std::chrono::seconds wait{90};  // what the keeper's own limits leave, and more

reply refused(const core::error& why) {
    switch (why.kind) {
        case core::error_kind::not_found:
            return refuse(service::rds_data, 404, "NotFoundException", why.message);
        case core::error_kind::invalid_state:
            return refuse(service::rds_data, 409, "InvalidResourceStateException", why.message);
        case core::error_kind::access_denied:
            return refuse(service::rds_data, 403, "AccessDeniedException", why.message);
        case core::error_kind::validation:
            return refuse(service::rds_data, 400, "ValidationException", why.message);
        default:
            return refuse(service::rds_data, 503, "ServiceUnavailableError", why.message);
    }
}

core::result<void> permit(const auth::caller& who, std::string_view action, const clusters::view& what) {
    const auth::tags tagged(what.about->tags.begin(), what.about->tags.end());
    return who.may(action, what.arn, &tagged);
}

reply unknown() { return refuse(service::rds_data, 404, "UnknownOperationException", "Unknown operation"); }

}  // namespace

reply cluster_paths::list(const auth::caller& who) const {
    reply made{.body = "["};
    for (const auto& each : registry_.list()) {
        if (!permit(who, "borealis:DescribeCluster", each)) continue;
        if (made.body.size() > 1) made.body += ',';
        append_cluster(made.body, each);
    }
    made.body += ']';
    return made;
}

reply cluster_paths::show(std::string_view id) const {
    const auto found = registry_.find(id);
    if (!found) return refused(found.error());
    reply made;
    append_cluster(made.body, *found);
    return made;
}

reply cluster_paths::faults(std::string_view asked, const std::string& id) {
    if (asked == "none") {
        registry_.faults().clear(id);
    } else if (!asked.empty()) {
        const auto one = clusters::parse_fault(asked);
        if (!one) return refused(one.error());
        registry_.faults().add(id, *one);
    }
    reply made{.body = "["};
    for (const auto& each : registry_.faults().list(id)) {
        made.body += fmt::format(R"({}{{"fault":"{}","milliseconds":{},"times":{}}})", made.body.size() > 1 ? "," : "",
                                 clusters::name_of(each.is), each.duration.count(), each.times);
    }
    made.body += ']';
    return made;
}

core::awaitable<reply> cluster_paths::answer(const http::request& asked, const auth::caller& who) {
    auto rest = std::string_view(asked.path).substr(prefix.size());
    if (asked.method != "POST" || (!rest.empty() && !rest.starts_with('/'))) co_return unknown();
    if (rest.empty()) co_return list(who);
    rest.remove_prefix(1);
    const auto slash = std::min(rest.find('/'), rest.size());
    const std::string id(rest.substr(0, slash));
    const auto verb = rest.substr(std::min(slash + 1, rest.size()));
    const std::string_view action = verb == "pause"    ? "borealis:PauseCluster"
                                    : verb == "resume" ? "borealis:ResumeCluster"
                                    : verb == "faults" ? "borealis:InjectFault"
                                                       : "borealis:DescribeCluster";
    const auto found = registry_.find(id);
    const auto allowed = found ? permit(who, action, *found) : who.may(action, registry_.arn_of(id));
    if (!allowed) co_return refused(allowed.error());
    if (!found) co_return refused(found.error());
    if (verb.empty()) co_return show(found->id);
    if (verb == "faults") co_return faults(asked.body, found->id);
    if (verb != "pause" && verb != "resume") co_return unknown();
    core::result<void> done;
    if (verb == "pause") {
        done = co_await registry_.pause(found->id, core::deadline::after(wait));
    } else {
        done = co_await registry_.start(found->id, core::deadline::after(wait));
    }
    if (!done) co_return refused(done.error());
    co_return show(found->id);
}

}  // namespace borealis::server
