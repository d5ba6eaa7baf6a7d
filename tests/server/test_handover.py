"""One server follows another, or itself under socket activation: no connection is lost, no call fails."""
import fcntl
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import AUTHORIZATION, CLUSTER, SECRET, Server, both_databases_config, databases  # noqa: E402


class Clients:
    """Call without a pause, over new connections and over kept ones, until told to stop."""

    def __init__(self, port, targets):
        self.port, self.stop, self.broken, self.calls, self.announced = port, threading.Event(), [], 0, 0
        self.threads = [threading.Thread(target=self.call, args=(each, keeps)) for each in targets for keeps in (True, True, False, False)]
        for one in self.threads:
            one.start()

    def call(self, members, keeps):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = json.dumps({**members, "sql": "SELECT 1"})
        while not self.stop.is_set():
            try:
                connection.request("POST", "/Execute", body, {"Authorization": AUTHORIZATION})
                answer = connection.getresponse()
                text = answer.read()
                self.calls += 1
                if answer.status != 200:
                    self.broken.append((answer.status, text))
                if answer.headers["Connection"] == "close":  # http.client has closed it, and connects anew
                    self.announced += 1
                elif not keeps:
                    connection.close()
            except (OSError, http.client.HTTPException) as problem:
                self.broken.append(repr(problem))
                connection.close()
                time.sleep(0.1)
        connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        for one in self.threads:
            one.join(130)


def config():
    # A kept connection whose client is slow to go on is not closed under it.
    return both_databases_config() + "[limits]\ndrain_idle_seconds = 30\ndrain_seconds = 40\n"


def targets():
    return [{"resourceArn": each.arn, "secretArn": each.secret} for each in databases().values()]


class Following(unittest.TestCase):
    def serve(self, given=None):
        first = Server(config() if given is None else given, "--threads", "2")
        self.addCleanup(first.__exit__)
        return first.start()

    def follow(self, former, *arguments, given=None, threads=2):
        """Another process with the same state; starts it."""
        after = Server(config() if given is None else given, "--threads", str(threads), "--take-over", *arguments, state=former.state)
        self.addCleanup(after.stop)
        return after.start()

    def test_no_call_fails_while_one_follows_another(self):
        server = first = self.serve()
        slow = databases()["postgresql"]
        with Clients(first.port, targets()) as clients:
            for threads in (2, 4, 1, 3):  # sockets are shared out anew each time
                time.sleep(0.5)
                late = []
                runs = threading.Thread(target=lambda at=server: late.append(at.call(
                    "Execute", resourceArn=slow.arn, secretArn=slow.secret, sql="SELECT 'late' FROM (SELECT pg_sleep(2)) s")[0]))
                runs.start()
                time.sleep(0.3)
                former, before = server, time.monotonic()
                server = self.follow(former, threads=threads)
                self.assertEqual(server.port, first.port)
                self.assertLess(time.monotonic() - before, 10)
                counted = clients.calls
                self.assertEqual(former.process.wait(30), 0, former.text())
                runs.join()
                self.assertEqual(late, [200], "a call that ran")
                self.assertGreater(clients.calls, counted, "the new one serves while the former ends")
                self.assertEqual((server.state / "endpoint").read_text().split()[1], str(server.process.pid))
            time.sleep(0.5)
        self.assertEqual(clients.broken, [])
        self.assertGreater(clients.announced, 0)
        self.assertEqual(server.text().count("another server takes over"), 4)
        # It holds the folder, though the one that had opened it is gone.
        third = Server(both_databases_config(), "--threads", "1", state=first.state)
        with self.assertRaises(AssertionError):
            third.start()
        self.assertIn(f"another Borealis (process {server.process.pid}) runs with this state folder", third.text())

    def test_an_open_transaction_ends_with_the_former(self):
        first = self.serve()
        each = databases()["postgresql"]
        here = {"resourceArn": each.arn, "secretArn": each.secret}
        kept = http.client.HTTPConnection("127.0.0.1", first.port, timeout=60)

        def call(operation, **members):
            kept.request("POST", "/" + operation, json.dumps({**here, **members}), {"Authorization": AUTHORIZATION})
            answer = kept.getresponse()
            return answer.status, json.loads(answer.read())

        begun = call("BeginTransaction")[1]["transactionId"]
        second = self.follow(first)
        self.assertEqual(call("Execute", sql="SELECT 1", transactionId=begun)[0], 200)
        self.assertEqual(second.call("Execute", **here, sql="SELECT 1")[0], 200)
        self.assertEqual(call("CommitTransaction", transactionId=begun), (200, {"transactionStatus": "Transaction Committed"}))
        kept.close()
        self.assertEqual(first.process.wait(30), 0)

    def test_with_databases_of_its_own_it_waits_for_their_end(self):
        own = '[limits]\ndrain_idle_seconds = 30\ndrain_seconds = 40\n[[cluster]]\nid = "own"\nengine = "postgresql"\nmanaged = true\ndatabase = "app"\n'
        first = self.serve(own)
        here = {"resourceArn": CLUSTER + "own", "secretArn": SECRET + "own"}
        self.assertEqual(first.call("Execute", **here, sql="CREATE TABLE kept (a int)")[0], 200)
        with Clients(first.port, [here]) as clients:
            time.sleep(0.3)
            second = self.follow(first, given=own)
            self.assertEqual(first.process.wait(10), 0)
            time.sleep(0.5)
            self.assertEqual(second.call("Execute", **here, sql="INSERT INTO kept VALUES (1)")[0], 200)
        self.assertEqual(clients.broken, [])
        self.assertIn("takes over: waits until the former server has ended", second.text())

    def test_one_that_cannot_start_takes_nothing(self):
        for wrong in ("listen = 7\n", both_databases_config() + '[tls]\ncertificate_file = "none.pem"\nkey_file = "none.pem"\n',
                       both_databases_config() + '[[cluster]]\nid = "1"\nengine = "postgresql"\nhost = "a"\n'):
            first = self.serve()
            after = Server(wrong, "--threads", "2", "--take-over", state=first.state)
            with self.assertRaises(AssertionError):
                after.start()
            self.assertEqual(after.process.returncode, 2)
            with Clients(first.port, targets()) as clients:
                time.sleep(0.5)
            self.assertEqual(clients.broken, [])
            self.assertIsNone(first.process.poll())
            self.follow(first)  # the next one does
            self.assertEqual(first.process.wait(30), 0)

    def test_one_that_listens_elsewhere_leaves_no_deaf_socket(self):
        first = self.serve()
        second = self.follow(first, "--listen", "127.0.0.2:0")
        self.assertEqual(first.process.wait(60), 0)
        self.assertTrue(second.url.startswith("http://127.0.0.2:"))
        self.assertIn(f"the former server listened on 127.0.0.1:{first.port} too, and this one does not", second.text())
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", first.port), 10)
        self.assertEqual(second.call("Execute", **targets()[0], sql="SELECT 1")[0], 200)

    def test_with_nobody_to_follow_it_starts(self):
        server = Server(both_databases_config(), "--threads", "1", "--take-over")
        with server:
            self.assertEqual(server.call("Execute", **targets()[0], sql="SELECT 1")[0], 200)
        server = Server(both_databases_config(), "--threads", "1")
        with server:
            server.stop(signal.SIGKILL)  # leaves its socket behind
            self.follow(server)

    def test_the_socket_is_its_users_alone(self):
        first = self.serve()
        self.assertEqual((first.state / "handover").stat().st_mode & 0o777, 0o600)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
            silent.connect(str(first.state / "handover"))
            self.assertIn(b"borealis-handover-1\napi", silent.recv(65536))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as wrong:
            wrong.connect(str(first.state / "handover"))
            wrong.recv(65536)
            wrong.send(b"stop")
        time.sleep(0.3)
        self.assertIsNone(first.process.poll())
        self.assertEqual(first.stop(), 0)
        self.assertFalse((first.state / "handover").exists())


class Activated(unittest.TestCase):
    """LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (sd_listen_fds(3)): the test holds the sockets, as systemd does."""

    def listener(self):
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
        made.listen(128)
        self.addCleanup(made.close)
        return made

    def serve(self, names, *sockets, state=None, whose="$$"):
        high = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 500) for each in sockets]  # out of the way of what is to be at 3
        places = "; ".join(f"exec {3 + i}<&{high[i]}" for i in range(len(sockets)))
        script = f'{places}; export LISTEN_PID={whose} LISTEN_FDS={len(sockets)} LISTEN_FDNAMES={names}; exec "$0" "$@"'
        server = Server(config(), "--threads", "2", state=state, through=["bash", "-c", script])
        server.pass_fds = high
        self.addCleanup(server.__exit__)
        try:
            return server.start()
        finally:
            for each in high:
                os.close(each)

    def test_it_serves_on_the_sockets_that_it_is_given(self):
        api, second, admin = self.listener(), self.listener(), self.listener()
        server = self.serve("api:admin:more", api, admin, second)
        self.assertIn(server.port, (api.getsockname()[1], second.getsockname()[1]))
        for each in (api, second):
            connection = http.client.HTTPConnection(*each.getsockname(), timeout=30)
            connection.request("POST", "/Execute", json.dumps({**targets()[0], "sql": "SELECT 1"}), {"Authorization": AUTHORIZATION})
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
        connection = http.client.HTTPConnection(*admin.getsockname(), timeout=30)
        connection.request("GET", "/metrics")
        self.assertIn(b"borealis_", connection.getresponse().read())
        connection.close()

    def test_no_call_fails_over_a_restart(self):
        api = self.listener()
        server = self.serve("borealis.socket", api)
        with Clients(api.getsockname()[1], targets()) as clients:
            for _ in range(3):
                time.sleep(0.5)
                self.assertEqual(server.stop(), 0, server.text())
                server = self.serve("borealis.socket", api, state=server.state)
            time.sleep(0.5)
        self.assertEqual(clients.broken, [])
        self.assertGreater(clients.announced, 0)

    def test_sockets_of_another_process_are_left_alone(self):
        api = self.listener()
        server = self.serve("api", api, whose="1")
        self.assertNotEqual(server.port, api.getsockname()[1])

    def test_a_descriptor_that_does_not_listen_is_an_error(self):
        with socket.socket() as idle, self.assertRaises(AssertionError) as refused:
            self.serve("api", idle)
        self.assertIn("the given descriptor 3 (api) is no listening TCP socket", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
