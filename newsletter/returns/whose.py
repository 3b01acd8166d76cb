"""Whose a returned mail is: by our marks in it, else by the number that the relay gave it, else by what it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.bounce import tokens
from newsletter.bounce.tokens import Mark
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.mail.addresses import normalise
from newsletter.model import Clues, Delivery, DeliveryState, Proof, Returned
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, deliveries, letters, subscribers

QUEUED_WITHIN = timedelta(days=14)  # a relay's numbers come again some day
LAST_DELIVERIES = 15
FEWEST_SIGNS = 8  # of a queue's number
MOST_NAMED = 20  # recipients of one report that are looked up


@dataclass(frozen=True, slots=True)
class Whose:
    """What is known of it. `address` is whom it names, where nothing proves whose it is."""

    proof: Proof = Proof.NOTHING
    subscriber_id: int | None = None
    delivery: Delivery | None = None
    delivery_id: int | None = None
    letter_id: int | None = None
    address: str = ""


def mark_of(room: Newsroom, clues: Clues) -> Mark | None:
    """Our mark in it. Asked before the transaction: an unknown key is looked for in the database."""

    def read(purpose: Purpose, token: str) -> int | None:
        found = room.read_link(purpose, token)
        return found[0] if found else None

    return tokens.find(clues, read, room.signer)


def whose(connection: Connection, returned: Returned, mark: Mark | None, now: datetime) -> Whose:
    """In that order; the last two prove nothing."""
    if mark is not None:
        return _of_mark(connection, mark)
    named = [one.address for one in returned.failures if one.address] or [returned.sender]
    for address in named[:MOST_NAMED]:
        found = _of_queue(connection, address, returned.clues, now)
        if found:
            return found
    for address in named[:MOST_NAMED]:
        if _find(connection, address) is not None:
            return Whose(Proof.ADDRESS, address=address.lower())
    return Whose(address=(named[0] if returned.failures else "").lower()[:320])


def _of_mark(connection: Connection, mark: Mark) -> Whose:
    if mark.purpose is Purpose.DELIVERY:
        found = deliveries.by_ids(connection, [mark.subject])
        one = found[0] if found else None
        return Whose(mark.proof, one.subscriber_id if one else None, one, mark.subject)
    if mark.purpose is Purpose.LETTER:
        letter = letters.by_id(connection, mark.subject)
        return Whose(mark.proof, letter.subscriber_id if letter else None, letter_id=mark.subject)
    known = subscribers.by_id(connection, mark.subject)
    if known is None:
        return Whose(mark.proof)
    one = bounces.latest_delivery(connection, known.id)
    return Whose(mark.proof, known.id, one, one.id if one else None)


def _of_queue(connection: Connection, address: str, clues: Clues, now: datetime) -> Whose | None:
    """By a word of the relay's reply when it accepted the delivery, which stands in the report again."""
    known = _find(connection, address) if clues.words else None
    if known is None:
        return None
    for one in bounces.recent(connection, known, limit=LAST_DELIVERIES):
        if one.state is not DeliveryState.ACCEPTED or one.at is None or now - one.at > QUEUED_WITHIN:
            continue
        if numbers(one.reply or "") & clues.words:
            return Whose(Proof.QUEUE_ID, known, one, one.id)
    return None


def numbers(reply: str) -> frozenset[str]:
    """The words of a reply that may be its queue's number."""
    found = re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]", reply)
    return frozenset(one for one in found if len(one) >= FEWEST_SIGNS and any(sign.isdigit() for sign in one))


def _find(connection: Connection, address: str) -> int | None:
    try:
        known = subscribers.find(connection, normalise(address).key)
    except BadData:
        return None
    return known.id if known else None
