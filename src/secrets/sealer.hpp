#pragma once
/// Values encrypted at rest: AES-256-GCM under a key file.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/secret_text.hpp"

namespace borealis::secrets {

/// Seals and opens texts with one 256-bit key (NIST SP 800-38D). Thread-safe; the key is wiped with the object.
class sealer {
 public:
    /// Reads the key from `file`. Throws std::runtime_error naming it and what to change when it is no plain file of 32
    /// bytes, or anybody but its owner may read or write it.
    explicit sealer(const std::filesystem::path& file);
    sealer(const sealer&) = delete;
    sealer& operator=(const sealer&) = delete;
    ~sealer();

    /// Makes `file` with a random key, mode 0600, on disk before it has its name, where there is none yet. When two
    /// processes do it at the same time one key wins. Throws std::runtime_error.
    static void make_key(const std::filesystem::path& file);

    /// A random nonce of 12 bytes, the ciphertext, and the tag of 16 bytes. `context` is authenticated, not stored.
    [[nodiscard]] std::string seal(std::string_view text, std::string_view context) const;
    /// Nothing where key, context or bytes do not fit.
    [[nodiscard]] std::optional<core::secret_text> open(std::string_view sealed, std::string_view context) const;

 private:
    std::array<std::byte, 32> key_{};
};

/// The first 6 characters of a name's SHA-256 in base 62: the suffix of an ARN that must not change between starts.
[[nodiscard]] std::string stable_suffix(std::string_view name);

}  // namespace borealis::secrets
