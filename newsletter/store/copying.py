"""A whole newsletter from one database into another: its rows with their ids, what counts the ids, and a fingerprint of
each table, by which both sides are compared.

What says where a newsletter is at work stays behind: leases, workers, slices (they are cut anew where they are missing)
and the notes of `OF_ITS_PLACE`. The copy's stamp is one that no state file holds (`instance`): it sends when adopted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Insert,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from newsletter.errors import DatabaseError
from newsletter.model import DeliveryState
from newsletter.store import notes as noted
from newsletter.store.columns import Instant
from newsletter.store.partitions import make_room_for
from newsletter.store.schema import deliveries, editions, leases, metadata, notes, slices, workers

LEFT_BEHIND = {leases.name, slices.name, workers.name}
OF_ITS_PLACE = ("instance", "schema_serves", "queue")  # the last: how new the tables of the queue are, which stay too
STAMP = "a copy"
MOVED = "moved to "  # how the stamp of a database begins that was retired
BATCH = 1000  # rows in memory at a time
WIDE = {
    "wires": 10,
    "letters": 100,
    "bounces": 100,
    "audit": 100,
}  # of these fewer: a frozen edition has 100 kB or more
NARROW = 2**31  # PostgreSQL's integer; SQLite's are of 64 bits
MOST_NAMED = 10  # rows that cannot be copied

Row = Sequence[Any]
Seen = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Print:
    """What a table holds, in short: how many rows, and the sum of the hashes of all. The order of the rows has no part
    in it, since two databases sort texts differently."""

    rows: int
    total: int

    @property
    def digest(self) -> str:
        return f"{self.total:064x}"


def tables() -> list[Table]:
    """What is copied, those before that others refer to."""
    return [table for table in metadata.sorted_tables if table.name not in LEFT_BEHIND]


def count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(_rows(table).subquery())).scalar_one()


def holding(connection: Connection) -> str | None:
    """The first table that holds anything worth copying; None where there is none."""
    found = (table.name for table in tables() if connection.execute(_rows(table).limit(1)).first())
    return next(found, None)


def claimed(connection: Connection) -> int:
    """How many deliveries a run has in its hands, or left there when it died."""
    states = [DeliveryState.CLAIMED, DeliveryState.SENDING]
    return connection.execute(select(func.count()).where(deliveries.c.state.in_(states))).scalar_one()


def hold_still(connection: Connection) -> None:
    """All is read as it is now until the transaction ends, and whoever wants to write must wait. On SQLite they must in
    any transaction that writes."""
    if connection.dialect.name != "postgresql":
        return
    names = ", ".join(_quoted(connection, table.name) for table in tables())
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    connection.execute(text("SET LOCAL lock_timeout = '60s'"))
    be_patient(connection)
    connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))


def be_patient(connection: Connection) -> None:
    """This transaction may stand idle for long, while the other side is at work."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def somebody_waits(connection: Connection) -> bool:
    """Whether anybody waits to write into what `hold_still` holds. PostgreSQL alone can tell."""
    if connection.dialect.name != "postgresql":
        return False
    query = text(
        "SELECT EXISTS (SELECT 1 FROM pg_locks AS w JOIN pg_locks AS h ON h.relation = w.relation"
        " AND h.database = w.database WHERE NOT w.granted AND h.granted AND h.pid = pg_backend_pid()"
        " AND w.mode = 'RowExclusiveLock')"
    )
    return bool(connection.execute(query).scalar())


# --- The rows -------------------------------------------------------------------------------------


def copy(source: Connection, target: Connection, table: Table, seen: Seen) -> Print:
    """All rows of a table. Returns the print of what was read. Raises DatabaseError for rows that the target cannot
    hold, naming them: nothing is left out in silence. `seen` is told how many rows each step has done."""
    sums = _Sums(table)
    wrong: list[str] = []
    if table is deliveries:
        _make_parts(source, target)
    narrower = source.dialect.name == "sqlite" and target.dialect.name == "postgresql"
    unfit = _unfit(table) if narrower else None
    with _writing(target, table) as write:
        for rows in _read(source, table):
            if unfit:
                wrong += [problem for row in rows for problem in unfit(row)]
            if not wrong:
                sums.add(rows)
                write(rows)
            seen(len(rows))
    if wrong:
        more = f"\nand {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise DatabaseError("\n".join(wrong[:MOST_NAMED]) + more)
    return sums.print()


def _make_parts(source: Connection, target: Connection) -> None:
    """On PostgreSQL deliveries stand in parts, by their editions: those that have any need one."""
    has_some = select(deliveries.c.id).where(deliveries.c.edition_id == editions.c.id).exists()
    for edition_id in source.scalars(select(editions.c.id).where(has_some).order_by(editions.c.id)).all():
        make_room_for(target, edition_id)


def fingerprint(connection: Connection, table: Table, seen: Seen) -> Print:
    """What a table holds, read anew."""
    sums = _Sums(table)
    for rows in _read(connection, table):
        sums.add(rows)
        seen(len(rows))
    return sums.print()


def _rows(table: Table) -> Select[Any]:
    if table is notes:
        return select(notes).where(notes.c.name.not_in(OF_ITS_PLACE))
    return select(table)


def _read(connection: Connection, table: Table) -> Iterator[Sequence[Row]]:
    """By a cursor in the server, so many rows at a time: 20 million must not stand in our memory."""
    streaming = {"stream_results": True, "yield_per": WIDE.get(table.name, BATCH)}
    try:
        yield from connection.execute(_rows(table), execution_options=streaming).partitions()
    except (ValueError, TypeError, AttributeError, SQLAlchemyError) as error:
        if connection.dialect.name != "sqlite":
            raise
        raise DatabaseError(_first_odd(connection, table)) from error


def _first_odd(connection: Connection, table: Table) -> str:
    """Names a row that SQLite holds and cannot be read as what its columns are: looked for one by one."""
    order = list(table.primary_key.columns)
    good = 0
    try:
        for _ in connection.execute(_rows(table).order_by(*order), execution_options={"yield_per": 1}):
            good += 1
    except (ValueError, TypeError, AttributeError, SQLAlchemyError) as error:
        said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        keys = _rows(table).with_only_columns(*order).order_by(*order).offset(good).limit(1)
        values = connection.execute(keys).one_or_none()
        return f"{_which(table, values)}: {said}: mend it there" if values else f"{table.name}: {said}"
    return f"{table.name}: a row could not be read, and now it can: try again"


def _which(table: Table, key: Sequence[Any]) -> str:
    names = (column.name for column in table.primary_key.columns)
    return f"{table.name}, the row with " + ", ".join(
        f"{name} {value!r}" for name, value in zip(names, key, strict=True)
    )


class _Sums:
    """The print of a table, as its rows pass. Each row is the JSON list of its values in the order of the columns: a
    moment in UTC to the microsecond, bytes as hexadecimal digits. Its SHA-256 is added up, modulo 2^256."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._total = 0
        self._rows = 0
        kinds = [(place, column.type) for place, column in enumerate(table.columns)]
        self._moments = [place for place, kind in kinds if isinstance(kind, Instant)]
        self._others = [place for place, kind in kinds if not isinstance(kind, (Instant, Integer, String, Boolean))]

    def add(self, rows: Sequence[Row]) -> None:
        encode, moments, others = ENCODER.encode, self._moments, self._others
        for row in rows:
            values = list(row)
            for place in moments:
                values[place] = _moment(values[place])
            try:
                for place in others:
                    values[place] = _plain(values[place])
                digest = hashlib.sha256(encode(values).encode("ascii")).digest()
            except TypeError as error:  # SQLite holds anything in any column
                key = [value for column, value in zip(self._table.columns, row, strict=True) if column.primary_key]
                raise DatabaseError(f"{_which(self._table, key)}: {error}: mend it there") from error
            self._total += int.from_bytes(digest, "big")
        self._rows += len(rows)

    def print(self) -> Print:
        return Print(self._rows, self._total % 2**256)


ENCODER = json.JSONEncoder(separators=(",", ":"))


@lru_cache(maxsize=1024)
def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, str):
        raise TypeError("a text, where bytes or a date should be")
    return value.isoformat() if isinstance(value, date) else value


# --- What PostgreSQL cannot hold ------------------------------------------------------------------


def _unfit(table: Table) -> Callable[[Row], list[str]]:
    """Tells of a row what in it PostgreSQL cannot hold and SQLite can: U+0000 in a text, a text that is longer than its
    column, a number that is larger, a text where a number should be."""
    columns = list(enumerate(table.columns))
    texts = [(n, column.type.length or 2**30) for n, column in columns if isinstance(column.type, String)]
    integers = [(n, column.type) for n, column in columns if isinstance(column.type, Integer)]
    numbers = [(n, 2**63 if isinstance(kind, BigInteger) else NARROW) for n, kind in integers]
    binary = [n for n, column in columns if isinstance(column.type, LargeBinary)]
    names = [column.name for column in table.columns]
    key = [names.index(column.name) for column in table.primary_key.columns]
    needed = [n for n, column in columns if not column.nullable]

    def problems(row: Row) -> Iterator[tuple[int, str]]:
        for place in needed:
            if row[place] is None:
                yield place, "is missing"
        for place, length in texts:
            value = row[place]
            if value is None:
                continue
            if not isinstance(value, str):
                yield place, "is no text"
            elif "\0" in value:
                yield place, "holds U+0000, which PostgreSQL cannot"
            elif len(value) > length:
                yield place, f"is longer than {length} characters"
        for place, limit in numbers:
            value = row[place]
            if value is not None and not (isinstance(value, int) and -limit <= value < limit):
                yield place, "is no number that PostgreSQL can hold there"
        for place in binary:
            if row[place] is not None and not isinstance(row[place], bytes):
                yield place, "is not bytes"

    def unfit(row: Row) -> list[str]:
        found = list(problems(row))
        if not found:
            return []
        which = _which(table, [row[place] for place in key])
        return [f"{which}: {names[place]} {why}: mend it there" for place, why in found]

    return unfit


# --- Writing --------------------------------------------------------------------------------------


@contextmanager
def _writing(connection: Connection, table: Table) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Gives what puts rows into a table: by COPY on PostgreSQL, which is some times as fast as INSERT there."""
    columns = [column.name for column in table.columns]
    if connection.dialect.name == "sqlite":
        query = insert(table)
        yield lambda rows: _insert(connection, query, columns, rows)
        return
    import psycopg

    raw: Any = connection.connection.dbapi_connection
    names = ", ".join(_quoted(connection, name) for name in columns)
    command = f"COPY {_quoted(connection, table.name)} ({names}) FROM STDIN"
    try:
        with raw.cursor() as cursor, cursor.copy(command) as stream:
            yield lambda rows: _stream(stream, rows)
    except psycopg.Error as error:  # SQLAlchemy knows nothing of it
        said = " ".join(str(error).split())
        raise DatabaseError(f"table {table.name} cannot be copied: {said}") from error


def _insert(connection: Connection, query: Insert, columns: Sequence[str], rows: Sequence[Row]) -> None:
    connection.execute(query, [dict(zip(columns, row, strict=True)) for row in rows])


def _stream(stream: Any, rows: Sequence[Row]) -> None:
    for row in rows:
        stream.write_row(tuple(row))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


# --- What counts ----------------------------------------------------------------------------------


def go_on_numbering(source: Connection, target: Connection, table: Table) -> None:
    """Whoever comes next gets a number that was never used: links hold the numbers of rows that are gone since."""
    if not _is_numbered(table):
        return
    used = _highest(source, table)
    if target.dialect.name == "postgresql":
        if used:
            values = {"name": _sequence(target, table), "used": used}
            target.execute(text("SELECT setval(CAST(:name AS regclass), :used)"), values)
        return
    if table.dialect_options["sqlite"]["autoincrement"]:
        # It has no key: a row is there as soon as a row of the table was.
        target.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        values = {"name": table.name, "used": used}
        target.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :used)"), values)


def _is_numbered(table: Table) -> bool:
    return "id" in table.columns


def _highest(connection: Connection, table: Table) -> int:
    """The highest number that a row of it ever had, as far as the database knows."""
    there: int = connection.execute(select(func.max(table.c.id))).scalar() or 0
    if connection.dialect.name == "postgresql":
        query = text("SELECT pg_sequence_last_value(CAST(:name AS regclass))")
        return max(there, connection.execute(query, {"name": _sequence(connection, table)}).scalar() or 0)
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return there
    query = text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
    return max(there, connection.execute(query, {"name": table.name}).scalar() or 0)


def _sequence(connection: Connection, table: Table) -> str:
    query = text("SELECT pg_get_serial_sequence(:name, 'id')")
    name = connection.execute(query, {"name": _quoted(connection, table.name)}).scalar()
    if name is None:
        raise DatabaseError(f"table {table.name}: no sequence belongs to its column id")
    return str(name)


def conclude(target: Connection) -> None:
    """What is left to do in a copy: its stamp, and what PostgreSQL's planner should know of so many new rows."""
    noted.put(target, "instance", STAMP)
    if target.dialect.name == "postgresql":
        for table in tables():
            target.execute(text(f"ANALYZE {_quoted(target, table.name)}"))


def retire(source: Connection, where: str) -> None:
    """The database that was copied sends no more, unless somebody adopts it again."""
    noted.put(source, "instance", f"{MOVED}{where}")
