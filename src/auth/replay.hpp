#pragma once
/// Requests that have been let in, so that none is twice.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "auth/signature.hpp"

namespace borealis::auth {

/// Remembers signatures until their requests would be refused as too old anyway. Thread-safe; parts of it are locked
/// for the time of one look-up. Costs about 100 bytes a request of the last five minutes.
class replay_memory {
 public:
    /// @param most  Signatures remembered at once; 0: the memory is off, and every request is new.
    explicit replay_memory(std::size_t most) : most_in_part_((most + parts - 1) / parts) {}

    enum class seen : std::uint8_t { never, before, full };

    /// Has this request been here? If not, it has from now on.
    /// @return `full` where it cannot be remembered: then it must not be let in.
    [[nodiscard]] seen look(const digest& signature, std::chrono::sys_seconds good_until, std::chrono::sys_seconds now);

 private:
    static constexpr std::size_t parts = 16;
    struct hash {
        std::size_t operator()(const digest& of) const noexcept;
    };
    struct part {
        std::mutex lock;
        std::unordered_map<digest, std::chrono::sys_seconds, hash> until;
        std::chrono::sys_seconds swept = {};
    };

    std::size_t most_in_part_;
    std::array<part, parts> parts_;
};

}  // namespace borealis::auth
