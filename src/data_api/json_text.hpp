#pragma once
/// JSON text without its blanks.

#include <cstdint>
#include <string>
#include <string_view>

namespace borealis::data_api {

enum class compacting : std::uint8_t {
    done,
    malformed,            ///< Not one JSON value (RFC 8259).
    number_out_of_range,  ///< A number that no double can hold (generation 2 refuses it).
};

/// Appends `text` without blanks between tokens; digits, escapes and the order of keys stay as they are. Appends
/// nothing unless `done`. Nesting is limited by memory only.
[[nodiscard]] compacting append_compact(std::string& out, std::string_view text);

}  // namespace borealis::data_api
