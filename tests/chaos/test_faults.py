"""Every place of the conversation with the database, spoilt in every way (R-1.34): a write is acknowledged and there once, or
refused with a modelled error; where the error says that nothing was done, nothing was. The next call works.

`BOREALIS_CHAOS=long` tries every place and way; without it a choice of them.
"""
import itertools
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from engines import cluster_toml, until  # noqa: E402
from proxy import KINDS, TO_CLIENT, TO_SERVER, Proxy  # noqa: E402
from running import CLUSTER, Server, databases  # noqa: E402

# What a caller may be told; the first kind promises that nothing was done.
NOTHING_DONE = {"DatabaseUnavailableException", "ServiceUnavailableError", "TransactionNotFoundException"}
MODELLED = NOTHING_DONE | {"DatabaseErrorException", "StatementTimeoutException"}
LONG = os.environ.get("BOREALIS_CHAOS") == "long"
PIECES = 7 if LONG else 3  # log-in and set-up take fewer than 7


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.proxies, config = {}, "statement_timeout_seconds = 2\n[pool]\nmaximum = 3\nconnect_seconds = 2\n"
        for engine, there in databases().items():
            proxy = Proxy(there.port)
            cls.proxies[engine] = cls.enterClassContext(proxy) if hasattr(cls, "enterClassContext") else proxy.__enter__()
            config += there.config().replace(f"port = {there.port}", f"port = {proxy.port}")
        cls.server = Server(config, "--threads", "1").start()
        cls.addClassCleanup(cls.server.stop)
        for engine in databases():
            cls.sql(engine, "DROP TABLE IF EXISTS chaos_faults")
            cls.sql(engine, "CREATE TABLE chaos_faults (id INT, filler TEXT)")
            cls.addClassCleanup(cls.drop, engine)

    ids = itertools.count(1)

    @classmethod
    def members(cls, engine):
        there = databases()[engine]
        return {"resourceArn": there.arn, "secretArn": there.secret, "database": there.name}

    @classmethod
    def sql(cls, engine, text, **members):
        status, kind, body = cls.server.call("Execute", sql=text, **cls.members(engine), **members)
        assert status == 200, (kind, body)
        return body

    @classmethod
    def drop(cls, engine):
        """Tidying up, no test: the servers go with the run."""
        cls.proxies[engine].release()
        cls.server.call("Execute", sql="DROP TABLE IF EXISTS chaos_faults", **cls.members(engine))

    def calls(self, engine, operation, **members):
        members = {**self.members(engine), **members}
        if operation in ("CommitTransaction", "RollbackTransaction"):
            del members["database"]
        return self.server.call(operation, **members)

    # Each makes the rows `ids` and gives (acknowledged, error type).

    def execute(self, engine, ids):
        status, kind, _ = self.calls(engine, "Execute", sql="INSERT INTO chaos_faults (id) VALUES (:id)",
                                     parameters=[{"name": "id", "value": {"longValue": ids[0]}}])
        return status == 200, kind

    def batch(self, engine, ids):
        sets = [[{"name": "id", "value": {"longValue": i}}] for i in ids]
        status, kind, _ = self.calls(engine, "BatchExecute", sql="INSERT INTO chaos_faults (id) VALUES (:id)", parameterSets=sets)
        return status == 200, kind

    def transaction(self, engine, ids):
        status, kind, body = self.calls(engine, "BeginTransaction")
        if status != 200:
            return False, kind
        tx = body["transactionId"]
        for i in ids:
            status, kind, _ = self.calls(engine, "Execute", sql=f"INSERT INTO chaos_faults (id) VALUES ({i})", transactionId=tx)
            if status != 200:
                self.calls(engine, "RollbackTransaction", transactionId=tx)
                return False, "TransactionNotFoundException"  # never committed
        status, kind, body = self.calls(engine, "CommitTransaction", transactionId=tx)
        return status == 200 and body["transactionStatus"] == "Transaction Committed", kind

    def try_once(self, engine, how, fault, direction, piece, fresh):
        proxy = self.proxies[engine]
        if fresh:
            proxy.cut_all()  # the session must be opened again
        else:
            until(lambda: self.calls(engine, "Execute", sql="SELECT 1")[0] == 200, what="the database is not reached")
        count = 1 if how == self.execute else 3
        ids = [next(self.ids) for _ in range(count)]
        proxy.set(fault, direction, piece)
        acknowledged, kind = how(engine, ids)
        proxy.release()
        listed = ",".join(map(str, ids))

        def stored():
            status, _, body = self.calls(engine, "Execute", sql=f"SELECT COUNT(*), COUNT(DISTINCT id) FROM chaos_faults WHERE id IN ({listed})")
            self.seen = [field["longValue"] for field in body["records"][0]] if status == 200 else None
            return status == 200

        until(stored, what="the next call does not work")
        rows, distinct = self.seen
        self.assertEqual(rows, distinct, "a row is there twice")
        self.assertIn(rows, (0, count), "half of it is there")
        if acknowledged:
            self.assertEqual(rows, count, "acknowledged and not there")
        else:
            self.assertIn(kind, MODELLED)
            if kind in NOTHING_DONE:
                self.assertEqual(rows, 0, f"{kind}, and yet it is there")

    def sweep(self, how, kinds, pieces, sessions=(False, True)):
        for engine in databases():
            for fault in kinds:
                for direction in (TO_SERVER, TO_CLIENT):
                    for fresh in sessions:
                        for piece in pieces:
                            with self.subTest(f"{engine}: {fault} {direction} at piece {piece}, {'fresh' if fresh else 'open'} session"):
                                self.try_once(engine, how, fault, direction, piece, fresh)

    quick = tuple(k for k in KINDS if k not in ("stall", "delay", "drip")) if LONG else ("reset", "forward")

    def test_given_a_statement_when_the_connection_is_spoilt_then_its_answer_is_true(self):
        self.sweep(self.execute, self.quick, range(1, PIECES))

    def test_given_a_batch_when_the_connection_is_spoilt_then_it_is_all_or_nothing(self):
        self.sweep(self.batch, self.quick, range(1, PIECES))

    def test_given_a_transaction_when_the_connection_is_spoilt_then_it_is_all_or_nothing(self):
        self.sweep(self.transaction, self.quick, range(1, PIECES + 2))

    def test_given_a_slow_or_silent_connection_when_called_then_every_wait_ends(self):
        self.sweep(self.execute, ("delay", "drip"), (1, 3) if LONG else (2,))
        self.sweep(self.execute, ("stall",), (1, 2, 4) if LONG else (1,), (False, True) if LONG else (False,))
        self.sweep(self.transaction, ("stall",), (2, 5) if LONG else ())


if __name__ == "__main__":
    unittest.main()
