"""How editions and mailbox providers did over time, and how the list grew.

In: editions that were sent. Out: `Trends`, figures alone, with a warning of each provider that does worse than it may.
Nothing here knows who opened a mail or followed a link: nobody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import Connection

from newsletter import providers, results
from newsletter.model import DeliveryState, Edition, ReturnKind, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import subscribers
from newsletter.store import trends as rows
from newsletter.store.database import read
from newsletter.store.totals import FOLDED, PUT_OFF, Totals
from newsletter.store.trends import Back
from newsletter.trends import growth, judged, totals, warn
from newsletter.trends.figures import OTHERS, Day, Line, Provider, Sum, Trends, Warned, Why, total

__all__ = ["OTHERS", "Day", "Line", "Provider", "Sum", "Trends", "Warned", "Why", "of_edition", "of_last"]

LAST = 30  # editions, unless said otherwise
MOST = 400
TOP = 12  # providers told by name; beyond them, who is warned of
LONGEST = 800  # days of growth: an edition of long ago does not make a table of ten thousand lines
State = DeliveryState
FIELDS = {  # how a sum calls what the ledger has
    State.ACCEPTED: "accepted",
    State.REJECTED: "refused",
    State.UNCERTAIN: "uncertain",
    State.SKIPPED: "skipped",
    State.DEFERRED: "deferred",
    State.PENDING: "waiting",
    State.CLAIMED: "waiting",
    State.SENDING: "waiting",
}
Sums = dict[int, dict[str, Sum]]  # by edition, by provider


def of_last(room: Newsroom, number: int = LAST) -> Trends:
    """The report of the last editions; with warnings by what is usual, for which it looks back further where they are
    few."""
    with read(room.engine) as connection:
        editions = rows.begun(connection, max(number, LAST))
    return _made(room, editions[-number:], editions)


def of_edition(room: Newsroom, edition: Edition) -> Trends:
    """The report of one edition, with warnings by what was usual before it; empty where its sending has not begun."""
    if edition.started_at is None:
        return _made(room, [], [])
    with read(room.engine) as connection:
        editions = rows.begun(connection, LAST, edition)
    return _made(room, [edition], editions)


def _made(room: Newsroom, told: Sequence[Edition], looked_at: Sequence[Edition]) -> Trends:
    ids, shown = [one.id for one in looked_at], [one.id for one in told]
    counted = totals.of_editions(room, looked_at)
    with read(room.engine) as connection:
        back, left = rows.returned(connection, ids), rows.left(connection, shown)
        back += judged.refusals(connection, counted, back)
        reads = results.reads(room, connection)
        since = min((one.started_at for one in told if one.started_at), default=room.clock())
        unattributed = rows.unattributed(connection, since)
        days, active = _growth(room, connection, told)
    sums = with_returned(counted, back)
    reasons = why(counted, {one: sums[one] for one in shown}, [one for one in back if one.edition_id in shown])
    recent = ids[-max(warn.JUMP_OVER) :]
    lately = why(counted, {one: sums[one] for one in recent}, [one for one in back if one.edition_id in recent])
    all_warned = warn.of_all([total(sums[one].values()) for one in ids], lately)
    named, others = _providers(sums, ids, shown, lately, everywhere=all_warned is not None)
    lines = [_line(room, one, sums[one.id], left, reads=reads) for one in told]
    return Trends(
        at=room.clock(),
        editions=lines,
        providers=named,
        others=Provider(OTHERS, tuple(total(_of(sums[one], others)) for one in shown)),
        other_count=_other_count(counted, shown, others),
        reasons=reasons,
        growth=days,
        active=active,
        read=reads,
        unattributed=unattributed,
        all_warned=all_warned,
    )


def _line(room: Newsroom, edition: Edition, sums: Mapping[str, Sum], left: Mapping[int, int], *, reads: bool) -> Line:
    """Who left is known as long as the ledger has who had it; what came back, as long as that is kept."""
    keep, begun = room.config.retention, edition.started_at or room.clock()
    age = (room.clock() - begun).days
    gone = left.get(edition.id, 0)
    held = not keep.ledger or age < keep.ledger
    return Line(
        edition, total(sums.values()), gone if held else None, reads and (not keep.bounces or age < keep.bounces)
    )


def _growth(room: Newsroom, connection: Connection, told: Sequence[Edition]) -> tuple[list[Day], int]:
    """From the day of the first edition until today."""
    zone, today = room.config.newsletter.zone, room.today()
    active = subscribers.counts(connection)[SubscriberStatus.ACTIVE]
    if not told:
        return [], active
    first = max(min(told[0].day, today), today - timedelta(days=LONGEST))
    since = datetime.combine(first, time(), zone)
    return growth.by_day(rows.changes(connection, since), first, today, active, zone), active


# --- Figures, by edition and provider. Pure ---------------------------------------------------------


def with_returned(counted: Mapping[int, Totals], back: Iterable[Back]) -> Sums:
    """The ledger's totals as sums, with what came back in its place. What was refused at once is in the ledger."""
    found: dict[int, dict[str, Counter[str]]] = {}
    for edition_id, of in counted.items():
        here = found.setdefault(edition_id, {})
        for provider, states in of.items():
            sum_of = here.setdefault(provider, Counter())
            for state, times in states.items():
                if state != FOLDED:
                    sum_of[PUT_OFF if state == PUT_OFF else FIELDS[State(state)]] += times
    for one in back:
        if not one.at_once:
            here = found.setdefault(one.edition_id, {})
            complained = one.kind is ReturnKind.FEEDBACK
            field = "complaints" if complained else "hard" if one.hard else "soft"
            here.setdefault(_name(one, counted), Counter())[field] += one.times
    return {edition: {name: Sum(**of) for name, of in here.items()} for edition, here in found.items()}


def _name(one: Back, counted: Mapping[int, Totals]) -> str:
    """The provider, where that edition's totals tell it apart."""
    name = providers.of(one.domain)
    return name if name in counted.get(one.edition_id, {}) else OTHERS


def why(counted: Mapping[int, Totals], sums: Sums, back: Iterable[Back]) -> list[Why]:
    """Why it failed, by provider: the most frequent first. What the ledger has refused and nobody has judged is told
    as such."""
    found: dict[tuple[str, object], Counter[str]] = {}
    known: Counter[str] = Counter()
    for one in back:
        if one.kind is ReturnKind.BOUNCE:
            name, field = _name(one, counted), "refused" if one.at_once else "hard" if one.hard else "soft"
            found.setdefault((name, one.reason), Counter())[field] += one.times
            known[name] += one.times if one.at_once else 0
    for name, of in _pooled(sums).items():
        if of.refused > known[name]:
            found.setdefault((name, None), Counter())["refused"] += of.refused - known[name]
    reasons = [Why(name, reason, **of) for (name, reason), of in found.items()]  # type: ignore[arg-type]
    return sorted(reasons, key=lambda one: (-one.failed, one.provider, one.reason or ""))


def _pooled(sums: Sums) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for of in sums.values():
        for name, one in of.items():
            found[name] = found.get(name, Sum()) + one
    return found


def _providers(
    sums: Sums, looked_at: Sequence[int], shown: Sequence[int], reasons: Sequence[Why], *, everywhere: bool = False
) -> tuple[list[Provider], set[str]]:
    """The largest providers and those that are warned of; and the names of the others. Where mails are turned away
    `everywhere`, that alone makes no small one worth telling."""
    pooled = _pooled({one: sums[one] for one in shown})
    found = []
    for name in sorted(pooled, key=lambda name: (-pooled[name].total, name)):
        if name != OTHERS:
            series = [sums[one].get(name, Sum()) for one in looked_at]
            warned = warn.about(name, series, [one for one in reasons if one.provider == name])
            found.append(Provider(name, tuple(sums[one].get(name, Sum()) for one in shown), tuple(warned)))
    told = [one for place, one in enumerate(found) if place < TOP or _is_told(one, everywhere=everywhere)]
    return told, pooled.keys() - {one.name for one in told}


def _is_told(one: Provider, *, everywhere: bool) -> bool:
    return any(not everywhere or of.what != "failed" or of.usual is not None for of in one.warned)


def _other_count(counted: Mapping[int, Totals], shown: Iterable[int], others: set[str]) -> int:
    """How many providers the others are. Of each edition only so many have a name, of the rest there is the number: of
    several editions it is that of the one which has most of them."""
    unnamed = {one: counted[one].get(OTHERS, {}).get(FOLDED, 0) for one in shown}
    here = [len(others & counted[one].keys() - {OTHERS}) + folded for one, folded in unnamed.items()]
    return max([len(others - {OTHERS}), *here])


def _of(sums: Mapping[str, Sum], names: Iterable[str]) -> list[Sum]:
    return [sums[name] for name in names if name in sums]
