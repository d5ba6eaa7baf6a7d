"""The profile `relaxed`, kinder than AWS, and limits that are set for one cluster (server "tight")."""
import re

from rows import *  # noqa: F403


def relaxed(sql, check=good, **members):
    return run(sql, check, "relaxed", **members)


def relaxed_tx(sql, check=good, **members):
    return relaxed(sql, check, transactionId="@tx", **members)


def longs(name, *numbers):
    return parameter(name, arrayValue={"longValues": list(numbers)})


def texts(name, *all):
    return parameter(name, arrayValue={"stringValues": list(all)})


UUID = "01234567-89ab-cdef-0123-456789abcdef"
STRINGS = [parameter("u", stringValue=UUID), parameter("j", stringValue='{"a":1}'), parameter("d", stringValue="2024-01-15"), parameter("n", stringValue="12.5"), parameter("t", stringValue="x")]

row("R-4.22 relaxed: strings are what their place asks for", PG, relaxed("CREATE TABLE @t (u uuid, j jsonb, d date, n numeric, t text)"),
    relaxed("INSERT INTO @t VALUES (:u, :j, :d, :n, :t)", updated(1), parameters=STRINGS),
    relaxed("SELECT t FROM @t WHERE u = :u AND d >= :d AND n < 13 AND t = :t", records([S("x")]), parameters=STRINGS),
    relaxed("SELECT :t", records([S("x")]), parameters=STRINGS), relaxed("SELECT 1 LIMIT :n", records([L(1)]), parameters=[parameter("n", stringValue="1")]),
    relaxed("SELECT 1 FROM @t WHERE u = :t", error("DatabaseErrorException", re.compile('ERROR: invalid input syntax for type uuid: "x".*; SQLState: 22P02')), parameters=STRINGS))
row("R-4.22 relaxed: text where PostgreSQL cannot say", PG, relaxed("SELECT to_jsonb(:t)", records([S('"x"')]), parameters=STRINGS), relaxed("SELECT to_jsonb(:t)", records([S('"x"')]), parameters=STRINGS),
    relaxed("SELECT jsonb_build_object(:t, 1)", records([S('{"x":1}')]), parameters=STRINGS), relaxed("SELECT pg_typeof(:t)::text", good, parameters=STRINGS),
    relaxed("SELECT nosuch(:t)", database_error(re.compile("ERROR: function nosuch\\(unknown\\) does not exist; .*; SQLState: 42883")), parameters=STRINGS),
    relaxed("SELEKT :t", database_error(re.compile('ERROR: syntax error at or near "SELEKT"; .*; SQLState: 42601')), parameters=STRINGS))
row("R-4.22 relaxed: an attempt to infer spoils no transaction", PG, begin(server="relaxed"), relaxed_tx("CREATE TABLE @t (j jsonb)"), relaxed_tx("INSERT INTO @t VALUES (to_jsonb(:t))", updated(1), parameters=STRINGS),
    relaxed_tx("SELECT j FROM @t WHERE j = to_jsonb(:t)", records([S('"x"')]), parameters=STRINGS), relaxed_tx("SELECT nosuch(:t)", error("DatabaseErrorException", re.compile(".*42883")), parameters=STRINGS),
    relaxed_tx("SELECT :t", ABORTED, parameters=STRINGS), rollback(server="relaxed"))
row("R-4.22 relaxed: batches", PG, relaxed("CREATE TABLE @t (u uuid, j jsonb)"), batch("INSERT INTO @t VALUES (:u, :j)", good, "relaxed", parameterSets=[STRINGS, STRINGS]),
    batch("INSERT INTO @t (j) VALUES (to_jsonb(:t))", good, "relaxed", parameterSets=[STRINGS, STRINGS]), relaxed("SELECT count(*), count(u) FROM @t", records([L(4), L(2)])))
row("R-2.17 relaxed: arrays", PG, relaxed("SELECT a FROM generate_series(1, 5) a WHERE a = ANY(:ids)", records([L(2)], [L(4)]), parameters=[longs("ids", 2, 4, 9)]),
    relaxed("SELECT :ids", records([A(longValues=[1, None])]), parameters=[longs("ids", 1, None)]), relaxed("SELECT array_length(:ids, 1)", records([L(2)]), parameters=[texts("ids", "a", "b")]),
    relaxed("SELECT :d, :b", records([A(doubleValues=[1.5, 2.0]), A(booleanValues=[True])]), parameters=[parameter("d", arrayValue={"doubleValues": [1.5, 2]}), parameter("b", arrayValue={"booleanValues": [True]})]),
    relaxed("CREATE TABLE @t (u uuid, s text[], m int[])"), relaxed("INSERT INTO @t VALUES (:u, :s, :m)", updated(1), parameters=[
        parameter("u", stringValue=UUID), texts("s", 'a"b', "c\\d", None, "NULL", "{}", "x,y"), parameter("m", arrayValue={"arrayValues": [{"longValues": [1, 2]}, {"longValues": [3, 4]}]})]),
    relaxed("SELECT s, m FROM @t WHERE u = ANY(:us)", records([A(stringValues=['a"b', "c\\d", None, "NULL", "{}", "x,y"]), A(arrayValues=[{"longValues": [1, 2]}, {"longValues": [3, 4]}])]), parameters=[texts("us", UUID)]),
    relaxed("SELECT unnest(:ids)", records([S("a")], [S("b")]), parameters=[texts("ids", "a", "b")]),
    relaxed("SELECT :p", error("SerializationException", re.compile("The value of 'parameters.1.member.value.arrayValue' must be an object with exactly one of .*")), parameters=[parameter("p", arrayValue={"longValues": ["1"]})]))
row("R-2.17 relaxed: arrays are JSON", MY, relaxed("SELECT JSON_CONTAINS(:ids, '2'), JSON_CONTAINS(:ids, '5')", records([L(1), L(0)]), parameters=[longs("ids", 1, 2)]),
    relaxed("SELECT :p", records([S('["a",null]')]), parameters=[texts("p", "a", None)]))
row("R-5.30 relaxed: types that AWS refuses", PG, *[relaxed(f"SELECT {expression}", records([field])) for expression, field in [
    ("'1 day 02:00:00'::interval", S("1 day 02:00:00")), ("point(1,2)", S("(1,2)")), ("'1'::money", S("$1.00")), ("'12:00+01'::timetz", S("12:00:00+01")), ("'a'::\"char\"", S("a")),
    ("ROW(1,2)", S("(1,2)")), ("'infinity'::timestamp", S("infinity")), ("ARRAY[[1,2],[3,4]]", A(arrayValues=[{"longValues": [1, 2]}, {"longValues": [3, 4]}])),
    ("ARRAY['1 day']::interval[]", A(stringValues=["1 day"])), ("'2024-01-15 12:34:56.1'::timestamp", S("2024-01-15 12:34:56.100")), ("'{\"a\": 1}'::jsonb", S('{"a":1}')), ("5::oid", L(5))]])
row("R-5.3 relaxed: geometry", MY, relaxed("SELECT ST_GeomFromText('POINT(1 2)')", records([X("AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA==")])))
row("R-4.31 relaxed: ISO 8601", BOTH, *[relaxed("SELECT :p", records([S(expected)]), parameters=[parameter("p", hint, stringValue=text)]) for hint, text, expected in [
    ("TIMESTAMP", "2024-01-15T12:34:56Z", "2024-01-15 12:34:56"), ("TIMESTAMP", "2024-01-15T12:34:56.500+09:00", "2024-01-15 03:34:56.500"), ("TIME", "12:34:56Z", "12:34:56")]],
    relaxed("SELECT :p", validation("Invalid value for type hint TIMESTAMP: tomorrow"), parameters=[parameter("p", "TIMESTAMP", stringValue="tomorrow")]))
row("R-2.19 relaxed: hints", MY, relaxed("SELECT :p", records([S('{"a":1}')]), parameters=[parameter("p", "JSON", stringValue='{ "a": 1 }')]))
row("R-3.3 relaxed: large results", BOTH, relaxed(f"SELECT repeat('x', {2**21})", good))
row("R-2.14 relaxed: one statement", BOTH, relaxed("SELECT 1; SELECT 2", validation("Multistatements aren't supported.")))
row("R-2.40 relaxed: ExecuteSql", BOTH, Call("ExecuteSql", {"sqlStatements": "SELECT 1; SELECT 2"}, lambda test, status, kind, got: test.assertEqual((status, len(got["sqlStatementResults"])), (200, 2)), server="relaxed"))

# ---- limits of one cluster

row("R-3.3 set", BOTH, run("SELECT repeat('x', 300) AS a UNION ALL SELECT repeat('y', 300)", good, "tight"),
    run(" UNION ALL ".join(["SELECT repeat('x', 300) AS a"] * 4), unsupported("The result exceeds the size limit 1000 bytes."), "tight"))
row("R-3.5 set", BOTH, run("SELECT repeat('x', 501)", unsupported("The result has a row that exceeds the size limit 500 bytes."), "tight"))
row("R-3.6 set", BOTH, run("SELECT repeat('x', 80) AS a", good, "tight", **J), run("SELECT repeat('x', 200) AS a", unsupported("The formatted result exceeds the size limit 100 bytes."), "tight", **J))
row("R-3.2 set", BOTH, run("SELECT " + " " * 193 + "1", validation(re.compile("1 validation error detected: Value 'SELECT .*' at 'sql' failed to satisfy constraint: Member must have length less than or equal to 200")), "tight"))
row("R-3.9 set", PG, run("SELECT 1 FROM (SELECT pg_sleep(30)) t", lambda test, status, kind, got: test.assertEqual((status, kind), (400, "StatementTimeoutException")), "tight"))
