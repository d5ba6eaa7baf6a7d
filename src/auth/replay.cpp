#include "auth/replay.hpp"

#include <cstring>

namespace borealis::auth {
namespace {

/// Sweeping looks at every entry of a part.
constexpr std::chrono::seconds sweep_every{10};

}  // namespace

/// A signature is an HMAC: any of its octets are as good as a hash.
std::size_t replay_memory::hash::operator()(const digest& of) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, of.data(), sizeof out);
    return out;
}

replay_memory::seen replay_memory::look(const digest& signature, std::chrono::sys_seconds good_until,
                                        std::chrono::sys_seconds now) {
    if (most_in_part_ == 0) return seen::never;
    auto& in = parts_[signature.back() % parts];
    const std::scoped_lock held(in.lock);
    if (now - in.swept >= sweep_every || in.until.size() >= most_in_part_) {
        if (now != in.swept) std::erase_if(in.until, [now](const auto& one) { return one.second < now; });
        in.swept = now;
    }
    if (in.until.size() >= most_in_part_) return in.until.contains(signature) ? seen::before : seen::full;
    return in.until.try_emplace(signature, good_until).second ? seen::never : seen::before;
}

}  // namespace borealis::auth
