"""What of the ledger is over its time, and goes. Its totals are kept before, see `trends.totals`.

On PostgreSQL a part goes as a whole, once all its editions are over their time: that reads nothing and leaves no dead
rows behind. Everywhere else rows are deleted, some at a time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, or_, select, text

from newsletter.model import ENDED, DeliveryState
from newsletter.store.partitions import Part, any_of, in_part, parts
from newsletter.store.schema import deliveries, editions

UNENDED = [state for state in DeliveryState if not state.ended]


def parts_over(connection: Connection, before: datetime) -> list[Part]:
    """The parts that can go, the oldest first: no edition can come to them any more, all of theirs began before that
    moment or hold nothing, and every delivery has ended. None on SQLite."""
    newest = connection.execute(select(func.max(editions.c.id))).scalar() or 0
    return [one for one in parts(connection) if one.end <= newest and _is_over(connection, one, before)]


def size(connection: Connection, part: Part) -> int:
    """How many deliveries are in it."""
    here = deliveries.c.edition_id >= part.first, deliveries.c.edition_id < part.end
    return connection.execute(select(func.count()).select_from(deliveries).where(*here)).scalar_one()


def drop(connection: Connection, part: Part, before: datetime, patience: int) -> bool:
    """Drop a part; False where it is not over after all, as seen when nobody else can write there any more.

    Who reads or writes deliveries, subscribers or editions meanwhile waits for us, and behind us while we wait: so
    DatabaseError comes where others hold them for longer than `patience`, in ms. Below PostgreSQL's `deadlock_timeout`,
    1000, it is us who give way.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = {int(patience)}"))
    connection.execute(text("LOCK TABLE subscribers, editions, ONLY deliveries IN ACCESS EXCLUSIVE MODE"))
    if not _is_over(connection, part, before):
        return False
    connection.execute(text(f"DROP TABLE {part.name}"))
    return True


def _is_over(connection: Connection, part: Part, before: datetime) -> bool:
    here = editions.c.id >= part.first, editions.c.id < part.end
    begun, young = editions.c.started_at.is_not(None), editions.c.started_at >= before
    needed = or_(any_of(deliveries.c.state.in_(UNENDED)), and_(or_(~begun, young), any_of()))
    return connection.execute(select(editions.c.id).where(*here, needed).limit(1)).first() is None


def purge(connection: Connection, edition_id: int, limit: int) -> int:
    """Delete deliveries of an edition that have ended; returns how many, at most `limit`."""
    ended = deliveries.c.edition_id == edition_id, deliveries.c.state.in_(ENDED)
    some = select(deliveries.c.id).where(*ended).limit(limit).scalar_subquery()
    return connection.execute(delete(deliveries).where(in_part(edition_id), deliveries.c.id.in_(some))).rowcount
