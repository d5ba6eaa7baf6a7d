"""What is measured: each workload as calls of the Data API, as a pgbench script, and as statements of libmariadb."""
import json

PARAMETER_KINDS = {"random": "longValue", "text": "stringValue", "real": "doubleValue"}


class Statement:
    """SQL with `:name` parameters, and what each is: ("random", low, high), ("text", "…") or ("real", 1.5)."""

    def __init__(self, sql, **parameters):
        self.sql, self.parameters = sql, parameters

    def api_parameters(self):
        # json.dumps would quote the mark of a random number.
        parts = []
        for name, (kind, *value) in self.parameters.items():
            text = f"@{{random {value[0]} {value[1]}}}" if kind == "random" else json.dumps(value[0])
            parts.append(f'{{"name":"{name}","value":{{"{PARAMETER_KINDS[kind]}":{text}}}}}')
        return f"[{','.join(parts)}]"

    def pgbench(self):
        lines, sql = [], self.sql
        for name, (kind, *value) in self.parameters.items():
            if kind == "random":
                lines.append(f"\\set {name} random({value[0]}, {value[1]})")
            else:
                sql = sql.replace(f":{name}", f"'{value[0]}'" if kind == "text" else str(value[0]))
        return [*lines, sql + ";"]

    def libmariadb(self):
        sql, parameters = self.sql, []
        for name, (kind, *value) in sorted(self.parameters.items(), key=lambda one: self.sql.index(f":{one[0]}")):
            sql = sql.replace(f":{name}", "?")
            parameters.append(" ".join(map(str, (kind, *value))))
        return "\t".join([sql, *parameters])


class Workload:
    """`runs` of it are counted, times `unit`: rows of a batch, else 1."""

    def __init__(self, name, title, statements, transaction=False, sets=0):
        self.name, self.title, self.statements, self.transaction, self.sets = name, title, statements, transaction, sets
        self.unit = sets or 1

    def api(self, resource, secret):
        """Lines for bench/load: path, tab, body."""
        where = f'"resourceArn":"{resource}","secretArn":"{secret}"'
        within = '"transactionId":"@{transaction}",' if self.transaction else ""
        lines = [f"/BeginTransaction\t{{{where}}}"] if self.transaction else []
        for one in self.statements:
            sql = f'{within}{where},"sql":{json.dumps(one.sql)}'
            if self.sets:
                sets = ",".join(one.api_parameters() for _ in range(self.sets))
                lines.append(f'/BatchExecute\t{{{sql},"parameterSets":[{sets}]}}')
            else:
                more = f',"parameters":{one.api_parameters()}' if one.parameters else ""
                lines.append(f"/Execute\t{{{sql}{more}}}")
        if self.transaction:
            lines.append('/CommitTransaction\t{"transactionId":"@{transaction}",' + where + "}")
        return "\n".join(lines) + "\n"

    def pgbench(self, pipelined=1):
        lines = [line for one in self.statements for line in one.pgbench()]
        if self.transaction:
            lines = ["BEGIN;", *lines, "COMMIT;"]
        if pipelined > 1:
            lines = ["\\startpipeline", *(line for _ in range(pipelined) for line in lines), "\\endpipeline"]
        return "\n".join(lines) + "\n"

    def libmariadb(self):
        lines = [one.libmariadb() for one in self.statements]
        if self.transaction:
            lines = ["BEGIN", *lines, "COMMIT"]
        return "\n".join(lines) + "\n"

    def copied_rows(self):
        """The same rows as one API call has, in COPY's text format."""
        kinds = self.statements[0].parameters.values()
        return "".join("\t".join(str(4711 if kind == "random" else value[0]) for kind, *value in kinds) + "\n" for _ in range(self.sets))


def all_workloads(keys, rows):
    """By name. `keys`: rows of the table of points; `rows`: of the table that W2 reads."""
    point = Statement("SELECT id, name, amount FROM point WHERE id = :id", id=("random", 1, keys))
    insert = Statement("INSERT INTO event (name, amount) VALUES (:name, :amount)", name=("text", "an event of some kind"), amount=("random", 1, 1_000_000))
    sets = dict(number=("random", 1, 1_000_000), name=("text", "a row of a batch"), amount=("real", 1234.5))
    batch = Statement("INSERT INTO batch (number, name, amount) VALUES (:number, :name, :amount)", **sets)
    numbered = Statement("INSERT INTO numbered (number, name, amount) VALUES (:number, :name, :amount)", **sets)
    made = [
        Workload("W1", "point SELECT, one parameter, 3 columns", [point]),
        Workload("W2", f"SELECT of {rows:,} rows × 5 columns", [Statement("SELECT id, name, score, price, made FROM mixed")]),
        Workload("W3", "one INSERT, autocommit", [insert]),
        Workload("W4", "begin, INSERT, SELECT, commit", [insert, point], transaction=True),
        Workload("W5-50", "batch INSERT of 50 sets in a transaction, rows", [batch], transaction=True, sets=50),
        Workload("W5-1000", "batch INSERT of 1,000 sets in a transaction, rows", [batch], transaction=True, sets=1000),
        Workload("W5-ids", "the same with generated ids", [numbered], transaction=True, sets=1000),
    ]
    return {one.name: one for one in made}


def tables(engine, keys, rows):
    """SQL that makes and fills the tables."""
    identity = "bigserial PRIMARY KEY" if engine == "postgresql" else "bigint AUTO_INCREMENT PRIMARY KEY"
    moment = "timestamp" if engine == "postgresql" else "datetime(6)"
    made = "timestamp '2026-01-01' + n * interval '1 minute'" if engine == "postgresql" else "'2026-01-01' + INTERVAL n MINUTE"
    numbers = (lambda n: f"generate_series(1, {n}) n") if engine == "postgresql" else (lambda n: f"(SELECT seq n FROM seq_1_to_{n}) numbers")
    name = "'name ' || n" if engine == "postgresql" else "CONCAT('name ', n)"
    return [
        "CREATE TABLE point (id int PRIMARY KEY, name varchar(100), amount int)",
        f"INSERT INTO point SELECT n, {name}, n * 7 FROM {numbers(keys)}",
        f"CREATE TABLE mixed (id int PRIMARY KEY, name varchar(100), score double precision, price numeric(10, 2), made {moment})",
        f"INSERT INTO mixed SELECT n, {name}, n * 1.25, n * 0.99, {made} FROM {numbers(rows)}",
        f"CREATE TABLE event (id {identity}, name varchar(100), amount int)",
        "CREATE TABLE batch (number int, name varchar(100), amount double precision)",
        f"CREATE TABLE numbered (id {identity}, number int, name varchar(100), amount double precision)",
    ]


WRITTEN = ("event", "batch", "numbered")
