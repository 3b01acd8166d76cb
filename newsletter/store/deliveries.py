"""The ledger: one row for each edition and subscriber, and every step a delivery can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from newsletter.model import FROZEN, Delivery, DeliveryState, Edition, Variant
from newsletter.store.partitions import in_part, make_room_for, newest_first
from newsletter.store.schema import deliveries, editions, subscribers, wires
from newsletter.store.subscribers import on_the_list, receiving

State = DeliveryState
Claimed = list[Delivery]
MOST_IDS = 10_000
EXPIRED = "expired: "  # how the reply of those begins whose time was over
TAKEN = [getattr(deliveries.c, name) for name in Delivery._fields[:10]]  # what a run needs to know


class Span(NamedTuple):
    """The deliveries of an edition with these ids, both ends included: a slice, or all of them."""

    first: int = 0
    last: int = (1 << 63) - 1


ALL = Span()


def plan(
    connection: Connection, edition_id: int, now: datetime, *, after: int = 0, limit: int | None = None
) -> int | None:
    """Freeze the audience, or up to `limit` subscribers of it behind the one with the id `after`: a pending delivery to
    each who is active and not pausing. Returns the id to go on after; None where nobody is left."""
    ids = select(subscribers.c.id).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit).subquery()
    last = connection.execute(select(func.max(ids.c.id))).scalar()
    if last is None:
        return None
    _insert_pending(connection, edition_id, now, and_(subscribers.c.id > after, subscribers.c.id <= last), late=False)
    return int(last)


def add_newcomer(connection: Connection, edition_id: int, subscriber_id: int, now: datetime) -> bool:
    """A delivery to somebody who has just joined, counted apart; False where they have one already."""
    here = deliveries.c.edition_id == edition_id, deliveries.c.subscriber_id == subscriber_id
    if connection.execute(select(deliveries.c.id).where(*here)).first():
        return False
    _insert_pending(connection, edition_id, now, subscribers.c.id == subscriber_id, late=True)
    return True


def _insert_pending(
    connection: Connection, edition_id: int, now: datetime, who: ColumnElement[bool], *, late: bool
) -> None:
    audience = pending(edition_id, now, late=late).where(who, receiving(now))
    make_room_for(connection, edition_id)
    connection.execute(insert(deliveries).from_select(PLANNED, audience.order_by(subscribers.c.id)))


PLANNED = ["edition_id", "subscriber_id", "address", "variant", "late", "state", "attempts", "repeated", "at"]


def pending(edition_id: int, now: datetime, *, late: bool) -> Select[Any]:
    """A delivery to be sent, to each subscriber: their address and variant as they are now."""
    return select(
        literal(edition_id),
        subscribers.c.id,
        subscribers.c.address,
        subscribers.c.variant,
        literal(late),
        literal(State.PENDING.value),
        literal(0),
        literal(False),
        literal(now, deliveries.c.at.type),
    )


def drop_plan(connection: Connection, edition_id: int, limit: int) -> int:
    """Forget what was planned for an edition that was not frozen after all; returns how many, at most `limit`."""
    some = select(deliveries.c.id).where(deliveries.c.edition_id == edition_id).limit(limit).scalar_subquery()
    query = delete(deliveries).where(in_part(edition_id), deliveries.c.id.in_(some))
    return connection.execute(query).rowcount


def audience(connection: Connection, edition_id: int) -> int:
    """How many subscribers it was frozen for."""
    here = deliveries.c.edition_id == edition_id, ~deliveries.c.late
    return connection.execute(select(func.count()).where(*here)).scalar_one()


# --- A run takes hold ----------------------------------------------------------------------------


def claim(
    connection: Connection,
    edition_id: int,
    run_id: int,
    now: datetime,
    limit: int,
    *,
    after: int = 0,
    span: Span = ALL,
) -> Claimed:
    """Take up to `limit` deliveries that are to be sent, those behind the one with the id `after`, in their order."""
    behind = Span(max(span.first, after + 1), span.last)
    return _claim(connection, edition_id, of_state(edition_id, State.PENDING, behind), run_id, now, limit)


def claim_deferred(
    connection: Connection, edition_id: int, run_id: int, now: datetime, limit: int, *, span: Span = ALL
) -> Claimed:
    """Take up to `limit` of those put off that are due."""
    due = and_(of_state(edition_id, State.DEFERRED, span), deliveries.c.next_attempt <= now)
    return _claim(connection, edition_id, due, run_id, now, limit)


def claim_doubtful(
    connection: Connection, edition_id: int, run_id: int, now: datetime, limit: int, *, span: Span = ALL
) -> Claimed:
    """Take uncertain deliveries to send them once more: each at most once in its life, flagged from here on."""
    once = and_(of_state(edition_id, State.UNCERTAIN, span), ~deliveries.c.repeated)
    return _claim(connection, edition_id, once, run_id, now, limit, repeated=True)


def _claim(
    connection: Connection,
    edition_id: int,
    which: ColumnElement[bool],
    run_id: int,
    now: datetime,
    limit: int,
    **values: Any,
) -> Claimed:
    ids = select(deliveries.c.id).where(which).order_by(deliveries.c.id).limit(limit).scalar_subquery()
    # The Date of its message is fixed before anything of it can leave: so a repeat is the same, whatever we forget.
    begun = func.coalesce(deliveries.c.first_attempt, literal(now.replace(microsecond=0), deliveries.c.at.type))
    # PostgreSQL: who waited for a row looks at it again, and at what stands here alone: another may have taken it, or
    # decided on it. (As an expression, lest its index be taken for the way to the rows.)
    free = (deliveries.c.state + "").in_([State.PENDING.value, State.DEFERRED.value, State.UNCERTAIN.value])
    query = update(deliveries).where(in_part(edition_id), deliveries.c.id.in_(ids), free)
    query = query.values(state=State.CLAIMED, run_id=run_id, at=now, first_attempt=begun, **values)
    rows = connection.execute(query.returning(*TAKEN)).fetchall()
    taken = [Delivery(*row[:4], STATES[row[4]], VARIANTS[row[5]], *row[6:], None, None, now) for row in rows]  # type: ignore[call-arg]
    return sorted(taken)


def claimed_by(connection: Connection, edition_id: int, run_id: int | None, span: Span = ALL) -> Claimed:
    """What a dead run has left claimed. Only for who holds the sending lock, or the slice."""
    theirs = deliveries.c.run_id.is_not_distinct_from(run_id)
    return all_of(connection, and_(of_state(edition_id, State.CLAIMED, span), theirs))


def departed(connection: Connection, edition_id: int, run_id: int, now: datetime) -> set[int]:
    """The subscribers among those that a run has claimed who receive nothing any more. A pause does not keep a
    correction back, see store/audience.py."""
    correction = exists().where(editions.c.id == edition_id, editions.c.corrects.is_not(None))
    stays = or_(receiving(now), and_(on_the_list(), correction))
    query = (
        select(deliveries.c.subscriber_id)
        .join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .where(of_state(edition_id, State.CLAIMED), deliveries.c.run_id == run_id, not_(stays))
    )
    return set(connection.scalars(query))


# --- What became of them ---------------------------------------------------------------------------


def give_back(
    connection: Connection,
    edition_id: int,
    run_id: int | None,
    ids: Sequence[int],
    now: datetime,
    *,
    repeats: bool = True,
    claimed: bool = False,
) -> None:
    """To be sent as before: nothing was offered to the relay, or the line died before the dot, or the relay refused
    everybody alike. No attempt is counted, or not one more. What was to be repeated after a doubt is in doubt again
    where doubts are repeated by themselves; else somebody has decided that it is to be sent, and that stays so.

    Here and in what follows, what is not in that run's hands any more stays as it is: somebody has taken over. With
    `claimed`, so does what has ended in them: a run may take its own word back, who comes after it may not.
    """
    first = case((deliveries.c.attempts > 0, deliveries.c.first_attempt))
    for some in in_pieces(ids):
        here = _in_hands(edition_id, run_id, some)
        here = and_(here, deliveries.c.state == State.CLAIMED) if claimed else here
        fresh = and_(here, ~deliveries.c.repeated) if repeats else here
        change(connection, fresh, state=State.PENDING, at=now, first_attempt=first)
        if repeats:
            change(connection, and_(here, deliveries.c.repeated), state=State.UNCERTAIN, repeated=False, at=now)


def doubt(
    connection: Connection, edition_id: int, run_id: int | None, ids: Sequence[int], reply: str, now: datetime
) -> None:
    """The run ended, and nobody knows whether they have arrived. What was being repeated may be once more: else two
    crashes would leave somebody with nothing; and a crash never makes more than one copy for each line."""
    values: dict[str, Any] = {"state": State.UNCERTAIN, "code": None, "reply": reply, "at": now, "next_attempt": None}
    values["repeated"] = False
    for some in in_pieces(ids):
        here = and_(_in_hands(edition_id, run_id, some), deliveries.c.state == State.CLAIMED)
        change(connection, here, **values, attempts=deliveries.c.attempts + 1)


def _in_hands(edition_id: int, run_id: int | None, ids: Sequence[int]) -> ColumnElement[bool]:
    return and_(among(edition_id, ids), deliveries.c.run_id.is_not_distinct_from(run_id))


def among(edition_id: int, ids: Sequence[int]) -> ColumnElement[bool]:
    """Deliveries of an edition, by their ids."""
    return and_(in_part(edition_id), deliveries.c.id.in_(ids))


# --- The whole edition ----------------------------------------------------------------------------


def counts(
    connection: Connection, edition_id: int, *, late: bool | None = None, span: Span = ALL
) -> dict[DeliveryState, int]:
    """How many there are in each state, those with none included; of the frozen audience or of newcomers alone, where
    `late` says so."""
    query = select(deliveries.c.state, func.count()).where(deliveries.c.edition_id == edition_id, *_within(span))
    if late is not None:
        query = query.where(deliveries.c.late == late)
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query.group_by(deliveries.c.state))}
    return {state: found.get(state, 0) for state in State}


def reached(connection: Connection, edition_id: int) -> bool:
    """Whether anybody has the edition, for all that is known."""
    states = deliveries.c.state.in_([State.ACCEPTED, State.UNCERTAIN])
    return connection.execute(select(exists().where(deliveries.c.edition_id == edition_id, states))).scalar_one()


def doubtful(connection: Connection, edition_id: int, span: Span = ALL) -> int:
    """How many uncertain deliveries have not been repeated yet."""
    here = of_state(edition_id, State.UNCERTAIN, span), ~deliveries.c.repeated
    return connection.execute(select(func.count()).where(*here)).scalar_one()


def next_attempt(connection: Connection, edition_id: int, span: Span = ALL) -> datetime | None:
    """When the next of those put off is due."""
    return connection.execute(
        select(func.min(deliveries.c.next_attempt)).where(of_state(edition_id, State.DEFERRED, span))
    ).scalar()


def oldest_claim(connection: Connection, edition_id: int, span: Span = ALL) -> datetime | None:
    """When the first of those in a run's hands was taken."""
    return connection.execute(
        select(func.min(deliveries.c.at)).where(of_state(edition_id, State.CLAIMED, span))
    ).scalar()


def expire(
    connection: Connection, edition_id: int, reason: str, now: datetime, *, untried: bool, span: Span = ALL
) -> int:
    """The time has run out: what the relay has put off is rejected; with `untried`, so is what was never tried. What
    was to be repeated stays in doubt."""
    unfinished: ColumnElement[bool] = deliveries.c.state.in_([State.PENDING, State.DEFERRED])
    if not untried:
        unfinished = and_(unfinished, deliveries.c.attempts > 0)
    reply = func.coalesce(
        literal(f"{reason}; the last reply was: ") + func.nullif(deliveries.c.reply, ""), literal(reason)
    )
    here = and_(deliveries.c.edition_id == edition_id, unfinished, *_within(span))
    state = case((deliveries.c.repeated, State.UNCERTAIN.value), else_=State.REJECTED.value)
    return change(connection, here, state=state, reply=reply, at=now)


def give_up(connection: Connection, edition_id: int, reason: str, now: datetime) -> int:
    """End what is unfinished as uncertain, never to be repeated: a copy of this database may have sent it."""
    unfinished = deliveries.c.state.in_([State.PENDING, State.DEFERRED, State.CLAIMED, State.SENDING])
    here = and_(deliveries.c.edition_id == edition_id, unfinished)
    return change(connection, here, state=State.UNCERTAIN, repeated=True, reply=reason, at=now)


def refusals(connection: Connection, edition_id: int) -> Iterator[tuple[str, int]]:
    """All that the relay said to those it did not accept, each with how often; the most frequent first."""
    states = deliveries.c.state.in_([State.REJECTED, State.DEFERRED, State.UNCERTAIN])
    query = (
        select(deliveries.c.reply, func.count().label("times"))
        .where(deliveries.c.edition_id == edition_id, states)
        .group_by(deliveries.c.reply)
        .order_by(func.count().desc(), deliveries.c.reply)
    )
    return ((row.reply or "", row.times) for row in connection.execute(query))


def reasons(connection: Connection, edition_id: int) -> list[tuple[int | None, str]]:
    """Every different code and reply among its rejections."""
    query = select(deliveries.c.code, deliveries.c.reply).where(of_state(edition_id, State.REJECTED)).distinct()
    return [(row.code, row.reply or "") for row in connection.execute(query)]


def by_ids(connection: Connection, ids: Sequence[int]) -> list[Delivery]:
    """Those of these ids that are there, in the order of their ids."""
    return all_of(connection, deliveries.c.id.in_(ids))


def of_subscriber(
    connection: Connection, subscriber_id: int, *, before: int | None = None, limit: int | None = None
) -> list[tuple[Delivery, Edition, str]]:
    """A subscriber's whole story, the newest first: each delivery, its edition, and that edition's frozen template.
    Or `limit` of them, from before the delivery of that id."""
    from newsletter.store.editions import _edition

    frozen = and_(wires.c.edition_id == editions.c.id, wires.c.variant == Variant.FULL)
    query = (
        select(deliveries.c.id.label("delivery_id"), editions, wires.c.wire)
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .outerjoin(wires, frozen)
        .where(deliveries.c.subscriber_id == subscriber_id, editions.c.status.in_(FROZEN))
        .order_by(newest_first(connection))
        .limit(limit)
    )
    rows = connection.execute(query if before is None else query.where(deliveries.c.id < before)).all()
    here = deliveries.c.subscriber_id == subscriber_id
    if rows:
        here = and_(here, deliveries.c.id.between(rows[-1].delivery_id, rows[0].delivery_id))
    found = {one.id: one for one in all_of(connection, here)}
    return [(found[row.delivery_id], _edition(row), row.wire or "") for row in rows]


def in_pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """No database takes any number of them in one statement."""
    return (ids[i : i + MOST_IDS] for i in range(0, len(ids), MOST_IDS))


def of_state(edition_id: int, state: DeliveryState, span: Span = ALL) -> ColumnElement[bool]:
    """Those of an edition, or of a slice of it, that are in that state."""
    return and_(deliveries.c.edition_id == edition_id, deliveries.c.state == state, *_within(span))


def _within(span: Span) -> list[ColumnElement[bool]]:
    first = [deliveries.c.id >= span.first] if span.first > ALL.first else []
    return first + ([deliveries.c.id <= span.last] if span.last < ALL.last else [])


def change(connection: Connection, which: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(update(deliveries).where(which).values(**values)).rowcount


def all_of(connection: Connection, which: ColumnElement[bool]) -> list[Delivery]:
    return [delivery(row) for row in connection.execute(select(deliveries).where(which).order_by(deliveries.c.id))]


def delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id,
        row.edition_id,
        row.subscriber_id,
        row.address,
        STATES[row.state],
        VARIANTS[row.variant],
        row.late,
        row.attempts,
        row.first_attempt,
        row.repeated,
        row.code,
        row.reply,
        row.at,
    )


STATES = {state.value: state for state in State}  # a look is five times as fast as State(…)
VARIANTS = {variant.value: variant for variant in Variant}
