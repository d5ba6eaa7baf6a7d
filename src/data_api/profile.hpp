#pragma once
/// What a cluster's Data API generation does: a table of values and switches, read in few places.

#include <chrono>
#include <cstddef>
#include <string_view>

namespace borealis::data_api {

struct profile {
    std::string_view name = "aws-v2";
    std::size_t result_bytes = 1024 * 1024;               ///< R-3.3, counted as R-3.4
    std::size_t formatted_bytes = 10 * 1024 * 1024;       ///< R-3.6
    std::size_t sql_characters = 65'536;                  ///< R-3.2
    std::chrono::milliseconds statement_timeout{45'000};  ///< R-3.9
};

/// Aurora Serverless v2 and provisioned clusters.
extern const profile aws_v2;

/// The profile of that name, or null.
[[nodiscard]] const profile* find_profile(std::string_view name);

}  // namespace borealis::data_api
