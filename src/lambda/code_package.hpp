#pragma once
/// Deployment packages: zip archives into folders, and the digest that AWS shows of them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace borealis::lambda {

/// Lambda's limits (L-1.104).
inline constexpr std::uint64_t largest_zip = 52'428'800;
inline constexpr std::uint64_t largest_code = 262'144'000;

/// Unpacks `bytes` into `into`, which is made (0755) and must not exist: files with the permission bits of the archive,
/// at least readable by all (L-1.54), and relative symbolic links that stay inside. Nothing is written outside,
/// whatever the archive's names say.
/// @return `validation` with AWS's text for what is no zip, is empty, is too large unpacked, or has a name that leads
/// outside. What was unpacked until then is removed.
[[nodiscard]] core::result<void> unpack(std::string_view bytes, const std::filesystem::path& into);

/// base64 of the SHA-256: AWS's CodeSha256.
[[nodiscard]] std::string code_sha256(std::string_view bytes);

}  // namespace borealis::lambda
