"""Lists from elsewhere: their rows pass through a table of their own, and go on the list by the thousand.

The passing table belongs to one connection, and is gone with it: so one connection carries an import, with many short
transactions. A reader who signs up meanwhile waits for one of them at the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from newsletter.model import Act, SubscriberStatus
from newsletter.store.columns import Id
from newsletter.store.database import read
from newsletter.store.dialect import upsert
from newsletter.store.schema import consents, imports, subscribers
from newsletter.store.subscribers import EMPTIED

T = TypeVar("T")
Status = SubscriberStatus
ROWS = 500  # of one look-up by key
CACHE = (
    16_000  # KiB: the keys of a long list are far apart, and SQLite's own 2 MB would be read and written all the time
)

passing = MetaData()
staged = Table(  # the rows as they are read
    "import_rows",
    passing,
    Column("line", Id, primary_key=True, autoincrement=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False),
    Column("name", Text),
    prefixes=["TEMPORARY"],
)
# The same by their keys, numbered. Rows that go on the list together then have neighbouring keys: in the order of the
# file, every thousand rows would write nearly every page of the list's index, and a million rows took twice as long.
ordered = Table(
    "import_people",
    passing,
    Column("place", Id, primary_key=True),
    *(Column(column.name, column.type, nullable=column.nullable) for column in staged.columns),
    prefixes=["TEMPORARY"],
)


class Staged(NamedTuple):
    """One usable row of a file."""

    line: int
    address: str
    key: str
    name: str | None


class Piece(NamedTuple):
    """Rows that go on the list together, by their places."""

    first: int
    last: int


class Twice(NamedTuple):
    """A row whose address stands on an earlier line already."""

    line: int
    address: str
    earlier: int


class Import(NamedTuple):
    """Who imports what, and with which claim of consent."""

    at: datetime
    by: str
    file: str
    digest: str
    claim: str | None


# --- The passing table ----------------------------------------------------------------------------


@contextmanager
def stage(engine: Engine) -> Iterator[Connection]:
    """A connection with an empty passing table; the table is gone when the connection is."""
    with read(engine) as connection:
        connection.detach()  # from the pool: it is closed at the end, and not handed to another
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE}")
        passing.create_all(connection)
        connection.commit()
        yield connection


@contextmanager
def turn(connection: Connection) -> Iterator[None]:
    """One short transaction in which nobody else writes to the list."""
    connection.commit()  # what was only looked at
    connection.execution_options(writing=True)
    try:
        with connection.begin():
            if connection.dialect.name == "postgresql":
                # Else somebody might be forgotten, or sign up, between our look and our writing.
                connection.execute(text("LOCK TABLE subscribers IN SHARE ROW EXCLUSIVE MODE"))
            yield
    finally:
        connection.execution_options(writing=False)


def put(connection: Connection, rows: Sequence[Staged]) -> None:
    """Into the passing table; commits."""
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()
        with cursor.copy("COPY import_rows (line, address, key, name) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:  # not by insert(): it would make a dictionary of every row, and take twice as long
        connection.exec_driver_sql("INSERT INTO import_rows VALUES (?, ?, ?, ?)", list(rows))
    connection.commit()


def order(connection: Connection) -> None:
    """All rows are in: put them in the order of their keys."""
    columns = list(staged.columns)
    rows = select(*columns).order_by(staged.c.key, staged.c.line)
    connection.execute(insert(ordered).from_select([column.name for column in columns], rows))
    connection.execute(delete(staged))
    connection.commit()
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE import_people"))


def drop_repeated(connection: Connection, limit: int) -> tuple[int, list[Twice]]:
    """Keep each address once, as it stands first; returns how many rows went, and the first of them."""
    before = ordered.alias()
    again = select(ordered.c.line, ordered.c.address, before.c.line)
    again = again.join(before, and_(before.c.place == ordered.c.place - 1, before.c.key == ordered.c.key))
    told = [Twice(*row) for row in connection.execute(again.order_by(ordered.c.line).limit(limit))]
    count = connection.execute(select(func.count()).select_from(again.subquery("again"))).scalar_one()
    if count:
        gone = again.with_only_columns(ordered.c.place)
        connection.execute(delete(ordered).where(ordered.c.place.in_(gone)))
        connection.commit()
    return count, told


def pieces(connection: Connection, size: int) -> Iterator[tuple[Piece, int]]:
    """The rows in pieces, and how many each holds."""
    last = connection.execute(select(func.max(ordered.c.place))).scalar() or 0
    for start in range(1, last + 1, size):
        piece = Piece(start, start + size - 1)
        count = connection.execute(select(func.count()).select_from(ordered).where(_within(piece))).scalar_one()
        yield piece, count


def keys(connection: Connection, piece: Piece) -> list[tuple[int, str]]:
    """The place and the key of a piece's rows."""
    query = select(ordered.c.place, ordered.c.key).where(_within(piece))
    return [(row.place, row.key) for row in connection.execute(query)]


def _within(piece: Piece) -> ColumnElement[bool]:
    return ordered.c.place.between(piece.first, piece.last)


def leave_out(connection: Connection, places: Sequence[int]) -> None:
    for some in _sliced(places):
        connection.execute(delete(ordered).where(ordered.c.place.in_(some)))


def known(connection: Connection) -> int:
    """How many of the rows are on the list already."""
    joined = ordered.join(subscribers, subscribers.c.key == ordered.c.key)
    return connection.execute(select(func.count()).select_from(joined)).scalar_one()


# --- The forgotten --------------------------------------------------------------------------------


def any_forgotten(connection: Connection) -> bool:
    """Whether there is anybody at all. By the index of the status: of a million readers the table would take 86 ms."""
    here = subscribers.c.status.in_(EMPTIED), subscribers.c.address == "", subscribers.c.key.like("hmac:%")
    query = select(subscribers.c.id).where(*here).limit(1)
    return connection.execute(query).first() is not None


def held(connection: Connection, some_keys: Sequence[str]) -> set[str]:
    """Which of these keys somebody on the list has."""
    found: set[str] = set()
    for some in _sliced(some_keys):
        found |= set(connection.scalars(select(subscribers.c.key).where(subscribers.c.key.in_(some))))
    return found


# --- On the list ----------------------------------------------------------------------------------


def begin(connection: Connection, who: Import, *, bad: int) -> int:
    """Write an import down; returns its id. Its counts grow with `move`."""
    query = insert(imports).values(**who._asdict(), bad=bad, added=0, known=0).returning(imports.c.id)
    return int(connection.execute(query).scalar_one())


def move(connection: Connection, import_id: int, piece: Piece, count: int) -> int:
    """Put on the list whom it does not know of a piece; returns how many that were.

    `count` is how many rows it held, with those left out since. Only within `turn`.
    """
    one = connection.execute(select(imports.c.at, imports.c.claim).where(imports.c.id == import_id)).one()
    before = connection.execute(select(func.max(subscribers.c.id))).scalar() or 0
    added = _add(connection, one.at, piece)
    # All above `before` are ours: in `turn`, nobody else adds any.
    proof = select(
        subscribers.c.id,
        literal(one.at, consents.c.at.type),
        literal(Act.IMPORTED.value),
        literal("import"),
        literal(one.claim, Text()),
        literal(import_id, Id),
    ).where(subscribers.c.id > before)
    columns = ["subscriber_id", "at", "act", "how", "note", "import_id"]
    connection.execute(insert(consents).from_select(columns, proof.order_by(subscribers.c.id)))
    sums = {"added": imports.c.added + added, "known": imports.c.known + count - added}
    connection.execute(update(imports).where(imports.c.id == import_id).values(**sums))
    return added


def _add(connection: Connection, now: datetime, piece: Piece) -> int:
    moment = literal(now, subscribers.c.since.type)
    person = select(ordered.c.address, ordered.c.key, ordered.c.name)
    rows = person.add_columns(literal(Status.ACTIVE.value), moment, moment).where(_within(piece))
    rows = rows.order_by(ordered.c.line)  # a short list is shown as it was written
    columns = ["address", "key", "name", "status", "since", "created_at"]
    query = upsert(connection, subscribers).from_select(columns, rows).on_conflict_do_nothing(index_elements=["key"])
    # Else SQLAlchemy looks at the count only after the cursor is closed, which psycopg answers with -1.
    return connection.execute(query.execution_options(preserve_rowcount=True)).rowcount


def _sliced(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[start : start + ROWS] for start in range(0, len(values), ROWS))
