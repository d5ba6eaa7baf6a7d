#include "server/router.hpp"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "auth/sts.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "http/form.hpp"
#include "json/syntax.hpp"
#include "json/writer.hpp"
#include "server/hosts.hpp"
#include "server/web_pages.hpp"

namespace borealis::server {
namespace {

/// Nothing where it is none, or not in UTF-8: what has come in must be able to go out again, in XML.
std::optional<http::form> form_of(std::string_view body) {
    auto fields = http::parse_form(body);
    if (!fields) return std::nullopt;
    for (const auto& [name, value] : *fields) {
        if (!json::is_utf8(name) || !json::is_utf8(value)) return std::nullopt;
    }
    return fields;
}

bool is_health(const http::request& asked) { return asked.path == "/health/live" || asked.path == "/health/ready"; }

/// `GetSecretValue` of `secretsmanager.GetSecretValue`.
std::string operation_of_target(std::string_view target) { return std::string(target.substr(target.rfind('.') + 1)); }

reply unknown_operation(service by) {  // R-1.6
    return refuse(by, 404, "UnknownOperationException", "Unknown operation");
}

core::awaitable<reply> at_hand(reply made) { co_return made; }

}  // namespace

router::router(const current_config& with, services answering)
    : config_(with),
      api_(answering.data),
      secrets_(answering.secrets, answering.turns),
      rds_(answering.rds),
      clusters_(answering.clusters),
      faults_(answering.clusters),
      hosted_(answering.hosted),
      stopping_(answering.stopping),
      log_(answering.log),
      watches_(is_watched()),
      gate_(with, answering.known) {}

void router::reload() {
    watches_ = is_watched();
    host_.clear();
    gate_.reload();
}

bool router::is_for_us(std::string_view host) {
    if (!host_.empty() && host == host_) return true;
    if (!host_is_ours(host, config_->address, config_->allowed_hosts)) return false;
    host_ = host;
    return true;
}

bool router::is_watched() const {
    return log_ != nullptr || config_->observe.sql_comment || config_->observe.slow.threshold.count() != 0;
}

core::awaitable<reply> router::route(const http::request& asked, const peer& from) {
    // A coroutine more only where somebody looks on.
    return watches_ && !is_health(asked) ? watch(asked, from) : answer(asked, from, nullptr);
}

core::awaitable<reply> router::watch(const http::request& asked, const peer& from) {
    const auto& with = config_->observe;  // not beyond the first wait
    call_record record{.client = from.address,
                       .service = signing_name(addressed_by(asked)),
                       .trace = trace_of(asked),
                       .request_bytes = asked.body.size()};
    const auto comment = with.sql_comment ? sql_comment_of(record.trace) : std::string();
    record.seen.sql_comment = comment;
    record.seen.trace = record.trace.any();
    record.seen.sql_characters = log_ != nullptr && with.calls.sql ? with.slow.characters : 0;
    reply made;
    try {
        made = co_await answer(asked, from, &record);
    } catch (const std::exception& e) {
        core::log(core::log_level::error, "a request ended in an exception: {}", e.what());
        made = answer_failed();
    }
    if (log_ == nullptr) co_return made;
    if (made.request_id.empty()) made.request_id = core::random_uuid();
    std::string line;
    append_line(line, record, made);
    log_->add(line);
    co_return made;
}

core::awaitable<reply> router::answer(const http::request& asked, const peer& from, call_record* seen) {
    if (is_health(asked)) {
        if (asked.method != "GET" && asked.method != "HEAD") {
            auto refused = refuse(service::rds_data, 405, "UnknownOperationException", "Use GET.");
            refused.allow = "GET, HEAD";
            return at_hand(std::move(refused));
        }
        if (stopping_ && asked.path == "/health/ready")
            return at_hand({.status = 503, .body = R"({"status":"stopping"})"});
        return at_hand({.body = R"({"status":"ok"})"});
    }
    const auto addressed = addressed_by(asked);
    if (!is_for_us(asked.find("host"))) {
        return at_hand(refuse(addressed, 403, "AccessDeniedException",
                              "This server only answers requests for its own host name; add the name to allowed_hosts "
                              "in its configuration."));
    }
    const auto page = look_for_page(asked, config_->allowed_origins);
    if (page.is == page_behind::kind::listed) return answer_page(asked, from, addressed, page, seen);
    if (page.preflight || (!gate_.authenticates() && page.is == page_behind::kind::foreign)) {
        return at_hand(refuse(addressed, 403, "AccessDeniedException",
                              "Requests of web pages are not accepted; list the page's origin in allowed_origins of "
                              "the configuration to allow them."));
    }
    return dispatch(asked, from, addressed, seen);
}

core::awaitable<reply> router::answer_page(const http::request& asked, const peer& from, service addressed,
                                           page_behind page, call_record* seen) {
    reply made{.status = 204, .content_type = {}};
    if (!page.preflight) made = co_await dispatch(asked, from, addressed, seen);
    add_cors(page, made);
    co_return made;
}

core::awaitable<reply> router::dispatch(const http::request& asked, const peer& from, service addressed,
                                        call_record* seen) {
    auto who = gate_.admit(asked, from, addressed);
    if (!who) return at_hand(std::move(who.error()));
    if (seen != nullptr) {
        seen->access_key = who->access_key_id();
        seen->caller = who->arn();
    }
    std::optional<auth::meter::use> running;
    if (who->limits().concurrent_calls) {
        running = auth::meter::begin_call(who->who().used, who->limits());
        if (!running) return at_hand(throttled(addressed));
    }
    if (addressed == service::rds_data)
        return answer_data_api(asked, *std::move(who), std::move(running), from.listens, seen);
    return answer_other(asked, *std::move(who), std::move(running), addressed, seen);
}

core::awaitable<reply> router::answer_other(const http::request& asked, auth::caller who,
                                            std::optional<auth::meter::use> /*running*/, service addressed,
                                            call_record* seen) {
    switch (addressed) {
        case service::secretsmanager:
            if (seen != nullptr) seen->operation = operation_of_target(asked.find("x-amz-target"));
            co_return answer_secrets(asked, who);
        case service::rds:
            co_return co_await answer_rds(asked, who, seen);
        case service::sts:
            co_return answer_sts(asked, who, seen);
        case service::lambda:
            if (seen != nullptr) seen->operation = fmt::format("{} {}", asked.method, asked.path);
            co_return co_await answer_lambda(asked, who);
        case service::rds_data:
            break;
    }
    co_return unknown_operation(addressed);
}

core::awaitable<reply> router::answer_data_api(const http::request& asked, auth::caller who,
                                               std::optional<auth::meter::use> /*running*/, const core::listener* by,
                                               call_record* seen) {
    const auto what = data_api::find_operation(asked.path);
    if (seen != nullptr) {
        seen->operation = what ? std::string(data_api::name_of(*what)) : fmt::format("{} {}", asked.method, asked.path);
        seen->data_api = what.has_value();
    }
    if (!what && cluster_paths::concerns(asked)) co_return co_await clusters_.answer(asked, who);
    if (!what) co_return unknown_operation(service::rds_data);
    if (asked.method != "POST") {
        auto refused = refuse(service::rds_data, 405, "UnknownOperationException",
                              fmt::format("Use POST for {}.", data_api::name_of(*what)));
        refused.allow = "POST";
        co_return refused;
    }
    planned_faults faults;
    if (faults_.concerns(asked)) {
        auto planned = faults_.plan(asked, *what, !gate_.authenticates());
        if (!planned) {
            faults.answer = std::move(planned.error());
        } else {
            faults = *std::move(planned);
        }
    }
    if (faults.latency.count() != 0) {
        core::timer pause(co_await core::asio::this_coro::executor, faults.latency);
        [[maybe_unused]] const auto [ignored] = co_await pause.async_wait(core::as_tuple);
    }
    data_api::response answered;
    if (faults.answer) {
        answered = data_api::answer(*faults.answer);
    } else {
        answered = co_await api_.handle(*what, asked.body, who, by, seen == nullptr ? nullptr : &seen->seen);
    }
    co_return reply{.status = answered.status,
                    .error_type = std::string(answered.error_type),
                    .body = std::move(answered.body),
                    .cut_off = faults.cut_off};
}

reply router::answer_secrets(const http::request& asked, const auth::caller& who) {
    auto answered = secrets_.handle(asked.find("x-amz-target"), asked.body, who);
    return {.status = answered.status,
            .error_type = std::move(answered.error_type),
            .content_type = "application/x-amz-json-1.1",
            .body = std::move(answered.body)};
}

core::awaitable<reply> router::answer_rds(const http::request& asked, const auth::caller& who, call_record* seen) {
    const auto fields = form_of(asked.body);
    if (!fields) co_return refuse(service::rds, 400, "MalformedQueryString", "The form cannot be read as UTF-8.");
    if (seen != nullptr) seen->operation = http::find(*fields, "Action");
    auto answered = rds_.handle(*fields, who);
    if (!answered.error_code.empty())
        co_return refuse(service::rds, answered.status, answered.error_code, answered.message);
    co_return reply{.status = answered.status,
                    .content_type = "text/xml",
                    .request_id = std::move(answered.request_id),
                    .body = std::move(answered.body)};
}

reply router::answer_sts(const http::request& asked, const auth::caller& who, call_record* seen) {
    const auto fields = form_of(asked.body);
    if (!fields) return refuse(service::sts, 400, "MalformedQueryString", "The form cannot be read as UTF-8.");
    if (seen != nullptr) seen->operation = http::find(*fields, "Action");
    auto id = core::random_uuid();
    auto answered = auth::answer_sts(*fields, who, gate_.ring(), gate_.seal(), id);
    if (!answered.error_code.empty())
        return refuse(service::sts, answered.status, answered.error_code, answered.message);
    return {.content_type = "text/xml", .request_id = std::move(id), .body = std::move(answered.body)};
}

core::awaitable<reply> router::answer_lambda(const http::request& asked, const auth::caller& who) {
    if (hosted_ == nullptr) {
        co_return refuse(
            service::lambda, 404, "UnknownOperationException",
            "This server has no Lambda host: declare a [[function]] in its configuration, or add [lambda].");
    }
    auto answered = co_await hosted_->api().handle(asked, who);
    co_return reply{.status = answered.status,
                    .error_type = std::move(answered.error_type),
                    .content_type = {},
                    .own_content_type = std::move(answered.content_type),
                    .headers = std::move(answered.headers),
                    .request_id = std::move(answered.request_id),
                    .body = std::move(answered.body)};
}

reply router::answer_unreadable(const http::refusal& why, const peer& from) const {
    reply made{.status = why.status};
    if (why.status == 413) {
        made.body = R"({"message":"Request Entity Too Large"})";  // R-1.8
    } else {
        made.error_type = "SerializationException";
        made.body = R"({"message":)";
        json::append_string(made.body, why.reason);
        made.body += '}';
    }
    if (log_ == nullptr) return made;
    made.request_id = core::random_uuid();
    std::string line;
    append_line(line, {.client = from.address}, made);
    log_->add(line);
    return made;
}

reply router::answer_failed() const {
    return {.status = 500, .error_type = "InternalServerErrorException", .body = "{}"};
}

}  // namespace borealis::server
