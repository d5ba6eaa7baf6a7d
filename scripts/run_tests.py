#!/usr/bin/env python3
"""Builds everything and runs every test registered with CTest, and the checks of the source itself.

Words on the command line choose the tests whose names contain one of them, without case; `--list` names them all.
One PostgreSQL and one MariaDB server are started for all test programs to share. The last line counts the single
tests, read from what GoogleTest, unittest or the program itself reports; a program that reports nothing counts as one.

`./test chaos --minutes N` runs the tests of tests/chaos at length: the ledger for N minutes on each engine, over 64 connections, the others with
every fault at every place.

`./test --preset asan [words]`, or tsan, builds with that preset's sanitizers and runs the tests so: each process of ours that a test starts,
server, tool or function, fails the test when a sanitizer reports anything. Its first build takes long;
`--no-build` runs what is there.

`./test fuzz --seconds 60 [words]` builds the fuzz targets with their sanitizers and lets each look for new inputs for so long, one a
core. What it finds beyond fuzz/corpus stays in build/fuzz/found, an input that breaks one in build/fuzz/broken.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "build" / "venv"
SECONDS_PER_PROGRAM = 900

# What each preset's processes are told, and how much longer they take. Without halt_on_error TSan goes on after a report, and the test sees more than one.
SANITIZERS = {
    "asan": ({"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"}, 3),
    "tsan": ({"TSAN_OPTIONS": "second_deadlock_stack=1:history_size=4"}, 4),
}
NOT_SANITIZED = {
    "bench": "it measures",
    "instructions": "it counts what the release build executes",
    "install_client": "what is installed is a release build",
    "install_consumer": "what is installed is a release build",
    "deploy_test": "sanitizers neither link statically nor run in an empty root",
    "service": "the package holds a release build",
}


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


def checks(build: pathlib.Path) -> dict:
    return {"check_rooms": ([sys.executable, "scripts/check_rooms.py"], {}),
            "check_format": (["clang-format-19", "--dry-run", "--Werror", *sources()], {}),
            "check_headers_alone": (["cmake", "--build", str(build), "--target", "all_verify_interface_header_sets"], {})}


def registered(build: pathlib.Path) -> dict:
    """name -> (command, properties); a program that is not built has no command."""
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    tests = {}
    for test in json.loads(shown.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        tests[test["name"]] = (test.get("command"), properties)
    return tests


class Reports:
    """The folder that the sanitizers of all processes of a run write to, whoever started them."""

    def __init__(self, build: pathlib.Path):
        self.folder = build / "reports"
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o777)  # some servers run as another user
        self.take()

    def options(self, preset: str) -> dict:
        """The environment of a process that is to write here; what the caller's own environment says comes last, and wins."""
        return {name: ":".join(filter(None, (f"log_path={self.folder}/report:log_exe_name=1", value, os.environ.get(name))))
                for name, value in SANITIZERS[preset][0].items()}

    def take(self) -> list:
        """What was written since, one text for each process; the folder is empty then."""
        found = []
        for file in sorted(self.folder.iterdir()):
            found.append(f"{file.name}:\n{file.read_text(errors='replace')}")
            file.unlink()
        return found


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
        # What fails before its first test is bad, and was not run.
        passed, failed, skipped, told = passed + max(0, int(m[1]) - bad - out), failed + bad, skipped + out, True
    if not told:
        return (1, 0, 0) if status == 0 else (0, 1, 0)
    if status != 0 and failed == 0:
        failed = 1  # it fell over after or beside its tests
    return passed, failed, skipped


def take(arguments: list, option: str) -> str | None:
    """Takes `option VALUE` out of the arguments; None where it is not there."""
    if option not in arguments:
        return None
    at = arguments.index(option)
    value = arguments[at + 1] if at + 1 < len(arguments) else ""
    del arguments[at:at + 2]
    return value


def take_number(arguments: list, option: str) -> int | None:
    value = take(arguments, option)
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d*", value):
        sys.exit(f"{option} needs a whole number above 0")
    return int(value)


def fuzz(arguments: list) -> int:
    seconds = take_number(arguments, "--seconds") or 60
    words = [w.lower() for w in arguments if not w.startswith("-")]
    names = sorted(p.stem for p in (ROOT / "fuzz").glob("*_fuzz.cpp") if not words or any(w in p.stem for w in words))
    if not names:
        print(f"no target's name contains {' or '.join(words)}")
        return 2
    subprocess.run([ROOT / "scripts" / "build", "fuzz", *names], check=True)
    folder = ROOT / "build" / "fuzz"
    targets = [folder / "fuzz" / name for name in names]

    def run(target: pathlib.Path) -> tuple:
        found, broken = folder / "found" / target.name, folder / "broken"
        found.mkdir(parents=True, exist_ok=True)
        broken.mkdir(exist_ok=True)
        # A second for one input is a hang; three, because the sanitizers are slow and the machine may be busy.
        ran = subprocess.run([target, f"-max_total_time={seconds}", "-timeout=3", "-report_slow_units=1", "-rss_limit_mb=1024",
                              "-print_final_stats=1", "-max_len=16384", f"-artifact_prefix={broken}/{target.name}-",
                              found, ROOT / "fuzz" / "corpus" / target.name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return target, ran.returncode, ran.stdout.decode(errors="replace")

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        for target, status, output in workers.map(run, targets):
            done = re.search(r"number_of_executed_units: (\d+)", output)
            print(f"{'ok    ' if status == 0 else 'FAILED'} {target.name}: {done[1] if done else '?'} inputs", flush=True)
            if status != 0:
                failed += 1
                print("\n".join("    " + line for line in output.splitlines()[-40:]), flush=True)
    print(f"{len(targets) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def main() -> int:
    if sys.argv[1:2] == ["fuzz"]:
        return fuzz(sys.argv[2:])
    arguments = sys.argv[1:]
    minutes = take_number(arguments, "--minutes")
    preset = take(arguments, "--preset")
    if preset is not None and preset not in SANITIZERS:
        sys.exit(f"--preset needs one of {', '.join(SANITIZERS)}")
    if unknown := [a for a in arguments if a.startswith("-") and a not in ("--list", "--no-build")]:
        sys.exit(f"unknown: {' '.join(unknown)}")
    words = [w.lower() for w in arguments if not w.startswith("-")]
    build = ROOT / "build" / (preset or "dev")
    if "--no-build" not in arguments:
        for each in [preset] if preset else ["dev", "release"]:
            subprocess.run([ROOT / "scripts" / "build", each], check=True)
    python_packages()
    tests = {} if preset else checks(build)
    tests.update(registered(build))
    if "--list" in arguments:
        print("\n".join(tests))
        return 0
    chosen = [name for name in tests if not words or any(w in name.lower() for w in words)]
    if not chosen:
        print(f"no test's name contains {' or '.join(words)}; ./test --list names them all")
        return 2

    environment = dict(os.environ, BOREALIS_BUILD=str(build), BOREALIS_BINARY=str(ROOT / "build" / (preset or "release") / "borealis"),
                       PATH=f"{VENV / 'bin'}:{os.environ['PATH']}")
    reports = Reports(build) if preset else None
    if reports:
        environment |= reports.options(preset)
    seconds_per_program = SECONDS_PER_PROGRAM * (SANITIZERS[preset][1] if preset else 1)
    if minutes is not None:
        environment |= {"BOREALIS_CHAOS": "long", "BOREALIS_CHAOS_MINUTES": str(minutes)}
        seconds_per_program += max(3600, 2 * 60 * minutes)
    shared = subprocess.Popen([build / "tests" / "share_databases"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in shared.stdout:
        if line == "ready\n":
            break
        name, _, value = line.rstrip("\n").partition("=")
        environment[name] = value

    # Secrets that are in the configuration of every server of the run, and may be in no line that anybody prints.
    environment["BOREALIS_PLANTED"] = f"planted-{secrets.token_hex(12)}"
    planted = {environment["BOREALIS_PLANTED"]} | {value.split(" ")[3] for name, value in environment.items()
                                                   if name in ("BOREALIS_TEST_POSTGRESQL", "BOREALIS_TEST_MARIADB")}

    total = [0, 0, 0]
    broken = []
    ends = {}  # of the outputs of those that failed
    logs = ROOT / "build" / "test-logs"
    logs.mkdir(exist_ok=True)
    for name in chosen:
        command, properties = tests[name]
        if preset and name in NOT_SANITIZED:
            total[2] += 1
            print(f"skipped {name}: {NOT_SANITIZED[name]}", flush=True)
            continue
        started = time.monotonic()
        own = dict(variable.split("=", 1) for variable in properties.get("ENVIRONMENT", []))
        try:
            run = subprocess.run(command or ["false"], cwd=properties.get("WORKING_DIRECTORY", ROOT), env=environment | own, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds_per_program)
            output, status = run.stdout.decode(errors="replace") if command else "not built", run.returncode
        except subprocess.TimeoutExpired as e:
            output, status = (e.stdout or b"").decode(errors="replace") + f"\nstopped after {seconds_per_program} s\n", 1
        found = reports.take() if reports else []
        output += "".join(f"\n{each}" for each in found)
        (logs / f"{name}.log").write_text(output)
        one = counts(output, status)
        one = (one[0], one[1] + len(found), one[2])
        if any(secret in output for secret in planted):
            one = (one[0], one[1] + 1, one[2])
            output += "\nthis output shows a planted secret\n"
        for i in range(3):
            total[i] += one[i]
        mark = "ok    " if one[1] == 0 else "FAILED"
        print(f"{mark} {name}: {one[0]} passed, {one[1]} failed, {one[2]} skipped ({time.monotonic() - started:.1f} s)", flush=True)
        if one[1]:
            broken.append(name)
            ends[name] = ["    " + line for line in output.splitlines()[-60:]]
            print("\n".join(ends[name]), flush=True)
    shared.stdin.close()
    shared.wait(30)
    for each in reports.take() if reports else []:
        total[1] += 1
        broken.append("share_databases")
        print(each)
    if broken:
        if len(chosen) > 20:  # they are far up
            for name, lines in ends.items():
                print("\n".join([f"again, {name}:", *lines[-25:]]))
        print(f"failed: {', '.join(broken)}; whole outputs in build/test-logs/")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
