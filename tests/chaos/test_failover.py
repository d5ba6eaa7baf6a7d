"""A cluster of several servers: its writer is found, and found again when another one takes over."""
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from engines import MariaDB, PostgreSQL, cluster_toml, until  # noqa: E402
from running import CLUSTER, Server  # noqa: E402

SECONDS_TO_FOLLOW = 60  # generous: what it took is printed
LIMITS = "[pool]\nconnect_seconds = 2\nwait_seconds = 5\n"


class Writer(threading.Thread):
    """Inserts one number after the other; keeps those that were acknowledged."""

    def __init__(self, server, cluster):
        super().__init__(daemon=True)
        self.server, self.cluster = server, cluster
        self.acknowledged, self.kinds, self.stopping = [], set(), False

    def run(self):
        number = 0
        while not self.stopping:
            number += 1
            status, kind, body = self.server.call("Execute", resourceArn=CLUSTER + self.cluster, secretArn=self.cluster,
                                                  sql="INSERT INTO failover (id) VALUES (:id)",
                                                  parameters=[{"name": "id", "value": {"longValue": number}}])
            if status == 200:
                self.acknowledged.append(number)
            else:
                self.kinds.add((status, kind))
                time.sleep(0.05)

    def stop(self):
        self.stopping = True
        self.join(60)

    def goes_on(self, what):
        before, began = len(self.acknowledged), time.monotonic()
        until(lambda: len(self.acknowledged) > before, SECONDS_TO_FOLLOW, f"no write after {what}")
        print(f"{what}: the next write was acknowledged after {time.monotonic() - began:.1f} s", flush=True)


class Failover(unittest.TestCase):
    def check(self, writer, stored):
        """Each acknowledged write is there, none is there twice, every refusal was a modelled one."""
        self.assertEqual(len(stored), len(set(stored)), "a write is there twice")
        self.assertEqual(set(writer.acknowledged) - set(stored), set(), "acknowledged writes are lost")
        self.assertLessEqual(writer.kinds, {(504, "DatabaseUnavailableException"), (400, "DatabaseErrorException"),
                                            (503, "ServiceUnavailableError"), (400, "StatementTimeoutException")})

    def test_given_a_postgresql_primary_when_it_dies_and_its_standby_is_promoted_then_writes_go_on(self):
        with PostgreSQL() as primary:
            primary.sql("CREATE TABLE failover (id INT)")
            with PostgreSQL(copy_of=primary) as standby:
                # What is acknowledged is on both.
                primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
                primary.sql("SELECT pg_reload_conf()")
                until(lambda: primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1", what="no standby")
                hosts = [f"127.0.0.1:{standby.port}", f"127.0.0.1:{primary.port}"]
                with Server(LIMITS + cluster_toml("chaos-failover", "postgresql", hosts, "postgres"), "--threads", "2") as server:
                    writer = Writer(server, "chaos-failover")
                    writer.start()
                    writer.goes_on("start, with the standby listed first")
                    primary.kill()
                    standby.promote()
                    standby.sql("ALTER SYSTEM RESET synchronous_standby_names")
                    standby.sql("SELECT pg_reload_conf()")
                    writer.goes_on("kill -9 of the primary and promotion of the standby")
                    writer.stop()
                self.check(writer, [int(n) for n in standby.sql("SELECT id FROM failover").split()])

    def test_given_two_mariadb_servers_when_their_roles_change_then_writes_go_to_the_writer(self):
        with MariaDB() as one, MariaDB() as two:
            for each in (one, two):
                each.sql("CREATE TABLE failover (id INT)")
            two.sql("SET GLOBAL read_only = 1")
            hosts = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
            with Server(LIMITS + cluster_toml("chaos-failover", "mysql", hosts, "chaos"), "--threads", "2") as server:
                writer = Writer(server, "chaos-failover")
                writer.start()
                writer.goes_on("start")
                one.sql("SET GLOBAL read_only = 1")
                before = one.sql("SELECT COUNT(*) FROM failover")
                two.sql("SET GLOBAL read_only = 0")
                writer.goes_on("switch of read_only")
                self.assertEqual(one.sql("SELECT COUNT(*) FROM failover"), before)
                one.sql("SET GLOBAL read_only = 0")
                two.kill()
                writer.goes_on("kill -9 of the second")
                two.start()
                writer.stop()
            stored = [int(n) for each in (one, two) for n in each.sql("SELECT id FROM failover").split()]
            self.check(writer, stored)

    def test_given_standbys_only_when_called_then_the_error_says_so(self):
        with MariaDB() as one:
            one.sql("SET GLOBAL read_only = 1")
            with Server(LIMITS + cluster_toml("chaos-failover", "mysql", [f"127.0.0.1:{one.port}", "127.0.0.1:1"], "chaos")) as server:
                status, kind, body = server.call("Execute", resourceArn=CLUSTER + "chaos-failover", secretArn="chaos-failover", sql="SELECT 1")
                self.assertEqual((status, kind), (504, "DatabaseUnavailableException"), body)


if __name__ == "__main__":
    unittest.main()
