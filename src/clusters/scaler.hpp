#pragma once
/// How much capacity a cluster should have, by its load: the decision alone (L-7.3, L-7.4).

#include <optional>
#include <span>

#include "clusters/description.hpp"
#include "clusters/life.hpp"
#include "core/deadline.hpp"

namespace borealis::clusters {

/// The values that v1 takes, in whole units.
[[nodiscard]] std::span<const int> capacity_values(engine of);
[[nodiscard]] bool is_capacity_value(engine of, int units);

/// One cluster's. v2 goes up at once and down in steps, at any moment. v1 doubles and halves, at a scaling point, a
/// moment without calls and transactions: 15 minutes after a change up and 310 s after one down at the earliest.
class scaler {
 public:
    /// A half unit for each call and transaction that is open.
    /// @return What it should have from now on; nothing: as it is.
    std::optional<capacity> observe(const description& of, capacity now, const activity& seen,
                                    core::clock::time_point at);

 private:
    std::optional<core::clock::time_point> changed_;
    capacity left_at_ = {};
    bool last_was_up_ = false;
    std::optional<core::clock::time_point> busy_since_;  // v1: the scaling point is searched for since then
};

}  // namespace borealis::clusters
