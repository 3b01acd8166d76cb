"""The day's edition, made because somebody wants it: at the desk, or by `edition build`. It stands in the audit log."""

from __future__ import annotations

from datetime import date

from newsletter import daily, gather
from newsletter.daily import Made
from newsletter.model import Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit
from newsletter.store.database import write


def make(room: Newsroom, day: date, who: Who, *, subject: str | None = None, dry_run: bool = False) -> Made:
    """`daily.make_edition`, written down. Raises TooOften where the desk did so a moment ago, ConfigError where there
    is no source; where all of them failed, `gathered.check` tells."""
    if not dry_run:
        gather.take_turn(room, who, "made")
    made = daily.make_edition(room, day, subject=subject, dry_run=dry_run)
    with write(room.engine, rehearsal=dry_run) as connection:
        found = {"articles": len(made.picked), "considered": len(made.choices)}
        number = None if dry_run else made.edition.id
        audit.add(connection, who, "made", room.clock(), edition_id=number, after=found)
    return made
