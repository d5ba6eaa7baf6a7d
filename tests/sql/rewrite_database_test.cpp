/// The engines themselves judge how we read them: a statement made of awkward literals must come back with each of
/// them, and with its parameter, as it is.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mysql/driver.hpp"
#include "postgres/driver.hpp"
#include "sql/rewrite.hpp"
#include "support/databases.hpp"
#include "support/statements.hpp"

namespace borealis::sql {
namespace {

/// An expression, and what the database makes of it.
struct literal {
    const char* text;
    const char* value;
};

const std::vector<literal> postgresql_literals = {
    {":p", "the value"},
    {":p::text", "the value"},
    {"':p'", ":p"},
    {"'a'':p'''", "a':p'"},
    {R"('\')", "\\"},
    {R"(E'\':p\\')", "':p\\"},
    {R"(e'a'':p\'')", "a':p'"},
    {"E'a'\n'\\':p'", "a':p"},
    {"E'a' -- ':p\n '\\':p'", "a':p"},
    {"'a'\n'\\'", "a\\"},
    {"$$:p'$$", ":p'"},
    {"$t$ $$ :p $u$ $t$", " $$ :p $u$ "},
    {"$ä$:p$ä$", ":p"},
    {R"(U&'d\0061:p')", "da:p"},
    {"N':p'", ":p"},
    {"B'01'::text", "01"},
    {"1 /* :p /* ' */ $$ */", "1"},
    {"1 -- :p ' $$ /*\n", "1"},
    {"1--:p\n", "1"},
    {"1/**/+/*/ :p */1", "2"},
    {"(ARRAY[1,2,3])[1:2]", "{1,2}"},
    {"(ARRAY[1,2,3])[:2]", "{1,2}"},
    {"(ARRAY[[1,2],[3,4]])[2:2][1:1]", "{{3}}"},
    {"(SELECT \":p\"\"\" FROM (SELECT 5) AS x(\":p\"\"\"))", "5"},
    {"(SELECT a$b$c FROM (SELECT 6) AS x(a$b$c))", "6"},
    {"'{\":p\": 7}'::jsonb ->> ':p'", "7"},
    {"make_interval(hours=>1, mins:=2)::text", "01:02:00"},
};

const std::vector<literal> mysql_literals = {
    {":p", "the value"},
    {"':p'", ":p"},
    {"'a'':p'''", "a':p'"},
    {R"('\':p\\')", "':p\\"},
    {R"("':p\"""")", "':p\"\""},
    {"_utf8mb4':p'", ":p"},
    {"N':p'", ":p"},
    {"1 /* :p ' /* */", "1"},
    {"1 # :p ' \"\n", "1"},
    {"1 -- :p ' `\n", "1"},
    {"1 --\n+ 1", "2"},
    {"5--1", "6"},
    {"/*!50000 :p */", "the value"},
    {"/*!50000 ':p' */", ":p"},
    {"1 /*! + 1 */", "2"},
    {"1 /*!99999 never read */", "1"},
    {"(SELECT `:p``` FROM (SELECT 5 AS `:p```) x)", "5"},
    {"JSON_UNQUOTE(JSON_EXTRACT('{\":p\": 7}', '$.\":p\"'))", "7"},
};

class literals {
 public:
    literals(dialect of, std::unique_ptr<driver> by, const tests::database& at) : of_(of), driver_(std::move(by)) {
        auto opened = tests::run(io_, driver_->connect(at.endpoint, at.login(), at.name, soon()));
        if (!opened) throw std::runtime_error(opened.error().message);
        session_ = std::move(*opened);
    }

    /// Runs what rewrite() makes of `text`, each of its names bound to "the value".
    result<outcome> run(const std::string& text, tests::text_rows& into) {
        const auto made = rewrite(text, of_);
        const std::vector<parameter> values(made.names.size(), {parameter_type::text, std::string_view("the value")});
        return tests::run(io_, session_->execute(made.text, values, into, description::types, soon()));
    }

    void try_all(const std::vector<literal>& all, int rounds) {
        for (const auto& each : all) expect_values({each});
        std::mt19937 random(20261123);
        for (int round = 0; round < rounds; ++round) {
            std::vector<literal> some;
            for (auto left = 2 + random() % 8; left > 0; --left) some.push_back(all[random() % all.size()]);
            expect_values(some);
        }
    }

    void expect_values(const std::vector<literal>& some) {
        std::string text = "SELECT ";
        std::vector<std::string> values;
        for (const auto& each : some) {
            if (!values.empty()) text += ", ";
            text += each.text;
            values.emplace_back(each.value);
        }
        text += " ; -- :p '";
        tests::text_rows got;
        const auto done = run(text, got);
        ASSERT_TRUE(done) << text << "\n" << done.error().message;
        ASSERT_EQ(got.rows.size(), 1U);
        EXPECT_EQ(got.rows[0], values) << text;
    }

    void must(const std::string& text) {
        tests::text_rows got;
        const auto done = run(text, got);
        EXPECT_TRUE(done) << text << "\n" << done.error().message;
        EXPECT_FALSE(rewrite(text, of_).several_statements) << text;
    }
    std::string cell(const std::string& text) {
        tests::text_rows got;
        const auto done = run(text, got);
        return done && !got.rows.empty() ? got.rows[0][0] : "(failed)";
    }

 private:
    static core::deadline soon() { return core::deadline::after(std::chrono::seconds(20)); }

    dialect of_;
    core::asio::io_context io_{1};
    std::unique_ptr<driver> driver_;
    std::unique_ptr<connection> session_;
};

TEST(postgresql, given_awkward_literals_when_run_then_each_comes_back_as_it_is) {
    literals at(dialect::postgresql, postgres::make_driver(), tests::postgresql());
    at.try_all(postgresql_literals, 150);
}

TEST(mysql, given_awkward_literals_when_run_then_each_comes_back_as_it_is) {
    literals at(dialect::mysql, mysql::make_driver(), tests::mariadb());
    at.try_all(mysql_literals, 150);
}

TEST(postgresql, given_semicolons_in_bodies_when_run_then_the_server_takes_them_as_one_statement) {  // R-3.19
    literals at(dialect::postgresql, postgres::make_driver(), tests::postgresql());
    at.must("DROP SCHEMA IF EXISTS rewrite_test CASCADE;");
    at.must("CREATE SCHEMA rewrite_test");
    at.must("CREATE TABLE rewrite_test.t (a int)");
    at.must(
        "CREATE FUNCTION rewrite_test.f(v int[]) RETURNS int[] LANGUAGE sql BEGIN ATOMIC "
        "SELECT CASE WHEN v IS NULL THEN v END; SELECT v[1:2]; END;");
    at.must("CREATE RULE r AS ON DELETE TO rewrite_test.t DO ALSO (INSERT INTO rewrite_test.t VALUES (1); SELECT 2);");
    at.must("DO $$ BEGIN PERFORM 1; PERFORM ':p'; END $$;");
    EXPECT_EQ(at.cell("SELECT rewrite_test.f(ARRAY[1,2,3])"), "{1,2}");
    at.must("DROP SCHEMA rewrite_test CASCADE");
}

TEST(mysql, given_semicolons_in_bodies_when_run_then_the_server_takes_them_as_one_statement) {  // R-3.19
    literals at(dialect::mysql, mysql::make_driver(), tests::mariadb());
    at.must("DROP FUNCTION IF EXISTS rewrite_test_f");
    at.must(
        "CREATE FUNCTION rewrite_test_f(n INT) RETURNS INT DETERMINISTIC\n"
        "outside:BEGIN\n  DECLARE s INT DEFAULT 0;\n  DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN SET s = -1; END;\n"
        "  counting:LOOP\n    SET s = s + CASE WHEN n > 0 THEN n ELSE 0 END; SET n = n - 1;\n"
        "    IF n <= 0 THEN LEAVE counting; END IF;\n  END LOOP;\n"
        "  FOR i IN 1..2 DO SET s = s + 0; END FOR;\n  CASE s WHEN 0 THEN SET s = 0; ELSE BEGIN END; END CASE;\n"
        "  RETURN s;\nEND outside;");
    EXPECT_EQ(at.cell("SELECT rewrite_test_f(4)"), "10");
    at.must("BEGIN NOT ATOMIC DECLARE a INT; SET a = 1; SET @b = a; END;");
    at.must("DROP FUNCTION rewrite_test_f");
}

}  // namespace
}  // namespace borealis::sql
