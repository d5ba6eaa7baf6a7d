"""A `borealis serve` with HTTP APIs in front of a function that does what each request says.

The function is a stranger's: a Python program that speaks the Runtime API and knows nothing of Borealis.
"""
import base64
import http.client
import json
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from running import Server  # noqa: E402

# `do` in the query chooses: `echo` (the event), `raw` (the result that header x-result holds, base64), `error`, `sleep:SECONDS`,
# `exit:STATUS`, `count` (how often this process was called).
FUNCTION = """#!{python}
import base64, json, os, sys, time, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
open_ = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open
calls = 0
while True:
    with open_(base + "next") as answer:
        event, request = json.loads(answer.read()), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    calls += 1
    headers = {{k.lower(): v for k, v in (event.get("headers") or {{}}).items()}}
    what = (event.get("queryStringParameters") or {{}}).get("do", "echo")
    end, result = "/response", b""
    if what == "echo":
        result = json.dumps({{"statusCode": 200, "headers": {{"content-type": "application/json"}}, "body": json.dumps(event)}}).encode()
    elif what == "raw":
        result = base64.b64decode(headers["x-result"])
    elif what == "error":
        end, result = "/error", json.dumps({{"errorMessage": "a secret", "errorType": "Broken"}}).encode()
    elif what.startswith("sleep:"):
        time.sleep(float(what[6:]))
        with open(os.path.join(os.environ["NOTES"], "slept"), "a") as notes:
            notes.write("slept\\n")
        result = b'{{"statusCode": 200, "body": "slept"}}'
    elif what.startswith("exit:"):
        sys.exit(int(what[5:]))
    elif what == "count":
        result = json.dumps({{"statusCode": 200, "body": str(calls)}}).encode()
    elif what == "large":
        result = json.dumps({{"statusCode": 200, "body": "x" * 7_000_000}}).encode()
    open_(urllib.request.Request(base + request + end, data=result, method="POST")).read()
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: provided.al2023, Timeout: 5, Environment: {Variables: {NOTES: NOTES_FOLDER}}}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageVariables: {color: blue}
      CorsConfiguration: {AllowOrigins: ['https://page.example'], AllowMethods: [GET, POST], AllowHeaders: [content-type], ExposeHeaders: [link]}
  Named: {Type: AWS::Serverless::HttpApi, Properties: {StageName: live}}
  Rest: {Type: AWS::Serverless::Api, Properties: {StageName: Prod, BinaryMediaTypes: [image~1png]}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Events:
        Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /any, Method: ANY}}
        One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/things/{id}', Method: GET}}
        Greedy: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/files/{path+}', Method: GET}}
        Old: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /old, Method: ANY, PayloadFormatVersion: '1.0'}}
        Hasty: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /hasty, Method: GET, TimeoutInMillis: 300}}
        Default: {Type: HttpApi, Properties: {ApiId: !Ref Named}}
        Rest: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /any, Method: ANY}}
        RestHasty: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /hasty, Method: GET, TimeoutInMillis: 300}}
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Timeout: 1
      Events:
        Slow: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /slow, Method: GET}}
  Busy:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      ReservedConcurrentExecutions: 0
      Events:
        Busy: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /busy, Method: GET}}
        RestBusy: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /busy, Method: GET}}
  Broken:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: empty
      Events:
        Broken: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /broken, Method: GET}}
"""


class World:
    """`with World() as world:` — `world.api`, `world.named` and `world.rest` are ports."""

    def __init__(self, template=TEMPLATE, more="", watch=False):
        self.server = Server("", "--log-level", "debug")
        folder = self.server.state / "app"
        self.folder = folder
        (folder / "code").mkdir(parents=True)
        (folder / "empty").mkdir()
        self.notes = folder / "notes"
        self.notes.mkdir(mode=0o777)
        self.notes.chmod(0o777)
        program = folder / "code" / "bootstrap"
        program.write_text(FUNCTION.format(python=sys.executable))
        program.chmod(0o755)
        for at in (folder, folder / "code", folder / "empty"):
            at.chmod(0o755)
        self.template = folder / "template.yaml"
        self.template.write_text(template.replace("NOTES_FOLDER", str(self.notes)))
        (self.server.state / "borealis.toml").write_text(
            f'[http_api]\nlisten = "127.0.0.1:0"\n{more}\n[template]\nfile = "{self.template}"\nwatch = {str(watch).lower()}\n')

    def __enter__(self):
        self.server.start()
        self.ports = self.read_apis()
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def read_apis(self):
        lines = re.findall(r"API (\S+) (?:\(.*\) )?listens on http://127\.0\.0\.1:(\d+)", self.server.text())
        return {name: int(port) for name, port in lines}

    def replace_template(self, change):
        """As an editor does it: a new file in the old one's place."""
        new = self.template.with_suffix(".new")
        new.write_text(change(self.template.read_text()))
        new.replace(self.template)

    def slept(self):
        file = self.notes / "slept"
        return len(file.read_text().splitlines()) if file.exists() else 0


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


def ask(port, target, method="GET", body=None, connection=None, **headers):
    """One request. Header names are given with underscores; a list as the value sends the header as often."""
    to = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    to.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            to.putheader(name.replace("_", "-"), one)
    if body is not None:
        to.putheader("Content-Length", str(len(body)))
    to.endheaders(body)
    answer = Answer(to.getresponse())
    if connection is None:
        to.close()
    return answer


def raw(port, path, result, method="GET", **headers):
    """The function gives exactly these bytes as its result."""
    text = result if isinstance(result, (str, bytes)) else json.dumps(result)
    encoded = base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
    return ask(port, path + "?" + urllib.parse.urlencode({"do": "raw"}), method, x_result=encoded, **headers)
