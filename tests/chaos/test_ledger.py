"""Money is moved through the Data API while its database is killed, frozen and cut off and Borealis is reloaded: the sum stays, what
was acknowledged is there, nothing is there twice, every error is modelled, everything is at rest afterwards, and memory does not grow.

    test_ledger.py [--minutes N] [--connections N]       default: 15 seconds for each engine, 16 connections

With `--minutes`, or BOREALIS_CHAOS_MINUTES, the database is killed every 10 seconds and Borealis reloaded every 7, over 64 connections.
"""
import argparse
import http.client
import itertools
import json
import os
import random
import signal
import statistics
import sys
import threading
import time
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from engines import MariaDB, PostgreSQL, cluster_toml, until  # noqa: E402
from proxy import Proxy  # noqa: E402
from running import AUTHORIZATION, CLUSTER, SANITIZED, Server  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

ACCOUNTS, MONEY = 20, 1000
SECONDS, CONNECTIONS = 15, 16
KILL_EVERY, RELOAD_EVERY, SPOIL_EVERY = 5, 3, 3  # seconds

# Nothing was done (for a commit: it was not committed); or nobody knows.
NOT_DONE = {"DatabaseUnavailableException", "ServiceUnavailableError", "TransactionNotFoundException"}
MODELLED = NOT_DONE | {"DatabaseErrorException", "StatementTimeoutException"}


class Client:
    """One kept connection to Borealis."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def call(self, operation, **members):
        body = json.dumps({"resourceArn": CLUSTER + "chaos-ledger", "secretArn": "chaos-ledger", **members})
        for attempt in (1, 2):
            reused = self.connection is not None
            try:
                if not reused:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=90)
                self.connection.request("POST", "/" + operation, body, {"Authorization": AUTHORIZATION})
                answer = self.connection.getresponse()
                read = answer.read()
                if answer.will_close:
                    self.close()
                return answer.status, answer.headers.get("x-amzn-ErrorType"), json.loads(read)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()
                if not reused or attempt == 2:
                    raise
            except TimeoutError:
                raise TimeoutError(f"no answer after 90 s: {operation} {members}") from None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Mover(threading.Thread):
    """Transfers, half of them in transactions and half by one autocommit statement."""

    numbers = itertools.count(1)

    def __init__(self, server, seed, ends):
        super().__init__(daemon=True)
        self.client, self.random, self.ends = Client(server), random.Random(seed), ends
        self.done, self.not_done, self.unknown, self.errors, self.broken = [], [], [], Counter(), None

    def run(self):
        try:
            while time.monotonic() < self.ends:
                number = next(self.numbers)
                (self.transfer if self.random.random() < 0.6 else self.note)(number)
        except Exception as problem:  # noqa: BLE001: shown by the test
            self.broken = problem
        finally:
            self.client.close()

    def failed(self, kind, number, done_unknown):
        self.errors[kind] += 1
        assert kind in MODELLED, kind
        (self.unknown if done_unknown and kind not in NOT_DONE else self.not_done).append(number)
        time.sleep(0.02)

    def transfer(self, number):
        status, kind, body = self.client.call("BeginTransaction")
        if status != 200:
            return self.failed(kind, number, False)
        tx = body["transactionId"]
        source, sink = self.random.sample(range(1, ACCOUNTS + 1), 2)
        amount = self.random.randint(1, 50)
        for text in (f"UPDATE account SET money = money - {amount} WHERE id = {source}", f"UPDATE account SET money = money + {amount} WHERE id = {sink}",
                     f"INSERT INTO journal (number) VALUES ({number})"):
            status, kind, body = self.client.call("Execute", sql=text, transactionId=tx)
            if status != 200:
                self.client.call("RollbackTransaction", transactionId=tx)
                return self.failed(kind, number, False)
        status, kind, body = self.client.call("CommitTransaction", transactionId=tx)
        if status != 200:
            return self.failed(kind, number, True)
        (self.done if body["transactionStatus"] == "Transaction Committed" else self.not_done).append(number)

    def note(self, number):
        status, kind, _ = self.client.call("Execute", sql="INSERT INTO journal (number) VALUES (:n)",
                                           parameters=[{"name": "n", "value": {"longValue": number}}])
        if status != 200:
            return self.failed(kind, number, True)
        self.done.append(number)


class Memory(threading.Thread):
    """What the server takes, once a second."""

    def __init__(self, watch):
        super().__init__(daemon=True)
        self.watch, self.seen, self.over = watch, [], threading.Event()

    def run(self):
        while not self.over.wait(1):
            self.seen.append((self.watch.megabytes(), self.watch.descriptors()))

    def quarter(self, which, what=0):
        size = len(self.seen) // 4
        return statistics.median(each[what] for each in self.seen[which * size:(which + 1) * size])


class Ledger(unittest.TestCase):
    def trouble(self, engine, proxy, server, ends):
        """One misfortune after the other until the time is over."""
        fate = random.Random(7)
        count = Counter()
        config = server.state / "borealis.toml"
        right = config.read_text()

        def configure(text):
            # Whole or not at all: the server may still be about to read what the last signal told it of.
            new = config.with_suffix(".new")
            new.write_text(text)
            new.chmod(config.stat().st_mode)
            new.replace(config)
            server.process.send_signal(signal.SIGHUP)

        def kill():
            engine.kill()
            time.sleep(fate.random())
            engine.start()
            return "kill"

        def reload():
            # The same, another one, and one that is wrong: the server keeps what it has.
            configure(fate.choice((right, right.replace("wait_seconds = 5", "wait_seconds = 6"), right + "\n[nonsense]\n")))
            return "reload"

        def spoil():
            what = fate.choice(("cut", "reset", "freeze"))
            if what == "freeze":
                engine.freeze()
                time.sleep(0.5 + fate.random())
                engine.thaw()
            else:
                proxy.cut_all(reset=what == "reset")
            return what

        now = time.monotonic()
        due = {kill: (now + 1.5, KILL_EVERY), reload: (now + 1, RELOAD_EVERY), spoil: (now + 2.5, SPOIL_EVERY)}
        while True:
            what = min(due, key=lambda each: due[each][0])
            at, every = due[what]
            if at > ends - 2:
                break
            time.sleep(max(0, at - time.monotonic()))
            count[what()] += 1
            due[what] = max(at + every, time.monotonic()), every
        configure(right)
        return count

    def run_on(self, kind):
        with kind() as engine, Proxy(engine.port) as proxy:
            engine.sql("CREATE TABLE account (id INT PRIMARY KEY, money INT NOT NULL)")
            engine.sql("CREATE TABLE journal (number BIGINT NOT NULL)")
            engine.sql("INSERT INTO account VALUES " + ",".join(f"({i},{MONEY})" for i in range(1, ACCOUNTS + 1)))
            config = ("statement_timeout_seconds = 5\n" + ADMIN + "[pool]\nmaximum = 8\nconnect_seconds = 2\nwait_seconds = 5\n" +
                      cluster_toml("chaos-ledger", "postgresql" if kind is PostgreSQL else "mysql", [f"127.0.0.1:{proxy.port}"], kind.database))
            with Server(config, "--threads", "2") as server:
                ends = time.monotonic() + SECONDS
                watch = Watch(server)
                memory = Memory(watch)
                memory.start()
                self.addCleanup(memory.over.set)
                movers = [Mover(server, seed, ends) for seed in range(CONNECTIONS)]
                for each in movers:
                    each.start()
                count = self.trouble(engine, proxy, server, ends)
                for each in movers:
                    each.join(120)
                    self.assertFalse(each.is_alive(), "a call never ended")
                    self.assertIsNone(each.broken, f"{each.broken!r}; {watch.numbers() if each.broken else ''}; {server.text()[-3000:]}")
                errors = sum((each.errors for each in movers), Counter())
                done, not_done, unknown = ([n for m in movers for n in getattr(m, which)] for which in ("done", "not_done", "unknown"))
                print(f"{kind.name}: {len(done)} acknowledged, {len(not_done)} refused, {len(unknown)} unknown; {dict(count)}; {dict(errors)}", flush=True)
                # Open transactions of those who hung up would hold locks; there are none.
                client = Client(server)
                until(lambda: client.call("Execute", sql="UPDATE account SET money = money + 0")[0] == 200, what="the accounts stay locked")
                client.close()
                memory.over.set()
                memory.join()
                watch.at_rest()
                if SECONDS >= 60 and not SANITIZED:
                    early, late = memory.quarter(1), memory.quarter(3)
                    print(f"{kind.name}: {early:.1f} MB in the second quarter, {late:.1f} MB in the last; {memory.quarter(1, 1):.0f} and "
                          f"{memory.quarter(3, 1):.0f} descriptors", flush=True)
                    self.assertLess(late, early * 1.05 + 4, "memory grows")
            stored = Counter(int(n) for n in engine.sql("SELECT number FROM journal").split())
            self.assertEqual([n for n, times in stored.items() if times > 1], [], "written twice")
            self.assertEqual(sorted(set(done) - set(stored)), [], "acknowledged and lost")
            self.assertEqual(sorted(set(not_done) & set(stored)), [], "said not to be done, and done")
            self.assertEqual(int(engine.sql("SELECT SUM(money) FROM account")), ACCOUNTS * MONEY)
            self.assertGreater(len(done), 100, "hardly anything was done: the test says nothing")

    def test_given_misfortunes_when_money_is_moved_then_postgresql_keeps_every_promise(self):
        self.run_on(PostgreSQL)

    def test_given_misfortunes_when_money_is_moved_then_mariadb_keeps_every_promise(self):
        self.run_on(MariaDB)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=float(os.environ.get("BOREALIS_CHAOS_MINUTES", 0)))
    options.add_argument("--connections", type=int)
    known, rest = options.parse_known_args()
    CONNECTIONS = known.connections or (64 if known.minutes else CONNECTIONS)
    if known.minutes:
        SECONDS, KILL_EVERY, RELOAD_EVERY = known.minutes * 60, 10, 7
    unittest.main(argv=[sys.argv[0], *rest])
