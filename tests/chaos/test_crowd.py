"""More of everything than there is place for: callers, transactions, connections, time-outs. What gets in is served, what does not is told
so in bounded time, nobody is starved, and everything is at rest afterwards.

`BOREALIS_CHAOS=long`: for longer, with more connections.
"""
import asyncio
import itertools
import json
import os
import socket
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from crowd import Client, percentile  # noqa: E402
from running import AUTHORIZATION, SANITIZED, Server, both_databases_config, databases  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

LONG = os.environ.get("BOREALIS_CHAOS") == "long"
SLEEP = {"postgresql": "SELECT 1 FROM (SELECT pg_sleep({})) s", "mariadb": "SELECT SLEEP({})"}
BUSY = (503, "ServiceUnavailableError")
PATIENCE = 5 if SANITIZED else 1  # factor for everything that bets on the clock


def target(engine):
    there = databases()[engine]
    return {"resourceArn": there.arn, "secretArn": there.secret}


class Crowd(unittest.TestCase):
    names = itertools.count()

    def start(self, config, *arguments, top="", **more):
        server = self.enterContext(Server(top + ADMIN + config + both_databases_config(), *(arguments or ("--threads", "2")), **more))
        self.watch = Watch(server)
        return server

    def table(self, server, columns):
        """A table of that name on both engines, gone afterwards."""
        name = f"crowd_{os.getpid()}_{next(self.names)}"
        for engine in databases():
            there = databases()[engine]
            status, kind, body = server.call("Execute", **target(engine), database=there.name, sql=f"CREATE TABLE {name} ({columns})")
            self.assertEqual(status, 200, (kind, body))
            self.addCleanup(self.drop, server, engine, name)
        return name

    @staticmethod
    def drop(server, engine, name):
        server.call("Execute", **target(engine), database=databases()[engine].name, sql=f"DROP TABLE {name}")

    def test_given_500_clients_and_8_sessions_when_each_has_a_transaction_then_all_end_and_others_are_served(self):
        seconds, clients = (60 if LONG else 2), 500
        server = self.start("[pool]\nmaximum = 8\nwait_seconds = 3\n")
        table = self.table(server, "v INT")
        for engine in databases():
            with self.subTest(engine):
                where = {**target(engine), "database": databases()[engine].name}
                committed, refused, autocommit = [], Counter(), []
                numbers = itertools.count()  # no two transactions want the same row

                async def move(ends):
                    client = Client(server, **target(engine))
                    while True:
                        status, kind, body = await client.call("BeginTransaction", database=where["database"])
                        if status != 200:
                            refused[status, kind] += 1
                        else:
                            tx, mine = body["transactionId"], [next(numbers) for _ in range(3)]
                            for number in mine:
                                status, kind, body = await client.call("Execute", sql=f"INSERT INTO {table} VALUES (:v)", transactionId=tx,
                                                                       parameters=[{"name": "v", "value": {"longValue": number}}])
                                self.assertEqual(status, 200, (kind, body))
                            status, kind, body = await client.call("CommitTransaction", transactionId=tx)
                            self.assertEqual((status, body), (200, {"transactionStatus": "Transaction Committed"}), kind)
                            committed.extend(mine)
                        if time.monotonic() > ends:
                            return await client.close()

                async def read(ends):
                    client = Client(server, **where)
                    while time.monotonic() < ends:
                        took, status, kind, body = await client.timed("Execute", sql="SELECT 1")
                        self.assertEqual(status, 200, (kind, body))
                        autocommit.append(took)
                    await client.close()

                async def all_of_them():
                    ends = time.monotonic() + seconds
                    await asyncio.wait_for(asyncio.gather(*(move(ends) for _ in range(clients)), *(read(ends) for _ in range(4))), seconds + 60)

                asyncio.run(all_of_them())
                self.assertLessEqual(set(refused), {BUSY})
                self.assertGreater(len(committed), 0)
                self.assertGreater(len(autocommit), 0)
                status, _, body = server.call("Execute", **where, sql=f"SELECT COUNT(*), COUNT(DISTINCT v) FROM {table}")
                self.assertEqual([field["longValue"] for field in body["records"][0]], [len(committed)] * 2)
                print(f"{engine}: {len(committed) // 3} transactions of 500 clients committed, {sum(refused.values())} refused; {len(autocommit)} "
                      f"autocommit calls meanwhile, p50 {percentile(autocommit, 50) * 1000:.0f} ms, p99 {percentile(autocommit, 99) * 1000:.0f} ms", flush=True)
                self.watch.at_rest()

    def test_given_two_transactions_when_each_waits_for_the_others_row_then_one_is_told_and_the_other_commits(self):
        server = self.start("[pool]\nmaximum = 2\ntransactions = 2\n")
        table = self.table(server, "id INT PRIMARY KEY, v INT")
        for engine in databases():
            where = {**target(engine), "database": databases()[engine].name}
            server.call("Execute", **where, sql=f"INSERT INTO {table} VALUES (1, 0), (2, 0)")
            for round in range(10 if LONG else 2):
                with self.subTest(engine=engine, round=round):
                    async def cross():
                        clients = [Client(server, **target(engine)) for _ in range(2)]
                        ids = [(await c.call("BeginTransaction", database=where["database"]))[2]["transactionId"] for c in clients]

                        def update(which, row):
                            return clients[which].call("Execute", sql=f"UPDATE {table} SET v = v + 1 WHERE id = {row}", transactionId=ids[which])

                        for which in (0, 1):
                            self.assertEqual((await update(which, which + 1))[0], 200)
                        answers = await asyncio.wait_for(asyncio.gather(update(0, 2), update(1, 1)), 40)
                        ends = [await c.call("CommitTransaction", transactionId=id) for c, id in zip(clients, ids)]
                        for each in clients:
                            await each.close()
                        return answers, ends

                    answers, ends = asyncio.run(cross())
                    loser = [a[0] for a in answers].index(400)
                    self.assertEqual(answers[1 - loser][0], 200, answers)
                    self.assertEqual(answers[loser][1], "DatabaseErrorException")
                    self.assertRegex(answers[loser][2]["message"], "SQLState: 40P01" if engine == "postgresql" else "SQLState: 40001")
                    self.assertEqual(ends[1 - loser][2], {"transactionStatus": "Transaction Committed"})
                    self.watch.at_rest()
            _, _, body = server.call("Execute", **where, sql=f"SELECT SUM(v) FROM {table}")
            self.assertIn(str(2 * (10 if LONG else 2)), json.dumps(body))  # each winner has changed both rows

    def test_given_idle_and_slow_clients_when_others_call_then_they_keep_their_latency(self):
        idle, slow, seconds = (2000, 300, 10) if LONG else (300, 50, 1.5)
        server = self.start("[limits]\nread_seconds = 4\nidle_seconds = 60\n")
        where = {**target("postgresql"), "database": databases()["postgresql"].name}

        def connect():
            made = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            self.addCleanup(made.close)
            return made

        async def normal():
            took = []

            async def one():
                client, ends = Client(server, **where), time.monotonic() + seconds
                while time.monotonic() < ends:
                    began = time.monotonic()
                    status, kind, body = await client.call("Execute", sql="SELECT 1")
                    self.assertEqual(status, 200, (kind, body))
                    took.append(time.monotonic() - began)
                await client.close()

            await asyncio.gather(*(one() for _ in range(4)))
            return took

        async def beside_slow():
            """One byte of a request now and then on each of the slow connections."""
            request = (f"POST /Execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: 500\r\n\r\n" + "{" * 500).encode()
            stopping = False

            async def drip():
                alive = [connect() for _ in range(slow)]
                at = 0
                while not stopping:
                    for one in list(alive):
                        try:
                            one.send(request[at:at + 1])
                        except OSError:
                            alive.remove(one)
                    at += 1
                    await asyncio.sleep(0.1)

            dripping = asyncio.ensure_future(drip())
            took = await normal()
            ends = time.monotonic() + 30 * PATIENCE
            while self.watch.numbers()["borealis_client_connections"] > idle:  # until their time is over: they do not hold out
                self.assertLess(time.monotonic(), ends, "slow clients hold out")
                await asyncio.sleep(0.2)
            stopping = True
            await dripping
            return took

        alone = asyncio.run(normal())
        waiting = [connect() for _ in range(idle)]
        among = asyncio.run(normal())
        both = asyncio.run(beside_slow())
        for name, took in (("alone", alone), (f"beside {idle} idle connections", among), (f"and {slow} that drip", both)):
            print(f"{name}: {len(took)} calls, p50 {percentile(took, 50) * 1000:.2f} ms, p99 {percentile(took, 99) * 1000:.2f} ms", flush=True)
        self.assertLess(percentile(both, 50), 3 * percentile(alone, 50) + 0.02 * PATIENCE)
        waiting[0].sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(waiting[0].recv(1000).startswith(b"HTTP/1.1 200"), "an idle connection was cut")

    @unittest.skipIf(SANITIZED, "UBSan needs a descriptor to look at memory")
    def test_given_no_descriptor_is_left_when_called_then_the_answers_are_true_and_it_passes(self):
        server = self.start("[pool]\nconnect_seconds = 2\nwait_seconds = 2\n", "--threads", "1", top="statement_timeout_seconds = 1\n",
                            through=["sh", "-c", 'ulimit -n 80; exec "$0" "$@"'])
        table = self.table(server, "v INT")

        async def exhaust():
            many = []
            for _ in range(200):
                made = socket.socket()
                made.setblocking(False)
                made.connect_ex(("127.0.0.1", server.port))
                many.append(made)
            await asyncio.sleep(0.5)
            return many

        async def run(ask, expected):
            client = Client(server)
            await client.call("Execute")  # connected
            many = await exhaust()
            for engine in databases():
                took, status, kind, body = await ask(client, engine)
                self.assertIn((status, kind), expected, (engine, body))
                self.assertLess(took, 15 * PATIENCE)
            for made in many:
                made.close()
            ends = time.monotonic() + 20 * PATIENCE
            for engine in databases():
                while (answer := await query(client, engine))[1] != 200:
                    self.assertLess(time.monotonic(), ends, answer)
                    await asyncio.sleep(0.1)
            await client.close()

        async def query(client, engine):
            return await client.timed("Execute", **target(engine), database=databases()[engine].name, sql="SELECT 1")

        async def slow_write(client, engine):
            sleep = "1 FROM pg_sleep(30)" if engine == "postgresql" else "SLEEP(30)"
            return await client.timed("Execute", **target(engine), database=databases()[engine].name, sql=f"INSERT INTO {table} SELECT {sleep}")

        # Sessions are open, and a statement that takes too long cannot be cancelled by another connection: never a 5xx, R-1.34.
        asyncio.run(run(slow_write, {(400, "StatementTimeoutException"), (400, "DatabaseErrorException")}))
        self.watch.at_rest()
        # No session is open, and none can be opened.
        for engine in databases():
            kill = "SELECT pg_terminate_backend(pg_backend_pid())" if engine == "postgresql" else "KILL CONNECTION_ID()"
            server.call("Execute", **target(engine), database=databases()[engine].name, sql=kill)
        asyncio.run(run(query, {(504, "DatabaseUnavailableException"), BUSY}))
        self.watch.at_rest()

    def test_given_an_overload_when_called_then_503_comes_quickly(self):
        server = self.start("[pool]\nmaximum = 2\nqueue = 10\nwait_seconds = 10\n", "--threads", "1")
        for engine in databases():
            with self.subTest(engine):
                where = {**target(engine), "database": databases()[engine].name}

                async def one():
                    client = Client(server, **where)
                    answer = await client.timed("Execute", sql=SLEEP[engine].format(0.4))
                    await client.close()
                    return answer

                async def storm():
                    return await asyncio.gather(*(one() for _ in range(200)))

                answers = asyncio.run(storm())
                kinds = Counter(answer[1:3] for answer in answers)
                self.assertEqual(set(kinds), {(200, None), BUSY})
                self.assertGreaterEqual(kinds[200, None], 2)
                refused = [answer[0] for answer in answers if answer[1] == 503]
                self.assertLess(percentile(refused, 50), 5 * PATIENCE, "a full queue is told at once")
                self.assertLess(max(answer[0] for answer in answers), 20 * PATIENCE)
                print(f"{engine}: {dict(kinds)}; refused after p50 {percentile(refused, 50) * 1000:.0f} ms, p99 {percentile(refused, 99) * 1000:.0f} ms", flush=True)
                self.watch.at_rest()

    def test_given_abandoned_transactions_when_others_call_then_they_are_not_starved(self):
        server = self.start("[pool]\nmaximum = 8\nwait_seconds = 1\n[transactions]\nidle_seconds = 3\n")
        for engine in databases():
            with self.subTest(engine):
                where = {**target(engine), "database": databases()[engine].name}

                async def run():
                    async def begin():
                        client = Client(server, **where)
                        answer = await client.timed("BeginTransaction")
                        client.vanish()
                        return answer

                    begun = await asyncio.gather(*(begin() for _ in range(30)))
                    kinds = Counter(answer[1:3] for answer in begun)
                    self.assertEqual(kinds[200, None], 6, kinds)  # three quarters of the pool
                    self.assertEqual(kinds[BUSY], 24)
                    self.assertLess(max(answer[0] for answer in begun), 1 + 4 * PATIENCE)
                    client = Client(server, **where)
                    for _ in range(20):
                        took, status, kind, body = await client.timed("Execute", sql="SELECT 1")
                        self.assertEqual(status, 200, (kind, body))
                        self.assertLess(took, 1 * PATIENCE)
                    ends = time.monotonic() + 20 * PATIENCE
                    while (answer := await client.call("BeginTransaction"))[0] != 200:  # the reaper comes
                        self.assertEqual(answer[:2], BUSY)
                        self.assertLess(time.monotonic(), ends)
                    await client.call("RollbackTransaction", **target(engine), transactionId=answer[2]["transactionId"], database="")
                    await client.close()

                asyncio.run(run())
                self.watch.at_rest()

    def test_given_storms_of_time_outs_and_hang_ups_when_over_then_nothing_runs_on(self):
        server = self.start("[pool]\nmaximum = 10\nwait_seconds = 5\n", top="statement_timeout_seconds = 0.3\n")
        running = {"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%storm%' AND pid <> pg_backend_pid()",
                   "mariadb": "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%storm%' AND id <> CONNECTION_ID()"}
        for engine in databases():
            with self.subTest(engine):
                where = {**target(engine), "database": databases()[engine].name}

                async def one(hangs_up):
                    client = Client(server, **where)
                    calling = asyncio.ensure_future(client.call("Execute", sql=SLEEP[engine].format(60) + " /* storm */"))
                    if not hangs_up:
                        answer = await calling
                        await client.close()
                        return answer[:2]
                    await asyncio.sleep(0.2)
                    client.vanish()
                    try:
                        await calling
                    except (OSError, asyncio.IncompleteReadError):
                        pass
                    return None

                async def storms():
                    kinds = Counter()
                    for _ in range(10 if LONG else 1):
                        kinds += Counter(await asyncio.gather(*(one(i % 3 == 0) for i in range(60))))
                    return kinds

                kinds = asyncio.run(storms())
                self.assertLessEqual(set(kinds), {None, (400, "StatementTimeoutException"), BUSY})
                self.assertGreater(kinds[400, "StatementTimeoutException"], 0)
                self.watch.at_rest()
                ends = time.monotonic() + 10 * PATIENCE
                while True:
                    status, kind, body = server.call("Execute", **where, sql=running[engine])
                    if status == 200 and body["records"][0][0]["longValue"] == 0:
                        break
                    self.assertLess(time.monotonic(), ends, (kind, body))
                    time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
