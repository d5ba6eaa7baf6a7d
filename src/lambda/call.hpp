#pragma once
/// One call of a function on its way through the host. Lives on the host's thread.

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/async.hpp"
#include "lambda/function_table.hpp"
#include "lambda/host.hpp"

namespace borealis::lambda {

/// Shared by the coroutine that waits for the answer, which may give up, and by the queue or process that works on it.
struct call {
    call(const core::executor& on, invoke_request what) : asked(std::move(what)), changed(on) {}

    invoke_request asked;
    std::string function_arn;  ///< As invoked.
    core::timer changed;       ///< Cancelled when `answer` is there, or the call has left the queue.
    std::optional<host::answer> answer;
    bool queued = true;
    std::function<void()> on_end;  ///< Called once, with the answer.

    void leave_queue() {
        queued = false;
        changed.cancel();
    }
    void finish(host::answer with) {
        if (answer) return;
        answer = std::move(with);
        queued = false;
        if (on_end) std::exchange(on_end, nullptr)();
        changed.cancel();
    }
};

}  // namespace borealis::lambda
