"""Single mails to one person: their rows, in the ledger's states."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

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
    keys: Sequence[str] | None = None,
    network: str | None = None,
    subscriber_id: int | None = None,
) -> int:
    """How many letters of these kinds were asked for since; to one mailbox by the keys it may have, from one network,
    or by one reader, where named."""
    query = select(func.count()).select_from(letters).where(letters.c.created_at > since, letters.c.kind.in_(kinds))
    if keys is not None:
        query = query.where(letters.c.key.in_(keys))
    if network is not None:
        query = query.where(letters.c.network == network)
    if subscriber_id is not None:
        query = query.where(letters.c.subscriber_id == subscriber_id)
    return connection.execute(query).scalar_one()


def blank(
    connection: Connection,
    subscriber_id: int,
    kinds: Sequence[LetterKind],
    since: datetime,
    hashed: Callable[[str], str],
) -> None:
    """A subscriber is being forgotten: their letters of these kinds since then are counted on, and hold nothing of a
    person any more. None of them leaves."""
    here = letters.c.subscriber_id == subscriber_id, letters.c.kind.in_(kinds), letters.c.created_at > since
    for row in connection.execute(select(letters.c.id, letters.c.key).where(*here)).all():
        gone: dict[str, Any] = {"address": "", "key": hashed(row.key), "subscriber_id": None, "language": ""}
        gone |= {"details": "{}", "content": None, "code": None, "reply": None, "next_attempt": None}
        _set(connection, letters.c.id == row.id, state=State.SKIPPED, **gone)


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
    _set(connection, _still(letter_id), content=content)


def is_wanted(connection: Connection, letter_id: int) -> bool:
    """False where its reader was forgotten since it was claimed. Read again at the last moment, before it begins."""
    return connection.execute(select(letters.c.id).where(_still(letter_id))).first() is not None


def at_dot(connection: Connection, letter_id: int, now: datetime) -> None:
    """The final dot is about to be written. Committed before it is."""
    _set(connection, _still(letter_id), state=State.SENDING, at=now)


def give_back(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """To be sent as before: nothing came of it, and no attempt is counted."""
    _set(connection, and_(letters.c.id.in_(ids), letters.c.address != ""), state=State.PENDING, at=now)


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
    """What became of it. What has ended keeps no content: it holds a link to somebody's own pages. But what was to be
    passed on and was refused is nowhere else."""
    values: dict[str, Any] = {"state": state, "code": code, "reply": reply, "at": now, "next_attempt": next_attempt}
    if attempted:
        values["attempts"] = letters.c.attempts + 1
    if state.ended and state is not State.UNCERTAIN:
        kept = and_(letters.c.kind == LetterKind.PASSED_ON, literal(state is State.REJECTED))
        values |= {
            "content": case((kept, letters.c.content), else_=None),
            "details": case((kept, letters.c.details), else_="{}"),
        }
    _set(connection, _still(letter_id), **values)


def _still(letter_id: int) -> ColumnElement[bool]:
    """That letter, unless it was blanked meanwhile: nothing is written of who was forgotten."""
    return and_(letters.c.id == letter_id, letters.c.address != "")


def purge(
    connection: Connection, before: datetime, limit: int, *, blank_before: datetime, probed_before: datetime
) -> int:
    """Delete letters that ended before that moment, and the blank ones that no cap counts any more; returns how many,
    at most `limit`."""
    here = letters.c.kind != LetterKind.PROBE, or_(letters.c.kind != LetterKind.PASSED_ON, letters.c.content.is_(None))
    ended = and_(letters.c.state.in_(ENDED), letters.c.at < before, *here)
    probed = and_(letters.c.kind == LetterKind.PROBE, letters.c.at < probed_before)
    uncounted = and_(letters.c.address == "", letters.c.created_at < blank_before)
    old = select(letters.c.id).where(or_(ended, uncounted, probed)).limit(limit)
    return connection.execute(delete(letters).where(letters.c.id.in_(old.scalar_subquery()))).rowcount


def by_id(connection: Connection, letter_id: int) -> Letter | None:
    """The letter of that id; None where it was purged."""
    found = _all(connection, letters.c.id == letter_id)
    return found[0] if found else None


HELD = and_(letters.c.kind == LetterKind.PASSED_ON, letters.c.content.is_not(None))
ALL_BUT_CONTENT = [column for column in letters.c if column.name != "content"]


def not_passed_on(connection: Connection) -> list[Letter]:
    """Letters to the newsroom that were refused, or could not leave in time; without their content, which is kept."""
    return _without_content(connection, and_(HELD, letters.c.state == State.REJECTED))


def held(connection: Connection) -> list[Letter]:
    """Letters to the newsroom that are on their way or were refused; without their content."""
    return _without_content(connection, HELD)


def _without_content(connection: Connection, which: ColumnElement[bool]) -> list[Letter]:
    query: Select[Any] = select(*ALL_BUT_CONTENT, null().label("content")).where(which).order_by(letters.c.id)
    return [letter(row) for row in connection.execute(query)]


def drop_held(connection: Connection, ids: Sequence[int]) -> None:
    """Their writer is being forgotten: nothing of them is left, and none of them leaves any more."""
    here = and_(letters.c.id.in_(ids), HELD)
    _set(connection, here, state=State.SKIPPED, address="", content=None, details="{}", reply=None)


def take_out(connection: Connection, letter_id: int) -> bytes | None:
    """The content of one that was refused; it is kept no longer."""
    content = connection.scalar(select(letters.c.content).where(letters.c.id == letter_id, HELD))
    return content if content is not None and let_go(connection, letter_id) else None


def offer_again(connection: Connection, letter_id: int, now: datetime) -> None:
    """To be sent as if it had been put into the post now: the same bytes."""
    here = and_(letters.c.id == letter_id, HELD, letters.c.state == State.REJECTED)
    _set(connection, here, state=State.PENDING, created_at=now, at=now, attempts=0, next_attempt=None)


def set_details(connection: Connection, letter_id: int, details: Mapping[str, str]) -> None:
    _set(connection, letters.c.id == letter_id, details=json.dumps(dict(details), ensure_ascii=False))


def let_go(connection: Connection, letter_id: int) -> bool:
    """Of a letter that was refused, nothing more is needed. False where somebody else has just said so."""
    here = letters.c.id == letter_id, letters.c.content.is_not(None)
    return bool(_set(connection, and_(*here), content=None, details="{}"))


def of_subscriber(connection: Connection, subscriber_id: int) -> list[Letter]:
    """A subscriber's letters, the newest first."""
    return _all(connection, letters.c.subscriber_id == subscriber_id)[::-1]


def _set(connection: Connection, which: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(update(letters).where(which).values(**values)).rowcount


def _all(connection: Connection, which: ColumnElement[bool]) -> list[Letter]:
    return [letter(row) for row in connection.execute(select(letters).where(which).order_by(letters.c.id))]


def letter(row: Row[Any]) -> Letter:
    """A row of the table, as the rest of the program knows it."""
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
