#include "core/ascii.hpp"

#include <cstdint>
#include <cstring>

namespace borealis::core {
namespace {

template <class Word>
std::uint64_t load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// Eight octets with their capitals as small letters.
std::uint64_t lowered(std::uint64_t eight) {
    const auto low_bits = eight & each(0x7F);  // so that no sum reaches into the next octet
    const auto from_a = low_bits + each(0x80 - 'A');
    const auto behind_z = low_bits + each(0x7F - 'Z');
    const auto capitals = (from_a ^ behind_z) & ~eight & each(0x80);
    return eight | (capitals >> 2U);
}

}  // namespace

bool same_letters(const char* a, const char* b, std::size_t size) {
    if (size >= 8) {
        for (std::size_t i = 0; i + 8 < size; i += 8)
            if (lowered(load<std::uint64_t>(a + i)) != lowered(load<std::uint64_t>(b + i))) return false;
        // The last eight, of which some may have been compared already.
        return lowered(load<std::uint64_t>(a + size - 8)) == lowered(load<std::uint64_t>(b + size - 8));
    }
    if (size >= 4) {
        const auto both_ends = [size](const char* of) {
            return load<std::uint32_t>(of) | load<std::uint32_t>(of + size - 4) << 32U;
        };
        return lowered(both_ends(a)) == lowered(both_ends(b));
    }
    for (std::size_t i = 0; i < size; ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

}  // namespace borealis::core
