"""What came back, to be looked at."""

from __future__ import annotations

from newsletter import edit
from newsletter.model import Bounce
from newsletter.newsroom import Newsroom
from newsletter.store import bounces
from newsletter.store.database import read


def listed(
    room: Newsroom, edition: str | None = None, *, unproven: bool = False, limit: int = 50
) -> list[tuple[Bounce, str]]:
    """The last rows, the newest first, each with its reader's address: all of them, an edition's, or those of which
    nothing proves whose they are. Raises BadData where there is no such edition."""
    edition_id = edit.named(room, None, edition).id if edition else None
    with read(room.engine) as connection:
        return bounces.listed(connection, edition_id=edition_id, unproven=unproven, limit=limit)
