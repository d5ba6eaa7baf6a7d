"""A Python function with boto3 (workshop_dataapi.py) and our programs are interchangeable: same server, same table, same list."""
import json
import pathlib
import subprocess
import sys
import unittest

from support import ROOT, World

sys.path.insert(0, str(ROOT / "scripts"))
import run_tests  # noqa: E402  what ./test installs boto3 with


def setUpModule():
    World.shared()


def tearDownModule():
    World.close_shared()


class Workshop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World.shared()
        if not cls.world.api:
            raise unittest.SkipTest("borealis is not built")
        run_tests.python_packages()
        cls.python = run_tests.VENV / "bin" / "python"

    def setUp(self):
        self.world.calm()
        self.world.database.reset()

    def python_function(self, code):
        environment = {**self.world.functions["lambda_dataapi"].environment, "PYTHONPATH": str(pathlib.Path(__file__).parent)}
        return subprocess.run([self.python, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False)

    def test_the_same_list_from_all_three(self):
        event = {"EmpId": "7", "EmpName": "Zoë O'Neil 😀"}
        done = self.python_function(f"import json, workshop_dataapi as w; print(json.dumps(w.handler({event!r}, None)))")
        self.assertEqual(0, done.returncode, done.stderr)
        *log, result = done.stdout.splitlines()
        for name in self.world.names():
            self.world.database.reset()
            outcome = self.world.functions[name].invoke(event)
            self.assertEqual((json.loads(result), log), (outcome.body, outcome.log), name)

    def test_each_sees_the_rows_of_the_others(self):
        people = []
        for i, name in enumerate(self.world.names()):
            people.append([str(i), name])
            self.world.functions[name].invoke({"EmpId": str(i), "EmpName": name})
        done = self.python_function("import json, workshop_dataapi as w; print(json.dumps(w.handler({'EmpId': '9', 'EmpName': 'python'}, None)))")
        self.assertEqual([*people, ["9", "python"]], json.loads(done.stdout.splitlines()[-1]), done.stderr)

    def test_a_duplicate_fails_in_all_three_with_the_same_number(self):
        self.world.database.reset(seed=["'7', 'Ann'"])
        done = self.python_function("import workshop_dataapi as w; w.handler({'EmpId': '7', 'EmpName': 'Bob'}, None)")
        self.assertEqual(1, done.returncode)
        self.assertIn("Duplicate entry '7' for key 'PRIMARY'; Error code: 1062; SQLState: 23000", done.stderr)
        for name in self.world.names():
            self.assertIn("(1062, ", self.world.functions[name].invoke({"EmpId": "7", "EmpName": "Bob"}).body["errorMessage"])
        self.assertEqual([["37", "416E6E"]], self.world.database.table())

    def test_the_script(self):
        environment = self.world.functions["lambda_dataapi"].environment
        done = subprocess.run([self.python, pathlib.Path(__file__).with_name("workshop_dataapi.py")], env=environment, capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"^Inserting employee (\d+)\nNumber of employees: 1\nList of employees: \[\['\1', 'Employee-Name-\1'\]\]\n$")


if __name__ == "__main__":
    unittest.main()
