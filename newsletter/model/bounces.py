"""What comes back: what a mail says of our mails, and what we keep of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReturnKind(StrEnum):
    """What a mail that came to us is."""

    BOUNCE = "bounce"  # a mail of ours was not delivered, or not yet
    FEEDBACK = "feedback"  # a complaint: its reader said it was spam (ARF, RFC 5965)
    VACATION = "vacation"  # an answer by a machine: out of office, thank you for your mail
    CHALLENGE = "challenge"  # a machine that asks us to prove that we are a person
    DELIVERED = "delivered"  # a report that a mail arrived, was passed on or was opened
    UNSUBSCRIBE = "unsubscribe"  # a person who wants to leave, by mail
    LETTER = "letter"  # a person who writes to the newsroom, or a mail about something else


class Reason(StrEnum):
    """Why a mail was not delivered."""

    UNKNOWN_USER = "unknown_user"  # there is no such mailbox, or not any more
    HOST_UNKNOWN = "host_unknown"  # its domain does not exist, or takes no mail at all
    INACTIVE = "inactive"  # the mailbox is there, switched off or abandoned
    MAILBOX_FULL = "mailbox_full"
    BLOCKED = "blocked"  # the sender, its address or its domain is refused: reputation, lists, SPF, DKIM, DMARC
    CONTENT = "content"  # what the mail says is taken for spam or for a virus, or its form is refused
    TOO_BIG = "too_big"
    NOT_ALLOWED = "not_allowed"  # this mailbox takes no mail from us: closed list, relaying denied, a rule of its owner
    THROTTLED = "throttled"  # too fast, too much, greylisted: again later
    EXPIRED = "expired"  # tried for days, and the server never took it
    NETWORK = "network"  # the server cannot be reached, or the line broke
    SYSTEM = "system"  # trouble at the other end: disk full, configuration, out of order
    LOOP = "loop"  # it went in a circle
    DELAYED = "delayed"  # not yet delivered, and tried again: no failure so far
    OTHER = "other"  # nothing that we could read says why


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient of a mail that was not delivered."""

    address: str  # as the report names it; empty where nothing names it
    permanent: bool | None = None  # 5.x.x or words like it; None where nothing says so
    reason: Reason = Reason.OTHER
    suppress: bool = False  # the address is dead for certain: nobody should write to it again
    code: str = ""  # the enhanced status (RFC 3463), else the SMTP code, else nothing
    text: str = ""  # the server's words in one line, at most 500 characters


@dataclass(frozen=True, slots=True)
class Clues:
    """What in a returned mail may name the delivery that it is about, as it stands there; each the likeliest first.

    Nothing of it is proven: a token proves itself by its signature (`links`).
    """

    return_paths: tuple[str, ...] = ()  # addresses that it was sent to
    message_ids: tuple[str, ...] = ()  # of mails that it contains, answers or speaks of; in angle brackets
    links: tuple[str, ...] = ()  # of List-Unsubscribe, and ENVIDs (RFC 3461, 4.4)
    words: frozenset[str] = frozenset()  # those that may be a relay's queue id: of 8 signs and more, with a digit


@dataclass(frozen=True, slots=True)
class Returned:
    """A mail that came to us, read."""

    kind: ReturnKind
    failures: tuple[Failure, ...] = ()  # of a bounce; of a complaint, who complained, as far as that is said
    clues: Clues = Clues()
    sender: str = ""  # whose address it came from, for letters and unsubscribing
    subject: str = ""


class Proof(StrEnum):
    """By what a returned mail was attributed to a reader. All but the last two prove it."""

    RETURN_PATH = "return_path"  # our token in the address that it was sent to
    MESSAGE_ID = "message_id"  # our Message-ID in it
    LINK = "link"  # our List-Unsubscribe, or the ENVID
    QUEUE_ID = "queue_id"  # the number that the relay gave this delivery when it accepted it
    LEDGER = "ledger"  # the relay said it when we sent
    PROVIDER = "provider"  # the signed word of a provider about its recipient: of complaints and departures alone
    ADDRESS = "address"  # it names an address on the list, as anybody could
    NOTHING = "nothing"

    @property
    def certain(self) -> bool:
        return self not in (Proof.ADDRESS, Proof.NOTHING)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What came back, as it is kept: a row for each returned mail, event of a provider, or refusal by the relay."""

    id: int
    at: datetime  # when we took it in
    kind: ReturnKind
    via: str  # maildir, mbox, imap, stdin, ses, mailgun, brevo, smtp
    proof: Proof
    subscriber_id: int | None = None
    delivery_id: int | None = None
    edition_id: int | None = None
    letter_id: int | None = None
    permanent: bool | None = None
    reason: Reason | None = None
    suppress: bool = False
    code: str = ""
    text: str = ""
    address: str = ""  # whom it names, where nothing proves whose it is
