"""Section 4: SQL and parameters."""
import re

from rows import *  # noqa: F403

P = [parameter("a", longValue=1), parameter("b", stringValue="x"), parameter("1", longValue=11), parameter("2", stringValue="two"), parameter("A", longValue=2)]
for title, engines, sql, fields in [
        ("names", BOTH, "SELECT :a, :b, :1, :2", [L(1), S("x"), L(11), S("two")]),
        ("case", BOTH, "SELECT :a, :A", [L(1), L(2)]),
        ("twice", BOTH, "SELECT :a, :a, :b, :b", [L(1), L(1), S("x"), S("x")]),
        ("in a string", BOTH, "SELECT ':a', 'it''s :a', :a", [S(":a"), S("it's :a"), L(1)]),
        ("in comments", BOTH, "SELECT /* :a ' */ :a -- :b '\n, :b", [L(1), S("x")]),
        ("next to operators", BOTH, "SELECT (:a+:A)*:a", [L(3)]),
        ("in a quoted identifier", PG, 'SELECT :a AS ":b", "x"."y:a" FROM (SELECT 5 AS "y:a") AS "x"', [L(1), L(5)]),
        ("nested comments", PG, "SELECT /* /* :b */ :b ' */ :a", [L(1)]),
        ("casts", PG, "SELECT :a::text, :b::varchar, '5'::int, :a ::int4", [S("1"), S("x"), L(5), L(1)]),
        ("E string", PG, r"SELECT E'\':a', :a", [S("':a"), L(1)]),
        ("backslash in a plain string", PG, r"SELECT '\', :a", [S("\\"), L(1)]),
        ("dollar quotes", PG, "SELECT $$a :b c$$, $q$:a$q$, :a", [S("a :b c"), S(":a"), L(1)]),
        ("slice", PG, "SELECT (ARRAY[1,2,3,4])[3:4], :a", [A(longValues=[3, 4]), L(1)]),
        ("index", PG, "SELECT (ARRAY[1,2,3,4])[:a]", [L(1)]),
        ("question marks", PG, """SELECT '{"a":1}'::jsonb ? 'a', '?'""", [B(True), S("?")]),
        ("backslash", MY, r"SELECT '\':a', :a", [S("':a"), L(1)]),
        ("double quotes", MY, 'SELECT ":a", :a', [S(":a"), L(1)]),
        ("back ticks", MY, "SELECT `y:a`, :a FROM (SELECT 5 AS `y:a`) x", [L(5), L(1)]),
        ("hash comment", MY, "SELECT :a # :b '\n, :b", [L(1), S("x")]),
        ("assignment", MY, "SELECT @x:=:a", [L(1)]),
        ("limit", BOTH, "SELECT v FROM (SELECT 1 AS v UNION SELECT 2 UNION SELECT 3) t ORDER BY v LIMIT :a OFFSET :A", [L(3)])]:
    row(f"R-4.1 {title}", engines, run(sql, records(fields), parameters=P))
row("R-4.9 unused", BOTH, run("SELECT 1", records([L(1)]), parameters=P))
row("R-4.10 the last of a name", BOTH, run("SELECT :p", records([S("z")]), parameters=[parameter("p", longValue=1), parameter("p", stringValue="z")]),
    batch("SELECT :p", exactly({"updateResults": [{"generatedFields": []}]}), parameterSets=[[parameter("p", longValue=1), parameter("p", stringValue="z")]]))
MISSING = re.compile('ERROR: bind message supplies 0 parameters, but prepared statement "[^"]*" requires 1; SQLState: 08P01')
row("R-4.8 missing", PG, run("SELECT :p", database_error(MISSING)), run("SELECT :p", database_error(MISSING), parameters=[parameter("P", longValue=1)]),
    run("SELECT $1", database_error(MISSING)), run("SELECT $1", database_error(MISSING), parameters=[parameter("1", longValue=1)]))
row("R-4.8 missing", MY, run("SELECT :p", validation("Cannot find parameter: p")), run("SELECT :p", validation("Cannot find parameter: p"), parameters=P),
    batch("SELECT :p", validation("Cannot find parameter: p"), parameterSets=[[parameter("p", longValue=1)], []]))
row("R-4.6 question mark", PG, run("SELECT ?", database_error(re.compile("ERROR: syntax error at .*SQLState: 42601"))))
row("R-4.6 question mark", MY, run("SELECT ?", database_error("The statement has 1 parameter, but 0 were supplied; Error code: 1210; SQLState: HY000")))
row("R-4.15 limit of text", PG, run("SELECT 1 LIMIT :p", database_error(re.compile("ERROR: argument of LIMIT must be type bigint, not type text; Position: \\d+; SQLState: 42804")),
                                   parameters=[parameter("p", stringValue="1")]))
row("R-4.14 lists", PG, run("SELECT 2 = ANY(string_to_array(:p, ',')::int[])", records([B(True)]), parameters=[parameter("p", stringValue="1,2")]),
    run("SELECT :p::text[]", records([A(stringValues=["a", "b,c"])]), parameters=[parameter("p", stringValue='{"a","b,c"}')]),
    run("SELECT ARRAY[:a,:A]", records([A(longValues=[1, 2])]), parameters=P))
row("R-4.14 lists", MY, run("SELECT 2 IN (:a, :A)", good, parameters=P))
row("R-4.22 types", PG, run("SELECT pg_typeof(:s)::text, pg_typeof(:l)::text, pg_typeof(:d)::text, pg_typeof(:b)::text, pg_typeof(:x)::text",
                            records([S("text"), S("bigint"), S("double precision"), S("boolean"), S("bytea")]),
                            parameters=[parameter("s", stringValue="x"), parameter("l", longValue=1), parameter("d", doubleValue=1), parameter("b", booleanValue=True),
                                        parameter("x", blobValue="")]))
row("R-4.22 hinted types", PG, run("SELECT pg_typeof(:d)::text, pg_typeof(:t)::text, pg_typeof(:ts)::text, pg_typeof(:n)::text, pg_typeof(:j)::text, pg_typeof(:u)::text",
                                   records([S("date"), S("time without time zone"), S("timestamp without time zone"), S("numeric"), S("jsonb"), S("uuid")]),
                                   parameters=[parameter("d", "DATE", stringValue="2024-01-01"), parameter("t", "TIME", stringValue="01:02:03"),
                                               parameter("ts", "TIMESTAMP", stringValue="2024-01-01 01:02:03"), parameter("n", "DECIMAL", stringValue="1"),
                                               parameter("j", "JSON", stringValue="1"), parameter("u", "UUID", stringValue="0" * 8 + "-0000-0000-0000-" + "0" * 12)]))
row("R-4.21 uuid column", PG, run("CREATE TABLE @t (id uuid, n varchar(40), i int, j jsonb, ts timestamptz, num numeric, r real, s smallint, b bool)"),
    run("INSERT INTO @t (id) VALUES (:p)", database_error(re.compile('ERROR: column "id" is of type uuid but expression is of type text; Hint: You will need to rewrite or cast '
                                                                     'the expression\\.; Position: \\d+; SQLState: 42804')), parameters=[parameter("p", stringValue="x")]),
    run("SELECT 1 FROM @t WHERE n = :p", database_error(re.compile("ERROR: operator does not exist: character varying = uuid; Hint: .*; SQLState: 42883")),
        parameters=[parameter("p", "UUID", stringValue="01234567-89AB-cdef-0123-456789abcdef")]),
    run("INSERT INTO @t VALUES (:u, :n, :i, :j, :ts, :num, :r, :s, :b)", updated(1), parameters=[
        parameter("u", "UUID", stringValue="01234567-89AB-cdef-0123-456789abcdef"), parameter("n", stringValue="ü"), parameter("i", longValue=7),
        parameter("j", "JSON", stringValue='{ "a" : [ 1, 2 ] }'), parameter("ts", "TIMESTAMP", stringValue="2024-01-15 03:34:56.100"),
        parameter("num", doubleValue=19.99), parameter("r", doubleValue=3.14), parameter("s", longValue=3), parameter("b", booleanValue=False)]),
    run("SELECT * FROM @t", records([S("01234567-89ab-cdef-0123-456789abcdef"), S("ü"), L(7), S('{"a":[1,2]}'), S("2024-01-15 03:34:56.100"), S("19.99"), D(3.14), L(3), B(False)])),
    run("UPDATE @t SET id = :p, n = :q, i = :r, j = :s, b = :u", updated(1), parameters=[parameter(n, isNull=True) for n in "pqrsu"]))
echo(PG, "R-4", [
    ("null", ":p", {"value": NULL}, NULL),
    ("least long", ":p", {"value": L(-2**63)}, L(-2**63)), ("largest long", ":p", {"value": L(2**63 - 1)}, L(2**63 - 1)),
    ("whole double", ":p", {"value": D(10)}, D(10.0)), ("tiny double", ":p", {"value": D(5e-324)}, D(5e-324)), ("huge double", ":p", {"value": D(1.7976931348623157e308)}, D(1.7976931348623157e308)),
    ("0.1", ":p", {"value": D(0.1)}, D(0.1)), ("minus zero", ":p", {"value": D(-0.0)}, D(-0.0)),
    ("NaN", ":p", {"value": D("NaN")}, D("NaN")), ("Infinity", ":p", {"value": D("Infinity")}, D("Infinity")), ("-Infinity", ":p", {"value": D("-Infinity")}, D("-Infinity")),
    ("empty text", ":p", {"value": S("")}, S("")), ("every control character", ":p", {"value": S("".join(map(chr, range(1, 32))))}, S("".join(map(chr, range(1, 32))))),
    ("beyond the BMP", ":p", {"value": S("😀\u2028\"\\/")}, S("😀\u2028\"\\/")),
    ("U+0000", ":p", {"value": S("a\u0000b")}, database_error('ERROR: invalid byte sequence for encoding "UTF8": 0x00; SQLState: 22021')),
    ("blob", ":p", {"value": X("AAECAw==")}, X("AAECAw==")), ("empty blob", ":p", {"value": X("")}, X("")), ("three bytes", ":p", {"value": X("////")}, X("////")),
    ("hint beside another member", ":p", {"value": L(5), "typeHint": "DATE"}, L(5)), ("hint beside null", ":p", {"value": NULL, "typeHint": "UUID"}, NULL),
])
echo(MY, "R-4", [
    ("null", ":p", {"value": NULL}, NULL),
    ("least long", ":p", {"value": L(-2**63)}, L(-2**63)), ("largest long", ":p", {"value": L(2**63 - 1)}, L(2**63 - 1)),
    ("whole double", ":p", {"value": D(10)}, D(10.0)), ("huge double", ":p", {"value": D(1.7976931348623157e308)}, D(1.7976931348623157e308)), ("0.1", ":p", {"value": D(0.1)}, D(0.1)),
    ("empty text", ":p", {"value": S("")}, S("")), ("U+0000", ":p", {"value": S("a\u0000b")}, S("a\u0000b")), ("beyond the BMP", ":p", {"value": S("😀\"\\/")}, S("😀\"\\/")),
    ("blob", ":p", {"value": X("AAECAw==")}, X("AAECAw==")), ("empty blob", ":p", {"value": X("")}, X("")),
    ("boolean", ":p + 0", {"value": B(True)}, L(1)), ("hint beside null", ":p", {"value": NULL, "typeHint": "DATE"}, NULL),
])
HINTS = {
    "DATE": (["2024-02-29", "0001-01-01", "9999-12-31"],
             ["2023-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "24-01-01", "2024-01-01 00:00:00", "2024/01/01", " 2024-01-01", "", "today", "infinity", "2024-01-01T00:00:00Z"]),
    "TIME": (["00:00:00", "23:59:59", "12:34:56.789", "12:34:56.789012"], ["24:00:00", "12:60:00", "12:00:60", "1:02:03", "12:34", "12:34:56.", "12:34:56.1234567", "12:34:56Z", "", "now"]),
    "TIMESTAMP": (["2024-02-29 12:34:56", "2024-02-29 12:34:56.100", "2024-02-29 12:34:56.123456"],
                  ["2024-02-29T12:34:56", "2024-02-29 12:34:56Z", "2024-02-29 12:34:56+01", "2024-02-29", "2024-02-30 00:00:00", "2024-02-29  12:34:56", "", "now"]),
    "DECIMAL": (["0", "-12.340", "+5", ".5", "5.", "1e5", "9" * 60, "0." + "1" * 30], ["", ".", "-", "1,5", "0x10", "1 ", "NaN", "Infinity", "1e", "--1", "٣"]),
}
for hint, (goods, bads) in HINTS.items():
    for text in goods:
        row(f"R-4.30 {hint} {text}", BOTH, run("SELECT :p", good, parameters=[parameter("p", hint, stringValue=text)]))
    for text in bads:
        row(f"R-4.31 {hint} {text!r}", BOTH, run("SELECT :p", validation(f"Invalid value for type hint {hint}: {text}"), parameters=[parameter("p", hint, stringValue=text)]))
for text in ["{}", "[]", '"x"', "1", "null", "true", ' {"a" : [1, 2.50, {"b":null}]} ']:
    row(f"R-4.35 JSON {text}", PG, run("SELECT :p", good, parameters=[parameter("p", "JSON", stringValue=text)]))
for text in ["", "{", "{a:1}", "01", "nul", "{'a':1}", "[1,]", "1 2", '"\t"']:
    row(f"R-4.35 JSON {text!r}", PG, run("SELECT :p", validation(f"Invalid value for type hint JSON: {text}"), parameters=[parameter("p", "JSON", stringValue=text)]))
for text in ["", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdefa", "0123456789abcdef0123456789abcdef", "{01234567-89ab-cdef-0123-456789abcdef}",
             "g1234567-89ab-cdef-0123-456789abcdef"]:
    row(f"R-4.31 UUID {text!r}", PG, run("SELECT :p", validation(f"Invalid value for type hint UUID: {text}"), parameters=[parameter("p", "UUID", stringValue=text)]))
row("R-4.34 unknown hint", BOTH, run("SELECT :p", validation("1 validation error detected: Value 'date' at 'parameters.1.member.typeHint' failed to satisfy constraint: "
                                                             "Member must satisfy enum value set: [JSON, UUID, TIMESTAMP, DATE, TIME, DECIMAL]"),
                                     parameters=[parameter("p", "date", stringValue="2024-01-01")]))

row("R-4.2 not within quotes and comments", BOTH, run("SELECT ':a' /* :b */ -- :c\n, :a", records([S(":a"), L(1)]), parameters=P))
row("R-4.4 assignment", MY, run("SELECT @a:=5, @b := :a", records([L(5), L(1)]), parameters=P))
row("R-4.12 a colon in the name", BOTH, run("SELECT :a", validation("Named parameter syntax is invalid, input: :a"), parameters=[parameter(":a", longValue=1)]))
row("R-4.13 no identifiers", PG, run("SELECT * FROM :t", database_error(re.compile('ERROR: syntax error at or near "\\$1"; Position: 15; SQLState: 42601')), parameters=[parameter("t", stringValue="pg_class")]))
row("R-4.13 no identifiers", MY, run("SELECT * FROM :t", database_error(re.compile("You have an error in your SQL syntax.*; Error code: 1064; SQLState: 42000")), parameters=[parameter("t", stringValue="x")]))
for engine, kind in [(PG, "numeric"), (MY, "decimal(30,10)")]:
    row("R-4.25 doubles are doubles, decimals are not", engine, run(f"CREATE TABLE @t (d {kind})"), run("INSERT INTO @t VALUES (:d)", updated(1), parameters=[parameter("d", "DECIMAL", stringValue="12345678901234567890.0123456789")]),
        run("SELECT d FROM @t", records([S("12345678901234567890.0123456789")])), run("UPDATE @t SET d = :d", updated(1), parameters=[parameter("d", doubleValue=0.1)]), run("SELECT d = 0.1 FROM @t", good))
row("R-4.33 uuid and json columns", PG, run("CREATE TABLE @t (j json, b jsonb, v varchar)"), run("INSERT INTO @t (j, b) VALUES (:j, :j)", updated(1), parameters=[parameter("j", "JSON", stringValue='{"b": 1, "a": 2}')]),
    run("SELECT j, b FROM @t", records([S('{"a":2,"b":1}'), S('{"a":2,"b":1}')])),
    run("SELECT 1 FROM @t WHERE v = :u", database_error(re.compile('ERROR: operator does not exist: character varying = uuid; .*; SQLState: 42883')),
        parameters=[parameter("u", "UUID", stringValue="01234567-89ab-cdef-0123-456789abcdef")]))
row("R-4.32 a TIMESTAMP is UTC", PG, run("SELECT :p::timestamptz, (:p::timestamptz = '2024-01-15 09:34:56+06')", records([S("2024-01-15 03:34:56"), B(True)]), parameters=[parameter("p", "TIMESTAMP", stringValue="2024-01-15 03:34:56")]))
NULLS = [parameter("a", isNull=True), parameter("b", isNull=True)]
row("R-4.23 NULL where no type can be inferred is text", PG, run("SELECT :a IS NULL", records([B(True)]), parameters=NULLS), run("SELECT :a IS NULL", records([B(True)]), parameters=NULLS),
    run("SELECT :a IS NULL", records([B(False)]), parameters=[parameter("a", longValue=1)]), run("SELECT to_jsonb(:a)", records([NULL]), parameters=NULLS), run("SELECT COALESCE(:b, 1)", records([L(1)]), parameters=NULLS),
    run("CREATE TABLE @t (u uuid, n int[], v text)"), run("INSERT INTO @t (u, n) SELECT :a, :b WHERE :c IS NULL", error("DatabaseErrorException", re.compile("ERROR: could not determine data type of parameter \\$3; SQLState: 42P18")),
                                                 parameters=[*NULLS, parameter("c", isNull=True)]),
    run("INSERT INTO @t (u, n) SELECT :a, :b WHERE :c::int IS NULL", updated(1), parameters=[*NULLS, parameter("c", isNull=True)]), run("INSERT INTO @t (u, n) VALUES (:a, :b)", updated(1), parameters=NULLS),
    run("SELECT 1 FROM @t WHERE (:a IS NULL OR v = :a) AND n IS NULL", records([L(1)], [L(1)]), parameters=NULLS),
    begin(), in_tx("SELECT :a IS NULL, :b IS NULL", records([B(True), B(True)]), parameters=NULLS), in_tx("SELECT :a IS NULL, :b IS NULL", records([B(True), B(False)]), parameters=[NULLS[0], parameter("b", longValue=1)]), commit(),
    batch("INSERT INTO @t SELECT NULL WHERE :a IS NULL", good, parameterSets=[NULLS, NULLS]), run("SELECT count(*) FROM @t", records([L(4)])))
SAME = re.compile(r"ERROR: (could not determine data type of|inconsistent types deduced for) parameter \$1; Position: \d+; SQLState: 42P08")
row("R-4.23 NULL has the one type that PostgreSQL finds for it", PG, run("CREATE TABLE @t (i int, d date, v text)"), run("INSERT INTO @t VALUES (1, '2024-01-01', 'x')"),
    run("SELECT i FROM @t WHERE :a IS NULL OR i = :a", database_error(SAME), parameters=NULLS), run("INSERT INTO @t (i, v) VALUES (:a, :a)", database_error(SAME), parameters=NULLS),
    *[run(f"SELECT i FROM @t WHERE {where}", records([L(1)]), parameters=NULLS) for where in
      ["i = :a OR :a IS NULL", "d = :a OR :a IS NULL", "CAST(:a AS int) IS NULL OR i = :a", ":a::date IS NULL OR d = :a", "i = COALESCE(:a, i)", "v = :a OR :a IS NULL"]])
row("R-4.23 NULL anywhere", MY, run("CREATE TABLE @t (i int, v text)"), run("INSERT INTO @t VALUES (1, 'x')"),
    run("SELECT i FROM @t WHERE :a IS NULL OR i = :a", records([L(1)]), parameters=NULLS), run("INSERT INTO @t (i, v) VALUES (:a, :a)", updated(1), parameters=NULLS))
