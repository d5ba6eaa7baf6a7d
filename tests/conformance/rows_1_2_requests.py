"""Sections 1 and 2: the protocol, what requests are refused, the texts of errors."""
import re

from rows import *  # noqa: F403

row("R-1.5 trailing slash", PG, Call("Execute/", {"sql": "SELECT 1"}, records([L(1)])))
each("R-1.6", PG, [(repr(path), Call(path, {"sql": "SELECT 1"}, error("UnknownOperationException", "Unknown operation")))
                   for path in ["", "Executes", "execute", "Execute/Execute", "v1/Execute"]])
row("R-1.20 rows", BOTH, run("SELECT 1", exactly({"numberOfRecordsUpdated": 0, "records": [[L(1)]]})))
row("R-1.20 no rows", BOTH, run("SELECT 1 AS a FROM (SELECT 1 AS b) t WHERE b = 2", exactly({"numberOfRecordsUpdated": 0, "records": []})))
row("R-1.20 a write has no metadata", BOTH, run("CREATE TABLE @t (a int)", updated(0), includeResultMetadata=True),
    run("INSERT INTO @t VALUES (1)", updated(1), includeResultMetadata=True))
row("R-1.24 unknown members", BOTH, run("SELECT :p", records([S("x")]), colour="red", resultSetOptions={"more": 1},
                                       parameters=[{"name": "p", "value": {"stringValue": "x", "future": [1]}, "more": {}}]))
row("R-1.22 null members count as absent", BOTH, run("SELECT 1", records([L(1)]), schema=None, parameters=None, transactionId=None,
                                                    includeResultMetadata=None, continueAfterTimeout=None, resultSetOptions=None, formatRecordsAs=None))

for title, body in [("no body", b""), ("half", b'{"sql":'), ("text after it", b'{} {}'), ("no object", b'[]'), ("a word", b'hello'),
                    ("single quotes", b"{'sql':'SELECT 1'}"), ("comma at the end", b'{"sql":"SELECT 1",}'), ("NaN", b'{"sql":NaN}'),
                    ("invalid UTF-8", b'{"sql":"\xff"}'), ("lone surrogate", b'{"sql":"\\ud800"}'), ("control character", b'{"sql":"a\nb"}'),
                    ("nesting", b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), ("duplicate quote", b'{"sql":""x"}'), ("a string", b'"SELECT 1"')]:
    row(f"R-2.30 {title}", PG, Call("Execute", {}, error("SerializationException", re.compile(".+")), raw=body))

STRINGS = [7, 1.5, True, [], {}, ["x"]]
for operation, members in {"Execute": ["resourceArn", "secretArn", "sql", "database", "schema", "transactionId"],
                           "BatchExecute": ["resourceArn", "secretArn", "sql", "database", "schema", "transactionId"],
                           "BeginTransaction": ["resourceArn", "secretArn", "database", "schema"],
                           "CommitTransaction": ["resourceArn", "secretArn", "transactionId"],
                           "RollbackTransaction": ["resourceArn", "secretArn", "transactionId"],
                           }.items():
    for member in members:
        for bad in STRINGS:
            row(f"R-2.30 {operation} {member} {bad!r}", PG,
                Call(operation, {"sql": "SELECT 1", "transactionId": "x", member: bad}, wrong(member, "a string")))
for member in ["includeResultMetadata", "continueAfterTimeout"]:
    for bad in [1, 0, "true", "", [], {}]:
        row(f"R-2.30 {member} {bad!r}", PG, run("SELECT 1", wrong(member, "a boolean"), **{member: bad}))
for bad in ["x", 1, {}, True]:
    row(f"R-2.30 parameters {bad!r}", PG, run("SELECT 1", wrong("parameters", "an array"), parameters=bad))
    row(f"R-2.30 parameterSets {bad!r}", PG, batch("SELECT 1", wrong("parameterSets", "an array"), parameterSets=bad))
for bad in ["x", 1, [], True]:
    row(f"R-2.30 resultSetOptions {bad!r}", PG, run("SELECT 1", wrong("resultSetOptions", "an object"), resultSetOptions=bad))
    row(f"R-2.30 parameter {bad!r}", PG, run("SELECT :p", wrong("parameters.1.member", "an object"), parameters=[bad]))
    row(f"R-2.30 value {bad!r}", PG, run("SELECT :p", wrong("parameters.2.member.value", "an object"),
                                         parameters=[parameter("p", isNull=True), {"name": "p", "value": bad}]))
for bad in ["x", 1, {}]:
    row(f"R-2.30 set {bad!r}", PG, batch("SELECT 1", wrong("parameterSets.2.member", "an array"), parameterSets=[[], bad]))
row("R-2.30 in a set", PG, batch("SELECT :p", error(
    "SerializationException", re.compile(r"The value of 'parameterSets\.1\.member\.2\.member\.value\.longValue' must be an integer .*")),
    parameterSets=[[parameter("p", longValue=1), parameter("p", longValue="1")]]))
for member, bads, words in [("stringValue", [1, True, [], {}], "a string"),
                            ("longValue", ["1", True, 1.5, 1.0, 1e3, 2**63, -2**63 - 1, 10**30, [], {}], "an integer .*"),
                            ("doubleValue", ["1.5", "nan", "inf", "-inf", "+Infinity", "", True, [], {}], "a number that a double can hold.*"),
                            ("booleanValue", [0, 1, "true", [], {}], "a boolean"),
                            ("isNull", [0, 1, "true", [], {}], "a boolean"),
                            ("blobValue", [1, True, [], {}], "a string"),
                            ("blobValue", ["A", "AA", "AAA", "AA=A", "====", "A A=", "AA==AA==", "-_-_", "AB==\n", "é"], "base64 .*"),
                            ("arrayValue", [1, "x", True, []], "an object")]:
    for bad in bads:
        row(f"R-2.30 {member} {bad!r}", PG, run("SELECT :p", error("SerializationException", re.compile(
            rf"The value of 'parameters\.1\.member\.value\.{member}' must be {words}")), parameters=[parameter("p", **{member: bad})]))
row("R-2.30 doubleValue out of range", PG, Call("Execute", {}, error("SerializationException", re.compile(".+")),
                                               raw=b'{"sql":"SELECT :p","parameters":[{"name":"p","value":{"doubleValue":1e999}}]}'))
each("R-2.30", PG, [("name 1", run("SELECT 1", wrong("parameters.1.member.name", "a string"), parameters=[{"name": 1, "value": NULL}])),
                    ("typeHint 1", run("SELECT 1", wrong("parameters.1.member.typeHint", "a string"),
                                       parameters=[{"name": "a", "value": NULL, "typeHint": 1}])),
                    ("formatRecordsAs 1", run("SELECT 1", wrong("formatRecordsAs", "a string"), formatRecordsAs=1)),
                    ("decimalReturnType 1", run("SELECT 1", wrong("resultSetOptions.decimalReturnType", "a string"),
                                                resultSetOptions={"decimalReturnType": 1})),
                    ("longReturnType []", run("SELECT 1", wrong("resultSetOptions.longReturnType", "a string"),
                                              resultSetOptions={"longReturnType": []}))])

for operation in ["Execute", "BatchExecute"]:
    row(f"R-2.31 {operation} without anything", PG, Call(operation, {"resourceArn": ABSENT, "secretArn": ABSENT, "database": ABSENT},
                                                         missing("resourceArn", "secretArn", "sql")))
    row(f"R-2.31 {operation} without sql", PG, Call(operation, {}, missing("sql")))
row("R-2.31 begin without anything", PG, Call("BeginTransaction", {"resourceArn": ABSENT, "secretArn": ABSENT}, missing("resourceArn", "secretArn")))
for operation in ["CommitTransaction", "RollbackTransaction"]:
    row(f"R-2.31 {operation} without anything", PG, Call(operation, {"resourceArn": ABSENT, "secretArn": ABSENT},
                                                         missing("resourceArn", "secretArn", "transactionId")))
    row(f"R-2.31 {operation} null", PG, Call(operation, {"transactionId": None}, missing("transactionId")))


def length(member, value, limit):
    shown = value if len(value) <= 100 else value[:100] + "..."
    return validation(f"1 validation error detected: Value '{shown}' at '{member}' failed to satisfy constraint: "
                      f"Member must have length {'less' if len(value) > limit else 'greater'} than or equal to {limit}")

for operation in ["Execute", "BatchExecute", "BeginTransaction", "CommitTransaction", "RollbackTransaction"]:
    for member in ["resourceArn", "secretArn"]:
        for bad, limit in [("x" * 571, 570), ("x" * 10, 11), ("", 11)]:
            row(f"R-2.31 {operation} {member} {len(bad)}", PG,
                Call(operation, {"sql": "SELECT 1", "transactionId": "x", member: bad}, length(member, bad, limit)))
row("R-2.31 570 is long enough", PG, run("SELECT 1", error("HttpEndpointNotEnabledException", "HttpEndpoint is not enabled for resource " + "x" * 570),
                                         resourceArn="x" * 570))
each("R-2.31", PG, [("database 65", run("SELECT 1", length("database", "d" * 65, 64), database="d" * 65)),
                    ("database counts characters", run("SELECT 1", database_error(f'FATAL: database "{"ä" * 31}" does not exist; SQLState: 3D000'),
                                                       database="ä" * 31)),
                    ("schema 65", run("SELECT 1", length("schema", "d" * 65, 64), schema="d" * 65)),
                    ("transactionId 193", run("SELECT 1", length("transactionId", "d" * 193, 192), transactionId="d" * 193)),
                    ("transactionId 192", run("SELECT 1", error("TransactionNotFoundException", f"Transaction {'d' * 192} is not found"),
                                              transactionId="d" * 192)),
                    ("two", run("SELECT 1", error("ValidationException", re.compile("2 validation errors detected: Value 'x' at 'resourceArn' .*; Value '' at 'secretArn' .*")),
                                resourceArn="x", secretArn="")),
                    ("formatRecordsAs", run("SELECT 1", validation("1 validation error detected: Value 'json' at 'formatRecordsAs' failed to satisfy constraint: "
                                                                   "Member must satisfy enum value set: [NONE, JSON]"), formatRecordsAs="json")),
                    ("decimalReturnType", run("SELECT 1", error("ValidationException", re.compile(".*'LONG' at 'resultSetOptions.decimalReturnType'.*STRING, DOUBLE_OR_LONG.")),
                                              resultSetOptions={"decimalReturnType": "LONG"})),
                    ("longReturnType", run("SELECT 1", error("ValidationException", re.compile(".*'' at 'resultSetOptions.longReturnType'.*")),
                                           resultSetOptions={"longReturnType": ""}))])
row("R-3.2 65,536 characters", BOTH, run("SELECT 'ä" + "ü" * (65536 - 10) + "'", good))
row("R-3.2 one more", BOTH, run("SELECT '" + "ü" * (65536 - 8) + "'", error("ValidationException", re.compile(
    "1 validation error detected: Value 'SELECT 'ü+\\.\\.\\.' at 'sql' failed to satisfy constraint: Member must have length less than or equal to 65536"))))
each("R-2.10", BOTH, [(arn, run("SELECT 1", error("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {arn}"), resourceArn=arn))
                      for arn in [CLUSTER + "no-such", CLUSTER + "TEST-POSTGRESQL", CLUSTER + "test-postgresql ", "test-postgresql-and-more",
                                  "arn:aws:rds:us-east-1:123456789012:db:test-postgresql"]])
row("R-2.10 begins nothing", BOTH, begin(error("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {CLUSTER}no-such"),
                                         resourceArn=CLUSTER + "no-such"))
for sql in ["SELECT 1; SELECT 2", ";SELECT 1; SELECT 2", "SELECT 1;;SELECT 2", "SELECT ';'; SELECT 2", "SELECT 1; x", "BEGIN; SELECT 1; COMMIT"]:
    row(f"R-2.14 {sql}", BOTH, run(sql, validation("Multistatements aren't supported.")),
        batch(sql, validation("Multistatements aren't supported."), parameterSets=[[]]))
for sql in ["SELECT 1;", "SELECT 1 ; ", "SELECT 1;;", "SELECT 1; -- done", "SELECT 1; /* ; */ ;", "/* ; */ SELECT 1 -- ; x", "(SELECT 1);"]:
    row(f"R-3.19 {sql}", BOTH, run(sql, records([L(1)])))
row("R-3.19 semicolons in texts", BOTH, run("SELECT 'a;b', 'c'';d'", records([S("a;b"), S("c';d")])))
row("R-3.19 dollar quotes", PG, run("SELECT $$a;b$$, $x$c;$$d$x$", records([S("a;b"), S("c;$$d")])))
row("R-3.19 function body", PG, run("CREATE FUNCTION @t() RETURNS int AS $$ BEGIN PERFORM 1; RETURN 7; END; $$ LANGUAGE plpgsql", updated(0)),
    run("SELECT @t()", records([L(7)])))
row("R-3.19 procedure body", MY, run("CREATE PROCEDURE @t() BEGIN SELECT 1; SELECT 2; END", updated(0)), run("CALL @t()", records([L(1)])))
row("R-2.15 schema", BOTH, run("SELECT 1", validation("The schema parameter isn't supported"), schema="public"),
    batch("SELECT 1", validation("The schema parameter isn't supported"), schema="x"), begin(validation("The schema parameter isn't supported"), schema="x"))
row("R-10.7 empty schema", BOTH, run("SELECT 1", records([L(1)]), schema=""))
for name in ["$1", "q?marks", "/slashes/", "more/slashes", "mäil", ":a", "a b", "a-b", "", "a\u0000", "a.b"]:
    row(f"R-2.16 {name!r}", BOTH, run("SELECT 1", validation(f"Named parameter syntax is invalid, input: {name}"), parameters=[parameter(name, longValue=1)]),
        batch("SELECT 1", validation(f"Named parameter syntax is invalid, input: {name}"), parameterSets=[[parameter(name, longValue=1)]]))
row("R-4.11 no name", BOTH, run("SELECT 1", validation("Named parameter syntax is invalid, input: "), parameters=[{"value": L(1)}]))
for elements in [{"longValues": [1]}, {"stringValues": []}, {"arrayValues": [{"longValues": [1]}]}, {}]:
    row(f"R-2.17 {elements}", BOTH, run("SELECT :p", validation("Array parameters are not supported"), parameters=[parameter("p", arrayValue=elements)]))
for title, given in [("no value", {"name": "p"}), ("null value", {"name": "p", "value": None}), ("empty value", parameter("p")),
                     ("two members", parameter("p", longValue=1, stringValue="1")), ("unknown member", parameter("p", future=1)),
                     ("null member", parameter("p", longValue=None))]:
    row(f"R-4.11 {title}", BOTH, run("SELECT :p", validation("The value of parameter p must have exactly one member, such as stringValue or isNull"),
                                     parameters=[given]))
row("R-4.11 isNull false", BOTH, run("SELECT :p", validation("The value of parameter p must not be isNull: false"), parameters=[parameter("p", isNull=False)]))
for hint in ["JSON", "UUID"]:
    text = "{}" if hint == "JSON" else "01234567-89ab-cdef-0123-456789abcdef"
    row(f"R-2.19 {hint}", MY, run("SELECT :p", validation(f"The type hint {hint} isn't supported for Aurora MySQL."), parameters=[parameter("p", hint, stringValue=text)]))
for sql in ["", " ", "\n\t", ";", " ; ", "-- nothing", "/* nothing */", "-- a\n;/* b */"]:
    row(f"R-2.33 {sql!r}", BOTH, run(sql, validation("SQL is empty")), batch(sql, validation("SQL is empty"), parameterSets=[[]]))
row("R-2.33 a # comment", MY, run("# nothing", validation("SQL is empty")))
row("R-2.35 secret not found", BOTH, run("SELECT 1", error("SecretsErrorException", "The secret no-such-secret wasn't found."), secretArn="no-such-secret"),
    begin(error("SecretsErrorException", "The secret no-such-secret wasn't found."), secretArn="no-such-secret"),
    batch("SELECT 1", error("SecretsErrorException", "The secret no-such-secret wasn't found."), secretArn="no-such-secret", parameterSets=[[]]))
for secret in ["secret-without-password", "secret-not-json", "secret-a-number", "secret-binary", "secret-of-numbers"]:
    row(f"R-2.36 {secret}", BOTH, run("SELECT 1", error("InvalidSecretException", re.compile("The secret must contain username and password fields\\.")), secretArn=secret))
row("R-12.45 deleted secret", BOTH, run("SELECT 1", error("SecretsErrorException", "The secret secret-deleted wasn't found."), secretArn="secret-deleted"))
row("R-10.11 by name and partial ARN", PG, run("SELECT 1", records([L(1)]), secretArn="test-postgresql"),
    run("SELECT 1", records([L(1)]), secretArn="arn:aws:secretsmanager:us-east-1:123456789012:secret:test-postgresql"))
row("R-2.40 ExecuteSql", BOTH, Call("ExecuteSql", {"dbClusterOrInstanceArn": CLUSTER + "test-postgresql", "awsSecretStoreArn": "test-postgresql",
                                                   "sqlStatements": "SELECT 1"},
                                    error("BadRequestException", "ExecuteSql API is not supported for this DB cluster. Use ExecuteStatement.")))
row("R-2.58", PG, run("SELECT 1", database_error(re.compile('FATAL: password authentication failed for user "\\w+"; SQLState: 28P01')), secretArn="secret-wrong-password"))
row("R-2.58", MY, run("SELECT 1", database_error(re.compile("Access denied for user 'nobody_here'@'[\\w.]+' \\(using password: YES\\); Error code: 1045; SQLState: 28000")),
                      secretArn="secret-wrong-password"))
row("R-2.59", PG, run("SELECT 1", database_error('FATAL: database "no_such" does not exist; SQLState: 3D000'), database="no_such"),
    begin(database_error('FATAL: database "no_such" does not exist; SQLState: 3D000'), database="no_such"))
row("R-2.59", MY, run("SELECT 1", database_error("Unknown database 'no_such'; Error code: 1049; SQLState: 42000"), database="no_such"))
row("R-10.6 empty database", BOTH, run("SELECT 1", records([L(1)]), database=""), begin(database=""), in_tx("SELECT 1", records([L(1)]), database=""), rollback())

# ---- 2.3 texts of database errors

row("R-2.52 table", PG, run("SELECT * FROM no_such_table_xyz", database_error('ERROR: relation "no_such_table_xyz" does not exist; Position: 15; SQLState: 42P01')))
row("R-2.52 syntax", PG, run("SELEKT 1", database_error('ERROR: syntax error at or near "SELEKT"; Position: 1; SQLState: 42601')))
row("R-2.52 operator", PG, run("CREATE TABLE @t (id int, name text NOT NULL, UNIQUE (id))", updated(0)),
    run("SELECT id FROM @t WHERE id = :p", database_error(re.compile(
        "ERROR: operator does not exist: integer = text; Hint: No operator matches the given name and argument types\\. "
        "You might need to add explicit type casts\\.; Position: \\d+; SQLState: 42883")), parameters=[parameter("p", stringValue="1")]),
    run("INSERT INTO @t VALUES (1, NULL)", database_error(re.compile('ERROR: null value in column "name" of relation "\\w+" violates not-null constraint; SQLState: 23502'))),
    run("INSERT INTO @t VALUES (1, 'a')", updated(1)),
    run("INSERT INTO @t VALUES (1, 'b')", database_error(re.compile('ERROR: duplicate key value violates unique constraint "\\w+"; SQLState: 23505'))))
row("R-2.52 raise", PG, run("DO $$ BEGIN RAISE EXCEPTION 'my text' USING ERRCODE = '23514', DETAIL = 'secret detail', HINT = 'a hint'; END $$",
                            database_error("ERROR: my text; Hint: a hint; SQLState: 23514")))
row("R-2.50 position counts characters", PG, run("SELECT 'äöü', nosuch", database_error('ERROR: column "nosuch" does not exist; Position: 15; SQLState: 42703')))
row("R-2.50 position in the text as sent", PG, run("SELECT :some_long_name, nosuch", database_error('ERROR: column "nosuch" does not exist; Position: 12; SQLState: 42703'),
                                                   parameters=[parameter("some_long_name", longValue=1)]))
row("R-2.54", MY, run("CREATE TABLE @t (id int UNIQUE, name varchar(3) NOT NULL)", updated(0)), run("INSERT INTO @t VALUES (1, 'a')", updated(1)),
    run("INSERT INTO @t VALUES (1, 'b')", database_error("Duplicate entry '1' for key 'id'; Error code: 1062; SQLState: 23000")),
    run("INSERT INTO @t VALUES (2, NULL)", database_error("Column 'name' cannot be null; Error code: 1048; SQLState: 23000")),
    run("SELECT * FROM no_such_table_xyz", database_error(f"Table '{SCRATCH}.no_such_table_xyz' doesn't exist; Error code: 1146; SQLState: 42S02")),
    run("SELEKT 1", database_error(re.compile("You have an error in your SQL syntax; .*; Error code: 1064; SQLState: 42000"))),
    run("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine'", database_error("mine; Error code: 1644; SQLState: 45000")))

# ---- more of the protocol


def one_member_a_field(test, status, kind, got):
    test.assertEqual(status, 200, got)
    for record in got["records"]:
        test.assertEqual({len(field) for field in record}, {1}, got)
        test.assertNotIn({"isNull": False}, record)


row("R-1.1 every operation is a POST that answers 200", BOTH, run("SELECT 1"), batch("SELECT 1"), begin(), in_tx("SELECT 1"), commit(), begin(), rollback())
row("R-1.10 R-1.23 one member a Field", BOTH, run("SELECT 1, 'x', NULL, 1.5, 1e0", one_member_a_field))
row("R-1.21 formatted", BOTH, run("SELECT 1 AS a", lambda test, status, kind, got: test.assertEqual({*got}, {"formattedRecords", "numberOfRecordsUpdated"}), **J, includeResultMetadata=True))
row("R-2.12 R-2.13 a cluster that never was, another case", BOTH, *[run("SELECT 1", error("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {arn}"), resourceArn=arn)
                                                                   for arn in [CLUSTER + "deleted", CLUSTER.replace("123456789012", "999999999999") + "test-postgresql", CLUSTER.upper() + "test-postgresql"]])
row("R-2.57 what clients match", PG, run("CREATE TABLE @t (a int UNIQUE)"), run("INSERT INTO @t VALUES (1)"), run("INSERT INTO @t VALUES (1)", database_error(re.compile(
    'ERROR: duplicate key value violates unique constraint "\\w+"; SQLState: 23505'))), run("INSERT INTO no_such VALUES (1)", database_error(re.compile(".*; SQLState: [A-Z0-9]{5}"))))
row("R-2.57 what clients match", MY, run("CREATE TABLE @t (a int UNIQUE)"), run("INSERT INTO @t VALUES (1)"), run("INSERT INTO @t VALUES (1)", database_error(re.compile("Duplicate entry .*; SQLState: 23000"))))
for text, position in [("SELECT '😀😀', nosuch", 14), ("SELECT 'é',\n  'ü', nosuch", 20), ("SELECT /* ✓ */ :p, nosuch", 20), ("SELECT :long_name_of_one, :long_name_of_one, 'ß', nosuch", 21)]:
    row(f"R-2.50 position of {text}", PG, run(text, database_error(f'ERROR: column "nosuch" does not exist; Position: {position}; SQLState: 42703'),
                                             parameters=[parameter("p", longValue=1), parameter("long_name_of_one", longValue=1)]))
row("R-2.51 no detail", PG, run("CREATE TABLE @t (a int PRIMARY KEY)"), run("INSERT INTO @t VALUES (1)"),
    run("INSERT INTO @t VALUES (1)", lambda test, status, kind, got: test.assertNotIn("Key (a)", got["message"])),
    run("CREATE TABLE @tb (a int REFERENCES @t)"), run("INSERT INTO @tb VALUES (1)"), run("DELETE FROM @t", database_error(re.compile(
        'ERROR: update or delete on table "\\w+" violates foreign key constraint "\\w+" on table "\\w+"; SQLState: 23503'))))
row("R-10.1 R-10.2 the database", MY, run("SELECT database()", records([S(SCRATCH)])), run("SELECT database()", records([S("mysql")]), database="mysql"))
row("R-10.1 R-10.3 the database", PG, run("SELECT current_database()::text", records([S(SCRATCH)])), run("SELECT current_database()::text", records([S("postgres")]), database="postgres"))
for engine, sql, cluster_s, other in [(PG, "SELECT current_database()::text", "postgres", "postgres"), (MY, "SELECT database()", "test", "mysql")]:
    full = {"secretArn": "secret-in-full-" + engine}
    row("R-10.4 R-10.10 the secret's database", engine, run(sql, records([S(SCRATCH)]), database=ABSENT, **full), run(sql, records([S(SCRATCH)]), database="", **full), run(sql, records([S(other)]), **{**full, "database": other}),
        run(sql, records([S(cluster_s)]), database=ABSENT), begin(database=ABSENT, **full), in_tx(sql, records([S(SCRATCH)]), database=ABSENT, **full), in_tx(sql, records([S(SCRATCH)]), **full), commit(**full))
row("R-10.10 R-10.14 the secret", BOTH, run("SELECT 1", error("InvalidSecretException", "The secret must contain username and password fields."), secretArn="secret-binary"))

# The samples of to the letter.
row("R-2.52 samples", PG, run("CREATE TABLE proxy_test (id int PRIMARY KEY, name text NOT NULL)"),
    run("SELECT id FROM proxy_test WHERE id = :id", database_error("ERROR: operator does not exist: integer = text; Hint: No operator matches the given name and argument types. "
                                                                  "You might need to add explicit type casts.; Position: 36; SQLState: 42883"), parameters=[parameter("id", stringValue="1")]),
    run("INSERT INTO proxy_test (id) VALUES (1)", database_error('ERROR: null value in column "name" of relation "proxy_test" violates not-null constraint; SQLState: 23502')),
    run("CREATE TABLE song_sheets (id int PRIMARY KEY)"), run("CREATE TABLE setlist_sheets (song_sheet_id int REFERENCES song_sheets (id))"), run("INSERT INTO song_sheets VALUES (1)"),
    run("INSERT INTO setlist_sheets VALUES (1)"), run("DELETE FROM song_sheets", database_error(
        'ERROR: update or delete on table "song_sheets" violates foreign key constraint "setlist_sheets_song_sheet_id_fkey" on table "setlist_sheets"; SQLState: 23503')),
    run("CREATE TABLE users (email text UNIQUE)"), run("INSERT INTO users VALUES ('a@b.c')"),
    run("INSERT INTO users VALUES ('a@b.c')", database_error('ERROR: duplicate key value violates unique constraint "users_email_key"; SQLState: 23505')),
    run("DO $$ BEGIN RAISE EXCEPTION 'out of stock' USING ERRCODE = 'check_violation'; END $$", database_error("ERROR: out of stock; SQLState: 23514")))
row("R-2.54 samples", MY, run("CREATE DATABASE `acps `", database_error("Incorrect database name 'acps '; Error code: 1102; SQLState: 42000")))
row("R-4.14 work-arounds", PG, run("SELECT 2 = ANY(string_to_array(:csv, ',')::int[]), :lit::text[], ARRAY[:a, :b], 1 IN (:a, :b)", records([B(True), A(stringValues=["a", "b"]), A(longValues=[1, 2]), B(True)]),
                                   parameters=[parameter("csv", stringValue="1,2"), parameter("lit", stringValue='{"a","b"}'), parameter("a", longValue=1), parameter("b", longValue=2)]))
