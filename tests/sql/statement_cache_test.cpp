#include "sql/statement_cache.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::sql {
namespace {

constexpr auto pg = dialect::postgresql;
constexpr auto my = dialect::mysql;

TEST(statement_cache, given_a_known_text_when_asked_again_then_the_same_answer_is_shared) {
    statement_cache cache;
    const auto first = cache.find_or_rewrite("SELECT :a", pg);
    EXPECT_EQ(first->text, "SELECT $1");
    EXPECT_EQ(cache.find_or_rewrite(std::string("SELECT :a"), pg), first);
    EXPECT_EQ(cache.find_or_rewrite("SELECT :a", my)->text, "SELECT ?");
    EXPECT_EQ(cache.size(), 2U);
}

TEST(statement_cache, given_it_is_full_when_another_comes_then_the_least_recently_used_goes) {
    statement_cache cache({.statements = 2});
    const auto a = cache.find_or_rewrite("SELECT 'a'", pg);
    const auto b = cache.find_or_rewrite("SELECT 'b'", pg);
    EXPECT_EQ(cache.find_or_rewrite("SELECT 'a'", pg), a);
    (void)cache.find_or_rewrite("SELECT 'c'", pg);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find_or_rewrite("SELECT 'a'", pg), a);
    EXPECT_NE(cache.find_or_rewrite("SELECT 'b'", pg), b);
    EXPECT_EQ(b->text, "SELECT 'b'");  // still held by its user
}

TEST(statement_cache, given_long_texts_when_kept_then_their_bytes_are_bounded) {
    statement_cache cache({.bytes = 10'000});
    for (int i = 0; i < 50; ++i) (void)cache.find_or_rewrite(std::to_string(i) + std::string(1000, ' '), pg);
    EXPECT_LE(cache.bytes(), 10'000U);
    EXPECT_GE(cache.size(), 3U);
    (void)cache.find_or_rewrite(std::string(20'000, ' '), pg);
    EXPECT_GE(cache.size(), 3U) << "a text too long for the cache throws nothing out";
}

TEST(statement_cache, given_a_slice_when_the_names_differ_then_so_does_the_text) {
    statement_cache cache;
    const std::vector<std::string_view> two = {"2"};
    EXPECT_EQ(cache.find_or_rewrite("SELECT a[1:2]", pg)->text, "SELECT a[1:2]");
    EXPECT_EQ(cache.find_or_rewrite("SELECT a[1:2]", pg, two)->text, "SELECT a[1$1]");
    EXPECT_EQ(cache.find_or_rewrite("SELECT a[1:2]", pg)->text, "SELECT a[1:2]");
    EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace borealis::sql
