"""The keys that sign links: who holds which, and a new one from time to time."""

from __future__ import annotations

from datetime import datetime

from newsletter.errors import BadData
from newsletter.newsroom import Newsroom
from newsletter.store import notes
from newsletter.store.database import read, write

MOST = 256  # a token names its key in one byte


def listed(room: Newsroom) -> list[tuple[int, datetime]]:
    """The keys by number, with the moment each was made. The last one signs."""
    room.signer  # noqa: B018  the first key is made on first use
    with read(room.engine) as connection:
        return notes.key_dates(connection)


def rotate(room: Newsroom, *, dry_run: bool = False) -> int:
    """Make a new key and return its number. Old links stay good, and a frozen edition keeps the key it began with.

    Raises BadData where all 256 numbers are taken.
    """
    known = listed(room)
    if len(known) >= MOST:
        raise BadData("there are 256 keys already, and no link can name another")
    with write(room.engine, rehearsal=dry_run) as connection:
        number = notes.make_key(connection, room.clock())
    if not dry_run:
        vars(room).pop("signer", None)
    return number
