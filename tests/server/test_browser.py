"""Developer mode from a real browser: a page on another origin tries all that a page can, and no statement runs.

The page is served by a small server of its own, opened by headless Chromium, and reports what became of each attempt.
What an attempt would have done is told by the database: each inserts its own name into a table.
"""
import http.server
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import Server, both_databases_config, databases  # noqa: E402

BROWSER = shutil.which("chromium")
SECONDS = 300  # for a page to report; it takes about six
PAGE = """<!doctype html><meta charset="utf-8"><title>attempts</title><body><script>
const target = TARGET, arn = ARN, secret = SECRET, credentials = CREDENTIALS;
const body = name => JSON.stringify({resourceArn: arn, secretArn: secret, sql: `INSERT INTO browser_attempts VALUES ('${name}')`});
const results = {};
const wait = ms => new Promise(done => setTimeout(done, ms));

async function asked(name, options, url = target + '/Execute') {
  const answer = await fetch(url, {method: 'POST', body: body(name), ...options});
  return answer.type === 'opaque' ? 'opaque' : `${answer.status} ${answer.headers.get('x-amzn-ErrorType')} ${answer.headers.get('x-amzn-RequestId') !== null}`;
}

function sent_by_form(name, encoding, url = target + '/Execute') {
  // A form cannot quote: the text around `=` makes JSON of its one field.
  const frame = document.createElement('iframe');
  frame.name = 'frame-' + name;
  document.body.appendChild(frame);
  const form = document.body.appendChild(document.createElement('form'));
  Object.assign(form, {method: 'POST', enctype: encoding, action: url, target: frame.name});
  const field = form.appendChild(document.createElement('input'));
  const whole = body(name);
  field.name = whole.slice(0, -1) + ',"ignored":"';
  field.value = '"}';
  const loaded = new Promise(done => frame.addEventListener('load', () => done('loaded')));
  form.submit();
  return Promise.race([loaded, wait(4000)]);
}

const attempts = {
  fetch_signed: name => asked(name, {headers: {Authorization: credentials, 'Content-Type': 'application/json'}}),
  fetch_signed_text: name => asked(name, {headers: {Authorization: credentials, 'Content-Type': 'text/plain'}}),
  fetch_simple: name => asked(name, {headers: {'Content-Type': 'text/plain'}}),
  fetch_no_cors: name => asked(name, {mode: 'no-cors', headers: {'Content-Type': 'text/plain', Authorization: credentials}}),
  fetch_no_cors_form: name => asked(name, {mode: 'no-cors', headers: {'Content-Type': 'application/x-www-form-urlencoded'}}),
  fetch_with_cookies: name => asked(name, {credentials: 'include', headers: {Authorization: credentials}}),
  fetch_other_name: name => asked(name, {mode: 'no-cors'}, target.replace('127.0.0.1', 'localhost') + '/Execute'),
  xhr_with_password: name => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open('POST', target + '/Execute', true, 'user', 'password');
    request.withCredentials = true;
    request.onload = () => done(String(request.status));
    request.onerror = () => failed(new Error('network'));
    request.send(body(name));
  }),
  beacon: async name => { navigator.sendBeacon(target + '/Execute', body(name)); await wait(300); return 'sent'; },
  form_text: name => sent_by_form(name, 'text/plain'),
  form_urlencoded: name => sent_by_form(name, 'application/x-www-form-urlencoded'),
  form_multipart: name => sent_by_form(name, 'multipart/form-data'),
  form_with_password: name => sent_by_form(name, 'text/plain', target.replace('http://', 'http://user:password@') + '/Execute'),
  image: name => new Promise(done => {
    const image = new Image();
    image.onload = image.onerror = () => done('over');
    image.src = target + '/Execute?' + encodeURIComponent(body(name));
  }),
  script: name => new Promise(done => {
    const script = document.createElement('script');
    script.onload = script.onerror = () => done('over');
    script.src = target + '/Execute?' + encodeURIComponent(body(name));
    document.body.appendChild(script);
  }),
  web_socket: name => new Promise((done, failed) => {
    const to = new WebSocket(target.replace('http', 'ws') + '/Execute');
    to.onopen = () => { to.send(body(name)); done('open'); };
    to.onerror = () => failed(new Error('refused'));
  }),
  event_source: name => new Promise((done, failed) => {
    const from = new EventSource(target + '/Execute');
    from.onopen = () => done('open');
    from.onerror = () => { from.close(); failed(new Error('refused')); };
  }),
  sandboxed: name => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts allow-forms';
    frame.srcdoc = `<script>fetch(${JSON.stringify(target + '/Execute')}, {method: 'POST', mode: 'no-cors', body: ${JSON.stringify(body(name))}})
      .finally(() => parent.postMessage('over', '*'))</` + 'script>';
    addEventListener('message', () => done('over'), {once: true});
    document.body.appendChild(frame);
  }),
  rebound: async name => {  // the page's own name now leads to the server: no preflight, any header
    if (!REBINDS) return 'not tried';
    await fetch('/rebind');
    return await asked(name, {headers: {Authorization: credentials, 'Content-Type': 'application/json'}}, '/Execute') + ' ' + location.host;
  },
};

(async () => {
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      results[name] = String(await Promise.race([attempt(name), wait(60000).then(() => 'no answer')]));
    } catch (problem) {
      results[name] = 'failed: ' + problem.message;
    }
  }
  navigator.sendBeacon(REPORT, JSON.stringify(results));
})();
</script>"""

ATTEMPTS = {"fetch_signed", "fetch_signed_text", "fetch_simple", "fetch_no_cors", "fetch_no_cors_form", "fetch_with_cookies",
            "fetch_other_name", "xhr_with_password", "beacon", "form_text", "form_urlencoded", "form_multipart", "form_with_password",
            "image", "script", "web_socket", "event_source", "sandboxed", "rebound"}


class Reports:
    """Where pages report to; its own port, so that it works after a rebinding."""

    def __init__(self):
        owner = self
        self.arrived = threading.Event()
        self.results = None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                owner.results = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.arrived.set()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/report"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class PageServer:
    """Serves one page. After `GET /rebind` every new connection leads to `behind`, byte for byte: what a browser meets whose
    DNS entry for this name was changed meanwhile."""

    def __init__(self, page, address=("127.0.0.1", 0), behind=None):
        self.page, self.behind, self.rebound = page.encode(), behind, False
        self.listener = socket.create_server(address, backlog=64)
        self.port = self.listener.getsockname()[1]
        self.forwarded = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            if self.rebound:
                self.forwarded += 1
                with socket.create_connection(self.behind) as server:
                    back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
                    back.start()
                    self.copy(client, server)
                    back.join(SECONDS)
                return
            head = b""
            while b"\r\n\r\n" not in head:
                got = client.recv(65536)
                if not got:
                    return
                head += got
            body = self.page
            if head.startswith(b"GET /rebind "):
                self.rebound, body = True, b""
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Recorder:
    """A Data API without any defence: takes what arrives, whoever sends it. Shows which attempts a browser lets out."""

    def __init__(self):
        owner = self
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                owner.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode() + self.path)
                self.send_response(200)
                for name, value in (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "authorization,content-type"),
                                    ("Content-Length", "0")):
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@unittest.skipUnless(BROWSER, "chromium is not installed (scripts/install test)")
class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = databases()["postgresql"]
        with Server(both_databases_config()) as server:
            cls.ask(server, "CREATE TABLE browser_attempts (name text)")

    @classmethod
    def tearDownClass(cls):
        with Server(both_databases_config()) as server:
            cls.ask(server, "DROP TABLE browser_attempts")

    @classmethod
    def ask(cls, server, sql):
        status, _, body = server.call("Execute", resourceArn=cls.database.arn, secretArn=cls.database.secret, sql=sql)
        assert status == 200, body
        return body

    def executed(self, server):
        """Which attempts reached the database; forgotten then."""
        rows = self.ask(server, "DELETE FROM browser_attempts RETURNING name")["records"]
        return {row[0]["stringValue"] for row in rows}

    def open(self, target, host="evil.example", at=("127.0.0.1", 0), behind=None):
        """What a page reports of its attempts against `target`. It is served as http://<host>:<port of `at`>/, until it asks for
        its name to be changed to `behind`."""
        reports = Reports()
        self.addCleanup(reports.close)
        credentials = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/rds-data/aws4_request, SignedHeaders=host, Signature=00"
        page = PAGE
        for name, value in (("TARGET", target), ("ARN", self.database.arn), ("SECRET", self.database.secret),
                            ("CREDENTIALS", credentials), ("REBINDS", behind is not None), ("REPORT", reports.url)):
            page = re.sub(rf"\b{name}\b", lambda _: json.dumps(value), page)
        pages = PageServer(page, at, behind)
        self.addCleanup(pages.close)
        profile = tempfile.mkdtemp(prefix="borealis-test-")
        self.addCleanup(shutil.rmtree, profile, ignore_errors=True)
        log = open(Path(profile) / "browser.log", "wb")
        self.addCleanup(log.close)
        browser = subprocess.Popen(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}/data",
             f"--host-resolver-rules=MAP evil.example {at[0]}", f"http://{host}:{pages.port}/"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            arrived = reports.arrived.wait(SECONDS)
        finally:
            browser.terminate()
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait(20)
        self.assertTrue(arrived, "the page reported nothing:\n" + (Path(profile) / "browser.log").read_text(errors="replace")[-4000:])
        self.assertEqual(set(reports.results), ATTEMPTS)
        self.forwarded = pages.forwarded
        return reports.results

    def test_the_attempts_do_leave_the_browser(self):
        recorder = Recorder()
        self.addCleanup(recorder.close)
        self.open(recorder.url)
        wanted = ATTEMPTS - {
            "fetch_with_cookies",  # a preflight that names no origin is not enough for it
            "form_with_password",  # Chromium loads no frame from such an address
            "web_socket", "event_source",  # their statement follows once they are open
            "rebound"}
        deadline = time.monotonic() + 30
        while True:
            arrived = {name for name in ATTEMPTS for body in list(recorder.bodies) if f"('{name}')" in urllib.parse.unquote_plus(body)}
            if arrived >= wanted or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self.assertEqual(arrived, wanted)

    def test_a_page_on_another_origin_executes_nothing(self):
        with Server(both_databases_config()) as server:
            results = self.open(server.url)
            self.assertEqual(self.executed(server), set(), results)
            for name in ("fetch_signed", "fetch_signed_text", "fetch_simple", "fetch_with_cookies", "xhr_with_password", "web_socket", "event_source"):
                self.assertRegex(results[name], "^(failed|no answer)", name)  # not even the answer can be read

    def test_a_page_whose_name_leads_here_later_executes_nothing(self):
        with Server(both_databases_config()) as server:
            here = ("127.0.0.1", server.port)
            results = self.open(server.url, at=("127.0.0.2", server.port), behind=here)
            self.assertEqual(self.executed(server), set(), results)
            self.assertGreater(self.forwarded, 0)
            self.assertEqual(results["rebound"], f"403 AccessDeniedException true evil.example:{server.port}")

    def test_a_listed_page_executes(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with Server(f'allowed_origins = ["http://localhost:{port}"]\n' + both_databases_config()) as server:
            results = self.open(server.url, "localhost", ("127.0.0.1", port))
            self.assertEqual(results["fetch_signed"], "200 null true")
            self.assertEqual(results["fetch_signed_text"], "200 null true")
            self.assertEqual(results["fetch_simple"], "403 MissingAuthenticationTokenException true")
            self.assertEqual(self.executed(server), {"fetch_signed", "fetch_signed_text"}, results)


if __name__ == "__main__":
    unittest.main()
