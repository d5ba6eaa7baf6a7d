"""The access log, the log of slow statements and the caller's trace id: what they say, and what they never do."""
import hashlib
import json
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from engines import until  # noqa: E402
from running import AUTHORIZATION, Server, both_databases_config, databases, post  # noqa: E402

AMAZON = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
W3C = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
COMMENT = ("/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',"
           "x_amzn_trace_id='Root%3D1-5759e988-bd862e3fe1be46a994272793%3BParent%3D53995c3f42cd8ad8%3BSampled%3D1'*/")
VALUE = "a-value-that-is-nobodys-business"


class Observed(unittest.TestCase):
    def serve(self, observe, *more):
        folder = tempfile.TemporaryDirectory(prefix="borealis-access-log-")
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name) / "access.log"
        self.server = Server(f"[observe]\n{observe.format(log=self.log)}\n" + both_databases_config(), "--threads", "2", *more).start()
        self.addCleanup(self.server.stop)

    def call(self, operation, engine="postgresql", headers=None, **members):
        there = databases()[engine]
        members = {"resourceArn": there.arn, "secretArn": there.secret, **members}
        return post(f"{self.server.url}/{operation}", json.dumps(members).encode(), headers)

    def lines(self, count, log=None):
        """That many, once they are there, in the order of the calls: each thread's lines are written together."""
        log = log or self.log
        until(lambda: log.exists() and log.read_text().count("\n") >= count, what=f"no {count} lines in {log.name}")
        return sorted((json.loads(line) for line in log.read_text().split("\n")[:-1]), key=lambda line: line["time"])


class AccessLog(Observed):
    def test_given_calls_when_logged_then_each_has_its_line(self):
        self.serve('access_log = "{log}"')
        there = databases()["postgresql"]
        self.assertEqual(self.call("Execute", sql="SELECT v FROM generate_series(1, 3) v WHERE :v <> ''", headers={"X-Amzn-Trace-Id": AMAZON, "traceparent": W3C},
                                   parameters=[{"name": "v", "value": {"stringValue": VALUE}}])[0], 200)
        self.assertEqual(self.call("Execute", sql="SELEKT")[0], 400)
        line, wrong = self.lines(2)
        times = [line.pop(f"{phase}_us") for phase in ("duration", "queue", "connect", "database", "encode")]
        self.assertGreaterEqual(times[0], sum(times[1:]))
        self.assertGreater(times[2], 0, "the session was opened for it")
        self.assertGreater(times[3], 0)
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertRegex(line.pop("request_id"), r"^[0-9a-f-]{36}$")
        self.assertGreater(line.pop("request_bytes"), 100)
        self.assertGreater(line.pop("response_bytes"), 20)
        self.assertEqual(line, {"client": "127.0.0.1", "access_key": "test", "caller": "arn:aws:iam::123456789012:user/test", "service": "rds-data",
                                "operation": "ExecuteStatement", "cluster": there.arn, "status": 200, "rows": 3, "trace_id": AMAZON, "traceparent": W3C})
        self.assertEqual((wrong["status"], wrong["error"], wrong["rows"], wrong["connect_us"]), (400, "DatabaseErrorException", 0, wrong["connect_us"]))
        text = self.log.read_text()
        for word in ("SELECT", "SELEKT", VALUE, there.password):
            self.assertNotIn(word, text)

    def test_given_a_request_id_when_answered_then_it_is_that_of_the_log(self):
        import urllib.request
        self.serve('access_log = "{log}"')
        there = databases()["mariadb"]
        body = json.dumps({"resourceArn": there.arn, "secretArn": there.secret, "sql": "SELECT 1"}).encode()
        asked = urllib.request.Request(self.server.url + "/Execute", data=body, headers={"Authorization": AUTHORIZATION})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            said = answer.headers["x-amzn-RequestId"]
        self.assertEqual(self.lines(1)[0]["request_id"], said)

    def test_given_a_transaction_when_logged_then_its_id_is_hashed(self):
        self.serve('access_log = "{log}"')
        for engine in databases():
            with self.subTest(engine):
                before = len(self.lines(0)) if self.log.exists() else 0
                id = self.call("BeginTransaction", engine)[2]["transactionId"]
                self.call("Execute", engine, sql="SELECT 1", transactionId=id)
                self.call("CommitTransaction", engine, transactionId=id)
                lines = self.lines(before + 3)[before:]
                self.assertEqual([l["operation"] for l in lines], ["BeginTransaction", "ExecuteStatement", "CommitTransaction"])
                self.assertEqual({l["transaction"] for l in lines}, {hashlib.sha256(id.encode()).hexdigest()[:16]})
                self.assertTrue(all(l["database_us"] > 0 for l in lines), lines)
                self.assertNotIn(id, self.log.read_text())

    def test_given_sql_that_is_asked_for_when_logged_then_it_has_no_values(self):
        self.serve('access_log = "{log}"\naccess_log_sql = true\nsql_characters = 60')
        self.call("Execute", sql=f"SELECT  '{VALUE}',\n 17 -- {VALUE}\nWHERE :name = 'x'", parameters=[{"name": "name", "value": {"stringValue": VALUE}}])
        self.call("BatchExecute", sql="INSERT INTO nowhere VALUES (:a, 1, 2)", parameterSets=[[{"name": "a", "value": {"longValue": 5}}]])
        self.call("Execute", sql="SELECT " + "abcdefghij, " * 20)
        lines = self.lines(3)
        self.assertEqual([l["sql"] for l in lines], ["SELECT ? WHERE :name = ?", "INSERT INTO nowhere VALUES (:a, ?)", ("SELECT " + "abcdefghij, " * 20)[:60] + "…"])
        self.assertNotIn(VALUE, self.log.read_text())

    def test_given_other_services_and_refusals_when_logged_then_they_have_lines_too(self):
        self.serve('access_log = "{log}"')
        post(self.server.url + "/", b'{"SecretId":"planted"}', {"X-Amz-Target": "secretsmanager.GetSecretValue", "Content-Type": "application/x-amz-json-1.1"})
        post(self.server.url + "/", b"{}", {"X-Amz-Target": "secretsmanager.ListSecrets", "Content-Type": "application/x-amz-json-1.1"})
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(4096)
            client.shutdown(socket.SHUT_WR)
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
            client.sendall(b"POST /Execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
            self.assertIn(b" 403 ", client.recv(4096))
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b" 200 ", client.recv(4096))
        self.call("Execute", sql="SELECT 1")
        lines = self.lines(5)
        said = [(l.get("service"), l.get("operation"), l["status"], l.get("error")) for l in lines]
        self.assertEqual(said, [("secretsmanager", "GetSecretValue", 200, None), ("secretsmanager", "ListSecrets", 200, None),
                                (None, None, 400, "SerializationException"), ("rds-data", None, 403, "MissingAuthenticationTokenException"),
                                ("rds-data", "ExecuteStatement", 200, None)])
        self.assertNotIn("nobody", self.log.read_text())

    def test_given_hostile_texts_when_logged_then_a_line_is_a_line(self):
        self.serve('access_log = "{log}"')
        hostile = 'arn:"}\n{"time":"now' + "\u2028x" * 400
        status, _, _ = self.call("Execute", sql="SELECT 1", resourceArn=hostile[:1000], headers={"X-Amzn-Trace-Id": 'Root=1"}'})
        self.assertEqual(status, 400)
        line = self.lines(1)[0]
        self.assertTrue(line["cluster"].startswith('arn:"}\n{"time":"now'))
        self.assertLess(len(line["cluster"].encode()), 600)
        self.assertNotIn("trace_id", line)
        self.assertEqual(self.log.read_text().count("\n"), 1)

    def test_given_a_log_moved_away_when_told_then_it_goes_on_under_its_name(self):
        self.serve('access_log = "{log}"')
        for number, signalled in enumerate((signal.SIGUSR1, signal.SIGHUP)):
            with self.subTest(signalled.name):
                self.call("Execute", sql="SELECT 1")
                self.lines(1 + number)
                old = self.log.with_suffix(f".{number}")
                self.log.rename(old)
                self.server.process.send_signal(signalled)
                until(self.log.exists, what="it was not opened again")
                self.call("Execute", sql="SELECT 2")
                self.lines(1)
                self.assertEqual(len(self.lines(1, old)), 1 + number)

    def test_given_standard_error_when_logged_then_lines_are_whole(self):
        self.serve('access_log = "stderr"')
        for _ in range(20):
            self.call("Execute", sql="SELECT 1")
        logged = lambda: [json.loads(l) for l in self.server.text().splitlines() if l.startswith("{")]
        until(lambda: len(logged()) == 20, what="20 lines are not there")

    def test_given_a_server_that_stops_when_calls_were_just_answered_then_they_are_in_the_log(self):
        self.serve('access_log = "{log}"')
        for _ in range(5):
            self.call("Execute", sql="SELECT 1")
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(len(self.log.read_text().splitlines()), 5)

    def test_given_a_log_that_cannot_be_opened_when_started_then_the_setting_is_named(self):
        with self.assertRaisesRegex(AssertionError, r"\[observe\] `access_log`: cannot open"):
            self.serve('access_log = "/nowhere/at/all/access.log"')


class SlowStatements(Observed):
    def slow(self):
        return [l.split(" warning slow statement: ")[1] for l in self.server.text().splitlines() if " warning slow statement: " in l]

    def test_given_slow_statements_when_done_then_the_log_has_them_without_values(self):
        self.serve("slow_statement_seconds = 0.3")
        for engine, sleep in {"postgresql": "pg_sleep", "mariadb": "SLEEP"}.items():
            with self.subTest(engine):
                before = len(self.slow())
                self.call("Execute", engine, sql=f"SELECT 1, '{VALUE}'")
                self.call("Execute", engine, sql=f"SELECT {sleep}(0.5),  '{VALUE}' /* {VALUE} */ WHERE 'x' <> :v", headers={"X-Amzn-Trace-Id": AMAZON},
                          parameters=[{"name": "v", "value": {"stringValue": VALUE}}])
                self.call("BatchExecute", engine, sql=f"SELECT {sleep}(:v)", parameterSets=[[{"name": "v", "value": {"doubleValue": 0.2}}]] * 2)
                until(lambda: len(self.slow()) == before + 2, what="the lines are not there")
                execute, batch = self.slow()[before:]
                self.assertRegex(execute, rf"^0\.[5-9]\d\d s, ExecuteStatement on test-{engine} by arn:aws:iam::123456789012:user/test, trace Root=1-5759e988-"
                                          rf"[^ ]*: SELECT {sleep}\(\?\), \? WHERE \? <> (\$1|\?)$")
                self.assertRegex(batch, rf"BatchExecuteStatement on test-{engine} .*: SELECT {sleep}\((\$1|\?)\)$")
        self.assertNotIn(VALUE, self.server.text())

    def test_given_many_when_logged_then_the_log_says_how_many_it_left_out(self):
        self.serve("slow_statement_seconds = 0.001\nslow_statements_per_second = 1")
        sets = [[{"name": "v", "value": {"doubleValue": 0.002}}]]
        end = time.monotonic() + 60
        while not any("more were left out" in l for l in self.slow()) and time.monotonic() < end:
            self.call("BatchExecute", sql="SELECT pg_sleep(:v)", parameterSets=sets)
        self.assertTrue(any("more were left out" in l for l in self.slow()), self.slow()[-5:])

    def test_given_a_statement_cut_off_by_its_time_when_logged_then_it_is_slow(self):
        self.serve("slow_statement_seconds = 0.5\n[transactions]\nidle_seconds = 100")
        there = databases()["postgresql"]
        status, kind, _ = self.call("Execute", sql="SET statement_timeout = 600; SELECT 1")
        self.assertEqual(status, 400)
        id = self.call("BeginTransaction")[2]["transactionId"]
        self.call("Execute", sql="SET LOCAL statement_timeout = 600", transactionId=id)
        self.assertEqual(self.call("Execute", sql="SELECT pg_sleep(30)", transactionId=id)[1], "DatabaseErrorException")
        self.call("RollbackTransaction", transactionId=id)
        until(lambda: any("SELECT pg_sleep(?)" in l for l in self.slow()), what="the line is not there")


class TraceComment(Observed):
    HEADERS = {"X-Amzn-Trace-Id": AMAZON, "traceparent": W3C}
    TEXT = {"postgresql": "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
            "mariadb": "SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID()"}

    def seen(self, engine, headers, text=None, **members):
        """The statement as the database sees it."""
        status, kind, body = self.call("Execute", engine, sql=text or self.TEXT[engine], headers=headers, **members)
        self.assertEqual(status, 200, (kind, body))
        return body["records"][0][0]["stringValue"]

    def test_given_a_trace_id_when_asked_for_then_the_database_sees_it(self):
        self.serve("sql_comment = true")
        for engine, text in self.TEXT.items():
            with self.subTest(engine):
                self.assertEqual(self.seen(engine, self.HEADERS), f"{text}\n{COMMENT}")
                self.assertEqual(self.seen(engine, {}), text)
                # Behind a comment to the end of the line, and with a parameter.
                self.assertTrue(self.seen(engine, self.HEADERS, text + " AND :v = 1 -- why", parameters=[{"name": "v", "value": {"longValue": 1}}])
                                .endswith(f"-- why\n{COMMENT}"))
                self.assertTrue(self.seen(engine, self.HEADERS, text + ";").endswith(COMMENT))
                id = self.call("BeginTransaction", engine)[2]["transactionId"]
                self.assertTrue(self.seen(engine, self.HEADERS, transactionId=id).endswith(COMMENT))
                self.call("CommitTransaction", engine, transactionId=id)

    def test_given_many_traces_when_called_then_each_statement_works(self):
        """Each is another text: more of them than a session keeps prepared."""
        self.serve("sql_comment = true\n[pool]\nmaximum = 1\nstatements = 100")
        for engine, text in self.TEXT.items():
            with self.subTest(engine):
                for number in range(150):
                    trace = f"Root=1-5759e988-{number:024x}"
                    self.assertIn(f"{number:024x}", self.seen(engine, {"X-Amzn-Trace-Id": trace}))

    def test_given_a_definition_or_a_session_statement_when_traced_then_it_stays_as_it_is(self):
        self.serve("sql_comment = true")
        for engine in databases():
            with self.subTest(engine):
                self.call("Execute", engine, sql="DROP VIEW IF EXISTS observed_view")
                status, kind, body = self.call("Execute", engine, sql="CREATE VIEW observed_view AS SELECT 1 AS a", headers=self.HEADERS)
                self.assertEqual(status, 200, (kind, body))
                shown = {"postgresql": "SELECT pg_get_viewdef('observed_view')", "mariadb": "SELECT view_definition FROM information_schema.views WHERE table_name = 'observed_view'"}
                self.assertNotIn("traceparent", self.seen(engine, self.HEADERS, shown[engine]))
                self.call("Execute", engine, sql="DROP VIEW observed_view", headers=self.HEADERS)

    def test_given_writes_and_batches_when_traced_then_they_work(self):
        self.serve("sql_comment = true")
        for engine in databases():
            with self.subTest(engine):
                self.call("Execute", engine, sql="DROP TABLE IF EXISTS observed")
                self.assertEqual(self.call("Execute", engine, sql="CREATE TABLE observed (a INT)", headers=self.HEADERS)[0], 200)
                self.addCleanup(self.call, "Execute", engine, sql="DROP TABLE observed")
                sets = [[{"name": "a", "value": {"longValue": n}}] for n in range(100)]
                self.assertEqual(self.call("BatchExecute", engine, sql="INSERT INTO observed VALUES (:a)", parameterSets=sets, headers=self.HEADERS)[0], 200)
                status, _, body = self.call("Execute", engine, sql="UPDATE observed SET a = a + 1 WHERE a >= :a", headers=self.HEADERS,
                                            parameters=[{"name": "a", "value": {"longValue": 50}}])
                self.assertEqual((status, body["numberOfRecordsUpdated"]), (200, 50))
                status, _, body = self.call("Execute", engine, sql="SELECT COUNT(*) FROM observed WHERE a > 50", headers=self.HEADERS)
                self.assertEqual(body["records"], [[{"longValue": 50}]])

    def test_given_a_hostile_header_when_traced_then_the_statement_is_as_it_was(self):
        self.serve("sql_comment = true")
        for engine, text in self.TEXT.items():
            for hostile in ("*/; DROP TABLE observed; /*", "Root=1-'x", "Root=?", "Root=%27", "Root=\\"):
                with self.subTest(f"{engine}: {hostile}"):
                    self.assertEqual(self.seen(engine, {"X-Amzn-Trace-Id": hostile, "traceparent": hostile}), text)

    def test_given_it_is_not_asked_for_when_traced_then_the_statement_is_as_it_was(self):
        self.serve('access_log = "{log}"')
        for engine, text in self.TEXT.items():
            self.assertEqual(self.seen(engine, self.HEADERS), text)


if __name__ == "__main__":
    unittest.main()
