"""Editions made by hand: an extra one beside the day's, and a correction to those who have what it corrects.

Both begin as drafts that editors shape, approve and send by the ways of every edition; the machine picks nothing for
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Any

from sqlalchemy import Connection

from newsletter import dispatch, shaping
from newsletter.errors import BadData, NotSent
from newsletter.model import CORRECTION, DAILY, EXTRA, Choice, Edition, EditionStatus, Edits, Who
from newsletter.newsroom import Newsroom
from newsletter.pick import pick, window
from newsletter.shape import key
from newsletter.store import articles, audience, audit, editions, shapes
from newsletter.store.database import read, write

Status = EditionStatus


# --- An extra edition -------------------------------------------------------------------------------


def make_extra(room: Newsroom, day: date, who: Who, *, dry_run: bool = False) -> Edition:
    """A draft beside the day's edition, with nothing in it and all the day's articles to take in by hand.

    Asked twice it is made once: one of the day that nobody has touched yet is given again.
    """
    with write(room.engine, rehearsal=dry_run) as connection:
        for one in editions.of_day(connection, day):
            if one.slot.startswith(EXTRA) and one.status is Status.DRAFT and one.version == 1:
                return one
        return _draft(connection, room, day, EXTRA, _considered(room, connection, day), who, {"shaped": True}, {})


def _considered(room: Newsroom, connection: Connection, day: date) -> list[Choice]:
    """What the day's own picking would look at, none of it taken."""
    now, rules = room.clock(), room.config.pick
    end = now if day == room.today() else room.config.due(day).astimezone(UTC)
    span = window(end, rules.window_hours, editions.last_picking(connection, DAILY, day))
    found = articles.candidates(connection, since=span.start, seen_since=now, day=day)
    free = room.words.say("free: not taken in yet")
    return [
        replace(one, picked=False, place=None, reason=free if one.picked else one.reason)
        for one in pick(found, span, rules, room.words)
    ]


# --- A correction -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """A correction as it would be: nothing of it is kept."""

    edition: Edition
    choices: list[Choice]
    corrected: Edition
    readers: int  # who have the edition, and would get it
    waiting: int  # who may still get the edition after that, and would not


def may_correct(edition: Edition) -> bool:
    """Whether there can be a correction of it: readers have it, and it is none itself."""
    return edition.went_out and edition.corrects is None


def correctable(room: Newsroom, edition_id: int) -> tuple[Edition, list[Choice]]:
    """The edition to be corrected, with the articles that it carried. Raises NotSent where it cannot be."""
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition_id)
        _check(connection, edition)
        return edition, [one for one in editions.choices_of(connection, edition_id) if one.picked]


def of_edition(room: Newsroom, edition: Edition) -> list[Edition]:
    """The corrections that were made of an edition, of whatever status, the oldest first."""
    with read(room.engine) as connection:
        return editions.corrections_of(connection, [edition.id], out=False)


def corrected_by(room: Newsroom, edition: Edition) -> Edition | None:
    """The edition that this one corrects; None where it is no correction."""
    return dispatch.corrected_by(room, edition)


def mistakes(text: str, subject: str = "") -> list[str]:
    """What `make_correction` would refuse of these: no_text, long_text, long_subject."""
    found = [] if text.strip() else ["no_text"]
    for name, given in (("note", text), ("subject", subject)):
        if len(given.strip()) > shaping.LONGEST[name]:
            found.append("long_subject" if name == "subject" else "long_text")
    return found


def propose(
    room: Newsroom, edition_id: int, text: str, *, subject: str | None = None, article: int | None = None
) -> Proposal:
    """What `make_correction` would make, to look at. Raises as that does."""
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition_id)
        made, choices = _proposed(room, connection, edition, text, subject, article, "")
        to, late = audience.readers(connection, made, room.clock()), audience.waiting(connection, edition_id)
    return Proposal(made, choices, edition, to, late)


def make_correction(
    room: Newsroom,
    edition_id: int,
    text: str,
    who: Who,
    *,
    subject: str | None = None,
    article: int | None = None,
    dry_run: bool = False,
) -> Edition:
    """A draft of today that corrects an edition which went out, with that text; without a subject, it says by its
    subject what it is. `article`: which of the edition's is concerned.

    Asked twice with the same words, of the same article, it is made once. Raises BadData for a text that is none or too
    long, and for an article that the edition did not carry; NotSent where the edition did not go out, or is a
    correction.
    """
    with write(room.engine, rehearsal=dry_run) as connection:
        corrected = editions.lock(connection, edition_id)  # two who press at once make one
        made, choices = _proposed(room, connection, corrected, text, subject, article, who.name)
        for one in editions.corrections_of(connection, [edition_id], out=False):
            open_one = not one.frozen and one.status is not Status.CANCELLED
            if open_one and _says(connection, one) == (made.subject, made.note, {c.candidate.id for c in choices}):
                return one
        patch: dict[str, Any] = {"shaped": True, "subject": made.subject, "note": made.note} | _as_patch(choices)
        told = {"corrects": corrected.name, "subject": made.subject, "note": made.note}
        return _draft(connection, room, made.day, CORRECTION, choices, who, patch, told, corrects=edition_id)


def _says(connection: Connection, one: Edition) -> tuple[str | None, str | None, set[int]]:
    """What makes a correction the same as another."""
    picked = {choice.candidate.id for choice in editions.choices_of(connection, one.id) if choice.picked}
    return one.subject, one.note, picked


def _proposed(
    room: Newsroom,
    connection: Connection,
    corrected: Edition,
    text: str,
    subject: str | None,
    article: int | None,
    by: str,
) -> tuple[Edition, list[Choice]]:
    _check(connection, corrected)
    bare = Edition(0, room.today(), CORRECTION, Status.DRAFT, room.clock(), corrects=corrected.id)
    made, _ = shaping.tried(room, bare, [], {"note": text, "subject": subject}, {})
    made = made if made.subject else replace(made, subject=usual_subject(room, corrected))
    if not made.note:
        raise BadData("a correction without a text corrects nothing")
    if article is None:
        return made, []
    concerned = [one for one in editions.choices_of(connection, corrected.id) if one.candidate.id == article]
    if not concerned or not concerned[0].picked:
        raise BadData(f"the edition {corrected.name} carried no article {article}")
    return made, [_named_again(room, concerned[0], by)]


def usual_subject(room: Newsroom, corrected: Edition) -> str:
    """What a correction says in its subject where its editor says nothing else."""
    subject = corrected.subject or room.config.newsletter.name
    return room.words.say("Correction: {subject}", subject=subject)[: shaping.LONGEST["subject"]]


def _check(connection: Connection, edition: Edition) -> None:
    if edition.corrects is not None:
        original = editions.by_id(connection, edition.corrects)
        raise NotSent(f"{edition.name} is a correction itself: correct the edition {original.name} once more")
    if not may_correct(edition):
        raise NotSent(f"the edition {edition.name} did not go out: there is nobody to correct it to")


def _named_again(room: Newsroom, choice: Choice, by: str) -> Choice:
    """The article as the edition named it, by its title alone: its summary may be what is wrong."""
    edits = Edits(title=choice.edits.title, summary="", without_picture=True)
    reason = room.words.say("the article that is corrected")
    return replace(choice, picked=True, place=1, reason=reason, edits=edits, by=by)


def _as_patch(choices: Sequence[Choice]) -> dict[str, Any]:
    """What a shape says of them, see newsletter/shape.py."""
    patch: dict[str, Any] = {}
    for one in choices:
        site = articles.as_json(one.kept or one.candidate.article)
        said = {"title": one.edits.title, "summary": "", "picture": {}, "kept": site, "by": one.by}
        patch |= {key(name, one.candidate.id): value for name, value in said.items() if value is not None}
    return patch


# --- Both -------------------------------------------------------------------------------------------


def _draft(
    connection: Connection,
    room: Newsroom,
    day: date,
    slot: str,
    choices: Sequence[Choice],
    who: Who,
    patch: dict[str, Any],
    told: dict[str, Any],
    corrects: int | None = None,
) -> Edition:
    now = room.clock()
    made = editions.keep_beside(connection, day, slot, now, choices, corrects=corrects)
    version = shapes.write(connection, made.id, patch)
    act = "make_extra" if corrects is None else "make_correction"
    audit.add(connection, who, act, now, edition_id=made.id, version=version, after=told)
    return editions.by_id(connection, made.id)


def readers(room: Newsroom, edition: Edition) -> int:
    """How many an edition would go to now, of whatever slot it is."""
    with read(room.engine) as connection:
        return audience.readers(connection, edition, room.clock())
