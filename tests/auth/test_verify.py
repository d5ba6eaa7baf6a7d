"""`borealis auth verify` over vectors.json (requests signed by botocore) and over requests written as AWS's suites write theirs."""
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from running import BINARY  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MISMATCH = "InvalidSignatureException: The request signature we calculated does not match"


def verify(request, *arguments, time="2019-12-03T10:15:00Z", region="us-east-1", service="rds-data", key="AKIDEXAMPLE", secret=SECRET):
    return subprocess.run([BINARY, "auth", "verify", "--request", "-", "--time", time, "--region", region, "--service", service,
                           "--access-key", key, "--secret-from", "env:THE_SECRET", *arguments],
                          input=request, capture_output=True, env=dict(os.environ, THE_SECRET=secret), check=False, timeout=60)


def signed(path="/", query="", headers=(), body=b"", method="GET", canonical_path=None, canonical_headers=None, service="service"):
    """A request signed by hand, for what a server is asked in ways that botocore does not: returns (lines without Authorization, its value)."""
    when, day = "20150830T123600Z", "20150830"
    headers = [("Host", "example.amazonaws.com"), *headers, ("X-Amz-Date", when)]
    if canonical_headers is None:
        canonical_headers = {n.lower(): v for n, v in headers}
    names = ";".join(sorted(canonical_headers))
    canonical = "\n".join([method, canonical_path or path, query, *[f"{n}:{canonical_headers[n]}" for n in sorted(canonical_headers)], "", names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/us-east-1/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    made = b"AWS4" + SECRET.encode()
    for part in (day, "us-east-1", service, "aws4_request", text):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1", *[f"{n}:{v}" for n, v in headers]]
    return lines, f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, Signature={made.hex()}"


class Vectors(unittest.TestCase):
    def written(self, one, end="\r\n"):
        target = one["path"] + ("?" + one["query"] if one["query"] else "")
        lines = [f"{one['method']} {target or '/'} HTTP/1.1", *[f"{n}: {v}" for n, v in one["headers"]]]
        return (end.join(lines) + end + end).encode() + one["body"].encode()

    def arguments(self, one):
        return {"region": one["region"], "service": one["service"]}, ["--session-token", one["token"]] if one["token"] else []

    def test_botocores_requests_pass_in_either_line_end(self):
        for index, one in enumerate(json.loads((HERE / "vectors.json").read_text())):
            named, more = self.arguments(one)
            with self.subTest(one["name"]):
                done = verify(self.written(one, "\r\n" if index % 2 else "\n"), *more, **named)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(b"signed by AKIDEXAMPLE for " + one["service"].encode(), done.stdout)

    def test_changed_bytes_are_refused(self):
        one = next(o for o in json.loads((HERE / "vectors.json").read_text()) if o["name"] == "execute with a token")
        whole = self.written(one)
        named, more = self.arguments(one)
        head = whole.index(b"\r\n\r\n")
        for place in [whole.index(b"/Execute") + 3, whole.index(b"application/json"), whole.index(b"20191203T"), whole.index(b"Signature=") + 12,
                      whole.index(b"us-east-1"), whole.index(b"AKIDEXAMPLE"), whole.index(b"SignedHeaders=") + 15, whole.index(b"SESSIONTOKEN"), head + 6, len(whole) - 1]:
            changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:]
            with self.subTest(place=place, changed=whole[place:place + 1]):
                self.assertEqual(verify(changed, *more, **named).returncode, 1)
        self.assertEqual(verify(whole + b" ", *more, **named).returncode, 1)

    def test_what_does_not_fit_is_named(self):
        one = json.loads((HERE / "vectors.json").read_text())[0]
        whole = self.written(one)
        for more, says in (({"secret": "another"}, MISMATCH), ({"region": "eu-west-1"}, "scoped to a valid region"), ({"service": "rds"}, "scoped to correct service: 'rds'"),
                           ({"key": "AKIDOTHER"}, "UnrecognizedClientException"), ({"time": "20191203T102001Z"}, "Signature expired: 20191203T101500Z"),
                           ({"time": "20191203T100959Z"}, "Signature not yet current")):
            with self.subTest(more):
                done = verify(whole, **more)
                self.assertEqual((done.returncode, says in done.stderr.decode()), (1, True), done.stderr)
        self.assertEqual(verify(whole, "--session-token", "TOKEN").returncode, 1)
        for broken in (b"", b"GET\n", b"GET / HTTP/1.1\nno header\n", b"GET / HTTP/1.1\n folded\n"):
            self.assertEqual(verify(broken).returncode, 1)
        for wrong in ({"time": "yesterday"}, {"region": ""}, {"secret": ""}):
            self.assertEqual(verify(whole, **wrong).returncode, 2)

    def test_a_secret_is_no_argument(self):
        done = subprocess.run([BINARY, "auth", "verify", "--request", "-", "--time", "now", "--region", "r", "--service", "s", "--access-key", "k", "--secret-from", "my-secret"],
                              input=b"", capture_output=True, check=False)
        self.assertEqual((done.returncode, b"env:NAME or file:PATH" in done.stderr, b"my-secret" in done.stderr), (2, True, False))


class Suites(unittest.TestCase):
    """What the published suites ask for beside: folded and repeated headers, paths as they are, .authz files, contexts."""

    def check(self, lines, authorization, *arguments, body=b"", end="\n", code=0):
        request = (end.join([*lines, f"Authorization:{authorization}", "", ""])).encode() + body
        done = verify(request, *arguments, time="20150830T123600Z", service="service")
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_folded_and_repeated_headers(self):
        folded = {"host": "example.amazonaws.com", "my-header1": "value1 value2 value3", "x-amz-date": "20150830T123600Z"}
        self.check(*signed(headers=[("My-Header1", "value1\n  value2\n     value3")], canonical_headers=folded))
        repeated = {"host": "example.amazonaws.com", "my-header1": "value2,value2,value1", "x-amz-date": "20150830T123600Z"}
        self.check(*signed(headers=[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")], canonical_headers=repeated))

    def test_paths_normalised_or_as_they_are(self):
        self.check(*signed("/a/../b//c/./", canonical_path="/b/c/"))
        self.check(*signed("/a/../b//c/./", canonical_path="/a/../b//c/./"), code=1)
        self.check(*signed("/a/../b//c/./", canonical_path="/a/../b//c/./"), "--no-normalize")
        self.check(*signed("/a%20b", canonical_path="/a%2520b"))
        self.check(*signed("/a%20b", canonical_path="/a%20b"), "--encode-once")
        self.check(*signed("/a b/ሴ", canonical_path="/a%20b/%E1%88%B4"))

    def test_authorization_and_context_of_their_own(self):
        with tempfile.TemporaryDirectory() as folder:
            lines, authorization = signed()
            authz, context = pathlib.Path(folder, "x.authz"), pathlib.Path(folder, "context.json")
            authz.write_text(authorization + "\n")
            context.write_text(json.dumps({"credentials": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}, "normalize": True, "region": "us-east-1",
                                           "service": "service", "timestamp": "2015-08-30T12:36:00Z", "sign_body": False}))
            done = subprocess.run([BINARY, "auth", "verify", "--request", "-", "--authorization-file", authz, "--context", context], input="\n".join(lines).encode(),
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_presigned(self):
        query = urllib.parse.urlencode([("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"),
                                        ("X-Amz-Date", "20150830T123600Z"), ("X-Amz-Expires", "3600"), ("X-Amz-SignedHeaders", "host")])
        _, value = signed(query=query, canonical_headers={"host": "example.amazonaws.com"})
        request = f"GET /?{query}&X-Amz-Signature={value.rpartition('=')[2]} HTTP/1.1\nHost:example.amazonaws.com\n\n".encode()
        self.assertEqual(verify(request, "--presigned", time="20150830T123600Z", service="service").returncode, 0)
        self.assertEqual(verify(request, time="20150830T123600Z", service="service").returncode, 1)
        self.assertEqual(verify(request, "--presigned", time="20150830T133601Z", service="service").returncode, 1)

    def test_explained(self):
        shown = self.check(*signed(), "--explain").stdout.decode()
        self.assertIn("--- canonical request\nGET\n/\n\nhost:example.amazonaws.com\n", shown)
        self.assertIn("--- string to sign\nAWS4-HMAC-SHA256\n20150830T123600Z\n", shown)


if __name__ == "__main__":
    unittest.main()
