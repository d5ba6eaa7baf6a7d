"""examples/employees/openapi.yaml and the running API say the same: every documented answer is provoked, every answer is documented, and
each body has the shape that the document gives it."""
import re
import threading
import unittest
import urllib.parse

import jsonschema
import yaml

from support import ROOT, TEMPLATE, Deployed

DOCUMENT = ROOT / "examples" / "employees" / "openapi.yaml"
# Answers that only a broken machine or another moment gives; tests/employees_core provokes them from a scripted database.
NOT_HERE = {("get", "/employees", "500"), ("post", "/employees", "500"), ("post", "/employees/batch", "500"), ("get", "/employees/{id}", "500")}


def setUpModule():
    global at
    at = Deployed()


def tearDownModule():
    at.close()


def as_json_schema(value):
    """OpenAPI 3.0's `nullable` in JSON Schema's words."""
    if isinstance(value, list):
        return [as_json_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {k: as_json_schema(v) for k, v in value.items() if k != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if value.get("nullable") else made


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
        cls.schemas = as_json_schema(cls.document)
        cls.seen = set()

    def resolve(self, node):
        while "$ref" in node:
            at_node = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at_node = at_node[part]
            node = at_node
        return node

    def documented(self, method, path):
        for template, operations in sorted(self.document["paths"].items(), key=lambda one: "{" in one[0]):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), urllib.parse.urlsplit(path).path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"{method} {path} is not documented")

    def expect(self, status, method, path, body=None, headers=None):
        got, _, answer = at.ask(method, path, body, headers)
        self.assertEqual(status, got, answer)
        template, operation = self.documented(method, path)
        self.assertIn(str(status), operation["responses"], f"{method} {template}")
        self.seen.add((method.lower(), template, str(status)))
        response = self.resolve(operation["responses"][str(status)])
        schema = as_json_schema(response["content"]["application/json"]["schema"])
        jsonschema.Draft7Validator({**schema, "components": self.schemas["components"]}).validate(answer)
        return answer

    def test_the_document_is_one(self):
        self.assertEqual("3.0.3", self.document["openapi"])
        for name, schema in self.schemas["components"]["schemas"].items():
            jsonschema.Draft7Validator.check_schema(schema)
            self.assertNotEqual({}, schema, name)

    def test_the_template_has_the_documents_routes_and_the_page(self):
        text = TEMPLATE.read_text(encoding="utf-8")
        routes = set(zip(re.findall(r"Method: (\w+)", text), re.findall(r"  Path: (\S+)", text)))
        documented = {(method.upper(), path) for path, operations in self.document["paths"].items() for method in operations}
        self.assertEqual(documented | {("GET", "/"), ("GET", "/employees.js"), ("GET", "/employees.css")}, routes)

    def test_every_answer(self):
        at.database.reset()
        employee = {"EmpId": "7", "EmpName": "Ann"}
        self.assertEqual([["7", "Ann"]], self.expect(200, "POST", "/employees", employee))
        self.expect(409, "POST", "/employees", employee)
        self.expect(400, "POST", "/employees", {"EmpId": "8"})
        self.expect(400, "POST", "/employees", b"{")
        self.expect(422, "POST", "/employees", {"EmpId": "8", "EmpName": "x" * 300})
        self.expect(200, "POST", "/employees", {"EmpId": 8.5, "EmpName": None, "Other": []})
        self.expect(200, "GET", "/employees")
        self.assertEqual("7", self.expect(200, "GET", "/employees?limit=1")["Next"])
        self.expect(200, "GET", "/employees?after=7")
        self.expect(400, "GET", "/employees?limit=0")
        self.assertEqual(employee, self.expect(200, "GET", "/employees/7"))
        self.expect(200, "GET", "/employees/8.5")
        self.expect(404, "GET", "/employees/9")
        many = [{"EmpId": f"b{i}", "EmpName": f"n{i}"} for i in range(120)]
        self.assertEqual(120, self.expect(200, "POST", "/employees/batch", {"Employees": many, "ReturnEmployees": True})["Inserted"])
        self.expect(409, "POST", "/employees/batch", many)
        mixed = [{"EmpId": f"c{i}", "EmpName": "x"} for i in range(60)] + [{"EmpId": "7", "EmpName": "x"}]
        report = self.expect(207, "POST", "/employees/batch", {"Employees": mixed, "OnError": "continue"})
        self.assertEqual((50, 11), (report["Inserted"], report["Failed"]))
        self.expect(422, "POST", "/employees/batch", [{"EmpId": "d", "EmpName": "x" * 300}])
        self.expect(400, "POST", "/employees/batch", {"Employees": [{"EmpId": "d"}]})
        self.expect(400, "POST", "/employees/batch", {})
        at.database.sql("RENAME TABLE Employee TO Hidden")
        try:
            status, _, body = at.ask("GET", "/employees/7")
            self.assertEqual((500, ["message"]), (status, list(body)), body)
        finally:
            at.database.sql("RENAME TABLE Hidden TO Employee")
        self.unavailable(employee)
        documented = {(method, path, status) for path, operations in self.document["paths"].items()
                      for method, operation in operations.items() for status in operation["responses"]}
        self.assertEqual(documented - NOT_HERE, self.seen - NOT_HERE)

    def unavailable(self, employee):
        """A database out of reach: the function waits for it as long as it may (29 s), then 503."""
        answers = []

        def work(*request):
            answers.append((request, at.ask(*request)))

        at.gate.shut()
        try:
            crew = [threading.Thread(target=work, args=request) for request in (
                ("POST", "/employees", employee), ("POST", "/employees/batch", [employee]), ("GET", "/employees"), ("GET", "/employees/7"))]
            for one in crew:
                one.start()
            for one in crew:
                one.join()
        finally:
            at.gate.open()
        self.assertEqual(4, len(answers))
        for (method, path, *_), (status, headers, body) in answers:
            self.assertEqual((503, "2"), (status, headers["retry-after"] if "message" in body else "2"), body)
            template, operation = self.documented(method, path)
            self.seen.add((method.lower(), template, "503"))
            schema = as_json_schema(self.resolve(operation["responses"]["503"])["content"]["application/json"]["schema"])
            jsonschema.Draft7Validator({**schema, "components": self.schemas["components"]}).validate(body)


if __name__ == "__main__":
    unittest.main()
