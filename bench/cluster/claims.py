"""What so many workers do with the database, without a relay: where claiming saturates, and by what.

Each is a process that holds slices one after the other by their real leases, and does with each what a run does, by
the real `Ledger`: it claims as many as are sent within a few seconds, looks before each message whether somebody has
left and whether the slice is still its own, writes its journal, records the reply, and folds ten times a second. Only
the relay is missing: in its place stands a clock that says how many messages a second it takes (`--paces`), or nothing
at all, where everybody goes as fast as they can.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bench.newsroom import Lists
from bench.postgres import Postgres
from bench.processes import cpu
from newsletter.deliver import Ledger
from newsletter.deliver.supply import A_WHILE, FIRST_CLAIM
from newsletter.errors import AlreadyRunning
from newsletter.model import DAILY, DeliveryState, EditionStatus, Entry
from newsletter.store import database, deliveries, editions, slices
from newsletter.store.lease import lease
from newsletter.store.slices import Slice

LINES = 10  # messages under way at once in each worker
CLAIM_SIZE = 500  # as `delivery.claim_size` is, unless told otherwise
SOON = 120.0  # seconds in which all must have begun, or ended
SETTLE = 3.0  # seconds from the last start on, before anything is counted: claims have grown, pools are filled
EVENTS = (
    "SELECT coalesce(wait_event_type || ':' || wait_event, 'running'), count(*) FROM pg_stat_activity"
    " WHERE state = 'active' AND application_name = 'bench' AND pid <> pg_backend_pid() GROUP BY 1"
)


@dataclass(frozen=True)
class Load:
    """So many workers, each at that many messages a second (none: as many as it can), counted for so long."""

    workers: int
    pace: float | None
    seconds: float
    readers: int


def simulate(folder: Path, postgres: Postgres, lists: Lists, load: Load) -> dict[str, Any]:
    """One load on a fresh edition: what was claimed and recorded in a second, and what that cost."""
    with lists.newsroom("postgresql", load.readers):
        engine = database.open_engine(f"postgresql+psycopg{postgres.url('run').removeprefix('postgresql')}")
        edition_id = _prepare(engine)
        _rehearse(engine, edition_id, folder / "journals")
        with _workers(engine, edition_id, folder / "journals", load) as workers:
            before, began = _moment(postgres, workers), time.monotonic()
            waits = _sampled(postgres, load.seconds)
            after, seconds = _moment(postgres, workers), time.monotonic() - began
            dry = not workers.all_live()
    return _result(load, before, after, seconds, waits) | {"dry": dry}


def _prepare(engine: Engine) -> int:
    """An edition that is frozen for everybody on the list, its slices cut; the planner knows the table."""
    now = _now()
    with database.write(engine) as connection:
        edition = editions.keep_draft(connection, date(2026, 11, 26), DAILY, now, [])
        deliveries.plan(connection, edition.id, now)
        editions.move(connection, edition.id, [EditionStatus.DRAFT], EditionStatus.SENDING, started_at=now)
        slices.cut(connection, edition.id)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE deliveries")
        connection.exec_driver_sql("CHECKPOINT")
    return edition.id


def _rehearse(engine: Engine, edition_id: int, folder: Path) -> None:
    """Every statement once: a worker that runs for hours has them all compiled, and so have those that are forked."""
    one = Load(1, None, 0, 0)
    _work(engine, edition_id, folder, one, 0, Enough(), [0, 0])


class Enough:
    """Over after some claims."""

    def __init__(self, times: int = 4) -> None:
        self._left = times

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


# --- The workers --------------------------------------------------------------------------------------


class _Workers:
    """So many processes."""

    def __init__(self, engine: Engine, edition_id: int, folder: Path, load: Load) -> None:
        make = multiprocessing.get_context("fork")
        self.counted: list[Any] = [make.Array("q", 2, lock=False) for _ in range(load.workers)]  # claims, records
        self.over = make.Event()
        common = engine, edition_id, folder, load
        args = [(*common, n, self.over, counted) for n, counted in enumerate(self.counted)]
        self.processes = [make.Process(target=_work, args=each, daemon=True) for each in args]

    def all_live(self) -> bool:
        """False where one has found nothing more to do: there were too few readers."""
        return all(one.is_alive() for one in self.processes)


@contextmanager
def _workers(engine: Engine, edition_id: int, folder: Path, load: Load) -> Iterator[_Workers]:
    """All of them past their beginning; ended and waited for at the end."""
    engine.dispose()  # no connection is shared with a process that is forked
    made = _Workers(engine, edition_id, folder, load)
    for one in made.processes:
        one.start()
    until = time.monotonic() + SOON
    while made.all_live() and not all(counted[1] for counted in made.counted) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(SETTLE)
    try:
        yield made
    finally:
        made.over.set()
        for one in made.processes:
            one.join(SOON)
            one.kill()


def _work(engine: Engine, edition_id: int, folder: Path, load: Load, number: int, over: Any, counted: Any) -> None:
    """A worker's life: slice after slice, those first that nobody else begins with."""
    with database.read(engine) as connection:
        found = slices.left(connection, edition_id, repeats=True)
    start = number * len(found) // load.workers
    for one in (*found[start:], *found[:start]):
        if over.is_set():
            break
        with suppress(AlreadyRunning), lease(engine, one.lease) as still_ours:
            _deliver(engine, one, folder, load.pace, over, counted, still_ours)
    engine.dispose()


def _deliver(engine: Engine, one: Slice, folder: Path, pace: float | None, over: Any, counted: Any, ours: Any) -> None:
    ledger = Ledger(engine, one.edition_id, _now, folder, span=one.span)
    clock = _Clock(pace)
    for claimed in _claims(ledger, counted, over):
        for at in range(0, len(claimed), LINES):
            some = claimed[at : at + LINES]
            clock.wait(len(some), ledger)
            ours()
            ledger.sending([delivery.id for delivery in some if ledger.wants_it(delivery)])
            for delivery in some:
                reply = "2.0.0 Ok: queued as 4XyZ1k2m3n"
                ledger.record(Entry(delivery.id, DeliveryState.ACCEPTED, _now(), 250, reply))
            ledger.fold_when_due()
            counted[1] += len(some)
    ledger.close(done=True)


def _claims(ledger: Ledger, counted: Any, over: Any) -> Iterator[list[Any]]:
    """As many as are sent within a few seconds: as `Supply` does."""
    size, at = FIRST_CLAIM, _now()
    while not over.is_set():
        now = _now()
        size = max(1, min(size * 2 if now - at < A_WHILE else size // 2, CLAIM_SIZE))
        at = now
        claimed = ledger.claim(size)
        counted[0] += 1
        if not claimed:
            return
        yield claimed


class _Clock:
    """The relay's: so many messages a second; meanwhile what is recorded is folded when its time has come."""

    def __init__(self, pace: float | None) -> None:
        self._each = 1 / pace if pace else 0.0
        self._next = time.monotonic() + random.random() * LINES * self._each

    def wait(self, messages: int, ledger: Ledger) -> None:
        while (left := self._next - time.monotonic()) > 0:
            time.sleep(min(left, ledger.fold_when_due()))
        self._next = max(self._next, time.monotonic() - 1.0) + messages * self._each


def _now() -> datetime:
    return datetime.now(UTC)


# --- What is counted ----------------------------------------------------------------------------------


def _moment(postgres: Postgres, workers: _Workers) -> dict[str, Any]:
    claims, records = (sum(one[n] for one in workers.counted) for n in (0, 1))
    used = sum(cpu(one.pid) for one in workers.processes if one.pid)
    return {"claims": claims, "records": records, "workers": used, "database": postgres.cost()}


def _sampled(postgres: Postgres, seconds: float, pause: float = 0.05) -> Counter[str]:
    """What the server's processes for the workers were waiting for, looked at again and again."""
    import psycopg

    found: Counter[str] = Counter()
    until = time.monotonic() + seconds
    with psycopg.connect(postgres.url("run").replace("=bench", "=watch"), autocommit=True) as connection:
        while time.monotonic() < until:
            found.update({str(event): int(number) for event, number in connection.execute(EVENTS)})
            found["looks"] += 1
            time.sleep(pause)
    return found


def _result(load: Load, before: Any, after: Any, seconds: float, waits: Counter[str]) -> dict[str, Any]:
    records = max(1, after["records"] - before["records"])
    cost = after["database"] - before["database"]
    looks = max(1, waits.pop("looks", 1))
    return {
        "workers": load.workers,
        "pace": load.pace,
        "records_s": round(records / seconds, 1),
        "claims_s": round((after["claims"] - before["claims"]) / seconds, 1),
        "commits_s": round(cost.commits / seconds, 1),
        "database_cores": round(cost.cpu / seconds, 3),
        "workers_cores": round((after["workers"] - before["workers"]) / seconds, 3),
        "database_us": round(1e6 * cost.cpu / records, 1),
        "wal_bytes": round(cost.wal / records, 1),
        "wal_mb_s": round(cost.wal / seconds / 1e6, 3),
        "waits": {event: round(number / looks, 2) for event, number in waits.most_common(6)},
    }
