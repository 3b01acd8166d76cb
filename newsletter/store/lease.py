"""Who may send, on PostgreSQL, where several machines may try: a lease with a fence.

The holder renews it; a process that merely sleeps (SIGSTOP, a paused virtual machine) does not, and another may take
over when its time is over. Each taking raises the fence: whoever wakes up after that finds another number, and begins
nothing more. A holder that died is told from one that sleeps by the advisory lock, which goes with its connection:
nobody waits for a dead one's time to be over.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, literal_column, select, text, update

from newsletter.errors import AlreadyRunning, DatabaseError, TakenOver
from newsletter.store.database import advisory_key, explained, read, write
from newsletter.store.dialect import upsert
from newsletter.store.ours import Ours
from newsletter.store.schema import leases

LASTS = timedelta(seconds=30)
RENEWED_EVERY = 10.0  # seconds
FRESH = 0.05  # seconds for which what was read of the fence is believed

# The view shows a lock's 64 bits in two halves (pg_locks, 54.12).
LOCKS = """
SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

Ask = Callable[..., Any]


@contextmanager
def lease(engine: Engine, name: str, *, renewed_every: float = RENEWED_EVERY) -> Iterator[Ours]:
    """Held while the block lasts. Raises AlreadyRunning where another holds it."""
    with explained(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    turn = threading.Lock()  # a connection is for one thread at a time

    def ask(query: str, **values: object) -> Any:
        with turn, explained(engine):
            return connection.execute(text(query), values).scalar()

    with closing(connection):
        try:
            held = _Lease(engine, name, _take(engine, name, ask), renewed_every)
            held.start()
            try:
                yield Ours(lambda: held.check(ask), held.hold)
            finally:
                held.end()
        finally:
            with suppress(DatabaseError):  # the connection is lost, and its locks with it
                ask("SELECT pg_advisory_unlock_all()")


def _take(engine: Engine, name: str, ask: Ask) -> int:
    """The new fence. Each holder has the advisory lock of its own fence: who can take that of the last one knows that
    its holder is dead."""
    place = f"{name} {ask('SELECT current_schema()')}"
    with write(engine) as connection:
        now = func.clock_timestamp()
        first = upsert(connection, leases).values(name=name, fence=0, holder="", until=now)
        connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
        row = connection.execute(
            select(leases.c.fence, leases.c.holder, (leases.c.until > now).label("lasts"))
            .where(leases.c.name == name)
            .with_for_update()
        ).one()
        if row.lasts and not _lock(ask, place, row.fence):
            raise AlreadyRunning(f"another run is sending ({row.holder})")
        fence = int(row.fence) + 1
        if not _lock(ask, place, fence):
            raise DatabaseError(f"the lock of {name} {fence} is held already: two databases under one name?")
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        values = {"fence": fence, "holder": holder, "until": now + LASTS}
        connection.execute(update(leases).where(leases.c.name == name).values(**values))
        return fence


def _lock(ask: Ask, place: str, fence: int) -> bool:
    return bool(ask("SELECT pg_try_advisory_lock(:key)", key=advisory_key(f"{place} {fence}")))


class _Lease:
    """Ours, as long as nobody has raised the fence."""

    def __init__(self, engine: Engine, name: str, fence: int, renewed_every: float) -> None:
        self._engine = engine
        self._mine = (leases.c.name == name) & (leases.c.fence == fence)
        self._name = name
        self._fence = fence
        self._every = renewed_every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._read_at = _now()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(DatabaseError), write(self._engine) as connection:
            connection.execute(update(leases).where(self._mine).values(until=func.clock_timestamp()))

    def _renew(self) -> None:
        while not self._over.wait(self._every):
            with suppress(DatabaseError), write(self._engine) as connection:  # `check` finds out what is wrong
                connection.execute(update(leases).where(self._mine).values(until=func.clock_timestamp() + LASTS))

    def check(self, ask: Ask) -> None:
        if _now() - self._read_at < FRESH:
            return
        self._compare(ask("SELECT fence FROM leases WHERE name = :name", name=self._name))
        self._read_at = _now()

    def hold(self, connection: Connection) -> None:
        """Whoever takes it waits for the row until that transaction has ended."""
        query = select(leases.c.fence).where(leases.c.name == self._name).with_for_update(read=True)
        self._compare(connection.execute(query).scalar())

    def _compare(self, fence: object) -> None:
        if fence != self._fence:
            raise TakenOver("another run has taken over the sending: this one begins nothing more")


def _now() -> float:
    """Seconds by a clock that goes on while we are stopped, or the whole machine sleeps: who wakes up reads anew."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read_holder(text: str) -> tuple[int, str]:
    """The process's number, and its machine, of what `holder` gives."""
    _, number, _, place = text.split(" ", 3)
    return int(number), place


def holder(engine: Engine, name: str) -> str | None:
    """Who holds it now; nobody, where its holder has died."""
    with read(engine) as connection:
        return held(connection, leases.c.name == name).get(name)


def held(connection: Connection, which: ColumnElement[bool]) -> dict[str, str]:
    """Those leases that somebody holds now, each with who does. A holder that has died is none, at once: the lock of
    its fence went with its connection."""
    lasts = leases.c.until > literal_column("clock_timestamp()")
    query = select(leases.c.name, leases.c.holder, leases.c.fence, func.current_schema().label("schema"))
    rows = connection.execute(query.where(which, lasts)).all()
    locks = set(connection.scalars(text(LOCKS))) if rows else set()
    return {row.name: row.holder for row in rows if advisory_key(f"{row.name} {row.schema} {row.fence}") in locks}
