"""aurora-data-api, a DB-API driver."""
import datetime
import decimal
import os
import threading
import unittest

import aurora_data_api

TABLE, DATABASE = os.environ["TABLE"], os.environ["DATABASE"]
POSTGRESQL = os.environ["ENGINE"] == "postgresql"
ARNS = {"aurora_cluster_arn": os.environ["RESOURCE_ARN"], "secret_arn": os.environ["SECRET_ARN"]}
AWKWARD = "Ünïcode, 日本語, 🚀, \"quotes\", it's \\ and :name ? $1 %s;"


def connect():
    return aurora_data_api.connect(database=DATABASE, **ARNS)


def run(sql, parameters=None):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


class DBAPI(unittest.TestCase):
    def setUp(self):
        run(f"DROP TABLE IF EXISTS {TABLE}")
        run(f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, name VARCHAR(200), data {'BYTEA' if POSTGRESQL else 'BLOB'}, ratio DOUBLE PRECISION)")

    def add(self, cursor, id, name=None):
        cursor.execute(f"INSERT INTO {TABLE} (id, name) VALUES (:id, :name)", {"id": id, "name": name})

    def ids(self):
        return [id for id, in run(f"SELECT id FROM {TABLE} ORDER BY id")]

    def test_values_go_and_come_back(self):
        row = (2**63 - 1, AWKWARD, b"\0\1\xff", 0.1)
        self.assertEqual(run(f"INSERT INTO {TABLE} VALUES (:id, :name, :data, :ratio)", dict(zip(("id", "name", "data", "ratio"), row))), 1)
        run(f"INSERT INTO {TABLE} (id, name) VALUES (1, :name)", {"name": None})
        self.assertEqual(run(f"SELECT * FROM {TABLE} ORDER BY id"), [(1, None, None, None), row])

    def test_dates_and_decimals(self):
        kind = "TIMESTAMP" if POSTGRESQL else "DATETIME"
        got = run(f"SELECT CAST(:d AS DATE), CAST(:t AS {kind}), CAST(:n AS DECIMAL(10,2))",
                  {"d": datetime.date(2026, 1, 31), "t": datetime.datetime(2026, 1, 31, 10, 20, 30), "n": decimal.Decimal("12.50")})
        want = (datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31, 10, 20, 30), decimal.Decimal("12.50"))
        self.assertEqual(got, [want if POSTGRESQL else (want[0], str(want[1]), want[2])])  # it knows no DATETIME

    def test_leaving_the_block_commits_and_an_exception_rolls_back(self):
        with connect() as connection, connection.cursor() as cursor:
            self.add(cursor, 1)
            self.assertEqual(self.ids(), [])
        with self.assertRaises(ZeroDivisionError), connect() as connection, connection.cursor() as cursor:
            self.add(cursor, 2)
            raise ZeroDivisionError
        self.assertEqual(self.ids(), [1])

    def test_an_errors_class_is_named_after_its_code(self):
        # Of PostgreSQL it knows those with a position, of MySQL those whose SQLSTATE has no letter.
        with self.assertRaises(aurora_data_api.DatabaseError) as raised:
            run("SELECT * FROM no_such_table_xyz" if POSTGRESQL else f"INSERT INTO {TABLE} (id) VALUES (1), (1)")
        self.assertEqual(type(raised.exception).__name__, "ER_UNDEF_TABLE" if POSTGRESQL else "ER_DUP_ENTRY")
        with self.assertRaises(aurora_data_api.DatabaseError):
            run("SELEKT 1")

    def test_a_batch_of_50_with_a_duplicate(self):
        sets = [{"id": i if i != 36 else 5, "name": f"n{i}"} for i in range(50)]
        for _ in range(2):
            try:
                with connect() as connection, connection.cursor() as cursor:
                    cursor.executemany(f"INSERT INTO {TABLE} (id, name) VALUES (:id, :name)", sets)
            except Exception as e:
                self.assertIn("duplicate", str(e).lower())
                self.assertEqual((self.ids(), sets[36]["id"]), ([], 5))
                sets[36]["id"] = 36
        self.assertEqual(len(self.ids()), 50)

    def test_a_result_over_the_limit_is_refused(self):  # it pages only at the first generation's texts
        with self.assertRaisesRegex(Exception, "UnsupportedResultException.*The result exceeds the size limit 1 MB"):
            run(f"SELECT {'repeat' if POSTGRESQL else 'REPEAT'}('x', 2000000)")

    def test_many_at_once(self):
        def one(i):
            with connect() as connection, connection.cursor() as cursor:
                self.add(cursor, i)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(self.ids(), list(range(16)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
