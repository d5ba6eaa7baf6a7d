"""The Lambda API of a running server: boto3, the aws command line, bootstraps in shell and Go, our own command line."""
import base64
import concurrent.futures
import fcntl
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from running import AUTHORIZATION, BINARY, BUILD, ROOT, Server  # noqa: E402

import boto3  # noqa: E402
import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402

PROBE = BUILD / "tests" / "probe_function"
AWS = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), shutil.which("aws"))
ROLE = "arn:aws:iam::123456789012:role/any"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"

# A function in nothing but shell and curl, as AWS's own tutorial has one.
SHELL = r"""#!/bin/sh
set -u
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -LD "$headers" "$api/next") || exit 1
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  rm -f "$headers"
  echo "got $event"
  curl -sS -o /dev/null "$api/$id/response" -d "{\"echo\":$event,\"handler\":\"$_HANDLER\",\"greeting\":\"${GREETING-}\"}"
done
"""


def zipped(files):
    """A zip of {name: (bytes, mode)}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, content)
    return out.getvalue()


def shell_zip(text=SHELL):
    return zipped({"bootstrap": (text.encode(), stat.S_IFREG | 0o755), "data/more.txt": (b"x", stat.S_IFREG | 0o644)})


def client(server, service="lambda", **more):
    return boto3.client(service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=more.pop("key", "test"),
                        aws_secret_access_key=more.pop("secret", "test"),
                        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=90, max_pool_connections=32), **more)


def functions(**more):
    """A configuration with the probe as `probe`, and as functions that differ in one thing."""
    text = f'[[function]]\nname = "probe"\nprogram = "{PROBE}"\ntimeout_seconds = 20\n'
    for name, lines in more.items():
        text += f'[[function]]\nname = "{name}"\nprogram = "{PROBE}"\n{lines}\n'
    return text


def raw(server, path, body=b"", method="POST", headers=None):
    """(status, headers, body bytes) without any SDK."""
    request = urllib.request.Request(server.url + path, data=body, method=method, headers={"Authorization": AUTHORIZATION, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


class WithServer(unittest.TestCase):
    config = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.config).start()
        cls.addClassCleanup(cls.server.stop)
        cls.lambda_ = client(cls.server)

    def invoke(self, name, event=None, **more):
        got = self.lambda_.invoke(FunctionName=name, **({} if event is None else {"Payload": event if isinstance(event, bytes) else json.dumps(event)}), **more)
        got["Payload"] = got["Payload"].read()
        return got


class Invoke(WithServer):
    config = functions(slow="timeout_seconds = 1", none="reserved_concurrency = 0", single="instances = 1\nreserved_concurrency = 1\ntimeout_seconds = 20")

    def test_request_response(self):  # L-2.10, L-2.11
        got = self.invoke("probe", {"a": "ä"})
        self.assertEqual((got["StatusCode"], got["ExecutedVersion"]), (200, "$LATEST"))
        self.assertNotIn("FunctionError", got)
        self.assertNotIn("LogResult", got)
        self.assertEqual(json.loads(got["Payload"]), {"a": "ä"})
        headers = got["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["x-amzn-remapped-content-length"], "0")
        self.assertRegex(headers["x-amzn-trace-id"], r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};")

    def test_the_request_id_is_the_functions(self):
        got = self.invoke("probe", "call")
        self.assertEqual(got["Payload"].decode().split("\n")[0], got["ResponseMetadata"]["RequestId"])

    def test_no_payload_is_an_empty_object(self):  # L-2.3
        self.assertEqual(self.invoke("probe")["Payload"], b"{}")

    def test_every_form_of_a_name(self):  # L-2.1
        for name in ("probe", "probe:$LATEST", "123456789012:function:probe", ARN + "probe", ARN + "probe:$LATEST"):
            with self.subTest(name):
                self.assertEqual(self.invoke(name, 1)["Payload"], b"1")
        self.assertIn(b"function:probe:$LATEST\n", self.invoke("probe", "call", Qualifier="$LATEST")["Payload"])

    def test_client_context(self):
        context = base64.b64encode(b'{"client":{"app_title":"x"}}').decode()
        self.assertIn(b'{"client":{"app_title":"x"}}', self.invoke("probe", "call", ClientContext=context)["Payload"])

    def test_function_error(self):  # L-2.12
        got = self.invoke("probe", "error")
        self.assertEqual((got["StatusCode"], got["FunctionError"]), (200, "Unhandled"))
        self.assertEqual(json.loads(got["Payload"])["errorMessage"], "Müller")

    def test_log_tail(self):
        got = self.invoke("probe", "print hello", LogType="Tail")
        log = base64.b64decode(got["LogResult"]).decode()
        self.assertIn("\nhello\nto stderr\nEND RequestId: " + got["ResponseMetadata"]["RequestId"], log)

    def test_time_out(self):
        got = self.invoke("slow", "sleep 60000")
        self.assertEqual(got["FunctionError"], "Unhandled")
        self.assertEqual(json.loads(got["Payload"])["errorType"], "Sandbox.Timedout")

    def test_event_and_dry_run(self):  # L-2.10
        got = self.invoke("probe", "print from-event", InvocationType="Event")
        self.assertEqual((got["StatusCode"], got["Payload"]), (202, b""))
        self.assertNotIn("ExecutedVersion", got)
        log = self.server.state / "lambda" / "logs" / "probe.log"
        until = time.monotonic() + 60
        while not (log.exists() and "from-event" in log.read_text()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        got = self.invoke("probe", "print never", InvocationType="DryRun")
        self.assertEqual((got["StatusCode"], got["Payload"]), (204, b""))
        self.assertNotIn("never", log.read_text())

    def test_throttled(self):  # L-2.21
        with self.assertRaises(self.lambda_.exceptions.TooManyRequestsException) as seen:
            self.invoke("none", 1)
        self.assertEqual(seen.exception.response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        self.assertEqual(seen.exception.response["message"], "Rate Exceeded.")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(self.invoke, "single", "sleep 1500") for _ in range(4)]
            outcomes = [f.exception() for f in futures]
        self.assertEqual(sum(o is None for o in outcomes), 1, outcomes)
        self.assertEqual({type(o).__name__ for o in outcomes if o}, {"TooManyRequestsException"})

    def test_errors(self):
        """Each refusal with its status, type and body (section 2.3)."""
        path = "/2015-03-31/functions/probe/invocations"
        user = {"Type": "User"}
        cases = {
            "unknown": ("/2015-03-31/functions/none-such/invocations", b"1", {}, 404, "ResourceNotFoundException",
                        user | {"Message": f"Function not found: {ARN}none-such:$LATEST"}),  # L-2.20
            "version": (path + "?Qualifier=7", b"1", {}, 404, "ResourceNotFoundException", user | {"Message": f"Function not found: {ARN}probe:7"}),
            "two qualifiers": ("/2015-03-31/functions/probe%3A%24LATEST/invocations?Qualifier=7", b"1", {}, 400, "InvalidParameterValueException",
                               user | {"message": "The derived qualifier from the function name does not match the specified qualifier."}),
            "type": (path, b"1", {"X-Amz-Invocation-Type": "Now"}, 400, "InvalidParameterValueException", None),  # L-2.26
            "log": (path, b"1", {"X-Amz-Log-Type": "All"}, 400, "InvalidParameterValueException", None),
            "context": (path, b"1", {"X-Amz-Client-Context": "%%%"}, 400, "InvalidRequestContentException", None),  # L-2.54
            "long context": (path, b"1", {"X-Amz-Client-Context": base64.b64encode(b"{" + b" " * 3600 + b"}").decode()}, 400, "InvalidRequestContentException", None),
            "request": (path, b'"' + b"x" * 6291455 + b'"', {}, 413, "RequestEntityTooLargeException",
                        user | {"message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}),  # L-2.22
            "event": (path, b'"' + b"x" * 1048575 + b'"', {"X-Amz-Invocation-Type": "Event"}, 413, "RequestEntityTooLargeException",
                      user | {"message": "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"}),  # L-2.23
            "name": ("/2015-03-31/functions/a%20b/invocations", b"1", {}, 400, "ValidationException", None),
        }
        for name, (to, body, headers, status, kind, text) in cases.items():
            with self.subTest(name):
                got, seen, answer = raw(self.server, to, body, headers=headers)
                self.assertEqual((got, seen["x-amzn-ErrorType"]), (status, kind), answer)
                if text is not None:
                    self.assertEqual(json.loads(answer), text)
        for body in (b"{", b"{]", b"", b"\xff", b"1 2"):  # L-2.24
            with self.subTest(body):
                got, seen, answer = raw(self.server, path, body)
                if body == b"":
                    self.assertEqual(got, 200)
                    continue
                self.assertEqual((got, seen["x-amzn-ErrorType"]), (400, "InvalidRequestContentException"))
                self.assertTrue(json.loads(answer)["message"].startswith("Could not parse request body into json: Could not parse payload into json: "))
        self.assertEqual(raw(self.server, path, method="GET")[0], 405)  # L-2.51
        got, seen, _ = raw(self.server, "/2015-03-31/nothing", b"")
        self.assertEqual((got, seen["x-amzn-ErrorType"]), (404, "UnknownOperationException"))

    def test_large_and_deep_events(self):
        large = b'"' + b"x" * 6291454 + b'"'
        status, _, answer = raw(self.server, "/2015-03-31/functions/probe/invocations", large)
        self.assertEqual((status, answer == large), (200, True))
        deep = b"[" * 500 + b"]" * 500
        self.assertEqual(raw(self.server, "/2015-03-31/functions/probe/invocations", deep)[2], deep)

    def test_a_crash_now_and_then_harms_no_other_call(self):
        events = ["exit 1" if i % 10 == 0 else f"n{i}" for i in range(60)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            got = list(pool.map(lambda e: self.invoke("probe", e), events))
        for event, answer in zip(events, got):
            if event == "exit 1":
                self.assertEqual(json.loads(answer["Payload"])["errorType"], "Runtime.ExitError")
            else:
                self.assertEqual(json.loads(answer["Payload"]), event)

    def test_response_stream(self):  # L-1.82
        got = self.lambda_.invoke_with_response_stream(FunctionName="probe", Payload=json.dumps("x" * 200_000), LogType="Tail")
        events = list(got["EventStream"])
        self.assertEqual(json.loads(b"".join(e["PayloadChunk"]["Payload"] for e in events if "PayloadChunk" in e)), "x" * 200_000)
        self.assertIn("REPORT RequestId", base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode())
        failed = list(self.lambda_.invoke_with_response_stream(FunctionName="probe", Payload='"error"')["EventStream"])
        self.assertEqual(failed[-1]["InvokeComplete"]["ErrorCode"], "Custom")

    @unittest.skipUnless(AWS, "no aws command on this machine")
    def test_aws_command_line(self):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                           AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true")
        environment.pop("PYTHONPATH", None)
        version = subprocess.run([AWS, "--version"], env=environment, capture_output=True, text=True, check=True, timeout=60)
        raw_payload = ["--cli-binary-format", "raw-in-base64-out"] if "aws-cli/2" in version.stdout + version.stderr else []
        out = self.server.state / "out.json"
        aws = [AWS, "lambda", "--endpoint-url", self.server.url, "--output", "json"]
        ran = subprocess.run([*aws, "invoke", "--function-name", "probe", "--payload", '{"a":1}', "--log-type", "Tail", *raw_payload, out],
                             env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(out.read_text(), '{"a":1}')
        self.assertEqual(json.loads(ran.stdout)["ExecutedVersion"], "$LATEST")
        ran = subprocess.run([*aws, "invoke", "--function-name", "none-such", out], env=environment, capture_output=True, text=True, timeout=120)
        self.assertIn(ran.returncode, (254, 255))
        self.assertIn("ResourceNotFoundException", ran.stderr)
        ran = subprocess.run([*aws, "list-functions"], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual([f["FunctionName"] for f in json.loads(ran.stdout)["Functions"]], ["none", "probe", "single", "slow"])

    def test_javascript_client(self):
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            self.skipTest("no Node.js on this machine")
        folder = ROOT / "build" / "clients" / "lambda-javascript"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "node_modules" / "@aws-sdk" / "client-lambda").exists():
                ran = subprocess.run([npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", folder, "@aws-sdk/client-lambda"],
                                     capture_output=True, text=True, timeout=600)
                if ran.returncode != 0:
                    self.skipTest("@aws-sdk/client-lambda cannot be had here: " + ran.stderr.strip()[-300:])
        ran = subprocess.run([node, pathlib.Path(__file__).parent / "javascript.mjs", folder, self.server.url], capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(ran.stdout), {
            "payload": '{"a":"ä"}', "version": "$LATEST", "log": True, "error": ["Unhandled", "Müller"], "missing": ["ResourceNotFoundException", 404],
            "throttled": ["TooManyRequestsException", "ReservedFunctionConcurrentInvocationLimitExceeded"], "streamed": '"streamed"',
            "names": ["none", "probe", "single", "slow"]})

    def test_our_command_line(self):
        def run(*words, ok=0):
            ran = subprocess.run([BINARY, "lambda", *words], capture_output=True, text=True, timeout=120,
                                 env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")})
            self.assertEqual(ran.returncode, ok, ran.stderr)
            return ran
        state = ["--state-dir", str(self.server.state)]
        self.assertEqual([f["FunctionName"] for f in json.loads(run("list", "--json", *state).stdout)], ["none", "probe", "single", "slow"])
        self.assertIn("provided.al2023", run("list", *state).stdout)
        self.assertEqual(run("invoke", "probe", '{"a":1}', *state).stdout, '{"a":1}\n')
        told = run("invoke", "probe", '"print from-cli"', "--tail", *state)
        self.assertIn("from-cli", told.stderr)
        failed = run("invoke", "probe", '"error"', "--json", *state, ok=1)
        self.assertEqual(json.loads(failed.stdout)["functionError"], "Unhandled")
        self.assertIn("ResourceNotFoundException", run("invoke", "none-such", *state, ok=1).stderr)
        self.assertIn("from-cli", run("logs", "probe", *state).stdout)
        lines = [json.loads(line) for line in run("logs", "probe", "--json", "-n", "3", *state).stdout.splitlines()]
        self.assertEqual(len(lines), 3)
        self.assertEqual(set(lines[0]), {"time", "stream", "message"})
        with subprocess.Popen([BINARY, "lambda", "logs", "probe", "-f", "-n", "1", *state], stdout=subprocess.PIPE, text=True) as follows:
            try:
                self.assertTrue(follows.stdout.readline())  # now it stands at the end
                self.invoke("probe", "print followed")
                self.assertTrue(any("followed" in line for line in follows.stdout))
            finally:
                follows.terminate()


class Manage(WithServer):
    """Functions made over the API, in a server without configuration."""

    def setUp(self):
        for one in self.lambda_.list_functions()["Functions"]:
            self.lambda_.delete_function(FunctionName=one["FunctionName"])

    def create(self, name="made", zip_bytes=None, **more):
        arguments = {"Runtime": "provided.al2023", "Role": ROLE, "Handler": "any.text", "Timeout": 20} | more
        return self.lambda_.create_function(FunctionName=name, Code={"ZipFile": zip_bytes or shell_zip()}, **arguments)

    def refused(self, kind, call, *words, **more):
        with self.assertRaises(botocore.exceptions.ClientError) as seen:
            call(*words, **more)
        self.assertEqual(seen.exception.response["Error"]["Code"], kind, seen.exception)
        return seen.exception.response["Error"]["Message"]

    def test_a_shell_function_from_birth_to_end(self):
        made = self.create(Environment={"Variables": {"GREETING": "hello"}}, MemorySize=256, Description="d", Tags={"team": "a"})
        self.assertEqual(made["FunctionArn"], ARN + "made")
        self.assertEqual((made["State"], made["Runtime"], made["MemorySize"], made["Version"]), ("Active", "provided.al2023", 256, "$LATEST"))
        self.assertEqual(made["CodeSha256"], base64.b64encode(__import__("hashlib").sha256(shell_zip()).digest()).decode())
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName="made")
        got = json.loads(self.invoke("made", {"a": 1})["Payload"])
        self.assertEqual(got, {"echo": {"a": 1}, "handler": "any.text", "greeting": "hello"})

        changed = self.lambda_.update_function_configuration(FunctionName="made", Environment={"Variables": {"GREETING": "bye"}}, Handler="other")
        self.assertNotEqual(changed["RevisionId"], made["RevisionId"])
        self.assertEqual(json.loads(self.invoke("made", 1)["Payload"]), {"echo": 1, "handler": "other", "greeting": "bye"})
        self.lambda_.update_function_code(FunctionName="made", ZipFile=shell_zip(SHELL.replace('\\"echo\\"', '\\"again\\"')))
        self.assertEqual(json.loads(self.invoke("made", 2)["Payload"])["again"], 2)
        shown = self.lambda_.get_function(FunctionName="made")
        self.assertEqual(shown["Configuration"]["Environment"], {"Variables": {"GREETING": "bye"}})
        self.assertEqual(shown["Tags"], {"team": "a"})
        self.assertEqual([v["Version"] for v in self.lambda_.list_versions_by_function(FunctionName="made")["Versions"]], ["$LATEST"])
        self.refused("PreconditionFailedException", self.lambda_.update_function_configuration, FunctionName="made", RevisionId=made["RevisionId"], Timeout=9)

        self.lambda_.delete_function(FunctionName="made")
        self.refused("ResourceNotFoundException", self.lambda_.get_function, FunctionName="made")
        self.refused("ResourceNotFoundException", self.lambda_.delete_function, FunctionName="made")
        self.refused("ResourceNotFoundException", self.invoke, "made", 1)
        self.assertFalse((self.server.state / "lambda" / "functions" / "made").exists())

    def test_concurrency_and_tags(self):
        self.create()
        self.assertEqual(self.lambda_.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
        self.assertEqual(self.lambda_.get_function(FunctionName="made")["Concurrency"], {"ReservedConcurrentExecutions": 0})
        self.refused("TooManyRequestsException", self.invoke, "made", 1)
        self.assertEqual(self.lambda_.get_function_concurrency(FunctionName="made")["ReservedConcurrentExecutions"], 0)
        self.lambda_.delete_function_concurrency(FunctionName="made")
        self.assertEqual(json.loads(self.invoke("made", 1)["Payload"])["echo"], 1)
        self.lambda_.tag_resource(Resource=ARN + "made", Tags={"a": "1", "b": "2"})
        self.lambda_.untag_resource(Resource=ARN + "made", TagKeys=["a"])
        self.assertEqual(self.lambda_.list_tags(Resource=ARN + "made")["Tags"], {"b": "2"})

    def test_pages(self):
        for i in range(5):
            self.create(f"f{i}")
        names = [f["FunctionName"] for page in self.lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}) for f in page["Functions"]]
        self.assertEqual(names, [f"f{i}" for i in range(5)])

    def test_what_is_refused(self):
        self.create()
        self.assertEqual(self.refused("ResourceConflictException", self.create), "Function already exist: made")
        self.assertIn("not supported here", self.refused("InvalidParameterValueException", self.create, "py", Runtime="python3.12"))
        self.assertIn("AWS_REGION", self.refused("InvalidParameterValueException", self.create, "env", Environment={"Variables": {"AWS_REGION": "x"}}))
        self.refused("InvalidParameterValueException", self.create, "time", Timeout=901)
        self.refused("InvalidParameterValueException", self.create, "zip", zip_bytes=b"PK no zip")
        self.refused("ValidationException", self.create, "role", Role="arn:aws:iam::1:role/x" + "y" * 10)
        message = self.refused("InvalidParameterValueException", self.lambda_.create_function, FunctionName="s3", Runtime="provided.al2023", Role=ROLE, Handler="h",
                               Code={"S3Bucket": "bbb", "S3Key": "k"})
        self.assertIn("ZipFile", message)
        self.assertEqual([f["FunctionName"] for f in self.lambda_.list_functions()["Functions"]], ["made"])

    def test_zips_that_lead_outside(self):
        """Nothing is written outside of the function's folder, whatever the names say."""
        outside = self.server.state / "outside"
        regular, link = stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777
        cases = {
            "parent": {"../../../outside": (b"x", regular)},
            "absolute": {str(outside): (b"x", regular)},
            "backslash": {"..\\outside": (b"x", regular)},
            "link out": {"l": (b"/etc/passwd", link)},
            "link up": {"a/l": (b"../../..", link)},
            "through a link": {"bootstrap": (b"x", regular), "d/x": (b"x", regular), "l": (b"d", link), "l/y": (b"x", regular)},
        }
        for name, files in cases.items():
            with self.subTest(name):
                self.refused("InvalidParameterValueException", self.create, "slip", zip_bytes=zipped(files))
                self.assertFalse(outside.exists())
        self.create("linked", zip_bytes=zipped({"real": (SHELL.encode(), regular), "bootstrap": (b"real", link)}))
        self.assertEqual(json.loads(self.invoke("linked", 1)["Payload"])["echo"], 1)

    def test_a_zip_without_a_program(self):  # L-1.46
        self.create("empty", zip_bytes=zipped({"readme": (b"x", stat.S_IFREG | 0o644)}))
        got = json.loads(self.invoke("empty", 1)["Payload"])
        self.assertEqual(got["errorType"], "Runtime.InvalidEntrypoint")
        self.assertIn("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]", got["errorMessage"])

    def test_our_command_line(self):
        state = ["--state-dir", str(self.server.state)]
        package = self.server.state / "package.zip"
        package.write_bytes(shell_zip())
        for words in (["create", "cli", "--zip", package, "-e", "GREETING=hi=there", "--timeout", "20"], ["update", "cli", "--zip", package]):
            ran = subprocess.run([BINARY, "lambda", *words, *state], capture_output=True, text=True, timeout=120)
            self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(self.invoke("cli", 1)["Payload"])["greeting"], "hi=there")
        ran = subprocess.run([BINARY, "lambda", "delete", "cli", *state], capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_a_go_function(self):
        """AWS's own Go runtime client, unchanged."""
        go = shutil.which("go") or ("/usr/local/go/bin/go" if os.path.exists("/usr/local/go/bin/go") else None)
        if go is None:
            self.skipTest("no Go on this machine")
        folder = ROOT / "build" / "clients" / "lambda-go"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.copy(pathlib.Path(__file__).parent / "go" / "main.go", folder / "main.go")
            environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
            commands = [["build", "-tags", "lambda.norpc", "-o", "bootstrap", "."]]
            if not (folder / "go.mod").exists():
                commands = [["mod", "init", "borealis/function"], ["get", "github.com/aws/aws-lambda-go@latest"], *commands]
            for words in commands:
                ran = subprocess.run([go, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
                if ran.returncode != 0:
                    (folder / "go.mod").unlink(missing_ok=True)
                    self.skipTest("github.com/aws/aws-lambda-go cannot be built here: " + ran.stderr.strip()[-300:])
            program = (folder / "bootstrap").read_bytes()
        self.create("go", zip_bytes=zipped({"bootstrap": (program, stat.S_IFREG | 0o755)}))
        context = base64.b64encode(b'{"client":{"app_title":"title"}}').decode()
        got = self.invoke("go", {"name": "Ann"}, ClientContext=context, LogType="Tail")
        self.assertNotIn("FunctionError", got, got["Payload"])
        self.assertEqual(json.loads(got["Payload"]), {"greeting": "hello Ann", "id": got["ResponseMetadata"]["RequestId"], "arn": ARN + "go",
                                                      "client": "title", "limited": "true"})
        self.assertIn("\ngreeting Ann\n", base64.b64decode(got["LogResult"]).decode())
        failed = self.invoke("go", {"name": "fail"})
        self.assertEqual(failed["FunctionError"], "Unhandled")
        self.assertEqual(json.loads(failed["Payload"])["errorMessage"], "no such name: ä")
        panicked = json.loads(self.invoke("go", {"name": "panic"})["Payload"])  # it reports, and leaves
        self.assertEqual(panicked["errorMessage"], "at the disco")
        self.assertEqual(json.loads(self.invoke("go", {"name": "Bob"})["Payload"])["greeting"], "hello Bob")


class Keep(unittest.TestCase):
    def test_what_was_created_is_there_after_a_restart(self):
        with Server() as first:
            client(first).create_function(FunctionName="kept", Runtime="provided.al2023", Role=ROLE, Handler="h", Timeout=20, Code={"ZipFile": shell_zip()},
                                          Environment={"Variables": {"GREETING": "still"}})
            before = client(first).get_function_configuration(FunctionName="kept")
            first.stop()
            with Server(state=first.state) as second:
                after = client(second).get_function_configuration(FunctionName="kept")
                for changing in (before, after):
                    changing.pop("ResponseMetadata")
                self.assertEqual(after, before)
                got = client(second).invoke(FunctionName="kept", Payload="1")["Payload"].read()
                self.assertEqual(json.loads(got)["greeting"], "still")

    def test_a_function_that_cannot_be_served_is_named_at_the_start(self):
        for lines, words in (('program = "/no/such/program"', "`x`"), ('program = "/bin/true"\nfolder = "/tmp"', "one of `program`, `folder`"),
                             ('program = "/bin/true"\n[function.environment]\nAWS_REGION = "x"', "Reserved keys"), ("", "needs one of")):
            with self.subTest(lines):
                with self.assertRaises(AssertionError) as seen:
                    Server(f'[[function]]\nname = "x"\n{lines}\n').start()
                self.assertIn(words, str(seen.exception))


class Serve(unittest.TestCase):
    """`borealis lambda serve`: a program, a folder and a zip, their logs on standard output."""

    def serve(self, *words):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)
        process = subprocess.Popen([BINARY, "lambda", "serve", *words, "--listen", "127.0.0.1:0", "--state-dir", folder / "state", "--log-level", "warning"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("borealis listens on "):
                return process, line.split()[3], lines
        self.fail("".join(lines))

    def invoke(self, url, name, event):
        lambda_ = boto3.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        return lambda_.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read()

    def test_a_program_with_its_name_and_variables(self):
        process, url, told = self.serve(PROBE, "--name", "mine", "-e", "COLOUR=blue=ish", "--handler", "h", "--timeout", "20", "--memory", "256")
        self.assertTrue(any(line.startswith("function mine ") for line in told), told)
        variables = self.invoke(url, "mine", "environment").decode().splitlines()
        self.assertLessEqual({"COLOUR=blue=ish", "_HANDLER=h", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", f"AWS_ENDPOINT_URL_RDS_DATA={url}"}, set(variables))
        self.invoke(url, "mine", "print on the console")
        self.assertTrue(any("on the console" in line for line in process.stdout))
        process.terminate()
        self.assertEqual(process.wait(60), 0)

    def test_a_folder_and_a_zip_at_once(self):
        made = pathlib.Path(tempfile.mkdtemp(prefix="borealis-code-"))
        self.addCleanup(shutil.rmtree, made, ignore_errors=True)
        made.chmod(0o755)
        (made / "in-folder").mkdir()
        (made / "in-folder" / "bootstrap").write_text(SHELL)
        (made / "in-folder" / "bootstrap").chmod(0o755)
        (made / "in-zip.zip").write_bytes(shell_zip())
        _, url, _ = self.serve(made / "in-folder", made / "in-zip.zip", "--timeout", "20")
        for name in ("in-folder", "in-zip"):
            self.assertEqual(json.loads(self.invoke(url, name, 1))["echo"], 1)
        # A new zip is served without a restart.
        (made / "new.zip").write_bytes(shell_zip(SHELL.replace('\\"echo\\"', '\\"again\\"')))
        (made / "new.zip").rename(made / "in-zip.zip")
        until = time.monotonic() + 60
        while "again" not in json.loads(self.invoke(url, "in-zip", 1)):
            self.assertLess(time.monotonic(), until)

    def test_what_is_asked_wrongly(self):
        for words, text in (([PROBE, PROBE, "--name", "x"], "--name"), (["/no/such/program"], "not there"), ([PROBE, "-e", "novalue"], "NAME=VALUE")):
            with self.subTest(text):
                folder = tempfile.mkdtemp(prefix="borealis-test-")
                self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
                ran = subprocess.run([BINARY, "lambda", "serve", *words, "--listen", "127.0.0.1:0", "--state-dir", folder], capture_output=True, text=True, timeout=60)
                self.assertEqual(ran.returncode, 2)
                self.assertIn(text, ran.stderr)


class Keys(WithServer):
    """A server with keys: policies, and no uploads unless allowed."""

    config = (functions() + '[[key]]\nid = "AKIAADMIN"\nsecret = "text:secret-of-no-worth"\nmanaged_policies = ["AdministratorAccess"]\n'
              '[[key]]\nid = "AKIAINVOKER"\nsecret = "text:other-of-no-worth"\n'
              f'policy = [{{ Effect = "Allow", Action = "lambda:InvokeFunction", Resource = "{ARN}probe" }}]\n'
              '[[key]]\nid = "AKIATEAM"\nsecret = "text:fourth-of-no-worth"\npolicy = [{ Effect = "Allow", Action = "lambda:*", Resource = "*" }, '
              '{ Effect = "Allow", Action = "iam:PassRole", Resource = "arn:aws:iam::*:role/team/*" }]\n'
              '[[key]]\nid = "AKIAMAKER"\nsecret = "text:third-of-no-worth"\npolicy = [{ Effect = "Allow", Action = "lambda:*", Resource = "*" }]\n'
              '[lambda]\nuploads = true\n')

    def setUp(self):
        self.admin = client(self.server, key="AKIAADMIN", secret="secret-of-no-worth")
        self.invoker = client(self.server, key="AKIAINVOKER", secret="other-of-no-worth")
        self.maker = client(self.server, key="AKIAMAKER", secret="third-of-no-worth")

    def refusal(self, call, **more):
        with self.assertRaises(botocore.exceptions.ClientError) as seen:
            call(**more)
        return seen.exception.response["ResponseMetadata"]["HTTPStatusCode"], seen.exception.response["Error"]["Code"], seen.exception.response["Error"]["Message"]

    def test_policies(self):  # L-2.29
        for name in ("probe", ARN + "probe"):
            self.assertEqual(self.invoker.invoke(FunctionName=name, Payload="1")["Payload"].read(), b"1")
        status, code, text = self.refusal(self.invoker.invoke, FunctionName="caller", Payload="1")
        self.assertEqual((status, code), (403, "AccessDeniedException"))
        self.assertEqual(text, "User: arn:aws:iam::123456789012:user/AKIAINVOKER is not authorized to perform: lambda:InvokeFunction on resource: "
                               f"{ARN}caller because no identity-based policy allows the lambda:InvokeFunction action")
        self.assertEqual(self.refusal(self.invoker.list_functions)[1], "AccessDeniedException")
        self.assertEqual(self.refusal(client(self.server, key="AKIAADMIN", secret="wrong").invoke, FunctionName="probe", Payload="1")[0], 403)

    def test_a_role_is_passed_by_permission_alone(self):
        arguments = {"FunctionName": "made", "Runtime": "provided.al2023", "Role": ROLE, "Handler": "h", "Timeout": 20, "Code": {"ZipFile": shell_zip()}}
        self.assertIn("iam:PassRole on resource: " + ROLE, self.refusal(self.maker.create_function, **arguments)[2])
        self.admin.create_function(**arguments)
        self.assertEqual(json.loads(self.admin.invoke(FunctionName="made", Payload="1")["Payload"].read())["echo"], 1)
        self.maker.update_function_configuration(FunctionName="made", Timeout=9)
        self.assertIn("iam:PassRole", self.refusal(self.maker.update_function_configuration, FunctionName="made", Role=ROLE + "-more")[2])

    def test_a_path_before_a_roles_name_passes_no_other_role(self):
        team = client(self.server, key="AKIATEAM", secret="fourth-of-no-worth")
        arguments = {"FunctionName": "team", "Runtime": "provided.al2023", "Handler": "h", "Code": {"ZipFile": shell_zip()}}
        for role in ("arn:aws:iam::123456789012:role/team/admin", "arn:aws:iam::999999999999:role/team/admin"):
            self.assertIn("iam:PassRole on resource: arn:aws:iam::123456789012:role/admin ", self.refusal(team.create_function, Role=role, **arguments)[2])

    def test_no_uploads_unless_allowed(self):
        with Server(self.config.replace("uploads = true", "")) as server:
            admin = client(server, key="AKIAADMIN", secret="secret-of-no-worth")
            _, code, text = self.refusal(admin.create_function, FunctionName="made", Runtime="provided.al2023", Role=ROLE, Handler="h", Code={"ZipFile": shell_zip()})
            self.assertEqual(code, "AccessDeniedException")
            self.assertIn("uploads", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
