#pragma once
/// Where one runtime stands, as its host sees it (L-1.30 to L-1.36). Knows no socket and no clock.

#include <cstdint>
#include <string>
#include <string_view>

namespace borealis::lambda {

///   started ──next→ ready ──event delivered→ running ──response→ invocation_response ──┐
///      └─init error→ init_error                 └──────error→ invocation_error_response ─┴→ response_sent ──next→
///      ready
///
/// An answer is judged by its id before the state (L-1.31).
class runtime_state {
 public:
    enum class step : std::uint8_t {
        started,
        ready,
        running,
        invocation_response,
        invocation_error_response,
        response_sent,
        init_error,
    };

    /// What the runtime reads when it asks for something that may not be.
    struct verdict {
        int status = 202;
        std::string error_type = {};  ///< Empty: accepted.
        std::string message = {};
        [[nodiscard]] bool accepted() const { return error_type.empty(); }
    };

    /// GET /invocation/next. A second one replaces the first while none has been answered.
    [[nodiscard]] verdict next();
    /// The event of `request_id` goes out. Only when ready.
    void deliver(std::string_view request_id);
    /// The event could not be written: the runtime has to ask again.
    void take_back();
    /// POST /invocation/{id}/response and /error.
    [[nodiscard]] verdict response(std::string_view request_id) {
        return answer(request_id, step::invocation_response);
    }
    [[nodiscard]] verdict error(std::string_view request_id) {
        return answer(request_id, step::invocation_error_response);
    }
    /// POST /init/error
    [[nodiscard]] verdict init_error();

    [[nodiscard]] step now() const { return now_; }
    [[nodiscard]] const std::string& request_id() const { return request_id_; }

 private:
    [[nodiscard]] verdict answer(std::string_view request_id, step to);
    [[nodiscard]] verdict refuse(step to) const;

    step now_ = step::started;
    std::string request_id_;
};

}  // namespace borealis::lambda
