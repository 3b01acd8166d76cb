"""Editions that an editor sends at a moment of their own, whatever the schedule says; before it some seconds are left
to undo it.

Whoever lives sends them: a runner, or the next `newsletter send`, which waits for one that is about to go.
"""

from __future__ import annotations

from datetime import timedelta

from newsletter.deliver import Stop
from newsletter.errors import Paused, Unfinished
from newsletter.model import Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.store import editions
from newsletter.store.database import read

TAKEN_UP_WITHIN = timedelta(hours=24)  # where nobody lived to send it, it is no news any more
LOOK = 1.0  # seconds between two looks at an edition that is about to go


def called(room: Newsroom) -> list[Edition]:
    """The editions whose moment has come, the oldest first."""
    now = room.clock()
    with read(room.engine) as connection:
        return editions.called(connection, now - TAKEN_UP_WITHIN, now)


class Calls:
    """What editors send beside the edition that a run is busy with: each is taken up once by that run."""

    def __init__(self, room: Newsroom, busy_with: str) -> None:
        self._room = room
        self._heard = {busy_with}

    def waits(self) -> bool:
        """Whether there is one that was not taken up yet."""
        return bool(self._fresh())

    def take(self) -> list[Edition]:
        found = self._fresh()
        self._heard |= {one.name for one in found}
        return found

    def _fresh(self) -> list[Edition]:
        found = called(self._room)
        return [one for one in found if one.status is EditionStatus.APPROVED and one.name not in self._heard]


def wait(room: Newsroom, edition: Edition, stop: Stop) -> Edition:
    """The edition when its moment has come. For `desk.undo_seconds` at most, and no longer than who sends may stay.

    Raises Paused where an editor takes it back meanwhile: then no run that was about to send it does.
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
