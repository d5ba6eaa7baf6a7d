#pragma once
/// What became of a list of employees (L-8.15).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "database.hpp"
#include "failure.hpp"

namespace employees {

enum class batch_status : std::uint8_t {
    committed,
    rolled_back,  ///< Nothing of it stays.
    skipped,      ///< Never begun.
    unknown,      ///< The commit's answer was lost, or the transaction could not be ended (L-8.16, L-8.17).
};

struct batch {
    std::size_t first = 0;  ///< Position in the list, from 0.
    std::size_t count = 0;
    batch_status status = batch_status::skipped;
    std::optional<failure> error = {};
};

struct batch_report {
    std::vector<batch> batches = {};
    std::optional<std::vector<row>> employees = {};  ///< Where they were asked for, and could be listed.
    std::optional<failure> list_error = {};          ///< Why they could not be.

    /// Employees in batches of this status.
    [[nodiscard]] std::size_t count(batch_status status) const;
    [[nodiscard]] bool all_committed() const { return count(batch_status::committed) == total(); }
    [[nodiscard]] std::size_t total() const;
};

enum class audience : std::uint8_t { invoker, internet };

/// @param whom  The internet sees errors without SQL and hosts.
[[nodiscard]] std::string to_json(const batch_report& report, audience whom = audience::invoker);

/// 200 where all is stored, 207 where something is; else by the first error (L-8.18).
[[nodiscard]] int http_status(const batch_report& report);

}  // namespace employees
