"""Editions: of one local date and slot, made of choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from newsletter.model.articles import Article, Candidate, Picture


@dataclass(frozen=True, slots=True)
class Edits:
    """What editors wrote in the place of what the site gave; None where nothing."""

    title: str | None = None
    summary: str | None = None
    picture: Picture | None = None
    without_picture: bool = False

    def on(self, article: Article) -> Article:
        """The article as it goes out."""
        picture = None if self.without_picture else self.picture or article.picture
        title = article.title if self.title is None else self.title
        summary = article.summary if self.summary is None else self.summary
        return replace(article, title=title, summary=summary, picture=picture)


@dataclass(frozen=True, slots=True)
class Choice:
    """One article considered for an edition: in or out, where, and why."""

    candidate: Candidate
    picked: bool
    reason: str  # the machine's: one line for the editors, in the newsletter's language
    place: int | None = None  # 1 is the lead
    section: str | None = None
    kept: Article | None = None  # as the site gave it when an editor decided on it; None where it follows the site
    edits: Edits = Edits()
    by: str | None = None  # the editor who took it in or out, where one did
    declined: str | None = None  # the digest of what its site has now, where an editor keeps what was

    @property
    def article(self) -> Article:
        """The article as it goes out."""
        return self.edits.on(self.kept or self.candidate.article)


DAILY = "daily"  # the slot of the day's edition
EXTRA = "extra"  # of one made by hand beside it; the day's second is extra-2
CORRECTION = "correction"  # of one to those who have the edition that it corrects; then correction-2


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
    preheader: str | None = None  # an editor's; else the headlines give it
    note: str | None = None  # an editor's, above the lead; paragraphs with empty lines between
    version: int = 0  # how many acts of editors made it what it is
    shaped: bool = False  # an editor has shaped its choice: it is not picked anew
    go_at: datetime | None = None  # an editor sends it at this moment, whatever the schedule says
    paused_at: datetime | None = None  # an editor has stopped its sending, and nobody goes on before they say so
    corrects: int | None = None  # the edition that it corrects

    @property
    def name(self) -> str:
        """How people and machines call it: `2026-11-23`, or `2026-11-23-extra` outside the daily slot."""
        return self.day.isoformat() if self.slot == DAILY else f"{self.day.isoformat()}-{self.slot}"

    @property
    def frozen(self) -> bool:
        """Nothing of it may change any more."""
        return self.status.frozen

    @property
    def stands_alone(self) -> bool:
        """It may go out without an article: a correction, or an extra that is a note with a subject."""
        return self.slot != DAILY and bool(self.note) and (self.corrects is not None or bool(self.subject))

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
    DELIVERY = "delivery"  # its token, in the address by which one leaves by mail

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
