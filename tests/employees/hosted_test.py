"""Both programs as functions of the local Lambda host: the cases that need one (E-31, E-1 and E-32 through the Lambda API)."""
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile
import shutil
import time
import unittest
import urllib.request

import support
from support import CLUSTER_ARN, PASSWORD, PROGRAMS, SECRET_ARN

AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)
VARIANTS = ("lambda_rds", "lambda_dataapi")


class Hosted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = support.MariaDB()
        cls.addClassCleanup(cls.database.close)
        cls.folder = tempfile.mkdtemp(prefix="borealis-hosted-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        pathlib.Path(cls.folder).chmod(0o711)
        config = (f'listen = "127.0.0.1:0"\nstate_dir = "{cls.folder}/state"\n[transactions]\nidle_seconds = 1\n'
                  f'[[cluster]]\nid = "employees"\narn = "{CLUSTER_ARN}"\nengine = "mysql"\nhost = "127.0.0.1"\nport = {cls.database.port}\n'
                  f'database = "EmployeeDB"\ntls = "disable"\n'
                  f'[[secret]]\nname = "employees"\narn = "{SECRET_ARN}"\nusername = "staff"\npassword = "text:{PASSWORD}"\n')
        own = {"lambda_rds": {"DB_HOST": "127.0.0.1", "DB_PORT": str(cls.database.port), "DB_USER": "staff", "DB_PASSWORD": "text:" + PASSWORD},
               "lambda_dataapi": {"DB_CLUSTER_ARN": CLUSTER_ARN, "DB_SECRET_ARN": SECRET_ARN}}
        for name in VARIANTS:
            for seconds in (2, 60):
                config += f'[[function]]\nname = "{name}-{seconds}"\nprogram = "{PROGRAMS[name]}"\ntimeout_seconds = {seconds}\ninstances = 4\n[function.environment]\n'
                config += "".join(f'{k} = "{v}"\n' for k, v in {"DB_NAME": "EmployeeDB", **own[name]}.items())
        file = pathlib.Path(cls.folder, "borealis.toml")
        file.write_text(config, encoding="utf-8")
        file.chmod(0o600)
        cls.log = open(f"{cls.folder}/log", "w+b")
        cls.addClassCleanup(cls.log.close)
        cls.process = subprocess.Popen([support.BOREALIS, "serve", "--config", file], stdout=subprocess.PIPE, stderr=cls.log, stdin=subprocess.DEVNULL)
        cls.addClassCleanup(cls.process.stdout.close)
        cls.addClassCleanup(support.end, cls.process)
        cls.url = next((line.decode().split()[3] for line in cls.process.stdout if line.startswith(b"borealis listens on ")), None)
        if cls.url is None:
            cls.log.seek(0)
            raise RuntimeError("borealis serve did not start: " + cls.log.read().decode(errors="replace"))

    def invoke(self, function, event):
        request = urllib.request.Request(f"{self.url}/2015-03-31/functions/{function}/invocations", data=json.dumps(event).encode(),
                                         headers={"Authorization": AUTHORIZATION}, method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.headers.get("X-Amz-Function-Error"), json.loads(answer.read())

    def test_e_1_insert_into_an_empty_table(self):
        for name in VARIANTS:
            with self.subTest(name):
                self.database.reset()
                self.assertEqual(self.invoke(name + "-60", {"EmpId": "7", "EmpName": "Ann"}), (None, [["7", "Ann"]]))
                failed, error = self.invoke(name + "-60", {"EmpId": "7", "EmpName": "Ann"})
                self.assertEqual((failed, error["errorType"], error["errorMessage"]),
                                 ("Unhandled", "IntegrityError", "(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"))

    def test_e_31_time_out_during_the_insert(self):
        """The row is not there once the connection or transaction has ended. The persistent variant waits for the database until
        Lambda ends it; the other gives its call up half a second before, and says so (L-1.14)."""
        expected = {"lambda_rds": "Sandbox.Timedout", "lambda_dataapi": "OperationalError"}
        self.database.sql("SET GLOBAL innodb_lock_wait_timeout = 50")
        self.addCleanup(self.database.sql, "SET GLOBAL innodb_lock_wait_timeout = 1")
        for name in VARIANTS:
            with self.subTest(name):
                self.database.reset()
                other = support.Session(self.database)
                self.addCleanup(other.close)
                other.run("START TRANSACTION; INSERT INTO Employee VALUES ('7', 'held')")
                failed, error = self.invoke(name + "-2", {"EmpId": "7", "EmpName": "Ann"})
                self.assertEqual((failed, error["errorType"]), ("Unhandled", expected[name]), error)
                if name == "lambda_rds":
                    self.assertTrue(error["errorMessage"].endswith("Error: Task timed out after 2.00 seconds"), error)
                other.run("ROLLBACK")
                until = time.monotonic() + 100
                while self.database.open_transactions() > 0 and time.monotonic() < until:
                    time.sleep(0.1)
                self.assertEqual(self.database.count(), 0)
                self.assertEqual(self.invoke(name + "-60", {"EmpId": "7", "EmpName": "Bob"}), (None, [["7", "Bob"]]))

    def test_e_32_concurrent_calls(self):
        for name in VARIANTS:
            with self.subTest(name), concurrent.futures.ThreadPoolExecutor(16) as pool:
                self.database.reset()
                got = list(pool.map(lambda i: self.invoke(name + "-60", {"EmpId": f"{i:02}", "EmpName": "x"}), range(50)))
                self.assertEqual([failed for failed, _ in got], [None] * 50)
                self.assertEqual(self.database.count(), 50)
                got = list(pool.map(lambda _: self.invoke(name + "-60", {"EmpId": "one", "EmpName": "x"}), range(50)))
                self.assertEqual(sum(failed is None for failed, _ in got), 1)
                self.assertEqual(self.database.count(), 51)


if __name__ == "__main__":
    unittest.main(verbosity=2)
