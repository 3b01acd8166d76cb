"""One run over one edition: `connections` workers, each with its own line to the relay, and one supply for all."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter.config import DeliveryTable
from newsletter.deliver import pace
from newsletter.deliver.judge import End, Judge
from newsletter.deliver.ledger import Ledger
from newsletter.errors import BadData
from newsletter.links import Signer
from newsletter.mail import Line, Mailer
from newsletter.mail.message import WireTemplate
from newsletter.model import Delivery, DeliveryState, Message, Outcome, Variant, Verdict

LATEST = timedelta(days=3)  # after its time, an edition is no news to anybody
CLAIM = 100  # deliveries taken in one transaction; a dead run's claims go back untouched
REPORTED = {
    Verdict.ACCEPTED: DeliveryState.ACCEPTED,
    Verdict.REJECTED: DeliveryState.REJECTED,
    Verdict.UNCERTAIN: DeliveryState.UNCERTAIN,
}


class Stop:
    """Asked for by a signal or by the clock: begin nothing more, finish what has begun."""

    def __init__(self, clock: Callable[[], datetime], at: datetime | None = None) -> None:
        self._clock = clock
        self._at = at
        self._signal = threading.Event()

    def ask(self) -> None:
        self._signal.set()

    @property
    def asked(self) -> bool:
        return self._signal.is_set() or (self._at is not None and self._clock() >= self._at)

    def seconds_left(self) -> float:
        """Until the time is over; an hour where there is no limit."""
        return max(0.0, (self._at - self._clock()).total_seconds()) if self._at else 3600.0


@dataclass(frozen=True, slots=True)
class Run:
    """All that a run over one edition needs."""

    ledger: Ledger
    mailer: Mailer
    wires: Mapping[Variant, WireTemplate]
    signer: Signer
    rules: DeliveryTable
    until: datetime  # when the retries of this edition run out
    clock: Callable[[], datetime]
    stop: Stop
    seal: Callable[[Message], Message] = lambda message: message  # signs it
    still_ours: Callable[[], None] = lambda: None  # raises where the sending lock is lost: nothing more may begin
    patient: bool = True  # wait for what the relay has put off
    chance: Callable[[], float] = random.random
    glance: float = 0.5  # seconds between two looks at the stop, while there is nothing to do
    ended: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, with the relay's last words where they matter."""

    end: End
    reply: str = ""


def recover(run: Run) -> int:
    """Put in order what a dead run left; returns how many readers get nothing any more, since the time is over.

    Only for who holds the sending lock.

    A dot on its way is in doubt, unless sending again cannot repeat it (an outbox finds the file it has written).
    """
    run.ledger.release()
    for delivery in run.ledger.in_doubt():
        if run.mailer.repeats_safely:
            run.ledger.give_back([delivery.id])
        else:
            said = "the run ended before the relay's reply was recorded"
            run.ledger.record(delivery, DeliveryState.UNCERTAIN, reply=said)
    return _expire(run) if run.clock() >= run.until else 0


def _expire(run: Run) -> int:
    """What the relay has put off for too long is given up. What was never tried is not: where some readers have the
    edition, the others get it too, up to three days late. Where nobody has it, nobody gets it any more."""
    counts = run.ledger.counts()
    reached = counts[DeliveryState.ACCEPTED] or counts[DeliveryState.UNCERTAIN]
    untried = not reached or run.clock() >= run.until + LATEST
    reason = f"expired: not accepted within {run.rules.retry_for_hours:g} hours"
    return run.ledger.expire(reason, untried=untried)


def deliver(run: Run) -> Ending:
    """Send until every delivery has ended, or the run must stop. Call `recover` first.

    Raises what a worker raised, a DatabaseError for example: whatever is claimed then, the next run takes up.
    """
    supply = Supply(run)
    workers = [threading.Thread(target=supply.work, name=f"line-{i}") for i in range(run.rules.connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if supply.failure:
        raise supply.failure
    return supply.close()


class Supply:
    """Hands out deliveries to the workers, and takes back what became of them."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ready: deque[Delivery] = deque()
        self._busy = 0  # deliveries in the workers' hands
        self._change = threading.Condition()
        self._judge = Judge()
        self._pause = timedelta(0)  # we leave the relay alone for that long, since then
        self._paused_at = run.clock()
        self._end: End | None = None
        self._opening = True  # what a dead run left in doubt goes first
        self.failure: BaseException | None = None

    def close(self) -> Ending:
        """Give back what was claimed and not begun."""
        self._run.ledger.give_back(delivery.id for delivery in self._ready)
        self._run.ledger.give_back(self._judge.relays_fault)
        end = self._end or End.DONE
        if end is End.STOPPED and self._run.ledger.all_ended(self._repeats_doubts()):
            end = End.DONE  # told to stop when the last message was under way already
        return Ending(end, self._judge.last_reply)

    # --- A worker's life

    def work(self) -> None:
        try:
            with self._run.mailer.open() as line:
                while (turn := self._next()) is not None:
                    try:
                        self._send(line, *turn)
                    finally:
                        self._free()
        except BaseException as error:  # a thread's exception would be printed and forgotten: it belongs to deliver()
            with self._change:
                self.failure = self.failure or error
                self._finish(End.STOPPED)

    def _send(self, line: Line, delivery: Delivery, troubles: int) -> None:
        ledger = self._run.ledger
        if not ledger.wants_it(delivery):
            self._run.ended(delivery, ledger.skip(delivery))
            return
        first = delivery.first_attempt or self._run.clock().replace(microsecond=0)
        try:
            message = self._message(delivery, first)
        except BadData as error:
            ledger.record(delivery, DeliveryState.REJECTED, reply=str(error), attempted=False)
            self._run.ended(delivery, DeliveryState.REJECTED)
            return
        self._run.still_ours()
        outcome = line.send(message, lambda: ledger.at_dot(delivery, first))
        self._record(delivery, outcome, first, troubles)

    def _message(self, delivery: Delivery, first: datetime) -> Message:
        wire = self._run.wires.get(delivery.variant) or self._run.wires[Variant.FULL]
        message = wire.splice(
            self._run.signer,
            delivery=delivery.id,
            subscriber=delivery.subscriber_id,
            address=delivery.address,
            date=first,
        )
        return self._run.seal(message)

    def _record(self, delivery: Delivery, outcome: Outcome, first: datetime, troubles: int) -> None:
        ledger = self._run.ledger
        with self._change:
            end = self._judge.see(delivery.id, outcome, troubles)
            tired = self._judge.tired_of(delivery.id)
            self._pause = pace.pause(self._judge.losses, self._judge.put_offs)
            self._paused_at = self._run.clock()
        if outcome.verdict in REPORTED or (delivery.repeated and outcome.verdict is Verdict.DEFERRED):
            state = REPORTED.get(outcome.verdict, DeliveryState.UNCERTAIN)
            if delivery.repeated and state is DeliveryState.REJECTED:
                state = DeliveryState.UNCERTAIN  # its first copy may have arrived all the same
            ledger.record(delivery, state, code=outcome.code, reply=outcome.reply, first_attempt=first)
            self._run.ended(delivery, state)
        elif outcome.verdict is Verdict.DEFERRED or tired:
            again = self._run.clock() + pace.retry_after(delivery.attempts + 1, self._run.chance())
            ledger.record(
                delivery,
                DeliveryState.DEFERRED,
                code=outcome.code,
                reply=outcome.reply,
                first_attempt=first,
                next_attempt=again,
            )
        else:
            ledger.give_back([delivery.id])
        if end:
            with self._change:
                self._finish(end)

    # --- Who sends what, when

    def _next(self) -> tuple[Delivery, int] | None:
        """The next delivery, when its turn has come, with the troubles there are; None when there is nothing to do."""
        with self._change:
            while True:
                if self._end or self._stopped():
                    return None
                if self._resting():
                    continue
                if not self._ready and not self._refill():
                    if self._over():
                        return None
                    continue
                if self._wait_for_turn():
                    self._busy += 1
                    return self._ready.popleft(), self._judge.troubles

    def _resting(self) -> bool:
        """The relay is in trouble, or puts us off: left alone for a while, then asked by one line at a time."""
        if not self._judge.troubles:
            return False
        if self._busy:
            self._change.wait(timeout=1.0)
            return True
        left = pace.left(self._pause, self._paused_at, self._run.clock())
        if left:
            self._wait(left)
        elif self._expired():
            self._run.ledger.give_back(delivery.id for delivery in self._ready)
            self._ready.clear()
            _expire(self._run)
        return bool(left)

    def _expired(self) -> bool:
        return self._run.clock() >= self._run.until

    def _refill(self) -> bool:
        """Claim more: what an earlier run left in doubt, then what is due, then what fell into doubt in this one."""
        again = self._repeats_doubts()
        claimed: list[Delivery] = []
        if self._opening and again:
            claimed = self._run.ledger.claim(CLAIM, doubtful=True)
        self._opening = bool(claimed)
        claimed = claimed or self._run.ledger.claim(CLAIM)
        if not claimed and again and not self._busy:
            claimed = self._run.ledger.claim(CLAIM, doubtful=True)
        self._ready.extend(claimed)
        return bool(claimed)

    def _repeats_doubts(self) -> bool:
        return self._run.rules.on_uncertain == "resend" and not self._expired()

    def _over(self) -> bool:
        """Nothing to hand out now: wait for what comes back or falls due, or see that all has ended."""
        if self._busy:
            self._change.wait(timeout=1.0)
            return False
        counts = self._run.ledger.counts()
        if not counts[DeliveryState.PENDING] and not counts[DeliveryState.DEFERRED]:
            self._finish(End.DONE)
            return True
        if self._expired():
            _expire(self._run)
            return False
        if not self._run.patient:
            self._finish(End.WAITING)
            return True
        now = self._run.clock()
        due = min(self._run.ledger.next_attempt() or now + timedelta(seconds=1), self._run.until)
        self._wait((due - now).total_seconds())
        return False

    def _wait_for_turn(self) -> bool:
        """Hold the rate. False where the wait was broken off and everything must be looked at again."""
        rate = self._run.rules.rate
        if rate is None:
            return True
        left = self._run.ledger.take_turn(rate)
        if left:
            self._wait(left)
        return not left

    def _stopped(self) -> bool:
        if self._run.stop.asked:
            self._finish(End.STOPPED)
        return self._end is not None

    def _wait(self, seconds: float) -> None:
        """Wait, but not past a stop."""
        self._change.wait(timeout=max(0.001, min(seconds, self._run.glance, self._run.stop.seconds_left())))

    def _free(self) -> None:
        with self._change:
            self._busy -= 1
            self._change.notify_all()

    def _finish(self, end: End) -> None:
        self._end = self._end or end
        self._change.notify_all()
