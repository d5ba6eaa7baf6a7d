"""E-1 … E-36 (reference, section 6.7): each case runs against both variants on the same table, and both must do the same.

Every expectation is written out as well, so that the suite also proves the first variant alone where the server of the
second is not built yet.
"""
import base64
import json
import os
import re
import subprocess
import threading
import time
import unittest

from support import INT, MISSING_SECRET_ARN, PROGRAMS, SECRET_ARN, VARCHAR, WRONG_SECRET_ARN, ApiGate, Session, World, is_commit

MISSING = 'Invalid input! Missing "EmpId" and/or "EmpName" attributes.'
NOT_SCALAR = 'Invalid input! "EmpId" and "EmpName" must be text, numbers, true, false or null.'
OOPS = "Oops, something went wrong adding a new employee"


def setUpModule():
    World.shared()


def tearDownModule():
    World.close_shared()


def person(identity, name):
    return {"EmpId": identity, "EmpName": name}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.variant = None
        self.world = World.shared()
        self.world.calm()
        self.database = self.world.database
        self.database.reset()

    def each(self):
        """Both variants, one after the other; failures name the one whose turn it is."""
        for self.variant in self.world.names():
            yield self.world.functions[self.variant]
        self.variant = None

    def _formatMessage(self, msg, standardMsg):
        return super()._formatMessage(f"{self.variant}: {msg}" if self.variant else msg, standardMsg)

    def both(self, events, ddl=VARCHAR, seed=()):
        """Sends the events to each variant, on a fresh table each time.
        @return What the last event gave, the same for both; and the table."""
        seen = {}
        for name in self.world.names():
            self.database.reset(ddl, seed)
            outcomes = [self.world.functions[name].invoke(event) for event in events]
            seen[name] = [outcome.comparable() for outcome in outcomes], self.database.table()
            last = outcomes[-1]
        first = seen["lambda_rds"]
        for name, one in seen.items():
            self.assertEqual(first, one, f"lambda_rds and {name} differ")
        return last, first[1]

    def fails(self, outcome, kind, message):
        self.assertEqual("error", outcome.kind, outcome.body)
        self.assertEqual((kind, message), (outcome.body["errorType"], outcome.body["errorMessage"]))

    def gives(self, outcome, rows):
        self.assertEqual(("response", rows), (outcome.kind, outcome.body))


class Insert(Case):
    def test_e_1_insert_into_an_empty_table(self):
        outcome, table = self.both([person("7", "Ann")])
        self.gives(outcome, [["7", "Ann"]])
        self.assertEqual(["Inserting employee 7"], outcome.log)
        self.assertEqual([["37", "416E6E"]], table)

    def test_e_2_the_list_has_the_databases_order(self):
        events = [person(i, "n" + i) for i in ("10", "9", "7")]
        outcome, _ = self.both(events)
        self.gives(outcome, [["10", "n10"], ["7", "n7"], ["9", "n9"]])
        outcome, _ = self.both(events, INT)
        self.gives(outcome, [[7, "n7"], [9, "n9"], [10, "n10"]])

    def test_e_3_a_duplicate_changes_nothing_and_the_next_call_works(self):
        outcome, table = self.both([person("7", "Bob")], seed=["'7', 'Ann'"])
        text = "(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"
        self.fails(outcome, "IntegrityError", text)
        self.assertEqual(["Inserting employee 7", f"{OOPS}. Transaction Rollbacked: {text}"], outcome.log)
        self.assertEqual([["37", "416E6E"]], table)
        outcome, _ = self.both([person("7", "Bob"), person("8", "Bob")], seed=["'7', 'Ann'"])
        self.gives(outcome, [["7", "Ann"], ["8", "Bob"]])

    def test_e_4_missing_members_never_reach_the_database(self):
        for function in self.each():
            function.invoke(person("warm", "up"))
        for event in ({}, {"EmpId": "7"}, {"EmpName": "Ann"}, {"empid": "7", "empname": "x"}):
            for function in self.each():
                sent, calls = self.world.gate.sent, len(self.world.api.calls) if self.world.api else 0
                outcome = function.invoke(event)
                self.fails(outcome, "Exception", MISSING)
                self.assertEqual([], outcome.log)
                if function.name == "lambda_rds":
                    self.assertEqual(sent, self.world.gate.sent)
                else:
                    self.assertEqual(calls, len(self.world.api.calls))

    def test_e_5_other_members_and_their_order_do_not_matter(self):
        outcome, _ = self.both([{"x": [1], "EmpName": "Ann", "y": None, "EmpId": "7", "version": "2.0"}])
        self.gives(outcome, [["7", "Ann"]])

    def test_e_6_a_null_id(self):
        outcome, table = self.both([person(None, "Ann")])
        self.fails(outcome, "IntegrityError", "(1048, \"Column 'EmpId' cannot be null\")")
        self.assertEqual("Inserting employee None", outcome.log[0])
        self.assertEqual([], table)

    def test_e_7_a_null_name(self):
        outcome, table = self.both([person("7", None)])
        self.gives(outcome, [["7", None]])
        self.assertEqual([["37", "NULL"]], table)

    def test_e_8_null_names_that_were_there(self):
        outcome, _ = self.both([person("8", "x")], seed=["'1', NULL", "'2', ''"])
        self.gives(outcome, [["1", None], ["2", ""], ["8", "x"]])

    def test_e_9_integers(self):
        for number, text in ((9, "9"), (-5, "-5"), (2**63 - 1, "9223372036854775807"), (2**63, "9223372036854775808")):
            outcome, _ = self.both([person(number, "x")])
            self.gives(outcome, [[text, "x"]])
            self.assertEqual([f"Inserting employee {text}"], outcome.log)
        outcome, _ = self.both([person(-5, "x")], INT)
        self.gives(outcome, [[-5, "x"]])
        for number in (2**31, 2**63):
            outcome, table = self.both([person(number, "x")], INT)
            self.fails(outcome, "DataError", "(1264, \"Out of range value for column 'EmpId' at row 1\")")
            self.assertEqual([], table)

    def test_e_10_other_scalars(self):
        for event, shown, stored in ((b"3.5", "3.5", "3.5"), (b"1e3", "1000.0", "1000"), (b"7.0", "7.0", "7"), (b"-0.0", "-0.0", "0"),
                                     (b"1e15", "1000000000000000.0", "1e15"), (b"true", "True", "1"), (b"false", "False", "0")):
            outcome, _ = self.both([b'{"EmpId":%s,"EmpName":%s}' % (event, event)])
            self.gives(outcome, [[stored, stored]])
            self.assertEqual([f"Inserting employee {shown}"], outcome.log)

    def test_e_10_the_text_of_a_double_is_the_servers_own(self):
        literals = "0.1 3.5 7.0 1e3 1e14 1e15 1.5e300 1e-15 1e-16 2.5e-20 123456789012345678.0 0.0001 5e-324 1.7976931348623157e308".split()
        for literal in literals:
            self.database.reset(seed=[f"{literal}e0, 'by the server'" if "e" not in literal else f"{literal}, 'by the server'"])
            (expected,), = self.database.sql("SELECT EmpId FROM Employee")
            outcome, _ = self.both([b'{"EmpId":%s,"EmpName":"x"}' % literal.encode()])
            self.gives(outcome, [[expected, "x"]])

    def test_e_11_arrays_and_objects_are_refused_alike(self):
        for value, shown in (([1, 2], "[1, 2]"), ({"a": 1}, "{'a': 1}"), ([], "[]"), (["x", None, True, 1.0], "['x', None, True, 1.0]")):
            outcome, table = self.both([person(value, "x")])
            self.fails(outcome, "Exception", NOT_SCALAR)
            self.assertEqual([f"Inserting employee {shown}", f"{OOPS}. Transaction Rollbacked: {NOT_SCALAR}"], outcome.log)
            self.assertEqual([], table)
            outcome, _ = self.both([person("7", value)])
            self.fails(outcome, "Exception", NOT_SCALAR)
        self.assertEqual(0, self.database.open_transactions())

    def test_e_12_empty_texts(self):
        outcome, _ = self.both([person("", "")])
        self.gives(outcome, [["", ""]])
        outcome, _ = self.both([person("", "x")], INT)
        self.assertEqual("DataError", outcome.body["errorType"])
        self.assertIn("(1366, ", outcome.body["errorMessage"])
        self.assertIn("Incorrect integer value: ''", outcome.body["errorMessage"])

    def test_e_13_events_that_are_no_objects(self):
        for event, kind, message in ((None, "TypeError", "argument of type 'NoneType' is not iterable"),
                                     (5, "TypeError", "argument of type 'int' is not iterable"),
                                     (5.5, "TypeError", "argument of type 'float' is not iterable"),
                                     (True, "TypeError", "argument of type 'bool' is not iterable"),
                                     ("x", "Exception", MISSING), ([], "Exception", MISSING),
                                     ("EmpIdEmpName", "TypeError", "string indices must be integers, not 'str'"),
                                     (["EmpId", "EmpName"], "TypeError", "list indices must be integers or slices, not str")):
            outcome, table = self.both([event])
            self.fails(outcome, kind, message)
            self.assertEqual(([], []), (outcome.log, table))

    def test_e_14_all_of_unicode_survives(self):
        texts = ["Müller", "日本語", "😀👩‍👩‍👧", "e\u0301", "שלום", "a\0b", "\uffff", "\u00a0\u200b\ufeff", "\x01\x1f\x7f"]
        for text in texts:
            outcome, table = self.both([person(text, text)])
            self.gives(outcome, [[text, text]])
            raw = text.encode().hex().upper()
            self.assertEqual([[raw, raw]], table)

    def test_e_15_nothing_in_a_value_is_read_as_sql(self):
        texts = ["O'Neil", '"', "\\", "\\'", "%s", "%%", ":EmpId", "?", "--", "/*", "; DROP TABLE Employee", "a\nb\r\n", "`", "{}", "${x}", "#"]
        for text in texts:
            outcome, _ = self.both([person(text, text)])
            self.gives(outcome, [[text, text]])

    def test_e_16_long_names(self):
        outcome, _ = self.both([person("7", "ä" * 255)])
        self.gives(outcome, [["7", "ä" * 255]])
        outcome, table = self.both([person("7", "ä" * 256)])
        self.fails(outcome, "DataError", "(1406, \"Data too long for column 'EmpName' at row 1\")")
        self.assertEqual([], table)
        outcome, _ = self.both([person("7", "x" * 65535)], VARCHAR.replace("VARCHAR(255)", "TEXT"))
        self.gives(outcome, [["7", "x" * 65535]])

    def test_e_17_blanks_and_case_are_the_collations_matter(self):
        for identity in ("ann ", "ANN"):
            outcome, _ = self.both([person(identity, "x")], seed=["'ann', 'first'"])
            self.assertEqual("IntegrityError", outcome.body["errorType"])
            self.assertIn("(1062, ", outcome.body["errorMessage"])
        outcome, _ = self.both([person(" ann", "x")], seed=["'ann', 'first'"])
        self.gives(outcome, [[" ann", "x"], ["ann", "first"]])

    def test_e_18_a_lone_surrogate(self):
        outcome, table = self.both([b'{"EmpId":"\\ud800","EmpName":"x"}'])
        self.assertEqual(("error", "Runtime.UnmarshalError"), (outcome.kind, outcome.body["errorType"]))
        self.assertEqual([], table)


class Lists(Case):
    @staticmethod
    def filled(rows, width, key="VARCHAR(64)"):
        return (f"CREATE TABLE Employee (EmpId {key} NOT NULL PRIMARY KEY, EmpName VARCHAR(255)); "
                f"INSERT INTO Employee SELECT seq, REPEAT('x', {width}) FROM seq_1_to_{rows}")

    def test_e_19_a_list_over_one_mebibyte(self):
        for key in ("VARCHAR(64)", "INT"):
            outcome, _ = self.both([person("0", "Ann")], self.filled(20000, 70, key))
            self.assertEqual("response", outcome.kind, outcome.body)
            expected = sorted(str(i) for i in range(20001)) if key != "INT" else list(range(20001))
            self.assertEqual(expected, [row[0] for row in outcome.body])

    def test_e_20_a_result_over_six_megabytes(self):
        outcome, table = self.both([person("0", "Ann")], self.filled(60000, 100))
        self.fails(outcome, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
        self.assertEqual(["Inserting employee 0"], outcome.log)
        self.assertIn(["30", "416E6E"], table)

    def test_e_21_rows_of_others_are_seen(self):
        for function in self.each():
            self.database.reset()
            function.invoke(person("1", "Ann"))
            self.database.sql("INSERT INTO Employee VALUES ('2', 'by another')")
            self.gives(function.invoke(person("3", "Cid")), [["1", "Ann"], ["2", "by another"], ["3", "Cid"]])

    def test_e_22_an_idle_function_holds_no_lock(self):
        for function in self.each():
            self.database.reset()
            function.invoke(person("1", "Ann"))
            self.database.sql("SET lock_wait_timeout = 2; ALTER TABLE Employee ADD COLUMN Note TEXT")
            self.gives(function.invoke(person("2", "Bob")), [["1", "Ann"], ["2", "Bob"]])


class Trouble(Case):
    def lost(self, outcome):
        """An error that says a connection failed; its words are those of the way to the database."""
        self.assertEqual(("error", "OperationalError"), (outcome.kind, outcome.body["errorType"]), outcome.body)

    def test_e_23_a_database_that_comes_late(self):
        self.world.gate.shut()
        try:
            late = [self.world.function(name) for name in self.world.names()]
            for function in late:
                with self.subTest(variant=function.name):
                    for _ in range(2):
                        outcome = function.invoke(person("7", "Ann"), time_left=8)
                        self.lost(outcome)
                        self.assertEqual([], outcome.log)
        finally:
            self.world.gate.open()
        for function in late:
            with self.subTest(variant=function.name):
                self.database.reset()
                self.gives(function.invoke(person("7", "Ann")), [["7", "Ann"]])

    def test_e_23_the_texts_of_the_persistent_variant_are_pymysqls(self):
        self.world.gate.shut()
        try:
            outcome = self.world.function("lambda_rds").invoke(person("7", "Ann"))
        finally:
            self.world.gate.open()
        self.fails(outcome, "OperationalError", "(2003, \"Can't connect to MySQL server on '127.0.0.1'\")")
        outcome = self.world.function("lambda_rds", DB_SOCKET="/nowhere/socket").invoke(person("7", "Ann"))
        self.fails(outcome, "OperationalError", "(2003, \"Can't connect to MySQL server on '/nowhere/socket' ([Errno 2] No such file or directory)\")")

    def test_a_start_without_database_fails_where_asked_for(self):
        """L-6.78: as the Python original does."""
        self.world.gate.shut()
        try:
            outcome = self.world.function("lambda_rds", DB_CONNECT_AT_START="1").invoke(person("7", "Ann"))
        finally:
            self.world.gate.open()
        text = "(2003, \"Can't connect to MySQL server on '127.0.0.1'\")"
        # An invoker of the host reads the same payload for both kinds; and Lambda tries a failed start once more (L-1.60).
        self.assertEqual(("error" if self.world.hosted else "init_error", f"Could not connect to MySQL instance: {text}"), (outcome.kind, outcome.log[0]))
        self.assertEqual(("OperationalError", text), (outcome.body["errorType"], outcome.body["errorMessage"]))
        self.database.reset()
        self.gives(self.world.function("lambda_rds", DB_CONNECT_AT_START="1").invoke(person("7", "Ann")), [["7", "Ann"]])

    def test_a_unix_socket(self):
        self.gives(self.world.function("lambda_rds", DB_SOCKET=self.database.socket, DB_HOST=None).invoke(person("7", "Ann")), [["7", "Ann"]])

    def test_e_24_killed_while_idle(self):
        for function in self.each():
            self.database.reset()
            function.invoke(person("1", "Ann"))
            self.database.kill_sessions()
            self.gives(function.invoke(person("2", "Bob")), [["1", "Ann"], ["2", "Bob"]])

    def killing_at_commit(self, piece):
        if is_commit(piece):
            self.world.gate.on_client = None
            self.database.kill_sessions()
        return "pass"

    def test_e_24_killed_before_the_commit(self):
        for function in self.each():
            self.database.reset()
            function.invoke(person("1", "Ann"))
            self.world.gate.on_client = self.killing_at_commit
            outcome = function.invoke(person("2", "Bob"))
            self.lost(outcome)
            self.assertEqual(["Inserting employee 2"], outcome.log)
            self.assertEqual(1, self.database.count())
            self.gives(function.invoke(person("3", "Cid")), [["1", "Ann"], ["3", "Cid"]])

    def test_e_25_no_table(self):
        for function in self.each():
            self.database.sql("DROP TABLE IF EXISTS Employee")
            # The administrator may see that it is missing; a user without any right on it is told that it may not insert.
            # Such rights count for the sessions that begin after them.
            self.database.sql("GRANT SELECT, INSERT ON EmployeeDB.* TO 'staff'@'%'")
            self.database.kill_sessions()
            try:
                outcome = self.world.function(function.name).invoke(person("7", "Ann"))
            finally:
                self.database.sql("REVOKE SELECT, INSERT ON EmployeeDB.* FROM 'staff'@'%'")
                self.database.kill_sessions()
            text = "(1146, \"Table 'EmployeeDB.Employee' doesn't exist\")"
            self.fails(outcome, "ProgrammingError", text)
            self.assertEqual(["Inserting employee 7", f"{OOPS}. Transaction Rollbacked: {text}"], outcome.log)

    def test_e_26_a_list_that_fails_leaves_the_row(self):
        for function in self.each():
            self.database.reset()
            self.database.sql("REVOKE SELECT ON EmployeeDB.Employee FROM 'staff'@'%'")
            outcome = function.invoke(person("7", "Ann"))
            self.assertEqual(("error", "OperationalError"), (outcome.kind, outcome.body["errorType"]))
            self.assertRegex(outcome.body["errorMessage"], r"^\(1142, .SELECT command denied to user 'staff'@")
            self.assertEqual(["Inserting employee 7", f"{OOPS}: {outcome.body['errorMessage']}"], outcome.log)
            self.assertEqual(1, self.database.count())

    def test_e_27_a_row_that_another_session_holds(self):
        text = "(1205, 'Lock wait timeout exceeded; try restarting transaction')"
        other = Session(self.database)
        try:
            for function in self.each():
                self.database.reset()
                other.run("BEGIN; INSERT INTO Employee VALUES ('7', 'first')")
                outcome = function.invoke(person("7", "Ann"))
                self.fails(outcome, "OperationalError", text)
                self.assertEqual(["Inserting employee 7", f"{OOPS}. Transaction Rollbacked: {text}"], outcome.log)
                other.run("ROLLBACK")
                self.assertEqual(0, self.database.count())
                self.gives(function.invoke(person("7", "Ann")), [["7", "Ann"]])
        finally:
            other.close()

    def test_e_28_a_commit_without_answer(self):
        for verdict, rows in (("cut", 0), ("cut_after", 1)):
            for function in self.each():
                self.database.reset()
                function.invoke(person("1", "Ann"))
                self.world.gate.on_client = lambda piece, verdict=verdict: verdict if is_commit(piece) else "pass"
                outcome = function.invoke(person("2", "Bob"))
                self.world.gate.on_client = None
                self.lost(outcome)
                self.assertTrue(outcome.body["errorMessage"].endswith(" The outcome of the commit is unknown."), outcome.body)
                self.assertEqual(["Inserting employee 2"], outcome.log)
                self.assertEqual(1 + rows, self.database.count())

    def secret(self, arn):
        """Functions that have their login from this secret."""
        changes = {"lambda_rds": {"DB_SECRET_ARN": arn, "DB_USER": None, "DB_PASSWORD": None}, "lambda_dataapi": {"DB_SECRET_ARN": arn}}
        return [self.world.function(name, **changes[name]) for name in self.world.names()]

    def test_e_29_secrets(self):
        if not self.world.api:
            self.skipTest("borealis, which serves the secrets, is not built")
        for arn, message in ((MISSING_SECRET_ARN, "Could not retrieve the database credentials from AWS Secrets Manager."),
                             (WRONG_SECRET_ARN, "(1045, \"Access denied for user 'staff'@'127.0.0.1' (using password: YES)\")")):
            for function in self.secret(arn):
                with self.subTest(variant=function.name, arn=arn):
                    outcome = function.invoke(person("7", "Ann"))
                    self.fails(outcome, "OperationalError", message)
                    self.assertEqual([], outcome.log)
        # A secret that the server was not told at its start: it holds a user and no password.
        made = subprocess.run(["aws", "secretsmanager", "create-secret", "--name", f"half-{time.time_ns()}", "--secret-string", '{"username":"staff"}',
                               "--query", "ARN", "--output", "text", "--endpoint-url", self.world.api.url, "--region", "us-east-1"],
                              env={**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, capture_output=True, text=True, check=True)
        for function in self.secret(made.stdout.strip()):
            with self.subTest(variant=function.name):
                outcome = function.invoke(person("7", "Ann"))
                self.fails(outcome, "OperationalError", "Could not retrieve the database credentials from AWS Secrets Manager.")
        for function in self.secret(SECRET_ARN):
            with self.subTest(variant=function.name):
                self.database.reset()
                self.gives(function.invoke(person("7", "Ann")), [["7", "Ann"]])

    def test_e_30_a_paused_cluster(self):
        if not self.world.api:
            self.skipTest("borealis is not built")
        texts = (("DatabaseResumingException", "The Aurora DB instance db-X is resuming after being auto-paused. Please wait a few seconds and try again."),
                 ("BadRequestException", "Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago."))
        for code, text in texts:
            with self.subTest(code=code):
                self.database.reset()
                refusals = iter((True, True))
                self.world.api.intercept = lambda path, forward: (
                    ApiGate.refuse(code, text) if path == "/BeginTransaction" and next(refusals, False) else forward())
                self.gives(self.world.functions["lambda_dataapi"].invoke(person("7", "Ann")), [["7", "Ann"]])
                self.world.api.intercept = lambda path, forward: ApiGate.refuse(code, text) if path == "/BeginTransaction" else forward()
                began = time.monotonic()
                outcome = self.world.functions["lambda_dataapi"].invoke(person("8", "Bob"), time_left=4)
                self.lost(outcome)
                self.assertLess(time.monotonic() - began, 4)
                self.assertEqual(([], 1), (outcome.log, self.database.count()))

    def test_e_36_insert_denied(self):
        for function in self.each():
            self.database.reset()
            self.database.sql("REVOKE INSERT ON EmployeeDB.Employee FROM 'staff'@'%'")
            outcome = function.invoke(person("7", "Ann"))
            self.assertEqual(("error", "OperationalError"), (outcome.kind, outcome.body["errorType"]))
            self.assertRegex(outcome.body["errorMessage"], r"^\(1142, .INSERT command denied to user 'staff'@")
            self.assertEqual(f"{OOPS}. Transaction Rollbacked: {outcome.body['errorMessage']}", outcome.log[1])


class Many(Case):
    def crowd(self, name, events):
        """The events at once, each environment serving one at a time (L-1.65)."""
        crew = [self.world.function(name) for _ in range(10)]
        outcomes = []

        def work(function, share):
            for event in share:
                outcomes.append(function.invoke(event))

        threads = [threading.Thread(target=work, args=(function, events[i::len(crew)])) for i, function in enumerate(crew)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for function in crew:
            function.close()
            self.world.parts.remove(function)
        return outcomes

    def test_e_32_fifty_at_once(self):
        for name in self.world.names():
            with self.subTest(variant=name):
                self.database.reset()
                outcomes = self.crowd(name, [person(str(i), f"n{i}") for i in range(50)])
                self.assertEqual(["response"] * 50, [one.kind for one in outcomes])
                self.assertEqual(50, self.database.count())
                self.database.reset()
                outcomes = self.crowd(name, [person("7", f"n{i}") for i in range(50)])
                self.assertEqual(1, sum(one.kind == "response" for one in outcomes))
                refused = [one.body["errorMessage"] for one in outcomes if one.kind == "error"]
                self.assertEqual(["(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"] * 49, refused)
                self.assertEqual(1, self.database.count())


class Scripts(Case):
    def test_e_33_the_script_prints_three_lines(self):
        for ddl, repr_of in ((VARCHAR, lambda i: f"'{i}'"), (INT, str)):
            for function in self.each():
                self.database.reset(ddl)
                done = function.script()
                self.assertEqual((0, ""), (done.returncode, done.stderr))
                identity = re.match(r"Inserting employee (\d+)\n", done.stdout)[1]
                self.assertTrue(1 <= int(identity) <= 100000)
                self.assertEqual(f"Inserting employee {identity}\nNumber of employees: 1\n"
                                 f"List of employees: (({repr_of(identity)}, 'Employee-Name-{identity}'),)\n", done.stdout)

    def test_e_33_more_rows_and_errors(self):
        for function in self.each():
            self.database.reset(seed=["'0', NULL", "'000', 'it''s'"])
            done = function.script()
            self.assertRegex(done.stdout, r"\nList of employees: \(\('0', None\), \('000', \"it's\"\), \('\d+', 'Employee-Name-\d+'\)\)\n$")
            self.database.reset()
            self.database.sql("REVOKE INSERT ON EmployeeDB.Employee FROM 'staff'@'%'")
            done = function.script()
            self.assertEqual(1, done.returncode)
            self.assertRegex(done.stdout, rf"^Inserting employee \d+\n{OOPS}\. Transaction Rollbacked: \(1142, .*\)\n$")
            self.assertRegex(done.stderr, r"OperationalError: \(1142, ")

    def test_an_event_on_the_command_line(self):
        for function in self.each():
            self.database.reset()
            event = '{"EmpId":"7","EmpName":"Ann"}'
            done = function.script("--event", event)
            self.assertEqual((0, 'Inserting employee 7\n[["7","Ann"]]\n'), (done.returncode, done.stdout))
            done = function.script("--event", event)
            self.assertEqual(1, done.returncode)
            error = json.loads(done.stderr.splitlines()[-1])
            self.assertEqual({"errorType": "IntegrityError", "errorMessage": "(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"}, error)

    def test_the_list_alone(self):
        for function in self.each():
            self.database.reset(seed=["'1', 'Ann'"])
            done = function.script("--list")
            self.assertEqual((0, "Number of employees: 1\nList of employees: (('1', 'Ann'),)\n"), (done.returncode, done.stdout))

    def test_database_and_table_are_made_where_missing(self):
        for function in self.each():
            self.database.sql("DROP DATABASE IF EXISTS `Made``Here`; GRANT ALL ON `Made``Here`.* TO 'staff'@'%'", database="mysql")
            for _ in range(2):
                done = function.script("--init-db", environment={"DB_NAME": "Made`Here"})
                self.assertEqual((0, "The table Employee is ready.\n"), (done.returncode, done.stdout), done.stderr)
            done = function.script("--event", '{"EmpId":"7","EmpName":"😀"}', environment={"DB_NAME": "Made`Here"})
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([["7", "😀"]], self.database.sql("SELECT * FROM Employee", database="Made`Here"))
            self.database.sql("DROP DATABASE `Made``Here`", database="mysql")

    def test_wrong_use_is_told(self):
        for function in self.each():
            for arguments, says in ((("--frobnicate",), "--frobnicate"), (("--list", "--init-db"), "--init-db"), (("--timeout", "soon"), "--timeout"),
                                    (("--employees", "/nowhere.csv"), "/nowhere.csv"), (("--on-error", "retry", "--list"), "--on-error")):
                done = function.script(*arguments)
                self.assertEqual(2, done.returncode, done.stderr)
                self.assertIn(says, done.stdout + done.stderr)
            done = function.script("--help")
            self.assertEqual(0, done.returncode)
            for option in ("--event", "--employees", "--init-db", "--list", "--progress"):
                self.assertIn(option, done.stdout)

    def test_missing_settings_are_named(self):
        for function in self.each():
            lacking = {k: v for k, v in function.environment.items() if not k.startswith("DB_")}
            changes = {k: "" for k in function.environment if k.startswith("DB_")}
            self.assertNotIn("DB_NAME", lacking)
            done = function.script("--list", environment=changes)
            self.assertEqual(2, done.returncode)
            self.assertIn("DB_SECRET_ARN" if function.name == "lambda_rds" else "DB_CLUSTER_ARN", done.stderr)
            self.assertEqual("init_error", self.world.function(function.name, **changes).invoke(person("7", "x")).kind)


class Http(Case):
    """E-34, as events; over real HTTP in over_http_test.py. E-31 is in hosted_test.py."""

    @staticmethod
    def event(version, method, path, body=None, encode=False):
        text = base64.b64encode(body.encode()).decode() if encode else body
        if version == "2.0":
            made = {"version": "2.0", "routeKey": f"{method} {path}", "rawPath": path, "rawQueryString": "", "headers": {},
                    "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"}, "isBase64Encoded": encode}
            return made | ({"body": text} if body is not None else {})
        return {"resource": path, "path": path, "httpMethod": method, "headers": None, "requestContext": {"stage": "prod", "path": f"/prod{path}"},
                "body": text, "isBase64Encoded": encode}

    def test_e_34_direct_and_http_give_the_same_list(self):
        direct, _ = self.both([person("7", "Zoë")])
        for version in ("2.0", "1.0"):
            for encode in (False, True):
                outcome, _ = self.both([self.event(version, "POST", "/employees", json.dumps(person("7", "Zoë")), encode)])
                self.assertEqual(("response", 200), (outcome.kind, outcome.body["statusCode"]))
                self.assertEqual({"content-type": "application/json"}, outcome.body["headers"])
                self.assertEqual(direct.body, json.loads(outcome.body["body"]))
                self.assertEqual(direct.log, outcome.log)

    def test_e_34_the_list_over_http_is_fresh(self):
        for function in self.each():
            self.database.reset()
            for count in range(3):
                outcome = function.invoke(self.event("2.0", "GET", "/employees"))
                self.assertEqual(count, len(json.loads(outcome.body["body"])))
                self.database.sql(f"INSERT INTO Employee VALUES ('{count}', 'by another')")

    def get(self, path, ddl=VARCHAR, seed=(), **more):
        """The JSON that both variants give for a GET, and its status."""
        outcome, _ = self.both([self.event("2.0", "GET", path) | more], ddl, seed)
        self.assertEqual("response", outcome.kind, outcome.body)
        return outcome.body["statusCode"], json.loads(outcome.body["body"])

    def test_one_employee(self):
        seed = ["'7', 'Ann'", "'8', NULL", "'it''s \\\\ ü%', '😀'", "'a/b', 'slash'"]
        for identity, shown in (("7", "Ann"), ("8", None), ("it's \\ ü%", "😀"), ("a/b", "slash")):
            self.assertEqual((200, person(identity, shown)), self.get("/employees/x", seed=seed, pathParameters={"id": identity}))
        for identity in ("9", "' OR '1'='1", "7' -- ", "\\' OR 1=1 -- ", ":EmpId"):
            self.assertEqual((404, {"message": "There is no employee with this id."}), self.get("/employees/x", seed=seed, pathParameters={"id": identity}))
        self.assertEqual((200, person(7, "Ann")), self.get("/employees/7", INT, ["7, 'Ann'", "0, 'zero'"]))
        for identity in ("abc", "7x", ""):
            self.assertEqual(404, self.get("/employees/x", INT, ["7, 'Ann'", "0, 'zero'"], pathParameters={"id": identity})[0], identity)

    def test_pages(self):
        seed = [f"'{i:03}', 'n{i}'" for i in range(7)]
        rows = [[f"{i:03}", f"n{i}"] for i in range(7)]
        page = lambda **query: self.get("/employees", seed=seed, queryStringParameters=query)  # noqa: E731
        self.assertEqual((200, {"Employees": rows[:3], "Next": "002"}), page(limit="3"))
        self.assertEqual((200, {"Employees": rows[3:6], "Next": "005"}), page(limit="3", after="002"))
        self.assertEqual((200, {"Employees": rows[6:]}), page(limit="3", after="005"))
        self.assertEqual((200, {"Employees": rows}), page(limit="7"))
        self.assertEqual((200, {"Employees": []}), page(after="zzz' OR 1=1 -- "))
        self.assertEqual(400, page(limit="1001")[0])
        self.assertEqual((200, {"Employees": [[9, "a"]], "Next": "9"}), self.get("/employees", INT, ["9, 'a'", "10, 'b'"], queryStringParameters={"limit": "1"}))
        self.assertEqual((200, {"Employees": [[10, "b"]]}), self.get("/employees", INT, ["9, 'a'", "10, 'b'"], queryStringParameters={"after": "9"}))

    def test_reading_leaves_no_transaction(self):
        for function in self.each():
            self.database.reset(seed=["'7', 'Ann'"])
            function.invoke(self.event("2.0", "GET", "/employees/7"))
            function.invoke(self.event("2.0", "GET", "/employees") | {"queryStringParameters": {"limit": "1"}})
            self.assertEqual(0, self.database.open_transactions())
            self.database.sql("SET lock_wait_timeout = 2; ALTER TABLE Employee ADD COLUMN Note TEXT")

    def test_e_34_statuses(self):
        good = json.dumps(person("8", "Bob"))
        for request, status in ((("POST", "/employees", json.dumps(person("7", "x"))), 409), (("POST", "/employees", "{"), 400),
                                (("POST", "/employees", "{}"), 400), (("POST", "/employees"), 400), (("POST", "/employees", good), 200),
                                (("POST", "/employees", json.dumps(person("8", "x" * 256))), 422), (("GET", "/staff"), 404),
                                (("DELETE", "/employees"), 405), (("POST", "/employees/batch", f"[{good}]"), 200)):
            for version in ("2.0", "1.0"):
                outcome, _ = self.both([self.event(version, *request)], seed=["'7', 'Ann'"])
                self.assertEqual(("response", status), (outcome.kind, outcome.body["statusCode"]), request)

    def test_e_34_an_unavailable_database_shows_no_host(self):
        self.world.gate.shut()
        try:
            for name in self.world.names():
                with self.subTest(variant=name):
                    outcome = self.world.function(name).invoke(self.event("2.0", "GET", "/employees"), time_left=8)
                    self.assertEqual(503, outcome.body["statusCode"], outcome.body)
                    self.assertEqual({"message": "The database is not available. Please try again later."}, json.loads(outcome.body["body"]))
        finally:
            self.world.gate.open()


if __name__ == "__main__":
    missing = [str(PROGRAMS[name]) for name in ("lambda_rds",) if not PROGRAMS[name].exists()]
    if missing:
        raise SystemExit("build these first: " + ", ".join(missing))
    unittest.main()
