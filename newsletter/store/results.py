"""What came of an edition, counted by the database: a million rows are read once, in the order in which they lie.

That takes 1.4 seconds on SQLite (2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from newsletter.model import DeliveryState, Edition, SubscriberStatus
from newsletter.store.schema import deliveries, subscribers

GONE = (SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.COMPLAINED, SubscriberStatus.FORGOTTEN)


class Count(NamedTuple):
    """Deliveries to one domain that are in one state."""

    domain: str  # empty where the reader is forgotten
    state: DeliveryState
    late: bool  # newcomers'
    times: int


def by_domain(connection: Connection, edition_id: int) -> list[Count]:
    """All deliveries of an edition, in one pass."""
    domain = domain_of(connection, deliveries.c.address).label("domain")
    query = select(domain, deliveries.c.state, deliveries.c.late, func.count().label("times"))
    query = query.where(deliveries.c.edition_id == edition_id).group_by(domain, deliveries.c.state, deliveries.c.late)
    rows = connection.execute(query)
    return [Count(row.domain, DeliveryState(row.state), bool(row.late), row.times) for row in rows]


def domain_of(connection: Connection, address: ColumnElement[Any]) -> ColumnElement[Any]:
    """What stands behind the @; nothing of an address that was blanked. There is no second @ in an address of ours."""
    if connection.dialect.name == "postgresql":
        return func.lower(func.split_part(address, "@", 2))
    return func.lower(func.substr(address, func.instr(address, "@") + 1))


def by_state(connection: Connection, edition_ids: Sequence[int]) -> dict[int, dict[DeliveryState, int]]:
    """How many deliveries of each edition are in each state, newcomers' included: out of the index alone."""
    here = deliveries.c.edition_id.in_(edition_ids)
    columns = deliveries.c.edition_id, deliveries.c.state
    found: dict[int, dict[DeliveryState, int]] = {}
    for row in connection.execute(select(*columns, func.count().label("times")).where(here).group_by(*columns)):
        found.setdefault(row.edition_id, {})[DeliveryState(row.state)] = row.times
    return found


def departures(connection: Connection, edition: Edition, until: datetime | None) -> list[tuple[int, str]]:
    """Who had this edition and has left since its sending began, before `until`, and is gone still: their ids with
    their addresses, which are empty where they are forgotten; the last first."""
    span = [subscribers.c.status.in_(GONE), subscribers.c.since >= edition.started_at]
    if until is not None:
        span.append(subscribers.c.since < until)
    joined = subscribers.join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
    query = select(subscribers.c.id, subscribers.c.address).select_from(joined)
    query = query.where(*span, deliveries.c.edition_id == edition.id).order_by(subscribers.c.since.desc())
    return [(row.id, row.address) for row in connection.execute(query)]
