"""What goes with a reader beside their own rows: what came back and names them, letters of theirs to the newsroom."""

from __future__ import annotations

from sqlalchemy import Connection

from newsletter.errors import BadData
from newsletter.mail.addresses import normalise
from newsletter.model import Subscriber
from newsletter.store import bounces, letters


def drop_what_came_back(connection: Connection, known: Subscriber) -> None:
    """For who holds their row, and is about to empty it."""
    key = _key(known.address)
    bounces.blank(connection, known.id, key)
    theirs = [one.id for one in letters.held(connection) if key and _key(one.details.get("reply_to", "")) == key]
    letters.drop_held(connection, theirs)


def _key(address: str) -> str:
    try:
        return normalise(address).key
    except BadData:
        return ""
