"""Logins that change: rotated by the server, by a command, in a file, in another secrets manager; and callers notice nothing (R-10.12)."""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import running  # noqa: E402
from running import CLUSTER, Server, both_databases_config, databases, post  # noqa: E402

ENGINES = ("postgresql", "mariadb")


def wait_for(what, message, seconds=90):
    until = time.monotonic() + seconds
    while not (got := what()):
        if time.monotonic() > until:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(0.05)
    return got


def manager(server, operation, **members):
    return post(server.url + "/", json.dumps(members).encode(), {"X-Amz-Target": "secretsmanager." + operation, "Content-Type": "application/x-amz-json-1.1"})


def login_of(server, secret, stage="AWSCURRENT"):
    status, _, body = manager(server, "GetSecretValue", SecretId=secret, VersionStage=stage)
    return json.loads(body["SecretString"]) if status == 200 else None


def command(server, *words, text=None, fails=0):
    ran = subprocess.run([running.BINARY, "secret", *words, "--state-dir", server.state], input=text, capture_output=True, text=True, timeout=180)
    if ran.returncode != fails:
        raise AssertionError(f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}\n{server.text()[-3000:]}")
    return ran.stdout + ran.stderr


class Callers:
    """Calls one cluster with one secret from several threads until told to stop; `failures` must stay empty."""

    def __init__(self, server, arn, secret, count=3):
        self.server, self.arn, self.secret = server, arn, secret
        self.stop, self.failures, self.done = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(count)]

    def work(self, number):
        while not self.stop.is_set():
            status, kind, body = self.server.call("Execute", resourceArn=self.arn, secretArn=self.secret, sql=f"SELECT {number}")
            if status != 200:
                self.failures.append((status, kind, body))
            self.done += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(90)


class Managed(unittest.TestCase):
    """The master logins of the two default clusters."""

    CLUSTERS = ("borealis-postgresql", "borealis-mysql")

    def rotate(self, server, secret):
        status, _, body = manager(server, "RotateSecret", SecretId=secret)
        self.assertEqual(status, 200, body)
        version = body["VersionId"]
        wait_for(lambda: manager(server, "GetSecretValue", SecretId=secret)[2]["VersionId"] == version, server.text)
        return version

    def test_callers_notice_nothing(self):
        with Server(None, *("--log-level", "debug")) as server:
            for cluster in self.CLUSTERS:
                with self.subTest(cluster):
                    self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")[0], 200)
                    passwords = [login_of(server, cluster)["password"]]
                    with Callers(server, CLUSTER + cluster, cluster) as callers:
                        for _ in range(3):
                            self.rotate(server, cluster)
                            passwords.append(login_of(server, cluster)["password"])
                            self.assertEqual(login_of(server, cluster, "AWSPREVIOUS")["password"], passwords[-2])
                            self.assertIsNone(login_of(server, cluster, "AWSPENDING"))
                    self.assertEqual(callers.failures, [])
                    self.assertGreater(callers.done, 0)
                    self.assertEqual(len(set(passwords)), 4)
                    about = manager(server, "DescribeSecret", SecretId=cluster)[2]
                    self.assertTrue(about["RotationEnabled"])
                    self.assertIn("LastRotatedDate", about)
                    # The old ones are worth nothing, and nobody has written any of them down.
                    user = login_of(server, cluster)["username"]
                    for password in passwords[:-1]:
                        name = f"old-{passwords.index(password)}-{cluster}"
                        manager(server, "CreateSecret", Name=name, SecretString=json.dumps({"username": user, "password": password}))
                        self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=name, sql="SELECT 1", database="nowhere")[0], 400)
                    logs = server.text() + "".join(p.read_text(errors="replace") for p in (server.state / "clusters").rglob("log*") if p.is_file())
                    self.assertIn(f"secret:{cluster}-", logs)
                    for password in passwords:
                        self.assertNotIn(password, logs)

    def test_the_command_line_rotates_through_the_running_server(self):
        with Server() as server:
            for cluster in self.CLUSTERS:
                before = login_of(server, cluster)["password"]
                self.assertIn("rotated: version ", command(server, "rotate", cluster))
                self.assertNotEqual(login_of(server, cluster)["password"], before)
                self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")[0], 200)
                shown = json.loads(command(server, "rotate", cluster, "--json"))
                self.assertEqual(shown["versionId"], manager(server, "GetSecretValue", SecretId=cluster)[2]["VersionId"])

    def test_ended_at_any_moment_it_goes_on_at_the_next_start(self):
        state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)
        pauses = iter((0, 0.02, 0.1, 0.3, 1, 3))
        for pause in pauses:
            with Server(state=state) as server:
                for cluster in self.CLUSTERS:
                    self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")[0], 200, server.text()[-2000:])
                    manager(server, "RotateSecret", SecretId=cluster)
                time.sleep(pause)
                server.process.kill()
                server.process.wait()
            with Server(state=state) as server:
                for cluster in self.CLUSTERS:  # at once, whichever password the database has
                    self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")[0], 200, server.text()[-2000:])
                    wait_for(lambda: login_of(server, cluster, "AWSPENDING") is None, server.text)


class Outside(unittest.TestCase):
    """Databases and secrets that others keep."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def admin(self, server, engine, sql):
        database = databases()[engine]
        status, _, body = server.call("Execute", resourceArn=database.arn, secretArn=database.secret, sql=sql)
        self.assertEqual(status, 200, body)
        return body

    def set_password(self, server, engine, user, password, make=False):
        """In the database; sessions that are open end, so that the next call has to log in."""
        if engine == "postgresql":
            if make:
                self.admin(server, engine, f"DROP ROLE IF EXISTS {user}")
            self.admin(server, engine, f"{'CREATE' if make else 'ALTER'} ROLE {user} LOGIN PASSWORD '{password}'")
            self.admin(server, engine, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'")
        else:
            self.admin(server, engine, f"{'CREATE OR REPLACE' if make else 'ALTER'} USER {user}@'%' IDENTIFIED BY '{password}'")
            if make:
                self.admin(server, engine, f"GRANT ALL ON {databases()[engine].name}.* TO {user}@'%'")
            self.admin(server, engine, f"KILL USER {user}")
        left = (f"SELECT COUNT(*) FROM pg_stat_activity WHERE usename = '{user}'" if engine == "postgresql"
                else f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}'")
        wait_for(lambda: self.admin(server, engine, left)["records"][0][0]["longValue"] == 0, "its sessions do not end")
        time.sleep(0.2)  # for the sockets, which close last

    def select(self, server, engine, secret):
        return server.call("Execute", resourceArn=databases()[engine].arn, secretArn=secret, sql="SELECT 1")

    def test_a_password_in_a_file(self):
        config = both_databases_config()
        for engine in ENGINES:
            (self.folder / engine).write_text("first\n")
            config += f'\n[[secret]]\nname = "file-{engine}"\nusername = "kept_in_file"\npassword = "file:{self.folder}/{engine}"\n'
        with Server(config) as server:
            for engine in ENGINES:
                with self.subTest(engine):
                    self.set_password(server, engine, "kept_in_file", "first", make=True)
                    self.assertEqual(self.select(server, engine, f"file-{engine}")[0], 200)
                    self.set_password(server, engine, "kept_in_file", "second")
                    self.assertEqual(self.select(server, engine, f"file-{engine}")[0], 400)
                    (self.folder / engine).write_text("second\n")
                    self.assertEqual(self.select(server, engine, f"file-{engine}")[0], 200)
                    (self.folder / engine).unlink()  # what cannot be read changes nothing
                    self.assertEqual(self.select(server, engine, f"file-{engine}")[0], 200)

    def test_a_secret_in_the_store(self):
        with Server(both_databases_config()) as server:
            for engine in ENGINES:
                with self.subTest(engine):
                    self.set_password(server, engine, "kept_in_store", "first", make=True)
                    command(server, "put", f"store-{engine}", text='{"username":"kept_in_store","password":"first"}')
                    self.assertEqual(self.select(server, engine, f"store-{engine}")[0], 200)
                    self.set_password(server, engine, "kept_in_store", "second")
                    command(server, "put", f"store-{engine}", "--replace", text='{"username":"kept_in_store","password":"second"}')
                    self.assertEqual(self.select(server, engine, f"store-{engine}")[0], 200)  # by another process a moment ago

    def test_the_secrets_of_a_cluster_by_its_own_hand(self):
        """The user's own password, in a database that is not ours, by the dbClusterIdentifier of the secret."""
        with Server(both_databases_config()) as server:
            for engine in ENGINES:
                with self.subTest(engine):
                    self.set_password(server, engine, "turned", "first", make=True)
                    login = {"username": "turned", "password": "first", "dbClusterIdentifier": f"test-{engine}", "port": 1}
                    self.assertEqual(manager(server, "CreateSecret", Name=f"turned-{engine}", SecretString=json.dumps(login))[0], 200)
                    with Callers(server, databases()[engine].arn, f"turned-{engine}") as callers:
                        status, _, body = manager(server, "RotateSecret", SecretId=f"turned-{engine}", RotationRules={"AutomaticallyAfterDays": 30})
                        self.assertEqual(status, 200, body)
                        wait_for(lambda: login_of(server, f"turned-{engine}")["password"] != "first", server.text)
                    self.assertEqual(callers.failures, [])
                    self.assertEqual({**login_of(server, f"turned-{engine}"), "password": "first"}, login)
                    self.assertIn("NextRotationDate", manager(server, "DescribeSecret", SecretId=f"turned-{engine}")[2])

    def test_a_rotation_that_cannot_be_leaves_the_old_login_and_says_why(self):
        with Server(both_databases_config()) as server:
            self.set_password(server, "postgresql", "stuck", "first", make=True)
            login = {"username": "stuck", "password": "wrong", "dbClusterIdentifier": "test-postgresql"}
            manager(server, "CreateSecret", Name="stuck", SecretString=json.dumps(login))
            self.assertEqual(manager(server, "RotateSecret", SecretId="stuck")[0], 200)
            wait_for(lambda: "is not rotated, its new version stays AWSPENDING: password authentication failed" in server.text(), server.text)
            self.assertEqual(login_of(server, "stuck")["password"], "wrong")
            self.assertIn("The new version is stored as AWSPENDING", command(server, "rotate", "stuck", "--wait", "1", fails=1))
            self.assertEqual(manager(server, "CreateSecret", Name="nobodys", SecretString='{"username":"u","password":"p"}')[0], 200)
            self.assertEqual(manager(server, "RotateSecret", SecretId="nobodys")[1:],
                             ("InvalidRequestException", {"__type": "InvalidRequestException", "Message": "No Lambda rotation function ARN is associated with this secret.",
                                                          "message": "No Lambda rotation function ARN is associated with this secret."}))

    def test_a_command(self):
        for engine in ENGINES:
            with self.subTest(engine):
                seen, script = self.folder / f"seen-{engine}", self.folder / f"rotate-{engine}"
                database = databases()[engine]
                client = ([next(Path("/usr/lib/postgresql").glob("*/bin/psql")), "-h", "127.0.0.1", "-p", database.port, "-U", database.user, "-d", database.name, "-v", "ON_ERROR_STOP=1"]
                          if engine == "postgresql" else ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", database.port, "-u", database.user, database.name])
                statement = "ALTER ROLE by_command PASSWORD '%s'" if engine == "postgresql" else "ALTER USER by_command@'%%' IDENTIFIED BY '%s'"
                script.write_text(f"""#!{sys.executable}
import json, os, subprocess, sys
told = json.load(sys.stdin)
open({str(seen)!r}, "w").write(json.dumps(told))
password = json.loads(told["AWSPENDING"])["password"]
if json.loads(told["AWSCURRENT"]).get("fail"):
    sys.exit(3)
if json.loads(told["AWSCURRENT"]).get("hang"):
    import time; time.sleep(600)
subprocess.run({list(map(str, client))!r}, input={statement!r} % password, text=True, check=True, stdout=subprocess.DEVNULL,
               env={{**os.environ, "PGPASSWORD": {database.password!r}, "MYSQL_PWD": {database.password!r}}})
""")
                script.chmod(script.stat().st_mode | stat.S_IXUSR)
                config = both_databases_config() + "".join(f'\n[[secret]]\nname = "{name}"\nsource = "store"\nrotate_command = ["{script}"]\nrotate_seconds = {seconds}\n'
                                                           for name, seconds in (("turned-by-command", 60), ("failing", 60), ("hanging", 1)))
                with Server(config) as server:
                    self.set_password(server, engine, "by_command", "first", make=True)
                    for name, more in (("turned-by-command", {}), ("failing", {"fail": True}), ("hanging", {"hang": True})):
                        self.assertEqual(manager(server, "CreateSecret", Name=name, SecretString=json.dumps({"username": "by_command", "password": "first", **more}))[0], 200)
                    with Callers(server, database.arn, "turned-by-command") as callers:
                        self.assertEqual(manager(server, "RotateSecret", SecretId="turned-by-command")[0], 200)
                        wait_for(lambda: login_of(server, "turned-by-command")["password"] != "first", server.text)
                    self.assertEqual(callers.failures, [])
                    told = json.loads(seen.read_text())
                    self.assertEqual(json.loads(told["AWSCURRENT"])["password"], "first")
                    self.assertEqual(told["name"], "turned-by-command")
                    for name, words in (("failing", "its command ended with status 3"), ("hanging", "its command took too long")):
                        self.assertEqual(manager(server, "RotateSecret", SecretId=name)[0], 200)
                        wait_for(lambda: words in server.text(), server.text)
                        self.assertEqual(login_of(server, name)["password"], "first")
                        self.assertIsNotNone(login_of(server, name, "AWSPENDING"))

    def test_another_secrets_manager(self):
        """`source = "aws"` of secrets and of a cluster: another Borealis plays AWS."""
        with Server("default_clusters = false\n") as aws:
            for engine in ENGINES:
                self.assertEqual(manager(aws, "CreateSecret", Name=f"far/{engine}", SecretString='{"username":"kept_far","password":"first"}')[0], 200)
            arns = {engine: manager(aws, "DescribeSecret", SecretId=f"far/{engine}")[2]["ARN"] for engine in ENGINES}
            config = both_databases_config()
            for engine in ENGINES:
                config = config.replace(f'id = "test-{engine}"', f'id = "test-{engine}"\nsecrets = "aws"\nsecrets_endpoint = "{aws.url}"\nsecrets_region = "us-east-1"')
                config += (f'\n[[secret]]\nname = "near-{engine}"\narn = "{arns[engine]}"\nsource = "aws"\nid = "far/{engine}"\nregion = "us-east-1"\n'
                           f'endpoint = "{aws.url}"\nttl_seconds = {1 if engine == "mariadb" else 3600}\n')
            environment = dict(os.environ, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_EC2_METADATA_DISABLED="true")
            with Server(config, environment=environment) as server:
                for engine in ENGINES:
                    with self.subTest(engine):
                        self.set_password(server, engine, "kept_far", "first", make=True)
                        # By our name for it, its ARN there, its ARN without suffix, and through the cluster by its name there.
                        for name in (f"near-{engine}", arns[engine], arns[engine][:-7], f"far/{engine}"):
                            self.assertEqual(self.select(server, engine, name)[0], 200, (name, server.text()[-2000:]))
                        self.assertEqual(self.select(server, engine, "far/nothing")[1], "SecretsErrorException")
                        # Rotated there: the value at hand is refused, and read again once, however long it would live.
                        manager(aws, "PutSecretValue", SecretId=f"far/{engine}", SecretString='{"username":"kept_far","password":"second"}')
                        time.sleep(1.1)  # it is not read more often than once a second
                        self.set_password(server, engine, "kept_far", "second")
                        self.assertEqual(self.select(server, engine, f"near-{engine}")[0], 200, server.text()[-2000:])
                # Secrets of the store go before those of the cluster's other place.
                self.assertEqual(self.select(server, "postgresql", databases()["postgresql"].secret)[0], 200)
                aws.stop()
                time.sleep(1.1)
                for engine in ENGINES:  # gone: what is known is used on
                    self.assertEqual(self.select(server, engine, f"near-{engine}")[0], 200, server.text()[-2000:])
                wait_for(lambda: self.select(server, "mariadb", "near-mariadb")[0] == 200 and "its former value is used" in server.text(), server.text)
                self.assertEqual(self.select(server, "mariadb", "far/never-seen")[1], "SecretsErrorException")
                self.assertNotIn("second", server.text())


if __name__ == "__main__":
    unittest.main()
