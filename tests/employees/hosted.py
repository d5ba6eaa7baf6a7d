"""The suites' functions on the real local host: invoked directly over the Invoke API, and behind HTTP APIs.

EMPLOYEES_ON=host makes support.World take these in place of the Runtime API that it plays itself.
"""
import base64
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.parse
import zipfile

import support

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
ROUTES = (("POST", "/employees"), ("POST", "/employees/batch"), ("GET", "/employees"), ("GET", "/employees/{id}"))


def template(functions):
    """Each function behind an HTTP API of payload 2.0, one of payload 1.0, and a REST API; their stages are named alike."""
    resources = {}
    for name, variables in functions.items():
        logical = name.replace("_", "")
        events = {}
        for kind, api, more in (("HttpApi", f"{logical}v2", {}), ("HttpApi", f"{logical}v1", {"PayloadFormatVersion": "1.0"}), ("Api", f"{logical}rest", {})):
            resources[api] = {"Type": f"AWS::Serverless::{kind}", "Properties": {"StageName": "test"}}
            for i, (method, path) in enumerate(ROUTES):
                identity = {"Ref": api}
                events[f"{api}{i}"] = {"Type": kind, "Properties": {"ApiId" if kind == "HttpApi" else "RestApiId": identity, "Method": method, "Path": path, **more}}
        resources[logical] = {"Type": "AWS::Serverless::Function", "Properties": {
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "employee", "CodeUri": str(support.PROGRAMS[name]), "Timeout": 29, "MemorySize": 256,
            "Policies": ["AmazonRDSDataFullAccess"],
            "Environment": {"Variables": variables}, "Events": events}}
    return json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources})


class HostedFunction:
    """As support.Function, on a host. Variables that the host sets itself are left to it."""

    def __init__(self, borealis, name, environment, timeout=29, hosted_name=None):
        self.borealis, self.name, self.environment = borealis, name, environment
        self.hosted_name, self.timeout = hosted_name, timeout

    def variables(self):
        url = self.environment.get("AWS_ENDPOINT_URL")
        own = {k: v for k, v in self.environment.items() if not k.startswith("AWS_")}
        return own | ({f"AWS_ENDPOINT_URL_{service}": url for service in ("RDS_DATA", "SECRETS_MANAGER")} if url else {})

    def call(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.borealis.url).netloc, timeout=120)
        connection.request(method, path, body, {"Authorization": AUTHORIZATION, "Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def placed(self, timeout):
        """The name of a function with these variables and this time-out; made where it is not there yet."""
        if self.hosted_name is not None and timeout == self.timeout:
            return self.hosted_name
        seed = json.dumps([self.name, self.variables(), timeout, id(self)], sort_keys=True)
        name = f"{self.name}-{hashlib.sha256(seed.encode()).hexdigest()[:16]}"
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.create_system, entry.external_attr = 3, 0o100755 << 16
            archive.writestr(entry, f'#!/bin/sh\nexec "{support.PROGRAMS[self.name]}" "$@"\n')
        status, _, content = self.call("POST", "/2015-03-31/functions", json.dumps({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "employee", "Role": "arn:aws:iam::123456789012:role/any", "Timeout": timeout,
            "MemorySize": 256, "Environment": {"Variables": self.variables()}, "Code": {"ZipFile": base64.b64encode(code.getvalue()).decode()}}))
        if status not in (201, 409):
            raise RuntimeError(f"{status}: {content.decode()}")
        if timeout == self.timeout:
            self.hosted_name = name
        return name

    def invoke(self, event, seconds=60.0, time_left=29):
        """@param time_left  The function's time-out; another one makes another function."""
        if not isinstance(event, bytes):
            event = json.dumps(event).encode()
        name = self.placed(min(29, int(time_left)))
        status, headers, content = self.call("POST", f"/2015-03-31/functions/{name}/invocations", event, {"X-Amz-Log-Type": "Tail"})
        if status == 400 and b"InvalidRequestContent" in headers.get("x-amzn-ErrorType", "").encode():  # L-2.24: the host reads the JSON first
            return support.Outcome("error", {"errorType": "Runtime.UnmarshalError", "errorMessage": json.loads(content)["message"]}, [])
        if status != 200:
            raise RuntimeError(f"{status}: {content.decode()}")
        lines = base64.b64decode(headers["X-Amz-Log-Result"]).decode().splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("START RequestId: ")]
        log = [line for line in lines[starts[-1] + 1 if starts else 0:] if not re.match(r"(END|REPORT|INIT_REPORT) |INIT_START |\d{4}-\d\d-\d\dT", line)]
        before = [line for line in lines[:starts[-1] if starts else 0] if not line.startswith("INIT_START ")]
        body = json.loads(content)
        if not headers.get("X-Amz-Function-Error"):
            return support.Outcome("response", body, log)
        kind = {"Sandbox.Timedout": "timeout", "Runtime.ExitError": "exit", "Runtime.ConfigInvalid": "init_error"}.get(body["errorType"], "error")
        return support.Outcome(kind, body, log or before)

    def script(self, *arguments, **more):
        """The program as a script, in the same environment; no host has to do with it."""
        return subprocess.run([support.PROGRAMS[self.name], *arguments], env={"PATH": os.environ["PATH"], **self.environment, **more.pop("environment", {})},
                              capture_output=True, timeout=120, check=False, text=True, stdin=subprocess.DEVNULL, **more)

    def http(self, method, path, body=None, kind="v2", content_type="application/json"):
        """(status, JSON) over HTTP; kind: v2, v1 or rest."""
        api = self.borealis.apis[self.name.replace("_", "") + kind]
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(api).netloc, timeout=60)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, "/test" + path, data, {"content-type": content_type} if data is not None else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def close(self):
        pass


def serve(gate_port, variables):
    """`borealis serve` with both functions of `variables` (name -> variables)."""
    folder = tempfile.mkdtemp(prefix="borealis-template-")
    file = pathlib.Path(folder, "template.json")
    functions = {name: HostedFunction(None, name, of).variables() for name, of in variables.items()}
    file.write_text(template(functions), encoding="utf-8")
    return support.Borealis(gate_port, None, more=f'[template]\nfile = "{file}"\n[http_api]\nlisten = "127.0.0.1:0"\n[lambda]\nuploads = true\n[transactions]\nidle_seconds = 10\n')
