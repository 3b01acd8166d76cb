"""One returned mail, or one event of a provider: kept, attributed, and made good, in one transaction."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from newsletter.bounce.judge import Verdict
from newsletter.bounce.tokens import Mark
from newsletter.links import Purpose
from newsletter.mail.headers import one_line
from newsletter.mail.masked import MASK, without_names
from newsletter.model import Bounce, Failure, Proof, Reason, Returned, ReturnKind, Subscriber
from newsletter.newsroom import Newsroom
from newsletter.returns import passing_on
from newsletter.returns.leaving import complain, judge_bounce, leave
from newsletter.returns.whose import Whose, key_of, mark_of, same, whose
from newsletter.store import bounces, subscribers
from newsletter.store.database import write

Kind = ReturnKind
PASSED_ON = (Kind.LETTER, Kind.UNSUBSCRIBE)  # what a person wrote; the second where nothing proves whose it is
BY_MAIL_PROGRAM = re.compile(r"(?:\[[^\]]{0,40}\]\s*)*unsubscribe", re.IGNORECASE)  # the subject of our own mailto:


class Done(StrEnum):
    """What became of it."""

    KEPT = "kept"  # written down
    KNOWN = "known"  # taken in before
    GONE = "gone"  # and its reader is unreachable from here on
    PROBED = "probed"  # and its reader is asked whether the address is alive
    COMPLAINED = "complained"
    LEFT = "left"  # unsubscribed, by a mail
    PASSED_ON = "passed_on"  # to the newsroom
    LEFT_THERE = "left_there"  # a letter that nobody can be told of now: it stays where it is


DONE = {Verdict.STAYS: Done.KEPT, Verdict.PROBE: Done.PROBED, Verdict.GONE: Done.GONE}


@dataclass(frozen=True, slots=True)
class Taken:
    """One of them, with what it was."""

    done: Done
    kind: ReturnKind
    proof: Proof = Proof.NOTHING


def digest_of(raw: bytes) -> str:
    """By what a mail is known, however it came: SHA-256 over its bytes with LF at every line's end."""
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def take(
    room: Newsroom, returned: Returned, *, digest: str, via: str, raw: bytes | None = None, vouched: bool = False
) -> Taken:
    """Take it in, once by its `digest`. `raw` is the mail itself; a provider's event has none, and nothing of it is
    passed on. `vouched`: the provider has signed it.

    Raises DatabaseError.
    """
    now, mark = room.clock(), mark_of(room, returned.clues)
    returned = _as_asked(returned, mark)
    by_us = raw is not None and returned.kind in PASSED_ON and passing_on.is_our_own(room, raw)
    with write(room.engine) as connection:
        found = whose(connection, returned, mark, now, vouched=vouched)
        # Known by its row, which is locked before another that takes in the same reader's mail can look.
        known = subscribers.by_id(connection, found.subscriber_id, locked=True) if found.subscriber_id else None
        leaves = returned.kind is Kind.UNSUBSCRIBE and known is not None and _may_leave(returned, found, known)
        letter = raw if returned.kind in PASSED_ON and not leaves and not by_us else None
        if letter is not None and not bounces.known(connection, digest) and not passing_on.can(room, connection):
            return Taken(Done.LEFT_THERE, returned.kind, found.proof)
        one = _row(room, returned, found, via)
        if bounces.add(connection, digest, one) is None:
            return Taken(Done.KNOWN, returned.kind, found.proof)
        if letter is not None:
            passing_on.pass_on(room, connection, returned, letter, now)
            done = Done.PASSED_ON
        else:
            done = _act(room, connection, returned, found, known, one, leaves=leaves)
    if done in (Done.PASSED_ON, Done.PROBED):
        room.stirred.set()
    return Taken(done, returned.kind, found.proof)


def _act(
    room: Newsroom,
    connection: Connection,
    returned: Returned,
    found: Whose,
    known: Subscriber | None,
    one: Bounce,
    *,
    leaves: bool,
) -> Done:
    """What follows of it for its reader."""
    now = room.clock()
    if known is None or not found.proof.certain:
        return Done.KEPT
    if leaves:
        return Done.LEFT if leave(connection, known, now) else Done.KEPT
    if returned.kind is Kind.FEEDBACK and any(failure.suppress for failure in returned.failures):
        return Done.COMPLAINED if complain(connection, known, found, one, now) else Done.KEPT
    if returned.kind is Kind.BOUNCE:
        return DONE[judge_bounce(room, connection, known, found, one, now)]
    return Done.KEPT


def _as_asked(returned: Returned, mark: Mark | None) -> Returned:
    """A mail that List-Unsubscribe has a mail program write, whatever signature or disclaimer stands below it: to a
    delivery's own address, with the subject that we ask for."""
    asked = mark is not None and mark.proof is Proof.RETURN_PATH and mark.purpose is Purpose.DELIVERY
    if asked and returned.kind is not Kind.BOUNCE and BY_MAIL_PROGRAM.fullmatch(returned.subject.strip()):
        return replace(returned, kind=Kind.UNSUBSCRIBE)
    return returned


def _may_leave(returned: Returned, found: Whose, known: Subscriber) -> bool:
    """Whether it was the reader who asks. Who answers a mail of ours may be a friend to whom it was passed on, and
    whom we shall not take for its reader; our mark in the address that it was sent to is the reader's own."""
    if not found.is_about(known):
        return False
    if found.proof in (Proof.PROVIDER, Proof.RETURN_PATH):
        return True
    return found.proof in (Proof.MESSAGE_ID, Proof.LINK) and same(returned.sender, known.address)


# --- What is kept ----------------------------------------------------------------------------------


def _row(room: Newsroom, returned: Returned, found: Whose, via: str) -> Bounce:
    """What is kept of it: of people's letters, no more than that they came."""
    told = returned.kind in (Kind.BOUNCE, Kind.FEEDBACK)
    one = failure_of(returned, found) if told else Failure("")
    bounced = returned.kind is Kind.BOUNCE
    return Bounce(
        id=0,
        at=room.clock(),
        kind=returned.kind,
        via=via,
        proof=found.proof,
        subscriber_id=found.subscriber_id,
        delivery_id=found.delivery_id,
        edition_id=found.edition_id,
        letter_id=found.letter_id,
        permanent=one.permanent if bounced else None,
        reason=one.reason if bounced else None,
        suppress=one.suppress and bounced,
        code=one_line(one.code, 20),
        text=said(one.text, one.address, found.sent_to),
        address=found.named if told else "",
    )


def said(text: str, *addresses: str) -> str:
    """A server's words as they are kept: in one line, and without anybody's address, however it is written there."""
    text = without_names(one_line(text, 500))
    for local in {address.rpartition("@")[0] for address in addresses}:
        if len(local) > 2:
            text = re.sub(re.escape(local), MASK, text, flags=re.IGNORECASE)
    return text


def failure_of(returned: Returned, found: Whose) -> Failure:
    """What the report says of the recipient it is about. Where it speaks of another address alone (the mail was passed
    on there), that is not certain of ours; where it names several, and not ours, the mildest counts."""
    failures = returned.failures or (Failure(""),)
    if not found.sent_to:
        ours = [one for one in failures if found.named and key_of(one.address) == found.named]
        return next(iter(ours or failures))
    ours = [one for one in failures if not one.address or _is_same_mailbox(one.address, found.sent_to)]
    if ours:
        return ours[0]
    mildest = min(failures, key=lambda one: (one.suppress, one.reason is not Reason.DELAYED))
    return replace(mildest, suppress=False)


def _is_same_mailbox(address: str, ours: str) -> bool:
    """The same; or under another name of the same domain, which servers like to give: ama@mx.lecteurs.example."""
    if same(address, ours):
        return True
    (local, _, domain), (own, _, own_domain) = (one.lower().rpartition("@") for one in (address, ours))
    return local == own and (domain.endswith(f".{own_domain}") or own_domain.endswith(f".{domain}"))
