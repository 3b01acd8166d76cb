"""The turns of a rate, as they are kept: two notes, changed by one at a time; and the clock that all machines share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from newsletter.store.columns import Instant
from newsletter.store.dialect import upsert
from newsletter.store.schema import notes

NEXT = "next_turn"  # when the next message may go
PARTIES = "turns"  # who had the last turn, and until when letters and editions wait for one


def wait_for(connection: Connection) -> tuple[str, str]:
    """Both, with nobody else changing them before our transaction has ended; empty where they were never kept."""
    query = select(notes.c.name, notes.c.value).where(notes.c.name.in_((NEXT, PARTIES))).order_by(notes.c.name)
    found = {row.name: row.value for row in connection.execute(query.with_for_update())}
    if len(found) < 2:
        empty = upsert(connection, notes).values([{"name": name, "value": ""} for name in (NEXT, PARTIES)])
        connection.execute(empty.on_conflict_do_nothing(index_elements=["name"]))
        found = {row.name: row.value for row in connection.execute(query.with_for_update())}
    return found[NEXT] or "", found[PARTIES] or ""


def keep(connection: Connection, following: str, parties: str) -> None:
    """For who has waited for them."""
    query = upsert(connection, notes).values([{"name": NEXT, "value": following}, {"name": PARTIES, "value": parties}])
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_={"value": query.excluded.value}))


def now(connection: Connection) -> datetime:
    """By PostgreSQL's clock: those of the machines differ, and two that each think it is their turn send twice the
    rate. The transaction's end is not waited for on disk: a database that dies forgets the turns of its last moments,
    and is longer away than they would have lasted."""
    asked: Any = func.clock_timestamp(type_=Instant())
    row = connection.execute(select(asked.label("now"), func.set_config("synchronous_commit", "off", True))).one()
    found: datetime = row.now
    return found
