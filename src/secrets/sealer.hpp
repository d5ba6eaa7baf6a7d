#pragma once
/// Values encrypted at rest: AES-256-GCM under one key, and where that key is read from.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/secret_text.hpp"

namespace borealis::secrets {

/// 256 bits in a page of their own that no core dump holds (MADV_DONTDUMP) and, where the limits allow it, no swap
/// does (mlock); wiped with the object.
class sealing_key {
 public:
    static constexpr std::size_t size = 32;

    /// Throws std::bad_alloc, or std::invalid_argument where it is not `size` bytes.
    explicit sealing_key(std::string_view bytes);

    [[nodiscard]] std::span<const std::byte, size> bytes() const;
    friend bool operator==(const sealing_key& one, const sealing_key& other);

 private:
    struct unmaps {
        void operator()(std::byte* page) const;
    };
    std::unique_ptr<std::byte, unmaps> page_;
};

/// Who besides its owner may read a key file.
enum class readable_by : std::uint8_t {
    owner,  ///< Nobody: mode 0600 or less.
    group,  ///< Its group, which is how the access list of a systemd credential shows.
};

/// The key in `file`: 32 bytes as they are, or as 64 hex digits or 44 characters of base64 with or without a line end.
/// Throws std::runtime_error naming it and what to change when it is no plain file of that form, is neither ours nor
/// root's, or others may read or write it.
[[nodiscard]] sealing_key read_key_file(const std::filesystem::path& file, readable_by who);
/// The same forms, of a text that came from elsewhere. Throws std::runtime_error that names `where` and no content.
[[nodiscard]] sealing_key parse_key(std::string_view text, std::string_view where);

/// Makes `file` with a random key, mode 0600, on disk before it has its name, where there is none yet. When two
/// processes do it at the same time one key wins. Throws std::runtime_error.
void make_key_file(const std::filesystem::path& file);
/// Gives `from` the name `to`, and has it on disk. Throws std::runtime_error.
void rename_key_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Seals and opens texts with one key (NIST SP 800-38D). Thread-safe.
class sealer {
 public:
    explicit sealer(sealing_key key) : key_(std::move(key)) {}

    /// A random nonce of 12 bytes, the ciphertext, and the tag of 16 bytes. `context` is authenticated, not stored.
    [[nodiscard]] std::string seal(std::string_view text, std::string_view context) const;
    /// Nothing where key, context or bytes do not fit.
    [[nodiscard]] std::optional<core::secret_text> open(std::string_view sealed, std::string_view context) const;

    /// HMAC-SHA-256 of `context` under the key, by which the key is known again and about which it tells nothing.
    /// Unlike the others it does without OpenSSL's EVP, which lists all its algorithms (3 MiB) before it does anything.
    [[nodiscard]] std::string mark(std::string_view context) const;
    [[nodiscard]] bool has_made(std::string_view mark, std::string_view context) const;

 private:
    sealing_key key_;
};

/// The first 6 characters of a name's SHA-256 in base 62: the suffix of an ARN that must not change between starts.
[[nodiscard]] std::string stable_suffix(std::string_view name);

}  // namespace borealis::secrets
