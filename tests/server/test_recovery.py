"""kill -9 of Borealis in mid-transaction and of a database in mid-statement: the next start and the next call work."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import BINARY, CLUSTER, Server, both_databases_config, databases  # noqa: E402

SLEEP = {"borealis-postgresql": "SELECT 1 FROM (SELECT pg_sleep(20)) s", "borealis-mysql": "SELECT SLEEP(20)"}


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Recovery(unittest.TestCase):
    def setUp(self):
        self.state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    def call(self, server, cluster, operation="Execute", **members):
        return server.call(operation, resourceArn=CLUSTER + cluster, secretArn=cluster, **members)

    def sql(self, server, cluster, text, **members):
        status, kind, body = self.call(server, cluster, sql=text, **members)
        self.assertEqual(status, 200, (kind, body))
        return body

    def processes(self, server):
        ran = subprocess.run([BINARY, "cluster", "list", "--json", "--state-dir", server.state], capture_output=True, text=True, check=True)
        return {c["id"]: c["processId"] for c in json.loads(ran.stdout)}

    def database_processes(self):
        """The engines that run on this test's state folder, by what /proc says."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                line = b" ".join(words).decode(errors="replace")
                if str(self.state) in line and words[0].rsplit(b"/", 1)[-1] in (b"postgres", b"mariadbd", b"mysqld"):
                    found["borealis-postgresql" if b"postgres" in words[0] else "borealis-mysql"] = int(entry)
        return found

    def test_committed_rows_survive_a_kill_of_borealis_and_open_transactions_do_not(self):
        with Server(state=self.state) as server:
            for cluster in SLEEP:
                self.sql(server, cluster, "CREATE TABLE kept (id INT PRIMARY KEY)")
                self.sql(server, cluster, "INSERT INTO kept VALUES (1)")
                begun = self.call(server, cluster, "BeginTransaction")[2]["transactionId"]
                self.sql(server, cluster, "INSERT INTO kept VALUES (2)", transactionId=begun)
            engines = self.database_processes()
            self.assertEqual(sorted(engines), sorted(SLEEP))
            server.stop(signal.SIGKILL)
        self.assertTrue(until(lambda: not any(alive(p) for p in engines.values())), "a database outlived its Borealis")
        with Server(state=self.state) as server:
            for cluster in SLEEP:
                self.assertEqual(self.sql(server, cluster, "SELECT id FROM kept")["records"], [[{"longValue": 1}]])
                self.sql(server, cluster, "INSERT INTO kept VALUES (2)")

    def test_a_database_killed_in_mid_statement_is_started_again_by_the_next_call(self):
        with Server(state=self.state) as server:
            for cluster, sleep in SLEEP.items():
                self.sql(server, cluster, "CREATE TABLE kept (id INT PRIMARY KEY)")
                self.sql(server, cluster, "INSERT INTO kept VALUES (1)")
                answers = []
                caller = threading.Thread(target=lambda: answers.append(self.call(server, cluster, sql=sleep)))
                caller.start()
                time.sleep(0.7)
                os.kill(self.database_processes()[cluster], signal.SIGKILL)
                caller.join(30)
                self.assertFalse(caller.is_alive(), "the call never ended")
                self.assertEqual(answers[0][0], 400, answers)  # never a 5xx that an SDK repeats
                self.assertEqual(answers[0][1], "DatabaseErrorException", answers)
                self.assertTrue(until(lambda: self.call(server, cluster, sql="SELECT id FROM kept")[0] == 200))
                self.assertEqual(self.sql(server, cluster, "SELECT id FROM kept")["records"], [[{"longValue": 1}]])

    def test_sigterm_stops_everything_and_leaves_no_process(self):
        server = Server(state=self.state).start()
        for cluster in SLEEP:
            self.sql(server, cluster, "SELECT 1")
        engines = self.database_processes()
        self.assertEqual(server.stop(), 0, server.text())
        self.assertFalse(any(alive(p) for p in engines.values()))
        self.assertFalse((self.state / "endpoint").exists())

    def test_two_servers_do_not_share_a_state_folder(self):
        with Server(state=self.state):
            with self.assertRaises(AssertionError) as raised:
                Server("default_clusters = true\n", state=self.state).start()
            self.assertRegex(str(raised.exception), "borealis: .*state")

    def test_a_running_call_ends_before_the_server_does(self):
        with Server(both_databases_config()) as server:
            each = databases()["postgresql"]
            answers = []
            caller = threading.Thread(target=lambda: answers.append(
                server.call("Execute", resourceArn=each.arn, secretArn=each.secret, sql="SELECT 7 FROM (SELECT pg_sleep(1)) s")))
            caller.start()
            time.sleep(0.3)
            self.assertEqual(server.stop(), 0)
            caller.join(10)
            self.assertEqual(answers, [(200, None, {"numberOfRecordsUpdated": 0, "records": [[{"longValue": 7}]]})])

    def test_transactions_expire(self):
        each = databases()["postgresql"]
        with Server(both_databases_config() + "\n[transactions]\nidle_seconds = 1\n") as server:
            arns = {"resourceArn": each.arn, "secretArn": each.secret}
            begun = server.call("BeginTransaction", **arns)[2]["transactionId"]
            time.sleep(3)
            status, kind, body = server.call("Execute", **arns, sql="SELECT 1", transactionId=begun)
            self.assertEqual((status, kind), (404, "TransactionNotFoundException"))
            self.assertIn(f"Transaction {begun} is not found", body["message"])


if __name__ == "__main__":
    unittest.main()
