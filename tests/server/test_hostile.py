"""Ten thousand requests that nobody means well, against a real server: each is refused, none reaches a database, memory stays.

BOREALIS_HOSTILE_SEED and BOREALIS_HOSTILE_COUNT choose other ones than those of every run.
"""
import collections
import concurrent.futures
import os
import random
import re
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from hostile import Generator  # noqa: E402
from running import AUTHORIZATION, SANITIZED, Server, both_databases_config, databases  # noqa: E402

SEED = int(os.environ.get("BOREALIS_HOSTILE_SEED", 5))
COUNT = int(os.environ.get("BOREALIS_HOSTILE_COUNT", 10_500))
# What may be held when all is over: buffers and caches, of which the first hundreds of requests make most.
MEGABYTES = 32


def answers(port, data):
    """Statuses of all answers to one connection's bytes, until the server ends it."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as c:
        try:
            c.sendall(data)
            c.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before it was all said
        try:
            while more := c.recv(65536):
                got += more
        except ConnectionResetError:
            pass
    return [int(status) for status in re.findall(rb"(?:^|(?<=\}))HTTP/1\.1 (\d{3}) ", got)], got


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(both_databases_config(), "--threads", "2").start()
        cls.draws = {"postgresql": "SELECT nextval('hostile_seen')", "mariadb": "SELECT NEXTVAL(hostile_seen)"}
        for engine in cls.draws:
            cls.ask(engine, "DROP SEQUENCE IF EXISTS hostile_seen")
            cls.ask(engine, "CREATE SEQUENCE hostile_seen" + ("" if engine == "postgresql" else " NOCACHE"))

    @classmethod
    def tearDownClass(cls):
        for engine in cls.draws:
            cls.ask(engine, "DROP SEQUENCE hostile_seen")
        cls.server.stop()

    @classmethod
    def ask(cls, engine, sql):
        database = databases()[engine]
        status, _, body = cls.server.call("Execute", resourceArn=database.arn, secretArn=database.secret, sql=sql)
        assert status == 200, body
        return body

    def drawn(self):
        """How often the sequences were drawn from: a rolled back statement counts as well."""
        return [self.ask("postgresql", "SELECT last_value, is_called FROM hostile_seen")["records"],
                self.ask("mariadb", "SELECT next_not_cached_value FROM hostile_seen")["records"]]

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.server.process.pid}/status").read_text())[1]) // 1024

    def generator(self, engine, seed):
        database = databases()[engine]
        return Generator(random.Random(seed), f"127.0.0.1:{self.server.port}", AUTHORIZATION,
                         {"resourceArn": database.arn, "secretArn": database.secret, "sql": self.draws[engine]})

    def test_the_unspoilt_request_is_taken(self):
        for engine in self.draws:
            before = self.drawn()
            made = self.generator(engine, 0)
            self.assertEqual(answers(self.server.port, made.with_body(made.body) * 2)[0], [200, 200])
            self.assertNotEqual(self.drawn(), before)

    def test_all_are_refused_and_leave_nothing(self):
        made = [one for engine in self.draws for one in self.generator(engine, SEED).messages(COUNT // 2)]
        self.assertGreaterEqual(len(made), min(COUNT - 1, 10_000))
        before = self.drawn()
        seen = collections.Counter()

        def try_one(one):
            statuses, got = answers(self.server.port, one.data)
            seen[(one.kind, statuses[0] if statuses else "closed")] += 1
            wrong = [s for s in statuses if s < 400] or (one.answered and not statuses and not got)
            return None if not wrong else f"{one.kind}: {one.data[:600]!r}\n  → {statuses} {got[:300]!r}"

        def try_all(some):
            with concurrent.futures.ThreadPoolExecutor(8) as workers:
                return [problem for problem in workers.map(try_one, some) if problem]

        problems = try_all(made[:500])
        held = self.resident()
        problems += try_all(made[500:])
        self.assertEqual(problems[:5], [], f"{len(problems)} of {len(made)}")
        self.assertEqual(self.drawn(), before)
        self.assertEqual({kind for kind, _ in seen}, set(Generator.KINDS))
        if not SANITIZED:  # a sanitizer keeps freed memory
            self.assertLess(self.resident() - held, MEGABYTES)
            print(f"\n{len(made)} requests, {held} to {self.resident()} MiB", file=sys.stderr)
        self.assertIsNone(self.server.process.poll())
        self.server.check_log()

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory")
    def test_a_body_of_many_values_leaves_no_memory_behind(self):
        """4 MiB of the smallest values there are; and of as many as are allowed."""
        made = self.generator("postgresql", 1)
        self.assertEqual(answers(self.server.port, made.with_body(b"{}"))[0], [400])
        before = self.resident()
        for count in (2_000_000, 499_000):
            bodies = [made.with_body(b'{"a":[' + b"1," * count + b"1]}")] * 8
            with concurrent.futures.ThreadPoolExecutor(8) as workers:
                for statuses, _ in workers.map(lambda data: answers(self.server.port, data), bodies):
                    self.assertEqual(statuses, [400])
            self.assertLess(self.resident() - before, MEGABYTES, count)

    def test_slow_ones_are_closed_in_time(self):
        with Server(both_databases_config() + "\n[limits]\nidle_seconds = 2\nread_seconds = 2\n") as impatient:
            made = self.generator("postgresql", 2)
            whole = made.with_body(made.body).replace(str(self.server.port).encode(), str(impatient.port).encode())
            before = self.drawn()
            open_ones = [(socket.create_connection(("127.0.0.1", impatient.port), timeout=60), len(whole) * i // 40) for i in range(40)]
            for c, sent in open_ones:
                c.sendall(whole[:sent])
            deadline = time.monotonic() + 60
            left = {c: sent for c, sent in open_ones}
            while left and time.monotonic() < deadline:
                for c, sent in list(left.items()):
                    try:
                        if sent < len(whole) - 1:  # the last byte never comes
                            c.sendall(whole[sent:sent + 1])
                            left[c] += 1
                        c.settimeout(0.001)
                        if c.recv(1) == b"":
                            del left[c]
                    except TimeoutError:
                        continue
                    except OSError:
                        del left[c]
                time.sleep(0.05)
            for c, _ in open_ones:
                c.close()
            self.assertEqual(left, {})
            self.assertEqual(self.drawn(), before)


if __name__ == "__main__":
    unittest.main()
