#pragma once
/// Failures on request, so that retry code can be tried: which, how often, for how long.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.hpp"

namespace borealis::clusters {

enum class fault_kind : std::uint8_t {
    resume_delay,       ///< Resuming takes `duration` longer.
    resume_failure,     ///< Resuming fails.
    latency,            ///< A Data API call waits `duration` before it is looked at.
    throttling,         ///< A call is answered with ThrottlingException; nothing is done.
    statement_timeout,  ///< ExecuteStatement and BatchExecuteStatement are answered with StatementTimeoutException.
    lost_commit,        ///< CommitTransaction is done, and its connection closed without an answer.
    drop,               ///< A call is done, and its connection closed in the middle of the answer.
};
[[nodiscard]] std::string_view name_of(fault_kind what);

struct fault {
    fault_kind is = fault_kind::latency;
    std::chrono::milliseconds duration{0};
    std::uint64_t times = 1;  ///< So often it still comes.
};

/// `resume-delay=2000`, `latency=250,times=3`, `throttling`, `drop,times=2`: a kind, milliseconds where it has a
/// duration, and how often (1).
/// @return `validation` with what would be right.
[[nodiscard]] core::result<fault> parse_fault(std::string_view text);

/// The faults that wait for their occasion, by cluster. Thread-safe.
class fault_table {
 public:
    void add(const std::string& cluster_id, const fault& what);
    void clear(const std::string& cluster_id);
    [[nodiscard]] std::vector<fault> list(std::string_view cluster_id) const;
    /// Takes one of that kind, if there is one.
    std::optional<fault> take(std::string_view cluster_id, fault_kind what);
    /// False: nobody has asked for any. Without a lock.
    [[nodiscard]] bool any() const { return count_.load(std::memory_order_relaxed) != 0; }

 private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::vector<fault>> all_;
    std::atomic<std::size_t> count_ = 0;
};

}  // namespace borealis::clusters
