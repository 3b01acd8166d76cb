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
        self._moments: deque[float] = deque()  # by time.monotonic, each good for pace.LATE seconds
        self._most = 1  # doubled when all of them were used, halved when one was not
        self._all_used = True
        self._ask_at = 0.0

    def take(self, rate: Rate) -> float:
        """One: 0, where its moment has come; else the seconds until to ask again. Each is used in its moment or not at
        all: what was saved up would be sent at once later, on top of what others send."""
        now = time.monotonic()
        while self._moments and now - self._moments[0] > pace.LATE:
            self._moments.popleft()
            self._all_used = False
        if self._moments:
            left = self._moments[0] - now
            return left if left > 0 else self._use()
        if now < self._ask_at:
            return self._ask_at - now
        return self._ask(rate)

    def _use(self) -> float:
        self._moments.popleft()
        return 0.0

    def _ask(self, rate: Rate) -> float:
        self._most = min(self._most * 2, pace.most(rate)) if self._all_used else max(self._most // 2, 1)
        self._all_used = True
        with self._held.write() as connection:
            before = _read(connection)
            offsets, left, after = pace.ask_some(before, rate, self._clock(connection), self._most)
            if after != before:
                _keep(connection, after)
        answered = time.monotonic()
        self._moments.extend(answered + offset for offset in offsets)
        self._ask_at = answered + left
        if not self._moments:
            return left
        first = self._moments[0] - answered
        return first if first > 0 else self._use()


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
