"""A mailer written by hand: tests say in a word what it answers to whom, and it remembers what it was given.

It passes the same contract as the real ones (test_mailers.py).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from newsletter.model import Message, Outcome, Phase, Verdict

ANSWERS = {
    "ok": Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "250 2.0.0 Ok: queued as A1"),
    "later": Outcome(Verdict.DEFERRED, Phase.RCPT, 450, "450 4.2.0 come back later"),
    "never": Outcome(Verdict.REJECTED, Phase.RCPT, 550, "550 5.1.1 no such mailbox"),
    "unknown": Outcome(Verdict.REJECTED, Phase.RCPT, 550, "550 No such user here"),
    "policy": Outcome(Verdict.REJECTED, Phase.RCPT, 554, "554 5.7.1 relay access denied"),
    "lost": Outcome(Verdict.LOST, Phase.RCPT, None, "connection closed"),
    "doubt": Outcome(Verdict.UNCERTAIN, Phase.DOT, None, "connection closed after the dot"),
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

    def open(self) -> FakeLine:
        return FakeLine(self)

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
