"""Who set about sending which edition, and what they left claimed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from newsletter.model import DeliveryState
from newsletter.store.deliveries import ALL, Span, of_state
from newsletter.store.schema import deliveries, editions, runs


class Claims(NamedTuple):
    """What a run that is over left in its hands."""

    run_id: int | None  # none: of a time before there were runs
    place: str | None
    at: datetime  # when it took the last of it


def begin(connection: Connection, edition_id: int, place: str, now: datetime) -> int:
    """A new run; returns its number."""
    query = insert(runs).values(edition_id=edition_id, place=place, began_at=now).returning(runs.c.id)
    return int(connection.execute(query).scalar_one())


def server_began(connection: Connection) -> datetime:
    """When this PostgreSQL was started."""
    found: datetime = connection.execute(select(func.pg_postmaster_start_time())).scalar_one()
    return found


def latest(connection: Connection) -> datetime | None:
    """When somebody last set about sending."""
    found: datetime | None = connection.execute(select(func.max(runs.c.began_at))).scalar()
    return found


def left_claims(connection: Connection, edition_id: int, span: Span = ALL) -> list[Claims]:
    """The runs whose claims are still there, the oldest first. Only for who holds the sending lock, or the slice: then
    all of them are dead."""
    query = (
        select(deliveries.c.run_id, runs.c.place, func.max(deliveries.c.at).label("at"))
        .outerjoin(runs, runs.c.id == deliveries.c.run_id)
        .where(of_state(edition_id, DeliveryState.CLAIMED, span))
        .group_by(deliveries.c.run_id, runs.c.place)
        .order_by(deliveries.c.run_id)
    )
    return [Claims(*row) for row in connection.execute(query)]


def edition_of(connection: Connection, run_id: int, place: str | None) -> int | None:
    """The edition of a run of that place; None where it is none: a database that was restored, or made anew, gives its
    numbers once more."""
    query = select(runs.c.edition_id).where(runs.c.id == run_id, runs.c.place == place)
    found: int | None = connection.execute(query).scalar()
    return found


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete what is known of runs that began before that moment, of editions that had ended by then; returns how
    many, at most `limit`. The newest stays: when somebody last sent is asked for."""
    over = select(editions.c.id).where(editions.c.ended_at < before)
    old = (
        runs.c.began_at < before,
        runs.c.edition_id.in_(over),
        runs.c.id < select(func.max(runs.c.id)).scalar_subquery(),
    )
    some = select(runs.c.id).where(*old).limit(limit).scalar_subquery()
    return connection.execute(runs.delete().where(runs.c.id.in_(some))).rowcount
