#pragma once
/// The listener of one HTTP API: `lambda::gateway` decides, the host's functions answer.

#include <atomic>
#include <memory>
#include <string>

#include "core/async.hpp"
#include "lambda/gateway.hpp"
#include "lambda/host.hpp"
#include "lambda/rate_limit.hpp"
#include "server/answerer.hpp"
#include "server/current_config.hpp"

namespace borealis::server {

/// What all threads that serve one API share. The gateway is replaced whole when the template changes.
struct served_api {
    served_api(const http_api_settings& with, lambda::host& functions)
        : host(functions), rate(with.rate_per_second, with.burst) {}

    std::string name = {};  ///< As in the template.
    lambda::host& host;
    lambda::rate_limit rate;
    std::atomic<std::shared_ptr<const lambda::gateway>> gateway;  ///< Shared by the requests that began with it.
    std::string address;                                          ///< Listened on.
    std::uint16_t port = 0;
};

/// Answers the requests of one API, on one thread. What a gateway answers is for anybody, as on AWS; but a page that
/// DNS rebinding has brought here names a foreign Host, and is refused as AWS refuses a foreign domain (403).
class api_door final : public answerer {
 public:
    /// @param api, with  Outlive this.
    api_door(served_api& api, const current_config& with) : api_(api), config_(with) {}

    core::awaitable<reply> route(const http::request& asked, const peer& from) override;
    [[nodiscard]] reply answer_unreadable(const http::refusal& why, const peer& from) const override;
    [[nodiscard]] reply answer_failed() const override;

 private:
    served_api& api_;
    const current_config& config_;
};

}  // namespace borealis::server
