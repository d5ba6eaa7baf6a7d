#include "core/random.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <sys/random.h>

#include "core/ascii.hpp"

namespace borealis::core {
namespace {

/// Random bytes of this thread, bought from the kernel a page at a time.
class pool_of_bytes {
 public:
    template <std::size_t Count>
    std::array<std::byte, Count> take() {
        std::array<std::byte, Count> taken;
        take(taken);
        return taken;
    }
    void take(std::span<std::byte> into) {
        if (into.size() > bytes_.size()) return random_bytes(into);
        if (bytes_.size() - at_ < into.size()) {
            random_bytes(bytes_);
            at_ = 0;
        }
        const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
        std::copy_n(from, into.size(), into.begin());
        std::fill_n(from, into.size(), std::byte{});
        at_ += into.size();
    }
    /// Buys afresh the next time.
    void forget() noexcept { at_ = bytes_.size(); }

 private:
    std::array<std::byte, 1024> bytes_{};
    std::size_t at_ = bytes_.size();
};

thread_local pool_of_bytes pool;

/// A forked child must not draw what its parent draws. It has one thread, the one that forked.
[[maybe_unused]] const int forks_are_noticed = ::pthread_atfork(nullptr, nullptr, [] { pool.forget(); });

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

void take_random_bytes(std::span<std::byte> into) { pool.take(into); }

std::string random_uuid() {
    std::string text;
    append_random_uuid(text);
    return text;
}

void append_random_uuid(std::string& out) {
    auto bytes = pool.take<16>();
    bytes[6] = (bytes[6] & std::byte{0x0F}) | std::byte{0x40};  // RFC 9562, 4.2: version 4
    bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};  // RFC 9562, 4.1: variant
    const auto digits = hex_digits(bytes);
    std::array<char, 36> text;
    std::size_t from = 0, to = 0;
    for (const std::size_t part : {8U, 4U, 4U, 4U, 12U}) {
        if (to > 0) text[to++] = '-';
        std::memcpy(&text[to], &digits[from], part);
        from += part;
        to += part;
    }
    out.append(text.data(), text.size());
}

std::string random_alphanumeric(std::size_t length) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string text;
    text.reserve(length);
    while (text.size() < length) {
        const auto byte = std::to_integer<std::size_t>(pool.take<1>().front());
        if (byte < alphabet.size() * 4) text += alphabet[byte % alphabet.size()];  // 248 of 256: no letter is likelier
    }
    return text;
}

}  // namespace borealis::core
