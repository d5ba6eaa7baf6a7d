#include "core/random.hpp"

#include <regex>
#include <set>

#include <gtest/gtest.h>

namespace borealis::core {
namespace {

TEST(random_uuid, given_many_when_made_then_all_are_version_4_and_differ) {
    const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = random_uuid();
        EXPECT_TRUE(std::regex_match(id, form)) << id;
        EXPECT_TRUE(seen.insert(id).second);
    }
}

TEST(random_alphanumeric, given_a_length_when_made_then_only_letters_and_digits) {
    const auto text = random_alphanumeric(5000);
    EXPECT_EQ(text.size(), 5000U);
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              std::string::npos);
    EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 62U);
}

}  // namespace
}  // namespace borealis::core
