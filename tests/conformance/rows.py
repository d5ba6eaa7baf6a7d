"""How the rows of the conformance suite are written: calls, what they answer, and the table they are put into."""
import json
import re

from running import CLUSTER  # noqa: F401

PG, MY = "postgresql", "mariadb"
BOTH = (PG, MY)
ABSENT = object()
STATUS = {"TransactionNotFoundException": 404, "InternalFailure": 500, "AccessDeniedException": 403, "DatabaseUnavailableException": 504,
          "UnknownOperationException": 404}
SCRATCH = "borealis_conformance"


class Call:
    def __init__(self, operation, members, check, raw=None, server="main"):
        self.operation, self.members, self.check, self.raw, self.server = operation, members, check, raw, server


def exactly(body):
    """The whole body, with the order of its members and the spelling of its numbers (1 is not 1.0)."""
    def check(test, status, error, got):
        test.assertEqual((status, error), (200, None), got)
        test.assertEqual(json.dumps(got), json.dumps(body))
    return check


def error(kind, message=None):
    """`message`: the exact text, a compiled pattern that must match all of it, or None for no message at all."""
    def check(test, status, name, got):
        test.assertEqual((status, name), (STATUS.get(kind, 400), kind), got)
        if message is None:
            test.assertEqual(got, {})
        elif isinstance(message, str):
            test.assertEqual(got, {"message": message})
        else:
            test.assertEqual([*got][-1], "message")
            test.assertRegex(got["message"], re.compile(r"\A(?:" + message.pattern + r")\Z", message.flags | re.S))
    return check


def records(*rows):
    return exactly({"numberOfRecordsUpdated": 0, "records": [list(row) for row in rows]})


def updated(count, generated=()):
    return exactly({"generatedFields": [{"longValue": i} for i in generated], "numberOfRecordsUpdated": count})


def formatted(text):
    return exactly({"formattedRecords": text, "numberOfRecordsUpdated": 0})


def good(test, status, error_type, got):
    test.assertEqual((status, error_type), (200, None), got)


def validation(message):
    return error("ValidationException", message)


def wrong(path, expected):
    return error("SerializationException", f"The value of '{path}' must be {expected}")


def missing(*names):
    texts = "; ".join(f"Value null at '{n}' failed to satisfy constraint: Member must not be null" for n in names)
    return validation(f"{len(names)} validation error{'s' if len(names) > 1 else ''} detected: {texts}")


def database_error(message):
    return error("DatabaseErrorException", message)


def unsupported(message):
    return error("UnsupportedResultException", message)


def run(sql, check=good, server="main", operation="Execute", **members):
    return Call(operation, {"sql": sql, **members}, check, server=server)


def in_tx(sql, check=good, **members):
    return run(sql, check, transactionId="@tx", **members)


def batch(sql, check=good, server="main", **members):
    return run(sql, check, server, "BatchExecute", **members)


def begin(check=good, server="main", **members):
    return Call("BeginTransaction", members, check, server=server)


COMMITTED = exactly({"transactionStatus": "Transaction Committed"})
ROLLED_BACK = exactly({"transactionStatus": "Rollback Complete"})


def commit(check=COMMITTED, server="main", **members):
    return Call("CommitTransaction", {"transactionId": "@tx", **members, "database": ABSENT}, check, server=server)


def rollback(check=ROLLED_BACK, server="main", **members):
    return Call("RollbackTransaction", {"transactionId": "@tx", **members, "database": ABSENT}, check, server=server)


def parameter(name, hint=None, **value):
    return {"name": name, "value": value, **({"typeHint": hint} if hint else {})}


def S(text):
    return {"stringValue": text}


def L(number):
    return {"longValue": number}


def D(number):
    return {"doubleValue": number}


def B(truth):
    return {"booleanValue": truth}


def X(base64):
    return {"blobValue": base64}


def A(**elements):
    return {"arrayValue": elements}


NULL = {"isNull": True}

ROWS = []


def row(name, engines, *calls):
    ROWS.append((name, (engines,) if isinstance(engines, str) else engines, calls))


def each(name, engines, cases):
    """One row a case: (what it is called, calls …)."""
    for title, *calls in cases:
        row(f"{name}{' ' if '.' in name else '.'}{title}", engines, *calls)


def value(engine, cases, rule="R-5"):
    """`SELECT expression` and the one Field that it answers."""
    for expression, field in cases:
        row(f"{rule} {expression}", engine, run(f"SELECT {expression}", records([field])))


def echo(engine, rule, cases):
    """(name, parameter's value and hint, Field of `SELECT :p`)."""
    for title, expression, members, field in cases:
        row(f"{rule} {title}", engine, run(f"SELECT {expression}", records([field]) if isinstance(field, dict) else field,
                                         parameters=[{"name": "p", **members}]))


def metadata(label, kind, type_name, precision, scale, *, nullable=1, table="", name=None, signed=False, case=False, auto=False, currency=False):
    return {"arrayBaseColumnType": 0, "isAutoIncrement": auto, "isCaseSensitive": case, "isCurrency": currency, "isSigned": signed, "label": label, "name": name or label,
            "nullable": nullable, "precision": precision, "scale": scale, "schemaName": "", "tableName": table, "type": kind, "typeName": type_name}


def describes(*columns):
    def check(test, status, kind, got):
        test.assertEqual(status, 200, got)
        shown = [{**one, "tableName": re.sub(r"^t\d+$", "@t", one["tableName"])} for one in got["columnMetadata"]]
        test.assertEqual(shown, list(columns))
    return check


OPTIONS = {"decimalReturnType": "DOUBLE_OR_LONG"}
J = {"formatRecordsAs": "JSON"}
TOO_LARGE = unsupported("The result exceeds the size limit 1 MB.")
ENDED = error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found\. One previous call resulted in a termination of your transaction\."))
GONE = error("TransactionNotFoundException", re.compile(r"Transaction \S+ is not found.*"))
ABORTED = database_error("ERROR: current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02")
