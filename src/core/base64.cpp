#include "core/base64.hpp"

#include <array>
#include <cstdint>

namespace borealis::core {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t invalid = 0xFF;

constexpr std::array<std::uint8_t, 256> values = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(invalid);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
    const std::size_t start = out.size();
    out.resize(start + (bytes.size() + 2) / 3 * 4);
    char* to = out.data() + start;
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const std::uint32_t three = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
        *to++ = alphabet[three >> 18];
        *to++ = alphabet[three >> 12 & 63];
        *to++ = alphabet[three >> 6 & 63];
        *to++ = alphabet[three & 63];
    }
    if (const std::size_t left = bytes.size() - i; left != 0) {
        const std::uint32_t three = byte_at(bytes, i) << 16 | (left == 2 ? byte_at(bytes, i + 1) << 8 : 0);
        *to++ = alphabet[three >> 18];
        *to++ = alphabet[three >> 12 & 63];
        *to++ = left == 2 ? alphabet[three >> 6 & 63] : '=';
        *to++ = '=';
    }
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const std::size_t padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        std::uint32_t three = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const std::uint8_t value =
                k >= 4 - padding ? std::uint8_t{0} : values[static_cast<std::uint8_t>(text[i + k])];
            if (value == invalid) return std::nullopt;
            three = three << 6 | value;
        }
        if ((padding == 1 && (three & 0xFF) != 0) || (padding == 2 && (three & 0xFFFF) != 0)) return std::nullopt;
        bytes += static_cast<char>(three >> 16);
        if (padding < 2) bytes += static_cast<char>(three >> 8 & 0xFF);
        if (padding < 1) bytes += static_cast<char>(three & 0xFF);
    }
    return bytes;
}

}  // namespace borealis::core
