"""Who runs a workload, and how a round of one is measured."""
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

from . import services
from .machine import Tree

PIPELINED = 10  # statements that pgbench sends at once in its pipelined form


class Failed(Exception):
    """A round went wrong."""


class NothingDone(Failed):
    """Not one run of the workload came to its end."""


@dataclass
class Round:
    throughput: float  # units of the workload a second
    p50: float = 0  # microseconds
    p99: float = 0
    errors: int = 0
    cpu: dict = field(default_factory=dict)  # microseconds of CPU for each unit: server, database, load


class Contender:
    """One way to run workloads. `server`: the Tree of what stands before the database, if anything does."""

    def __init__(self, name, programs, server=None, databases=None):
        self.name, self.programs, self.server, self.databases = name, programs, server, databases or {}

    def command(self, workload, connections, seconds, rate):
        """(command, environment)"""
        raise NotImplementedError

    def result(self, workload, output):
        """A Round without its CPU."""
        raise NotImplementedError

    def database(self, workload, durable):
        return self.databases["durable" if durable else "plain"]

    def measure(self, workload, connections, seconds, rate=0, durable=False, scratch=None):
        self.durable, self.scratch = durable, scratch
        command, environment = self.command(workload, connections, seconds, rate)
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **environment})
        groups = {"load": Tree(process.pid)}
        if self.server:
            groups["server"] = self.server
        if self.databases:
            groups["database"] = self.database(workload, durable).tree
        samples = []
        limit = time.monotonic() + seconds + 120
        while process.poll() is None:
            samples.append((time.monotonic(), {name: tree.cpu_nanoseconds() for name, tree in groups.items()}))
            if time.monotonic() > limit:
                process.kill()
            try:
                process.wait(seconds / 5)
            except subprocess.TimeoutExpired:
                pass
        ended = time.monotonic()
        output, errors = process.communicate()
        if process.returncode == 1 and '"requests":0,"runs":0,"errors":0' in output:
            raise NothingDone(f"{self.name}, {workload.name}, {connections} connections: nothing was done in {seconds} s")
        if process.returncode != 0:
            raise Failed(f"{self.name}, {workload.name}, {connections} connections: {(errors or output).strip()[-500:]}")
        done = self.result(workload, output)
        if done.throughput <= 0:
            raise NothingDone(f"{self.name}, {workload.name}, {connections} connections: nothing was done in {seconds} s")
        # Connecting is over, and the end not yet begun.
        steady = [s for s in samples if s[0] >= ended - 0.95 * seconds]
        if len(steady) >= 2 and steady[-1][0] - steady[0][0] >= 0.3 * seconds:
            for name in groups:
                used = (steady[-1][1][name] - steady[0][1][name]) / 1000
                done.cpu[name] = used / (steady[-1][0] - steady[0][0]) / done.throughput
        return done


class Api(Contender):
    """Borealis, or another Data API server."""

    def __init__(self, name, programs, url, resource, secret, server=None, key=None, databases=None):
        super().__init__(name, programs, server, databases)
        self.url, self.resource, self.secret, self.key = url, resource, secret, key

    def command(self, workload, connections, seconds, rate):
        if self.databases:
            to = self.database(workload, self.durable).id
            resource, secret = f"arn:aws:rds:us-east-1:123456789012:cluster:{to}", to
        else:
            resource, secret = self.resource, self.secret
        script = self.scratch / "script"
        script.write_text(workload.api(resource, secret))
        signing = ["--key", self.key] if self.key else []
        open_loop = ["--rate", rate] if rate else []
        return ([self.programs / "load", "--url", self.url, "--script", script, "--connections", connections, "--seconds", seconds, "--warm-up",
                 min(0.2, seconds / 2), *signing, *open_loop], {"BENCH_SECRET_KEY": services.SECRET_KEY})

    def result(self, workload, output):
        told = services.json_line(output)
        if told["errors"] > 0:
            raise Failed(f"{self.name}, {workload.name}: {told['errors']} of {told['requests']} requests failed: {told['first_error']}")
        return Round(told["runs"] * workload.unit / told["seconds"], told["p50"], told["p99"], told["unanswered"])


class Pgbench(Contender):
    """Direct, or through PgBouncer."""

    def __init__(self, name, database, mode, connection=None, server=None, pipelined=1):
        super().__init__(name, None, server, database)
        self.mode, self.connection, self.pipelined = mode, connection, pipelined

    def command(self, workload, connections, seconds, rate):
        to = self.database(workload, self.durable)
        script = self.scratch / "script.sql"
        script.write_text(workload.pgbench(self.pipelined))
        # Its clock runs while it connects.
        whole = max(1, round(seconds)) + connections // 200
        return ([to.bin / "pgbench", "-n", "-M", self.mode, "-c", connections, "-j", 1, "-T", whole, "-f", script,
                 self.connection or to.connection()], {})

    def result(self, workload, output):
        if failed := re.search(r"number of failed transactions: ([1-9]\d*)", output):
            raise Failed(f"{self.name}: {failed[0]}")
        tps = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
        mean = re.search(r"^latency average = ([\d.]+) ms", output, re.MULTILINE)
        if not tps or not mean:  # where no transaction came to its end
            raise NothingDone(f"{self.name}, {workload.name}: {output.strip()[-300:]}")
        return Round(float(tps[1]) * self.pipelined * workload.unit, float(mean[1]) * 1000)


class Copy(Contender):
    """COPY of the rows of a batch."""

    def command(self, workload, connections, seconds, rate):
        rows = self.scratch / "rows"
        rows.write_text(workload.copied_rows())
        table = re.search(r"INSERT INTO (\w+ \([^)]*\))", workload.statements[0].sql)[1]
        return ([self.programs / "direct_copy", "--connection", self.database(workload, self.durable).connection(), "--statement",
                 f"COPY {table} FROM STDIN", "--rows", rows, "--connections", connections, "--seconds", seconds], {})

    def result(self, workload, output):
        told = services.json_line(output)
        return Round(told["runs"] * workload.unit / told["seconds"], told["p50"], told["p99"])


class Libmariadb(Contender):
    """Prepared statements by libmariadb, one thread a connection; batches by array binding."""

    def command(self, workload, connections, seconds, rate):
        to = self.database(workload, self.durable)
        script = self.scratch / "script.statements"
        script.write_text(workload.libmariadb())
        arrays = ["--array", workload.sets] if workload.sets else []
        return ([self.programs / "direct_mariadb", "--port", to.port, "--user", to.user, "--database", to.database, "--script", script,
                 "--connections", connections, "--seconds", seconds, *arrays], {"BENCH_PASSWORD": services.engines.PASSWORD})

    def result(self, workload, output):
        told = services.json_line(output)
        return Round(told["runs"] * workload.unit / told["seconds"], told["p50"], told["p99"])
