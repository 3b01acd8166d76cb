"""One run over one edition."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.config import DeliveryTable
from newsletter.deliver.judge import End
from newsletter.deliver.ledger import Ledger
from newsletter.deliver.supply import Supply, expire
from newsletter.links import Signer
from newsletter.mail import Mailer
from newsletter.mail.dkim import Sealer
from newsletter.mail.message import WireTemplate
from newsletter.model import Delivery, DeliveryState, Variant


class Stop:
    """Asked for by a signal or by the clock: begin nothing more, finish what has begun."""

    def __init__(self, clock: Callable[[], datetime], at: datetime | None = None, whole: Stop | None = None) -> None:
        self._clock = clock
        self._at = at
        self._whole = whole
        self._signal = threading.Event()

    def ask(self) -> None:
        self._signal.set()

    @property
    def asked(self) -> bool:
        if self._signal.is_set() or (self._whole is not None and self._whole.asked):
            return True
        return self._at is not None and self._clock() >= self._at

    def seconds_left(self) -> float:
        """Until the time is over; an hour where there is no limit."""
        left = max(0.0, (self._at - self._clock()).total_seconds()) if self._at else 3600.0
        return min(left, self._whole.seconds_left()) if self._whole else left

    def of_a_part(self) -> Stop:
        """One for a part of the work: asked with this one, and of itself without it."""
        return Stop(self._clock, whole=self)


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
    sealer: Sealer | None = None  # signs each message
    still_ours: Callable[[], None] = lambda: None  # raises where the sending lock is lost: nothing more may begin
    patient: bool = True  # wait for what the relay has put off
    make_way: Callable[[], bool] = lambda: False  # asked while it only waits: whether something else is to go meanwhile
    chance: Callable[[], float] = random.random
    glance: float = 0.5  # seconds between two looks at the stop, while there is nothing to do
    ended: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)
    put_off: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, with the relay's last words where they matter."""

    end: End
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found of dead runs: how many readers get nothing any more, since the time is over; and what to tell."""

    too_late: int
    remarks: tuple[str, ...]


def recover(run: Run) -> Recovered:
    """Put in order what dead runs left. Only for who holds the sending lock."""
    try:
        remarks = run.ledger.recover(run.mailer.repeats_safely)
        return Recovered(expire(run) if run.clock() >= run.until else 0, tuple(remarks))
    except BaseException:
        run.ledger.close(done=False)
        raise


def deliver(run: Run) -> Ending:
    """Send until every delivery has ended, or the run must stop. Call `recover` first.

    Raises DatabaseError: what is claimed then, or at its dot, the next run finds in the journal.
    """
    supply = Supply(run)
    done = False
    try:
        run.mailer.lines(run.rules.connections).run(supply)
        end = supply.close()
        done = True
    finally:
        supply.end()
        run.ledger.close(done=done)
    return Ending(end, supply.last_reply)
