"""Collecting: every source is asked, and what is new or changed is kept."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter import collect as collecting
from newsletter import monitor
from newsletter.config import Source
from newsletter.errors import ConfigError, TooOften, Unavailable
from newsletter.model import Harvest, Validators, Who
from newsletter.newsroom import Newsroom
from newsletter.store import articles, notes, sources
from newsletter.store.articles import Kept
from newsletter.store.database import read, write

BETWEEN = timedelta(seconds=30)  # from one asking by hand to the next of its kind, whoever asks


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a collecting brought, source by source."""

    harvests: list[Harvest]
    kept: list[Kept]

    @property
    def remarks(self) -> tuple[str, ...]:
        """A line for each source that could not be read, or had something to say."""
        errors = [harvest.complaint for harvest in self.harvests if harvest.error]
        notes = [f"{harvest.source}: {note}" for harvest in self.harvests for note in harvest.notes]
        return (*errors, *notes)

    def check(self) -> None:
        """Raise Unavailable where every source failed. Nothing new is no failure."""
        if all(harvest.error for harvest in self.harvests):
            said = "; ".join(harvest.complaint for harvest in self.harvests)
            raise Unavailable(f"all sources are down: {said}")


def collect(room: Newsroom, *, dry_run: bool = False) -> Gathered:
    """Ask every source, and keep what is new or changed. A bad source is told of in its harvest, no more.

    Raises ConfigError where there is no source at all.
    """
    harvests = ask_all(room)
    with write(room.engine, rehearsal=dry_run) as connection:
        gathered = Gathered(harvests, keep(connection, harvests, room.clock()))
    if not dry_run:
        monitor.look(room)
    return gathered


def take_turn(room: Newsroom, who: Who, what: str) -> None:
    """Raise TooOften where somebody at the desk had the sites asked a moment ago: buttons are soon pressed again,
    and the sites are others'. Whoever is at the command line knows what they do."""
    if who.editor_id is None:
        return
    with write(room.engine) as connection:
        if not notes.take_turn(connection, f"{what} by hand", room.clock(), BETWEEN):
            raise TooOften("the sites have been asked a moment ago")


def ask_all(room: Newsroom) -> list[Harvest]:
    """What every source gives now. A few sources at a time; no transaction is open meanwhile."""
    if not room.config.sources:
        raise ConfigError(f"{room.config.path}: sources: there is none; add [[sources]] with kind and url")
    with read(room.engine) as connection:
        known = sources.records(connection)
    rules = room.collect_rules
    fetcher = room.fetcher

    def ask(source: Source) -> Harvest:
        record = known.get(source.key)
        return collecting.collect(source, rules, fetcher, record.validators if record else Validators())

    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="source") as pool:
        return list(pool.map(ask, room.config.sources))


def keep(connection: Connection, harvests: Iterable[Harvest], now: datetime) -> list[Kept]:
    """Write it down: the articles, and how each source fared. Of two who bring the same at once, one waits."""
    notes.one_at_a_time(connection, "gather")
    known = sources.records(connection)
    kept = []
    for harvest in harvests:
        record = known.get(harvest.source)
        first = record is None or record.first_collected_at is None
        if harvest.unchanged:
            articles.seen_again(connection, harvest.source, now)
        kept.append(articles.keep(connection, harvest.articles, harvest.source, now, first=first))
        sources.keep(connection, harvest, now)
    return kept
