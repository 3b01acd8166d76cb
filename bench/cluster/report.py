"""Results → Markdown: python -m bench.cluster.report bench-cluster.json [--into docs/benchmarks.md]"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

MARKS = ("<!-- cluster -->", "<!-- end of cluster -->")
SINKS = {"fast": "Into fastsink", "far": "Into fastsink, each reply 20 ms late"}


def markdown(results: dict[str, Any]) -> str:
    """All the tables that the results allow, each under a heading of the third rank."""
    parts = [_machine(results)]
    for sink, title in SINKS.items():
        cases = [case for case in results.get("rates", []) if case["sink"] == sink]
        if cases:
            parts.append(f"### {title}, by worker processes\n\n{_rates(cases)}")
    for pace in dict.fromkeys(row["pace"] for row in results.get("claims", [])):
        rows = [row for row in results["claims"] if row["pace"] == pace]
        what = f"{pace:g} messages a second each" if pace else "as fast as they can"
        parts.append(f"### Claims and records of many workers, {what}\n\n{_claims(rows)}")
    if results.get("wrong"):
        parts.append("**Not as it should be:**\n\n" + "\n".join(f"- {line}" for line in results["wrong"]) + "\n")
    return "\n".join(parts)


def _machine(results: dict[str, Any]) -> str:
    told, wanted = results["machine"], results["wanted"]
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    return (
        f"{told['date'][:10]}, program {told['program']}: {told['cores']} cores ({told['cpu']}),"
        f" {told['memory_gb']:g} GB, {told['system']}; a commit of SQLite in {told['commit_ms']:g} ms;"
        f" load {told['load_before']:g} before. {versions}."
        f" An edition of {results['edition']['bytes']:,} bytes; {wanted['rounds']} rounds.\n"
    )


def _rates(cases: Sequence[dict[str, Any]]) -> str:
    one = "1 worker, PostgreSQL"
    head = ["who sends", "messages/s", "lowest to highest", "of one worker", "CPU, µs: senders", "database", "the sink"]
    head += ["database's share", "WAL, bytes", "commits", "mails"]
    return _table(head, [_rate(case, one) for case in cases])


def _rate(case: dict[str, Any], one: str) -> list[str]:
    senders = case["workers_us"] + case["sender_us"]
    database = case.get("database_us")
    ratio = 1.0 if case["name"] == one else case.get("of", {}).get(one)
    return [
        f"**{case['name']}**",
        _number(case["rate"]),
        f"{_number(min(case['rates']))} to {_number(max(case['rates']))}",
        f"{ratio:.2f} ×" if ratio else "",
        _number(senders),
        _number(database),
        _number(case["sink_us"]),
        f"{database / (database + senders):.0%}" if database else "",
        _number(case.get("wal_bytes")),
        f"{case['commits']:.4f}" if "commits" in case else "",
        f"{case['count']:,}",
    ]


def _claims(rows: Sequence[dict[str, Any]]) -> str:
    head = ["workers", "records/s", "claims/s", "commits/s", "database: cores", "µs a record", "WAL, MB/s"]
    head += ["workers: cores", "what the server's processes were at, on average"]
    return _table(head, [_claim(row) for row in rows])


def _claim(row: dict[str, Any]) -> list[str]:
    names = ("records_s", "claims_s", "commits_s", "database_cores", "database_us", "wal_mb_s", "workers_cores")
    waits = ", ".join(f"{event} {number:g}" for event, number in row["waits"].items() if number >= 0.02)
    workers = f"{row['workers']}{', TOO FEW READERS' if row['dry'] else ''}"
    return [workers, *(_number(row[name]) for name in names), waits]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster.report", description=__doc__)
    parser.add_argument("results", nargs="+", metavar="RESULTS.json", help="parts may be measured one by one")
    parser.add_argument("--into", metavar="PAGE", help=f"between {MARKS[0]} and {MARKS[1]}")
    wanted = parser.parse_args()
    found: dict[str, Any] = {}
    for file in wanted.results:
        one = json.loads(Path(file).read_text(encoding="utf-8"))
        both = {part: [*found.get(part, []), *one.get(part, [])] for part in ("rates", "claims", "wrong")}
        found |= one | both
    made = markdown(found)
    if not wanted.into:
        sys.stdout.write(made)
        return 0
    page = Path(wanted.into)
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page.write_text(f"{before}{MARKS[0]}\n\n{made}\n{MARKS[1]}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
