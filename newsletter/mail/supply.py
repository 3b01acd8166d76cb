"""Where messages come from, and who hears what became of them. Pure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from newsletter.mail.exchange import Offer
from newsletter.model import Outcome

if TYPE_CHECKING:
    from newsletter.mail import Line


class Supply(Protocol):
    """Where messages come from, and who hears what became of them. Called by one thread alone."""

    def take(self) -> Offer | None:
        """The next message to begin right now; None where there is none for the moment."""
        ...

    def wanted(self, offer: Offer) -> bool:
        """Whether one that was taken is still to be begun: connecting takes a while, and so do messages before it."""
        ...

    def note(self, offers: Sequence[Offer]) -> float:
        """Called before the bytes of these are written; and once in each turn, perhaps with none. What `ended` told is
        kept now too. Where it raises, nothing is written, and its exception goes up. Returns the seconds within which
        it wants to be called again."""
        ...

    def ended(self, offer: Offer, outcome: Outcome) -> None:
        """What became of it."""
        ...

    def untouched(self, offer: Offer) -> None:
        """It was taken, and nothing happened to it."""
        ...

    def left(self) -> float | None:
        """The seconds that what is under way may still take; None: what it needs."""
        ...

    def rest(self) -> float | None:
        """Nothing is on its way, and there was nothing to take: the seconds until to ask again; None: it is over."""
        ...

    def wake_by(self, wake: Callable[[], None]) -> None:
        """`wake`, which any thread may call, ends a rest early."""
        ...


class OneByOne:
    """A way out that takes one message after the other."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def run(self, supply: Supply) -> None:
        """See `mail.Lines`."""
        woken = threading.Event()
        supply.wake_by(woken.set)
        with self._line as line:
            while True:
                offer = supply.take()
                if offer is not None:
                    supply.ended(offer, line.send(offer.message, partial(_note, supply, offer)))
                    supply.note([])
                elif (pause := supply.rest()) is None:
                    return
                else:
                    woken.wait(pause)
                    woken.clear()


def _note(supply: Supply, offer: Offer) -> None:
    supply.note([offer])
