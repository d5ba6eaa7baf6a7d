#include "sql/rewrite.hpp"

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace borealis::sql {
namespace {

using testing::ElementsAreArray;

constexpr auto pg = dialect::postgresql;
constexpr auto my = dialect::mysql;

struct rewrite_case {
    const char* name;
    dialect of;
    std::string text;
    std::string expected;
    std::vector<std::string> names;
};

void PrintTo(const rewrite_case& c, std::ostream* out) { *out << c.name << ": " << c.text; }

class rewriting : public testing::TestWithParam<rewrite_case> {};

TEST_P(rewriting, given_a_text_when_rewritten_then_only_placeholders_change) {
    const auto& c = GetParam();
    const auto made = rewrite(c.text, c.of);
    EXPECT_EQ(made.text, c.expected);
    EXPECT_THAT(made.names, ElementsAreArray(c.names));
}

const rewrite_case postgresql_cases[] = {
    {"nothing", pg, "SELECT 1", "SELECT 1", {}},
    {"R_4_1_one", pg, "SELECT :p", "SELECT $1", {"p"}},
    {"R_4_1_digits", pg, "SELECT :1, :2", "SELECT $1, $2", {"1", "2"}},
    {"R_4_1_case", pg, "SELECT :a, :A", "SELECT $1, $2", {"a", "A"}},
    {"R_4_1_underscore", pg, "(:_a1_)", "($1)", {"_a1_"}},
    {"R_4_1_ends_at_other", pg, "SELECT :a-:b.c", "SELECT $1-$2.c", {"a", "b"}},
    {"R_4_1_blank_after_colon", pg, "SELECT : a", "SELECT : a", {}},
    {"R_4_1_lone_colon_at_end", pg, "SELECT :", "SELECT :", {}},
    {"R_4_7_one_number_a_name", pg, ":a :b :a", "$1 $2 $1", {"a", "b"}},
    {"R_4_7_ten",
     pg,
     ":a:b:c:d:e:f:g:h:i:j:a",
     "$1$2$3$4$5$6$7$8$9$10$1",
     {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}},
    {"R_4_2_string", pg, "SELECT ':a', :b", "SELECT ':a', $1", {"b"}},
    {"R_4_2_string_doubled", pg, "':a'':b':c", "':a'':b'$1", {"c"}},
    {"R_4_2_string_backslash_is_plain", pg, R"('\' :p ')", R"('\' $1 ')", {"p"}},
    {"R_4_2_escape_string", pg, R"(E'\' :a' :p)", R"(E'\' :a' $1)", {"p"}},
    {"R_4_2_escape_string_small", pg, R"(e'\\' :p)", R"(e'\\' $1)", {"p"}},
    {"R_4_2_escape_string_doubled", pg, R"(E'a'':b\'' :p)", R"(E'a'':b\'' $1)", {"p"}},
    {"R_4_2_escape_string_goes_on", pg, "E'a'\n'\\' :a' :p", "E'a'\n'\\' :a' $1", {"p"}},
    {"R_4_2_escape_string_goes_on_past_comment", pg, "E'a' -- 'x\n  '\\' :a' :p", "E'a' -- 'x\n  '\\' :a' $1", {"p"}},
    {"R_4_2_escape_string_same_line_does_not_go_on", pg, "E'a' '\\' :p", "E'a' '\\' $1", {"p"}},
    {"R_4_2_E_within_a_word", pg, R"(name'\' :p)", R"(name'\' $1)", {"p"}},
    {"R_4_2_bits", pg, "B'01' X'1F' :p", "B'01' X'1F' $1", {"p"}},
    {"R_4_2_national", pg, "N':a' :p", "N':a' $1", {"p"}},
    {"R_4_2_unicode_string", pg, R"(U&'\' :p)", R"(U&'\' $1)", {"p"}},
    {"R_4_2_unicode_identifier", pg, R"(U&"d:a" :p)", R"(U&"d:a" $1)", {"p"}},
    {"R_4_2_identifier", pg, R"("a:b""c:d" :p)", R"("a:b""c:d" $1)", {"p"}},
    {"R_4_2_identifier_backslash", pg, R"("a\" :p)", R"("a\" $1)", {"p"}},
    {"R_4_2_line_comment", pg, "SELECT 1 -- :a '\n, :p", "SELECT 1 -- :a '\n, $1", {"p"}},
    {"R_4_2_line_comment_carriage_return", pg, "-- :a\r:p", "-- :a\r$1", {"p"}},
    {"R_4_2_line_comment_needs_no_blank", pg, "1--:a\n:p", "1--:a\n$1", {"p"}},
    {"R_4_2_comment", pg, "/* :a ' */ :p", "/* :a ' */ $1", {"p"}},
    {"R_4_2_nested_comment", pg, "/* /* :a */ :b */ :p", "/* /* :a */ :b */ $1", {"p"}},
    {"R_4_2_comment_slash_star_slash", pg, "/*/ :a */ :p", "/*/ :a */ $1", {"p"}},
    {"R_4_2_comment_stars", pg, "/*** :a ***/ :p", "/*** :a ***/ $1", {"p"}},
    {"R_4_2_comment_right_after_operator", pg, "1 +/* :a */:p", "1 +/* :a */$1", {"p"}},
    {"R_4_2_hash_is_an_operator", pg, "1 # :p", "1 # $1", {"p"}},
    {"R_4_2_backtick_is_no_quote", pg, "` :p", "` $1", {"p"}},
    {"R_4_3_cast", pg, "SELECT :p::jsonb", "SELECT $1::jsonb", {"p"}},
    {"R_4_3_cast_only", pg, "SELECT 'a'::text", "SELECT 'a'::text", {}},
    {"R_4_3_cast_then_placeholder", pg, "a:::p", "a::$1", {"p"}},
    {"R_4_3_two_casts", pg, ":p::text::int", "$1::text::int", {"p"}},
    {"R_4_4_assignment", pg, "f(a := :p, b:=:q)", "f(a := $1, b:=$2)", {"p", "q"}},
    {"R_4_4_arrow", pg, "f(a => :p, b=>:q)", "f(a => $1, b=>$2)", {"p", "q"}},
    {"R_4_5_dollar", pg, "SELECT $$a :b c$$, :p", "SELECT $$a :b c$$, $1", {"p"}},
    {"R_4_5_dollar_tag", pg, "$f$ $$ :a $$ $g$ :b $f$ :p", "$f$ $$ :a $$ $g$ :b $f$ $1", {"p"}},
    {"R_4_5_dollar_tag_case", pg, "$f$ :a $F$ :b $f$:p", "$f$ :a $F$ :b $f$$1", {"p"}},
    {"R_4_5_dollar_tag_beyond_ascii", pg, "$ä$ :a $ä$ :p", "$ä$ :a $ä$ $1", {"p"}},
    {"R_4_5_dollar_in_identifier", pg, "a$b$c$ :p $b$", "a$b$c$ $1 $b$", {"p"}},
    {"R_4_5_dollar_after_number", pg, "1$$ :a $$ :p", "1$$ :a $$ $1", {"p"}},
    {"R_4_5_no_dollar_quote", pg, "$a :p", "$a $1", {"p"}},
    {"R_4_5_slice", pg, "SELECT a[1:2], :p", "SELECT a[1:2], $1", {"p"}},
    {"R_4_5_slice_open", pg, "a[:2]", "a[:2]", {}},
    {"R_4_5_slice_of_column", pg, "a[i:3]", "a[i:3]", {}},
    {"R_4_5_slice_of_group", pg, "(f(x))[(1):3]", "(f(x))[(1):3]", {}},
    {"R_4_5_slice_of_element", pg, "a[1][b[1]:3]", "a[1][b[1]:3]", {}},
    {"R_4_5_slice_with_named_bound", pg, "a[:lo : :hi]", "a[$1 : $2]", {"lo", "hi"}},
    {"R_4_5_no_slice_in_array_of_placeholders", pg, "ARRAY[:1,:2]", "ARRAY[$1,$2]", {"1", "2"}},
    {"R_4_5_no_slice_in_nested_array", pg, "array [[:1,:2],[:3]]", "array [[$1,$2],[$3]]", {"1", "2", "3"}},
    {"R_4_5_no_slice_after_operator", pg, "a[1+:2]", "a[1+$1]", {"2"}},
    {"R_4_5_no_slice_outside_brackets", pg, "1:2", "1$1", {"2"}},
    {"R_4_5_no_slice_in_call_in_brackets", pg, "a[f(1,:2)]", "a[f(1,$1)]", {"2"}},
    {"R_4_6_others_pass", pg, "SELECT $1, ?, :p", "SELECT $1, ?, $1", {"p"}},
    {"R_4_6_operators_pass", pg, "a ?| b @> :p #>> '{:x}'", "a ?| b @> $1 #>> '{:x}'", {"p"}},
    {"utf8_identifier", pg, "SELECT äöü:p FROM ☃", "SELECT äöü $1 FROM ☃", {"p"}},
    {"utf8_ends_a_name", pg, ":mäil", "$1äil", {"m"}},
    {"sticks_to_no_word", pg, "a:p, a$:p, $:p, 1:p, \"a\":p", "a $1, a$ $1, $ $1, 1$1, \"a\"$1", {"p"}},
    {"unterminated_string", pg, "SELECT :a, ':b", "SELECT $1, ':b", {"a"}},
    {"unterminated_identifier", pg, ":a \":b", "$1 \":b", {"a"}},
    {"unterminated_comment", pg, ":a /* /* */ :b", "$1 /* /* */ :b", {"a"}},
    {"unterminated_dollar", pg, ":a $x$ :b $$", "$1 $x$ :b $$", {"a"}},
    {"unterminated_escape", pg, ":a E':b\\", "$1 E':b\\", {"a"}},
    {"R_3_19_trailing_semicolon", pg, "SELECT :p;", "SELECT $1", {"p"}},
    {"R_3_19_trailing_semicolon_and_blanks", pg, "SELECT 1 ; \n", "SELECT 1  \n", {}},
    {"R_3_19_trailing_semicolon_and_comment", pg, "SELECT 1; -- :a\n/* ; */", "SELECT 1 -- :a\n/* ; */", {}},
    {"R_3_19_trailing_semicolons", pg, "SELECT 1;; ;", "SELECT 1 ", {}},
    {"R_3_19_semicolon_before_unterminated_comment_stays", pg, "SELECT 1; /* a", "SELECT 1; /* a", {}},
    {"R_3_19_semicolon_apart", pg, "SELECT 1 -;--x", "SELECT 1 - --x", {}},
    {"R_3_19_two_stay", pg, "SELECT :a; SELECT :b;", "SELECT $1; SELECT $2;", {"a", "b"}},
    {"routine_is_left_alone",
     pg,
     "CREATE FUNCTION f(a int[]) RETURNS int[] BEGIN ATOMIC SELECT a[1:n]; END;",
     "CREATE FUNCTION f(a int[]) RETURNS int[] BEGIN ATOMIC SELECT a[1:n]; END",
     {}},
    {"table_is_not", pg, "CREATE TABLE t AS SELECT :p", "CREATE TABLE t AS SELECT $1", {"p"}},
};
INSTANTIATE_TEST_SUITE_P(postgresql, rewriting, testing::ValuesIn(postgresql_cases),
                         [](const auto& i) { return i.param.name; });

const rewrite_case mysql_cases[] = {
    {"nothing", my, "SELECT 1", "SELECT 1", {}},
    {"R_4_1_one", my, "SELECT :p", "SELECT ?", {"p"}},
    {"R_4_1_digits", my, "SELECT :1, :2", "SELECT ?, ?", {"1", "2"}},
    {"R_4_7_one_mark_an_occurrence", my, ":a :b :a", "? ? ?", {"a", "b", "a"}},
    {"R_4_2_string", my, "':a'':b' :p", "':a'':b' ?", {"p"}},
    {"R_4_2_string_backslash", my, R"('\':a\\' :p)", R"('\':a\\' ?)", {"p"}},
    {"R_4_2_double_quoted", my, R"(":a\":b"":c" :p)", R"(":a\":b"":c" ?)", {"p"}},
    {"R_4_2_quotes_in_quotes", my, R"('"' :p "'" :q)", R"('"' ? "'" ?)", {"p", "q"}},
    {"R_4_2_backtick", my, R"(`a:b``:c\` :p)", R"(`a:b``:c\` ?)", {"p"}},
    {"R_4_2_introducer", my, R"(_utf8mb4'\':a' x'41' :p)", R"(_utf8mb4'\':a' x'41' ?)", {"p"}},
    {"R_4_2_hash", my, "# :a '\n:p", "# :a '\n?", {"p"}},
    {"R_4_2_dashes", my, "-- :a\n:p", "-- :a\n?", {"p"}},
    {"R_4_2_dashes_tab", my, "--\t:a\n:p", "--\t:a\n?", {"p"}},
    {"R_4_2_dashes_line_end", my, "--\n:p", "--\n?", {"p"}},
    {"R_4_2_dashes_text_end", my, ":p --", "? --", {"p"}},
    {"R_4_2_dashes_without_blank_are_minuses", my, "5--:p", "5--?", {"p"}},
    {"R_4_2_carriage_return_ends_no_comment", my, "-- :a\r:b\n:p", "-- :a\r:b\n?", {"p"}},
    {"R_4_2_nul_ends_a_line_comment", my, std::string("# :a\0:p", 7), std::string("# :a\0?", 6), {"p"}},
    {"R_4_2_comment", my, "/* :a ' */ :p", "/* :a ' */ ?", {"p"}},
    {"R_4_2_comments_do_not_nest", my, "/* /* :a */ :p", "/* /* :a */ ?", {"p"}},
    {"version_comment_is_code", my, "SELECT /*!50001 :a, */ :p", "SELECT /*!50001 ?, */ ?", {"a", "p"}},
    {"version_comment_without_number", my, "/*! ':a' :b */ :p", "/*! ':a' ? */ ?", {"b", "p"}},
    {"version_comment_mariadb", my, "/*M!100100 :a */ :p", "/*M!100100 ? */ ?", {"a", "p"}},
    {"version_comment_with_comment_inside", my, "/*! :a /* :b */ :c */ :p", "/*! ? /* :b */ ? */ ?", {"a", "c", "p"}},
    {"hint_is_a_comment",
     my,
     "SELECT /*+ MAX_EXECUTION_TIME(:a) */ :p",
     "SELECT /*+ MAX_EXECUTION_TIME(:a) */ ?",
     {"p"}},
    {"R_4_4_assignment", my, "SELECT @a:=:p, @b := :q", "SELECT @a:=?, @b := ?", {"p", "q"}},
    {"R_4_5_dollars_quote_nothing", my, "$$ :p $$", "$$ ? $$", {"p"}},
    {"R_4_5_no_slices", my, "a[1:2]", "a[1?]", {"2"}},
    {"R_4_6_mark_passes", my, "SELECT ?, :p", "SELECT ?, ?", {"p"}},
    {"user_variables",
     my,
     "SELECT @a, @'x:y', @`z:w`, @@session.sql_mode, :p",
     "SELECT @a, @'x:y', @`z:w`, @@session.sql_mode, ?",
     {"p"}},
    {"E_is_no_prefix", my, R"(E'\':a' :p)", R"(E'\':a' ?)", {"p"}},
    {"unterminated_string", my, ":a ':b\\'", "? ':b\\'", {"a"}},
    {"unterminated_comment", my, ":a /* :b", "? /* :b", {"a"}},
    {"unterminated_version_comment", my, "SELECT /*! 1;", "SELECT /*! 1;", {}},
    {"R_3_20_trailing_semicolon", my, "INSERT INTO t VALUES (:p);\n# done", "INSERT INTO t VALUES (?)\n# done", {"p"}},
    {"routine_is_left_alone",
     my,
     "CREATE PROCEDURE p() l:LOOP LEAVE l; END LOOP",
     "CREATE PROCEDURE p() l:LOOP LEAVE l; END LOOP",
     {}},
};
INSTANTIATE_TEST_SUITE_P(mysql, rewriting, testing::ValuesIn(mysql_cases), [](const auto& i) { return i.param.name; });

TEST(slices, given_the_digits_are_a_parameter_when_rewritten_then_they_are_a_placeholder) {  // R-4.5
    const std::vector<std::string_view> two = {"2"}, three = {"3"};
    EXPECT_EQ(rewrite("a[1:2]", pg, two).text, "a[1$1]");
    EXPECT_EQ(rewrite("a[:2]", pg, two).text, "a[$1]");
    EXPECT_EQ(rewrite("a[1:2]", pg, three).text, "a[1:2]");
    EXPECT_TRUE(rewrite("a[1:2]", pg, two).depends_on_supplied);
    EXPECT_TRUE(rewrite("a[1:2]", pg, three).depends_on_supplied);
    EXPECT_FALSE(rewrite("a[1 : 2], ARRAY[:1], :2", pg, two).depends_on_supplied);
    EXPECT_FALSE(rewrite("a[1:2]", my, two).depends_on_supplied);
}

struct several_case {
    const char* name;
    dialect of;
    std::string text;
    bool several;
};
void PrintTo(const several_case& c, std::ostream* out) { *out << c.name << ": " << c.text; }

class several_statements : public testing::TestWithParam<several_case> {};

TEST_P(several_statements, given_semicolons_when_read_then_only_separators_count) {  // R-3.19
    EXPECT_EQ(rewrite(GetParam().text, GetParam().of).several_statements, GetParam().several);
}

const several_case several_cases[] = {
    {"one", pg, "SELECT 1", false},
    {"trailing", pg, "SELECT 1;", false},
    {"trailing_comment", pg, "SELECT 1; -- x", false},
    {"trailing_many", pg, "SELECT 1;;; /* ; */ ;", false},
    {"two", pg, "SELECT 1; SELECT 2", true},
    {"two_tight", pg, "SELECT 1;SELECT 2;", true},
    {"after_nothing", pg, "; SELECT 2", true},
    {"in_string", pg, "SELECT ';' ;", false},
    {"in_identifier", pg, "SELECT \"a;b\"", false},
    {"in_dollars", pg, "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; RETURN 1; END $$ LANGUAGE plpgsql;", false},
    {"do_block", pg, "DO $x$ BEGIN PERFORM 1; END $x$;", false},
    {"after_dollars", pg, "DO $$ ; $$; SELECT 1", true},
    {"in_comment", pg, "SELECT 1 /* ; /* ; */ SELECT */", false},
    {"in_line_comment", pg, "SELECT 1 -- ; SELECT 2", false},
    {"rule", pg, "CREATE RULE r AS ON INSERT TO t DO (INSERT INTO u VALUES (1); DELETE FROM v);", false},
    {"rule_and_more", pg, "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; DELETE FROM v); SELECT 1", true},
    {"atomic", pg, "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC DELETE FROM t; DELETE FROM u; END;",
     false},
    {"atomic_case", pg,
     "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE a WHEN 1 THEN 2 ELSE 3 END; SELECT "
     "t.end; END",
     false},
    {"atomic_empty", pg, "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC END; SELECT 1", true},
    {"atomic_and_more", pg, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2", true},
    {"begin_is_a_statement", pg, "BEGIN; SELECT 1; END", true},
    {"view_is_no_routine", pg, "CREATE VIEW v AS SELECT 1; SELECT 2", true},
    {"my_two", my, "SELECT 1; SELECT 2", true},
    {"my_in_parentheses", my, "SELECT (1; SELECT 2)", true},
    {"my_in_string", my, R"(SELECT "a\";b", 'c\';')", false},
    {"my_in_version_comment", my, "SELECT 1 /*! ; SELECT 2 */", true},
    {"my_only_version_comment_after", my, "SELECT 1; /*!50003 SELECT 2 */", true},
    {"my_procedure", my, "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", false},
    {"my_procedure_semicolon", my, "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;", false},
    {"my_procedure_and_more", my, "CREATE PROCEDURE p() BEGIN SELECT 1; END; SELECT 2", true},
    {"my_procedure_nested", my,
     "CREATE DEFINER=`a`@`%` PROCEDURE p() SQL SECURITY INVOKER outside: BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION "
     "BEGIN ROLLBACK; END; "
     "IF a THEN BEGIN SELECT 1; END; END IF; WHILE x DO SET x = CASE WHEN y THEN 0 ELSE 1 END; END WHILE; "
     "CASE z WHEN 1 THEN SELECT 2; ELSE BEGIN END; END CASE; REPEAT SET a = 1; UNTIL a END REPEAT; LEAVE outside; END "
     "outside;",
     false},
    {"my_procedure_label_without_blank", my, "CREATE PROCEDURE p() l:BEGIN SELECT 1; END l; SELECT 2", true},
    {"my_procedure_column_called_end", my,
     "CREATE PROCEDURE p() BEGIN SELECT start, end, begin, t.end FROM t; SELECT 2; END", false},
    {"my_case_before_for_update", my,
     "CREATE PROCEDURE p() BEGIN SELECT 1 FROM t ORDER BY CASE a WHEN 1 THEN 2 END FOR UPDATE; SELECT 2; END; x", true},
    {"my_mariadb_for", my, "CREATE PROCEDURE p() BEGIN FOR i IN 1..2 DO SELECT i; END FOR; SELECT 2; END", false},
    {"my_function", my, "CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN RETURN 1; END", false},
    {"my_trigger", my, "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END",
     false},
    {"my_event", my, "CREATE DEFINER = CURRENT_USER EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; SELECT 2; END;",
     false},
    {"my_view_with_definer", my, "CREATE DEFINER=root SQL SECURITY DEFINER VIEW v AS SELECT 1; SELECT 2", true},
    {"my_mariadb_block", my, "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END;", false},
    {"my_begin", my, "BEGIN; SELECT 1", true},
};
INSTANTIATE_TEST_SUITE_P(all, several_statements, testing::ValuesIn(several_cases),
                         [](const auto& i) { return i.param.name; });

TEST(empty, given_nothing_to_run_when_read_then_the_text_is_empty) {
    for (const auto of : {pg, my}) {
        for (const auto* text : {"", " \t\n", ";", " ; ; ", "/* a */", "-- a", "-- a\n;"})
            EXPECT_TRUE(rewrite(text, of).empty) << text;
        for (const auto* text : {"SELECT 1", "x", "'", ";x", "/* a"}) EXPECT_FALSE(rewrite(text, of).empty) << text;
    }
    EXPECT_TRUE(rewrite("# a", my).empty);
    EXPECT_FALSE(rewrite("/*! a */", my).empty);
}

TEST(parameter_name, given_a_name_when_checked_then_only_letters_digits_and_underscores_pass) {  // R-4.1, R-2.16
    for (const auto* name : {"a", "Z", "1", "_", "a_1", "00"}) EXPECT_TRUE(is_parameter_name(name)) << name;
    for (const auto* name : {"", "$1", ":a", "q?marks", "/slashes/", "more/slashes", "mäil", "a b", "a-b", "a\n"}) {
        EXPECT_FALSE(is_parameter_name(name)) << name;
    }
}

/// A piece of a statement and what must become of it.
struct piece {
    std::string text;
    const char* placeholder;  ///< nullptr: stays as it is.
};

const std::vector<piece> postgresql_pieces = {
    {":a", "a"},
    {":b1", "b1"},
    {":1", "1"},
    {":_", "_"},
    {"':x'", nullptr},
    {"''':x'", nullptr},
    {"'\\'", nullptr},
    {"E'\\':x' ||", nullptr},
    {"\":x\"\":y\"", nullptr},
    {"$$:x'$$", nullptr},
    {"$t$ $$ :x $$ $u$ $t$", nullptr},
    {"/* :x /* ' */ \" */", nullptr},
    {"-- :x ' $$ /*\n", nullptr},
    {"::text", nullptr},
    {":=", nullptr},
    {"$1", nullptr},
    {"a$x$", nullptr},
    {"[1 : 2]", nullptr},
    {"ä", nullptr},
    {"+", nullptr},
    {"1.5e3", nullptr},
    {"?", nullptr},
};
const std::vector<piece> mysql_pieces = {
    {":a", "a"},
    {":b1", "b1"},
    {":1", "1"},
    {":_", "_"},
    {"':x'", nullptr},
    {"'\\':x'", nullptr},
    {"\":x'\\\" \"", nullptr},
    {"'\"'':x'", nullptr},
    {"`:x``:y'`", nullptr},
    {"/* :x ' /* */", nullptr},
    {"-- :x ' /*\n", nullptr},
    {"# :x \" `\n", nullptr},
    {"/*+ :x */", nullptr},
    {":=", nullptr},
    {"@v", nullptr},
    {"$$", nullptr},
    {"--1", nullptr},
    {"ä", nullptr},
    {"?", nullptr},
    {"_utf8':x'", nullptr},
};

class nesting : public testing::TestWithParam<dialect> {};

TEST_P(nesting, given_random_pieces_when_rewritten_then_each_is_treated_as_when_alone) {
    const auto& pieces = GetParam() == pg ? postgresql_pieces : mysql_pieces;
    std::mt19937 random(20261123);
    std::uniform_int_distribution<std::size_t> pick(0, pieces.size() - 1), length(1, 30);
    for (int round = 0; round < 5000; ++round) {
        std::string text, expected;
        std::vector<std::string> names;
        for (auto left = length(random); left > 0; --left) {
            const auto& one = pieces[pick(random)];
            text += one.text;
            if (one.placeholder == nullptr) {
                expected += one.text;
            } else if (GetParam() == my) {
                names.emplace_back(one.placeholder);
                expected += '?';
            } else {
                auto known = std::ranges::find(names, one.placeholder);
                if (known == names.end()) known = names.insert(known, one.placeholder);
                expected += '$' + std::to_string(known - names.begin() + 1);
            }
            text += ' ';
            expected += ' ';
        }
        const auto made = rewrite(text, GetParam());
        ASSERT_EQ(made.text, expected) << text;
        ASSERT_THAT(made.names, ElementsAreArray(names)) << text;
    }
}
INSTANTIATE_TEST_SUITE_P(both, nesting, testing::Values(pg, my),
                         [](const auto& i) { return i.param == pg ? "postgresql" : "mysql"; });

struct split_case {
    const char* name;
    dialect of;
    std::string text;
    std::vector<std::string_view> expected;
};
class splitting : public testing::TestWithParam<split_case> {};

TEST_P(splitting, given_a_text_when_split_then_each_statement_is_whole) {  // R-3.19, R-13.7
    EXPECT_THAT(split(GetParam().text, GetParam().of), ElementsAreArray(GetParam().expected));
}
INSTANTIATE_TEST_SUITE_P(
    texts, splitting,
    testing::Values(
        split_case{"one", pg, "SELECT 1", {"SELECT 1"}}, split_case{"none", pg, " ; -- x\n ;;", {}},
        split_case{"two", my, ";SELECT 1;; SELECT ';' ;", {"SELECT 1", "SELECT ';' "}},
        split_case{
            "comments", pg, "/* a */ SELECT 1 /* ; */; -- b\nSELECT 2 -- c", {"SELECT 1 /* ; */", "SELECT 2 -- c"}},
        split_case{"dollar_quotes", pg, "DO $$ BEGIN; END $$; SELECT 2", {"DO $$ BEGIN; END $$", "SELECT 2"}},
        split_case{"second_is_a_routine",
                   my,
                   "SELECT 1; CREATE PROCEDURE p() BEGIN SELECT 2; SELECT 3; END; SELECT 4",
                   {"SELECT 1", "CREATE PROCEDURE p() BEGIN SELECT 2; SELECT 3; END", "SELECT 4"}},
        split_case{"atomic",
                   pg,
                   "SELECT 1; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 4",
                   {"SELECT 1", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 4"}},
        split_case{"rule",
                   pg,
                   "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
                   {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"}},
        split_case{"unterminated", pg, "SELECT 1; SELECT 'a; b", {"SELECT 1", "SELECT 'a; b"}}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(rewrite, given_a_write_when_read_then_it_says_whether_it_inserts_and_returns) {  // R-8.4, R-8.6
    const auto told = [](std::string_view text) {
        const auto made = rewrite(text, pg);
        return std::pair(made.inserts, made.returning);
    };
    EXPECT_EQ(told("INSERT INTO t VALUES (:a)"), std::pair(true, false));
    EXPECT_EQ(told("insert into t values (:a) RETURNING id"), std::pair(true, true));
    EXPECT_EQ(told("WITH x AS (DELETE FROM u RETURNING id) INSERT INTO t SELECT id FROM x"), std::pair(true, false));
    EXPECT_EQ(told("WITH x AS (INSERT INTO u VALUES (1) RETURNING id) SELECT id FROM x"), std::pair(false, false));
    EXPECT_EQ(told("UPDATE t SET a = 1 RETURNING a"), std::pair(false, true));
    EXPECT_EQ(told("SELECT t.returning FROM t"), std::pair(false, false));
}

TEST(rewrite, given_the_longest_texts_when_rewritten_then_time_stays_linear) {
    const auto start = std::clock();
    for (const auto* unit : {"(", "[", "/*", "a[", ":a1", "with a as (", "explain ", "case ", "$a", "end ", "'", "f(",
                             "a.", ";", "a;", "create definer ;", "(;"}) {
        std::string text = "create function f() begin atomic ";
        while (text.size() < 65'536) text += unit;
        for (const auto of : {pg, my}) {
            (void)rewrite(text, of);
            (void)rewrite(std::string_view(text).substr(33), of);
            (void)split(text, of);
            (void)split(std::string_view(text).substr(33), of);
        }
    }
    EXPECT_LT(std::clock() - start, 20 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace borealis::sql
