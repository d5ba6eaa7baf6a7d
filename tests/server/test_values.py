"""Values come back as they were sent, whatever stands in them and around them: 100,000 random ones an engine, in statements whose
text is made of literals, comments and quotes that are meant to be misread; and under settings of the server that change how
quotes and bytes are read.

BOREALIS_VALUES_SEED and BOREALIS_VALUES_COUNT choose other ones than those of every run.
"""
import base64
import decimal
import json
import os
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import CLUSTER, SECRET, Server, both_databases_config, databases  # noqa: E402

SEED = int(os.environ.get("BOREALIS_VALUES_SEED", 5))
COUNT = int(os.environ.get("BOREALIS_VALUES_COUNT", 100_000))
COLUMNS = 500  # of one statement

# Ends of literals and comments of both engines, placeholders of every kind, and characters whose encoding in GBK or Shift JIS ends
# with the byte of a backslash (U+7E17 is E5 5C in GBK, U+8868 is 95 5C in Shift JIS) or begins with one that swallows a quote.
PIECES = ["'", "''", '"', "`", "\\", "\\'", "\\\\'", "\\\"", ";", "--", "-- ", "#", "/*", "*/", "/*!", "/*!50000 ", "$$", "$a$", "$1", "$2", "?", ":p0", ":p1", ":a", "::", ":=",
          "%", "_", "%s", "{}", "\n", "\r\n", "\t", " ", "E'", "U&'", "N'", "_utf8'", "x'", "\u7e17", "\u8868", "\u30bd", "\u80fd", "\u00bf'", "\u00bf\\'", "\u00a5", "\u20a9",
          "\u00bf\\", "\u2019", "\uff07", "\u02bc", "\u0301", "\u200b", "\u202e", "\ufeff", "\U0001f600", "\u00df", "\u0130", "OR 1=1", "UNION SELECT", "DROP TABLE t", "\x01", "\x1a",
          "\x7f", "\u0080", "\ufffd", "\uffff", "a", "0", "NULL", "true", ")", "(", ",", "]", "["]


class Maker:
    """Random values and texts around them for one engine."""

    def __init__(self, engine, seed):
        self.chance, self.mysql = random.Random(seed), engine == "mariadb"

    def text(self, most=6):
        return "".join(self.chance.choices(PIECES, k=self.chance.randint(0, most)))

    # --- parameters: (what is sent, the Field that comes back)

    def parameter(self):
        kind = self.chance.random()
        if kind < 0.7:
            text = self.text()
            return {"value": {"stringValue": text}}, {"stringValue": text}
        if kind < 0.76:
            number = self.chance.choice([0, -1, 2**63 - 1, -2**63, self.chance.randint(-10**9, 10**9)])
            return {"value": {"longValue": number}}, {"longValue": number}
        if kind < 0.8:
            number = self.chance.choice([0.5, -1e300, 1e-300, self.chance.random()])
            return {"value": {"doubleValue": number}}, {"doubleValue": number}
        if kind < 0.84:
            data = self.text().encode() + self.chance.randbytes(self.chance.randint(0, 8))
            encoded = base64.b64encode(data).decode()
            return {"value": {"blobValue": encoded}}, {"blobValue": encoded}
        if kind < 0.87:
            return {"value": {"isNull": True}}, {"isNull": True}
        if kind < 0.9:
            yes = self.chance.random() < 0.5
            return {"value": {"booleanValue": yes}}, {"longValue": int(yes)} if self.mysql else {"booleanValue": yes}
        return self.hinted()

    def hinted(self):
        hint = self.chance.choice(["DECIMAL", "DATE", "TIME", "TIMESTAMP"] if self.mysql else ["DECIMAL", "DATE", "TIME", "TIMESTAMP", "UUID", "JSON"])
        number = self.chance.randint
        if hint == "DECIMAL":
            text = str(decimal.Decimal(number(1, 10**12)) / 100 + decimal.Decimal("0.01"))
        elif hint == "DATE":
            text = f"{number(1000, 9999):04}-{number(1, 12):02}-{number(1, 28):02}"
        elif hint == "TIME":
            text = f"{number(0, 23):02}:{number(0, 59):02}:{number(0, 59):02}"
        elif hint == "TIMESTAMP":
            text = f"{number(1000, 9999):04}-{number(1, 12):02}-{number(1, 28):02} {number(0, 23):02}:{number(0, 59):02}:{number(0, 59):02}"
        elif hint == "UUID":
            text = "-".join(self.chance.randbytes(n).hex() for n in (4, 2, 2, 2, 6))
        else:
            text = json.dumps([self.text(), {"a": self.text()}], separators=(",", ":"))
        # JSON may come back with other escapes.
        return {"value": {"stringValue": text}, "typeHint": hint}, {"stringValue": text}

    # --- texts around them: literals with their value, comments, blanks

    def literal(self, backslashes=True):
        """A literal in one of the engine's spellings, and its value. Without `backslashes`: one that all settings read alike."""
        value = self.text()
        if not backslashes:
            value = value.replace("\\", "/")
            return "'" + value.replace("'", "''") + "'", value
        if self.mysql:
            quote = self.chance.choice("'\"")
            out = ""
            for c in value:
                if c == quote:
                    out += self.chance.choice([c + c, "\\" + c])
                elif c == "\\":
                    out += "\\\\"
                elif c in "\n\t\r\x1a":
                    out += self.chance.choice([c, {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1a": "\\Z"}[c]])
                elif c in "'\":;?$-#" and self.chance.random() < 0.3:
                    out += "\\" + c  # means the character
                else:
                    out += c
            return self.chance.choice(["", "_utf8mb4"]) + quote + out + quote, value
        form = self.chance.choice(["plain", "escape", "dollar", "unicode", "continued"])
        if form == "plain":
            return "'" + value.replace("'", "''") + "'", value
        if form == "escape":
            out = "".join(self.chance.choice(["''", "\\'"]) if c == "'" else "\\\\" if c == "\\" else "\\" + c if c in ":;?$-" and self.chance.random() < 0.3 else c for c in value)
            return self.chance.choice("eE") + "'" + out + "'", value
        if form == "dollar":
            tag = "$" + self.chance.choice(["t", "Tag1", "_", "\u00e9"]) + "$"
            return (tag + value + tag, value) if tag[:-1] not in value else ("''", "")
        if form == "unicode":
            out = "".join("''" if c == "'" else "\\\\" if c == "\\" else f"\\+{ord(c):06X}" if self.chance.random() < 0.2 else c for c in value)
            return "U&'" + out + "'", value
        half = len(value) // 2
        quoted = [v.replace("'", "''") for v in (value[:half], value[half:])]
        return "'" + self.chance.choice(["\n", " \r\n\t"]).join(["" + quoted[0] + "'", "'" + quoted[1]]) + "'", value

    def between(self):
        kind = self.chance.random()
        if kind < 0.6:
            return self.chance.choice([" ", "\n", "\t"])
        if kind < 0.8:
            inner = self.text().replace("*/", "* /").replace("/*", "/ *").replace("\0", "")
            return "/* " + inner + " */" if not inner.endswith(("/", "*")) and not inner.startswith(("!", "M!", "+")) else " "
        inner = self.text().replace("\n", " ").replace("\r", " ")
        return ("# " if self.mysql and kind < 0.9 else "-- ") + inner + "\n"

    def statement(self, columns, backslashes=True):
        """(text, parameters, the record that comes back)"""
        text, parameters, record = "SELECT", [], []
        for i in range(columns):
            text += self.between()
            if self.chance.random() < 0.25:
                spelt, value = self.literal(backslashes)
                text += spelt
                record.append({"stringValue": value})
            else:
                sent, back = self.parameter()
                parameters.append({"name": f"p{i}", **sent})
                text += self.chance.choice([":p{}", "(:p{})", "(\n:p{})"]).format(i)
                record.append(back)
            text += self.between() + f"AS c{i}" + ("," if i + 1 < columns else "")
        return text + self.between(), parameters, record


class Values(unittest.TestCase):
    maxDiff = 2000

    def check(self, server, engine, count, seed, arn=None, secret=None, backslashes=True):
        """`count` values back from `server`."""
        maker, done, database = Maker(engine, seed), 0, databases()[engine]
        while done < count:
            columns = COLUMNS
            text, parameters, record = maker.statement(columns, backslashes)
            while len(text) > 60_000:
                columns //= 2
                text, parameters, record = maker.statement(columns, backslashes)
            status, _, body = server.call("Execute", resourceArn=arn or database.arn, secretArn=secret or database.secret, sql=text, parameters=parameters)
            self.assertEqual(status, 200, (body, text[:2000]))
            for i, (sent, got) in enumerate(zip(record, body["records"][0], strict=True)):
                if sent != got and not (sent.get("stringValue", "")[:2] == '["' and json.loads(sent["stringValue"]) == json.loads(got["stringValue"])):
                    self.fail(f"{sent} came back as {got} in column {i} of {text!r} with {parameters!r}"[:20_000])
            done += columns

    def test_values_of_every_kind_come_back_unchanged(self):
        with Server(both_databases_config()) as server:
            for engine in databases():
                with self.subTest(engine=engine):
                    self.check(server, engine, COUNT, SEED)


    def test_what_is_stored_is_what_was_sent(self):
        """The database itself compares: each value is found by equality with itself, once, and by its bytes."""
        table = "values_stored"
        with Server(both_databases_config()) as server:
            for engine, database in databases().items():
                maker = Maker(engine, SEED + 1)
                texts = sorted({maker.text(12) for _ in range(2000)})

                def ask(sql, operation="Execute", **more):
                    status, _, body = server.call(operation, resourceArn=database.arn, secretArn=database.secret, sql=sql, **more)
                    self.assertEqual(status, 200, body)
                    return body

                kind = "text" if engine == "postgresql" else "VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
                ask(f"CREATE TABLE {table} (n int PRIMARY KEY, v {kind})")
                try:
                    sets = [[{"name": "n", "value": {"longValue": n}}, {"name": "v", "value": {"stringValue": text}}] for n, text in enumerate(texts)]
                    ask(f"INSERT INTO {table} VALUES (:n, :v)", "BatchExecute", parameterSets=sets)
                    hexadecimal = "encode(convert_to(v, 'UTF8'), 'hex')" if engine == "postgresql" else "LOWER(HEX(v))"
                    rows = ask(f"SELECT n, {hexadecimal} FROM {table} ORDER BY n")["records"]
                    self.assertEqual([row[1]["stringValue"] for row in rows], [text.encode().hex() for text in texts])
                    for n in maker.chance.sample(range(len(texts)), 200):
                        found = ask(f"SELECT n FROM {table} WHERE v = :v", parameters=[sets[n][1]])["records"]
                        self.assertEqual(found, [[{"longValue": n}]], texts[n])
                finally:
                    ask(f"DROP TABLE {table}")


def secret(name, user, password):
    return f"""
[[secret]]
name = "{name}"
arn = "{SECRET}{name}-AbCdEf"
username = "{user}"
password = "text:{password}"
"""


class ServerSettings(Values):
    """What the database's owner may have set. The session's own settings outrank it, or it matters to no value."""
    COUNT = 4000

    test_values_of_every_kind_come_back_unchanged = None
    test_what_is_stored_is_what_was_sent = None

    def owner(self, engine, *statements):
        database = databases()[engine]
        with Server(both_databases_config()) as server:
            for sql in statements:
                status, _, body = server.call("Execute", resourceArn=database.arn, secretArn=database.secret, sql=sql)
                self.assertEqual(status, 200, (sql, body))
        return body

    def test_postgresql(self):
        role = "values_role"
        self.owner("postgresql", f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
        self.addCleanup(self.owner, "postgresql", f"DROP ROLE {role}")
        config = both_databases_config() + secret("role", role, "pw")
        for settings in ({"standard_conforming_strings": "off", "backslash_quote": "on", "escape_string_warning": "off"},
                         {"standard_conforming_strings": "off", "backslash_quote": "safe_encoding", "client_encoding": "SJIS"},
                         {"client_encoding": "GBK", "standard_conforming_strings": "off"}, {"client_encoding": "BIG5"}, {"client_encoding": "GB18030"},
                         {"client_encoding": "LATIN1", "bytea_output": "escape", "DateStyle": "German", "extra_float_digits": "0"}):
            with self.subTest(**settings):
                self.owner("postgresql", f"ALTER ROLE {role} RESET ALL", *(f"ALTER ROLE {role} SET {name} = '{value}'" for name, value in settings.items()))
                with Server(config) as server:
                    self.check(server, "postgresql", self.COUNT, SEED + 2, secret=f"{SECRET}role-AbCdEf")

    def test_mariadb(self):
        user = "values_user"
        before = self.owner("mariadb", "SELECT @@GLOBAL.sql_mode, @@GLOBAL.character_set_server, @@GLOBAL.init_connect")["records"][0]
        before = dict(zip(("sql_mode", "character_set_server", "init_connect"), (f["stringValue"] for f in before)))
        self.owner("mariadb", f"DROP USER IF EXISTS {user}", f"CREATE USER {user} IDENTIFIED BY 'pw'")
        self.addCleanup(self.owner, "mariadb", f"DROP USER {user}", *(f"SET GLOBAL {name} = '{value}'" for name, value in before.items()))
        # The user is no administrator: init_connect passes those over.
        config = both_databases_config() + secret("user", user, "pw") + databases()["mariadb"].config().split("[[secret]]")[0].replace(
            "test-mariadb", "no-database").replace(f'database = "{databases()["mariadb"].name}"', "")
        for settings in ({"sql_mode": "NO_BACKSLASH_ESCAPES"}, {"sql_mode": "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT"}, {"sql_mode": "ANSI"},
                         {"character_set_server": "gbk", "init_connect": "SET NAMES gbk"}, {"character_set_server": "sjis", "init_connect": "SET NAMES sjis"},
                         {"character_set_server": "big5", "init_connect": "SET character_set_client = big5", "sql_mode": "NO_BACKSLASH_ESCAPES"}):
            with self.subTest(**settings):
                self.owner("mariadb", *(f"SET GLOBAL {name} = '{value}'" for name, value in {**before, **settings}.items()))
                with Server(config) as server:
                    self.check(server, "mariadb", self.COUNT, SEED + 3, arn=CLUSTER + "no-database", secret=f"{SECRET}user-AbCdEf", backslashes=False)


class Injection(unittest.TestCase):
    """Through every member that a caller may have filled from somebody else's input."""
    EVIL = ["'; DROP TABLE injection_t; --", "' OR '1'='1", "1; DELETE FROM injection_t", "\\'; DROP TABLE injection_t; #", "\u00bf'; DROP TABLE injection_t; -- ",
            "x' UNION SELECT secret FROM injection_t -- ", "1) OR (1=1", "0x31 OR 1=1", "$$; DROP TABLE injection_t; $$", "`; DROP TABLE injection_t; `",
            '"; DROP TABLE injection_t; "', "/*'*/; DROP TABLE injection_t", ":a", "?", "$1", "%s", "admin'--", "'||(SELECT secret FROM injection_t)||'",
            "1 /*!50000 OR 1=1 */", "' + sleep(5) + '", "'; COPY injection_t TO PROGRAM 'id'; --", "\u8868'; DELETE FROM injection_t; -- "]

    @classmethod
    def setUpClass(cls):
        cls.server = Server(both_databases_config()).start()
        for engine in databases():
            for sql in ("DROP TABLE IF EXISTS injection_t", "CREATE TABLE injection_t (id int, name varchar(200), secret varchar(20))",
                        "INSERT INTO injection_t VALUES (7, 'seven', 'hidden')"):
                assert cls.ask(engine, sql)[0] == 200

    @classmethod
    def tearDownClass(cls):
        for engine in databases():
            cls.ask(engine, "DROP TABLE injection_t")
        cls.server.stop()

    @classmethod
    def ask(cls, engine, sql, operation="Execute", **more):
        database = databases()[engine]
        return cls.server.call(operation, **{"resourceArn": database.arn, "secretArn": database.secret, "sql": sql, **more})

    def untouched(self, engine, answer, evil):
        self.assertNotIn("hidden", json.dumps(answer), evil)
        status, _, body = self.ask(engine, "SELECT id, name, secret FROM injection_t")
        self.assertEqual((status, body["records"]), (200, [[{"longValue": 7}, {"stringValue": "seven"}, {"stringValue": "hidden"}]]), evil)

    def test_values(self):
        for engine in databases():
            for evil in self.EVIL:
                for sql in ("SELECT id FROM injection_t WHERE name = :a", "SELECT id FROM injection_t WHERE name LIKE :a AND name NOT LIKE '%e%'",
                            "SELECT id FROM injection_t WHERE name IN (:a, :a)", "DELETE FROM injection_t WHERE name = :a AND id = 7",
                            "SELECT name FROM injection_t WHERE name = CONCAT(:a, '')", "UPDATE injection_t SET secret = 'x' WHERE name = :a"):
                    answer = self.ask(engine, sql, parameters=[{"name": "a", "value": {"stringValue": evil}}])
                    self.assertEqual((answer[0], answer[2].get("records", [])), (200, []), (sql, evil, answer))
                    self.untouched(engine, answer, evil)
                sets = [[{"name": "a", "value": {"stringValue": evil}}]] * 3
                answer = self.ask(engine, "DELETE FROM injection_t WHERE name = :a", "BatchExecute", parameterSets=sets)
                self.assertEqual(answer[0], 200, answer)
                self.untouched(engine, answer, evil)

    def test_values_of_other_kinds_and_hints(self):
        for engine in databases():
            for evil in self.EVIL:
                values = [{"longValue": evil}, {"doubleValue": evil}, {"booleanValue": evil}, {"isNull": evil}, {"blobValue": evil}, {"arrayValue": {"stringValues": [evil]}}]
                for parameter in [{"name": "a", "value": value} for value in values] + [
                        {"name": "a", "value": {"stringValue": evil}, "typeHint": hint} for hint in ("DECIMAL", "DATE", "TIME", "TIMESTAMP", "UUID", "JSON", evil)]:
                    answer = self.ask(engine, "SELECT id FROM injection_t WHERE name = :a OR name = 'x'", parameters=[parameter])
                    self.assertEqual(answer[0], 400, (parameter, answer))
                    self.untouched(engine, answer, evil)
                encoded = base64.b64encode(evil.encode()).decode()
                answer = self.ask(engine, "SELECT :a AS b", parameters=[{"name": "a", "value": {"blobValue": encoded}}])
                self.assertEqual(answer[2]["records"], [[{"blobValue": encoded}]])

    def test_other_members(self):
        for engine in databases():
            for evil in self.EVIL:
                for members in ({"resourceArn": evil}, {"secretArn": evil}, {"database": evil}, {"schema": evil}, {"transactionId": evil}, {"formatRecordsAs": evil},
                                {"resultSetOptions": {"decimalReturnType": evil}}, {"resultSetOptions": {"longReturnType": evil}}, {"includeResultMetadata": evil},
                                {"continueAfterTimeout": evil}, {"parameters": [{"name": evil, "value": {"longValue": 1}}]}):
                    answer = self.ask(engine, "SELECT id FROM injection_t WHERE name = :a", **{"parameters": [{"name": "a", "value": {"stringValue": "x"}}], **members})
                    self.assertGreaterEqual(answer[0], 400, (members, answer))
                    self.untouched(engine, answer, evil)


if __name__ == "__main__":
    unittest.main()
