#pragma once
/// A password, key or token: text that does not print itself.

#include <string>
#include <string_view>
#include <utility>

namespace borealis::core {

/// Holds a secret. There is no operator<<, no fmt formatter and no conversion: reading it is always spelt `reveal()`.
/// The memory is wiped when it is destroyed or overwritten.
class secret_text {
 public:
    secret_text() = default;
    explicit secret_text(std::string text) : text_(std::move(text)) {}
    secret_text(const secret_text&) = default;
    secret_text(secret_text&& other) noexcept : text_(std::exchange(other.text_, {})) {}
    secret_text& operator=(const secret_text& other) {
        if (this != &other) {
            wipe();
            text_ = other.text_;
        }
        return *this;
    }
    secret_text& operator=(secret_text&& other) noexcept {
        if (this != &other) {
            wipe();
            text_ = std::exchange(other.text_, {});
        }
        return *this;
    }
    ~secret_text() { wipe(); }

    [[nodiscard]] const std::string& reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    friend bool operator==(const secret_text&, const secret_text&) = default;

 private:
    void wipe() noexcept;

    std::string text_;
};

}  // namespace borealis::core
