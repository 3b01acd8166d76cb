"""How the list grew, day by day on the newsroom's calendar. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from newsletter.model import Act
from newsletter.store.trends import ON, Change
from newsletter.trends.figures import Day

LEFT = (Act.UNSUBSCRIBED, Act.FORGOTTEN)


def by_day(changes: Iterable[Change], first: date, last: date, active: int, zone: ZoneInfo) -> list[Day]:
    """Each day from the first to the last, at whose end there are `active`: reckoned back from there."""
    acts: dict[date, Counter[str]] = {}
    for one in changes:
        acts.setdefault(one.at.astimezone(zone).date(), Counter())[one.act] += one.times
    found: list[Day] = []
    day = last
    while day >= first:
        made = _day(day, acts.get(day, Counter()), active)
        found.append(made)
        active = max(active - made.joined + made.gone, 0)
        day -= timedelta(days=1)
    return found[::-1]


def _day(day: date, acts: Counter[str], active: int) -> Day:
    joined, left = sum(acts[act] for act in ON), sum(acts[act] for act in LEFT)
    return Day(day, joined, left, acts["unreachable"], acts["complained"], active)


def by_week(days: Iterable[Day]) -> list[Day]:
    """The same by weeks, each named by its Monday."""
    weeks: dict[date, Day] = {}
    for one in days:
        monday = one.day - timedelta(days=one.day.weekday())
        was = weeks.get(monday, Day(monday, 0, 0, 0, 0, 0))
        weeks[monday] = Day(
            monday,
            was.joined + one.joined,
            was.left + one.left,
            was.unreachable + one.unreachable,
            was.complained + one.complained,
            one.active,
        )
    return list(weeks.values())
