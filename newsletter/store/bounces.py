"""What came back: a row for each returned mail, event of a provider, or refusal by the relay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update

from newsletter.model import (
    FROZEN,
    Bounce,
    Delivery,
    DeliveryState,
    Letter,
    LetterKind,
    Proof,
    Reason,
    ReturnKind,
)
from newsletter.store import deliveries as ledger
from newsletter.store import letters as post
from newsletter.store.dialect import upsert
from newsletter.store.schema import bounces, deliveries, editions, letters, subscribers

State = DeliveryState
SMTP = "smtp"  # the `via` of what the relay said when we sent


def add(connection: Connection, digest: str, one: Bounce) -> int | None:
    """Keep it; returns its id. None where what has this digest was taken in before: nothing is changed then."""
    values = asdict(one) | {"digest": digest}
    del values["id"]
    query = upsert(connection, bounces).values(**values).on_conflict_do_nothing(index_elements=["digest"])
    return connection.execute(query.returning(bounces.c.id)).scalar()


def known(connection: Connection, digest: str) -> bool:
    """Whether it was taken in before."""
    return connection.execute(select(bounces.c.id).where(bounces.c.digest == digest)).first() is not None


# --- Whose it is -----------------------------------------------------------------------------------


def delivery(connection: Connection, delivery_id: int) -> Delivery | None:
    """The ledger's row of that id; None where it was purged."""
    found = ledger.by_ids(connection, [delivery_id])
    return found[0] if found else None


def latest_delivery(connection: Connection, subscriber_id: int) -> Delivery | None:
    """The last edition that somebody was sent."""
    found = recent(connection, subscriber_id, limit=1)
    return found[0] if found else None


def recent(connection: Connection, subscriber_id: int, *, limit: int) -> list[Delivery]:
    """The last editions that somebody was sent, the newest first."""
    query = select(deliveries.c.id).join(editions, editions.c.id == deliveries.c.edition_id)
    here = deliveries.c.subscriber_id == subscriber_id, deliveries.c.first_attempt.is_not(None)
    query = query.where(*here, editions.c.status.in_(FROZEN)).order_by(deliveries.c.id.desc()).limit(limit)
    return ledger.by_ids(connection, list(connection.scalars(query)))[::-1]


# --- What there is of somebody ----------------------------------------------------------------------


def of_subscriber(connection: Connection, subscriber_id: int, *, limit: int | None = None) -> list[Bounce]:
    """All that came back of a reader's mail, the newest first."""
    query = select(bounces).where(bounces.c.subscriber_id == subscriber_id).order_by(bounces.c.id.desc()).limit(limit)
    return [bounce(row) for row in connection.execute(query)]


def last_probe(connection: Connection, subscriber_id: int) -> Letter | None:
    """The last letter that asked a reader whether the address is alive, of those that left or may leave yet."""
    here = letters.c.subscriber_id == subscriber_id, letters.c.kind == LetterKind.PROBE
    row = connection.execute(select(letters).where(*here).order_by(letters.c.id.desc()).limit(1)).one_or_none()
    return post.letter(row) if row else None


# --- What the relay refused -------------------------------------------------------------------------


class Refused(NamedTuple):
    """A delivery or a letter that the relay refused, or put off until its time was over."""

    id: int
    subscriber_id: int
    code: int | None
    reply: str
    at: datetime


# What was never offered says nothing of its reader.
TRIED = and_(deliveries.c.state == State.REJECTED, deliveries.c.attempts > 0)


def untaken_editions(connection: Connection, since: datetime) -> list[int]:
    """Editions begun since then of which not every refusal has been taken in."""
    columns = editions.c.id, func.count().label("times")
    query = select(*columns).join(deliveries, deliveries.c.edition_id == editions.c.id)
    query = query.where(editions.c.started_at >= since, TRIED).group_by(editions.c.id)
    refused = {row.id: row.times for row in connection.execute(query)}
    taken = select(bounces.c.edition_id, func.count().label("times")).group_by(bounces.c.edition_id)
    taken = taken.where(bounces.c.edition_id.in_(list(refused)), bounces.c.via == SMTP)
    known = {row.edition_id: row.times for row in connection.execute(taken)}
    return [edition_id for edition_id, times in sorted(refused.items()) if times > known.get(edition_id, 0)]


def refused_deliveries(connection: Connection, edition_id: int, *, after: int, limit: int) -> list[Refused]:
    """Some of an edition's refused deliveries, behind the one of that id."""
    here = and_(deliveries.c.edition_id == edition_id, TRIED, deliveries.c.id > after)
    return _refused(connection, select(deliveries).where(here).order_by(deliveries.c.id).limit(limit))


def refused_letters(connection: Connection, since: datetime, limit: int) -> list[Refused]:
    """Letters to readers that were refused since then and are not taken in."""
    taken = select(bounces.c.id).where(bounces.c.letter_id == letters.c.id, bounces.c.via == SMTP).exists()
    tried = letters.c.state == State.REJECTED, letters.c.attempts > 0, letters.c.at >= since
    query = select(letters).where(*tried, letters.c.subscriber_id.is_not(None), ~taken)
    return _refused(connection, query.order_by(letters.c.id).limit(limit))


def _refused(connection: Connection, query: Select[Any]) -> list[Refused]:
    rows = connection.execute(query)
    return [Refused(row.id, row.subscriber_id, row.code, row.reply or "", row.at) for row in rows]


# --- Lists and their end ----------------------------------------------------------------------------


def listed(
    connection: Connection,
    *,
    edition_id: int | None = None,
    unproven: bool = False,
    kinds: Sequence[ReturnKind] = (),
    limit: int = 100,
) -> list[tuple[Bounce, str]]:
    """The last that came back, the newest first, each with its reader's address, where it is attributed."""
    query = select(bounces, subscribers.c.address.label("reader"))
    query = query.outerjoin(subscribers, subscribers.c.id == bounces.c.subscriber_id)
    if edition_id is not None:
        query = query.where(bounces.c.edition_id == edition_id)
    if unproven:
        query = query.where(bounces.c.proof.in_([Proof.ADDRESS, Proof.NOTHING]))
    if kinds:
        query = query.where(bounces.c.kind.in_(kinds))
    rows = connection.execute(query.order_by(bounces.c.id.desc()).limit(limit))
    return [(bounce(row), row.reader or "") for row in rows]


def blank(connection: Connection, subscriber_id: int, address: str) -> None:
    """Delete what is personal in the rows about somebody who is being forgotten."""
    theirs = or_(bounces.c.subscriber_id == subscriber_id, bounces.c.address == address.lower())
    connection.execute(update(bounces).where(theirs).values(text="", address=""))


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete rows from before that moment; returns how many, at most `limit`."""
    some = select(bounces.c.id).where(bounces.c.at < before).limit(limit).scalar_subquery()
    return connection.execute(delete(bounces).where(bounces.c.id.in_(some))).rowcount


def bounce(row: Row[Any]) -> Bounce:
    return Bounce(
        id=row.id,
        at=row.at,
        kind=ReturnKind(row.kind),
        via=row.via,
        proof=Proof(row.proof),
        subscriber_id=row.subscriber_id,
        delivery_id=row.delivery_id,
        edition_id=row.edition_id,
        letter_id=row.letter_id,
        permanent=row.permanent,
        reason=Reason(row.reason) if row.reason else None,
        suppress=row.suppress,
        code=row.code,
        text=row.text,
        address=row.address,
    )
