#include "sql/statement_kinds.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace borealis::sql {

void PrintTo(statement_kinds what, std::ostream* to) { *to << '{' << names_of(what) << '}'; }

namespace {

using enum statement_kind;

statement_kinds these(std::initializer_list<statement_kind> listed) {
    statement_kinds made;
    for (const auto one : listed) made.add(one);
    return made;
}

struct kind_case {
    std::string_view name;
    dialect of;
    std::string_view text;
    std::initializer_list<statement_kind> kinds;
};

class kinds : public testing::TestWithParam<kind_case> {};

TEST_P(kinds, given_a_statement_when_judged_then_its_kinds_are_found) {
    EXPECT_EQ(kinds_of(GetParam().text, GetParam().of), these(GetParam().kinds));
}

constexpr auto pg = dialect::postgresql;
constexpr auto my = dialect::mysql;

constexpr kind_case plain[] = {
    {"select", pg, "SELECT a, drop_date, \"create\" FROM t WHERE created > now() AND note = 'DROP TABLE t'", {}},
    {"writes", pg, "INSERT INTO t (role, csv) VALUES (1, 'COPY x TO PROGRAM') RETURNING a", {}},
    {"merge", pg, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b", {}},
    {"with", pg, "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", {}},
    {"explain", pg, "EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1", {}},
    {"comment", pg, "SELECT 1 /* DROP TABLE t */ -- GRANT ALL", {}},
    {"dollar", pg, "SELECT $x$ DROP TABLE t; pg_read_file('/etc/passwd') $x$", {}},
    {"copy_out", pg, "COPY t TO STDOUT", {}},
    {"copy_in", pg, "COPY t (a, b) FROM STDIN WITH (FORMAT csv)", {}},
    {"my_select", my, "SELECT `drop`, TRUNCATE(a, 2), REPLACE(b, 'x', 'y') FROM t # DROP", {}},
    {"my_write", my, "REPLACE INTO t VALUES ('GRANT', \"SET ROLE\")", {}},
    {"my_explain", my, "EXPLAIN t", {}},
    {"my_analyze", my, "ANALYZE FORMAT=JSON SELECT 1", {}},
    {"my_show", my, "SHOW CREATE TABLE t", {}},
    {"my_update", my, "SELECT a FROM t FOR UPDATE", {}},
    {"empty", pg, "", {}},
};
INSTANTIATE_TEST_SUITE_P(plain, kinds, testing::ValuesIn(plain),
                         [](const auto& info) { return std::string(info.param.name); });

constexpr kind_case dangerous[] = {
    {"create", pg, "CREATE TABLE t (role int, \"user\" int)", {ddl}},
    {"lower", pg, "  drop\ntable t", {ddl}},
    {"comments", pg, "/* a */ tRuNcAtE /* /* b */ */ -- c\n t", {ddl}},
    {"parenthesis", pg, "((DROP TABLE t))", {ddl}},
    {"into", pg, "SELECT * INTO t2 FROM t", {ddl}},
    {"explain_create", pg, "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", {ddl}},
    {"explain_options", pg, "EXPLAIN (ANALYZE on, VERBOSE) CREATE TABLE t AS SELECT 1", {ddl}},
    {"explain_execute", pg, "EXPLAIN ANALYZE EXECUTE p", {calls}},
    {"my_into", my, "SELECT 1 INTO @v", {session}},
    {"data_directory", my, "CREATE TABLE t (a INT) DATA DIRECTORY '/tmp'", {ddl, server_files}},
    {"backup", my, "BACKUP STAGE START", {administration}},
    {"grant", pg, "GRANT ALL ON t TO u", {privileges}},
    {"schema_with_grant", pg, "CREATE SCHEMA s GRANT ALL ON t TO u", {ddl, privileges}},
    {"create_role", pg, "CREATE ROLE r SUPERUSER", {ddl, privileges}},
    {"alter_user", my, "ALTER USER IF EXISTS u IDENTIFIED BY 'x'", {ddl, privileges}},
    {"default_privileges", pg, "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO u", {ddl, privileges}},
    {"set_role", pg, "SET LOCAL ROLE postgres", {session, privileges}},
    {"set_authorization", pg, "SET SESSION AUTHORIZATION postgres", {session, privileges}},
    {"set_password", my, "SET PASSWORD FOR u = 'x'", {session, privileges}},
    {"alter_system", pg, "ALTER SYSTEM SET x = 1", {ddl, administration}},
    {"extension", pg, "CREATE EXTENSION IF NOT EXISTS dblink", {ddl, administration}},
    {"language_c", pg, "CREATE FUNCTION f() RETURNS int AS 'lib', 'f' LANGUAGE C", {ddl, administration, calls}},
    {"language_sql", pg, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", {ddl, calls}},
    {"soname", my, "CREATE FUNCTION f RETURNS INTEGER SONAME 'lib.so'", {ddl, administration, calls}},
    {"library", pg, "LOAD 'lib'", {administration}},
    {"kill", my, "KILL QUERY 5", {administration}},
    {"global", my, "SET GLOBAL general_log = 1", {session, administration}},
    {"global_by_name", my, "SET @@GLOBAL.general_log = 1", {session, administration}},
    {"terminate", pg, "SELECT pg_catalog . pg_terminate_backend (1)", {administration}},
    {"program", pg, "COPY t FROM PROGRAM 'id'", {copy_program, server_files}},
    {"program_query", pg, "COPY (SELECT 1) TO\nprogram $$id$$", {copy_program, server_files}},
    {"program_from_stdin", pg, "COPY stdin FROM PROGRAM 'id'", {copy_program, server_files}},
    {"foreign_table",
     pg,
     "CREATE FOREIGN TABLE t (a text) SERVER s OPTIONS (program 'id')",
     {ddl, copy_program, server_files}},
    {"copy_file", pg, "COPY t FROM '/etc/passwd'", {server_files}},
    {"copy_stdin_file", pg, "COPY stdin FROM E'/etc/passwd'", {server_files}},
    {"read_file", pg, "SELECT PG_READ_FILE('/etc/passwd')", {server_files}},
    {"read_file_quoted", pg, "SELECT \"pg_read_file\"('/etc/passwd')", {server_files}},
    {"read_file_in_cte", pg, "WITH a AS (SELECT pg_read_binary_file/**/('x')) SELECT * FROM a", {server_files}},
    {"large_object", pg, "SELECT lo_export(1, '/tmp/x')", {server_files}},
    {"outfile", my, "SELECT 1 INTO OUTFILE '/tmp/x'", {server_files}},
    {"dumpfile", my, "SELECT .1into dumpfile '/tmp/x'", {server_files}},
    {"load_file", my, "SELECT load_file ('/etc/passwd')", {server_files}},
    {"connect_engine", my, "CREATE TABLE t (a INT) ENGINE=CONNECT FILE_NAME='x'", {ddl, server_files}},
    {"load_data", my, "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", {load_data}},
    {"load_xml", my, "LOAD XML INFILE 'x' INTO TABLE t", {load_data}},
    {"set", pg, "SET search_path = x", {session}},
    {"set_config", pg, "SELECT set_config('role', 'postgres', false)", {session}},
    {"advisory", pg, "SELECT pg_try_advisory_xact_lock(1)", {session}},
    {"get_lock", my, "SELECT GET_LOCK('a', 1)", {session}},
    {"user_variable", my, "SELECT @a := 1", {session}},
    {"begin", pg, "BEGIN", {transaction_control}},
    {"start", my, "START TRANSACTION READ ONLY", {transaction_control}},
    {"start_replica", my, "START REPLICA", {administration}},
    {"autocommit", my, "SET @@autocommit = 0", {session, transaction_control}},
    {"prepare_transaction", pg, "PREPARE TRANSACTION 'x'", {transaction_control, session}},
    {"do_block", pg, "DO $$ BEGIN DROP TABLE t; END $$", {calls}},
    {"call", my, "CALL p()", {calls}},
    {"immediate", my, "EXECUTE IMMEDIATE 'DROP TABLE t'", {calls}},
    {"not_atomic", my, "BEGIN NOT ATOMIC DROP TABLE t; END", {calls}},
    {"prepare", my, "PREPARE s FROM 'DROP TABLE t'", {calls, session}},
    {"query_to_xml", pg, "SELECT query_to_xml('DROP TABLE t', true, true, '')", {calls}},
    {"dblink", pg, "SELECT * FROM dblink('dbname=x', 'DROP TABLE t') AS t(a int)", {calls}},
    {"set_statement", my, "SET STATEMENT max_statement_time = 1 FOR DROP TABLE t", {session, ddl}},
    {"event", my, "CREATE DEFINER = 'a'@'b' EVENT e ON SCHEDULE EVERY 1 DAY DO DROP TABLE t", {ddl, calls}},
    // Read with the other setting, what looks like a string is none.
    {"backslash_off", pg, "SELECT '\\'' || pg_read_file('x') || ''", {server_files}},
    {"backslash_on", my, "SELECT '\\' INTO OUTFILE '/tmp/x' -- '", {server_files}},
    {"ansi_quotes", my, "SELECT 1 AS \"a'\" INTO OUTFILE 'x' -- '\"", {server_files}},
    // Tags of dollar quotes differ by case.
    {"dollar_case", pg, "SELECT $a$ $A$ $a$ || pg_read_file('x') || $A$ $a$ $A$", {server_files}},
};
INSTANTIATE_TEST_SUITE_P(dangerous, kinds, testing::ValuesIn(dangerous),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(kinds_unsure, given_text_that_versions_read_differently_when_judged_then_it_is_of_all_kinds) {
    for (const auto text :
         {"SELECT 1 /*!99999 ' */ INTO OUTFILE 'x' -- '", "/*M! DROP TABLE t */", "SELECT '/*!'", "/*m!1*/ SELECT 1"})
        EXPECT_EQ(kinds_of(text, my), statement_kinds::all()) << text;
    EXPECT_EQ(kinds_of("SELECT U&\"pg\\005fread_file\"('x')", pg), statement_kinds::all());
    EXPECT_EQ(kinds_of("SELECT '/*!'", pg), statement_kinds());
}

TEST(kinds_names, given_each_kind_when_named_then_the_name_finds_it) {
    for (unsigned i = 0; i < statement_kinds::count; ++i) {
        const auto one = static_cast<statement_kind>(i);
        EXPECT_EQ(find_statement_kind(name_of(one)), one);
    }
    EXPECT_FALSE(find_statement_kind("DDL"));
    EXPECT_FALSE(find_statement_kind(""));
    EXPECT_EQ(names_of(these({server_files, ddl})), "ddl, server_files");
}

TEST(kinds_time, given_text_made_to_be_slow_when_judged_then_it_is_not) {
    const auto repeated = [](std::string_view head, std::string_view one) {
        std::string text(head);
        while (text.size() + one.size() < 65'536) text += one;
        return text;
    };
    const std::string texts[] = {repeated("", "explain "),
                                 repeated("", "(explain("),
                                 repeated("", "set statement a=1 for "),
                                 repeated("set statement a=1 ", "for create "),
                                 repeated("create ", "engine language "),
                                 repeated("create ", "engine language c "),
                                 repeated("", "set "),
                                 repeated("", "pg_read_file(\\\"'")};
    for (const auto& text : texts) {
        for (const auto of : {pg, my}) {
            const auto started = std::chrono::steady_clock::now();
            (void)kinds_of(text, of);
            // Quadratic would be minutes; the machine may be slow.
            EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5)) << text.substr(0, 40);
        }
    }
}

}  // namespace
}  // namespace borealis::sql
