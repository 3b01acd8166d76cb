"""Readers looked for: by a part of their address or name, page by page."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, or_, select

from newsletter.model import Subscriber, SubscriberStatus
from newsletter.store.schema import consents, deliveries, letters, subscribers
from newsletter.store.subscribers import subscriber


def search(
    connection: Connection,
    part: str = "",
    status: SubscriberStatus | None = None,
    *,
    before: int | None = None,
    limit: int,
) -> list[Subscriber]:
    """Those whose address or name holds `part`, in that status, from before that id; the newest first. Not the
    forgotten: nothing is left of them to look for.

    A part that nobody has is looked for in every row: of a million, 0.4 s on SQLite and 0.5 s on PostgreSQL, with
    accents 1.0 and 1.3 s (2026-11). Without a part it takes a millisecond.
    """
    query = select(subscribers).where(subscribers.c.address != "")
    if part:
        query = query.where(_holds(part))
    if status:
        query = query.where(subscribers.c.status == status)
    if before is not None:
        query = query.where(subscribers.c.id < before)
    return [subscriber(row) for row in connection.execute(query.order_by(subscribers.c.id.desc()).limit(limit))]


def _holds(part: str) -> ColumnElement[bool]:
    """Small letters stand for large ones. SQLite knows that of ASCII alone: of others the usual spellings are tried."""
    spellings = {part} if part.isascii() else {part, part.lower(), part.upper(), part.title()}
    columns = subscribers.c.address, subscribers.c.name
    return or_(*(column.icontains(one, autoescape=True) for column in columns for one in sorted(spellings)))


def traces(connection: Connection, subscriber_id: int) -> tuple[int, int, int]:
    """How many acts, deliveries and letters are kept of a reader."""
    acts, sent, mails = (
        connection.execute(select(func.count()).where(table.c.subscriber_id == subscriber_id)).scalar_one()
        for table in (consents, deliveries, letters)
    )
    return acts, sent, mails
