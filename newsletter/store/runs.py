"""Who set about sending which edition, and what they left claimed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from newsletter.model import DeliveryState
from newsletter.store.schema import deliveries, runs


class Claims(NamedTuple):
    """What a run that is over left in its hands."""

    run_id: int | None  # none: of a time before there were runs
    place: str | None


def begin(connection: Connection, edition_id: int, place: str, now: datetime) -> int:
    """A new run; returns its number."""
    query = insert(runs).values(edition_id=edition_id, place=place, began_at=now).returning(runs.c.id)
    return int(connection.execute(query).scalar_one())


def latest(connection: Connection) -> datetime | None:
    """When somebody last set about sending."""
    found: datetime | None = connection.execute(select(func.max(runs.c.began_at))).scalar()
    return found


def left_claims(connection: Connection, edition_id: int) -> list[Claims]:
    """The runs whose claims are still there. Only for who holds the sending lock: then all of them are dead."""
    query = (
        select(deliveries.c.run_id, runs.c.place)
        .outerjoin(runs, runs.c.id == deliveries.c.run_id)
        .where(deliveries.c.edition_id == edition_id, deliveries.c.state == DeliveryState.CLAIMED)
        .distinct()
    )
    return [Claims(row.run_id, row.place) for row in connection.execute(query)]
