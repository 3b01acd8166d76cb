"""Where what comes back is read: a Maildir, an mbox, an IMAP folder. The only part of this station that touches
something outside.

In comes where it lies, out come mails, the oldest first, or first those behind the one where an earlier visit was cut
off. Whoever takes one says what becomes of it: `done`, and it is moved away or deleted; `leave`, and it stays and comes
again. A mail may come twice (we died before it was moved): who takes it in knows it by its bytes. One mail that cannot
be read is told in the log, and the others come.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from newsletter.errors import ConfigError
from newsletter.settings import Inbox

log = logging.getLogger(__name__)

LARGEST = 25_000_000  # bytes: no report about a mail of ours is larger, and whoever reads it holds all of it


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail as it lies in the mailbox."""

    raw: bytes
    name: str  # what the mailbox knows it by, for the log too: it says nothing of a person
    size: int  # in bytes, there


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take, in seconds on the wall clock."""

    connect: float = 30  # the connection; once more for the TLS handshake
    step: float = 60  # a command and its answer
    mail: float = 120  # one mail's bytes
    total: float = 300  # all of a visit to a server: letters may be waiting for whoever makes it
    lock: float = 30  # another program that has the mbox in its hands


class Mailbox(Protocol):
    """One visit to a mailbox. For one thread."""

    @property
    def reached(self) -> str:
        """The name of the mail that was asked for last, for `open_inbox(behind=…)` the next time: else a visit that is
        cut off would meet the same mails again that were left, or that the server cannot give, and never come to those
        behind. Empty where every visit comes to its end."""

    def unread(self, limit: int | None = None) -> Iterator[Arrived]:
        """The mails that lie there, the oldest first; at most so many, beside those that are left where they are.

        Say what becomes of one before you ask for the next. An mbox that is not to be changed gives all it has: it
        could not move on otherwise.
        """

    def done(self, arrived: Arrived, *, keep: bool = False) -> None:
        """It was taken in: to be moved into the folder, or deleted where that is wanted and it is not to be kept; at
        the end of the visit at the latest. (An mbox has no folders: what is kept stays in it.)"""

    def leave(self, arrived: Arrived) -> None:
        """It stays where and as it is, and comes again next time."""


def open_inbox(
    where: Inbox,
    *,
    path: Path | None,
    password: str | None,
    folder: str,
    delete: bool,
    behind: str = "",
    context: ssl.SSLContext | None = None,
    patience: Patience | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> AbstractContextManager[Mailbox]:
    """A visit to the mailbox `where`; `path` is where its file or folder lies. It begins behind the mail that the last
    visit has `reached`, and comes to what stands before it in the end. Without `context` we trust whom the system
    trusts.

    Raises Unavailable where it cannot be reached or does not answer, ConfigError where it is not there or does not let
    us in.
    """
    patience = patience or Patience()
    if where.kind == "imap":
        from newsletter.bounce.inbox.imap import ImapBox

        if not password:
            raise ConfigError(
                f"bounces.inbox: {where}: needs the mailbox's password: NEWSLETTER_BOUNCES_PASSWORD or"
                " bounces.password_file"
            )
        return ImapBox(where, password, folder, delete, behind, context, patience, clock)
    place = path if path is not None else Path(where.path)
    if where.kind == "maildir":
        from newsletter.bounce.inbox.maildir import Maildir

        return Maildir(place, folder, delete)
    from newsletter.bounce.inbox.mbox import Mbox

    return Mbox(place, delete, patience.lock, clock, sleep)


def too_large(name: str, size: int) -> None:
    log.warning("the mail %s has %d bytes, more than are read of one: it is left where it is", name, size)


def one_line(text: object) -> str:
    """What a server or the system said, as it may stand in an error."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:300]
