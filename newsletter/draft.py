"""The draft, mailed to those who work at the desk: at `schedule.draft_at` by the runner, or by hand.

Each gets a link of their own, by which the draft can be decided on from a telephone without a log-in. It acts when a
button is pressed, on what the edition is then, and within the role that its owner has then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter import daily, dispatch, edit, instance, progress
from newsletter.daily import Made
from newsletter.editors import as_who, begin_session
from newsletter.errors import NotSent, TemplateError
from newsletter.links import Purpose
from newsletter.model import Choice, Edition, EditionStatus, Editor, LetterKind, Role
from newsletter.newsroom import Newsroom
from newsletter.store import editions, editors, letters, notes
from newsletter.store.database import read, write

GOOD_FOR = timedelta(hours=24)

Status = EditionStatus


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, and who was written to about it."""

    made: Made
    told: tuple[str, ...]


# --- The letter -------------------------------------------------------------------------------------


def is_due(room: Newsroom, day: date) -> bool:
    """Whether the hour of the draft has come on a day of the schedule, nobody has decided on the edition yet, and it
    can still go."""
    at, now = room.config.draft_due(day), room.clock()
    if at is None or now < at or day.weekday() not in room.config.schedule.days:
        return False
    required = room.config.desk.approval == "required"
    if now >= (room.config.too_late(day) if required else room.config.due(day)):
        return False
    with read(room.engine) as connection:
        edition = editions.named(connection, day.isoformat())
        decided = edition is not None and edition.status is not Status.DRAFT
        return not decided and notes.get(connection, _turn(day)) is None


def was_mailed(room: Newsroom, day: date) -> bool:
    """Whether the draft of that day was mailed already."""
    with read(room.engine) as connection:
        return notes.get(connection, _turn(day)) is not None


def mail(room: Newsroom, day: date, *, again: bool = False, dry_run: bool = False) -> Drafted:
    """Make the day's draft, and put a letter to each of the desk into the post: once a day, unless `again`.

    Raises NotSent where the edition is out or cancelled, or this database was not adopted.
    """
    instance.check(room)
    made = daily.make_edition(room, day, dry_run=dry_run)
    edition = made.edition
    if edition.frozen or edition.status is Status.CANCELLED:
        raise NotSent(f"the edition of {day} is {edition.status}: there is no draft to decide on")
    if not made.picked:
        made.gathered.check()
    facts = _facts(room, made)
    with write(room.engine, rehearsal=dry_run) as connection:
        team = editors.listed(connection)
        if notes.wait_for(connection, _turn(day)) and not again:
            return Drafted(made, ())
        if not dry_run:  # then there is no edition that a link could be about
            _write_to(room, connection, team, edition, facts)
        if team:  # who is added a moment later is written to as well
            notes.put(connection, _turn(day), room.clock().isoformat())
    room.stirred.set()
    return Drafted(made, tuple(one.address for one in team))


def _turn(day: date) -> str:
    return f"draft {day}"


def _write_to(
    room: Newsroom, connection: Connection, team: list[Editor], edition: Edition, facts: dict[str, Any]
) -> None:
    now, words = room.clock(), room.words
    for one in team:
        ticket = editors.issue(connection, one.id, now + GOOD_FOR, now, edition_id=edition.id)
        told = {
            "ticket": str(ticket),
            "may_decide": "yes" if one.role.may(Role.EDITOR) else "",
            "facts": json.dumps(facts),
        }
        letters.add(connection, LetterKind.DRAFT, one.address, language=words.language, now=now, details=told)


def _facts(room: Newsroom, made: Made) -> dict[str, Any]:
    """What the letter tells, as JSON can keep it. Nothing in it is of a reader's."""
    edition, config = made.edition, room.config
    by = config.decided_by(edition.day)
    subject, size, broken = _rendered(room, made)
    return {
        "day": edition.day.isoformat(),
        "status": edition.status.value,
        "seen": edit.sight(edition, made.choices),
        "subject": subject,
        "size": size,
        "broken": broken,
        "stories": [[one.article.title, one.section or ""] for one in made.picked],
        "considered": len(made.choices),
        "readers": progress.readers(room),
        "goes_at": config.due(edition.day).isoformat(),
        "decide_by": by.isoformat() if by else None,
        "until": config.too_late(edition.day).isoformat(),
        "approval": config.desk.approval,
        "remarks": list(made.gathered.remarks),
    }


def _rendered(room: Newsroom, made: Made) -> tuple[str, int, str]:
    """Its subject and its size; and why it cannot be mailed, where a template is broken."""
    if not made.picked:
        return "", 0, ""
    try:
        rendered = dispatch.render_edition(room, made.edition, made.choices)
    except TemplateError as error:
        return made.edition.subject or made.picked[0].article.title, 0, str(error)
    return rendered.subject, len(rendered.html.encode()), ""


# --- The link ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link of the letter leads to: whose it is, and the edition as it is now."""

    editor: Editor
    edition: Edition
    choices: list[Choice]
    ticket_id: int
    lets_in: bool  # it has not been used to log in yet

    @property
    def picked(self) -> list[Choice]:
        return [choice for choice in self.choices if choice.picked]

    @property
    def open(self) -> bool:
        """It can still be decided on."""
        return not self.edition.frozen and self.edition.status is not Status.CANCELLED

    @property
    def may_decide(self) -> bool:
        return self.editor.role.may(Role.EDITOR)


def opened(room: Newsroom, token: str) -> Opened | None:
    """What a link leads to; None where it is none of ours, is over, or its owner works here no more."""
    found = room.read_link(Purpose.DRAFT, token)
    if found is None:
        return None
    with read(room.engine) as connection:
        ticket = editors.ticket(connection, found[0])
        if ticket is None or ticket.until <= room.clock() or ticket.editor_id is None or ticket.edition_id is None:
            return None
        editor = editors.by_id(connection, ticket.editor_id)
        if editor is None:
            return None
        edition = editions.by_id(connection, ticket.edition_id)
        choices = editions.choices_of(connection, edition.id)
    return Opened(editor, edition, choices, ticket.id, ticket.used_at is None and not edition.frozen)


def decide(room: Newsroom, found: Opened, status: EditionStatus, *, seen: str = "") -> Edition:
    """Approve or hold the edition, as the owner of the link. Raises NotSent where their role does not allow it, else as
    `edit.decide` does."""
    if not found.may_decide:
        raise NotSent(f"{found.editor.address} may not decide on editions")
    edition = found.edition
    return edit.decide(room, edition.day, status, slot=edition.slot, who=as_who(found.editor), seen=seen)


def come_in(room: Newsroom, found: Opened, network: str | None, browser: str) -> str | None:
    """Use the link to log in, once; returns what the cookie holds, None where it was used before."""
    return begin_session(room, found.editor, found.ticket_id, network, browser) if found.lets_in else None
