"""boto3 clients for a server's clusters, and what the tests of clusters share."""
import botocore.config
import botocore.exceptions
import boto3
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import post  # noqa: E402

CONFIG = """
default_clusters = true
[clusters]
least_pause_after_seconds = 1
"""
AWS = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), shutil.which("aws"))
ENVIRONMENT = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                   AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true")
ENVIRONMENT.pop("PYTHONPATH", None)
NAMESPACE = "{http://rds.amazonaws.com/doc/2014-10-31/}"
V2 = {"MinCapacity": 0, "MaxCapacity": 4}


def client(service, server):
    return boto3.client(service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
                        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=120))


class Clients:
    def __init__(self, server):
        self.server = server
        self.rds, self.data, self.secrets = (client(s, server) for s in ("rds", "rds-data", "secretsmanager"))

    def create(self, name, engine="aurora-postgresql", instance=True, **more):
        made = self.rds.create_db_cluster(**{"DBClusterIdentifier": name, "Engine": engine, "MasterUsername": "boss", "ManageMasterUserPassword": True,
                                             "EnableHttpEndpoint": True, "DatabaseName": "shop", **more,
                                             **({} if more.get("EngineMode") == "serverless" else {"ServerlessV2ScalingConfiguration": V2})})["DBCluster"]
        if instance and more.get("EngineMode") != "serverless":
            self.rds.create_db_instance(DBInstanceIdentifier=name + "-writer", DBClusterIdentifier=name, DBInstanceClass="db.serverless", Engine=engine)
        return made

    def wait(self, name, waiter="db_cluster_available"):
        self.rds.get_waiter(waiter).wait(DBClusterIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 100})
        return self.describe(name) if waiter != "db_cluster_deleted" else None

    def describe(self, name):
        return self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]

    def sql(self, cluster, text, **more):
        about = cluster if isinstance(cluster, dict) else self.describe(cluster)
        return self.data.execute_statement(resourceArn=about["DBClusterArn"], secretArn=about["MasterUserSecret"]["SecretArn"], sql=text, **more)

    def sql_after_resume(self, cluster, text):
        """As `sql`, repeated while the cluster resumes (R-11.14)."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.sql(cluster, text)
            except botocore.exceptions.ClientError as e:
                said = e.response["Error"]["Message"]
                if not ("is resuming after being auto-paused" in said or said.startswith("Communications link failure")) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def own(server, path, body=b""):
    """(status, JSON) of one of Borealis' own paths."""
    status, _, answer = post(server.url + "/borealis/clusters" + path, body)
    return status, answer


class Refused:
    """`with self.refused("Code") as why:` — why.message afterwards."""

    def __init__(self, test, code, status):
        self.test, self.code, self.status = test, code, status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, _):
        self.test.assertIsInstance(value, botocore.exceptions.ClientError, f"expected {self.code}")
        self.test.assertEqual(value.response["Error"]["Code"], self.code, value)
        self.test.assertEqual(value.response["ResponseMetadata"]["HTTPStatusCode"], self.status)
        self.message = value.response["Error"]["Message"]
        return True
