"""Section 3: limits and time-outs (server "hasty": a statement may take 1 s, a transaction be idle 2 s)."""
import json
import re

from rows import *  # noqa: F403

row("R-3.3 one value", BOTH, run(f"SELECT repeat('x', {2**20 - 6})", good), run(f"SELECT repeat('x', {2**20 - 5})", TOO_LARGE))
row("R-3.3 blobs count raw", PG, run(f"SELECT decode(repeat('00', {2**20 - 6}), 'hex')", good), run(f"SELECT decode(repeat('00', {2**20 - 5}), 'hex')", TOO_LARGE))
row("R-3.3 many rows", PG, run("SELECT repeat('x', 1018) FROM generate_series(1, 1024)", good), run("SELECT repeat('x', 1018) FROM generate_series(1, 1025)", TOO_LARGE),
    run("SELECT repeat('x', 1018) AS a FROM generate_series(1, 1025)", TOO_LARGE, **J))
row("R-3.18 in a transaction", BOTH, begin(), in_tx("CREATE TABLE @t (a int)"), in_tx("INSERT INTO @t VALUES (1)"), in_tx(f"SELECT repeat('x', {2**21})", TOO_LARGE), in_tx("SELECT a FROM @t", records([L(1)])),
    commit(), run("SELECT a FROM @t", records([L(1)])))
row("R-3.5 long rows", BOTH, run("SELECT repeat('x', 512000)", good))
row("R-1.8 R-3.1 4 MiB", PG, Call("Execute", {}, lambda test, status, kind, got: test.assertEqual((status, kind, got), (413, None, {"message": "Request Entity Too Large"})),
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
    row("R-3.13 R-2.41", engine, run(SLEEP[engine], timeout(TEXT[engine]), H), run("SELECT 1", records([L(1)]), H), batch(SLEEP[engine], timeout(TEXT[engine]), H, parameterSets=[[]]),
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

row("R-3.20 a semicolon at a batch's end", BOTH, run("CREATE TABLE @t (a int)"), batch("INSERT INTO @t VALUES (:a);", exactly({"updateResults": [{"generatedFields": []}] * 2}), parameterSets=[[parameter("a", longValue=1)]] * 2),
    run("SELECT count(*) FROM @t", records([L(2)])))
row("R-3.18 many rows in a transaction", PG, begin(), in_tx("CREATE TABLE @t (a int)"), in_tx("SELECT repeat('x', 1000) FROM generate_series(1, 30000)", TOO_LARGE), in_tx("INSERT INTO @t VALUES (1)", updated(1)), commit(),
    run("SELECT a FROM @t", records([L(1)])))
row("R-3.18 many rows in a transaction", MY, begin(), in_tx("INSERT INTO @t VALUES (1)", database_error(re.compile(".*1146.*"))), in_tx("SELECT repeat('x', 1000) FROM seq_1_to_30000", TOO_LARGE), in_tx("SELECT 1", records([L(1)])), commit())
