"""One edition on its way: by `send` alone, or by so many worker processes. What everybody's CPU was, and the database's
work, between the first message and the last.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import newsroom, sinks
from bench.newsroom import Lists
from bench.postgres import Cost, Postgres
from bench.processes import cpu

DELAY = 20  # milliseconds that the far sink keeps each reply back
SOON = 60.0  # seconds in which workers must stand in the database
LONG = 900.0  # seconds in which an edition must be out
READY = "SELECT count(*) FROM workers"


@dataclass(frozen=True)
class Case:
    """Who sends: `send` alone, or workers while `send` watches; into a near or a far sink; to how many."""

    database: str
    workers: int
    sink: str
    count: int

    @property
    def name(self) -> str:
        who = f"{self.workers} workers" if self.workers > 1 else "1 worker" if self.workers else "send alone"
        return f"{who}, {'PostgreSQL' if self.database == 'postgresql' else 'SQLite'}"


@dataclass
class Ground:
    """All that runs share."""

    folder: Path
    postgres: Postgres
    lists: Lists
    fastsink: str
    say: Callable[[str], None]
    wrong: list[str] = field(default_factory=list)


def rounds(ground: Ground, cases: Sequence[Case], number: int) -> list[dict[str, Any]]:
    """All cases in turns, each round beginning with another one; what each took, and the middle of it."""
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    for turn in range(number):
        shift = turn * len(cases) // max(1, number)
        for case in (*cases[shift:], *cases[:shift]):
            took = run(ground, case)
            found[case].append(took)
            rate = took["rate"] or 0
            ground.say(f"  round {turn + 1}: {case.name} into {case.sink}: {took['messages']:,} at {rate:,.0f}/s")
    return [_summed_up(case, found) for case in cases]


def run(ground: Ground, case: Case) -> dict[str, Any]:
    """One edition, from a fresh list to its end; what is wrong with it stands in `wrong`, and in the ground's."""
    delay = DELAY if case.sink == "far" else 0
    with (
        ground.lists.newsroom(case.database, case.count) as folder,
        sinks.fast(ground.fastsink, ground.folder, delay) as sink,
    ):
        newsroom.set_way_out(folder, sink.port)
        began = time.monotonic()
        with _workers(ground, folder, case.workers) as workers, _started(folder, "send", "--now") as sender:
            if not _wait(sink.begun.is_set, SOON, sender):
                raise RuntimeError(f"nothing was sent: {_said(folder)}")
            before = Moment.now(ground, case, workers, sender, sink)
            _wait(lambda: _has_ended(sender), LONG)
            after = Moment.now(ground, case, workers, sender, sink)
            code = sender.wait(SOON)
            said = _said(folder)
    return _result(ground, case, sink.count, before, after, began, code, said)


@dataclass(frozen=True)
class Moment:
    """What everybody had cost by then, CPU in seconds."""

    workers: float
    sender: float
    sink: float
    database: Cost | None

    @classmethod
    def now(
        cls, ground: Ground, case: Case, workers: list[int], sender: subprocess.Popen[bytes], sink: sinks.Sink
    ) -> Moment:
        database = ground.postgres.cost() if case.database == "postgresql" else None
        return cls(sum(map(cpu, workers)), cpu(sender.pid), cpu(sink.pid), database)


def _result(
    ground: Ground, case: Case, seen: sinks.Count, before: Moment, after: Moment, began: float, code: int, said: str
) -> dict[str, Any]:
    wrong = [] if code == 0 else [f"left with {code}"]
    if not seen.messages == seen.recipients == seen.ids == case.count:
        wrong.append(f"{seen.messages} messages, {seen.recipients} recipients, {seen.ids} Message-IDs")
    if wrong:
        ground.wrong.append(f"{case.name} into {case.sink}: {'; '.join(wrong)}")
        ground.say(f"WRONG: {ground.wrong[-1]}: {said[-600:]}")
    window, number = seen.last - seen.first, max(1, seen.messages)
    found: dict[str, Any] = {
        "messages": seen.messages,
        "rate": round(seen.messages / window, 1) if window > 0 else None,
        "window": round(window, 3),
        "first_after": round(seen.first - began, 3),
        "workers_us": 1e6 * (after.workers - before.workers) / number,
        "sender_us": 1e6 * (after.sender - before.sender) / number,
        "sink_us": 1e6 * (after.sink - before.sink) / number,
        "wrong": "; ".join(wrong),
    }
    if after.database and before.database:
        cost = after.database - before.database
        found |= {
            "database_us": 1e6 * cost.cpu / number,
            "wal_bytes": cost.wal / number,
            "commits": cost.commits / number,
        }
    return found


# --- Processes ----------------------------------------------------------------------------------------


@contextmanager
def _workers(ground: Ground, folder: Path, number: int) -> Iterator[list[int]]:
    """Their process, and its children with it, once they all stand in the database."""
    if not number:
        yield []
        return
    with _started(folder, "worker", "--processes", str(number), "--no-run", log="worker.log") as process:
        url = newsroom.database_url(folder)
        if not _wait(lambda: ground.postgres.number(url, READY) >= number, SOON, process):
            raise RuntimeError(f"no workers: {_said(folder, 'worker.log')}")
        yield [process.pid]
        process.send_signal(signal.SIGTERM)
        process.wait(SOON)


@contextmanager
def _started(folder: Path, *words: str, log: str = "send.log") -> Iterator[subprocess.Popen[bytes]]:
    with (folder / log).open("wb") as out:
        command = newsroom.command(folder, *words)
        process = subprocess.Popen(  # noqa: S603  our own command
            command, cwd=folder, env=newsroom.environ(), stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        sinks.end(process, SOON)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Asked so that what it has cost can still be read."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _wait(true: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until or (process and process.poll() is not None):
            return true()
        time.sleep(0.002)
    return True


def _said(folder: Path, log: str = "send.log") -> str:
    return (folder / log).read_text(encoding="utf-8", errors="replace").strip()[-800:]


# --- Summing up ---------------------------------------------------------------------------------------


def _summed_up(case: Case, found: dict[Case, list[dict[str, Any]]]) -> dict[str, Any]:
    mine = found[case]
    names = (
        "rate",
        "window",
        "first_after",
        "workers_us",
        "sender_us",
        "sink_us",
        "database_us",
        "wal_bytes",
        "commits",
    )
    middle = {name: statistics.median(one[name] for one in mine) for name in names if mine[0].get(name) is not None}
    row: dict[str, Any] = {"name": case.name, **vars(case), **middle, "rounds": mine}
    row["rates"] = [one["rate"] for one in mine]
    for other, theirs in found.items():
        if other.sink == case.sink and other != case:
            ratios = [one["rate"] / his["rate"] for one, his in zip(mine, theirs, strict=True)]
            row.setdefault("of", {})[other.name] = round(statistics.median(ratios), 3)
    return row
