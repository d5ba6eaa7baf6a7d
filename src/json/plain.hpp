#pragma once
/// The plain run of a string: what stands in JSON text as it is.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/ascii.hpp"

namespace borealis::json {

using core::each;

/// True for bytes that cannot be copied unseen: quote, backslash, controls, and all that is not ASCII.
inline constexpr auto special = [] {
    std::array<bool, 256> table = {};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = i < 0x20 || i >= 0x80 || i == '"' || i == '\\';
    return table;
}();

/// The top bit of each special byte of eight. A borrow may mark bytes above a special one too, so only the lowest mark
/// counts.
constexpr std::uint64_t marks(std::uint64_t eight) {
    const auto quotes = eight ^ each('"');
    const auto slashes = eight ^ each('\\');
    return (eight | (eight - each(0x20)) | (quotes - each(1)) | (slashes - each(1))) & each(0x80);
}

/// The first special byte; `end` when there is none.
inline const char* skip_plain(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        const auto sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // With a sign, what is not ASCII is below the blank as controls are.
        const auto low = _mm_cmplt_epi8(sixteen, _mm_set1_epi8(0x20));
        const auto signs =
            _mm_or_si128(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8('"')), _mm_cmpeq_epi8(sixteen, _mm_set1_epi8('\\')));
        if (const int found = _mm_movemask_epi8(_mm_or_si128(low, signs)); found != 0)
            return at + std::countr_zero(static_cast<unsigned>(found));
    }
#endif
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            std::uint64_t eight;
            std::memcpy(&eight, at, sizeof eight);
            if (const auto found = marks(eight)) return at + std::countr_zero(found) / 8;
        }
    }
    while (at != end && !special[static_cast<unsigned char>(*at)]) ++at;
    return at;
}

}  // namespace borealis::json
