"""The HTTP API over the wire: events, results, and every error of the gateway (reference, section 3)."""
import base64
import http.client
import json
import socket
import threading
import time
import unittest

from http_api_world import World, ask, raw


def setUpModule():
    global world
    world = World().__enter__()


def tearDownModule():
    world.__exit__()


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.api, self.named, self.rest = (world.ports[name] for name in ("Api", "Named", "Rest"))

    def refused(self, answer, status, message):
        self.assertEqual((status, {"message": message}), (answer.status, answer.json()))
        self.assertEqual("application/json", answer.headers["content-type"])


class Events(Case):
    def test_l_3_1_payload_2(self):
        event = ask(self.api, "/things/7%208?a=1&a=2&b=x%20y", user_agent="u", x_two=["1", "2"], cookie="c=1; d=2", accept="*/*").json()
        self.assertEqual(("2.0", "GET /things/{id}", "/things/7 8", "a=1&a=2&b=x%20y"), tuple(event[k] for k in ("version", "routeKey", "rawPath", "rawQueryString")))
        self.assertEqual({"a": "1,2", "b": "x y"}, event["queryStringParameters"])
        self.assertEqual({"id": "7 8"}, event["pathParameters"])
        self.assertEqual(["c=1", "d=2"], event["cookies"])
        self.assertEqual({"color": "blue"}, event["stageVariables"])
        self.assertEqual("1,2", event["headers"]["x-two"])
        self.assertEqual({"accept", "host", "user-agent", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-two"},
                         set(event["headers"]))
        self.assertEqual(str(self.api), event["headers"]["x-forwarded-port"])
        self.assertEqual({"method": "GET", "path": "/things/7 8", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "u"},
                         event["requestContext"]["http"])
        self.assertAlmostEqual(time.time(), event["requestContext"]["timeEpoch"] / 1000, delta=60)
        self.assertNotIn("body", event)

    def test_l_3_5_bodies(self):
        event = ask(self.api, "/any", "POST", b'{"x":"\xc3\xa4"}', content_type="application/json").json()
        self.assertEqual(('{"x":"ä"}', False), (event["body"], event["isBase64Encoded"]))
        event = ask(self.api, "/any", "POST", b"\x00\xff", content_type="application/x-www-form-urlencoded").json()
        self.assertEqual(("AP8=", True), (event["body"], event["isBase64Encoded"]))

    def test_a_chunked_body(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=60)
        connection.request("POST", "/any", iter([b"ab", b"c"]), {"content-type": "text/plain"}, encode_chunked=True)
        event = json.loads(connection.getresponse().read())
        self.assertEqual(("abc", "3"), (event["body"], event["headers"]["content-length"]))
        self.assertNotIn("transfer-encoding", event["headers"])
        connection.close()

    def test_l_3_40_greedy_default_and_stages(self):
        self.assertEqual({"path": "a/b c/d"}, ask(self.api, "/files/a/b%20c/d").json()["pathParameters"])
        event = ask(self.named, "/live/anything?x").json()
        self.assertEqual(("$default", "/live/anything", "live"), (event["routeKey"], event["rawPath"], event["requestContext"]["stage"]))
        self.assertEqual("/live/", ask(self.named, "/live").json()["rawPath"])

    def test_l_3_3_payload_1_and_rest(self):
        event = ask(self.api, "/old?x=1&x=2", X_Two=["1", "2"]).json()
        self.assertEqual(("1.0", ["1", "2"], ["1", "2"], None), (event["version"], event["multiValueHeaders"]["X-Two"],
                                                                  event["multiValueQueryStringParameters"]["x"], event["body"]))
        event = ask(self.rest, "/Prod/any", "PATCH", b"text").json()
        self.assertEqual(("/any", "/any", "PATCH", "text", "/Prod/any"),
                         (event["path"], event["resource"], event["httpMethod"], event["body"], event["requestContext"]["path"]))
        self.assertIsNone(event["queryStringParameters"])

    def test_head_has_no_body_and_the_connection_goes_on(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=60)
        head = ask(self.api, "/any", "HEAD", connection=connection)
        self.assertEqual((200, b""), (head.status, head.body))
        self.assertEqual("2.0", ask(self.api, "/any", connection=connection).json()["version"])
        connection.close()


class Results(Case):
    def test_l_3_10_inferred(self):
        for result, body in (([["7", "Ann"]], b'[["7","Ann"]]'), ('"hello"', b"hello"), ("5", b"5"), ('{ "a" : 1 }', b'{"a":1}')):
            answer = raw(self.api, "/any", result)
            self.assertEqual((200, body, "application/json"), (answer.status, answer.body, answer.headers["content-type"]))

    def test_l_3_11_explicit(self):
        answer = raw(self.api, "/any", {"statusCode": "201", "headers": {"X-A": "b", "Content-Type": "text/html"}, "cookies": ["a=1; Path=/", "b=2"], "body": "é"})
        self.assertEqual((201, "é".encode(), "b", "text/html"), (answer.status, answer.body, answer.headers["x-a"], answer.headers["content-type"]))
        self.assertEqual(["a=1; Path=/", "b=2"], answer.headers.get_all("set-cookie"))
        self.assertRegex(answer.headers["apigw-requestid"], r"^[A-Za-z0-9+/]{15}=$")
        self.assertIn("x-a", answer.headers.keys())  # L-3.15: lower case on the wire

    def test_l_3_12_binary(self):
        answer = raw(self.api, "/any", {"statusCode": 200, "headers": {"content-type": "image/png"}, "body": base64.b64encode(bytes(range(256))).decode(),
                                        "isBase64Encoded": True})
        self.assertEqual(bytes(range(256)), answer.body)

    def test_l_3_13_unusable_results(self):
        for result in ("null", "hello", '{"statusCode":"x"}', '{"statusCode":200,"body":{}}', '{"statusCode":200,"headers":{"a":["b"]}}',
                       {"statusCode": 200, "headers": {"x": "a\r\ny: z"}}):
            self.refused(raw(self.api, "/any", result), 500, "Internal Server Error")

    def test_204_has_neither_length_nor_body(self):
        answer = raw(self.api, "/any", {"statusCode": 204, "body": "x"})
        self.assertEqual((204, b"", None), (answer.status, answer.body, answer.headers["content-length"]))

    def test_l_3_20_rest(self):
        answer = raw(self.rest, "/Prod/any", {"statusCode": 200, "headers": {"X-T": "solo"}, "multiValueHeaders": {"x-t": ["m"]}})
        self.assertEqual((200, b"", ["m", "solo"], "application/json"),
                         (answer.status, answer.body, answer.headers.get_all("x-t"), answer.headers["content-type"]))
        self.assertIsNotNone(answer.headers["x-amzn-requestid"])
        encoded = {"statusCode": 200, "body": "AAEC", "isBase64Encoded": True}
        self.assertEqual(b"AAEC", raw(self.rest, "/Prod/any", encoded).body)
        self.assertEqual(b"\0\1\2", raw(self.rest, "/Prod/any", encoded, accept="image/png").body)
        for result in ([["7", "Ann"]], {}, {"statusCode": 200, "more": 1}, '"x"'):  # L-3.23, L-3.27
            self.refused(raw(self.rest, "/Prod/any", result), 502, "Internal server error")


class Errors(Case):
    """Section 3.4."""

    def test_l_3_30_no_route(self):
        self.refused(ask(self.api, "/nowhere"), 404, "Not Found")
        self.refused(ask(self.api, "/things/7", "DELETE"), 404, "Not Found")
        self.refused(ask(self.named, "/other/x"), 404, "Not Found")
        self.refused(ask(self.rest, "/Prod/nowhere"), 403, "Missing Authentication Token")
        self.refused(ask(self.rest, "/any"), 403, "Forbidden")

    def test_l_3_31_function_errors(self):
        for do in ("error", "exit:0", "exit:3"):
            answer = ask(self.api, f"/any?do={do}")
            self.refused(answer, 500, "Internal Server Error")
            self.assertNotIn(b"secret", answer.body)
            self.refused(ask(self.rest, f"/Prod/any?do={do}"), 502, "Internal server error")
        self.assertEqual(200, ask(self.api, "/any").status)  # L-1.63: the next call starts anew
        self.refused(ask(self.api, "/broken"), 500, "Internal Server Error")
        self.refused(ask(self.api, "/any?do=large"), 500, "Internal Server Error")
        self.refused(ask(self.api, "/slow?do=sleep:60"), 500, "Internal Server Error")  # Sandbox.Timedout is a function error

    def test_l_3_32_integration_time_out_and_the_function_goes_on(self):
        before = world.slept()
        self.refused(ask(self.api, "/hasty?do=sleep:1.5"), 503, "Service Unavailable")
        self.refused(ask(self.rest, "/Prod/hasty?do=sleep:1.5"), 504, "Endpoint request timed out")
        self.wait_for_sleepers(before + 2)  # L-9.8

    def test_l_9_7_a_client_that_goes_away_cancels_nothing(self):
        before = world.slept()
        with socket.create_connection(("127.0.0.1", self.api)) as gone:
            gone.sendall(b"GET /any?do=sleep:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.2)
        self.wait_for_sleepers(before + 1)

    def wait_for_sleepers(self, count):
        until = time.monotonic() + 60
        while world.slept() < count and time.monotonic() < until:
            time.sleep(0.05)
        self.assertGreaterEqual(world.slept(), count)

    def test_l_3_33_concurrency_of_the_function(self):
        self.refused(ask(self.api, "/busy"), 503, "Service Unavailable")
        self.refused(ask(self.rest, "/Prod/busy"), 500, "Internal server error")

    def test_l_3_34_too_large(self):
        for size in (10 * 2**20 + 1, 6 * 2**20):  # over the gateway's limit, over Lambda's as base64
            with socket.create_connection(("127.0.0.1", self.api), timeout=60) as to:
                to.sendall(b"POST /any HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
                try:
                    to.sendall(b"x" * size)
                except OSError:
                    pass  # refused before the end
                self.assertTrue(to.recv(65536).startswith(b"HTTP/1.1 413 "), size)
        event = ask(self.api, "/any", "POST", b"x" * 1_000_000, content_type="text/plain").json()
        self.assertEqual(1_000_000, len(event["body"]))

    def test_l_3_35_headers_too_large(self):
        self.refused(ask(self.api, "/any", x_long="x" * 10_240), 431, "Request Header Fields Too Large")
        self.assertEqual(200, ask(self.api, "/any", x_long="x" * 8_000).status)

    def test_what_is_no_request(self):
        with socket.create_connection(("127.0.0.1", self.api), timeout=60) as to:
            to.sendall(b"GET /any HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            got = to.recv(65536)
        self.assertTrue(got.startswith(b"HTTP/1.1 400 "), got)
        self.assertIn(b'{"message":"Bad Request"}', got)

    def test_a_foreign_host_is_refused(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=60)
        connection.request("GET", "/any", headers={"Host": "evil.example"})
        answer = connection.getresponse()
        self.assertEqual((403, b'{"message":"Forbidden"}'), (answer.status, answer.read()))
        connection.close()


class Cors(Case):
    def test_l_3_41_preflight(self):
        asked = {"origin": "https://page.example", "access_control_request_method": "POST", "access_control_request_headers": "content-type"}
        answer = ask(self.api, "/any", "OPTIONS", **asked)
        self.assertEqual((204, b"", "https://page.example", "GET,POST", "content-type"),
                         (answer.status, answer.body, *(answer.headers[f"access-control-allow-{k}"] for k in ("origin", "methods", "headers"))))
        answer = ask(self.api, "/any", "OPTIONS", **{**asked, "origin": "https://other.example"})
        self.assertEqual((204, None), (answer.status, answer.headers["access-control-allow-origin"]))

    def test_l_3_41_answers(self):
        answer = raw(self.api, "/any", {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}}, origin="https://page.example")
        self.assertEqual(("https://page.example", "link"), tuple(answer.headers[f"access-control-{k}"] for k in ("allow-origin", "expose-headers")))
        answer = raw(self.api, "/any", {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}}, origin="https://other.example")
        self.assertIsNone(answer.headers["access-control-allow-origin"])
        # Errors of the gateway too, so that a page can read them.
        self.assertEqual("https://page.example", ask(self.api, "/nowhere", origin="https://page.example").headers["access-control-allow-origin"])
        # Without a configuration the function decides.
        self.assertEqual("*", raw(self.named, "/live/x", {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}},
                                  origin="https://other.example").headers["access-control-allow-origin"])


class Concurrency(Case):
    def test_l_1_65_many_at_once(self):
        statuses = []

        def work():
            for _ in range(5):
                statuses.append(ask(self.api, "/any?do=count").status)

        crew = [threading.Thread(target=work) for _ in range(12)]
        for one in crew:
            one.start()
        for one in crew:
            one.join()
        self.assertEqual([200] * 60, statuses)


class Watched(unittest.TestCase):
    """What `borealis dev` does."""

    def wait(self, condition):
        until = time.monotonic() + 60
        while not condition() and time.monotonic() < until:
            time.sleep(0.1)
        self.assertTrue(condition())

    def test_changes_of_template_and_code_are_followed(self):
        with World(watch=True) as world_:
            api = world_.ports["Api"]
            self.assertEqual((200, 404), (ask(api, "/things/1").status, ask(api, "/new").status))
            world_.replace_template(lambda text: text.replace("Path: '/things/{id}', Method: GET", "Path: /new, Method: GET"))
            self.wait(lambda: ask(api, "/new").status == 200)
            self.assertEqual(404, ask(api, "/things/1").status)
            # A template that is broken changes nothing, and says where.
            good = world_.template.read_text()
            world_.replace_template(lambda text: text.replace("Method: ANY}}", "Method: FETCH}}", 1))
            self.wait(lambda: "unknown method `FETCH`; what was there before goes on" in world_.server.text())
            self.assertEqual(200, ask(api, "/new").status)
            world_.replace_template(lambda _: good.replace("{color: blue}", "{color: red}"))
            self.wait(lambda: ask(api, "/new").json().get("stageVariables") == {"color": "red"})
            # The program itself (L-9.3).
            program = world_.folder / "code" / "bootstrap"
            changed = program.with_suffix(".new")
            changed.write_text(program.read_text().replace('"echo":\n', '"echo" and False:\n').replace('    elif what == "raw":', '    elif what == "echo":\n        result = b\'"changed"\'\n    elif what == "raw":'))
            changed.chmod(0o755)
            changed.replace(program)
            self.wait(lambda: ask(api, "/new").body == b"changed")
            # An API that is no longer there has no routes; a further one has a listener of its own.
            self.assertEqual(200, ask(world_.ports["Named"], "/live/x").status)
            world_.replace_template(lambda text: text.replace("  Named:", "  Later:").replace("!Ref Named", "!Ref Later"))
            self.wait(lambda: ask(world_.ports["Named"], "/live/x").status == 404)
            self.wait(lambda: "API Later" in world_.server.text())
            self.assertEqual(200, ask(world_.read_apis()["Later"], "/live/x").status)


class Rate(unittest.TestCase):
    def test_l_3_33_over_the_rate(self):
        with World(more="rate_per_second = 1\nburst = 3") as slow:
            statuses = [ask(slow.ports["Api"], "/nowhere").status for _ in range(6)]
            self.assertEqual([404] * 3, statuses[:3])
            refused = [status for status in statuses if status == 429]
            self.assertTrue(refused, statuses)


if __name__ == "__main__":
    unittest.main()
