"""How a cluster scales: python -m bench.cluster. What is measured is told in docs/benchmarks.md.

Everything stays on 127.0.0.1 and in a temporary folder. Leaves with 1 where a message was lost or sent twice.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import machine, newsroom, sinks
from bench.cluster import report
from bench.cluster.claims import Load, simulate
from bench.cluster.rates import Case, Ground, rounds
from bench.newsroom import Lists
from bench.postgres import Postgres

PARTS = ("rates", "claims")
WORKERS = (1, 2, 4)
MANY = (1, 2, 5, 10, 20, 50, 100)
COUNTS = {"fast": 60_000, "far": 20_000}  # mails of one run
PACES = (0.0, 20.0)  # messages a second of each worker of a simulation; 0: as many as it can


def main() -> int:
    wanted = _arguments()
    with machine.temporary(wanted.folder) as name:
        folder = Path(name)
        postgres = Postgres(folder / "postgres")
        try:
            found = _measure(folder, postgres, wanted)
        finally:
            postgres.close()
    Path(wanted.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write("\n" + report.markdown(found) + f"\nwritten: {wanted.json}\n")
    return 1 if found["wrong"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="of rates")
    parser.add_argument("--workers", nargs="*", type=int, default=list(WORKERS), help="processes, for rates")
    parser.add_argument("--sinks", nargs="+", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--count", type=int, help=f"mails of one run; default: {COUNTS}")
    parser.add_argument("--many", nargs="+", type=int, default=list(MANY), help="workers, for claims")
    parser.add_argument("--paces", nargs="+", type=float, default=list(PACES), help="messages a second; 0: no limit")
    parser.add_argument("--seconds", type=float, default=10.0, help="that a simulation is counted for")
    parser.add_argument("--readers", type=int, default=300_000, help="of a simulation")
    parser.add_argument("--folder", help="where the temporary folder is made: on the disk to be measured")
    parser.add_argument("--json", metavar="FILE", default="bench-cluster.json")
    return parser.parse_args()


def _measure(folder: Path, postgres: Postgres, wanted: argparse.Namespace) -> dict[str, Any]:
    sample = folder / "sample"
    newsroom.write_folder(sample)
    lists = Lists(folder, postgres.url())
    ground = Ground(folder, postgres, lists, sinks.compile_fastsink(folder), _say)
    found: dict[str, Any] = {"machine": machine.describe(folder), "wanted": vars(wanted), "wrong": ground.wrong}
    found["machine"]["versions"] = machine.versions() | {"postgresql": machine.postgres_version(postgres.url())}
    found["edition"] = {"articles": 10, "bytes": newsroom.mail_of(sample).size}
    if "rates" in wanted.only:
        found["rates"] = rounds(ground, _cases(wanted), wanted.rounds)
    if "claims" in wanted.only:
        found["claims"] = []
        for load in [
            Load(n, pace or None, wanted.seconds, wanted.readers) for pace in wanted.paces for n in wanted.many
        ]:
            found["claims"].append(simulate(folder, postgres, lists, load))
            _say(f"  {json.dumps(found['claims'][-1])}")
    return found


def _cases(wanted: argparse.Namespace) -> list[Case]:
    who = [("sqlite", 0), ("postgresql", 0), *(("postgresql", number) for number in wanted.workers)]
    return [
        Case(database, workers, sink, wanted.count or COUNTS[sink])
        for sink in wanted.sinks
        for database, workers in who
    ]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
