"""boto3, unchanged, against the running server: both engines, every operation, errors by their AWS class."""
import concurrent.futures
import email.utils
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from error_table import UNMODELLED, Errors  # noqa: E402
from running import Server, both_databases_config, databases  # noqa: E402

import boto3  # noqa: E402
import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402


def setUpModule():
    global server
    server = Server(both_databases_config()).start()


def tearDownModule():
    server.stop()


def client(service="rds-data", url=None, attempts=2, **more):
    return boto3.client(service, endpoint_url=url or server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
                        config=botocore.config.Config(retries={"total_max_attempts": attempts}, max_pool_connections=64), **more)


class Engine:
    """The cases of both engines; the subclasses name the database and its SQL."""
    engine = None
    key = "INT PRIMARY KEY"
    blob = "BLOB"
    duplicate = ""

    @classmethod
    def setUpClass(cls):
        cls.database = databases()[cls.engine]
        cls.target = {"resourceArn": cls.database.arn, "secretArn": cls.database.secret}
        cls.client = client()
        cls.sql(f"DROP TABLE IF EXISTS boto_{cls.engine}")
        cls.sql(f"CREATE TABLE boto_{cls.engine} (id {cls.key}, name VARCHAR(80), data {cls.blob})")
        cls.table = f"boto_{cls.engine}"

    def setUp(self):
        self.sql(f"DELETE FROM {self.table}")

    @classmethod
    def sql(cls, sql, parameters=None, **more):
        if parameters is not None:
            more["parameters"] = parameters
        return cls.client.execute_statement(**cls.target, sql=sql, **more)

    def add(self, id, name, **more):
        return self.sql(f"INSERT INTO {self.table} (id, name) VALUES (:id, :name)",
                        [{"name": "id", "value": {"longValue": id}}, {"name": "name", "value": {"stringValue": name}}], **more)

    def names(self):
        return [r[0]["stringValue"] for r in self.sql(f"SELECT name FROM {self.table} ORDER BY id")["records"]]

    def test_values_of_every_kind_come_back(self):
        text = "Ünïcode, 日本語, 🚀, quotes ' \" \\ and :name ? $1 %s;"
        got = self.sql(f"INSERT INTO {self.table} VALUES (:id, :name, :data)", [
            {"name": "id", "value": {"longValue": 7}}, {"name": "name", "value": {"stringValue": text}},
            {"name": "data", "value": {"blobValue": b"\x00\x01\xff"}}])
        self.assertEqual((got["numberOfRecordsUpdated"], got["generatedFields"]), (1, []))
        self.assertNotIn("records", got)  # R-1.20
        got = self.sql(f"SELECT id, name, data, NULL AS nothing FROM {self.table} WHERE id = :id",
                       [{"name": "id", "value": {"longValue": 7}}], includeResultMetadata=True)
        self.assertEqual(got["records"], [[{"longValue": 7}, {"stringValue": text}, {"blobValue": b"\x00\x01\xff"}, {"isNull": True}]])
        self.assertEqual([c["label"] for c in got["columnMetadata"]], ["id", "name", "data", "nothing"])
        self.assertEqual(len(got["columnMetadata"][0]), 14)  # R-6.14
        self.assertEqual(got["numberOfRecordsUpdated"], 0)
        self.assertNotIn("generatedFields", got)

    def test_formatted_records_r_7_2(self):
        self.add(1, "Ann")
        got = self.sql(f"SELECT id, name FROM {self.table}", formatRecordsAs="JSON")
        self.assertEqual(got["formattedRecords"], '[{"id":1,"name":"Ann"}]')
        self.assertNotIn("records", got)

    def test_null_parameters_and_update_counts(self):
        self.add(1, "a")
        self.add(2, "a")
        got = self.sql(f"UPDATE {self.table} SET name = :n", [{"name": "n", "value": {"isNull": True}}])
        self.assertEqual(got["numberOfRecordsUpdated"], 2)
        self.assertEqual(self.sql(f"SELECT name FROM {self.table}")["records"], [[{"isNull": True}]] * 2)

    def test_commit_and_rollback_r_9_3(self):
        begun = self.client.begin_transaction(**self.target)["transactionId"]
        self.assertEqual(len(begun), 184)
        self.add(1, "kept", transactionId=begun)
        self.assertEqual(self.names(), [])
        ended = self.client.commit_transaction(resourceArn=self.database.arn, secretArn=self.database.secret, transactionId=begun)
        self.assertEqual(ended["transactionStatus"], "Transaction Committed")
        begun = self.client.begin_transaction(**self.target)["transactionId"]
        self.add(2, "dropped", transactionId=begun)
        ended = self.client.rollback_transaction(resourceArn=self.database.arn, secretArn=self.database.secret, transactionId=begun)
        self.assertEqual(ended["transactionStatus"], "Rollback Complete")
        self.assertEqual(self.names(), ["kept"])
        with self.assertRaises(self.client.exceptions.TransactionNotFoundException) as raised:
            self.add(3, "late", transactionId=begun)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 404)
        self.assertIn(f"Transaction {begun} is not found", str(raised.exception))

    def test_batch_of_50_where_number_37_is_a_duplicate(self):
        sets = [[{"name": "id", "value": {"longValue": i if i != 37 else 5}}, {"name": "name", "value": {"stringValue": f"Employee {i}"}}]
                for i in range(1, 51)]
        sql = f"INSERT INTO {self.table} (id, name) VALUES (:id, :name)"
        for transaction in (False, True):
            more = {"transactionId": self.client.begin_transaction(**self.target)["transactionId"]} if transaction else {}
            with self.assertRaises(self.client.exceptions.DatabaseErrorException) as raised:
                self.client.batch_execute_statement(**self.target, sql=sql, parameterSets=sets, **more)
            self.assertIn(self.duplicate, str(raised.exception))
            if transaction:
                self.client.rollback_transaction(resourceArn=self.database.arn, secretArn=self.database.secret, **more)
            self.assertEqual(self.names(), [])
        sets[36][0]["value"]["longValue"] = 37
        got = self.client.batch_execute_statement(**self.target, sql=sql, parameterSets=sets)
        self.assertEqual(got["updateResults"], [{"generatedFields": []}] * 50)
        self.assertEqual(len(self.names()), 50)

    def test_no_parameter_sets_run_nothing_r_8_5(self):
        got = self.client.batch_execute_statement(**self.target, sql=f"INSERT INTO {self.table} (id) VALUES (1)", parameterSets=[])
        self.assertEqual(got["updateResults"], [])
        self.assertEqual(self.names(), [])

    def test_every_error_has_its_class(self):
        errors = Errors(self.engine)
        with errors as lines:
            once, twice = (client(url=errors.server.url, attempts=n) for n in (1, 2))
            methods = {"Execute": "execute_statement", "BatchExecute": "batch_execute_statement", "BeginTransaction": "begin_transaction",
                       "CommitTransaction": "commit_transaction", "RollbackTransaction": "rollback_transaction", "ExecuteSql": "execute_sql"}
            for line in lines.splitlines():
                name, status, operation, resource, secret, transaction, sql = line.split("\t")
                asked = twice if int(status) < 500 else once
                members = {"resourceArn": resource, "secretArn": secret}
                if operation == "ExecuteSql":
                    members = {"dbClusterOrInstanceArn": resource, "awsSecretStoreArn": secret, "sqlStatements": sql}
                if operation in ("Execute", "BatchExecute"):
                    members["sql"] = sql
                if operation == "BatchExecute":
                    members["parameterSets"] = [[]]
                if transaction:
                    members["transactionId"] = transaction
                with self.subTest(f"{operation}: {name}"):
                    with self.assertRaises(botocore.exceptions.ClientError if name in UNMODELLED else getattr(asked.exceptions, name)) as raised:
                        getattr(asked, methods[operation])(**members)
                    got, about = raised.exception.response, raised.exception.response["ResponseMetadata"]
                    self.assertEqual((got["Error"]["Code"], about["HTTPStatusCode"]), (name, int(status)))
                    self.assertTrue(got["Error"]["Message"] or name == "InternalFailure")
                    self.assertRegex(about["RequestId"], "^[0-9a-f-]{36}$")
                    headers = about["HTTPHeaders"]  # R-1.4
                    self.assertEqual((headers["content-type"], headers["x-amzn-errortype"]), ("application/json", name))
                    self.assertLess(abs(email.utils.parsedate_to_datetime(headers["date"]).timestamp() - time.time()), 60)
                    self.assertEqual(about["RetryAttempts"], 0)  # R-1.34: a 4xx is not worth a second attempt
                    if name == "StatementTimeoutException":
                        self.assertGreater(got["dbConnectionId"], 0)  # R-1.33

    def test_what_is_refused_at_sight(self):
        for members in ({"sql": "SELECT 1; SELECT 2"}, {"sql": "SELECT 1", "schema": "x"}, {"sql": ""},
                        {"sql": "SELECT :a", "parameters": [{"name": "$1", "value": {"longValue": 1}}]},
                        {"sql": "SELECT :a", "parameters": [{"name": "a", "value": {"arrayValue": {"longValues": [1]}}}]}):
            with self.assertRaises(botocore.exceptions.ClientError) as raised:
                self.client.execute_statement(**{**self.target, **members})
            self.assertEqual(raised.exception.response["Error"]["Code"], "ValidationException", members)

    def test_50_callers_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(50) as callers:
            list(callers.map(lambda i: self.add(i, f"n{i}"), range(200)))
        self.assertEqual(len(self.names()), 200)

    def test_32_transactions_at_once_on_either_thread(self):
        def one(i):
            mine = client()  # connections of its own, so that calls of one transaction arrive on both threads
            begun = mine.begin_transaction(**self.target)["transactionId"]
            more = {"transactionId": begun}
            other = client()
            for k in range(3):
                caller = (mine, other)[k % 2]
                caller.execute_statement(**self.target, sql=f"INSERT INTO {self.table} (id, name) VALUES ({i * 10 + k}, 'x')", **more)
            ends = other.commit_transaction if i % 2 == 0 else other.rollback_transaction
            ends(resourceArn=self.database.arn, secretArn=self.database.secret, **more)

        with concurrent.futures.ThreadPoolExecutor(16) as callers:
            list(callers.map(one, range(32)))
        self.assertEqual(len(self.names()), 16 * 3)


class PostgreSQL(Engine, unittest.TestCase):
    engine = "postgresql"
    blob = "BYTEA"
    duplicate = "duplicate key value violates unique constraint"

    def test_texts_of_r_2_52(self):
        with self.assertRaises(self.client.exceptions.DatabaseErrorException) as raised:
            self.sql("SELECT * FROM no_such_table_xyz")
        self.assertEqual(raised.exception.response["Error"]["Message"],
                         'ERROR: relation "no_such_table_xyz" does not exist; Position: 15; SQLState: 42P01')

    def test_arrays_casts_and_hints(self):
        got = self.sql("SELECT ARRAY[1,NULL,3], ARRAY['a','b,c'], CAST(:u AS uuid), :d, :n::int + 1", [
            {"name": "u", "value": {"stringValue": "9A3C1F5E-0000-4000-8000-000000000001"}},
            {"name": "d", "value": {"stringValue": "2026-01-31"}, "typeHint": "DATE"},
            {"name": "n", "value": {"stringValue": "41"}}])
        self.assertEqual(got["records"], [[
            {"arrayValue": {"longValues": [1, None, 3]}}, {"arrayValue": {"stringValues": ["a", "b,c"]}},
            {"stringValue": "9a3c1f5e-0000-4000-8000-000000000001"}, {"stringValue": "2026-01-31"}, {"longValue": 42}]])

    def test_an_aborted_transaction_r_9_5_r_9_6(self):
        begun = self.client.begin_transaction(**self.target)["transactionId"]
        with self.assertRaises(self.client.exceptions.DatabaseErrorException):
            self.sql("SELECT 1/0", transactionId=begun)
        with self.assertRaises(self.client.exceptions.DatabaseErrorException) as raised:
            self.sql("SELECT 1", transactionId=begun)
        self.assertIn("current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02", str(raised.exception))
        ended = self.client.commit_transaction(resourceArn=self.database.arn, secretArn=self.database.secret, transactionId=begun)
        self.assertEqual(ended["transactionStatus"], "Rollback Complete")


class MariaDB(Engine, unittest.TestCase):
    engine = "mariadb"
    duplicate = "Duplicate entry '5' for key 'PRIMARY'; Error code: 1062; SQLState: 23000"

    def test_generated_fields_r_8_2(self):
        self.sql("DROP TABLE IF EXISTS boto_generated")
        self.sql("CREATE TABLE boto_generated (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
        self.assertEqual(self.sql("INSERT INTO boto_generated (n) VALUES (1)")["generatedFields"], [{"longValue": 1}])
        got = self.client.batch_execute_statement(**self.target, sql="INSERT INTO boto_generated (n) VALUES (:n)",
                                                  parameterSets=[[{"name": "n", "value": {"longValue": i}}] for i in range(3)])
        self.assertEqual(got["updateResults"], [{"generatedFields": [{"longValue": i}]} for i in (2, 3, 4)])

    def test_types_of_section_5_3(self):
        got = self.sql("SELECT CAST(1.50 AS DECIMAL(5,2)), CAST('2026-01-31 10:20:30' AS DATETIME), CAST('x' AS BINARY(2)), 18446744073709551615")
        self.assertEqual(got["records"], [[{"stringValue": "1.50"}, {"stringValue": "2026-01-31 10:20:30"}, {"blobValue": b"x\0"},
                                           {"stringValue": "18446744073709551615"}]])


class Secrets(unittest.TestCase):
    def test_get_secret_value(self):
        database = databases()["mariadb"]
        got = client("secretsmanager").get_secret_value(SecretId=database.secret)
        self.assertIn('"username":"admin"', got["SecretString"])
        manager = client("secretsmanager")
        with self.assertRaises(manager.exceptions.ResourceNotFoundException):
            manager.get_secret_value(SecretId="none")


if __name__ == "__main__":
    unittest.main()
