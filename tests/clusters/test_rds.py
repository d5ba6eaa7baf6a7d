"""The `rds` operations, driven by boto3: create, wait, use, stop, start, modify, delete; errors by code (data-api sections 11 and 12.1)."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree
from pathlib import Path

import botocore.exceptions

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rds_support import CONFIG, NAMESPACE, V2, Clients, Refused, own  # noqa: E402
from running import AUTHORIZATION, CLUSTER, Server  # noqa: E402


class WithServer(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        cls.c = Clients(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def refused(self, code, status=400):
        return Refused(self, code, status)


class LifeCycle(WithServer):
    def test_a_cluster_from_its_creation_to_its_end(self):
        for engine, port in (("aurora-mysql", 3306), ("aurora-postgresql", 5432)):
            with self.subTest(engine):
                name = "life-" + engine
                made = self.c.create(name, engine, Tags=[{"Key": "team", "Value": "a & b"}])
                self.assertEqual(made["Status"], "creating")
                self.assertEqual(made["DBClusterArn"], CLUSTER + name)
                self.assertRegex(made["DbClusterResourceId"], r"^cluster-[A-Z0-9]{26}$")
                self.assertEqual((made["Engine"], made["EngineMode"], made["Port"], made["MasterUsername"], made["DatabaseName"]),
                                 (engine, "provisioned", port, "boss", "shop"))
                self.assertEqual(made["ServerlessV2ScalingConfiguration"]["MinCapacity"], 0)
                self.assertNotIn("Capacity", made)
                self.assertNotIn("ScalingConfigurationInfo", made)
                self.assertRegex(made["MasterUserSecret"]["SecretArn"], r":secret:rds!cluster-[0-9a-f-]{36}-\w{6}$")
                self.assertEqual(made["MasterUserSecret"]["SecretStatus"], "active")
                there = self.c.wait(name)
                self.assertEqual(there["EngineVersion"], made["EngineVersion"])
                # As terraform repeats them.
                self.c.rds.modify_db_cluster(DBClusterIdentifier=name, EngineVersion=made["EngineVersion"], Port=made["Port"] + 1)
                self.assertEqual(self.c.describe(name)["Port"], made["Port"] + 1)
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.modify_db_cluster(DBClusterIdentifier=name, EngineVersion="99.1")
                self.assertEqual(there["DBClusterMembers"][0]["DBInstanceIdentifier"], name + "-writer")
                self.assertTrue(there["DBClusterMembers"][0]["IsClusterWriter"])
                self.assertEqual(there["TagList"], [{"Key": "team", "Value": "a & b"}])
                self.c.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name + "-writer", WaiterConfig={"Delay": 1})
                described = self.c.secrets.describe_secret(SecretId=made["MasterUserSecret"]["SecretArn"])
                self.assertEqual(described["OwningService"], "rds")

                self.c.sql(there, "CREATE TABLE t (id INT PRIMARY KEY)")
                self.c.sql(there, "INSERT INTO t VALUES (7)")
                with self.refused("InvalidDBClusterStateFault") as why:
                    self.c.rds.start_db_cluster(DBClusterIdentifier=name)
                self.assertEqual(why.message, f"DbCluster {name} is in available state but expected to be one of stopped.")
                self.assertEqual(self.c.rds.stop_db_cluster(DBClusterIdentifier=name)["DBCluster"]["Status"], "stopping")
                self.until(name, "stopped")
                with self.assertRaises(self.c.data.exceptions.ClientError) as refused:
                    self.c.sql(there, "SELECT 1")
                self.assertEqual(refused.exception.response["Error"]["Code"], "InvalidResourceStateException")
                self.assertEqual(refused.exception.response["Error"]["Message"], f"The DB cluster {name} is in the stopped state.")
                with self.refused("InvalidDBClusterStateFault"):
                    self.c.rds.stop_db_cluster(DBClusterIdentifier=name)
                self.assertEqual(self.c.rds.start_db_cluster(DBClusterIdentifier=name)["DBCluster"]["Status"], "starting")
                self.c.wait(name)
                self.assertEqual(self.c.sql(there, "SELECT id FROM t")["records"], [[{"longValue": 7}]])

                with self.refused("InvalidDBClusterStateFault") as why:
                    self.c.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
                self.assertIn("still contains DB instances", why.message)
                self.assertEqual(self.c.rds.delete_db_instance(DBInstanceIdentifier=name + "-writer")["DBInstance"]["DBInstanceStatus"], "deleting")
                self.c.rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name + "-writer", WaiterConfig={"Delay": 1})
                with self.assertRaises(self.c.data.exceptions.ClientError) as refused:
                    self.c.sql(there, "SELECT 1")
                self.assertEqual(refused.exception.response["Error"]["Code"], "DatabaseNotFoundException")
                with self.refused("InvalidParameterCombination") as why:
                    self.c.rds.delete_db_cluster(DBClusterIdentifier=name)
                self.assertEqual(why.message, "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
                self.assertEqual(self.c.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)["DBCluster"]["Status"], "deleting")
                self.c.wait(name, "db_cluster_deleted")
                with self.refused("DBClusterNotFoundFault", 404) as why:
                    self.c.describe(name)
                self.assertEqual(why.message, f"DBCluster {name} not found.")
                with self.assertRaises(self.c.data.exceptions.ClientError) as refused:
                    self.c.sql(there, "SELECT 1")
                self.assertEqual(refused.exception.response["Error"]["Code"], "HttpEndpointNotEnabledException")
                with self.assertRaises(self.c.secrets.exceptions.ResourceNotFoundException):
                    self.c.secrets.describe_secret(SecretId=made["MasterUserSecret"]["SecretArn"])
                self.assertEqual([f for f in (self.server.state / "clusters").iterdir() if made["DbClusterResourceId"] in f.name], [])

    def until(self, name, status):
        deadline = time.monotonic() + 60
        while self.c.describe(name)["Status"] != status:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_a_second_cluster_is_copied_from_the_template(self):
        for engine in ("aurora-mysql", "aurora-postgresql"):
            with self.subTest(engine):
                self.c.create("template-" + engine, engine)
                self.c.wait("template-" + engine)
                self.c.create("copy-" + engine, engine)
                self.c.wait("copy-" + engine)
                made = [l for l in self.server.text().splitlines() if "a template for clusters of" in l]
                self.assertEqual(len(made), len({l.split("clusters of ")[1] for l in made}))
                a, b = self.c.describe("template-" + engine), self.c.describe("copy-" + engine)
                self.c.sql(a, "CREATE TABLE only_here (id INT)")
                with self.assertRaises(self.c.data.exceptions.ClientError):
                    self.c.sql(b, "SELECT * FROM only_here")
                with self.assertRaises(self.c.data.exceptions.ClientError):  # each has a password of its own
                    self.c.data.execute_statement(resourceArn=a["DBClusterArn"], secretArn=b["MasterUserSecret"]["SecretArn"], sql="SELECT 1")

    def test_a_final_snapshot_can_be_restored(self):
        for engine in ("aurora-mysql", "aurora-postgresql"):
            with self.subTest(engine):
                name, snapshot = "snap-" + engine, "final-" + engine
                self.c.create(name, engine, instance=False, ManageMasterUserPassword=False, MasterUserPassword="correct-horse")
                self.c.secrets.create_secret(Name=name, SecretString=json.dumps({"username": "boss", "password": "correct-horse"}))
                self.c.wait(name)
                self.c.rds.create_db_instance(DBInstanceIdentifier=name + "-1", DBClusterIdentifier=name, DBInstanceClass="db.serverless", Engine=engine)
                run = lambda cluster, sql: self.c.data.execute_statement(resourceArn=CLUSTER + cluster, secretArn=name, sql=sql)  # noqa: E731
                run(name, "CREATE TABLE t (id INT PRIMARY KEY)")
                run(name, "INSERT INTO t VALUES (1), (2)")
                self.c.rds.delete_db_instance(DBInstanceIdentifier=name + "-1")
                self.c.rds.delete_db_cluster(DBClusterIdentifier=name, FinalDBSnapshotIdentifier=snapshot)
                self.c.wait(name, "db_cluster_deleted")
                shown = self.c.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=snapshot)["DBClusterSnapshots"][0]
                self.assertEqual((shown["Status"], shown["DBClusterIdentifier"], shown["Engine"]), ("available", name, engine))
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier=name + "-other", SnapshotIdentifier=snapshot,
                                                                Engine={"aurora-mysql": "aurora-postgresql", "aurora-postgresql": "aurora-mysql"}[engine])
                self.c.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier=name + "-again", SnapshotIdentifier=snapshot, Engine=engine,
                                                            EngineMode="provisioned", ServerlessV2ScalingConfiguration=V2)
                self.c.rds.create_db_instance(DBInstanceIdentifier=name + "-2", DBClusterIdentifier=name + "-again", DBInstanceClass="db.serverless",
                                              Engine=engine)
                restored = self.c.wait(name + "-again")
                self.c.rds.enable_http_endpoint(ResourceArn=restored["DBClusterArn"])
                self.assertEqual(self.c.data.execute_statement(resourceArn=restored["DBClusterArn"], secretArn=name, database="shop",
                                                               sql="SELECT count(*) FROM t")["records"], [[{"longValue": 2}]])
                self.c.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot)
                self.assertEqual(self.c.rds.describe_db_cluster_snapshots(DBClusterIdentifier=name)["DBClusterSnapshots"], [])

    def test_deletion_protection(self):
        self.c.create("guarded", instance=False, DeletionProtection=True)
        self.c.wait("guarded")
        with self.refused("InvalidParameterCombination") as why:
            self.c.rds.delete_db_cluster(DBClusterIdentifier="guarded", SkipFinalSnapshot=True)
        self.assertEqual(why.message, "Cannot delete protected Cluster, please disable deletion protection and try again.")
        self.assertFalse(self.c.rds.modify_db_cluster(DBClusterIdentifier="guarded", DeletionProtection=False)["DBCluster"]["DeletionProtection"])
        self.c.rds.delete_db_cluster(DBClusterIdentifier="guarded", SkipFinalSnapshot=True)
        self.c.wait("guarded", "db_cluster_deleted")

    def test_the_master_password_can_be_changed(self):
        for engine in ("aurora-mysql", "aurora-postgresql"):
            with self.subTest(engine):
                name = "password-" + engine
                self.c.create(name, engine, ManageMasterUserPassword=False, MasterUserPassword="first-password")
                arn = self.c.wait(name)["DBClusterArn"]
                for word in ("first", "second"):
                    self.c.secrets.create_secret(Name=f"{name}-{word}", SecretString=json.dumps({"username": "boss", "password": word + "-password"}))
                select = lambda word: self.c.data.execute_statement(resourceArn=arn, secretArn=f"{name}-{word}", sql="SELECT 1")  # noqa: E731
                select("first")
                self.c.rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword="second-password", ApplyImmediately=True)
                self.c.wait(name)
                self.assertEqual(select("second")["records"], [[{"longValue": 1}]])
                # Switching to a managed one changes it again.
                arn2 = self.c.rds.modify_db_cluster(DBClusterIdentifier=name, ManageMasterUserPassword=True)["DBCluster"]["MasterUserSecret"]["SecretArn"]
                self.c.wait(name)
                self.assertEqual(self.c.data.execute_statement(resourceArn=arn, secretArn=arn2, sql="SELECT 1")["records"], [[{"longValue": 1}]])
                # It can be rotated, and given back.
                before = self.c.secrets.get_secret_value(SecretId=arn2)["SecretString"]
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.modify_db_cluster(DBClusterIdentifier=name, RotateMasterUserPassword=True)
                self.c.rds.modify_db_cluster(DBClusterIdentifier=name, RotateMasterUserPassword=True, ApplyImmediately=True)
                self.c.wait(name)
                after = self.c.secrets.get_secret_value(SecretId=arn2)["SecretString"]
                self.assertNotEqual(before, after)
                self.assertEqual(json.loads(after)["username"], "boss")
                self.assertEqual(self.c.data.execute_statement(resourceArn=arn, secretArn=arn2, sql="SELECT 1")["records"], [[{"longValue": 1}]])
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword="first-password")
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.modify_db_cluster(DBClusterIdentifier=name, ManageMasterUserPassword=False)
                given_back = self.c.rds.modify_db_cluster(DBClusterIdentifier=name, ManageMasterUserPassword=False, MasterUserPassword="first-password")
                self.assertNotIn("MasterUserSecret", given_back["DBCluster"])
                self.c.wait(name)
                self.assertEqual(select("first")["records"], [[{"longValue": 1}]])
                with self.refused("ResourceNotFoundException"):
                    self.c.secrets.get_secret_value(SecretId=arn2)
                with self.refused("InvalidParameterCombination"):
                    self.c.rds.modify_db_cluster(DBClusterIdentifier=name, RotateMasterUserPassword=True, ApplyImmediately=True)

    def test_the_endpoint_can_be_off(self):
        made = self.c.create("closed", EnableHttpEndpoint=False)
        self.assertFalse(made["HttpEndpointEnabled"])
        about = self.c.wait("closed")

        def code():
            try:
                self.c.sql(about, "SELECT 1")
            except botocore.exceptions.ClientError as e:
                return e.response["Error"]["Code"], e.response["Error"]["Message"]
            return "answered"

        off = ("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {about['DBClusterArn']}")
        self.assertEqual(code(), off)
        on = self.c.rds.enable_http_endpoint(ResourceArn=about["DBClusterArn"])
        self.assertEqual((on["ResourceArn"], on["HttpEndpointEnabled"]), (about["DBClusterArn"], True))
        self.assertEqual(code(), "answered")
        self.assertFalse(self.c.rds.disable_http_endpoint(ResourceArn=about["DBClusterArn"])["HttpEndpointEnabled"])
        self.assertEqual(code(), off)
        self.c.rds.modify_db_cluster(DBClusterIdentifier="closed", EnableHttpEndpoint=True)
        self.assertEqual(code(), "answered")
        with self.refused("ResourceNotFoundFault", 404):
            self.c.rds.enable_http_endpoint(ResourceArn=CLUSTER + "nowhere")


class Shapes(WithServer):
    def test_the_clusters_of_the_server_itself_are_shown_and_not_changed(self):
        shown = {c["DBClusterIdentifier"]: c for c in self.c.rds.describe_db_clusters()["DBClusters"]}
        self.assertEqual(shown["borealis-mysql"]["Status"], "available")
        self.assertEqual(shown["borealis-postgresql"]["Engine"], "aurora-postgresql")
        for call in (lambda: self.c.rds.modify_db_cluster(DBClusterIdentifier="borealis-mysql", DeletionProtection=True),
                     lambda: self.c.rds.delete_db_cluster(DBClusterIdentifier="borealis-mysql", SkipFinalSnapshot=True),
                     lambda: self.c.rds.add_tags_to_resource(ResourceName=CLUSTER + "borealis-mysql", Tags=[{"Key": "a", "Value": "b"}])):
            with self.refused("InvalidDBClusterStateFault") as why:
                call()
            self.assertEqual(why.message, "DbCluster borealis-mysql is declared in the server's configuration; change it there.")
        with self.refused("InvalidResourceStateFault"):
            self.c.rds.disable_http_endpoint(ResourceArn=CLUSTER + "borealis-mysql")

    def test_filters_pages_and_arns(self):
        for i in range(22):
            self.c.create(f"page-{i:02}", instance=False)
        everything = self.c.rds.describe_db_clusters()["DBClusters"]
        self.assertEqual([c["DBClusterIdentifier"] for c in everything], sorted(c["DBClusterIdentifier"] for c in everything))
        first = self.c.rds.describe_db_clusters(MaxRecords=20)
        self.assertEqual(len(first["DBClusters"]), 20)
        rest = self.c.rds.describe_db_clusters(MaxRecords=20, Marker=first["Marker"])
        self.assertEqual([c["DBClusterIdentifier"] for c in first["DBClusters"] + rest["DBClusters"]], [c["DBClusterIdentifier"] for c in everything])
        self.assertNotIn("Marker", rest)
        pages = self.c.rds.get_paginator("describe_db_clusters").paginate(PaginationConfig={"PageSize": 20})
        self.assertEqual(sum(len(p["DBClusters"]) for p in pages), len(everything))
        with self.refused("InvalidParameterValue"):
            self.c.rds.describe_db_clusters(MaxRecords=19)
        found = self.c.rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": ["page-03", CLUSTER + "page-05"]}])["DBClusters"]
        self.assertEqual([c["DBClusterIdentifier"] for c in found], ["page-03", "page-05"])
        found = self.c.rds.describe_db_clusters(Filters=[{"Name": "engine", "Values": ["aurora-mysql"]}])["DBClusters"]
        self.assertEqual([c["DBClusterIdentifier"] for c in found], ["borealis-mysql"])
        with self.refused("InvalidParameterValue") as why:
            self.c.rds.describe_db_clusters(Filters=[{"Name": "colour", "Values": ["red"]}])
        self.assertEqual(why.message, "Unrecognized filter name: colour")
        self.assertEqual(len(self.c.rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": ["PAGE-00"]}])["DBClusters"]), 1)
        self.assertEqual(self.c.describe(CLUSTER + "page-00")["DBClusterIdentifier"], "page-00")
        self.assertEqual(self.c.describe("PAGE-00")["DBClusterIdentifier"], "page-00")
        for i in range(22):
            self.c.rds.delete_db_cluster(DBClusterIdentifier=f"page-{i:02}", SkipFinalSnapshot=True)
        for i in range(22):
            self.c.wait(f"page-{i:02}", "db_cluster_deleted")

    def test_tags(self):
        arn = self.c.create("tagged", Tags=[{"Key": "a", "Value": "1"}])["DBClusterArn"]
        self.c.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
        tags = lambda: {t["Key"]: t["Value"] for t in self.c.rds.list_tags_for_resource(ResourceName=arn)["TagList"]}  # noqa: E731
        self.assertEqual(tags(), {"a": "3", "b": "2"})
        self.c.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["a", "none"])
        self.assertEqual(tags(), {"b": "2"})
        with self.refused("InvalidParameterValue"):
            self.c.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "aws:owner", "Value": "me"}])
        with self.refused("InvalidParameterValue") as why:
            self.c.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "borealis:resume", "Value": "soon"}])
        self.assertEqual(why.message, "The tag borealis:resume must be wait, aws-v2 or aws-v1.")
        with self.refused("DBClusterNotFoundFault", 404):
            self.c.rds.list_tags_for_resource(ResourceName=CLUSTER + "nowhere")

    def test_instances(self):
        self.c.create("members")
        shown = self.c.rds.describe_db_instances(DBInstanceIdentifier="members-writer")["DBInstances"][0]
        self.assertEqual((shown["DBInstanceClass"], shown["DBClusterIdentifier"], shown["Engine"]), ("db.serverless", "members", "aurora-postgresql"))
        self.assertRegex(shown["DbiResourceId"], r"^db-[A-Z0-9]{26}$")
        self.assertEqual(shown["DBInstanceArn"], "arn:aws:rds:us-east-1:123456789012:db:members-writer")
        self.assertEqual([i["DBInstanceIdentifier"] for i in self.c.rds.describe_db_instances(
            Filters=[{"Name": "db-cluster-id", "Values": ["members"]}])["DBInstances"]], ["members-writer"])
        with self.refused("DBInstanceAlreadyExists"):
            self.c.rds.create_db_instance(DBInstanceIdentifier="members-writer", DBClusterIdentifier="members", DBInstanceClass="db.serverless",
                                          Engine="aurora-postgresql")
        with self.refused("InvalidParameterCombination"):
            self.c.rds.create_db_instance(DBInstanceIdentifier="other", DBClusterIdentifier="members", DBInstanceClass="db.serverless", Engine="aurora-mysql")
        with self.refused("InvalidParameterCombination"):
            self.c.rds.create_db_instance(DBInstanceIdentifier="alone", DBInstanceClass="db.t3.micro", Engine="postgres")
        with self.refused("DBInstanceNotFound", 404):
            self.c.rds.describe_db_instances(DBInstanceIdentifier="nobody")
        with self.refused("DBInstanceNotFound", 404):
            self.c.rds.delete_db_instance(DBInstanceIdentifier="nobody")
        for name in ("1st", "two--hyphens", "end-", "x" * 64):
            with self.refused("InvalidParameterValue"):
                self.c.rds.create_db_instance(DBInstanceIdentifier=name, DBClusterIdentifier="members", DBInstanceClass="db.serverless",
                                              Engine="aurora-postgresql")
        with self.refused("InvalidParameterValue"):
            self.c.rds.modify_db_instance(DBInstanceIdentifier="members-writer", DBInstanceClass="large")
        with self.refused("InvalidParameterCombination"):
            self.c.rds.modify_db_instance(DBInstanceIdentifier="members-writer", NewDBInstanceIdentifier="renamed")
        changed = self.c.rds.modify_db_instance(DBInstanceIdentifier="members-writer", DBInstanceClass="db.r6g.large")["DBInstance"]
        self.assertEqual(changed["DBInstanceClass"], "db.r6g.large")

    def test_what_cannot_be_created(self):
        good = {"DBClusterIdentifier": "no", "Engine": "aurora-postgresql", "MasterUsername": "boss", "MasterUserPassword": "good-password"}
        for changed, code in (({"Engine": "oracle-ee"}, "InvalidParameterValue"), ({"EngineVersion": "9.6.1"}, "InvalidParameterValue"),
                              ({"MasterUserPassword": "short"}, "InvalidParameterValue"), ({"MasterUserPassword": "with/slash"}, "InvalidParameterValue"),
                              ({"MasterUserPassword": ""}, "InvalidParameterValue"), ({"MasterUsername": ""}, "MissingParameter"),
                              ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"), ({"DBClusterIdentifier": "1no"}, "InvalidParameterValue"),
                              ({"DBClusterIdentifier": "no--no"}, "InvalidParameterValue"), ({"DatabaseName": "a`b"}, "InvalidParameterValue"),
                              ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"), ({"EngineMode": "global"}, "InvalidParameterValue"),
                              ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.3, "MaxCapacity": 4}}, "InvalidParameterValue"),
                              ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 8, "MaxCapacity": 4}}, "InvalidParameterCombination"),
                              ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 0, "MaxCapacity": 0.5}}, "InvalidParameterValue"),
                              ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 1, "MaxCapacity": 2, "SecondsUntilAutoPause": 600}},
                               "InvalidParameterCombination"),
                              ({"ScalingConfiguration": {"MinCapacity": 2}}, "InvalidParameterCombination"),
                              ({"ReplicationSourceIdentifier": "other"}, "InvalidParameterCombination"),
                              ({"GlobalClusterIdentifier": "all"}, "InvalidParameterCombination"),
                              ({"EngineMode": "serverless", "ScalingConfiguration": {"MinCapacity": 3}}, "InvalidParameterValue"),
                              ({"EngineMode": "serverless", "ScalingConfiguration": {"SecondsBeforeTimeout": 5}}, "InvalidParameterValue"),
                              ({"DBClusterIdentifier": "borealis-mysql"}, "DBClusterAlreadyExistsFault")):
            with self.subTest(changed), self.refused(code) as why:
                self.c.rds.create_db_cluster(**{**good, **changed})
            if "EngineVersion" in changed:
                self.assertRegex(why.message, r"^Cannot find version 9.6.1 for aurora-postgresql. Installed: \d+\.\d+")
        self.assertEqual([s for s in self.c.secrets.list_secrets()["SecretList"] if s.get("OwningService") == "rds" and "no" == s["Name"]], [])

    def test_short_pauses_are_refused_where_the_server_is_as_strict_as_aws(self):
        with Server("default_clusters = false\n") as strict:
            with self.refused("InvalidParameterValue") as why:
                Clients(strict).rds.create_db_cluster(DBClusterIdentifier="a", Engine="aurora-mysql", MasterUsername="boss", MasterUserPassword="good-password",
                                                      ServerlessV2ScalingConfiguration={"MinCapacity": 0, "MaxCapacity": 1, "SecondsUntilAutoPause": 299})
            self.assertIn("from 300 to 86400", why.message)

    def test_versions(self):
        versions = self.c.rds.describe_db_engine_versions(Engine="aurora-postgresql")["DBEngineVersions"]
        self.assertTrue(versions)
        newest = versions[0]["EngineVersion"]
        self.assertEqual(versions[0]["Status"], "available")
        made = self.c.create("versioned", instance=False, EngineVersion=newest.split(".")[0])
        self.assertEqual(made["EngineVersion"], newest.split(".")[0])
        self.c.wait("versioned")
        options = self.c.rds.describe_orderable_db_instance_options(Engine="aurora-mysql", DBInstanceClass="db.serverless")["OrderableDBInstanceOptions"]
        self.assertEqual({o["DBInstanceClass"] for o in options}, {"db.serverless"})

    def test_v1(self):
        made = self.c.create("one", "aurora-mysql", EngineMode="serverless",
                             ScalingConfiguration={"MinCapacity": 2, "MaxCapacity": 16, "AutoPause": True, "SecondsUntilAutoPause": 600})
        self.assertEqual(made["EngineMode"], "serverless")
        self.assertEqual(made["ScalingConfigurationInfo"], {"MinCapacity": 2, "MaxCapacity": 16, "AutoPause": True, "SecondsUntilAutoPause": 600,
                                                            "TimeoutAction": "RollbackCapacityChange", "SecondsBeforeTimeout": 300})
        self.assertEqual(made["DBClusterMembers"], [])
        self.c.wait("one")
        self.assertEqual(self.c.describe("one")["Capacity"], 2)
        changed = self.c.rds.modify_current_db_cluster_capacity(DBClusterIdentifier="one", Capacity=8)
        self.assertEqual((changed["DBClusterIdentifier"], changed["PendingCapacity"], changed["CurrentCapacity"], changed["SecondsBeforeTimeout"],
                          changed["TimeoutAction"]), ("one", 8, 2, 300, "RollbackCapacityChange"))
        self.c.wait("one")
        self.assertEqual(self.c.describe("one")["Capacity"], 8)
        # The real lever: 128 MiB a unit, half of it for the buffer pool.
        deadline = time.monotonic() + 30
        while (got := self.c.sql("one", "SELECT @@innodb_buffer_pool_size")["records"][0][0]["longValue"]) != 512 << 20:
            self.assertLess(time.monotonic(), deadline, got)
            time.sleep(0.05)
        with self.refused("InvalidDBClusterCapacityFault") as why:
            self.c.rds.modify_current_db_cluster_capacity(DBClusterIdentifier="one", Capacity=3)
        self.assertIn("Capacity 3 isn't a valid capacity value.", why.message)
        with self.refused("InvalidDBClusterStateFault"):
            self.c.rds.stop_db_cluster(DBClusterIdentifier="one")
        with self.refused("InvalidResourceStateFault"):
            self.c.rds.disable_http_endpoint(ResourceArn=made["DBClusterArn"])
        self.assertFalse(self.c.rds.modify_db_cluster(DBClusterIdentifier="one", EnableHttpEndpoint=False)["DBCluster"]["HttpEndpointEnabled"])
        self.c.rds.modify_db_cluster(DBClusterIdentifier="one", EnableHttpEndpoint=True)
        self.c.wait("one")
        with self.refused("InvalidDBClusterStateFault"):
            self.c.rds.create_db_instance(DBInstanceIdentifier="x", DBClusterIdentifier="one", DBInstanceClass="db.serverless", Engine="aurora-mysql")
        status, about = own(self.server, "/one/pause")
        self.assertEqual((status, about.get("status")), (200, "paused"), about)
        self.assertEqual((self.c.describe("one")["Capacity"], self.c.describe("one")["Status"]), (0, "available"))
        with self.refused("InvalidDBClusterStateFault"):
            self.c.rds.modify_current_db_cluster_capacity(DBClusterIdentifier="one", Capacity=8)
        self.c.sql_after_resume("one", "SELECT 1")
        self.assertEqual(self.c.describe("one")["Capacity"], 8)  # with the previous capacity

    def test_raw_requests(self):
        def raw(body):
            request = urllib.request.Request(self.server.url + "/", data=body.encode(), method="POST", headers={
                "Authorization": AUTHORIZATION.replace("rds-data", "rds"), "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.headers["Content-Type"], xml.etree.ElementTree.fromstring(answer.read())
            except urllib.error.HTTPError as answer:
                return answer.code, answer.headers["Content-Type"], xml.etree.ElementTree.fromstring(answer.read())

        status, kind, root = raw("Action=DescribeDBClusters&Version=2014-10-31")
        self.assertEqual((status, kind, root.tag), (200, "text/xml", NAMESPACE + "DescribeDBClustersResponse"))
        self.assertRegex(root.find(f"{NAMESPACE}ResponseMetadata/{NAMESPACE}RequestId").text, r"^[0-9a-f-]{36}$")
        self.assertIsNotNone(root.find(f"{NAMESPACE}DescribeDBClustersResult/{NAMESPACE}DBClusters/{NAMESPACE}DBCluster/{NAMESPACE}DBClusterArn"))
        for body, status, code in (("Action=DescribeEverything&Version=2014-10-31", 400, "InvalidAction"), ("Version=2014-10-31", 400, "MissingAction"),
                                   ("Action=StartDBCluster&Version=2014-10-31", 400, "MissingParameter"),
                                   ("Action=StartDBCluster&DBClusterIdentifier=a%00%3Cb%3E", 404, "DBClusterNotFoundFault"),
                                   ("Action=DescribeDBClusters&DBClusterIdentifier=%FF", 400, "MalformedQueryString"),
                                   ("Action=DescribeDBClusters&DBClusterIdentifier=%EF%BF%BF", 404, "DBClusterNotFoundFault"),
                                   ("Action=DescribeDBClusters&MaxRecords=x", 400, "InvalidParameterValue"),
                                   ("Action=DescribeDBClusters&Filters.Filter.1.Name=engine", 400, "InvalidParameterValue"),
                                   ("Action=CreateDBCluster&EnableHttpEndpoint=perhaps&DBClusterIdentifier=a&Engine=aurora", 400, "InvalidParameterValue")):
            got, kind, root = raw(body)
            self.assertEqual((got, kind, root.tag), (status, "text/xml", NAMESPACE + "ErrorResponse"), body)
            self.assertEqual(root.find(f"{NAMESPACE}Error/{NAMESPACE}Code").text, code)
            self.assertEqual(root.find(f"{NAMESPACE}Error/{NAMESPACE}Type").text, "Sender")
            self.assertTrue(root.find(f"{NAMESPACE}Error/{NAMESPACE}Message").text)
            self.assertTrue(root.find(f"{NAMESPACE}RequestId").text)


class Restart(unittest.TestCase):
    def test_clusters_are_as_they_were_after_an_orderly_end(self):
        server = Server(CONFIG).start()
        try:
            c = Clients(server)
            for name in ("kept", "paused", "stopped"):
                c.create(name, Tags=[{"Key": "name", "Value": name}])
            for name in ("kept", "paused", "stopped"):
                c.wait(name)
                c.sql(name, "CREATE TABLE t (id INT)")
            before = {n: c.describe(n) for n in ("kept", "paused", "stopped")}
            self.assertEqual(own(server, "/paused/pause")[0], 200)
            c.rds.stop_db_cluster(DBClusterIdentifier="stopped")
            server.stop()
            server.start()
            c = Clients(server)
            for name, about in before.items():
                again = c.describe(name)
                about["Status"] = again["Status"]
                self.assertEqual(again, about)
            self.assertEqual({n: own(server, "/" + n)[1]["status"] for n in before}, {"kept": "idle", "paused": "paused", "stopped": "stopped"})
            self.assertEqual({n: c.describe(n)["Status"] for n in before}, {"kept": "available", "paused": "available", "stopped": "stopped"})
            for name in ("kept", "paused"):
                self.assertEqual(c.sql_after_resume(name, "SELECT count(*) FROM t")["records"], [[{"longValue": 0}]])
        finally:
            server.stop()
            shutil.rmtree(server.state, ignore_errors=True)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small file system")
class DiskFull(unittest.TestCase):
    def test_a_full_disk_is_said_and_the_next_try_succeeds(self):
        state = tempfile.mkdtemp(prefix="borealis-full-")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m,mode=0711", "none", state], capture_output=True).returncode != 0:
            self.skipTest("may not mount")
        server = Server(CONFIG, state=state)
        try:
            server.start()
            c = Clients(server)
            c.create("full", "aurora-mysql")
            deadline = time.monotonic() + 60
            while c.describe("full")["Status"] != "failed":
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
            with self.assertRaises(botocore.exceptions.ClientError) as refused:
                c.sql("full", "SELECT 1")
            self.assertEqual(refused.exception.response["Error"]["Code"], "DatabaseUnavailableException")
            self.assertIn("it cannot be created", refused.exception.response["Error"]["Message"])
            self.assertRegex(refused.exception.response["Error"]["Message"], r"; the disk of \S+ has only \d+ MiB left: free some$")
            subprocess.run(["mount", "-o", "remount,size=600m", state], check=True)
            self.assertEqual(c.sql("full", "SELECT 1")["records"], [[{"longValue": 1}]])
        finally:
            server.stop()
            subprocess.run(["umount", "-l", state], check=True)
            shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
