#include "lambda/runtime_state.hpp"

#include <cassert>

#include <fmt/format.h>

namespace borealis::lambda {
namespace {

std::string_view name_of(runtime_state::step one) {  // as the emulator writes them
    switch (one) {
        using enum runtime_state::step;
        case started:
            return "Started";
        case ready:
            return "Ready";
        case running:
            return "Running";
        case invocation_response:
            return "InvocationResponse";
        case invocation_error_response:
            return "InvocationErrorResponse";
        case response_sent:
            return "ResponseSent";
        case init_error:
            return "InitError";
    }
    return "";
}

}  // namespace

runtime_state::verdict runtime_state::refuse(step to) const {
    return {.status = 403,
            .error_type = "InvalidStateTransition",
            .message =
                fmt::format("State transition from {} to {} failed for runtime. Error: State transition is not allowed",
                            name_of(now_), name_of(to))};
}

runtime_state::verdict runtime_state::next() {
    if (now_ != step::started && now_ != step::ready && now_ != step::response_sent) return refuse(step::ready);
    now_ = step::ready;
    request_id_.clear();
    return {.status = 200};
}

void runtime_state::deliver(std::string_view request_id) {
    assert(now_ == step::ready);
    now_ = step::running;
    request_id_ = request_id;
}

void runtime_state::take_back() {
    if (now_ == step::running) now_ = step::ready;
    request_id_.clear();
}

runtime_state::verdict runtime_state::answer(std::string_view request_id, step to) {
    if (request_id.empty() || request_id != request_id_)
        return {.status = 400, .error_type = "InvalidRequestID", .message = "Invalid request ID"};
    if (now_ != step::running) return refuse(to);
    now_ = step::response_sent;
    return {};
}

runtime_state::verdict runtime_state::init_error() {
    if (now_ != step::started) return refuse(step::init_error);
    now_ = step::init_error;
    return {};
}

}  // namespace borealis::lambda
