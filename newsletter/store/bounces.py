"""What came back, as it is kept."""

from __future__ import annotations

from sqlalchemy import Connection

from newsletter.model import Bounce
from newsletter.store.dialect import upsert
from newsletter.store.schema import bounces


def add(connection: Connection, digest: str, one: Bounce) -> None:
    """Keep it; what is there already stays as it is."""
    values = {name: getattr(one, name) for name in Bounce.__slots__ if name != "id"}
    query = upsert(connection, bounces).values(digest=digest, **values)
    connection.execute(query.on_conflict_do_nothing(index_elements=["digest"]))
