"""The zip for AWS Lambda starts where nothing but the zip is there, and the template passes cfn-lint."""
import http.server
import json
import os
import pathlib
import queue
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev"))
ZIP = ROOT / "build" / "lambda" / "lambda_dataapi.zip"
TEMPLATE = ROOT / "deploy" / "aws" / "template.yaml"

sys.path.insert(0, str(ROOT / "scripts"))
import run_tests  # noqa: E402  what ./test installs cfn-lint with


def setUpModule():
    done = subprocess.run(["cmake", "--build", BUILD, "--target", "lambda_zip"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def readelf(option, file):
    return subprocess.run(["readelf", "-W", option, file], check=True, capture_output=True, text=True).stdout


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Gives the server's events, one each, and keeps the answers."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        event = self.server.events.get()
        self.send_response_only(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 10) * 1000)))
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path, self.headers.get("Lambda-Runtime-Function-Error-Type"), json.loads(body)))

    def log_message(self, *_):
        pass


class Zip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="borealis-zip-"))
        cls.root.chmod(0o755)
        cls.task = cls.root / "var" / "task"
        with zipfile.ZipFile(ZIP) as archive:
            cls.entries = archive.infolist()
            archive.extractall(cls.task)
            for entry in cls.entries:
                (cls.task / entry.filename).chmod(entry.external_attr >> 16 & 0o777)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def test_entries(self):
        """L-1.104"""
        modes = {entry.filename: entry.external_attr >> 16 for entry in self.entries}
        for name in ("bootstrap", "function", "lib/loader"):
            self.assertEqual(stat.S_IFREG | 0o755, modes[name], name)
        for name, mode in modes.items():
            self.assertTrue(stat.S_ISREG(mode), f"{name} is no plain file")
            self.assertRegex(name, r"^(bootstrap|function|lib/[^/]+)$")
        self.assertTrue(all(entry.create_system == 3 for entry in self.entries))

    def test_sizes(self):
        self.assertLess(ZIP.stat().st_size, 50 * 2**20)
        self.assertLess(sum(entry.file_size for entry in self.entries), 250 * 2**20)

    def test_bootstrap_needs_nothing_of_the_image(self):
        """No interpreter and no library, so no glibc version can be too old for it (L-1.100, L-1.101)."""
        self.assertNotIn("INTERP", readelf("-l", self.task / "bootstrap"))
        self.assertNotIn("NEEDED", readelf("-d", self.task / "bootstrap"))
        self.assertEqual("", subprocess.run(["nm", self.task / "function"], capture_output=True, text=True, check=False).stdout, "not stripped")

    def test_every_library_and_version_is_packed(self):
        packed = {path.name: path for path in (self.task / "lib").iterdir()}
        loader = re.search(r"interpreter: .*/([^\]]+)\]", readelf("-l", self.task / "function"))[1]
        packed[loader] = packed["loader"]
        provided = set()
        for path in packed.values():
            provided |= set(re.findall(r"Name: (\S+)", readelf("-V", path).partition("Version needs")[0]))
        for path in [self.task / "function", *packed.values()]:
            for name in re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d", path)):
                self.assertIn(name, packed, f"{path.name} needs it")
            needs = readelf("-V", path).partition("Version needs")[2]
            for version in re.findall(r"Name: (\S+)  Flags", needs):
                self.assertIn(version, provided, f"{path.name} needs it")

    def run_in_an_empty_root(self, *events):
        """The answers of the function in a root that holds the zip and nothing else: no shell, no /proc, no /lib."""
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
        host.daemon_threads = True
        host.events, host.answers = queue.Queue(), queue.Queue()
        threading.Thread(target=host.serve_forever, daemon=True).start()
        enter = ["chroot", "--userspec=65534:65534"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot"]
        variables = {"LAMBDA_TASK_ROOT": "/var/task", "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{host.server_port}", "_HANDLER": "employee",
                     "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                     "AWS_MAX_ATTEMPTS": "1", "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/task:/var/task/lib", "TZ": ":UTC",
                     "DB_CLUSTER_ARN": "arn:aws:rds:us-east-1:123456789012:cluster:c", "DB_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}
        tool = shutil.which(enter[0])
        process = subprocess.Popen([tool, *enter[1:], self.root, "/var/task/bootstrap"], env=variables, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            answers = []
            for event in events:
                host.events.put(json.dumps(event).encode())
                try:
                    answers.append(host.answers.get(timeout=20))
                except queue.Empty:
                    process.kill()
                    self.fail("no answer: " + process.communicate()[0])
            return answers
        finally:
            process.kill()
            process.communicate()
            host.shutdown()
            host.server_close()

    def test_it_answers_events_in_an_empty_root(self):
        wrong, unreachable, http_event = self.run_in_an_empty_root(
            {"EmpName": "Ann"}, {"EmpId": "7", "EmpName": "Ann"}, {"httpMethod": "POST", "path": "/employees", "body": "{}"})
        self.assertEqual(("/2018-06-01/runtime/invocation/request-1/error", "Function.Exception"), wrong[:2])
        self.assertEqual('Invalid input! Missing "EmpId" and/or "EmpName" attributes.', wrong[2]["errorMessage"])
        self.assertEqual("OperationalError", unreachable[2]["errorType"])
        self.assertEqual("/2018-06-01/runtime/invocation/request-1/response", http_event[0])
        self.assertEqual(400, http_event[2]["statusCode"])


class LocalHost(unittest.TestCase):
    """L-9.11: HTTP, the host, the zip as it is, the Data API and a database, in a root that has no library but those of the zip and,
    in a folder of its own that no loader looks into, those of the server."""

    def test_the_zip_answers_behind_its_http_api_in_a_bare_root(self):
        sys.path.insert(0, str(ROOT / "tests" / "employees"))
        import support  # noqa: E402
        root = pathlib.Path(tempfile.mkdtemp(prefix="borealis-bare-"))
        database = support.MariaDB()
        server = None
        try:
            database.reset()
            libraries = root / "server" / "lib"
            libraries.mkdir(parents=True)
            for line in subprocess.run(["ldd", support.BOREALIS], check=True, capture_output=True, text=True).stdout.splitlines():
                if match := re.match(r"\s*(\S+) => (/\S+) \(|\s*(/\S+) \(", line):
                    file = match[2] or match[3]
                    shutil.copy(file, libraries / ("loader" if match[3] else match[1]))
            shutil.copy(support.BOREALIS, root / "server" / "borealis")
            for folder in ("app", "state", "tmp", "dev"):
                (root / folder).mkdir()
                (root / folder).chmod(0o777)
            (root / "dev" / "null").touch()  # a function's standard input
            shutil.copy(ZIP, root / "app" / "lambda_dataapi.zip")
            shutil.copy(TEMPLATE, root / "app" / "template.yaml")
            (root / "app" / "borealis.toml").write_text(f"""
listen = "127.0.0.1:0"
state_dir = "/state"
[template]
file = "template.yaml"
code = {{ EmployeeFunction = "lambda_dataapi.zip" }}
[http_api]
listen = "127.0.0.1:0"
[[cluster]]
id = "employees"
engine = "mysql"
host = "127.0.0.1"
port = {database.port}
database = "EmployeeDB"
tls = "disable"
[[secret]]
name = "login"
username = "staff"
password = "{support.PASSWORD}"
""")
            for path in [root, *root.rglob("*")]:
                path.chmod(path.stat().st_mode | 0o055)
            enter = ["chroot", "--userspec=65534:65534"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot"]
            server = subprocess.Popen([shutil.which(enter[0]), *enter[1:], root, "/server/lib/loader", "--library-path", "/server/lib", "/server/borealis", "serve",
                                       "--config", "/app/borealis.toml"], env={}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            lines, url = [], None
            for line in server.stdout:
                lines.append(line)
                if line.startswith("API Api "):
                    url = line.split()[-1]
                if line.startswith("borealis listens on "):
                    break
            self.assertIsNotNone(url, "".join(lines))
            threading.Thread(target=lambda: lines.extend(server.stdout), daemon=True).start()

            def ask(path, body=None):
                request = urllib.request.Request(url + path, data=body and json.dumps(body).encode(), headers={"content-type": "application/json"})
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        return answer.status, json.loads(answer.read())
                except urllib.error.HTTPError as wrong:
                    return wrong.code, wrong.read().decode() + "".join(lines)

            self.assertEqual((200, [["7", "Zoë"]]), ask("/employees", {"EmpId": "7", "EmpName": "Zoë"}))
            self.assertEqual((200, {"EmpId": "7", "EmpName": "Zoë"}), ask("/employees/7"))
            self.assertEqual([["37", "Zoë".encode().hex().upper()]], database.table())
        finally:
            if server is not None:
                server.terminate()
                server.wait(60)
                server.stdout.close()
            database.close()
            shutil.rmtree(root, ignore_errors=True)


class Template(unittest.TestCase):
    def test_cfn_lint_finds_nothing(self):
        """L-4.30"""
        run_tests.python_packages()
        tool = run_tests.VENV / "bin" / "cfn-lint"
        done = subprocess.run([tool, "-r", "us-east-1", "-t", TEMPLATE], capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))

    def test_the_function_may_do_no_more_than_it_does(self):
        """L-4.4: no wildcard, no action besides those the function calls."""
        text = TEMPLATE.read_text(encoding="utf-8")
        self.assertNotRegex(text, r"(Action|Resource): *['\"]?\*")
        self.assertEqual({"rds-data:ExecuteStatement", "rds-data:BatchExecuteStatement", "rds-data:BeginTransaction", "rds-data:CommitTransaction",
                          "rds-data:RollbackTransaction", "secretsmanager:GetSecretValue"}, set(re.findall(r"\b(?:rds-data|secretsmanager):\w+", text)))


if __name__ == "__main__":
    unittest.main()
