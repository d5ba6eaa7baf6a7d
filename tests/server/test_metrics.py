"""The admin listener: Prometheus' text over all threads, health, and nothing of what callers said."""
import re
import socket
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import Server, both_databases_config, databases  # noqa: E402

# The exposition format's line, without time stamps.
LINE = re.compile(r'^[a-z_]+(?:\{[a-zA-Z_]+="[^"\\\n]*"(?:,[a-zA-Z_]+="[^"\\\n]*")*\})? (?:[0-9.e+-]+|\+Inf)$')


class Metrics(unittest.TestCase):
    def setUp(self):
        there = databases()["postgresql"]
        hasty = there.config().split("[[secret]]")[0].replace('id = "test-', 'statement_timeout_seconds = 0.5\nid = "hasty-')
        self.server = Server('[admin]\nlisten = "127.0.0.1:0"\nconnections = 2\n' + both_databases_config() + hasty, "--threads", "2")
        self.server.start()
        self.addCleanup(self.server.stop)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"metrics: (http://127\.0\.0\.1:\d+)/metrics", self.server.text())):
            self.assertLess(time.monotonic(), deadline, self.server.text())
            time.sleep(0.02)
        self.admin = found[1]

    def get(self, path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.admin + path, method=method), timeout=60) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers["Content-Type"], refused.read().decode()

    def numbers(self):
        status, kind, text = self.get("/metrics")
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        found = {}
        for line in text.splitlines():
            if not line.startswith("# "):
                self.assertRegex(line, LINE)
                name, _, value = line.rpartition(" ")
                self.assertNotIn(name, found, "a series is there twice")
                found[name] = float(value)
        return found

    def call(self, operation, **members):
        there = databases()["postgresql"]
        return self.server.call(operation, **{"resourceArn": there.arn, "secretArn": there.secret, **members})

    def test_given_calls_when_scraped_then_they_are_counted_over_all_threads(self):
        for _ in range(20):  # each over a connection of its own: they reach both threads
            self.assertEqual(self.call("Execute", sql="SELECT 'a secret of the caller''s'")[0], 200)
        self.assertEqual(self.call("Execute", sql="SELEKT")[0], 400)
        tx = self.call("BeginTransaction")[2]["transactionId"]
        self.assertEqual(self.numbers()["borealis_transactions_open"], 1)
        self.call("CommitTransaction", transactionId=tx)
        tx = self.call("BeginTransaction")[2]["transactionId"]
        self.call("RollbackTransaction", transactionId=tx)
        self.call("RollbackTransaction", transactionId=tx)

        now = self.numbers()
        self.assertEqual(now['borealis_requests_total{operation="ExecuteStatement",outcome="OK"}'], 20)
        self.assertEqual(now['borealis_requests_total{operation="ExecuteStatement",outcome="DatabaseErrorException"}'], 1)
        self.assertEqual(now['borealis_requests_total{operation="RollbackTransaction",outcome="TransactionNotFoundException"}'], 1)
        self.assertEqual(now['borealis_transactions_ended_total{how="committed"}'], 1)
        self.assertEqual(now['borealis_transactions_ended_total{how="rolled_back"}'], 1)
        self.assertEqual(now["borealis_transactions_open"], 0)
        self.assertEqual(now['borealis_request_seconds_count{operation="ExecuteStatement"}'], 21)
        self.assertEqual(now['borealis_request_seconds_bucket{operation="ExecuteStatement",le="+Inf"}'], 21)
        self.assertEqual(now["borealis_database_seconds_count"], 25)  # two BEGINs, a COMMIT and a ROLLBACK as well
        self.assertGreater(now["borealis_database_seconds_sum"], 0)
        self.assertEqual(now["borealis_queue_seconds_count"], 23)
        self.assertGreater(now["borealis_connect_seconds_sum"], 0)
        self.assertEqual(now["borealis_encode_seconds_count"], 20)
        self.assertEqual(now["borealis_rows_total"], 20)
        phases = sum(now[f"borealis_{phase}_seconds_sum"] for phase in ("queue", "connect", "database", "encode"))
        self.assertLessEqual(phases, sum(value for name, value in now.items() if name.startswith("borealis_request_seconds_sum")))
        self.assertEqual(now['borealis_http_responses_total{class="2xx"}'], 24)
        self.assertEqual(now['borealis_http_responses_total{class="4xx"}'], 2)
        self.assertGreater(now["borealis_received_bytes_total"], 26 * 200)
        self.assertGreater(now["borealis_sent_bytes_total"], 26 * 100)
        self.assertGreater(now["process_resident_memory_bytes"], 1 << 20)
        self.assertGreater(now["process_open_fds"], 10)
        opened, closed = (now[f'borealis_session_events_total{{event="{e}"}}'] for e in ("opened", "closed"))
        self.assertGreaterEqual(opened, 1)
        open_now = sum(now[f'borealis_sessions{{state="{s}"}}'] for s in ("idle", "leased", "resetting"))
        self.assertEqual(opened - closed, open_now)
        arn = databases()["postgresql"].arn
        self.assertEqual(sum(now[f'borealis_cluster_sessions{{cluster="{arn}",state="{s}"}}'] for s in ("idle", "leased", "resetting")), open_now)
        self.assertEqual(now[f'borealis_cluster_session_waiters{{cluster="{arn}"}}'], 0)
        text = self.get("/metrics")[2]
        for word in ("SELECT", "secret", databases()["postgresql"].password):
            self.assertNotIn(word, text)

    def test_given_statements_that_are_ended_when_scraped_then_it_is_told_why(self):
        there = databases()["postgresql"]
        self.assertEqual(self.call("Execute", sql="SELECT repeat('x', 100000) FROM generate_series(1, 1000)")[0], 400)
        status, kind, _ = self.call("Execute", sql="SELECT pg_sleep(60)", resourceArn=there.arn.replace("test-", "hasty-"))
        self.assertEqual((status, kind), (400, "StatementTimeoutException"))
        now = self.numbers()
        self.assertEqual({why: now[f'borealis_statements_cancelled_total{{why="{why}"}}'] for why in ("time", "hung_up", "size")},
                         {"time": 1, "hung_up": 0, "size": 1})

    def test_given_more_admin_connections_than_allowed_when_opened_then_they_are_closed(self):
        host, port = self.admin.removeprefix("http://").split(":")
        held = [socket.create_connection((host, int(port)), timeout=60) for _ in range(3)]
        for each in held:
            self.addCleanup(each.close)
        deadline = time.monotonic() + 30
        while True:  # the kernel has taken all; the server closes the third when it comes to it
            held[2].settimeout(0.2)
            try:
                self.assertEqual(held[2].recv(1), b"")
                break
            except TimeoutError:
                self.assertLess(time.monotonic(), deadline, "it stays open")
        held[0].sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"200 OK", held[0].recv(4096))

    def test_given_other_requests_when_made_then_they_are_told_what_is_there(self):
        self.assertEqual(self.get("/health/live")[0], 200)
        self.assertEqual(self.get("/health/ready")[0], 200)
        self.assertEqual(self.get("/")[0], 404)
        self.assertEqual(self.get("/metrics", "POST")[0], 405)
        self.assertEqual(self.get("/Execute")[0], 404)


if __name__ == "__main__":
    unittest.main()
