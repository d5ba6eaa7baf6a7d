#pragma once
/// The RDS Data API: one body in, one answer out.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "auth/caller.hpp"
#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"
#include "core/listener.hpp"
#include "data_api/answer.hpp"
#include "data_api/directory.hpp"
#include "data_api/observation.hpp"
#include "data_api/operation.hpp"
#include "data_api/slow_statements.hpp"
#include "data_api/statistics.hpp"
#include "json/document.hpp"
#include "pool/pool.hpp"
#include "pool/transactions.hpp"

namespace borealis::data_api {

struct settings {
    pool::transaction_settings transactions;
    std::size_t json_values = json::document::usual_most_values;  ///< In one body; else SerializationException.
    slow_settings slow = {};
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
    /// @param by    Who waits for the answer; null: whoever it is stays. When they go, the statement is cancelled at
    /// the
    ///              database within about a second; a COMMIT or ROLLBACK, and a statement that may outlive its call
    ///              run on. Lives until the call returns.
    /// @param seen  Who looks on; null: nobody does. Lives until the call returns.
    core::awaitable<response> handle(operation what, std::string_view body, const auth::caller& who,
                                     const core::listener* by = nullptr, observation* seen = nullptr);

    /// Other settings: for calls and, as to their limits, open transactions from now on.
    void set(settings with);

    /// Sweeps pools and reaps transactions; the owner calls it about once a second on the home thread.
    void tick(core::clock::time_point now);
    /// The server stops: no transaction begins any more, and `tick` rolls back those that are not used.
    void begin_drain(core::clock::time_point now);
    /// Rolls back open transactions and closes idle sessions.
    core::awaitable<void> shut_down(core::deadline until);
    /// Before a cluster stops: closes its idle sessions on this thread.
    void drop_target(const std::string& resource_arn);

    /// What has happened on this thread so far; read on it.
    [[nodiscard]] const statistics& numbers() const;
    /// What is so on this thread now; read on it.
    struct state {
        pool::pool_counts sessions;
        std::map<std::string, pool::pool_counts> by_cluster;  ///< Of them; by the cluster's ARN.
        pool::pool_totals since_start;
        pool::transaction_totals ended;
        std::size_t transactions_open = 0;
        std::uint64_t slow_statements = 0;  ///< Since the start.
    };
    [[nodiscard]] state now() const;

    /// Statements running and transactions open on this thread against a cluster: what keeps it awake.
    [[nodiscard]] std::size_t uses_of(std::string_view resource_arn) const;
    /// Calls of a cluster so far on this thread.
    [[nodiscard]] std::uint64_t calls_of(std::string_view resource_arn) const;

 private:
    struct parts;
    std::shared_ptr<parts> parts_;  // shared with calls that hopped here and statements that outlive theirs
};

}  // namespace borealis::data_api
