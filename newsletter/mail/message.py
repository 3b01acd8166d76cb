"""Rendered edition + subscriber → the bytes on the wire. Every header of an edition stands here. Pure.

The bytes are made once per edition and cut at what is personal; a reader's message is a join of them. All that a
retry must find unchanged (content, headers, boundary, signing key, links' host) is kept in the WireTemplate, so that
an upgrade, a new key or a changed template alters no message of an edition that has begun.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.utils import parseaddr

from newsletter.config import NewsletterTable
from newsletter.errors import DatabaseError, TemplateError
from newsletter.links import Purpose, Signer, archive_link
from newsletter.mail import headers, quoted
from newsletter.mail.splice import Hole, Place, Splicer, values_of
from newsletter.model import Message, Rendered, Slot, Variant

VERSION = 2  # of what WireTemplate.dumps writes
READABLE = (1, VERSION)  # 2 differs in that a delivery's token may stand in the header
ANSWER = re.compile(r"^(?:(?:re|fwd?|tr)\s*:\s*)+", re.IGNORECASE)


# --- Once per edition -----------------------------------------------------------------------------


def freeze(
    rendered: Rendered,
    paper: NewsletterTable,
    *,
    edition: str,
    return_path: str,
    key: int,
    variant: Variant = Variant.FULL,
    archive: bool = True,
    leave_by_mail: bool = False,
) -> WireTemplate:
    """Make the bytes of an edition, in one of its variants.

    `edition` is its name, `return_path` and `key` are `delivery.return_path` and the number of the key that signs
    links. With `leave_by_mail` a mail to that return path unsubscribes too: where it names the delivery, and somebody
    reads what comes there. Raises TemplateError where a reader would find no link to leave by, in the HTML or in the
    text.
    """
    builder = _Builder()
    address = return_path if leave_by_mail and return_path != "plain" else ""
    builder.raw(_head(rendered, paper, edition, archive, address))
    if variant is Variant.TEXT:
        builder.raw(headers.part_head("plain"))
        builder.quoted(Place.TEXT, rendered.text.rstrip("\n"))  # what is signed ends in one CRLF, whoever passes it on
        builder.raw("\r\n")
    else:
        boundary = headers.boundary(edition)
        builder.raw(headers.field("Content-Type", f'multipart/alternative; boundary="{boundary}"'))
        builder.raw(f"\r\n--{boundary}\r\n{headers.part_head('plain')}")
        builder.quoted(Place.TEXT, rendered.text)
        builder.raw(f"\r\n--{boundary}\r\n{headers.part_head('html')}")
        builder.quoted(Place.HTML, rendered.html)
        builder.raw(f"\r\n--{boundary}--\r\n")
    return WireTemplate(
        parts=tuple(builder.parts),
        holes=tuple(builder.holes),
        edition=edition,
        sender=parseaddr(paper.sender)[1],
        return_path=return_path,
        public_url=paper.public_url,
        list_id=paper.list_id,
        key=key,
    )


def _head(rendered: Rendered, paper: NewsletterTable, edition: str, archive: bool, leave_at: str) -> str:
    """The header, with markers where it is personal. First what a person reads, then what machines read."""
    owner = parseaddr(paper.reply_to or paper.sender)[1]
    return "".join(
        [
            headers.mailbox_field("From", paper.sender, default_name=paper.title),
            f"To: {Slot.TO.marker}\r\n",
            headers.mailbox_field("Reply-To", paper.reply_to) if paper.reply_to else "",
            headers.text_field("Subject", _subject(rendered, paper)),
            f"Date: {Slot.DATE.marker}\r\n",
            f"Message-ID: {Slot.MESSAGE_ID.marker}\r\n",
            headers.field("List-Id", headers.list_id(paper.name, paper.list_id)),
            f"List-Unsubscribe: <{Slot.UNSUBSCRIBE.marker}>{_by_mail(leave_at)}\r\n",  # RFC 8058, 3.1: one https URI
            headers.field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            headers.field("List-Archive", f"<{archive_link(paper.public_url, edition)}>") if archive else "",
            headers.field("List-Owner", headers.mailto(owner)),
            headers.field("List-Post", "NO"),  # RFC 2369, 3.4
            headers.field("Feedback-ID", feedback_id(paper.list_id, edition)),
            headers.field("Auto-Submitted", "auto-generated"),  # RFC 3834, 5
            headers.field("Precedence", "bulk"),
            headers.field("MIME-Version", "1.0"),
        ]
    )


def _by_mail(leave_at: str) -> str:
    """The second way to leave, behind the first: RFC 2369, 2 has the reader's program take the first that it can."""
    if not leave_at:
        return ""
    before, after = (headers.uri(part) for part in leave_at.split("{token}"))
    return f",\r\n <mailto:{before}{Slot.DELIVERY.marker}{after}?subject=unsubscribe>"


def _subject(rendered: Rendered, paper: NewsletterTable) -> str:
    """Never like an answer or a forwarded mail, which mail services take for a trick."""
    return ANSWER.sub("", headers.one_line(rendered.subject)) or paper.name


def feedback_id(list_id: str, edition: str) -> str:
    """Gmail's Feedback-ID, `edition:list:kind:sender`: by it the complaints are counted, never by a reader.

    The last is asked to have 5 to 15 characters and to stay the same (support.google.com/mail/answer/6254652).
    """
    sender = (re.sub(r"[^a-z0-9]", "", list_id.lower()) + "newsletter")[:15]
    return f"{edition}:{list_id}:edition:{sender}"


class _Builder:
    """Constant pieces and holes in turn: always one piece more than holes."""

    def __init__(self) -> None:
        self.parts = [b""]
        self.holes: list[Hole] = []

    def raw(self, text: str) -> None:
        pieces = re.split("\ue000([a-z_]+)\ue001", text)
        self._add([piece.encode("ascii") for piece in pieces[::2]], Place.HEADER, [Slot(name) for name in pieces[1::2]])

    def quoted(self, place: Place, text: str) -> None:
        constants, slots = quoted.cut(text)
        if Slot.UNSUBSCRIBE not in slots:
            kind = "HTML" if place is Place.HTML else "text"
            raise TemplateError(f"the edition's {kind} holds no link to unsubscribe by: put it into the template")
        self._add(constants, place, slots)

    def _add(self, constants: list[bytes], place: Place, slots: list[Slot]) -> None:
        self.parts[-1] += constants[0]
        self.parts.extend(constants[1:])
        self.holes.extend(Hole(place, slot) for slot in slots)


# --- Once per reader ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WireTemplate:
    """An edition's bytes with holes in them, and all else that must stay the same until its last retry."""

    parts: tuple[bytes, ...] = field(repr=False)
    holes: tuple[Hole, ...]
    edition: str  # its name
    sender: str  # the From address
    return_path: str  # "plain", or an address that holds {token}
    public_url: str
    list_id: str
    key: int  # the number of the key that signs
    # Made ready for the signer that was asked for last.
    _ready: list[tuple[Signer, Splicer]] = field(default_factory=list, init=False, repr=False, compare=False)

    def splice(self, signer: Signer, *, delivery: int, subscriber: int, address: str, date: datetime) -> Message:
        """One reader's message: for the same delivery, address and date (aware) the same bytes every time.

        Raises BadData for an address that cannot be mailed, DatabaseError where the frozen key is gone.
        """
        for known, splicer in self._ready:
            if known is signer:
                return splicer.splice(delivery, subscriber, address, date)
        splicer = self._splicer(signer)
        self._ready[:] = [(signer, splicer)]  # in one step: other threads see the old one or the new one
        return splicer.splice(delivery, subscriber, address, date)

    def _splicer(self, signer: Signer) -> Splicer:
        return Splicer(
            self.parts,
            self.holes,
            self._frozen(signer),
            edition=self.edition,
            sender=self.sender,
            return_path=self.return_path,
            public_url=self.public_url,
            list_id=self.list_id,
        )

    def html(self, address: str, link: str) -> str:
        """The HTML as nobody's own: `address` and `link` stand where a reader's would. "" where it has none."""
        values = dict.fromkeys(self.holes, b"-")
        personal = {Slot.ADDRESS: address, Slot.UNSUBSCRIBE: link, Slot.PREFERENCES: link}
        message = message_from_bytes(self._joined(values | values_of(personal)))
        for part in message.walk():
            payload = part.get_payload(decode=True) if part.get_content_type() == "text/html" else None
            if isinstance(payload, bytes):
                return payload.decode("utf-8", "replace")
        return ""

    def _joined(self, values: Mapping[Hole, bytes]) -> bytes:
        pieces: list[bytes] = [b""] * (2 * len(self.holes) + 1)
        pieces[::2] = self.parts
        pieces[1::2] = [values[hole] for hole in self.holes]
        return b"".join(pieces)

    def message_id(self, signer: Signer, delivery: int) -> str:
        """The Message-ID of a delivery, in its angle brackets: unique, and the same on every try."""
        return f"<{self.edition}.{self._frozen(signer).token(Purpose.DELIVERY, delivery)}@{self.list_id}>"

    def _frozen(self, signer: Signer) -> Signer:
        """The signer as it was when the edition was frozen."""
        if self.key not in signer.keys:
            raise DatabaseError(
                f"edition {self.edition} was frozen with signing key {self.key}, which is no longer in the database:"
                " restore it from a backup"
            )
        same = signer.current == self.key and signer.list_id == self.list_id
        return signer if same else Signer(self.list_id, signer.keys, self.key)

    # --- Kept in the database

    def dumps(self) -> str:
        """All of it as one ASCII JSON text."""
        return json.dumps(
            {
                "version": VERSION
                if Hole(Place.HEADER, Slot.DELIVERY) in self.holes
                else 1,  # the oldest that can read it
                "edition": self.edition,
                "sender": self.sender,
                "return_path": self.return_path,
                "public_url": self.public_url,
                "list_id": self.list_id,
                "key": self.key,
                "holes": [str(hole) for hole in self.holes],
                "parts": [part.decode("ascii") for part in self.parts],
            }
        )

    @classmethod
    def loads(cls, text: str) -> WireTemplate:
        """Read what `dumps` wrote. Raises DatabaseError for anything else."""
        try:
            values = json.loads(text)
            if values.pop("version") not in READABLE:
                raise DatabaseError("the frozen edition was written by a newer version of newsletter: upgrade this one")
            values["parts"] = tuple(part.encode("ascii") for part in values["parts"])
            values["holes"] = tuple(_hole(name) for name in values["holes"])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatabaseError(
                f"the frozen edition in the database cannot be read ({headers.one_line(str(error), 80)}):"
                " restore the database from a backup"
            ) from None


def _hole(name: str) -> Hole:
    place, _, slot = name.partition(":")
    return Hole(Place(place), Slot(slot))
