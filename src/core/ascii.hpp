#pragma once
/// Letters and digits of ASCII alone, no locale.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace borealis::core {

[[nodiscard]] constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Eight times the same octet, to look at eight at once with.
[[nodiscard]] constexpr std::uint64_t each(std::uint64_t octet) { return 0x0101010101010101U * octet; }

/// Both of `size` octets, at least one.
[[nodiscard]] bool same_letters(const char* a, const char* b, std::size_t size);

/// The same text whatever the case of its letters, as HTTP and IAM compare names.
[[nodiscard]] inline bool iequals(std::string_view a, std::string_view b) {
    // Most texts differ in their length or first letter, which is told without a call.
    return a.size() == b.size() &&
           (a.empty() || (((a.front() ^ b.front()) & ~0x20) == 0 && same_letters(a.data(), b.data(), a.size())));
}

/// Lower-case hexadecimal digits. Without a table, so that sixteen are made at a time.
template <class Octet, std::size_t Size>
[[nodiscard]] constexpr std::array<char, 2 * Size> hex_digits(const std::array<Octet, Size>& of) {
    std::array<char, 2 * Size> text{};
    const auto digit = [](unsigned value) {
        return static_cast<char>(value + (value < 10U ? unsigned{'0'} : unsigned{'a' - 10}));
    };
    for (std::size_t i = 0; i < Size; ++i) {
        text[2 * i] = digit(static_cast<unsigned char>(of[i]) >> 4U);
        text[2 * i + 1] = digit(static_cast<unsigned char>(of[i]) & 15U);
    }
    return text;
}

}  // namespace borealis::core
