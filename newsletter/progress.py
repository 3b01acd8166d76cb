"""How a send goes on, and when it will be done: from the database alone, since another process is sending."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter import cluster, report
from newsletter.cluster import Cluster
from newsletter.mail.masked import without_names
from newsletter.model import DAILY, Edition, EditionStatus
from newsletter.newsroom import Newsroom
from newsletter.report import Forecast, Report
from newsletter.store import editions, subscribers
from newsletter.store import progress as rows
from newsletter.store.database import read
from newsletter.store.holder import Holder, sending_holder

WINDOW = timedelta(seconds=10)  # the last seconds, over which the speed is taken
ENOUGH = 5  # messages in the window, below which a configured rate says more than what was seen
REFUSALS = 5
MEASURE = 100  # readers, below which an edition says nothing of the next one's speed
EARLIER = 3  # editions looked at for it; the fastest counts, since a slow one may have been stopped on its way


@dataclass(frozen=True, slots=True)
class Progress:
    """The edition that is being sent, or that was the last: as committed up to `at`."""

    at: datetime
    report: Report
    running: bool  # begun, and not ended
    holder: Holder | None  # who holds the sending lock
    speed: float  # messages per second over the last ten seconds
    ends_at: datetime | None  # where that can be said; what is put off may then be put off once more
    refusals: list[tuple[datetime, str, str]]  # the last ones: when, the state, the relay's words
    paused: bool = False  # an editor has stopped it
    cluster: Cluster = field(default_factory=Cluster)  # the workers, and the slices that are left for them

    @property
    def remaining(self) -> int:
        """Deliveries that have not ended."""
        return self.report.pending + self.report.deferred if self.running else 0

    @property
    def attended(self) -> bool:
        """Somebody is sending: a process that is not stopped, or one out of sight (in another container). Or workers
        will, which ask for what is due themselves where nobody holds the lock."""
        if self.cluster.sending:
            return True
        return not self.holder.stopped if self.holder else self.cluster.alive > 0 or self.speed > 0

    def told(self, *, names: bool) -> list[tuple[datetime, str, str]]:
        """The last refusals; with readers' addresses in the relay's words for who may know them."""
        return [(at, state, reply if names else without_names(reply)) for at, state, reply in self.refusals]

    def figures(self) -> dict[str, object]:
        """What `status --json` says of it."""
        return {
            "sending": self.holder is not None or self.cluster.sending > 0,
            "stopped": self.holder is not None and self.holder.stopped,
            "paused": self.paused,
            "speed": round(self.speed, 1),
            "remaining": self.remaining,
            "ends_at": self.ends_at,
            **self.cluster.figures(),
        }


def look(room: Newsroom, name: str | None = None) -> Progress:
    """What there is to see now: of the edition of that name, else of the newest under way, else of the latest that was
    made."""
    holder, workers = sending_holder(room.engine), cluster.look(room)
    now = room.clock()
    with read(room.engine) as connection:
        under_way = [one for one in editions.sending(connection) if name in (None, one.name)]
        edition = under_way[-1] if under_way else _latest(connection, room, name)
        if edition is None:
            return Progress(
                now, Report(None, "nothing_new", said="no edition yet"), False, holder, 0.0, None, [], cluster=workers
            )
        found = report.of_edition(connection, edition)
        since = max(now - WINDOW, edition.started_at or now)
        speed = rows.speed(connection, edition.id, since, now) if under_way else 0.0
        refusals = rows.last_refusals(connection, edition.id, REFUSALS) if edition.frozen else []
        last_retry = rows.last_retry(connection, edition.id) if found.deferred else None
    paused = edition.paused_at is not None and edition.status is EditionStatus.SENDING
    seen = Progress(now, found, bool(under_way), holder, speed, None, refusals, paused, workers)
    going_on = seen.running and seen.attended and not paused
    return replace(seen, ends_at=_ends_at(room, seen, last_retry)) if going_on else seen


def _latest(connection: Connection, room: Newsroom, name: str | None) -> Edition | None:
    return editions.named(connection, name) if name else editions.latest(connection, DAILY, room.today())


def _ends_at(room: Newsroom, seen: Progress, last_retry: datetime | None) -> datetime | None:
    rate, speed = room.config.delivery.rate, seen.speed
    if rate is not None and speed * WINDOW.total_seconds() < ENOUGH:
        speed = 1 / rate.interval
    if seen.report.pending and not speed:
        return None
    end = seen.at + timedelta(seconds=seen.report.pending / speed if speed else 0.0)
    return max(end, last_retry) if last_retry else end


def readers(room: Newsroom) -> int:
    """How many an edition to all would go to now."""
    with read(room.engine) as connection:
        return subscribers.readers(connection, room.clock())


def forecast(room: Newsroom, found: Report) -> Forecast | None:
    """How long an edition about to be sent will take: by `rate` where one is set, else as fast as an earlier one.

    None where there is nothing to go by, or nothing to send.
    """
    messages = found.pending + found.deferred
    rate = room.config.delivery.rate
    speed = 1 / rate.interval if rate else _speed_before(room)
    if not messages or not speed:
        return None
    seconds = messages / speed
    basis = f"at {rate}" if rate else f"at {speed:,.0f} a second, as before"
    return Forecast(messages, seconds, room.clock() + timedelta(seconds=seconds), basis)


def _speed_before(room: Newsroom) -> float:
    """Messages per second of the fastest of the last editions; 0 where none was large enough to tell."""
    with read(room.engine) as connection:
        earlier = rows.earlier(connection, MEASURE, EARLIER)
    spans = [
        (edition, (offered - edition.started_at).total_seconds()) for edition, offered in earlier if edition.started_at
    ]
    return max((edition.audience / span for edition, span in spans if span > 0), default=0.0)
