#include "secrets/random_password.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.hpp"

namespace borealis::secrets {
namespace {

constexpr std::string_view punctuation = R"(!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)";

/// Evenly from 0 to `limit` - 1: what would favour the small ones is drawn again.
std::size_t random_below(std::size_t limit) {
    const auto most = static_cast<std::uint32_t>(limit);
    const std::uint32_t unfair = (0U - most) % most;
    while (true) {
        std::uint32_t drawn = 0;
        core::random_bytes(std::as_writable_bytes(std::span(&drawn, 1)));
        if (drawn >= unfair) return drawn % most;
    }
}

char any_of(std::string_view kind) { return kind[random_below(kind.size())]; }

}  // namespace

core::result<std::string> random_password(const password_rules& rules) {
    if (rules.length < 1 || rules.length > 4096)
        return core::fail(core::error_kind::validation, "PasswordLength must be between 1 and 4096.");
    const std::array<std::pair<bool, std::string_view>, 5> kinds = {{{rules.numbers, "0123456789"},
                                                                     {rules.punctuation, punctuation},
                                                                     {rules.uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
                                                                     {rules.lowercase, "abcdefghijklmnopqrstuvwxyz"},
                                                                     {rules.space, " "}}};
    std::vector<std::string> left;
    std::string all;
    for (const auto& [wanted, kind] : kinds) {
        if (!wanted) continue;
        std::string one;
        for (const char c : kind) {
            if (rules.excluded.find(c) == std::string::npos) one += c;
        }
        if (one.empty()) continue;
        all += one;
        left.push_back(std::move(one));
    }
    if (all.empty())
        return core::fail(core::error_kind::validation, "The rules leave no character to make a password of.");
    const std::size_t needed = rules.one_of_each_kind ? left.size() : 0;
    if (rules.length < needed) {
        return core::fail(core::error_kind::validation,
                          "PasswordLength is too short for one character of each included type.");
    }
    std::string made;
    for (std::size_t i = 0; i < needed; ++i) made += any_of(left[i]);
    while (made.size() < rules.length) made += any_of(all);
    for (std::size_t i = made.size(); i > 1; --i) std::swap(made[i - 1], made[random_below(i)]);
    return made;
}

}  // namespace borealis::secrets
