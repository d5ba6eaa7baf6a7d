"""Section 9: transactions; nothing of a session is left to the next call (server "narrow": one session)."""
import re

from rows import *  # noqa: F403

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

row("R-9.2 isolation", PG, begin(), in_tx("SHOW transaction_isolation", records([S("read committed")])), rollback(), begin(), in_tx("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", updated(0)),
    in_tx("SHOW transaction_isolation", records([S("serializable")])), rollback())
row("R-9.2 isolation", MY, begin(), in_tx("SELECT @@tx_isolation", records([S("REPEATABLE-READ")])), rollback())
