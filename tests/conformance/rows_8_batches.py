"""Section 8: counts, generated fields, batches."""
import re

from rows import *  # noqa: F403

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
