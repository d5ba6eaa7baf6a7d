"""A database is killed (SIGKILL) and frozen (SIGSTOP) under idle sessions, running statements and open transactions: every call ends in
bounded time with the truth, and when the database is back everything works as before.
"""
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from engines import MariaDB, PostgreSQL, cluster_toml, until  # noqa: E402
from running import CLUSTER, SANITIZED, Server  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

LIMITS = "statement_timeout_seconds = 2\n" + ADMIN + "[pool]\nmaximum = 4\nconnect_seconds = 1\nwait_seconds = 2\n"
SECONDS = 40 if SANITIZED else 20  # statement, connection and wait together, on a busy machine
NOTHING_DONE = {"DatabaseUnavailableException", "ServiceUnavailableError", "TransactionNotFoundException"}
SLOW = {PostgreSQL: "INSERT INTO chaos SELECT {} FROM pg_sleep({})", MariaDB: "INSERT INTO chaos SELECT {} + SLEEP({})"}


class Call(threading.Thread):
    """A call under way; `answer()` waits for it."""

    def __init__(self, server, operation, **members):
        super().__init__(daemon=True)
        self.run = self.make
        self.server, self.operation, self.members = server, operation, members
        self.start()

    def make(self):
        began = time.monotonic()
        self.got = self.server.call(self.operation, resourceArn=CLUSTER + "chaos-engine", secretArn="chaos-engine", **self.members)
        self.took = time.monotonic() - began

    def answer(self):
        self.join(SECONDS)
        assert not self.is_alive(), f"{self.operation} never ended"
        return self.got


class Engines(unittest.TestCase):
    def on_each(self, run):
        for kind in (PostgreSQL, MariaDB):
            with self.subTest(kind.name), kind() as engine:
                engine.sql("CREATE TABLE chaos (v INT)")
                config = LIMITS + cluster_toml("chaos-engine", "postgresql" if kind is PostgreSQL else "mysql", [f"127.0.0.1:{engine.port}"], kind.database)
                with Server(config, "--threads", "1") as self.server:
                    self.kind, self.engine, self.watch = kind, engine, Watch(self.server)
                    run(engine)
                    until(lambda: self.call("Execute", sql="SELECT 1")[0] == 200, what="the next call does not work")
                    self.watch.at_rest()

    def call(self, operation, **members):
        return Call(self.server, operation, **members).answer()

    def begin(self):
        status, kind, body = self.call("BeginTransaction")
        self.assertEqual(status, 200, (kind, body))
        return body["transactionId"]

    def stored(self):
        return sorted(int(v) for v in self.engine.sql("SELECT v FROM chaos").split())

    def test_given_a_kill_when_statements_run_then_none_is_said_to_be_done(self):
        def run(engine):
            tx = self.begin()
            self.assertEqual(self.call("Execute", sql="INSERT INTO chaos VALUES (1)", transactionId=tx)[0], 200)
            running = [Call(self.server, "Execute", sql=SLOW[self.kind].format(10 + i, 1)) for i in range(2)]
            until(lambda: self.watch.numbers()['borealis_sessions{state="leased"}'] >= 3)
            engine.kill()
            for one in running:
                status, kind, body = one.answer()
                self.assertEqual((status, kind), (400, "DatabaseErrorException"), body)  # unknown: no 5xx, R-1.34
            status, kind, body = self.call("Execute", sql="SELECT 1")
            self.assertEqual((status, kind), (504, "DatabaseUnavailableException"), body)
            status, kind, body = self.call("CommitTransaction", transactionId=tx)
            self.assertEqual((status, kind), (404, "TransactionNotFoundException"), body)
            engine.start()
            until(lambda: self.call("Execute", sql="INSERT INTO chaos VALUES (2)")[0] == 200, what="no call gets through")
            self.assertEqual(self.stored(), [2])
        self.on_each(run)

    def test_given_a_kill_and_a_start_when_sessions_were_idle_then_no_call_notices(self):
        def run(engine):
            many = [Call(self.server, "Execute", sql=SLOW[self.kind].format(i, 0.3)) for i in range(4)]
            self.assertEqual([one.answer()[0] for one in many], [200] * 4)
            engine.kill()
            engine.start()
            for i in range(4, 8):
                status, kind, body = self.call("Execute", sql=f"INSERT INTO chaos VALUES ({i})")
                self.assertEqual(status, 200, (kind, body))
            self.assertEqual(self.stored(), list(range(8)))
        self.on_each(run)

    def test_given_a_frozen_database_when_called_then_every_wait_ends(self):
        def run(engine):
            tx = self.begin()
            self.assertEqual(self.call("Execute", sql="INSERT INTO chaos VALUES (1)", transactionId=tx)[0], 200)
            self.assertEqual(self.call("Execute", sql="SELECT 1")[0], 200)
            engine.freeze()
            calls = [Call(self.server, "Execute", sql=f"INSERT INTO chaos VALUES ({10 + i})") for i in range(8)]
            calls.append(Call(self.server, "Execute", sql="INSERT INTO chaos VALUES (2)", transactionId=tx))
            kinds = [one.answer()[1] for one in calls]
            self.assertLessEqual(set(kinds), NOTHING_DONE | {"StatementTimeoutException", "DatabaseErrorException"}, kinds)
            engine.thaw()
            until(lambda: self.call("Execute", sql="SELECT 1")[0] == 200, what="no call gets through")
            self.call("RollbackTransaction", transactionId=tx)
            self.watch.at_rest()
            stored = self.stored()
            self.assertEqual(len(stored), len(set(stored)))
            for i, kind in enumerate(kinds):
                if kind in NOTHING_DONE:
                    self.assertNotIn(10 + i, stored, kind)
        self.on_each(run)


if __name__ == "__main__":
    unittest.main()
