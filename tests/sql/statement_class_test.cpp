#include <gtest/gtest.h>

#include "sql/rewrite.hpp"

namespace borealis::sql {
namespace {

constexpr auto pg = dialect::postgresql;
constexpr auto my = dialect::mysql;
using enum statement_class;

struct class_case {
    dialect of;
    const char* text;
    statement_class kind;
};
void PrintTo(const class_case& c, std::ostream* out) { *out << c.text; }

class plain_statement : public testing::TestWithParam<class_case> {};

TEST_P(plain_statement, given_a_plain_statement_when_read_then_its_session_stays_clean) {
    const auto made = rewrite(GetParam().text, GetParam().of);
    EXPECT_EQ(made.kind, GetParam().kind);
    EXPECT_FALSE(made.touches_session);
}

const class_case plain_cases[] = {
    {pg, "SELECT 1", query},
    {pg, "  /* x */ select :a + 1", query},
    {pg, "(SELECT 1) UNION (SELECT 2)", query},
    {pg, "((SELECT 1))", query},
    {pg, "VALUES (1), (2)", query},
    {pg, "TABLE t", query},
    {pg, "SHOW search_path", query},
    {pg, "EXPLAIN SELECT 1", query},
    {pg, "EXPLAIN (ANALYZE, BUFFERS) INSERT INTO t (a) VALUES (1)", query},
    {pg, "EXPLAIN ANALYZE VERBOSE SELECT count(*) FROM t", query},
    {pg,
     "SELECT count(*), coalesce(max(a), 0), now(), lower(b), pg_catalog.upper(c) FROM t WHERE id IN (1, 2) AND x = ANY "
     "(:a)",
     query},
    {pg, "SELECT * FROM unnest(string_to_array(:csv, ',')::int[]) AS u(id)", query},
    {pg, "SELECT * FROM (VALUES (1, 2)) v(a, b)", query},
    {pg, "SELECT a FROM generate_series(1, 3) g(a)", query},
    {pg, "SELECT jsonb_build_object('a', :a)::jsonb -> 'a', '1'::numeric(10,2), CAST(x AS varchar(3)), 'x'::my_type(3)",
     query},
    {pg,
     "SELECT sum(a) OVER (PARTITION BY b), count(*) FILTER (WHERE a > 1), percentile_cont(0.5) WITHIN GROUP (ORDER BY "
     "a) FROM t",
     query},
    {pg,
     "SELECT * FROM t WHERE EXISTS (SELECT 1) AND NOT (a OR (b)) ORDER BY (a) LIMIT (1) OFFSET (2) FOR UPDATE SKIP "
     "LOCKED",
     query},
    {pg, "WITH a AS (SELECT 1), b(x) AS NOT MATERIALIZED (SELECT 2) SELECT * FROM a, b", query},
    {pg,
     "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t) SEARCH DEPTH FIRST BY n, m SET o, u AS (SELECT "
     "1) SELECT n FROM t",
     query},
    {pg, "SELECT (WITH x(a) AS (SELECT 1) SELECT a FROM x)", query},
    {pg, "SELECT * FROM json_to_record(:j) AS x(a int, b varchar(10))", query},
    {pg, "SELECT pg_advisory_xact_lock(1)", query},
    {pg, "SELECT nextval('s')", query},
    {pg, "SELECT lastval, currval FROM t", query},
    {pg, "SELECT * FROM t TABLESAMPLE bernoulli (10)", query},
    {pg, "SELECT a -> :k FROM t;", query},
    {pg, "INSERT INTO t (a, b) VALUES (:a, :b) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING id", write},
    {pg, "INSERT INTO s.\"T\" (a) SELECT a FROM u", write},
    {pg, "INSERT INTO t AS x (a) VALUES (1)", write},
    {pg, "UPDATE t SET (a, b) = (1, 2) WHERE id = :id", write},
    {pg, "DELETE FROM t USING u WHERE t.id = u.id", write},
    {pg, "MERGE INTO t USING u ON (t.id = u.id) WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
     write},
    {pg, "WITH x AS (SELECT 1) INSERT INTO t (a) SELECT * FROM x", write},
    {pg, "WITH x AS (INSERT INTO t (a) VALUES (1) RETURNING a) SELECT * FROM x", write},
    {pg, "WITH x AS MATERIALIZED (DELETE FROM t RETURNING a) SELECT * FROM x", write},
    {pg, "SELECT update, insert FROM t", query},
    {pg, "SELECT t.into FROM t", query},
    {pg, "SELECT 'set_config(1)', \"into\" FROM t -- set_config()", query},
    {my, "SELECT 1", query},
    {my, "select SQL_NO_CACHE a from t where match (a, b) against ('x')", query},
    {my, "SHOW TABLES", query},
    {my, "DESC t", query},
    {my, "EXPLAIN t", query},
    {my, "EXPLAIN FORMAT=JSON SELECT 1", query},
    {my, "ANALYZE FORMAT=JSON SELECT 1", query},
    {my, "SELECT identity, t.last_insert_id, @identity, previous FROM warnings", query},
    {my, "SELECT @a, @@session.sql_mode", query},
    {my, "SELECT IF(a, 1, 2), CONCAT(a, 'x'), DATE_ADD(NOW(6), INTERVAL 1 DAY), JSON_EXTRACT(j, '$.a') FROM t", query},
    {my, "SELECT * FROM t USE INDEX (i) WHERE a IN (:a) LOCK IN SHARE MODE", query},
    {my, "INSERT INTO t (a) VALUES (:a) ON DUPLICATE KEY UPDATE a = VALUES(a)", write},
    {my, "INSERT IGNORE t (a) VALUES (1)", write},
    {my, "INSERT INTO `db`.`t` (`a`) VALUES (1)", write},
    {my, "REPLACE INTO t (a) VALUES (1)", write},
    {my, "REPLACE t (a) VALUES (1)", write},
    {my, "UPDATE t SET a = REPLACE(a, 'x', 'y')", write},
    {my, "DELETE FROM t LIMIT 1", write},
    {my, "WITH x AS (SELECT 1) DELETE FROM t WHERE a IN (SELECT * FROM x)", write},
};
INSTANTIATE_TEST_SUITE_P(all, plain_statement, testing::ValuesIn(plain_cases));

class touching_statement : public testing::TestWithParam<class_case> {};

TEST_P(touching_statement, given_a_statement_that_may_change_its_session_when_read_then_it_says_so) {
    const auto made = rewrite(GetParam().text, GetParam().of);
    EXPECT_EQ(made.kind, GetParam().kind);
    EXPECT_TRUE(made.touches_session);
}

const class_case touching_cases[] = {
    {pg, "SET search_path = a", session},
    {pg, "set local timezone = 'UTC'", session},
    {pg, "RESET ALL", session},
    {pg, "DISCARD ALL", session},
    {pg, "LISTEN x", session},
    {pg, "PREPARE p AS SELECT 1", session},
    {pg, "DEALLOCATE ALL", session},
    {pg, "DECLARE c CURSOR WITH HOLD FOR SELECT 1", session},
    {pg, "FETCH c", session},
    {pg, "LOAD 'x'", session},
    {pg, "PREPARE TRANSACTION 'x'", transaction},
    {pg, "BEGIN", transaction},
    {pg, "START TRANSACTION", transaction},
    {pg, "END", transaction},
    {pg, "ROLLBACK TO x", transaction},
    {pg, "CREATE TEMP TABLE t (a int)", definition},
    {pg, "CREATE TABLE t (a int)", definition},
    {pg, "DROP TABLE t", definition},
    {pg, "ANALYZE t", definition},
    {pg, "SELECT 1 INTO TEMP t", definition},
    {pg, "SELECT * INTO t FROM u", definition},
    {pg, "CALL p()", call},
    {pg, "DO $$ BEGIN END $$", call},
    {pg, "EXECUTE p(1)", call},
    {pg, "COPY t TO STDOUT", other},
    {pg, "nonsense", other},
    {pg, "EXPLAIN ANALYZE EXECUTE p", query},
    {pg, "EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", query},
    {pg, "SELECT set_config('a.b', 'c', false)", query},
    {pg, "SELECT SET_CONFIG ('a.b', 'c', false)", query},
    {pg, "SELECT pg_catalog.set_config('a.b', 'c', false)", query},
    {pg, "SELECT \"set_config\"('a.b', 'c', false)", query},
    {pg, "SELECT pg_advisory_lock(1)", query},
    {pg, "SELECT pg_try_advisory_lock(1)", query},
    {pg, "SELECT dblink_connect('x')", query},
    {pg, "SELECT lo_creat(-1)", query},
    {pg, "SELECT setseed(0.5)", query},
    {pg, "SELECT my_function(1)", query},
    {pg, "SELECT public.lower('a')", query},
    {pg, "SELECT * FROM my_function() AS (a int)", query},
    {pg, "SELECT * FROM t, my_function(1) AS x(a int)", query},
    {pg, "SELECT DISTINCT ON (a) set_config('a.b', 'c', false) FROM t", query},
    {pg, "SELECT (1) OPERATOR(pg_catalog.+) my_function(1)", query},
    {pg, "SELECT ALL set_config('a.b', 'c', false)", query},
    {pg, "INSERT INTO t (a) VALUES (my_function(1))", write},
    {pg, "WITH x AS (SELECT my_function(1)) SELECT * FROM x", query},
    {pg, "SELECT 1; SELECT 2", query},
    {my, "SET @a = 1", session},
    {my, "USE db", session},
    {my, "LOCK TABLES t READ", session},
    {my, "FLUSH TABLES WITH READ LOCK", session},
    {my, "SELECT @a := 1", query},
    {my, "SELECT 1 INTO @a", query},
    {my, "SELECT GET_LOCK('a', 1)", query},
    {my, "SELECT SQL_NO_CACHE get_lock('a', 1)", query},
    {my, "SELECT /*!50000 GET_LOCK('a', 1) */", query},
    {my, "SELECT RELEASE_ALL_LOCKS()", query},
    {my, "UPDATE t SET a = LAST_INSERT_ID(a + 1)", write},
    {my, "SELECT f(1)", query},
    {my, "SELECT db.f(1)", query},
    {my, "SELECT `f`(1)", query},
    {my, "CREATE TEMPORARY TABLE t (a INT)", definition},
    {my, "CALL p()", call},
    {my, "DO SLEEP(0)", call},
    {my, "BEGIN NOT ATOMIC SET @a = 1; END", call},
    {my, "START REPLICA", other},
    {my, "LOAD DATA INFILE 'x' INTO TABLE t", other},
    {my, "ANALYZE TABLE t", definition},
};
INSTANTIATE_TEST_SUITE_P(all, touching_statement, testing::ValuesIn(touching_cases));

// ---- plain reads

struct read_case {
    dialect of;
    const char* text;
    bool plain_read;
};
void PrintTo(const read_case& c, std::ostream* out) { *out << c.text; }

class reading_statement : public testing::TestWithParam<read_case> {};

TEST_P(reading_statement, given_a_statement_when_read_then_it_says_whether_it_may_run_beside_others) {
    EXPECT_EQ(rewrite(GetParam().text, GetParam().of).plain_read, GetParam().plain_read);
}

const read_case read_cases[] = {
    {pg, "SELECT id, name FROM t WHERE id = :id", true},
    {pg, "SELECT a, count(*), now(), lower(b) FROM t GROUP BY a", true},
    {pg, "(SELECT 1) UNION (SELECT 2)", true},
    {pg, "VALUES (1), (2)", true},
    {pg, "TABLE t;", true},
    {pg, "WITH a AS (SELECT 1) SELECT * FROM a", true},
    {pg, "SELECT substring(a FOR 3), 'nextval(x)', \"for update\" FROM t", true},
    {pg, "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", false},
    {pg, "SELECT * FROM t FOR UPDATE", false},
    {pg, "SELECT * FROM t FOR NO KEY UPDATE", false},
    {pg, "SELECT * FROM (SELECT * FROM t FOR KEY SHARE) x", false},
    {pg, "SELECT nextval('s')", false},
    {pg, "SELECT pg_catalog.setval('s', 1)", false},
    {pg, "SELECT 1 FROM t, pg_advisory_xact_lock (1)", false},
    {pg, "SELECT pg_notify('a', 'b')", false},
    {pg, "SELECT pg_sleep(:s)", false},
    {pg, "SELECT pg_terminate_backend(1)", false},
    {pg, "SELECT pg_backend_pid()", false},
    {pg, "SELECT my_function(1)", false},
    {pg, "SELECT set_config('a.b', 'c', false)", false},
    {pg, "SELECT * INTO u FROM t", false},
    {pg, "SELECT a[:from :1] FROM t", false},
    {pg, "SELECT 1; SELECT 2", false},
    {pg, "SELECT 'open", false},
    {pg, "EXPLAIN ANALYZE SELECT 1", false},
    {pg, "SHOW search_path", false},
    {pg, "INSERT INTO t VALUES (1)", false},
    {pg, "", false},
    {my, "SELECT a FROM t WHERE id = :id", true},
    {my, "SELECT a FROM t LOCK IN SHARE MODE", false},
    {my, "SELECT sleep(1)", false},
    {my, "SELECT last_insert_id()", false},
    {my, "SELECT @a := 1", false},
};
INSTANTIATE_TEST_SUITE_P(all, reading_statement, testing::ValuesIn(read_cases));

// ---- plain writes

struct write_case {
    dialect of;
    const char* text;
    bool plain_write;
};
void PrintTo(const write_case& c, std::ostream* out) { *out << c.text; }

class writing_statement : public testing::TestWithParam<write_case> {};

TEST_P(writing_statement, given_a_statement_when_read_then_it_says_whether_it_writes_and_may_run_beside_others) {
    EXPECT_EQ(rewrite(GetParam().text, GetParam().of).plain_write, GetParam().plain_write);
}

const write_case write_cases[] = {
    {pg, "INSERT INTO t (a, b) VALUES (:a, lower(:b))", true},
    {pg, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", true},
    {pg, "INSERT INTO t SELECT a FROM u", true},
    {pg, "INSERT INTO t VALUES (1) RETURNING id", true},
    {pg, "UPDATE t SET a = a + 1 WHERE id = :id;", true},
    {pg, "DELETE FROM t WHERE id = :id", true},
    {pg, "SELECT 1", false},
    {pg, "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", false},
    {pg, "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", false},
    {pg, "INSERT INTO t VALUES (nextval('s'))", false},
    {pg, "INSERT INTO t VALUES (currval('s'))", false},
    {pg, "INSERT INTO t VALUES (my_function(1))", false},
    {pg, "UPDATE t SET a = 1 WHERE pg_try_advisory_lock(1)", false},
    {pg, "UPDATE t SET a = (SELECT pg_notify('a', 'b')::text)", false},
    {pg, "DELETE FROM t USING (SELECT * FROM u FOR UPDATE) v", false},
    {pg, "INSERT INTO t VALUES (1); SELECT 1", false},
    {pg, "INSERT INTO t VALUES ('open", false},
    {pg, "UPDATE t SET a = b[:from :1]", false},
    {pg, "TRUNCATE t", false},
    {my, "INSERT INTO t (a) VALUES (:a)", true},
    {my, "UPDATE t SET a = 1 LIMIT 1", true},
    {my, "REPLACE INTO t VALUES (1)", false},
    {my, "INSERT INTO t VALUES (1) RETURNING id", false},
    {my, "UPDATE t SET a = LAST_INSERT_ID(a + 1)", false},
    {my, "UPDATE t SET a = (@b := 1)", false},
    {my, "INSERT INTO t VALUES (SLEEP(1))", false},
};
INSTANTIATE_TEST_SUITE_P(all, writing_statement, testing::ValuesIn(write_cases));

class asking_statement : public testing::TestWithParam<class_case> {};

TEST_P(asking_statement, given_a_statement_that_reads_what_others_left_when_read_then_it_says_so) {
    const auto made = rewrite(GetParam().text, GetParam().of);
    EXPECT_EQ(made.kind, GetParam().kind);
    EXPECT_TRUE(made.asks_for_leftovers);
    EXPECT_TRUE(made.touches_session);
}

const class_case asking_cases[] = {
    {pg, "SELECT lastval()", query},
    {pg, "SELECT pg_catalog.CurrVal ('s')", query},
    {pg, "SELECT \"lastval\"()", query},
    {pg, "INSERT INTO t VALUES (currval('s'))", write},
    {pg, "EXPLAIN ANALYZE SELECT lastval()", query},
    {my, "SELECT LAST_INSERT_ID()", query},
    {my, "INSERT INTO t VALUES (last_insert_id ())", write},
    {my, "UPDATE t SET a = LAST_INSERT_ID(a + 1)", write},
    {my, "SELECT FOUND_ROWS()", query},
    {my, "SELECT ROW_COUNT()", query},
    {my, "SELECT LASTVAL(s)", query},
    {my, "SELECT PREVIOUS VALUE FOR s", query},
    {my, "SELECT @@identity", query},
    {my, "SELECT @@session.last_insert_id", query},
    {my, "SELECT @@local . warning_count", query},
    {my, "SELECT @@error_count", query},
    {my, "SHOW WARNINGS", query},
    {my, "SHOW COUNT(*) ERRORS", query},
    {my, "GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT", other},
};
INSTANTIATE_TEST_SUITE_P(all, asking_statement, testing::ValuesIn(asking_cases));

}  // namespace
}  // namespace borealis::sql
