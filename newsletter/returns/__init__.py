"""What comes back, taken in: whose it is, what it means, who leaves by it."""

from __future__ import annotations

from newsletter.model import Bounce, Proof, Returned
from newsletter.newsroom import Newsroom


def take(room: Newsroom, returned: Returned, *, digest: str, via: str, raw: bytes | None = None) -> None:
    """Keep it, once by its digest."""
    from newsletter.store import bounces
    from newsletter.store.database import write

    first = returned.failures[0] if returned.failures else None
    one = Bounce(
        0,
        room.clock(),
        returned.kind,
        via,
        Proof.NOTHING,
        permanent=first.permanent if first else None,
        reason=first.reason if first else None,
    )
    with write(room.engine) as connection:
        bounces.add(connection, digest, one)
