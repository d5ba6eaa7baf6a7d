"""Real database servers that a test may kill, stop, promote and lose: each in a folder of its own, on a free loopback port."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PASSWORD = "chaos-password"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(condition, seconds=60, what="it did not come true"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"{what} within {seconds} s")


class Engine:
    """Common life: start, kill, freeze, stop. Its programs run as an unprivileged user where we are root.

    folder  where it lives, else one of its own; tls: (certificate, key), which it copies.
    """

    def __init__(self, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="borealis-chaos-", dir="/tmp"))
        self.port = free_port()
        self.process = None
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            self.identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        else:
            self.identity = {}

    def run(self, *command, **more):
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              **self.identity, **more)
        assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}"
        return done.stdout

    def launch(self, *command):
        with open(self.folder / "log", "ab") as log:
            # Not even a test that is killed leaves a server behind.
            self.process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *command], cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            start_new_session=True, **self.identity)
        until(self.answers, what=f"{command[0]} does not answer:\n{self.log()}")
        return self

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def signal_all(self, which):
        """To the server and all its children, whatever groups they have made (each of PostgreSQL's its own)."""
        for process in [self.process.pid, *self.children()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, which)

    def children(self):
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1] == str(self.process.pid):
                    found.append(int(entry))
        return found

    def own_copy(self, file):
        """A copy of the file that the server, and nobody else, may read."""
        made = self.folder / Path(file).name
        shutil.copy(file, made)
        made.chmod(0o600)
        if self.identity:
            os.chown(made, self.identity["user"], self.identity["group"])
        return made

    def kill(self):
        if self.process and self.process.poll() is None:
            self.signal_all(signal.SIGKILL)
            self.process.wait(60)

    def freeze(self):
        self.signal_all(signal.SIGSTOP)

    def thaw(self):
        self.signal_all(signal.SIGCONT)

    def close(self):
        self.thaw() if self.process else None
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class PostgreSQL(Engine):
    """`engine.sql("…")` runs one text as the superuser `chaos` on the database `postgres`."""

    name, user, database = "postgresql", "chaos", "postgres"

    def __init__(self, copy_of=None, folder=None, tls=None):
        super().__init__(folder)
        self.options = ["-c", "ssl=on", "-c", f"ssl_cert_file={self.own_copy(tls[0])}", "-c", f"ssl_key_file={self.own_copy(tls[1])}"] if tls else []
        self.bin = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1])
        self.data = self.folder / "data"
        self.environment = {**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        if copy_of is None:
            password = self.folder / "password"
            password.write_text(PASSWORD + "\n")
            password.chmod(0o644)
            self.run(self.bin / "initdb", "-D", self.data, "-U", self.user, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--no-sync",
                     env=self.environment)
        else:
            self.run(self.bin / "pg_basebackup", "-h", "127.0.0.1", "-p", str(copy_of.port), "-U", self.user, "-D", self.data, "-R", "-X", "stream",
                     "-c", "fast", env=self.environment)

    def start(self):
        return self.launch(self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c",
                           f"unix_socket_directories={self.folder}", "-c", "max_connections=60", "-c", "shared_buffers=16MB", "-c",
                           "hot_standby_feedback=on", "-c", "wal_level=replica", "-c", "max_wal_senders=4", *self.options)

    def answers(self):
        return subprocess.run([self.bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL).returncode == 0

    def sql(self, text):
        return self.run(self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", self.database, "-qAtX", "-v",
                        "ON_ERROR_STOP=1", "-c", text, env=self.environment).strip()

    def promote(self):
        self.run(self.bin / "pg_ctl", "promote", "-w", "-D", self.data, env=self.environment)


class MariaDB(Engine):
    name, user, database = "mariadb", "chaos", "chaos"

    def __init__(self, folder=None, tls=None):
        super().__init__(folder)
        self.options = [f"--ssl-cert={self.own_copy(tls[0])}", f"--ssl-key={self.own_copy(tls[1])}"] if tls else []
        self.data = self.folder / "data"
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--skip-test-db")
        self.prepared = False

    def start(self):
        self.launch(shutil.which("mariadbd", path="/usr/sbin:/usr/bin"), "--no-defaults", f"--datadir={self.data}", f"--port={self.port}",
                    "--bind-address=127.0.0.1", f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
                    "--innodb-buffer-pool-size=24M", "--max-connections=60", "--skip-name-resolve", *self.options)
        if not self.prepared:
            self.sql(f"CREATE DATABASE {self.database}; CREATE USER '{self.user}'@'%' IDENTIFIED BY '{PASSWORD}';"
                     f"GRANT ALL ON *.* TO '{self.user}'@'%'; REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM '{self.user}'@'%'", database="")
            self.prepared = True
        return self

    def answers(self):
        return subprocess.run(["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-e", "DO 0"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def sql(self, text, database=None):
        database = self.database if database is None else database
        return self.run("mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-NB", *([database] if database else []), "-e", text).strip()


def cluster_toml(id, engine, hosts, database, tls="disable"):
    """The [[cluster]] and its [[secret]], over any number of servers."""
    listed = ", ".join(f'"{host}"' for host in hosts)
    return f"""
[[cluster]]
id = "{id}"
engine = "{engine}"
hosts = [{listed}]
database = "{database}"
tls = "{tls}"

[[secret]]
name = "{id}"
username = "chaos"
password = "text:{PASSWORD}"
"""
