"""Secrets Manager through stock clients, over TLS with an authority of one's own: boto3, the aws command line, the AWS SDK for JavaScript."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from authority import Authority  # noqa: E402
from running import ROOT, SECRET, Server, both_databases_config, databases  # noqa: E402

import boto3  # noqa: E402
import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402

AWS = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), shutil.which("aws"))


def setUpModule():
    global folder, authority, server, database
    warnings.simplefilter("ignore", ResourceWarning)  # botocore's
    folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority(folder)
    certificate, key = authority.sign("localhost")
    server = Server(both_databases_config() + f'\n[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n').start()
    unittest.addModuleCleanup(server.stop)
    database = databases()["mariadb"]


def client(service, verify=None):
    return boto3.client(service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
                        verify=str(verify or authority.file), config=botocore.config.Config(retries={"max_attempts": 0}))


def code(call, **members):
    """The error's name and text."""
    try:
        return call(**members)
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"], e.response["Error"]["Message"]


class Boto3(unittest.TestCase):
    def setUp(self):
        self.manager = client("secretsmanager")

    def make(self, name, **members):
        made = self.manager.create_secret(Name=name, **{"SecretString": "one", **members})
        self.addCleanup(self.manager.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
        return made

    def test_only_the_right_authority_is_trusted(self):
        got = client("rds-data").execute_statement(resourceArn=database.arn, secretArn=database.secret, sql="SELECT 1")
        self.assertEqual(got["records"], [[{"longValue": 1}]])
        with self.assertRaises(botocore.exceptions.SSLError):
            client("rds-data", verify=Authority(folder, "Another").file).execute_statement(resourceArn=database.arn, secretArn=database.secret, sql="SELECT 1")

    def test_versions_and_labels_r_12_41(self):
        first = self.make("boto/versions")
        second = self.manager.put_secret_value(SecretId="boto/versions", SecretString="two")
        self.assertEqual(second["VersionStages"], ["AWSCURRENT"])
        self.assertEqual(self.manager.get_secret_value(SecretId="boto/versions")["SecretString"], "two")
        self.assertEqual(self.manager.get_secret_value(SecretId="boto/versions", VersionStage="AWSPREVIOUS")["SecretString"], "one")
        self.assertEqual(self.manager.get_secret_value(SecretId="boto/versions", VersionId=first["VersionId"])["VersionStages"], ["AWSPREVIOUS"])
        token = "11111111-1111-4111-8111-111111111111"
        third = self.manager.put_secret_value(SecretId="boto/versions", SecretBinary=b"\0\xff", ClientRequestToken=token)
        self.assertEqual(self.manager.put_secret_value(SecretId="boto/versions", SecretBinary=b"\0\xff", ClientRequestToken=token)["VersionId"], third["VersionId"])
        self.assertEqual(code(self.manager.put_secret_value, SecretId="boto/versions", SecretString="x", ClientRequestToken=token)[0], "ResourceExistsException")
        self.assertEqual(self.manager.get_secret_value(SecretId=first["ARN"][:-7])["SecretBinary"], b"\0\xff")
        versions = self.manager.list_secret_version_ids(SecretId="boto/versions", IncludeDeprecated=True)["Versions"]
        self.assertEqual({v["VersionId"]: v.get("VersionStages") for v in versions},
                         {first["VersionId"]: None, second["VersionId"]: ["AWSPREVIOUS"], third["VersionId"]: ["AWSCURRENT"]})
        self.manager.update_secret_version_stage(SecretId="boto/versions", VersionStage="AWSCURRENT", MoveToVersionId=first["VersionId"],
                                                 RemoveFromVersionId=third["VersionId"])
        self.assertEqual(self.manager.get_secret_value(SecretId="boto/versions")["SecretString"], "one")
        self.assertEqual(self.manager.describe_secret(SecretId="boto/versions")["VersionIdsToStages"],
                         {first["VersionId"]: ["AWSCURRENT"], third["VersionId"]: ["AWSPREVIOUS"]})

    def test_errors_r_12_42_to_r_12_44(self):
        self.make("boto/errors")
        self.assertEqual(code(self.manager.create_secret, Name="boto/errors", SecretString="x"),
                         ("ResourceExistsException", "The operation failed because the secret boto/errors already exists."))
        self.assertEqual(code(self.manager.get_secret_value, SecretId="boto/none"), ("ResourceNotFoundException", "Secrets Manager can't find the specified secret."))
        self.manager.create_secret(Name="boto/empty")
        self.addCleanup(self.manager.delete_secret, SecretId="boto/empty", ForceDeleteWithoutRecovery=True)
        self.assertEqual(code(self.manager.get_secret_value, SecretId="boto/empty"),
                         ("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"))
        self.assertEqual(code(self.manager.create_secret, Name="boto/both", SecretString="x", SecretBinary=b"x")[0], "InvalidParameterException")
        self.assertEqual(code(self.manager.delete_secret, SecretId="boto/errors", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)[0], "InvalidParameterException")
        self.manager.delete_secret(SecretId="boto/errors", RecoveryWindowInDays=7)
        marked = ("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
        self.assertEqual(code(self.manager.get_secret_value, SecretId="boto/errors"), marked)
        self.assertEqual(code(self.manager.put_secret_value, SecretId="boto/errors", SecretString="x"), marked)
        self.assertEqual(code(self.manager.tag_resource, SecretId="boto/errors", Tags=[{"Key": "a", "Value": "b"}]), marked)
        self.assertEqual(code(self.manager.create_secret, Name="boto/errors", SecretString="x")[0], "InvalidRequestException")
        self.manager.restore_secret(SecretId="boto/errors")
        self.assertEqual(self.manager.get_secret_value(SecretId="boto/errors")["SecretString"], "one")
        self.assertEqual(self.manager.delete_secret(SecretId="boto/never", ForceDeleteWithoutRecovery=True)["Name"], "boto/never")

    def test_lists_r_12_40(self):
        for i in range(5):
            self.make(f"boto/list/{i}", Tags=[{"Key": "list", "Value": str(i)}])
        pages = self.manager.get_paginator("list_secrets").paginate(Filters=[{"Key": "tag-key", "Values": ["list"]}], SortOrder="desc", PaginationConfig={"PageSize": 2})
        self.assertEqual([s["Name"] for page in pages for s in page["SecretList"]], [f"boto/list/{i}" for i in (4, 3, 2, 1, 0)])
        got = self.manager.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["boto/list/"]}], MaxResults=20)
        self.assertEqual([s["Name"] for s in got["SecretValues"]], [f"boto/list/{i}" for i in range(5)])
        self.assertEqual(got["Errors"], [])

    def test_policies_tags_and_passwords(self):
        self.make("boto/tags", Tags=[{"Key": "a", "Value": "1"}], KmsKeyId="alias/mine")
        self.manager.tag_resource(SecretId="boto/tags", Tags=[{"Key": "b", "Value": "2"}])
        self.manager.untag_resource(SecretId="boto/tags", TagKeys=["a"])
        about = self.manager.describe_secret(SecretId="boto/tags")
        self.assertEqual((about["Tags"], about["KmsKeyId"]), ([{"Key": "b", "Value": "2"}], "alias/mine"))
        self.assertNotIn("ResourcePolicy", self.manager.get_resource_policy(SecretId="boto/tags"))
        self.assertRegex(self.manager.get_random_password(PasswordLength=12, ExcludePunctuation=True)["RandomPassword"], "^[A-Za-z0-9]{12}$")

    def test_a_secret_made_here_logs_in_r_12_45(self):
        made = self.make("boto/db-login", SecretString=json.dumps({"username": database.user, "password": database.password}))
        data = client("rds-data")
        for name in ("boto/db-login-but-wrong", "boto/db-login", made["ARN"]):
            got = code(data.execute_statement, resourceArn=database.arn, secretArn=name, sql="SELECT 1")
            self.assertEqual(got[0] if name.endswith("wrong") else got["records"], "SecretsErrorException" if name.endswith("wrong") else [[{"longValue": 1}]])
        self.manager.delete_secret(SecretId="boto/db-login", RecoveryWindowInDays=7)
        self.assertEqual(code(data.execute_statement, resourceArn=database.arn, secretArn="boto/db-login", sql="SELECT 1")[0], "SecretsErrorException")


@unittest.skipUnless(AWS, "no aws command on this machine")
class CommandLine(unittest.TestCase):
    def aws(self, *words, bundle=None):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                           AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true", AWS_CA_BUNDLE=str(bundle or authority.file))
        environment.pop("PYTHONPATH", None)
        return subprocess.run([AWS, "--endpoint-url", server.url, "--output", "json", *words], env=environment, capture_output=True, text=True, timeout=120)

    def good(self, *words):
        ran = self.aws(*words)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads(ran.stdout or "{}")

    def test_a_secret_s_life(self):
        made = self.good("secretsmanager", "create-secret", "--name", "cli/app", "--secret-string", "one", "--tags", "Key=a,Value=b")
        self.assertRegex(made["ARN"], "^" + SECRET + "cli/app-[A-Za-z0-9]{6}$")
        self.good("secretsmanager", "put-secret-value", "--secret-id", "cli/app", "--secret-string", "two")
        self.assertEqual(self.good("secretsmanager", "get-secret-value", "--secret-id", "cli/app", "--version-stage", "AWSPREVIOUS")["SecretString"], "one")
        listed = self.good("secretsmanager", "list-secrets", "--filters", "Key=tag-value,Values=b")
        self.assertEqual([s["Name"] for s in listed["SecretList"]], ["cli/app"])
        self.assertEqual(len(self.good("secretsmanager", "list-secret-version-ids", "--secret-id", "cli/app")["Versions"]), 2)
        self.assertEqual(len(self.good("secretsmanager", "get-random-password", "--password-length", "40")["RandomPassword"]), 40)
        refused = self.aws("secretsmanager", "rotate-secret", "--secret-id", "cli/app")
        self.assertIn("(InvalidRequestException) when calling the RotateSecret operation: No Lambda rotation function ARN", refused.stderr)
        self.good("secretsmanager", "delete-secret", "--secret-id", "cli/app", "--force-delete-without-recovery")
        self.assertIn("ResourceNotFoundException", self.aws("secretsmanager", "describe-secret", "--secret-id", "cli/app").stderr)

    def test_tls(self):
        got = self.good("rds-data", "execute-statement", "--resource-arn", database.arn, "--secret-arn", database.secret, "--sql", "SELECT 1")
        self.assertEqual(got["records"], [[{"longValue": 1}]])
        self.assertIn("SSL validation failed", self.aws("secretsmanager", "list-secrets", bundle=Authority(folder, "Third").file).stderr)


class JavaScript(unittest.TestCase):
    def test_version_3(self):
        if shutil.which("npm") is None:
            self.skipTest("npm is not installed")
        place = ROOT / "build" / "clients" / "secrets_manager"
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "installed").exists():
            ran = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "@aws-sdk/client-secrets-manager", "@aws-sdk/client-rds-data"],
                                 cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if ran.returncode != 0:
                self.skipTest(f"npm install: {ran.stderr[-500:]}")
            (place / "installed").touch()
        shutil.copy(HERE / "secrets_manager" / "secrets.mjs", place)
        environment = dict(os.environ, ENDPOINT=server.url, RESOURCE_ARN=database.arn, SECRET_ARN=database.secret)
        for extra, status in (({}, 1), ({"NODE_EXTRA_CA_CERTS": str(authority.file)}, 0)):
            ran = subprocess.run(["node", "--test-reporter=tap", "secrets.mjs"], cwd=place, env={**environment, **extra}, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
            self.assertEqual(ran.returncode, status, ran.stdout)
            if status:
                self.assertRegex(ran.stdout, "UNABLE_TO|self.signed|unable to (get|verify)")


if __name__ == "__main__":
    unittest.main()
