#pragma once
/// One API in front of functions, as API Gateway is: requests become events, results become answers. No socket; the
/// server carries the calls out.

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "http/request.hpp"
#include "lambda/api.hpp"
#include "lambda/api_event.hpp"
#include "lambda/api_response.hpp"
#include "lambda/host.hpp"
#include "lambda/route_table.hpp"

namespace borealis::lambda {

/// Where a request came from.
struct api_client {
    std::string_view address;
    std::string_view port;             ///< Of the listener.
    std::string_view scheme = "http";  ///< Or `https`.
};

/// Never changes after it is made; shared by the threads that serve it.
class gateway {
 public:
    /// Throws std::runtime_error for routes or CORS that API Gateway would not take.
    explicit gateway(api_description api);

    /// What must reach the client with every answer, kept from `begin` to `finish`.
    struct exchange {
        std::string request_id, extended_id, trace_id;
        std::string origin;  ///< The request's Origin where CORS is configured.
        std::string accept;
        payload_format format = payload_format::v2;
    };
    /// A function to call, and how long its answer is waited for.
    struct function_call {
        exchange of;
        std::string function;
        std::string event;
        std::chrono::milliseconds timeout{};
    };

    /// Routes a request: either the gateway answers it, or a function must be called.
    [[nodiscard]] std::variant<api_response, function_call> begin(const http::request& asked, const api_client& from,
                                                                  std::chrono::system_clock::time_point now) const;

    [[nodiscard]] api_response finish(const function_call& call, const host::answer& outcome) const;

    /// The answer to a request that is refused before it is routed: over a limit or the rate, or broken. No matching
    /// CORS headers are sent with it.
    [[nodiscard]] api_response refuse(gateway_error why) const;

    [[nodiscard]] const api_description& description() const { return api_; }

 private:
    [[nodiscard]] api_response with_headers(api_response answer, const exchange& of) const;

    api_description api_;
    route_table routes_;
};

}  // namespace borealis::lambda
