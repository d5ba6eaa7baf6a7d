"""What a server says of itself while a test tries it: its metrics, its memory, and whether everything is at rest."""
import re
import time
import urllib.request
from pathlib import Path

ADMIN = '[admin]\nlisten = "127.0.0.1:0"\n'  # what Watch needs in the server's config


class Watch:
    """`Watch(server)`, whose config has ADMIN."""

    def __init__(self, server):
        self.server = server

    def numbers(self):
        """{series: value} of /metrics."""
        found = re.findall(r"metrics: (http://127\.0\.0\.1:\d+)/metrics", self.server.text())
        with urllib.request.urlopen(found[-1] + "/metrics", timeout=60) as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def resets(self):
        return self.numbers()['borealis_session_events_total{event="reset"}']

    def unrest(self):
        """What is not as it is while nobody calls; nothing: all is at rest, and each session that was opened is closed or idle."""
        now = self.numbers()
        busy = {name: now[name] for name in ('borealis_sessions{state="leased"}', 'borealis_sessions{state="resetting"}',
                                             "borealis_session_waiters", "borealis_transactions_open") if now[name]}
        opened, closed = (now[f'borealis_session_events_total{{event="{event}"}}'] for event in ("opened", "closed"))
        idle = now['borealis_sessions{state="idle"}']
        if not busy and opened - closed != idle:
            busy["sessions that are neither idle nor closed"] = opened - closed - idle
        return busy

    def at_rest(self, seconds=30):
        deadline = time.monotonic() + seconds
        while unrest := self.unrest():
            if time.monotonic() > deadline:
                raise AssertionError(f"not at rest after {seconds} s: {unrest}")
            time.sleep(0.05)

    def megabytes(self):
        """Resident memory of the server."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0  # it has ended

    def descriptors(self):
        return len(list(Path(f"/proc/{self.server.process.pid}/fd").iterdir()))
