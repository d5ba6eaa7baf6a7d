"""Resident memory against the worst case that docs/configuration.md writes down ("Memory"). Its factors are read from there, so that
neither changes alone."""
import json
import re
import socket
import ssl
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from authority import Authority  # noqa: E402
from engines import until  # noqa: E402
from running import AUTHORIZATION, ROOT, SANITIZED, Server, databases  # noqa: E402

KIB, MIB = 1024, 1024 * 1024
IDLE, CALLS, SESSIONS, STATEMENTS, THREADS = 200, 12, 4, 100, 2
BODY, RESULT, SQL = 1 * MIB, 1 * MIB, 20_000


def factors():
    """The numbers in front of what the documentation's table names."""
    text = (ROOT / "docs" / "configuration.md").read_text().split("## Memory: the worst case")[1].split("\n## ")[0]
    found = {}
    for name, number, unit in re.findall(r"<!-- (\w+) -->(\d+)(?: (KiB|MiB|bytes))?", text):
        found[name] = int(number) * {"KiB": KIB, "MiB": MIB}.get(unit, 1)
    return found


class Client:
    """A connection whose requests are sent whole, and whose answers are read when asked for."""

    def __init__(self, port, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def send(self, body):
        self.socket.sendall(b"POST /Execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + AUTHORIZATION.encode() +
                            b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self):
        read = b""
        while b"\r\n\r\n" not in read:
            read += self.some()
        head, _, body = read.partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        while len(body) < length:
            body += self.some()
        return int(head.split()[1]), body

    def some(self):
        got = self.socket.recv(256 * KIB)
        if not got:
            raise ConnectionError("the server has closed the connection")
        return got


@unittest.skipIf(SANITIZED, "a sanitizer's own memory is not ours")
class Memory(unittest.TestCase):
    def serve(self, more=""):
        there = databases()["postgresql"]
        self.there = there
        self.server = Server(f"result_bytes = {RESULT}\nsql_characters = {SQL}\n[limits]\nbody_bytes = {BODY}\nidle_seconds = 600\n"
                             f"[pool]\nmaximum = {SESSIONS}\nstatements = {STATEMENTS}\nwait_seconds = 120\nconnect_seconds = 60\n" + more + there.config(),
                             "--threads", str(THREADS)).start()
        self.addCleanup(self.server.stop)
        self.factor = factors()

    def memory(self, what):
        return int(re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{self.server.process.pid}/status").read_text())[1]) * KIB

    def peak_of(self, work):
        Path(f"/proc/{self.server.process.pid}/clear_refs").write_text("5")  # proc(5): begins VmHWM anew
        before = self.memory("VmRSS")
        work()
        return before, self.memory("VmHWM")

    def client(self, tls=None):
        made = Client(self.server.port, tls)
        self.addCleanup(made.socket.close)
        return made

    def body(self, sql, parameters=(), pad=0):
        members = {"resourceArn": self.there.arn, "secretArn": self.there.secret, "sql": sql, "parameters": list(parameters)}
        text = json.dumps(members).encode()
        return text + b" " * max(0, pad - len(text))

    def all_at_once(self, clients, body):
        senders = [threading.Thread(target=c.send, args=(body,)) for c in clients]
        for each in senders:
            each.start()
        for each in senders:
            each.join()
        for each in clients:
            status, answer = each.answer()
            self.assertEqual(status, 200, answer[:300])

    def idle(self, tls, more):
        clients = []

        def work():
            for _ in range(IDLE):
                one = self.client(tls)
                one.send(self.body("SELECT 1", pad=60 * KIB))  # what it leaves behind is kept up to 64 KiB
                self.assertEqual(one.answer()[0], 200)
                clients.append(one)

        before, peak = self.peak_of(work)
        allowed = IDLE * (self.factor["connection"] + more) + CALLS * self.factor["call"]
        self.assertLess(peak - before, allowed, f"{(peak - before) / IDLE / KIB:.0f} KiB a connection")

    def test_given_idle_connections_when_many_then_each_costs_what_is_written_down(self):
        self.serve()
        self.idle(None, 0)

    def test_given_idle_tls_connections_when_many_then_each_costs_what_is_written_down(self):
        folder = tempfile.TemporaryDirectory(prefix="borealis-memory-")
        self.addCleanup(folder.cleanup)
        authority = Authority(folder.name)
        certificate, key = authority.sign("localhost")
        self.serve(f'[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n')
        self.idle(ssl.create_default_context(cafile=authority.file), self.factor["tls"])

    def test_given_calls_at_once_when_large_then_each_costs_what_is_written_down(self):
        self.serve()
        clients = [self.client() for _ in range(CALLS)]
        # As many values as fit: parameters whose names and values are short.
        one = {"name": "a", "value": {"longValue": 1}}
        parameters = [one] * (BODY * 9 // 10 // len(json.dumps(one)))
        values = 5 * len(parameters)
        request = self.body("SELECT :a::bigint", [{**one, "name": f"a{n % 10}"} for n in range(len(parameters) - 10)] + [one])
        self.assertLess(len(request), BODY)
        wide = self.body("SELECT repeat(chr(1), 250) FROM generate_series(1, 4000)")  # each octet is six in JSON
        tall = self.body("SELECT true, null, 1 FROM generate_series(1, 55000)")
        peaks = []

        def work():
            for body in (request, wide, tall):
                self.all_at_once(clients, body)

        call = (self.factor["call"] + BODY * self.factor["body"] + values * self.factor["value"] + RESULT * self.factor["result"])
        for _ in range(2):
            before, peak = self.peak_of(work)
            peaks.append(peak)
            self.assertLess(peak - before, CALLS * call, f"{(peak - before) / CALLS / MIB:.1f} MiB a call, {call / MIB:.1f} written down")
        self.assertLess(peaks[-1], peaks[0] + CALLS * call / 4, "it grows")

    def test_given_statements_when_as_many_and_long_as_allowed_then_sessions_cost_what_is_written_down(self):
        self.serve()
        clients = [self.client() for _ in range(SESSIONS)]

        def work():
            for number in range(STATEMENTS * 3 // 2):
                sql = f"SELECT {number}, pg_sleep(0.01) /* {'x' * (SQL - 100)} */"  # so that each takes a session of its own
                self.all_at_once(clients, self.body(sql))

        before, peak = self.peak_of(work)
        session = self.factor["session"] + STATEMENTS * (self.factor["statement"] + SQL * self.factor["text"])
        allowed = SESSIONS * (session + self.factor["call"]) + THREADS * self.factor["thread"]
        self.assertLess(peak - before, allowed, f"{(peak - before) / MIB:.1f} MiB")
        until(lambda: self.memory("VmRSS") < before + allowed)


if __name__ == "__main__":
    unittest.main()
