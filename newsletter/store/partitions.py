"""The ledger in parts, on PostgreSQL: each holds the deliveries of some editions in a row, and goes as a whole.

Dropping a part costs the same whether it holds ten rows or ten million, and leaves no dead rows behind. What is asked
of one edition looks into its part alone. See docs/decisions/0024-partitions.md. SQLite has one table, and nothing here
does anything there.
"""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, select, text

from newsletter.errors import DatabaseError
from newsletter.store import notes
from newsletter.store.database import read, shown, write
from newsletter.store.postgresql import in_use
from newsletter.store.schema import deliveries, editions

WIDTH = 8  # editions: about a week of a daily, so that a delivery goes a week after its time at the latest
LOCK_MS, PAUSE, TRIES = 300, 0.5, 20  # as long as one try keeps others waiting; seconds between two; how many
LIST = text(
    "SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds"
    " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = to_regclass('deliveries') ORDER BY c.oid"
)
BOUNDS = re.compile(r"FROM \(\D*?(\d+|MINVALUE)\D*?\) TO \('?(\d+)'?\)")


class Part(NamedTuple):
    """Holds the deliveries of the editions from `first` on, before `end`."""

    name: str
    first: int
    end: int


def make_room(engine: Engine, edition_id: int) -> None:
    """As `make_room_for`, in transactions of its own, for who has no other open: each waits for a moment only, and lets
    go on who came after it, before it tries again. Raises DatabaseError where somebody never lets go."""
    with read(engine) as connection:
        there = parts(connection)
    if not there or not _missing(there, _wanted(edition_id)):
        return
    for _ in range(TRIES):
        try:
            with write(engine) as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'"))
                make_room_for(connection, edition_id)
            return
        except DatabaseError as error:
            if not in_use(error):
                raise
            time.sleep(PAUSE)
    raise DatabaseError(
        f"database {shown(engine)}: the ledger has no part for the next editions, and somebody holds subscribers or"
        " editions for long: end that (pg_stat_activity tells who), then run again"
    )


def make_room_for(connection: Connection, edition_id: int) -> bool:
    """See that there is a part for an edition's deliveries, and one for the editions that come next: a program of the
    version before, which knows no parts, goes on while others are upgraded. True where something was made.

    Nobody who reads or writes deliveries waits for it; who writes subscribers or editions does, until our transaction
    has ended (its foreign keys lock them): so let that be a short one, in which nothing was written there before. Two
    that had, and wait for each other, are a deadlock. Safe when two do it at once.
    """
    if connection.dialect.name != "postgresql":
        return False
    wanted = _wanted(edition_id)
    if not _missing(parts(connection), wanted):
        return False
    notes.one_at_a_time(connection, "parts of the ledger")
    missing = _missing(parts(connection), wanted)  # again: another may have made them
    for number in missing:
        _make(connection, part_for(number, parts(connection)))
    return bool(missing)


def any_of(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an edition has such a delivery, in a query over `editions`: looked up for each of them by the index. (An
    EXISTS is turned by PostgreSQL into a scan of all parts, where it takes that for cheaper; this never is.)"""
    one = select(deliveries.c.id).where(deliveries.c.edition_id == editions.c.id, *which).limit(1)
    return one.correlate(editions).scalar_subquery().is_not(None)


def cell(edition_id: int) -> tuple[int, int]:
    """The first and the last edition of the WIDTH that share a part with this one, whatever else is in it. Pure."""
    first = (edition_id - 1) // WIDTH * WIDTH + 1
    return first, first + WIDTH - 1


def in_part(edition_id: int) -> ColumnElement[bool]:
    """Where an edition's deliveries are: for who looks for some by their ids, so that PostgreSQL looks into one part.

    Not `edition_id = …`: of an edition just planned its statistics may know nothing, and where it believes that there
    is one row it reads all of them instead, for each of the ids (500 ids of 5,000 rows took 0.6 s, 2026-11).
    """
    return deliveries.c.edition_id.between(*cell(edition_id))


def newest_first(connection: Connection) -> ColumnElement[Any]:
    """The order of one reader's deliveries. PostgreSQL is not to know that it is that of their key: it goes through all
    deliveries of all readers by it then, until it has met enough of this one's (85 ms for 2.7 with 4 million, 2026-11).
    SQLite's index by reader has that order too."""
    if connection.dialect.name == "postgresql":
        return (deliveries.c.id + 0).desc()
    return deliveries.c.id.desc()


def parts(connection: Connection) -> list[Part]:
    """All parts there are, in the order of their editions; none on SQLite. Raises DatabaseError for one that is not of
    our making."""
    if connection.dialect.name != "postgresql":
        return []
    found = []
    for name, bounds in connection.execute(LIST):
        said = BOUNDS.search(bounds)
        if said is None:
            cure = "detach it (ALTER TABLE deliveries DETACH PARTITION …), or give it numbers of editions as bounds"
            raise DatabaseError(
                f"table {name}: a part of the ledger with bounds that are none of ours, {bounds}: {cure}"
            )
        found.append(Part(name, 0 if said[1] == "MINVALUE" else int(said[1]), int(said[2])))
    return sorted(found, key=lambda part: part.first)


def part_for(edition_id: int, there: list[Part]) -> Part:
    """The part to make for an edition: WIDTH editions, or as many as the others leave free. Pure."""
    first, last = cell(edition_id)
    end = last + 1
    for one in there:
        if one.end <= edition_id:
            first = max(first, one.end)
        if one.first > edition_id:
            end = min(end, one.first)
    return Part(f"deliveries_{first}", first, end)


def _wanted(edition_id: int) -> list[int]:
    return [edition_id, edition_id + WIDTH]


def _missing(there: list[Part], edition_ids: list[int]) -> list[int]:
    return [one for one in edition_ids if not any(part.first <= one < part.end for part in there)]


def _make(connection: Connection, part: Part) -> None:
    """A table of its own first, which is attached then: that lets readers and writers of the others go on. The CHECK
    says what it may hold, so that nothing is looked through."""
    rule = f"CONSTRAINT within CHECK (edition_id >= {part.first} AND edition_id < {part.end})"
    like = "LIKE deliveries INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING STORAGE"
    for statement in (
        f"CREATE TABLE {part.name} ({like}, {rule})",
        f"ALTER TABLE deliveries ATTACH PARTITION {part.name} FOR VALUES FROM ({part.first}) TO ({part.end})",
        f"ALTER TABLE {part.name} DROP CONSTRAINT within",
    ):
        connection.execute(text(statement))
