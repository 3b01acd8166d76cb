"""One returned mail, or one event of a provider: kept, attributed, and made good, in one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from newsletter.bounce.judge import Verdict
from newsletter.mail.masked import without_names
from newsletter.model import Bounce, Failure, Proof, Returned, ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.returns import passing_on
from newsletter.returns.leaving import complain, judge_bounce, leave
from newsletter.returns.whose import Whose, mark_of, whose
from newsletter.store import bounces, subscribers
from newsletter.store.database import write

Kind = ReturnKind
PASSED_ON = (Kind.LETTER, Kind.UNSUBSCRIBE)  # what a person wrote; the second where nothing proves whose it is


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


@dataclass(frozen=True, slots=True)
class Taken:
    """One of them, with what it was."""

    done: Done
    kind: ReturnKind
    proof: Proof = Proof.NOTHING


def digest_of(raw: bytes) -> str:
    """By what a mail is known, however it came: SHA-256 over its bytes with LF at every line's end."""
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def take(room: Newsroom, returned: Returned, *, digest: str, via: str, raw: bytes | None = None) -> Taken:
    """Take it in, once by its `digest`. `raw` is the mail itself; a provider's event has none, and nothing of it is
    passed on.

    Raises DatabaseError.
    """
    now, mark = room.clock(), mark_of(room, returned.clues)
    with write(room.engine) as connection:
        found = whose(connection, returned, mark, now)
        # Known by its row, which is locked before another that takes in the same reader's mail can look.
        known = subscribers.by_id(connection, found.subscriber_id, locked=True) if found.subscriber_id else None
        one = _row(room, returned, found, via)
        asks_to_leave = returned.kind is Kind.UNSUBSCRIBE and known is not None and found.proof.certain
        letter = raw is not None and returned.kind in PASSED_ON and not asks_to_leave
        if letter and not bounces.known(connection, digest) and not passing_on.can(room, connection):
            return Taken(Done.LEFT_THERE, returned.kind, found.proof)
        if bounces.add(connection, digest, one) is None:
            return Taken(Done.KNOWN, returned.kind, found.proof)
        done = Done.KEPT
        if letter and raw is not None:
            passing_on.pass_on(room, connection, returned, raw, now)
            done = Done.PASSED_ON
        elif known is not None and found.proof.certain:
            if asks_to_leave:
                done = Done.LEFT if leave(connection, known, now) else Done.KEPT
            elif returned.kind is Kind.FEEDBACK and any(failure.suppress for failure in returned.failures):
                done = Done.COMPLAINED if complain(connection, known, one, now) else Done.KEPT
            elif returned.kind is Kind.BOUNCE:
                done = DONE[judge_bounce(room, connection, known, one, found.delivery, now)]
    if done in (Done.PASSED_ON, Done.PROBED):
        room.stirred.set()
    return Taken(done, returned.kind, found.proof)


DONE = {Verdict.STAYS: Done.KEPT, Verdict.PROBE: Done.PROBED, Verdict.GONE: Done.GONE}


def _row(room: Newsroom, returned: Returned, found: Whose, via: str) -> Bounce:
    """What is kept of it: of people's letters, no more than that they came."""
    failure = next((one for one in returned.failures if one.address.lower() == found.address), None)
    failure = failure or next(iter(returned.failures), None)
    told = returned.kind in (Kind.BOUNCE, Kind.FEEDBACK) and failure is not None
    one = failure if told and failure else Failure("")
    return Bounce(
        id=0,
        at=room.clock(),
        kind=returned.kind,
        via=via,
        proof=found.proof,
        subscriber_id=found.subscriber_id,
        delivery_id=found.delivery_id,
        edition_id=found.delivery.edition_id if found.delivery else None,
        letter_id=found.letter_id,
        permanent=one.permanent if returned.kind is Kind.BOUNCE else None,
        reason=one.reason if returned.kind is Kind.BOUNCE else None,
        suppress=one.suppress and returned.kind is Kind.BOUNCE,
        code=one.code[:20],
        text=without_names(one.text)[:500],
        address="" if found.proof.certain else found.address if told else "",
    )
