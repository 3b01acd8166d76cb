"""The workers that live, or lived a little ago: what each is at, and what it has done since it began.

A row for each process (and newsletter), written by itself every few seconds with the database's clock: machines need
not agree on the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Interval, delete, func, insert, literal, literal_column, select, update

from newsletter.store.schema import workers

COUNTED = ("accepted", "rejected", "deferred", "uncertain")
SILENT = 30.0  # seconds without a word, after which one counts as dead: it says one every five
NOW = literal_column("clock_timestamp()", workers.c.seen_at.type)


@dataclass(frozen=True, slots=True)
class Place:
    """Who it is."""

    place: str  # the machine's name
    process: int
    version: str
    via: str  # its way out


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker, as it said itself when it was seen last."""

    id: int
    who: Place
    began_at: datetime
    seen_at: datetime
    silent: float  # seconds since then
    edition_id: int | None  # what it is at
    slice: int | None
    counts: Mapping[str, int]  # by the names of COUNTED, since it began
    trouble: str | None


def begin(connection: Connection, who: Place) -> int:
    """A new worker; returns its number."""
    values = {"place": who.place, "process": who.process, "version": who.version, "via": who.via}
    query = insert(workers).values(**values, began_at=NOW, seen_at=NOW).returning(workers.c.id)
    return int(connection.execute(query).scalar_one())


def say(
    connection: Connection, worker: int, at: tuple[int, int] | None, counts: Mapping[str, int], trouble: str | None
) -> bool:
    """It lives: at that slice (edition, number) or none, with so many done. False where its row is gone: it was silent
    for too long."""
    edition, number = at or (None, None)
    values = {name: counts.get(name, 0) for name in COUNTED}
    query = update(workers).where(workers.c.id == worker)
    query = query.values(seen_at=NOW, edition_id=edition, slice=number, trouble=trouble, **values)
    return connection.execute(query).rowcount > 0


def end(connection: Connection, worker: int) -> None:
    connection.execute(delete(workers).where(workers.c.id == worker))


def messages(connection: Connection) -> int:
    """How many deliveries those who live have ended, or put off: grows while anything gets on."""
    row = connection.execute(select(*(func.coalesce(func.sum(workers.c[name]), 0) for name in COUNTED))).one()
    return sum(int(number) for number in row)


def alive(connection: Connection) -> list[Seen]:
    """Those that have said something lately."""
    return [one for one in known(connection) if one.silent < SILENT]


def all_in_trouble(connection: Connection) -> bool:
    """Whether there are some, and none of them does well."""
    living = alive(connection)
    return bool(living) and all(one.trouble for one in living)


def known(connection: Connection) -> list[Seen]:
    """All of them, machine by machine. None on SQLite, where there are no workers."""
    if connection.dialect.name != "postgresql":
        return []
    silent = func.extract("epoch", NOW - workers.c.seen_at).label("silent")
    query = select(workers, silent).order_by(workers.c.place, workers.c.process, workers.c.id)
    return [
        Seen(
            row.id,
            Place(row.place, row.process, row.version, row.via),
            row.began_at,
            row.seen_at,
            float(row.silent),
            row.edition_id,
            row.slice,
            {name: getattr(row, name) for name in COUNTED},
            row.trouble,
        )
        for row in connection.execute(query)
    ]


def purge(connection: Connection, silent: timedelta) -> int:
    """Delete those that have said nothing for so long; returns how many."""
    if connection.dialect.name != "postgresql":
        return 0
    return connection.execute(delete(workers).where(workers.c.seen_at < NOW - literal(silent, Interval()))).rowcount
