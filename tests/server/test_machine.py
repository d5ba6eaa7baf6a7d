"""What a server leaves behind on the machine, and that it needs no root."""
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import running  # noqa: E402
from running import CLUSTER, Server  # noqa: E402

CLUSTERS = ("borealis-postgresql", "borealis-mysql")


def processes_in(folder):
    """Ids of those that work in the folder or name it in their command line; the test itself does neither."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                if str(folder) in os.readlink(f"/proc/{entry}/cwd") + Path(f"/proc/{entry}/cmdline").read_text():
                    found.append(int(entry))
            except (OSError, ValueError):
                continue
    return found


def sockets_in(folder):
    return [p for p in Path("/proc/net/unix").read_text().split() if p.startswith(str(folder))] + \
        [str(p) for p in folder.rglob("*") if p.is_socket()]


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def short_folders():
    """Where sockets lie whose own path would be too long; test folders are not meant."""
    return {p for p in Path("/tmp").glob("borealis-*") if not p.name.startswith("borealis-test-")}


class Leftovers(unittest.TestCase):
    def setUp(self):
        base = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        base.chmod(0o711)
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.state = base / ("long-" * 25)  # too long for a socket's path
        self.state.mkdir(mode=0o711)
        self.before = short_folders()

    def use(self, server):
        for cluster in CLUSTERS:
            answer = server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")
            self.assertEqual(answer[0], 200, answer)

    def nothing_left(self):
        self.assertEqual(processes_in(self.state), [])
        self.assertEqual(sockets_in(self.state), [])
        self.assertEqual(short_folders() - self.before, set())
        self.assertFalse((self.state / "endpoint").exists())

    def test_a_normal_stop_leaves_data_and_nothing_else(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with Server(state=self.state) as server:
                self.use(server)
                self.assertTrue(short_folders() - self.before)
                self.assertEqual(server.stop(how), 0, server.text())
            self.nothing_left()

    def test_a_stop_while_databases_are_being_created_leaves_nothing(self):
        with Server(state=self.state) as server:
            callers = [threading.Thread(target=lambda c=c: self.swallow(server, c)) for c in CLUSTERS]
            for one in callers:
                one.start()
            time.sleep(0.3)
            self.assertEqual(server.stop(), 0, server.text())
            for one in callers:
                one.join(30)
        self.nothing_left()
        with Server(state=self.state) as server:
            self.use(server)

    def swallow(self, server, cluster):
        try:
            server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")
        except OSError:
            pass  # cut off

    def test_after_a_kill_of_everything_the_next_start_is_clean(self):
        with Server(state=self.state) as server:
            self.use(server)
            everything = processes_in(self.state)
            self.assertGreater(len(everything), 2)
            for process in everything:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            server.process.wait(10)
        self.assertTrue(until(lambda: not processes_in(self.state)))
        with Server(state=self.state) as server:
            self.use(server)
            self.assertEqual(server.stop(), 0)
        self.nothing_left()

    def test_a_second_signal_leaves_no_process(self):
        with Server(state=self.state) as server:
            self.use(server)
            server.process.send_signal(signal.SIGTERM)
            server.stop()
        self.assertTrue(until(lambda: not processes_in(self.state)))
        with Server(state=self.state) as server:
            self.use(server)
        self.nothing_left()


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("useradd") and shutil.which("setpriv"), "only root can make a user to try it as")
class OrdinaryUser(unittest.TestCase):
    def setUp(self):
        name = f"btest{os.getpid()}"
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", name], check=True, capture_output=True)
        self.addCleanup(subprocess.run, ["userdel", "--remove", name], capture_output=True)
        self.user = pwd.getpwnam(name)
        self.home = Path(self.user.pw_dir)
        self.binary = self.home / "borealis"  # the build's folder may be closed to others
        shutil.copy(running.BINARY, self.binary)
        self.environment = {"HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "USER": name}

    def as_user(self, *words):
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups", *map(str, words)]

    def run_as(self, *words, **more):
        return subprocess.run(self.as_user(*words), env=self.environment, cwd="/", capture_output=True, text=True, timeout=60, **more)

    def test_both_managed_clusters_come_up_in_the_home(self):
        log = self.home / "serve.log"
        with open(log, "wb") as out:
            server = subprocess.Popen(self.as_user(self.binary, "serve", "--listen", "127.0.0.1:0"), env=self.environment, cwd="/",
                                      stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: server.poll() is None and server.kill())
        state = self.home / ".local/state/borealis"
        self.assertTrue(until(lambda: server.poll() is not None or (state / "endpoint").exists()), log.read_text())
        self.assertIsNone(server.poll(), log.read_text())
        for cluster in CLUSTERS:
            ran = self.run_as(self.binary, "sql", "--cluster", cluster, "SELECT 41 + 1")
            self.assertEqual((ran.returncode, ran.stdout.split()[-3:-2]), (0, ["42"]), ran.stderr + log.read_text())
        for path in [state, *state.rglob("*")]:
            self.assertEqual(path.lstat().st_uid, self.user.pw_uid, path)
        for process in processes_in(state):
            self.assertEqual(os.stat(f"/proc/{process}").st_uid, self.user.pw_uid)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0, log.read_text())
        self.assertEqual(processes_in(state), [])
        self.assertEqual(sockets_in(state), [])

    def test_closed_folders_are_named_in_one_line(self):
        closed = self.home / "closed"
        closed.mkdir(mode=0o700)  # root's
        for words in (("serve", "--listen", "0"), ("secret", "list"), ("cluster", "list")):
            for folder in (closed, closed / "state", Path("/root/borealis")):
                ran = self.run_as(self.binary, *words, "--state-dir", folder)
                self.assertEqual((ran.returncode, ran.stdout), (2, ""), ran.stderr)
                self.assertRegex(ran.stderr, rf"^borealis: {folder}[^\n]*: [^\n]*Permission denied[^\n]*\n$")

    def test_only_root_can_change_the_databases_user(self):
        config = self.home / "borealis.toml"
        config.write_text('run_databases_as = "nobody"\ndefault_clusters = true\n')
        ran = self.run_as(self.binary, "serve", "--listen", "0", "--config", config)
        self.assertEqual(ran.returncode, 2, ran.stderr)
        self.assertRegex(ran.stderr, r"^borealis: run_databases_as = \"nobody\": only root [^\n]*\n$")

    def test_a_privileged_port_is_named(self):
        ran = self.run_as(self.binary, "serve", "--listen", "127.0.0.1:1")
        if ran.returncode == 2:  # some machines let everybody
            self.assertRegex(ran.stderr, r"^borealis: `listen`: cannot listen on 127.0.0.1:1: Permission denied; [^\n]*\n$")


class Libraries(unittest.TestCase):
    """What only some calls need is loaded by the first of them."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def broken(self, library):
        """An environment in which the loader finds that library, and cannot read it."""
        (self.folder / library).write_text("no library")
        return {**os.environ, "LD_LIBRARY_PATH": f"{self.folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"}

    def select(self, server, engine):
        database = running.databases()[engine]
        status, _, answer = server.call("Execute", sql="SELECT 1", resourceArn=database.arn, secretArn=database.secret, database=database.name)
        return status, answer

    def loaded(self, server):
        return set(re.findall(r"/(lib(?:pq|curl|ldap|gssapi_krb5)\b)", Path(f"/proc/{server.process.pid}/maps").read_text()))

    def test_given_plain_connections_when_both_databases_are_called_then_no_client_library_of_postgresql_is_loaded(self):
        with Server(running.both_databases_config()) as server:
            self.assertEqual(self.select(server, "mariadb")[0], 200)
            self.assertEqual(self.select(server, "postgresql")[0], 200)
            self.assertEqual(self.loaded(server), set())

    def test_given_the_library_as_driver_when_postgresql_is_first_called_then_libpq_is_loaded_and_not_before(self):
        with Server('driver = "library"\n' + running.both_databases_config()) as server:
            self.assertEqual(self.select(server, "mariadb")[0], 200)
            self.assertEqual(self.loaded(server), set())
            self.assertEqual(self.select(server, "postgresql")[0], 200)
            self.assertIn("libpq", self.loaded(server))
            self.assertNotIn("libcurl", self.loaded(server))

    def test_given_a_broken_libpq_when_databases_are_called_then_only_who_needs_it_is_told(self):
        environment = self.broken("libpq.so.5")
        with Server(running.both_databases_config(), environment=environment) as server:
            self.assertEqual(self.select(server, "postgresql")[0], 200)
        with Server('driver = "library"\n' + running.both_databases_config(), environment=environment) as server:
            status, answer = self.select(server, "postgresql")
            self.assertGreaterEqual(status, 400)
            self.assertIn("no client library for PostgreSQL", str(answer))
            self.assertIn("libpq.so.5 is needed, and cannot be loaded", server.text())
            self.assertEqual(self.select(server, "mariadb")[0], 200)

    def test_given_a_broken_libcurl_when_a_command_calls_then_the_error_says_so(self):
        ran = subprocess.run([running.BINARY, "sql", "--endpoint-url", "http://127.0.0.1:1", "SELECT 1"], env=self.broken("libcurl.so.4"),
                             capture_output=True, text=True, timeout=60)
        self.assertNotEqual(ran.returncode, 0)
        self.assertRegex(ran.stderr, r"^borealis: libcurl\.so\.4 is needed, and cannot be loaded: [^\n]+\n$")


class Commands(unittest.TestCase):
    """Whatever a command line gets wrong is one line, status 2; what only cannot be done is status 1."""

    def setUp(self):
        self.state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.state.chmod(0o711)
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    def fails(self, status, says, *words, text="", **environment):
        ran = subprocess.run([running.BINARY, *map(str, words)], input=text, capture_output=True, text=True, timeout=60,
                             env={"PATH": os.environ["PATH"], "HOME": str(self.state), **environment})
        self.assertEqual(ran.returncode, status, ran.stderr)
        self.assertRegex(ran.stderr, r"^borealis: [^\n]+\n$")
        self.assertRegex(ran.stderr, says)

    def test_command_lines(self):
        self.fails(2, "subcommand")
        self.fails(2, "--bogus", "serve", "--bogus")
        self.fails(2, "threads", "serve", "--threads", "0")
        self.fails(2, "no port", "serve", "--listen", "99999", "--state-dir", self.state)
        self.fails(2, "brackets", "serve", "--listen", "::1:80", "--state-dir", self.state)
        self.fails(2, "1.2.3` is no IP address", "serve", "--listen", "1.2.3:80", "--state-dir", self.state)
        self.fails(2, "no-such-file", "serve", "--config", "/no-such-file")
        self.fails(2, "write name=value", "sql", "-p", "x", "SELECT 1")
        self.fails(2, "no type `colour`", "sql", "-p", "x:colour=red", "SELECT 1")
        self.fails(2, "region", "sql", "--endpoint-url", "https://example.invalid", "SELECT 1", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
        self.fails(2, "standard input", "secret", "put", "a", "--state-dir", self.state)

    def test_calls(self):
        self.fails(1, "The secret nope wasn't found", "secret", "show", "nope", "--state-dir", self.state)
        self.fails(1, "The secret nope wasn't found", "secret", "delete", "nope", "--state-dir", self.state)
        self.fails(1, "Invalid name", "secret", "put", "a b", "--state-dir", self.state, text="x")
        self.fails(1, "Could not reach the endpoint http://127.0.0.1:1", "sql", "--endpoint-url", "http://127.0.0.1:1", "SELECT 1")

    def test_broken_state(self):
        with Server(state=self.state):
            pass
        key = self.state / "secrets.key"
        key.chmod(0o640)
        self.fails(2, r"secrets\.key: .*chmod 600", "serve", "--state-dir", self.state, "--listen", "0")
        self.fails(2, r"secrets\.key: .*chmod 600", "secret", "list", "--state-dir", self.state)
        key.chmod(0o600)
        right = key.read_bytes()
        key.write_bytes(bytes(32))
        self.fails(2, "is not the key", "serve", "--state-dir", self.state, "--listen", "0")
        key.write_bytes(b"short")
        self.fails(2, "must be 32 bytes", "serve", "--state-dir", self.state, "--listen", "0")
        key.unlink()
        self.fails(2, "is missing", "serve", "--state-dir", self.state, "--listen", "0")
        key.write_bytes(right)
        key.chmod(0o600)
        (self.state / "secrets.db").write_bytes(os.urandom(5000))
        self.fails(2, r"secrets\.db: cannot be read", "serve", "--state-dir", self.state, "--listen", "0")
        self.fails(2, "cannot be made", "serve", "--state-dir", "/proc/nope", "--listen", "0")
        self.fails(2, "cannot be made", "serve", "--state-dir", "/etc/passwd/x", "--listen", "0")

    def test_missing_engine_programs(self):
        config = self.state / "borealis.toml"
        for line, says in (('postgres_bin = "/nowhere"', "/nowhere"), ('mariadbd = "/nowhere/mariadbd"', "/nowhere/mariadbd")):
            config.write_text(line + "\ndefault_clusters = true\n")
            with Server(None, "--config", str(config), state=self.state) as server:
                cluster = CLUSTERS["mariadbd" in line]
                status, kind, body = server.call("Execute", resourceArn=CLUSTER + cluster, secretArn=cluster, sql="SELECT 1")
                self.assertEqual((status, kind), (504, "DatabaseUnavailableException"), body)
                self.assertIn(says, server.text())
                other = CLUSTERS["mariadbd" not in line]
                self.assertEqual(server.call("Execute", resourceArn=CLUSTER + other, secretArn=other, sql="SELECT 1")[0], 200)


if __name__ == "__main__":
    unittest.main()
