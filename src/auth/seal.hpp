#pragma once
/// What this room asks of whoever keeps the state's key.

#include <optional>
#include <string>
#include <string_view>

#include "core/secret_text.hpp"

namespace borealis::auth {

/// Authenticated encryption under the state folder's key. Thread-safe.
class seal {
 public:
    seal() = default;
    seal(const seal&) = delete;
    seal& operator=(const seal&) = delete;
    virtual ~seal() = default;

    /// @param context  Authenticated with the text, not stored.
    [[nodiscard]] virtual std::string close(std::string_view text, std::string_view context) const = 0;
    /// Nothing where key, context or bytes do not fit.
    [[nodiscard]] virtual std::optional<core::secret_text> open(std::string_view sealed,
                                                                std::string_view context) const = 0;
};

}  // namespace borealis::auth
