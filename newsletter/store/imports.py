"""Lists from elsewhere: their rows pass through a table of their own, and go on the list by the thousand.

The passing table belongs to one connection, and is gone with it: so one connection carries an import, with many short
transactions. A reader who signs up meanwhile waits for one of them at the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Select,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Act, SubscriberStatus
from newsletter.store.database import read
from newsletter.store.schema import Id, consents, imports, subscribers

T = TypeVar("T")
Status = SubscriberStatus
ROWS = 500  # of one look-up by key
CACHE = (
    16_000  # KiB: the keys of a long list are far apart, and SQLite's own 2 MB would be read and written all the time
)

staged = Table(
    "import_rows",
    MetaData(),
    Column("line", Id, primary_key=True, autoincrement=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False),
    Column("name", Text),
    prefixes=["TEMPORARY"],
)


class Staged(NamedTuple):
    """One usable row of a file."""

    line: int
    address: str
    key: str
    name: str | None


class Twice(NamedTuple):
    """A row whose address stands on an earlier line already."""

    line: int
    address: str
    first: int


# --- The passing table ----------------------------------------------------------------------------


@contextmanager
def stage(engine: Engine) -> Iterator[Connection]:
    """A connection with an empty passing table; the table is gone when the connection is."""
    with read(engine) as connection:
        connection.detach()  # from the pool: it is closed at the end, and not handed to another
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE}")
        staged.create(connection)
        connection.commit()
        yield connection


@contextmanager
def turn(connection: Connection) -> Iterator[None]:
    """One short transaction in which nobody else writes to the list."""
    connection.commit()  # what was only looked at
    connection.execution_options(writing=True)
    with connection.begin():
        if connection.dialect.name == "postgresql":
            # Else somebody might be forgotten, or sign up, between our look and our writing.
            connection.execute(text("LOCK TABLE subscribers IN SHARE ROW EXCLUSIVE MODE"))
        yield
    connection.execution_options(writing=False)


def put(connection: Connection, rows: Sequence[Staged]) -> None:
    """Into the passing table; commits."""
    if connection.dialect.name == "postgresql":
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101
        with driver.cursor().copy("COPY import_rows (line, address, key, name) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:  # not by insert(): it would make a dictionary of every row, and take twice as long
        connection.exec_driver_sql("INSERT INTO import_rows VALUES (?, ?, ?, ?)", list(rows))  # type: ignore[arg-type]
    connection.commit()


def drop_repeated(connection: Connection, limit: int) -> tuple[int, list[Twice]]:
    """Keep each address once, as it stands first; returns how many rows went, and the first of them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE import_rows"))
    several = (
        select(staged.c.key, func.min(staged.c.line).label("first")).group_by(staged.c.key).having(func.count() > 1)
    ).subquery()
    again = select(staged.c.line, staged.c.address, several.c.first)
    again = again.join(several, several.c.key == staged.c.key).where(staged.c.line > several.c.first)
    told = [Twice(*row) for row in connection.execute(again.order_by(staged.c.line).limit(limit))]
    if not told:
        return 0, []
    gone = connection.execute(delete(staged).where(staged.c.line.in_(again.with_only_columns(staged.c.line)))).rowcount
    connection.commit()
    return gone, told


def lines_after(connection: Connection, line: int, limit: int) -> tuple[int, int]:
    """The next rows, at most so many: how many they are, and the last one's line."""
    some = select(staged.c.line).where(staged.c.line > line).order_by(staged.c.line).limit(limit).subquery()
    count, last = connection.execute(select(func.count(), func.max(some.c.line)).select_from(some)).one()
    return count, last or line


def keys(connection: Connection, after: int, last: int) -> list[tuple[int, str]]:
    """The line and the key of the rows after one line, up to another."""
    query = select(staged.c.line, staged.c.key).where(staged.c.line > after, staged.c.line <= last)
    return [(row.line, row.key) for row in connection.execute(query)]


def leave_out(connection: Connection, lines: Sequence[int]) -> None:
    for some in _sliced(lines):
        connection.execute(delete(staged).where(staged.c.line.in_(some)))


def known(connection: Connection) -> int:
    """How many of the rows are on the list already."""
    joined = staged.join(subscribers, subscribers.c.key == staged.c.key)
    return connection.execute(select(func.count()).select_from(joined)).scalar_one()


# --- The forgotten --------------------------------------------------------------------------------


def any_forgotten(connection: Connection) -> bool:
    query = select(subscribers.c.id).where(subscribers.c.status == Status.FORGOTTEN).limit(1)
    return connection.execute(query).first() is not None


def held(connection: Connection, some_keys: Sequence[str]) -> set[str]:
    """Which of these keys somebody on the list has."""
    found: set[str] = set()
    for some in _sliced(some_keys):
        found |= set(connection.scalars(select(subscribers.c.key).where(subscribers.c.key.in_(some))))
    return found


# --- On the list ----------------------------------------------------------------------------------


def begin(connection: Connection, *, at: datetime, by: str, file: str, digest: str, claim: str | None, bad: int) -> int:
    """Write down who imports what; returns the import's id. Its counts grow with `move`."""
    values = {"at": at, "by": by, "file": file, "digest": digest, "claim": claim, "bad": bad, "added": 0, "known": 0}
    return int(connection.execute(insert(imports).values(**values).returning(imports.c.id)).scalar_one())


def move(connection: Connection, import_id: int, after: int, last: int, count: int) -> int:
    """Put on the list whom it does not know of the rows after one line, up to another; returns how many that were.

    `count` is how many rows there were, with those left out. Only within `turn`.
    """
    one = connection.execute(select(imports.c.at, imports.c.claim).where(imports.c.id == import_id)).one()
    before = connection.execute(select(func.max(subscribers.c.id))).scalar() or 0
    added = _add(connection, one.at, after, last)
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


def _add(connection: Connection, now: datetime, after: int, last: int) -> int:
    moment = literal(now, subscribers.c.since.type)
    rows: Select[tuple[object, ...]] = (
        select(staged.c.address, staged.c.key, staged.c.name, literal(Status.ACTIVE.value), moment, moment)
        .where(staged.c.line > after, staged.c.line <= last)
        .order_by(staged.c.line)
    )
    columns = ["address", "key", "name", "status", "since", "created_at"]
    if connection.dialect.name == "postgresql":
        query = postgresql.insert(subscribers).from_select(columns, rows)
        return connection.execute(query.on_conflict_do_nothing(index_elements=["key"])).rowcount
    lite = sqlite.insert(subscribers).from_select(columns, rows)
    return connection.execute(lite.on_conflict_do_nothing(index_elements=["key"])).rowcount


def _sliced(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[start : start + ROWS] for start in range(0, len(values), ROWS))
