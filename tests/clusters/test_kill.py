"""kill -9 of Borealis at random moments of create, pause, resume, stop, start, modify and delete: the next start puts every cluster into a true state,
and what was committed is there. BOREALIS_KILLS=100 runs the long form."""
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

import botocore.exceptions

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rds_support import CONFIG, Clients, own  # noqa: E402
from running import Server  # noqa: E402

KILLS = int(os.environ.get("BOREALIS_KILLS", "5"))
SEED = int(os.environ.get("BOREALIS_KILL_SEED", "7"))
ENGINES = ("aurora-postgresql", "aurora-mysql")


def database_processes(folder):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append(int(process.name))
        except OSError:
            pass
    return found


class Kill(unittest.TestCase):
    def settle(self, look, what, seconds=90):
        deadline = time.monotonic() + seconds
        while not look():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def test_kills_at_random_moments(self):
        dice = random.Random(SEED)
        server = Server(CONFIG)
        expected = {}  # name -> rows that a call said are there
        created = 0
        try:
            for round_number in range(KILLS):
                server.start()
                c = Clients(server)
                self.check(server, c, expected)
                todo = dice.choice(("create", "pause", "resume", "stop", "delete", "modify", "rows", "create"))
                done = threading.Event()
                wanted = list(expected)
                name = dice.choice(wanted) if wanted else None
                if name is None or todo == "create":
                    created += 1
                    name, todo = f"kill-{created}", "create"
                outcome = {}

                def work():
                    try:
                        if todo == "create":
                            c.create(name, dice.choice(ENGINES))
                            outcome["made"] = True
                            c.wait(name)
                            c.sql(name, "CREATE TABLE k (id INT PRIMARY KEY)")
                            outcome["table"] = True
                        elif todo == "pause":
                            own(server, f"/{name}/pause")
                        elif todo == "resume":
                            own(server, f"/{name}/pause")
                            c.sql_after_resume(name, f"INSERT INTO k VALUES ({round_number})")
                            expected[name].add(round_number)
                        elif todo == "rows":
                            for i in range(1000):
                                c.sql_after_resume(name, f"INSERT INTO k VALUES ({1000 * (round_number + 1) + i})")
                                expected[name].add(1000 * (round_number + 1) + i)
                        elif todo == "stop":
                            c.rds.stop_db_cluster(DBClusterIdentifier=name)
                            outcome["stopped"] = True
                        elif todo == "modify":
                            c.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=True)
                            c.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False)
                        elif todo == "delete":
                            c.rds.delete_db_instance(DBInstanceIdentifier=name + "-writer")
                            outcome["headless"] = True
                            c.rds.delete_db_cluster(DBClusterIdentifier=name, **(
                                {"SkipFinalSnapshot": True} if round_number % 2 else {"FinalDBSnapshotIdentifier": name}))
                            outcome["deleted"] = True
                    except Exception:  # noqa: BLE001: the server is killed under it
                        pass
                    done.set()

                worker = threading.Thread(target=work)
                worker.start()
                done.wait(dice.random() * (2.5 if todo == "create" else 0.6))
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                worker.join()
                # What an answer has promised holds.
                if todo == "create" and outcome.get("made"):
                    expected[name] = set() if outcome.get("table") else None
                if todo == "delete" and name in expected:
                    if outcome.get("deleted"):
                        del expected[name]
                        self.deleted = name
                    else:
                        self.finish_deletion(server, name, expected)
                if todo == "stop" and outcome.get("stopped"):
                    self.stopped = name
            server.start()
            c = Clients(server)
            self.check(server, c, expected)
            print(f"{KILLS} kills, {created} clusters created, {len(expected)} left", file=sys.stderr)
            server.stop()
            self.assertEqual(database_processes(server.state / "clusters"), [])
            self.assertEqual(list(pathlib.Path(server.state / "clusters").glob(".*")), [])
        finally:
            if server.process and server.process.poll() is None:
                server.process.kill()
                server.process.wait()
            shutil.rmtree(server.state, ignore_errors=True)

    def finish_deletion(self, server, name, expected):
        """The kill came between the two calls of a deletion, or before its answer: whichever it was, it can be brought to its end."""
        server.start()
        c = Clients(server)
        try:
            c.rds.delete_db_instance(DBInstanceIdentifier=name + "-writer")
        except botocore.exceptions.ClientError as e:
            self.assertIn(e.response["Error"]["Code"], ("DBInstanceNotFound", "InvalidDBClusterStateFault"))
        try:
            c.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
        except botocore.exceptions.ClientError as e:
            self.assertIn(e.response["Error"]["Code"], ("DBClusterNotFoundFault", "InvalidDBClusterStateFault"))
        c.wait(name, "db_cluster_deleted")
        del expected[name]
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()

    def check(self, server, c, expected):
        """Every promised cluster is there and answers; nothing is half there; no process of before runs unwatched."""
        states = ("available", "stopped", "creating", "deleting")
        for each in c.rds.describe_db_clusters()["DBClusters"]:
            self.assertIn(each["Status"], states, each["DBClusterIdentifier"])
        self.settle(lambda: not [x for x in c.rds.describe_db_clusters()["DBClusters"] if x["Status"] in ("creating", "deleting")],
                    "creating and deleting come to their ends")
        there = {x["DBClusterIdentifier"]: x for x in c.rds.describe_db_clusters()["DBClusters"] if x["DBClusterIdentifier"].startswith("kill-")}
        self.assertLessEqual(set(expected), set(there))
        for name, about in there.items():
            if about["Status"] == "stopped":
                c.rds.start_db_cluster(DBClusterIdentifier=name)
                c.wait(name)
            if name not in expected:  # made, but nobody got to hear of it
                expected[name] = None
            if not about["DBClusterMembers"]:
                c.rds.create_db_instance(DBInstanceIdentifier=name + "-writer", DBClusterIdentifier=name, DBInstanceClass="db.serverless",
                                         Engine=about["Engine"])
            if expected[name] is None:
                c.sql_after_resume(name, "CREATE TABLE IF NOT EXISTS k (id INT PRIMARY KEY)")
                expected[name] = set()
            got = {r[0]["longValue"] for r in c.sql_after_resume(name, "SELECT id FROM k")["records"]}
            self.assertLessEqual(expected[name], got, name)  # a write whose answer was cut off may be there as well
            expected[name] |= got
        folders = {f.name for f in pathlib.Path(server.state / "clusters").iterdir() if f.name.startswith("cluster-")}
        self.assertEqual(folders, {x["DbClusterResourceId"] for x in there.values()})
        secrets = {s["ARN"] for page in c.secrets.get_paginator("list_secrets").paginate() for s in page["SecretList"] if s.get("OwningService") == "rds"}
        self.assertEqual(secrets, {x["MasterUserSecret"]["SecretArn"] for x in there.values()})


if __name__ == "__main__":
    unittest.main()
