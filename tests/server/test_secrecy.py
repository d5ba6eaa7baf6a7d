"""No secret is ever printed: passwords are planted everywhere they can be, and looked for everywhere they must not be."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import running  # noqa: E402
from running import CLUSTER, Server, databases, post  # noqa: E402

PLANTED = {name: f"planted-{name}-Zq7Xw{i}" for i, name in enumerate(
    ("literal", "environment", "file", "stored", "replaced", "created", "unreadable", "typo", "malformed"))}


def descendants(of):
    """The process and all below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found = [of]
    for one in found:
        found += children.get(one, [])
    return found


def read(path):
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""  # ended meanwhile, or a socket


class Secrecy(unittest.TestCase):
    def setUp(self):
        self.state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        self.elsewhere = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.elsewhere, ignore_errors=True)
        self.seen = {}  # where: bytes

    def command(self, *words, text=None, fails=None):
        ran = subprocess.run([running.BINARY, *words], input=text, capture_output=True, text=True, timeout=60)
        if fails is not None:
            self.assertEqual(ran.returncode, fails, ran.stderr)
        return ran.stdout, ran.stderr

    def see(self, where, what):
        self.seen[where] = what if isinstance(what, bytes) else json.dumps(what).encode()

    def check(self, secrets):
        for where, text in self.seen.items():
            for name, secret in secrets.items():
                for form in (secret.encode(), secret.encode().hex().encode()):
                    self.assertNotIn(form, text, f"{name} is shown by {where}")

    def test_planted_passwords_are_found_nowhere(self):
        (self.elsewhere / "password").write_text(PLANTED["file"] + "\n")
        config = "default_clusters = true\n" + "".join(d.config() for d in databases().values())
        for name, value in {"literal": PLANTED["literal"], "environment": "env:PLANTED", "file": f"file:{self.elsewhere}/password"}.items():
            config += f'\n[[secret]]\nname = "{name}"\nusername = "nobody_such"\npassword = "{value}"\n'
        file = self.elsewhere / "borealis.toml"
        file.write_text(config)
        place = ("--state-dir", str(self.state))
        login = json.dumps({"username": "stored_user", "password": PLANTED["stored"]})
        with Server(None, "--config", str(file), "--log-level", "debug", state=self.state,
                    environment={**os.environ, "PLANTED": PLANTED["environment"]}) as server:
            # Stored by the command, by the API, and values that are no login at all.
            self.see("secret put", self.command("secret", "put", "stored", *place, text=login)[0].encode())
            self.see("secret put again", "".join(self.command("secret", "put", "stored", *place, text=login.replace("stored-", "replaced-"))).encode())
            self.command("secret", "put", "unreadable", *place, text=PLANTED["unreadable"])
            self.command("secret", "put", "typo", *place, text=json.dumps({"user": "x", "pasword": PLANTED["typo"]}))
            for target, body in {"CreateSecret": {"Name": "created", "SecretString": json.dumps({"username": "c", "password": PLANTED["created"]})},
                                 "CreateSecret again": {"Name": "created", "SecretString": PLANTED["created"] + "2"},
                                 "UpdateSecret": {"SecretId": "nowhere", "SecretString": PLANTED["created"]},
                                 "PutSecretValue": {"SecretId": "literal", "SecretString": PLANTED["created"]},
                                 "ListSecrets": {}, "DescribeSecret": {"SecretId": "created"}}.items():
                self.see(target, post(server.url + "/", json.dumps(body).encode(), {"X-Amz-Target": "secretsmanager." + target.split()[0]}))
            self.see("broken CreateSecret", post(server.url + "/", b'{"Name": "x", "SecretString": "' + PLANTED["malformed"].encode() + b'", }',
                                                 {"X-Amz-Target": "secretsmanager.CreateSecret"}))

            for each in databases().values():
                for name in ("literal", "environment", "file", "stored", "created", "unreadable", "typo", "missing"):
                    for operation, more in {"Execute": {"sql": "SELECT 1"}, "BeginTransaction": {}, "BatchExecute": {"sql": "DELETE FROM nothing", "parameterSets": [[]]}}.items():
                        answer = server.call(operation, resourceArn=each.arn, secretArn=name, **more)
                        self.assertEqual(answer[0] // 100, 4, answer)
                        self.see(f"{operation} on {each.engine} with {name}", answer)
            managed = {}
            for cluster in ("borealis-postgresql", "borealis-mysql"):
                self.assertEqual(server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")[0], 200)
                self.see(f"wrong login on {cluster}", server.call("Execute", resourceArn=CLUSTER + cluster, secretArn="literal", sql="SELECT 1"))
                managed["master of " + cluster] = json.loads(self.command("secret", "show", cluster, *place)[0])["password"]
            for cluster in ("borealis-postgresql", "borealis-mysql"):  # as an error tells what it was doing
                self.see(f"{cluster} with an error", server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT nothing_such"))

            for words in (("--help",), ("serve", "--help"), ("sql", "--help"), ("secret", "--help"), ("secret", "put", "--help"), ("cluster", "--help"),
                          ("cluster", "list", "--json", *place), ("cluster", "list", "--config", str(file), *place), ("secret", "list", *place),
                          ("secret", "list", "--json", *place), ("serve", "--config", str(file), *place)):
                self.see(" ".join(words), "".join(self.command(*words)).encode())
            engines = [p for p in descendants(server.process.pid) if p != server.process.pid]
            self.assertGreater(len(engines), 1)
            for process in [server.process.pid, *engines]:
                self.see(f"command line of {read(f'/proc/{process}/comm')}", read(f"/proc/{process}/cmdline"))
            for process in engines:
                self.see(f"environment of {read(f'/proc/{process}/comm')}", read(f"/proc/{process}/environ"))
        self.see("log", server.text().encode())
        self.assertIn("secrets.db", os.listdir(self.state))
        for folder, _, names in os.walk(self.state):
            for name in names:
                self.see(os.path.join(folder, name), read(os.path.join(folder, name)))
        secrets = {**PLANTED, **managed, **{d.engine: d.password for d in databases().values() if len(d.password) >= 6}}
        self.check(secrets)
        self.assertGreater(sum(len(v) for v in self.seen.values()), 10_000_000)  # it has looked at the databases

    def test_what_is_secret_is_its_owners_alone(self):
        with Server(state=self.state):
            for name in ("secrets.db", "secrets.key"):
                self.assertEqual((self.state / name).stat().st_mode & 0o777, 0o600, name)
        self.assertEqual([n for n in os.listdir(self.state) if n.startswith("secrets.") and n not in ("secrets.db", "secrets.key")], [])

    def test_broken_configuration_does_not_show_its_passwords(self):
        file = self.elsewhere / "borealis.toml"
        for broken in (f"password = {PLANTED['literal']}", f'password = "{PLANTED["literal"]}', f'password = "{PLANTED["literal"]}" x',
                       f'password = "\\q{PLANTED["literal"]}"', f"password = ['{PLANTED['literal']}']", f"pasword = '{PLANTED['literal']}'",
                       f"password = {{ value = '{PLANTED['literal']}' }}", f"password = '{PLANTED['literal']}'\npassword = '{PLANTED['literal']}'"):
            file.write_text(f'[[secret]]\nname = "a"\nusername = "u"\n{broken}\n')
            out, err = self.command("serve", "--config", str(file), "--state-dir", str(self.state), "--listen", "0", fails=2)
            self.assertRegex(err, r"^borealis: [^\n]*borealis\.toml:\d+:\d+: [^\n]+\n$", broken)
            self.see(broken.split(" ")[0] + err, (out + err).encode())
        self.check({"literal": PLANTED["literal"]})


if __name__ == "__main__":
    unittest.main()
