"""deny_statements: what each kind refuses, however it is dressed, and what it cannot see."""
import random
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import CLUSTER, Server, databases  # noqa: E402

KINDS = ("ddl", "privileges", "administration", "copy_program", "server_files", "load_data", "session", "transaction_control", "calls")

# Statements that do their harm where nothing is denied; those of a kind are tried on the cluster that denies it alone.
HARMFUL = {
    "postgresql": {
        "ddl": ["CREATE TABLE rules_t2 ( a int )", "DROP TABLE rules_t", "ALTER TABLE rules_t ADD b int", "TRUNCATE rules_t",
                "SELECT * INTO rules_t2 FROM rules_t", "EXPLAIN ANALYZE CREATE TABLE rules_t2 AS SELECT 1"],
        "privileges": ["GRANT ALL ON rules_t TO PUBLIC", "REVOKE ALL ON rules_t FROM PUBLIC", "CREATE ROLE rules_r", "SET ROLE NONE"],
        "administration": ["ALTER SYSTEM SET work_mem = 1", "LOAD 'plpgsql'", "CREATE EXTENSION dblink", "SELECT pg_reload_conf ( )"],
        "copy_program": ["COPY rules_t FROM PROGRAM 'echo 1'", "COPY ( SELECT 1 ) TO PROGRAM 'cat'"],
        "server_files": ["COPY rules_t FROM '/etc/passwd'", "SELECT pg_read_file ( '/etc/passwd' )", "SELECT * FROM pg_ls_dir ( '/' )",
                         "SELECT lo_import ( '/etc/passwd' )"],
        "session": ["SET search_path = x", "SELECT set_config ( 'search_path' , 'x' , false )", "SELECT pg_advisory_lock ( 1 )", "LISTEN x"],
        "transaction_control": ["BEGIN", "COMMIT", "PREPARE TRANSACTION 'x'", "SAVEPOINT a"],
        "calls": ["DO 'BEGIN DROP TABLE rules_t; END'", "CALL rules_p ( )", "SELECT query_to_xml ( 'DROP TABLE rules_t' , true , true , '' )"],
    },
    "mariadb": {
        "ddl": ["CREATE TABLE rules_t2 ( a int )", "DROP TABLE rules_t", "RENAME TABLE rules_t TO rules_t2",
                "SET STATEMENT max_statement_time = 1 FOR DROP TABLE rules_t"],
        "privileges": ["GRANT ALL ON *.* TO x", "CREATE USER x", "SET PASSWORD = 'x'", "DROP ROLE x"],
        "administration": ["SHUTDOWN", "KILL 1", "SET GLOBAL general_log = 1", "INSTALL SONAME 'x'", "FLUSH LOGS"],
        "server_files": ["SELECT 1 INTO OUTFILE '/tmp/rules'", "SELECT 1 INTO DUMPFILE '/tmp/rules'", "SELECT LOAD_FILE ( '/etc/passwd' )"],
        "load_data": ["LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE rules_t", "LOAD DATA INFILE '/etc/passwd' INTO TABLE rules_t"],
        "session": ["SET @a = 1", "SELECT GET_LOCK ( 'x' , 1 )", "SELECT @a := 1", "USE mysql"],
        "transaction_control": ["START TRANSACTION", "COMMIT", "XA START 'x'", "SET autocommit = 0"],
        "calls": ["CALL rules_p ( )", "EXECUTE IMMEDIATE 'DROP TABLE rules_t'", "BEGIN NOT ATOMIC DROP TABLE rules_t; END"],
    },
}
HARMLESS = {
    "postgresql": ["SELECT a FROM rules_t WHERE a = 1", "INSERT INTO rules_t VALUES (1)", "UPDATE rules_t SET a = 2", "DELETE FROM rules_t",
                   "WITH x AS (SELECT 1 AS created) SELECT created FROM x", "SELECT 'DROP TABLE rules_t; COPY x TO PROGRAM' AS \"grant\"",
                   "EXPLAIN ANALYZE SELECT 1"],
    "mariadb": ["SELECT a FROM rules_t WHERE a = 1", "INSERT INTO rules_t VALUES (1)", "REPLACE INTO rules_t VALUES (2)", "DELETE FROM rules_t",
                "SELECT TRUNCATE(1.5, 0), 'DROP TABLE rules_t' AS `grant`", "EXPLAIN SELECT 1"],
}
BETWEEN = {
    "postgresql": [" ", "\t", "\n", "\r\n", "\f", " /* a */ ", "/* /* ' */ */", "--'\n", "-- \" $$\n", "/*!*/", "/*\n*/"],
    "mariadb": [" ", "\t", "\n", "\r\n", "\v", "/* ' */", "-- '\n", "#\"\n", "/*+ ` */", "--\t'\n", "/**/"],
}


def dressed(statement, between, chance):
    """The same statement to the database: other case, and whatever may stand between words."""
    out = []
    for part in re.findall(r"'[^']*'|[^' ]+", statement):
        if not part.startswith("'"):
            part = "".join(c.upper() if chance.random() < 0.5 else c.lower() for c in part)
        out.append(part)
        out.append("".join(chance.choice(between) for _ in range(chance.randint(1, 3))))
    return "".join([chance.choice(between), *out])


class Rules(unittest.TestCase):
    @staticmethod
    def cluster(engine, kind):
        return f"{engine}-{kind}".replace("_", "")

    @classmethod
    def setUpClass(cls):
        cls.databases = databases()
        config = ""
        for engine, database in cls.databases.items():
            config += database.config()
            for kind in (*KINDS, "all"):
                denied = list(KINDS) if kind == "all" else [kind]
                entry = database.config().split("[[secret]]")[0].replace(f'"test-{engine}"', f'"{cls.cluster(engine, kind)}"')
                config += entry + f"deny_statements = {denied}\n".replace("'", '"')
        cls.server = Server(config).start()
        for engine in cls.databases:
            for sql in ("DROP TABLE IF EXISTS rules_t", "CREATE TABLE rules_t (a int)"):
                answer = cls.ask(engine, sql)
                assert answer[0] == 200, answer

    @classmethod
    def tearDownClass(cls):
        for engine in cls.databases:
            cls.ask(engine, "DROP TABLE rules_t")
        cls.server.stop()

    @classmethod
    def ask(cls, engine, sql, kind=None, operation="Execute", **more):
        arn = CLUSTER + cls.cluster(engine, kind) if kind else cls.databases[engine].arn
        return cls.server.call(operation, resourceArn=arn, secretArn=cls.databases[engine].secret, sql=sql, **more)

    def test_each_kind_is_refused_however_it_is_dressed(self):
        chance = random.Random(5)
        for engine, kinds in HARMFUL.items():
            for kind, statements in kinds.items():
                for statement in statements:
                    for sql in (statement, *(dressed(statement, BETWEEN[engine], chance) for _ in range(12))):
                        status, error, body = self.ask(engine, sql, kind)
                        self.assertEqual((status, error), (403, "ForbiddenException"), (engine, kind, sql, body))
                        self.assertIn("(deny_statements)", body["message"])
                        self.assertIn(kind, body["message"])
            self.assertEqual(self.ask(engine, "SELECT a FROM rules_t")[0], 200)

    def test_dressing_changes_no_meaning(self):
        """So that the test above tries statements that would have run."""
        chance = random.Random(6)
        for engine in HARMFUL:
            for statement in ("SELECT 1 AS a", "SELECT 'it' AS a , 2"):
                for _ in range(40):
                    sql = dressed(statement, BETWEEN[engine], chance)
                    status, _, body = self.ask(engine, sql)
                    self.assertEqual(status, 200, (engine, sql, body))

    def test_a_batch_is_judged_as_well(self):
        for engine in HARMFUL:
            status, error, _ = self.ask(engine, "DROP TABLE rules_t", "ddl", "BatchExecute", parameterSets=[[]])
            self.assertEqual((status, error), (403, "ForbiddenException"))

    def test_other_statements_pass_where_everything_is_denied(self):
        for engine, statements in HARMLESS.items():
            for sql in statements:
                status, _, body = self.ask(engine, sql, "all")
                self.assertEqual(status, 200, (engine, sql, body))
            arn, secret = CLUSTER + self.cluster(engine, "all"), self.databases[engine].secret
            status, _, body = self.server.call("BeginTransaction", resourceArn=arn, secretArn=secret)
            self.assertEqual(status, 200, body)  # the API's own transactions are none of these statements
            status, _, body = self.server.call("CommitTransaction", resourceArn=arn, secretArn=secret, transactionId=body["transactionId"])
            self.assertEqual(status, 200, body)

    def test_nothing_is_denied_by_default(self):
        for engine in HARMFUL:
            for sql in ("CREATE TABLE rules_t3 (a int)", "DROP TABLE rules_t3", "SET " + ("search_path = public" if engine == "postgresql" else "@a = 1")):
                self.assertEqual(self.ask(engine, sql)[0], 200, sql)

    def test_version_comments_are_refused_where_anything_is_denied(self):
        for sql in ("SELECT 1 /*!99999 ' */ INTO OUTFILE '/tmp/rules' -- '", "/*!50000 DROP TABLE rules_t */", "SELECT /*M!100000 1 */"):
            self.assertEqual(self.ask("mariadb", sql, "load_data")[:2], (403, "ForbiddenException"), sql)

    def test_what_it_cannot_see(self):
        """A documented limit: code inside the database does what it does."""
        for sql in ("CREATE OR REPLACE FUNCTION rules_f() RETURNS void LANGUAGE plpgsql AS 'BEGIN CREATE TABLE rules_made (a int); END'",):
            self.assertEqual(self.ask("postgresql", sql)[0], 200)
        self.assertEqual(self.ask("postgresql", "SELECT rules_f()", "all")[0], 200)
        for sql in ("DROP TABLE rules_made", "DROP FUNCTION rules_f"):
            self.assertEqual(self.ask("postgresql", sql)[0], 200)

    def test_an_unknown_kind_is_an_error_at_the_start(self):
        for config in ('deny_statements = ["dll"]\n', '[[cluster]]\nid = "a"\nengine = "mysql"\nhost = "h"\ndeny_statements = ["DDL"]\n'):
            with self.assertRaises(AssertionError) as raised:
                Server(config).start()
            self.assertRegex(str(raised.exception), r"`deny_statements`: there is no kind of statements `\w+`; known: ddl, privileges,")

    def test_a_rule_for_all_clusters(self):
        with Server('deny_statements = ["ddl"]\n' + self.databases["postgresql"].config()) as strict:
            database = self.databases["postgresql"]
            status, error, _ = strict.call("Execute", resourceArn=database.arn, secretArn=database.secret, sql="DROP TABLE rules_t")
            self.assertEqual((status, error), (403, "ForbiddenException"))


if __name__ == "__main__":
    unittest.main()
