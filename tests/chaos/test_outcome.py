"""An answer whose outcome nobody knows says so with SQLSTATE 08007 (transaction_resolution_unknown), and SDKs do not repeat it (R-1.34)."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from engines import until  # noqa: E402
from proxy import TO_CLIENT, TO_SERVER, Proxy  # noqa: E402
from running import Server, databases  # noqa: E402

UNKNOWN = "; SQLState: 08007"
PROFILES = ("aws-v2", "aws-v1", "aws-v1-early")


class Outcome(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.proxies, config = {}, "statement_timeout_seconds = 2\n[pool]\nmaximum = 2\nconnect_seconds = 5\n"
        for engine, there in databases().items():
            proxy = Proxy(there.port)
            proxy.__enter__()
            cls.addClassCleanup(proxy.__exit__)
            cls.proxies[engine] = proxy
            secret = ""
            for profile in PROFILES:
                cluster, secret = there.config().replace(f"port = {there.port}", f"port = {proxy.port}").split("[[secret]]")
                config += cluster.replace(f'id = "test-{engine}"', f'id = "{engine}-{profile}"\nprofile = "{profile}"')
            config += "[[secret]]" + secret
        cls.server = Server(config, "--threads", "1").start()
        cls.addClassCleanup(cls.server.stop)
        for engine in databases():
            cls.call(engine, "Execute", sql="DROP TABLE IF EXISTS chaos_outcome")
            assert cls.call(engine, "Execute", sql="CREATE TABLE chaos_outcome (id INT)")[0] == 200
            cls.addClassCleanup(cls.call, engine, "Execute", sql="DROP TABLE IF EXISTS chaos_outcome")

    @classmethod
    def call(cls, engine, operation, profile="aws-v2", **members):
        there = databases()[engine]
        members = {"resourceArn": there.arn.replace(f"test-{engine}", f"{engine}-{profile}"), "secretArn": there.secret,
                   "database": there.name, **members}
        if operation in ("CommitTransaction", "RollbackTransaction"):
            del members["database"]
        return cls.server.call(operation, **members)

    def rows(self, engine, id):
        found = []

        def asked():
            status, _, body = self.call(engine, "Execute", sql=f"SELECT COUNT(*) FROM chaos_outcome WHERE id = {id}")
            found[:] = [body["records"][0][0]["longValue"]] if status == 200 else []
            return bool(found)

        until(asked, what="the next call does not work")
        return found[0]

    def insert(self, engine, id, **more):
        return self.call(engine, "Execute", sql="INSERT INTO chaos_outcome VALUES (:id)",
                         parameters=[{"name": "id", "value": {"longValue": id}}], **more)

    def spoil(self, engine, kind, direction):
        fault = self.proxies[engine].set(kind, direction)
        self.addCleanup(self.proxies[engine].release)
        return fault

    def test_given_a_statement_whose_answer_is_lost_when_answered_then_the_outcome_is_unknown(self):
        for engine in databases():
            for number, profile in enumerate(PROFILES, 1):
                with self.subTest(f"{engine}, {profile}"):
                    self.assertEqual(self.insert(engine, 0, profile=profile)[0], 200)  # a session that knows the statement
                    fault = self.spoil(engine, "reset", TO_CLIENT)
                    status, kind, body = self.insert(engine, number, profile=profile)
                    self.assertTrue(fault.struck.is_set())
                    self.assertEqual((status, kind), (400, "DatabaseErrorException" if profile == "aws-v2" else "BadRequestException"))
                    self.assertTrue(body["message"].endswith(UNKNOWN), body)
                    until(lambda: self.rows(engine, number) == 1, what="the database has done it, and it is not there")

    def test_given_a_commit_whose_answer_is_lost_when_answered_then_the_outcome_is_unknown(self):
        for engine in databases():
            with self.subTest(engine):
                transaction = self.call(engine, "BeginTransaction")[2]["transactionId"]
                self.assertEqual(self.insert(engine, 20, transactionId=transaction)[0], 200)
                fault = self.spoil(engine, "reset", TO_CLIENT)
                status, kind, body = self.call(engine, "CommitTransaction", transactionId=transaction)
                self.assertTrue(fault.struck.is_set())
                self.assertEqual((status, kind), (400, "DatabaseErrorException"))
                self.assertTrue(body["message"].endswith(UNKNOWN), body)
                until(lambda: self.rows(engine, 20) == 1, what="the database has committed, and it is not there")

    def test_given_a_batch_whose_commit_is_lost_when_answered_then_the_outcome_is_unknown(self):
        for engine in databases():
            with self.subTest(engine):
                sets = [[{"name": "id", "value": {"longValue": 30}}]] * 2
                batch = lambda: self.call(engine, "BatchExecute", sql="INSERT INTO chaos_outcome VALUES (:id)", parameterSets=sets)
                answers = []
                for piece in range(1, 12):  # one of them is the answer to COMMIT
                    self.assertEqual(batch()[0], 200)
                    fault = self.proxies[engine].set("reset", TO_CLIENT, piece)
                    self.addCleanup(self.proxies[engine].release)
                    status, kind, body = batch()
                    if not fault.struck.is_set():
                        self.proxies[engine].release()
                        self.assertEqual(status, 200)
                        break
                    answers.append((status, kind, body["message"][-len(UNKNOWN):] if status != 200 else ""))
                    self.rows(engine, 30)
                self.assertIn((400, "DatabaseErrorException", UNKNOWN), answers)
                for status, kind, _ in answers:
                    self.assertIn((status, kind), {(400, "DatabaseErrorException"), (504, "DatabaseUnavailableException"), (200, None)})

    def test_given_a_database_that_falls_silent_when_time_is_over_then_the_outcome_is_unknown(self):
        for engine in databases():
            with self.subTest(engine):
                self.assertEqual(self.insert(engine, 0)[0], 200)
                fault = self.spoil(engine, "stall", TO_SERVER)
                status, kind, body = self.insert(engine, 40)
                self.assertTrue(fault.struck.is_set())
                self.assertEqual((status, kind), (400, "StatementTimeoutException"))
                self.assertTrue(body["message"].endswith(UNKNOWN), body)
                self.assertGreater(body["dbConnectionId"], 0)
                self.proxies[engine].release()
                self.assertEqual(self.rows(engine, 40), 0)

    def test_given_a_statement_that_is_cancelled_when_answered_then_the_outcome_is_known(self):
        for engine, slow in {"postgresql": "SELECT pg_sleep(60)", "mariadb": "SELECT SLEEP(60)"}.items():
            with self.subTest(engine):
                status, kind, body = self.call(engine, "Execute", sql=slow)
                self.assertEqual((status, kind), (400, "StatementTimeoutException"))
                self.assertNotIn("08007", body["message"])

    def test_given_the_aws_sdk_when_the_outcome_is_unknown_then_it_does_not_repeat_the_call(self):
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ClientError
        sdk = boto3.client("rds-data", endpoint_url=self.server.url, region_name="us-east-1", aws_access_key_id="test",
                           aws_secret_access_key="test", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
        attempts = []
        sdk.meta.events.register("before-send.rds-data.*", lambda **_: attempts.append(1))
        for engine, there in databases().items():
            with self.subTest(engine):
                members = {"resourceArn": there.arn.replace(f"test-{engine}", f"{engine}-aws-v2"), "secretArn": there.secret,
                           "database": there.name, "sql": "INSERT INTO chaos_outcome VALUES (50)"}
                sdk.execute_statement(**members)
                attempts.clear()
                self.spoil(engine, "reset", TO_CLIENT)
                with self.assertRaises(ClientError) as refused:
                    sdk.execute_statement(**members)
                self.assertEqual(refused.exception.response["Error"]["Code"], "DatabaseErrorException")
                self.assertTrue(refused.exception.response["Error"]["Message"].endswith(UNKNOWN))
                self.assertEqual(len(attempts), 1)
                until(lambda: self.rows(engine, 50) == 2, what="once acknowledged, once done and not answered")


if __name__ == "__main__":
    unittest.main()
