"""Editions, and the choices they are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from newsletter.model import (
    DAILY,
    ENDED,
    FROZEN,
    WENT_OUT,
    Choice,
    DeliveryState,
    Edition,
    EditionStatus,
    Edits,
    Picture,
    Variant,
)
from newsletter.store import articles
from newsletter.store.partitions import any_of
from newsletter.store.schema import choices, deliveries, editions, wires


def get(connection: Connection, day: date, slot: str) -> Edition | None:
    row = connection.execute(select(editions).where(editions.c.day == day, editions.c.slot == slot)).one_or_none()
    return _edition(row) if row else None


def _one(connection: Connection, which: ColumnElement[bool]) -> Edition | None:
    row = connection.execute(select(editions).where(which)).one_or_none()
    return _edition(row) if row else None


def by_id(connection: Connection, edition_id: int) -> Edition:
    return _edition(connection.execute(select(editions).where(editions.c.id == edition_id)).one())


def latest(connection: Connection, slot: str, upto: date) -> Edition | None:
    """The newest edition, that of `upto` included; one decided on for a later day is not there yet."""
    here = editions.c.slot == slot, editions.c.day <= upto
    query = select(editions).where(*here).order_by(editions.c.day.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return _edition(row) if row else None


def sending(connection: Connection) -> list[Edition]:
    """The editions whose deliveries have not all ended, the oldest first."""
    query = select(editions).where(editions.c.status == EditionStatus.SENDING).order_by(editions.c.started_at)
    return [_edition(row) for row in connection.execute(query)]


def called(connection: Connection, since: datetime, now: datetime) -> list[Edition]:
    """The editions that an editor sends, or goes on with, at a moment of their own which has come; the oldest first."""
    here = editions.c.go_at > since, editions.c.go_at <= now, editions.c.paused_at.is_(None)
    open_ones = editions.c.status.in_([EditionStatus.APPROVED, EditionStatus.SENDING])
    query = select(editions).where(*here, open_ones).order_by(editions.c.go_at)
    return [_edition(row) for row in connection.execute(query)]


def drop_calls(connection: Connection, upto: datetime | None = None, **values: Any) -> list[Edition]:
    """Nobody sends any more what an editor sent by that moment and nobody took up: by whatever moment, where none is
    named. What is on its way stays on it. Returns the editions, as they were."""
    found = [lock(connection, one.id) for one in not_taken_up(connection, upto)]
    for one in found:
        change(connection, one.id, go_at=None, **values)
    return found


def not_taken_up(connection: Connection, upto: datetime | None = None) -> list[Edition]:
    """The editions that an editor sends at a moment of their own, up to that one, and that are not on their way."""
    query = select(editions).where(editions.c.status == EditionStatus.APPROVED, editions.c.go_at.is_not(None))
    query = query if upto is None else query.where(editions.c.go_at <= upto)
    return [_edition(row) for row in connection.execute(query.order_by(editions.c.go_at))]


def is_paused(connection: Connection, edition_id: int) -> bool:
    """Whether an editor has stopped its sending."""
    query = select(editions.c.paused_at).where(editions.c.id == edition_id)
    return connection.execute(query).scalar() is not None


def last_picking(connection: Connection, slot: str, before: date) -> datetime | None:
    """When the last edition before that day was picked, among those that went out."""
    return connection.execute(
        select(func.max(editions.c.picked_at)).where(
            editions.c.slot == slot, editions.c.day < before, articles.keeps_its_articles()
        )
    ).scalar()


def first_picking(connection: Connection, slot: str, before: date) -> datetime | None:
    """When the first edition of all was picked, whatever became of it."""
    here = editions.c.slot == slot, editions.c.day < before
    return connection.execute(select(func.min(editions.c.picked_at)).where(*here)).scalar()


def keep_draft(connection: Connection, day: date, slot: str, picked_at: datetime, made: Sequence[Choice]) -> Edition:
    """Write a draft with its choices in the place of the one that stood there. The caller holds that it may."""
    found = get(connection, day, slot)
    if found:
        edition_id = found.id
        connection.execute(delete(choices).where(choices.c.edition_id == edition_id))
        change(connection, edition_id, picked_at=picked_at)
    else:
        edition_id = _insert(connection, day, slot, picked_at)
    _keep_choices(connection, edition_id, made)
    return by_id(connection, edition_id)


def _insert(connection: Connection, day: date, slot: str, picked_at: datetime, **values: Any) -> int:
    row = {"day": day, "slot": slot, "status": EditionStatus.DRAFT, "picked_at": picked_at} | values
    return int(connection.execute(insert(editions).values(**row).returning(editions.c.id)).scalar_one())


def _keep_choices(connection: Connection, edition_id: int, made: Sequence[Choice]) -> None:
    if made:
        connection.execute(insert(choices), [_choice_row(edition_id, i, one) for i, one in enumerate(made)])


def keep_beside(
    connection: Connection,
    day: date,
    slot: str,
    picked_at: datetime,
    made: Sequence[Choice],
    *,
    corrects: int | None = None,
) -> Edition:
    """Write a draft into the first free slot of that kind: extra, extra-2, extra-3."""
    slots = {one.slot for one in of_day(connection, day)}
    names = (slot if number == 1 else f"{slot}-{number}" for number in count(1))
    for name in (name for name in names if name not in slots):
        try:
            with connection.begin_nested():
                edition_id = _insert(connection, day, name, picked_at, corrects=corrects)
        except IntegrityError:
            continue  # somebody else took it this very moment
        _keep_choices(connection, edition_id, made)
        return by_id(connection, edition_id)
    raise AssertionError("there is always a next number")


def move(
    connection: Connection,
    edition_id: int,
    origin: Iterable[EditionStatus],
    to: EditionStatus,
    *,
    seen: Edition | None = None,
    **values: Any,
) -> bool:
    """Bring an edition from one status to another; False where it was in none of `origin` any more or, where it is
    given as it was `seen`, was picked, shaped or called since.

    Compare and set: of two who try at once, one succeeds.
    """
    here = [editions.c.id == edition_id, editions.c.status.in_(list(origin))]
    if seen is not None:
        here += [editions.c.picked_at == seen.picked_at, editions.c.version == seen.version]
        here.append(editions.c.go_at.is_not_distinct_from(seen.go_at))
    return bool(connection.execute(update(editions).where(*here).values(status=to, **values)).rowcount)


def lock(connection: Connection, edition_id: int) -> Edition:
    """The edition, with nobody else changing it before our transaction has ended."""
    return _edition(connection.execute(select(editions).where(editions.c.id == edition_id).with_for_update()).one())


def consider(connection: Connection, edition_id: int, others: Sequence[Choice]) -> None:
    """Add articles to those considered for an edition, which stay out of it: the ones it does not know yet."""
    here = choices.c.edition_id == edition_id
    known = set(connection.scalars(select(choices.c.article_id).where(here)))
    rank = connection.execute(select(func.max(choices.c.rank)).where(here)).scalar() or 0
    fresh = [one for one in others if one.candidate.id not in known]
    if fresh:
        connection.execute(insert(choices), [_choice_row(edition_id, rank + i, one) for i, one in enumerate(fresh, 1)])


def change(connection: Connection, edition_id: int, **values: Any) -> None:
    connection.execute(update(editions).where(editions.c.id == edition_id).values(**values))


def wires_of(connection: Connection, edition_id: int) -> dict[Variant, str]:
    """The frozen templates of its messages by variant, as `mail.message` wrote them."""
    rows = connection.execute(select(wires.c.variant, wires.c.wire).where(wires.c.edition_id == edition_id))
    return {Variant(row.variant): row.wire for row in rows}


def keep_wires(connection: Connection, edition_id: int, frozen: Mapping[Variant, str]) -> None:
    rows = [{"edition_id": edition_id, "variant": variant, "wire": wire} for variant, wire in frozen.items()]
    connection.execute(insert(wires), rows)


def with_newcomers(connection: Connection, now: datetime, *, repeats: bool = True) -> list[Edition]:
    """The editions that have ended, but for what newcomers are to get of them now; with `repeats`, once more."""
    put_off = and_(deliveries.c.state == DeliveryState.DEFERRED, deliveries.c.next_attempt > now)
    due = and_(deliveries.c.state.notin_(ENDED), ~put_off)
    if repeats:
        due = or_(due, and_(deliveries.c.state == DeliveryState.UNCERTAIN, ~deliveries.c.repeated))
    # Of an edition that was sent, none but newcomers' have not ended: named by their states, since the index has those.
    open_ones = [state for state in DeliveryState if not state.ended or (repeats and state is DeliveryState.UNCERTAIN)]
    waits = any_of(deliveries.c.state.in_(open_ones), deliveries.c.late, due)
    query = select(editions).where(editions.c.status == EditionStatus.SENT, waits)
    return [_edition(row) for row in connection.execute(query)]


def sent(
    connection: Connection,
    slot: str | None = None,
    limit: int | None = None,
    before: date | None = None,
    *,
    corrections: bool = True,
) -> list[Edition]:
    """The editions that readers have received, the newest first: for the archive."""
    query = select(editions).where(editions.c.status.in_(WENT_OUT))
    if not corrections:
        query = query.where(editions.c.corrects.is_(None))
    if slot:
        query = query.where(editions.c.slot == slot)
    if before:
        query = query.where(editions.c.day < before)
    query = query.order_by(editions.c.day.desc(), editions.c.id.desc()).limit(limit)
    return [_edition(row) for row in connection.execute(query)]


def corrections_of(connection: Connection, edition_ids: Iterable[int], *, out: bool = True) -> list[Edition]:
    """The corrections of these editions, the oldest first: those that went out, or all that were made."""
    query = select(editions).where(editions.c.corrects.in_(list(edition_ids)))
    query = query.where(editions.c.status.in_(WENT_OUT)) if out else query
    return [_edition(row) for row in connection.execute(query.order_by(editions.c.id))]


def of_day(connection: Connection, day: date) -> list[Edition]:
    """Every edition of a day, of whatever slot, in the order in which they were made."""
    query = select(editions).where(editions.c.day == day).order_by(editions.c.id)
    return [_edition(row) for row in connection.execute(query)]


def page(connection: Connection, limit: int, before: int | None = None) -> list[Edition]:
    """All editions of every status and slot, the newest first; those behind the one with the id `before`."""
    query = select(editions)
    first = _one(connection, editions.c.id == before) if before is not None else None
    if first:
        query = query.where(tuple_(editions.c.day, editions.c.id) < tuple_(first.day, first.id))
    query = query.order_by(editions.c.day.desc(), editions.c.id.desc()).limit(limit)
    return [_edition(row) for row in connection.execute(query)]


def next_begun(connection: Connection, edition: Edition) -> datetime | None:
    """When the sending of the edition after this one began; None where none has followed it."""
    later = editions.c.started_at > edition.started_at, editions.c.status.in_(FROZEN)
    return connection.execute(select(func.min(editions.c.started_at)).where(*later)).scalar()


def neighbour(connection: Connection, edition: Edition, *, later: bool) -> Edition | None:
    """The next edition that readers have received, or the one before."""
    place, here = tuple_(editions.c.day, editions.c.id), tuple_(edition.day, edition.id)
    query = select(editions).where(editions.c.status.in_(WENT_OUT), place > here if later else place < here)
    order = (editions.c.day, editions.c.id) if later else (editions.c.day.desc(), editions.c.id.desc())
    row = connection.execute(query.order_by(*order).limit(1)).one_or_none()
    return _edition(row) if row else None


def named(connection: Connection, name: str) -> Edition | None:
    """The edition of that name, as `Edition.name` gives it."""
    try:
        day = date.fromisoformat(name[:10])
    except ValueError:
        return None
    found = get(connection, day, name[11:] or DAILY)
    return found if found and found.name == name else None


def names(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The names of editions, by their ids."""
    found = connection.execute(select(editions).where(editions.c.id.in_(list(ids))))
    return {row.id: _edition(row).name for row in found}


def choices_of(connection: Connection, edition_id: int) -> list[Choice]:
    """All articles considered: the picked ones in their places, then the others."""
    rows = connection.execute(select(choices).where(choices.c.edition_id == edition_id).order_by(choices.c.rank)).all()
    found = articles.chosen(connection, [row.article_id for row in rows])
    return [
        Choice(
            found[row.article_id],
            picked=row.picked,
            reason=row.reason,
            place=row.place,
            section=row.section,
            kept=articles.from_json(json.loads(row.kept)) if row.kept else None,
            edits=_edits(row),
            by=row.by,
            declined=row.declined,
        )
        for row in sorted(rows, key=lambda row: (not row.picked, row.place or 0, row.rank))
    ]


def _edits(row: Row[Any]) -> Edits:
    picture = json.loads(row.picture) if row.picture else None
    return Edits(row.title, row.summary, Picture(**picture) if picture else None, without_picture=picture == {})


def picked(connection: Connection, edition_id: int) -> int:
    """How many articles it carries."""
    here = choices.c.edition_id == edition_id, choices.c.picked
    return connection.execute(select(func.count()).select_from(choices).where(*here)).scalar_one()


def leave_out(connection: Connection, edition_id: int, reasons: Mapping[int, str]) -> None:
    """Take articles out of the choice, each by its id and with the reason why. The places run from 1 again."""
    lock(connection, edition_id)  # an editor may be shaping it just now
    here = choices.c.edition_id == edition_id
    for article_id, reason in reasons.items():
        one = here, choices.c.article_id == article_id
        connection.execute(update(choices).where(*one).values(picked=False, place=None, reason=reason))
    picked = connection.execute(select(choices.c.article_id).where(here, choices.c.picked).order_by(choices.c.place))
    for place, article_id in enumerate(picked.scalars().all(), 1):
        connection.execute(update(choices).where(here, choices.c.article_id == article_id).values(place=place))


def _choice_row(edition_id: int, rank: int, one: Choice) -> dict[str, Any]:
    return {
        "edition_id": edition_id,
        "article_id": one.candidate.id,
        "picked": one.picked,
        "place": one.place,
        "section": one.section,
        "reason": one.reason,
        "rank": rank,
    }


def _edition(row: Row[Any]) -> Edition:
    return Edition(
        id=row.id,
        day=row.day,
        slot=row.slot,
        status=EditionStatus(row.status),
        picked_at=row.picked_at,
        subject=row.subject,
        audience=row.audience,
        started_at=row.started_at,
        ended_at=row.ended_at,
        remark=row.remark,
        preheader=row.preheader,
        note=row.note,
        version=row.version,
        shaped=row.shaped,
        go_at=row.go_at,
        paused_at=row.paused_at,
        corrects=row.corrects,
    )
