"""Editions that an editor sends at a moment of their own, whatever the schedule says; before it some seconds are left
to undo it.

Whoever lives sends them: a runner, or the next `newsletter send`, which waits for one that is about to go.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from newsletter import clearance, dispatch, edit, instance, letters, report
from newsletter.deliver import Stop
from newsletter.errors import NotSent, Outdated, Paused, Unfinished
from newsletter.model import DAILY, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.sending import Watch
from newsletter.store import editions
from newsletter.store.database import read, write

TAKEN_UP_WITHIN = timedelta(hours=24)  # where nobody lived to send it, it is no news any more
LOOK = 1.0  # seconds between two looks at an edition that is about to go
TRIES = 5  # where editors change it while it is rendered
BEFORE = timedelta(minutes=1)  # the day's hour: who only waits has gone by then, and cron finds nobody at it


def called(room: Newsroom) -> list[Edition]:
    """The editions whose moment has come, the oldest first."""
    now = room.clock()
    with read(room.engine) as connection:
        return editions.called(connection, now - TAKEN_UP_WITHIN, now)


def is_fresh(room: Newsroom, edition: Edition) -> bool:
    """Whether an editor has named a moment for it, and not so long ago that it is over."""
    return edition.go_at is not None and edition.go_at > room.clock() - TAKEN_UP_WITHIN


def drop_old(room: Newsroom) -> list[Edition]:
    """Where nobody lived for a day to send what an editor sent, it is no news any more: it does not go, and the editors
    are told. Raises NotSent in a database that was not adopted, where there is any."""
    upto = room.clock() - TAKEN_UP_WITHIN
    with read(room.engine) as connection:
        if not editions.not_taken_up(connection, upto):
            return []
    instance.check(room)
    said = room.words.say("Nobody was there to send it within a day: it did not go.")
    with write(room.engine) as connection:
        dropped = editions.drop_calls(connection, upto, remark=said)
    for one in dropped:
        letters.tell_editors(room, report.of_named(room, one.name, said=said, problem=NotSent(said)))
    return dropped


class Calls:
    """What editors send, or go on with, beside the edition that a run is busy with: each call is taken up once by that
    run. Those of `known`, which it goes on with anyway, it has heard."""

    def __init__(self, room: Newsroom, busy_with: str, known: Iterable[Edition] = ()) -> None:
        self._room = room
        self._busy_with = busy_with
        self._heard = {(one.id, one.go_at) for one in known}

    def waits(self) -> bool:
        """Whether there is one that was not taken up yet."""
        return bool(self._fresh())

    def take(self) -> list[Edition]:
        found = self._fresh()
        self._heard |= {(one.id, one.go_at) for one in found}
        return found

    def _fresh(self) -> list[Edition]:
        found = called(self._room)
        return [one for one in found if one.name != self._busy_with and (one.id, one.go_at) not in self._heard]


def begin(room: Newsroom, edition: Edition, watch: Watch, *, patient: bool = True) -> Report:
    """Send an edition as it stands, at the moment that an editor has named, where one has. What editors make of it
    while it is rendered counts: then it is looked at again, and rendered anew.

    Raises Paused where an editor has taken it back.
    """
    called = edition.go_at is not None
    for _ in range(TRIES):
        with read(room.engine) as connection:
            edition = editions.by_id(connection, edition.id)
        decided = clearance.decided(room, edition.name, edition)
        if decided:
            return decided
        if edition.go_at or called:
            edition, called = wait(room, edition, watch.stop), True
        waits = clearance.unapproved(room, edition)
        if waits:
            return waits
        if watch.stop.asked:
            raise Unfinished("stopped before the edition was begun; run `newsletter send` again")
        _, choices = edit.with_choices(room, edition.id)  # of what is newer than the edition, freezing says so
        try:
            return dispatch.send_edition(room, edition, choices, watch, patient=patient)
        except Outdated:
            continue
    raise Unfinished(f"the edition {edition.name} is being changed again and again; run `newsletter send` again")


def makes_way(room: Newsroom, edition: Edition) -> bool:
    """Whether a run that only waits for what the relay put off of an edition sent by hand should end: an editor sends
    another, or the day's own may begin, and finds nobody at it."""
    day, config = room.today(), room.config
    if any(one.id != edition.id for one in called(room)):
        return True
    if edition.slot == DAILY or day.weekday() not in config.schedule.days:
        return False
    if not config.due(day) - BEFORE <= room.clock() <= config.too_late(day):
        return False
    with read(room.engine) as connection:
        own = editions.get(connection, day, DAILY)
    by_itself = config.desk.approval == "auto"
    return own is None or own.status is EditionStatus.APPROVED or (own.status is EditionStatus.DRAFT and by_itself)


def wait(room: Newsroom, edition: Edition, stop: Stop) -> Edition:
    """The edition when its moment has come. For `desk.undo_seconds` at most, and no longer than who sends may stay.

    Raises Paused where an editor takes it back meanwhile: then no run that was about to send it does. Raises Unfinished
    where the run is asked to stop.
    """
    for _ in range(room.config.desk.undo_seconds + 1):
        with read(room.engine) as connection:
            edition = editions.by_id(connection, edition.id)
        if edition.status is not EditionStatus.APPROVED or edition.go_at is None:
            raise Paused(f"the edition {edition.name} was taken back a moment before it went")
        if edition.go_at <= room.clock():
            return edition
        if stop.asked:
            break
        room.sleep(max(0.0, min(LOOK, (edition.go_at - room.clock()).total_seconds())))
    raise Unfinished(f"the edition {edition.name} goes at {edition.go_at:%H:%M:%S} UTC; run `newsletter send` again")
