#pragma once
/// GetRandomPassword's passwords.

#include <cstddef>
#include <string>

#include "core/error.hpp"

namespace borealis::secrets {

/// What a password is made of, with AWS's defaults.
struct password_rules {
    std::size_t length = 32;       ///< 1 to 4096
    std::string excluded = {};     ///< Characters not to be used; at most 4096.
    bool numbers = true;           ///< 0-9
    bool punctuation = true;       ///< !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
    bool uppercase = true;         ///< A-Z
    bool lowercase = true;         ///< a-z
    bool space = false;            ///< Counts as punctuation's kind of its own.
    bool one_of_each_kind = true;  ///< At least one character of each kind that is left.
};

/// Each character is drawn evenly from what the rules leave.
/// @return `validation` where they leave nothing, or the length is too small for one of each kind.
[[nodiscard]] core::result<std::string> random_password(const password_rules& rules);

}  // namespace borealis::secrets
