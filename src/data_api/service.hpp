#pragma once
/// The RDS Data API: one body in, one answer out.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "data_api/answer.hpp"
#include "data_api/directory.hpp"
#include "data_api/operation.hpp"
#include "pool/pool.hpp"
#include "pool/transactions.hpp"

namespace borealis::data_api {

/// Who calls, as `auth` established it.
struct caller {
    std::string id;  ///< Access key id, or "anonymous" in developer mode.
};

struct settings {
    pool::transaction_settings transactions;
};

/// The Data API on one thread. Each thread has its own; they know each other, because a transaction lives on the thread
/// that began it and a call for it hops there.
class service {
 public:
    /// @param home_index  This thread's number; `peers` must later list the services of all threads in that order.
    service(const core::executor& home, std::uint8_t home_index, settings with, directory& names,
            pool::shared_budgets& budgets);
    ~service();

    /// Called once on each, before the first request. The span outlives the service.
    void meet(std::span<service* const> peers);

    /// Answers one request; never throws for what a client can cause.
    /// @param body  At least json::padding readable bytes follow it; lives until the call returns.
    core::awaitable<response> handle(operation what, std::string_view body, const caller& who);

    /// Sweeps pools and reaps transactions; the owner calls it about once a second on the home thread.
    void tick(core::clock::time_point now);
    /// Rolls back open transactions and closes idle sessions (drain).
    core::awaitable<void> shut_down(core::deadline until);
    /// Before a cluster stops: closes its idle sessions on this thread.
    void drop_target(const std::string& resource_arn);

    /// Statements running and transactions open on this thread against a cluster: what keeps it awake.
    [[nodiscard]] std::size_t uses_of(std::string_view resource_arn) const;

 private:
    struct parts;
    std::shared_ptr<parts> parts_;  // shared with calls that hopped here and statements that outlive theirs
};

}  // namespace borealis::data_api
