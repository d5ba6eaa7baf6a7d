#pragma once
/// Failures that somebody has asked for, applied to Data API calls: `borealis cluster fault`, and in developer mode the
/// header `X-Borealis-Fault`.

#include <chrono>
#include <optional>
#include <string_view>

#include "clusters/registry.hpp"
#include "core/error.hpp"
#include "data_api/operation.hpp"
#include "http/request.hpp"
#include "json/document.hpp"
#include "server/reply.hpp"

namespace borealis::server {

/// What becomes of one call.
struct planned_faults {
    std::chrono::milliseconds latency{0};
    std::optional<core::error> answer = {};  ///< Instead of doing it.
    cut cut_off = cut::nowhere;              ///< After doing it.
};

inline constexpr std::string_view fault_header = "x-borealis-fault";

/// One a thread.
class fault_injection {
 public:
    explicit fault_injection(clusters::registry& known) : registry_(known) {}

    /// False: nobody has asked for any. Costs next to nothing.
    [[nodiscard]] bool concerns(const http::request& asked) const {
        return registry_.faults().any() || !asked.find(fault_header).empty();
    }

    /// Takes what waits for such a call. The faults of the header are several, parted by `;`.
    /// @param developer_mode  Else the header is refused.
    /// @return `validation` for a header that cannot be read.
    core::result<planned_faults> plan(const http::request& asked, data_api::operation what, bool developer_mode);

 private:
    clusters::registry& registry_;
    json::document parser_;
};

}  // namespace borealis::server
