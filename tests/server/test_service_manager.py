"""What a service manager is told (sd_notify(3)): the test plays systemd, with a datagram socket."""
import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import Server, both_databases_config, databases  # noqa: E402

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Manager:
    def __init__(self, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.folder = tempfile.TemporaryDirectory(prefix="borealis-test-")
        name = f"{self.folder.name}/notify"
        self.address = "@" + name if abstract else name
        self.socket.bind("\0" + name if abstract else name)

    def environment(self, **more):
        return {**os.environ, "NOTIFY_SOCKET": self.address, **more}

    def next(self, seconds=30):
        """{name: value} of the next datagram; nothing when none comes."""
        self.socket.settimeout(seconds)
        try:
            return dict(line.split("=", 1) for line in self.socket.recv(65536).decode().split("\n"))
        except TimeoutError:
            return {}

    def close(self):
        self.socket.close()
        self.folder.cleanup()


class Telling(unittest.TestCase):
    def manage(self, config=None, abstract=False, **environment):
        manager = Manager(abstract)
        self.addCleanup(manager.close)
        server = Server(both_databases_config() if config is None else config, "--threads", "2", environment=manager.environment(**environment))
        self.addCleanup(server.__exit__)
        return manager, server.start()

    def test_ready_reloading_and_stopping(self):
        for abstract in (False, True):
            manager, server = self.manage(abstract=abstract)
            self.assertEqual(manager.next(), {"READY": "1", "STATUS": f"serves 2 clusters on {server.url}"})
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.process.send_signal(signal.SIGHUP)
            told = manager.next()
            self.assertEqual(told["RELOADING"], "1")
            self.assertGreaterEqual(int(told["MONOTONIC_USEC"]), before)
            self.assertLessEqual(int(told["MONOTONIC_USEC"]), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            self.assertEqual(manager.next(), {"READY": "1", "STATUS": f"serves 2 clusters on {server.url}"})
            (server.state / "borealis.toml").write_text("listen = 7\n")
            server.process.send_signal(signal.SIGHUP)
            self.assertIn("RELOADING", manager.next())
            told = manager.next()  # it serves on
            self.assertEqual(told["READY"], "1")
            self.assertRegex(told["STATUS"], r"^serves 2 clusters on .*; not reloaded: .*borealis\.toml:1:10: ")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(manager.next()["STOPPING"], "1")
            self.assertEqual(server.process.wait(30), 0)
            self.assertEqual(manager.next(0.1), {})

    def test_a_manager_that_does_not_listen_harms_nobody(self):
        for address in ("/no/such/socket", "@nobody-" + os.urandom(8).hex(), "vsock:2:3", "/" + "x" * 200, ""):
            with Server(both_databases_config(), "--threads", "1", environment={**os.environ, "NOTIFY_SOCKET": address}) as server:
                each = databases()["postgresql"]
                self.assertEqual(server.call("Execute", resourceArn=each.arn, secretArn=each.secret, sql="SELECT 1")[0], 200)

    def test_the_watchdog_is_fed_while_every_loop_answers(self):
        manager, server = self.manage("core_dumps = true\n" + both_databases_config(), WATCHDOG_USEC="600000")
        self.assertIn("READY", manager.next())

        def pings(seconds):
            count, until = 0, time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                count += manager.next(left).get("WATCHDOG") == "1"
            return count

        self.assertGreaterEqual(pings(3), 5)
        self.assertLessEqual(pings(3), 11)
        loop = next(int(task.name) for task in Path(f"/proc/{server.process.pid}/task").iterdir() if (task / "comm").read_text() == "loop-1\n")
        if libc.ptrace(PTRACE_SEIZE, loop, None, None) != 0:
            self.skipTest(f"this machine lets nobody hold a thread: {os.strerror(ctypes.get_errno())}")
        self.assertEqual(libc.ptrace(PTRACE_INTERRUPT, loop, None, None), 0)
        os.waitpid(loop, 0x40000000)  # __WALL
        pings(0.5)  # one may be on its way
        self.assertEqual(pings(2), 0)
        self.assertEqual(libc.ptrace(PTRACE_DETACH, loop, None, None), 0)
        self.assertGreaterEqual(pings(2), 3)

    def test_a_watchdog_of_another_process_is_not_fed(self):
        manager, _ = self.manage(WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        self.assertIn("READY", manager.next())
        self.assertEqual(manager.next(1), {})


if __name__ == "__main__":
    unittest.main()
