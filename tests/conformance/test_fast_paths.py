"""Fast paths change nothing: the calls of the conformance suite are answered byte for byte as without them, many at a time."""
import concurrent.futures
import http.client
import json
import random
import re
import sys
import threading
import unittest
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "support"), str(Path(__file__).resolve().parent)]
from running import AUTHORIZATION, Server, both_databases_config, databases  # noqa: E402
from rows import ABSENT, ROWS  # noqa: E402
import rows_3_limits  # noqa: E402, F401
import rows_4_parameters  # noqa: E402, F401
import rows_5_values  # noqa: E402, F401
import rows_6_7_metadata  # noqa: E402, F401

# Everything counts as short at once, however slow the machine is, and as many calls as can be run on one session.
ON = """
[pool]
maximum = 8
shared_sessions = 1
shared_depth = 64
short_after = 1
short_seconds = 60
shared_wait_seconds = 60
short_bytes = 10000000
shared_write_seconds = 1
"""
OFF = "[pool]\nmaximum = 8\nshared_sessions = 0\nbatches_at_once = false\nquick_begin = false\n[transactions]\nalways_reset = true\n"
TIMES = 2


def calls_of(engine):
    """Those that need nothing but themselves."""
    found = {}
    for _, engines, calls in ROWS:
        if engine not in engines:
            continue
        for one in calls:
            members = {k: v for k, v in one.members.items() if v is not ABSENT}
            alone = one.operation == "Execute" and one.raw is None and one.server == "main" and "@t" not in json.dumps(members)
            if alone and str(members.get("sql", "")).lstrip("( ").upper().startswith(("SELECT", "WITH", "VALUES")):
                found[json.dumps(members)] = members
    return list(found.values())


class FastPaths(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.where = databases()
        config = "threads = 1\n" + both_databases_config()
        cls.on = Server(config + ON + '[admin]\nlisten = "127.0.0.1:0"\n').start()
        cls.addClassCleanup(cls.on.stop)
        cls.off = Server(config + OFF).start()
        cls.addClassCleanup(cls.off.stop)
        cls.connections = threading.local()
        cls.opened = []
        cls.addClassCleanup(lambda: [each.close() for each in cls.opened])

    def ask(self, server, engine, members, operation="Execute"):
        """(status, error type, body), the body in bytes."""
        at = self.where[engine]
        kept = self.connections.__dict__
        if server not in kept:
            kept[server] = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            self.opened.append(kept[server])
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, **members}).encode()
        kept[server].request("POST", "/" + operation, body, {"Authorization": AUTHORIZATION, "Content-Type": "application/json"})
        answer = kept[server].getresponse()
        # Names of prepared statements count up.
        return answer.status, answer.headers["x-amzn-ErrorType"], re.sub(rb"borealis_\d+", b"borealis_N", answer.read())

    def joined(self):
        admin = re.search(r"metrics: (\S+)/metrics", self.on.text())[1]
        with urllib.request.urlopen(admin + "/metrics") as page:
            lines = page.read().decode().splitlines()
        return int(next(l.split()[-1] for l in lines if l.startswith('borealis_shared_statements_total{event="joined"}')))

    def test_given_the_reads_of_the_conformance_suite_when_many_run_at_once_then_each_is_answered_as_alone(self):
        for engine in self.where:
            with self.subTest(engine):
                expected = []
                for members in calls_of(engine):
                    first, again = (self.ask(self.off, engine, members) for _ in range(2))
                    if first == again:  # else it is the time, a random number, a session of its own …
                        expected.append((members, first))
                self.assertGreater(len(expected), 100)
                for members, answer in expected:  # proves short what is
                    self.assertEqual(self.ask(self.on, engine, members), answer, members)
                work = expected * TIMES
                random.Random(1).shuffle(work)
                with concurrent.futures.ThreadPoolExecutor(16) as clients:
                    answers = clients.map(lambda one: self.ask(self.on, engine, one[0]), work)
                    for (members, answer), got in zip(work, answers):
                        self.assertEqual(got, answer, members)
        self.assertGreater(self.joined(), 100, "they hardly ever met on a session")

    def test_given_batches_and_transactions_when_run_then_their_answers_and_rows_are_those_of_the_long_way(self):
        def sets(count, **odd):
            made = [[{"name": "id", "value": {"longValue": i}}, {"name": "v", "value": {"stringValue": f"v{i}"}}] for i in range(count)]
            for at, value in odd.items():
                made[int(at[1:])][1]["value"] = value
            return made

        insert = "INSERT INTO fast_sets (id, v) VALUES (:id, :v)"
        batches = [sets(200), sets(200, _7={"isNull": True}), sets(200, _150={"longValue": 1}), sets(200, _199={"stringValue": "x" * 9}),
                   sets(200) + sets(1), sets(3)]

        def all_of(server, engine):
            seen = []
            for number, batch in enumerate(batches):
                for text in ("DROP TABLE IF EXISTS fast_sets", "CREATE TABLE fast_sets (id int PRIMARY KEY, v varchar(8))"):
                    self.assertEqual(self.ask(server, engine, {"sql": text})[0], 200)
                if number % 2:
                    seen.append(self.ask(server, engine, {"sql": insert, "parameterSets": batch}, "BatchExecute"))
                else:
                    _, _, begun = self.ask(server, engine, {}, "BeginTransaction")
                    within = {"transactionId": json.loads(begun)["transactionId"]}
                    for half in (batch[:100], batch[100:]):
                        seen.append(self.ask(server, engine, {"sql": insert, "parameterSets": half, **within}, "BatchExecute"))
                    seen.append(self.ask(server, engine, within, "CommitTransaction"))
                seen.append(self.ask(server, engine, {"sql": "SELECT id, v FROM fast_sets ORDER BY id"}))
            return seen

        for engine in self.where:
            with self.subTest(engine):
                self.addCleanup(self.ask, self.on, engine, {"sql": "DROP TABLE IF EXISTS fast_sets"})
                self.assertEqual(all_of(self.on, engine), all_of(self.off, engine))

    def test_given_writes_between_the_reads_when_many_run_at_once_then_each_reads_what_was_written_before_it(self):
        engine = "postgresql"
        for text in ("DROP TABLE IF EXISTS fast_paths", "CREATE TABLE fast_paths (id int PRIMARY KEY, v int)"):
            self.assertEqual(self.ask(self.on, engine, {"sql": text})[0], 200)
        self.addCleanup(self.ask, self.on, engine, {"sql": "DROP TABLE fast_paths"})

        def client(number):
            def run(sql, **values):
                parameters = [{"name": k, "value": {"longValue": v}} for k, v in values.items()]
                status, _, body = self.ask(self.on, engine, {"sql": sql, "parameters": parameters})
                return status, json.loads(body)
            self.assertEqual(run("INSERT INTO fast_paths VALUES (:id, 0)", id=number)[0], 200)
            for v in range(1, 30):
                self.assertEqual(run("UPDATE fast_paths SET v = :v WHERE id = :id", v=v, id=number)[1]["numberOfRecordsUpdated"], 1)
                self.assertEqual(run("SELECT v FROM fast_paths WHERE id = :id", id=number)[1]["records"], [[{"longValue": v}]])
                status, refused = run("SELECT 1 / (v - v) FROM fast_paths WHERE id = :id", id=number)
                self.assertEqual((status, refused), (400, {"message": "ERROR: division by zero; SQLState: 22012"}))

        with concurrent.futures.ThreadPoolExecutor(12) as clients:
            list(clients.map(client, range(12)))

    def test_given_writes_of_many_clients_at_once_when_each_is_sent_twice_then_one_is_done_and_one_refused_as_alone(self):
        texts = {"postgresql": "CREATE TABLE fast_writes (id serial, v int PRIMARY KEY)",
                 "mariadb": "CREATE TABLE fast_writes (id int AUTO_INCREMENT UNIQUE, v int PRIMARY KEY)"}
        insert = "INSERT INTO fast_writes (v) VALUES (:v)"

        def members(v, sql=insert):
            return {"sql": sql, "parameters": [{"name": "v", "value": {"longValue": v}}]}
        for engine in self.where:
            with self.subTest(engine):
                for text in ("DROP TABLE IF EXISTS fast_writes", texts[engine]):
                    self.assertEqual(self.ask(self.on, engine, {"sql": text})[0], 200)
                self.addCleanup(self.ask, self.on, engine, {"sql": "DROP TABLE fast_writes"})
                self.assertEqual(self.ask(self.off, engine, members(0))[0], 200)
                refused = self.ask(self.off, engine, members(0))
                self.assertEqual(refused[0], 400)
                before = self.joined()
                work = [v for v in range(1, 1001) for _ in range(2)]
                random.Random(2).shuffle(work)
                with concurrent.futures.ThreadPoolExecutor(16) as clients:
                    answers = list(clients.map(lambda v: self.ask(self.on, engine, members(v)), work))
                done, made = [], set()
                for v, answer in zip(work, answers):
                    if answer[0] == 200:
                        done.append(v)
                        made.add((v, *(f["longValue"] for f in json.loads(answer[2])["generatedFields"])))
                    else:
                        self.assertEqual(answer, (refused[0], refused[1], refused[2].replace(b"(0)", b"(%d)" % v).replace(b"'0'", b"'%d'" % v)))
                self.assertEqual(sorted(done), list(range(1, 1001)))
                self.assertGreater(self.joined(), before, "none met another on a session")
                rows = json.loads(self.ask(self.off, engine, {"sql": "SELECT v, id FROM fast_writes WHERE v > 0"})[2])["records"]
                width = 2 if engine == "mariadb" else 1
                self.assertEqual({tuple(f["longValue"] for f in row[:width]) for row in rows}, made)
                for sql in ("UPDATE fast_writes SET v = v WHERE v <= :v", "DELETE FROM fast_writes WHERE v = :v"):
                    self.assertEqual(self.ask(self.on, engine, members(1, sql))[2].count(b'"numberOfRecordsUpdated":'), 1)


if __name__ == "__main__":
    unittest.main()
