"""An edition's deliveries cut into slices, on PostgreSQL: what may be in one process's hands at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from newsletter.errors import AlreadyRunning
from newsletter.model import ENDED, DeliveryState
from newsletter.store import lease
from newsletter.store.deliveries import ALL, EXPIRED, Span, of_state
from newsletter.store.schema import deliveries, editions, leases, slices

SHARES = 200  # slices of an edition, that many workers have something to do until its end
LEASES_KEPT = timedelta(days=7)  # after a slice's end
LEAST, MOST = 2_500, 20_000  # deliveries in one: a lease each is not to be noticed, and a dead worker's is soon done


class Slice(NamedTuple):
    """A part of an edition's deliveries."""

    edition_id: int
    number: int
    first: int
    last: int
    due_at: datetime | None = None  # not to be taken before
    tries: int = 0  # that ended in trouble, in a row
    trouble: str | None = None  # what the last of them met

    @property
    def span(self) -> Span:
        return Span(self.first, self.last)

    @property
    def lease(self) -> str:
        """What its lease is called."""
        return f"slice {self.edition_id}/{self.number}"


FIELDS = [getattr(slices.c, name) for name in Slice._fields]


def cut(connection: Connection, edition_id: int, *, least: int = LEAST) -> int:
    """Cut an edition's deliveries, unless it was done before; returns how many slices there are. For who holds the
    sending lock.

    The first one reaches down to the lowest number that can be and the last up to the highest: whoever is added later
    is in a slice too.
    """
    known = _number(connection, edition_id)
    if known:
        return known
    first, last = _ends(connection, edition_id)
    size = max(least, min((last - first + 1) // SHARES, MOST))
    starts = list(range(first, last + 1, size)) or [0]
    rows = [
        {"edition_id": edition_id, "number": number, "first": start, "last": start + size - 1}
        for number, start in enumerate(starts)
    ]
    rows[0]["first"], rows[-1]["last"] = ALL
    connection.execute(insert(slices), rows)
    return len(rows)


def _number(connection: Connection, edition_id: int) -> int:
    return connection.execute(select(func.count()).where(slices.c.edition_id == edition_id)).scalar_one()


def _ends(connection: Connection, edition_id: int) -> tuple[int, int]:
    """The lowest and the highest number of its deliveries; state by state, since so the index tells it at once."""
    ends: list[int] = []
    for state in DeliveryState:
        query = select(func.min(deliveries.c.id), func.max(deliveries.c.id)).where(of_state(edition_id, state))
        ends += [end for end in connection.execute(query).one() if end is not None]
    return (min(ends), max(ends)) if ends else (1, 0)


def get(connection: Connection, edition_id: int, number: int) -> Slice | None:
    here = slices.c.edition_id == edition_id, slices.c.number == number
    row = connection.execute(select(*FIELDS).where(*here)).first()
    return Slice(*row) if row else None


def left(connection: Connection, edition_id: int, *, repeats: bool) -> list[Slice]:
    """The slices with deliveries that have not ended; with `repeats`, or are to be sent once more after a doubt."""
    inside = and_(deliveries.c.edition_id == edition_id, deliveries.c.id.between(slices.c.first, slices.c.last))
    unended = [state for state in DeliveryState if state not in ENDED]
    open_ = [exists().where(inside, deliveries.c.state == state) for state in unended]
    if repeats:
        open_.append(exists().where(inside, deliveries.c.state == DeliveryState.UNCERTAIN, ~deliveries.c.repeated))
    query = select(*FIELDS).where(slices.c.edition_id == edition_id, or_(*open_)).order_by(slices.c.number)
    return [Slice(*row) for row in connection.execute(query)]


def put_off(connection: Connection, one: Slice, due_at: datetime | None, trouble: str | None = None) -> None:
    """Not to be taken before that moment; with what was met, where that was trouble."""
    tries = slices.c.tries + 1 if trouble else 0
    here = slices.c.edition_id == one.edition_id, slices.c.number == one.number
    connection.execute(update(slices).where(*here).values(due_at=due_at, tries=tries, trouble=trouble))


def make_due(connection: Connection, edition_id: int) -> None:
    """Something of them is to be sent now, whatever was put off."""
    here = slices.c.edition_id == edition_id
    connection.execute(update(slices).where(here).values(due_at=None))


def held(connection: Connection) -> dict[str, str]:
    """The slices in somebody's hands: the names of their leases, each with who holds it. Not in those of the dead."""
    return lease.held(connection, leases.c.name.like("slice %"))


def in_hand(connection: Connection, edition_id: int, since: datetime) -> list[Span]:
    """The slices of an edition that somebody has in hand now, or had since then. None of them on SQLite."""
    name = f"slice {edition_id}/"
    query = select(leases.c.name).where(leases.c.name.startswith(name), leases.c.until > since)
    numbers = [int(found.removeprefix(name)) for found in connection.scalars(query)]
    found = select(*FIELDS).where(slices.c.edition_id == edition_id, slices.c.number.in_(numbers))
    return [Slice(*row).span for row in connection.execute(found)] if numbers else []


def check_idle(connection: Connection, edition_id: int | None = None) -> None:
    """Raises AlreadyRunning while somebody has a slice in hand, of that edition where one is named: workers go on where
    who sent it has ended."""
    if connection.dialect.name == "postgresql":
        for name, holder in held(connection).items():
            if edition_id is None or name.startswith(f"slice {edition_id}/"):
                raise AlreadyRunning(f"a worker is sending ({holder})")


def forget_leases(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the leases of slices that ended before that moment; returns how many, at most `limit`.

    Not sooner: while a lease stands, its fence tells who has slept that another came after.
    """
    old = select(leases.c.name).where(leases.c.name.like("slice %"), leases.c.until < before).limit(limit)
    return connection.execute(leases.delete().where(leases.c.name.in_(old))).rowcount


def purge(connection: Connection, before: datetime) -> int:
    """Delete the slices of editions that had ended by that moment; returns how many."""
    over = select(editions.c.id).where(editions.c.ended_at < before)
    return connection.execute(slices.delete().where(slices.c.edition_id.in_(over))).rowcount


# --- What came of the whole edition, whoever delivered it ------------------------------------------


def repeated(connection: Connection, edition_id: int) -> int:
    """How many were sent once more after a doubt: as many at the most have it twice."""
    here = deliveries.c.edition_id == edition_id, deliveries.c.repeated, deliveries.c.attempts > 1
    return connection.execute(select(func.count()).where(*here)).scalar_one()


def too_late(connection: Connection, edition_id: int) -> int:
    """How many got nothing since their time was over before anybody tried."""
    here = (
        of_state(edition_id, DeliveryState.REJECTED),
        deliveries.c.attempts == 0,
        deliveries.c.reply.startswith(EXPIRED),
    )
    return connection.execute(select(func.count()).where(*here)).scalar_one()
