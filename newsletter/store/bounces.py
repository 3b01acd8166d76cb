"""What came back: a row for each returned mail, event of a provider, or refusal by the relay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

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
from newsletter.store.partitions import newest_first
from newsletter.store.schema import bounces, deliveries, editions, letters, subscribers
from newsletter.store.subscribers import at_domain

State = DeliveryState
SMTP, MBOX = "smtp", "mbox"  # the `via` of what the relay said when we sent, and of a mailbox that keeps its mails


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
    query = select(deliveries).join(editions, editions.c.id == deliveries.c.edition_id)
    here = deliveries.c.subscriber_id == subscriber_id, deliveries.c.first_attempt.is_not(None)
    query = query.where(*here, editions.c.status.in_(FROZEN)).order_by(newest_first(connection)).limit(limit)
    return [ledger.delivery(row) for row in connection.execute(query)]


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
    address: str
    begun: datetime | None
    code: int | None
    reply: str


# What was never offered says nothing of its reader.
TRIED = and_(deliveries.c.state == State.REJECTED, deliveries.c.attempts > 0)


def untaken_editions(connection: Connection, since: datetime) -> list[int]:
    """Editions begun since then of which not every refusal has been taken in."""
    found = []
    begun = select(editions.c.id).where(editions.c.started_at >= since).order_by(editions.c.id)
    for edition_id in connection.scalars(begun).all():  # each by its index: the ledger is long
        refused = select(func.count()).select_from(deliveries).where(deliveries.c.edition_id == edition_id, TRIED)
        taken = select(func.count()).select_from(bounces).where(bounces.c.edition_id == edition_id)
        if connection.scalar(refused) != connection.scalar(taken.where(bounces.c.via == SMTP)):
            found.append(edition_id)
    return found


def refused_deliveries(connection: Connection, edition_id: int, *, after: int, limit: int) -> list[Refused]:
    """Some of an edition's refused deliveries, behind the one of that id."""
    here = and_(deliveries.c.edition_id == edition_id, TRIED, deliveries.c.id > after)
    rows = connection.execute(select(deliveries).where(here).order_by(deliveries.c.id).limit(limit))
    return [
        Refused(row.id, row.subscriber_id, row.address, row.first_attempt, row.code, row.reply or "") for row in rows
    ]


def refused_letters(connection: Connection, since: datetime, limit: int) -> list[Refused]:
    """Letters to readers that were refused since then and are not taken in."""
    taken = select(bounces.c.id).where(bounces.c.letter_id == letters.c.id, bounces.c.via == SMTP).exists()
    tried = letters.c.state == State.REJECTED, letters.c.attempts > 0, letters.c.at >= since
    query = select(letters).where(*tried, letters.c.subscriber_id.is_not(None), ~taken)
    rows = connection.execute(query.order_by(letters.c.id).limit(limit))
    return [Refused(row.id, row.subscriber_id, row.address, row.created_at, row.code, row.reply or "") for row in rows]


# --- Whole editions, whole domains ----------------------------------------------------------------------------------


def dead(connection: Connection, edition_id: int) -> int:
    """How many readers came back as dead from one edition."""
    here = bounces.c.edition_id == edition_id, bounces.c.suppress
    return connection.scalar(select(func.count(bounces.c.subscriber_id.distinct())).where(*here)) or 0


def out_of_reach(
    connection: Connection, domain: str, reasons: Sequence[str], since: datetime, *, but: int, limit: int
) -> int:
    """How many other readers of a domain came back for such a reason since then; counted up to `limit`."""
    here = bounces.c.at >= since, bounces.c.reason.in_(reasons), bounces.c.subscriber_id != but, at_domain(domain)
    some = select(bounces.c.subscriber_id).join(subscribers, subscribers.c.id == bounces.c.subscriber_id).where(*here)
    return connection.scalar(select(func.count()).select_from(some.distinct().limit(limit).subquery())) or 0


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


def naming(connection: Connection, key: str) -> list[Bounce]:
    """What names an address by what its spellings share, and is not proven to be about it; the newest first."""
    rows = connection.execute(select(bounces).where(bounces.c.address == key).order_by(bounces.c.id.desc()))
    return [bounce(row) for row in rows]


def blank(connection: Connection, subscriber_id: int, key: str) -> None:
    """Delete what is personal in the rows about somebody who is being forgotten."""
    theirs = or_(bounces.c.subscriber_id == subscriber_id, bounces.c.address == key)
    connection.execute(update(bounces).where(theirs).values(text="", address=""))


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete rows from before that moment; returns how many, at most `limit`. Of an mbox, in which mails stay, they are
    emptied: by their digests the mails are known for ever."""
    full = or_(bounces.c.subscriber_id.is_not(None), bounces.c.text != "", bounces.c.address != "")
    old = bounces.c.at < before, or_(bounces.c.via != MBOX, full)
    ids = connection.scalars(select(bounces.c.id).where(*old).limit(limit)).all()
    emptied = {"subscriber_id": None, "text": "", "address": ""}
    connection.execute(update(bounces).where(bounces.c.id.in_(ids), bounces.c.via == MBOX).values(**emptied))
    connection.execute(delete(bounces).where(bounces.c.id.in_(ids), bounces.c.via != MBOX))
    return len(ids)


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
