"""The sources: whether each answers, by which way, and how old its newest article is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from newsletter import collect as collecting
from newsletter.config import Source
from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.model import Harvest, Validators
from newsletter.newsroom import Newsroom

STALE_DAYS = 3


def look(room: Newsroom, source: Source) -> Iterator[Finding]:
    """Asked afresh, and nothing is kept of it."""
    harvest = collecting.collect(source, room.collect_rules, room.fetcher, Validators())
    yield judge(source, harvest, room.clock())


def judge(source: Source, harvest: Harvest, now: datetime) -> Finding:
    name = f"sources {source.place}"
    if harvest.error:
        remedy = f"`newsletter collect try {source.place}` shows what it gives"
        return failure(name, harvest.error, remedy)
    way = {"wordpress": "the REST API", "feed": "its feed", "folder": "its files"}[source.kind]
    fallen = "; ".join(harvest.notes)
    dates = [one.published for one in harvest.articles if one.published]
    if not harvest.articles:
        return warning(name, f"answers by {way}, and gives no article", "is it the right address?")
    count = f"{len(harvest.articles)} {'article' if len(harvest.articles) == 1 else 'articles'}"
    if not dates:
        return warning(name, f"gives {count}, none of them with a date", "see docs/configuration.md")
    age = now - max(dates)
    hours = round(age.total_seconds() / 3600)
    said = f"{count} by {way}, the newest {f'{hours} h' if hours < 72 else f'{age.days} days'} old"
    if age.days >= STALE_DAYS:
        return warning(name, said, "does the site publish there? A cache, or another address, may be in between")
    return warning(name, f"{said}; {fallen}", "see what it says") if fallen else ok(name, said)
