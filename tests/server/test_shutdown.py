"""How a server ends, and what clients that behave badly may not do to it. Run under the sanitizers too."""
import http.client
import json
import re
import resource
import signal
import socket
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import AUTHORIZATION, SANITIZED, Server, both_databases_config, databases  # noqa: E402

SLEEP = {"postgresql": "SELECT 1 FROM (SELECT pg_sleep(8)) s", "mariadb": "SELECT SLEEP(8)"}


def target(each):
    return {"resourceArn": each.arn, "secretArn": each.secret}


def request(server, each, sql, method="POST", path="/Execute"):
    body = json.dumps({**target(each), "sql": sql}).encode()
    return (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: {AUTHORIZATION}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def connect(server, **options):
    made = socket.socket()
    for option, value in options.items():
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    made.settimeout(20)
    made.connect(("127.0.0.1", server.port))
    return made


def everything(of):
    got = b""
    try:
        while more := of.recv(1 << 20):
            got += more
    except ConnectionResetError:
        pass
    return got


class Ending(unittest.TestCase):
    def test_calls_that_outlive_the_drain_are_cut_off(self):
        with Server(both_databases_config() + "\n[limits]\ndrain_seconds = 1\n", "--threads", "2") as server:
            callers = []
            for each in databases().values():
                begun = server.call("BeginTransaction", **target(each))[2]["transactionId"]
                self.assertEqual(server.call("Execute", **target(each), sql="SELECT 1", transactionId=begun)[0], 200)
                for _ in range(3):
                    callers.append(connect(server))
                    callers[-1].sendall(request(server, each, SLEEP[each.engine]))
            time.sleep(0.5)
            started = time.monotonic()
            self.assertEqual(server.stop(), 0, server.text())
            self.assertLess(time.monotonic() - started, 7)
            for one in callers:
                self.assertEqual(everything(one), b"")
                one.close()
            self.assertIn("6 calls", server.text())

    def test_a_second_signal_ends_it_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            with Server(both_databases_config(), "--threads", "1") as server:
                each = databases()["postgresql"]
                caller = connect(server)
                caller.sendall(request(server, each, SLEEP[each.engine]))
                time.sleep(0.3)
                server.process.send_signal(first)
                time.sleep(0.3)
                self.assertIsNone(server.process.poll(), "the first signal lets running calls end")
                started = time.monotonic()
                self.assertEqual(server.stop(second), 128 + second, server.text())
                self.assertLess(time.monotonic() - started, 2)
                caller.close()

    def test_a_signal_right_after_the_start_ends_it_in_order(self):
        for _ in range(5):
            server = Server("", "--threads", "4").start()
            self.assertEqual(server.stop(), 0, server.text())
            self.assertFalse((server.state / "endpoint").exists())

    def test_calls_under_way_on_many_connections_end_well(self):
        with Server(both_databases_config(), "--threads", "2") as server:
            stop, broken = threading.Event(), []

            def call(each):
                while not stop.is_set():
                    try:
                        status, kind, body = server.call("Execute", **target(each), sql="SELECT 1")
                        if status != 200:
                            broken.append((status, kind, body))
                    except OSError:
                        return  # stopped

            callers = [threading.Thread(target=call, args=(each,)) for each in databases().values() for _ in range(8)]
            for one in callers:
                one.start()
            time.sleep(1)
            started = time.monotonic()
            self.assertEqual(server.stop(), 0, server.text())
            self.assertLess(time.monotonic() - started, 5)
            stop.set()
            for one in callers:
                one.join(30)
            self.assertEqual(broken, [])


class Draining(unittest.TestCase):
    """A server that was told to stop: what is begun may end, nothing begins."""

    def setUp(self):
        self.each = databases()["postgresql"]

    def serve(self, more=""):
        server = Server(both_databases_config() + more, "--threads", "2").start()
        self.addCleanup(server.__exit__)
        return server

    def kept(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.connect()
        return connection

    def call(self, connection, operation, **members):
        """(status, Connection header, body)"""
        connection.request("POST", "/" + operation, json.dumps({**target(self.each), **members}), {"Authorization": AUTHORIZATION})
        answer = connection.getresponse()
        return answer.status, answer.headers["Connection"], json.loads(answer.read())

    def ready(self, connection):
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def begin(self, connection):
        return self.call(connection, "BeginTransaction")[2]["transactionId"]

    def test_an_open_transaction_may_still_commit(self):
        server = self.serve("\n[admin]\nlisten = \"127.0.0.1:0\"\n[transactions]\ndrain_seconds = 5\n")
        admin = re.search(r"metrics: (http://\S+)/metrics", server.text())[1]
        first, second = self.kept(server), self.kept(server)
        begun = self.begin(first)
        self.assertEqual(self.ready(second), 200)
        server.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 10
        while self.ready(second) != 503:  # the signal takes its way
            self.assertLess(time.monotonic(), until)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(admin + "/health/ready", timeout=10)
        self.assertEqual(refused.exception.code, 503)
        refused.exception.close()
        while True:  # nobody else comes in
            try:
                connect(server).close()
                self.assertLess(time.monotonic(), until)
            except ConnectionRefusedError:
                break
            except ConnectionResetError:  # it came just as the socket was closed
                pass
        status, _, body = self.call(second, "BeginTransaction")
        self.assertEqual((status, body["message"]), (503, "The server is shutting down; try again"))
        for _ in range(3):  # over whichever of its connections
            time.sleep(1)
            self.assertEqual(self.call(second, "Execute", sql="SELECT 1", transactionId=begun)[:2], (200, None))
            self.assertEqual(self.call(first, "Execute", sql="SELECT 1", transactionId=begun)[:2], (200, None))
        self.assertEqual(self.call(first, "CommitTransaction", transactionId=begun)[2], {"transactionStatus": "Transaction Committed"})
        ended = time.monotonic()
        self.assertEqual(server.process.wait(20), 0)
        self.assertLess(time.monotonic() - ended, 4)

    def test_an_idle_transaction_is_rolled_back_after_its_grace(self):
        server = self.serve("\n[transactions]\ndrain_seconds = 1.5\n")
        connection = self.kept(server)
        self.call(connection, "Execute", sql="CREATE TABLE IF NOT EXISTS left_open (a int)")
        begun = self.begin(connection)
        self.assertEqual(self.call(connection, "Execute", sql="INSERT INTO left_open VALUES (1)", transactionId=begun)[0], 200)
        started = time.monotonic()
        self.assertEqual(server.stop(), 0, server.text())
        self.assertGreater(time.monotonic() - started, 1.4)
        self.assertLess(time.monotonic() - started, 8)
        with Server(both_databases_config(), "--threads", "1") as after:
            self.assertEqual(after.call("Execute", **target(self.each), sql="SELECT count(*) FROM left_open")[2]["records"], [[{"longValue": 0}]])
            after.call("Execute", **target(self.each), sql="DROP TABLE left_open")

    def test_a_transaction_in_use_ends_with_the_drain(self):
        server = self.serve("\n[limits]\ndrain_seconds = 3\n[transactions]\ndrain_seconds = 2\n")
        connection = self.kept(server)
        begun = self.begin(connection)
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        with self.assertRaises((OSError, http.client.HTTPException)):
            while True:
                status, told, _ = self.call(connection, "Execute", sql="SELECT 1", transactionId=begun)
                self.assertEqual(status, 200)
                if told == "close":
                    connection.close()
                time.sleep(0.1)
        self.assertGreater(time.monotonic() - started, 2)
        self.assertEqual(server.process.wait(20), 0)
        self.assertLess(time.monotonic() - started, 8)

    def test_a_silent_connection_is_answered_once_more(self):
        server = self.serve("\n[limits]\ndrain_idle_seconds = 4\n")
        speaks, silent = self.kept(server), self.kept(server)
        self.assertEqual(self.call(speaks, "Execute", sql="SELECT 1")[:2], (200, None))
        self.assertEqual(self.call(silent, "Execute", sql="SELECT 1")[:2], (200, None))
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.assertEqual(self.call(speaks, "Execute", sql="SELECT 1")[:2], (200, "close"))
        self.assertEqual(everything(silent.sock), b"")
        self.assertGreater(time.monotonic() - started, 3.5)
        self.assertEqual(server.process.wait(20), 0)
        self.assertLess(time.monotonic() - started, 9)


class BadClients(unittest.TestCase):
    def works(self, server):
        for each in databases().values():
            self.assertEqual(server.call("Execute", **target(each), sql="SELECT 1")[0], 200)

    def test_clients_that_vanish_in_mid_statement(self):
        with Server(both_databases_config(), "--threads", "2") as server:
            for each in databases().values():
                for i in range(20):
                    one = connect(server)
                    one.sendall(request(server, each, SLEEP[each.engine].replace("8", "0.3")))
                    if i % 2:  # a reset instead of an end
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    one.close()
            self.works(server)
            self.assertEqual(server.stop(), 0)

    def test_a_client_that_takes_no_answer_is_closed(self):
        with Server(both_databases_config() + "\n[limits]\nwrite_seconds = 1\n", "--threads", "1") as server:
            each = databases()["postgresql"]
            slow = connect(server, SO_RCVBUF=4096)
            slow.sendall(request(server, each, "SELECT repeat('x', 900000)") * 20)
            time.sleep(4)
            got = everything(slow)
            self.assertLess(len(got), 20 * 900000)
            self.works(server)

    def test_a_thousand_requests_in_one_go(self):
        with Server(both_databases_config(), "--threads", "1") as server:
            each = databases()["postgresql"]
            one = connect(server)
            data = request(server, each, "SELECT 1") * 1000
            writer = threading.Thread(target=one.sendall, args=(data,))
            writer.start()
            got, end = b"", time.monotonic() + 60
            while got.count(b"HTTP/1.1 200 OK") < 1000 and time.monotonic() < end:
                got += one.recv(1 << 16)
            writer.join()
            one.close()
            self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 1000)

    def test_methods(self):
        with Server(both_databases_config(), "--threads", "1") as server:
            each = databases()["postgresql"]
            for method in ("HEAD", "OPTIONS", "GET", "PUT", "DELETE", "PATCH", "TRACE"):
                one = connect(server)
                one.sendall(request(server, each, "SELECT 1", method) + request(server, each, "SELECT 7"))
                one.shutdown(socket.SHUT_WR)
                got = everything(one)
                one.close()
                head, _, rest = got.partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 405 "), (method, got))
                if method == "HEAD":
                    self.assertTrue(rest.startswith(b"HTTP/1.1 200"), got)
                self.assertIn(b'"longValue":7', rest, method)
            for line in (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
                         b"GET http://127.0.0.1/Execute HTTP/1.1\r\nHost: localhost\r\n\r\n"):
                one = connect(server)
                one.sendall(line)
                one.shutdown(socket.SHUT_WR)
                self.assertRegex(everything(one), rb"^HTTP/1\.1 4\d\d ", line)
                one.close()
            self.works(server)

    @unittest.skipIf(SANITIZED, "UBSan needs a descriptor to look at memory")
    def test_more_connections_than_descriptors(self):
        script = 'ulimit -n 64; exec "$0" "$@"'
        with Server(both_databases_config(), "--threads", "1", through=["sh", "-c", script]) as server:
            self.assertEqual(resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[0], 64)
            self.works(server)
            many = [connect(server) for _ in range(200)]
            time.sleep(0.5)
            for one in many:
                one.close()
            deadline = time.monotonic() + 15
            while True:
                try:
                    self.works(server)
                    break
                except (OSError, AssertionError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)
            self.assertIn("cannot accept a connection: Too many open files", server.text())
            self.assertLess(server.text().count("cannot accept"), 10, "the log is flooded")
            self.assertEqual(server.stop(), 0)

    def test_more_connections_than_allowed(self):
        with Server(both_databases_config() + "\n[limits]\nconnections = 10\n", "--threads", "1") as server:
            many = [connect(server) for _ in range(200)]
            time.sleep(0.5)
            closed = 0
            for one in many:
                one.setblocking(False)
                try:
                    closed += one.recv(1) == b""
                except BlockingIOError:
                    pass
                except ConnectionResetError:
                    closed += 1
                one.close()
            self.assertEqual(closed, 190)
            time.sleep(0.3)
            self.works(server)
            self.assertLess(server.text().count("limits.connections"), 5, "the log is flooded")


if __name__ == "__main__":
    unittest.main()
