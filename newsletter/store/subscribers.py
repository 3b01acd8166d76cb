"""The people on the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from newsletter.model import Subscriber, SubscriberStatus
from newsletter.store.schema import subscribers


class NewSubscriber(NamedTuple):
    """Somebody to put on the list. `key` is what two spellings of one address share."""

    address: str
    key: str
    name: str | None = None


def find(connection: Connection, key: str) -> Subscriber | None:
    row = connection.execute(select(subscribers).where(subscribers.c.key == key)).one_or_none()
    return _subscriber(row) if row else None


def listed(connection: Connection, status: SubscriberStatus | None = None) -> list[Subscriber]:
    query = select(subscribers).order_by(subscribers.c.id)
    if status:
        query = query.where(subscribers.c.status == status)
    return [_subscriber(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[SubscriberStatus, int]:
    """How many there are in each status, those with none included."""
    query = select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {status: found.get(status, 0) for status in SubscriberStatus}


def add(connection: Connection, people: Sequence[NewSubscriber], *, consent: str | None, now: datetime) -> int:
    """Put on the list, as active, those whom it does not know in any status; returns how many that were."""
    keys = [one.key for one in people]
    held = set(connection.scalars(select(subscribers.c.key).where(subscribers.c.key.in_(keys))))
    fresh = {
        one.key: {
            "address": one.address,
            "key": one.key,
            "name": one.name,
            "status": SubscriberStatus.ACTIVE,
            "since": now,
            "created_at": now,
            "consent": consent,
        }
        for one in people
        if one.key not in held
    }
    if fresh:
        connection.execute(insert(subscribers), list(fresh.values()))
    return len(fresh)


def set_status(connection: Connection, subscriber_id: int, status: SubscriberStatus, now: datetime) -> bool:
    """False where the subscriber had that status already."""
    here = subscribers.c.id == subscriber_id, subscribers.c.status != status
    return bool(connection.execute(update(subscribers).where(*here).values(status=status, since=now)).rowcount)


def is_active(connection: Connection, subscriber_id: int) -> bool:
    """Read again at the last moment, before a message begins."""
    status = connection.execute(select(subscribers.c.status).where(subscribers.c.id == subscriber_id)).scalar()
    return status == SubscriberStatus.ACTIVE


def _subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address,
        status=SubscriberStatus(row.status),
        since=row.since,
        name=row.name,
        consent=row.consent,
    )
