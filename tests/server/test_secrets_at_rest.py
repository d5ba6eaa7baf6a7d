"""Where the key of the stored secrets may be, who may read what, keys that change, and memory that nobody dumps."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import running  # noqa: E402
from running import Server, both_databases_config, databases, post  # noqa: E402

HEX = {name: os.urandom(32).hex() for name in ("first", "second")}


def manager(server, operation, **members):
    return post(server.url + "/", json.dumps(members).encode(), {"X-Amz-Target": "secretsmanager." + operation})


class AtRest(unittest.TestCase):
    def setUp(self):
        self.state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    def serve(self, settings="", environment=None):
        return Server("default_clusters = false\n" + settings, state=self.state, environment={**os.environ, **(environment or {})})

    def refused(self, settings="", environment=None):
        server = self.serve(settings, environment)
        server.log.unlink(missing_ok=True)
        with self.assertRaises(AssertionError):
            server.start()
        self.assertEqual(server.process.returncode, 2)
        for key in HEX.values():
            self.assertNotIn(key, server.text())
        return server.text()

    def secret(self, *words, text=None, fails=0, environment=None):
        ran = subprocess.run([running.BINARY, "secret", *words, "--state-dir", self.state], input=text, capture_output=True, text=True, timeout=60,
                             env={**os.environ, **(environment or {})})
        self.assertEqual(ran.returncode, fails, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def test_a_key_from_a_variable(self):
        settings = '[secrets]\nkey = "env:STORE_KEY"\n'
        with self.serve(settings, {"STORE_KEY": HEX["first"]}) as server:
            self.assertEqual(manager(server, "CreateSecret", Name="app", SecretString="value")[0], 200)
        self.assertFalse((self.state / "secrets.key").exists())
        with self.serve(settings, {"STORE_KEY": HEX["first"]}) as server:
            self.assertEqual(manager(server, "GetSecretValue", SecretId="app")[2]["SecretString"], "value")
        self.assertIn("the environment variable STORE_KEY: is not the key that", self.refused(settings, {"STORE_KEY": HEX["second"]}))
        self.assertIn("the environment variable STORE_KEY: the key of the secrets store must be 32 bytes", self.refused(settings, {"STORE_KEY": "short"}))
        self.assertIn("the environment variable STORE_KEY is not set", self.refused(settings))
        self.assertIn("the key itself does not belong in this file", self.refused(f'[secrets]\nkey = "{HEX["first"]}"\n'))
        self.assertIn("secrets.key: is missing", self.refused())

    def test_a_key_from_a_file_of_ones_own(self):
        place = self.state / "keys"
        place.mkdir()
        settings = '[secrets]\nkey = "file:keys/store.key"\n'
        with self.serve(settings) as server:
            self.assertEqual(manager(server, "CreateSecret", Name="app", SecretString="value")[0], 200)
        key = place / "store.key"
        self.assertEqual((key.stat().st_mode & 0o777, key.stat().st_size), (0o600, 32))
        key.chmod(0o644)
        self.assertIn(f"chmod 600 {key}", self.refused(settings))
        key.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(key, 12345, 12345)
            self.assertIn("belongs to the user 12345", self.refused(settings))
            os.chown(key, 0, 0)
        (self.state / "secrets.db").chmod(0o640)
        self.assertIn(f"chmod 600 {self.state}/secrets.db", self.refused(settings))
        (self.state / "secrets.db").chmod(0o600)
        key.rename(place / "moved")
        self.assertIn(f"{key}: is missing", self.refused(settings))

    def test_a_key_from_a_credential_of_systemd(self):
        place = self.state / "credentials"
        place.mkdir()
        (place / "store").write_text(HEX["first"] + "\n")
        (place / "store").chmod(0o440)
        settings = '[secrets]\nkey = "credential:store"\n'
        with self.serve(settings, {"CREDENTIALS_DIRECTORY": str(place)}) as server:
            self.assertEqual(manager(server, "CreateSecret", Name="app", SecretString="value")[0], 200)
        self.assertIn("CREDENTIALS_DIRECTORY is not set", self.refused(settings))
        self.assertIn(f"{place}/other: the key of the secrets store cannot be opened",
                      self.refused('[secrets]\nkey = "credential:other"\n', {"CREDENTIALS_DIRECTORY": str(place)}))
        self.assertIn("has no slash", self.refused('[secrets]\nkey = "credential:../x"\n', {"CREDENTIALS_DIRECTORY": str(place)}))

    def test_rekey_beside_a_running_server(self):
        with Server(both_databases_config(), state=self.state) as server:
            login = {d.engine: json.dumps({"username": d.user, "password": d.password}) for d in databases().values()}
            for engine, value in login.items():
                self.assertEqual(manager(server, "CreateSecret", Name=f"login-{engine}", SecretString=value)[0], 200)
            stop, failures = threading.Event(), []

            def work():
                number = 0
                while not stop.is_set():
                    number += 1
                    for database in databases().values():
                        got = server.call("Execute", resourceArn=database.arn, secretArn=f"login-{database.engine}", sql="SELECT 1")
                        if got[0] != 200:
                            failures.append(got)
                    for got in (manager(server, "GetSecretValue", SecretId="login-mariadb"), manager(server, "PutSecretValue", SecretId="login-postgresql", SecretString=login["postgresql"]),
                                manager(server, "CreateSecret", Name=f"made-{number}", SecretString="x")):
                        if got[0] != 200:
                            failures.append(got)
            thread = threading.Thread(target=work)
            thread.start()
            try:
                keys = {(self.state / "secrets.key").read_bytes()}
                for _ in range(5):
                    self.assertIn("values are encrypted with a new key", self.secret("rekey"))
                    keys.add((self.state / "secrets.key").read_bytes())
                self.assertGreater(json.loads(self.secret("rekey", "--json"))["values"], 3)
            finally:
                stop.set()
                thread.join(60)
            self.assertEqual(failures, [])
            self.assertEqual(len(keys), 6)
            self.assertNotIn("cannot be decrypted", server.text())
        self.assertEqual(self.secret("show", "login-mariadb").strip(), login["mariadb"])

    def test_rekey_to_a_given_key(self):
        self.secret("put", "app", text="value")
        self.assertIn("put it where", self.secret("rekey", "--new-key", "env:NEXT", environment={"NEXT": HEX["second"]}))
        self.assertIn("is not the key", self.secret("list", fails=2))
        with self.serve('[secrets]\nkey = "env:NEXT"\n', {"NEXT": HEX["second"]}) as server:
            self.assertEqual(manager(server, "GetSecretValue", SecretId="app")[2]["SecretString"], "value")
        self.assertIn("process list", self.secret("rekey", "--new-key", HEX["first"], fails=2))

    def test_values_come_from_files_and_variables_and_never_from_arguments(self):
        (self.state / "value").write_text("from a file")
        self.secret("put", "a", "--from-file", str(self.state / "value"))
        made = json.loads(self.secret("put", "b", "--from-env", "VALUE", "--json", environment={"VALUE": "from a variable"}))
        self.assertEqual(made["name"], "b")
        shown = json.loads(self.secret("show", "b", "--json"))
        self.assertEqual((shown["secretString"], shown["versionId"]), ("from a variable", made["versionId"]))
        self.assertEqual(self.secret("show", "a").strip(), "from a file")
        told = self.secret("put", "c", "typed-by-mistake", fails=2)
        self.assertIn("never from an argument", told)
        self.assertNotIn("typed-by-mistake", told)
        self.secret("put", "a", "--replace", text="again")
        self.assertEqual(self.secret("show", "a", "--stage", "AWSPREVIOUS").strip(), "from a file")
        self.assertEqual({s["name"]: s["kept"] for s in json.loads(self.secret("list", "--json"))}.items() & {"a": "store", "b": "store"}.items(), {("a", "store"), ("b", "store")})
        self.secret("delete", "a", "--json")
        self.assertIn("wasn't found", self.secret("show", "a", fails=1))

    @unittest.skipIf(running.SANITIZED or os.geteuid() != 0, "needs to become another user; sanitizers look into their own process")
    def test_memory_is_not_dumped_or_read(self):
        self.state.chmod(0o711)
        home = self.state / "home"
        home.mkdir()
        shutil.chown(home, "nobody", "nogroup")
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        with Server(None, state=home, through=as_nobody) as server:
            process = server.process.pid
            limits = Path(f"/proc/{process}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")
            for what in ("environ", "mem", "maps"):
                ran = subprocess.run([*as_nobody, "cat", f"/proc/{process}/{what}"], capture_output=True, text=True)
                self.assertIn("Permission denied", ran.stderr, what)
            with subprocess.Popen([*as_nobody, "sleep", "60"]) as other:  # of another process the same user may
                try:
                    self.assertEqual(subprocess.run([*as_nobody, "cat", f"/proc/{other.pid}/environ"], capture_output=True).returncode, 0)
                finally:
                    other.kill()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        allowed = self.state / "allowed.toml"
        allowed.write_text("core_dumps = true\ndefault_clusters = true\n")
        allowed.chmod(0o644)
        with Server(None, "--config", str(allowed), state=home, through=as_nobody) as server:
            self.assertEqual(subprocess.run([*as_nobody, "cat", f"/proc/{server.process.pid}/environ"], capture_output=True).returncode, 0)


if __name__ == "__main__":
    unittest.main()
