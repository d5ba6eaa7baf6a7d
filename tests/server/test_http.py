"""HTTP as it comes over the wire: framing, smuggling, limits, time-outs, and the front door of developer mode."""
import json
import re
import shutil
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from authority import Authority  # noqa: E402
from running import AUTHORIZATION, SANITIZED, Server, both_databases_config, databases  # noqa: E402

BODY = None


def setUpModule():
    global server, database, BODY
    server = Server(both_databases_config() + "\n", "--threads", "2").start()
    database = databases()["postgresql"]
    BODY = json.dumps({"resourceArn": database.arn, "secretArn": database.secret, "sql": "SELECT 1"}).encode()


def tearDownModule():
    server.stop()


def head(path="/Execute", method="POST", version="HTTP/1.1", host=None, extra=(), length=None):
    lines = [f"{method} {path} {version}", f"Host: {host or '127.0.0.1:' + str(server.port)}", f"Authorization: {AUTHORIZATION}"]
    lines += list(extra)
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def execute(extra=(), **more):
    return head(extra=extra, length=len(BODY), **more) + BODY


class Connection:
    def __init__(self, port=None):
        self.socket = socket.create_connection(("127.0.0.1", port or server.port), timeout=20)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        got = self.socket.recv(65536)
        self.buffer += got
        return got

    def answer(self, method="POST"):
        """(status, headers, body) of the next answer, or None when the connection ends before one."""
        try:
            while b"\r\n\r\n" not in self.buffer:
                if not self.more():
                    return None
            top, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            lines = top.decode().split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:])}
            if status == 100:
                return status, headers, b""
            length = 0 if method == "HEAD" or status == 204 else int(headers["content-length"])
            while len(self.buffer) < length:
                if not self.more():
                    raise AssertionError("cut answer")
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            return status, headers, body
        except ConnectionResetError:
            return None

    def closed(self):
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def ask(data):
    with Connection() as c:
        c.send(data)
        return c.answer()


ONE = {"numberOfRecordsUpdated": 0, "records": [[{"longValue": 1}]]}


class Answers(unittest.TestCase):
    def test_success_has_the_headers_of_r_1_4(self):
        status, headers, body = ask(execute())
        self.assertEqual((status, json.loads(body)), (200, ONE))
        self.assertEqual(headers["content-type"], "application/json")
        self.assertRegex(headers["x-amzn-requestid"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertRegex(headers["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertNotIn("x-amzn-errortype", headers)

    def test_errors_have_the_shape_of_r_1_30(self):
        status, headers, body = ask(head(length=2) + b"{}")
        self.assertEqual(status, 400)
        self.assertEqual(headers["x-amzn-errortype"], "ValidationException")
        self.assertEqual(list(json.loads(body)), ["message"])
        self.assertIn("x-amzn-requestid", headers)

    def test_unknown_path_and_wrong_method_r_1_6(self):
        self.assertEqual(ask(head("/Nothing", length=0))[0:1], (404,))
        status, headers, body = ask(head("/Execute", "GET"))
        self.assertEqual((status, headers["x-amzn-errortype"], headers["allow"]), (405, "UnknownOperationException", "POST"))

    def test_trailing_slash_r_1_5(self):
        self.assertEqual(ask(execute(path="/Execute/"))[0], 200)

    def test_any_content_type_r_1_3(self):
        for kind in ("application/x-amz-json-1.1", "*/*", "text/plain"):
            self.assertEqual(ask(execute([f"Content-Type: {kind}"]))[0], 200, kind)
        self.assertEqual(ask(execute())[0], 200)

    def test_broken_json_r_2_30(self):
        for body in (b"", b"{", b"[]", b'"x"', b"{\"a\":}", b"\xff\xfe", b'{"resourceArn":7}', b"{} x"):
            status, headers, text = ask(head(length=len(body)) + body)
            self.assertEqual((status, headers["x-amzn-errortype"]), (400, "SerializationException"), body)
            self.assertIn("message", json.loads(text))

    def test_health_needs_no_credentials(self):
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0], 200)

    def test_head_has_no_body(self):
        with Connection() as c:
            c.send(b"HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + execute())
            self.assertEqual(c.answer("HEAD")[0], 200)
            self.assertEqual(json.loads(c.answer()[2]), ONE)


class Framing(unittest.TestCase):
    def test_keep_alive_and_pipelining(self):
        with Connection() as c:
            c.send(execute() * 20)
            for _ in range(20):
                self.assertEqual(json.loads(c.answer()[2]), ONE)

    def test_bytes_cut_at_every_position(self):
        whole = execute()
        for at in range(1, len(whole)):
            with Connection() as c:
                c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                c.send(whole[:at])
                if at % 16 == 0:
                    time.sleep(0.002)  # lets the first part arrive alone, now and then
                c.send(whole[at:])
                self.assertEqual(json.loads(c.answer()[2]), ONE, at)

    def test_byte_by_byte(self):
        with Connection() as c:
            c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in execute():
                c.send(bytes([byte]))
            self.assertEqual(json.loads(c.answer()[2]), ONE)

    def test_chunked(self):
        chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in (BODY[:1], BODY[1:40], BODY[40:])) + b"0\r\nTrailer: x\r\n\r\n"
        with Connection() as c:
            c.send((head(extra=["Transfer-Encoding: chunked"]) + chunks) * 2)
            self.assertEqual(json.loads(c.answer()[2]), ONE)
            self.assertEqual(json.loads(c.answer()[2]), ONE)

    def test_expect_100_continue(self):
        with Connection() as c:
            c.send(head(extra=["Expect: 100-continue"], length=len(BODY)))
            self.assertEqual(c.answer()[0], 100)
            c.send(BODY)
            self.assertEqual(json.loads(c.answer()[2]), ONE)

    def test_connection_close_and_http_1_0(self):
        for request in (execute(["Connection: close"]), execute(version="HTTP/1.0")):
            with Connection() as c:
                c.send(request)
                self.assertEqual(c.answer()[0], 200)
                self.assertTrue(c.closed())

    def refused(self, data, *statuses):
        with Connection() as c:
            c.send(data)
            try:
                c.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server was quicker
            got = c.answer()
            self.assertIsNotNone(got, data)
            self.assertIn(got[0], statuses or (400,), data)
            self.assertIn("message", json.loads(got[2]))
            self.assertTrue(c.closed(), data)

    def test_smuggling_is_refused_and_ends_the_connection(self):
        second = execute()
        n = len(BODY)
        for extra in (["Content-Length: 5"], [f"Content-Length: {n}"], ["Transfer-Encoding: chunked"]):
            self.refused(head(extra=extra, length=n) + BODY + second)
        for coding in ("gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked, identity", ""):
            self.refused(head(extra=[f"Transfer-Encoding: {coding}"]) + b"0\r\n\r\n" + second, 400, 501)
        self.refused(head(extra=["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n")
        self.refused(head(version="HTTP/1.0", extra=["Transfer-Encoding: chunked"]) + b"0\r\n\r\n")
        for length in ("+5", "-1", "5, 5", "0x10", "", "1e3", "99999999999999999999", "5 5"):
            self.refused(head(extra=[f"Content-Length: {length}"]) + b"12345", 400, 413)
        self.refused(head(extra=["X-A: 1", " folded: 2"], length=n) + BODY)
        self.refused(head(extra=["X-A : 1"], length=n) + BODY)
        self.refused(head(extra=["X-A: a\0b"], length=n) + BODY)
        self.refused(head(extra=["Host: other"], length=n) + BODY)
        self.refused(b"POST /Execute HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        self.refused(execute().replace(b"\r\n", b"\n"))
        self.refused(head(extra=["Transfer-Encoding: chunked"]) + b"5;\nx\r\n12345\r\n0\r\n\r\n")
        self.refused(head(extra=["Transfer-Encoding: chunked"]) + b"fffffffffffffffff\r\n")
        self.refused(head(extra=["Transfer-Encoding: chunked"]) + b"-1\r\n")
        self.refused(head(version="HTTP/2.0", length=0), 400, 505)
        self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)
        self.refused(head(extra=["Expect: magic"], length=0), 417)

    def test_limits_have_their_own_answers(self):
        self.refused(head(extra=["X-Long: " + "a" * 70_000], length=0), 431)
        self.refused(head(extra=[f"X-{i}: 1" for i in range(500)], length=0), 431)
        self.refused(head("/" + "a" * 20_000, length=0), 414)

    def test_body_over_the_limit_r_1_8(self):
        for data in (head(length=4 * 1024 * 1024 + 1), head(extra=["Transfer-Encoding: chunked"]) + b"400001\r\n"):
            with Connection() as c:
                c.send(data)
                status, headers, body = c.answer()
                self.assertEqual((status, json.loads(body)), (413, {"message": "Request Entity Too Large"}))
                self.assertNotIn("x-amzn-errortype", headers)

    def test_a_client_that_sends_all_before_it_reads_sees_413(self):
        status, _, body = ask(head(length=20_000_000) + b" " * 20_000_000)
        self.assertEqual((status, json.loads(body)), (413, {"message": "Request Entity Too Large"}))

    def test_body_of_the_limit_r_3_1(self):
        body = BODY + b" " * (4 * 1024 * 1024 - len(BODY))
        self.assertEqual(ask(head(length=len(body)) + body)[0], 200)


class FrontDoor(unittest.TestCase):
    def test_no_authorization_r_10_30(self):
        status, headers, body = ask(execute().replace(f"Authorization: {AUTHORIZATION}\r\n".encode(), b""))
        self.assertEqual((status, headers["x-amzn-errortype"], json.loads(body)["message"]),
                         (403, "MissingAuthenticationTokenException", "Missing Authentication Token"))

    def test_foreign_host_and_origin_are_refused(self):
        for request in (execute(host="evil.example"), execute(host="127.0.0.1.evil.example"), execute(host="192.0.2.1:8080"),
                        execute(["Origin: http://evil.example"]), execute(["Origin: null"])):
            status, headers, _ = ask(request)
            self.assertEqual((status, headers["x-amzn-errortype"]), (403, "AccessDeniedException"))
            self.assertFalse([h for h in headers if h.startswith("access-control-")])
        for host in ("localhost", f"localhost:{server.port}", "127.0.0.1", "[::1]:80"):
            self.assertEqual(ask(execute(host=host))[0], 200, host)

    def test_requests_that_a_page_sends_without_an_origin_are_refused(self):
        for site in ("cross-site", "same-site"):
            self.assertEqual(ask(execute([f"Sec-Fetch-Site: {site}"]))[0], 403, site)
        self.assertEqual(ask(execute(["Sec-Fetch-Site: none"]))[0], 200)

    def test_credentials_that_a_browser_adds_by_itself_are_none(self):
        for scheme in ("Basic dGVzdDp0ZXN0", "Negotiate YII", "Digest username=a"):
            status, headers, _ = ask(execute().replace(AUTHORIZATION.encode(), scheme.encode()))
            self.assertEqual((status, headers["x-amzn-errortype"]), (403, "MissingAuthenticationTokenException"), scheme)

    def test_preflight_is_refused(self):
        status, headers, _ = ask(head("/Execute", "OPTIONS", extra=["Origin: http://evil.example", "Access-Control-Request-Method: POST"]))
        self.assertEqual(status, 403)
        self.assertFalse([h for h in headers if h.startswith("access-control-")])


class ListedOrigin(unittest.TestCase):
    """R-10.41."""
    LISTED = "http://localhost:3000"
    KEY = '[[key]]\nid = "AKIDEXAMPLE"\nsecret = "text:none of the requests is signed"\n'

    def ask(self, extra, method="POST", keys=""):
        with Server(f'allowed_origins = ["https://app.example", "{self.LISTED}"]\n' + both_databases_config() + keys) as other:
            with Connection(other.port) as c:
                body = b"" if method == "OPTIONS" else BODY
                c.send(head(method=method, host=f"127.0.0.1:{other.port}", extra=extra, length=len(body)) + body)
                return c.answer(method)

    def test_an_answer_names_the_origin_and_shows_its_headers(self):
        status, headers, _ = self.ask([f"Origin: {self.LISTED}", "Sec-Fetch-Site: same-site"])
        self.assertEqual((status, headers["access-control-allow-origin"], headers["vary"]), (200, self.LISTED, "Origin"))
        self.assertEqual(headers["access-control-expose-headers"], "x-amzn-RequestId,x-amzn-ErrorType,Date")
        self.assertNotIn("access-control-allow-credentials", headers)

    def test_preflight_says_what_may_be_sent(self):
        asked = [f"Origin: {self.LISTED}", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization",
                 "Access-Control-Request-Private-Network: true"]
        for keys in ("", self.KEY):  # a preflight is never signed
            status, headers, body = self.ask(asked, "OPTIONS", keys)
            self.assertEqual((status, body, headers["access-control-allow-origin"]), (204, b"", self.LISTED))
            self.assertIn("POST", headers["access-control-allow-methods"].split(","))
            for name in ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-user-agent",
                         "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-target"):
                self.assertIn(name, headers["access-control-allow-headers"].split(","))
            self.assertEqual(headers["access-control-allow-private-network"], "true")

    def test_errors_are_readable_as_well(self):
        status, headers, _ = self.ask([f"Origin: {self.LISTED}"], keys=self.KEY)
        self.assertEqual((status, headers["access-control-allow-origin"]), (400, self.LISTED))

    def test_others_are_refused_without_cors(self):
        for origin in ("http://localhost:3001", "https://app.example.evil.example", "null"):
            for method in ("POST", "OPTIONS"):
                status, headers, _ = self.ask([f"Origin: {origin}", "Access-Control-Request-Method: POST"], method)
                self.assertEqual(status, 403, origin)
                self.assertFalse([h for h in headers if h.startswith("access-control-")], origin)


class TimeOuts(unittest.TestCase):
    def test_idle_and_dripping_connections_are_closed(self):
        quick = both_databases_config() + "\n[limits]\nidle_seconds = 1\nread_seconds = 1\n"
        with Server(quick) as impatient:
            idle = socket.create_connection(("127.0.0.1", impatient.port), timeout=10)
            drip = socket.create_connection(("127.0.0.1", impatient.port), timeout=10)
            started = time.monotonic()
            dripped = None
            try:
                for byte in execute():
                    drip.sendall(bytes([byte]))
                    time.sleep(0.05)
                    if dripped is None and time.monotonic() - started > 8:
                        break
            except OSError:
                dripped = time.monotonic() - started
            self.assertIsNotNone(dripped)
            self.assertEqual(idle.recv(1), b"")


class StartUp(unittest.TestCase):
    def starts_not(self, config, *arguments, says):
        with self.assertRaises(AssertionError) as raised:
            Server(config, *arguments).start()
        self.assertRegex(str(raised.exception), says)

    def test_wrong_configuration_names_the_place(self):
        self.starts_not('listen = "127.0.0.1:0"\nlissen = 1\n', says=r"borealis\.toml:2:1: unknown key `lissen`")
        self.starts_not("threads = \n", says=r"borealis\.toml:1:")
        self.starts_not("[)\n", says=r"borealis\.toml:1:")  # an assertion of toml++ 3.3's
        for origin in ("*", "null", "https://app.example/", "app.example"):
            self.starts_not(f'allowed_origins = ["{origin}"]\n', says=r"borealis\.toml:1:\d+: `allowed_origins`: `.*` is no origin: write https://host")
        self.starts_not('[pool]\nmaximum = "many"\n', says=r"borealis\.toml:2:\d+: `maximum` must be a whole number")
        self.starts_not('[[secret]]\nname = "a"\nusername = "u"\npassword = "env:NOT_THERE_AT_ALL"\n', says="NOT_THERE_AT_ALL is not set")

    def test_port_in_use(self):
        self.starts_not("", "--listen", f"127.0.0.1:{server.port}", says=r"cannot listen on 127\.0\.0\.1:\d+.*--listen")

    def test_other_addresses_need_keys_and_tls_or_flags(self):
        """Each combination: it starts, without a word or with a warning, or names what is missing first."""
        folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, folder)
        certificate, key = Authority(folder).sign("localhost")
        tls = f'[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n'
        no_auth, no_tls = "--insecure-no-auth", "--insecure-no-tls"
        for with_keys in (False, True):
            for with_tls in (False, True):
                config = (tls if with_tls else "") + (ListedOrigin.KEY if with_keys else "")
                for flags in ((), (no_auth,), (no_tls,), (no_auth, no_tls)):
                    with self.subTest(keys=with_keys, tls=with_tls, flags=flags):
                        missing = [flag for flag, had in ((no_auth, with_keys), (no_tls, with_tls)) if not had and flag not in flags]
                        if missing:
                            self.starts_not(config, "--listen", "0.0.0.0:0", *flags, says=missing[0])
                            continue
                        with Server(config, "--listen", "0.0.0.0:0", *flags) as server:
                            said = re.findall("^WARNING: 0.0.0.0 can be reached from other machines, (.*)[.]$", server.text(), re.MULTILINE)
                        wanted = "callers are not authenticated" * (not with_keys) + " and nothing is encrypted" * (not with_tls)
                        self.assertEqual(said, [wanted.strip()] if wanted else [])
        for address in ("[::]:0", "192.0.2.1:0"):
            self.starts_not("insecure_no_tls = true\n", "--listen", address, says=no_auth)
        with Server("", no_auth, no_tls) as closed:
            self.assertNotIn("WARNING", closed.text())


class Load(unittest.TestCase):
    def test_many_connections_at_once(self):
        connections = [Connection() for _ in range(200)]
        for c in connections:
            c.send(execute())
        for c in connections:
            self.assertEqual(json.loads(c.answer()[2]), ONE)
            c.socket.close()

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory")
    def test_connections_that_wait_keep_no_buffer(self):
        def resident():
            return int(re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())[1])

        self.test_many_connections_at_once()  # the pools and their sessions are there
        before = resident()
        connections = [Connection() for _ in range(500)]
        for c in connections:
            c.send(execute())
            self.assertEqual(json.loads(c.answer()[2]), ONE)
        deadline = time.monotonic() + 30
        while resident() - before > 500 * 8 and time.monotonic() < deadline:  # a buffer alone has 8 KiB
            time.sleep(0.2)
        self.assertLessEqual(resident() - before, 500 * 8)
        for byte in execute():
            connections[0].send(bytes([byte]))
        for c in connections[1:]:
            c.send(execute())
        for c in connections:
            self.assertEqual(json.loads(c.answer()[2]), ONE)
            c.socket.close()

    def test_one_that_closes_its_half_and_then_waits_is_answered_and_let_go(self):
        resting = Connection()
        resting.send(execute())
        self.assertEqual(json.loads(resting.answer()[2]), ONE)
        time.sleep(4)  # it has given its buffer back
        resting.send(execute() + execute())
        resting.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(json.loads(resting.answer()[2]), ONE)
        self.assertEqual(json.loads(resting.answer()[2]), ONE)
        self.assertIsNone(resting.answer())

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory")
    def test_a_large_result_does_not_grow_the_process(self):
        def resident():
            return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())[1])

        for each in databases().values():
            rows = "SELECT n, repeat('x', 100) FROM generate_series(1, 10000000) n" if each.engine == "postgresql" else \
                "SELECT seq, REPEAT('x', 100) FROM seq_1_to_10000000"
            before = resident()
            status, kind, body = server.call("Execute", resourceArn=each.arn, secretArn=each.secret, sql=rows)
            self.assertEqual((status, kind), (400, "UnsupportedResultException"), body)
            self.assertIn("exceeds the size limit", body["message"])
            self.assertLess(resident() - before, 32 * 1024, each.engine)
            self.assertEqual(server.call("Execute", resourceArn=each.arn, secretArn=each.secret, sql="SELECT 1")[0], 200)


if __name__ == "__main__":
    unittest.main()
