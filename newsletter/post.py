"""The post: how letters leave. One sender of letters at a time, ahead of editions; under a `rate`, turn about with
them.

`newsletter run` sends them at once, `newsletter send` when it is called. A sender may die anywhere, as with deliveries
(see `deliver`): what was claimed is released, what was at its dot is in doubt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from newsletter import instance
from newsletter import letters as wording
from newsletter.deliver import REPORTED, pace, take_shared_turn, take_turn
from newsletter.editors import INVITED_WITHIN, LOG_IN_WITHIN
from newsletter.errors import AlreadyRunning, NewsletterError, NotSent, Unavailable
from newsletter.mail import Line
from newsletter.model import DeliveryState, Letter, LetterKind, Message, Outcome, Phase, Verdict
from newsletter.newsroom import Newsroom
from newsletter.preferences import NEW_ADDRESS_WITHIN, OWN_WITHIN
from newsletter.speaker import speaking
from newsletter.store import letters
from newsletter.store.database import letters_lock, read, write

log = logging.getLogger(__name__)

State = DeliveryState
CLAIM = 20  # letters taken in one transaction
# How long a letter may wait to leave: its link must still be good, its news be news. Where no runner lives, a sign-up
# or a notice waits for the next day's `send`.
PATIENCE = {
    LetterKind.LINK: OWN_WITHIN,
    LetterKind.NEW_ADDRESS: NEW_ADDRESS_WITHIN,
    LetterKind.LOG_IN: LOG_IN_WITHIN,
    LetterKind.INVITED: INVITED_WITHIN,
    LetterKind.NOTICE: timedelta(hours=36),
    LetterKind.DRAFT: timedelta(hours=12),
}
USUAL_PATIENCE = timedelta(days=3)
SLICE = 1.0  # seconds between two questions for a turn: a stop is heard meanwhile
NOTICES_WITHIN = timedelta(seconds=10)  # when we are told to stop, what editors must know has that long to leave


def send_waiting(room: Newsroom, stopped: Callable[[], bool] = lambda: False) -> int:
    """Send the letters that wait, the oldest first; returns how many were accepted.

    One sender at a time: where another is at work, there is nothing to do here. A copy of the database that was not
    adopted writes to the editors alone, and one that is told to stop begins nothing else. Raises Unavailable where the
    relay is down, DatabaseError where another has taken over from us, ConfigError where a DKIM key cannot be used; what
    is left waits.
    """
    with read(room.engine) as connection:
        if not letters.waiting(connection)[0]:
            return 0
    room.sealer  # noqa: B018  a key that cannot be used keeps letters waiting, and is no fault of theirs
    try:
        with letters_lock(room.engine) as still_ours:
            _recover(room)
            with room.mailer.open() as line:
                sent = _send_all(_Sender(room, line, stopped, still_ours), _allowed(room))
                if stopped():
                    end = room.clock() + NOTICES_WITHIN
                    last = _Sender(room, line, lambda: room.clock() >= end, still_ours)
                    sent += _send_all(last, (LetterKind.NOTICE,))
                return sent
    except AlreadyRunning:
        return 0


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sends letters now."""

    room: Newsroom
    line: Line
    stopped: Callable[[], bool]
    still_ours: Callable[[], None]  # raises where the lock is lost: nothing more may begin, or be written down


@contextmanager
def ahead(room: Newsroom, stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """What waits leaves before what is done meanwhile; under a `rate` beside it, since an edition would wait for hours.
    See `try_to_send`."""
    if room.config.delivery.rate is None:
        try_to_send(room, stopped)
        yield
        return
    room.engine  # noqa: B018  opened now, not by two threads at once
    thread = threading.Thread(target=try_to_send, args=(room, stopped), name="post")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def try_to_send(room: Newsroom, stopped: Callable[[], bool]) -> None:
    """`send_waiting`, where trouble with the letters is no trouble of the caller's: they wait for the next call."""
    with speaking(room.config.newsletter.list_id):  # it may be in a thread of its own
        try:
            send_waiting(room, stopped)
        except NewsletterError as error:
            log.warning("letters wait: %s", error)
        except Exception:  # a thread's exception would be printed and forgotten
            log.exception("letters wait: a fault of the program")


def _allowed(room: Newsroom) -> tuple[LetterKind, ...]:
    try:
        instance.check(room)
    except NotSent:
        return (LetterKind.NOTICE, LetterKind.LOG_IN)
    return tuple(LetterKind)


def _recover(room: Newsroom) -> None:
    """Put in order what a dead sender left, as for editions (see `deliver`)."""
    now = room.clock()
    with write(room.engine) as connection:
        letters.release(connection)
        doubts = [one.id for one in letters.in_doubt(connection)]
        if room.mailer.repeats_safely and doubts:
            letters.give_back(connection, doubts, now)
            return
        for letter_id in doubts:
            said = "the run ended before the relay's reply was recorded"
            letters.record(connection, letter_id, State.UNCERTAIN, now=now, reply=said)


def _send_all(by: _Sender, kinds: tuple[LetterKind, ...]) -> int:
    room, accepted = by.room, 0
    while not by.stopped():
        by.still_ours()
        claimed = _claim(room, kinds)
        if not claimed:
            return accepted
        for i, one in enumerate(claimed):
            outcome = _send(by, one)
            if outcome is not None and outcome.verdict not in (Verdict.LOST, Verdict.REFUSED):
                accepted += outcome.verdict is Verdict.ACCEPTED
                continue
            by.still_ours()  # else they are in the hands of another
            with write(room.engine) as connection:
                letters.give_back(connection, [left.id for left in claimed[i:]], room.clock())
            if outcome is None:
                return accepted
            raise Unavailable(f"letters wait: {outcome.reply}")
    return accepted


def _claim(room: Newsroom, kinds: tuple[LetterKind, ...]) -> list[Letter]:
    with write(room.engine) as connection:
        claimed = letters.claim(connection, kinds, room.clock(), CLAIM)
        if not claimed and room.config.delivery.on_uncertain == "resend":
            claimed = letters.claim_doubtful(connection, kinds, room.clock(), CLAIM)
    return claimed


def _send(by: _Sender, one: Letter) -> Outcome | None:
    """What came of it; None where we were stopped before it began."""
    room = by.room
    if by.stopped():
        return None
    by.still_ours()
    now = room.clock()
    if now - one.created_at > PATIENCE.get(one.kind, USUAL_PATIENCE):
        return _ended(room, one, State.REJECTED, f"expired: {one.reply or 'it could not leave in time'}")
    try:
        message = wording.message(room, one)
    except NewsletterError as error:  # this one fails alone
        return _ended(room, one, State.REJECTED, str(error))
    if one.content is None:
        with write(room.engine) as connection:
            letters.freeze(connection, one.id, message.content)
    if not _wait_for_turn(room, by.stopped):
        return None
    with read(room.engine) as connection:
        wanted = letters.is_wanted(connection, one.id)
    if not wanted:
        return _ended(room, one, State.SKIPPED, "its reader had their data deleted meanwhile")
    return _offer(by, one, message)


def _offer(by: _Sender, one: Letter, message: Message) -> Outcome:
    """Hand it over. One who slept may find another at work: then it is not handed over, and its end is not written down
    unless the relay took it."""

    def at_dot() -> None:
        by.still_ours()
        with write(by.room.engine) as connection:
            letters.at_dot(connection, one.id, by.room.clock())

    outcome = by.line.send(message, at_dot)
    if outcome.verdict is not Verdict.ACCEPTED:
        by.still_ours()
    _record(by.room, one, outcome)
    return outcome


def _record(room: Newsroom, one: Letter, outcome: Outcome) -> None:
    now = room.clock()
    with write(room.engine) as connection:
        said: dict[str, Any] = {"code": outcome.code, "reply": outcome.reply, "now": now}
        if outcome.verdict in REPORTED:
            letters.record(connection, one.id, REPORTED[outcome.verdict], **said)
        elif outcome.verdict is Verdict.DEFERRED:
            again = now + pace.retry_after(one.attempts + 1, 0.5)
            letters.record(connection, one.id, State.DEFERRED, next_attempt=again, **said)


def _ended(room: Newsroom, one: Letter, state: DeliveryState, reply: str) -> Outcome:
    with write(room.engine) as connection:
        letters.record(connection, one.id, state, now=room.clock(), reply=reply, attempted=False)
    log.warning("a letter (%s) did not leave: %s", one.kind, reply)
    return Outcome(Verdict.REJECTED, Phase.CONNECT, None, reply)


def _wait_for_turn(room: Newsroom, stopped: Callable[[], bool]) -> bool:
    """Letters count towards `rate` as editions do. False where we were stopped meanwhile."""
    rate = room.config.delivery.rate
    while rate is not None:
        with write(room.engine) as connection:
            if room.shared_clock:
                left = take_shared_turn(connection, rate, room.shared_clock)
            else:
                left = take_turn(connection, rate, room.clock(), letter=True)
        if not left:
            return True
        room.sleep(min(left, SLICE))
        if stopped():
            return False
    return True
