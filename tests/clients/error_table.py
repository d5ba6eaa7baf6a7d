"""The modelled errors that a server can be made to answer with, for the programs of the SDKs: each must throw the class of that name.

`with Errors(engine) as lines:` — one line an error: class, HTTP status, operation, resourceArn, secretArn, transactionId and SQL,
with tabs between them. R-1.30 to R-1.34 and section 2.1 of the Data API reference.
"""
import json
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import CLUSTER, SECRET, Server, databases, post  # noqa: E402

# Not modelled: SDKs throw their service's general class with this code.
UNMODELLED = ("ValidationException", "InternalFailure")


class Errors:
    def __init__(self, engine):
        self.engine, self.database = engine, databases()[engine]

    def config(self):
        """The database as itself, as one with a single session, as one that refuses DDL, and one that nobody answers for."""
        one = self.database.config()
        full, fenced, gone = (one[:one.index("[[secret]]")].replace(f'id = "test-{self.engine}"', f'id = "{id}"') for id in ("full", "fenced", "gone"))
        return ("statement_timeout_seconds = 1\n[pool]\nmaximum = 1\nwait_seconds = 1\n" + one + full + fenced + 'deny_statements = ["ddl"]\n'
                + gone.replace(f"port = {self.database.port}", f"port = {self.nobody.getsockname()[1]}"))

    def __enter__(self):
        self.nobody = socket.socket()  # holds its port, where nothing listens
        self.nobody.bind(("127.0.0.1", 0))
        self.server = Server(self.config()).start()
        status, _, made = post(self.server.url + "/", json.dumps({"Name": "without-a-login", "SecretString": '{"user":"x"}'}).encode(),
                               {"X-Amz-Target": "secretsmanager.CreateSecret", "Content-Type": "application/x-amz-json-1.1"})
        assert status == 200, made
        cluster, secret, ended = self.database.arn, self.database.secret, self.transaction(self.database.arn)
        assert self.server.call("RollbackTransaction", resourceArn=cluster, secretArn=secret, transactionId=ended)[0] == 200
        self.transaction(CLUSTER + "full")  # stays open
        postgresql = self.engine == "postgresql"
        slow, refused = ("SELECT pg_sleep(60)", "SELECT interval '1 day'") if postgresql else ("SELECT SLEEP(60)", "SELECT ST_GeomFromText('POINT(1 2)')")
        lines = [
            ("BadRequestException", 400, "ExecuteSql", cluster, secret, "", "SELECT 1"),
            ("DatabaseErrorException", 400, "Execute", cluster, secret, "", "SELEKT 1"),
            ("DatabaseErrorException", 400, "BatchExecute", cluster, secret, "", "SELEKT 1"),
            ("DatabaseUnavailableException", 504, "Execute", CLUSTER + "gone", secret, "", "SELECT 1"),
            ("DatabaseUnavailableException", 504, "BatchExecute", CLUSTER + "gone", secret, "", "SELECT 1"),
            ("DatabaseUnavailableException", 504, "BeginTransaction", CLUSTER + "gone", secret, "", ""),
            ("ForbiddenException", 403, "Execute", CLUSTER + "fenced", secret, "", "DROP TABLE nowhere"),
            ("ForbiddenException", 403, "BatchExecute", CLUSTER + "fenced", secret, "", "DROP TABLE nowhere"),
            *(("HttpEndpointNotEnabledException", 400, each, CLUSTER + "none", secret, "", "SELECT 1") for each in ("Execute", "BatchExecute", "BeginTransaction")),
            *(("InvalidSecretException", 400, each, cluster, made["ARN"], "", "SELECT 1") for each in ("Execute", "BatchExecute", "BeginTransaction")),
            *(("SecretsErrorException", 400, each, cluster, SECRET + "none-AbCdEf", "", "SELECT 1") for each in ("Execute", "BatchExecute", "BeginTransaction")),
            ("ServiceUnavailableError", 503, "Execute", CLUSTER + "full", secret, "", "SELECT 1"),
            ("ServiceUnavailableError", 503, "BeginTransaction", CLUSTER + "full", secret, "", ""),
            ("StatementTimeoutException", 400, "Execute", cluster, secret, "", slow),
            *(("TransactionNotFoundException", 404, each, cluster, secret, ended, "SELECT 1")
              for each in ("Execute", "BatchExecute", "CommitTransaction", "RollbackTransaction")),
            ("UnsupportedResultException", 400, "Execute", cluster, secret, "", refused),
            ("ValidationException", 400, "Execute", cluster, secret, "", "SELECT 1; SELECT 2"),
            ("ValidationException", 400, "BatchExecute", cluster, secret, "", "SELECT 1; SELECT 2"),
        ]
        if postgresql:
            lines.append(("InternalFailure", 500, "Execute", cluster, secret, "", "SELECT 'infinity'::date"))
        return "\n".join("\t".join(map(str, line)) for line in lines)

    def transaction(self, cluster):
        return self.server.call("BeginTransaction", resourceArn=cluster, secretArn=self.database.secret)[2]["transactionId"]

    def __exit__(self, *_):
        self.server.__exit__()
        self.nobody.close()
