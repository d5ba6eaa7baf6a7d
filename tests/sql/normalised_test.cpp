#include "sql/normalised.hpp"

#include <gtest/gtest.h>

namespace borealis::sql {
namespace {

struct statement_case {
    std::string_view name;
    dialect of;
    std::string_view text;
    std::string_view expected;
    std::size_t most = 1'000;
};

class statements : public testing::TestWithParam<statement_case> {};

TEST_P(statements, given_a_statement_when_normalised_then_no_value_is_left) {
    EXPECT_EQ(normalised(GetParam().text, GetParam().of, GetParam().most), GetParam().expected);
}

constexpr auto pg = dialect::postgresql;
constexpr auto my = dialect::mysql;

INSTANTIATE_TEST_SUITE_P(
    both, statements,
    testing::Values(
        statement_case{"plain", pg, "SELECT a FROM t WHERE b = 'secret' AND c = 17.5",
                       "SELECT a FROM t WHERE b = ? AND c = ?"},
        statement_case{"blanks", pg, "  SELECT\n\t a ,b\r\nFROM   t  ", "SELECT a ,b FROM t"},
        statement_case{"comments", pg, "SELECT /* secret */ a -- secret\nFROM t", "SELECT a FROM t"},
        statement_case{"hash_comment", my, "SELECT a # secret\nFROM t", "SELECT a FROM t"},
        statement_case{"placeholders", pg, "UPDATE t SET a = :a WHERE id = :id::int",
                       "UPDATE t SET a = :a WHERE id = :id::int"},
        statement_case{"lists", pg, "SELECT 1 WHERE a IN (1, 2,3, 'x')", "SELECT ? WHERE a IN (?)"},
        statement_case{"rows", my, "INSERT INTO t VALUES (1, 'a'), (2, 'b'),(3, 'c')", "INSERT INTO t VALUES (?)"},
        statement_case{"negative", my, "SELECT -5e3", "SELECT -?"},
        statement_case{"dollar_quotes", pg, "SELECT $tag$it's secret$tag$, $1", "SELECT ?, $1"},
        statement_case{"escape_string", pg, R"(SELECT E'a\'b', b)", "SELECT ?, b"},
        statement_case{"prefix", my, "SELECT X'4D', _utf8mb4'secret'", "SELECT X?, _utf8mb4?"},
        statement_case{"hexadecimal", my, "SELECT 0x4D79", "SELECT ?"},
        statement_case{"names", pg, R"(SELECT "a b" FROM "t")", R"(SELECT "a b" FROM "t")"},
        statement_case{"mysql_names", my, R"(SELECT `a b`, "secret" FROM t)", "SELECT `a b`, ? FROM t"},
        statement_case{"open_string", pg, "SELECT a, 'secret", "SELECT a, ?"},
        statement_case{"doubled_quote", my, "SELECT 'it''s', a", "SELECT ?, a"},
        // With NO_BACKSLASH_ESCAPES the literal ends at another quote: what would be taken for words is left out.
        statement_case{"backslash", my, R"(SELECT a, 'x\', secret, 'y')", "SELECT a,…"},
        statement_case{"harmless_backslash", my, R"(SELECT 'a\n', b)", "SELECT ?, b"},
        statement_case{"backslash_postgresql", pg, R"(SELECT 'x\', secret, 'y')", "SELECT…"},
        statement_case{"long", pg, "SELECT abcdefghij FROM t", "SELECT abc…", 10},
        statement_case{"long_characters", pg, "SELECT \"\xC3\xA4\xC3\xA4\"", "SELECT \"…", 9},
        statement_case{"empty", my, " ", ""}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(normalised_statements, given_a_very_long_one_when_normalised_then_its_beginning_is_looked_at) {
    const auto long_one = "SELECT 1 WHERE a IN ('" + std::string(1'000'000, 'x') + "')";
    EXPECT_EQ(normalised(long_one, pg, 100), "SELECT ? WHERE a IN (?…");
}

}  // namespace
}  // namespace borealis::sql
