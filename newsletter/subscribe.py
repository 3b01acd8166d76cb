"""Who is on the list: how people join it and leave it, and what the newsroom does by hand.

A sign-up puts a letter into the post; pressing the button behind its link makes the person active. Every step is kept
with its proof (`store.consents`). Whatever a visitor asks about an address, known, new or blocked, gets one answer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from newsletter import forgetting
from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.mail.addresses import normalise
from newsletter.model import DAILY, Act, Consent, LetterKind, Origin, Subscriber, SubscriberStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, consents, deliveries, editions, letters, notes, partitions, subscribers
from newsletter.store.database import read, wipe, write
from newsletter.store.subscribers import NewSubscriber

Status = SubscriberStatus

CONFIRM_WITHIN = timedelta(days=7)
BACK_WITHIN = timedelta(days=7)  # how long the way back stays open after leaving
ONE_LETTER = timedelta(days=1)  # to one address, however often somebody signs it up
# Letters that a stranger can have us write. Who counts them and then writes one, does so alone (`COUNTING`).
COUNTED = (LetterKind.CONFIRM, LetterKind.KNOWN, LetterKind.NEW_ADDRESS)
COUNTING = "letters counted"
MAY_LEAVE = (Status.ACTIVE, Status.PENDING, Status.UNREACHABLE)  # unsubscribed, by whoever
LEFT = (Status.UNSUBSCRIBED, Status.UNREACHABLE)  # may join again by a confirmed sign-up
REVIVABLE = (Status.COMPLAINED, Status.UNREACHABLE)  # may be brought back by the newsroom, when they ask it
# Addresses of a post, not of a person (RFC 2142), which nobody can have asked for us by.
ROLES = frozenset(
    [
        *("abuse", "admin", "administrator", "contact", "hostmaster", "info", "mailer-daemon", "no-reply", "noreply"),
        *("noc", "postmaster", "root", "sales", "security", "service", "support", "sysadmin", "usenet", "webmaster"),
    ]
)


class NotWelcome(BadData):
    """An address that we do not write to: of an office (`role`), or one that lasts for a day."""

    def __init__(self, message: str, *, role: bool) -> None:
        super().__init__(message)
        self.role = role


class CannotBeAdded(BadData):
    """Somebody who is known, and not on the list: only they can come back. `known` says how they stand; `moved`, that
    it is the old address of somebody who has taken another."""

    def __init__(self, address: str, known: Subscriber, *, moved: bool) -> None:
        what = "was given up by its reader for another address on" if moved else f"is {known.status} since"
        super().__init__(f"{address} {what} {known.since:%Y-%m-%d}: only its owner can come back")
        self.known = known
        self.moved = moved


def person(address: str, name: str | None = None) -> NewSubscriber:
    """An address as it goes on the list. Raises BadData for one that cannot be mailed."""
    found = normalise(address)
    clean = " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
    return NewSubscriber(found.text, found.key, clean[:200] or None)


# --- A reader joins -------------------------------------------------------------------------------


def sign_up(room: Newsroom, address: str, origin: Origin, *, language: str) -> None:
    """Somebody asks for the letter: write to that address to have it confirmed, unless we should not.

    A known, a blocked and a new address cannot be told apart by what comes back, nor by how long it takes: each costs
    the same look-ups and one commit. Raises BadData for what is no address, or none that we write to.
    """
    one = person(address)
    check_welcome(room, one)
    now, secret = room.clock(), room.forgotten_secret
    with write(room.engine) as connection:
        notes.one_at_a_time(connection, COUNTING)
        notes.add_one(connection, notes.SIGN_UPS)
        known = _known(connection, secret, one.key)
        if may_write(room, connection, one.address, origin.network, now) and not (known and _is_blocked(known)):
            _write_to(connection, one, known, origin, language, now)
    room.stirred.set()


def _known(connection: Connection, secret: bytes, key: str) -> Subscriber | None:
    """Whoever has that address, or had it when they were forgotten; locked. Always two look-ups, see `sign_up`."""
    known = subscribers.find(connection, key, locked=True)
    forgotten = subscribers.find(connection, forgotten_key(secret, key), locked=True)
    return known or forgotten


def keep_wording(room: Newsroom, version: str, text: str) -> None:
    """Keep the words that people agree to, so that each consent can be proven by them. Once for each version."""
    with write(room.engine) as connection:
        consents.keep_wording(connection, version, text, room.clock())


def knows_wording(room: Newsroom, version: str) -> bool:
    """Whether the words of that version are kept."""
    with read(room.engine) as connection:
        return consents.wording(connection, version) is not None


def check_welcome(room: Newsroom, one: NewSubscriber) -> None:
    """Raise NotWelcome for an address that is no person's own."""
    local, _, domain = one.key.rpartition("@")
    table = room.config.sign_up
    if table.refuse_roles and local.partition("+")[0] in ROLES:
        raise NotWelcome(f"{one.address} is the address of a post, not of a person: please give your own", role=True)
    refused = {name.strip().lower() for name in table.refuse_domains}
    if any(domain == name or domain.endswith(f".{name}") for name in refused):
        raise NotWelcome(f"{one.address} is an address for one day: please give one that you keep", role=False)


def may_write(room: Newsroom, connection: Connection, address: str, network: str | None, now: datetime) -> bool:
    """The caps on letters that strangers can have us write: per address, per network, in all."""
    table, hour, day = room.config.sign_up, now - timedelta(hours=1), now - timedelta(days=1)
    mailbox = letters.mailbox(address)
    keys = (mailbox, forgotten_key(room.forgotten_secret, mailbox))  # and of who was forgotten since
    counts = [
        letters.count(connection, COUNTED, now - ONE_LETTER, keys=keys) < 1,
        letters.count(connection, COUNTED, hour, network=network or "") < table.per_network_per_hour,
        letters.count(connection, COUNTED, hour) < table.total_per_hour,
        letters.count(connection, COUNTED, day) < table.total_per_day,
    ]
    return all(counts)


def _is_blocked(known: Subscriber) -> bool:
    """Said that we are spam: only the newsroom can bring them back (`subscribers revive`)."""
    return known.status is Status.COMPLAINED


def _write_to(
    connection: Connection, one: NewSubscriber, known: Subscriber | None, origin: Origin, language: str, now: datetime
) -> None:
    values: dict[str, Any] = {"language": language, "now": now, "network": origin.network or ""}
    if known and known.status is Status.ACTIVE:
        letters.add(connection, LetterKind.KNOWN, known.address, subscriber_id=known.id, **values)
        return
    if known is None or known.gone:
        added = subscribers.add(connection, [one], now=now, status=Status.PENDING)
        if not added:  # put on the list by the newsroom, this very moment
            return
        [subscriber_id] = added
    else:
        subscriber_id = known.id
    consents.record(connection, [subscriber_id], Act.SIGNED_UP, origin, now)
    letters.add(connection, LetterKind.CONFIRM, one.address, subscriber_id=subscriber_id, **values)


def to_confirm(room: Newsroom, token: str) -> Subscriber | None:
    """Whose sign-up a confirmation link is for; None where it is none of ours, is over, or was followed by a departure.

    Changes nothing.
    """
    found = room.read_link(Purpose.CONFIRM, token)
    if found is None or room.clock() - found[1] > CONFIRM_WITHIN:
        return None
    with read(room.engine) as connection:
        known = subscribers.by_id(connection, found[0])
    return known if known and _is_confirmable(known, found[1]) else None


def _is_confirmable(known: Subscriber, made: datetime) -> bool:
    """Whether a link made at that moment still confirms: not somebody who left, complained or was forgotten since, nor
    anybody who came after it was made."""
    if known.gone or known.status is Status.COMPLAINED:
        return False
    begin = known.since if known.status in LEFT else known.created_at
    return made >= begin.replace(microsecond=0)


def confirm(room: Newsroom, token: str, origin: Origin) -> Subscriber | None:
    """The reader presses the button: from here on they get the letter; None as for `to_confirm`. Twice is harmless."""
    found, now = room.read_link(Purpose.CONFIRM, token), room.clock()
    if found is None or now - found[1] > CONFIRM_WITHIN:
        return None
    secret = room.forgotten_secret
    if room.config.sign_up.send_latest_on_confirm:
        with read(room.engine) as connection:
            latest = editions.sent(connection, DAILY, limit=1)
        for edition in latest:  # while no row is locked: see there
            partitions.make_room(room.engine, edition.id)
    with write(room.engine) as connection:
        known = subscribers.by_id(connection, found[0], locked=True)
        if known is None or not _is_confirmable(known, found[1]):
            return None
        if subscribers.set_status(connection, known.id, Status.ACTIVE, now):
            consents.record(connection, [known.id], Act.CONFIRMED, origin, now)
            known = subscribers.by_id(connection, known.id) or known
            subscribers.free_key(connection, forgotten_key(secret, normalise(known.address).key))
            if room.config.sign_up.send_latest_on_confirm:
                _welcome(connection, known.id, now)
    room.stirred.set()
    return known


def _welcome(connection: Connection, subscriber_id: int, now: datetime) -> None:
    """The latest edition, by its own ledger: so never twice."""
    for latest in editions.sent(connection, DAILY, limit=1):
        deliveries.add_newcomer(connection, latest.id, subscriber_id, now)


# --- A reader leaves ------------------------------------------------------------------------------


def of_link(room: Newsroom, purpose: Purpose, token: str) -> Subscriber | None:
    """Whose link in a mail this is; None where it is none of ours, or its owner is forgotten. Changes nothing."""
    found = room.read_link(purpose, token)
    if found is None:
        return None
    with read(room.engine) as connection:
        known = subscribers.by_id(connection, found[0])
    return None if known is None or known.gone else known


def leave(room: Newsroom, known: Subscriber, origin: Origin) -> None:
    """Unsubscribe, at once: a delivery that has not begun is skipped, in a running edition too. Twice is harmless."""
    now = room.clock()
    with write(room.engine) as connection:
        found = subscribers.by_id(connection, known.id, locked=True)
        if found and found.status in MAY_LEAVE:
            subscribers.set_status(connection, known.id, Status.UNSUBSCRIBED, now)
            consents.record(connection, [known.id], Act.UNSUBSCRIBED, origin, now)


def may_come_back(room: Newsroom, known: Subscriber) -> bool:
    """Whether their leaving is so fresh that one press takes it back; later it takes a new sign-up."""
    return known.status is Status.UNSUBSCRIBED and room.clock() - known.since <= BACK_WITHIN


def come_back(room: Newsroom, known: Subscriber, origin: Origin) -> bool:
    """Take leaving back; False where it is too long ago. Somebody who never confirmed does not come in by this way."""
    now = room.clock()
    with write(room.engine) as connection:
        found = subscribers.by_id(connection, known.id, locked=True)
        if found is None or not may_come_back(room, found) or not _was_active(connection, known.id):
            return bool(found and found.status is Status.ACTIVE)
        subscribers.set_status(connection, known.id, Status.ACTIVE, now)
        consents.record(connection, [known.id], Act.CAME_BACK, origin, now)
    return True


def _was_active(connection: Connection, subscriber_id: int) -> bool:
    joined = (Act.CONFIRMED, Act.ADDED, Act.IMPORTED, Act.REVIVED)
    return any(consents.last(connection, subscriber_id, act) for act in joined)


# --- Forgotten -------------------------------------------------------------------------------------


def forgotten_key(secret: bytes, key: str) -> str:
    """What is left of a forgotten address: by it we know it again when it is offered, and cannot read it. `secret` is
    the newsroom's `forgotten_secret`."""
    return "hmac:" + hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


def forget(room: Newsroom, known: Subscriber, origin: Origin, *, who: Who | None = None, dry_run: bool = False) -> None:
    """Delete all that is personal of a subscriber; an import cannot bring the address back, its owner can. `who` does
    it for them, where they do not themselves."""
    now, secret = room.clock(), room.forgotten_secret
    with write(room.engine, rehearsal=dry_run) as connection:
        found = subscribers.by_id(connection, known.id, locked=True)
        if found and not found.gone:
            forget_one(connection, secret, found, origin, now)
            if who:
                _note(connection, who, "reader_forgotten", found, now)
    if not dry_run:
        wipe(room.engine)


def forget_one(connection: Connection, secret: bytes, known: Subscriber, origin: Origin, now: datetime) -> None:
    """For who holds their row. What is left says whether they complained: then no sign-up by anybody writes to that
    address again."""
    key = forgotten_key(secret, normalise(known.address).key)
    subscribers.free_key(connection, key)  # forgotten before, and back since: one row holds the key
    complained = known.status is Status.COMPLAINED
    status = Status.COMPLAINED if complained else Status.FORGOTTEN
    empty(connection, secret, known, key, status, origin, now)


def empty(
    connection: Connection, secret: bytes, known: Subscriber, key: str, status: Status, origin: Origin, now: datetime
) -> None:
    """Delete what is personal of a row, which is known by `key` from here on. Letters of the last day stay counted:
    else who deletes their data could have us write to strangers without end."""
    letters.blank(connection, known.id, COUNTED, now - ONE_LETTER, lambda mailbox: forgotten_key(secret, mailbox))
    forgetting.drop_what_came_back(connection, known)
    subscribers.forget(connection, known.id, key, status, now)
    consents.record(connection, [known.id], Act.FORGOTTEN, Origin(origin.how), now)


# --- By the newsroom's hand -------------------------------------------------------------------------


# `who` does it; by default, whoever is at the command line. What they say of it is kept with the consent, which is
# emptied when its reader is forgotten; the audit log names the reader's number alone.


def add(
    room: Newsroom, addresses: Iterable[str], consent: str | None, *, who: Who | None = None, dry_run: bool = False
) -> list[str]:
    """Put addresses on the list as active; returns those that were new.

    Raises BadData for an address that cannot be mailed, CannotBeAdded where its owner has left.
    """
    people, now, secret = [person(address) for address in addresses], room.clock(), room.forgotten_secret
    fresh, who = [], who or room.here
    with write(room.engine, rehearsal=dry_run) as connection:
        for one in people:
            known = subscribers.find(connection, one.key)
            known = known or subscribers.find(connection, forgotten_key(secret, one.key))
            if known and known.status is not Status.ACTIVE:
                gone = known.status is Status.FORGOTTEN
                moved = gone and not consents.last(connection, known.id, Act.FORGOTTEN)
                raise CannotBeAdded(one.address, known, moved=moved)
            for subscriber_id in subscribers.add(connection, [one], now=now):
                consents.record(connection, [subscriber_id], Act.ADDED, _by(who, consent), now)
                after = {"status": Status.ACTIVE}
                audit.add(connection, who, "reader_added", now, subscriber_id=subscriber_id, after=after)
                fresh.append(one.address)
    return fresh


def remove(
    room: Newsroom, address: str, *, who: Who | None = None, note: str | None = None, dry_run: bool = False
) -> Subscriber:
    """Unsubscribe an address, also where mail to it comes back; what was sent to it stays in the ledger. Returns how it
    stood before: only where that is one of `MAY_LEAVE` is anything changed."""
    now, who = room.clock(), who or room.here
    with write(room.engine, rehearsal=dry_run) as connection:
        known = subscribers.find(connection, normalise(address).key, locked=True)
        if known is None:
            raise BadData(f"{address} is not on the list")
        if known.status in MAY_LEAVE:
            subscribers.set_status(connection, known.id, Status.UNSUBSCRIBED, now)
            consents.record(connection, [known.id], Act.UNSUBSCRIBED, _by(who, note), now)
            _note(connection, who, "reader_unsubscribed", known, now)
        return known


def revive(room: Newsroom, address: str, consent: str, *, who: Who | None = None, dry_run: bool = False) -> Subscriber:
    """Bring back an address that complained or was unreachable, because its owner has asked the newsroom.

    Raises BadData for any other: who left comes back by signing up.
    """
    one, now, secret, who = person(address), room.clock(), room.forgotten_secret, who or room.here
    with write(room.engine, rehearsal=dry_run) as connection:
        known = _known(connection, secret, one.key)
        if known is None or known.status not in REVIVABLE:
            standing = f"is {known.status}" if known else "is not on the list"
            raise BadData(f"{address} {standing}: only who complained or was unreachable can be revived")
        if known.gone:  # they complained, and had their data deleted
            subscribers.name_again(connection, known.id, one)
        subscribers.set_status(connection, known.id, Status.ACTIVE, now)
        consents.record(connection, [known.id], Act.REVIVED, _by(who, consent), now)
        _note(connection, who, "reader_revived", known, now)
        return subscribers.by_id(connection, known.id) or known


def _by(who: Who, note: str | None) -> Origin:
    return Origin("command" if who.editor_id is None else "desk", note=note)


def _note(connection: Connection, who: Who, act: str, known: Subscriber, now: datetime) -> None:
    """In the audit log: of a reader no more than how they stood, and stand."""
    found = subscribers.by_id(connection, known.id)
    was, after = {"status": known.status}, {"status": found.status if found else None}
    audit.add(connection, who, act, now, subscriber_id=known.id, before=was, after=after)


def find(room: Newsroom, address: str) -> Subscriber:
    """The subscriber with that address, however it is spelt. Raises BadData where there is none."""
    with read(room.engine) as connection:
        known = subscribers.find(connection, normalise(address).key)
    if known is None:
        raise BadData(f"{address} is not on the list")
    return known


def history(room: Newsroom, known: Subscriber) -> list[Consent]:
    """All that a person did, and what was done with them, the oldest first."""
    with read(room.engine) as connection:
        return consents.of_subscriber(connection, known.id)


def listed(room: Newsroom, status: SubscriberStatus | None = None) -> list[Subscriber]:
    """Everybody but the forgotten, or those in one status, in the order in which they came."""
    with read(room.engine) as connection:
        return list(subscribers.listed(connection, status))
