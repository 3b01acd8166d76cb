"""The machine's choice, out of the articles in the store: for the day's draft, and beside an editor's choice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from newsletter.config import PickTable
from newsletter.model import DAILY, Choice, Edition
from newsletter.newsroom import Newsroom
from newsletter.pick import pick, window
from newsletter.store import articles, editions


def moment_of(room: Newsroom, day: date) -> datetime:
    """Up to when articles are for the edition of that day: now, or its hour where it is another day's."""
    return room.clock() if day == room.today() else room.config.due(day).astimezone(UTC)


def choose(room: Newsroom, connection: Connection, day: date, end: datetime, edition_id: int | None) -> list[Choice]:
    """What the machine would make of the articles known: each one considered, with the reason why it is in or out.

    `edition_id` is that edition, where it is there already: what it carries itself does not count as used.
    """
    rules = room.config.pick
    span = window(end, rules.window_hours, _last_picking(connection, day, rules))
    considered = articles.candidates(
        connection, since=span.start, seen_since=room.clock(), day=day, edition_id=edition_id
    )
    return pick(considered, span, rules, room.words)


def offer(room: Newsroom, connection: Connection, edition: Edition) -> list[int]:
    """An editor's choice stays as it is: articles that came since are told below it, to be taken in by hand.

    Returns those that are new to it and would be in it, had the machine to choose again.
    """
    known = {one.candidate.id for one in editions.choices_of(connection, edition.id)}
    reason = room.words.say("came after the choice was made")
    found = choose(room, connection, edition.day, room.clock(), edition.id)
    out = [replace(one, picked=False, place=None, reason=reason if one.picked else one.reason) for one in found]
    editions.consider(connection, edition.id, out)
    return [one.candidate.id for one in found if one.picked and one.candidate.id not in known]


def _last_picking(connection: Connection, day: date, rules: PickTable) -> datetime | None:
    """From when on articles may still be waiting: since the last edition that went out.

    Where none ever has, but some were made, since the first of them began to look: what was kept for tomorrow then
    must not fall out of the window today.
    """
    last = editions.last_picking(connection, DAILY, day)
    first = editions.first_picking(connection, DAILY, day)
    if last is None and first is not None:
        return first - timedelta(hours=rules.window_hours)
    return last
