"""Who works at the desk: their roles, the links they log in by, their sessions.

A link is mailed, good for fifteen minutes and for one use, and acts when a button is pressed. A session is a signed
number in a cookie and a row here: delete the row, and the cookie is worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.errors import BadData
from newsletter.links import Purpose
from newsletter.mail.addresses import normalise
from newsletter.model import Editor, LetterKind, Role, Session, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, editors, letters, notes
from newsletter.store.database import read, write
from newsletter.words import plain

LOG_IN_WITHIN = timedelta(minutes=15)
HOUR = timedelta(hours=1)
LINKS_AN_HOUR = 5  # to one editor
LINKS_AN_HOUR_BY_NETWORK = 20
LINKS_AN_HOUR_IN_ALL = 200
COUNTING = "links counted"
GLANCE = timedelta(minutes=10)  # how old a session's last sign of life may be before it is written anew
LONGEST_NAME, LONGEST_BROWSER = 80, 200  # characters


def as_who(editor: Editor) -> Who:
    """An editor as the audit log names them."""
    return Who(editor.name, editor.id)


# --- The list ---------------------------------------------------------------------------------------


def listed(room: Newsroom) -> list[Editor]:
    """Everybody who works at the desk."""
    with read(room.engine) as connection:
        return editors.listed(connection)


def find(room: Newsroom, address: str) -> Editor:
    """The editor with that address. Raises BadData where there is none."""
    with read(room.engine) as connection:
        return _known(connection, address)


def add(room: Newsroom, address: str, role: Role, *, name: str = "", who: Who, dry_run: bool = False) -> Editor:
    """Let somebody work at the desk. Raises BadData for an address that cannot be mailed, or works there already."""
    found = normalise(address)
    name = plain(name)[:LONGEST_NAME] or found.text.partition("@")[0]
    with write(room.engine, rehearsal=dry_run) as connection:
        notes.one_at_a_time(connection, "editors")
        if editors.find(connection, found.key):
            raise BadData(f"{found.text} works at the desk already")
        number = editors.add(connection, found.text, found.key, name, role, room.clock())
        after = {"address": found.text, "name": name, "role": role}
        audit.add(connection, who, "editor_added", room.clock(), after=after)
        return Editor(number, found.text, name, role, room.clock())


def set_role(room: Newsroom, address: str, role: Role, *, who: Who, dry_run: bool = False) -> Editor:
    """Give an editor another role. Raises BadData where there would be no owner left."""

    def change(connection: Connection, known: Editor) -> None:
        editors.change(connection, known.id, role=role)
        before = {"address": known.address, "role": known.role}
        after = {"address": known.address, "role": role}
        audit.add(connection, who, "editor_role", room.clock(), before=before, after=after)

    return _change(room, address, change, leaves_owner=role is Role.OWNER, dry_run=dry_run)


def remove(room: Newsroom, address: str, *, who: Who, dry_run: bool = False) -> Editor:
    """Let somebody work at the desk no more: their sessions and links end at once. Raises BadData where others would
    be left without an owner."""

    def change(connection: Connection, known: Editor) -> None:
        editors.remove(connection, known.id)
        before = {"address": known.address, "name": known.name, "role": known.role}
        audit.add(connection, who, "editor_removed", room.clock(), before=before)

    return _change(room, address, change, leaves_owner=False, dry_run=dry_run)


def _change(
    room: Newsroom,
    address: str,
    change: Callable[[Connection, Editor], None],
    *,
    leaves_owner: bool,
    dry_run: bool,
) -> Editor:
    with write(room.engine, rehearsal=dry_run) as connection:
        notes.one_at_a_time(connection, "editors")
        known = _known(connection, address)
        others = [one for one in editors.listed(connection) if one.id != known.id]
        owners = [one for one in others if one.role is Role.OWNER]
        if known.role is Role.OWNER and not leaves_owner and others and not owners:
            raise BadData(f"{known.address} is the only owner: make somebody else an owner first")
        change(connection, known)
        return editors.by_id(connection, known.id) or known


def _known(connection: Connection, address: str) -> Editor:
    known = editors.find(connection, normalise(address).key)
    if known is None:
        raise BadData(f"{address} does not work at the desk; `newsletter editors list` names who does")
    return known


# --- Logging in -------------------------------------------------------------------------------------


def ask_for_link(room: Newsroom, address: str, network: str | None, *, language: str) -> None:
    """Mail a link to log in by to that address, if its owner works here. Whoever asks learns nothing: a stranger's
    address costs the same look-ups and one commit. Raises BadData for what is no address."""
    found, now = normalise(address), room.clock()
    with write(room.engine) as connection:
        notes.one_at_a_time(connection, COUNTING)
        known = editors.find(connection, found.key)
        since = now - HOUR
        counts = [
            editors.asked(connection, since, editor_id=known.id if known else 0) < LINKS_AN_HOUR,
            editors.asked(connection, since, network=network or "") < LINKS_AN_HOUR_BY_NETWORK,
            editors.asked(connection, since) < LINKS_AN_HOUR_IN_ALL,
        ]
        if all(counts):
            until = now + LOG_IN_WITHIN
            number = editors.issue(connection, known.id if known else None, until, now, network=network or "")
            if known:
                details = {"ticket": str(number)}
                letters.add(connection, LetterKind.LOG_IN, known.address, language=language, now=now, details=details)
    room.stirred.set()


def link(room: Newsroom, address: str, *, who: Who) -> str:
    """A link to log in by, to hand over where mail is down. Raises BadData for who does not work here."""
    now = room.clock()
    with write(room.engine) as connection:
        known = _known(connection, address)
        number = editors.issue(connection, known.id, now + LOG_IN_WITHIN, now)
        audit.add(connection, who, "link_printed", now, after={"address": known.address})
    return room.signer.link(room.config.desk_url, Purpose.LOG_IN, number, now)


def to_log_in(room: Newsroom, token: str) -> Editor | None:
    """Whom a link lets in; None where it is none of ours, is over or used. Changes nothing."""
    found = room.read_link(Purpose.LOG_IN, token)
    if found is None:
        return None
    with read(room.engine) as connection:
        ticket = editors.ticket(connection, found[0])
        if ticket is None or ticket.used_at or ticket.until <= room.clock() or ticket.editor_id is None:
            return None
        return editors.by_id(connection, ticket.editor_id)


def log_in(room: Newsroom, token: str, network: str | None, browser: str) -> str | None:
    """Use the link up, and begin a session; returns what the cookie holds, None as for `to_log_in`."""
    known, found = to_log_in(room, token), room.read_link(Purpose.LOG_IN, token)
    if known is None or found is None:
        return None
    return begin_session(room, known, found[0], network, browser)


def begin_session(room: Newsroom, known: Editor, ticket_id: int, network: str | None, browser: str) -> str | None:
    """A session for who holds a ticket, which is used up by it; None where it was used meanwhile."""
    now = room.clock()
    with write(room.engine) as connection:
        if not editors.use(connection, ticket_id, now):
            return None
        shown = "".join(c for c in browser if c.isprintable())[:LONGEST_BROWSER]
        number = editors.open_session(connection, known.id, network, shown, now)
        audit.add(connection, as_who(known), "logged_in", now, after={"network": network})
    return room.signer.token(Purpose.SESSION, number, now)


# --- Sessions ---------------------------------------------------------------------------------------


def session(room: Newsroom, cookie: str) -> Session | None:
    """Whose session a cookie is of; None where it is none, or is over. It is marked as seen, now and then."""
    found = room.read_link(Purpose.SESSION, cookie) if cookie else None
    if found is None:
        return None
    now = room.clock()
    with read(room.engine) as connection:
        known = editors.session(connection, found[0])
    if known is None or now - known.seen_at > timedelta(days=room.config.desk.session_days):
        return None
    if now - known.seen_at > GLANCE:
        with write(room.engine) as connection:
            editors.seen(connection, known.id, now)
    return known


def sessions(room: Newsroom, editor: Editor) -> list[Session]:
    """An editor's sessions, the newest first."""
    with read(room.engine) as connection:
        return editors.sessions_of(connection, editor.id)


def log_out(room: Newsroom, session: Session, session_id: int | None = None) -> None:
    """End a session: one's own, or another of one's own by its number."""
    with write(room.engine) as connection:
        number = session.id if session_id is None else session_id
        if any(one.id == number for one in editors.sessions_of(connection, session.editor.id)):
            editors.end_session(connection, number)
            audit.add(connection, as_who(session.editor), "logged_out", room.clock())


def log_out_everywhere(room: Newsroom, editor: Editor, *, who: Who) -> int:
    """End all sessions of an editor; returns how many there were."""
    with write(room.engine) as connection:
        count = editors.end_sessions(connection, editor.id)
        audit.add(connection, who, "sessions_ended", room.clock(), before={"address": editor.address, "count": count})
        return count


def form_token(room: Newsroom, session: Session) -> str:
    """What every form of the desk carries: it proves that we made it, for this session.

    It is good as long as that, and yet another one each second: from how well a page can be packed, nobody guesses it.
    """
    return room.signer.token(Purpose.DESK, session.id, room.clock())


def is_our_form(room: Newsroom, session: Session, token: str) -> bool:
    """Whether a form was made by us, for this session."""
    found: tuple[int, datetime] | None = room.read_link(Purpose.DESK, token) if token else None
    return found is not None and found[0] == session.id
