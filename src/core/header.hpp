#pragma once
/// One header of an HTTP message.

#include <string_view>

namespace borealis::core {

struct header {
    std::string_view name;   ///< In any case; compare with `iequals`.
    std::string_view value;  ///< Without surrounding blanks, where it comes from a message that was read.
};

}  // namespace borealis::core
