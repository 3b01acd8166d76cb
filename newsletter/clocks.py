"""The clocks of several machines: whose clock is not the database's does nothing before it is set.

What is due, what is too late and whose time to come back is over is reckoned by the clock of who asks. One that is half
a day ahead would give up, as expired, an edition that nobody has yet. A newsroom on one machine (SQLite), and one that
was given a clock of its own, has no other to be compared with.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from newsletter.errors import DatabaseError, WrongClock
from newsletter.newsroom import Newsroom
from newsletter.store import clock
from newsletter.store.database import read, shown

log = logging.getLogger(__name__)

LIMIT = timedelta(seconds=10)  # NTP keeps a clock within milliseconds; one that nobody sets loses that in a few days
EVERY = 60.0  # seconds between two looks while it goes right,
AGAIN = 10.0  # and while it goes wrong


def check(room: Newsroom) -> None:
    """Raise WrongClock where this machine's clock and the database's differ by more than `LIMIT`. Cheap: one question
    to the database. Raises DatabaseError where that cannot be reached."""
    if room.shared_clock is None:
        return
    with read(room.engine) as connection:
        ahead = clock.ahead(connection, room.clock)
    if abs(ahead) > LIMIT:
        side = "ahead of" if ahead > timedelta(0) else "behind"
        raise WrongClock(
            f"the clock of this machine is {abs(ahead).total_seconds():.0f} s {side} that of the database "
            f"{shown(room.engine)}: nothing is done by it; set both by NTP (`timedatectl set-ntp true`)"
        )


class Watched:
    """The check, for who lives long: it looks once a minute, and says once what is wrong. For any thread."""

    def __init__(self, room: Newsroom, every: float = EVERY, again: float = AGAIN) -> None:
        self._room = room
        self._every = every
        self._again = again
        self._look_at = 0.0
        self._right = False  # nothing is done before the first look
        self._told = False
        self._turn = threading.Lock()

    def is_right(self) -> bool:
        """What was seen last; while another thread looks, that of before. Raises DatabaseError."""
        if time.monotonic() >= self._look_at and self._turn.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._turn.release()
        return self._right

    def _look(self) -> None:
        pause = self._again
        try:
            check(self._room)
            self._right, pause = True, self._every
            if self._told:
                log.info("the clock of this machine is right again")
            self._told = False
        except WrongClock as error:
            self._right = False
            if not self._told:
                log.warning("%s", error)
            self._told = True
        except DatabaseError:
            self._right, pause = False, 0.0
            raise
        finally:
            self._look_at = time.monotonic() + pause
