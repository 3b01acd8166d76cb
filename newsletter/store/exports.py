"""The whole list, as it is handed out: each reader with how they joined."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from newsletter.model import Act, Subscriber, SubscriberStatus
from newsletter.store.schema import consents, imports, subscribers
from newsletter.store.subscribers import subscriber

BATCH = 1000
JOINED = (Act.SIGNED_UP, Act.CONFIRMED, Act.ADDED, Act.IMPORTED, Act.REVIVED)


class Joined(NamedTuple):
    """A reader, and the last act by which they joined, where one is known."""

    subscriber: Subscriber
    at: datetime | None
    act: Act | None
    how: str | None
    page: str | None
    note: str | None  # the claim of consent, or the import's file


def joined(connection: Connection, status: SubscriberStatus | None = None, after: int = 0) -> list[Joined]:
    """A thousand of everybody but the forgotten, or of those in one status, from behind that id on, in the order in
    which they came; none where there are no more."""
    earlier = consents.alias()
    latest = select(earlier.c.id).where(earlier.c.subscriber_id == subscribers.c.id, earlier.c.act.in_(JOINED))
    last = latest.order_by(earlier.c.id.desc()).limit(1).correlate(subscribers).scalar_subquery()
    tables = subscribers.outerjoin(consents, consents.c.id == last).outerjoin(
        imports, imports.c.id == consents.c.import_id
    )
    acts = [consents.c.at, consents.c.act, consents.c.how, consents.c.page, consents.c.note, imports.c.file]
    query = select(subscribers, *acts).select_from(tables).where(subscribers.c.address != "", subscribers.c.id > after)
    query = query.where(subscribers.c.status == status) if status else query
    found = []
    for row in connection.execute(query.order_by(subscribers.c.id).limit(BATCH)):
        act = Act(row.act) if row.act else None
        found.append(Joined(subscriber(row), row.at, act, row.how, row.page, row.note or row.file))
    return found
