"""Section 13: what Aurora Serverless v1 does otherwise (servers "v1" and "early", the latter with the texts of 2019)."""
import json
import re

from rows import *  # noqa: F403

V = "v1"


def bad(message):
    return error("BadRequestException", message)


def not_found(cause=""):
    return bad(re.compile(rf"Transaction \S+ is not found{re.escape(cause)}"))


def v1(sql, check=good, **members):
    return run(sql, check, V, **members)


def v1_tx(sql, check=good, **members):
    return run(sql, check, V, transactionId="@tx", **members)


def values(engine, cases):
    for expression, field in cases:
        row(f"R-13.12 {expression}", engine, v1(f"SELECT {expression}", records([field])))


# ---- errors

row("R-13.3 R-2.53", PG, v1("SELECT * FROM x", bad('ERROR: relation "x" does not exist\n  Position: 15; SQLState: 42P01')),
    v1("SELECT lenght('a')", bad("ERROR: function lenght(unknown) does not exist\n  Hint: No function matches the given name and argument types. You might need to add explicit type casts.\n"
                                 "  Position: 8; SQLState: 42883")),
    v1("DO $$ BEGIN RAISE EXCEPTION 'my text' USING ERRCODE = '23514', DETAIL = 'a detail', HINT = 'a hint'; END $$",
       bad("ERROR: my text\n  Detail: a detail\n  Hint: a hint\n  Where: PL/pgSQL function inline_code_block line 1 at RAISE; SQLState: 23514")),
    v1("SELECT 'äöü', nosuch", bad('ERROR: column "nosuch" does not exist\n  Position: 15; SQLState: 42703')))
row("R-2.53 before November 2020", PG, run("SELECT * FROM x", bad('ERROR: relation "x" does not exist\n  Position: 15'), "early"))
row("R-13.3 R-2.54", MY, v1("SELECT * FROM x", bad(f"Table '{SCRATCH}.x' doesn't exist; Error code: 1146; SQLState: 42S02")))
row("R-2.55 before November 2020", MY, run("SELECT * FROM x", bad(f"Database error code: 1146. Message: Table '{SCRATCH}.x' doesn't exist"), "early"),
    run("CREATE TABLE @t (id int PRIMARY KEY)", good, "early"), run("INSERT INTO @t VALUES (1)", good, "early"),
    run("INSERT INTO @t VALUES (1)", bad("Database error code: 1062. Message: Duplicate entry '1' for key 'PRIMARY'"), "early"))
row("R-13.4 R-2.21", BOTH, v1("SELECT 1", bad("Transaction abc is not found"), transactionId="abc"), commit(bad("Transaction abc is not found"), V, transactionId="abc"),
    rollback(bad("Transaction abc is not found"), V, transactionId="abc"),
    batch("SELECT 1", bad("Transaction abc is not found"), V, parameterSets=[], transactionId="abc"))
row("R-9.4 ended", BOTH, begin(server=V), commit(server=V), commit(not_found(". One previous call resulted in a termination of your transaction."), V),
    v1_tx("SELECT 1", not_found(". One previous call resulted in a termination of your transaction.")))
row("R-9.12 other cluster", BOTH, begin(server=V), run("SELECT 1", GONE, transactionId="@tx"), rollback(server=V))
row("R-9.13 other secret", BOTH, begin(server=V), v1_tx("SELECT 1", not_found(), secretArn="secret-wrong-password"), rollback(server=V))
row("R-9.14 other database", BOTH, begin(server=V), v1_tx("SELECT 1", bad("Database name is not the same as when transaction was created"), database="other"), rollback(server=V))
row("R-13.6 validation", BOTH, Call("Execute", {"sql": ABSENT}, bad("1 validation error detected: Value null at 'sql' failed to satisfy constraint: Member must not be null"), server=V),
    v1("SELECT 1", bad(f"1 validation error detected: Value '{'d' * 65}' at 'database' failed to satisfy constraint: Member must have length less than or equal to 64"), database="d" * 65),
    v1("SELECT 1", bad("Named parameter syntax is invalid, input: a b"), parameters=[parameter("a b", longValue=1)]))
row("R-2.30 stays", PG, v1("SELECT 1", wrong("parameters", "an array"), parameters=1))
for sql in ["", " ;", "-- nothing"]:
    row(f"R-2.32 {sql!r}", BOTH, v1(sql, bad("SQL is empty")))
row("R-2.18 arrays", BOTH, v1("SELECT :p", bad("Array parameters are not supported."), parameters=[parameter("p", arrayValue={"longValues": [1]})]))
row("R-2.34 secret", BOTH, v1("SELECT 1", bad(re.compile("Error fetching secret no-such-secret : Secrets Manager can’t find the specified secret\\. \\(Service: AWSSecretsManager; "
                                                         "Status Code: 400; Error Code: ResourceNotFoundException; Request ID: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\)")),
                              secretArn="no-such-secret"))
row("R-2.36 secret", BOTH, v1("SELECT 1", bad("The secret must contain username and password fields."), secretArn="secret-not-json"))
row("R-2.58 password", PG, v1("SELECT 1", bad(re.compile('FATAL: password authentication failed for user "\\w+"; SQLState: 28P01')), secretArn="secret-wrong-password"))
row("R-2.58 password", MY, v1("SELECT 1", bad(re.compile("Access denied for user .*; Error code: 1045; SQLState: 28000")), secretArn="secret-wrong-password"))
row("R-13.5 an unknown cluster is told of by the server's own profile", BOTH,
    run("SELECT 1", error("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {CLUSTER}gone-v1"), V, resourceArn=CLUSTER + "gone-v1"))
row("R-13.11 R-10.7 schema", BOTH, v1("SELECT 1", records([L(1)]), schema="public"), batch("SELECT 1", exactly({"updateResults": []}), V, schema="public"),
    begin(server=V, schema="public"), rollback(server=V))
row("R-4.8 missing", BOTH, v1("SELECT :p", bad("Cannot find parameter: p")), v1("SELECT :a, :p", bad("Cannot find parameter: p"), parameters=[parameter("a", longValue=1)]))
row("R-4.9 unused", BOTH, v1("SELECT 1", records([L(1)]), parameters=[parameter("a", longValue=1)]))

# ---- parameters

row("R-13.15 strings", PG, v1("SELECT pg_typeof(:s)::text, pg_typeof(:l)::text, pg_typeof(:j)::text", records([S("character varying"), S("bigint"), S("json")]),
                              parameters=[parameter("s", stringValue="x"), parameter("l", longValue=1), parameter("j", "JSON", stringValue="{}")]),
    v1("CREATE TABLE @t (id uuid)"), v1("INSERT INTO @t (id) VALUES (:p)", bad(re.compile(
        'ERROR: column "id" is of type uuid but expression is of type character varying\n  Hint: You will need to rewrite or cast the expression\\.\n  Position: \\d+; SQLState: 42804')),
        parameters=[parameter("p", stringValue="x")]))
row("R-4.34 JSON as it is", PG, v1("SELECT :p", records([S('{ "b" : 1,  "a" : 2 }')]), parameters=[parameter("p", "JSON", stringValue='{ "b" : 1,  "a" : 2 }')]),
    v1("SELECT :p", bad(re.compile("ERROR: invalid input syntax for type json\n  Detail: .*; SQLState: 22P02")), parameters=[parameter("p", "JSON", stringValue="{a:1}")]))
row("R-13.19 hints", MY, v1("SELECT :j, :u", records([S('{"a": 1}'), S("01234567-89ab-cdef-0123-456789abcdef")]), parameters=[
    parameter("j", "JSON", stringValue='{"a": 1}'), parameter("u", "UUID", stringValue="01234567-89ab-cdef-0123-456789abcdef")]))

# ---- several statements

row("R-13.7 R-3.19", PG, v1("CREATE TABLE @t (a int)"), v1("SELECT 1 AS a; INSERT INTO @t VALUES (1); SELECT 'x' AS b", records([L(1)])), v1("SELECT a FROM @t", records([L(1)])),
    v1("INSERT INTO @t VALUES (:b), (:a); SELECT 5", updated(2), parameters=[parameter("a", longValue=2), parameter("b", longValue=3)]),
    v1("SELECT 1 AS a; SELECT 2", lambda test, status, kind, got: test.assertEqual(([c["label"] for c in got["columnMetadata"]], got["records"]), (["a"], [[L(1)]])), includeResultMetadata=True),
    v1("INSERT INTO @t VALUES (9); SELECT 1/0", bad("ERROR: division by zero; SQLState: 22012")), v1("SELECT count(*) FROM @t", records([L(3)])),
    v1("SELECT :q; SELECT :p", bad("Cannot find parameter: q")), v1(";SELECT 7;; ; SELECT 8;", records([L(7)])))
row("R-13.7 in a transaction", PG, v1("CREATE TABLE @t (a int)"), begin(server=V), v1_tx("INSERT INTO @t VALUES (1); INSERT INTO @t VALUES (2)", updated(1)), v1_tx("SELECT count(*) FROM @t", records([L(2)])),
    rollback(server=V), v1("SELECT count(*) FROM @t", records([L(0)])))
row("R-13.7 R-3.19", MY, v1("SELECT 1; SELECT 2", bad(re.compile("You have an error in your SQL syntax; .*; Error code: 1064; SQLState: 42000"))))

# ---- values

values(PG, [
    ("'12345'::oid", S("12345")), ("'a'::\"char\"", S("a")), ("'12:34:56.780180'::time", S("12:34:56.78")), ("'12:34:56'::time", S("12:34:56")), ("'01:00:00.5+05:30'::timetz", S("19:30:00.5")),
    ("'2024-01-15 12:34:56.780180'::timestamp", S("2024-01-15 12:34:56.78018")), ("'2024-01-15 12:34:56.100+09'::timestamptz", S("2024-01-15 03:34:56.1")),
    ("'2024-01-15 12:34:56'::timestamp", S("2024-01-15 12:34:56")), ("'infinity'::timestamp", S("infinity")), ("'-infinity'::date", S("-infinity")),
    ("'1 day 2 hours'::interval", S("0 years 0 mons 1 days 2 hours 0 mins 0.0 secs")), ("'14 months -1.5 seconds'::interval", S("1 years 2 mons 0 days 0 hours 0 mins -1.5 secs")),
    ("'{\"x\": 0, \"y\": \"0\"}'::jsonb", S('{"x": 0, "y": "0"}')), ("'{ \"b\" : 1}'::json", S('{ "b" : 1}')), ("(512::numeric ^ 512)::numeric::text::jsonb IS NULL", B(False)),
    ("'1.50'::money", S("$1.50")), ("point(1,2)", S("(1,2)")), ("'<(0,0),1>'::circle", S("<(0,0),1>")), ("'((0,0),(1,1))'::box", S("(1,1),(0,0)")), ("'08:00:2b:01:02:03'::macaddr", S("08:00:2b:01:02:03")),
    ("daterange('2024-01-01','2024-02-01')", S("[2024-01-01,2024-02-01)")), ("int8range(1,5)", S("[1,5)")), ("'<a/>'::xml", S("<a/>")), ("'a b'::tsvector", S("'a' 'b'")),
    ("'pg_class'::regclass", S("pg_class")), ("ROW(1,'x')", S("(1,x)")), ("B'1'::bit(1)", B(True)), ("B'101'::bit(3)", S("101")), ("pg_sleep(0)", S("")),
    ("ARRAY[[1,2],[3,4]]", A(arrayValues=[{"longValues": [1, 2]}, {"longValues": [3, 4]}])), ("ARRAY[[['a'],['b']]]", A(arrayValues=[{"arrayValues": [{"stringValues": ["a"]}, {"stringValues": ["b"]}]}])),
    ("'[2:3][0:1]={{1,NULL},{3,4}}'::int[]", A(arrayValues=[{"longValues": [1, None]}, {"longValues": [3, 4]}])), ("ARRAY[1,NULL]", A(longValues=[1, None])),
    ("ARRAY['\\x00ff']::bytea[]", A(stringValues=["\\x00ff"])), ("ARRAY['1 day']::interval[]", A(stringValues=["0 years 0 mons 1 days 0 hours 0 mins 0.0 secs"])), ("12345.7::float4", D(12345.7)), ("19.990::numeric", S("19.990")),
])
for kind, literal, field in [
        ("year", "2020", S("2020-01-01")), ("bit(1)", "b'1'", B(True)), ("bit(8)", "b'101'", X("BQ==")), ("bit(12)", "b'100000000001'", X("CAE=")), ("tinyint(1)", "1", B(True)),
        ("datetime(6)", "'2020-04-16 15:36:54.384'", S("2020-04-16 15:36:54.384")), ("datetime(6)", "'2020-04-16 15:36:54.1'", S("2020-04-16 15:36:54.1")), ("time(6)", "'04:31:56.734567'", S("04:31:56.734")),
        ("time", "'-01:00:00'", S("23:00:00")), ("time(1)", "'-01:02:03.5'", S("22:57:56.5")), ("json", "'{\"a\": [1, 2]}'", S('{"a": [1, 2]}')), ("decimal(10,0)", "745", S("745")), ("float", "837.484", D(837.484)), ("enum('one','two')", "'two'", S("two")),
        ("point", "ST_GeomFromText('POINT(1 2)')", X("AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA=="))]:
    row(f"R-13.12 {kind} {literal}", MY, v1(f"CREATE TABLE @t (c {kind})"), v1(f"INSERT INTO @t VALUES ({literal})", updated(1)), v1("SELECT c FROM @t", records([field])))
row("R-5.3 zero dates are null", MY, v1("CREATE TABLE @t (d date, t datetime)"), begin(server=V), v1_tx("SET SESSION sql_mode = ''"), v1_tx("INSERT INTO @t VALUES ('0000-00-00', '0000-00-00')"), commit(server=V),
    v1("SELECT d, t FROM @t", records([NULL, NULL])))

# ---- metadata


def names(*expected):
    def check(test, status, kind, got):
        test.assertEqual([(c["typeName"], c["type"], c["nullable"]) for c in got["columnMetadata"]], list(expected), got)
    return check


row("R-13.20 R-6.11", PG, v1("CREATE TABLE @t (a int NOT NULL, b int)"), v1("SELECT a, b, a + 1, 'x' FROM @t", names(("int4", 4, 0), ("int4", 4, 1), ("int4", 4, 2), ("text", 12, 2)), includeResultMetadata=True))
row("R-6 names of types", MY, v1("CREATE TABLE @t (a bool, b enum('x'), c set('y'), d bit(3), e int)"),
    v1("SELECT * FROM @t", names(("BIT", -7, 1), ("CHAR", 1, 1), ("CHAR", 1, 1), ("BIT", -7, 1), ("INT", 4, 1)), includeResultMetadata=True),
    run("SELECT * FROM @t", names(("BOOLEAN", -7, 1), ("ENUM", 1, 1), ("SET", 1, 1), ("BIT", -7, 1), ("INT", 4, 1)), includeResultMetadata=True))

# ---- formattedRecords

for engine, cast in [(PG, "::float8"), (MY, "e0")]:
    row("R-7.5 doubles as in Java", engine, v1(", ".join(f"{sql}{cast} AS {name}" for sql, name in [("SELECT 10", "a"), ("0.0001", "b"), ("12345678.5", "c"), ("0.05", "d"), ("-9999999.5", "e")]),
                                               formatted('[{"a":10.0,"b":1.0E-4,"c":1.23456785E7,"d":0.05,"e":-9999999.5}]'), **J))
row("R-7.5 extremes", PG, v1("SELECT 1.7976931348623157e308::float8 AS a, 1e10::float4 AS b, 4.9e-324::float8 AS c", formatted('[{"a":1.7976931348623157E308,"b":1.0E10,"c":4.9E-324}]'), **J))
row("R-7.8 duplicates", BOTH, v1("SELECT 1 AS a, 2 AS a", bad("The result contains duplicate column names."), **J))

# ---- limits

row("R-13.13 R-2.25", BOTH, v1(f"SELECT repeat('x', 60000) AS a FROM (SELECT 1 AS n {'UNION ALL SELECT 1 ' * 19}) t", bad("Database returned more than the allowed response size limit")))
row("R-2.25 of 2019", BOTH, run(f"SELECT repeat('x', 60000) AS a FROM (SELECT 1 AS n {'UNION ALL SELECT 1 ' * 19}) t", bad("Database response exceeded size limit"), "early"))
row("R-13.14 R-2.26 R-3.5", BOTH, v1("SELECT repeat('x', 65530)", good), v1("SELECT repeat('x', 65531)", bad(re.compile("Packet for query is too large \\(65537 > 65536\\).*"))))
row("R-9.8 a large result ends the transaction", BOTH, begin(server=V), v1_tx("CREATE TABLE @t (a int)"), v1_tx("SELECT repeat('x', 70000)", bad(re.compile("Packet for query is too large.*"))),
    v1_tx("SELECT 1", not_found(". Transaction has been aborted due to an error from a previous call.")))

# ---- generated fields and batches

row("R-8.2 one id a row", MY, v1("CREATE TABLE @t (id int AUTO_INCREMENT PRIMARY KEY, v int)"), v1("INSERT INTO @t (v) VALUES (1)", updated(1, [1])), v1("INSERT INTO @t (v) VALUES (2), (3), (4)", updated(3, [2, 3, 4])),
    v1("UPDATE @t SET v = 9", updated(4)), batch("INSERT INTO @t (v) VALUES (:a), (:a)", exactly({"updateResults": [{"generatedFields": [L(5), L(6)]}, {"generatedFields": [L(7), L(8)]}]}), V,
                                                 parameterSets=[[parameter("a", longValue=1)], [parameter("a", longValue=2)]]))
row("R-13.9 R-8.4", PG, v1("CREATE TABLE @t (id serial PRIMARY KEY, v text, at date DEFAULT '2024-01-02')"),
    batch("INSERT INTO @t (v) VALUES (:v)", exactly({"updateResults": [{"generatedFields": [L(1), S("a"), S("2024-01-02")]}, {"generatedFields": [L(2), NULL, S("2024-01-02")]}]}), V,
          parameterSets=[[parameter("v", stringValue="a")], [parameter("v", isNull=True)]]),
    batch("INSERT INTO @t (v) VALUES (:v) -- the last", exactly({"updateResults": [{"generatedFields": [L(3), S("c"), S("2024-01-02")]}]}), V, parameterSets=[[parameter("v", stringValue="c")]]),
    batch("UPDATE @t SET v = :v", exactly({"updateResults": [{"generatedFields": []}]}), V, parameterSets=[[parameter("v", stringValue="x")]]),
    batch("DELETE FROM @t", exactly({"updateResults": [{"generatedFields": []}]}), V, parameterSets=[[]]), v1("INSERT INTO @t (v) VALUES ('z')", updated(1)),
    begin(server=V), batch("INSERT INTO @t (v) VALUES (:v)", exactly({"updateResults": [{"generatedFields": [L(5), S("y"), S("2024-01-02")]}]}), V, parameterSets=[[parameter("v", stringValue="y")]], transactionId="@tx"),
    rollback(server=V), v1("SELECT v FROM @t", records([S("z")])))
row("R-8.4 all or none", PG, v1("CREATE TABLE @t (id int PRIMARY KEY)"), batch("INSERT INTO @t VALUES (:a)", bad(re.compile("ERROR: duplicate key value .*\n  Detail: Key \\(id\\)=\\(1\\) already exists\\.; SQLState: 23505")), V,
                                                                              parameterSets=[[parameter("a", longValue=1)], [parameter("a", longValue=1)]]), v1("SELECT * FROM @t", records()))
row("R-8.6 rows in a batch", PG, batch("SELECT 1", bad("A result was returned when none was expected."), V, parameterSets=[[]]), v1("CREATE TABLE @t (a int)"),
    batch("INSERT INTO @t VALUES (1) RETURNING a", bad("Too many update results were returned."), V, parameterSets=[[]]), v1("SELECT * FROM @t", records()))
row("R-8.6 rows in a batch", MY, batch("SELECT 1", bad("A result was returned when none was expected."), V, parameterSets=[[]]))

# ---- ExecuteSql


def sql(text, check=good, server=V):
    return Call("ExecuteSql", {"sqlStatements": text}, check, server=server)


def frames(*expected):
    """(number of records updated, rows or None) of each statement."""
    def check(test, status, kind, got):
        test.assertEqual((status, kind), (200, None), got)
        test.assertEqual([*got], ["sqlStatementResults"])
        shown = []
        for one in got["sqlStatementResults"]:
            frame = one.get("resultFrame")
            if frame is not None:
                test.assertEqual(frame["resultSetMetadata"]["columnCount"], len(frame["resultSetMetadata"]["columnMetadata"]))
                test.assertEqual({len(r["values"]) for r in frame["records"]} - {frame["resultSetMetadata"]["columnCount"]}, set())
            shown.append((one["numberOfRecordsUpdated"], None if frame is None else [r["values"] for r in frame["records"]]))
        test.assertEqual(json.dumps(shown), json.dumps(list(expected)))
    return check


row("R-13.10 R-1.12 values", PG, sql("SELECT true, 1::int2, 2, 3::int8, 1.5::float4, 2.5::float8, 1.50::numeric, 'x', '\\x00ff'::bytea, NULL, ARRAY[1,NULL], ARRAY[['a']]",
                                     frames((0, [[{"bitValue": True}, {"intValue": 1}, {"intValue": 2}, {"bigIntValue": 3}, {"realValue": 1.5}, {"doubleValue": 2.5}, S("1.50"), S("x"), X("AP8="), NULL,
                                                  {"arrayValues": [{"intValue": 1}, NULL]}, {"arrayValues": [{"arrayValues": [S("a")]}]}]]))))
row("R-13.10 R-1.12 values", MY, sql("SELECT 9223372036854775807, 1.5e0, 1.50, 'x', x'00ff', NULL", frames((0, [[{"bigIntValue": 2**63 - 1}, {"doubleValue": 1.5}, S("1.50"), S("x"), X("AP8="), NULL]]))),
    sql("CREATE TABLE @t (a int, f float, b bool)"), sql("INSERT INTO @t VALUES (1, 1.5, true)", frames((1, None))), sql("SELECT * FROM @t", frames((0, [[{"intValue": 1}, {"realValue": 1.5}, {"bitValue": True}]]))))
row("R-13.10 several", BOTH, sql("CREATE TABLE @t (a int); INSERT INTO @t VALUES (1), (2);\nSELECT a FROM @t ORDER BY a; DELETE FROM @t WHERE a = 1;", frames(
    (0, None), (2, None), (0, [[{"intValue": 1}], [{"intValue": 2}]]), (1, None))), run("SELECT a FROM @t", records([L(2)])))
row("R-13.10 whole frame", PG, sql("SELECT 1 AS a", exactly({"sqlStatementResults": [{"numberOfRecordsUpdated": 0, "resultFrame": {
    "records": [{"values": [{"intValue": 1}]}], "resultSetMetadata": {"columnCount": 1, "columnMetadata": [metadata("a", 4, "int4", 10, 0, signed=True, nullable=2)]}}}]})))
row("R-13.10 no rows", BOTH, sql("SELECT 1 AS a FROM (SELECT 1 AS b) t WHERE b = 2", frames((0, []))))
row("R-13.10 no placeholders", PG, sql("SELECT ':x', (ARRAY[1,2,3])[1:2]", frames((0, [[S(":x"), {"arrayValues": [{"intValue": 1}, {"intValue": 2}]}]]))))
row("R-13.10 errors", BOTH, sql("", bad("SQL is empty")), sql("SELECT 1; SELEKT 2", bad(re.compile(".*SELEKT.*"))),
    sql(f"SELECT repeat('x', 70000)", bad(re.compile("Packet for query is too large.*"))),
    Call("ExecuteSql", {"sqlStatements": ABSENT}, bad("1 validation error detected: Value null at 'sqlStatements' failed to satisfy constraint: Member must not be null"), server=V))
row("R-13.10 all or none", PG, sql("CREATE TABLE @t (a int)"), sql("INSERT INTO @t VALUES (1); SELECT 1/0", bad("ERROR: division by zero; SQLState: 22012")), run("SELECT * FROM @t", records()))
row("R-13.10 each by itself", MY, sql("CREATE TABLE @t (a int)"), sql("INSERT INTO @t VALUES (1); SELEKT", bad(re.compile("You have an error.*"))), run("SELECT * FROM @t", records([L(1)])))

row("R-13.16 jsonb as the server writes it", PG, v1("SELECT '{\"a\":[1,2]}'::jsonb", records([S('{"a": [1, 2]}')])), run("SELECT '{\"a\":[1,2]}'::jsonb", records([S('{"a":[1,2]}')])))
row("R-13.17 fractions", PG, v1("SELECT '2024-01-15 12:34:56.100'::timestamp, '12:34:56.789012'::time", records([S("2024-01-15 12:34:56.1"), S("12:34:56.789")])))
row("R-13.22 counts, statuses and shapes are the same", BOTH, v1("CREATE TABLE @t (a int)", updated(0)), v1("INSERT INTO @t VALUES (1), (2)", updated(2)), v1("UPDATE @t SET a = 1", updated(2)), begin(server=V), commit(server=V),
    begin(server=V), rollback(server=V), v1("SELECT a FROM @t WHERE a > 5", records()), v1("SELECT 1 AS a", formatted('[{"a":1}]'), **J))
