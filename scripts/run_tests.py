#!/usr/bin/env python3
"""Builds everything and runs every test registered with CTest, and the checks of the source itself.

Words on the command line choose the tests whose names contain one of them, without case; `--list` names them all.
One PostgreSQL and one MariaDB server are started for all test programs to share. The last line counts the single
tests, read from what GoogleTest, unittest or the program itself reports; a program that reports nothing counts as one.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "dev"
VENV = ROOT / "build" / "venv"
SECONDS_PER_PROGRAM = 900


def build() -> None:
    subprocess.run([ROOT / "scripts" / "build", "dev"], check=True)
    subprocess.run([ROOT / "scripts" / "build", "release"], check=True)


def python_packages() -> None:
    """The Python clients of the tests, in a virtual environment of their own."""
    wanted = ROOT / "tests" / "requirements.txt"
    stamp = VENV / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    print("installing Python packages into build/venv", flush=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted], check=True)
    stamp.write_bytes(wanted.read_bytes())


def sources() -> list:
    listed = subprocess.run(["git", "ls-files", "*.cpp", "*.hpp"], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.split()


CHECKS = {
    "check_rooms": lambda: [sys.executable, "scripts/check_rooms.py"],
    "check_format": lambda: ["clang-format-19", "--dry-run", "--Werror", *sources()],
    "check_headers_alone": lambda: ["cmake", "--build", str(BUILD), "--target", "all_verify_interface_header_sets"],
}


def registered() -> dict:
    shown = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    tests = {}
    for test in json.loads(shown.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        tests[test["name"]] = (test["command"], properties)
    return tests


def counts(output: str, status: int) -> tuple:
    """(passed, failed, skipped) as the program says; one test where it says nothing."""
    passed = failed = skipped = 0
    told = False
    for line in output.splitlines():
        if m := re.match(r"\[  PASSED  \] (\d+) test", line):
            passed, told = passed + int(m[1]), True
        elif m := re.match(r"\[  FAILED  \] (\d+) test", line):
            failed, told = failed + int(m[1]), True
        elif m := re.match(r"\[  SKIPPED \] (\d+) test", line):
            skipped += int(m[1])
        elif m := re.match(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", line):
            passed, failed, skipped, told = passed + int(m[1]), failed + int(m[2]), skipped + int(m[3] or 0), True
    if m := re.search(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?", output, re.MULTILINE):
        parts = dict(p.split("=") for p in (m[3] or "").split(", ") if "=" in p)
        bad = int(parts.get("failures", 0)) + int(parts.get("errors", 0)) + int(parts.get("unexpected successes", 0))
        out = int(parts.get("skipped", 0))
        passed, failed, skipped, told = passed + int(m[1]) - bad - out, failed + bad, skipped + out, True
    if not told:
        return (1, 0, 0) if status == 0 else (0, 1, 0)
    if status != 0 and failed == 0:
        failed = 1  # it fell over after or beside its tests
    return passed, failed, skipped


def main() -> int:
    words = [w.lower() for w in sys.argv[1:] if not w.startswith("-")]
    build()
    python_packages()
    tests = {name: (command(), {}) for name, command in CHECKS.items()}
    tests.update(registered())
    if "--list" in sys.argv:
        print("\n".join(tests))
        return 0
    chosen = [name for name in tests if not words or any(w in name.lower() for w in words)]
    if not chosen:
        print(f"no test's name contains {' or '.join(words)}; ./test --list names them all")
        return 2

    environment = dict(os.environ, BOREALIS_BINARY=str(ROOT / "build" / "release" / "borealis"),
                       PATH=f"{VENV / 'bin'}:{os.environ['PATH']}")
    shared = subprocess.Popen([BUILD / "tests" / "share_databases"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in shared.stdout:
        if line == "ready\n":
            break
        name, _, value = line.rstrip("\n").partition("=")
        environment[name] = value

    total = [0, 0, 0]
    broken = []
    logs = ROOT / "build" / "test-logs"
    logs.mkdir(exist_ok=True)
    for name in chosen:
        command, properties = tests[name]
        started = time.monotonic()
        try:
            run = subprocess.run(command, cwd=properties.get("WORKING_DIRECTORY", ROOT), env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_PER_PROGRAM)
            output, status = run.stdout.decode(errors="replace"), run.returncode
        except subprocess.TimeoutExpired as e:
            output, status = (e.stdout or b"").decode(errors="replace") + f"\nstopped after {SECONDS_PER_PROGRAM} s\n", 1
        (logs / f"{name}.log").write_text(output)
        one = counts(output, status)
        for i in range(3):
            total[i] += one[i]
        mark = "ok    " if one[1] == 0 else "FAILED"
        print(f"{mark} {name}: {one[0]} passed, {one[1]} failed, {one[2]} skipped ({time.monotonic() - started:.1f} s)", flush=True)
        if one[1]:
            broken.append(name)
            print("\n".join("    " + line for line in output.splitlines()[-60:]), flush=True)
    shared.stdin.close()
    shared.wait(30)
    if broken:
        print(f"failed: {', '.join(broken)}; whole outputs in build/test-logs/")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
