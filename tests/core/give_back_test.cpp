#include "core/give_back.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::core {
namespace {

TEST(give_back, given_what_has_grown_when_given_back_then_it_is_empty_and_has_no_room_left) {
    std::string text(100'000, 'x');
    std::vector<int> numbers(100'000);
    give_back(text);
    give_back(numbers);
    EXPECT_TRUE(text.empty());
    EXPECT_LT(text.capacity(), 100U);
    EXPECT_TRUE(numbers.empty());
    EXPECT_EQ(numbers.capacity(), 0U);
}

}  // namespace
}  // namespace borealis::core
