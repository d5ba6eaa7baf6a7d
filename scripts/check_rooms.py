#!/usr/bin/env python3
"""Fails when an include crosses the rooms' table (docs/architecture.md, "Rooms").

Each room of src/ may include its own headers and those of the rooms listed here; third-party headers named in OWNED
may be included by their owners alone. Public headers (include/borealis/) may be included by client, lambda and the
programs above them.
"""
import pathlib
import re
import sys

ALLOWED = {
    "core": set(),
    "json": {"core"},
    "http": {"core"},
    "auth": {"core", "json", "sql"},
    "sql": {"core"},
    "postgres": {"core", "sql"},
    "mysql": {"core", "sql"},
    "pool": {"core", "sql"},
    "data_api": {"core", "json", "auth", "sql", "pool"},
    "sqlite": {"core"},
    "clusters": {"core", "json", "auth", "sql", "sqlite"},
    "secrets": {"core", "json", "auth", "sqlite"},
    "lambda": {"core", "json", "http", "auth", "borealis"},
    "client": {"core", "json", "http", "auth", "borealis"},
    "server": {"core", "json", "http", "auth", "sql", "postgres", "mysql", "pool", "data_api", "clusters", "secrets", "lambda"},
    "cli": {"core", "json", "auth", "secrets", "server", "client", "borealis"},
}

OWNED = {  # pattern of the included path -> rooms that may name it
    r"simdjson": {"json"},
    r"llhttp": {"http"},
    r"libpq|postgresql/": {"postgres"},
    r"mysql\.h|mariadb": {"mysql"},
    r"toml\+\+": {"server"},
    r"yaml-cpp": {"lambda"},
    r"CLI/": {"cli"},
    r"sqlite3": {"sqlite"},
    r"zip\.h": {"lambda"},
    r"curl/": {"client", "lambda"},
    r"openssl/": {"auth", "clusters", "core", "postgres", "secrets", "server", "client"},
    r"boost/asio/ssl": {"core", "server"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    broken = []
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".cpp", ".hpp"}:
            continue
        room = path.relative_to(root / "src").parts[0]
        if room not in ALLOWED:
            broken.append(f"{path.relative_to(root)}: the folder {room} is no room of the table")
            continue
        for included in INCLUDE.findall(path.read_text(encoding="utf-8")):
            first = included.split("/")[0]
            if "/" in included and (first in ALLOWED or first == "borealis"):
                if first != room and first not in ALLOWED[room]:
                    broken.append(f"{path.relative_to(root)}: room {room} may not include {included}")
                continue
            for pattern, owners in OWNED.items():
                if re.match(pattern, included) and room not in owners:
                    broken.append(f"{path.relative_to(root)}: {included} belongs to {', '.join(sorted(owners))}, not to {room}")
    for line in broken:
        print(line)
    print(f"rooms: {len(broken)} includes cross the table" if broken else "rooms: no include crosses the table")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
