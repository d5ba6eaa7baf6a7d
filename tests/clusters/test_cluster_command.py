"""`borealis cluster …` for people, against a running server."""
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rds_support import CONFIG, Clients, own  # noqa: E402
from running import BINARY, CLUSTER, Server, both_databases_config  # noqa: E402


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG + both_databases_config()).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def run_it(self, *words, text=None):
        return subprocess.run([BINARY, "cluster", *words, "--state-dir", self.server.state], capture_output=True, text=True, input=text, timeout=120)

    def good(self, *words, **more):
        ran = self.run_it(*words, **more)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def shown(self, *words):
        return json.loads(self.good(*words, "--json"))

    def test_one_from_its_creation_to_its_end(self):
        for engine in ("postgresql", "mysql"):
            with self.subTest(engine):
                name = "cmd-" + engine
                made = self.shown("create", name, "--engine", engine, "--database", "shop", "--resume", "aws-v2", "--max-capacity", "2")
                self.assertEqual((made["status"], made["engine"], made["database"], made["resume"], made["maxCapacity"], made["instances"]),
                                 ("available", engine, "shop", "aws-v2", 2.0, [name + "-writer"]))
                self.assertIn(":secret:rds!cluster-", made["secretArn"])
                self.assertNotIn("password", json.dumps(made).lower())
                c = Clients(self.server)
                about = c.describe(name)
                c.sql(about, "CREATE TABLE t (id INT)")
                self.assertEqual(self.shown("pause", name)["status"], "paused")
                self.assertEqual(self.shown("resume", name)["status"], "available")
                self.assertEqual(self.shown("stop", name)["status"], "stopped")
                self.assertEqual(self.shown("start", name)["status"], "available")
                changed = self.shown("modify", name, "--max-capacity", "8", "--resume", "wait", "--data-api", "off", "--deletion-protection", "on")
                self.assertEqual((changed["maxCapacity"], changed["resume"], changed["httpEndpointEnabled"]), (8.0, "wait", False))
                refused = self.run_it("delete", name)
                self.assertEqual(refused.returncode, 1)
                self.good("modify", name, "--deletion-protection", "off")
                # connect: the engine's own client, logged in.
                tables = "\\dt" if engine == "postgresql" else "SHOW TABLES;"
                ran = subprocess.run([BINARY, "cluster", "connect", name, "--state-dir", self.server.state], capture_output=True, text=True, input=tables + "\n",
                                     timeout=60)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertRegex(ran.stdout, r"\bt\b")
                log = self.good("logs", name, "-n", "5")
                self.assertTrue(log.strip())
                self.assertLessEqual(len(log.splitlines()), 5)
                self.good("delete", name, "--final-snapshot", name + "-end")
                self.assertEqual(self.run_it("describe", name).returncode, 1)

    def test_faults(self):
        self.assertEqual(self.shown("fault", "borealis-mysql", "latency=5,times=3", "drop"),
                         [{"fault": "latency", "milliseconds": 5, "times": 3}, {"fault": "drop", "milliseconds": 0, "times": 1}])
        self.assertIn("latency", self.good("fault", "borealis-mysql"))
        self.assertEqual(self.shown("fault", "borealis-mysql", "--clear"), [])
        wrong = self.run_it("fault", "borealis-mysql", "earthquake")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("is none of resume-delay", wrong.stderr)

    def test_tables_read_well(self):
        out = self.good("list", "--config", str(self.server.state / "borealis.toml"))
        self.assertRegex(out, r"ID +ENGINE +STATUS +CAPACITY +DATABASE")
        self.assertRegex(out, r"borealis-mysql +mysql \S* +idle")
        self.assertRegex(out, r"test-mariadb +mysql +external")
        out = self.good("describe", "borealis-mysql")
        self.assertIn(CLUSTER + "borealis-mysql", out)
        self.assertRegex(out, r"while it resumes +aws-v2")

    def test_what_goes_wrong_is_said(self):
        for words, said in ((("describe", "nobody"), "DBCluster nobody not found."), (("stop", "nobody"), "DBCluster nobody not found."),
                            (("pause", "test-mariadb"), "is run by somebody else"), (("logs", "test-mariadb"), "is run by somebody else"),
                            (("delete", "borealis-mysql"), "is declared in the server's configuration"),
                            (("create", "x--y"), "is not a valid identifier")):
            with self.subTest(words):
                ran = self.run_it(*words)
                self.assertEqual(ran.returncode, 1)
                self.assertIn(said, ran.stderr)
                self.assertEqual(ran.stdout, "")
        nobody = subprocess.run([BINARY, "cluster", "describe", "x", "--endpoint-url", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60)
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("http://127.0.0.1:1", nobody.stderr)


class WithKeys(unittest.TestCase):
    def test_the_header_of_faults_is_for_developer_mode(self):
        import boto3
        config = '[[key]]\nid = "AKIAEXAMPLE"\nsecret = "text:hidden"\n' + both_databases_config()
        with Server(config) as server:
            data = boto3.client("rds-data", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="hidden")
            data.meta.events.register("before-sign", lambda request, **_: request.headers.add_header("X-Borealis-Fault", "drop"))
            with self.assertRaises(data.exceptions.ClientError) as refused:
                data.execute_statement(resourceArn=CLUSTER + "test-mariadb", secretArn="test-mariadb", sql="SELECT 1")
            self.assertIn("is for developer mode", refused.exception.response["Error"]["Message"])
            self.assertIn(own(server, "")[0], (400, 403))  # not signed


if __name__ == "__main__":
    unittest.main()
