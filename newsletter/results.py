"""What came of an edition: by state, by mailbox provider, what the relay refused, who left.

Read anew each time; by the totals that `trends` keeps, where `tidy` has deleted the deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter import providers, report
from newsletter.model import DeliveryState, Edition, Reason, ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import editions, results, totals, trends
from newsletter.store.database import read
from newsletter.store.results import Count
from newsletter.store.totals import Totals
from newsletter.store.trends import Back

State = DeliveryState

PAGE = 20  # editions on one page of the list
TOP = 12  # providers told by name
REFUSALS = 8
NAMES = {  # how results call what the ledger has in eight states
    State.ACCEPTED: "accepted",
    State.REJECTED: "refused",
    State.DEFERRED: "put_off",
    State.UNCERTAIN: "uncertain",
    State.SKIPPED: "skipped",
    State.PENDING: "waiting",
    State.CLAIMED: "waiting",
    State.SENDING: "waiting",
}
STATES = tuple(dict.fromkeys(NAMES.values()))


@dataclass(frozen=True, slots=True)
class Tally:
    """Deliveries by what came of them."""

    name: str = ""  # the provider's; empty where it is not one
    accepted: int = 0
    refused: int = 0
    put_off: int = 0
    uncertain: int = 0
    skipped: int = 0
    waiting: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, state) for state in STATES)

    @property
    def seen(self) -> list[str]:
        """The states to be told: accepted and refused, and each that there is."""
        return [state for state in STATES if state in ("accepted", "refused") or getattr(self, state)]

    def figures(self) -> dict[str, int]:
        return {state: getattr(self, state) for state in STATES}


@dataclass(frozen=True, slots=True)
class CameBack:
    """What came back of accepted deliveries, each counted once: by its hardest bounce."""

    hard: int = 0
    soft: int = 0
    complaints: int = 0
    reasons: tuple[tuple[Reason, int], ...] = ()  # of the bounces, the most frequent first

    def figures(self) -> dict[str, object]:
        reasons = [{"reason": reason.value, "times": times} for reason, times in self.reasons]
        return {"hard": self.hard, "soft": self.soft, "complaints": self.complaints, "reasons": reasons}


@dataclass(frozen=True, slots=True)
class Results:
    """What came of an edition, newcomers' deliveries included and told apart."""

    edition: Edition
    report: Report  # of its frozen audience
    all: Tally
    newcomers: Tally | None  # None: not known any more
    providers: list[Tally]  # the largest first
    others: Tally  # of all the rest
    other_count: int  # how many providers those are
    refusals: list[tuple[str, int]]
    left: int | None  # None: not known any more
    left_addresses: list[str]  # of those who left and are not forgotten
    until: datetime | None  # when the next edition began, up to which leaving is counted
    back: CameBack | None = None  # None: nothing reads what comes back, or not known any more
    reads: bool = False  # what comes back is read at all
    purged: bool = False  # its deliveries are over their time and deleted: what is told here is what was kept of them
    since: date | None = None  # when that time was over; None where `retention.ledger` says otherwise by now

    def figures(self) -> dict[str, object]:
        """What `--json` prints."""
        told: list[dict[str, object]] = [{"provider": one.name, **one.figures()} for one in self.providers]
        if self.other_count:
            told.append({"provider": None, "count": self.other_count, **self.others.figures()})
        return {
            "edition": self.edition.name,
            "status": self.edition.status.value,
            "audience": self.edition.audience,
            "states": self.all.figures(),
            "newcomers": self.newcomers.total if self.newcomers else None,
            "providers": told,
            "refusals": [{"reply": reply, "times": times} for reply, times in self.refusals],
            "left": self.left,
            "bounces": self.back.figures() if self.back else None,
            "purged": self.purged,
            "purged_since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """An edition in a list, with what has come of it so far."""

    edition: Edition
    subject: str  # its own; the lead's title, where it has none yet
    articles: int
    all: Tally
    corrects: Edition | None


def listed(room: Newsroom, before: int | None = None, *, limit: int = PAGE) -> tuple[list[Line], int | None]:
    """A page of all editions, of whatever status and slot, the newest first; with the id behind which the next page
    begins, where there is one."""
    with read(room.engine) as connection:
        found = editions.page(connection, limit + 1, before)
        page = found[:limit]
        counts = results.by_state(connection, [one.id for one in page if one.frozen])
        fewer = [one.id for one in page if one.frozen and sum(counts.get(one.id, {}).values()) < one.audience]
        for edition_id, of in totals.kept(connection, fewer).items():
            if totals.outlive(of, counts.get(edition_id, {})):
                counts[edition_id] = totals.by_state(of)
        lines = [_line(connection, one, counts.get(one.id, {})) for one in page]
    return lines, page[-1].id if len(found) > limit else None


def _line(connection: Connection, edition: Edition, counts: Mapping[DeliveryState, int]) -> Line:
    subject = edition.subject or ""
    if not subject:
        picked = [one for one in editions.choices_of(connection, edition.id) if one.picked]
        subject = picked[0].article.title if picked else ""
    return Line(
        edition,
        subject,
        editions.picked(connection, edition.id),
        _tally("", [Count("", state, False, times) for state, times in counts.items()]),
        editions.by_id(connection, edition.corrects) if edition.corrects else None,
    )


def of_edition(room: Newsroom, edition: Edition) -> Results:
    """The results of an edition that is frozen; all naught for another."""
    with read(room.engine) as connection:
        edition = editions.by_id(connection, edition.id)
        found = report.of_edition(connection, edition)
        counts = results.by_domain(connection, edition.id) if edition.frozen else []
        kept = _kept(connection, edition, counts)
        refusals = report.refused(connection, edition, REFUSALS) if edition.frozen else []
        until = editions.next_begun(connection, edition) if edition.started_at else None
        gone = results.departures(connection, edition, until) if edition.started_at else []
        read_at_all = reads(room, connection)
        told = read_at_all and _within(room, edition, room.config.retention.bounces)
        back = came_back(trends.returned(connection, [edition.id])) if told else None
    values = _of_totals(kept) if kept else _of_ledger(counts)
    forgotten = kept or (edition.audience and not counts)
    return Results(
        edition=edition,
        report=found,
        **values,
        refusals=refusals,
        left=None if forgotten else len(gone),
        left_addresses=[] if forgotten else [address for _, address in gone if address],
        until=until,
        back=back,
        reads=read_at_all,
        purged=bool(kept),
        since=_over_since(room, edition) if kept else None,
    )


def _kept(connection: Connection, edition: Edition, counts: Iterable[Count]) -> Totals:
    """Its totals, where they are of more than the ledger still has; else none."""
    ledger: Counter[DeliveryState] = Counter()
    for one in counts:
        ledger[one.state] += one.times
    found = totals.kept(connection, [edition.id]).get(edition.id, {})
    return found if totals.outlive(found, ledger) else {}


def _over_since(room: Newsroom, edition: Edition) -> date | None:
    keep = room.config.retention.ledger
    if not keep or edition.started_at is None or _within(room, edition, keep):
        return None
    return (edition.started_at + timedelta(days=keep)).astimezone(room.config.newsletter.zone).date()


def _within(room: Newsroom, edition: Edition, days: int) -> bool:
    """Whether what is kept of it for so many days still is; 0 is for ever."""
    return not days or edition.started_at is None or (room.clock() - edition.started_at).days < days


def _of_ledger(counts: Sequence[Count]) -> dict[str, Any]:
    largest, rest = by_provider(counts)
    return {
        "all": _tally("", counts),
        "newcomers": _tally("", [one for one in counts if one.late]),
        "providers": largest,
        "others": _sum(rest),
        "other_count": len(rest),
    }


def _of_totals(kept: Totals) -> dict[str, Any]:
    """The same of what was kept. The smallest providers have no name there any more: they and the forgotten are one."""
    tallies = {name: _tally(name, _counts(of)) for name, of in kept.items()}
    unnamed = tallies.pop("", Tally())
    named = sorted(tallies.values(), key=lambda one: (-one.total, one.name))
    rest = named[TOP:]
    return {
        "all": _sum([*named, unnamed]),
        "newcomers": None,
        "providers": named[:TOP],
        "others": _sum([*rest, unnamed]),
        "other_count": len(rest) + kept.get("", {}).get(totals.FOLDED, 0),
    }


def _counts(of: Mapping[str, int]) -> list[Count]:
    states = totals.by_state({"": dict(of)})
    return [Count("", state, False, times) for state, times in states.items()]


def reads(room: Newsroom, connection: Connection) -> bool:
    """Whether what comes back is read: a place for it is configured, or something has come."""
    of, secrets = room.config.bounces, room.config.secrets
    configured = of.inbox or of.ses_topics or secrets.keys() & {"bounces.mailgun_key", "bounces.brevo_secret"}
    return bool(configured) or trends.has_returned(connection)


def came_back(rows: Iterable[Back]) -> CameBack:
    """What came back of an edition. What was refused when we sent is among its refusals. Pure."""
    found: Counter[str] = Counter()
    reasons: Counter[Reason] = Counter()
    for one in rows:
        if one.kind is ReturnKind.FEEDBACK:
            found["complaints"] += one.times
        elif not one.at_once:
            found["hard" if one.hard else "soft"] += one.times
            reasons[one.reason] += one.times
    ordered = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return CameBack(found["hard"], found["soft"], found["complaints"], tuple(ordered))


def by_provider(counts: Iterable[Count]) -> tuple[list[Tally], list[Tally]]:
    """The largest providers, each with what came of its deliveries; and the rest. The forgotten have none. Pure."""
    groups: dict[str, list[Count]] = {}
    names: dict[str, str] = {}
    for one in counts:
        if one.domain:
            name = names.setdefault(one.domain, providers.of(one.domain))
            groups.setdefault(name, []).append(one)
    tallies = [_tally(name, group) for name, group in groups.items()]
    tallies.sort(key=lambda one: (-one.total, one.name))
    return tallies[:TOP], tallies[TOP:]


def _tally(name: str, counts: Iterable[Count]) -> Tally:
    found: Counter[str] = Counter()
    for one in counts:
        found[NAMES[one.state]] += one.times
    return Tally(name, **dict[str, Any](found))


def _sum(tallies: Iterable[Tally]) -> Tally:
    found: Counter[str] = Counter()
    for one in tallies:
        found.update(one.figures())
    return Tally(**dict[str, Any](found))
