"""What a report needs of many editions at once: what came back, who left, how the list changed. One pass for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, or_, select

from newsletter.model import FROZEN, Act, Edition, Proof, Reason, ReturnKind
from newsletter.store.bounces import TRIED
from newsletter.store.editions import _edition
from newsletter.store.results import GONE, domain_of
from newsletter.store.schema import bounces, consents, deliveries, editions, subscribers

AT_ONCE = "smtp"  # how it came: the relay said it when we sent
UNPROVEN = [one for one in Proof if not one.certain]
ON = (Act.CONFIRMED, Act.ADDED, Act.IMPORTED, Act.CAME_BACK, Act.REVIVED)  # who was not on the list is from here on
OFF = ("unsubscribed", "unreachable", "complained", "forgotten")  # acts after which nobody is
QUARTER = 900  # seconds: every zone's days begin at a quarter of an hour


def begun(connection: Connection, limit: int, upto: Edition | None = None) -> list[Edition]:
    """The last editions whose sending began, of every slot; up to that one. The oldest first."""
    query = select(editions).where(editions.c.status.in_(FROZEN), editions.c.started_at.is_not(None))
    if upto is not None:
        query = query.where(editions.c.started_at <= upto.started_at)
    rows = connection.execute(query.order_by(editions.c.started_at.desc(), editions.c.id.desc()).limit(limit))
    return [_edition(row) for row in reversed(rows.all())]


# --- What came back ---------------------------------------------------------------------------------


class Back(NamedTuple):
    """Deliveries of one edition to one domain that came back, or were refused at once, alike."""

    edition_id: int
    domain: str  # empty where the reader is forgotten
    kind: ReturnKind  # a bounce, or feedback: a complaint
    at_once: bool  # the relay refused it when we sent: that is in the ledger too
    hard: bool
    reason: Reason
    times: int


def returned(connection: Connection, edition_ids: Sequence[int]) -> list[Back]:
    """What is proven of these editions' deliveries, each counted once: by its hardest bounce, else the newest one."""
    one = _hardest(edition_ids).subquery()
    joined = select(one, _address().label("address")).select_from(
        one.outerjoin(deliveries, deliveries.c.id == one.c.delivery_id).outerjoin(
            subscribers, subscribers.c.id == one.c.subscriber_id
        )
    )
    found = joined.where(one.c.place == 1).subquery()
    columns = [found.c.edition_id, domain_of(connection, found.c.address).label("domain"), found.c.kind]
    columns += [found.c.at_once, found.c.hard, found.c.reason]
    rows = connection.execute(select(*columns, func.count().label("times")).group_by(*columns))
    return [
        Back(
            row.edition_id,
            row.domain,
            ReturnKind(row.kind),
            bool(row.at_once),
            bool(row.hard),
            Reason(row.reason),
            row.times,
        )
        for row in rows
    ]


def _hardest(edition_ids: Sequence[int]) -> Any:
    hard, at_once = case((bounces.c.permanent, 1), else_=0), case((bounces.c.via == AT_ONCE, 1), else_=0)
    of = bounces.c.edition_id, bounces.c.subscriber_id, bounces.c.kind
    # A reader has one delivery of an edition, though a row may know the reader alone: by a link, by a provider's word.
    nobody = case((bounces.c.subscriber_id.is_(None), bounces.c.delivery_id))
    alike = [*of, nobody, at_once]
    order = hard.desc(), bounces.c.id.desc()
    place = func.row_number().over(partition_by=alike, order_by=order).label("place")
    delivery = func.max(bounces.c.delivery_id).over(partition_by=alike).label("delivery_id")
    reason = func.coalesce(bounces.c.reason, Reason.OTHER.value).label("reason")
    here = bounces.c.edition_id.in_(edition_ids), bounces.c.proof.not_in(UNPROVEN), _counts()
    return select(*of, delivery, at_once.label("at_once"), hard.label("hard"), reason, place).where(*here)


def _counts() -> ColumnElement[bool]:
    """A complaint, or a bounce that is one: of what is only late nothing is known yet."""
    late = func.coalesce(bounces.c.reason, "") == Reason.DELAYED
    return or_(bounces.c.kind == ReturnKind.FEEDBACK, and_(bounces.c.kind == ReturnKind.BOUNCE, ~late))


def _address() -> ColumnElement[Any]:
    """As the ledger has it; the reader's of today, where the ledger's row is gone."""
    return func.coalesce(func.nullif(deliveries.c.address, ""), subscribers.c.address, "")


class Unjudged(NamedTuple):
    """Deliveries of one edition to one domain that the relay refused with the same words, and that no row judges."""

    edition_id: int
    domain: str
    code: int | None
    reply: str
    times: int


def unjudged(connection: Connection, edition_ids: Sequence[int], limit: int) -> list[Unjudged]:
    """What was refused and is not taken in: not yet, or from before that was done. The most frequent words first."""
    taken = select(bounces.c.delivery_id).where(bounces.c.edition_id.in_(edition_ids), bounces.c.via == AT_ONCE)
    taken = taken.where(bounces.c.delivery_id.is_not(None))
    domain = domain_of(connection, deliveries.c.address).label("domain")
    columns = [deliveries.c.edition_id, domain, deliveries.c.code, deliveries.c.reply]
    times = func.count().label("times")
    query = select(*columns, times).where(
        deliveries.c.edition_id.in_(edition_ids), TRIED, deliveries.c.id.not_in(taken)
    )
    query = query.group_by(*columns).order_by(times.desc(), deliveries.c.edition_id, domain, deliveries.c.reply)
    rows = connection.execute(query.limit(limit))
    return [Unjudged(row.edition_id, row.domain, row.code, row.reply or "", row.times) for row in rows]


def unattributed(connection: Connection, since: datetime) -> int:
    """How many bounces and complaints came since then of which nothing proves whose they are."""
    here = bounces.c.at >= since, bounces.c.proof.in_(UNPROVEN), _counts()
    return connection.execute(select(func.count()).where(*here)).scalar_one()


def has_returned(connection: Connection) -> bool:
    """Whether anything has ever come back, by whatever way."""
    return connection.execute(select(bounces.c.id).where(bounces.c.via != AT_ONCE).limit(1)).first() is not None


def sums(connection: Connection) -> dict[str, int]:
    """All that came back and is kept, by what it is; also what nothing proves whose it is."""
    hard = case((bounces.c.permanent, 1), else_=0).label("hard")
    query = select(bounces.c.kind, hard, func.count()).where(_counts(), bounces.c.via != AT_ONCE)
    rows = connection.execute(query.group_by(bounces.c.kind, hard))
    found = {"hard": 0, "soft": 0, "complaint": 0}
    for kind, is_hard, times in rows:
        found["complaint" if kind == ReturnKind.FEEDBACK else "hard" if is_hard else "soft"] += times
    return found


# --- Who left, and how the list changed ----------------------------------------------------------------


def left(connection: Connection, edition_ids: Sequence[int]) -> dict[int, int]:
    """How many who had each of these editions have left since its sending began, before that of the next one, and are
    gone still: what `results.departures` says of one, for all of them in one pass."""
    first = select(func.min(editions.c.started_at)).where(editions.c.id.in_(edition_ids)).scalar_subquery()
    query = select(editions.c.id, editions.c.started_at)
    query = query.where(editions.c.status.in_(FROZEN), editions.c.started_at >= first)
    starts = connection.execute(query.order_by(editions.c.started_at.desc())).all()
    if not starts:
        return {}
    since = subscribers.c.since
    during = case(*[(since >= row.started_at, row.id) for row in starts])  # the newest that had begun by then
    joined = subscribers.join(
        deliveries, and_(deliveries.c.edition_id == during, deliveries.c.subscriber_id == subscribers.c.id)
    )
    gone = subscribers.c.status.in_(GONE), since >= starts[-1].started_at, deliveries.c.edition_id.in_(edition_ids)
    counted = select(deliveries.c.edition_id, func.count()).select_from(joined).where(*gone)
    return {row[0]: row[1] for row in connection.execute(counted.group_by(deliveries.c.edition_id))}


class Change(NamedTuple):
    """So many came onto the list, or went off it, in that quarter of an hour."""

    at: datetime
    act: str
    times: int


def changes(connection: Connection, since: datetime) -> list[Change]:
    """Every coming and going since then. Who was off the list already does not go off it again: who left, and is
    forgotten years later."""
    quarter = _quarter(connection).label("quarter")
    before = consents.alias()
    status = [*ON, *OFF, Act.SIGNED_UP]
    last = select(before.c.act).where(before.c.subscriber_id == consents.c.subscriber_id, before.c.id < consents.c.id)
    last = last.where(before.c.act.in_(status)).order_by(before.c.id.desc()).limit(1)
    was_on = func.coalesce(last.scalar_subquery(), Act.ADDED.value).in_(ON)  # none: older than what is kept of acts
    moved = or_(consents.c.act.in_(ON), and_(consents.c.act.in_(OFF), was_on))
    query = select(quarter, consents.c.act, func.count().label("times")).where(consents.c.at >= since, moved)
    rows = connection.execute(query.group_by(quarter, consents.c.act))
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    return [Change(zero + timedelta(seconds=row.quarter * QUARTER), row.act, row.times) for row in rows]


def _quarter(connection: Connection) -> ColumnElement[Any]:
    """The quarters of an hour since 1970."""
    if connection.dialect.name == "postgresql":
        return cast(func.floor(func.extract("epoch", consents.c.at) / QUARTER), Integer)
    return cast(func.strftime("%s", consents.c.at), Integer) // QUARTER
