"""A table of phases and faults: at each phase of the conversation with a database (connect, TLS, log-in, prepare, execute, fetch,
commit) the connection is delayed, dripped, cut, half-closed, torn, stalled or reset, in both directions.

Each time: the answer comes in bounded time; it is true (a write is there once where it was acknowledged, and not at all where the error
says that nothing was done); an error is a modelled one; nothing is left over in the pool; the next call works.

`BOREALIS_CHAOS=long` tries every fault at every phase; without it a choice of faults at every phase.
"""
import itertools
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from authority import Authority  # noqa: E402
from engines import MariaDB, PostgreSQL, cluster_toml, until  # noqa: E402
from proxy import AT_CONNECT, KINDS, TO_CLIENT, TO_SERVER, Proxy  # noqa: E402
from running import CLUSTER, SANITIZED, Server  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

LONG = os.environ.get("BOREALIS_CHAOS") == "long"
NOTHING_DONE = {"DatabaseUnavailableException", "ServiceUnavailableError", "TransactionNotFoundException"}
MODELLED = NOTHING_DONE | {"DatabaseErrorException", "StatementTimeoutException"}
# Statement, connecting and waiting for a session take a second at most; a commit 45. The rest is for a busy machine.
SECONDS = 30 if SANITIZED else 15
SECONDS_OF_A_COMMIT = 45 + SECONDS
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


def postgresql_types(data):
    """The types of the messages in a piece, as far as whole messages tell; a start-up message has none."""
    found, at = "", 0
    while at + 5 <= len(data) and chr(data[at]).isalpha():
        found += chr(data[at])
        at += 1 + int.from_bytes(data[at + 1:at + 5], "big")
    return found


def mariadb_commands(data):
    """The bytes of the packets that begin a command."""
    found, at = [], 0
    while at + 5 <= len(data):
        if data[at + 3] == 0:
            found.append(data[at + 4])
        at += 4 + int.from_bytes(data[at:at + 3], "little")
    return found


def is_hello(data):
    return data[:2] == b"\x16\x03"


def is_mariadb_login(data):
    """The first packet of the client's that is no request for TLS."""
    return len(data) > 36 and data[3] == 1 and int.from_bytes(data[:3], "little") == len(data) - 4


# How each engine's phases begin on the wire: the first piece to the server for which this holds.
PHASES = {
    PostgreSQL: {
        "the request for TLS": lambda data: data == SSL_REQUEST,
        "TLS": is_hello,
        "start-up": lambda data: data[:1] == b"\0" and data != SSL_REQUEST,
        "log-in": lambda data: data[:1] == b"p",
        "prepare": lambda data: "P" in postgresql_types(data) and b"chaos_phases" in data,
        "execute": lambda data: "E" in postgresql_types(data),
        "commit": lambda data: b"COMMIT" in data,
    },
    MariaDB: {
        "the request for TLS": lambda data: len(data) == 36 and data[3] == 1,
        "TLS": is_hello,
        "log-in": is_mariadb_login,
        "prepare": lambda data: 0x16 in mariadb_commands(data) and b"chaos_phases" in data,
        "execute": lambda data: 0x17 in mariadb_commands(data),
        "commit": lambda data: 0x03 in mariadb_commands(data) and b"COMMIT" in data,
    },
}
ON_A_FRESH_SESSION = ("connect", "the request for TLS", "TLS", "start-up", "log-in")
OVER_TLS = ("the request for TLS", "TLS")


class Phases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="borealis-chaos-"))
        certificate = Authority(folder).sign("localhost")
        cls.engines, cls.proxies = {}, {}
        config = "statement_timeout_seconds = 0.5\n" + ADMIN + "[pool]\nmaximum = 2\nconnect_seconds = 0.5\nwait_seconds = 1\n"
        for kind in PHASES:
            engine = cls.engines[kind] = cls.enterClassContext(kind(tls=certificate))
            proxy = cls.proxies[kind] = cls.enterClassContext(Proxy(engine.port))
            engine.sql("CREATE TABLE chaos_phases (id INT, filler TEXT)")
            for tls in ("disable", "require"):
                config += cluster_toml(f"{kind.name}-{tls}", "postgresql" if kind is PostgreSQL else "mysql", [f"127.0.0.1:{proxy.port}"],
                                       kind.database, tls)
        cls.server = cls.enterClassContext(Server(config, "--threads", "1"))
        cls.watch = Watch(cls.server)

    ids = itertools.count(1)

    def call(self, cluster, operation, **members):
        return self.server.call(operation, resourceArn=CLUSTER + cluster, secretArn=cluster, **members)

    # Each makes the rows `id` and gives (acknowledged, error type). How many rows it makes: see ROWS.

    def statement(self, cluster, id):
        status, kind, _ = self.call(cluster, "Execute", sql="INSERT INTO chaos_phases (id) VALUES (:id)",
                                    parameters=[{"name": "id", "value": {"longValue": id}}])
        return status == 200, kind

    def new_statement(self, cluster, id):
        status, kind, _ = self.call(cluster, "Execute", sql=f"INSERT INTO chaos_phases (id) VALUES ({id})")
        return status == 200, kind

    def large_result(self, cluster, id):
        """A write whose answer takes many pieces."""
        rows = "generate_series(1, 500)" if "postgresql" in cluster else "seq_1_to_500"
        status, kind, _ = self.call(cluster, "Execute", sql=f"INSERT INTO chaos_phases SELECT :id, repeat('x', 1000) FROM {rows} RETURNING filler",
                                    parameters=[{"name": "id", "value": {"longValue": id}}])
        return status == 200, kind

    def transaction(self, cluster, id):
        status, kind, body = self.call(cluster, "BeginTransaction")
        if status != 200:
            return False, kind
        for _ in range(3):
            made = self.call(cluster, "Execute", sql=f"INSERT INTO chaos_phases (id) VALUES ({id})", transactionId=body["transactionId"])
            if made[0] != 200:
                self.call(cluster, "RollbackTransaction", transactionId=body["transactionId"])
                return False, "TransactionNotFoundException"  # never committed
        status, kind, body = self.call(cluster, "CommitTransaction", transactionId=body["transactionId"])
        return status == 200 and body["transactionStatus"] == "Transaction Committed", kind

    def try_once(self, engine, phase, how, rows, fault, direction, piece=1):
        proxy = self.proxies[engine]
        cluster = f"{engine.name}-{'require' if phase in OVER_TLS else 'disable'}"
        works = lambda: self.call(cluster, "Execute", sql="SELECT 1")[0] == 200  # noqa: E731
        until(works, what="the database is not reached")
        if how == self.statement and phase == "execute":
            self.statement(cluster, 0)  # it is prepared
        self.watch.at_rest()
        if phase in ON_A_FRESH_SESSION:
            proxy.cut_all()
        id = next(self.ids)
        struck = proxy.set(fault, direction, piece, None if direction == AT_CONNECT else PHASES[engine][phase]).struck
        began = time.monotonic()
        acknowledged, kind = how(cluster, id)
        took = time.monotonic() - began
        proxy.release()
        self.assertTrue(struck.is_set(), "this test tries nothing: its moment did not come")
        self.assertLess(took, SECONDS_OF_A_COMMIT if phase == "commit" else SECONDS)
        if not acknowledged:
            self.assertIn(kind, MODELLED)
        until(works, what="the next call does not work")
        self.watch.at_rest()
        stored = int(self.engines[engine].sql(f"SELECT count(*) FROM chaos_phases WHERE id = {id}"))
        if acknowledged:
            self.assertEqual(stored, rows, "acknowledged, and not there once")
        else:
            self.assertIn(stored, (0, rows), "there in part, or twice")
            if kind in NOTHING_DONE:
                self.assertEqual(stored, 0, f"{kind}, and yet it is there")

    def sweep(self, phases, how, rows, kinds, directions=(TO_SERVER, TO_CLIENT), pieces=(1,)):
        for engine in PHASES:
            for phase, direction, fault, piece in itertools.product(phases, directions, kinds, pieces):
                if fault == "stall" and direction == TO_SERVER and not LONG:
                    continue  # one takes its whole time-out
                if phase == "connect" or phase in PHASES[engine]:
                    with self.subTest(f"{engine.name}: {phase}: {fault} {direction} at piece {piece}"):
                        self.try_once(engine, phase, how, rows, fault, direction, piece)

    some = KINDS if LONG else ("reset", "half", "tear", "stall")
    quick = tuple(kind for kind in KINDS if kind != "stall")

    def test_given_a_fault_at_connect_when_called_then_the_answer_is_true(self):
        self.sweep(["connect"], self.statement, 1, KINDS, directions=[AT_CONNECT])

    def test_given_a_fault_in_the_tls_handshake_when_called_then_the_answer_is_true(self):
        self.sweep(OVER_TLS, self.statement, 1, self.some)

    def test_given_a_fault_in_the_log_in_when_called_then_the_answer_is_true(self):
        self.sweep(["start-up", "log-in"], self.statement, 1, self.some)

    def test_given_a_fault_at_prepare_when_called_then_the_answer_is_true(self):
        self.sweep(["prepare"], self.new_statement, 1, KINDS)

    def test_given_a_fault_at_execute_when_called_then_the_answer_is_true(self):
        self.sweep(["execute"], self.statement, 1, KINDS)

    def test_given_a_fault_at_fetch_when_called_then_the_answer_is_true(self):
        self.sweep(["execute"], self.large_result, 500, KINDS if LONG else ("reset", "forward", "half", "stall", "drip"), directions=[TO_CLIENT],
                   pieces=(2, 4) if LONG else (3,))

    def test_given_a_fault_at_commit_when_called_then_the_answer_is_true(self):
        self.sweep(["commit"], self.transaction, 3, KINDS if LONG else self.quick)


if __name__ == "__main__":
    unittest.main()
