"""What a report is made of: editions, mailbox providers and days, each with its figures. Values, and sums of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime

from newsletter.model import Edition, Reason

OTHERS = ""  # the name of all providers that are too small to be told apart, and of readers who are forgotten


@dataclass(frozen=True, slots=True)
class Sum:
    """What came of some deliveries, and what came back of them."""

    accepted: int = 0
    refused: int = 0  # by the relay, when we sent
    uncertain: int = 0
    skipped: int = 0
    deferred: int = 0  # put off, and to be tried again
    waiting: int = 0  # not tried yet
    put_off: int = 0  # at least once, whatever came of them then: beside the others, which add up
    hard: int = 0  # accepted, and came back for good
    soft: int = 0  # accepted, and came back for now
    complaints: int = 0

    @property
    def total(self) -> int:
        return self.offered + self.skipped + self.waiting

    @property
    def offered(self) -> int:
        """Those that the relay was asked to take."""
        return self.accepted + self.refused + self.uncertain + self.deferred

    @property
    def answered(self) -> int:
        """Those that it answered for good."""
        return self.accepted + self.refused

    @property
    def failed(self) -> int:
        """Refused at once or sent back later: which of the two it is depends on the relay alone."""
        return self.refused + self.hard + self.soft

    def __add__(self, other: Sum) -> Sum:
        return Sum(*(getattr(self, name) + getattr(other, name) for name in NAMES))


NAMES = tuple(field.name for field in fields(Sum))


def total(sums: Iterable[Sum]) -> Sum:
    return sum(sums, Sum())


def share(part: int, whole: int) -> float:
    """As of one; 0 of nothing."""
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """An edition in a report."""

    edition: Edition
    sum: Sum
    left: int | None  # None: its deliveries were deleted, nobody knows any more who had it
    known: bool  # what came back of it is known: bounces are read, and its own are still kept


@dataclass(frozen=True, slots=True)
class Warned:
    """A provider that does worse than it may, or than it used to."""

    provider: str  # OTHERS: all of them together
    what: str  # complaints, failed, put_off
    grave: bool  # something has to be done now
    times: int
    of: int  # of so many
    editions: int  # in so many, the last ones
    usual: float | None = None  # the share that there was before; None where a fixed line is crossed
    reason: Reason | None = None  # why most of them failed, where that is known

    @property
    def share(self) -> float:
        return share(self.times, self.of)


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider over all editions of a report."""

    name: str
    sums: tuple[Sum, ...]  # edition by edition
    warned: tuple[Warned, ...] = ()

    @property
    def sum(self) -> Sum:
        return total(self.sums)


@dataclass(frozen=True, slots=True)
class Why:
    """How often something failed at one provider for one reason."""

    provider: str
    reason: Reason | None  # None: nobody has said
    refused: int = 0
    hard: int = 0
    soft: int = 0

    @property
    def failed(self) -> int:
        return self.refused + self.hard + self.soft


@dataclass(frozen=True, slots=True)
class Day:
    """What a day made of the list."""

    day: date
    joined: int
    left: int  # unsubscribed, or had their data deleted
    unreachable: int
    complained: int
    active: int  # on the list when it ended

    @property
    def gone(self) -> int:
        return self.left + self.unreachable + self.complained


@dataclass(frozen=True, slots=True)
class Trends:
    """A report: the oldest first, providers the largest first."""

    at: datetime
    editions: list[Line]
    providers: list[Provider]  # the largest, and whoever is warned of
    others: Provider
    other_count: int  # at the least: of an edition, small ones are counted, not named
    reasons: list[Why]
    growth: list[Day]
    active: int
    read: bool  # what comes back is read at all
    unattributed: int  # came back in that time, and nothing proves whose it was: counted for no one
    all_warned: Warned | None = None  # of all mails together

    @property
    def sum(self) -> Sum:
        return total(one.sum for one in self.editions)

    @property
    def warned(self) -> list[Warned]:
        """The grave ones first."""
        found = [one for provider in self.providers for one in provider.warned]
        found = [self.all_warned, *found] if self.all_warned else found
        return sorted(found, key=lambda one: not one.grave)

    @property
    def left(self) -> int:
        return sum(one.left or 0 for one in self.editions)
