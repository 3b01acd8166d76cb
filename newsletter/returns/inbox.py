"""The mailbox of [bounces], mail by mail: each is taken in and then put aside, in this order, so that none is lost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from newsletter import bounce
from newsletter.bounce.inbox import Mailbox, Patience, open_inbox
from newsletter.errors import ConfigError, DatabaseError, NewsletterError, Unavailable
from newsletter.model import ReturnKind
from newsletter.newsroom import Newsroom
from newsletter.returns.refusals import take_refusals
from newsletter.returns.take import Done, Taken, digest_of, take
from newsletter.settings import Inbox
from newsletter.store import notes
from newsletter.store.database import read, write

log = logging.getLogger(__name__)

REACHED = "inbox"  # the note of the mail that the last visit came to, and of which mailbox
PEOPLES = (ReturnKind.LETTER, ReturnKind.UNSUBSCRIBE)  # what a person wrote is put aside, and never deleted


@dataclass
class Sums:
    """What came of a mailbox."""

    mails: int = 0
    done: Counter[Done] = field(default_factory=Counter)
    kinds: Counter[ReturnKind] = field(default_factory=Counter)
    failed: int = 0  # mails that could not be taken in, and stay: the log tells why
    refusals: int = 0  # readers who are unreachable by what the relay said when we sent

    def add(self, taken: Taken) -> None:
        self.mails += 1
        self.done[taken.done] += 1
        self.kinds[taken.kind] += 1

    def figures(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "mails": self.mails,
            "kinds": {kind.value: self.kinds[kind] for kind in ReturnKind},
            "done": {done.value: self.done[done] for done in Done},
            "failed": self.failed,
            "refusals": self.refusals,
        }


def read_inbox(room: Newsroom, where: Inbox | None = None, stopped: Callable[[], bool] = lambda: False) -> Sums:
    """All that lies there now, or in another place; and what the relay refused, see `take_refusals`.

    Raises ConfigError where no place is known or it cannot be opened, Unavailable where it does not answer,
    DatabaseError.
    """
    sums = Sums()
    where = where or room.config.bounces.inbox
    if where is None:
        raise ConfigError(f"{room.config.path}: bounces.inbox: no mailbox is named; see docs/bounces.md")
    sums.refusals = take_refusals(room)
    before = _reached(room, where)
    with opened(room, where, behind=before) as mailbox:
        try:
            _take_all(room, mailbox, where.kind, sums, stopped)
        finally:
            if mailbox.reached != before:
                _remember(room, where, mailbox.reached)
    return sums


def _take_all(room: Newsroom, mailbox: Mailbox, via: str, sums: Sums, stopped: Callable[[], bool]) -> None:
    for arrived in mailbox.unread():
        if stopped():
            break
        if is_empty(arrived.raw):
            log.info("the mail %s is empty: put aside", arrived.name)
            mailbox.done(arrived)
            continue
        try:
            taken = take_mail(room, arrived.raw, via=via)
        except (DatabaseError, Unavailable):
            raise
        except NewsletterError as error:  # this mail's alone: those behind it are read
            log.error("the mail %s cannot be taken in, and is left where it is: %s", arrived.name, error)
            sums.failed += 1
            mailbox.leave(arrived)
            continue
        except Exception:
            log.exception("the mail %s cannot be taken in, and is left where it is", arrived.name)
            sums.failed += 1
            mailbox.leave(arrived)
            continue
        sums.add(taken)
        if taken.done is Done.LEFT_THERE:
            mailbox.leave(arrived)
        else:
            mailbox.done(arrived, keep=taken.kind in PEOPLES)


def _reached(room: Newsroom, where: Inbox) -> str:
    """The mail that the last visit came to, where that was to the same mailbox."""
    with read(room.engine) as connection:
        place, _, name = (notes.get(connection, REACHED) or "").rpartition(" ")
    return name if place == str(where) else ""


def _remember(room: Newsroom, where: Inbox, name: str) -> None:
    with write(room.engine) as connection:
        notes.put(connection, REACHED, f"{where} {name}")


def opened(
    room: Newsroom, where: Inbox, patience: Patience | None = None, *, behind: str = ""
) -> AbstractContextManager[Mailbox]:
    """A visit to that mailbox, which begins behind that mail. Raises ConfigError and Unavailable."""
    table = room.config.bounces
    return open_inbox(
        where,
        path=room.config.resolve(where.path) if where.path else None,
        password=room.config.secrets.get("bounces.password"),
        folder=table.folder,
        delete=table.delete,
        behind=behind,
        patience=patience,
    )


def is_empty(raw: bytes) -> bool:
    """Nothing at all, or blanks: what a disk that was full may leave. It is nobody's letter."""
    return not raw or raw.isspace()


def take_mail(room: Newsroom, raw: bytes, *, via: str) -> Taken:
    """One mail's bytes. Raises DatabaseError."""
    taken = take(room, bounce.read(raw), digest=digest_of(raw), via=via, raw=raw)
    log.info("a returned mail (%s, %s): %s", taken.kind, taken.proof, taken.done)
    return taken
