#pragma once
/// Standard base64 (RFC 4648, section 4), with padding.

#include <optional>
#include <string>
#include <string_view>

namespace borealis::core {

/// Appends the base64 of `bytes` to `out`.
void append_base64(std::string& out, std::string_view bytes);

/// The bytes of `text`, or nothing where it is not canonical padded base64 (wrong length, alphabet or padding, blanks).
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace borealis::core
