"""E-34, and the cases of the whole list over real HTTP, on the local host: both variants, payload 2.0, 1.0 and REST.

The rest of E-1 … E-36 over direct invocations of the host: equivalence_test.py and batch_test.py with EMPLOYEES_ON=host.
"""
import json
import os
import threading
import unittest

os.environ["EMPLOYEES_ON"] = "host"
from equivalence_test import MISSING, NOT_SCALAR, Case, person  # noqa: E402
from support import INT, VARCHAR, World  # noqa: E402

KINDS = ("v2", "v1", "rest")


def setUpModule():
    World.shared()


def tearDownModule():
    World.close_shared()


class OverHttp(Case):
    def all(self, requests, ddl=VARCHAR, seed=(), **more):
        """Sends the requests to each variant by each kind of API, on a fresh table each time.
        @return (status, JSON) of the last, the same for all; and the table."""
        seen = {}
        for name in self.world.names():
            for kind in KINDS:
                self.database.reset(ddl, seed)
                answers = [self.world.functions[name].http(*request, kind=kind, **more) for request in requests]
                seen[name, kind] = answers, self.database.table()
        first = next(iter(seen.values()))
        for one, answer in seen.items():
            self.assertEqual(first, answer, one)
        return first[0][-1], first[1]

    def post(self, *events, **more):
        return self.all([("POST", "/employees", event) for event in events], **more)

    def test_e_1_and_e_2_the_list_is_that_of_a_direct_invocation(self):
        events = [person(i, "n" + i) for i in ("10", "9", "7")]
        for ddl in (VARCHAR, INT):
            direct, _ = self.both(events, ddl)
            (status, body), _ = self.post(*events, ddl=ddl)
            self.assertEqual((200, direct.body), (status, body))

    def test_e_3_to_e_17_statuses(self):
        long_name = "x" * 256
        for event, ddl, expected in (
                (person("7", "Bob"), VARCHAR, (409, "(1062, \"Duplicate entry '7' for key 'PRIMARY'\")")),                           # E-3
                ({}, VARCHAR, (400, MISSING)), ({"EmpId": "8"}, VARCHAR, (400, MISSING)), ({"EmpName": "x"}, VARCHAR, (400, MISSING)),  # E-4
                (person(None, "x"), VARCHAR, (422, "(1048, \"Column 'EmpId' cannot be null\")")),                                    # E-6
                (person(2**31, "x"), INT, (422, "(1264, \"Out of range value for column 'EmpId' at row 1\")")),                      # E-9
                (person([1], "x"), VARCHAR, (400, NOT_SCALAR)), (person("8", {}), VARCHAR, (400, NOT_SCALAR)),                        # E-11
                (None, VARCHAR, (400, "argument of type 'NoneType' is not iterable")), (5, VARCHAR, (400, "argument of type 'int' is not iterable")),
                ([], VARCHAR, (400, MISSING)), ("x", VARCHAR, (400, MISSING)),                                                        # E-13
                (person("8", long_name), VARCHAR, (422, "(1406, \"Data too long for column 'EmpName' at row 1\")")),                 # E-16
                (b'{"EmpId":"\\ud800","EmpName":"x"}', VARCHAR, (400, "Invalid input! The body is not valid JSON."))):                # E-18
            data = event if isinstance(event, bytes) else json.dumps(event).encode()
            (status, body), table = self.post(data, ddl=ddl, seed=["'7', 'Ann'"])
            self.assertEqual((expected[0], {"message": expected[1]}), (status, body), event)
            self.assertEqual(1, len(table), event)

    def test_e_5_to_e_15_what_is_stored(self):
        for event, row in (({"x": [1], "EmpName": "Ann", "EmpId": "7"}, ["7", "Ann"]), (person("7", None), ["7", None]), (person(-5, "x"), ["-5", "x"]),
                           (person(3.5, True), ["3.5", "1"]), (person("", ""), ["", ""]), (person("😀 e\u0301", "שלום\0\uffff"), ["😀 e\u0301", "שלום\0\uffff"]),
                           (person("a'b\"\\%s:EmpId?--", "; DROP TABLE Employee\n"), ["a'b\"\\%s:EmpId?--", "; DROP TABLE Employee\n"])):
            (status, body), _ = self.post(event)
            self.assertEqual((200, [row]), (status, body))

    def test_e_19_a_list_over_one_mebibyte(self):
        ddl = ("CREATE TABLE Employee (EmpId VARCHAR(64) NOT NULL PRIMARY KEY, EmpName VARCHAR(255)); "
               "INSERT INTO Employee SELECT seq, REPEAT('x', 70) FROM seq_1_to_20000")
        (status, body), _ = self.all([("GET", "/employees")], ddl=ddl)
        self.assertEqual((200, 20000), (status, len(body)))

    def test_e_21_rows_of_others_are_seen(self):
        for name in self.world.names():
            self.database.reset()
            for count, kind in enumerate(KINDS):
                self.assertEqual((200, count), (lambda got: (got[0], len(got[1])))(self.world.functions[name].http("GET", "/employees", kind=kind)))
                self.database.sql(f"INSERT INTO Employee VALUES ('{count}', 'by another')")

    def test_e_32_fifty_at_once(self):
        for name in self.world.names():
            function = self.world.functions[name]
            for events, wanted in (([person(str(i), "x") for i in range(50)], [200] * 50), ([person("7", "x")] * 50, [200] + [409] * 49)):
                self.database.reset()
                statuses = []
                crew = [threading.Thread(target=lambda e=event: statuses.append(function.http("POST", "/employees", e)[0])) for event in events]
                for one in crew:
                    one.start()
                for one in crew:
                    one.join()
                self.assertEqual(wanted, sorted(statuses), name)

    def test_e_34_a_body_that_travels_as_base64(self):
        """L-3.5: what curl sends without a content type."""
        for content_type in ("application/x-www-form-urlencoded", "application/json"):
            (status, body), _ = self.post(person("7", "Zoë"), content_type=content_type)
            self.assertEqual((200, [["7", "Zoë"]]), (status, body))

    def test_e_34_statuses_of_the_other_routes(self):
        (status, body), _ = self.all([("GET", "/employees/7")], seed=["'7', 'Ann'"])
        self.assertEqual((200, person("7", "Ann")), (status, body))
        (status, _), _ = self.all([("GET", "/employees/8")], seed=["'7', 'Ann'"])
        self.assertEqual(404, status)
        (status, body), _ = self.all([("GET", "/employees?limit=1&after=6")], seed=["'7', 'Ann'", "'8', 'Bob'"])
        self.assertEqual((200, {"Employees": [["7", "Ann"]], "Next": "7"}), (status, body))

    def test_e_35_a_batch(self):
        many = [person(f"{i:03}", "x") for i in range(120)]
        (status, body), table = self.all([("POST", "/employees/batch", many)])
        self.assertEqual((200, 120, 3, 120), (status, body["Inserted"], len(body["Batches"]), len(table)))
        (status, body), table = self.all([("POST", "/employees/batch", {"Employees": many, "OnError": "continue"})], seed=["'055', 'there'"])
        self.assertEqual((207, 70, 50, 71), (status, body["Inserted"], body["Failed"], len(table)))
        self.assertEqual(["committed", "rolled_back", "committed"], [one["Status"] for one in body["Batches"]])

    def test_e_36_insert_denied(self):
        for name in self.world.names():
            self.database.reset()
            self.database.sql("REVOKE INSERT ON EmployeeDB.Employee FROM 'staff'@'%'")
            status, body = self.world.functions[name].http("POST", "/employees", person("7", "Ann"))
            self.assertEqual((500, ["message"]), (status, list(body)))
            self.assertNotIn("staff", body["message"])  # L-3.61


if __name__ == "__main__":
    unittest.main()
