"""The stock `aws` command line, versions 1 and 2, against the two default clusters of a server without any configuration, and an external one."""
import fcntl
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import BINARY, CLUSTER, ROOT, Server, databases, both_databases_config  # noqa: E402

# Debian's aws is a Python program of the system's interpreter: the tests' own packages must not get into its way.
SYSTEM = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), shutil.which("aws"))
ENVIRONMENT = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                   AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true")
ENVIRONMENT.pop("PYTHONPATH", None)


def setUpModule():
    global server
    server = Server().start()


def tearDownModule():
    server.stop()


def version_1():
    """The program `aws` of the package index, in a virtual environment of its own that stays for the next run; else why there is none."""
    folder = ROOT / "build" / "clients" / "aws-cli-1"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "aws-cli-1.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bin" / "aws").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in ([sys.executable, "-m", "venv", folder], [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "awscli"]):
                ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if ran.returncode != 0:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise unittest.SkipTest(ran.stdout.strip()[-1500:])
    return folder / "bin" / "aws"


class Command:
    """The cases of both versions, each with tables of its own; the subclasses know the program."""
    version = None

    def aws(self, *words, url=None):
        return subprocess.run([self.program, "--endpoint-url", url or server.url, "--output", "json", *words], env=ENVIRONMENT, capture_output=True, text=True,
                              timeout=120)

    def test_it_is_that_version(self):
        ran = subprocess.run([self.program, "--version"], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
        self.assertTrue(ran.stdout.startswith(f"aws-cli/{self.version}."), ran.stdout + ran.stderr)

    def sql(self, cluster, sql, *more, operation="execute-statement"):
        sql = sql.replace("@", f"v{self.version}_")
        ran = self.aws("rds-data", operation, "--resource-arn", CLUSTER + cluster, "--secret-arn", cluster, "--sql", sql, *more)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads(ran.stdout)

    def test_both_default_clusters(self):
        for cluster in ("borealis-postgresql", "borealis-mysql"):
            with self.subTest(cluster):
                self.sql(cluster, "CREATE TABLE @cli (id INT PRIMARY KEY, name VARCHAR(40))")
                got = self.sql(cluster, "INSERT INTO @cli VALUES (:id, :name)", "--parameters",
                               '[{"name":"id","value":{"longValue":1}},{"name":"name","value":{"stringValue":"Änn"}}]')
                self.assertEqual(got, {"generatedFields": [], "numberOfRecordsUpdated": 1})
                got = self.sql(cluster, "SELECT id, name FROM @cli", "--include-result-metadata")
                self.assertEqual(got["records"], [[{"longValue": 1}, {"stringValue": "Änn"}]])
                self.assertEqual([c["label"] for c in got["columnMetadata"]], ["id", "name"])

    def test_transactions_and_batches(self):
        for cluster in ("borealis-postgresql", "borealis-mysql"):
            with self.subTest(cluster):
                arns = ("--resource-arn", CLUSTER + cluster, "--secret-arn", cluster)
                self.sql(cluster, "CREATE TABLE @cli_batch (id INT PRIMARY KEY)")
                begun = json.loads(self.aws("rds-data", "begin-transaction", *arns).stdout)["transactionId"]
                sets = json.dumps([[{"name": "id", "value": {"longValue": i}}] for i in range(50)])
                got = self.sql(cluster, "INSERT INTO @cli_batch VALUES (:id)", "--parameter-sets", sets, "--transaction-id", begun,
                               operation="batch-execute-statement")
                self.assertEqual(len(got["updateResults"]), 50)
                ended = self.aws("rds-data", "commit-transaction", *arns, "--transaction-id", begun)
                self.assertEqual(json.loads(ended.stdout), {"transactionStatus": "Transaction Committed"})
                self.assertEqual(self.sql(cluster, "SELECT count(*) FROM @cli_batch")["records"], [[{"longValue": 50}]])
                ended = self.aws("rds-data", "rollback-transaction", *arns, "--transaction-id", begun)
                self.assertNotEqual(ended.returncode, 0)
                self.assertIn("(TransactionNotFoundException)", ended.stderr)

    def test_errors_name_the_exception(self):
        ran = self.aws("rds-data", "execute-statement", "--resource-arn", CLUSTER + "borealis-postgresql", "--secret-arn", "borealis-postgresql", "--sql",
                  "SELECT * FROM nowhere")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn('An error occurred (DatabaseErrorException) when calling the ExecuteStatement operation: '
                      'ERROR: relation "nowhere" does not exist; Position: 15; SQLState: 42P01', ran.stderr)

    def test_an_external_cluster(self):
        with Server(both_databases_config()) as external:
            for each in databases().values():
                ran = self.aws("rds-data", "execute-statement", "--resource-arn", each.arn, "--secret-arn", each.secret, "--sql", "SELECT 1", url=external.url)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertEqual(json.loads(ran.stdout)["records"], [[{"longValue": 1}]])

    def test_the_environment_of_local_data_api(self):
        each = databases()["mariadb"]
        environment = dict(os.environ, MYSQL_HOST="127.0.0.1", MYSQL_PORT=str(each.port), MYSQL_USER=each.user, MYSQL_PASSWORD=each.password,
                           RESOURCE_ARN=CLUSTER + "dummy", SECRET_ARN="arn:aws:secretsmanager:us-east-1:123456789012:secret:dummy")
        with Server(environment=environment) as named:
            ran = self.aws("rds-data", "execute-statement", "--resource-arn", CLUSTER + "dummy", "--secret-arn",
                      "arn:aws:secretsmanager:us-east-1:123456789012:secret:dummy", "--database", "test", "--sql", "SELECT DATABASE()", url=named.url)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(json.loads(ran.stdout)["records"], [[{"stringValue": "test"}]])

    def test_secrets_manager(self):
        ran = self.aws("secretsmanager", "get-secret-value", "--secret-id", "borealis-mysql")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(json.loads(ran.stdout)["SecretString"])["username"], "admin")


class Version1(Command, unittest.TestCase):
    version = 1

    @classmethod
    def setUpClass(cls):
        cls.program = version_1()


@unittest.skipUnless(SYSTEM, "no aws command on this machine")
class Version2(Command, unittest.TestCase):
    version = 2
    program = SYSTEM


class Borealis(unittest.TestCase):
    """Our own commands beside it."""

    def borealis(self, *words, text=None):
        ran = subprocess.run([BINARY, *words], capture_output=True, text=True, input=text, timeout=60)
        return ran.returncode, ran.stdout, ran.stderr

    def test_cluster_and_secret_list(self):
        status, out, err = self.borealis("cluster", "list", "--json", "--state-dir", server.state)
        self.assertEqual(status, 0, err)
        self.assertEqual(sorted(c["resourceArn"] for c in json.loads(out)), [CLUSTER + "borealis-mysql", CLUSTER + "borealis-postgresql"])
        status, out, err = self.borealis("secret", "list", "--json", "--state-dir", server.state)
        self.assertEqual(sorted(s["name"] for s in json.loads(out)), ["borealis-mysql", "borealis-postgresql"])
        for words in (("cluster", "list"), ("secret", "list")):
            status, out, err = self.borealis(*words, "--state-dir", server.state)
            self.assertIn("borealis-mysql", out)

    def test_sql(self):
        for cluster in ("borealis-postgresql", "borealis-mysql"):
            status, out, err = self.borealis("sql", "--state-dir", server.state, "--cluster", cluster, "-p", "n:long=41", "-p", "t=Zoë",
                                             "SELECT :n + 1 AS answer, :t AS name, NULL AS nothing")
            self.assertEqual(status, 0, err)
            self.assertEqual([line.split() for line in out.splitlines()], [["answer", "name", "nothing"], ["42", "Zoë", "NULL"], ["(1", "rows)"]])
        status, out, err = self.borealis("sql", "--state-dir", server.state, "--json", text="SELECT 1 AS one")
        self.assertEqual(json.loads(out), [{"one": 1}])
        status, out, err = self.borealis("sql", "--state-dir", server.state, "SELEKT")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("DatabaseErrorException: ERROR: syntax error", err)

    def test_help_and_version(self):
        for words in ((), ("serve",), ("sql",), ("cluster",), ("cluster", "list"), ("secret",), ("secret", "put")):
            status, out, _ = self.borealis(*words, "--help")
            self.assertEqual(status, 0)
            self.assertIn("--help", out)
        self.assertRegex(self.borealis("--version")[1], r"^borealis \d+\.\d+\.\d+\n$")
        self.assertEqual(self.borealis("nonsense")[0], 2)


if __name__ == "__main__":
    unittest.main()
