"""Sections 6 and 7: columnMetadata and formattedRecords."""
import re

from rows import *  # noqa: F403

for engine, sql, columns in [
        (PG, "SELECT 1 AS a", [metadata("a", 4, "int4", 10, 0, signed=True)]), (PG, "SELECT 1, 'x'", [metadata("?column?", 4, "int4", 10, 0, signed=True), metadata("?column?", 12, "text", 2147483647, 0, case=True)]),
        (PG, "SELECT true AS a, 1.5::float4 AS b, 1.5::float8 AS c", [metadata("a", -7, "bool", 1, 0), metadata("b", 7, "float4", 8, 8, signed=True), metadata("c", 8, "float8", 17, 17, signed=True)]),
        (PG, "SELECT 1::numeric(5,2) AS a, 1::numeric AS b", [metadata("a", 2, "numeric", 5, 2, signed=True), metadata("b", 2, "numeric", 0, 0, signed=True)]),
        (PG, "SELECT 'x'::varchar(9) AS a, 'x'::varchar AS b, 'x'::char(3) AS c", [metadata("a", 12, "varchar", 9, 0, case=True), metadata("b", 12, "varchar", 2147483647, 0, case=True), metadata("c", 1, "bpchar", 3, 0, case=True)]),
        (PG, "SELECT now()::date AS a, now()::time AS b, now()::timestamp AS c, now() AS d", [metadata("a", 91, "date", 13, 0), metadata("b", 92, "time", 15, 6), metadata("c", 93, "timestamp", 29, 6), metadata("d", 93, "timestamptz", 35, 6)]),
        (PG, "SELECT '{}'::jsonb AS a, ARRAY[1] AS b, ''::bytea AS c", [metadata("a", 1111, "jsonb", 2147483647, 0, case=True), metadata("b", 2003, "_int4", 10, 0, signed=True), metadata("c", -2, "bytea", 2147483647, 0, case=True)]),
        (PG, "SELECT '1 day'::interval AS a WHERE false", None)]:
    if columns:
        def check(test, status, kind, got, columns=columns):
            test.assertEqual(status, 200, got)
            test.assertEqual([*got], ["columnMetadata", "numberOfRecordsUpdated", "records"])
            test.assertEqual(got["columnMetadata"], columns)
        row(f"R-6 {sql}", engine, run(sql, check, includeResultMetadata=True), run(sql + " LIMIT 0", check, includeResultMetadata=True))

row("R-6 of a table", PG, run("CREATE TABLE @t (id serial PRIMARY KEY, b bigserial, v varchar(7) NOT NULL, n numeric(8,3), m money)"),
    run("SELECT id, b, v AS w, n, id + 1 AS next FROM @t", describes(
        metadata("id", 4, "serial", 10, 0, signed=True, nullable=0, table="@t", auto=True), metadata("b", -5, "bigserial", 19, 0, signed=True, nullable=0, table="@t", auto=True),
        metadata("w", 12, "varchar", 7, 0, case=True, nullable=0, table="@t"), metadata("n", 2, "numeric", 8, 3, signed=True, table="@t"), metadata("next", 4, "int4", 10, 0, signed=True)),
        includeResultMetadata=True))
row("R-6 of a table", MY, run("CREATE TABLE @t (id int AUTO_INCREMENT PRIMARY KEY, b bigint unsigned, v varchar(7) NOT NULL, n decimal(8,3), t tinyint(1), d datetime(3), x blob, y year, f float)"),
    run("SELECT id, b, v AS w, n, t, d, x, y, f FROM @t", describes(
        metadata("id", 4, "INT", 11, 0, signed=True, nullable=0, table="@t", auto=True), metadata("b", -5, "BIGINT UNSIGNED", 20, 0, table="@t"), metadata("w", 12, "VARCHAR", 7, 0, nullable=0, table="@t", name="v"),
        metadata("n", 3, "DECIMAL", 8, 3, signed=True, case=True, table="@t"), metadata("t", -7, "BOOLEAN", 1, 0, table="@t"), metadata("d", 93, "DATETIME", 23, 0, table="@t"),
        metadata("x", -4, "BLOB", 65535, 0, case=True, table="@t"), metadata("y", 91, "YEAR", 4, 0, table="@t"), metadata("f", 7, "FLOAT", 12, 31, signed=True, table="@t")), includeResultMetadata=True))
row("R-4.3 decimals are no doubles", MY, run("SELECT :p + 1, :p = 0.1", records([S("1.10"), L(1)]), parameters=[parameter("p", "DECIMAL", stringValue="0.10")]))
row("R-3.12 many parameters", BOTH, run("SELECT GREATEST(" + ", ".join(f":p{i}" for i in range(1000)) + ")", records([L(999)]), parameters=[parameter(f"p{i}", longValue=i) for i in range(1000)]))
row("R-4.7 a name a hundred times", MY, run("SELECT 1 IN (" + ",".join([":p"] * 100) + ")", records([L(1)]), parameters=[parameter("p", longValue=1)]))
row("R-8.4 a large batch", BOTH, run("CREATE TABLE @t (a int, b varchar(9))"), batch("INSERT INTO @t VALUES (:a, :b)", good, parameterSets=[[parameter("a", longValue=i), parameter("b", stringValue=str(i))] for i in range(1000)]),
    run("SELECT count(*), max(a) FROM @t", records([L(1000), L(999)])))

# ---- 7. formatRecordsAs

each("R-7", BOTH, [
    ("2", run("SELECT 0 AS id, 'Jane' AS name UNION SELECT 1, 'Mohan' ORDER BY id", formatted('[{"id":0,"name":"Jane"},{"id":1,"name":"Mohan"}]'), **J)),
    ("2 empty", run("SELECT 1 AS a FROM (SELECT 1 AS b) t WHERE b = 2", formatted("[]"), **J)),
    ("10 no metadata", run("SELECT 1 AS a", formatted('[{"a":1}]'), includeResultMetadata=True, **J)),
    ("1 without rows", run("CREATE TABLE @t (a int)", updated(0), **J), run("INSERT INTO @t VALUES (1)", updated(1), **J)),
    ("8 duplicates", run("SELECT 1 AS a, 2 AS a", unsupported("The result contains duplicate column names."), **J), run("SELECT 1 AS a, 2 AS a", records([L(1), L(2)]))),
    ("8 case differs", run('SELECT 1 AS a, 2 AS b', formatted('[{"a":1,"b":2}]'), **J)),
    ("1 NONE", run("SELECT 1", records([L(1)]), formatRecordsAs="NONE")),
    ("5 longs", run("SELECT 1 AS a", formatted('[{"a":"1"}]'), resultSetOptions={"longReturnType": "STRING"}, **J)),
    ("7 strings", run("SELECT :p AS a", formatted('[{"a":"\\"\\\\ \'/\\b\\n\\r\\t\\f\\u0001é😀"}]'), parameters=[parameter("p", stringValue="\"\\ '/\b\n\r\t\f\u0001é😀")], **J))])
row("R-7.4 types", PG, run("""SELECT 1.50 AS d, true AS b, '\\x00ff'::bytea AS x, ARRAY[1,NULL] AS l, ARRAY['a"b'] AS s, NULL AS n, '{"a": 1}'::jsonb AS j, '2024-01-15 12:34:56.1'::timestamp AS t, 10::float8 AS f""",
                          formatted('[{"d":"1.50","b":true,"x":"AP8=","l":[1,null],"s":["a\\"b"],"n":null,"j":"{\\"a\\":1}","t":"2024-01-15 12:34:56.100","f":10.0}]'), **J))
row("R-7.4 decimals", PG, run("SELECT 1.50 AS d, 7::numeric(3,0) AS e", formatted('[{"d":1.5,"e":7}]'), resultSetOptions=OPTIONS, **J))
for engine, cast in [(PG, "::float8"), (MY, "e0")]:
    row("R-7.5 an exponent from 1e16 on", engine, run(f"SELECT 1000000000000000{cast} AS a, 9999999999999998{cast} AS b, 10000000000000000{cast} AS c, 1000000{cast} AS d",
                                                      formatted('[{"a":1000000000000000.0,"b":9999999999999998.0,"c":1e+16,"d":1000000.0}]'), **J))
row("R-7.5 a float4 too", PG, run("SELECT 1000000::float4 AS a, 0.0001::float4 AS b", formatted('[{"a":1000000.0,"b":0.0001}]'), **J))
row("R-7.6", BOTH, run("SELECT -9223372036854775807 - 1 AS a", formatted('[{"a":-9223372036854775808}]'), **J))
row("R-7.3 keys", MY, run("SELECT count(*), max(1), 4+7", formatted('[{"count(*)":1,"max(1)":1,"4+7":11}]'), **J))
row("R-7.3 keys", PG, run("SELECT count(*), 1", formatted('[{"count":1,"?column?":1}]'), **J))
row("R-7.11 returning", PG, run("CREATE TABLE @t (a int)"), run("INSERT INTO @t VALUES (1), (2) RETURNING a", formatted('[{"a":1},{"a":2}]'), **J))
row("R-7.4 unsupported", PG, run("SELECT '1 day'::interval AS a", unsupported("The result contains the unsupported data type INTERVAL."), **J))

row("R-6.1 R-6.2 names and labels", MY, run("CREATE TABLE @t (id int)"), run("SELECT id AS x, id, count(*), 4+7 FROM @t", lambda test, status, kind, got: test.assertEqual(
    [(c["name"], c["label"]) for c in got["columnMetadata"]], [("id", "x"), ("id", "id"), ("count(*)", "count(*)"), ("4+7", "4+7")]), includeResultMetadata=True))
row("R-6.1 R-6.2 names and labels", PG, run("CREATE TABLE @t (id int)"), run('SELECT id AS "X y", id, count(*), 4+7 FROM @t GROUP BY id', lambda test, status, kind, got: test.assertEqual(
    [(c["name"], c["label"]) for c in got["columnMetadata"]], [("X y", "X y"), ("id", "id"), ("count", "count"), ("?column?", "?column?")]), includeResultMetadata=True))
row("R-6.3 R-6.5 R-6.8 R-6.9 R-6.10 R-6.12 R-6.13 every member", PG, run(
    "SELECT '1'::money AS m, 1::oid AS o, 'x'::uuid AS u FROM (SELECT 1 AS a) t WHERE a = 2", database_error(re.compile(".*22P02"))),
    run("SELECT NULL::money AS m, 1::oid AS o, NULL::uuid AS u, NULL::interval AS i, NULL::xml AS x, NULL::bit(3) AS b, NULL::timetz AS z, NULL::text[] AS l, NULL::\"char\" AS c FROM (SELECT 1 AS a) t WHERE a = 2", describes(
        metadata("m", 8, "money", 2147483647, 0, case=True, currency=True), metadata("o", -5, "oid", 10, 0), metadata("u", 1111, "uuid", 2147483647, 0, case=True), metadata("i", 1111, "interval", 49, 0, case=True),
        metadata("x", 2009, "xml", 2147483647, 0, case=True), metadata("b", -7, "bit", 3, 0, case=True), metadata("z", 92, "timetz", 21, 6), metadata("l", 2003, "_text", 2147483647, 0, case=True),
        metadata("c", 1, "char", 1, 0, case=True)), includeResultMetadata=True))
row("R-6.3 R-6.20 every member", MY, run("CREATE TABLE @t (a bool, b tinyint, c smallint unsigned, d mediumint, e char(5), f varchar(5), g tinytext, h mediumtext, i longtext, j binary(4), k varbinary(9), l tinyblob, m bit(3), n time(3), "
                                         "o timestamp NULL, p json, q enum('one','three'), r set('a','b'), s double)"),
    run("SELECT * FROM @t", describes(
        metadata("a", -7, "BOOLEAN", 1, 0, table="@t"), metadata("b", -6, "TINYINT", 4, 0, signed=True, table="@t"), metadata("c", 5, "SMALLINT UNSIGNED", 5, 0, table="@t"), metadata("d", 4, "MEDIUMINT", 9, 0, signed=True, table="@t"),
        metadata("e", 1, "CHAR", 5, 0, table="@t"), metadata("f", 12, "VARCHAR", 5, 0, table="@t"), metadata("g", -1, "TINYTEXT", 255, 0, table="@t"), metadata("h", -1, "MEDIUMTEXT", 16777215, 0, table="@t"),
        metadata("i", -1, "LONGTEXT", 1073741823, 0, table="@t"), metadata("j", -2, "BINARY", 4, 0, case=True, table="@t"), metadata("k", -3, "VARBINARY", 9, 0, case=True, table="@t"),
        metadata("l", -4, "TINYBLOB", 255, 0, case=True, table="@t"), metadata("m", -7, "BIT", 3, 0, table="@t"), metadata("n", 92, "TIME", 14, 0, table="@t"), metadata("o", 93, "TIMESTAMP", 19, 0, table="@t"),
        metadata("p", -1, "JSON", 1073741824, 0, case=True, table="@t"), metadata("q", 1, "ENUM", 5, 0, table="@t"), metadata("r", 1, "SET", 3, 0, table="@t"), metadata("s", 8, "DOUBLE", 22, 31, signed=True, table="@t")),
        includeResultMetadata=True))
row("R-6.11 nullable", PG, run("CREATE TABLE @t (a int NOT NULL, b int)"), run("SELECT a, b, a + 1 FROM @t", lambda test, status, kind, got: test.assertEqual([c["nullable"] for c in got["columnMetadata"]], [0, 1, 1]),
                                                                            includeResultMetadata=True))
row("R-6.7 identity and serial", PG, run("CREATE TABLE @t (a int GENERATED ALWAYS AS IDENTITY, b smallserial, c bigserial, d int)"),
    run("SELECT a, b, c, d FROM @t", lambda test, status, kind, got: test.assertEqual([(c["typeName"], c["isAutoIncrement"]) for c in got["columnMetadata"]],
                                                                                      [("serial", True), ("smallserial", True), ("bigserial", True), ("int4", False)]), includeResultMetadata=True))
row("R-7.1 only for rows", BOTH, run("CREATE TABLE @t (a int)", updated(0), **J), run("UPDATE @t SET a = 1", updated(0), **J))
row("R-7.9 the result's limit comes first", BOTH, run(f"SELECT repeat('x', {2**20})", TOO_LARGE, **J))
