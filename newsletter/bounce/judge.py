"""Who leaves by what came back. Pure: what is known goes in, what is to be done comes out.

Dead for certain is gone at once. What does not arrive for a passing reason counts by editions and days, as in Mailman,
and ends in a letter that asks: only when that comes back as well, the address is given up. What is our own fault, or
the relay's, counts against nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.model import Bounce, Reason, ReturnKind

SETTLED = timedelta(days=6)  # relays try for five days: what has not come back by then has arrived
PROBED_FOR = timedelta(days=7)  # so long a probe may take to come back
# Reasons that say nothing of the mailbox: our name, our text, our speed, our relay, their trouble.
NOT_THEIRS = frozenset([Reason.BLOCKED, Reason.CONTENT, Reason.TOO_BIG, Reason.NOT_ALLOWED, Reason.THROTTLED])
NOT_THEIRS |= {Reason.SYSTEM, Reason.LOOP, Reason.DELAYED}
# Reasons that a whole provider may have for days.
OUT_OF_REACH = frozenset([Reason.EXPIRED, Reason.NETWORK])


class Verdict(StrEnum):
    STAYS = "stays"
    PROBE = "probe"  # write to them once, and see whether that comes back
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Sent:
    """One edition that a reader was sent, and what came back of it."""

    at: datetime  # when it was offered to the relay
    failed: bool  # it came back, and it counts
    arrived: bool = False  # a report says so


@dataclass(frozen=True, slots=True)
class Probe:
    """The last letter that asked whether the address is alive."""

    at: datetime
    failed: bool = False


def is_certain(one: Bounce) -> bool:
    """Whether this alone takes its reader off the list: proven to be theirs, and the address is dead."""
    return one.kind is ReturnKind.BOUNCE and one.suppress and one.proof.certain


def counts(one: Bounce) -> bool:
    """Whether it counts against its reader at all."""
    return one.kind is ReturnKind.BOUNCE and one.proof.certain and one.reason not in NOT_THEIRS


def judge(
    sent: Sequence[Sent], probe: Probe | None, since: datetime, now: datetime, *, editions: int, days: int
) -> Verdict:
    """What is to be done about somebody whose mail came back, and not for certain.

    `sent` are their editions, the newest first; `since` is when they came to be on the list, or were brought back.
    What was before that, or before a probe that did not come back, counts no more; nor does a probe that came back, as
    soon as an edition has arrived after it.
    """
    if probe and probe.at >= since and not _arrived(sent, probe.at, now):
        if probe.failed:
            return Verdict.GONE
        if now - probe.at <= PROBED_FOR:
            return Verdict.STAYS
        since = probe.at
    failures = in_a_row(sent, since, now)
    if len(failures) < editions or failures[0] - failures[-1] < timedelta(days=days):
        return Verdict.STAYS
    return Verdict.PROBE


def in_a_row(sent: Sequence[Sent], since: datetime, now: datetime) -> list[datetime]:
    """When the failures since the last success were, the newest first. What was sent lately may come back yet."""
    found = []
    for one in sent:
        if one.at <= since or _has_arrived(one, now):
            break
        if one.failed:
            found.append(one.at)
    return found


def _arrived(sent: Sequence[Sent], since: datetime, now: datetime) -> bool:
    return any(one.at > since and _has_arrived(one, now) for one in sent)


def _has_arrived(one: Sent, now: datetime) -> bool:
    return one.arrived or (not one.failed and now - one.at > SETTLED)
