"""Readers, and what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SubscriberStatus(StrEnum):
    PENDING = "pending"  # asked, not yet confirmed: never mailed
    ACTIVE = "active"  # receives the editions
    UNSUBSCRIBED = "unsubscribed"  # left
    UNREACHABLE = "unreachable"  # the address is dead
    COMPLAINED = "complained"  # said it was spam
    FORGOTTEN = "forgotten"  # asked us to forget


class Variant(StrEnum):
    """Which shape of an edition a reader gets."""

    FULL = "full"  # HTML with pictures, and text beside it
    TEXT = "text"  # text alone, for readers who want few bytes


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person on the list."""

    id: int
    address: str
    status: SubscriberStatus
    since: datetime  # in this status
    created_at: datetime
    name: str | None = None
    variant: Variant = Variant.FULL
    paused_until: datetime | None = None  # receives nothing before

    @property
    def gone(self) -> bool:
        """Forgotten: what is left of them is a row without a person."""
        return not self.address


class Act(StrEnum):
    """What happened to a person's being on the list. Each is a row, kept as the proof of it."""

    SIGNED_UP = "signed_up"  # asked for the letter; nothing is sent before they confirm
    CONFIRMED = "confirmed"  # pressed the button behind the confirmation letter's link
    ADDED = "added"  # by the newsroom, one by one
    IMPORTED = "imported"  # by the newsroom, out of a file
    UNSUBSCRIBED = "unsubscribed"  # left
    CAME_BACK = "came_back"  # took their leaving back
    PAUSED = "paused"
    RESUMED = "resumed"  # ended a pause early
    VARIANT = "variant"  # chose the full edition or the text
    ADDRESS = "address"  # changed it
    FORGOTTEN = "forgotten"  # had their data deleted
    REVIVED = "revived"  # by the newsroom, after a complaint or a dead address
    UNREACHABLE = "unreachable"  # their mail came back, for good
    COMPLAINED = "complained"  # said at their mail service that it was spam


@dataclass(frozen=True, slots=True)
class Origin:
    """Whence an act came: how, and what there is to prove it by. Never a whole network address."""

    how: str  # page, form (pasted elsewhere), link, one-click, command, desk, import, mail, bounce
    page: str | None = None  # where the form stood
    wording: str | None = None  # the version of the words that were agreed to
    network: str | None = None  # /24 or /48 of the address
    note: str | None = None  # the newsroom's own claim


@dataclass(frozen=True, slots=True)
class Consent:
    """One act, as it is kept."""

    at: datetime
    act: Act
    origin: Origin
    imported: str | None = None  # the import it was part of: who, when, which file, which claim
