"""Mails: deliveries of editions, letters, and what the relay says to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from newsletter.model.people import Variant


class DeliveryState(StrEnum):
    PENDING = "pending"  # to be sent
    CLAIMED = "claimed"  # a run has taken it; nothing has been offered to the relay
    SENDING = "sending"  # its final dot is on its way
    ACCEPTED = "accepted"  # the relay took responsibility
    DEFERRED = "deferred"  # the relay said not now; tried again later
    REJECTED = "rejected"  # the relay said never, or the retries have run out
    UNCERTAIN = "uncertain"  # the dot was sent and no reply came
    SKIPPED = "skipped"  # the reader left before the message had begun

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self in ENDED


ENDED = frozenset({DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.UNCERTAIN, DeliveryState.SKIPPED})


class Delivery(NamedTuple):
    """The ledger's row: one edition to one subscriber. (A tuple: a sender makes thousands in a second.)"""

    id: int
    edition_id: int
    subscriber_id: int
    address: str  # as it was when the audience was frozen
    state: DeliveryState
    variant: Variant = Variant.FULL
    late: bool = False  # a newcomer's, not of the frozen audience
    attempts: int = 0
    first_attempt: datetime | None = None  # the Date of the message, on every attempt
    repeated: bool = False  # sent again after a doubt
    code: int | None = None
    reply: str | None = None
    at: datetime | None = None  # of the last change


class Entry(NamedTuple):
    """What became of one attempt, as the journal and the ledger keep it."""

    delivery_id: int
    state: DeliveryState
    at: datetime
    code: int | None = None
    reply: str = ""
    next_attempt: datetime | None = None
    attempted: bool = True


class Phase(StrEnum):
    """How far a message had come when something was said, or when the line went dead."""

    CONNECT = "connect"  # connecting, greeting, TLS, log-in
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # before the final dot
    DOT = "dot"  # the final dot has been written, at least in part


class Verdict(StrEnum):
    ACCEPTED = "accepted"  # 250 after the final dot
    DEFERRED = "deferred"  # 4xx
    REJECTED = "rejected"  # 5xx
    UNCERTAIN = "uncertain"  # the line died after the dot
    LOST = "lost"  # the line died before the dot: nothing happened, safe to try again
    REFUSED = "refused"  # the relay refuses us (greeting, log-in, sender), not this reader


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the relay said to one message, and in which phase."""

    verdict: Verdict
    phase: Phase
    code: int | None = None
    reply: str = ""  # one line, at most 500 characters


@dataclass(frozen=True, slots=True)
class Message:
    """What a mailer takes: an envelope and the bytes between DATA and the final dot, CRLF at every line's end."""

    sender: str  # the return path
    recipient: str
    content: bytes = field(repr=False)
    name: str = ""  # stable over retries; an outbox names its file by it
    utf8: bool = False  # an address needs SMTPUTF8 (RFC 6531)
    # ASCII, no line begins with a dot, and the last has its end: nobody needs to look.
    plain: bool = field(default=False, compare=False)


class LetterKind(StrEnum):
    """The single mails that we write."""

    CONFIRM = "confirm"  # one link to confirm a sign-up by
    KNOWN = "known"  # somebody signed up who is on the list already
    LINK = "link"  # a fresh link to one's own data, good for 15 minutes
    NEW_ADDRESS = "new_address"  # to the new one: a link to confirm it by
    ADDRESS_CHANGED = "address_changed"  # to the old one: it has been changed
    NOTICE = "notice"  # to an editor: the day's edition did not go out
    LOG_IN = "log_in"  # to an editor: a link to the desk, good for 15 minutes
    INVITED = "invited"  # to an editor, since an owner wants it: the same, good for a day
    DRAFT = "draft"  # to an editor: the day's draft, with links to decide on it
    PROBE = "probe"  # to a reader whose mail has come back for days: does this arrive?
    PASSED_ON = "passed_on"  # to the newsroom: what a reader wrote to the return address


@dataclass(frozen=True, slots=True)
class Letter:
    """A single mail to one person: a row with the ledger's states."""

    id: int
    kind: LetterKind
    address: str
    language: str
    created_at: datetime  # its Date, on every attempt
    state: DeliveryState
    subscriber_id: int | None = None  # none: to an editor
    details: Mapping[str, str] = field(default_factory=dict)  # what its template needs besides
    content: bytes | None = field(default=None, repr=False)  # frozen when it is first offered
    attempts: int = 0
    repeated: bool = False
    code: int | None = None
    reply: str | None = None
    at: datetime | None = None  # of the last change
