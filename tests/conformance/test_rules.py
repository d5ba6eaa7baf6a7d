"""The rules of the Data API as a client sees them: one row per rule and case, answers compared to the letter.

A row is a name that starts with its rule's number, the engines it holds for, the calls in order, and what each answers.
`@tx` in a member stands for the id that the row's last BeginTransaction gave; `@t` for a table name of the row's own.
"""
import concurrent.futures
import contextlib
import email.utils
import json
import re
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import AUTHORIZATION, CLUSTER, Server, both_databases_config, databases, post  # noqa: E402

PG, MY = "postgresql", "mariadb"
BOTH = (PG, MY)
ABSENT = object()
STATUS = {"TransactionNotFoundException": 404, "InternalFailure": 500, "AccessDeniedException": 403, "DatabaseUnavailableException": 504,
          "UnknownOperationException": 404}
SCRATCH = "borealis_conformance"

# ---- how rows are written


class Call:
    def __init__(self, operation, members, check, raw=None, server="main"):
        self.operation, self.members, self.check, self.raw, self.server = operation, members, check, raw, server


def exactly(body):
    """The whole body, with the order of its members and the spelling of its numbers (1 is not 1.0)."""
    def check(test, status, error, got):
        test.assertEqual((status, error), (200, None), got)
        test.assertEqual(json.dumps(got), json.dumps(body))
    return check


def error(kind, message=None):
    """`message`: the exact text, a compiled pattern that must match all of it, or None for no message at all."""
    def check(test, status, name, got):
        test.assertEqual((status, name), (STATUS.get(kind, 400), kind), got)
        if message is None:
            test.assertEqual(got, {})
        elif isinstance(message, str):
            test.assertEqual(got, {"message": message})
        else:
            test.assertEqual([*got][-1], "message")
            test.assertRegex(got["message"], re.compile(r"\A(?:" + message.pattern + r")\Z", message.flags | re.S))
    return check


def records(*rows):
    return exactly({"numberOfRecordsUpdated": 0, "records": [list(row) for row in rows]})


def updated(count, generated=()):
    return exactly({"generatedFields": [{"longValue": i} for i in generated], "numberOfRecordsUpdated": count})


def formatted(text):
    return exactly({"formattedRecords": text, "numberOfRecordsUpdated": 0})


def good(test, status, error_type, got):
    test.assertEqual((status, error_type), (200, None), got)


def validation(message):
    return error("ValidationException", message)


def wrong(path, expected):
    return error("SerializationException", f"The value of '{path}' must be {expected}")


def missing(*names):
    texts = "; ".join(f"Value null at '{n}' failed to satisfy constraint: Member must not be null" for n in names)
    return validation(f"{len(names)} validation error{'s' if len(names) > 1 else ''} detected: {texts}")


def database_error(message):
    return error("DatabaseErrorException", message)


def unsupported(message):
    return error("UnsupportedResultException", message)


def run(sql, check=good, server="main", operation="Execute", **members):
    return Call(operation, {"sql": sql, **members}, check, server=server)


def in_tx(sql, check=good, **members):
    return run(sql, check, transactionId="@tx", **members)


def batch(sql, check=good, server="main", **members):
    return run(sql, check, server, "BatchExecute", **members)


def begin(check=good, server="main", **members):
    return Call("BeginTransaction", members, check, server=server)


COMMITTED = exactly({"transactionStatus": "Transaction Committed"})
ROLLED_BACK = exactly({"transactionStatus": "Rollback Complete"})


def commit(check=COMMITTED, server="main", **members):
    return Call("CommitTransaction", {"transactionId": "@tx", **members, "database": ABSENT}, check, server=server)


def rollback(check=ROLLED_BACK, server="main", **members):
    return Call("RollbackTransaction", {"transactionId": "@tx", **members, "database": ABSENT}, check, server=server)


def parameter(name, hint=None, **value):
    return {"name": name, "value": value, **({"typeHint": hint} if hint else {})}


def S(text):
    return {"stringValue": text}


def L(number):
    return {"longValue": number}


def D(number):
    return {"doubleValue": number}


def B(truth):
    return {"booleanValue": truth}


def X(base64):
    return {"blobValue": base64}


def A(**elements):
    return {"arrayValue": elements}


NULL = {"isNull": True}

ROWS = []


def row(name, engines, *calls):
    ROWS.append((name, (engines,) if isinstance(engines, str) else engines, calls))


def each(name, engines, cases):
    """One row a case: (what it is called, calls …)."""
    for title, *calls in cases:
        row(f"{name} {title}", engines, *calls)


def value(engine, cases, rule="R-5"):
    """`SELECT expression` and the one Field that it answers."""
    for expression, field in cases:
        row(f"{rule} {expression}", engine, run(f"SELECT {expression}", records([field])))


def echo(engine, rule, cases):
    """(name, parameter's value and hint, Field of `SELECT :p`)."""
    for title, expression, members, field in cases:
        row(f"{rule} {title}", engine, run(f"SELECT {expression}", records([field]) if isinstance(field, dict) else field,
                                         parameters=[{"name": "p", **members}]))


# ---- 1. protocol, and 2. what requests are refused

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

# ---- 4. parameters

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

# ---- 5. values

value(PG, [
    ("1::int2", L(1)), ("(-2147483648)::int4", L(-2**31)), ("9223372036854775807::int8", L(2**63 - 1)), ("42::oid", L(42)),
    ("3.14::float4", D(3.14)), ("12345.7::float4", D(12345.7)), ("1::float4", D(1.0)), ("1e10::float4", D(1e10)), ("0.1::float8", D(0.1)), ("100::float8", D(100.0)),
    ("1e308::float8", D(1e308)), ("'NaN'::float8", D("NaN")), ("'-Infinity'::float4", D("-Infinity")),
    ("19.99::numeric", S("19.99")), ("123456.7890::numeric(12,4)", S("123456.7890")), ("0::numeric(6,4)", S("0.0000")), ("'NaN'::numeric", S("NaN")),
    ("1e40::numeric", S("1" + "0" * 40)), ("true", B(True)), ("false", B(False)), ("NULL::bool", NULL), ("NULL", NULL), ("NULL::int[]", NULL),
    ("'text'", S("text")), ("'x'::text", S("x")), ("'x'::varchar(5)", S("x")), ("'x'::char(3)", S("x  ")), ("'x'::name", S("x")), ("''::text", S("")),
    ("'\\x00ff10'::bytea", X("AP8Q")), ("''::bytea", X("")),
    ("'2024-01-15'::date", S("2024-01-15")), ("'12:34:56'::time", S("12:34:56")), ("'12:34:56.1'::time", S("12:34:56.100")), ("'12:34:56.780180'::time", S("12:34:56.780180")),
    ("'2024-01-15 12:34:56'::timestamp", S("2024-01-15 12:34:56")), ("'2024-01-15 12:34:56.1'::timestamp", S("2024-01-15 12:34:56.100")),
    ("'2024-01-15 12:34:56.000001'::timestamp", S("2024-01-15 12:34:56.000001")), ("'2024-01-15 12:34:56+09'::timestamptz", S("2024-01-15 03:34:56")),
    ("'2024-01-15 12:34:56.78018-05:30'::timestamptz", S("2024-01-15 18:04:56.780180")), ("'0044-03-15 BC'::date", S("0044-03-15 BC")), ("'12024-01-01'::date", S("12024-01-01")),
    ("'01234567-89AB-CDEF-0123-456789ABCDEF'::uuid", S("01234567-89ab-cdef-0123-456789abcdef")),
    ("'{\"x\": 0, \"y\": \"0\", \"z\": [0, 0, 1]}'::jsonb", S('{"x":0,"y":"0","z":[0,0,1]}')), ("'{ \"b\" : 1,\n\"a\" : \" : , \" }'::json", S('{"b":1,"a":" : , "}')),
    ("'\"\\u00e4\"'::jsonb", S('"ä"')), ("'null'::jsonb", S("null")),
    ("'192.168.1.1'::inet", S("192.168.1.1")), ("'192.168.0.0/16'::cidr", S("192.168.0.0/16")), ("'10.0.0.0/8'::inet", S("10.0.0.0/8")),
    ("int4range(1, 10)", S("[1,10)")), ("numrange(1.5, 2)", S("[1.5,2)")), ("B'101'::bit(3)", S("101")), ("B'1'::varbit", S("1")),
    ("'[1,2]'::text || ''", S("[1,2]")),
    ("ARRAY[1,2,3]", A(longValues=[1, 2, 3])), ("ARRAY[1,NULL,3]", A(longValues=[1, None, 3])), ("ARRAY[]::int[]", A(longValues=[])), ("ARRAY[]::text[]", A(stringValues=[])),
    ("ARRAY[1,2]::int2[]", A(longValues=[1, 2])), ("ARRAY[9223372036854775807]::int8[]", A(longValues=[2**63 - 1])), ("ARRAY[1.5,2]::float8[]", A(doubleValues=[1.5, 2.0])),
    ("ARRAY[3.14]::float4[]", A(doubleValues=[3.14])), ("ARRAY[true,false,NULL]", A(booleanValues=[True, False, None])),
    ("ARRAY['a','b c','d\"e','f\\g','h,i','{}','NULL','',NULL]", A(stringValues=["a", "b c", 'd"e', "f\\g", "h,i", "{}", "NULL", "", None])),
    ("ARRAY['a']::varchar[]", A(stringValues=["a"])), ("ARRAY['a']::char(2)[]", A(stringValues=["a "])), ("ARRAY['a']::name[]", A(stringValues=["a"])),
    ("ARRAY[1.50,2]::numeric[]", A(stringValues=["1.50", "2"])), ("ARRAY['2024-01-15']::date[]", A(stringValues=["2024-01-15"])),
    ("ARRAY['12:34:56.5']::time[]", A(stringValues=["12:34:56.500"])), ("ARRAY['2024-01-15 01:02:03']::timestamp[]", A(stringValues=["2024-01-15 01:02:03"])),
    ("ARRAY['2024-01-15 01:02:03+01']::timestamptz[]", A(stringValues=["2024-01-15 00:02:03"])), ("ARRAY['01234567-89ab-cdef-0123-456789abcdef']::uuid[]", A(stringValues=["01234567-89ab-cdef-0123-456789abcdef"])),
    ("ARRAY['{\"a\": [1, 2]}']::jsonb[]", A(stringValues=['{"a":[1,2]}'])), ("ARRAY['{\"a\": 1}']::json[]", A(stringValues=['{"a":1}'])), ("ARRAY[B'10']::bit(2)[]", A(stringValues=["10"])),
    ("'[5:6]={1,2}'::int[]", A(longValues=[1, 2])),
    ("pg_sleep(0)", S("")),
])
for expression, name in [("'a'::\"char\"", '"CHAR"'), ("'1 day'::interval", "INTERVAL"), ("'12:00+01'::timetz", "TIMETZ"), ("'1'::money", "MONEY"), ("point(1,2)", "POINT"),
                         ("'{1,2,3}'::line", "LINE"), ("'((0,0),(1,1))'::lseg", "LSEG"), ("'((0,0),(1,1))'::box", "BOX"), ("'((0,0),(1,1))'::path", "PATH"),
                         ("'((0,0),(1,1))'::polygon", "POLYGON"), ("'<(0,0),1>'::circle", "CIRCLE"), ("'08:00:2b:01:02:03'::macaddr", "MACADDR"), ("'08:00:2b:01:02:03:04:05'::macaddr8", "MACADDR8"),
                         ("ROW(1,2)", "RECORD"), ("daterange('2024-01-01','2024-02-01')", "DATERANGE"), ("tsrange(NULL,NULL)", "TSRANGE"), ("tstzrange(NULL,NULL)", "TSTZRANGE"),
                         ("'<a/>'::xml", "xml"), ("'a b'::tsvector", "tsvector"), ("'a'::tsquery", "tsquery"), ("'pg_class'::regclass", "regclass"), ("'int4'::regtype", "regtype"),
                         ("ARRAY['1 day']::interval[]", "INTERVAL[]"), ("ARRAY['12:00+01']::timetz[]", "TIMETZ[]"), ("'$.a'::jsonpath", "JSONPATH"), ("'1'::xid", "xid"), ("'0/0'::pg_lsn", "pg_lsn"),
                         ("'1:1:'::txid_snapshot", "txid_snapshot")]:
    row(f"R-5.30 {expression}", PG, run(f"SELECT 1, {expression}", unsupported(f"The result contains the unsupported data type {name}.")),
        run(f"SELECT {expression} WHERE false", records()))
row("R-5.30 NULL of such a type", PG, run("SELECT NULL::interval", unsupported("The result contains the unsupported data type INTERVAL.")))
row("R-5.32 a write is undone", PG, run("CREATE TABLE @t (i interval)"),
    run("INSERT INTO @t VALUES ('1 day') RETURNING i", unsupported("The result contains the unsupported data type INTERVAL.")), run("SELECT count(*) FROM @t", records([L(0)])))
row("R-2.28", PG, run("SELECT ARRAY[[1,2],[3,4]]", unsupported("The result contains a multidimensional array.")),
    run("SELECT '[2:3][0:1]={{1,2},{3,4}}'::int[]", unsupported("The result contains a multidimensional array.")))
row("R-2.29", PG, *[run(f"SELECT 'infinity'::{t}", error("InternalFailure")) for t in ["date", "timestamp", "timestamptz"]], run("SELECT '-infinity'::date", error("InternalFailure")))
row("R-5 enum, domain, citext-like", PG, run("CREATE TYPE @t AS ENUM ('sad', 'happy')"), run("SELECT 'happy'::@t", records([S("happy")])),
    run("SELECT ARRAY['happy','sad']::@t[]", unsupported(re.compile(r"The result contains the unsupported data type _t\d+\."))), run("DROP TYPE @t"),
    run("CREATE DOMAIN @t AS int CHECK (VALUE > 0)"), run("SELECT 5::@t", records([L(5)])),
    run("SELECT 0::@t", database_error(re.compile('ERROR: value for domain .* violates check constraint .*; SQLState: 23514'))), run("DROP DOMAIN @t"))
row("R-5 composite", PG, run("CREATE TYPE @t AS (a int, b text)"), run("SELECT ROW(1,'x')::@t", unsupported(re.compile(r"The result contains the unsupported data type \w+\."))), run("DROP TYPE @t"))
row("R-5 jsonb numbers", PG, run("SELECT (128::numeric ^ 128)::text::jsonb", good), run("SELECT (512::numeric ^ 512)::numeric::text::jsonb", error("UnsupportedResultException", re.compile(".*out of range.*"))))
value(MY, [
    ("CAST(1 AS SIGNED)", L(1)), ("1", L(1)), ("-9223372036854775808", L(-2**63)), ("CAST(9223372036854775807 AS UNSIGNED)", L(2**63 - 1)), ("CAST(18446744073709551615 AS UNSIGNED)", S("18446744073709551615")),
    ("1.50", S("1.50")), ("CAST(0 AS DECIMAL(6,4))", S("0.0000")), ("1e0", D(1.0)), ("0.1e0", D(0.1)), ("1e300", D(1e300)), ("'x'", S("x")), ("''", S("")), ("NULL", NULL), ("'üñ😀'", S("üñ😀")),
    ("x'00ff10'", X("AP8Q")), ("CAST('' AS BINARY)", X("")), ("CAST('2024-01-15' AS DATE)", S("2024-01-15")), ("CAST('12:34:56' AS TIME)", S("12:34:56")),
    ("CAST('12:34:56.1' AS TIME(6))", S("12:34:56.100")), ("CAST('-838:59:59' AS TIME)", S("-838:59:59")), ("CAST('2024-01-15 12:34:56' AS DATETIME)", S("2024-01-15 12:34:56")),
    ("CAST('2024-01-15 12:34:56.780180' AS DATETIME(6))", S("2024-01-15 12:34:56.780180")), ("CAST('2024-01-15 12:34:56.1' AS DATETIME(3))", S("2024-01-15 12:34:56.100")),
    ("TRUE", L(1)), ("1 = 1", L(1)), ("JSON_OBJECT('a', 1)", S('{"a":1}')),
])
COLUMNS = [  # type, literal, Field
    ("tinyint(1)", "1", B(True)), ("tinyint(1)", "0", B(False)), ("tinyint(1)", "5", B(True)), ("bool", "true", B(True)), ("tinyint", "-5", L(-5)), ("tinyint(4)", "5", L(5)), ("tinyint unsigned", "255", L(255)),
    ("smallint", "-32768", L(-32768)), ("smallint unsigned", "65535", L(65535)), ("mediumint", "8388607", L(8388607)), ("int", "-2147483648", L(-2**31)), ("int unsigned", "4294967295", L(2**32 - 1)),
    ("bigint", "-9223372036854775808", L(-2**63)), ("bigint unsigned", "9223372036854775807", L(2**63 - 1)), ("bigint unsigned", "9223372036854775808", S("9223372036854775808")),
    ("float", "837.484", D(837.484)), ("float", "3.14", D(3.14)), ("double", "0.1", D(0.1)), ("double", "10", D(10.0)), ("decimal(10,4)", "0", S("0.0000")), ("decimal(10,0)", "745", S("745")),
    ("char(5)", "'ab'", S("ab")), ("varchar(9)", "'ab '", S("ab ")), ("text", "'é'", S("é")), ("mediumtext", "'x'", S("x")), ("longtext", "'x'", S("x")), ("tinytext", "'x'", S("x")),
    ("enum('one','two')", "'two'", S("two")), ("set('one','two')", "'one,two'", S("one,two")), ("binary(4)", "'ab'", X("YWIAAA==")), ("varbinary(9)", "'ab'", X("YWI=")), ("blob", "x'00ff'", X("AP8=")), ("longblob", "''", X("")),
    ("bit(1)", "b'1'", B(True)), ("bit(1)", "b'0'", B(False)), ("bit(8)", "b'101'", L(5)), ("bit(64)", "b'1'", L(1)), ("date", "'2020-05-16'", S("2020-05-16")),
    ("time", "'16:31:56'", S("16:31:56")), ("time(3)", "'04:31:56.734'", S("04:31:56.734")), ("time(6)", "'04:31:56.1'", S("04:31:56.100")), ("time", "'-01:00:00'", S("-01:00:00")),
    ("datetime", "'2020-04-16 15:36:54'", S("2020-04-16 15:36:54")), ("datetime(3)", "'2020-04-16 15:36:54.384'", S("2020-04-16 15:36:54.384")), ("datetime(6)", "'2020-04-16 15:36:54.1'", S("2020-04-16 15:36:54.100")),
    ("timestamp NULL", "'2020-04-16 15:36:54'", S("2020-04-16 15:36:54")), ("timestamp(6) NULL", "'2020-04-16 15:36:54.000001'", S("2020-04-16 15:36:54.000001")), ("year", "2024", L(2024)),
    ("json", "'{\"a\": [1, 2]}'", None), ("uuid", "'01234567-89ab-4def-8123-456789abcdef'", S("01234567-89ab-4def-8123-456789abcdef")), ("inet6", "'::1'", S("::1")), ("int", "NULL", NULL), ("tinyint(1)", "NULL", NULL)]
for kind, literal, field in COLUMNS:
    row(f"R-5.3 {kind} {literal}", MY, run(f"CREATE TABLE @t (c {kind})"), run(f"INSERT INTO @t VALUES ({literal})", updated(1)),
        run("SELECT c FROM @t", records([field]) if field else exactly({"numberOfRecordsUpdated": 0, "records": [[S('{"a":[1,2]}')]]})))
row("R-5.3 zero dates", MY, run("CREATE TABLE @t (d date, t datetime)"), begin(), in_tx("SET SESSION sql_mode = ''"), in_tx("INSERT INTO @t VALUES ('0000-00-00', '0000-00-00')"), commit(),
    run("SELECT d, t FROM @t", records([S("0000-00-00"), S("0000-00-00 00:00:00")])))
row("R-5.3 geometry", MY, run("SELECT ST_GeomFromText('POINT(1 2)')", unsupported("The result contains the unsupported data type GEOMETRY.")),
    run("SELECT ST_GeomFromText('POINT(1 2)') FROM (SELECT 1 AS a) t WHERE a = 2", records()))
for hint, text in [("DATE", "2024-02-29"), ("TIME", "12:34:56.100"), ("TIMESTAMP", "2024-02-29 12:34:56.123456"), ("DECIMAL", "-12.340")]:
    column = {"DATE": "date", "TIME": "time(6)", "TIMESTAMP": "datetime(6)", "DECIMAL": "decimal(10,3)"}[hint]
    row(f"R-4.3 {hint} column", MY, run(f"CREATE TABLE @t (c {column})"), run("INSERT INTO @t VALUES (:p)", updated(1), parameters=[parameter("p", hint, stringValue=text)]),
        run("SELECT c FROM @t WHERE c = :p", records([S(text)]), parameters=[parameter("p", hint, stringValue=text)]))
    row(f"R-4.3 {hint}", PG, run("SELECT :p", records([S(text)]), parameters=[parameter("p", hint, stringValue=text)]))

# result options
OPTIONS = {"decimalReturnType": "DOUBLE_OR_LONG"}
for title, engine, expression, options, field in [
        ("scale kept", PG, "1.50::numeric(5,2)", OPTIONS, D(1.5)), ("scale 0", PG, "7::numeric(5,0)", OPTIONS, L(7)), ("no scale, whole", PG, "7::numeric", OPTIONS, L(7)),
        ("no scale", PG, "7.5::numeric", OPTIONS, D(7.5)), ("whole with scale", PG, "7::numeric(5,2)", OPTIONS, D(7.0)), ("too large", PG, "1e30::numeric(40,0)", OPTIONS, D(1e30)), ("NaN", PG, "'NaN'::numeric", OPTIONS, D("NaN")),
        ("huge", PG, "(10::numeric ^ 400)::numeric(1000,0)", OPTIONS, D("Infinity")), ("array", PG, "ARRAY[1,2.5]::numeric[]", OPTIONS, A(doubleValues=[1.0, 2.5])),
        ("null", PG, "NULL::numeric", OPTIONS, NULL), ("STRING", PG, "1.50", {"decimalReturnType": "STRING"}, S("1.50")),
        ("longs", PG, "7::int8", {"longReturnType": "STRING"}, S("7")), ("short longs", PG, "7::int2", {"longReturnType": "STRING"}, S("7")), ("long arrays", PG, "ARRAY[1,NULL]", {"longReturnType": "STRING"}, A(stringValues=["1", None])),
        ("LONG", PG, "7", {"longReturnType": "LONG"}, L(7)), ("both", PG, "7::numeric(5,0)", {"longReturnType": "STRING", **OPTIONS}, S("7")), ("doubles stay", PG, "1.5::float8", {"longReturnType": "STRING", **OPTIONS}, D(1.5)),
        ("scale kept", MY, "CAST(1.50 AS DECIMAL(5,2))", OPTIONS, D(1.5)), ("scale 0", MY, "CAST(7 AS DECIMAL(5,0))", OPTIONS, L(7)), ("longs", MY, "7", {"longReturnType": "STRING"}, S("7")), ("null", MY, "NULL", {"longReturnType": "STRING"}, NULL)]:
    row(f"R-5.5 {title}", engine, run(f"SELECT {expression}", records([field]), resultSetOptions=options))

# ---- 6. metadata


def metadata(label, kind, type_name, precision, scale, *, nullable=1, table="", name=None, signed=False, case=False, auto=False, currency=False):
    return {"arrayBaseColumnType": 0, "isAutoIncrement": auto, "isCaseSensitive": case, "isCurrency": currency, "isSigned": signed, "label": label, "name": name or label,
            "nullable": nullable, "precision": precision, "scale": scale, "schemaName": "", "tableName": table, "type": kind, "typeName": type_name}


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



def describes(*columns):
    def check(test, status, kind, got):
        test.assertEqual(status, 200, got)
        shown = [{**one, "tableName": re.sub(r"^t\d+$", "@t", one["tableName"])} for one in got["columnMetadata"]]
        test.assertEqual(shown, list(columns))
    return check


row("R-6 of a table", PG, run("CREATE TABLE @t (id serial PRIMARY KEY, b bigserial, v varchar(7) NOT NULL, n numeric(8,3), m money)"),
    run("SELECT id, b, v AS w, n, id + 1 AS next FROM @t", describes(
        metadata("id", 4, "serial", 10, 0, signed=True, nullable=0, table="@t", auto=True), metadata("b", -5, "bigserial", 19, 0, signed=True, nullable=0, table="@t", auto=True),
        metadata("w", 12, "varchar", 7, 0, case=True, nullable=0, table="@t"), metadata("n", 2, "numeric", 8, 3, signed=True, table="@t"), metadata("next", 4, "int4", 10, 0, signed=True)),
        includeResultMetadata=True))
row("R-6 of a table", MY, run("CREATE TABLE @t (id int AUTO_INCREMENT PRIMARY KEY, b bigint unsigned, v varchar(7) NOT NULL, n decimal(8,3), t tinyint(1), d datetime(3), x blob, y year, f float)"),
    run("SELECT id, b, v AS w, n, t, d, x, y, f FROM @t", describes(
        metadata("id", 4, "INT", 11, 0, signed=True, nullable=0, table="@t", auto=True), metadata("b", -5, "BIGINT UNSIGNED", 20, 0, table="@t"), metadata("w", 12, "VARCHAR", 7, 0, nullable=0, table="@t", name="v"),
        metadata("n", 3, "DECIMAL", 8, 3, signed=True, case=True, table="@t"), metadata("t", -7, "BIT", 1, 0, table="@t"), metadata("d", 93, "DATETIME", 23, 0, table="@t"),
        metadata("x", -4, "BLOB", 65535, 0, case=True, table="@t"), metadata("y", 91, "YEAR", 4, 0, table="@t"), metadata("f", 7, "FLOAT", 12, 31, signed=True, table="@t")), includeResultMetadata=True))
row("R-4.3 decimals are no doubles", MY, run("SELECT :p + 1, :p = 0.1", records([S("1.10"), L(1)]), parameters=[parameter("p", "DECIMAL", stringValue="0.10")]))
row("R-3.12 many parameters", BOTH, run("SELECT GREATEST(" + ", ".join(f":p{i}" for i in range(1000)) + ")", records([L(999)]), parameters=[parameter(f"p{i}", longValue=i) for i in range(1000)]))
row("R-4.7 a name a hundred times", MY, run("SELECT 1 IN (" + ",".join([":p"] * 100) + ")", records([L(1)]), parameters=[parameter("p", longValue=1)]))
row("R-8.4 a large batch", BOTH, run("CREATE TABLE @t (a int, b varchar(9))"), batch("INSERT INTO @t VALUES (:a, :b)", good, parameterSets=[[parameter("a", longValue=i), parameter("b", stringValue=str(i))] for i in range(1000)]),
    run("SELECT count(*), max(a) FROM @t", records([L(1000), L(999)])))

# ---- 7. formatRecordsAs

J = {"formatRecordsAs": "JSON"}
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
row("R-7.6", BOTH, run("SELECT -9223372036854775807 - 1 AS a", formatted('[{"a":-9223372036854775808}]'), **J))
row("R-7.3 keys", MY, run("SELECT count(*), max(1), 4+7", formatted('[{"count(*)":1,"max(1)":1,"4+7":11}]'), **J))
row("R-7.3 keys", PG, run("SELECT count(*), 1", formatted('[{"count":1,"?column?":1}]'), **J))
row("R-7.11 returning", PG, run("CREATE TABLE @t (a int)"), run("INSERT INTO @t VALUES (1), (2) RETURNING a", formatted('[{"a":1},{"a":2}]'), **J))
row("R-7.4 unsupported", PG, run("SELECT '1 day'::interval AS a", unsupported("The result contains the unsupported data type INTERVAL."), **J))

# ---- 3. limits

TOO_LARGE = unsupported("The result exceeds the size limit 1 MB.")
row("R-3.3 one value", BOTH, run(f"SELECT repeat('x', {2**20 - 6})", good), run(f"SELECT repeat('x', {2**20 - 5})", TOO_LARGE))
row("R-3.3 blobs count raw", PG, run(f"SELECT decode(repeat('00', {2**20 - 6}), 'hex')", good), run(f"SELECT decode(repeat('00', {2**20 - 5}), 'hex')", TOO_LARGE))
row("R-3.3 many rows", PG, run("SELECT repeat('x', 1018) FROM generate_series(1, 1024)", good), run("SELECT repeat('x', 1018) FROM generate_series(1, 1025)", TOO_LARGE),
    run("SELECT repeat('x', 1018) AS a FROM generate_series(1, 1025)", TOO_LARGE, **J))
row("R-3.18 in a transaction", BOTH, begin(), in_tx("CREATE TABLE @t (a int)"), in_tx("INSERT INTO @t VALUES (1)"), in_tx(f"SELECT repeat('x', {2**21})", TOO_LARGE), in_tx("SELECT a FROM @t", records([L(1)])),
    commit(), run("SELECT a FROM @t", records([L(1)])))
row("R-3.5 long rows", BOTH, run("SELECT repeat('x', 512000)", good))
row("R-1.8 4 MiB", PG, Call("Execute", {}, lambda test, status, kind, got: test.assertEqual((status, kind, got), (413, None, {"message": "Request Entity Too Large"})),
                           raw=json.dumps({"sql": "SELECT 1", "x": "y" * 2**22}).encode()))
row("R-3.21 CALL", MY, run("CREATE PROCEDURE @t() BEGIN SELECT 1 AS a; SELECT 2, 3; END"), run("CALL @t()", records([L(1)])), run("CALL @t()", records([L(1)])), run("SELECT 7", records([L(7)])))
row("R-3.21 CALL", PG, run("CREATE PROCEDURE @t(INOUT a int) LANGUAGE SQL AS 'SELECT a + 1'"), run("CALL @t(41)", records([L(42)])))
row("R-3.22 COPY", PG, run("COPY (SELECT 1) TO STDOUT", database_error(re.compile(".*CopyOutResponse.*"))), run("SELECT 1", records([L(1)])),
    run("CREATE TABLE @t (a int)"), run("COPY @t FROM STDIN", database_error(re.compile(".*CopyInResponse.*"))), run("SELECT 1", records([L(1)])))
row("R-3.22 cursors and more", PG, begin(), in_tx("DECLARE c CURSOR FOR SELECT * FROM generate_series(1, 5) AS a", updated(0)), in_tx("FETCH 2 FROM c", records([L(1)], [L(2)])), in_tx("MOVE 1 FROM c", good),
    in_tx("FETCH 1 FROM c", records([L(4)])), in_tx("CLOSE c", updated(0)), in_tx("PREPARE q AS SELECT 5", updated(0)), in_tx("EXECUTE q", records([L(5)])), in_tx("SET LOCAL work_mem = '1MB'", updated(0)),
    in_tx("SHOW work_mem", records([S("1MB")])), in_tx("CREATE TEMP TABLE @t (a int)", updated(0)), in_tx("INSERT INTO @t VALUES (1)", updated(1)), rollback())
row("R-3.23 time zone", PG, run("SHOW TimeZone", records([S("UTC")])))
row("R-3.23 time zone", MY, run("SELECT @@session.time_zone", records([S("+00:00")])))

# ---- 8. counts, generated fields, batches

each("R-8", BOTH, [
    ("1 counts", run("CREATE TABLE @t (id int, v int)", updated(0)), run("INSERT INTO @t VALUES (1, 1), (2, 2), (3, 3)", updated(3)), run("UPDATE @t SET v = 2", updated(3)), run("UPDATE @t SET v = 2", updated(3)),
     run("UPDATE @t SET v = 3 WHERE id > 5", updated(0)), run("DELETE FROM @t WHERE id < 3", updated(2)), run("ALTER TABLE @t ADD w int", updated(0)), run("TRUNCATE TABLE @t", updated(0)), run("DROP TABLE @t", updated(0))),
    ("5 no sets", batch("INSERT INTO no_such VALUES (1)", exactly({"updateResults": []})), batch("SELECT 1", exactly({"updateResults": []}), parameterSets=[]), batch("SELECT 1", exactly({"updateResults": []}), parameterSets=None)),
    ("5 one empty set", batch("CREATE TABLE @t (a int)", exactly({"updateResults": [{"generatedFields": []}]}), parameterSets=[[]]), run("SELECT * FROM @t", records())),
    ("7 all or none", run("CREATE TABLE @t (a int NOT NULL UNIQUE)"), batch("INSERT INTO @t VALUES (:a)", error("DatabaseErrorException", re.compile(".*uplicate.*")), parameterSets=[[parameter("a", longValue=i)] for i in [1, 2, 1]]),
     run("SELECT count(*) FROM @t", records([L(0)]))),
    ("4 updates", run("CREATE TABLE @t (a int)"), batch("INSERT INTO @t VALUES (:a)", exactly({"updateResults": [{"generatedFields": []}] * 3}), parameterSets=[[parameter("a", longValue=i)] for i in range(3)]),
     batch("UPDATE @t SET a = :b WHERE a = :a", exactly({"updateResults": [{"generatedFields": []}] * 2}), parameterSets=[[parameter("a", longValue=i), parameter("b", longValue=i + 10)] for i in [0, 9]]),
     run("SELECT a FROM @t ORDER BY a", records([L(1)], [L(2)], [L(10)]))),
    ("6 a query", batch("SELECT :a", exactly({"updateResults": [{"generatedFields": []}] * 2}), parameterSets=[[parameter("a", longValue=1)]] * 2)),
    ("8 in a transaction", begin(), in_tx("CREATE TABLE @t (a int)"), Call("BatchExecute", {"sql": "INSERT INTO @t VALUES (:a)", "transactionId": "@tx", "parameterSets": [[parameter("a", longValue=1)]] * 2},
                                                                        exactly({"updateResults": [{"generatedFields": []}] * 2})), in_tx("SELECT count(*) FROM @t", records([L(2)])), rollback()),
    ("9 null in one set", run("CREATE TABLE @t (a int, b varchar(9))"), batch("INSERT INTO @t VALUES (:a, :b)", good, parameterSets=[[parameter("a", longValue=1), parameter("b", isNull=True)], [parameter("a", isNull=True), parameter("b", stringValue="x")]]),
     run("SELECT b, a FROM @t ORDER BY b IS NULL", records([S("x"), NULL], [NULL, L(1)])))])
row("R-8.2 ids", MY, run("CREATE TABLE @t (id bigint AUTO_INCREMENT PRIMARY KEY, v int UNIQUE)"), run("INSERT INTO @t (v) VALUES (1)", updated(1, [1])), run("INSERT INTO @t (v) VALUES (2), (3)", updated(2, [2])),
    run("UPDATE @t SET v = v + 10", updated(3)), run("DELETE FROM @t WHERE id = 3", updated(1)), run("INSERT INTO @t (v) VALUES (11) ON DUPLICATE KEY UPDATE v = 100", good),
    batch("INSERT INTO @t (v) VALUES (:v)", lambda test, status, kind, got: test.assertEqual([len(r["generatedFields"]) for r in got["updateResults"]], [1, 1]), parameterSets=[[parameter("v", longValue=i)] for i in [31, 32]]))
row("R-8.3 none", PG, run("CREATE TABLE @t (id serial PRIMARY KEY, v int)"), run("INSERT INTO @t (v) VALUES (1)", updated(1)), run("INSERT INTO @t (v) VALUES (2) RETURNING id, v", records([L(2), L(2)])),
    run("UPDATE @t SET v = 5 RETURNING v", records([L(5)], [L(5)])), run("DELETE FROM @t RETURNING id", records([L(1)], [L(2)])), batch("INSERT INTO @t (v) VALUES (:v) RETURNING id", exactly({"updateResults": [{"generatedFields": []}]}), parameterSets=[[parameter("v", longValue=1)]]),
    run("SELECT v FROM @t", records([L(1)])), run("WITH x AS (INSERT INTO @t (v) VALUES (9) RETURNING v) SELECT v FROM x", records([L(9)])), run("SELECT count(*) FROM @t", records([L(2)])))
row("R-8.8 mixed hints", PG, run("CREATE TABLE @t (u uuid)"), batch("INSERT INTO @t VALUES (:u)", good, parameterSets=[[parameter("u", "UUID", stringValue="01234567-89ab-cdef-0123-456789abcdef")], [parameter("u", isNull=True)]]),
    batch("INSERT INTO @t VALUES (:u)", database_error(re.compile("ERROR: column .* is of type uuid but expression is of type text.*")), parameterSets=[[parameter("u", isNull=True)], [parameter("u", stringValue="x")]]),
    run("SELECT count(*) FROM @t", records([L(2)])))

# ---- 9. transactions

ENDED = error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found\. One previous call resulted in a termination of your transaction\."))
GONE = error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found.*"))
ABORTED = database_error("ERROR: current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02")
each("R-9", BOTH, [
    ("3 commit", run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), run("SELECT count(*) FROM @t", records([L(0)])), commit(), run("SELECT count(*) FROM @t", records([L(1)])), commit(ENDED), rollback(ENDED), in_tx("SELECT 1", ENDED)),
    ("3 rollback", run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), rollback(), run("SELECT count(*) FROM @t", records([L(0)])), commit(ENDED), rollback(ENDED),
     Call("BatchExecute", {"sql": "SELECT 1", "transactionId": "@tx", "parameterSets": [[]]}, ENDED)),
    ("10 empty id", run("SELECT 1", records([L(1)]), transactionId="")),
    ("10 empty id ends nothing", Call("CommitTransaction", {"transactionId": ""}, error("TransactionNotFoundException", "Transaction  is not found"))),
    ("4 unknown", run("SELECT 1", error("TransactionNotFoundException", "Transaction abc is not found"), transactionId="abc"), commit(error("TransactionNotFoundException", "Transaction abc is not found"), transactionId="abc"),
     rollback(error("TransactionNotFoundException", "Transaction abc is not found"), transactionId="abc")),
    ("13 other secret", begin(), in_tx("SELECT 1", GONE, secretArn="secret-wrong-password"), commit(GONE, secretArn="secret-wrong-password"), in_tx("SELECT 1", records([L(1)])), rollback()),
    ("12 other resource", begin(), in_tx("SELECT 1", error("HttpEndpointNotEnabledException", re.compile(".*")), resourceArn=CLUSTER + "no-such"), in_tx("SELECT 1", records([L(1)])), rollback()),
    ("14 other database", begin(), in_tx("SELECT 1", database_error("Database name is not the same as when transaction was created"), database="other"), in_tx("SELECT 1", records([L(1)]), database=ABSENT), in_tx("SELECT 1", records([L(1)])), rollback()),
    ("17 savepoints", run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)"), in_tx("SAVEPOINT s", updated(0)), in_tx("INSERT INTO @t VALUES (2)"), in_tx("ROLLBACK TO SAVEPOINT s", updated(0)), in_tx("RELEASE SAVEPOINT s", updated(0)),
     commit(), run("SELECT a FROM @t", records([L(1)]))),
    ("11 outside", run("CREATE TABLE @t (a int)"), run("BEGIN", updated(0)), run("INSERT INTO @t VALUES (1)", updated(1)), run("ROLLBACK", updated(0)), run("SELECT a FROM @t", records([L(1)])), run("COMMIT", updated(0))),
    ("11 SQL commit inside", run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), in_tx("COMMIT", updated(0)), run("SELECT a FROM @t", records([L(1)])), commit(good)),
    ("11 SQL rollback inside", run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), in_tx("ROLLBACK", updated(0)), run("SELECT a FROM @t", records()), rollback()),
    ("16 no multistatement", begin(), in_tx("SELECT 1; SELECT 2", validation("Multistatements aren't supported.")), in_tx("SELECT 1", records([L(1)])), commit()),
    ("2 isolation", begin(), in_tx("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", updated(0)), rollback())])
row("R-9.5 aborted", PG, begin(), in_tx("SELECT * FROM no_such", database_error(re.compile('.*; SQLState: 42P01'))), in_tx("SELECT 1", ABORTED), in_tx("SELECT 1", ABORTED),
    Call("BatchExecute", {"sql": "SELECT 1", "transactionId": "@tx", "parameterSets": [[]]}, ABORTED), rollback(), in_tx("SELECT 1", ENDED))
row("R-9.5 back to a savepoint", PG, begin(), in_tx("SAVEPOINT s"), in_tx("SELECT 1/0", database_error("ERROR: division by zero; SQLState: 22012")), in_tx("SELECT 1", ABORTED), in_tx("ROLLBACK TO SAVEPOINT s", updated(0)),
    in_tx("SELECT 1", records([L(1)])), commit())
row("R-9.6 commit of an aborted one", PG, begin(), in_tx("SELECT 1/0", database_error("ERROR: division by zero; SQLState: 22012")), commit(ROLLED_BACK), commit(ENDED))
row("R-9.6 deferred constraint", PG, run("CREATE TABLE @t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"), begin(), in_tx("INSERT INTO @t VALUES (1), (1)", updated(2)),
    commit(database_error(re.compile("ERROR: duplicate key value violates unique constraint .*; SQLState: 23505"))), run("SELECT a FROM @t", records()), commit(GONE))
row("R-9.7 goes on", MY, run("CREATE TABLE @t (a int UNIQUE)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), in_tx("INSERT INTO @t VALUES (1)", database_error(re.compile("Duplicate entry .*"))),
    in_tx("INSERT INTO @t VALUES (2)", updated(1)), commit(), run("SELECT a FROM @t ORDER BY a", records([L(1)], [L(2)])))
row("R-8.8 batch fails in a transaction", MY, run("CREATE TABLE @t (a int UNIQUE)"), begin(), Call("BatchExecute", {"sql": "INSERT INTO @t VALUES (:a)", "transactionId": "@tx", "parameterSets": [[parameter("a", longValue=i)] for i in [1, 2, 1]]},
                                                                                             database_error(re.compile("Duplicate entry .*"))), commit(), run("SELECT a FROM @t ORDER BY a", records([L(1)], [L(2)])))
row("R-9.9 DDL", MY, run("CREATE TABLE @t (a int)"), begin(), in_tx("INSERT INTO @t VALUES (1)", updated(1)), in_tx("CREATE TABLE @tb (a int)", updated(0)), in_tx("INSERT INTO @t VALUES (2)", updated(1)), rollback(), run("SELECT a FROM @t", records([L(1)])))
row("R-9.9 DDL", PG, begin(), in_tx("CREATE TABLE @t (a int)", updated(0)), in_tx("INSERT INTO @t VALUES (1)", updated(1)), rollback(), run("SELECT * FROM @t", database_error(re.compile(".*SQLState: 42P01"))))
row("R-9.16", PG, run("CREATE TABLE @t (a int)"), run("VACUUM @t", updated(0)), run("CREATE INDEX CONCURRENTLY ON @t (a)", updated(0)), batch("VACUUM @t", good, parameterSets=[[]]), run("CREATE DATABASE @t", updated(0)), run("DROP DATABASE @t", updated(0)),
    begin(), in_tx("VACUUM @t", database_error("ERROR: VACUUM cannot run inside a transaction block; SQLState: 25001")), rollback())
row("R-9.1 id", BOTH, begin(lambda test, status, kind, got: (test.assertEqual([*got], ["transactionId"]), test.assertRegex(got["transactionId"], r"\A[A-Za-z0-9+/=]{184}\Z"))), rollback())
row("R-9.6 lost session", PG, begin(), in_tx("SELECT pg_terminate_backend(pg_backend_pid())", error("DatabaseErrorException", re.compile("FATAL: terminating connection due to administrator command; SQLState: 57P01|The connection to the database was lost.*"))),
    in_tx("SELECT 1", error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found\. Transaction has been aborted due to an error from a previous call\."))))

# ---- 9.15, 10.5: nothing of a session is left to the next call (a pool of one session)

N = "narrow"
for title, change, look, clean in [
        ("SET", "SET work_mem = '2MB'", "SHOW work_mem", None), ("search_path", "SET search_path = pg_catalog", "SHOW search_path", None), ("set_config", "SELECT set_config('a.b', 'x', false)", "SELECT coalesce(current_setting('a.b', true), '')", [S("")]),
        ("temporary table", "CREATE TEMP TABLE leak (a int)", "SELECT to_regclass('leak')::text", [NULL]), ("SELECT INTO TEMP", "SELECT 1 AS a INTO TEMP leak2", "SELECT to_regclass('leak2')::text", [NULL]),
        ("advisory lock", "SELECT 1 FROM (SELECT pg_advisory_lock(7)) t", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", [L(0)]), ("prepared", "PREPARE leak AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'leak'", [L(0)]),
        ("BEGIN", "BEGIN", "VACUUM pg_class", None), ("role", "SET ROLE pg_monitor", "SELECT current_user = session_user", [B(True)]), ("LISTEN", "LISTEN leak", "SELECT count(*) FROM pg_listening_channels()", [L(0)]),
        ("cursor", "DECLARE leak CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors WHERE name = 'leak'", [L(0)]), ("DO", "DO $$ BEGIN PERFORM set_config('work_mem', '3MB', false); END $$", "SHOW work_mem", None),
        ("bytea_output", "SET bytea_output = 'escape'", "SELECT '\\xff00'::bytea", [X("/wA=")]), ("DateStyle", "SET DateStyle = 'German'", "SELECT '2024-01-02'::date", [S("2024-01-02")]), ("time zone", "SET TIME ZONE 'Asia/Tokyo'", "SHOW TimeZone", [S("UTC")]),
        ("quotes", "SET standard_conforming_strings = off", "SELECT '\\'", [S("\\")])]:
    row(f"R-9.15 {title}", PG, Call("remember", {"sql": look}, None, server=N), run(change, good, N), run(look, records(clean) if clean else "remembered", N))
    row(f"R-9.15 {title} in a transaction", PG, Call("remember", {"sql": look}, None, server=N), begin(server=N), run(change, good, N, transactionId="@tx"), commit(good, N), run(look, records(clean) if clean else "remembered", N))
for title, change, look, clean in [
        ("SET", "SET SESSION sql_mode = 'ANSI'", "SELECT @@sql_mode", None), ("user variable", "SET @leak = 1", "SELECT @leak", [NULL]), ("assignment", "SELECT @leak2 := 1", "SELECT @leak2", [NULL]), ("SELECT INTO", "SELECT 1 INTO @leak3", "SELECT @leak3", [NULL]),
        ("USE", "USE mysql", "SELECT database()", None), ("temporary table", "CREATE TEMPORARY TABLE leak (a int)", "SELECT count(*) FROM information_schema.tables WHERE table_name = 'leak'", [L(0)]),
        ("lock", "SELECT GET_LOCK('leak', 1)", "SELECT IS_FREE_LOCK('leak')", [L(1)]), ("names", "SET NAMES latin1", "SELECT @@character_set_client", None), ("time zone", "SET time_zone = '+09:00'", "SELECT @@time_zone", [S("+00:00")]),
        ("autocommit", "SET autocommit = 0", "SELECT @@autocommit", [L(1)]), ("START TRANSACTION", "START TRANSACTION", "SELECT @@in_transaction", [L(0)]), ("LAST_INSERT_ID", "SELECT LAST_INSERT_ID(77)", "SELECT LAST_INSERT_ID()", [L(0)]),
        ("prepared", "PREPARE leak FROM 'SELECT 1'", "SELECT 1", [L(1)])]:
    row(f"R-9.15 {title}", MY, Call("remember", {"sql": look}, None, server=N), run(change, good, N), run(look, records(clean) if clean else "remembered", N))
    row(f"R-9.15 {title} in a transaction", MY, Call("remember", {"sql": look}, None, server=N), begin(server=N), run(change, good, N, transactionId="@tx"), commit(good, N), run(look, records(clean) if clean else "remembered", N))
row("R-9.15 LOCK TABLES", MY, run("CREATE TABLE @t (a int)"), run("LOCK TABLES @t WRITE", updated(0), N), run("INSERT INTO @t VALUES (1)", updated(1)))

# ---- 3.9 … 3.14, 3.10: time-outs (a statement may take 1 s, a transaction idle 2 s)

H = "hasty"


def timeout(message):
    def check(test, status, kind, got):
        test.assertEqual((status, kind), (400, "StatementTimeoutException"), got)
        test.assertEqual([*got], ["dbConnectionId", "message"])
        test.assertIsInstance(got["dbConnectionId"], int)
        test.assertRegex(got["message"], rf"\A(?:{message})\Z")
    return check


SLEEP = {PG: "SELECT 1 FROM (SELECT pg_sleep(30)) t", MY: "SELECT SLEEP(30)"}
TEXT = {PG: "ERROR: canceling statement due to user request; SQLState: 57014", MY: r"Query execution was interrupted.*; Error code: \d+; SQLState: 70100"}
for engine in BOTH:
    row("R-3.13", engine, run(SLEEP[engine], timeout(TEXT[engine]), H), run("SELECT 1", records([L(1)]), H), batch(SLEEP[engine], timeout(TEXT[engine]), H, parameterSets=[[]]),
        begin(server=H), run(SLEEP[engine], timeout(TEXT[engine]), H, transactionId="@tx"), run("SELECT 1", ABORTED if engine == PG else records([L(1)]), H, transactionId="@tx"), rollback(server=H))
    row("R-3.14", engine, run("CREATE TABLE @t (a int)"),
        run({PG: "INSERT INTO @t SELECT 1 FROM (SELECT pg_sleep(1.5)) t", MY: "INSERT INTO @t SELECT SLEEP(1.5)"}[engine], timeout("The statement takes longer than allowed and runs on \\(continueAfterTimeout\\)"), H, continueAfterTimeout=True),
        Call("sleep", {"seconds": 1}, None), run("SELECT count(*) FROM @t", records([L(1)])), run("SELECT 1", records([L(1)]), H, continueAfterTimeout=True))
    row("R-3.14 in a transaction", engine, run("CREATE TABLE @t (a int)"), begin(server=H),
        run({PG: "INSERT INTO @t SELECT 1 FROM (SELECT pg_sleep(1.5)) t", MY: "INSERT INTO @t SELECT SLEEP(1.5)"}[engine], timeout("The statement takes longer.*"), H, continueAfterTimeout=True, transactionId="@tx"),
        run("SELECT 1", database_error("Transaction is still running a query"), H, transactionId="@tx"), commit(database_error("Transaction is still running a query"), H),
        Call("sleep", {"seconds": 1}, None), run("SELECT count(*) FROM @t", records([L(1)]), H, transactionId="@tx"), commit(server=H), run("SELECT count(*) FROM @t", records([L(1)])))
    row("R-3.10 idle", engine, run("CREATE TABLE @t (a int)"), begin(server=H), run("INSERT INTO @t VALUES (1)", updated(1), H, transactionId="@tx"), Call("sleep", {"seconds": 4}, None),
        run("SELECT 1", error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found\. Transaction may be expired\.")), H, transactionId="@tx"), rollback(GONE, H), run("SELECT a FROM @t", records()))

# ---- the machinery

servers = {}


def secret(server, name, **members):
    post(server.url + "/", json.dumps({"Name": name, **members}).encode(), {"X-Amz-Target": "secretsmanager.CreateSecret", "Content-Type": "application/x-amz-json-1.1"})


def setUpModule():
    global known
    known = databases()
    config = both_databases_config()
    with contextlib.ExitStack() as stack:
        servers["main"] = stack.enter_context(Server("threads = 2\n" + config))
        servers["narrow"] = stack.enter_context(Server("threads = 1\n" + config + "\n[pool]\nmaximum = 1\n"))
        servers["hasty"] = stack.enter_context(Server("threads = 2\nstatement_timeout_seconds = 1\n" + config + "\n[transactions]\nidle_seconds = 2\n"))
        main = servers["main"]
        for name, text in {"secret-without-password": '{"username":"x"}', "secret-not-json": "hello", "secret-a-number": "1", "secret-of-numbers": '{"username":1,"password":2}',
                           "secret-wrong-password": '{"username":"nobody_here","password":"wrong"}', "secret-deleted": '{"username":"x","password":"y"}'}.items():
            secret(main, name, SecretString=text)
        secret(main, "secret-binary", SecretBinary="AAEC")
        post(main.url + "/", b'{"SecretId":"secret-deleted"}', {"X-Amz-Target": "secretsmanager.DeleteSecret", "Content-Type": "application/x-amz-json-1.1"})
        for engine, at in known.items():
            for sql in [f"DROP DATABASE IF EXISTS {SCRATCH}", f"CREATE DATABASE {SCRATCH}"]:
                answer = main.call("Execute", resourceArn=at.arn, secretArn=at.secret, sql=sql)
                assert answer[0] == 200, answer
        stack.pop_all()
        unittest.addModuleCleanup(stop)


def stop():
    for server in servers.values():
        server.stop()


class Rules(unittest.TestCase):
    maxDiff = None


class Together(unittest.TestCase):
    """What needs calls at the same time, or another caller."""

    def call(self, engine, operation, **members):
        at = known[engine]
        members = {"resourceArn": at.arn, "secretArn": at.secret, **({} if "Transaction" in operation else {"database": SCRATCH}), **members}
        return servers["main"].call(operation, **members)

    def begin(self, engine):
        return self.call(engine, "BeginTransaction", database=SCRATCH)[2]["transactionId"]

    def test_r_2_20_a_second_call_is_refused_and_the_first_unaffected(self):
        for engine, sql in {PG: "SELECT 1 FROM (SELECT pg_sleep(1)) t", MY: "SELECT SLEEP(1) + 1"}.items():
            with self.subTest(engine), concurrent.futures.ThreadPoolExecutor() as pool:
                transaction = self.begin(engine)
                first = pool.submit(self.call, engine, "Execute", sql=sql, transactionId=transaction)
                time.sleep(0.4)
                busy = (400, "DatabaseErrorException", {"message": "Transaction is still running a query"})
                for operation in ["Execute", "BatchExecute", "CommitTransaction", "RollbackTransaction"]:
                    self.assertEqual(self.call(engine, operation, transactionId=transaction, **({} if "Transaction" in operation else {"sql": "SELECT 1"})), busy)
                self.assertEqual(first.result()[2], {"numberOfRecordsUpdated": 0, "records": [[L(1)]]})
                self.assertEqual(self.call(engine, "CommitTransaction", transactionId=transaction)[2], {"transactionStatus": "Transaction Committed"})

    def test_r_9_7_a_deadlock_leaves_the_id_valid(self):
        for engine, text, after in [(PG, "ERROR: deadlock detected; .*SQLState: 40P01", (400, "DatabaseErrorException")), (MY, "Deadlock found .*; Error code: 1213; SQLState: 40001", (200, None))]:
            with self.subTest(engine), concurrent.futures.ThreadPoolExecutor() as pool:
                self.call(engine, "Execute", sql="DROP TABLE IF EXISTS deadlock")
                self.call(engine, "Execute", sql="CREATE TABLE deadlock (id int PRIMARY KEY, v int)")
                self.call(engine, "Execute", sql="INSERT INTO deadlock VALUES (1, 0), (2, 0)")
                one, two = self.begin(engine), self.begin(engine)
                change = lambda transaction, row: self.call(engine, "Execute", sql="UPDATE deadlock SET v = v + 1 WHERE id = :id", parameters=[parameter("id", longValue=row)], transactionId=transaction)
                self.assertEqual([change(one, 1)[0], change(two, 2)[0]], [200, 200])
                waiting = {one: pool.submit(change, one, 2), two: pool.submit(change, two, 1)}
                answers = {transaction: future.result() for transaction, future in waiting.items()}
                victim = [transaction for transaction, answer in answers.items() if answer[0] != 200]
                self.assertEqual(len(victim), 1, answers)
                self.assertEqual(answers[victim[0]][:2], (400, "DatabaseErrorException"))
                self.assertRegex(answers[victim[0]][2]["message"], text)
                self.assertEqual(self.call(engine, "Execute", sql="SELECT 1", transactionId=victim[0])[:2], after)
                for transaction in answers:
                    self.assertEqual(self.call(engine, "RollbackTransaction", transactionId=transaction)[2], {"transactionStatus": "Rollback Complete"})

    def test_r_9_13_another_caller_has_no_use_for_an_id(self):
        transaction = self.begin(PG)
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "transactionId": transaction}).encode()
        other = {"Authorization": "AWS4-HMAC-SHA256 Credential=other/20260101/us-east-1/rds-data/aws4_request, SignedHeaders=host, Signature=0"}
        self.assertEqual(post(servers["main"].url + "/CommitTransaction", body, other)[:2], (404, "TransactionNotFoundException"))
        self.assertEqual(post(servers["main"].url + "/CommitTransaction", body)[0], 200)

    def test_r_1_3_any_content_type(self):
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "sql": "SELECT 1"}).encode()
        for kind in ["application/x-amz-json-1.1", "*/*", "text/plain;charset=UTF-8", ""]:
            self.assertEqual(post(servers["main"].url + "/Execute", body, {"Content-Type": kind})[0], 200, kind)

    def test_r_1_4_headers_of_answers_and_errors(self):
        for body, status in [(b"{", 400), (json.dumps({"resourceArn": known[PG].arn, "secretArn": known[PG].secret, "sql": "SELECT 1"}).encode(), 200)]:
            request = urllib.request.Request(servers["main"].url + "/Execute", data=body, method="POST", headers={"Authorization": AUTHORIZATION})
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error_answer:
                answer = error_answer
            with answer:
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["Content-Type"], "application/json")
                self.assertRegex(answer.headers["x-amzn-RequestId"], r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
                self.assertLess(abs(email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()), 5)
                self.assertEqual(int(answer.headers["Content-Length"]), len(answer.read()))

    def test_r_1_6_only_post(self):
        for path in ["Execute", "BatchExecute", "BeginTransaction", "CommitTransaction", "RollbackTransaction", "ExecuteSql"]:
            request = urllib.request.Request(servers["main"].url + "/" + path, headers={"Authorization": AUTHORIZATION})
            with self.assertRaises(urllib.error.HTTPError) as refused, contextlib.closing(urllib.request.urlopen(request)):
                pass
            with refused.exception as answer:
                self.assertEqual((answer.code, answer.headers["x-amzn-ErrorType"], answer.headers["Allow"]), (405, "UnknownOperationException", "POST"))

    def test_r_10_30_no_authorization(self):
        request = urllib.request.Request(servers["main"].url + "/Execute", data=b"{}", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.exception as answer:
            self.assertEqual((answer.code, answer.headers["x-amzn-ErrorType"], json.loads(answer.read())),
                             (403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"}))


def play(calls, engine, table):
    def test(self):
        at, transaction, remembered = known[engine], "", None

        def fill(text):
            return text.replace("@tx", transaction).replace("@t", table) if text.startswith("@") else re.sub(r"@t(?=\b|b\b)", table, text)

        for number, call in enumerate(calls, 1):
            if call.operation == "sleep":
                time.sleep(call.members["seconds"])
                continue
            operation = "Execute" if call.operation == "remember" else call.operation
            members = {"resourceArn": at.arn, "secretArn": at.secret, "database": SCRATCH, **call.members}
            members = {k: fill(v) if isinstance(v, str) and k in ("sql", "transactionId") else v for k, v in members.items() if v is not ABSENT}
            server = servers[call.server]
            if call.raw is not None:
                body = call.raw
                if body.startswith(b'{"sql":"SELECT :p"'):
                    body = json.dumps(members).encode()[:-1] + b"," + body[1:]
                status, kind, got = post(server.url + "/" + operation, body)
            else:
                status, kind, got = server.call(operation, **members)
            with self.subTest(call=number, sql=str(members.get("sql"))[:200], operation=operation):
                if call.operation == "remember":
                    remembered = (status, kind, got)
                elif call.check == "remembered":
                    self.assertEqual((status, kind, got), remembered)
                else:
                    call.check(self, status, kind, got)
            if operation == "BeginTransaction" and status == 200:
                transaction = got["transactionId"]
    return test


def write_tests():
    for number, (name, engines, calls) in enumerate(ROWS):
        for engine in engines:
            title = re.sub(r"\W+", "_", name)[:60]
            made = play(calls, engine, f"t{number}")
            made.__doc__ = f"{name} [{engine}]"
            setattr(Rules, f"test_{number:04}_{title}_{engine}", made)


write_tests()

if __name__ == "__main__":
    unittest.main()
