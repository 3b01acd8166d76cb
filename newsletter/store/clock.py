"""This machine's clock, beside the database's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text

from newsletter.store.columns import Instant


def ahead(connection: Connection, clock: Callable[[], datetime]) -> timedelta:
    """By how much `clock` is ahead of PostgreSQL's, at least; negative: behind. Nobody knows when in the round trip
    PostgreSQL looked at its own: so a question or an answer that takes long makes no clock wrong."""
    connection.execute(text("SELECT 1"))  # the transaction has begun, and its round trip is not counted
    asked: Any = select(func.clock_timestamp(type_=Instant()))
    began, here = time.monotonic(), clock()
    there: datetime = connection.execute(asked).scalar_one()
    least = here - there
    most = least + timedelta(seconds=time.monotonic() - began)
    return max(least, timedelta(0)) + min(most, timedelta(0))
