"""A client that hangs up: nobody waits for its statement, so it ends at the database."""
import json
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import AUTHORIZATION, Server, both_databases_config, databases  # noqa: E402

SLOW = {"postgresql": "INSERT INTO hangup SELECT {value} FROM pg_sleep({seconds})",
        "mariadb": "INSERT INTO hangup SELECT {value} + SLEEP({seconds})"}
RUNNING = {"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'INSERT INTO hangup%'",
           "mariadb": "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO hangup%'"}


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Hangup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(both_databases_config(), "--threads", "2").start()
        cls.addClassCleanup(cls.server.stop)
        for engine in databases():
            cls.sql(engine, "DROP TABLE IF EXISTS hangup")
            cls.sql(engine, "CREATE TABLE hangup (v INT)")
            cls.addClassCleanup(cls.sql, engine, "DROP TABLE hangup")

    @classmethod
    def members(cls, engine):
        where = databases()[engine]
        return {"resourceArn": where.arn, "secretArn": where.secret, "database": where.name}

    @classmethod
    def sql(cls, engine, text, **members):
        status, kind, body = cls.server.call("Execute", sql=text, **cls.members(engine), **members)
        assert status == 200, (kind, body)
        return body

    def number(self, engine, text):
        return self.sql(engine, text)["records"][0][0]["longValue"]

    def post(self, operation, **members):
        """A call whose answer nobody has read yet."""
        body = json.dumps(members).encode()
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
        self.addCleanup(client.close)
        client.sendall(f"POST /{operation} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return client

    def send(self, engine, **members):
        """A statement under way."""
        client = self.post("Execute", **self.members(engine), **members)
        self.assertTrue(until(lambda: self.number(engine, RUNNING[engine]) == 1), "the statement does not run")
        return client

    def test_given_a_running_statement_when_its_client_hangs_up_then_it_is_cancelled(self):
        for engine in databases():
            with self.subTest(engine):
                self.send(engine, sql=SLOW[engine].format(value=1, seconds=100)).close()
                self.assertTrue(until(lambda: self.number(engine, RUNNING[engine]) == 0), "it runs on")
                self.assertEqual(self.number(engine, "SELECT COUNT(*) FROM hangup WHERE v = 1"), 0)

    def test_given_a_transaction_when_its_client_hangs_up_then_the_id_stays_known(self):
        for engine in databases():
            with self.subTest(engine):
                status, _, body = self.server.call("BeginTransaction", **self.members(engine))
                self.assertEqual(status, 200, body)
                self.send(engine, sql=SLOW[engine].format(value=2, seconds=100), transactionId=body["transactionId"]).close()
                self.assertTrue(until(lambda: self.number(engine, RUNNING[engine]) == 0), "it runs on")
                ids = {k: v for k, v in self.members(engine).items() if k != "database"}
                rolled_back = lambda: self.server.call("RollbackTransaction", transactionId=body["transactionId"], **ids)[0] == 200
                self.assertTrue(until(rolled_back), "the transaction is gone")
                self.assertEqual(self.number(engine, "SELECT COUNT(*) FROM hangup WHERE v = 2"), 0)

    def test_given_continue_after_timeout_when_its_client_hangs_up_then_it_runs_on(self):
        for engine in databases():
            with self.subTest(engine):
                self.send(engine, sql=SLOW[engine].format(value=3, seconds=3), continueAfterTimeout=True).close()
                self.assertTrue(until(lambda: self.number(engine, "SELECT COUNT(*) FROM hangup WHERE v = 3") == 1), "it was cancelled")

    def test_given_a_running_commit_when_its_client_hangs_up_then_it_is_committed(self):
        for engine in databases():
            with self.subTest(engine):
                ids = {k: v for k, v in self.members(engine).items() if k != "database"}
                begin = lambda: self.server.call("BeginTransaction", **self.members(engine))[2]["transactionId"]  # noqa: E731
                tx = begin()
                if engine == "postgresql":
                    self.sql(engine, "CREATE FUNCTION hangup_slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$")
                    self.addCleanup(self.sql, engine, "DROP FUNCTION hangup_slowly CASCADE")
                    self.sql(engine, "CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON hangup DEFERRABLE INITIALLY DEFERRED "
                                     "FOR EACH ROW WHEN (NEW.v = 5) EXECUTE FUNCTION hangup_slowly()")
                self.sql(engine, "INSERT INTO hangup VALUES (5)", transactionId=tx)
                if engine == "mariadb":
                    lock = begin()
                    self.sql(engine, "FLUSH TABLES WITH READ LOCK", transactionId=lock)
                client = self.post("CommitTransaction", **ids, transactionId=tx)
                time.sleep(0.5)
                client.close()
                time.sleep(1.3)  # the look for clients that are gone is once a second
                if engine == "mariadb":
                    self.server.call("RollbackTransaction", **ids, transactionId=lock)
                self.assertTrue(until(lambda: self.number(engine, "SELECT COUNT(*) FROM hangup WHERE v = 5") == 1), "the commit was cancelled")

    def test_given_a_client_that_waits_when_it_has_sent_more_already_then_it_is_answered(self):
        for engine in databases():
            with self.subTest(engine):
                client = self.send(engine, sql=SLOW[engine].format(value=4, seconds=3))
                client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                read = b""
                while read.count(b"HTTP/1.1 200 OK") < 2:
                    some = client.recv(65536)
                    self.assertTrue(some, read)
                    read += some
                self.assertEqual(self.number(engine, "SELECT COUNT(*) FROM hangup WHERE v = 4"), 1)


if __name__ == "__main__":
    unittest.main()
