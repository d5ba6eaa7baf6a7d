"""The rules of the Data API as a client sees them: one row per rule and case, answers compared to the letter.

The rows stand in `rows_*.py`, by section. A row is a name that starts with its rule's number, the engines it holds for, the calls in
order, and what each answers.
`@tx` in a member stands for the id that the row's last BeginTransaction gave; `@t` for a table name of the row's own.
"""
import concurrent.futures
import contextlib
import email.utils
import json
import re
import socket
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "support"), str(Path(__file__).resolve().parent)]
from running import AUTHORIZATION, CLUSTER, Server, both_databases_config, databases, post  # noqa: E402
from rows import *  # noqa: E402, F403
import rows_1_2_requests  # noqa: E402, F401
import rows_3_limits  # noqa: E402, F401
import rows_4_parameters  # noqa: E402, F401
import rows_5_values  # noqa: E402, F401
import rows_6_7_metadata  # noqa: E402, F401
import rows_8_batches  # noqa: E402, F401
import rows_9_transactions  # noqa: E402, F401
import rows_13_generation_1  # noqa: E402, F401
import rows_relaxed  # noqa: E402, F401

servers = {}

# Further clusters of the main server over the same databases, which rows name as their server.
VARIANTS = {"v1": 'profile = "aws-v1"', "early": 'profile = "aws-v1-early"', "relaxed": 'profile = "relaxed"',
            "tight": "result_bytes = 1000\nformatted_bytes = 100\nsql_characters = 200\nstatement_timeout_seconds = 1\nrow_bytes = 500"}


def variants_config():
    """The [[cluster]] of each database once more for each variant, as `test-postgresql-v1` and so on."""
    made = ""
    for engine, at in known.items():
        cluster = at.config().split("[[secret]]")[0]
        for name, keys in VARIANTS.items():
            made += cluster.replace(f'id = "test-{engine}"', f'id = "test-{engine}-{name}"') + keys + "\n"
    return made


def secret(server, name, **members):
    post(server.url + "/", json.dumps({"Name": name, **members}).encode(), {"X-Amz-Target": "secretsmanager.CreateSecret", "Content-Type": "application/x-amz-json-1.1"})


def setUpModule():
    global known
    known = databases()
    config = both_databases_config()
    with contextlib.ExitStack() as stack:
        servers["main"] = stack.enter_context(Server("threads = 2\n" + config + variants_config()))
        servers["narrow"] = stack.enter_context(Server("threads = 1\n" + config + "\n[pool]\nmaximum = 1\n"))
        servers["hasty"] = stack.enter_context(Server("threads = 2\nstatement_timeout_seconds = 1\n" + config + "\n[transactions]\nidle_seconds = 2\n"))
        main = servers["main"]
        for name, text in {"secret-without-password": '{"username":"x"}', "secret-not-json": "hello", "secret-a-number": "1", "secret-of-numbers": '{"username":1,"password":2}',
                           "secret-wrong-password": '{"username":"nobody_here","password":"wrong"}', "secret-deleted": '{"username":"x","password":"y"}'}.items():
            secret(main, name, SecretString=text)
        secret(main, "secret-binary", SecretBinary="AAEC")
        for engine, at in known.items():  # in full form: only the database counts besides the login
            secret(main, "secret-in-full-" + engine, SecretString=json.dumps({
                "username": at.user, "password": at.password, "engine": "oracle", "host": "elsewhere.invalid", "port": 1, "dbname": SCRATCH,
                "dbClusterIdentifier": "other", "dbInstanceIdentifier": "other"}))
        post(main.url + "/", b'{"SecretId":"secret-deleted"}', {"X-Amz-Target": "secretsmanager.DeleteSecret", "Content-Type": "application/x-amz-json-1.1"})
        for engine, at in known.items():
            for sql in [f"DROP DATABASE IF EXISTS {SCRATCH}", f"CREATE DATABASE {SCRATCH}"]:
                answer = main.call("Execute", resourceArn=at.arn, secretArn=at.secret, sql=sql)
                assert answer[0] == 200, answer
        stack.pop_all()
        unittest.addModuleCleanup(stop)


def stop():
    for server in servers.values():
        server.stop()


class Rules(unittest.TestCase):
    maxDiff = None


class Together(unittest.TestCase):
    """What needs calls at the same time, or another caller."""

    def call(self, engine, operation, **members):
        at = known[engine]
        members = {"resourceArn": at.arn, "secretArn": at.secret, **({} if "Transaction" in operation else {"database": SCRATCH}), **members}
        return servers["main"].call(operation, **members)

    def begin(self, engine):
        return self.call(engine, "BeginTransaction", database=SCRATCH)[2]["transactionId"]

    def test_r_2_20_a_second_call_is_refused_and_the_first_unaffected(self):
        for engine, sql in {PG: "SELECT 1 FROM (SELECT pg_sleep(1)) t", MY: "SELECT SLEEP(1) + 1"}.items():
            with self.subTest(engine), concurrent.futures.ThreadPoolExecutor() as pool:
                transaction = self.begin(engine)
                first = pool.submit(self.call, engine, "Execute", sql=sql, transactionId=transaction)
                time.sleep(0.4)
                busy = (400, "DatabaseErrorException", {"message": "Transaction is still running a query"})
                for operation in ["Execute", "BatchExecute", "CommitTransaction", "RollbackTransaction"]:
                    self.assertEqual(self.call(engine, operation, transactionId=transaction, **({} if "Transaction" in operation else {"sql": "SELECT 1"})), busy)
                self.assertEqual(first.result()[2], {"numberOfRecordsUpdated": 0, "records": [[L(1)]]})
                self.assertEqual(self.call(engine, "CommitTransaction", transactionId=transaction)[2], {"transactionStatus": "Transaction Committed"})

    def test_r_3_17_r_13_8_in_generation_1_calls_wait_for_their_turn(self):
        for engine, sleep in {PG: "SELECT 1 FROM (SELECT pg_sleep(0.5)) t", MY: "SELECT SLEEP(0.5) + 1"}.items():
            with self.subTest(engine), concurrent.futures.ThreadPoolExecutor() as pool:
                arn = known[engine].arn + "-v1"
                call = lambda operation, **members: self.call(engine, operation, resourceArn=arn, **members)
                call("Execute", sql="DROP TABLE IF EXISTS turns")
                call("Execute", sql="CREATE TABLE turns (a int)")
                transaction = call("BeginTransaction", database=SCRATCH)[2]["transactionId"]
                waiting = [pool.submit(call, "Execute", sql=sql, transactionId=transaction)
                           for sql in [sleep, *(f"INSERT INTO turns VALUES ({n})" for n in range(3)), sleep, "SELECT 7"]]
                self.assertEqual([each.result()[0] for each in waiting], [200] * 6, [each.result() for each in waiting])
                self.assertEqual(call("CommitTransaction", transactionId=transaction)[2], {"transactionStatus": "Transaction Committed"})
                self.assertEqual(call("Execute", sql="SELECT count(*) FROM turns")[2]["records"], [[L(3)]])

    def test_r_3_17_who_waits_for_a_transaction_that_ends_hears_of_it(self):
        arn = known[PG].arn + "-v1"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            transaction = self.call(PG, "BeginTransaction", resourceArn=arn, database=SCRATCH)[2]["transactionId"]
            first = pool.submit(self.call, PG, "Execute", resourceArn=arn, sql="SELECT 1 FROM (SELECT pg_sleep(1)) t", transactionId=transaction)
            time.sleep(0.4)
            ends = pool.submit(self.call, PG, "RollbackTransaction", resourceArn=arn, transactionId=transaction)
            time.sleep(0.2)
            late = pool.submit(self.call, PG, "Execute", resourceArn=arn, sql="SELECT 1", transactionId=transaction)
            self.assertEqual(first.result()[0], 200)
            # The two that waited come in either order on a loaded machine; the one behind the rollback hears what it did.
            self.assertEqual(ends.result()[2], {"transactionStatus": "Rollback Complete"})
            self.assertIn(late.result()[:2], [(200, None), (400, "BadRequestException")])
            self.assertEqual(self.call(PG, "Execute", resourceArn=arn, sql="SELECT 1", transactionId=transaction)[:2], (400, "BadRequestException"))

    def test_r_9_7_a_deadlock_leaves_the_id_valid(self):
        for engine, text, after in [(PG, "ERROR: deadlock detected; .*SQLState: 40P01", (400, "DatabaseErrorException")), (MY, "Deadlock found .*; Error code: 1213; SQLState: 40001", (200, None))]:
            with self.subTest(engine), concurrent.futures.ThreadPoolExecutor() as pool:
                self.call(engine, "Execute", sql="DROP TABLE IF EXISTS deadlock")
                self.call(engine, "Execute", sql="CREATE TABLE deadlock (id int PRIMARY KEY, v int)")
                self.call(engine, "Execute", sql="INSERT INTO deadlock VALUES (1, 0), (2, 0)")
                one, two = self.begin(engine), self.begin(engine)
                change = lambda transaction, row: self.call(engine, "Execute", sql="UPDATE deadlock SET v = v + 1 WHERE id = :id", parameters=[parameter("id", longValue=row)], transactionId=transaction)
                self.assertEqual([change(one, 1)[0], change(two, 2)[0]], [200, 200])
                waiting = {one: pool.submit(change, one, 2), two: pool.submit(change, two, 1)}
                answers = {transaction: future.result() for transaction, future in waiting.items()}
                victim = [transaction for transaction, answer in answers.items() if answer[0] != 200]
                self.assertEqual(len(victim), 1, answers)
                self.assertEqual(answers[victim[0]][:2], (400, "DatabaseErrorException"))
                self.assertRegex(answers[victim[0]][2]["message"], text)
                self.assertEqual(self.call(engine, "Execute", sql="SELECT 1", transactionId=victim[0])[:2], after)
                for transaction in answers:
                    self.assertEqual(self.call(engine, "RollbackTransaction", transactionId=transaction)[2], {"transactionStatus": "Rollback Complete"})

    def test_r_9_13_another_caller_has_no_use_for_an_id(self):
        transaction = self.begin(PG)
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "transactionId": transaction}).encode()
        other = {"Authorization": "AWS4-HMAC-SHA256 Credential=other/20260101/us-east-1/rds-data/aws4_request, SignedHeaders=host, Signature=0"}
        self.assertEqual(post(servers["main"].url + "/CommitTransaction", body, other)[:2], (404, "TransactionNotFoundException"))
        self.assertEqual(post(servers["main"].url + "/CommitTransaction", body)[0], 200)

    def test_r_1_3_any_content_type(self):
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "sql": "SELECT 1"}).encode()
        for kind in ["application/x-amz-json-1.1", "*/*", "text/plain;charset=UTF-8", ""]:
            self.assertEqual(post(servers["main"].url + "/Execute", body, {"Content-Type": kind})[0], 200, kind)

    def test_r_1_4_headers_of_answers_and_errors(self):
        for body, status in [(b"{", 400), (json.dumps({"resourceArn": known[PG].arn, "secretArn": known[PG].secret, "sql": "SELECT 1"}).encode(), 200)]:
            request = urllib.request.Request(servers["main"].url + "/Execute", data=body, method="POST", headers={"Authorization": AUTHORIZATION})
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error_answer:
                answer = error_answer
            with answer:
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["Content-Type"], "application/json")
                self.assertRegex(answer.headers["x-amzn-RequestId"], r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
                self.assertLess(abs(email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()), 5)
                self.assertEqual(int(answer.headers["Content-Length"]), len(answer.read()))

    def test_r_1_30_r_1_31_an_error_has_its_bare_name_in_the_header_and_its_text_in_message(self):
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "sql": "SELEKT"}).encode()
        request = urllib.request.Request(servers["main"].url + "/Execute", data=body, method="POST", headers={"Authorization": AUTHORIZATION})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.exception as answer:
            self.assertEqual((answer.code, answer.headers["x-amzn-ErrorType"]), (400, "DatabaseErrorException"))
            self.assertEqual([*json.loads(answer.read())], ["message"])
            self.assertIn("Date", answer.headers)

    def test_r_2_11_r_2_56_the_servers_own_profile_tells_of_clusters_that_are_not_there(self):
        dead = 'default_clusters = false\n' + "".join(f"""
[[cluster]]
id = "dead-{engine}"
engine = "{engine}"
host = "127.0.0.1"
port = 1
[[secret]]
name = "dead-{engine}"
username = "x"
password = "text:x"
""" for engine in (PG, MY))
        unreachable = {PG: "Connection is not available", MY: "Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago. "
                       "The driver has not received any packets from the server."}
        for profile, text in [("aws-v1", f"HttpEndpoint is not enabled for resource {CLUSTER}no-such"), ("aws-v1-early", f"HttpEndPoint is not enabled for {CLUSTER}no-such")]:
            with self.subTest(profile), Server(dead, "--profile", profile) as server:
                ask = lambda arn: server.call("Execute", resourceArn=arn, secretArn="dead-postgresql", sql="SELECT 1")
                self.assertEqual(ask(CLUSTER + "no-such"), (400, "BadRequestException", {"message": text}))
                for engine, words in unreachable.items():
                    self.assertEqual(ask(CLUSTER + "dead-" + engine), (400, "BadRequestException", {"message": words}))

    def test_r_1_7_connections_are_kept_and_expect_is_answered(self):
        at = known[PG]
        body = json.dumps({"resourceArn": at.arn, "secretArn": at.secret, "sql": "SELECT 1"}).encode()
        with socket.create_connection(("127.0.0.1", servers["main"].port), timeout=60) as wire, wire.makefile("rb") as answers:
            for _ in range(2):
                wire.sendall(f"POST /Execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
                self.assertEqual((answers.readline(), answers.readline()), (b"HTTP/1.1 100 Continue\r\n", b"\r\n"))
                wire.sendall(body)
                self.assertEqual(answers.readline(), b"HTTP/1.1 200 OK\r\n")
                headers = dict(line.decode().rstrip().lower().split(": ", 1) for line in iter(answers.readline, b"\r\n"))
                self.assertEqual(json.loads(answers.read(int(headers["content-length"])))["records"], [[L(1)]])

    def test_r_6_14_metadata_is_asked_of_the_catalogue_once_a_statement(self):
        at = known[PG]
        log = Path(self.call(PG, "Execute", sql="SHOW data_directory")[2]["records"][0][0]["stringValue"]).parent / "log"
        self.call(PG, "Execute", sql="CREATE TABLE IF NOT EXISTS asked_once (id serial, b jsonb)")
        self.assertEqual(self.call(PG, "Execute", sql=f"ALTER DATABASE {SCRATCH} SET log_statement = 'all'")[0], 200)
        before = log.stat().st_size
        try:
            with Server("threads = 1\n" + at.config()) as fresh:
                for _ in range(5):
                    answer = fresh.call("Execute", resourceArn=at.arn, secretArn=at.secret, database=SCRATCH, sql="SELECT id, b, id + 1 FROM asked_once", includeResultMetadata=True)
                    self.assertEqual([c["typeName"] for c in answer[2]["columnMetadata"]], ["serial", "jsonb", "int4"])
        finally:
            self.call(PG, "Execute", sql=f"ALTER DATABASE {SCRATCH} RESET log_statement")
        with open(log, "rb") as lines:
            lines.seek(before)
            logged = lines.read().decode(errors="replace")
        self.assertEqual((logged.count("pg_catalog.pg_attribute"), len(re.findall(r"execute \w+: SELECT id, b, id \+ 1", logged))), (1, 5), logged)

    def test_r_1_6_only_post(self):
        for path in ["Execute", "BatchExecute", "BeginTransaction", "CommitTransaction", "RollbackTransaction", "ExecuteSql"]:
            request = urllib.request.Request(servers["main"].url + "/" + path, headers={"Authorization": AUTHORIZATION})
            with self.assertRaises(urllib.error.HTTPError) as refused, contextlib.closing(urllib.request.urlopen(request)):
                pass
            with refused.exception as answer:
                self.assertEqual((answer.code, answer.headers["x-amzn-ErrorType"], answer.headers["Allow"]), (405, "UnknownOperationException", "POST"))

    def test_r_10_30_no_authorization(self):
        request = urllib.request.Request(servers["main"].url + "/Execute", data=b"{}", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.exception as answer:
            self.assertEqual((answer.code, answer.headers["x-amzn-ErrorType"], json.loads(answer.read())),
                             (403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"}))


def play(calls, engine, table):
    def test(self):
        at, transaction, remembered = known[engine], "", None

        def fill(text):
            return text.replace("@tx", transaction).replace("@t", table) if text.startswith("@") else re.sub(r"@t(?=\b|b\b)", table, text)

        for number, call in enumerate(calls, 1):
            if call.operation == "sleep":
                time.sleep(call.members["seconds"])
                continue
            operation = "Execute" if call.operation == "remember" else call.operation
            arn = at.arn + ("-" + call.server if call.server in VARIANTS else "")
            members = {"resourceArn": arn, "secretArn": at.secret, "database": SCRATCH, **call.members}
            if operation == "ExecuteSql":
                members = {"dbClusterOrInstanceArn": arn, "awsSecretStoreArn": at.secret, **{k: v for k, v in members.items() if k not in ("resourceArn", "secretArn")}}
            members = {k: fill(v) if isinstance(v, str) and k in ("sql", "sqlStatements", "transactionId") else v for k, v in members.items() if v is not ABSENT}
            server = servers["main" if call.server in VARIANTS else call.server]
            if call.raw is not None:
                body = call.raw
                if body.startswith(b'{"sql":"SELECT :p"'):
                    body = json.dumps(members).encode()[:-1] + b"," + body[1:]
                status, kind, got = post(server.url + "/" + operation, body)
            else:
                status, kind, got = server.call(operation, **members)
            with self.subTest(call=number, sql=str(members.get("sql"))[:200], operation=operation):
                if call.operation == "remember":
                    remembered = (status, kind, got)
                elif call.check == "remembered":
                    self.assertEqual((status, kind, got), remembered)
                else:
                    call.check(self, status, kind, got)
            if operation == "BeginTransaction" and status == 200:
                transaction = got["transactionId"]
    return test


def write_tests():
    for number, (name, engines, calls) in enumerate(ROWS):
        for engine in engines:
            title = re.sub(r"\W+", "_", name)[:60]
            made = play(calls, engine, f"t{number}")
            made.__doc__ = f"{name} [{engine}]"
            setattr(Rules, f"test_{number:04}_{title}_{engine}", made)


write_tests()

if __name__ == "__main__":
    unittest.main()
