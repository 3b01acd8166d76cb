"""The nouns: plain frozen values that every room may hold. No behaviour beyond what a value knows of itself.

Times are aware and in UTC; texts are plain text, never HTML, unless a name says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

# --- Articles -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """An article's picture, where it lies and what is known of it without fetching it."""

    url: str
    alt: str = ""
    width: int | None = None  # pixels
    height: int | None = None  # pixels
    size: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Article:
    """One story as a source gave it.

    `identity` is the post's id at its site (written as its short permalink, `https://host/?p=123`), else the
    canonical URL. `aliases` are other keys under which another source, or the same one tomorrow, may know it.
    """

    identity: str
    url: str
    title: str
    summary: str = ""
    authors: tuple[str, ...] = ()
    section: str | None = None
    picture: Picture | None = None
    published: datetime | None = None
    modified: datetime | None = None
    lead: bool = False  # the site itself marks it « À la une »
    words: int = 0  # in the full text; 0 where only an excerpt is known
    language: str | None = None  # where it differs from the newsletter's
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave for the next conditional GET, verbatim (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one source gave at one collecting: articles in its own order, or the error that kept it from giving."""

    source: str  # the source's key, see config.Source.key
    articles: tuple[Article, ...] = ()
    validators: Validators = Validators()
    unchanged: bool = False  # the server said 304
    notes: tuple[str, ...] = ()  # what an editor should know: fell back to the feed, moved, …
    error: str | None = None

    @property
    def complaint(self) -> str:
        """The error, which names its source once."""
        place = self.source.partition(" ")[2]
        return str(self.error) if place and place.rstrip("/") in str(self.error) else f"{self.source}: {self.error}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A collected article, as it stands in the store when the day's choice is made."""

    id: int
    article: Article
    first_seen: datetime
    published: datetime  # first publication; first seen, where the site gives no date
    archived: bool = False  # undated, and there already when its source was first read
    used_in: str | None = None  # the edition (its name) that carries it already
    source: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One article considered for an edition: in or out, where, and why."""

    candidate: Candidate
    picked: bool
    reason: str  # one line for the editors, in the newsletter's language
    place: int | None = None  # 1 is the lead
    section: str | None = None


# --- Editions -------------------------------------------------------------------------------------

DAILY = "daily"  # the slot of the day's edition; extras and corrections will have slots of their own


class EditionStatus(StrEnum):
    DRAFT = "draft"  # picked by the machine; a new picking may replace it
    APPROVED = "approved"  # an editor said yes: its choice is kept
    HELD = "held"  # an editor said not yet
    SENDING = "sending"  # frozen; its deliveries are under way
    SENT = "sent"  # every delivery has ended
    STOPPED = "stopped"  # given up with deliveries unsent
    CANCELLED = "cancelled"  # an editor said no

    @property
    def frozen(self) -> bool:
        """Nothing of the edition may change any more."""
        return self in FROZEN


WENT_OUT = frozenset({EditionStatus.SENDING, EditionStatus.SENT})
FROZEN = frozenset({EditionStatus.SENDING, EditionStatus.SENT, EditionStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class Edition:
    """One mail to all, of one local date and slot."""

    id: int
    day: date
    slot: str
    status: EditionStatus
    picked_at: datetime  # the moment the day's choice was made
    subject: str | None = None  # an editor's; else the lead gives it
    audience: int = 0  # subscribers frozen with it
    started_at: datetime | None = None
    ended_at: datetime | None = None
    remark: str | None = None  # why it stands as it does, in one line

    @property
    def name(self) -> str:
        """How people and machines call it: `2026-11-23`, or `2026-11-23-extra` outside the daily slot."""
        return self.day.isoformat() if self.slot == DAILY else f"{self.day.isoformat()}-{self.slot}"

    @property
    def frozen(self) -> bool:
        """Nothing of it may change any more."""
        return self.status.frozen

    @property
    def went_out(self) -> bool:
        """Readers have received it, or are about to: it may be read by everybody."""
        return self.status in WENT_OUT


class Slot(StrEnum):
    """What is personal in a mail: filled in for each reader when the message is spliced."""

    ADDRESS = "address"  # the reader's address, as text
    UNSUBSCRIBE = "unsubscribe"  # the reader's own link
    PREFERENCES = "preferences"  # the reader's own link
    TO = "to"  # the To field
    MESSAGE_ID = "message_id"
    DATE = "date"

    @property
    def marker(self) -> str:
        """How the slot is written in rendered text: between two private-use characters, which cleaned
        article text can never contain."""
        return f"\ue000{self.value}\ue001"


@dataclass(frozen=True, slots=True)
class Rendered:
    """An edition ready for the post office: the same for all readers, with slots for what is personal.

    `html` and `text` hold the markers of Slot.ADDRESS, Slot.UNSUBSCRIBE and Slot.PREFERENCES, nothing else personal.
    """

    subject: str
    preheader: str
    html: str
    text: str
    left_out: tuple[int, ...] = ()  # ids of candidates dropped for weight, from the tail
    degraded: tuple[int, ...] = ()  # ids shown as title and link only, since the rest could not be rendered


# --- People ---------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class Origin:
    """Whence an act came: how, and what there is to prove it by. Never a whole network address."""

    how: str  # page, form (pasted elsewhere), link, one-click, command, import
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


class LetterKind(StrEnum):
    """The single mails that we write."""

    CONFIRM = "confirm"  # one link to confirm a sign-up by
    KNOWN = "known"  # somebody signed up who is on the list already
    LINK = "link"  # a fresh link to one's own data, good for 15 minutes
    NEW_ADDRESS = "new_address"  # to the new one: a link to confirm it by
    ADDRESS_CHANGED = "address_changed"  # to the old one: it has been changed
    NOTICE = "notice"  # to an editor: the day's edition did not go out


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


# --- Deliveries -----------------------------------------------------------------------------------


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
