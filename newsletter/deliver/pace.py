"""How fast, and when again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from newsletter.settings import Rate

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)


def retry_after(attempt: int, chance: float) -> timedelta:
    """How long to wait after the given attempt (1 is the first): doubling from 30 seconds up to an hour.

    `chance` in [0, 1) spreads it by up to a quarter more, so that what failed together does not come back together.
    """
    doublings = float(2 ** min(attempt - 1, 20))
    return min(FIRST_RETRY * doublings, LONGEST_RETRY) * (1 + chance / 4)


def turn(rate: Rate | None, next_turn: datetime | None, now: datetime) -> datetime:
    """When the next message may go: evenly spaced, so that no window of `rate` ever holds more than it allows.

    `next_turn` is what `following` gave for the last message, also in an earlier run. A clock that was set back
    must not hold the mail for longer than one interval.
    """
    if rate is None or next_turn is None:
        return now
    return max(now, min(next_turn, now + timedelta(seconds=rate.interval)))


def following(rate: Rate, this_turn: datetime) -> datetime:
    """When the one after a message sent at `this_turn` may go."""
    return this_turn + timedelta(seconds=rate.interval)


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
