"""Deliveries that somebody may or may not have, and what is decided about them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, literal, select

from newsletter.model import Delivery, DeliveryState
from newsletter.store.deliveries import all_of, among, change, in_pieces, of_state
from newsletter.store.partitions import any_of
from newsletter.store.schema import deliveries, editions

State = DeliveryState


def of_edition(connection: Connection, edition_id: int) -> list[Delivery]:
    """Who may or may not have it."""
    return all_of(connection, of_state(edition_id, State.UNCERTAIN))


def latest(connection: Connection) -> int | None:
    """The newest edition that somebody may or may not have; None where there is no doubt."""
    query = select(editions.c.id).where(any_of(deliveries.c.state == State.UNCERTAIN))
    return connection.execute(query.order_by(editions.c.id.desc()).limit(1)).scalar()


def take_for_accepted(connection: Connection, edition_id: int, ids: Sequence[int], now: datetime) -> None:
    """Somebody has looked: they have it."""
    reply = literal("taken for accepted, by hand; before: ") + func.coalesce(deliveries.c.reply, "")
    for some in in_pieces(ids):
        here = and_(among(edition_id, some), deliveries.c.state == State.UNCERTAIN)
        change(connection, here, state=State.ACCEPTED, reply=reply, at=now)


def send_again(connection: Connection, edition_id: int, ids: Sequence[int], now: datetime) -> None:
    """Somebody wants it: once more, the same bytes. Another doubt ends as one."""
    for some in in_pieces(ids):
        here = and_(among(edition_id, some), deliveries.c.state == State.UNCERTAIN)
        change(connection, here, state=State.PENDING, repeated=True, at=now)
