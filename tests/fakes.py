"""A mailer written by hand: tests say in a word what it answers to whom, and it remembers what it was given.

It passes the same contract as the real ones (test_mailers.py).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Self

from newsletter.mail import Offer, Supply
from newsletter.model import Message, Outcome, Phase, Verdict

ANSWERS = {
    "ok": Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "250 2.0.0 Ok: queued as A1"),
    "later": Outcome(Verdict.DEFERRED, Phase.RCPT, 450, "450 4.2.0 come back later"),
    "never": Outcome(Verdict.REJECTED, Phase.RCPT, 550, "550 5.1.1 no such mailbox"),
    "full": Outcome(Verdict.REJECTED, Phase.RCPT, 552, "552 5.2.2 mailbox full"),
    "unknown": Outcome(Verdict.REJECTED, Phase.RCPT, 550, "550 No such user here"),
    "policy": Outcome(Verdict.REJECTED, Phase.RCPT, 554, "554 5.7.1 relay access denied"),
    "lost": Outcome(Verdict.LOST, Phase.RCPT, None, "connection closed"),
    "doubt": Outcome(Verdict.UNCERTAIN, Phase.DOT, None, "connection closed after the dot"),
    "slower": Outcome(Verdict.DEFERRED, Phase.RCPT, 451, "451 4.7.0 too many messages, slow down"),
    "grey": Outcome(Verdict.DEFERRED, Phase.RCPT, 450, "450 4.7.1 greylisted, try again"),
    "busy": Outcome(Verdict.REFUSED, Phase.CONNECT, 421, "421 4.7.0 too many connections"),
    "refused": Outcome(Verdict.REFUSED, Phase.CONNECT, 535, "535 5.7.8 wrong password"),
}
AT_DOT = {"ok", "doubt"}


class FakeMailer:
    """Answers by the recipient's local part: `script={"ama": ["later", "ok"]}`; "ok" to everybody else."""

    def __init__(
        self,
        script: dict[str, Iterable[str]] | None = None,
        *,
        default: str = "ok",
        repeats_safely: bool = False,
        meanwhile: Callable[[Message], None] = lambda message: None,
    ) -> None:
        self._script = {name: list(words) for name, words in (script or {}).items()}
        self._default = default
        self._lock = threading.Lock()
        self._meanwhile = meanwhile
        self.repeats_safely = repeats_safely
        self.received: dict[str, list[bytes]] = defaultdict(list)  # what reached the other side, by recipient
        self.offered: list[str] = []  # every recipient ever offered, in turn
        self.together: list[int] = []  # how many were under way at once, for each

    def open(self) -> FakeLine:
        return FakeLine(self)

    def lines(self, count: int) -> FakeLines:
        return FakeLines(self, count)

    def answer(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        self._meanwhile(message)
        name = message.recipient.split("@")[0]
        with self._lock:
            self.offered.append(message.recipient)
            words = self._script.get(name)
            word = words.pop(0) if words else self._default
        if word in AT_DOT:
            at_dot()
            with self._lock:
                self.received[message.recipient].append(message.content)
        return ANSWERS[word]


class FakeLines:
    """Begins as many messages at once as there are lines, and then answers them one by one."""

    def __init__(self, mailer: FakeMailer, count: int) -> None:
        self._mailer = mailer
        self._count = count

    def run(self, supply: Supply) -> None:
        while True:
            offers: list[Offer] = []
            while len(offers) < self._count and (offer := supply.take()) is not None:
                offers.append(offer)
            for offer in offers:
                self._mailer.together.append(len(offers))
                supply.ended(offer, self._mailer.answer(offer.message, partial(_note, supply, offer)))
                supply.note([])
            if not offers:
                pause = supply.rest()
                if pause is None:
                    return
                time.sleep(pause)


def _note(supply: Supply, offer: Offer) -> None:
    supply.note([offer])


class FakeLine:
    def __init__(self, mailer: FakeMailer) -> None:
        self._mailer = mailer

    def send(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        return self._mailer.answer(message, at_dot)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
