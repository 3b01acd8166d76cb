"""Turns under a rate, which all editions and letters share, on however many machines.

A turn is taken in the database. Where several processes send fast, a transaction for each message at one row would be
the slowest part of all: so an edition takes some at once, at most a tenth of a second's worth, each with its moment.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from newsletter.deliver import pace
from newsletter.settings import Rate
from newsletter.store import turns as kept
from newsletter.store.database import Held

Clock = Callable[[Connection], datetime]
SOON = 0.001  # seconds until to ask again, where that moment has passed already


def take_turn(connection: Connection, rate: Rate, now: datetime, *, letter: bool = False) -> float:
    """Take the turn to send one message now: 0; or the seconds until to ask again, the turn not taken.

    Kept in the database, so that it holds across restarts, and between editions and letters: while both wait they have
    a turn each in turn (see `pace.ask`). Ask again every second at least, while you wait.
    """
    left, after = pace.ask(_read(connection), rate, pace.Party.LETTERS if letter else pace.Party.EDITIONS, now)
    _keep(connection, after)
    return left


def take_shared_turn(connection: Connection, rate: Rate, clock: Clock) -> float:
    """The same for a letter, where other machines send too: by the clock that all of them share."""
    before = _read(connection)
    left, after = pace.ask(before, rate, pace.Party.LETTERS, clock(connection), ahead=pace.CLAIMED)
    _keep(connection, after)
    return left


class Taken:
    """The turns that one process has taken for its edition, and not used yet. For one thread."""

    def __init__(self, held: Held, clock: Clock) -> None:
        self._held = held
        self._clock = clock
        self._moments: deque[float] = deque()  # by time.monotonic, each good for `_lasts` seconds
        self._lasts = pace.LATE
        self._most = 1  # doubled when all of them were used, halved when one was not
        self._all_used = True
        self._ask_at = 0.0

    def take(self, rate: Rate) -> float:
        """One: 0, where its moment has come; else the seconds until to ask again. Each is used in its moment or not at
        all: what was saved up would be sent at once later, on top of what others send."""
        now = time.monotonic()
        left = self._first(now)
        if left is None and now < self._ask_at:
            left = self._ask_at - now
        return self._ask(rate) if left is None else left

    def _first(self, now: float) -> float | None:
        """0 where one was used, the seconds until the first one's moment, or None where there is none."""
        while self._moments and now - self._moments[0] > self._lasts:
            self._moments.popleft()
            self._all_used = False
        if not self._moments:
            return None
        left = self._moments[0] - now
        if left <= 0:
            self._moments.popleft()
        return max(left, 0.0)

    def _ask(self, rate: Rate) -> float:
        """The shared clock was read somewhen between two moments of ours: a turn begins by the later of them and ends
        by the earlier, so it is used in its moment whatever the network took. Where the answer comes so late that all
        are over, one is used all the same, or nothing would ever be sent."""
        self._most = min(self._most * 2, pace.most(rate)) if self._all_used else max(self._most // 2, 1)
        self._all_used = True
        with self._held.write() as connection:
            before = _read(connection)
            asked = time.monotonic()
            clock = self._clock(connection)
            told = time.monotonic()
            offsets, left, after = pace.ask_some(before, rate, clock, self._most)
            if after != before:
                _keep(connection, after)
        answered = time.monotonic()
        self._moments.extend(told + offset for offset in offsets)
        self._lasts = pace.LATE - (told - asked)
        self._ask_at = told + left
        if not offsets:
            return max(self._ask_at - answered, SOON)
        return self._first(answered) or 0.0


def _read(connection: Connection) -> pace.Turns:
    following, parties = kept.wait_for(connection)
    last, letters, editions = (parties or ",,").split(",")
    party = pace.Party(last) if last else None
    return pace.Turns(_moment(following), party, _moment(letters), _moment(editions))


def _keep(connection: Connection, turns: pace.Turns) -> None:
    following, letters, editions = (
        moment.isoformat() if moment else "" for moment in (turns.next, turns.letters, turns.editions)
    )
    kept.keep(connection, following, f"{turns.last or ''},{letters},{editions}")


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
