"""The post office: what a message looks like on the wire, and the two ways it leaves.

    freeze(rendered, …) → WireTemplate        once per edition: all that must not change while it is sent
    wire.splice(signer, …) → Message          once per reader: the same bytes on every try
    sealer.seal(message) → Message            signed (DKIM); in any thread, apart from splicing
    line.send(message, at_dot) → Outcome      to a relay (`smtp`) or into a Maildir (`outbox`)

Pure: addresses, headers, quoted, replies, message, splice, dkim, letter. One outside thing each: wire, handshake and
smtp hold the connection to a relay, outbox holds a folder, keyfiles the files of DKIM keys.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from newsletter.mail.exchange import Offer
from newsletter.mail.supply import Supply
from newsletter.model import Message, Outcome

__all__ = ["Line", "Lines", "Mailer", "Offer", "Supply"]


class Line(Protocol):
    """One way out, for one thread at a time. A context manager that closes itself."""

    def send(self, message: Message, at_dot: Callable[[], None]) -> Outcome:
        """Offer one message; say what became of it. What goes wrong outside is an Outcome, never an exception.

        `at_dot` is called once, right before the message can become the other side's: what it writes down is known
        before there can be any doubt. Where it raises, the message is not handed over, and its exception goes up.
        It is not called where nothing gets that far.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Mailer(Protocol):
    """A way out: opens lines. Safe to share between threads."""

    @property
    def repeats_safely(self) -> bool:
        """Offering a message again never makes a second copy: by its name it is known to be there already."""
        ...

    def open(self) -> Line:
        """A new line. Touches nothing yet."""
        ...

    def lines(self, count: int) -> Lines:
        """At most so many lines at once, for an edition. Touches nothing yet."""
        ...


class Lines(Protocol):
    """A way out for many messages."""

    def run(self, supply: Supply) -> None:
        """Offer what the supply hands out, until it says that it is over; tell it what became of each. Raises what the
        supply raises: then no message is complete over there that was not noted."""
        ...
