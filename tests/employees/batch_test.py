"""B-1 … B-16 (reference, section 8.3): batches of 50, the same report from both variants (E-35)."""
import concurrent.futures
import json
import pathlib
import tempfile
import unittest

from support import VARCHAR, ApiGate, Session, World, is_commit

OOPS = "Oops, something went wrong adding a new employee. Transaction Rollbacked: "


def setUpModule():
    World.shared()


def tearDownModule():
    World.close_shared()


def people(count, first=0):
    return [{"EmpId": f"e{i:03}", "EmpName": f"n{i}"} for i in range(first, first + count)]


def duplicate(identity):
    return {"errorType": "IntegrityError", "errorMessage": f"(1062, \"Duplicate entry '{identity}' for key 'PRIMARY'\")"}


def batch(index, first, count, status="committed", error=None):
    return {"Index": index, "First": first, "Count": count, "Status": status} | ({"Error": error} if error else {})


class Batches(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.world = World.shared()
        self.world.calm()
        self.database = self.world.database
        self.database.reset()

    def tearDown(self):
        self.world.calm()
        self.assertEqual(0, self.database.open_transactions(), "B-16: a transaction was left open")

    def both(self, event, seed=(), ddl=VARCHAR):
        """B-14: the event to each variant on a fresh table; what they give must be equal.
        @return The outcome and the stored ids."""
        seen = {}
        for name in self.world.names():
            self.database.reset(ddl, seed)
            outcome = self.world.functions[name].invoke(event)
            seen[name] = outcome.comparable(), self.database.table()
        first = seen["lambda_rds"]
        for name, one in seen.items():
            self.assertEqual(first, one, f"lambda_rds and {name} differ")
        return outcome, [bytes.fromhex(row[0]).decode() for row in first[1]]

    def test_b_1_sizes(self):
        for count in (0, 1, 49, 50, 51, 99, 100, 101, 120):
            outcome, stored = self.both({"Employees": people(count)})
            starts = range(0, count, 50)
            self.assertEqual({"Inserted": count, "Failed": 0, "Skipped": 0,
                              "Batches": [batch(i, at, min(50, count - at)) for i, at in enumerate(starts)]}, outcome.body)
            self.assertEqual([f"Inserting batch {i}: employees {at}..{min(at + 50, count) - 1}" for i, at in enumerate(starts)], outcome.log)
            self.assertEqual(count, len(stored))

    def test_b_1_an_empty_list_asks_nothing(self):
        if not self.world.api:
            self.skipTest("borealis is not built")
        self.world.functions["lambda_dataapi"].invoke({"Employees": []})
        self.assertEqual([], self.world.api.calls)

    def test_b_2_and_b_3_a_duplicate_with_an_existing_row(self):
        sizes = (50, 50, 20)
        for position in (0, 24, 49, 50, 74, 99):
            for on_error in ("stop", "continue"):
                failing = position // 50
                outcome, stored = self.both({"Employees": people(120), "OnError": on_error}, seed=[f"'e{position:03}', 'there'"])
                expected = []
                for i, size in enumerate(sizes):
                    status = "committed" if i < failing or (i > failing and on_error == "continue") else "skipped"
                    expected.append(batch(i, i * 50, size, *(("rolled_back", duplicate(f"e{position:03}")) if i == failing else (status,))))
                self.assertEqual(expected, outcome.body["Batches"])
                self.assertEqual((outcome.body["Inserted"], 50), (len(stored) - 1, outcome.body["Failed"]))
                self.assertIn(OOPS + duplicate(f"e{position:03}")["errorMessage"], outcome.log)

    def refused(self, employees, message, details):
        outcome, stored = self.both({"Employees": employees})
        self.assertEqual(("error", "Exception", message, details),
                         (outcome.kind, outcome.body["errorType"], outcome.body["errorMessage"], outcome.body.get("details")))
        self.assertEqual(([], []), (outcome.log, stored))

    def test_b_4_a_duplicate_inside_the_list(self):
        self.refused(people(120) + [{"EmpId": "e007", "EmpName": "again"}], 'Invalid input! Two employees have the same "EmpId".', {"index": 120, "firstIndex": 7})

    def test_b_5_an_element_without_name(self):
        self.refused(people(73) + [{"EmpId": "x"}] + people(10, 80), 'Invalid input! Missing "EmpId" and/or "EmpName" attributes.', {"index": 73})

    def test_b_6_a_null_name_in_the_middle(self):
        employees = people(60)
        employees[30]["EmpName"] = None
        outcome, _ = self.both({"Employees": employees, "ReturnEmployees": True})
        self.assertEqual([[one["EmpId"], one["EmpName"]] for one in employees], outcome.body["Employees"])

    def test_b_7_a_lock_wait_in_the_second_batch(self):
        other = Session(self.database)
        try:
            seen = []
            for name in self.world.names():
                self.database.reset()
                other.run("BEGIN; INSERT INTO Employee VALUES ('e060', 'first')")
                seen.append(self.world.functions[name].invoke({"Employees": people(120)}).comparable())
                other.run("ROLLBACK")
                self.assertEqual(50, self.database.count())
        finally:
            other.close()
        self.assertEqual([seen[0]] * len(seen), seen)
        error = {"errorType": "OperationalError", "errorMessage": "(1205, 'Lock wait timeout exceeded; try restarting transaction')"}
        self.assertEqual([batch(0, 0, 50), batch(1, 50, 50, "rolled_back", error), batch(2, 100, 20, "skipped")], seen[0][1]["Batches"])

    def statuses(self, outcome):
        self.assertEqual("response", outcome.kind, outcome.body)
        return [one["Status"] for one in outcome.body["Batches"]]

    def at_commit(self, number, verdict):
        """Lets the gate give its verdict at the commit of that number."""
        seen = iter(range(1000))
        self.world.gate.on_client = lambda piece: verdict if is_commit(piece) and next(seen) == number else "pass"

    def test_b_8_a_connection_lost_after_the_first_batch(self):
        for name in self.world.names():
            with self.subTest(variant=name):
                self.database.reset()
                commits = [0]

                def watch(piece, commits=commits):
                    # The second batch's first row never gets through.
                    if is_commit(piece):
                        commits[0] += 1
                    elif commits[0] == 1 and b"e050" in piece:
                        self.world.gate.on_client = None
                        return "cut"
                    return "pass"

                self.world.gate.on_client = watch
                outcome = self.world.functions[name].invoke({"Employees": people(120), "OnError": "continue"})
                self.assertEqual(["committed", "rolled_back", "committed"], self.statuses(outcome))
                self.assertEqual("OperationalError", outcome.body["Batches"][1]["Error"]["errorType"])
                self.assertEqual(70, self.database.count())

    def test_b_9_a_commit_without_answer_is_unknown_and_never_repeated(self):
        for verdict, rows in (("cut", 50), ("cut_after", 100)):
            for name in self.world.names():
                with self.subTest(variant=name, verdict=verdict):
                    self.database.reset()
                    self.world.calm()
                    self.at_commit(1, verdict)
                    outcome = self.world.functions[name].invoke({"Employees": people(120), "OnError": "continue"})
                    self.assertEqual(["committed", "unknown", "skipped"], self.statuses(outcome))
                    self.assertEqual((50, 0, 20, 50), tuple(outcome.body[k] for k in ("Inserted", "Failed", "Skipped", "Unknown")))
                    self.assertEqual(rows, self.database.count())
                    if name == "lambda_dataapi":
                        self.assertEqual((2, 2, 2), tuple(self.world.api.count(path) for path in ("/BeginTransaction", "/BatchExecute", "/CommitTransaction")))

    def test_b_9_the_answer_lost_between_client_and_data_api(self):
        if not self.world.api:
            self.skipTest("borealis is not built")
        self.world.api.intercept = lambda path, forward: (forward(), None)[1] if path == "/CommitTransaction" else forward()
        outcome = self.world.functions["lambda_dataapi"].invoke({"Employees": people(60)})
        self.assertEqual(["unknown", "skipped"], self.statuses(outcome))
        self.assertEqual((1, 50), (self.world.api.count("/CommitTransaction"), self.database.count()))

    def test_b_10_a_rollback_that_fails(self):
        if not self.world.api:
            self.skipTest("borealis is not built")
        self.database.reset(seed=["'e003', 'there'"])
        # The service says no, but is told by the suite to do it, so that no transaction stays behind.
        def refuse(path, forward):
            if path != "/RollbackTransaction":
                return forward()
            forward()
            return ApiGate.refuse("InternalServerErrorException", "no", 400)
        self.world.api.intercept = refuse
        outcome = self.world.functions["lambda_dataapi"].invoke({"Employees": people(60), "OnError": "continue"})
        self.assertEqual(["unknown", "skipped"], self.statuses(outcome))
        self.assertEqual(duplicate("e003"), outcome.body["Batches"][0]["Error"])

    def test_b_10_a_rollback_of_what_is_gone_is_done(self):
        if not self.world.api:
            self.skipTest("borealis is not built")
        self.database.reset(seed=["'e003', 'there'"])
        def gone(path, forward):
            if path != "/RollbackTransaction":
                return forward()
            forward()
            return ApiGate.refuse("TransactionNotFoundException", "Transaction x is not found", 404)
        self.world.api.intercept = gone
        outcome = self.world.functions["lambda_dataapi"].invoke({"Employees": people(60), "OnError": "continue"})
        self.assertEqual(["rolled_back", "committed"], self.statuses(outcome))

    def test_b_11_the_deadline_between_batches(self):
        # A trigger makes each row slow: 50 rows take about a second and a half.
        slow = VARCHAR + "; CREATE TRIGGER slow BEFORE INSERT ON Employee FOR EACH ROW SET @waited = SLEEP(0.03)"
        for name in self.world.names():
            with self.subTest(variant=name):
                self.database.reset(slow)
                self.database.sql("GRANT TRIGGER ON EmployeeDB.Employee TO 'staff'@'%'")
                outcome = self.world.functions[name].invoke({"Employees": people(200)}, time_left=6.0)
                self.assertEqual(["committed", "committed", "skipped", "skipped"], self.statuses(outcome))
                self.assertEqual({"errorType": "Deadline", "errorMessage": "Not begun: fewer than 3000 ms were left."}, outcome.body["Batches"][2]["Error"])
                self.assertEqual(100, self.database.count())

    def test_b_12_over_four_mebibytes(self):
        employees = [{"EmpId": f"e{i:03}", "EmpName": "x" * 100_000} for i in range(50)]
        outcome, stored = self.both({"Employees": employees}, ddl=VARCHAR.replace("VARCHAR(255)", "MEDIUMTEXT"))
        self.assertEqual([batch(0, 0, 41), batch(1, 41, 9)], outcome.body["Batches"])
        self.assertEqual(50, len(stored))

    def test_b_13_the_single_event_is_unchanged(self):
        outcome, _ = self.both({"EmpId": "7", "EmpName": "Ann"})
        self.assertEqual(("response", [["7", "Ann"]], ["Inserting employee 7"]), outcome.comparable())
        outcome, _ = self.both({"EmpId": "7", "EmpName": "Ann", "Employees": []})
        self.assertEqual('Invalid input! Give either "Employees" or "EmpId" and "EmpName", not both.', outcome.body["errorMessage"])

    def test_b_15_overlapping_batches_at_once(self):
        for name in self.world.names():
            with self.subTest(variant=name):
                self.database.reset()
                crew = [self.world.function(name) for _ in range(4)]
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    events = [{"Employees": people(100, first), "OnError": "continue"} for first in (0, 25, 50, 75)]
                    outcomes = list(pool.map(lambda function, event: function.invoke(event), crew, events))
                for function in crew:
                    function.close()
                    self.world.parts.remove(function)
                stored = {bytes.fromhex(row[0]).decode() for row in self.database.table()}
                expected = []
                for event, outcome in zip(events, outcomes):
                    for one in outcome.body["Batches"]:
                        self.assertIn(one["Status"], ("committed", "rolled_back"))
                        if one["Status"] == "committed":
                            expected += [member["EmpId"] for member in event["Employees"][one["First"]:one["First"] + one["Count"]]]
                self.assertEqual(len(expected), len(set(expected)), "an employee was stored by two batches")
                self.assertEqual(set(expected), stored, "a batch was stored in part")

    def test_atomic_all(self):
        outcome, stored = self.both({"Employees": people(120), "Atomic": "all"})
        self.assertEqual((120, 120), (outcome.body["Inserted"], len(stored)))
        outcome, stored = self.both({"Employees": people(120), "Atomic": "all"}, seed=["'e060', 'there'"])
        self.assertEqual([batch(0, 0, 50, "rolled_back"), batch(1, 50, 50, "rolled_back", duplicate("e060")), batch(2, 100, 20, "skipped")],
                         outcome.body["Batches"])
        self.assertEqual(["e060"], stored)

    def test_the_first_failing_row_is_the_error(self):
        """L-8.20: two rows would fail, for different reasons; the earlier one counts."""
        for first, second, number in (({"EmpId": "a", "EmpName": "x" * 256}, {"EmpId": "there", "EmpName": "y"}, 1406),
                                      ({"EmpId": "there", "EmpName": "y"}, {"EmpId": "a", "EmpName": "x" * 256}, 1062)):
            outcome, _ = self.both({"Employees": people(10) + [first] + people(10, 20) + [second]}, seed=["'there', 'x'"])
            self.assertIn(f"({number}, ", outcome.body["Batches"][0]["Error"]["errorMessage"])

    def test_http_statuses(self):
        """L-8.18"""
        for seed, on_error, status in (((), "stop", 200), (["'e055', 'x'"], "stop", 207), (["'e000', 'x'"], "continue", 207), (["'e000', 'x'"], "stop", 409)):
            event = {"httpMethod": "POST", "path": "/employees/batch", "isBase64Encoded": False,
                     "body": json.dumps({"Employees": people(60), "OnError": on_error})}
            outcome, _ = self.both(event, seed=seed)
            self.assertEqual(status, outcome.body["statusCode"])

    def test_files_of_employees(self):
        samples = pathlib.Path(__file__).resolve().parents[2] / "examples" / "employees"
        for file in ("employees.csv", "employees.json"):
            for name in self.world.names():
                with self.subTest(variant=name, file=file):
                    self.database.reset()
                    done = self.world.functions[name].script("--employees", str(samples / file), "--progress")
                    self.assertEqual(0, done.returncode, done.stderr)
                    *log, report = done.stdout.splitlines()
                    self.assertEqual({"Inserted": 120, "Failed": 0, "Skipped": 0, "Batches": [batch(0, 0, 50), batch(1, 50, 50), batch(2, 100, 20)]}, json.loads(report))
                    self.assertEqual(3, len(log))
                    self.assertEqual(120, self.database.count())
                    self.assertIn("] 120/120\n", done.stderr)
                    done = self.world.functions[name].script("--employees", str(samples / file), "--on-error", "continue")
                    self.assertEqual((1, ""), (done.returncode, done.stderr))
                    self.assertEqual(120, json.loads(done.stdout.splitlines()[-1])["Failed"])

    def test_a_file_with_options_of_its_own(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"Employees": people(2), "ReturnEmployees": True}, file)
            file.flush()
            for name in self.world.names():
                self.database.reset()
                done = self.world.functions[name].script("--employees", file.name)
                self.assertEqual([["e000", "n0"], ["e001", "n1"]], json.loads(done.stdout.splitlines()[-1])["Employees"])
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("EmpId,EmpName\n1\n")
            file.flush()
            done = self.world.functions["lambda_rds"].script("--employees", file.name)
            self.assertEqual(2, done.returncode)
            self.assertIn("record 2 has 1 fields", done.stderr)


if __name__ == "__main__":
    unittest.main()
