"""The wall clock jumps, forward and back: signatures are judged by it (R-10.33, five minutes), and nothing else: no wait, reaper, time-out,
session or transaction takes notice.
"""
import datetime
import hashlib
import hmac
import json
import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import BUILD, SANITIZED, Server, both_databases_config, databases, post  # noqa: E402
from watching import ADMIN, Watch  # noqa: E402

KEY, SECRET = "AKIACLOCK", "a-secret-of-the-tests-0123456789abcdefgh"
DAY = 24 * 3600
SLEEP = {"postgresql": "SELECT 1 FROM (SELECT pg_sleep({})) s", "mariadb": "SELECT SLEEP({})"}


class Clock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="borealis-test-"))
        cls.file = Path(cls.folder) / "clock"
        cls.file.write_text("0")
        config = ("statement_timeout_seconds = 2\n" + ADMIN + "[pool]\nmaximum = 2\ntransactions = 1\nwait_seconds = 2\nlifetime_seconds = 1000\n"
                  f'[transactions]\nidle_seconds = 1000\n[[key]]\nid = "{KEY}"\nsecret = "text:{SECRET}"\nmanaged_policies = ["AdministratorAccess"]\n'
                  + both_databases_config())
        library = BUILD / "tests" / "chaos" / "libshifted_clock.so"
        assert library.exists(), library
        cls.server = cls.enterClassContext(Server(config, "--threads", "1", environment={
            **os.environ, "LD_PRELOAD": str(library), "BOREALIS_TEST_CLOCK": str(cls.file)}))
        cls.watch = Watch(cls.server)

    def setUp(self):
        self.jump(0)
        self.addCleanup(self.jump, 0)

    def jump(self, seconds):
        """The server's clock differs from the true one by so much from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.file)
        self.shift = seconds

    def call(self, engine, operation, *, signed_at=None, **members):
        """Signed as a client whose clock goes with the server's, or differs from the true one by `signed_at` seconds."""
        there = databases()[engine]
        if operation in ("Execute", "BeginTransaction"):
            members["database"] = there.name
        body = json.dumps({"resourceArn": there.arn, "secretArn": there.secret, **members}).encode()
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.shift if signed_at is None else signed_at)
        stamp, day, host = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), f"127.0.0.1:{self.server.port}"
        canonical = f"POST\n/{operation}\n\nhost:{host}\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/us-east-1/rds-data/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + SECRET).encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        return post(f"http://{host}/{operation}", body, {
            "X-Amz-Date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"})

    def test_given_a_jump_when_signed_by_the_old_clock_then_the_signature_has_expired(self):
        engine = "postgresql"
        self.assertEqual(self.call(engine, "Execute", sql="SELECT 1")[0], 200)
        for jump, says in ((DAY, "Signature expired"), (301 + 60, "Signature expired"), (-DAY, "not yet current"), (-301 - 60, "not yet current")):
            with self.subTest(jump):
                self.jump(jump)
                status, kind, body = self.call(engine, "Execute", sql="SELECT 1", signed_at=0)
                self.assertEqual(status, 403, body)
                self.assertIn(says, body["message"])
                self.assertEqual(self.call(engine, "Execute", sql="SELECT 1")[0], 200, "nor does the new clock count")
        self.jump(200)
        self.assertEqual(self.call(engine, "Execute", sql="SELECT 1", signed_at=0)[0], 200)

    def test_given_jumps_when_transactions_and_sessions_are_idle_then_they_stay(self):
        for engine in databases():
            with self.subTest(engine):
                status, _, begun = self.call(engine, "BeginTransaction")
                self.assertEqual(status, 200, begun)
                self.assertEqual(self.call(engine, "Execute", sql="SELECT 1")[0], 200)
                closed = self.watch.numbers()['borealis_session_events_total{event="closed"}']
                for jump in (DAY, -DAY, 400 * DAY):
                    self.jump(jump)
                    time.sleep(1.5)  # the reaper and the sweeps run once a second
                    self.assertEqual(self.call(engine, "Execute", sql="SELECT 1", transactionId=begun["transactionId"])[0], 200)
                self.assertEqual(self.watch.numbers()['borealis_session_events_total{event="closed"}'], closed)
                self.assertEqual(self.call(engine, "CommitTransaction", transactionId=begun["transactionId"])[0], 200)
        self.watch.at_rest()

    def test_given_jumps_when_a_statement_runs_then_its_time_is_what_it_is(self):
        for engine in databases():
            for jump in (DAY, -DAY):
                with self.subTest(engine=engine, jump=jump):
                    later = threading.Timer(0.3, self.jump, (jump,))
                    later.start()
                    began = time.monotonic()
                    status, kind, body = self.call(engine, "Execute", sql=SLEEP[engine].format(1))
                    later.join()
                    self.assertEqual(status, 200, body)  # not cut short
                    later = threading.Timer(0.3, self.jump, (0,))
                    later.start()
                    began = time.monotonic()
                    status, kind, body = self.call(engine, "Execute", sql=SLEEP[engine].format(30))
                    later.join()
                    self.assertEqual(kind, "StatementTimeoutException", body)
                    self.assertLess(time.monotonic() - began, 30 if SANITIZED else 15)  # nor let run on

    def test_given_a_jump_when_a_call_waits_for_a_session_then_its_wait_is_what_it_is(self):
        engine = "postgresql"
        status, _, begun = self.call(engine, "BeginTransaction")
        self.assertEqual(status, 200, begun)
        for jump in (DAY, -DAY):
            later = threading.Timer(0.3, self.jump, (jump,))
            later.start()
            began = time.monotonic()
            status, kind, body = self.call(engine, "BeginTransaction")  # there may be one
            took = time.monotonic() - began
            later.join()
            self.assertEqual((status, kind), (503, "ServiceUnavailableError"), body)
            self.assertGreater(took, 1.5)
            self.assertLess(took, 30 if SANITIZED else 15)
        self.assertEqual(self.call(engine, "RollbackTransaction", transactionId=begun["transactionId"])[0], 200)


if __name__ == "__main__":
    unittest.main()
