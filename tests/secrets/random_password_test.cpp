#include "secrets/random_password.hpp"

#include <cctype>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace borealis::secrets {
namespace {

TEST(random_passwords, given_no_wishes_when_made_then_32_characters_of_four_kinds) {
    std::set<std::string> all;
    for (int i = 0; i < 200; ++i) {
        const auto made = *random_password({});
        EXPECT_EQ(made.size(), 32U);
        bool digit = false, upper = false, lower = false, sign = false;
        for (const char c : made) {
            const auto byte = static_cast<unsigned char>(c);
            digit |= std::isdigit(byte) != 0;
            upper |= std::isupper(byte) != 0;
            lower |= std::islower(byte) != 0;
            sign |= std::ispunct(byte) != 0;
            EXPECT_GT(byte, 0x20);
            EXPECT_LT(byte, 0x7F);
        }
        EXPECT_TRUE(digit && upper && lower && sign) << made.size();
        all.insert(made);
    }
    EXPECT_EQ(all.size(), 200U);
}

TEST(random_passwords, given_exclusions_when_made_then_nothing_excluded_is_there) {
    const auto made = *random_password({.length = 4096, .excluded = "abcXYZ019!", .punctuation = false, .space = true});
    EXPECT_EQ(made.size(), 4096U);
    EXPECT_EQ(made.find_first_of("abcXYZ019!"), std::string::npos);
    EXPECT_EQ(made.find_first_not_of("2345678 ABCDEFGHIJKLMNOPQRSTUVWdefghijklmnopqrstuvwxyz"), std::string::npos);
    EXPECT_NE(made.find(' '), std::string::npos);
    EXPECT_EQ(*random_password({.length = 4,
                                .excluded = "0123456789",
                                .punctuation = false,
                                .uppercase = false,
                                .lowercase = false,
                                .space = true}),
              "    ");
}

TEST(random_passwords, given_every_character_when_many_are_made_then_each_appears) {
    std::set<char> seen;
    const auto made = *random_password({.length = 4096, .space = true});
    seen.insert(made.begin(), made.end());
    EXPECT_EQ(seen.size(), 95U);
}

TEST(random_passwords, given_rules_that_cannot_be_kept_when_made_then_refused) {
    EXPECT_FALSE(random_password({.length = 0}));
    EXPECT_FALSE(random_password({.length = 4097}));
    EXPECT_FALSE(random_password({.length = 3}));
    EXPECT_TRUE(random_password({.length = 3, .one_of_each_kind = false}));
    EXPECT_FALSE(random_password({.numbers = false, .punctuation = false, .uppercase = false, .lowercase = false}));
}

}  // namespace
}  // namespace borealis::secrets
