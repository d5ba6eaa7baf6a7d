"""The workshop's whole set-up with nothing but the stock `aws` command: examples/employees/setup_with_aws_cli, then the employees through
`aws rds-data`, and, where it is built, through the function itself; the same without the script, call by call; and gone again."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import BINARY, CLUSTER, ROOT, Server  # noqa: E402

AWS = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), shutil.which("aws"))
FUNCTION = BINARY.parent / "examples" / "employees" / "lambda_dataapi"


@unittest.skipUnless(AWS, "no aws command on this machine")
class Workshop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("default_clusters = false\n").start()
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k != "PYTHONPATH"}
        cls.environment |= {"AWS_COMMAND": AWS, "AWS_ENDPOINT_URL": cls.server.url, "AWS_EC2_METADATA_DISABLED": "true"}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def aws(self, *words):
        ran = subprocess.run([AWS, "--endpoint-url", self.server.url, "--output", "json", *words], capture_output=True, text=True, timeout=180,
                             env={**self.environment, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
                                  "AWS_PAGER": ""})
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    def test_the_script(self):
        for _ in range(2):  # what is there already stays
            ran = subprocess.run([ROOT / "examples" / "employees" / "setup_with_aws_cli"], env=self.environment, capture_output=True, text=True, timeout=240)
            self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        made = dict(re.findall(r"^export (\w+)='(.*)'$", ran.stdout, re.MULTILINE))
        self.assertEqual(made["DB_CLUSTER_ARN"], CLUSTER + "employees")
        self.assertEqual(made["DB_NAME"], "EmployeeDB")
        arns = ("--resource-arn", made["DB_CLUSTER_ARN"], "--secret-arn", made["DB_SECRET_ARN"], "--database", made["DB_NAME"])
        self.aws("rds-data", "execute-statement", *arns, "--sql", "INSERT INTO Employee VALUES (:id, :name)", "--parameters",
                 '[{"name":"id","value":{"stringValue":"7"}},{"name":"name","value":{"stringValue":"Ann"}}]')
        self.assertEqual(self.aws("rds-data", "execute-statement", *arns, "--sql", "SELECT * FROM Employee")["records"],
                         [[{"stringValue": "7"}, {"stringValue": "Ann"}]])
        if FUNCTION.exists():
            ran = subprocess.run([FUNCTION, "--event", '{"EmpId":"8","EmpName":"Cid"}'], capture_output=True, text=True, timeout=120,
                                 env={**self.environment, **made, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"})
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(json.loads(ran.stdout.splitlines()[-1]), [["7", "Ann"], ["8", "Cid"]])
        self.aws("rds", "delete-db-instance", "--db-instance-identifier", "employees-writer")
        self.aws("rds", "wait", "db-instance-deleted", "--db-instance-identifier", "employees-writer")
        self.aws("rds", "delete-db-cluster", "--db-cluster-identifier", "employees", "--skip-final-snapshot")
        self.aws("rds", "wait", "db-cluster-deleted", "--db-cluster-identifier", "employees")
        self.assertEqual(self.aws("rds", "describe-db-clusters")["DBClusters"], [])
        self.assertEqual([s["Name"] for s in self.aws("secretsmanager", "list-secrets")["SecretList"]], ["planted"])  # that of every test's config

    def test_with_a_secret_of_ones_own_and_serverless_v1(self):
        self.aws("rds", "create-db-cluster", "--db-cluster-identifier", "one", "--engine", "aurora-mysql", "--engine-mode", "serverless", "--master-username",
                 "admin", "--master-user-password", "workshop-pass", "--scaling-configuration",
                 "MinCapacity=1,MaxCapacity=2,AutoPause=true,SecondsUntilAutoPause=300")
        self.aws("rds", "modify-db-cluster", "--db-cluster-identifier", "one", "--enable-http-endpoint")
        secret = self.aws("secretsmanager", "create-secret", "--name", "one", "--secret-string", '{"username":"admin","password":"workshop-pass"}')["ARN"]
        self.aws("rds", "wait", "db-cluster-available", "--db-cluster-identifier", "one")
        got = self.aws("rds-data", "execute-statement", "--resource-arn", CLUSTER + "one", "--secret-arn", secret, "--sql", "SELECT 1")
        self.assertEqual(got["records"], [[{"longValue": 1}]])
        changed = self.aws("rds", "modify-current-db-cluster-capacity", "--db-cluster-identifier", "one", "--capacity", "2")
        self.assertEqual(changed["PendingCapacity"], 2)
        self.aws("rds", "add-tags-to-resource", "--resource-name", CLUSTER + "one", "--tags", "Key=a,Value=b")
        self.assertEqual(self.aws("rds", "list-tags-for-resource", "--resource-name", CLUSTER + "one")["TagList"], [{"Key": "a", "Value": "b"}])
        self.aws("rds", "remove-tags-from-resource", "--resource-name", CLUSTER + "one", "--tag-keys", "a")
        self.assertEqual(self.aws("rds", "list-tags-for-resource", "--resource-name", CLUSTER + "one")["TagList"], [])
        self.aws("rds", "delete-db-cluster", "--db-cluster-identifier", "one", "--final-db-snapshot-identifier", "one-end")
        self.aws("rds", "wait", "db-cluster-deleted", "--db-cluster-identifier", "one")
        self.aws("rds", "wait", "db-cluster-snapshot-available", "--db-cluster-snapshot-identifier", "one-end")
        self.aws("secretsmanager", "delete-secret", "--secret-id", "one", "--force-delete-without-recovery")


if __name__ == "__main__":
    unittest.main()
