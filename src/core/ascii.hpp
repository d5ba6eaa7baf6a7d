#pragma once
/// Texts that are the same whatever the case of their letters, as HTTP and IAM compare names: ASCII alone, no locale.

#include <cstddef>
#include <string_view>

namespace borealis::core {

[[nodiscard]] constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Both of `size` octets, at least one.
[[nodiscard]] bool same_letters(const char* a, const char* b, std::size_t size);

[[nodiscard]] inline bool iequals(std::string_view a, std::string_view b) {
    // Most texts differ in their length or first letter, which is told without a call.
    return a.size() == b.size() &&
           (a.empty() || (((a.front() ^ b.front()) & ~0x20) == 0 && same_letters(a.data(), b.data(), a.size())));
}

}  // namespace borealis::core
