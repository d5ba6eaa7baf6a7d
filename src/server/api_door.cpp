#include "server/api_door.hpp"

#include <chrono>
#include <variant>

#include "core/deadline.hpp"
#include "core/log.hpp"
#include "server/hosts.hpp"

namespace borealis::server {
namespace {

reply to_reply(lambda::api_response answer) {
    return {.status = answer.status,
            .headers = std::move(answer.headers),
            .body = std::move(answer.body),
            .head = head_lines::as_given};
}

}  // namespace

core::awaitable<reply> api_door::route(const http::request& asked, const peer& from) {
    const auto gateway = api_.gateway.load();
    if (!host_is_ours(asked.find("host"), api_.address, config_->allowed_hosts)) {
        co_return to_reply(gateway->refuse(lambda::gateway_error::foreign_host));
    }
    if (!api_.rate.pass(core::clock::now())) co_return to_reply(gateway->refuse(lambda::gateway_error::throttled));

    const auto port = std::to_string(api_.port);
    const lambda::api_client client{.address = from.address, .port = port, .scheme = from.secure ? "https" : "http"};
    auto step = gateway->begin(asked, client, std::chrono::system_clock::now());
    if (auto* answer = std::get_if<lambda::api_response>(&step)) co_return to_reply(std::move(*answer));

    auto& call = std::get<lambda::gateway::function_call>(step);
    lambda::invoke_request what;
    what.function = call.function;
    what.payload = std::move(call.event);
    what.trace_id = call.of.trace_id;
    what.answer_by = core::deadline::after(call.timeout);
    auto outcome = co_await api_.host.invoke(std::move(what));
    auto answer = gateway->finish(call, outcome);
    core::log(core::log_level::debug, "{} {} -> {} ({})", asked.method, asked.path, answer.status, call.function);
    co_return to_reply(std::move(answer));
}

reply api_door::answer_unreadable(const http::refusal& why, const peer& /*from*/) const {
    const auto error = [&why] {
        switch (why.status) {
            case 413:
                return lambda::gateway_error::too_large;
            case 414:
                return lambda::gateway_error::target_too_long;
            case 431:
                return lambda::gateway_error::headers_too_large;
            default:
                return lambda::gateway_error::bad_request;
        }
    }();
    return to_reply(api_.gateway.load()->refuse(error));
}

reply api_door::answer_failed() const {
    return to_reply(api_.gateway.load()->refuse(lambda::gateway_error::function_failed));
}

}  // namespace borealis::server
