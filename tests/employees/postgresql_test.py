"""The Data API variant against a PostgreSQL cluster (L-6.71): the same statements, errors by SQLSTATE."""
import json
import unittest

from support import BOREALIS, PASSWORD, POSTGRESQL_ARN, POSTGRESQL_SECRET_ARN, Borealis, Function, PostgreSQL

OOPS = "Oops, something went wrong adding a new employee"
TABLE = "CREATE TABLE Employee (EmpId VARCHAR(64) NOT NULL PRIMARY KEY, EmpName VARCHAR(255))"


def person(identity, name):
    return {"EmpId": identity, "EmpName": name}


class OnPostgreSQL(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not BOREALIS.exists():
            raise unittest.SkipTest("borealis is not built")
        cls.database = PostgreSQL()
        cls.addClassCleanup(cls.database.close)
        cls.borealis = Borealis(1, cls.database)
        cls.addClassCleanup(cls.borealis.close)
        cls.function = Function("lambda_dataapi", {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": cls.borealis.url,
                                                   "DB_CLUSTER_ARN": POSTGRESQL_ARN, "DB_SECRET_ARN": POSTGRESQL_SECRET_ARN, "DB_NAME": "employeedb"})
        cls.addClassCleanup(cls.function.close)
        cls.database.sql("CREATE DATABASE employeedb", "postgres")

    def setUp(self):
        self.database.sql(f"SET client_min_messages = error; DROP TABLE IF EXISTS Employee; {TABLE}")

    def fails(self, outcome, kind, state, text):
        self.assertEqual(("error", kind), (outcome.kind, outcome.body["errorType"]), outcome.body)
        self.assertRegex(outcome.body["errorMessage"], rf"^\('{state}', ")
        self.assertIn(text, outcome.body["errorMessage"])
        self.assertEqual(f"{OOPS}. Transaction Rollbacked: {outcome.body['errorMessage']}", outcome.log[-1])

    def test_insert_and_list_in_the_heaps_order(self):
        for identity in ("10", "9", "7"):
            outcome = self.function.invoke(person(identity, "n" + identity))
        self.assertEqual(("response", [["10", "n10"], ["9", "n9"], ["7", "n7"]]), (outcome.kind, outcome.body))
        self.assertEqual([["8", None]], self.function.invoke(person("8", None)).body[3:])

    def test_errors_by_state(self):
        self.function.invoke(person("7", "Ann"))
        self.fails(self.function.invoke(person("7", "Bob")), "IntegrityError", "23505", "duplicate key value")
        self.fails(self.function.invoke(person(None, "Bob")), "IntegrityError", "23502", "null value in column")
        self.fails(self.function.invoke(person("8", "x" * 256)), "DataError", "22001", "value too long")
        self.assertEqual([["7", "Ann"]], self.database.sql("SELECT * FROM Employee"))
        self.database.sql("DROP TABLE Employee")
        self.fails(self.function.invoke(person("7", "Ann")), "ProgrammingError", "42P01", "does not exist")

    def test_nothing_in_a_value_is_read_as_sql(self):
        texts = ["O'Neil", '"', "\\", ":EmpId", "$1", "?", "--", "; DROP TABLE Employee", "a\nb", "日本語😀", "true", "7.0"]
        for text in texts:
            outcome = self.function.invoke(person(text, text))
            self.assertEqual([text, text], outcome.body[-1])

    def test_a_list_over_one_mebibyte_keeps_the_heaps_order(self):
        self.database.sql("INSERT INTO Employee SELECT i, repeat('x', 70) FROM generate_series(1, 20000) AS i; UPDATE Employee SET EmpName = 'moved' WHERE EmpId = '5'")
        expected = [row[0] for row in self.database.sql("SELECT EmpId FROM Employee")]
        self.assertNotEqual(expected, sorted(expected))
        outcome = self.function.invoke(person("new", "Ann"))
        self.assertEqual("response", outcome.kind, outcome.body)
        self.assertEqual([*expected, "new"], [row[0] for row in outcome.body])

    def test_batches(self):
        people = [person(f"e{i:03}", f"n{i}") for i in range(120)]
        self.assertEqual(120, self.function.invoke({"Employees": people}).body["Inserted"])
        self.database.sql("DELETE FROM Employee WHERE EmpId <> 'e060'")
        report = self.function.invoke({"Employees": people, "OnError": "continue"}).body
        self.assertEqual(["committed", "rolled_back", "committed"], [one["Status"] for one in report["Batches"]])
        self.assertEqual("IntegrityError", report["Batches"][1]["Error"]["errorType"])
        self.assertEqual([["71"]], self.database.sql("SELECT count(*) FROM Employee"))
        self.assertEqual([["0"]], self.database.sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"))

    def test_database_and_table_are_made_where_missing(self):
        for _ in range(2):
            done = self.function.script("--init-db", "--database", 'Made"Here')
            self.assertEqual((0, "The table Employee is ready.\n"), (done.returncode, done.stdout), done.stderr)
        done = self.function.script("--event", json.dumps(person("7", "Ann")), "--database", 'Made"Here')
        self.assertEqual((0, 'Inserting employee 7\n[["7","Ann"]]\n'), (done.returncode, done.stdout), done.stderr)

    def test_no_database_of_that_name(self):
        done = self.function.script("--list", "--database", "nowhere")
        self.assertEqual(1, done.returncode)
        self.assertIn("OperationalError: ('3D000', ", done.stderr)
        self.assertNotIn(PASSWORD, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
