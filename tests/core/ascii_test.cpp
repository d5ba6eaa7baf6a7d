#include "core/ascii.hpp"

#include <string>

#include <gtest/gtest.h>

namespace borealis::core {
namespace {

TEST(iequals, given_any_two_octets_at_any_place_when_compared_then_only_the_case_of_letters_is_the_same) {
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string a(size, 'x'), b(size, 'X');
            for (int i = 0; i < 256; ++i) {
                a[at] = static_cast<char>(i);
                for (const int j : {i, i ^ 0x20, i ^ 0x80, i + 1, i - 1, i - 0x20, i + 0x20}) {
                    b[at] = static_cast<char>(j);
                    EXPECT_EQ(iequals(a, b), lower(a[at]) == lower(b[at])) << size << " " << at << " " << i << " " << j;
                }
            }
        }
    }
}

TEST(iequals, given_texts_of_other_lengths_when_compared_then_they_differ) {
    EXPECT_TRUE(iequals("", ""));
    EXPECT_FALSE(iequals("", "a"));
    EXPECT_FALSE(iequals("host", "hosts"));
    EXPECT_TRUE(iequals("Content-Length", "cONTENT-lENGTH"));
}

}  // namespace
}  // namespace borealis::core
