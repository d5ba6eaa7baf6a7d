#pragma once
#include <cstdint>

namespace borealis::sql {

/// Whose grammar and protocol. MariaDB counts as MySQL everywhere.
enum class dialect : std::uint8_t { postgresql, mysql };

}  // namespace borealis::sql
