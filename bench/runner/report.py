"""Figures with their goals, the tables and the plot."""
import html
import re
from statistics import median

BOREALIS, SIGNED, TLS, SIGNED_TLS = "Borealis", "Borealis, SigV4", "Borealis, TLS", "Borealis, SigV4 and TLS"
PREPARED, NGINX, PGBOUNCER, COPY, LIBMARIADB = "pgbench -M prepared", "nginx, constant answer", "PgBouncer", "COPY", "libmariadb, prepared"
DIRECT = {"postgresql": PREPARED, "mariadb": LIBMARIADB}
BEGIN, END = "<!-- bench/run writes from here -->", "<!-- to here -->"


class Results:
    """Everything that was measured, by what it was."""

    def __init__(self):
        self.groups = {}  # (engine, workload, connections, durable) → {contender: [Round, …]}
        self.half = {}  # the same key → (runs a second, p50, p99, unanswered) of Borealis in an open loop
        self.single = {}  # memory, start and the like
        self.micro = {}  # name → nanoseconds
        self.problems = []

    def rounds(self, engine, workload, connections, who, durable=False):
        return self.groups.get((engine, workload, connections, durable), {}).get(who, [])

    def ratio(self, key, ours, theirs, value=lambda r: r.throughput):
        """Median of the ratios of neighbouring rounds, or None."""
        group = self.groups.get(key, {})
        pairs = list(zip(group.get(ours, []), group.get(theirs, [])))
        ratios = [value(a) / value(b) for a, b in pairs if a and b and value(a) and value(b)]
        return median(ratios) if ratios else None


def cpu(who):
    return lambda r: r.cpu.get(who, 0)


def middle(rounds, value=lambda r: r.throughput):
    values = [value(r) for r in rounds if r]
    return median(values) if values else None


def figures(results, peers):
    """(what, at, goal, reached, met): the last is None where it was not measured."""
    rows = []

    def add(what, at, goal, value, most=False, unit="", digits=2):
        sign = "≤" if most else "≥"
        met = None if value is None else (value <= goal if most else value >= goal)
        rows.append((what, at, f"{sign} {goal:g}{unit}", "not measured" if value is None else f"{value:.{digits}f}{unit}", met))

    for connections, goal in ((1, 0.70), (16, 0.95), (64, 1.4), (256, 2.2)):
        add(f"PostgreSQL W1 / `{PREPARED}`", connections, goal, results.ratio(("postgresql", "W1", connections, False), BOREALIS, PREPARED))
    w1_64 = ("postgresql", "W1", 64, False)
    add("PostgreSQL W1 / PgBouncer (transaction mode)", 64, 2.0, results.ratio(w1_64, BOREALIS, PGBOUNCER))
    best = [r for p in peers if (r := results.ratio(("postgresql", "W1", 16, False), BOREALIS, p))]
    add("W1 / best other Data API server", 16, 200, min(best) if best else None, digits=0)
    add("CPU of a signed W1 / of nginx's constant answer", 64, 1.5, results.ratio(w1_64, SIGNED, NGINX, cpu("server")), most=True)
    verify = results.micro.get("verify")
    add("SigV4's share (micro-benchmark `verify`)", "", 1.5, verify and verify / 1000, most=True, unit=" µs")
    for engine, title in (("postgresql", "PostgreSQL"), ("mariadb", "MariaDB")):
        add(f"{title} W2 / direct", 16, 0.90, results.ratio((engine, "W2", 16, False), BOREALIS, DIRECT[engine]))
        add(f"{title} W3 / direct, fsync off", 16, 0.95, results.ratio((engine, "W3", 16, False), BOREALIS, DIRECT[engine]))
        for connections in (16, 64):
            add(f"{title} W3 / direct, fsync on", connections, 0.90, results.ratio((engine, "W3", connections, True), BOREALIS, DIRECT[engine]))
        add(f"{title} W4 / direct", 16, 0.65, results.ratio((engine, "W4", 16, False), BOREALIS, DIRECT[engine]))
    add("PostgreSQL W5, 1,000 sets: rows / COPY", 1, 0.70, results.ratio(("postgresql", "W5-1000", 1, False), BOREALIS, COPY))
    add("MariaDB W5, 1,000 sets: rows / array binding", 1, 0.60, results.ratio(("mariadb", "W5-1000", 1, False), BOREALIS, LIBMARIADB))
    add("the same with generated ids", 1, 0.60, results.ratio(("mariadb", "W5-ids", 1, False), BOREALIS, LIBMARIADB))
    for connections, goal in ((16, 0.75), (64, 0.9)):
        add("MariaDB W1 / prepared point SELECT by libmariadb", connections, goal, results.ratio(("mariadb", "W1", connections, False), BOREALIS, LIBMARIADB))
    add("p99 of W1 / its p50", 256, 2.5, middle([r for r in results.rounds("postgresql", "W1", 256, BOREALIS) if r], lambda r: r.p99 / r.p50), most=True)
    start = results.single
    add("memory at start", "", 10, start.get("memory at start"), most=True, unit=" MiB", digits=1)
    add("memory with 1,000 idle connections", "", 16, start.get("memory with idle connections"), most=True, unit=" MiB", digits=1)
    add("exec to first answered request", "", 25, start.get("first answer"), most=True, unit=" ms", digits=1)
    add("CPU of a W1 request with 2 threads / with 1", 64, 1.1, start.get("two threads"), most=True)
    return rows


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def figure_table(results, peers):
    mark = {True: "yes", False: "no", None: ""}
    return table(("what", "connections", "goal", "reached", "met"), [(*row[:4], mark[row[4]]) for row in figures(results, peers)])


def amount(value):
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(micros):
    return "" if not micros else f"{micros / 1000:.2f}"


def full_table(results, workloads):
    rows = []
    for key, group in results.groups.items():
        engine, workload, connections, durable = key
        floor = COPY if COPY in group else DIRECT[engine]
        for who, rounds in group.items():
            measured = [r for r in rounds if r]
            if not measured:
                continue
            ratio = results.ratio(key, who, floor) if who != floor else None
            half = results.half.get(key) if who == BOREALIS else None
            rows.append((engine, workload + (", fsync" if durable else ""), connections, who, amount(middle(measured)), f"{ratio:.2f}" if ratio else "",
                         milliseconds(middle(measured, lambda r: r.p50)), milliseconds(middle(measured, lambda r: r.p99)),
                         f"{milliseconds(half[1])}, {milliseconds(half[2])}" if half else "",
                         *(amount(middle(measured, cpu(part))) for part in ("server", "database", "load")),
                         amount(middle(measured, lambda r: sum(r.cpu.values())))))
    return table(("engine", "workload", "connections", "who", "a second", "/ direct", "p50 ms", "p99 ms", "at half the rate: p50, p99 ms", "CPU µs: server", "database",
                  "load", "together"), rows)


COLOURS = {BOREALIS: "#0b6e4f", SIGNED: "#6fb98f", PREPARED: "#b0413e", LIBMARIADB: "#b0413e", PGBOUNCER: "#d9a441", NGINX: "#7a7a7a"}


def plot(results):
    """W1's throughput over the number of connections, one panel an engine: an SVG."""
    width, height, left, top, gap = 400, 240, 60, 40, 90
    parts = []
    for panel, (engine, title) in enumerate((("postgresql", "PostgreSQL"), ("mariadb", "MariaDB"))):
        keys = sorted(k for k in results.groups if k[:2] == (engine, "W1"))
        lines = {}
        for key in keys:
            for who, rounds in results.groups[key].items():
                if who in COLOURS and (value := middle(rounds)):
                    lines.setdefault(who, []).append((key[2], value))
        if not lines:
            continue
        counts = [k[2] for k in keys]
        most = max(v for line in lines.values() for _, v in line)
        step = next(s for s in (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000) if most / s <= 6)
        most = (int(most / step) + 1) * step
        x0 = left + panel * (width + gap)

        def x(count):
            return x0 + width * (counts.index(count) + 0.5) / len(counts)

        def y(value):
            return top + height * (1 - value / most)

        parts.append(f'<text x="{x0}" y="{top - 14}" font-weight="bold">{title}: point SELECTs a second</text>')
        for value in range(0, int(most) + 1, step):
            parts.append(f'<path d="M{x0} {y(value):.1f}h{width}" stroke="#ddd"/><text x="{x0 - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,}</text>')
        for count in counts:
            parts.append(f'<text x="{x(count):.1f}" y="{top + height + 18}" text-anchor="middle">{count}</text>')
        parts.append(f'<text x="{x0 + width / 2}" y="{top + height + 36}" text-anchor="middle">connections</text>')
        for who, line in lines.items():
            points = " ".join(f"{x(c):.1f},{y(v):.1f}" for c, v in line)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[who]}" stroke-width="2"/>')
            parts += [f'<circle cx="{x(c):.1f}" cy="{y(v):.1f}" r="3" fill="{COLOURS[who]}"/>' for c, v in line]
        for row, who in enumerate(lines):
            at = top + height + 56 + row * 16
            parts.append(f'<path d="M{x0} {at - 4}h20" stroke="{COLOURS[who]}" stroke-width="2"/><text x="{x0 + 26}" y="{at}">{html.escape(who)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 2 * width + gap + 20} {top + height + 140}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')


def markdown(results, peers, workloads, facts, command, image):
    titles = "\n".join(f"- {w.name}: {w.title}" for w in workloads.values() if any(k[1] == w.name for k in results.groups))
    micro = table(("part", "ns"), [(f"`{name}`", f"{value:,.0f}") for name, value in results.micro.items()])
    problems = "".join(f"\nWent wrong: {p}\n" for p in results.problems)
    return f"""```sh
{command}
```

{facts}

{figure_table(results, peers)}

![W1 over the number of connections]({image})

Workloads:

{titles}

Ratios are medians of the ratios of neighbouring rounds; all else are medians of rounds. Latencies are of a closed loop, but for those at half
the rate: there calls begin at fixed times, at half the throughput of the closed loop, and latency counts from the time a call was meant to
begin. `pgbench` gives its mean in place of p50. CPU is microseconds for each unit counted (a statement, a transaction, a row); where a machine
is busy with other things, its sum tells more than throughput does.

{full_table(results, workloads)}

Parts of a request, alone on one thread (`bench/micro`):

{micro}
{problems}"""


def write(path, text):
    """Replaces what is between the marks."""
    old = path.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    assert len(pattern.findall(old)) == 1, f"{path} has no place for the figures: {BEGIN} … {END}"
    path.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", old))
