"""The disk is full: under a database, whose refusals reach the caller as errors of the database; and under Borealis' own state folder,
whose Data API goes on.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from engines import MariaDB, PostgreSQL, cluster_toml, until  # noqa: E402
from running import AUTHORIZATION, CLUSTER, Server, both_databases_config, databases  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402


class SmallDisk:
    """A folder with a file system of its own, of so many megabytes."""

    def __init__(self, test, megabytes):
        self.folder = Path(tempfile.mkdtemp(prefix="borealis-chaos-"))
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            test.skipTest(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
        test.addCleanup(subprocess.run, ["umount", "--lazy", self.folder], check=True)
        self.filler = self.folder / "filler"

    def fill(self, leave=0):
        """Takes what is free, but `leave` bytes."""
        with open(self.filler, "ab", buffering=0) as to:
            for size in (1 << 20, 1 << 12):
                try:
                    while shutil.disk_usage(self.folder).free > leave + size:
                        to.write(bytes(size))
                except OSError:
                    pass

    def free(self):
        self.filler.unlink()


class FullDisk(unittest.TestCase):
    def test_given_a_full_disk_under_a_database_when_written_to_then_it_says_so_and_nothing_is_lost(self):
        for kind in (PostgreSQL, MariaDB):
            with self.subTest(kind.name):
                disk = SmallDisk(self, 400)
                with kind(folder=disk.folder) as engine:
                    engine.sql("CREATE TABLE chaos (id INT PRIMARY KEY, filler TEXT)")
                    config = ("statement_timeout_seconds = 5\n" + ADMIN + "[pool]\nmaximum = 4\nconnect_seconds = 2\nwait_seconds = 2\n" +
                              cluster_toml("chaos-full-disk", "postgresql" if kind is PostgreSQL else "mysql", [f"127.0.0.1:{engine.port}"], kind.database))
                    with Server(config, "--threads", "1") as server:
                        self.try_full(disk, engine, server)

    def try_full(self, disk, engine, server):
        def insert(id):
            value = {"stringValue": os.urandom(30_000).hex()}  # nothing that compresses
            return server.call("Execute", resourceArn=CLUSTER + "chaos-full-disk", secretArn="chaos-full-disk", sql="INSERT INTO chaos VALUES (:id, :filler)",
                               parameters=[{"name": "id", "value": {"longValue": id}}, {"name": "filler", "value": value}])

        done, kinds, messages = [0], set(), set()
        self.assertEqual(insert(0)[0], 200)
        disk.fill()
        for id in range(1, 2000):
            status, kind, body = insert(id)
            if status == 200:
                done.append(id)
            else:
                kinds.add((status, kind))
                messages.add(body["message"])
                if len(messages) > 2 or id % 7 == 0:
                    break
        self.assertTrue(kinds, "this test tries nothing: the disk was never full")
        self.assertLessEqual(kinds, {(400, "DatabaseErrorException"), (400, "StatementTimeoutException"), (504, "DatabaseUnavailableException")}, messages)
        disk.free()
        if engine.process.poll() is not None:
            engine.start()  # PostgreSQL gives up when it cannot write its log
        until(lambda: insert(3000)[0] == 200, what=f"no write gets through when the disk has room again; {messages}")
        done.append(3000)
        stored = [int(id) for id in engine.sql("SELECT id FROM chaos").split()]
        self.assertEqual(set(done) - set(stored), set(), "acknowledged and lost")
        Watch(server).at_rest()

    def test_given_a_full_disk_under_the_state_folder_when_called_then_only_what_must_be_written_fails(self):
        disk = SmallDisk(self, 20)
        state = disk.folder / "state"
        state.mkdir()
        with Server(ADMIN + both_databases_config(), "--threads", "1", state=state) as server:
            def secret(operation, **members):
                request = urllib.request.Request(server.url, json.dumps(members).encode(), method="POST", headers={
                    "Authorization": AUTHORIZATION.replace("rds-data", "secretsmanager"), "Content-Type": "application/x-amz-json-1.1",
                    "X-Amz-Target": f"secretsmanager.{operation}"})
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        return answer.status, json.loads(answer.read())
                except urllib.error.HTTPError as refused:
                    return refused.code, json.loads(refused.read())

            self.assertEqual(secret("CreateSecret", Name="kept", SecretString="x")[0], 200)
            disk.fill()
            for i in range(300):  # the database's own file may have room for some
                status, body = secret("CreateSecret", Name=f"more-{i}", SecretString="x" * 20_000)
                if status != 200:
                    break
            self.assertEqual((status, body.get("__type")), (500, "InternalServiceError"), body)
            for there in databases().values():
                for text in ("SELECT 1", "CREATE TABLE chaos_disk (v INT)", "DROP TABLE chaos_disk"):
                    status, kind, body = server.call("Execute", resourceArn=there.arn, secretArn=there.secret, database=there.name, sql=text)
                    self.assertEqual(status, 200, (kind, body))
            self.assertEqual(secret("GetSecretValue", SecretId="kept")[1].get("SecretString"), "x")
            disk.free()
            self.assertEqual(secret("CreateSecret", Name="again", SecretString="y" * 20_000)[0], 200)
            Watch(server).at_rest()
            self.assertEqual(server.stop(), 0)
        with Server(ADMIN + both_databases_config(), "--threads", "1", state=state) as server:
            self.assertEqual(secret("GetSecretValue", SecretId="again")[1].get("SecretString"), "y" * 20_000)


if __name__ == "__main__":
    unittest.main()
