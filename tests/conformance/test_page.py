"""docs/compatibility.md and the tests agree: every rule is listed once, with its state, and what is held is tested."""
import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path[:0] = [str(TESTS / "support"), str(HERE)]
import rows  # noqa: E402
import rows_1_2_requests, rows_3_limits, rows_4_parameters, rows_5_values, rows_6_7_metadata  # noqa: E401, E402, F401
import rows_8_batches, rows_9_transactions, rows_13_generation_1, rows_relaxed  # noqa: E401, E402, F401

HELD = {"as AWS", "choice", "deviation"}
STATES = HELD | {"not ours", "not there yet"}
# Which rules there are: the numbers of each section, first and last.
SECTIONS = {1: [(1, 8), (10, 12), (20, 28), (30, 34)], 2: [(10, 41), (50, 59)], 3: [(1, 24)], 4: [(1, 15), (20, 25), (30, 35)], 5: [(1, 7), (30, 34), (40, 45)],
            6: [(1, 14), (20, 20)], 7: [(1, 11)], 8: [(1, 11)], 9: [(1, 17)], 10: [(1, 7), (10, 14), (20, 23), (30, 41)], 13: [(1, 22)]}
RULES = [f"R-{section}.{number}" for section, spans in SECTIONS.items() for first, last in spans for number in range(first, last + 1)]
QUOTE = re.compile(r"R-(\d+)\.(\d+)")
NAME = re.compile(r"(?<![a-z0-9])r_(\d+)_(\d+)(?!\d)")


def listed():
    page = (TESTS.parent / "docs" / "compatibility.md").read_text()
    return re.findall(r"^\| (R-\d+\.\d+) \| ([^|]+?) \| ([^|]*?) \|$", page.split("## Rule by rule")[1], re.M)


def quoted(text):
    found = {f"R-{section}.{number}" for section, number in [*QUOTE.findall(text), *NAME.findall(text)]}
    for section, first, last in re.findall(r"R-(\d+)\.(\d+) (?:to|…) R-\1\.(\d+)", text):
        found |= {f"R-{section}.{number}" for number in range(int(first), int(last) + 1)}
    return found


def quoted_by_tests():
    found = set()
    for kind in ["py", "cpp", "hpp", "mjs", "go", "java", "rs", "js"]:
        for file in TESTS.rglob("*." + kind):
            if file != Path(__file__).resolve():
                found |= quoted(file.read_text(errors="replace"))
    return found


class Page(unittest.TestCase):
    def test_every_rule_is_listed_once_and_in_order(self):
        self.assertEqual([rule for rule, _, _ in listed()], RULES)

    def test_every_state_is_one_of_those_explained(self):
        self.assertEqual({state for _, state, _ in listed()} - STATES, set())

    def test_what_is_held_is_quoted_by_a_test(self):
        tests = quoted_by_tests()
        self.assertEqual([rule for rule, state, _ in listed() if state in HELD and rule not in tests], [])

    def test_no_row_quotes_an_unknown_rule(self):
        for name, _, _ in rows.ROWS:
            self.assertRegex(name, r"\AR-\d+(\.\d+)?\b")
            self.assertEqual({rule for rule in quoted(name) if int(rule[2:].split(".")[0]) in SECTIONS} - set(RULES), set(), name)

    def test_what_is_said_to_be_missing_is_not_tested_as_held(self):
        in_rows = set().union(*(quoted(name) for name, _, _ in rows.ROWS))
        self.assertEqual([rule for rule, state, _ in listed() if state in ("not ours", "not there yet") and rule in in_rows], [])


if __name__ == "__main__":
    unittest.main()
