"""What a reader decides about their own letter: a pause, the text alone, a new address, a look at their data.

By the link in a mail one may only do what does no harm when a mail was forwarded: leave, pause, choose the variant. For
all else a fresh link is mailed first, good for fifteen minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.model import Act, LetterKind, Origin, Subscriber, SubscriberStatus, Variant
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, consents, deliveries, letters, notes, subscribers
from newsletter.store.database import read, wipe, write
from newsletter.store.subscribers import AddressChange
from newsletter.subscribe import COUNTING, check_welcome, empty, forgotten_key, may_write, person

Status = SubscriberStatus

PAUSE = timedelta(days=30)
OWN_WITHIN = timedelta(minutes=15)  # how long a fresh link to one's own data is good
NEW_ADDRESS_WITHIN = timedelta(days=1)
NEW_ADDRESSES_A_DAY = 3  # to one reader
LINKS_A_DAY = 5  # fresh links to one reader: whoever has an old mail can ask for them


# --- By any link in a mail ------------------------------------------------------------------------


def pause(room: Newsroom, known: Subscriber, origin: Origin) -> datetime | None:
    """No edition for 30 days; returns the moment at which it ends, None for who is not active."""
    now = room.clock()
    with write(room.engine) as connection:
        if not subscribers.pause(connection, known.id, now + PAUSE):
            return None
        consents.record(connection, [known.id], Act.PAUSED, origin, now)
    return now + PAUSE


def resume(room: Newsroom, known: Subscriber, origin: Origin) -> None:
    """End a pause early. Harmless where there is none."""
    now = room.clock()
    with write(room.engine) as connection:
        found = subscribers.by_id(connection, known.id)
        if found and found.paused_until and subscribers.pause(connection, known.id, None):
            consents.record(connection, [known.id], Act.RESUMED, origin, now)


def is_pausing(room: Newsroom, known: Subscriber) -> bool:
    return known.paused_until is not None and known.paused_until > room.clock()


def choose_variant(room: Newsroom, known: Subscriber, variant: Variant, origin: Origin) -> None:
    """From the next edition on."""
    with write(room.engine) as connection:
        found = subscribers.by_id(connection, known.id, locked=True)
        if found and not found.gone and subscribers.set_variant(connection, known.id, variant):
            noted = Origin(origin.how, origin.page, None, origin.network, variant.value)
            consents.record(connection, [known.id], Act.VARIANT, noted, room.clock())


def mail_own_link(room: Newsroom, known: Subscriber, *, language: str) -> bool:
    """Mail a fresh link to their own data to a reader; False where they have had enough of them today."""
    now = room.clock()
    with write(room.engine) as connection:
        since = now - timedelta(days=1)
        found = subscribers.by_id(connection, known.id, locked=True)
        if found is None or found.gone:
            return False
        keys = [letters.mailbox(found.address)]
        if letters.count(connection, [LetterKind.LINK], since, keys=keys) >= LINKS_A_DAY:
            return False
        letters.add(connection, LetterKind.LINK, found.address, language=language, now=now, subscriber_id=known.id)
    room.stirred.set()
    return True


# --- By a fresh link alone ------------------------------------------------------------------------


def owner(room: Newsroom, token: str) -> Subscriber | None:
    """Whose fresh link this is; None where it is none of ours or its fifteen minutes are over. Changes nothing."""
    found = room.read_link(Purpose.OWN, token)
    if found is None or room.clock() - found[1] > OWN_WITHIN:
        return None
    with read(room.engine) as connection:
        known = subscribers.by_id(connection, found[0])
    return None if known is None or known.gone else known


def own_data(room: Newsroom, known: Subscriber) -> dict[str, object]:
    """All that we know of a reader, as JSON takes it."""
    with read(room.engine) as connection:
        acts = consents.of_subscriber(connection, known.id)
        wordings = {act.origin.wording: consents.wording(connection, act.origin.wording or "") for act in acts}
        story = deliveries.of_subscriber(connection, known.id)
        mails = letters.of_subscriber(connection, known.id)
        back = bounces.of_subscriber(connection, known.id) + bounces.naming(connection, person(known.address).key)
    return {
        "address": known.address,
        "name": known.name,
        "status": known.status,
        "since": known.since.isoformat(),
        "variant": known.variant,
        "paused_until": known.paused_until.isoformat() if known.paused_until else None,
        "consents": [
            {"at": act.at.isoformat(), "act": act.act, "how": act.origin.how, "page": act.origin.page}
            | {"network": act.origin.network, "note": act.origin.note, "imported": act.imported}
            | {"wording": wordings.get(act.origin.wording)}
            for act in acts
        ],
        "editions": [
            {"edition": edition.name, "state": one.state, "at": one.at.isoformat() if one.at else None}
            for one, edition, _wire in story
        ],
        "letters": [
            {"kind": one.kind, "at": one.created_at.isoformat(), "address": one.address, "state": one.state}
            for one in mails
        ],
        "returned": [
            {"at": one.at.isoformat(), "kind": one.kind, "reason": one.reason, "code": one.code, "text": one.text}
            for one in back
        ],
    }


def ask_for_address(room: Newsroom, known: Subscriber, address: str, origin: Origin, *, language: str) -> bool:
    """Mail a link to the new address, to confirm it by; False where this reader has asked often enough today. Raises
    BadData for one that cannot be mailed.

    An address that is on the list already gets the same answer, and a letter that leads to nothing: the link's page
    says so to who can read mail there. It is a way to have us write to strangers, so the caps of a sign-up hold, and
    one for each reader.
    """
    one, now = person(address), room.clock()
    check_welcome(room, one)
    room.forgotten_secret  # noqa: B018  made now, if at all: see there
    if known.status is not Status.ACTIVE:
        raise BadData(f"{known.address} is {known.status}: there is no letter to send elsewhere")
    with write(room.engine) as connection:
        since = now - timedelta(days=1)
        notes.one_at_a_time(connection, COUNTING)
        found = subscribers.by_id(connection, known.id, locked=True)
        asked = letters.count(connection, [LetterKind.NEW_ADDRESS], since, subscriber_id=known.id)
        if asked >= NEW_ADDRESSES_A_DAY:
            return False
        if found is None or found.status is not Status.ACTIVE:
            return True
        if not may_write(room, connection, one.address, origin.network, now):
            return True  # else one would learn who is about to join
        change = subscribers.ask_for_address(connection, known.id, one, now)
        letters.add(
            connection,
            LetterKind.NEW_ADDRESS,
            one.address,
            language=language,
            now=now,
            subscriber_id=known.id,
            network=origin.network or "",
            details={"change": str(change)},
        )
    room.stirred.set()
    return True


def asked_address(room: Newsroom, token: str) -> AddressChange | None:
    """The change that a new address's link is for; None where it is none of ours, is over or done. Changes nothing."""
    found = room.read_link(Purpose.ADDRESS, token)
    if found is None or room.clock() - found[1] > NEW_ADDRESS_WITHIN:
        return None
    with read(room.engine) as connection:
        return subscribers.address_change(connection, found[0])


def change_address(room: Newsroom, change: AddressChange, origin: Origin, *, language: str) -> bool:
    """The new address has been confirmed: the old one is told. False where the new one is on the list already."""
    now, secret = room.clock(), room.forgotten_secret
    with write(room.engine) as connection:
        seen = _holder(connection, secret, change.key)
        subscribers.lock(connection, [change.subscriber_id, *([seen.id] if seen else [])])
        holder = _holder(connection, secret, change.key)
        known = subscribers.by_id(connection, change.subscriber_id)
        still = subscribers.address_change(connection, change.id)
        if known is None or known.status is not Status.ACTIVE or still is None:
            return False
        if holder and (seen is None or holder.id != seen.id):  # somebody has just come to it
            return False
        if not _make_way(connection, secret, holder, origin, now) or not subscribers.change_address(connection, change):
            return False
        subscribers.leave_hash(connection, forgotten_key(secret, person(known.address).key), now)
        consents.record(connection, [known.id], Act.ADDRESS, origin, now)
        old: dict[str, Any] = {"language": language, "now": now, "subscriber_id": known.id}
        letters.add(connection, LetterKind.ADDRESS_CHANGED, known.address, **old)
    room.stirred.set()
    wipe(room.engine)
    return True


def _holder(connection: Connection, secret: bytes, key: str) -> Subscriber | None:
    """Whose row has that address, or its hash."""
    return subscribers.find(connection, key) or subscribers.find(connection, forgotten_key(secret, key))


def _make_way(connection: Connection, secret: bytes, holder: Subscriber | None, origin: Origin, now: datetime) -> bool:
    """Whether the new address is free. Whoever opened its letter owns it: a row of theirs that receives nothing goes.
    One that is active stays, and so does a complaint."""
    if holder is None:
        return True
    if holder.status in (Status.ACTIVE, Status.COMPLAINED):
        return False
    if holder.gone:
        subscribers.give_up_key(connection, holder.id)
    else:
        empty(connection, secret, holder, f"gone:{holder.id}", Status.FORGOTTEN, origin, now)
    return True
