"""How things stand: of an edition, of a subscriber. Derived from the rows each time, stored nowhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from newsletter.errors import NewsletterError
from newsletter.links import Signer
from newsletter.mail.masked import kind_of
from newsletter.mail.message import WireTemplate
from newsletter.model import DAILY, Bounce, Delivery, DeliveryState, Edition, EditionStatus, Subscriber
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, deliveries, editions, letters, notes, sources, subscribers
from newsletter.store.database import read
from newsletter.store.sources import SourceRecord

State = DeliveryState
ALIVE = "runner_alive"  # the note that a runner renews every half minute
SEEN_WITHIN = timedelta(minutes=2)
REFUSALS = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a run will take, said before its first message."""

    messages: int
    seconds: float
    ends_at: datetime
    basis: str  # whence the speed is known: the rate, or an earlier edition

    def said(self, zone: ZoneInfo) -> str:
        """In one line, on the newsroom's clock."""
        end, begin = self.ends_at.astimezone(zone), (self.ends_at - timedelta(seconds=self.seconds)).astimezone(zone)
        day = "" if end.date() == begin.date() else f" on {end.date()}"
        noun = "message" if self.messages == 1 else "messages"
        return f"{self.messages} {noun} {self.basis}: about {in_words(self.seconds)}, done at about {end:%H:%M}{day}"


def in_words(seconds: float) -> str:
    """A length of time, as 40 s, 12 min, 5 h 33 min."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Report:
    """An edition in figures. `status` is its own, or what came of a `send`: nothing_new, late, already_running."""

    edition: str | None
    status: str
    articles: int = 0
    audience: int = 0
    accepted: int = 0
    rejected: int = 0
    pending: int = 0  # those in a run's hands included
    deferred: int = 0
    uncertain: int = 0
    skipped: int = 0
    seconds: float = 0.0
    said: str = ""  # the outcome in one line
    problem: NewsletterError | None = None  # why it is not as it should be
    already: bool = False  # it had ended before this run
    day: date | None = None
    remarks: tuple[str, ...] = ()  # what else is to be said: a source that could not be read
    earlier: tuple[Report, ...] = ()  # editions of other days or slots that this run brought to their end
    forecast: Forecast | None = None  # when it is about to be sent, and there is something to go by

    def figures(self) -> dict[str, object]:
        """What `--json` prints."""
        names = "edition status articles audience accepted rejected pending deferred uncertain skipped seconds"
        return {name: getattr(self, name) for name in names.split()}


def of_edition(connection: Connection, edition: Edition, **values: object) -> Report:
    """An edition's report; `values` go over what the rows say."""
    counts = _counts(connection, edition) if edition.frozen else dict.fromkeys(State, 0)
    articles = editions.picked(connection, edition.id)
    status = edition.status.value
    if edition.status is EditionStatus.DRAFT and edition.slot == DAILY and not articles:
        status = "nothing_new"
    seconds = 0.0
    if edition.started_at and edition.ended_at:
        seconds = round((edition.ended_at - edition.started_at).total_seconds(), 1)
    figures: dict[str, object] = {
        "edition": edition.name,
        "day": edition.day,
        "status": status,
        "articles": articles,
        "audience": edition.audience,
        "accepted": counts[State.ACCEPTED],
        "rejected": counts[State.REJECTED],
        "pending": counts[State.PENDING] + counts[State.CLAIMED] + counts[State.SENDING],
        "deferred": counts[State.DEFERRED],
        "uncertain": counts[State.UNCERTAIN],
        "skipped": counts[State.SKIPPED],
        "seconds": seconds,
        "said": edition.remark or "",
    }
    return Report(**(figures | values))  # type: ignore[arg-type]


def _counts(connection: Connection, edition: Edition) -> dict[DeliveryState, int]:
    """How many of its audience are in each state. Where there are no others, the index alone is read: of a million, who
    looks on each second must not read every row."""
    counts = deliveries.counts(connection, edition.id)
    if sum(counts.values()) == edition.audience:
        return counts
    return deliveries.counts(connection, edition.id, late=False)


def of_day(room: Newsroom, day: date, **values: object) -> Report:
    """The report of a day's edition; of its absence, where there is none."""
    return of_named(room, day.isoformat(), **values)


def of_named(room: Newsroom, name: str, **values: object) -> Report:
    """The report of the edition of that name; of its absence, where there is none."""
    with read(room.engine) as connection:
        edition = editions.named(connection, name)
        if edition:
            return of_edition(connection, edition, **values)
    absent: dict[str, object] = {"edition": name, "day": date.fromisoformat(name[:10]), "status": "nothing_new"}
    return Report(**(absent | values))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Standing:
    """The newsroom at a glance."""

    latest: Report
    subscribers: dict[str, int]  # by status
    letters: int  # that wait
    waiting_since: datetime | None
    runner: bool  # one lives, and sends them
    late: dict[str, int]  # deliveries of the latest edition to newcomers, counted apart
    sources: list[SourceRecord]
    refusals: list[tuple[str, int]]  # what the relay said most often, with how often
    beside: list[Report]  # today's extra editions and corrections


def standing(room: Newsroom) -> Standing:
    """The latest edition, the list and the sources as they are now."""
    with read(room.engine) as connection:
        edition = editions.latest(connection, DAILY, room.today())
        latest = of_edition(connection, edition) if edition else Report(None, "nothing_new", said="no edition yet")
        refusals = refused(connection, edition) if edition else []
        counts = {status.value: count for status, count in subscribers.counts(connection).items()}
        late = deliveries.counts(connection, edition.id, late=True) if edition else {}
        waiting, since = letters.waiting(connection)
        known = sources.records(connection)
        today = editions.of_day(connection, room.today())
        return Standing(
            latest,
            counts,
            letters=waiting,
            waiting_since=since,
            runner=runner_lives(room),
            late={state.value: n for state, n in late.items() if n},
            sources=[known[source.key] for source in room.config.sources if source.key in known],
            refusals=refusals,
            beside=[of_edition(connection, one) for one in today if one.slot != DAILY],
        )


def refused(connection: Connection, edition: Edition, limit: int = REFUSALS) -> list[tuple[str, int]]:
    """What the relay said most often to those it did not accept, with how often: replies that differ by an address or a
    queue's number alone are one."""
    found: Counter[str] = Counter()
    for reply, times in deliveries.refusals(connection, edition.id):
        found[kind_of(reply)] += times
    return found.most_common(limit)


def runner_lives(room: Newsroom) -> bool:
    """Whether a runner has given a sign of life lately, on whatever machine."""
    with read(room.engine) as connection:
        seen = notes.get(connection, ALIVE)
    return seen is not None and abs(room.clock() - datetime.fromisoformat(seen)) < SEEN_WITHIN


@dataclass(frozen=True, slots=True)
class Trace:
    """All that one subscriber was ever sent, the newest first."""

    subscriber: Subscriber
    deliveries: list[tuple[Edition, Delivery, str]]  # with the Message-ID
    returned: list[Bounce]  # what came back of it, the newest first


def trace(room: Newsroom, subscriber: Subscriber, *, before: int | None = None, limit: int | None = None) -> Trace:
    """A subscriber's whole story; or `limit` deliveries of it, from before the one of that id."""
    with read(room.engine) as connection:
        story = deliveries.of_subscriber(connection, subscriber.id, before=before, limit=limit)
        returned = bounces.of_subscriber(connection, subscriber.id)
    told = [(edition, one, _message_id(wire, one, room.signer)) for one, edition, wire in story]
    return Trace(subscriber, told, returned)


def _message_id(wire: str, delivery: Delivery, signer: Signer) -> str:
    return WireTemplate.loads(wire).message_id(signer, delivery.id) if wire else ""
