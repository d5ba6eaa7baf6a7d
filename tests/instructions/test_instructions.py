"""Instructions a request of the hot paths in user space, counted by callgrind and held to a committed baseline within 3 %.

Time depends on the machine's mood, this number nearly not: one thread, one connection, addresses not random, and after a warm-up the
least of what a batch took. More fail the test; fewer are said, so that somebody brings the baseline up to date.

    tests/instructions/test_instructions.py --update      writes the baseline anew
"""
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
os.environ.setdefault("BOREALIS_BINARY", str(pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "release" / "borealis"))
import running  # noqa: E402
from running import AUTHORIZATION, BINARY, Server, both_databases_config, databases  # noqa: E402

BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.json"
TOLERANCE = 0.03
WARM_UP, BATCH, BATCHES = 150, 100, 5
ROWS = 2000  # each asked for once before any is again
KEY, SECRET = "AKIAINSTRUCTIONS", "a-secret-of-the-tests-0123456789abcdefgh"
# Whose code is counted with ours, or made it.
PACKAGES = ("clang-19", "libc6", "libstdc++6", "libssl3", "libsimdjson14", "libfmt9", "libpq5", "libmariadb3", "libboost1.81-dev", "valgrind")
ASLEEP = "[limits]\nbusy_poll_seconds = 0\n"  # looking again and again depends on how fast the database is
# Libraries choose code by processor: the same on all.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1000000:glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-ERMS,-FSRM",
               "OPENSSL_ia32cap": "~0x0:~0x20040000", "SIMDJSON_FORCE_IMPLEMENTATION": "haswell"}


def packages():
    """"name version" of each package that is there, and the kind of processor."""
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *PACKAGES], capture_output=True, text=True, check=False)
    return sorted({line.removesuffix(" installed") for line in shown.stdout.splitlines() if line.endswith(" installed")}) + [platform.machine()]


def sign(path, body, host, date):
    """An Authorization header of KEY."""
    scope = f"{date[:8]}/us-east-1/rds-data/aws4_request"
    canonical = (f"POST\n{path}\n\ncontent-type:application/json\nhost:{host}\nx-amz-date:{date}\n\ncontent-type;host;x-amz-date\n"
                 + hashlib.sha256(body).hexdigest())
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n" + hashlib.sha256(canonical.encode()).hexdigest()
    key = ("AWS4" + SECRET).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders=content-type;host;x-amz-date, Signature={key.hex()}"


class Request:
    """Makes the bytes of one point SELECT after the other; no two are the same."""

    def __init__(self, server, database, signed):
        self.server, self.database, self.signed, self.number = server, database, signed, 0

    def __call__(self):
        self.number += 1
        body = json.dumps({"resourceArn": self.database.arn, "secretArn": self.database.secret, "database": self.database.name,
                           "sql": "SELECT id, name, amount FROM hot_point WHERE id = :id",
                           "parameters": [{"name": "id", "value": {"longValue": 1000 + self.number % ROWS}}]}).encode()
        host = f"127.0.0.1:{self.server.port}".ljust(15)[:15]
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        authorization = sign("/Execute", body, host.strip(), date) if self.signed else AUTHORIZATION
        head = (f"POST /Execute HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\n"
                f"User-Agent: Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux\r\nX-Amz-Date: {date}\r\n"
                f"Authorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n")
        return head.encode() + body


class Counted(Server):
    """A release server on one thread under callgrind."""

    def __init__(self, config):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="borealis-instructions-"))
        super().__init__(config, "--threads", "1", "--log-level", "error", environment={**os.environ, **ENVIRONMENT},
                         through=["setarch", "-R", "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={self.folder}/out",
                                  f"--vgdb-prefix={self.folder}/vgdb", "--compress-strings=no"])
        self.dumps = 0
        self.program = self.folder / "borealis"
        subprocess.run(["strip", "--strip-debug", "-o", self.program, BINARY], check=True)  # valgrind 3.19 gives up at clang's DWARF 5

    def count(self):
        """Instructions since the last call."""
        subprocess.run(["vgdb", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={self.process.pid}", "dump"], check=True, capture_output=True, timeout=30)
        self.dumps += 1
        text = (self.folder / f"out.{self.dumps}").read_text()
        return int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[1])

    def stop(self, *how):
        try:
            return super().stop(*how)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def ask(connection, requests):
    for one in requests:
        connection.sendall(one)
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536) or b"closed\r\n\r\n"
        head, _, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise AssertionError(got.decode(errors="replace"))
        while len(body) < int(length[1]):
            body += connection.recv(65536)


def measure(server, database, signed, enough):
    """Of each batch. A busy machine adds to some of them: more are counted until one takes no more than `enough`."""
    make = Request(server, database, signed)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask(connection, [make() for _ in range(WARM_UP)])
        counts = []
        while len(counts) < BATCHES or (min(counts) > enough and len(counts) < 4 * BATCHES):
            batch = [make() for _ in range(BATCH)]
            server.count()
            ask(connection, batch)
            counts.append(server.count() / BATCH)
    return counts


def tables():
    """The same rows in both databases, through a server that is not counted."""
    with Server(both_databases_config()) as server:
        for database in databases().values():
            there = {"resourceArn": database.arn, "secretArn": database.secret, "database": database.name}
            for sql in ("DROP TABLE IF EXISTS hot_point", "CREATE TABLE hot_point (id int PRIMARY KEY, name varchar(40), amount int)"):
                status, _, answer = server.call("Execute", sql=sql, **there)
                assert status == 200, answer
            sets = [[{"name": "id", "value": {"longValue": n}}, {"name": "name", "value": {"stringValue": f"name {n}"}}] for n in range(1000, 1000 + ROWS)]
            for at in range(0, len(sets), 500):
                status, _, answer = server.call("BatchExecute", sql="INSERT INTO hot_point VALUES (:id, :name, :id * 7)", parameterSets=sets[at:at + 500], **there)
                assert status == 200, answer


def instructions(enough):
    """{"name of the path": instructions a request}, where no more than `enough` of it is wanted."""
    tables()
    found = {}
    with Counted(both_databases_config() + ASLEEP) as server:
        for engine, database in databases().items():
            name = f"point SELECT, {engine}"
            found[name] = measure(server, database, False, enough.get(name, 0))
    key = f'[[key]]\nid = "{KEY}"\nuser = "instructions"\nsecret = "text:{SECRET}"\n'
    key += f'policy = [{{ Effect = "Allow", Action = "rds-data:*", Resource = "*" }}, {{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = "*" }}]\n'
    with Counted(both_databases_config() + key + ASLEEP) as server:
        name = "point SELECT, postgresql, signed"
        found[name] = measure(server, databases()["postgresql"], True, enough.get(name, 0))
    for name, counts in found.items():
        print(f"{name}: {min(counts):.0f} (to {max(counts):.0f})", flush=True)
    return {name: round(min(counts)) for name, counts in found.items()}


class Instructions(unittest.TestCase):
    def test_hot_paths_take_what_the_baseline_says(self):
        baseline = json.loads(BASELINE.read_text())
        if running.SANITIZED or BINARY.parent.name != "release":
            self.skipTest("counts the release build")
        if baseline["packages"] != packages():
            differ = sorted(set(baseline["packages"]) ^ set(packages()))
            self.skipTest(f"the baseline was counted with other packages: {', '.join(differ)}")
        counted = instructions({name: expected * (1 + TOLERANCE) for name, expected in baseline["instructions"].items()})
        wrong = []
        for name, expected in baseline["instructions"].items():
            change = counted[name] / expected - 1
            if abs(change) <= TOLERANCE:
                continue
            line = f"{name}: {counted[name]} instructions a request, {change:+.1%} of the baseline's {expected}"
            if change > 0:
                wrong.append(line)
            else:
                print(f"{line}: bring it up to date with --update")
        self.assertEqual(wrong, [], "if that is meant, tests/instructions/test_instructions.py --update writes the baseline anew")


if __name__ == "__main__":
    if "--update" in sys.argv:
        BASELINE.write_text(json.dumps({"packages": packages(), "instructions": instructions({})}, indent=2) + "\n")
    else:
        unittest.main()
