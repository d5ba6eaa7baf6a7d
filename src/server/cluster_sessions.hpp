#pragma once
/// What the Data API does with each cluster, all threads together.

#include <string>
#include <utility>
#include <vector>

#include "clusters/registry.hpp"
#include "core/async.hpp"
#include "data_api/service.hpp"

namespace borealis::server {

/// Asks every thread's service on its own thread.
class cluster_sessions final : public clusters::session_owner {
 public:
    struct member {
        core::executor loop;
        data_api::service* of;  ///< Lives as long as its loop runs.
    };

    /// Once, before anybody asks.
    void meet(std::vector<member> all) { all_ = std::move(all); }

    core::awaitable<clusters::activity> look(std::string arn) override { return ask(std::move(arn), false); }
    core::awaitable<clusters::activity> let_go(std::string arn) override { return ask(std::move(arn), true); }

 private:
    core::awaitable<clusters::activity> ask(std::string arn, bool let_go) const;

    std::vector<member> all_;
};

}  // namespace borealis::server
