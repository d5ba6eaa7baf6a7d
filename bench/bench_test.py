"""bench/run does not rot: one short round of everything that is installed; and the load itself tells the truth."""
import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = pathlib.Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev"))
BINARY = os.environ.get("BOREALIS_BINARY", BUILD / "borealis")
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]
import engines  # noqa: E402
import running  # noqa: E402
from runner import machine, report  # noqa: E402
from runner.contenders import Round  # noqa: E402


class OneRound(unittest.TestCase):
    def test_given_everything_installed_when_all_workloads_run_once_then_each_contender_has_its_figures(self):
        # A second Borealis plays another Data API server; its database comes with the run.
        port = engines.free_port()
        other = running.Server(engines.cluster_toml("bench-postgresql", "postgresql", [f"127.0.0.1:{port}"], "postgres"))
        with tempfile.TemporaryDirectory() as folder, other:
            page, rounds = pathlib.Path(folder) / "page.md", pathlib.Path(folder) / "rounds.json"
            page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            ran = subprocess.run([HERE / "run", "--no-build", "--preset", BUILD.name, "--binary", BINARY, "--rounds", "1", "--seconds", "0.3", "--connections", "2",
                                  "--keys", "300", "--rows", "20", "--pool", "8", "--postgresql-port", str(port), "--peer", f"other={other.url}", "--output", page, "--json", rounds],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
            self.assertEqual(ran.returncode, 0, ran.stdout[-3000:])
            told = json.loads(rounds.read_text())
            self.assertEqual([p for p in told["problems"] if not p.endswith("scripts/install bench")], [])
            names = {(g["engine"], g["workload"], g["durable"]) for g in told["groups"]}
            written = [("W3", False), ("W3", True), ("W4", False), ("W5-50", False), ("W5-1000", False), ("W5-ids", False)]
            self.assertEqual(names, {(e, w, d) for e in ("postgresql", "mariadb") for w, d in [("W1", False), ("W2", False), *written]})
            self.assertTrue(all("other" in g["rounds"] for g in told["groups"] if g["workload"] == "W1" and g["engine"] == "postgresql"))
            for group in told["groups"]:
                for who, (one,) in group["rounds"].items():
                    with self.subTest(group=group["workload"], engine=group["engine"], who=who):
                        self.assertGreater(one["throughput"], 0)
                        self.assertGreater(one["p50"], 0)
                self.assertGreater(group["half"][1], 0, group)
            self.assertEqual({"memory at start", "memory with idle connections", "first answer"} - told["single"].keys(), set())
            if told["micro"]:
                self.assertEqual({"decode", "rewrite", "encode/1", "sign", "verify"} - told["micro"].keys(), set())
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("after\n"), text)
            self.assertIn("bench/run --no-build", text)
            self.assertNotIn("old\n", text)
            plot = xml.etree.ElementTree.fromstring((pathlib.Path(folder) / "page.svg").read_text())
            self.assertTrue(plot.findall(".//{http://www.w3.org/2000/svg}circle"))


class Processes(unittest.TestCase):
    def test_given_a_process_that_ends_while_its_cpu_is_read_when_it_is_counted_then_that_is_no_error(self):
        for _ in range(200):
            process = subprocess.Popen(["/bin/true"])
            reaper = threading.Thread(target=process.wait)
            reaper.start()
            while reaper.is_alive():
                self.assertGreaterEqual(machine.cpu_nanoseconds(process.pid), 0)
            reaper.join()
            self.assertEqual(machine.cpu_nanoseconds(process.pid), 0)


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers after a while, or badly."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay)
        body = b'{"message":"no"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        with contextlib.suppress(ConnectionError):  # a load that has had its time does not wait for the last answers
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Load(unittest.TestCase):
    def load(self, delay, status, *more):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        server.delay, server.status = delay, status
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with tempfile.NamedTemporaryFile("w") as script:
            script.write("/Execute\t{}\n")
            script.flush()
            ran = subprocess.run([BUILD / "bench" / "load", "--url", f"http://127.0.0.1:{server.server_port}", "--script", script.name, "--warm-up", "0", *more],
                                 stdout=subprocess.PIPE, text=True, timeout=60)
        server.shutdown()
        server.server_close()
        return ran.returncode, json.loads(ran.stdout)

    def test_given_a_server_too_slow_for_the_rate_when_the_loop_is_open_then_latency_counts_from_the_time_that_was_meant(self):
        # One connection, 50 ms an answer, a call meant every 10 ms: the last of 100 waits about four seconds.
        _, told = self.load(0.05, 200, "--connections", "1", "--seconds", "1", "--rate", "100")
        self.assertGreater(told["p99"], 1_000_000)
        self.assertGreater(told["p50"], 500_000)

    def test_given_the_same_server_when_the_loop_is_closed_then_latency_is_that_of_an_answer(self):
        _, told = self.load(0.05, 200, "--connections", "1", "--seconds", "1")
        self.assertGreaterEqual(told["p50"], 50_000)
        self.assertLess(told["p50"], 500_000)
        self.assertLessEqual(told["runs"], 20)

    def test_given_refusals_when_loaded_then_they_count_as_errors_and_the_first_is_told(self):
        status, told = self.load(0, 400, "--connections", "2", "--seconds", "0.3")
        self.assertEqual((status, told["requests"]), (1, 0))
        self.assertGreater(told["errors"], 0)
        self.assertEqual(told["first_error"], '400 {"message":"no"}')


class Figures(unittest.TestCase):
    def test_given_rounds_when_the_ratio_is_made_then_it_is_the_median_of_neighbours(self):
        results = report.Results()
        key = ("postgresql", "W1", 16, False)
        results.groups[key] = {report.BOREALIS: [Round(90), Round(50), None, Round(10)], report.PREPARED: [Round(100), Round(100), Round(1), Round(100)]}
        self.assertEqual(results.ratio(key, report.BOREALIS, report.PREPARED), 0.5)
        row = next(r for r in report.figures(results, []) if r[0].startswith("PostgreSQL W1 / `pgbench") and r[1] == 16)
        self.assertEqual(row[2:], ("≥ 0.95", "0.50", False))

    def test_given_nothing_measured_when_the_table_is_made_then_it_says_so(self):
        self.assertTrue(all(row[3:] == ("not measured", None) for row in report.figures(report.Results(), [])))


if __name__ == "__main__":
    unittest.main(verbosity=2)
