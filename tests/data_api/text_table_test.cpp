#include "data_api/text_table.hpp"

#include <string>

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

TEST(text_table, given_texts_when_sought_in_any_order_then_each_has_its_value) {
    text_table<int> known;
    EXPECT_EQ(known.find("a"), nullptr);
    for (int i = 0; i < 100; ++i) known[std::to_string(i)] = i;
    int* const first = known.find("0");
    for (int i = 0; i < 100; ++i) {
        const auto text = std::to_string(i);
        ASSERT_NE(known.find(text), nullptr);
        EXPECT_EQ(*known.find(text), i);
        EXPECT_EQ(*known.find(std::string(text)), i);
        EXPECT_EQ(*std::as_const(known).find(text), i);
        EXPECT_EQ(known.find(text + "x"), nullptr);
    }
    EXPECT_EQ(known.find("0"), first);
    EXPECT_EQ(known.size(), 100U);
}

TEST(text_table, given_the_text_sought_last_when_it_is_erased_then_it_is_unknown) {
    text_table<int> known;
    known["a"] = 1;
    known["b"] = 2;
    EXPECT_NE(known.find("a"), nullptr);
    known.erase_if([](std::string_view text, int value) { return text == "a" && value == 1; });
    EXPECT_EQ(known.find("a"), nullptr);
    EXPECT_EQ(*known.find("b"), 2);
    known.clear();
    EXPECT_EQ(known.find("b"), nullptr);
    EXPECT_EQ(known["b"], 0);
}

}  // namespace
}  // namespace borealis::data_api
