#include "postgres/statements.hpp"

#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

const std::vector<oid> one_text = {25};
const std::vector<oid> one_number = {20};

TEST(statement_cache, given_one_text_with_other_types_when_found_then_they_are_two_statements) {
    statement_cache cache(256);
    const auto first = cache.add("SELECT $1", one_text);
    EXPECT_EQ(cache.find("SELECT $1", one_number), nullptr);
    const auto second = cache.add("SELECT $1", one_number);
    EXPECT_NE(first->name, second->name);
    EXPECT_EQ(cache.find("SELECT $1", one_text), first);
    EXPECT_EQ(cache.find("SELECT $1", one_number), second);
    EXPECT_EQ(cache.find("SELECT $1", {}), nullptr);
}

TEST(statement_cache, given_a_full_cache_when_one_is_added_then_the_least_recently_used_has_to_be_closed) {
    statement_cache cache(2);
    const auto a = cache.add("a", {})->name;
    const auto b = cache.add("b", {})->name;
    ASSERT_NE(cache.find("a", {}), nullptr);
    cache.add("c", {});
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find("b", {}), nullptr);
    EXPECT_NE(cache.find("a", {}), nullptr);
    EXPECT_EQ(cache.to_close(), std::vector<std::string>{b});
    EXPECT_NE(a, b);
}

TEST(statement_cache, given_statements_when_erased_or_retired_or_cleared_then_names_are_never_used_again) {
    statement_cache cache(256);
    const auto erased = cache.add("a", {});
    const auto first = erased->name;
    cache.erase(*erased);
    EXPECT_TRUE(cache.to_close().empty());
    const auto retired = cache.add("a", {});
    const auto second = retired->name;
    cache.retire(*retired);
    EXPECT_EQ(cache.to_close(), std::vector<std::string>{second});
    cache.clear();
    EXPECT_TRUE(cache.to_close().empty());
    EXPECT_EQ(cache.size(), 0U);
    const auto third = cache.add("a", {})->name;
    EXPECT_NE(first, second);
    EXPECT_NE(second, third);
    EXPECT_NE(first, third);
}

TEST(statement_cache, given_a_text_where_another_stood_when_found_then_it_is_not_taken_for_that) {
    statement_cache cache(256);
    const auto one = cache.add("SELECT 1", {});
    const auto two = cache.add("SELECT 2", {});
    std::string text = "SELECT 1";
    EXPECT_EQ(cache.find(text, {}), one);
    EXPECT_EQ(cache.find(text, one_text), nullptr);
    text.back() = '2';
    EXPECT_EQ(cache.find(text, {}), two);
    text.back() = '3';
    EXPECT_EQ(cache.find(text, {}), nullptr);
    text.back() = '2';
    EXPECT_EQ(cache.find(text, {}), two);
    cache.erase(*two);
    EXPECT_EQ(cache.find(text, {}), nullptr);
    text.back() = '1';
    EXPECT_EQ(cache.find(text, {}), one);
    cache.clear();
    EXPECT_EQ(cache.find(text, {}), nullptr);
}

TEST(statement_cache, given_statements_found_in_turn_when_one_is_added_to_a_full_cache_then_the_other_has_to_go) {
    statement_cache cache(2);
    const std::string a = "a";
    const std::string b = "b";
    cache.add(a, {});
    cache.add(b, {});
    for (int i = 0; i < 3; ++i) {
        EXPECT_NE(cache.find(b, {}), nullptr);
        EXPECT_NE(cache.find(a, {}), nullptr);
    }
    cache.add("c", {});
    EXPECT_EQ(cache.find(b, {}), nullptr);
    EXPECT_NE(cache.find(a, {}), nullptr);
}

}  // namespace
}  // namespace borealis::postgres
