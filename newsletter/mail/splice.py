"""A template made ready for many readers: whatever is the same for all of them is done once. Pure.

It gives the bytes that it always gave (tests/data/mail holds some of an earlier version): retries depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from operator import itemgetter
from typing import NamedTuple

from newsletter.links import PATHS, Purpose, Signer, number
from newsletter.mail import dkim, quoted
from newsletter.mail.addresses import USUAL, wire
from newsletter.model import Slot


class Place(StrEnum):
    """Where in a message a slot stands, which says how its value is written."""

    HEADER = "header"  # raw
    TEXT = "text"  # quoted-printable
    HTML = "html"  # escaped, then quoted-printable


class Hole(NamedTuple):
    """A slot in one place."""

    place: Place
    slot: Slot

    def __str__(self) -> str:
        return f"{self.place}:{self.slot}"


IN_TEXT = {slot: Hole(Place.TEXT, slot) for slot in quoted.SLOTS}
IN_HTML = {slot: Hole(Place.HTML, slot) for slot in quoted.SLOTS}
# The order in which Splicer lays out a reader's values; those of the header first.
HEADER = [Hole(Place.HEADER, slot) for slot in (Slot.TO, Slot.DATE, Slot.MESSAGE_ID, Slot.UNSUBSCRIBE, Slot.DELIVERY)]
LAYOUT = {hole: i for i, hole in enumerate([*HEADER, *IN_TEXT.values(), *IN_HTML.values()])}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Splicer:
    """Makes the messages of one template with one signer. For any number of threads at a time."""

    def __init__(
        self,
        parts: Sequence[bytes],
        holes: Sequence[Hole],
        signer: Signer,
        *,
        edition: str,
        sender: str,
        return_path: str,
        public_url: str,
        list_id: str,
    ) -> None:
        order = [LAYOUT[hole] for hole in holes]
        self._pieces = [piece for part in parts for piece in (part, b"")][:-1]
        self._order = itemgetter(*order)
        self._edition = edition
        self._sender = sender
        self._return_path = return_path
        self._message_id = (f"<{edition}.".encode("ascii"), f"@{list_id}>".encode("ascii"))
        self._token = signer.maker(Purpose.DELIVERY)
        self._leave, self._prefer = (
            (f"{public_url}/{PATHS[purpose]}/".encode("ascii"), signer.maker(purpose))
            for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES)
        )
        self._plain_links = quoted.is_plain(public_url) and escape(public_url) == public_url
        # No value of a reader begins a line with a dot: see `quoted`.
        self._plain = all(part.isascii() and b"\n." not in part for part in parts) and parts[-1].endswith(b"\r\n")
        self._dated: tuple[datetime | None, bytes, int] = (None, b"", 0)
        in_header = [place for place in order if place < len(HEADER)]
        self._plan = dkim.plan(parts, in_header) if " " not in public_url + edition + list_id else None

    def splice(self, delivery: int, subscriber: int, address: str, date: datetime) -> dkim.Planned:
        """See WireTemplate.splice."""
        usual = USUAL.fullmatch(address) is not None
        to, utf8 = (address, False) if usual else wire(address)
        raw_to = to.encode()
        token = self._token(number(delivery))
        dated, at = self._date(date)
        before, after = self._message_id
        who = number(subscriber)
        place, link = self._leave
        unsubscribe = place + link(who)
        place, link = self._prefer
        preferences = place + link(who)
        as_it_is = usual and len(to) <= quoted.LINE and "=" not in to and "&" not in to and "'" not in to
        address_text, address_html = (raw_to, raw_to) if as_it_is else _written(to)
        leave_text, leave_html = self._link(unsubscribe)
        prefer_text, prefer_html = self._link(preferences)
        own = (raw_to, dated, before + token + after, unsubscribe, token)
        pieces = self._pieces.copy()
        pieces[1::2] = self._order(
            (*own, address_text, leave_text, prefer_text, address_html, leave_html, prefer_html)  # as LAYOUT has it
        )
        content = b"".join(pieces)
        name = token.decode("ascii")
        return dkim.Planned(
            self._sender if self._return_path == "plain" else self._return_path.replace("{token}", name),
            to,
            content,
            # The token's end ties the name to this database: a new one beside an old outbox numbers from 1 again.
            f"{self._edition}.{delivery}.{name[-12:]}",
            utf8,
            self._plain,
            (self._plan, own, at, content) if self._plan else None,
        )

    def _link(self, link: bytes) -> tuple[bytes, bytes]:
        """A link in the text and in the HTML."""
        if self._plain_links and len(link) <= quoted.LINE:
            return link, link
        return _written(link.decode("ascii"))

    def _date(self, date: datetime) -> tuple[bytes, int]:
        """The Date field, and its seconds since 1970. Many messages share one second."""
        known, dated, at = self._dated
        if known is None or date != known or date.tzinfo is not UTC:
            dated, at = rfc_date(date), int(date.timestamp())
            if date.tzinfo is UTC:  # elsewhere the same moment may be written in two ways
                self._dated = (date, dated, at)
        return dated, at


def values_of(personal: Mapping[Slot, str]) -> dict[Hole, bytes]:
    """Each personal text as it is written in the bodies."""
    values = {}
    for slot, text in personal.items():
        values[IN_TEXT[slot]], values[IN_HTML[slot]] = _written(text)
    return values


def _written(text: str) -> tuple[bytes, bytes]:
    """A text in the text part and in the HTML."""
    plain, escaped = quoted.value(text), escape(text)
    return plain, plain if escaped == text else quoted.value(escaped)


def rfc_date(date: datetime) -> bytes:
    """RFC 5322, 3.3, with the offset from UTC. email.utils takes three times as long, which every message would pay."""
    if date.tzinfo is None:
        raise ValueError("a Date needs its zone")
    day = f"{WEEKDAYS[date.weekday()]}, {date.day:02} {MONTHS[date.month - 1]} {date.year:04}"
    return f"{day} {date:%H:%M:%S %z}".encode("ascii")
