"""What the employee suites run on: a MariaDB server, `borealis serve` in front of it, both real programs as Lambda
functions of a Runtime API that is played here, and gates that break connections at a chosen moment.

BOREALIS_BUILD says where the programs are (default build/dev), BOREALIS_BINARY which server to take (default that build's).
"""
import dataclasses
import http.client
import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev"))
PROGRAMS = {name: BUILD / "examples" / "employees" / name for name in ("lambda_rds", "lambda_dataapi")}
BOREALIS = pathlib.Path(os.environ.get("BOREALIS_BINARY", BUILD / "borealis"))
PASSWORD = "test-password-of-no-worth"
CLUSTER_ARN = "arn:aws:rds:us-east-1:123456789012:cluster:employees"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:employees-AbCdEf"
WRONG_SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:wrong-AbCdEf"
POSTGRESQL_ARN = "arn:aws:rds:us-east-1:123456789012:cluster:postgresql"
POSTGRESQL_SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:postgresql-AbCdEf"
MISSING_SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:missing-AbCdEf"
VARCHAR = "CREATE TABLE Employee (EmpId VARCHAR(64) NOT NULL PRIMARY KEY, EmpName VARCHAR(255))"
INT = "CREATE TABLE Employee (EmpId INT NOT NULL PRIMARY KEY, EmpName VARCHAR(255))"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end(process, signal_first=True):
    """Stops a child, by its own handle."""
    if process.poll() is None:
        process.terminate() if signal_first else process.kill()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class MariaDB:
    """A server of our own: the suites change global settings and kill sessions."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="borealis-employees-")
        os.chmod(self.folder, 0o777)
        self.port = free_port()
        self.socket = f"{self.folder}/socket"
        data = f"{self.folder}/data"
        self._run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                   "--skip-test-db", "--skip-name-resolve"])
        with open(f"{self.folder}/init.sql", "w", encoding="utf-8") as init:
            init.write(f"CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY '{PASSWORD}';\n"
                       "GRANT ALL PRIVILEGES ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n"
                       f"CREATE USER IF NOT EXISTS 'staff'@'%' IDENTIFIED BY '{PASSWORD}';\n"
                       "CREATE DATABASE IF NOT EXISTS EmployeeDB CHARACTER SET utf8mb4;\n")
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            self.unprivileged(["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={self.socket}", f"--port={self.port}",
                                "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid", f"--init-file={self.folder}/init.sql",
                                "--skip-name-resolve", "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0",
                                "--innodb-buffer-pool-size=64M", "--max-allowed-packet=64M", "--max-connections=300",
                                "--innodb-lock-wait-timeout=1", "--skip-log-bin",
                                "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"]),
            stdout=self.log, stderr=self.log)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("mariadbd did not start: " + pathlib.Path(self.folder, "log").read_text(encoding="utf-8", errors="replace"))

    @staticmethod
    def unprivileged(words):
        if os.geteuid() != 0:
            return words
        return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=TERM", *words]

    def _run(self, words):
        subprocess.run(self.unprivileged(words), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def client(self, *options):
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=admin", f"--password={PASSWORD}",
                "--default-character-set=utf8mb4", "--batch", "--skip-column-names", "--raw", *options]

    def sql(self, text, database="EmployeeDB"):
        """Runs statements as the administrator; the rows as lists of texts."""
        done = subprocess.run(self.client("-D", database), input=text.encode(), capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def table(self):
        """Every row with its bytes in hexadecimal digits, so that nothing is lost on the way."""
        return self.sql("SELECT HEX(EmpId), IFNULL(HEX(EmpName), 'NULL') FROM Employee")

    def count(self):
        return int(self.sql("SELECT COUNT(*) FROM Employee")[0][0])

    def reset(self, ddl=VARCHAR, seed=()):
        """The table anew; staff may read and insert, nothing else."""
        values = "".join(f"INSERT INTO Employee VALUES ({row});" for row in seed)
        self.sql(f"DROP TABLE IF EXISTS Employee; {ddl}; {values} GRANT SELECT, INSERT ON EmployeeDB.Employee TO 'staff'@'%';")

    def kill_sessions(self):
        """Ends all sessions of staff, as an administrator or a failover would."""
        for (number,) in self.sql("SELECT id FROM information_schema.processlist WHERE user = 'staff'"):
            try:
                self.sql(f"KILL {number}")
            except RuntimeError:
                pass  # gone meanwhile

    def open_transactions(self):
        return int(self.sql("SELECT COUNT(*) FROM information_schema.innodb_trx")[0][0])

    def close(self):
        end(self.process)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL:
    """A server for the second variant, which knows both engines."""

    def __init__(self):
        programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
        if programs is None:
            raise RuntimeError("initdb not found: install the package postgresql-15")
        programs = programs.parent
        self.folder = tempfile.mkdtemp(prefix="borealis-employees-")
        os.chmod(self.folder, 0o777)
        self.port = free_port()
        data = f"{self.folder}/data"
        password = pathlib.Path(self.folder, "password")
        password.write_text(PASSWORD + "\n", encoding="utf-8")
        subprocess.run(MariaDB.unprivileged([programs / "initdb", "-D", data, "-U", "postgres", "--pwfile", password, "--auth=scram-sha-256",
                                             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]), check=True, stdout=subprocess.DEVNULL)
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            MariaDB.unprivileged([programs / "postgres", "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}",
                                  "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]), stdout=self.log, stderr=self.log)
        self.psql = [programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        for _ in range(600):
            try:
                self.sql("SELECT 1", "postgres")
                return
            except RuntimeError:
                time.sleep(0.05)
        raise RuntimeError("postgres did not start: " + pathlib.Path(self.folder, "log").read_text(encoding="utf-8", errors="replace"))

    def sql(self, text, database="employeedb"):
        """Runs statements as the administrator; the rows as lists of texts."""
        done = subprocess.run([*self.psql, "-d", database, "-F", "\t"], input=text.encode(), capture_output=True, check=False,
                              env={**os.environ, "PGPASSWORD": PASSWORD})
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def close(self):
        self.process.send_signal(signal.SIGINT)  # a fast shutdown, whoever is connected
        self.process.wait(20)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Session:
    """Another session of the administrator that stays open, to hold locks."""

    def __init__(self, server):
        self.process = subprocess.Popen(server.client("-D", "EmployeeDB", "--unbuffered"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, text):
        """Returns when the server has done it."""
        self.process.stdin.write(f"{text}; SELECT 'done';\n".encode())
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != b"done":
            if self.process.poll() is not None:
                raise RuntimeError("the session ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Gate:
    """A TCP port in front of the database. It can be shut, cut what is open, and watch what is sent."""

    def __init__(self, port):
        self.target = port
        self.port = free_port()
        self.sent = 0           # bytes from the clients
        self.on_client = None   # called with each piece from a client: "pass", "cut", or "cut_after" the server has got it
        self.listener = None
        self.links = set()
        self.lock = threading.Lock()
        self.open()

    def open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self):
        """New connections are refused, and those that are open end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self):
        with self.lock:
            links = list(self.links)
        for link in links:
            self._end(link)

    def _end(self, link):
        with self.lock:
            self.links.discard(link)
        for side in link:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = (client, server)
            with self.lock:
                self.links.add(link)
            threading.Thread(target=self._pump, args=(link, client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(link, server, client, False), daemon=True).start()

    def _pump(self, link, source, target, from_client):
        try:
            while piece := source.recv(65536):
                watch = self.on_client if from_client else None
                verdict = watch(piece) if watch else "pass"
                if from_client:
                    self.sent += len(piece)
                if verdict == "cut":
                    break
                if verdict == "cut_after":
                    # The answer must not get back: end the client's side first.
                    link[0].shutdown(socket.SHUT_RDWR)
                    target.sendall(piece)
                    time.sleep(0.3)
                    break
                target.sendall(piece)
        except OSError:
            pass
        self._end(link)
        source.close()

    def close(self):
        self.shut()


def is_commit(piece):
    """Whether a piece for the database holds a commit (COM_QUERY is command 3): the statement, or the one with which the Data API's
    server ends a transaction in a single round trip; not another SET autocommit."""
    return b"\x03COMMIT" in piece or b"\x03SET autocommit=1 /* COMMIT */" in piece


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # connections end on purpose here, with the gate or with their process


class ApiGate(QuietServer):
    """An HTTP port in front of the Data API that counts calls and may answer in its place."""

    def __init__(self, endpoint):
        self.upstream = urllib.parse.urlsplit(endpoint).netloc
        self.calls = []      # paths, in order
        self.intercept = None  # called with (path, forward): gives (status, headers, body), or None to lose the answer
        super().__init__(("127.0.0.1", 0), ApiGateHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self):
        self.calls = []
        self.intercept = None

    def count(self, path):
        return self.calls.count(path)

    @staticmethod
    def refuse(code, message, status=400):
        body = json.dumps({"message": message}).encode()
        return status, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body


class ApiGateHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.calls.append(self.path)

        def forward():
            upstream = http.client.HTTPConnection(self.server.upstream, timeout=120)
            upstream.request("POST", self.path, body, dict(self.headers.items()))
            answer = upstream.getresponse()
            result = answer.status, dict(answer.getheaders()), answer.read()
            upstream.close()
            return result

        intercept = self.server.intercept
        got = intercept(self.path, forward) if intercept else forward()
        if got is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, payload = got
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "keep-alive"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


class Borealis:
    """`borealis serve` in front of the gate to the database, and of another server where there is one."""

    def __init__(self, database_port, postgresql=None, *arguments, more=""):
        self.folder = tempfile.mkdtemp(prefix="borealis-serve-")
        os.chmod(self.folder, 0o711)  # functions run as another user
        config = pathlib.Path(self.folder, "borealis.toml")
        logins = (("employees", SECRET_ARN, "staff", PASSWORD), ("wrong", WRONG_SECRET_ARN, "staff", "wrong"),
                  ("postgresql", POSTGRESQL_SECRET_ARN, "postgres", PASSWORD))
        secrets = "".join(f'[[secret]]\nname = "{name}"\narn = "{arn}"\nusername = "{user}"\npassword = "{password}"\n'
                          for name, arn, user, password in logins)
        if postgresql:
            secrets += (f'[[cluster]]\nid = "postgresql"\narn = "{POSTGRESQL_ARN}"\nengine = "postgresql"\nhost = "127.0.0.1"\n'
                        f'port = {postgresql.port}\ntls = "disable"\n')
        config.write_text(f'listen = "127.0.0.1:0"\nstate_dir = "{self.folder}/state"\ndefault_clusters = false\n'
                          f'[[cluster]]\nid = "employees"\narn = "{CLUSTER_ARN}"\nengine = "mysql"\nhost = "127.0.0.1"\n'
                          f'port = {database_port}\ndatabase = "EmployeeDB"\ntls = "disable"\n{secrets}{more}', encoding="utf-8")
        self.log = open(f"{self.folder}/log", "w+b")
        self.process = subprocess.Popen([BOREALIS, "serve", "--config", config, *arguments], stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        self.url = ""
        self.apis = {}  # name -> URL
        for line in self.process.stdout:
            words = line.decode().split()
            if words[:1] == ["API"]:
                self.apis[words[1]] = words[-1]
            if words[:3] == ["borealis", "listens", "on"]:
                self.url = words[3]
                break
        if not self.url:
            self.log.seek(0)
            raise RuntimeError("borealis serve did not start: " + self.log.read().decode(errors="replace"))

    def close(self):
        end(self.process)
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclasses.dataclass
class Outcome:
    """What one invocation gave: `response`, `error`, or `exit` where the process ended, with the JSON and the log lines."""
    kind: str
    body: object
    log: list

    def comparable(self):
        """Without what differs from call to call."""
        body = {k: v for k, v in self.body.items() if k != "requestId"} if self.kind != "response" and isinstance(self.body, dict) else self.body
        return self.kind, body, self.log


class Function:
    """One program as a Lambda function: its process, and the Runtime API (L-1.1 to L-1.5) that it polls."""

    def __init__(self, name, environment):
        self.name = name
        self.events = queue.Queue()
        self.answers = queue.Queue()
        self.current = None
        host = QuietServer(("127.0.0.1", 0), RuntimeApiHandler)
        host.function = self
        self.host = host
        threading.Thread(target=host.serve_forever, daemon=True).start()
        self.environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{host.server_port}", **environment}
        self.errors = tempfile.TemporaryFile()
        self.process = None

    def start(self):
        self.process = subprocess.Popen([PROGRAMS[self.name]], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        os.set_blocking(self.process.stdout.fileno(), False)

    def invoke(self, event, seconds=60.0, time_left=30.0):
        """@param event  Bytes, or what becomes JSON.  @param time_left  Seconds until the deadline that the function is told."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        if not isinstance(event, bytes):
            event = json.dumps(event).encode()
        identity = str(uuid.uuid4())
        self.current = identity
        self.events.put((identity, event, int((time.time() + time_left) * 1000)))
        give_up = time.monotonic() + seconds
        while True:
            try:
                kind, body = self.answers.get(timeout=0.5)
                break
            except queue.Empty:
                if self.process.poll() is not None:
                    self.events = queue.Queue()
                    return Outcome("exit", self.process.returncode, self._lines())
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{self.name} gave no answer: {self.stderr()}") from None
        return Outcome(kind, json.loads(body), self._lines())

    def _lines(self):
        text = self.process.stdout.read()  # flushed before the answer was posted (L-1.70)
        return text.decode().splitlines() if text else []

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def script(self, *arguments, **more):
        """The program as a script, in the same environment."""
        environment = {k: v for k, v in self.environment.items() if k != "AWS_LAMBDA_RUNTIME_API"}
        return subprocess.run([PROGRAMS[self.name], *arguments], env={**environment, **more.pop("environment", {})}, capture_output=True,
                              timeout=120, check=False, text=True, stdin=subprocess.DEVNULL, **more)

    def close(self):
        if self.process is not None:
            end(self.process)
            self.process.stdout.close()
        self.host.shutdown()
        self.host.server_close()
        self.errors.close()


class RuntimeApiHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        function = self.server.function
        while True:
            try:
                identity, event, deadline = function.events.get(timeout=0.5)
                break
            except queue.Empty:
                if function.process is None or function.process.poll() is not None:
                    self.close_connection = True
                    return
        self.send_response_only(200)
        for name, value in (("Lambda-Runtime-Aws-Request-Id", identity), ("Lambda-Runtime-Deadline-Ms", str(deadline)),
                            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:employees"),
                            ("Content-Type", "application/json"), ("Content-Length", str(len(event)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        _, _, _, what, *rest = self.path.split("/")  # /2018-06-01/runtime/invocation/<id>/response, …/init/error
        if what == "invocation" and rest[0] != self.server.function.current:
            return self._answer(400, b'{"errorType":"InvalidRequestID"}')
        self._answer(202, b'{"status":"OK"}')
        self.server.function.answers.put(("init_error" if what == "init" else rest[1], body))
        return None

    def _answer(self, status, body):
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


TEMPLATE = ROOT / "deploy" / "aws" / "template.yaml"


class Deployed:
    """deploy/aws/template.yaml on this machine: MariaDB, `borealis serve`, and one variant as its function behind the HTTP API."""

    def __init__(self, name="lambda_dataapi", *arguments, database=None):
        self.database = database or MariaDB()
        self.owns_database = database is None
        self.database.reset()
        self.gate = Gate(self.database.port)
        # The persistent variant is told where its server is; what the template sets for the other one does it no harm.
        more = (f'[template]\nfile = "{TEMPLATE}"\n[template.code]\nEmployeeFunction = "{PROGRAMS[name]}"\n[http_api]\nlisten = "127.0.0.1:0"\n'
                '[template.attributes]\n"Cluster.MasterUserSecret.SecretArn" = "' + SECRET_ARN + '"\n')
        self.borealis = Borealis(self.gate.port, None, *arguments, more=more)
        self.url = self.borealis.apis["Api"]

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body) of one request; the body as JSON where it is."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"content-type": "application/json", **(headers or {})} if data is not None else headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        json_type = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status, answer.headers, json.loads(content) if json_type and content else content.decode()

    def close(self):
        self.borealis.close()
        self.gate.close()
        if self.owns_database:
            self.database.close()


class World:
    """Everything that the suites share; started by the first of them."""

    _shared = None

    @classmethod
    def shared(cls):
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    @classmethod
    def close_shared(cls):
        if cls._shared is not None:
            cls._shared.close()
            cls._shared = None

    def __init__(self):
        self.parts = []
        self.database = self._keep(MariaDB())
        self.gate = self._keep(Gate(self.database.port))
        self.hosted = os.environ.get("EMPLOYEES_ON") == "host"
        if self.hosted:
            import hosted  # it needs this module in turn
            self.api = ApiGate("http://nowhere")
            self.borealis = self._keep(hosted.serve(self.gate.port, {name: self.variables(name) for name in self.names()}))
            self.api.upstream = urllib.parse.urlsplit(self.borealis.url).netloc
            self.functions = {name: hosted.HostedFunction(self.borealis, name, self.variables(name), hosted_name=name) for name in self.names()}
            return
        self.borealis = self._keep(Borealis(self.gate.port)) if BOREALIS.exists() else None
        self.api = ApiGate(self.borealis.url) if self.borealis else None
        self.functions = {name: self.function(name) for name in self.names()}

    def _keep(self, part):
        self.parts.append(part)
        return part

    def names(self):
        return ["lambda_rds"] + (["lambda_dataapi"] if self.api else [])

    def variables(self, name, **changes):
        aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        aws |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}  # a sanitizer reports where the run looks
        if self.api:
            aws |= {"AWS_ENDPOINT_URL": self.api.url}
        own = {"lambda_rds": {"DB_HOST": "127.0.0.1", "DB_PORT": str(self.gate.port), "DB_USER": "staff", "DB_PASSWORD": PASSWORD},
               "lambda_dataapi": {"DB_CLUSTER_ARN": CLUSTER_ARN, "DB_SECRET_ARN": SECRET_ARN}}[name]
        variables = {**aws, "DB_NAME": "EmployeeDB", **own, **changes}
        return {k: v for k, v in variables.items() if v is not None}

    def function(self, name, **changes):
        """A function of its own, with other variables than the shared one."""
        if self.hosted:
            import hosted
            return self._keep(hosted.HostedFunction(self.borealis, name, self.variables(name, **changes)))
        return self._keep(Function(name, self.variables(name, **changes)))

    def calm(self):
        """Before each test: all gates open, nothing broken."""
        self.gate.on_client = None
        if self.api:
            self.api.reset()

    def close(self):
        if self.api:
            self.api.shutdown()
            self.api.server_close()
        for part in reversed(self.parts):
            part.close()
