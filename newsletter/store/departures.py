"""Who receives no more: asked before messages begin."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from newsletter.store import deliveries
from newsletter.store.database import Held, read

STALE = 0.1  # seconds that an answer is good for on PostgreSQL
FRESH = 0.0002  # and on SQLite: some messages long, where they follow one another as fast as they can


class Departures:
    """Of those that one run over one edition has claimed; for one thread.

    SQLite tells at once whether anybody has written since (3 µs, measured 2026-11), and then they are all read anew. On
    PostgreSQL they are read every tenth of a second.
    """

    def __init__(self, held: Held, clock: Callable[[], datetime]) -> None:
        self._held = held
        self._clock = clock
        self._gone: set[int] = set()
        self._asked_at = self._read_at = float("-inf")

    def claimed(self) -> None:
        """There is more to ask about: what was read does not cover it."""
        self._asked_at = self._read_at = float("-inf")

    def stays(self, subscriber_id: int, edition_id: int, run_id: int) -> bool:
        """Whether somebody whose delivery that run has claimed still receives the edition."""
        now = time.monotonic()
        if now - self._asked_at > FRESH:
            self._asked_at = now
            if self._is_stale():
                with read(self._held.engine) as connection:
                    self._gone = deliveries.departed(connection, edition_id, run_id, self._clock())
                self._read_at = now
        return subscriber_id not in self._gone

    def _is_stale(self) -> bool:
        written = self._held.written_by_others()
        if written is None:
            return time.monotonic() - self._read_at > STALE
        return written or self._read_at < 0
