"""Who gets the edition next, and what became of each: between the ledger and the lines. Called by one thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from newsletter.deliver import pace
from newsletter.deliver.judge import End, Judge
from newsletter.deliver.sealing import SOME, Sealing
from newsletter.errors import BadData
from newsletter.mail import Offer
from newsletter.mail.masked import without_names
from newsletter.model import Delivery, DeliveryState, Entry, Message, Outcome, Variant, Verdict
from newsletter.store.deliveries import EXPIRED

if TYPE_CHECKING:
    from newsletter.deliver.run import Run

log = logging.getLogger(__name__)

State = DeliveryState

FIRST_CLAIM = 25  # doubled before the first claim, and whenever one was sent within A_WHILE
A_WHILE = timedelta(seconds=2)
A_MOMENT = timedelta(seconds=0.5)  # between two looks for more, where there was nothing to claim
GRACE = 20.0  # seconds that a relay has to answer, once we are told to stop
LATEST = timedelta(days=3)  # after its time, an edition is no news to anybody
REPORTED = {
    Verdict.ACCEPTED: State.ACCEPTED,
    Verdict.REJECTED: State.REJECTED,
    Verdict.UNCERTAIN: State.UNCERTAIN,
}


class Turn(NamedTuple):
    """A delivery that is being sent."""

    delivery: Delivery
    troubles: int  # that there were when it was begun


class Supply:
    """Hands out an edition's deliveries, and takes back what became of them; see `mail.Supply`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ledger = run.ledger
        self._ready: deque[Delivery] = deque()
        self._busy = 0  # deliveries that were taken, and have not ended
        self._judge = Judge()
        self._pause = timedelta(0)  # we leave the relay alone for that long, since then
        self._paused_at = run.clock()
        self._sealing = Sealing(run.sealer) if run.sealer else None
        self._opening = True  # what a dead run left in doubt goes first
        self._claim = min(FIRST_CLAIM, run.rules.claim_size)
        self._now = self._claimed_at = run.clock()  # at the beginning of this turn
        self._dry_at = self._claimed_at - A_MOMENT  # when there was nothing to claim
        self._rest = 0.0
        self.ending: End | None = None
        self._stopped_at: float | None = None

    @property
    def last_reply(self) -> str:
        return self._judge.last_reply

    def close(self) -> End:
        """How it ended. Gives back what was claimed and not begun; nothing may be on its way."""
        self._give_back_ready()
        self._ledger.give_back(self._judge.relays_fault)
        end = self.ending or End.DONE
        if end is End.STOPPED and self._ledger.all_ended(self._repeats_doubts()):
            return End.DONE  # told to stop when the last message was under way already
        return end

    def end(self) -> None:
        """Whatever has happened."""
        if self._sealing:
            self._sealing.close()

    # --- What the lines ask

    def take(self) -> Offer | None:
        """The next delivery whose turn has come."""
        self._rest = 0.0
        while not self._stopped() and not self._resting():
            made = self._next_made()
            if made is None:
                return None
            delivery, message = made
            if not self._ledger.wants_it(delivery):
                self._skip(delivery)
                continue
            self._run.still_ours()
            self._busy += 1
            return Offer(message, Turn(delivery, self._judge.troubles))
        return None

    def wanted(self, offer: Offer) -> bool:
        return not self._stopped() and self._ledger.wants_it(offer.of.delivery)

    def note(self, offers: Sequence[Offer]) -> float:
        if offers:
            self._run.still_ours()
        self._ledger.sending([offer.of.delivery.id for offer in offers])
        self._now = self._run.clock()
        return min(self._ledger.fold_when_due(), self._rest or self._run.glance)

    def untouched(self, offer: Offer) -> None:
        self._busy -= 1
        self._ready.appendleft(offer.of.delivery)

    def left(self) -> float | None:
        """Once we are told to stop, what has begun may end; but nobody waits for a relay that says nothing (R15). While
        each line waits for its relay, this alone is asked."""
        self._stopped()
        return None if self._stopped_at is None else self._stopped_at + GRACE - time.monotonic()

    def rest(self) -> float | None:
        """Seconds, looking at the stop meanwhile; None when the run is over."""
        if not self._stopped() and not self._rest and not self._held:
            self._over()
        seconds, self._rest = self._rest, 0.0
        if self.ending is not None:
            return None
        if self._held and not seconds:
            seconds = self._run.glance  # what is being signed wakes us
        return max(0.001, min(seconds, self._run.glance, self._run.stop.seconds_left()))

    def wake_by(self, wake: Callable[[], None]) -> None:
        if self._sealing:
            self._sealing.wake_by(wake)

    # --- What is next

    @property
    def _held(self) -> int:
        """How many are claimed, and not taken."""
        return len(self._ready) + (self._sealing.held if self._sealing else 0)

    def _next_made(self) -> tuple[Delivery, Message] | None:
        """The next delivery with its message, when its turn has come; those that cannot be written fail here."""
        sealing = self._sealing
        if sealing is None:
            return self._spliced() if self._refilled() and self._has_turn() else None
        while sealing.takes_more and (some := self._spliced_some()):
            sealing.put(some)
        return sealing.take() if sealing.is_ready() and self._has_turn() else None

    def _spliced_some(self) -> list[tuple[Delivery, Message]]:
        some: list[tuple[Delivery, Message]] = []
        while len(some) < SOME and (made := self._spliced()):
            some.append(made)
        return some

    def _spliced(self) -> tuple[Delivery, Message] | None:
        while self._refilled():
            delivery = self._ready.popleft()
            try:
                return delivery, self._message(delivery)
            except BadData as error:
                self._never_begun(delivery, State.REJECTED, str(error))
        return None

    def _message(self, delivery: Delivery) -> Message:
        run = self._run
        wire = run.wires.get(delivery.variant) or run.wires[Variant.FULL]
        return wire.splice(
            run.signer,
            delivery=delivery.id,
            subscriber=delivery.subscriber_id,
            address=delivery.address,
            date=delivery.first_attempt or self._run.clock(),
        )

    def _skip(self, delivery: Delivery) -> None:
        """The reader has left; what is in doubt stays so."""
        state = State.UNCERTAIN if delivery.repeated else State.SKIPPED
        reply = "left before it was repeated" if delivery.repeated else "left before the message had begun"
        self._never_begun(delivery, state, reply)

    def _resting(self) -> bool:
        """The relay is in trouble, or puts us off: left alone for a while, then asked by one line at a time, and by
        more and more when it has been."""
        if not self._judge.troubles:
            return self._judge.width is not None and self._busy >= self._judge.width
        if self._busy:
            return True
        left = pace.left(self._pause, self._paused_at, self._run.clock())
        if left:
            self._rest = left
        elif self._expired():
            self._give_back_ready()
            expire(self._run)
        return bool(left)

    def _expired(self) -> bool:
        return self._run.clock() >= self._run.until

    def _refilled(self) -> bool:
        """Whether there is one. If not, more are claimed: what an earlier run left in doubt, then what is due, then
        what fell into doubt in this one."""
        if self._ready:
            return True
        if self._busy and self._run.clock() - self._dry_at < A_MOMENT:
            return False
        again, limit = self._repeats_doubts(), self._claim_size()
        if limit < 1:
            return False
        self._run.still_ours()
        claimed: list[Delivery] = []
        if self._opening and again:
            claimed = self._ledger.claim(limit, doubtful=True)
        self._opening = bool(claimed)
        claimed = claimed or self._ledger.claim(limit)
        if not claimed and again and not self._busy and not self._held:
            claimed = self._ledger.claim(limit, doubtful=True)
        self._ready.extend(claimed)
        self._dry_at = self._dry_at if claimed else self._run.clock()
        return bool(claimed)

    def _claim_size(self) -> int:
        """As many as are sent within a few seconds: what is claimed is in doubt after a power cut."""
        now, most = self._run.clock(), self._run.rules.claim_size
        fast = now - self._claimed_at < A_WHILE
        self._claim = max(1, min(self._claim * 2 if fast else self._claim // 2, most))
        self._claimed_at = now
        return min(self._claim, most - self._busy - self._held)

    def _repeats_doubts(self) -> bool:
        return self._run.rules.on_uncertain == "resend" and not self._expired()

    def _give_back_ready(self) -> None:
        sealing = self._sealing.give_up() if self._sealing else []
        self._ledger.give_back([delivery.id for delivery in (*sealing, *self._ready)])
        self._ready.clear()

    def _over(self) -> None:
        """Nothing to hand out, and nothing on its way: wait for what falls due, or see that all has ended."""
        counts = self._ledger.counts()
        if counts[State.CLAIMED]:  # by a dead run, or by one that took them when the lock was lost to us
            self._ledger.recover(self._run.mailer.repeats_safely)
            counts = self._ledger.counts()
            if counts[State.PENDING] or not counts[State.CLAIMED]:
                return
        if not counts[State.PENDING] and not counts[State.DEFERRED] and not counts[State.CLAIMED]:
            self.ending = End.DONE
        elif self._expired() and not counts[State.CLAIMED]:
            expire(self._run)
        elif not self._run.patient or self._run.make_way():
            self.ending = End.WAITING
        else:
            now = self._run.clock()
            due = self._ledger.due() or now + timedelta(seconds=1)
            self._rest = ((due if self._expired() else min(due, self._run.until)) - now).total_seconds()

    def _has_turn(self) -> bool:
        """Hold the rate."""
        rate = self._run.rules.rate
        if rate is None:
            return True
        self._rest = self._ledger.take_turn(rate)
        return not self._rest

    def _stopped(self) -> bool:
        if self._stopped_at is None and self._run.stop.asked:
            self.ending = self.ending or End.STOPPED
            self._stopped_at = time.monotonic()
        return self.ending is not None

    # --- What became of it

    def ended(self, offer: Offer, outcome: Outcome) -> None:
        turn: Turn = offer.of
        self._busy -= 1
        end = self._judge.see(turn.delivery.id, outcome, turn.troubles)
        if self._judge.troubles:
            self._pause = pace.pause(self._judge.losses, self._judge.put_offs)
            self._paused_at = self._run.clock()
        state = self._state(turn.delivery, outcome)
        if state is None:
            self._ledger.give_back([turn.delivery.id])
        else:
            self._record(turn, state, outcome)
        if end:
            self.ending = self.ending or end

    def _state(self, delivery: Delivery, outcome: Outcome) -> DeliveryState | None:
        """What it is now; None where nothing has happened to it."""
        state = REPORTED.get(outcome.verdict)
        if delivery.repeated and state is not State.ACCEPTED and (state or outcome.verdict is Verdict.DEFERRED):
            return State.UNCERTAIN  # its first copy may have arrived all the same
        put_off = outcome.verdict is Verdict.DEFERRED or self._judge.tired_of(delivery.id)
        return state or (State.DEFERRED if put_off else None)

    def _record(self, turn: Turn, state: DeliveryState, outcome: Outcome) -> None:
        delivery, again = turn.delivery, None
        now = self._now if state is State.ACCEPTED else self._run.clock()
        if state is State.DEFERRED:
            again = now + pace.retry_after(delivery.attempts + 1, self._run.chance())
        self._ledger.record(Entry(delivery.id, state, now, outcome.code, outcome.reply, again))
        self._log(delivery, state, outcome.reply, outcome.code)
        (self._run.put_off if again else self._run.ended)(delivery, state)

    def _never_begun(self, delivery: Delivery, state: DeliveryState, reply: str) -> None:
        self._ledger.record(Entry(delivery.id, state, self._run.clock(), reply=reply, attempted=False))
        self._log(delivery, state, reply)
        self._run.ended(delivery, state)

    def _log(self, delivery: Delivery, state: DeliveryState, reply: str, code: int | None = None) -> None:
        """What somebody may want to look up, with the delivery's number in place of the reader; of what was accepted,
        for who debugs."""
        level = logging.DEBUG if state is State.ACCEPTED else logging.INFO
        if log.isEnabledFor(level):
            about = {"delivery": delivery.id, "run": self._ledger.run}
            said = f"{state.value} ({code})" if code else state.value
            log.log(level, "%s: %s", said, without_names(reply), extra=about)


def expire(run: Run) -> int:
    """What the relay has put off for too long is given up. What was never tried is not: where some readers have the
    edition, the others get it too, up to three days late. Where nobody has it, nobody gets it any more."""
    untried = not run.ledger.reached() or run.clock() >= run.until + LATEST
    reason = f"{EXPIRED}not accepted within {run.rules.retry_for_hours:g} hours"
    return run.ledger.expire(reason, untried=untried)
