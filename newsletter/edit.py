"""What editors decide about an edition: approve, hold, cancel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from newsletter.errors import BadData, NotSent
from newsletter.model import DAILY, AuditEntry, Choice, Edition, EditionStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.shaping import pin
from newsletter.store import articles, audit, editions, shapes
from newsletter.store.database import read, write

Status = EditionStatus

# From where an editor may bring an edition to which status. A frozen edition is beyond deciding.
DECISIONS = {
    Status.APPROVED: (Status.DRAFT, Status.HELD, Status.CANCELLED, Status.APPROVED),
    Status.HELD: (Status.DRAFT, Status.APPROVED, Status.HELD),
    Status.CANCELLED: (Status.DRAFT, Status.APPROVED, Status.HELD, Status.CANCELLED),
}


def decide(
    room: Newsroom,
    day: date,
    status: EditionStatus,
    *,
    who: Who | None = None,
    slot: str = DAILY,
    subject: str | None = None,
    dry_run: bool = False,
) -> Edition:
    """Approve, hold or cancel an edition, as `who` does (by default, whoever is at the command line). One of the day
    that does not exist yet can be held or cancelled beforehand.

    What is approved is kept as it stands: what its sites change after that is taken over by hand (`shaping.take`).
    `subject` goes before the lead's title, also in a later picking; empty, the lead's title it is again.

    Raises BadData where there is nothing to approve, NotSent where it is too late for the decision.
    """
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = editions.get(connection, day, slot)
        if edition is None and (status is Status.APPROVED or slot != DAILY):
            raise BadData(_absent(day, slot))
        if edition is None:
            edition = editions.keep_draft(connection, day, slot, room.clock(), [])
        edition = editions.lock(connection, edition.id)
        if status is Status.APPROVED:
            _check_can_go(room, connection, edition, subject)
        if not editions.move(connection, edition.id, DECISIONS[status], status, go_at=None):
            raise NotSent(f"the edition of {edition.name} is {edition.status} already: it cannot be {status} any more")
        patch = pin(connection, edition.id) if status is Status.APPROVED else {}
        if subject is not None:
            patch["subject"] = subject.strip() or None
        version = shapes.write(connection, edition.id, patch)
        was: dict[str, Any] = {"status": edition.status}
        now: dict[str, Any] = {"status": status}
        if subject is not None:
            was, now = was | {"subject": edition.subject}, now | {"subject": patch["subject"]}
        told: dict[str, Any] = {"edition_id": edition.id, "version": version, "before": was, "after": now}
        audit.add(connection, who or room.here, status.value, room.clock(), **told)
        return editions.by_id(connection, edition.id)


def _absent(day: date | None, slot: str = DAILY) -> str:
    if slot != DAILY:
        return f"there is no edition {day}-{slot}: the desk names those there are"
    return f"there is no edition{f' of {day}' if day else ''} yet: `newsletter edition build` makes one"


def _check_can_go(room: Newsroom, connection: Connection, edition: Edition, subject: str | None) -> None:
    """Raise BadData where nothing is left to send: another edition may have taken its articles since."""
    if edition.frozen:
        return
    if edition.corrects is not None and not edition.note:
        raise BadData(f"the correction {edition.name} has no text: it corrects nothing")
    if edition.corrects is not None:
        return
    taken = articles.taken(connection, edition.id)  # it was held or cancelled, and another has sent them since
    said = {id: room.words.say("already in the edition of {day}", day=day) for id, day in taken.items()}
    editions.leave_out(connection, edition.id, said)
    edition = edition if subject is None else replace(edition, subject=subject.strip() or None)
    if editions.picked(connection, edition.id) or edition.stands_alone:
        return
    if edition.slot == DAILY:
        raise BadData(f"the edition of {edition.day} carries no article: `newsletter edition build` picks them")
    raise BadData(f"the edition {edition.name} carries no article: take one in, or give it a note and a subject")


def find(room: Newsroom, name: str) -> Edition | None:
    """The edition of that name (`2026-11-23`, `2026-11-23-extra`); None where there is none."""
    with read(room.engine) as connection:
        return editions.named(connection, name)


def with_choices(room: Newsroom, edition_id: int) -> tuple[Edition, list[Choice]]:
    """An edition as it is now, with every article considered for it."""
    with read(room.engine) as connection:
        return editions.by_id(connection, edition_id), editions.choices_of(connection, edition_id)


def history(room: Newsroom, edition: Edition, since: int = -1) -> list[AuditEntry]:
    """What was done to an edition since it had that version, the newest first; all of it where none is named."""
    with read(room.engine) as connection:
        return audit.of_edition(connection, edition.id, after_version=since)


def named(room: Newsroom, day: date | None, name: str | None) -> Edition:
    """The edition of that name; else the day's; else the latest of the daily ones up to today.

    Raises BadData where there is none.
    """
    with read(room.engine) as connection:
        if name:
            found = editions.named(connection, name)
        else:
            found = editions.get(connection, day, DAILY) if day else editions.latest(connection, DAILY, room.today())
    if found is None:
        raise BadData(f"there is no edition {name}" if name else _absent(day))
    return found


def look(room: Newsroom, day: date | None, name: str | None = None) -> tuple[Edition, list[Choice]]:
    """An edition (see `named`), with every article considered for it. Raises BadData where there is none."""
    edition = named(room, day, name)
    with read(room.engine) as connection:
        return edition, editions.choices_of(connection, edition.id)
