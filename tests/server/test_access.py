"""Who may call: users and keys of the config and the keys file, policies, sessions, sts, and limits of callers (R-10.20 to R-10.40)."""
import concurrent.futures
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from running import BINARY, Server, both_databases_config, databases  # noqa: E402

import boto3  # noqa: E402
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.config  # noqa: E402
import botocore.credentials  # noqa: E402
import botocore.exceptions  # noqa: E402
import urllib.error  # noqa: E402
import urllib.parse  # noqa: E402
import urllib.request  # noqa: E402

SECRET = "text:a-secret-of-the-tests-0123456789abcdefgh"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def key(name, *statements, more="", secret=SECRET):
    """A [[key]] AKIA<NAME> of the user <name> with these statements."""
    lines = ", ".join(toml(s) for s in statements)
    return f'[[key]]\nid = "AKIA{name.upper()}"\nuser = "{name}"\nsecret = "{secret}"\n' + (f"policy = [{lines}]\n" if statements else "") + more + "\n"


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value)


def client(server, name, service="rds-data", secret=SECRET.removeprefix("text:"), key_id=None, token=None, attempts=0):
    return boto3.client(service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=key_id or f"AKIA{name.upper()}",
                        aws_secret_access_key=secret, aws_session_token=token,
                        config=botocore.config.Config(retries={"max_attempts": attempts, "mode": "standard"}, max_pool_connections=20))


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, code, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call(**arguments)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        return error["Message"]


def borealis(*words, check=True, **more):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=60, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: {done.stderr}")
    return done


def setUpModule():
    global postgresql, mariadb
    postgresql, mariadb = databases()["postgresql"], databases()["mariadb"]


def on(database, sql="SELECT 1", **more):
    return {"resourceArn": database.arn, "secretArn": database.secret, "sql": sql, **more}


class Policies(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        execute = {"Effect": "Allow", "Action": ["rds-data:ExecuteStatement", "rds-data:BeginTransaction"], "Resource": "*"}
        read_secret = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": postgresql.secret}
        config = both_databases_config().replace('id = "test-postgresql"\n', 'id = "test-postgresql"\ntags = { stage = "test", team = "orders" }\n')
        config += key("admin", ALL) + key("nobody") + key("executor", execute, read_secret) + key("nosecret", execute)
        config += key("pg", {"Effect": "Allow", "Action": "rds-data:*", "Resource": "arn:aws:rds:*:*:cluster:test-post*"}, read_secret)
        config += key("denied", ALL, {"Effect": "Deny", "Action": "rds-data:Begin*", "Resource": "*"})
        config += key("stage", {**ALL, "Condition": {"StringEquals": {"aws:ResourceTag/stage": "test"}}}, read_secret)
        config += key("local", {**ALL, "Condition": {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}})
        config += key("remote", {**ALL, "Condition": {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}})
        config += key("tls", {**ALL, "Condition": {"Bool": {"aws:SecureTransport": "true"}}})
        config += key("managed", more='managed_policies = ["AmazonRDSDataFullAccess"]')
        config += key("lister", {"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"})
        cls.server = Server(config).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def sentence(self, name, action, resource, why):
        return f"User: arn:aws:iam::123456789012:user/{name} is not authorized to perform: {action} on resource: {resource} {why}"

    def test_default_is_deny_r_2_39(self):
        message = self.refused("AccessDeniedException", client(self.server, "nobody").execute_statement, **on(postgresql))
        self.assertEqual(message, self.sentence("nobody", "rds-data:ExecuteStatement", postgresql.arn,
                                                "because no identity-based policy allows the rds-data:ExecuteStatement action"))
        self.assertIn("user nobody has no policy and so may call nothing", self.server.text())

    def test_actions_and_resources_r_10_20(self):
        may = client(self.server, "executor")
        self.assertEqual(may.execute_statement(**on(postgresql))["records"], [[{"longValue": 1}]])
        self.refused("AccessDeniedException", may.batch_execute_statement, **on(postgresql))
        begun = may.begin_transaction(resourceArn=postgresql.arn, secretArn=postgresql.secret)["transactionId"]
        message = self.refused("AccessDeniedException", may.commit_transaction, resourceArn=postgresql.arn, secretArn=postgresql.secret, transactionId=begun)
        self.assertIn("rds-data:CommitTransaction", message)
        self.assertEqual(client(self.server, "pg").execute_statement(**on(postgresql))["records"], [[{"longValue": 1}]])
        self.refused("AccessDeniedException", client(self.server, "pg").execute_statement, **on(mariadb))
        # An unknown cluster is not told of to those who may not ask.
        elsewhere = {**on(postgresql), "resourceArn": "arn:aws:rds:us-east-1:123456789012:cluster:nowhere"}
        self.refused("AccessDeniedException", client(self.server, "pg").execute_statement, **elsewhere)
        self.refused("HttpEndpointNotEnabledException", client(self.server, "admin").execute_statement, **elsewhere)

    def test_then_the_secret_with_the_callers_identity_r_10_21_r_2_37(self):
        message = self.refused("AccessDeniedException", client(self.server, "nosecret").execute_statement, **on(postgresql))
        self.assertEqual(message, self.sentence("nosecret", "secretsmanager:GetSecretValue", postgresql.secret,
                                                "because no identity-based policy allows the secretsmanager:GetSecretValue action"))
        # By name it is the same secret.
        self.assertEqual(client(self.server, "executor").execute_statement(**{**on(postgresql), "secretArn": "test-postgresql"})["records"], [[{"longValue": 1}]])
        self.refused("AccessDeniedException", client(self.server, "executor").execute_statement, **{**on(postgresql), "secretArn": mariadb.secret})

    def test_deny_wins(self):
        may = client(self.server, "denied")
        may.execute_statement(**on(postgresql))
        message = self.refused("AccessDeniedException", may.begin_transaction, resourceArn=postgresql.arn, secretArn=postgresql.secret)
        self.assertTrue(message.endswith("with an explicit deny in an identity-based policy"), message)

    def test_conditions_on_tags_address_and_transport(self):
        self.assertEqual(client(self.server, "stage").execute_statement(**on(postgresql))["records"], [[{"longValue": 1}]])
        self.refused("AccessDeniedException", client(self.server, "stage").execute_statement, **on(mariadb))
        client(self.server, "local").execute_statement(**on(postgresql))
        self.refused("AccessDeniedException", client(self.server, "remote").execute_statement, **on(postgresql))
        self.refused("AccessDeniedException", client(self.server, "tls").execute_statement, **on(postgresql))

    def test_managed_policy_r_10_22(self):
        message = self.refused("AccessDeniedException", client(self.server, "managed").execute_statement, **on(postgresql))
        self.assertIn("secretsmanager:GetSecretValue", message)  # only those under rds-db-credentials/

    def test_secretsmanager_asks_the_same_policies(self):
        self.assertTrue(client(self.server, "lister", "secretsmanager").list_secrets()["SecretList"])
        self.refused("AccessDeniedException", client(self.server, "lister", "secretsmanager").get_secret_value, SecretId="test-postgresql")
        self.assertIn("password", client(self.server, "executor", "secretsmanager").get_secret_value(SecretId="test-postgresql")["SecretString"])
        self.refused("AccessDeniedException", client(self.server, "executor", "secretsmanager").get_secret_value, SecretId="test-mariadb")

    def test_a_policy_that_is_not_understood_stops_the_start(self):
        for statement, says in (({**ALL, "Condition": {"StringEquals": {"aws:MultiFactorAuthPresent": "true"}}}, "aws:MultiFactorAuthPresent is not known"),
                                ({**ALL, "Condition": {"StringSounds": {"aws:username": "x"}}}, "StringSounds is not known"),
                                ({"Effect": "Allow", "Action": "*"}, "either Resource or NotResource")):
            with self.subTest(says=says), self.assertRaisesRegex(AssertionError, rf"borealis\.toml:5:\d+: `policy`: the policy's statement 1: .*{says}"):
                Server(key("ann", statement)).start()
        with self.assertRaisesRegex(AssertionError, "there is no Unheard; known are AdministratorAccess"):
            Server(key("ann", more='managed_policies = ["Unheard"]')).start()


class WaysAround(Case):
    """What a policy says of a resource holds however a request names it, and whatever else stands in the request."""

    @classmethod
    def setUpClass(cls):
        def allow(*resources, action="*"):
            return {"Effect": "Allow", "Action": action, "Resource": list(resources)}
        def deny(resource="*", **condition):
            return {"Effect": "Deny", "Action": "*", "Resource": resource, **({"Condition": {"StringEquals": condition}} if condition else {})}
        cls.far = "arn:aws:secretsmanager:us-east-1:123456789012:secret:far-AbCdEf"
        config = both_databases_config().replace('id = "test-postgresql"\n', 'id = "test-postgresql"\ntags = { stage = "prod" }\n')
        config += f'[[secret]]\nname = "kept-by-aws"\narn = "{cls.far}"\nsource = "aws"\nregion = "us-east-1"\n'
        config += key("admin", ALL) + key("mine", allow("arn:aws:secretsmanager:*:*:secret:mine-*"))
        config += key("noprod", ALL, deny(**{"aws:ResourceTag/stage": "prod"})) + key("unguarded", ALL, deny(**{"aws:ResourceTag/guarded": "yes"}))
        config += key("fenced", ALL, deny(postgresql.arn)) + key("nofar", ALL, deny("arn:aws:secretsmanager:*:*:secret:far-*"))
        config += key("builder", allow("arn:aws:rds:*:*:cluster:mine-*", "arn:aws:rds:*:*:db:mine-*"))
        config += key("elsewhere", {**ALL, "Condition": {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8"]}}})
        config += key("batcher", allow("*", action="secretsmanager:BatchGetSecretValue"))
        config += key("careful", ALL, more='deny_statements = ["ddl"]')
        cls.server = Server(config, "--threads", "1").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def signed(self, name, path, body):
        request = botocore.awsrequest.AWSRequest("POST", self.server.url + path, data=body, headers={"Content-Type": "application/json"})
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(f"AKIA{name.upper()}", SECRET.removeprefix("text:")), "rds-data", "us-east-1").add_auth(request)
        return request.prepare()

    def post(self, name, path):
        asked = self.signed(name, path, b"")
        try:
            with urllib.request.urlopen(urllib.request.Request(asked.url, data=b"", headers=dict(asked.headers), method="POST"), timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def test_a_body_names_no_other_secret_than_the_operation_works_with(self):
        mine = client(self.server, "mine", "secretsmanager")
        mine.create_secret(Name="mine-own", SecretString="x")
        decoy = {}
        def add_decoy(params, **_):
            params["body"] = json.dumps({**json.loads(params["body"]), **decoy}).encode()
        mine.meta.events.register("before-call.secretsmanager", add_decoy)
        for decoy in ({}, {"SecretId": "mine-own"}, {"Name": "mine-own"}):
            self.refused("AccessDeniedException", mine.list_secrets)
            self.refused("AccessDeniedException", mine.batch_get_secret_value, SecretIdList=["mine-own"])
            self.refused("AccessDeniedException", mine.get_random_password)
        decoy = {"SecretId": "mine-own"}
        message = self.refused("AccessDeniedException", mine.create_secret, Name="others", SecretString="x")
        self.assertIn("on resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:others ", message)

    def test_filters_list_secrets_only_for_those_who_may_list_them(self):
        batcher = client(self.server, "batcher", "secretsmanager")
        message = self.refused("AccessDeniedException", batcher.batch_get_secret_value, Filters=[{"Key": "name", "Values": ["test-"]}])
        self.assertIn("is not authorized to perform: secretsmanager:ListSecrets on resource: * ", message)
        answer = batcher.batch_get_secret_value(SecretIdList=["test-postgresql"])
        self.assertEqual((answer["SecretValues"], [each["ErrorCode"] for each in answer["Errors"]]), ([], ["AccessDeniedException"]))

    def test_tags_of_secrets_count_for_the_data_api(self):
        admin, may = client(self.server, "admin", "secretsmanager"), client(self.server, "unguarded")
        login = admin.get_secret_value(SecretId="test-postgresql")["SecretString"]
        made = admin.create_secret(Name="guarded-login", SecretString=login, Tags=[{"Key": "guarded", "Value": "yes"}])["ARN"]
        self.addCleanup(admin.delete_secret, SecretId=made, ForceDeleteWithoutRecovery=True)
        for name in (made, "guarded-login", made[:-7]):
            client(self.server, "admin").execute_statement(**{**on(postgresql), "secretArn": name})
            self.assertIn("secretsmanager:GetSecretValue", self.refused("AccessDeniedException", may.execute_statement, **{**on(postgresql), "secretArn": name}))
        may.execute_statement(**on(postgresql))

    def test_a_secrets_tags_count_from_the_call_after_they_change(self):
        admin, may = client(self.server, "admin", "secretsmanager"), client(self.server, "unguarded")
        login = admin.get_secret_value(SecretId="test-postgresql")["SecretString"]
        made = admin.create_secret(Name="guarded-later", SecretString=login)["ARN"]
        call = {**on(postgresql), "secretArn": made}
        for _ in range(3):
            may.execute_statement(**call)
            admin.tag_resource(SecretId=made, Tags=[{"Key": "guarded", "Value": "yes"}])
            self.refused("AccessDeniedException", may.execute_statement, **call)
            admin.untag_resource(SecretId=made, TagKeys=["guarded"])
        may.execute_statement(**call)
        admin.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)
        self.refused("SecretsErrorException", may.execute_statement, **call)

    def test_tags_of_clusters_count_for_every_service(self):
        self.refused("AccessDeniedException", client(self.server, "noprod").execute_statement, **on(postgresql))
        rds = client(self.server, "noprod", "rds")
        for call in (rds.describe_db_clusters, rds.modify_db_cluster, rds.stop_db_cluster, rds.delete_db_cluster):
            self.refused("AccessDenied", call, DBClusterIdentifier="test-postgresql")
        self.refused("AccessDenied", rds.enable_http_endpoint, ResourceArn=postgresql.arn)
        self.assertEqual(len(rds.describe_db_clusters(DBClusterIdentifier="test-mariadb")["DBClusters"]), 1)
        for verb in ("", "/pause", "/resume", "/faults"):
            status, body = self.post("noprod", "/borealis/clusters/test-postgresql" + verb)
            self.assertEqual((status, "not authorized to perform: borealis:" in body["message"]), (403, True), verb)
        self.assertEqual([each["id"] for each in self.post("noprod", "/borealis/clusters")[1]], ["test-mariadb"])
        self.assertEqual(self.post("admin", "/borealis/clusters/test-postgresql")[0], 200)

    def test_a_cluster_is_the_same_by_any_name(self):
        rds = client(self.server, "fenced", "rds")
        for name in (postgresql.arn, "test-postgresql", "TEST-PostgreSQL"):
            message = self.refused("AccessDenied", rds.add_tags_to_resource, ResourceName=name, Tags=[{"Key": "stage", "Value": "test"}])
            self.assertIn(f"on resource: {postgresql.arn} ", message)
            self.refused("AccessDenied", rds.describe_db_clusters, DBClusterIdentifier=name)

    def test_what_a_new_cluster_or_instance_is_made_of_is_asked_for_too(self):
        rds = client(self.server, "builder", "rds")
        message = self.refused("AccessDenied", rds.restore_db_cluster_from_snapshot, DBClusterIdentifier="mine-1", SnapshotIdentifier="others", Engine="aurora-postgresql")
        self.assertIn("on resource: arn:aws:rds:us-east-1:123456789012:cluster-snapshot:others ", message)
        message = self.refused("AccessDenied", rds.create_db_instance, DBInstanceIdentifier="mine-1", DBClusterIdentifier="test-postgresql",
                               DBInstanceClass="db.serverless", Engine="aurora-postgresql")
        self.assertIn(f"on resource: {postgresql.arn} ", message)

    def test_a_secret_that_aws_keeps_is_the_same_by_any_name(self):
        for name in (self.far, self.far[:-7], "kept-by-aws"):
            message = self.refused("AccessDeniedException", client(self.server, "nofar").execute_statement, **{**on(postgresql), "secretArn": name})
            self.assertIn(f"secretsmanager:GetSecretValue on resource: {self.far} with an explicit deny", message)

    def test_a_client_that_is_gone_has_no_address_and_is_not_answered(self):
        admin = client(self.server, "admin")
        admin.execute_statement(**on(postgresql, "CREATE TABLE IF NOT EXISTS left_behind (n INT)"))
        self.addCleanup(admin.execute_statement, **on(postgresql, "DROP TABLE left_behind"))
        asked = self.signed("elsewhere", "/Execute", json.dumps(on(postgresql, "INSERT INTO left_behind VALUES (1)")).encode())
        head = "".join(f"{k}: {v.decode() if isinstance(v, bytes) else v}\r\n" for k, v in asked.headers.items())
        host = self.server.url.removeprefix("http://")
        self.server.process.send_signal(signal.SIGSTOP)
        with socket.create_connection(tuple(host.split(":"))) as gone:
            gone.sendall(f"POST /Execute HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode() + asked.body)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, before the server takes it
        self.server.process.send_signal(signal.SIGCONT)
        for _ in range(10):
            self.assertEqual(admin.execute_statement(**on(postgresql, "SELECT count(*) FROM left_behind"))["records"], [[{"longValue": 0}]])
            time.sleep(0.1)

    def test_statements_that_one_caller_may_not_send(self):
        careful = client(self.server, "careful")
        for database in (postgresql, mariadb):
            for call in (careful.execute_statement, careful.batch_execute_statement):
                message = self.refused("ForbiddenException", call, **on(database, "CREATE TABLE forbidden (n INT)"))
                self.assertEqual(message, "The rules of this caller (deny_statements) refuse the statement as: ddl")
            begun = careful.begin_transaction(resourceArn=database.arn, secretArn=database.secret)["transactionId"]
            self.refused("ForbiddenException", careful.execute_statement, **on(database, "DROP TABLE forbidden"), transactionId=begun)
            careful.execute_statement(**on(database), transactionId=begun)
            careful.rollback_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=begun)
            client(self.server, "admin").execute_statement(**on(database, "DROP TABLE IF EXISTS forbidden"))


class KeysFile(Case):
    def setUp(self):
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.state], check=False))

    def run_key(self, *words, **more):
        return borealis("key", *words, "--state-dir", self.state, **more)

    def create(self, name, *more):
        return json.loads(self.run_key("create", name, "--json", *more).stdout)

    def use(self, server, made, **more):
        return client(server, "", key_id=made["AccessKeyId"], secret=made["SecretAccessKey"], token=made.get("SessionToken"), **more)

    def eventually(self, call, seconds=20):
        """The server looks at the file once a second; a loaded machine may take longer."""
        until = time.monotonic() + seconds
        while True:
            try:
                return call()
            except (AssertionError, botocore.exceptions.ClientError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def test_life_of_a_key(self):
        first = self.create("ann", "--policy", "BorealisDataAccess")
        self.assertRegex(first["AccessKeyId"], r"^AKIA[A-Z2-7]{16}$")
        text = (self.state / "keys.json").read_text()
        self.assertNotIn(first["SecretAccessKey"], text)
        self.assertEqual((self.state / "keys.json").stat().st_mode & 0o777, 0o600)
        self.assertNotIn(first["SecretAccessKey"], self.run_key("list").stdout + self.run_key("show", "ann").stdout)

        with Server(both_databases_config(), state=self.state) as server:  # the file alone switches signatures on
            self.use(server, first).execute_statement(**on(postgresql))
            self.refused("UnrecognizedClientException", client(server, "", key_id="AKIANOBODY").execute_statement, **on(postgresql))

            second = json.loads(self.run_key("rotate", "ann", "--json").stdout)
            self.eventually(lambda: self.use(server, second).execute_statement(**on(postgresql)))
            self.use(server, first).execute_statement(**on(postgresql))  # both are valid
            third = self.run_key("rotate", "ann", check=False)
            self.assertEqual(third.returncode, 1)
            self.assertIn("has 2 keys already", third.stderr)

            self.run_key("disable", first["AccessKeyId"])
            self.eventually(lambda: self.refused("UnrecognizedClientException", self.use(server, first).execute_statement, **on(postgresql)))
            self.use(server, second).execute_statement(**on(postgresql))
            self.run_key("enable", first["AccessKeyId"])
            self.eventually(lambda: self.use(server, first).execute_statement(**on(postgresql)))
            self.run_key("delete", first["AccessKeyId"])
            self.eventually(lambda: self.refused("UnrecognizedClientException", self.use(server, first).execute_statement, **on(postgresql)))

            self.run_key("policy", "ann", "--policy", "AmazonRDSDataFullAccess")
            self.eventually(lambda: self.refused("AccessDeniedException", self.use(server, second).execute_statement, **on(postgresql)))
            self.run_key("delete", "ann")
            # Nobody is left, and nobody is let in: not developer mode.
            self.eventually(lambda: self.refused("UnrecognizedClientException", self.use(server, second).execute_statement, **on(postgresql)))
            self.assertNotEqual(server.call("Execute", **on(postgresql))[0], 200)
        with Server(both_databases_config(), state=self.state) as server:
            self.assertNotEqual(server.call("Execute", **on(postgresql))[0], 200)

    def test_statements_denied_to_a_user(self):
        made = self.create("ann", "--policy", "BorealisDataAccess", "--deny-statements", "ddl,calls")
        self.assertIn("limit deny-statements ddl, calls\n", self.run_key("show", "ann").stdout)
        with Server(both_databases_config(), state=self.state) as server:
            message = self.refused("ForbiddenException", self.use(server, made).execute_statement, **on(postgresql, "DO $$ BEGIN END $$"))
            self.assertEqual(message, "The rules of this caller (deny_statements) refuse the statement as: calls")
        self.assertIn("`dll` is no kind of statement; known are ddl, ", self.run_key("policy", "ann", "--deny-statements", "dll", check=False).stderr)
        file = self.state / "keys.json"
        file.write_text(file.read_text().replace("ddl, calls", "ddl, cats"))
        self.assertIn("Limits: `ddl, cats` is no list of kinds of statements", self.run_key("list", check=False).stderr)

    def test_a_broken_file_changes_nothing_and_is_named(self):
        made = self.create("ann", "--policy", "BorealisDataAccess")
        with Server(both_databases_config(), state=self.state) as server:
            file = self.state / "keys.json"
            good = file.read_text()
            file.write_text("{")
            self.eventually(lambda: self.assertIn("the keys file was not taken over", server.text()))
            self.use(server, made).execute_statement(**on(postgresql))
            file.write_text(good)
            file.chmod(0o644)
            self.eventually(lambda: self.assertIn("chmod 600", server.text()))
        with self.assertRaisesRegex(AssertionError, "keys.json: others may read or write it: chmod 600"):
            Server(both_databases_config(), state=self.state).start()
        self.assertIn("chmod 600", self.run_key("list", check=False).stderr)
        if os.geteuid() == 0:  # only root can give a file away
            file.chmod(0o600)
            os.chown(file, 12345, -1)
            self.assertIn("belongs to user 12345", self.run_key("list", check=False).stderr)

    def test_session_credentials_r_10_37(self):
        made = self.create("ann", "--policy", "BorealisDataAccess")
        policy = self.state / "policy.json"
        policy.write_text('{"Statement":{"Effect":"Allow","Action":["rds-data:ExecuteStatement","secretsmanager:*"],"Resource":"*"}}')
        def session(*more):
            out = json.loads(self.run_key("session", "--key", made["AccessKeyId"], *more).stdout)
            self.assertEqual(out.pop("Version"), 1)
            return out
        with Server(both_databases_config(), "--threads", "2", state=self.state) as server:
            whole, bounded, short = session(), session("--policy", policy), session("--duration", "1")
            for _ in range(8):  # whichever thread it is
                self.use(server, whole).execute_statement(**on(postgresql))
            self.use(server, bounded).execute_statement(**on(postgresql))
            message = self.refused("AccessDeniedException", self.use(server, bounded).begin_transaction, resourceArn=postgresql.arn, secretArn=postgresql.secret)
            self.assertTrue(message.endswith("because no session policy allows the rds-data:BeginTransaction action"), message)
            message = self.eventually(lambda: self.refused("ExpiredTokenException", self.use(server, short).execute_statement, **on(postgresql)))
            self.assertEqual(message, "The security token included in the request is expired")
            # Without its token, with a changed one, with another's.
            invalid = "UnrecognizedClientException"
            self.refused(invalid, self.use(server, {**whole, "SessionToken": None}).execute_statement, **on(postgresql))
            self.refused(invalid, self.use(server, {**whole, "SessionToken": ("B" if whole["SessionToken"][0] == "A" else "A") + whole["SessionToken"][1:]}).execute_statement, **on(postgresql))
            self.refused(invalid, self.use(server, {**whole, "SessionToken": bounded["SessionToken"]}).execute_statement, **on(postgresql))
            self.run_key("disable", made["AccessKeyId"])
            self.eventually(lambda: self.refused(invalid, self.use(server, whole).execute_statement, **on(postgresql)))

    def test_command_line_errors(self):
        self.create("ann")
        for words, code, says in ((["create", "a b"], 2, "NAME"), (["create", "ann"], 1, "there is a user ann already"),
                                  (["create", "bob", "--policy", "Nope"], 2, "neither a file nor a managed policy"),
                                  (["disable", "AKIANOBODY"], 1, "no key AKIANOBODY"), (["delete", "nobody"], 1, "no user or key nobody"),
                                  (["session", "--key", "AKIANOBODY"], 1, "no active key"), (["session"], 2, "--key ID, or --role NAME"),
                                  (["session", "--role", "r"], 1, "no [[role]] r")):
            with self.subTest(words=words):
                done = self.run_key(*words, check=False)
                self.assertEqual((done.returncode, says in done.stderr), (code, True), done.stderr)


class Sts(Case):
    @classmethod
    def setUpClass(cls):
        role = ('[[role]]\nname = "reader"\nassumed_by = ["ann"]\nlongest_session_seconds = 7200\n'
                'policy = [{ Effect = "Allow", Action = ["rds-data:ExecuteStatement", "secretsmanager:GetSecretValue"], Resource = "*" }]\n')
        cls.server = Server(both_databases_config() + key("ann") + key("bob", ALL) + role).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def with_credentials(self, made):
        return client(self.server, "", key_id=made["AccessKeyId"], secret=made["SecretAccessKey"], token=made["SessionToken"])

    def test_caller_identity(self):
        answer = client(self.server, "ann", "sts").get_caller_identity()
        self.assertEqual((answer["Account"], answer["Arn"]), ("123456789012", "arn:aws:iam::123456789012:user/ann"))
        with Server(both_databases_config()) as developer:
            self.assertEqual(client(developer, "any", "sts").get_caller_identity()["Arn"], "arn:aws:iam::123456789012:user/AKIAANY")

    def test_assume_role(self):
        arn = "arn:aws:iam::123456789012:role/reader"
        self.refused("AccessDeniedException", client(self.server, "ann").execute_statement, **on(postgresql))
        answer = client(self.server, "ann", "sts").assume_role(RoleArn=arn, RoleSessionName="job-1")
        self.assertEqual(answer["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/reader/job-1")
        data = self.with_credentials(answer["Credentials"])
        self.assertEqual(data.execute_statement(**on(postgresql))["records"], [[{"longValue": 1}]])
        message = self.refused("AccessDeniedException", data.begin_transaction, resourceArn=postgresql.arn, secretArn=postgresql.secret)
        self.assertIn("User: arn:aws:sts::123456789012:assumed-role/reader/job-1 is not authorized", message)
        self.refused("AccessDenied", client(self.server, "bob", "sts").assume_role, RoleArn=arn, RoleSessionName="job-1")

    def test_session_token(self):
        made = client(self.server, "bob", "sts").get_session_token(DurationSeconds=900)["Credentials"]
        self.assertEqual(self.with_credentials(made).execute_statement(**on(postgresql))["records"], [[{"longValue": 1}]])

    def test_errors_are_the_query_protocols(self):
        self.refused("SignatureDoesNotMatch", client(self.server, "ann", "sts", secret="wrong").get_caller_identity)
        self.refused("InvalidClientTokenId", client(self.server, "zoe", "sts").get_caller_identity)
        self.refused("InvalidAction", client(self.server, "ann", "sts").get_federation_token, Name="abc")

    def test_rds_is_signed_for_itself(self):
        self.refused("SignatureDoesNotMatch", client(self.server, "bob", "rds", secret="wrong").describe_db_clusters)


class Signatures(Case):
    """Presigned requests and repeated ones, where they are switched on."""

    def presigned(self, server):
        """Signed in the query, with the body's own hash; botocore would move the body into the query."""
        body = json.dumps(on(postgresql)).encode()
        now = datetime.datetime.now(datetime.timezone.utc)
        day, host = f"{now:%Y%m%d}", server.url.removeprefix("http://")
        scope = f"{day}/us-east-1/rds-data/aws4_request"
        query = urllib.parse.urlencode([("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", f"AKIAANN/{scope}"),
                                        ("X-Amz-Date", f"{now:%Y%m%dT%H%M%SZ}"), ("X-Amz-Expires", "60"), ("X-Amz-SignedHeaders", "host")])
        canonical = f"POST\n/Execute\n{query}\nhost:{host}\n\nhost\n{hashlib.sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        made = b"AWS4" + SECRET.removeprefix("text:").encode()
        for part in (day, "us-east-1", "rds-data", "aws4_request", text):
            made = hmac.new(made, part.encode(), hashlib.sha256).digest()
        request = botocore.awsrequest.AWSRequest("POST", f"{server.url}/Execute?{query}&X-Amz-Signature={made.hex()}", data=body)
        return request.prepare()

    def signed(self, server):
        body = json.dumps(on(postgresql)).encode()
        request = botocore.awsrequest.AWSRequest("POST", server.url + "/Execute", data=body, headers={"Content-Type": "application/json"})
        botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIAANN", SECRET.removeprefix("text:")), "rds-data", "us-east-1").add_auth(request)
        return request.prepare()

    def send(self, prepared, body=None):
        headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in prepared.headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(prepared.url, data=body or prepared.body, headers=headers, method="POST"), timeout=30) as answer:
                return answer.status, None
        except urllib.error.HTTPError as e:
            return e.code, e.headers["x-amzn-ErrorType"]

    def test_presigned_r_10_40(self):
        with Server(both_databases_config() + key("ann", ALL)) as server:
            self.assertEqual(self.send(self.presigned(server)), (403, "MissingAuthenticationTokenException"))
        with Server(both_databases_config() + "[auth]\npresigned = true\n" + key("ann", ALL)) as server:
            good = self.presigned(server)
            self.assertEqual(self.send(good), (200, None))
            self.assertEqual(self.send(good, body=json.dumps(on(postgresql, "SELECT 2")).encode()), (403, "InvalidSignatureException"))
            client(server, "ann").execute_statement(**on(postgresql))

    def test_regions(self):
        with Server(both_databases_config() + '[auth]\nregions = ["*"]\n' + key("ann", ALL)) as server:
            boto3.client("rds-data", endpoint_url=server.url, region_name="eu-west-1", aws_access_key_id="AKIAANN",
                         aws_secret_access_key=SECRET.removeprefix("text:")).execute_statement(**on(postgresql))

    def test_replay(self):
        with Server(both_databases_config() + key("ann", ALL), "--threads", "2") as server:
            once = self.signed(server)
            self.assertEqual([self.send(once)[0] for _ in range(3)], [200, 200, 200])  # off by default
        with Server(both_databases_config() + "[auth]\nreplay_memory = 1000\n" + key("ann", ALL), "--threads", "2") as server:
            once = self.signed(server)
            self.assertEqual(self.send(once), (200, None))
            for _ in range(6):  # whichever thread it reaches
                self.assertEqual(self.send(once), (400, "ThrottlingException"))
            # An SDK that says the same twice in a second signs it again.
            patient = client(server, "ann", attempts=10)
            for _ in range(3):
                patient.execute_statement(**on(postgresql))


class Limits(Case):
    @classmethod
    def setUpClass(cls):
        config = both_databases_config() + key("free", ALL)
        config += key("rate", ALL, more="requests_per_second = 0.05\nburst = 3") + key("one", ALL, more="concurrent_calls = 1")
        config += key("few", ALL, more="open_transactions = 2") + key("quick", ALL, more="statement_timeout_seconds = 0.5")
        config += key("rows", ALL, more="rows = 3") + key("bytes", ALL, more="answer_bytes = 100")
        cls.server = Server(config, "--threads", "2").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_requests_per_second(self):
        may = client(self.server, "rate")
        for _ in range(3):
            may.execute_statement(**on(postgresql))
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            may.execute_statement(**on(postgresql))
        error = raised.exception.response
        self.assertEqual((error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]), (400, "ThrottlingException", "Rate exceeded"))
        # All services and threads count together; each says it in its own protocol.
        self.refused("ThrottlingException", client(self.server, "rate", "secretsmanager").list_secrets)
        self.refused("Throttling", client(self.server, "rate", "sts").get_caller_identity)
        self.refused("TooManyRequestsException", client(self.server, "rate", "lambda").invoke, FunctionName="f")
        client(self.server, "free").execute_statement(**on(postgresql))

    def test_sdks_try_again_after_throttling(self):
        with Server(both_databases_config() + key("ann", ALL, more="requests_per_second = 5\nburst = 1")) as server:
            patient = client(server, "ann", attempts=10)
            for _ in range(4):
                patient.execute_statement(**on(postgresql))

    def test_concurrent_calls(self):
        free = client(self.server, "free")
        running = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(29)%' AND pid <> pg_backend_pid() AND state = 'active'"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(client(self.server, "one").execute_statement, **on(postgresql, "SELECT CAST(pg_sleep(29) AS text)"))
            while free.execute_statement(**on(postgresql, "SELECT count(*) " + running))["records"] == [[{"longValue": 0}]]:
                self.assertFalse(first.done(), first)
            self.refused("ThrottlingException", client(self.server, "one").execute_statement, **on(postgresql))
            free.execute_statement(**on(postgresql, "SELECT pg_cancel_backend(pid) " + running))
            self.assertIsInstance(first.exception(60), botocore.exceptions.ClientError)
        client(self.server, "one").execute_statement(**on(postgresql))  # it has come home

    def test_open_transactions(self):
        may = client(self.server, "few")
        ids = [may.begin_transaction(resourceArn=d.arn, secretArn=d.secret)["transactionId"] for d in (postgresql, mariadb)]
        self.refused("ThrottlingException", may.begin_transaction, resourceArn=postgresql.arn, secretArn=postgresql.secret)
        may.execute_statement(**on(postgresql))  # without a transaction
        may.commit_transaction(resourceArn=postgresql.arn, secretArn=postgresql.secret, transactionId=ids[0])
        again = may.begin_transaction(resourceArn=postgresql.arn, secretArn=postgresql.secret)["transactionId"]
        for database, one in ((mariadb, ids[1]), (postgresql, again)):
            may.rollback_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=one)

    def test_statement_time(self):
        for database, sql in ((postgresql, "SELECT CAST(pg_sleep(20) AS text)"), (mariadb, "SELECT SLEEP(20)")):
            began = time.monotonic()
            self.refused("StatementTimeoutException", client(self.server, "quick").execute_statement, **on(database, sql))
            self.assertLess(time.monotonic() - began, 15)

    def test_rows_and_bytes(self):
        three, four = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4"
        for database in (postgresql, mariadb):
            self.assertEqual(len(client(self.server, "rows").execute_statement(**on(database, three))["records"]), 3)
            message = self.refused("UnsupportedResultException", client(self.server, "rows").execute_statement, **on(database, four))
            self.assertEqual(message, "The result exceeds the limit of 3 rows.")
            client(self.server, "bytes").execute_statement(**on(database))
            message = self.refused("UnsupportedResultException", client(self.server, "bytes").execute_statement, **on(database, "SELECT REPEAT('x', 200)"))
            self.assertEqual(message, "The result exceeds the size limit 100 bytes.")


class ReadOnly(Case):
    """A caller who may only read, and everything it might try to write all the same."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(both_databases_config() + key("writer", ALL) + key("reader", ALL, more="read_only = true"), "--threads", "2").start()
        writer = client(cls.server, "writer")
        for database in (postgresql, mariadb):
            for sql in ("DROP TABLE IF EXISTS guarded", "CREATE TABLE guarded (n INT)", "INSERT INTO guarded VALUES (1)"):
                writer.execute_statement(**on(database, sql))
        writer.execute_statement(**on(postgresql, "CREATE OR REPLACE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO guarded VALUES (2); RETURN 1; END $$"))
        writer.execute_statement(**on(postgresql, "CREATE OR REPLACE PROCEDURE sneak_p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO guarded VALUES (3); END $$"))
        for sql in ("DROP PROCEDURE IF EXISTS sneak_p", "CREATE PROCEDURE sneak_p() BEGIN START TRANSACTION READ WRITE; INSERT INTO guarded VALUES (3); COMMIT; END",
                    "DROP FUNCTION IF EXISTS sneak", "CREATE FUNCTION sneak() RETURNS INT BEGIN INSERT INTO guarded VALUES (2); RETURN 1; END"):
            writer.execute_statement(**on(mariadb, sql))

    @classmethod
    def tearDownClass(cls):
        writer = client(cls.server, "writer")
        for sql in ("DROP TABLE guarded", "DROP FUNCTION sneak", "DROP PROCEDURE sneak_p"):
            for database in (postgresql, mariadb):
                writer.execute_statement(**on(database, sql))
        cls.server.stop()

    def setUp(self):
        self.reader, self.writer = client(self.server, "reader"), client(self.server, "writer")

    def untouched(self, database):
        self.assertEqual(self.writer.execute_statement(**on(database, "SELECT n FROM guarded"))["records"], [[{"longValue": 1}]], "somebody wrote")

    def attempt(self, database, sql, **more):
        try:
            self.reader.execute_statement(**on(database, sql, **more))
        except botocore.exceptions.ClientError as e:
            return e.response["Error"]["Message"]
        return None

    def begin(self, database):
        return self.reader.begin_transaction(resourceArn=database.arn, secretArn=database.secret)["transactionId"]

    def rollback(self, database, one):
        try:
            self.reader.rollback_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=one)
        except botocore.exceptions.ClientError as e:
            self.assertEqual(e.response["Error"]["Code"], "TransactionNotFoundException")

    WRITES = ["INSERT INTO guarded VALUES (9)", "UPDATE guarded SET n = 9", "DELETE FROM guarded", "CREATE TABLE guarded2 (n INT)", "DROP TABLE guarded",
              "TRUNCATE TABLE guarded", "ALTER TABLE guarded ADD m INT", "SELECT sneak()", "CALL sneak_p()", "CREATE INDEX guarded_i ON guarded (n)"]
    ON_POSTGRESQL = ["DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO guarded VALUES (9); END $$",
                     "DO $$ BEGIN SET LOCAL default_transaction_read_only = off; COMMIT; INSERT INTO guarded VALUES (9); END $$",
                     "DO $$ BEGIN SET TRANSACTION READ WRITE; INSERT INTO guarded VALUES (9); END $$",
                     "SELECT set_config('transaction_read_only', 'off', false), sneak()", "SELECT set_config('default_transaction_read_only', 'off', false), sneak()",
                     "WITH w AS (INSERT INTO guarded VALUES (9) RETURNING n) SELECT * FROM w", "EXPLAIN ANALYZE INSERT INTO guarded VALUES (9)",
                     "SELECT n INTO guarded3 FROM guarded", "COPY guarded TO PROGRAM 'true'", "SELECT * FROM guarded FOR UPDATE", "MERGE INTO guarded USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT VALUES (9)",
                     "COPY guarded FROM PROGRAM 'echo 9'", "VACUUM FULL guarded", "CREATE DATABASE guarded_d", "LOCK TABLE guarded IN EXCLUSIVE MODE",
                     "PREPARE p AS INSERT INTO guarded VALUES (9)", "EXECUTE p", "SELECT lo_create(0)", "SELECT nextval('guarded_s')", "ALTER SYSTEM SET work_mem = '5MB'"]
    ON_MARIADB = ["BEGIN NOT ATOMIC START TRANSACTION READ WRITE; INSERT INTO guarded VALUES (9); COMMIT; END",
                  "/*!50000 INSERT INTO guarded VALUES (9) */", "/*M! CALL sneak_p() */", "EXECUTE IMMEDIATE 'INSERT INTO guarded VALUES (9)'",
                  "IF 1 THEN START TRANSACTION READ WRITE; INSERT INTO guarded VALUES (9); COMMIT; END IF", "SET STATEMENT max_statement_time=9 FOR CALL sneak_p()",
                  "SET STATEMENT max_statement_time=9 FOR INSERT INTO guarded VALUES (9)", "REPLACE INTO guarded VALUES (9)", "ANALYZE INSERT INTO guarded VALUES (9)",
                  "LOAD DATA INFILE '/etc/hostname' INTO TABLE guarded", "SELECT n FROM guarded INTO OUTFILE '/tmp/guarded'", "PREPARE p FROM 'INSERT INTO guarded VALUES (9)'",
                  "INSERT INTO guarded VALUES (9) RETURNING n", "RENAME TABLE guarded TO guarded4", "CREATE OR REPLACE TABLE guarded (n INT)", "LOCK TABLES guarded WRITE",
                  "label: LOOP INSERT INTO guarded VALUES (9); LEAVE label; END LOOP", "CREATE SEQUENCE guarded_s", "DO sneak()", "HANDLER guarded OPEN", "FLUSH TABLES", "XA START 'x'",
                  "GRANT ALL ON *.* TO nobody_at_all"]
    OPENERS = {"postgresql": ["SET TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET default_transaction_read_only = off",
                              "SET transaction_read_only = off", "BEGIN", "BEGIN READ WRITE", "START TRANSACTION READ WRITE", "COMMIT", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN",
                              "ROLLBACK", "END", "ABORT", "SAVEPOINT s", "DISCARD ALL", "RESET ALL", "RESET SESSION AUTHORIZATION", "SET ROLE NONE"],
               "mariadb": ["SET SESSION TRANSACTION READ WRITE", "SET TRANSACTION READ WRITE", "SET SESSION tx_read_only = 0", "SET @@tx_read_only = OFF", "BEGIN", "START TRANSACTION",
                           "START TRANSACTION READ WRITE", "COMMIT", "COMMIT AND CHAIN", "ROLLBACK", "SET autocommit = 1", "SET autocommit = 0", "SAVEPOINT s", "UNLOCK TABLES", "SET ROLE NONE",
                           "SET STATEMENT tx_read_only = 0 FOR SELECT 1"]}

    def tries(self, database):
        return self.WRITES + (self.ON_POSTGRESQL if database is postgresql else self.ON_MARIADB)

    def test_reads_pass(self):
        for database in (postgresql, mariadb):
            self.assertEqual(self.reader.execute_statement(**on(database, "SELECT n FROM guarded"))["records"], [[{"longValue": 1}]])
            one = self.begin(database)
            for _ in range(3):
                self.assertEqual(self.reader.execute_statement(**on(database, "SELECT n FROM guarded", transactionId=one))["records"], [[{"longValue": 1}]])
            self.assertEqual(self.reader.commit_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=one)["transactionStatus"], "Transaction Committed")
            self.reader.batch_execute_statement(resourceArn=database.arn, secretArn=database.secret, sql="SELECT n FROM guarded WHERE n = :n",
                                                parameterSets=[[{"name": "n", "value": {"longValue": 1}}]] * 2)

    def test_the_database_refuses(self):
        self.assertRegex(self.attempt(postgresql, "INSERT INTO guarded VALUES (9)"), "^ERROR: cannot execute INSERT in a read-only transaction; SQLState: 25006$")
        self.assertIn("Cannot execute statement in a READ ONLY transaction", self.attempt(mariadb, "INSERT INTO guarded VALUES (9)"))
        self.assertEqual(self.attempt(mariadb, "CREATE TABLE t (n INT)"), "This caller may only read; the statement is refused as: ddl")

    def test_nothing_writes_by_itself(self):
        for database in (postgresql, mariadb):
            for sql in self.tries(database):
                for more in ({}, {"continueAfterTimeout": True}):
                    with self.subTest(database=database.engine, sql=sql):
                        self.attempt(database, sql, **more)
                        self.untouched(database)

    def test_nothing_writes_in_a_transaction(self):
        for database in (postgresql, mariadb):
            for sql in self.tries(database):
                with self.subTest(database=database.engine, sql=sql):
                    one = self.begin(database)
                    self.attempt(database, sql, transactionId=one)
                    try:
                        self.reader.commit_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=one)
                    except botocore.exceptions.ClientError:
                        pass
                    self.untouched(database)

    def test_large_objects_do_not_outlast_a_transaction(self):
        """Before PostgreSQL 16 a read-only transaction lets them be written."""
        made = "SELECT CAST(lo_from_bytea(471100, 'x') AS text)"
        for end in ("commit", "COMMIT", "END", "COMMIT AND CHAIN"):
            with self.subTest(end=end):
                one = self.begin(postgresql)
                self.attempt(postgresql, made, transactionId=one)  # newer ones refuse it, and the transaction has failed
                if end == "commit":
                    self.reader.commit_transaction(resourceArn=postgresql.arn, secretArn=postgresql.secret, transactionId=one)
                else:
                    self.attempt(postgresql, end, transactionId=one)
                    self.rollback(postgresql, one)
                self.assertEqual(self.writer.execute_statement(**on(postgresql, "SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 471100"))["records"],
                                 [[{"longValue": 0}]])

    def test_a_failed_transaction_is_not_committed_r_9_6(self):
        one = self.begin(postgresql)
        self.assertIn("division by zero", self.attempt(postgresql, "SELECT 1 / 0", transactionId=one))
        self.assertEqual(self.reader.commit_transaction(resourceArn=postgresql.arn, secretArn=postgresql.secret, transactionId=one)["transactionStatus"], "Rollback Complete")

    def test_nothing_opens_the_way_for_a_later_statement(self):
        for database in (postgresql, mariadb):
            for opener in self.OPENERS[database.engine]:
                with self.subTest(database=database.engine, opener=opener):
                    # Over the sessions of the pool, and inside one transaction, once and twice.
                    self.attempt(database, opener)
                    self.attempt(database, "INSERT INTO guarded VALUES (9)")
                    one = self.begin(database)
                    for sql in (opener, "INSERT INTO guarded VALUES (9)", opener, opener, "CREATE TABLE guarded2 (n INT)", "DELETE FROM guarded", "COMMIT"):
                        self.attempt(database, sql, transactionId=one)
                    self.rollback(database, one)
                    self.untouched(database)

    def test_batches_do_not_write(self):
        for database in (postgresql, mariadb):
            for sets in (1, 3):
                for inside in (False, True):
                    more = {"transactionId": self.begin(database)} if inside else {}
                    with self.assertRaises(botocore.exceptions.ClientError):
                        self.reader.batch_execute_statement(resourceArn=database.arn, secretArn=database.secret, sql="INSERT INTO guarded VALUES (:n)",
                                                            parameterSets=[[{"name": "n", "value": {"longValue": 9}}]] * sets, **more)
                    if inside:
                        self.rollback(database, more["transactionId"])
                    self.untouched(database)

    def test_a_writer_gets_its_session_back(self):
        for database in (postgresql, mariadb):
            for _ in range(5):
                self.reader.execute_statement(**on(database, "SELECT 1"))
                self.writer.execute_statement(**on(database, "UPDATE guarded SET n = 1"))


if __name__ == "__main__":
    unittest.main()
