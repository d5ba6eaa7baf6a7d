"""SIGHUP: the whole configuration is read again, no call is dropped, and a wrong one changes nothing."""
import http.client
import json
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from authority import Authority  # noqa: E402
from running import AUTHORIZATION, BINARY, CLUSTER, PLANTED, SECRET, Server, both_databases_config, databases  # noqa: E402

PLANTED_SECRET = f'\n[[secret]]\nname = "planted"\nusername = "nobody"\npassword = "text:{PLANTED}"\n'
UNKNOWN = ("HttpEndpointNotEnabledException", "HttpEndpoint is not enabled for resource {}")


def target(each):
    return {"resourceArn": each.arn, "secretArn": each.secret}


def lines_of(server):
    return [line for line in server.text().splitlines() if re.search(r" (reloaded: |not reloaded)", line)]


def reload(server, config):
    """Gives the server another file and waits until it has said what became of it. Returns that line."""
    before = len(lines_of(server))
    (server.state / "borealis.toml").write_text(config + PLANTED_SECRET)
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 60
    while len(lines_of(server)) == before:
        if time.monotonic() > until or server.process.poll() is not None:
            raise AssertionError("no reload:\n" + server.text())
        time.sleep(0.02)
    return lines_of(server)[before]


def another(each, name):
    """The config of a second cluster over the same database."""
    return each.config().split("[[secret]]")[0].replace(f"test-{each.engine}", name)


class Reloading(unittest.TestCase):
    def setUp(self):
        self.postgresql = databases()["postgresql"]
        self.plain = both_databases_config()

    def serve(self, config=None, *arguments):
        server = Server(self.plain if config is None else config, "--threads", "2", *arguments).start()
        self.addCleanup(server.__exit__)
        return server

    def one(self, server, sql="SELECT 1", **more):
        return server.call("Execute", **{**target(self.postgresql), "sql": sql, **more})

    def test_no_call_is_dropped_and_transactions_go_on(self):
        server = self.serve()
        stop, broken, calls = threading.Event(), [], [0]

        def call(each, keeps):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            while not stop.is_set():
                if not keeps:
                    connection.close()
                connection.request("POST", "/Execute", json.dumps({**target(each), "sql": "SELECT 1"}),
                                   {"Authorization": AUTHORIZATION, "Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                calls[0] += 1
                if answer.status != 200:
                    broken.append((answer.status, body))
            connection.close()

        callers = [threading.Thread(target=call, args=(each, keeps)) for each in databases().values() for keeps in (True, False)]
        for one in callers:
            one.start()
        begun = {each.engine: server.call("BeginTransaction", **target(each))[2]["transactionId"] for each in databases().values()}
        for turn in range(12):
            line = reload(server, f"result_bytes = {100_000 + turn}\nlog_level = \"{('info', 'debug')[turn % 2]}\"\n{self.plain}"
                                  f"[pool]\nmaximum = {3 + turn % 3}\n[transactions]\nidle_seconds = {60 + turn}\n")
            self.assertIn("reloaded: ", line)
            self.assertIn("limits of the Data API", line)
            self.assertIn("[transactions]", line)
            for each in databases().values():
                self.assertEqual(server.call("Execute", **target(each), sql="SELECT 1", transactionId=begun[each.engine])[0], 200)
        for each in databases().values():
            self.assertEqual(server.call("CommitTransaction", resourceArn=each.arn, secretArn=each.secret, transactionId=begun[each.engine])[0], 200)
        stop.set()
        for one in callers:
            one.join(60)
        self.assertEqual(broken, [])
        self.assertGreater(calls[0], 100)

    def test_limits_rules_and_hosts_hold_for_the_next_call(self):
        server = self.serve()
        self.assertEqual(self.one(server, "SELECT repeat('x', 5000)")[0], 200)
        line = reload(server, "result_bytes = 1000\n" + self.plain)
        self.assertIn("reloaded: limits of the Data API", line)
        status, kind, body = self.one(server, "SELECT repeat('x', 5000)")
        self.assertEqual((status, kind), (400, "UnsupportedResultException"), body)
        reload(server, 'deny_statements = ["session"]\nallowed_hosts = ["data.example.org"]\n' + self.plain)
        self.assertEqual(self.one(server, "SELECT repeat('x', 5000)")[0], 200)
        self.assertEqual(self.one(server, "SET search_path = public")[:2], (403, "ForbiddenException"))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for host, status in (("data.example.org", 200), ("other.example.org", 403)):
            connection.request("POST", "/Execute", json.dumps({**target(self.postgresql), "sql": "SELECT 1"}),
                               {"Authorization": AUTHORIZATION, "Host": host})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status, host)
        connection.close()
        # Of one cluster alone.
        reload(server, self.plain.replace('id = "test-postgresql"\n', 'id = "test-postgresql"\nstatement_timeout_seconds = 0.3\n'))
        self.assertEqual(self.one(server, "SELECT pg_sleep(5)::text")[1], "StatementTimeoutException")
        reload(server, self.plain)
        self.assertEqual(self.one(server, "SELECT 'x' FROM (SELECT pg_sleep(0.6)) s")[0], 200)

    def test_limits_of_requests_and_transactions(self):
        server = self.serve()
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)  # keeps its sizes

        def sized(connection):
            connection.request("POST", "/Execute", json.dumps({**target(self.postgresql), "sql": "SELECT 1 -- " + "x" * 4000}),
                               {"Authorization": AUTHORIZATION})
            answer = connection.getresponse()
            answer.read()
            return answer.status

        self.assertEqual(sized(kept), 200)
        idle = server.call("BeginTransaction", **target(self.postgresql))[2]["transactionId"]
        line = reload(server, self.plain + "[limits]\nbody_bytes = 2048\njson_values = 1000\n[transactions]\nidle_seconds = 1\nmaximum = 1\n")
        self.assertIn("[limits], [transactions]", line)
        self.assertEqual(sized(kept), 200)
        kept.close()
        self.assertEqual(sized(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)), 413)
        until = time.monotonic() + 30
        while (answer := self.one(server, transactionId=idle))[0] == 200:  # each call restarts its clock
            self.assertLess(time.monotonic(), until)
            time.sleep(2.5)
        self.assertEqual(answer[1], "TransactionNotFoundException")
        self.assertIn("may be expired", answer[2]["message"])

    def test_pools_follow_their_maximum(self):
        server = self.serve(self.plain + "[pool]\nmaximum = 1\nwait_seconds = 0.3\n")

        def at_once():
            statuses = []
            callers = [threading.Thread(target=lambda: statuses.append(self.one(server, "SELECT 'x' FROM (SELECT pg_sleep(1)) s")[0])) for _ in range(3)]
            for one in callers:
                one.start()
            for one in callers:
                one.join()
            return sorted(statuses)

        self.assertEqual(at_once(), [200, 503, 503])
        self.assertIn("[pool]", reload(server, self.plain + "[pool]\nmaximum = 3\nwait_seconds = 20\n"))
        self.assertEqual(at_once(), [200, 200, 200])

    def test_clusters_come_and_go(self):
        server = self.serve()
        new = {"resourceArn": CLUSTER + "second", "secretArn": self.postgresql.secret}
        both = self.plain + another(self.postgresql, "second")

        def is_unknown():
            answer = server.call("Execute", **new, sql="SELECT 1")
            self.assertEqual(answer, (400, UNKNOWN[0], {"message": UNKNOWN[1].format(new["resourceArn"])}))

        is_unknown()
        self.assertIn("reloaded: cluster second (new)", reload(server, both))
        self.assertEqual(server.call("Execute", **new, sql="SELECT 1")[0], 200)
        begun = server.call("BeginTransaction", **new)[2]["transactionId"]
        left = server.call("BeginTransaction", **new)[2]["transactionId"]
        self.assertEqual(server.call("Execute", **new, sql="CREATE TABLE of_a_gone_cluster (a int)", transactionId=begun)[0], 200)
        self.assertIn("reloaded: cluster second (gone)", reload(server, self.plain))
        is_unknown()
        self.assertTrue(server.call("BeginTransaction", **new)[1] == UNKNOWN[0])
        time.sleep(2.5)  # beyond a sweep or two
        for _ in range(3):
            self.assertEqual(server.call("Execute", **new, sql="INSERT INTO of_a_gone_cluster VALUES (1)", transactionId=begun)[0], 200)
        self.assertEqual(server.call("BatchExecute", **new, sql="INSERT INTO of_a_gone_cluster VALUES (:a)", transactionId=begun,
                                     parameterSets=[[{"name": "a", "value": {"longValue": n}}] for n in range(2)])[0], 200)
        self.assertEqual(server.call("CommitTransaction", **new, transactionId=begun)[2], {"transactionStatus": "Transaction Committed"})
        self.assertEqual(server.call("RollbackTransaction", **new, transactionId=left)[2], {"transactionStatus": "Rollback Complete"})
        self.assertEqual(self.one(server, "SELECT count(*) FROM of_a_gone_cluster")[2]["records"], [[{"longValue": 5}]])
        self.one(server, "DROP TABLE of_a_gone_cluster")
        is_unknown()
        reload(server, both)
        self.assertEqual(server.call("Execute", **new, sql="SELECT 1")[0], 200)
        # Moved: the same ARN, somewhere else.
        line = reload(server, self.plain + another(self.postgresql, "second").replace(f"port = {self.postgresql.port}", "port = 1"))
        self.assertRegex(line, "reloaded: cluster second$")
        self.assertEqual(server.call("Execute", **new, sql="SELECT 1")[1], "DatabaseUnavailableException")

    def test_secrets(self):
        server = self.serve()
        password = server.state / "password"
        password.write_text(self.postgresql.password + "\n")
        here = {"resourceArn": self.postgresql.arn, "secretArn": SECRET + "app"}

        def config(secret):
            return self.plain + f'[[secret]]\nname = "app"\nusername = "{self.postgresql.user}"\npassword = "{secret}"\n'

        def call():
            return server.call("Execute", **here, sql="SELECT 1")

        self.assertNotEqual(call()[0], 200)
        self.assertIn("reloaded: secret app (new)", reload(server, config(f"file:{password}")))
        self.assertEqual(call()[0], 200)
        line = reload(server, config("text:not the password"))
        self.assertRegex(line, "reloaded: secret app$")
        self.assertNotIn("not the password", server.text())
        self.assertNotEqual(call()[0], 200)
        reload(server, config(f"file:{password}"))
        self.assertEqual(call()[0], 200)
        self.assertIn("secret app (gone)", reload(server, self.plain))
        self.assertNotEqual(call()[0], 200)
        # Its neighbour is still the version that it was.
        self.assertEqual(self.one(server)[0], 200)

    def test_a_wrong_file_changes_nothing(self):
        server = self.serve()
        file = server.state / "borealis.toml"
        first_line_after = (self.plain + "result_bytes = 10\n").count("\n")
        for config, complaint in (
                ("result_bytes = \n", f"{file}:1:"),
                ("result_bytes = 10\nallowed_host = []\n", f"{file}:2:1: unknown key `allowed_host`"),
                ("result_bytes = 10\n" + self.plain + "[limits]\nidle_seconds = 0\n", f"{file}:{first_line_after + 2}:16: `idle_seconds` must be"),
                ("result_bytes = 10\n" + self.plain + '[tls]\ncertificate_file = "none.pem"\nkey_file = "none.pem"\n', None),
                ("result_bytes = 10\n" + self.plain + another(self.postgresql, "second") * 2, 'cluster "second": the id is taken'),
                ("result_bytes = 10\n" + self.plain + '[[cluster]]\nid = "1"\nengine = "postgresql"\nhost = "a"\n', 'cluster "1": an id has'),
                ("result_bytes = 10\n" + self.plain + '[[secret]]\nname = "a b!"\nusername = "a"\npassword = "text:b"\n', "secret a b!:"),
                ("result_bytes = 10\n" + self.plain + '[[secret]]\nname = "late"\nusername = "a"\npassword = "env:NOT_SET"\n', "NOT_SET"),
                ("result_bytes = 10\n" + self.plain + '[[role]]\nname = "r"\nassumed_by = ["nobody"]\npolicy = [{ Effect = "Maybe" }]\n', f"{file}:"),
        ):
            with self.subTest(config=config[:60] + "…" + config[-60:]):
                line = reload(server, config)
                if complaint is None:  # TLS cannot be switched on: named, and the rest is taken
                    self.assertIn("reload: [tls] on or off has changed, which needs a restart", server.text())
                    self.assertIn("reloaded: limits of the Data API", line)
                    reload(server, self.plain)
                    continue
                self.assertIn(" error not reloaded, and everything stays as it was: ", line)
                self.assertIn(complaint, line)
                self.assertEqual(self.one(server, "SELECT repeat('x', 500)")[0], 200)
        file.unlink()
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while "cannot read the config file" not in server.text():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        self.assertEqual(self.one(server)[0], 200)
        self.assertIn("reloaded: nothing has changed", reload(server, self.plain))

    def test_what_needs_a_restart_is_named(self):
        server = self.serve()
        line = reload(server, 'listen = "127.0.0.1:1"\nthreads = 9\nregion = "eu-west-1"\nresult_bytes = 1000\n[admin]\nlisten = "127.0.0.1:1"\n'
                              '[auth]\nreplay_memory = 7\n' + self.plain + '[[function]]\nname = "f"\nprogram = "/bin/true"\n')
        self.assertIn("reloaded: limits of the Data API", line)
        warnings = re.findall(r" warning reload: (.*) has changed, which needs a restart", server.text())
        self.assertEqual(warnings, ["region", "[admin] listen", "[auth] replay_memory", "[lambda], [[function]], [template], [http_api] or [[route]]"])
        self.assertEqual(self.one(server)[0], 200)

    def test_keys_and_policies(self):
        server = self.serve()
        key = ('[[key]]\nid = "AKIARELOADED"\nsecret = "text:secret of the key"\n'
               'policy = [{ Effect = "Allow", Action = "rds-data:*", Resource = "*" }]\n')
        self.assertEqual(self.one(server)[0], 200)
        line = reload(server, self.plain + key)
        self.assertIn("user AKIARELOADED (new)", line)
        status, kind, _ = self.one(server)  # signed with nothing
        self.assertEqual((status, kind), (400, "IncompleteSignatureException"))
        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials
        import urllib.error
        import urllib.request

        def signed():
            body = json.dumps({**target(self.postgresql), "sql": "SELECT 1"})
            request = botocore.awsrequest.AWSRequest("POST", server.url + "/Execute", data=body, headers={"Content-Type": "application/json"})
            botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIARELOADED", "secret of the key"), "rds-data", "us-east-1").add_auth(request)
            try:
                with urllib.request.urlopen(urllib.request.Request(request.url, body.encode(), dict(request.headers)), timeout=60) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as answer:
                return answer.code, answer.headers["x-amzn-ErrorType"]

        self.assertEqual(signed(), (403, "AccessDeniedException"))  # not yet for the secret
        line = reload(server, self.plain + key.replace('"rds-data:*"', '["rds-data:*", "secretsmanager:GetSecretValue"]'))
        self.assertRegex(line, "reloaded: user AKIARELOADED$")
        self.assertEqual(signed()[0], 200)
        # Without any key it does not fall back to developer mode.
        reload(server, self.plain)
        self.assertEqual(signed()[1], "UnrecognizedClientException")
        self.assertEqual(self.one(server)[1], "IncompleteSignatureException")

    def test_certificates(self):
        folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        authority = Authority(folder)
        first, second = authority.sign("first"), authority.sign("second")

        def config(pair, more=""):
            return self.plain + f'[tls]\ncertificate_file = "{pair[0]}"\nkey_file = "{pair[1]}"\n{more}'

        server = self.serve(config(first))
        context = ssl.create_default_context(cafile=authority.file)

        def serial():
            mine = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=60)
            mine.connect()
            number = mine.sock.getpeercert()["serialNumber"]
            mine.request("POST", "/Execute", json.dumps({**target(self.postgresql), "sql": "SELECT 1"}), {"Authorization": AUTHORIZATION})
            answer = mine.getresponse()
            answer.read()
            mine.close()
            self.assertEqual(answer.status, 200)
            return number

        before = serial()
        self.assertIn("[tls]", reload(server, config(second)))
        self.assertNotEqual(serial(), before)
        line = reload(server, "result_bytes = 10\n" + config((first[0], second[1])))
        self.assertIn("not reloaded", line)
        self.assertIn(str(second[1]), line)
        self.assertNotEqual(serial(), before)
        reload(server, config(first, f'client_certificates = "required"\nclient_ca_file = "{authority.file}"\n'))
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            serial()
        context.load_cert_chain(*authority.sign("a client", usage="clientAuth"))
        self.assertEqual(serial(), before)

    def test_managed_clusters_are_stopped_with_their_data_kept(self):
        own = '[[cluster]]\nid = "own"\nengine = "postgresql"\nmanaged = true\ndatabase = "app"\n'
        server = self.serve()
        here = {"resourceArn": CLUSTER + "own", "secretArn": SECRET + "own"}
        self.assertIn("cluster own (new)", reload(server, self.plain + own))
        self.assertEqual(server.call("Execute", **here, sql="CREATE TABLE kept (a int)")[0], 200)
        begun = server.call("BeginTransaction", **here)[2]["transactionId"]
        self.assertEqual(server.call("Execute", **here, sql="INSERT INTO kept VALUES (1)", transactionId=begun)[0], 200)
        self.assertIn("cluster own (gone)", reload(server, self.plain))
        self.assertEqual(server.call("Execute", **here, sql="SELECT 1")[1], UNKNOWN[0])
        time.sleep(1.5)
        self.assertNotIn("cluster own: is not declared any more", server.text())  # it is used
        self.assertEqual(server.call("CommitTransaction", **here, transactionId=begun)[2], {"transactionStatus": "Transaction Committed"})
        until = time.monotonic() + 30
        while "cluster own: is not declared any more, and stopped; its data stay" not in server.text():
            self.assertLess(time.monotonic(), until, server.text())
            time.sleep(0.05)
        reload(server, self.plain + own)
        self.assertEqual(server.call("Execute", **here, sql="SELECT a FROM kept")[2]["records"], [[{"longValue": 1}]])
        # Out and in at once, while it runs: the same.
        reload(server, self.plain)
        reload(server, self.plain + own + "pause_after_seconds = 3600\n")
        self.assertEqual(server.call("Execute", **here, sql="SELECT a FROM kept")[2]["records"], [[{"longValue": 1}]])
        line = reload(server, self.plain + own.replace("postgresql", "mariadb"))
        self.assertIn('cluster "own" is managed, and its data are of another engine', line)

    def test_without_a_file_certificates_and_keys_are_read_again(self):
        server = Server(None, "--threads", "1").start()
        self.addCleanup(server.__exit__)
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while not lines_of(server):
            self.assertLess(time.monotonic(), until, server.text())
            time.sleep(0.02)
        self.assertIn("reloaded: nothing has changed", lines_of(server)[0])


class Checking(unittest.TestCase):
    """`borealis serve --check`: what is wrong is said, and nothing is opened, made or bound."""

    def check(self, config, *arguments):
        with tempfile.TemporaryDirectory(prefix="borealis-test-") as folder:
            file = Path(folder) / "borealis.toml"
            file.write_text(config)
            file.chmod(0o600)
            done = subprocess.run([BINARY, "serve", "--check", "--config", file, "--state-dir", Path(folder) / "state", *arguments],
                                  capture_output=True, text=True, timeout=60)
            self.assertFalse((Path(folder) / "state").exists())
            return done.returncode, done.stdout, done.stderr.replace(str(file), "FILE")

    def test_a_good_one(self):
        self.assertEqual(self.check(both_databases_config()), (0, "the configuration is good\n", ""))

    def test_wrong_ones(self):
        plain = both_databases_config()
        for config, complaint in (
                ("listen = 8080\n", "borealis: FILE:1:10: `listen` must be a string\n"),
                ('listen = "0.0.0.0:8080"\n', "borealis: `listen`: 0.0.0.0 can be reached"),
                (plain + '[tls]\ncertificate_file = "a.pem"\nkey_file = "b.pem"\n', "a.pem: the TLS certificate cannot be opened"),
                (plain + '[[cluster]]\nid = "test-mariadb"\nengine = "mysql"\nhost = "a"\n', 'cluster "test-mariadb": the id is taken'),
                (plain + '[[cluster]]\nid = "own"\nengine = "mysql"\nmanaged = true\ndatabase = "-"\n', 'cluster "own": the database'),
                (plain + '[[secret]]\nname = "a b!"\nusername = "a"\npassword = "text:b"\n', "secret a b!:"),
        ):
            status, _, said = self.check(config)
            self.assertEqual(status, 2, config)
            self.assertIn(complaint, said)


if __name__ == "__main__":
    unittest.main()
