"""The programs that are measured, each on a free loopback port: databases, Borealis, PgBouncer, nginx."""
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from . import workloads
from .machine import Tree

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import authority  # noqa: E402
import engines  # noqa: E402

SESSIONS = 900  # that each database takes: of the direct clients, and of each Borealis
KEY_ID, SECRET_KEY = "BENCHKEY", "bench-secret-access-key"
LOOKS_SIGNED = ("AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/rds-data/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)


def more_files():
    """256 connections on either side of a server, and a thousand idle ones."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most != resource.RLIM_INFINITY else 65536, most))


class Watched:
    """A database whose CPU is looked at."""

    def start(self):
        super().start()
        self.tree = Tree(self.process.pid)
        return self


class PostgreSQLServer(engines.PostgreSQL):
    direct = "direct"  # whom pgbench logs in as, without a password: SCRAM of 256 sessions would take most of a round

    def start(self):
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {self.direct} 127.0.0.1/32 trust\n" + rules.read_text())
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "max_connections": SESSIONS, "shared_buffers": "256MB",
                    "fsync": "on" if self.durable else "off", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "autovacuum": "off"}
        return self.launch(self.bin / "postgres", "-D", self.data, "-p", str(self.port), *(w for k, v in settings.items() for w in ("-c", f"{k}={v}")))


class PostgreSQL(Watched, PostgreSQLServer):
    def __init__(self, durable, port=0):
        super().__init__()
        self.durable, self.port = durable, port or self.port
        self.id = "bench-postgresql" + ("-durable" if durable else "")

    def prepare(self, keys, rows):
        self.sql(f"CREATE ROLE {self.direct} SUPERUSER LOGIN")
        for text in workloads.tables(self.name, keys, rows):
            self.sql(text)
        self.sql("VACUUM ANALYZE")

    def empty(self):
        self.sql("; ".join(["SET lock_timeout = '20s'", *(f"TRUNCATE {table}" for table in workloads.WRITTEN)]))

    def connection(self):
        return f"host=127.0.0.1 port={self.port} user={self.direct} dbname={self.database} sslmode=disable"


class MariaDB(Watched, engines.MariaDB):
    def __init__(self, durable, port=0):
        super().__init__()
        self.durable, self.port = durable, port or self.port
        self.id = "bench-mariadb" + ("-durable" if durable else "")

    def launch(self, *command):
        kept = [word for word in command if not str(word).startswith(("--max-connections", "--innodb-buffer-pool-size"))]
        return super().launch(*kept, f"--max-connections={SESSIONS}", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=1G",
                              f"--innodb-flush-log-at-trx-commit={1 if self.durable else 2}", "--thread-cache-size=300", "--table-open-cache=4000",
                              "--innodb-io-capacity=2000", "--max-allowed-packet=64M")

    def prepare(self, keys, rows):
        for text in workloads.tables(self.name, keys, rows):
            self.sql(text)

    def empty(self):
        self.sql("; ".join(["SET lock_wait_timeout = 20", *(f"TRUNCATE {table}" for table in workloads.WRITTEN)]))


class Borealis:
    """One `borealis serve` in front of the databases."""

    def __init__(self, binary, databases, pool, signed=False, tls=False, threads=0):
        self.binary, self.folder = binary, Path(tempfile.mkdtemp(prefix="borealis-bench-"))
        self.key = KEY_ID if signed else None
        self.scheme = "https" if tls else "http"
        self.port = engines.free_port()
        text = f'listen = "127.0.0.1:{self.port}"\ndefault_clusters = false\n' + (f"threads = {threads}\n" if threads else "")
        if tls:
            certificate, key = authority.Authority(self.folder).sign("localhost")
            text += f'[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n'
        text += f"[pool]\nmaximum = {pool}\n[lambda]\nserve = false\n"
        if signed:
            text += f'[[key]]\nid = "{KEY_ID}"\nsecret = "text:{SECRET_KEY}"\nmanaged_policies = ["BorealisDataAccess"]\n'
        for one in databases:
            text += engines.cluster_toml(one.id, one.name, [f"127.0.0.1:{one.port}"], one.database)
        self.config = self.folder / "borealis.toml"
        self.config.write_text(text)
        self.config.chmod(0o600)
        self.process = None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def resource(self, database):
        return f"arn:aws:rds:us-east-1:123456789012:cluster:{database.id}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", self.config, "--state-dir", self.folder], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        self.tree = Tree(self.process.pid)
        return self

    def wait(self):
        engines.until(self.listens, what=f"borealis does not listen:\n{(self.folder / 'log').read_text()}")
        return self

    def listens(self):
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Helper:
    """A program in a folder of its own, run as an unprivileged user where we are root."""

    def __init__(self):
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="borealis-bench-")), engines.free_port()
        self.folder.chmod(0o755)
        self.unprivileged = os.geteuid() == 0

    def launch(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=open(self.folder / "log", "wb"),
                                        stdin=subprocess.DEVNULL, cwd=self.folder)
        self.tree = Tree(self.process.pid)
        engines.until(self.listens, 20, f"{command[0]} does not listen:\n{(self.folder / 'log').read_text()}")
        return self

    def listens(self):
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


class PgBouncer(Helper):
    """In transaction mode, with as many sessions as Borealis may open."""

    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")

    def __init__(self, database, pool):
        super().__init__()
        to = database.connection().removesuffix(' sslmode=disable')  # a word that it does not know
        version = re.search(r"(\d+)\.(\d+)", subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout)
        self.knows_prepared = (int(version[1]), int(version[2])) >= (1, 21)
        self.version = version[0]
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\nbench = {to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {pool}\nmax_client_conn = 2000\nserver_tls_sslmode = disable\n"
            + ("max_prepared_statements = 100\n" if self.knows_prepared else ""))

    def start(self):
        return self.launch(self.program, *(["-u", "nobody"] if self.unprivileged else []), self.folder / "pgbouncer.ini")

    def connection(self):
        return f"host=127.0.0.1 port={self.port} user={PostgreSQL.direct} dbname=bench sslmode=disable"


class Nginx(Helper):
    """Answers every request with the same body: what HTTP alone costs."""

    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")

    def __init__(self, body):
        super().__init__()
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off;{'user nobody nogroup;' if self.unprivileged else ''}worker_processes auto;pid {self.folder}/pid;error_log stderr error;"
            f"events {{worker_connections 4096;}}http {{access_log off;keepalive_requests 1000000000;{temporary}"
            f"server {{listen 127.0.0.1:{self.port} reuseport;location / {{default_type application/json;"
            f"add_header x-amzn-RequestId 2fd4e1c6-7a2d-48fc-ad3d-1d2f3c4b5a69;return 200 '{body}';}}}}}}")

    def start(self):
        return self.launch(self.program, "-p", self.folder, "-c", self.folder / "nginx.conf")


def first_answer(url, workload, resource_arn, secret):
    """Body of one call, without TLS and signature."""
    path, _, body = workload.api(resource_arn, secret).partition("\n")[0].partition("\t")
    body = re.sub(r"@\{random (\d+) \d+\}", r"\1", body)
    request = urllib.request.Request(url.rstrip("/") + path, body.encode(), {"Content-Type": "application/json", "Authorization": LOOKS_SIGNED})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def wait_for_answer(url, workload, resource_arn, secret, seconds=60):
    engines.until(lambda: first_answer(url, workload, resource_arn, secret), seconds, f"{url} does not answer")


def json_line(text):
    return json.loads(text.strip().splitlines()[-1])
