"""The hour by which editors decide on the day's edition (`schedule.decide_by`), and what happens if none does."""

from __future__ import annotations

from datetime import date

from newsletter import edit, instance, letters, report
from newsletter.errors import NotSent
from newsletter.model import DAILY, Edition, EditionStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.store import articles, editions
from newsletter.store.database import read

SCHEDULE = Who("the schedule")


def is_due(room: Newsroom, day: date) -> bool:
    """Whether the hour has come, and nobody has decided on the day's draft."""
    return _undecided(room, day) is not None


def decide_when_due(room: Newsroom, day: date) -> Edition | None:
    """Where nobody decided in time: approve the draft as it stands or, where somebody must approve it
    (`desk.approval`), hold it and tell the editors. None where there is nothing to decide. Raises NotSent in a database
    that was not adopted."""
    edition = _undecided(room, day)
    if edition is None:
        return None
    instance.check(room)
    required = room.config.desk.approval == "required"
    said = _nobody_came(room, day) if required else None
    status = EditionStatus.HELD if required else EditionStatus.APPROVED
    try:
        edition = edit.decide(
            room, day, status, who=SCHEDULE, origin=[EditionStatus.DRAFT], remark=said, scheduled=True
        )
    except NotSent:  # an editor was a moment faster
        return None
    if said:
        problem = NotSent(f"{said} {_how_it_goes(room)}")
        letters.tell_editors(room, report.of_day(room, day, problem=problem))
        room.stirred.set()
    return edition


def _undecided(room: Newsroom, day: date) -> Edition | None:
    """The day's draft, where it stood at the hour and carries anything that no other edition has carried since. One
    that was made after the hour is no reason: it goes, or waits, as if there were none."""
    by = room.config.decided_by(day)
    if (
        by is None
        or day.weekday() not in room.config.schedule.days
        or not by <= room.clock() <= room.config.too_late(day)
    ):
        return None
    with read(room.engine) as connection:
        edition = editions.get(connection, day, DAILY)
        if edition is None or edition.status is not EditionStatus.DRAFT or edition.picked_at > by:
            return None
        left = editions.picked(connection, edition.id) - len(articles.taken(connection, edition.id))
        return edition if left > 0 else None


def _how_it_goes(room: Newsroom) -> str:
    say = room.words.say
    if report.runner_lives(room):
        return say("To let it go all the same, approve it at the desk.")
    return say(
        "To let it go all the same, approve it at the desk: the next run of `newsletter send` takes it up,"
        " since no runner lives."
    )


def _nobody_came(room: Newsroom, day: date) -> str:
    words, by = room.words, room.config.decided_by(day)
    told = {"day": words.full_date(day), "time": words.time(by) if by else ""}
    return words.say("Nobody decided on the edition of {day} by {time}: it is held.", **told)
