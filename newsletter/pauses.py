"""An edition's sending stopped by an editor: a run hears of it within a second, and the pause costs no reader the mail.

The stop is the edition's alone: the run's own is not asked, and what else it has to send goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.deliver import Stop
from newsletter.errors import DatabaseError
from newsletter.model import Edition
from newsletter.newsroom import Newsroom
from newsletter.store import editions, notes
from newsletter.store.database import read

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks whether it was stopped


@contextmanager
def heeded(room: Newsroom, edition: Edition, whole: Stop) -> Iterator[Stop]:
    """A stop for the sending of that edition: asked with `whole`, and when an editor stops it, from whatever process.

    The look has a thread of its own: a run that waits for its relay, or for its rate, would look too late.
    """
    stop, over = whole.of_a_part(), threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            try:
                with read(room.engine) as connection:
                    if editions.is_paused(connection, edition.id):
                        stop.ask()
                        return
            except DatabaseError as error:  # the run itself meets it too, and ends by it
                log.warning("whether an editor has stopped the edition could not be seen: %s", error)

    thread = threading.Thread(target=look, name="pauses")
    thread.start()
    try:
        yield stop
    finally:
        over.set()
        thread.join()


def add(connection: Connection, edition: Edition, now: datetime) -> None:
    """Write down how long the pause was that ends now."""
    paused = length(connection, edition) + (now - (edition.paused_at or now))
    notes.put(connection, _note(edition), str(paused.total_seconds()))


def length(connection: Connection, edition: Edition) -> timedelta:
    """How long its sending was stopped in all. `retry_for_hours` does not count that time: what the relay had put off
    is tried again after it, and nobody goes without because an editor took long to decide."""
    return timedelta(seconds=float(notes.get(connection, _note(edition)) or 0))


def _note(edition: Edition) -> str:
    return f"paused {edition.name}"
