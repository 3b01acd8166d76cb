"""A lock that we hold, looked at again and again: on PostgreSQL another may take over from who sleeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection


def _nothing(_connection: Connection) -> None:
    """A file's lock goes with its process alone."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Call it before each beginning: it raises DatabaseError where the lock is ours no more."""

    look: Callable[[], None] = lambda: None
    hold: Callable[[Connection], None] = _nothing  # the same in a transaction, before whose end nobody takes over

    def __call__(self) -> None:
        self.look()
