"""Pausing and resuming (data-api section 11, lambda section 7): idle clusters stop and come back, in each of the three styles, with calls arriving at
every phase; nothing is lost and nothing is left behind. BOREALIS_PAUSE_CYCLES=200 runs the long form."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import botocore.exceptions

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rds_support import CONFIG, Clients, own  # noqa: E402
from running import CLUSTER, Server, post  # noqa: E402

CYCLES = int(os.environ.get("BOREALIS_PAUSE_CYCLES", "3"))
ENGINES = {"aurora-postgresql": "pg", "aurora-mysql": "my"}


def memory(pid):
    """Bytes of a process and its children, shared pages once."""
    total = 0
    for process in [pid, *children(pid)]:
        try:
            text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
        except (OSError, StopIteration):
            pass
    return total


def children(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == pid:
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


def works_in(folder):
    """Processes whose working folder is below `folder`."""
    found = []
    for cwd in pathlib.Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(cwd.readlink()).startswith(str(folder)):
                found.append(int(cwd.parent.name))
        except OSError:
            pass
    return found


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def settle(look, wanted, seconds=30):
    deadline = time.monotonic() + seconds
    while (got := look()) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"{got}, not {wanted}")
        time.sleep(0.02)


class Pause(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        cls.c = Clients(cls.server)
        for engine, name in ENGINES.items():
            cls.c.create(name, engine)
        cls.about = {name: cls.c.wait(name) for name in ENGINES.values()}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        assert works_in(cls.server.state / "clusters") == []

    def state(self, name):
        return own(self.server, "/" + name)[1]["status"]

    def style(self, name, style):
        self.c.rds.add_tags_to_resource(ResourceName=self.about[name]["DBClusterArn"], Tags=[{"Key": "borealis:resume", "Value": style}])

    def pause(self, name):
        deadline = time.monotonic() + 30
        while True:
            status, answer = own(self.server, f"/{name}/pause")
            if status == 200:
                self.assertEqual(answer["status"], "paused")
                return
            self.assertEqual(status, 409, answer)
            self.assertLess(time.monotonic(), deadline, answer)
            time.sleep(0.05)

    def sql(self, name, text, **more):
        return self.c.sql(self.about[name], text, **more)

    def error(self, name, call=None):
        try:
            (call or (lambda: self.sql(name, "SELECT 1")))()
        except botocore.exceptions.ClientError as e:
            return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"], e.response["Error"]["Message"]
        return None

    def test_rows_survive_and_memory_comes_back(self):
        for name in ENGINES.values():
            with self.subTest(name):
                self.style(name, "wait")
                self.sql(name, "CREATE TABLE kept (id INT PRIMARY KEY, t VARCHAR(100))")
                rows = [[{"name": "i", "value": {"longValue": i}}, {"name": "t", "value": {"stringValue": "x" * 90}}] for i in range(5000)]
                for at in range(0, 5000, 1000):
                    self.c.data.batch_execute_statement(resourceArn=self.about[name]["DBClusterArn"], parameterSets=rows[at:at + 1000],
                                                        secretArn=self.about[name]["MasterUserSecret"]["SecretArn"], sql="INSERT INTO kept VALUES (:i, :t)")
                process = own(self.server, "/" + name)[1]["processId"]
                before = memory(process)
                self.assertGreater(before, 10 << 20)
                self.pause(name)
                self.assertFalse(pathlib.Path(f"/proc/{process}").exists())
                self.assertEqual(works_in(own(self.server, "/" + name)[1]["folder"]), [])
                print(f"{name}: {before >> 20} MiB came back with the pause", file=sys.stderr)
                began = time.monotonic()
                self.assertEqual(self.sql(name, "SELECT count(*) FROM kept")["records"], [[{"longValue": 5000}]])
                print(f"{name}: the first call after it took {time.monotonic() - began:.2f} s", file=sys.stderr)
                self.assertEqual(self.state(name), "available")

    def test_aws_v2_answers_at_once_and_resumes(self):
        for name in ENGINES.values():
            with self.subTest(name):
                self.style(name, "aws-v2")
                self.pause(name)
                self.assertEqual(self.c.describe(name)["Status"], "available")
                own(self.server, f"/{name}/faults", b"resume-delay=700")
                resource = self.c.rds.describe_db_instances(DBInstanceIdentifier=name + "-writer")["DBInstances"][0]["DbiResourceId"]
                resuming = (400, "DatabaseResumingException",
                            f"The Aurora DB instance {resource} is resuming after being auto-paused. Please wait a few seconds and try again.")
                arns = {"resourceArn": self.about[name]["DBClusterArn"], "secretArn": self.about[name]["MasterUserSecret"]["SecretArn"]}
                began = time.monotonic()
                self.assertEqual(self.error(name), resuming)
                self.assertEqual(self.state(name), "resuming")
                self.assertEqual(self.error(name, lambda: self.c.data.begin_transaction(**arns)), resuming)
                self.assertEqual(self.error(name, lambda: self.c.data.batch_execute_statement(**arns, sql="SELECT 1")), resuming)
                self.assertLess(time.monotonic() - began, 60)
                settle(lambda: self.state(name), "available")
                self.assertIsNone(self.error(name))

    def test_aws_v1_answers_as_a_driver_would(self):
        self.style("my", "aws-v1")
        self.pause("my")
        status, code, message = self.error("my")
        self.assertEqual((status, code), (400, "BadRequestException"))
        self.assertTrue(message.startswith("Communications link failure\n\nThe last packet sent successfully"), message)
        settle(lambda: self.state("my"), "available")
        self.assertIsNone(self.error("my"))

    def test_an_open_transaction_keeps_it_awake(self):
        for name in ENGINES.values():
            with self.subTest(name):
                self.style(name, "wait")
                arns = {"resourceArn": self.about[name]["DBClusterArn"], "secretArn": self.about[name]["MasterUserSecret"]["SecretArn"]}
                begun = self.c.data.begin_transaction(**arns)["transactionId"]
                status, answer = own(self.server, f"/{name}/pause")
                self.assertEqual((status, answer["message"]), (409, f"DbCluster {name} is in use: 1 calls and transactions, 0 other connections."))
                self.c.data.execute_statement(**arns, transactionId=begun, sql="SELECT 1")
                self.c.data.commit_transaction(resourceArn=arns["resourceArn"], secretArn=arns["secretArn"], transactionId=begun)
                self.pause(name)

    def test_somebody_elses_connection_keeps_it_awake(self):
        self.style("pg", "wait")
        self.sql("pg", "SELECT 1")
        about = own(self.server, "/pg")[1]
        login = json.loads(self.c.secrets.get_secret_value(SecretId=self.about["pg"]["MasterUserSecret"]["SecretArn"])["SecretString"])
        psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-h", about["socket"], "-U", "boss", "shop"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env=dict(os.environ, PGPASSWORD=login["password"]))
        psql.stdin.write("SELECT 1;\n")
        psql.stdin.flush()
        self.assertEqual(psql.stdout.readline(), "1\n")
        status, answer = own(self.server, "/pg/pause")
        self.assertEqual((status, answer["message"]), (409, "DbCluster pg is in use: 0 calls and transactions, 1 other connections."))
        psql.stdin.close()
        psql.wait(30)
        psql.stdout.close()
        self.pause("pg")

    def test_a_failed_resume_is_told_and_tried_again(self):
        for name in ENGINES.values():
            with self.subTest(name):
                self.style(name, "wait")
                self.pause(name)
                own(self.server, f"/{name}/faults", b"resume-failure,times=2")
                for _ in range(2):
                    status, code, message = self.error(name)
                    self.assertEqual((status, code), (504, "DatabaseUnavailableException"))
                    self.assertIn("it could not be resumed, as asked for", message)
                self.assertIsNone(self.error(name))

    def test_retry_loops_get_through_a_resume_in_each_style(self):
        def data_api_client(call):
            """The rule of data-api-client: retries on the exception's name or its text, and on v1's."""
            for delay in (0, .1, .2, .5, 1, 1, 2, 2, 5, 5, 5):
                time.sleep(delay)
                try:
                    return call()
                except botocore.exceptions.ClientError as e:
                    text = e.response["Error"]["Message"]
                    if e.response["Error"]["Code"] != "DatabaseResumingException" and "is resuming after being auto-paused" not in text \
                            and "Communications link failure" not in text:
                        raise
            raise AssertionError("never resumed")

        for name in ENGINES.values():
            for style in ("wait", "aws-v2", "aws-v1"):
                with self.subTest(name + " " + style):
                    self.style(name, style)
                    self.pause(name)
                    self.assertEqual(data_api_client(lambda: self.sql(name, "SELECT 7"))["records"], [[{"longValue": 7}]])

    def test_several_clusters_pause_by_themselves(self):
        for name in ENGINES.values():
            self.style(name, "wait")
            self.sql(name, "SELECT 1")
            self.c.rds.modify_db_cluster(DBClusterIdentifier=name, ServerlessV2ScalingConfiguration={"MinCapacity": 0, "MaxCapacity": 4,
                                                                                                     "SecondsUntilAutoPause": 1})
        try:
            for name in ENGINES.values():
                settle(lambda: self.state(name), "paused")
                self.assertEqual(self.c.describe(name)["Status"], "available")
        finally:
            for name in ENGINES.values():
                self.c.rds.modify_db_cluster(DBClusterIdentifier=name, ServerlessV2ScalingConfiguration={"MinCapacity": 0, "MaxCapacity": 4,
                                                                                                         "SecondsUntilAutoPause": 86400})
        for name in ENGINES.values():
            self.assertIsNone(self.error(name))

    def test_calls_at_every_phase_of_many_cycles(self):
        counts = collections.Counter()
        for name in ENGINES.values():
            self.style(name, "wait")
            self.sql(name, "CREATE TABLE cycles (id INT PRIMARY KEY)")
        stop = threading.Event()
        written = {name: [] for name in ENGINES.values()}
        wrong = []

        def caller(name, own_number):
            c = Clients(self.server)
            number = own_number
            while not stop.is_set():
                try:
                    if number % 5 == 0:
                        arns = {"resourceArn": self.about[name]["DBClusterArn"], "secretArn": self.about[name]["MasterUserSecret"]["SecretArn"]}
                        begun = c.data.begin_transaction(**arns)["transactionId"]
                        c.data.execute_statement(**arns, transactionId=begun, sql=f"INSERT INTO cycles VALUES ({number})")
                        ended = c.data.commit_transaction(**arns, transactionId=begun)
                        assert ended["transactionStatus"] == "Transaction Committed", ended
                    else:
                        c.sql(self.about[name], f"INSERT INTO cycles VALUES ({number})")
                    written[name].append(number)
                except Exception as e:  # noqa: BLE001: whatever it is, it is wrong
                    wrong.append(f"{name} {number}: {e}")
                    return
                number += 4
                time.sleep((number * 7919 % 100) / 400)  # at all phases

        threads = [threading.Thread(target=caller, args=(name, i)) for name in ENGINES.values() for i in range(4)]
        for one in threads:
            one.start()
        try:
            before = None
            for cycle in range(CYCLES):
                for name in ENGINES.values():
                    deadline = time.monotonic() + 60
                    while True:
                        status, answer = own(self.server, f"/{name}/pause")
                        counts[status] += 1
                        if status == 200 or wrong:
                            break
                        self.assertEqual(status, 409, answer)
                        self.assertLess(time.monotonic(), deadline)
                if cycle == 1:
                    before = descriptors(self.server.process.pid)
        finally:
            stop.set()
            for one in threads:
                one.join()
        self.assertEqual(wrong, [])
        for name in ENGINES.values():
            got = [r[0]["longValue"] for r in self.sql(name, "SELECT id FROM cycles ORDER BY id")["records"]]
            self.assertEqual(got, sorted(written[name]))
        print(f"{CYCLES} cycles of {len(ENGINES)} clusters: {counts[200]} pauses, {counts[409]} refused as in use, "
              f"{sum(map(len, written.values()))} rows", file=sys.stderr)
        for name in ENGINES.values():
            self.pause(name)
        self.assertEqual(works_in(self.server.state / "clusters"), [])
        if before is not None:
            settle(lambda: descriptors(self.server.process.pid) <= before + 10, True)
        for name in ENGINES.values():
            self.sql(name, "DROP TABLE cycles")


class OfTheConfig(unittest.TestCase):
    def test_small_values_and_styles_come_from_the_file(self):
        config = """
[[cluster]]
id = "own-cluster"
engine = "postgresql"
managed = true
database = "d"
resume = "aws-v2"
pause_after_seconds = 0.5
max_capacity = 2
"""
        with Server(config) as server:
            about = own(server, "/own-cluster")[1]
            self.assertEqual((about["status"], about["resume"], about["pauseAfterSeconds"], about["maxCapacity"]), ("idle", "aws-v2", 0.5, 2.0))
            members = {"resourceArn": CLUSTER + "own-cluster", "secretArn": "own-cluster", "sql": "SELECT 1"}
            status, kind, answer = server.call("Execute", **members)
            self.assertEqual((status, kind), (200, None), answer)  # the first use is no resume
            settle(lambda: own(server, "/own-cluster")[1]["status"], "paused")
            status, kind, answer = server.call("Execute", **members)
            self.assertEqual((status, kind), (400, "DatabaseResumingException"))
            self.assertRegex(answer["message"], r"^The Aurora DB instance db-[A-Z0-9]{26} is resuming after being auto-paused\. ")
            deadline = time.monotonic() + 30
            while server.call("Execute", **members)[0] != 200:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_where_nothing_is_said_the_profile_decides(self):
        profiles = {"one": "aws-v1", "early": "aws-v1-early", "two": "aws-v2", "free": "relaxed", "unsaid": None}
        config = "".join(f'[[cluster]]\nid = "{name}"\nengine = "postgresql"\nmanaged = true\n' + (f'profile = "{profile}"\n' if profile else "")
                         for name, profile in profiles.items())
        with Server(config) as server:
            styles = {name: own(server, "/" + name)[1]["resume"] for name in profiles}
            self.assertEqual(styles, {"one": "aws-v1", "early": "aws-v1", "two": "aws-v2", "free": "wait", "unsaid": "aws-v2"})
            made = Clients(server).rds.create_db_cluster
            common = {"Engine": "aurora-mysql", "MasterUsername": "boss", "MasterUserPassword": "long-enough-for-it"}
            tag = {"Tags": [{"Key": "borealis:resume", "Value": "wait"}]}
            for name, more, style in (("first", {"EngineMode": "serverless"}, "aws-v1"), ("second", {}, "aws-v2"), ("held", tag, "wait")):
                about = made(DBClusterIdentifier=name, **common, **more)["DBCluster"]
                self.assertEqual(own(server, "/" + name)[1]["resume"], style)
            Clients(server).rds.remove_tags_from_resource(ResourceName=about["DBClusterArn"], TagKeys=["borealis:resume"])
            self.assertEqual(own(server, "/held")[1]["resume"], "aws-v2")


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("default_clusters = true\n").start()
        cls.members = {"resourceArn": CLUSTER + "borealis-postgresql", "secretArn": "borealis-postgresql"}
        assert cls.server.call("Execute", **cls.members, sql="CREATE TABLE f (id INT)")[0] == 200

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def call(self, operation="Execute", header=None, **more):
        body = json.dumps({**self.members, **more}).encode()
        return post(self.server.url + "/" + operation, body, {"X-Borealis-Fault": header} if header else None)

    def rows(self):
        return self.call(sql="SELECT count(*) FROM f")[2]["records"][0][0]["longValue"]

    def ask(self, what):
        return own(self.server, "/borealis-postgresql/faults", what.encode())

    def test_each_is_counted_and_over(self):
        self.assertEqual(self.ask("throttling,times=2"), (200, [{"fault": "throttling", "milliseconds": 0, "times": 2}]))
        for _ in range(2):
            status, kind, answer = self.call(sql="INSERT INTO f VALUES (1)")
            self.assertEqual((status, kind, answer["message"]), (400, "ThrottlingException", "Rate exceeded"))
        self.assertEqual(self.ask(""), (200, []))
        before = self.rows()
        self.ask("statement-timeout")
        status, kind, answer = self.call(sql="INSERT INTO f VALUES (1)")
        self.assertEqual((status, kind), (400, "StatementTimeoutException"))
        self.assertIn("dbConnectionId", answer)
        self.assertEqual(self.rows(), before)
        self.ask("latency=400")
        began = time.monotonic()
        self.assertEqual(self.call(sql="SELECT 1")[0], 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.4)
        self.ask("throttling,times=9")
        self.assertEqual(self.ask("none"), (200, []))
        self.assertEqual(self.call(sql="SELECT 1")[0], 200)
        self.assertEqual(self.ask("nonsense")[0], 400)
        self.assertEqual(own(self.server, "/nowhere/faults", b"drop")[0], 404)

    def test_a_lost_commit_is_done_and_not_answered(self):
        before = self.rows()
        begun = self.call("BeginTransaction")[2]["transactionId"]
        self.assertEqual(self.call(sql="INSERT INTO f VALUES (2)", transactionId=begun)[0], 200)
        self.ask("lost-commit")
        with self.assertRaises(Exception):
            self.call("CommitTransaction", transactionId=begun)
        self.assertEqual(self.rows(), before + 1)
        self.assertEqual(self.call("CommitTransaction", transactionId=begun)[1], "TransactionNotFoundException")

    def test_a_dropped_connection_ends_in_the_answer(self):
        before = self.rows()
        with self.assertRaises(Exception):
            self.call(header="drop", sql="INSERT INTO f VALUES (3)")
        self.assertEqual(self.rows(), before + 1)

    def test_the_header_is_for_one_call(self):
        self.assertEqual(self.call(header="latency=10; throttling", sql="SELECT 1")[1], "ThrottlingException")
        self.assertEqual(self.call(sql="SELECT 1")[0], 200)
        status, kind, answer = self.call(header="earthquake", sql="SELECT 1")
        self.assertEqual((status, kind), (400, "ValidationException"))
        self.assertIn("is none of resume-delay", answer["message"])


if __name__ == "__main__":
    unittest.main()
