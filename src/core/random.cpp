#include "core/random.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/random.h>

namespace borealis::core {
namespace {

/// Random bytes of this thread, bought from the kernel a page at a time.
class pool_of_bytes {
 public:
    std::byte take() {
        if (at_ == bytes_.size()) {
            random_bytes(bytes_);
            at_ = 0;
        }
        return std::exchange(bytes_[at_++], std::byte{});
    }

 private:
    std::array<std::byte, 1024> bytes_{};
    std::size_t at_ = bytes_.size();
};

thread_local pool_of_bytes pool;

}  // namespace

void random_bytes(std::span<std::byte> into) {
    while (!into.empty()) {
        const auto got = ::getrandom(into.data(), into.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        into = into.subspan(static_cast<std::size_t>(got));
    }
}

std::string random_uuid() {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text(36, '-');
    char* at = text.data();
    for (int i = 0; i < 16; ++i) {
        auto byte = std::to_integer<std::uint8_t>(pool.take());
        if (i == 6) byte = static_cast<std::uint8_t>((byte & 0x0F) | 0x40);  // RFC 9562, 4.2: version 4
        if (i == 8) byte = static_cast<std::uint8_t>((byte & 0x3F) | 0x80);  // RFC 9562, 4.1: variant
        if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 0x0F];
    }
    return text;
}

std::string random_alphanumeric(std::size_t length) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string text;
    text.reserve(length);
    while (text.size() < length) {
        const auto byte = std::to_integer<std::size_t>(pool.take());
        if (byte < alphabet.size() * 4) text += alphabet[byte % alphabet.size()];  // 248 of 256: no letter is likelier
    }
    return text;
}

}  // namespace borealis::core
