"""The sources, looked at: how each fares, asking them all now, trying another. The desk's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from newsletter import gather, trial
from newsletter.config import Source
from newsletter.errors import BadData, TooOften
from newsletter.model import AuditEntry, Harvest, Who
from newsletter.newsroom import Newsroom
from newsletter.store import articles, audit, notes, sources
from newsletter.store.database import read, write
from newsletter.store.sources import SourceRecord
from newsletter.values import web_address
from newsletter.words import plain

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRIALS_AN_HOUR = 20  # by one editor
LONGEST_URL = 1000  # characters


@dataclass(frozen=True, slots=True)
class Standing:
    """A source of newsletter.toml, and how it fares."""

    source: Source
    record: SourceRecord | None  # None: never asked
    fresh: int  # articles of it first seen within the last day


def standing(room: Newsroom) -> list[Standing]:
    """Every source, in the order of newsletter.toml."""
    with read(room.engine) as connection:
        known = sources.records(connection)
        fresh = articles.fresh(connection, room.clock() - DAY)
    return [Standing(one, known.get(one.key), fresh.get(one.key, 0)) for one in room.config.sources]


def collect(room: Newsroom, *, who: Who) -> int:
    """Ask every source now; returns the number of the entry in the audit log, which says what came.

    Raises TooOften where somebody did so a moment ago, ConfigError where there is no source.
    """
    gather.take_turn(room, who, "collected")
    gathered = gather.collect(room)
    came = {
        harvest.source: {"articles": len(harvest.articles), "new": kept.new, "changed": kept.changed}
        | {"unchanged": harvest.unchanged, "failed": bool(harvest.error)}
        for harvest, kept in zip(gathered.harvests, gathered.kept, strict=True)
    }
    sums = {name: sum(one[name] for one in came.values()) for name in ("new", "changed", "failed")}
    with write(room.engine) as connection:
        return audit.add(connection, who, "collected", room.clock(), after=sums | {"sources": came})


def came(room: Newsroom, entry_id: int) -> AuditEntry | None:
    """What a collecting by hand brought; None where that entry is about something else."""
    with read(room.engine) as connection:
        entry = audit.by_id(connection, entry_id)
    return entry if entry and entry.act == "collected" else None


def attempt(room: Newsroom, url: str, *, who: Who) -> Harvest:
    """What that address would give as a source. On the public internet alone: never a file, never a private address.

    Raises BadData for what is no web address, TooOften, SourceError where it gives nothing.
    """
    url = _address(url)
    now = room.clock()
    with write(room.engine) as connection:
        notes.one_at_a_time(connection, "sources tried")
        if audit.count(connection, "source_tried", who, now - HOUR) >= TRIALS_AN_HOUR:
            raise TooOften(f"{TRIALS_AN_HOUR} addresses an hour may be tried: please go on later")
        audit.add(connection, who, "source_tried", now, after={"url": _shown(url)})
    return trial.try_url(url, None, room.collect_rules, room.fetcher, allow_private=False)


def _address(typed: str) -> str:
    """What somebody has typed, as an address of the web. Raises BadData where it is none."""
    url = typed.strip()
    url = url if "://" in url else f"https://{url}"
    try:
        if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
            raise ValueError
        return web_address(url)
    except ValueError:
        raise BadData(f"{plain(typed)[:100]!r} is no web address: it begins with https://") from None


def _shown(url: str) -> str:
    """An address as the log keeps it: its host alone, since all that stands behind that may hold a key, or a reader's
    address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:300]


def lines(harvest: Harvest) -> str:
    """The lines by which newsletter.toml names what was tried."""
    kind, _, url = harvest.source.partition(" ")
    return f'[[sources]]\nkind = "{kind}"\nurl = {json.dumps(url, ensure_ascii=False)}\n'
