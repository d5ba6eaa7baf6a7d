"""Managed databases are out of reach: they listen to no network, nor may they, or what they run, open a connection."""
import os
import re
import shutil
import socket
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import CLUSTER, Server  # noqa: E402

CLUSTERS = {"postgresql": "borealis-postgresql", "mariadb": "borealis-mysql"}


def children_of(process):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1]) == process:
                    found.append(int(entry))
            except (OSError, IndexError):
                continue
    return found


def network_sockets_of(process):
    """Of the kinds that /proc/net lists: local addresses."""
    inodes = set()
    for one in Path(f"/proc/{process}/fd").iterdir():
        try:
            if match := re.match(r"socket:\[(\d+)\]", os.readlink(one)):
                inodes.add(match[1])
        except OSError:
            continue
    assert inodes, "its Unix socket at least"
    lines = [line.split() for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6") if Path(f"/proc/net/{kind}").exists()
             for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return [words[1] for words in lines if words[9] in inodes]


class Confinement(unittest.TestCase):
    def setUp(self):
        self.state = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.state.chmod(0o711)
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    def ask(self, server, engine, sql):
        return server.call("Execute", resourceArn=CLUSTER + CLUSTERS[engine], secretArn=CLUSTERS[engine], sql=sql)

    def dial(self, server):
        """What becomes of a program of the database's that calls a socket of ours; and whether it got through."""
        with socket.create_server(("127.0.0.1", 0)) as ours:
            ours.settimeout(5)
            port = ours.getsockname()[1]
            answer = self.ask(server, "postgresql", f"COPY (SELECT 1) TO PROGRAM 'bash -c \"exec 3<>/dev/tcp/127.0.0.1/{port}\"'")
            if answer[0] != 200:
                ours.settimeout(0.2)
            try:
                ours.accept()[0].close()
                return answer, True
            except TimeoutError:
                return answer, False

    def test_no_network_for_managed_databases(self):
        with Server(state=self.state) as server:
            for engine in CLUSTERS:
                self.assertEqual(self.ask(server, engine, "SELECT 1")[0], 200)
            databases = children_of(server.process.pid)
            self.assertEqual(len(databases), 2)
            for process in databases:
                self.assertEqual(network_sockets_of(process), [])
                status = Path(f"/proc/{process}/status").read_text()
                self.assertRegex(status, r"NoNewPrivs:\s+1\n")
                self.assertRegex(status, r"Seccomp:\s+2\n")
                self.assertRegex(status, r"CapEff:\s+0+\n")
                self.assertNotRegex(status, r"Uid:\s+0\s")
            # Its administrator cannot open a port either.
            self.assertEqual(self.ask(server, "postgresql", "ALTER SYSTEM SET listen_addresses = '127.0.0.1'")[0], 200)
            self.assertEqual(self.ask(server, "postgresql", "SHOW listen_addresses")[2]["records"], [[{"stringValue": ""}]])
            self.assertEqual(self.ask(server, "mariadb", "SELECT @@skip_networking")[2]["records"], [[{"longValue": 1}]])
            answer, through = self.dial(server)
            self.assertFalse(through)
            self.assertEqual(answer[0], 400, answer)
        with Server(state=self.state) as server:
            self.assertEqual(self.ask(server, "postgresql", "SHOW listen_addresses")[2]["records"], [[{"stringValue": ""}]])
            self.assertEqual([network_sockets_of(p) for p in children_of(server.process.pid)], [[]])

    def test_with_leave_they_may_connect(self):
        """Which shows that the test above could fail."""
        with Server("default_clusters = true\ndatabases_may_connect = true\n", state=self.state) as server:
            self.assertEqual(self.ask(server, "postgresql", "SELECT 1")[0], 200)
            answer, through = self.dial(server)
            self.assertTrue(through, answer)
            [process] = children_of(server.process.pid)
            self.assertEqual(network_sockets_of(process), [])
            self.assertRegex(Path(f"/proc/{process}/status").read_text(), r"NoNewPrivs:\s+1\n")


if __name__ == "__main__":
    unittest.main()
