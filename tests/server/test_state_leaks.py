"""What a caller's statement did to its session is gone before another caller gets it (R-9.15), on both engines, by autocommit calls
and in transactions; plain statements pay nothing for it. There is one session, so that every caller gets the same.
"""
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import Server, both_databases_config, databases  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

# Name of the state: what one caller sends, then what another asks. The answer (rows, or the error's SQLSTATE) must be the same as on a
# session that nobody has used. `{db}` is the database of the test.
LEAKS = {
    "postgresql": {
        "SET": (["SET work_mem = '7MB'"], "SHOW work_mem"),
        "SET TIME ZONE": (["SET TIME ZONE 'Asia/Tokyo'"], "SELECT current_setting('TimeZone')"),
        "SET a setting of one's own": (["SET leak.secret = 'x'"], "SELECT NULLIF(current_setting('leak.secret', true), '')"),
        "SET LOCAL": (["SET LOCAL work_mem = '7MB'"], "SHOW work_mem"),
        "search_path": (["SET search_path = pg_catalog"], "SHOW search_path"),
        "SET SCHEMA": (["SET SCHEMA 'pg_catalog'"], "SHOW search_path"),
        "SET ROLE": (["SET ROLE leak_role"], "SELECT current_user = session_user"),
        "SET SESSION AUTHORIZATION": (["SET SESSION AUTHORIZATION leak_role"], "SELECT session_user = 'leak_role'"),
        "standard_conforming_strings": (["SET standard_conforming_strings = off"], r"SELECT '\n'"),
        "default isolation": (["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY"],
                              "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"),
        "temporary table": (["CREATE TEMP TABLE leak_temp (v INT)", "INSERT INTO leak_temp VALUES (1)"], "SELECT * FROM leak_temp"),
        "temporary table over another": (["CREATE TEMP TABLE leak_plain AS SELECT 666 AS v"], "SELECT v FROM leak_plain"),
        "SELECT INTO TEMP": (["SELECT 1 AS v INTO TEMP leak_temp"], "SELECT * FROM leak_temp"),
        "temporary function": (["CREATE FUNCTION pg_temp.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'"], "SELECT count(*) FROM pg_proc WHERE proname = 'leak' AND pronamespace = pg_my_temp_schema()"),
        "temporary sequence": (["CREATE TEMP SEQUENCE leak_temp"], "SELECT last_value FROM leak_temp"),
        "PREPARE": (["PREPARE leak AS SELECT 1"], "SELECT count(*) FROM pg_prepared_statements WHERE name = 'leak'"),
        "DECLARE CURSOR WITH HOLD": (["DECLARE leak CURSOR WITH HOLD FOR SELECT 1"], "SELECT count(*) FROM pg_cursors WHERE name = 'leak'"),
        "LISTEN": (["LISTEN leak"], "SELECT count(*) FROM pg_listening_channels()"),
        "advisory lock": (["SELECT pg_advisory_lock(4711)"], "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"),
        "advisory lock within a query": (["SELECT v FROM leak_plain WHERE pg_try_advisory_lock(4711)"],
                                         "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"),
        "advisory lock by an INSERT": (["INSERT INTO leak_plain SELECT 2 FROM (SELECT pg_advisory_lock_shared(4711)) s"],
                                       "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"),
        "set_config": (["SELECT set_config('work_mem', '7MB', false)"], "SHOW work_mem"),
        "set_config in a CTE": (["WITH s AS (SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)) SELECT * FROM s"],
                                "SHOW search_path"),
        "set_config by UPDATE": (["UPDATE leak_plain SET v = v WHERE set_config('work_mem', '7MB', false) <> ''"], "SHOW work_mem"),
        "a function that sets": (["SELECT leak_sets()"], "SHOW work_mem"),
        "DO": (["DO $$ BEGIN PERFORM set_config('work_mem', '7MB', false); END $$"], "SHOW work_mem"),
        "setseed": (["SELECT setseed(0.5)"], None),
        "nextval, then lastval": (["SELECT nextval('leak_sequence')"], "SELECT lastval()"),
        "setval, then lastval": (["SELECT setval('leak_sequence', 77)"], "SELECT pg_catalog.lastval()"),
        "INSERT, then lastval": (["INSERT INTO leak_serial DEFAULT VALUES"], "SELECT lastval()"),
        "INSERT, then currval": (["INSERT INTO leak_serial DEFAULT VALUES"], "SELECT currval('leak_serial_id_seq')"),
        "currval of setval, by a write": (["SELECT setval('leak_sequence', 77)"],
                                          "INSERT INTO leak_plain SELECT 3 WHERE currval('leak_sequence') = 77"),
        "BEGIN": (["BEGIN", "INSERT INTO leak_plain VALUES (13)"], "SELECT count(*) FROM leak_plain WHERE v = 13 AND pg_current_xact_id_if_assigned() IS NOT NULL"),
        "BEGIN READ ONLY": (["BEGIN READ ONLY"], "SELECT current_setting('transaction_read_only')"),
        "LOCK": (["BEGIN", "LOCK TABLE leak_plain"], "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND pid = pg_backend_pid()"),
        "an error in BEGIN": (["BEGIN", "SELECT 1/0"], "SELECT 1"),
        "SAVEPOINT": (["BEGIN", "SAVEPOINT s", "SET LOCAL work_mem = '7MB'"], "SHOW work_mem"),
        "SET CONSTRAINTS": (["SET CONSTRAINTS ALL DEFERRED"], "SELECT 1"),
    },
    "mariadb": {
        "SET": (["SET SESSION sort_buffer_size = 777216"], "SELECT @@sort_buffer_size"),
        "SET several": (["SET @@session.max_statement_time = 7, @@group_concat_max_len = 7"], "SELECT @@max_statement_time, @@group_concat_max_len"),
        "sql_mode": (["SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"], "SELECT @@sql_mode"),
        "time_zone": (["SET time_zone = '+09:00'"], "SELECT @@time_zone"),
        "NAMES": (["SET NAMES latin1"], "SELECT @@character_set_client, @@character_set_results, @@collation_connection"),
        "foreign_key_checks": (["SET foreign_key_checks = 0, unique_checks = 0, sql_log_bin = 0"], "SELECT @@foreign_key_checks, @@unique_checks, @@sql_log_bin"),
        "isolation": (["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY"], "SELECT @@tx_isolation, @@tx_read_only"),
        "isolation of the next one": (["SET TRANSACTION READ ONLY"], "INSERT INTO leak_plain VALUES (3)"),
        "user variable": (["SET @leak = 'x'"], "SELECT @leak"),
        "user variable by :=": (["SELECT @leak := 5"], "SELECT @leak"),
        "user variable by INTO": (["SELECT 5 INTO @leak"], "SELECT @leak"),
        "user variable by UPDATE": (["UPDATE leak_plain SET v = (@leak := v)"], "SELECT @leak"),
        "temporary table": (["CREATE TEMPORARY TABLE leak_temp (v INT)", "INSERT INTO leak_temp VALUES (1)"], "SELECT * FROM leak_temp"),
        "temporary table over another": (["CREATE TEMPORARY TABLE leak_plain AS SELECT 666 AS v"], "SELECT v FROM leak_plain WHERE v = 666"),
        "PREPARE": (["PREPARE leak FROM 'SELECT 1'"], "EXECUTE leak"),
        "USE": (["USE information_schema"], "SELECT DATABASE()"),
        "LOCK TABLES": (["LOCK TABLES leak_plain READ"], "INSERT INTO leak_serial VALUES (NULL)"),
        "FLUSH TABLES WITH READ LOCK": (["FLUSH TABLES leak_plain WITH READ LOCK"], "INSERT INTO leak_plain VALUES (3)"),
        "GET_LOCK": (["SELECT GET_LOCK('leak', 0)"], "SELECT IS_USED_LOCK('leak')"),
        "GET_LOCK within a query": (["INSERT INTO leak_plain SELECT 3 FROM leak_plain WHERE GET_LOCK('leak', 0) = 9"], "SELECT IS_USED_LOCK('leak')"),
        "LAST_INSERT_ID(value)": (["SELECT LAST_INSERT_ID(4711)"], "SELECT LAST_INSERT_ID()"),
        "LAST_INSERT_ID(value) by UPDATE": (["UPDATE leak_plain SET v = LAST_INSERT_ID(v + 1)"], "SELECT LAST_INSERT_ID()"),
        "INSERT, then LAST_INSERT_ID": (["INSERT INTO leak_serial VALUES (NULL)"], "SELECT LAST_INSERT_ID()"),
        "INSERT, then @@identity": (["INSERT INTO leak_serial VALUES (NULL)"], "SELECT @@identity, @@last_insert_id"),
        "INSERT, then LAST_INSERT_ID in a write": (["INSERT INTO leak_serial VALUES (NULL)"],
                                                   "INSERT INTO leak_plain SELECT 3 FROM leak_plain WHERE LAST_INSERT_ID() <> 0 LIMIT 1"),
        "FOUND_ROWS": (["SELECT SQL_CALC_FOUND_ROWS v FROM leak_plain, leak_plain a, leak_plain b LIMIT 1"], "SELECT FOUND_ROWS()"),
        "ROW_COUNT": (["UPDATE leak_plain SET v = v + 7"], "SELECT ROW_COUNT() > 0"),
        "warnings": (["SELECT CAST('a secret' AS INT)"], "SHOW WARNINGS"),
        "errors": (["INSERT INTO leak_unique VALUES ('a secret'), ('a secret')"], "SHOW ERRORS"),
        "count of warnings": (["SELECT CAST('a secret' AS INT)"], "SELECT @@warning_count"),
        "profiles": (["SET profiling = 1", "SELECT 'a secret'"], "SHOW PROFILES"),
        "insert_id": (["SET insert_id = 777"], "INSERT INTO leak_serial VALUES (NULL) RETURNING id < 700"),
        "timestamp": (["SET timestamp = 1"], "SELECT NOW() > '2000-01-01'"),
        "rand_seed": (["SET rand_seed1 = 1, rand_seed2 = 2"], None),
        "nextval, then lastval": (["SELECT NEXTVAL(leak_sequence)"], "SELECT LASTVAL(leak_sequence)"),
        "SET ROLE": (["SET ROLE leak_role"], "SELECT CURRENT_ROLE()"),
        "SET ROLE NONE": (["SET ROLE NONE"], "SELECT CURRENT_ROLE()"),
        "a procedure that sets": (["CALL leak_sets()"], "SELECT @leak"),
        "a function that sets": (["SELECT leak_sets_too()"], "SELECT @leak"),
        "HANDLER": (["HANDLER leak_plain OPEN"], "HANDLER leak_plain READ FIRST"),
        "BEGIN": (["BEGIN", "INSERT INTO leak_plain VALUES (13)"], "SELECT @@in_transaction"),
        "START TRANSACTION READ ONLY": (["START TRANSACTION READ ONLY"], "INSERT INTO leak_plain VALUES (3)"),
        "autocommit off": (["SET autocommit = 0", "INSERT INTO leak_plain VALUES (13)"], "SELECT @@autocommit, @@in_transaction"),
        "XA": (["XA START 'leak'"], "SELECT @@in_transaction"),
        "BEGIN NOT ATOMIC": (["BEGIN NOT ATOMIC SET @leak = 1; SET SESSION sort_buffer_size = 777216; END"], "SELECT @leak, @@sort_buffer_size"),
    },
}

SETUP = {
    "postgresql": ["CREATE TABLE leak_plain (v INT)", "INSERT INTO leak_plain VALUES (1)", "CREATE TABLE leak_serial (id SERIAL)",
                   "CREATE SEQUENCE leak_sequence", "CREATE ROLE leak_role",
                   "CREATE FUNCTION leak_sets() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '7MB', false) $$"],
    "mariadb": ["CREATE TABLE leak_plain (v INT)", "INSERT INTO leak_plain VALUES (1)", "CREATE TABLE leak_serial (id INT AUTO_INCREMENT PRIMARY KEY)",
                "CREATE TABLE leak_unique (v VARCHAR(20) PRIMARY KEY)", "CREATE SEQUENCE leak_sequence", "CREATE ROLE leak_role",
                "CREATE PROCEDURE leak_sets() SET @leak = 1",
                "CREATE FUNCTION leak_sets_too() RETURNS INT BEGIN SET @leak = 1; RETURN 1; END"],
}
CLEANUP = {
    "postgresql": ["DROP TABLE IF EXISTS leak_plain, leak_serial", "DROP SEQUENCE IF EXISTS leak_sequence", "DROP FUNCTION IF EXISTS leak_sets()",
                   "DROP ROLE IF EXISTS leak_role"],
    "mariadb": ["DROP TABLE IF EXISTS leak_plain, leak_serial, leak_unique", "DROP SEQUENCE IF EXISTS leak_sequence",
                "DROP ROLE IF EXISTS leak_role", "DROP PROCEDURE IF EXISTS leak_sets", "DROP FUNCTION IF EXISTS leak_sets_too"],
}
BACKEND = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()"}

# A session that can be made to forget this only by its end.
NEEDS_A_NEW_SESSION = {("mariadb", "SET ROLE"), ("mariadb", "profiles")}

PLAIN = {
    "postgresql": ["SELECT v FROM leak_plain", "INSERT INTO leak_plain VALUES (1)", "UPDATE leak_plain SET v = v + 1 WHERE v < 0",
                   "DELETE FROM leak_plain WHERE v < 0", "WITH x AS (SELECT v FROM leak_plain) SELECT count(*), max(v), now() FROM x",
                   "INSERT INTO leak_plain VALUES (2) RETURNING v", "SELECT nope"],
    "mariadb": ["SELECT v FROM leak_plain", "INSERT INTO leak_plain VALUES (1)", "UPDATE leak_plain SET v = v + 1 WHERE v < 0",
                "DELETE FROM leak_plain WHERE v < 0", "WITH x AS (SELECT v FROM leak_plain) SELECT COUNT(*), MAX(v), NOW() FROM x",
                "REPLACE INTO leak_plain VALUES (2)", "SELECT nope"],
}


class StateLeaks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        limits = "[pool]\nmaximum = 1\ntransactions = 1\n[transactions]\nidle_seconds = 1\n"
        cls.server = Server(ADMIN + limits + both_databases_config(), "--threads", "1").start()
        cls.addClassCleanup(cls.server.stop)
        cls.watch = Watch(cls.server)
        for engine in databases():
            cls.tidy(engine)
            for text in SETUP[engine]:
                status, kind, body = cls.call(engine, "Execute", sql=text)
                assert status == 200, (text, kind, body)
            cls.addClassCleanup(cls.tidy, engine)

    @classmethod
    def tidy(cls, engine):
        for text in CLEANUP[engine]:
            cls.call(engine, "Execute", sql=text)

    @classmethod
    def call(cls, engine, operation, **members):
        there = databases()[engine]
        if operation not in ("CommitTransaction", "RollbackTransaction"):
            members["database"] = there.name
        return cls.server.call(operation, resourceArn=there.arn, secretArn=there.secret, **members)

    def ask(self, engine, text, **members):
        """The rows, or the SQLSTATE."""
        status, kind, body = self.call(engine, "Execute", sql=text, **members)
        if status == 200:
            return body.get("records", body["numberOfRecordsUpdated"])
        return kind, body["message"].rpartition("SQLState: ")[2]

    def renew(self, engine):
        """Ends the session: the next caller has one that nobody has used."""
        number = self.ask(engine, BACKEND[engine])[0][0]["longValue"]
        self.ask(engine, f"SELECT pg_terminate_backend({number})" if engine == "postgresql" else f"KILL {number}")
        self.watch.at_rest()

    def backend(self, engine):
        return self.ask(engine, BACKEND[engine])[0][0]["longValue"]

    def autocommit(self, engine, dirty):
        for text in dirty:
            self.ask(engine, text)

    def transaction(self, how):
        def run(engine, dirty):
            status, kind, body = self.call(engine, "BeginTransaction")
            self.assertEqual(status, 200, (kind, body))
            for text in dirty:
                self.ask(engine, text, transactionId=body["transactionId"])
            if how is not None:
                self.call(engine, how, transactionId=body["transactionId"])
            self.watch.at_rest()  # abandoned: when the reaper has been there
        return run

    def in_transaction(self, engine, text, before=()):
        status, kind, body = self.call(engine, "BeginTransaction")
        self.assertEqual(status, 200, (kind, body))
        for first in before:
            self.ask(engine, first, transactionId=body["transactionId"])
        answer = self.ask(engine, text, transactionId=body["transactionId"])
        self.call(engine, "RollbackTransaction", transactionId=body["transactionId"])
        return answer

    def later_in_transaction(self, engine, text):
        return self.in_transaction(engine, text, before=["SELECT 1"])

    fresh_answers = {}

    def fresh_answer(self, engine, probe, ask):
        key = (engine, probe, ask.__name__)
        if key not in self.fresh_answers:
            self.renew(engine)
            self.fresh_answers[key] = ask(engine, probe)
        return self.fresh_answers[key]

    def try_all(self, dirty_by, ask, known=()):
        """`known`: what docs/compatibility.md says is left (R-9.15)."""
        for engine in databases():
            for name, (dirty, probe) in LEAKS[engine].items():
                with self.subTest(engine=engine, state=name):
                    if probe is None or (engine, name) in known:
                        continue
                    fresh = self.fresh_answer(engine, probe, ask)
                    before = self.backend(engine)
                    dirty_by(engine, dirty)
                    self.assertEqual(ask(engine, probe), fresh, "another caller sees it")
                    if (engine, name) not in NEEDS_A_NEW_SESSION:
                        self.assertEqual(self.backend(engine), before, "this test tries nothing: the session is another")
                    self.ask(engine, "DELETE FROM leak_plain WHERE v <> 1")

    def test_given_autocommit_calls_when_another_caller_comes_then_nothing_is_left(self):
        self.try_all(self.autocommit, self.ask)

    def test_given_autocommit_calls_when_another_caller_begins_then_nothing_is_left(self):
        self.try_all(self.autocommit, self.in_transaction)

    def test_given_autocommit_calls_when_another_callers_transaction_goes_on_then_nothing_is_left(self):
        self.try_all(self.autocommit, self.later_in_transaction, known={("mariadb", "nextval, then lastval")})

    def test_given_a_transaction_when_committed_then_nothing_is_left(self):
        self.try_all(self.transaction("CommitTransaction"), self.ask)

    def test_given_a_transaction_when_rolled_back_then_nothing_is_left(self):
        self.try_all(self.transaction("RollbackTransaction"), self.ask)

    def test_given_plain_statements_when_run_then_no_session_is_reset(self):
        for engine in databases():
            before = self.watch.resets()
            for text in PLAIN[engine]:
                self.ask(engine, text)
            self.assertEqual(self.watch.resets(), before)

    def test_given_a_transaction_of_plain_statements_when_committed_then_no_session_is_reset(self):
        for engine in databases():
            before = self.watch.resets()
            self.transaction("CommitTransaction")(engine, PLAIN[engine])
            self.assertEqual(self.watch.resets(), before)


if __name__ == "__main__":
    unittest.main()
