"""What came of an edition's deliveries by mailbox provider, counted once and kept.

Counting reads every row: 1.4 seconds for a million on SQLite (2026-11), and a report looks at thirty editions. What is
kept also outlives the ledger, whose old rows `tidy` deletes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, case, delete, func, insert, or_, select

from newsletter.model import ENDED, FROZEN, DeliveryState
from newsletter.store.editions import lock
from newsletter.store.partitions import any_of
from newsletter.store.results import domain_of
from newsletter.store.schema import deliveries, editions, totals

State = DeliveryState
PUT_OFF = "put_off"  # beside the states: how many were put off at least once, whatever came of them
FOLDED = "folded"  # beside them too, under "": how many providers are counted there together
Totals = dict[str, dict[str, int]]  # of an edition: by provider, by state; under "" the small ones and the forgotten


class Counted(NamedTuple):
    """Deliveries to one domain that are in one state."""

    domain: str  # empty where the reader is forgotten
    state: DeliveryState
    times: int
    put_off: int  # those of them that were put off at least once


def count(connection: Connection, edition_id: int) -> list[Counted]:
    """All deliveries of an edition, in one pass."""
    domain = domain_of(connection, deliveries.c.address).label("domain")
    tried = case((deliveries.c.repeated, 2), else_=1)  # a doubt that is repeated costs an attempt, and puts off nobody
    again = case((or_(deliveries.c.attempts > tried, deliveries.c.state == State.DEFERRED), 1), else_=0)
    query = select(domain, deliveries.c.state, func.count().label("times"), func.sum(again).label("put_off"))
    query = query.where(deliveries.c.edition_id == edition_id).group_by(domain, deliveries.c.state)
    return [Counted(row.domain, State(row.state), row.times, row.put_off) for row in connection.execute(query)]


def kept(connection: Connection, edition_ids: Sequence[int]) -> dict[int, Totals]:
    """What is kept of these editions; those of which nothing is are not there."""
    found: dict[int, Totals] = {}
    for row in connection.execute(select(totals).where(totals.c.edition_id.in_(edition_ids))):
        found.setdefault(row.edition_id, {}).setdefault(row.provider, {})[row.state] = row.times
    return found


def by_state(of: Totals) -> dict[DeliveryState, int]:
    """The deliveries of all providers together."""
    found: dict[DeliveryState, int] = {}
    for states in of.values():
        for state, times in states.items():
            if state not in (PUT_OFF, FOLDED):
                found[State(state)] = found.get(State(state), 0) + times
    return found


def hold(of: Totals, ledger: Mapping[DeliveryState, int]) -> bool:
    """Whether totals are still true, by what the ledger's index says: the same sums; or fewer deliveries than were
    counted, since only `tidy` makes them fewer, and totals are what is left of an edition then. Pure."""
    here, there = by_state(of), {state: times for state, times in ledger.items() if times}
    return here == there or outlive(of, ledger)


def outlive(of: Totals, ledger: Mapping[DeliveryState, int]) -> bool:
    """Whether totals are of more deliveries than the ledger still has: `tidy` deleted the others. Pure."""
    return sum(by_state(of).values()) > sum(ledger.values())


def keep(connection: Connection, edition_id: int, of: Totals) -> None:
    """Keep an edition's totals in the place of earlier ones; never of fewer deliveries than those had, which were
    counted before some were deleted."""
    lock(connection, edition_id)
    before = kept(connection, [edition_id]).get(edition_id, {})
    if sum(by_state(before).values()) > sum(by_state(of).values()):
        return
    connection.execute(delete(totals).where(totals.c.edition_id == edition_id))
    connection.execute(insert(totals), list(_rows(edition_id, of)))


def _rows(edition_id: int, of: Totals) -> Iterable[dict[str, object]]:
    for provider, states in of.items():
        for state, times in states.items():
            yield {"edition_id": edition_id, "provider": provider[:255], "state": state, "times": times}


def about_to_go(connection: Connection, before: datetime, *, audience: int | None = None) -> list[int]:
    """The editions begun before that moment that have deliveries which `tidy` deletes; the oldest first.
    With `audience`, those to no more readers than that."""
    old = editions.c.status.in_(FROZEN), editions.c.started_at < before
    query = select(editions.c.id).where(*old, any_of(deliveries.c.state.in_(ENDED))).order_by(editions.c.started_at)
    if audience is not None:
        query = query.where(editions.c.audience <= audience)
    return list(connection.scalars(query))
