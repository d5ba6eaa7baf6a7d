"""L-4.4: the function may do what the template's policy says, and nothing else: its credentials are a session of its role."""
import base64
import json
import pathlib
import tempfile
import unittest
import urllib.request

from support import PROGRAMS, SECRET_ARN, TEMPLATE, Borealis, Gate, MariaDB
from hosted import AUTHORIZATION

PERSON = {"EmpId": "7", "EmpName": "Ann"}


class Role(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = MariaDB()
        cls.addClassCleanup(cls.database.close)
        cls.gate = Gate(cls.database.port)
        cls.addClassCleanup(cls.gate.close)

    def invoke(self, change, event):
        """(result, log) of the function under a changed template."""
        self.database.reset()
        with tempfile.TemporaryDirectory(prefix="borealis-role-") as folder:
            file = pathlib.Path(folder, "template.yaml")
            file.write_text(change(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
            served = Borealis(self.gate.port, None, more=(
                f'[template]\nfile = "{file}"\n[template.code]\nEmployeeFunction = "{PROGRAMS["lambda_dataapi"]}"\n[http_api]\nlisten = "127.0.0.1:0"\n'
                f'[template.attributes]\n"Cluster.MasterUserSecret.SecretArn" = "{SECRET_ARN}"\n'))
            try:
                request = urllib.request.Request(f"{served.url}/2015-03-31/functions/EmployeeFunction/invocations", data=json.dumps(event).encode(),
                                                 headers={"Authorization": AUTHORIZATION, "X-Amz-Log-Type": "Tail"}, method="POST")
                with urllib.request.urlopen(request, timeout=90) as answer:
                    return json.loads(answer.read()), base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode()
            finally:
                served.close()

    def test_the_templates_own_policy_is_enough(self):
        result, log = self.invoke(lambda text: text, PERSON)
        self.assertEqual([["7", "Ann"]], result, log)
        result, log = self.invoke(lambda text: text, {"Employees": [PERSON, {"EmpId": "8", "EmpName": "Bob"}]})
        self.assertEqual(2, result["Inserted"], log)

    def test_what_the_policy_does_not_name_is_denied(self):
        def without_batches(text):
            return text.replace("                - rds-data:BatchExecuteStatement\n", "")

        result, log = self.invoke(without_batches, PERSON)
        self.assertEqual([["7", "Ann"]], result, log)
        result, log = self.invoke(without_batches, {"Employees": [PERSON, {"EmpId": "8", "EmpName": "Bob"}]})
        self.assertEqual((0, 2), (result["Inserted"], result["Failed"]), log)
        self.assertRegex(json.dumps(result) + log, r"assumed-role/EmployeeFunctionRole/EmployeeFunction is not authorized to perform: rds-data:BatchExecuteStatement")
        self.assertEqual(0, self.database.count())

    def test_another_cluster_is_denied(self):
        result, _ = self.invoke(lambda text: text.replace("Resource: !GetAtt Cluster.DBClusterArn", "Resource: arn:aws:rds:us-east-1:123456789012:cluster:other"), PERSON)
        self.assertIn("is not authorized to perform: rds-data:BeginTransaction", json.dumps(result))
        self.assertEqual(0, self.database.count())

    def test_a_function_without_policies_may_nothing(self):
        def without_policies(text):
            start, end = text.index("      Policies:\n"), text.index("      Events:\n")
            return text[:start] + text[end:]

        result, _ = self.invoke(without_policies, PERSON)
        self.assertIn("is not authorized to perform", json.dumps(result))


if __name__ == "__main__":
    unittest.main()
