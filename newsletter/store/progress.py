"""A running edition, seen from outside: how fast it goes, and what the relay has just refused.

The sender is another process, and all there is to see is what it has committed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from newsletter.model import DAILY, DeliveryState, Edition, EditionStatus
from newsletter.store import slices
from newsletter.store.deliveries import ALL, Span, of_state
from newsletter.store.editions import _edition
from newsletter.store.schema import deliveries, editions

State = DeliveryState
MESSAGES = (State.ACCEPTED, State.REJECTED, State.UNCERTAIN)  # how one ends that was sent; skipped ones cost no time
NEWEST = 20_000  # rows looked at for each of them: 50 ms at the most, in an edition to a million (2026-11)
FEWEST = 1_000  # of each slice, where many are in hand
TAIL = 11


def speed(connection: Connection, edition_id: int, since: datetime, now: datetime) -> float:
    """Messages that ended per second since then.

    Rows have no order by time, which would cost the sender an index; but they are sent in the order of their ids, slice
    by slice, so the newest ids of each slice that was in hand hold the last seconds. With more than NEWEST messages in
    that time, it is as much shorter. (The exception: what was put off comes when its hour has come, and in a large
    edition is not seen here.)
    """
    spans = slices.in_hand(connection, edition_id, since) or [ALL]
    limit = max(NEWEST // len(spans), FEWEST)
    return sum(_speed(connection, edition_id, span, limit, since, now) for span in spans)


def _speed(connection: Connection, edition_id: int, span: Span, limit: int, since: datetime, now: datetime) -> float:
    total = 0.0
    for state in MESSAGES:
        here = of_state(edition_id, state, span)
        newest = select(deliveries.c.at).where(here).order_by(deliveries.c.id.desc()).limit(limit).subquery()
        recent = newest.c.at > since, newest.c.at <= now
        n, first, last = connection.execute(
            select(func.count(), func.min(newest.c.at), func.max(newest.c.at)).where(*recent)
        ).one()
        seconds = (last - first if n == limit else now - since).total_seconds()
        total += n / seconds if seconds else 0.0
    return total


def last_refusals(connection: Connection, edition_id: int, limit: int) -> list[tuple[datetime, str, str]]:
    """The last ones that the relay did not accept, the newest first: when, the state, its words."""
    here = (
        deliveries.c.edition_id == edition_id,
        deliveries.c.state.in_([State.REJECTED, State.DEFERRED, State.UNCERTAIN]),
    )
    query = select(deliveries.c.at, deliveries.c.state, deliveries.c.reply).where(*here)
    rows = connection.execute(query.order_by(deliveries.c.at.desc(), deliveries.c.id.desc()).limit(limit))
    return [(row.at, row.state, row.reply or "") for row in rows]


def last_retry(connection: Connection, edition_id: int) -> datetime | None:
    """When the last of those put off is due."""
    here = deliveries.c.edition_id == edition_id, deliveries.c.state == State.DEFERRED
    return connection.execute(select(func.max(deliveries.c.next_attempt)).where(*here)).scalar()


def earlier(connection: Connection, at_least: int, limit: int) -> list[tuple[Edition, datetime]]:
    """The last editions to so many readers that have ended, each with the moment at which all had been offered once.

    That is when the last ids were accepted; the median of some, since one of them may have been put off for hours.
    """
    here = editions.c.status == EditionStatus.SENT, editions.c.slot == DAILY, editions.c.audience >= at_least
    rows = connection.execute(select(editions).where(*here).order_by(editions.c.day.desc()).limit(limit)).all()
    found = []
    for edition in (_edition(row) for row in rows):
        taken = deliveries.c.edition_id == edition.id, deliveries.c.state == State.ACCEPTED, ~deliveries.c.late
        query = select(deliveries.c.at).where(*taken).order_by(deliveries.c.id.desc()).limit(TAIL)
        moments = sorted(connection.scalars(query).all())
        if moments:
            found.append((edition, moments[len(moments) // 2]))
    return found
