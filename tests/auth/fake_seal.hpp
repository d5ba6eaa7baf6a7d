#pragma once
/// A seal without a key, for tests: what it closes is readable, but bound to its context.

#include "auth/seal.hpp"

namespace borealis::auth {

class fake_seal final : public seal {
 public:
    explicit fake_seal(std::string key = "k") : key_(std::move(key)) {}
    [[nodiscard]] std::string close(std::string_view text, std::string_view context) const override {
        return key_ + '|' + std::string(context) + '|' + std::string(text);
    }
    [[nodiscard]] std::optional<core::secret_text> open(std::string_view sealed,
                                                        std::string_view context) const override {
        const auto before = key_ + '|' + std::string(context) + '|';
        if (!sealed.starts_with(before)) return std::nullopt;
        return core::secret_text(std::string(sealed.substr(before.size())));
    }

 private:
    std::string key_;
};

}  // namespace borealis::auth
