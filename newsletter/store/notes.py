"""Single values that outlive a run, and the keys that sign links."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, func, select, text

from newsletter.store.dialect import upsert
from newsletter.store.schema import notes, signing_keys

SIGN_UPS = "sign_ups"  # how many were ever asked for
# How notes begin whose names go on with a day, or with an edition's name: nobody asks for them when it is long over.
OF_A_DAY = ("draft", "drafted", "decided on", "runner sent", "runner called", "runner done", "paused", "told")


def get(connection: Connection, name: str) -> str | None:
    return connection.execute(select(notes.c.value).where(notes.c.name == name)).scalar() or None


def put(connection: Connection, name: str, value: str) -> None:
    query = upsert(connection, notes).values(name=name, value=value)
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_={"value": query.excluded.value}))


def wait_for(connection: Connection, name: str) -> str | None:
    """The value, with nobody else changing it before our transaction has ended; None where there is none yet.

    On PostgreSQL others wait for the row, made where it is missing; SQLite has one writer anyway.
    """
    empty = upsert(connection, notes).values(name=name, value="")
    connection.execute(empty.on_conflict_do_nothing(index_elements=["name"]))
    query = select(notes.c.value).where(notes.c.name == name).with_for_update()
    return connection.execute(query).scalar() or None


def drop(connection: Connection, name: str) -> None:
    connection.execute(delete(notes).where(notes.c.name == name))


def purge(connection: Connection, before: date, keep: Iterable[str]) -> int:
    """Delete what was noted of days before that one, but for the editions of the names in `keep`; returns how many."""
    gone, names = 0, list(keep)
    for name in OF_A_DAY:
        day = func.substr(notes.c.name, len(name) + 2, 10)
        old = notes.c.name.like(f"{name} ____-__-__%"), day < before.isoformat()
        kept = notes.c.name.in_([f"{name} {one}" for one in names])
        gone += connection.execute(delete(notes).where(*old, ~kept)).rowcount
    return gone


def keys(connection: Connection) -> dict[int, bytes]:
    """The signing keys by number; the highest number signs, all of them verify."""
    return {row.number: row.secret for row in connection.execute(select(signing_keys))}


def key_dates(connection: Connection) -> list[tuple[int, datetime]]:
    """When each key was made, by number."""
    query = select(signing_keys.c.number, signing_keys.c.created_at).order_by(signing_keys.c.number)
    return [(row.number, row.created_at) for row in connection.execute(query)]


def make_key(connection: Connection, now: datetime) -> int:
    """A new random signing key of 256 bits; returns its number."""
    highest = connection.execute(select(func.max(signing_keys.c.number))).scalar()
    number = 0 if highest is None else highest + 1
    query = upsert(connection, signing_keys).values(number=number, secret=secrets.token_bytes(32), created_at=now)
    # Two who make the first key at once make one.
    connection.execute(query.on_conflict_do_nothing(index_elements=["number"]))
    return number


def secret(connection: Connection, name: str) -> bytes | None:
    """A secret of its own for one use; None where it was never made."""
    value = get(connection, name)
    return bytes.fromhex(value) if value else None


def make_secret(connection: Connection, name: str) -> bytes:
    """Make it, unless another has; it never changes. For a transaction of its own: others wait until that has ended."""
    value = wait_for(connection, name)
    if value is None:
        value = secrets.token_hex(32)
        put(connection, name, value)
    return bytes.fromhex(value)


def one_at_a_time(connection: Connection, what: str) -> None:
    """Who else asks for the same waits here until our transaction has ended. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        key = "hashtextextended('newsletter ' || current_schema() || ' ' || :what, 0)"
        connection.execute(text(f"SELECT pg_advisory_xact_lock({key})"), {"what": what})


def add_one(connection: Connection, name: str) -> None:
    """Count something."""
    put(connection, name, str(int(wait_for(connection, name) or 0) + 1))


def take_turn(connection: Connection, name: str, now: datetime, every: timedelta) -> bool:
    """True for one of all who ask, once in every so long. Call it in a transaction that writes."""
    if not _is_over(wait_for(connection, name), now, every):
        return False
    put(connection, name, now.isoformat())
    return True


def is_due(connection: Connection, name: str, now: datetime, every: timedelta) -> bool:
    """Whether the last turn is so long ago; or so long to come, by a clock that was set back since. One that is to come
    in a moment was taken by a machine whose clock is a little ahead of ours."""
    return _is_over(get(connection, name), now, every)


def _is_over(last: str | None, now: datetime, every: timedelta) -> bool:
    return last is None or abs(now - datetime.fromisoformat(last)) >= every
