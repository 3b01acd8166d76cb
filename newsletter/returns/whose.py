"""Whose a returned mail is: by our marks in it, else by the number that the relay gave it, else by what it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.bounce import tokens
from newsletter.bounce.judge import SETTLED
from newsletter.bounce.tokens import Mark
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.mail.addresses import normalise
from newsletter.model import Clues, Delivery, DeliveryState, Proof, Returned, ReturnKind, Subscriber
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, deliveries, letters, subscribers

QUEUED_WITHIN = timedelta(days=14)  # a relay's numbers come again some day
LAST_DELIVERIES = 15
FEWEST_SIGNS, LONG = 8, 20  # of a queue's number; of one that is digits alone, as Brevo's
MOST_NAMED = 20  # recipients of one report that are looked up


@dataclass(frozen=True, slots=True)
class Whose:
    """What is known of it. `sent_to` and `sent_at` are the mail's that it is about, where we know which that was;
    `named` is what its address has in common with others of the same mailbox, where nothing proves whose it is."""

    proof: Proof = Proof.NOTHING
    subscriber_id: int | None = None
    delivery_id: int | None = None
    edition_id: int | None = None
    letter_id: int | None = None
    sent_to: str = ""
    sent_at: datetime | None = None
    named: str = ""

    def is_about(self, known: Subscriber) -> bool:
        """Whether it says anything of the reader as they are now: the mail went to the address that they have, and
        after they came to be on the list, or were brought back."""
        if self.sent_to and not same(self.sent_to, known.address):
            return False
        return self.sent_at is None or self.sent_at >= known.since.replace(microsecond=0)


def mark_of(room: Newsroom, clues: Clues) -> Mark | None:
    """Our mark in it. Asked before the transaction: an unknown key is looked for in the database."""

    def read(purpose: Purpose, token: str) -> int | None:
        found = room.read_link(purpose, token)
        return found[0] if found else None

    return tokens.find(clues, read, room.signer)


def whose(
    connection: Connection, returned: Returned, mark: Mark | None, now: datetime, *, vouched: bool = False
) -> Whose:
    """In that order; the last two prove nothing. `vouched`: a provider has signed it."""
    if mark is not None and mark.purpose is Purpose.UNSUBSCRIBE:
        return _of_link(connection, mark, returned, now)
    if mark is not None:
        return _of_mark(connection, mark)
    named = [one.address for one in returned.failures if one.address][:MOST_NAMED] or [returned.sender]
    if returned.kind is ReturnKind.BOUNCE:
        for address in named:
            found = _of_queue(connection, address, returned.clues, now)
            if found:
                return found
    for address in named:
        known = _find(connection, address)
        if known and vouched and returned.kind in (ReturnKind.FEEDBACK, ReturnKind.UNSUBSCRIBE):
            return Whose(Proof.PROVIDER, known.id, edition_id=_last_edition(connection, known.id))
        if known:
            return Whose(Proof.ADDRESS, named=key_of(address))
    return Whose()


def _of_mark(connection: Connection, mark: Mark) -> Whose:
    if mark.purpose is Purpose.DELIVERY:
        found = deliveries.by_ids(connection, [mark.subject])
        return _of_delivery(mark.proof, found[0]) if found else Whose(mark.proof, delivery_id=mark.subject)
    if mark.purpose is Purpose.LETTER:
        letter = letters.by_id(connection, mark.subject)
        if letter is None:
            return Whose(mark.proof, letter_id=mark.subject)
        return Whose(
            mark.proof,
            letter.subscriber_id,
            letter_id=letter.id,
            sent_to=letter.address,
            sent_at=letter.created_at.replace(microsecond=0),
        )
    raise ValueError(f"no mail is told by a mark to {mark.purpose}")


def _of_link(connection: Connection, mark: Mark, returned: Returned, now: datetime) -> Whose:
    """By the link to leave by: whose it is, and not which mail it was. So a report counts where it names the address
    that they have, and they have not just come; for the sums, it was their last edition."""
    known = subscribers.by_id(connection, mark.subject)
    if known is None:
        return Whose(mark.proof)
    earliest = now - SETTLED if returned.kind is ReturnKind.BOUNCE else None
    edition = _last_edition(connection, known.id)
    return Whose(mark.proof, known.id, edition_id=edition, sent_to=known.address, sent_at=earliest)


def _last_edition(connection: Connection, subscriber_id: int) -> int | None:
    """The last that somebody was sent, for the sums alone: where nothing says which one it is about."""
    last = bounces.latest_delivery(connection, subscriber_id)
    return last.edition_id if last else None


def _of_delivery(proof: Proof, one: Delivery) -> Whose:
    return Whose(
        proof, one.subscriber_id, one.id, one.edition_id, sent_to=one.address, sent_at=one.first_attempt or one.at
    )


def _of_queue(connection: Connection, address: str, clues: Clues, now: datetime) -> Whose | None:
    """By the relay's number when it accepted the delivery, which stands in the report again."""
    known = _find(connection, address) if clues.words else None
    if known is None:
        return None
    for one in bounces.recent(connection, known.id, limit=LAST_DELIVERIES):
        if one.state is not DeliveryState.ACCEPTED or one.at is None or now - one.at > QUEUED_WITHIN:
            continue
        if numbers(one.reply or "") & clues.words:
            return _of_delivery(Proof.QUEUE_ID, one)
    return None


def numbers(reply: str) -> frozenset[str]:
    """The words of a reply that may be its queue's number. Of letters and digits both, or long: seconds since 1970,
    which some relays write there as well, are for anybody to guess."""
    found = re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]", reply)
    mixed = (one for one in found if re.search(r"\d", one) and (re.search("[A-Za-z]", one) or len(one) >= LONG))
    return frozenset(one for one in mixed if len(one) >= FEWEST_SIGNS)


def key_of(address: str) -> str:
    """What the spellings of an address have in common; empty for what is none."""
    try:
        return normalise(address).key
    except BadData:
        return ""


def same(address: str, other: str) -> bool:
    return bool(key := key_of(address)) and key == key_of(other)


def _find(connection: Connection, address: str) -> Subscriber | None:
    key = key_of(address)
    return subscribers.find(connection, key) if key else None
