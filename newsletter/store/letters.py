"""Single mails to one person: their rows, in the ledger's states."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from newsletter.model import ENDED, DeliveryState, Letter, LetterKind
from newsletter.store.schema import letters

State = DeliveryState


def add(
    connection: Connection,
    kind: LetterKind,
    address: str,
    *,
    language: str,
    now: datetime,
    subscriber_id: int | None = None,
    network: str | None = None,
    details: Mapping[str, str] | None = None,
) -> int:
    """Put a letter into the post; returns its id. It leaves when this is committed and somebody sends letters."""
    values = {
        "kind": kind,
        "address": address,
        "key": mailbox(address),
        "language": language,
        "created_at": now,
        "at": now,
    }
    values |= {"subscriber_id": subscriber_id, "network": network, "state": State.PENDING}
    values["details"] = json.dumps(dict(details or {}), ensure_ascii=False)
    return int(connection.execute(insert(letters).values(**values).returning(letters.c.id)).scalar_one())


def mailbox(address: str) -> str:
    """Where it ends up: `Ama+1@x.example` is ama's. For counting alone: two readers may well share it."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


# --- Counting: the caps ----------------------------------------------------------------------------


def count(
    connection: Connection,
    kinds: Sequence[LetterKind],
    since: datetime,
    *,
    address: str | None = None,
    network: str | None = None,
    subscriber_id: int | None = None,
) -> int:
    """How many letters of these kinds were asked for since; to one mailbox, from one network, or by one reader, where
    named."""
    query = select(func.count()).select_from(letters).where(letters.c.created_at > since, letters.c.kind.in_(kinds))
    if address is not None:
        query = query.where(letters.c.key == mailbox(address))
    if network is not None:
        query = query.where(letters.c.network == network)
    if subscriber_id is not None:
        query = query.where(letters.c.subscriber_id == subscriber_id)
    return connection.execute(query).scalar_one()


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """How many have not ended, and since when the oldest of them waits."""
    query = select(func.count(), func.min(letters.c.created_at)).where(letters.c.state.notin_(ENDED))
    row = connection.execute(query).one()
    return row[0], row[1]


# --- On their way ----------------------------------------------------------------------------------


def release(connection: Connection) -> None:
    """Give back what a dead sender had claimed and not begun. Only for who holds the letters' lock."""
    _set(connection, letters.c.state == State.CLAIMED, state=State.PENDING)


def in_doubt(connection: Connection) -> list[Letter]:
    """Those whose final dot a dead sender had on its way. Only for who holds the letters' lock."""
    return _all(connection, letters.c.state == State.SENDING)


def claim(connection: Connection, kinds: Sequence[LetterKind], now: datetime, limit: int) -> list[Letter]:
    """Take some of these kinds that are due; the oldest first."""
    due = or_(letters.c.state == State.PENDING, and_(letters.c.state == State.DEFERRED, letters.c.next_attempt <= now))
    return _claim(connection, and_(due, letters.c.kind.in_(kinds)), limit, at=now)


def claim_doubtful(connection: Connection, kinds: Sequence[LetterKind], now: datetime, limit: int) -> list[Letter]:
    """Take uncertain ones to send them once more: each at most once in its life, flagged from here on."""
    once = and_(letters.c.state == State.UNCERTAIN, ~letters.c.repeated, letters.c.content.isnot(None))
    return _claim(connection, and_(once, letters.c.kind.in_(kinds)), limit, at=now, repeated=True)


def _claim(connection: Connection, which: ColumnElement[bool], limit: int, **values: Any) -> list[Letter]:
    ids = connection.scalars(select(letters.c.id).where(which).order_by(letters.c.id).limit(limit)).all()
    if not ids:
        return []
    _set(connection, letters.c.id.in_(ids), state=State.CLAIMED, **values)
    return _all(connection, letters.c.id.in_(ids))


def freeze(connection: Connection, letter_id: int, content: bytes) -> None:
    """Its bytes, from its first attempt on."""
    _set(connection, letters.c.id == letter_id, content=content)


def at_dot(connection: Connection, letter_id: int, now: datetime) -> None:
    """The final dot is about to be written. Committed before it is."""
    _set(connection, letters.c.id == letter_id, state=State.SENDING, at=now)


def give_back(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """To be sent as before: nothing came of it, and no attempt is counted."""
    _set(connection, letters.c.id.in_(ids), state=State.PENDING, at=now)


def record(
    connection: Connection,
    letter_id: int,
    state: DeliveryState,
    *,
    now: datetime,
    code: int | None = None,
    reply: str = "",
    next_attempt: datetime | None = None,
    attempted: bool = True,
) -> None:
    """What became of it. What has ended keeps no content: it holds a link to somebody's own pages."""
    values: dict[str, Any] = {"state": state, "code": code, "reply": reply, "at": now, "next_attempt": next_attempt}
    if attempted:
        values["attempts"] = letters.c.attempts + 1
    if state.ended and state is not State.UNCERTAIN:
        values |= {"content": None, "details": "{}"}
    _set(connection, letters.c.id == letter_id, **values)


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete letters that ended before that moment; returns how many, at most `limit`."""
    old = select(letters.c.id).where(letters.c.state.in_(ENDED), letters.c.at < before).limit(limit)
    return connection.execute(delete(letters).where(letters.c.id.in_(old.scalar_subquery()))).rowcount


def of_subscriber(connection: Connection, subscriber_id: int) -> list[Letter]:
    """A subscriber's letters, the newest first."""
    return _all(connection, letters.c.subscriber_id == subscriber_id)[::-1]


def _set(connection: Connection, which: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(update(letters).where(which).values(**values)).rowcount


def _all(connection: Connection, which: ColumnElement[bool]) -> list[Letter]:
    return [_letter(row) for row in connection.execute(select(letters).where(which).order_by(letters.c.id))]


def _letter(row: Row[Any]) -> Letter:
    return Letter(
        id=row.id,
        kind=LetterKind(row.kind),
        address=row.address,
        language=row.language,
        created_at=row.created_at,
        state=State(row.state),
        subscriber_id=row.subscriber_id,
        details=json.loads(row.details),
        content=row.content,
        attempts=row.attempts,
        repeated=row.repeated,
        code=row.code,
        reply=row.reply,
        at=row.at,
    )
