"""How fast, and when again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.settings import Rate

# Where several machines send, an edition takes some turns at once, each with its moment: a tenth of a second's worth,
# up to a tenth of a second ahead. One that was not used within LATE seconds of its moment is lost, so the turns lie as
# much further apart as lets no window of the rate hold more than it allows.
SOME, AHEAD, LATE = 0.1, 0.1, 0.05
CLAIMED = timedelta(seconds=0.5)  # how far ahead turns may be taken: what lies beyond comes from a clock set back
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
# How long a turn is kept for a party whose hour has come and that has not asked again: it asks every second, but by the
# clock of another machine it may be.
PATIENCE = timedelta(seconds=30)


def retry_after(attempt: int, chance: float) -> timedelta:
    """How long to wait after the given attempt (1 is the first): doubling from 30 seconds up to an hour.

    `chance` in [0, 1) spreads it by up to a quarter more, so that what failed together does not come back together.
    """
    doublings = float(2 ** min(attempt - 1, 20))
    return min(FIRST_RETRY * doublings, LONGEST_RETRY) * (1 + chance / 4)


def turn(rate: Rate | None, next_turn: datetime | None, now: datetime, ahead: timedelta = timedelta(0)) -> datetime:
    """When the next message may go: evenly spaced, so that no window of `rate` ever holds more than it allows.

    `next_turn` is what `following` gave for the last message, also in an earlier run. A clock that was set back
    must not hold the mail for longer than one interval; or than `ahead`, where turns are taken so far in advance.
    """
    if rate is None or next_turn is None:
        return now
    return max(now, min(next_turn, now + max(timedelta(seconds=rate.interval), ahead)))


def following(rate: Rate, this_turn: datetime) -> datetime:
    """When the one after a message sent at `this_turn` may go."""
    return this_turn + timedelta(seconds=rate.interval)


class Party(StrEnum):
    """Who sends by one rate."""

    LETTERS = "letters"
    EDITIONS = "editions"


@dataclass(frozen=True, slots=True)
class Turns:
    """How things stand between the two parties of a rate."""

    next: datetime | None = None  # when the next message may go
    last: Party | None = None  # who had the last turn
    letters: datetime | None = None  # until when they are taken to wait for one
    editions: datetime | None = None


def ask(turns: Turns, rate: Rate, who: Party, now: datetime, ahead: timedelta = timedelta(0)) -> tuple[float, Turns]:
    """One party asks to send one message now: 0 where the turn is taken, else the seconds until to ask again; and how
    things stand after it.

    While both wait they have a turn each in turn, so that neither starves; where one waits alone, it has them all. Who
    waits asks again every second at least; who does not any more is taken to wait for `PATIENCE` yet, once.
    """
    due = turn(rate, turns.next, now, ahead)
    other = turns.editions if who is Party.LETTERS else turns.letters
    until = None if due <= now and not (turns.last is who and _waits(other, rate, now)) else due + PATIENCE
    asked = replace(turns, letters=until) if who is Party.LETTERS else replace(turns, editions=until)
    if until is None:
        return 0.0, replace(asked, next=following(rate, due), last=who)
    if turns.next and turns.next > due + PATIENCE:  # the clock was set back: one interval from now, not from each look
        asked = replace(asked, next=due)
    return (due - now).total_seconds() or min(rate.interval, 1.0), asked


def most(rate: Rate) -> int:
    """How many turns an edition takes at once at most, where several machines send."""
    return max(int(SOME / rate.interval), 1)


def ask_some(turns: Turns, rate: Rate, now: datetime, count: int) -> tuple[list[float], float, Turns]:
    """An edition asks for up to `count` turns: in how many seconds each is, or in how many to ask again; and how things
    stand after it. While letters wait too, it is one at a time, turn about with them."""
    if most(rate) == 1 or _waits(turns.letters, rate, now):
        left, after = ask(turns, rate, Party.EDITIONS, now, ahead=CLAIMED)
        return ([] if left else [0.0]), left, after
    first = (turn(rate, turns.next, now, CLAIMED) - now).total_seconds()
    if first > AHEAD:
        return [], first - AHEAD, turns
    apart = (rate.seconds + LATE) / rate.count
    after_letter = turns.last is Party.LETTERS  # another may be on its way
    offsets = [first + i * apart for i in range(1 if after_letter else count)]
    return offsets, 0.0, replace(turns, next=now + timedelta(seconds=offsets[-1] + apart), last=Party.EDITIONS)


def _waits(until: datetime | None, rate: Rate, now: datetime) -> bool:
    """Not where a clock was set back: then nothing is to be made of it."""
    longest = 2 * PATIENCE + timedelta(seconds=rate.interval)
    return until is not None and timedelta(0) < until - now <= longest


def pause(losses: int, put_offs: int) -> timedelta:
    """How long to leave the relay alone after so many lost connections, and so many times "not now", in a row.

    Losses: 1, 2, 4, 8 seconds, so that a relay may be started anew meanwhile. "Not now": 5, 10, 20, … up to 300.
    """
    after_losses = 2.0 ** min(losses - 1, 3) if losses else 0.0
    after_put_offs = min(5 * 2.0 ** (put_offs - 1), 300.0) if put_offs else 0.0
    return timedelta(seconds=max(after_losses, after_put_offs))


def left(pause: timedelta, since: datetime, now: datetime) -> float:
    """Seconds that are left of a pause. A clock that was set back ends it."""
    gone = now - since
    return (pause - gone).total_seconds() if timedelta(0) <= gone < pause else 0.0
