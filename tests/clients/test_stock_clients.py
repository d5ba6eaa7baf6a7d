"""Stock clients in their own languages against the running server: each program's cases become ours, once for each engine.

    test_stock_clients.py NAME

The clients come from their registries, at their newest versions that agree with each other, into build/clients/, where they stay for
the next run. Where a runtime or a registry cannot be had, the one case is skipped and says why. A program gets what it needs to know
in its environment: ENDPOINT, ENGINE, RESOURCE_ARN, SECRET_ARN, DATABASE, TABLE (a name for tables of its own to begin with) and AWS_*;
the programs of the SDKs besides ERRORS and ERRORS_ENDPOINT (error_table.py).
"""
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from error_table import Errors  # noqa: E402
from running import ROOT, Server, both_databases_config, databases  # noqa: E402

# How the runners of the languages report one case: word, name, and what may follow.
TAP = re.compile(r"^(?P<word>ok|not ok) \d+ - (?P<name>.*?)(?: # SKIP (?P<why>.*))?$", re.MULTILINE)
GO = re.compile(r"^(?: +\S+_test\.go:\d+: (?P<why>.*)\n(?=--- SKIP))?--- (?P<word>PASS|FAIL|SKIP): (?P<name>\S+)", re.MULTILINE)
PYTHON = re.compile(r"^(?P<name>test_\S+) .*?\.\.\. (?P<word>ok|FAIL|ERROR|skipped)(?: '(?P<why>.*)')?$", re.MULTILINE)

NPM = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "@aws-sdk/client-rds-data", "@aws-sdk/client-rds",
       "@aws-sdk/client-secrets-manager", "aws-sdk", "data-api-client", "drizzle-orm", "kysely", "kysely-data-api", "knex", "knex-aurora-data-api-client",
       "typeorm", "typeorm-aurora-data-api-driver"]
PIP = ["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
BOTH = ("postgresql", "mariadb")

# With a key, the server verifies what each SDK signs.
KEY = '[[key]]\nid = "test"\nsecret = "text:test"\nmanaged_policies = ["AdministratorAccess"]\n'
# Clusters may pause sooner than at AWS, so that a resume can be waited for.
CLUSTERS = "[clusters]\nleast_pause_after_seconds = 1\n"


class Language:
    """A folder of programs, the runtime they need, and the commands that install their client into build/clients/<folder>, or <installed>."""

    def __init__(self, folder, version, at_least, install, run, report, installed=None):
        self.folder, self.version, self.at_least, self.installed = folder, version, at_least, installed or folder
        self.install, self.run, self.report = install, run, report


JAVASCRIPT = Language("javascript", ["node", "--version"], (20, 0), [NPM], ["node", "--test-reporter=tap"], TAP)
GO_SERVICES = [f"github.com/aws/aws-sdk-go-v2/service/{s}@latest" for s in ("rdsdata", "rds", "secretsmanager")]
GOLANG = Language("go", ["go", "version"], (1, 24), [["go", "mod", "init", "borealis/clients"], ["go", "get", *GO_SERVICES], ["go", "mod", "tidy"],
                                                     ["go", "test", "-c", "-o", "clients"]], ["./clients", "-test.v", "-test.run"], GO)
JAVA = Language("java", ["java", "--version"], (17, 0), [["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"]],
                ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "--class-path", "lib/*"], TAP)
# The target folder stays when a source changes, since the SDK takes a minute to compile.
RUST = Language("rust", ["cargo", "--version"], (1, 85), [["cargo", "build", "--quiet", "-j2", "--target-dir", "../rust-target"]], ["../rust-target/debug/clients"], TAP)
PYTHON3 = Language("python", ["python3", "--version"], (3, 9), [["python3", "-m", "venv", "venv"], [*PIP, "aurora-data-api", "sqlalchemy-aurora-data-api", "alembic"]],
                   ["venv/bin/python", "-W", "ignore"], PYTHON)
# The dialect for MySQL hands SQLAlchemy a bare string, which has been refused since version 2.
SQLALCHEMY1 = Language("python", ["python3", "--version"], (3, 9), [["python3", "-m", "venv", "venv"], [*PIP, "sqlalchemy<2", "sqlalchemy-aurora-data-api<0.5", "alembic"]],
                       ["venv/bin/python", "-W", "ignore"], PYTHON, installed="sqlalchemy-1")

# Each client: its language, its program (of Go: its tests; of Rust: the one there is), the engines it knows.
CLIENTS = {
    "javascript": (JAVASCRIPT, "sdk.mjs", BOTH),
    "javascript_clusters": (JAVASCRIPT, "clusters.mjs", BOTH),
    "javascript_v2": (JAVASCRIPT, "sdk_v2.mjs", BOTH),
    "data_api_client": (JAVASCRIPT, "data_api_client.mjs", BOTH),
    "drizzle": (JAVASCRIPT, "drizzle.mjs", ("postgresql",)),
    "kysely": (JAVASCRIPT, "kysely.mjs", BOTH),
    "knex": (JAVASCRIPT, "knex.mjs", BOTH),
    "typeorm": (JAVASCRIPT, "typeorm.mjs", BOTH),
    "java": (JAVA, "Clients.java", BOTH),
    "go": (GOLANG, "Test", BOTH),
    "rust": (RUST, None, BOTH),
    "aurora_data_api": (PYTHON3, "db_api.py", BOTH),
    "sqlalchemy": (PYTHON3, "dialect.py", ("postgresql",)),
    "sqlalchemy_1": (SQLALCHEMY1, "dialect.py", BOTH),
}
SDKS = ("javascript", "javascript_v2", "java", "go", "rust")


class Case(unittest.TestCase):
    """One case that a client's program reported."""

    def __init__(self, name, outcome, text):
        super().__init__()
        self.name, self.outcome, self.text = name, outcome, text

    def runTest(self):
        if self.outcome == "skipped":
            self.skipTest(self.text)
        if self.outcome == "failed":
            self.fail(self.text)

    def __str__(self):
        return self.name


def installed(language):
    """(folder with the client, None), or (None, why there is none)."""
    for program in (language.version[0], language.install[0][0]):
        if shutil.which(program) is None:
            return None, f"{program} is not installed"
    text = subprocess.run(language.version, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", text)
    if found is None or tuple(map(int, found.groups())) < language.at_least:
        return None, f"the client wants {language.version[0]} {'.'.join(map(str, language.at_least))} or newer, and here is {text.strip()}"
    folder = ROOT / "build" / "clients" / language.installed
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{language.installed}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = sorted((HERE / language.folder).iterdir())
        stamp = folder / "installed"
        want = repr(language.install) + ("".join(s.read_text() for s in sources) if language in (GOLANG, RUST) else "")
        if not (stamp.exists() and stamp.read_text() == want):
            shutil.rmtree(folder)
            folder.mkdir()
        for source in sources:
            if source.is_file():
                shutil.copy(source, folder)
        if stamp.exists():
            return folder, None
        for command in language.install:
            ran = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if ran.returncode != 0:
                return None, f"{' '.join(command)}: {ran.stdout.strip()[-1500:]}"
        stamp.write_text(want)
    return folder, None


def outcomes(name, engine, language, program, folder, server):
    """The cases of one program over one engine."""
    database = databases()[engine]
    environment = dict(os.environ, ENDPOINT=server.url, ENGINE=engine, RESOURCE_ARN=database.arn, SECRET_ARN=database.secret,
                       DATABASE=database.name, TABLE=f"client_{name}", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                       AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true", TZ="UTC",
                       AWS_ENDPOINT_URL_RDS_DATA=server.url, AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE="1")
    errors = Errors(engine) if name in SDKS else None
    with errors or contextlib.nullcontext() as lines:
        if errors:
            environment |= {"ERRORS": lines, "ERRORS_ENDPOINT": errors.server.url}
        try:
            ran = subprocess.run([*language.run, *([program] if program else [])], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300)
            output, status = ran.stdout, ran.returncode
        except subprocess.TimeoutExpired as late:
            output, status = (late.stdout or b"").decode(errors="replace") + "\nstopped after 300 s", 1
    words = {"ok": "passed", "PASS": "passed", "skipped": "skipped", "SKIP": "skipped"}
    found = [*language.report.finditer(output)]
    around = [0, *(m.end() for m in found), len(output)]
    failed = 0
    for i, m in enumerate(found):
        outcome = "skipped" if m["why"] else words.get(m["word"], "failed")
        failed += outcome == "failed"
        # Around the case in the output, and the end: the runners differ in where they tell the details.
        text = m["why"] or output[around[i]:around[i + 2]] + "\n" + output[around[-2]:]
        yield Case(f"{name} over {engine}: {m['name']}", outcome, text)
    # A program that fell over before or beside its cases, or that had none, is a failure as well.
    if not found or (status != 0) != (failed != 0):
        yield Case(f"{name} over {engine}: the program as a whole", "failed", f"ended with {status}\n{output}")


def cases(name):
    language, program, engines = CLIENTS[name]
    folder, why = installed(language)
    if folder is None:
        yield Case(name, "skipped", why)
        return
    with Server(CLUSTERS + KEY + both_databases_config()) as server:
        for engine in engines:
            yield from outcomes(name, engine, language, program, folder, server)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CLIENTS:
        sys.exit(f"usage: {sys.argv[0]} {{{','.join(CLIENTS)}}}")
    result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(cases(sys.argv[1])))
    sys.exit(not result.wasSuccessful())
