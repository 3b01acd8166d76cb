"""Who works at the desk, their sessions, and what the links that were mailed to them are good for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, true, update

from newsletter.model import Editor, Role, Session
from newsletter.store.schema import editors, sessions, tickets


class Ticket(NamedTuple):
    """What a mailed link is good for."""

    id: int
    editor_id: int | None  # none: a stranger asked
    edition_id: int | None  # the draft that it is about; none: to log in
    until: datetime
    used_at: datetime | None


# --- Editors --------------------------------------------------------------------------------------


def listed(connection: Connection) -> list[Editor]:
    """Everybody who works at the desk, in the order in which they came."""
    return [_editor(row) for row in connection.execute(select(editors).order_by(editors.c.id))]


def find(connection: Connection, key: str) -> Editor | None:
    """The editor with that address (normalised, see `mail.addresses`)."""
    return _one(connection, editors.c.key == key)


def by_id(connection: Connection, editor_id: int) -> Editor | None:
    return _one(connection, editors.c.id == editor_id)


def add(connection: Connection, address: str, key: str, name: str, role: Role, now: datetime) -> int:
    """A new editor; returns their number. The caller holds that there is none with that key."""
    values = {"address": address, "key": key, "name": name, "role": role, "created_at": now}
    return int(connection.execute(insert(editors).values(**values).returning(editors.c.id)).scalar_one())


def change(connection: Connection, editor_id: int, **values: Any) -> None:
    connection.execute(update(editors).where(editors.c.id == editor_id).values(**values))


def remove(connection: Connection, editor_id: int) -> None:
    """With their sessions, and all links that were mailed to them."""
    for table in (sessions, tickets):
        connection.execute(delete(table).where(table.c.editor_id == editor_id))
    connection.execute(delete(editors).where(editors.c.id == editor_id))


def _one(connection: Connection, which: ColumnElement[bool]) -> Editor | None:
    row = connection.execute(select(editors).where(which)).one_or_none()
    return _editor(row) if row else None


def _editor(row: Row[Any]) -> Editor:
    return Editor(row.id, row.address, row.name, Role(row.role), row.created_at)


# --- Sessions -------------------------------------------------------------------------------------


def open_session(connection: Connection, editor_id: int, network: str | None, browser: str, now: datetime) -> int:
    """Returns its number, which is never used twice."""
    values = {"editor_id": editor_id, "created_at": now, "seen_at": now, "network": network, "browser": browser}
    return int(connection.execute(insert(sessions).values(**values).returning(sessions.c.id)).scalar_one())


def session(connection: Connection, session_id: int) -> Session | None:
    """A session that was not ended, with its editor as they are now."""
    found = _sessions(connection, sessions.c.id == session_id)
    return found[0] if found else None


def sessions_of(connection: Connection, editor_id: int) -> list[Session]:
    """An editor's sessions, the newest first."""
    return _sessions(connection, sessions.c.editor_id == editor_id)


def all_sessions(connection: Connection) -> list[Session]:
    """Everybody's, the newest first."""
    return _sessions(connection, true())


def seen(connection: Connection, session_id: int, now: datetime) -> None:
    connection.execute(update(sessions).where(sessions.c.id == session_id).values(seen_at=now))


def end_session(connection: Connection, session_id: int) -> None:
    connection.execute(delete(sessions).where(sessions.c.id == session_id))


def end_sessions(connection: Connection, editor_id: int, *, but: int | None = None) -> int:
    """All of an editor's, or all but that one; returns how many there were."""
    query = delete(sessions).where(sessions.c.editor_id == editor_id)
    if but is not None:
        query = query.where(sessions.c.id != but)
    return connection.execute(query).rowcount


def purge_sessions(connection: Connection, unseen_since: datetime) -> int:
    return connection.execute(delete(sessions).where(sessions.c.seen_at < unseen_since)).rowcount


def _sessions(connection: Connection, which: ColumnElement[bool]) -> list[Session]:
    more = [sessions.c.id.label("session_id"), sessions.c.created_at.label("began_at"), sessions.c.seen_at]
    query = select(editors, *more, sessions.c.network, sessions.c.browser)
    query = query.join(sessions, sessions.c.editor_id == editors.c.id).where(which).order_by(sessions.c.id.desc())
    return [
        Session(row.session_id, _editor(row), row.began_at, row.seen_at, row.network, row.browser)
        for row in connection.execute(query)
    ]


# --- Tickets --------------------------------------------------------------------------------------


def issue(
    connection: Connection,
    editor_id: int | None,
    until: datetime,
    now: datetime,
    *,
    edition_id: int | None = None,
    network: str | None = None,
) -> int:
    """A new ticket; returns its number, which is never used twice. Without an editor it is good for nothing, and is
    kept to be counted."""
    values = {"editor_id": editor_id, "edition_id": edition_id, "network": network, "at": now, "until": until}
    return int(connection.execute(insert(tickets).values(**values).returning(tickets.c.id)).scalar_one())


def ticket(connection: Connection, ticket_id: int) -> Ticket | None:
    row = connection.execute(select(tickets).where(tickets.c.id == ticket_id)).one_or_none()
    return Ticket(row.id, row.editor_id, row.edition_id, row.until, row.used_at) if row else None


def use(connection: Connection, ticket_id: int, now: datetime) -> bool:
    """Compare and set: of two who use one ticket at once, one succeeds."""
    unused = tickets.c.id == ticket_id, tickets.c.used_at.is_(None), tickets.c.until > now
    return bool(connection.execute(update(tickets).where(*unused).values(used_at=now)).rowcount)


def end_tickets(connection: Connection, editor_id: int, now: datetime) -> None:
    """Let nothing that was mailed to an editor be good any more; it is counted still."""
    open_ones = tickets.c.editor_id == editor_id, tickets.c.until > now
    connection.execute(update(tickets).where(*open_ones).values(until=now))


def asked(
    connection: Connection,
    since: datetime,
    *,
    editor_id: int | None = None,
    network: str | None = None,
    wished: bool | None = None,
) -> int:
    """How many links to log in were asked for since: by an editor, or from a network, where named; else in all.
    `wished`: only those that somebody asked for at the log-in (so they have a network), or only the others."""
    query = select(func.count()).select_from(tickets).where(tickets.c.at > since, tickets.c.edition_id.is_(None))
    if editor_id is not None:
        query = query.where(tickets.c.editor_id == editor_id)
    if network is not None:
        query = query.where(tickets.c.network == network)
    if wished is not None:
        query = query.where(tickets.c.network.isnot(None) if wished else tickets.c.network.is_(None))
    return connection.execute(query).scalar_one()


def purge_tickets(connection: Connection, before: datetime) -> int:
    """Delete those that are over, and counted by no cap any more."""
    over = or_(tickets.c.used_at.isnot(None), tickets.c.until < before)
    return connection.execute(delete(tickets).where(tickets.c.at < before, over)).rowcount
