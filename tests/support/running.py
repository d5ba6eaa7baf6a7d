"""A real `borealis serve` for tests, over the test databases or over managed clusters of its own."""
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("BOREALIS_BINARY", ROOT / "build" / "dev" / "borealis"))
BUILD = pathlib.Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev"))  # where the tests' own programs are: release has none
SANITIZED = BINARY.parent.name in ("asan", "tsan")
CLUSTER = "arn:aws:rds:us-east-1:123456789012:cluster:"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/rds-data/aws4_request, "
                 "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)

# A secret that every configuration of the tests has; `./test` chooses it, and looks for it in all that is printed.
PLANTED = os.environ.get("BOREALIS_PLANTED", "planted-" + os.urandom(8).hex())

# What no server may write to its log, whatever is done to it.
COMPLAINTS = re.compile(r"^.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: |ended in an exception|terminate called|Assertion .* failed).*$", re.MULTILINE)


class ServerComplaint(Exception):
    """A sanitizer's report, or an exception that nobody expected, in a server's log. No AssertionError: none of the tests waits for it."""


class Database:
    """One of the shared test servers, from the variable that share_databases printed."""

    def __init__(self, engine, text):
        port, self.socket, self.user, self.password, self.name, pid = text.split(" ")
        self.engine, self.port, self.pid = engine, int(port), int(pid)
        self.arn, self.secret = CLUSTER + "test-" + engine, SECRET + "test-" + engine + "-AbCdEf"

    def config(self):
        driver = os.environ.get("BOREALIS_TEST_DRIVER", "")  # the suites that are run over each
        return f"""
[[cluster]]
id = "test-{self.engine}"
engine = "{self.engine}"
{f'driver = "{driver}"' if driver else ""}
host = "127.0.0.1"
port = {self.port}
database = "{self.name}"
tls = "disable"

[[secret]]
name = "test-{self.engine}"
arn = "{self.secret}"
username = "{self.user}"
password = "text:{self.password}"
"""


_shared = None


def databases():
    """{"postgresql": Database, "mariadb": Database}: the ones of the test run, else started here until the process ends."""
    global _shared
    variables = {"postgresql": "BOREALIS_TEST_POSTGRESQL", "mariadb": "BOREALIS_TEST_MARIADB"}
    if any(v not in os.environ for v in variables.values()) and _shared is None:
        _shared = subprocess.Popen([BUILD / "tests" / "share_databases"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in _shared.stdout:
            if line == "ready\n":
                break
            name, _, value = line.rstrip("\n").partition("=")
            os.environ[name] = value
    return {engine: Database(engine, os.environ[v]) for engine, v in variables.items()}


def known_databases():
    """Those of `databases`, without starting any."""
    variables = {"postgresql": "BOREALIS_TEST_POSTGRESQL", "mariadb": "BOREALIS_TEST_MARIADB"}
    return [Database(engine, os.environ[v]) for engine, v in variables.items() if v in os.environ]


class Server:
    """`with Server(config) as server:` — server.url, server.port, server.process; the state folder goes with it."""

    def __init__(self, config=None, *arguments, state=None, environment=None, through=()):
        self.keeps_state = state is not None
        self.state = pathlib.Path(state or tempfile.mkdtemp(prefix="borealis-test-"))
        if not self.keeps_state:
            atexit.register(shutil.rmtree, self.state, ignore_errors=True)  # whoever starts it without `with`, or in vain
        self.state.chmod(0o711)  # the databases' user must be able to pass
        self.arguments = list(arguments)
        self.environment = environment
        self.pass_fds = ()
        self.through = list(through)  # words before the program's: another user, other limits
        self.program = BINARY
        if "--listen" not in arguments:
            self.arguments += ["--listen", "127.0.0.1:0"]
        if config is not None:
            file = self.state / "borealis.toml"
            file.write_text(config + f'\n[[secret]]\nname = "planted"\nusername = "nobody"\npassword = "text:{PLANTED}"\n')
            file.chmod(0o600)
            self.arguments += ["--config", str(file)]
        self.log = self.state / "serve.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.through, self.program, "serve", "--state-dir", self.state, *self.arguments],
                                            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment, pass_fds=self.pass_fds)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            lines = [l for l in self.text().splitlines() if l.startswith("borealis listens on ")]
            if lines and (self.state / "endpoint").exists() and (self.state / "endpoint").read_text().split()[1:2] == [str(self.process.pid)]:
                self.url = (self.state / "endpoint").read_text().split()[0]
                self.port = int(self.url.rsplit(":", 1)[1])
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.check_log()
        raise AssertionError("borealis serve did not start:\n" + self.text())

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def check_log(self):
        shown = [name for name, secret in {"planted": PLANTED, **{d.engine: d.password for d in known_databases()}}.items() if secret in self.text()]
        if shown:
            raise ServerComplaint(f"the log shows a secret: {shown}")
        if found := COMPLAINTS.search(self.text()):
            raise ServerComplaint(self.text()[found.start():][:20_000])

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
        self.check_log()
        return self.process.returncode if self.process else None

    def call(self, operation, **members):
        """(status, error type, body) of one Data API call without any SDK."""
        return post(self.url + "/" + operation, json.dumps(members).encode())

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            if not self.keeps_state:
                shutil.rmtree(self.state, ignore_errors=True)


def post(url, body, headers=None):
    request = urllib.request.Request(url, data=body, method="POST",
                                     headers={"Authorization": AUTHORIZATION, "Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, answer.headers.get("x-amzn-ErrorType"), json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("x-amzn-ErrorType"), json.loads(answer.read() or b"{}")


def both_databases_config():
    return "".join(d.config() for d in databases().values())
