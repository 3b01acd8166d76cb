"""Single values that outlive a run, and the keys that sign links."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from newsletter.store.schema import notes, signing_keys


def get(connection: Connection, name: str) -> str | None:
    return connection.execute(select(notes.c.value).where(notes.c.name == name)).scalar()


def put(connection: Connection, name: str, value: str) -> None:
    changed = connection.execute(update(notes).where(notes.c.name == name).values(value=value)).rowcount
    if not changed:
        connection.execute(insert(notes).values(name=name, value=value))


def drop(connection: Connection, name: str) -> None:
    connection.execute(delete(notes).where(notes.c.name == name))


def keys(connection: Connection) -> dict[int, bytes]:
    """The signing keys by number; the highest number signs, all of them verify."""
    return {row.number: row.secret for row in connection.execute(select(signing_keys))}


def make_key(connection: Connection, now: datetime) -> int:
    """A new random signing key of 256 bits; returns its number."""
    highest = connection.execute(select(func.max(signing_keys.c.number))).scalar()
    number = 0 if highest is None else highest + 1
    connection.execute(insert(signing_keys).values(number=number, secret=secrets.token_bytes(32), created_at=now))
    return number
