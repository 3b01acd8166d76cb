"""To whom an edition goes: an edition to who receives them, a correction to who has the edition that it corrects.

Who has it is everybody whose delivery was accepted, newcomers too, and who is on the list still. A pause does not
count: it asks for no more editions, and a correction is the end of one that they have.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Join, and_, func, insert, select

from newsletter.model import ENDED, DeliveryState, Edition
from newsletter.store.deliveries import PLANNED, pending
from newsletter.store.deliveries import plan as plan_for_all
from newsletter.store.partitions import make_room_for
from newsletter.store.schema import deliveries, subscribers
from newsletter.store.subscribers import on_the_list
from newsletter.store.subscribers import readers as receiving_now


def readers(connection: Connection, edition: Edition, now: datetime) -> int:
    """How many would get the edition now."""
    if edition.corrects is None:
        return receiving_now(connection, now)
    query = select(func.count()).select_from(_with_people()).where(_has(edition.corrects), on_the_list())
    return connection.execute(query).scalar_one()


def waiting(connection: Connection, edition_id: int) -> int:
    """How many may still get an edition: its deliveries that have not ended."""
    here = deliveries.c.edition_id == edition_id, deliveries.c.state.notin_(ENDED)
    return connection.execute(select(func.count()).where(*here)).scalar_one()


def plan(
    connection: Connection, edition: Edition, now: datetime, *, after: int = 0, limit: int | None = None
) -> int | None:
    """Freeze the audience, or the next `limit` of those who may belong to it, as `deliveries.plan` does.

    A correction's is found among the deliveries of what it corrects, in the order of their subscribers (there is an
    index): one to a few of a million reads the few.
    """
    if edition.corrects is None:
        return plan_for_all(connection, edition.id, now, after=after, limit=limit)
    who = deliveries.c.subscriber_id
    span = and_(deliveries.c.edition_id == edition.corrects, who > after)
    some = select(who).where(span).order_by(who).limit(limit).subquery()
    last = connection.execute(select(func.max(some.c.subscriber_id))).scalar()
    if last is None:
        return None
    here = and_(span, who <= last, _has(edition.corrects), on_the_list())
    found = pending(edition.id, now, late=False).select_from(_with_people()).where(here).order_by(who)
    make_room_for(connection, edition.id)
    connection.execute(insert(deliveries).from_select(PLANNED, found))
    return int(last)


def _with_people() -> Join:
    return deliveries.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)


def _has(edition_id: int) -> ColumnElement[bool]:
    return and_(deliveries.c.edition_id == edition_id, deliveries.c.state == DeliveryState.ACCEPTED)
