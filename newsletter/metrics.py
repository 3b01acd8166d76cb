"""What a monitor wants to know: figures only, nothing of anybody."""

from __future__ import annotations

from typing import Any

from newsletter import monitor, progress, report
from newsletter.cluster import Cluster
from newsletter.errors import NewsletterError
from newsletter.model import SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import notes, trends
from newsletter.store.database import read


def figures(room: Newsroom) -> dict[str, Any]:
    """The figures by name; one that is counted apart by something is a mapping."""
    found = report.standing(room)
    seen = progress.look(room)
    latest = seen.report
    with read(room.engine) as connection:
        asked = int(notes.get(connection, notes.SIGN_UPS) or 0)
        back = trends.sums(connection)
    age = (room.clock() - found.waiting_since).total_seconds() if found.waiting_since else 0.0
    states = ("accepted", "rejected", "pending", "deferred", "uncertain", "skipped")
    return {
        "subscribers": {status.value: found.subscribers.get(status.value, 0) for status in SubscriberStatus},
        "letters_waiting": found.letters,
        "letters_oldest_seconds": max(age, 0.0),
        "sign_ups": asked,
        "returned": back,
        "deliveries": {state: getattr(latest, state) for state in states},
        "deliveries_late": found.late,
        "edition": latest.edition or "",
        "runner": found.runner,
        "sending": seen.cluster.sending > 0 or (seen.holder is not None and not seen.holder.stopped),
        "speed": round(seen.speed, 3),
        "remaining": seen.remaining,
        "paused": seen.paused,
        "ends_at": seen.ends_at.timestamp() if seen.ends_at else None,
        "cluster": of_cluster(room, seen.cluster),
        "overdue": bool(monitor.overdue(room, room.words_in("en"))),
    }


def of_cluster(room: Newsroom, seen: Cluster) -> dict[str, Any]:
    """The figures of all who deliver; none on SQLite, where there are no workers."""
    if room.engine.dialect.name != "postgresql":
        return {}
    due = seen.left - seen.held - seen.later
    return {
        "workers": seen.alive,
        "sending": seen.sending,
        "in_trouble": len(seen.in_trouble),
        "slices": {"held": seen.held, "later": seen.later, "due": due, "unasked": seen.unasked},
        "jobs": seen.jobs,
    }


def is_well(room: Newsroom) -> bool:
    """Whether the database answers, by one small read."""
    try:
        report.runner_lives(room)
    except NewsletterError:
        return False
    return True
