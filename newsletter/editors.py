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
INVITED_WITHIN = timedelta(hours=24)  # an owner wrote to somebody who did not ask, and may not look at once
HOUR = timedelta(hours=1)
LINKS_AN_HOUR = 5  # to one editor, asked for from one network; or made for them by owners
LINKS_AN_HOUR_BY_EDITOR = 30  # to one editor, from wherever they were asked for
LINKS_AN_HOUR_BY_NETWORK = 20
LINKS_AN_HOUR_IN_ALL = 200
COUNTING = "links counted"
NOBODYS = "nobody's link was asked for"  # a note, written where a link is not
GLANCE = timedelta(minutes=10)  # how old a session's last sign of life may be before it is written anew
LONGEST_NAME, LONGEST_BROWSER = 80, 200  # characters


class WorksHere(BadData):
    """Somebody with that address works at the desk already."""


class OnlyOwner(BadData):
    """The newsroom would be left without an owner."""


def as_who(editor: Editor) -> Who:
    """An editor as the audit log names them."""
    return Who(editor.name, editor.id)


# --- The list ---------------------------------------------------------------------------------------


def listed(room: Newsroom) -> list[Editor]:
    """Everybody who works at the desk."""
    with read(room.engine) as connection:
        return editors.listed(connection)


def by_number(room: Newsroom, number: int) -> Editor | None:
    """The editor of that number; None where nobody has it."""
    with read(room.engine) as connection:
        return editors.by_id(connection, number)


def find(room: Newsroom, address: str) -> Editor:
    """The editor with that address. Raises BadData where there is none."""
    with read(room.engine) as connection:
        return _known(connection, address)


def add(room: Newsroom, address: str, role: Role, *, name: str = "", who: Who, dry_run: bool = False) -> Editor:
    """Let somebody work at the desk. Raises BadData for an address that cannot be mailed, WorksHere
    for one that is there already."""
    found = normalise(address)
    name = plain(name)[:LONGEST_NAME] or found.text.partition("@")[0]
    with write(room.engine, rehearsal=dry_run) as connection:
        notes.one_at_a_time(connection, "editors")
        if editors.find(connection, found.key):
            raise WorksHere(f"{found.text} works at the desk already")
        number = editors.add(connection, found.text, found.key, name, role, room.clock())
        after = {"address": found.text, "name": name, "role": role}
        audit.add(connection, who, "editor_added", room.clock(), after=after)
        return Editor(number, found.text, name, role, room.clock())


def set_role(room: Newsroom, address: str, role: Role, *, who: Who, dry_run: bool = False) -> Editor:
    """Give an editor another role, which counts at once. Raises OnlyOwner where there would be no owner left."""

    def change(connection: Connection, known: Editor) -> None:
        if known.role is role:
            return
        editors.change(connection, known.id, role=role)
        before = {"address": known.address, "role": known.role}
        after = {"address": known.address, "role": role}
        audit.add(connection, who, "editor_role", room.clock(), before=before, after=after)

    return _change(room, address, change, leaves_owner=role is Role.OWNER, dry_run=dry_run)


def remove(room: Newsroom, address: str, *, who: Who, dry_run: bool = False) -> Editor:
    """Let somebody work at the desk no more: their sessions and links end at once. Raises OnlyOwner where there
    would be no owner left."""

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
        owners = [one.id for one in editors.listed(connection) if one.role is Role.OWNER]
        if owners == [known.id] and not leaves_owner:
            raise OnlyOwner(f"{known.address} is the only owner: make somebody else an owner first")
        change(connection, known)
        return editors.by_id(connection, known.id) or known


def _known(connection: Connection, address: str) -> Editor:
    known = editors.find(connection, normalise(address).key)
    if known is None:
        raise BadData(f"{address} does not work at the desk; `newsletter editors list` names who does")
    return known


# --- Logging in -------------------------------------------------------------------------------------


def ask_for_link(room: Newsroom, address: str, network: str | None, *, language: str, after: str = "") -> None:
    """Mail a link to log in by to that address, if its owner works here; `after` is the page of the desk they wanted.

    Whoever asks learns nothing: a stranger's address, and one above its cap, cost the same statements and a commit
    that has something to write. The post is not stirred, and finds the letter within a second: at work on it at once,
    it would make an editor wait a little longer for the answer. Raises BadData for what is no address.
    """
    found, now, network = normalise(address), room.clock(), network or ""
    with write(room.engine) as connection:
        notes.one_at_a_time(connection, COUNTING)
        known = editors.find(connection, found.key)
        may, ticket = _may_ask(connection, known, network, now), 0
        if may:
            until = now + LOG_IN_WITHIN
            ticket = editors.issue(connection, known.id if known else None, until, now, network=network)
        else:
            notes.put(connection, NOBODYS, now.isoformat())
        if may and known:
            details = {"ticket": str(ticket), "after": after}
            letters.add(connection, LetterKind.LOG_IN, known.address, language=language, now=now, details=details)
        else:
            notes.put(connection, NOBODYS, now.isoformat())


def _may_ask(connection: Connection, known: Editor | None, network: str, now: datetime) -> bool:
    """Every count is made whoever asks. Strangers' wishes in all are bounded, so that they do not fill the disk; those
    who work here are not kept out by them, nor by who asks for them from elsewhere."""
    since, number = now - HOUR, known.id if known else 0
    own = editors.asked(connection, since, editor_id=number, network=network)
    everywhere = editors.asked(connection, since, editor_id=number, wished=True)
    near = editors.asked(connection, since, network=network)
    all_ = editors.asked(connection, since)
    for_them = own < LINKS_AN_HOUR and everywhere < LINKS_AN_HOUR_BY_EDITOR
    return for_them and near < LINKS_AN_HOUR_BY_NETWORK and (all_ < LINKS_AN_HOUR_IN_ALL or known is not None)


def invite(room: Newsroom, editor: Editor, *, who: Who, language: str, dry_run: bool = False) -> bool:
    """Mail an editor a link to log in by, good for a day, since an owner wants it; False where owners had enough made
    in this hour: what strangers wish for is not counted. Raises BadData for who does not work here."""
    now = room.clock()
    with write(room.engine, rehearsal=dry_run) as connection:
        notes.one_at_a_time(connection, COUNTING)
        known = _known(connection, editor.address)
        if editors.asked(connection, now - HOUR, editor_id=known.id, wished=False) >= LINKS_AN_HOUR:
            return False
        details = {"ticket": str(editors.issue(connection, known.id, now + INVITED_WITHIN, now))}
        letters.add(connection, LetterKind.INVITED, known.address, language=language, now=now, details=details)
        audit.add(connection, who, "editor_invited", now, after={"address": known.address})
    room.stirred.set()
    return True


def link(room: Newsroom, address: str, *, who: Who, dry_run: bool = False) -> str:
    """A link to log in by, to hand over where mail is down; a rehearsal makes none. Raises BadData for who does not
    work here."""
    now = room.clock()
    with write(room.engine, rehearsal=dry_run) as connection:
        known = _known(connection, address)
        number = editors.issue(connection, known.id, now + LOG_IN_WITHIN, now)
        audit.add(connection, who, "link_printed", now, after={"address": known.address})
    return "" if dry_run else room.signer.link(room.config.desk_url, Purpose.LOG_IN, number, now)


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
    if known is None or now - known.seen_at > lasting(room):
        return None
    if now - known.seen_at > GLANCE:
        with write(room.engine) as connection:
            editors.seen(connection, known.id, now)
    return known


def lasting(room: Newsroom) -> timedelta:
    """For how long a session lasts that is not used."""
    return timedelta(days=room.config.desk.session_days)


def renewed(room: Newsroom, session: Session) -> str | None:
    """What the cookie is to hold from now on, so that who comes often is not sent away; None where that is fresh."""
    now = room.clock()
    return room.signer.token(Purpose.SESSION, session.id, now) if now - session.seen_at > GLANCE else None


def sessions(room: Newsroom, editor: Editor | None = None) -> list[Session]:
    """An editor's sessions, or everybody's, as far as they are not over; the newest first."""
    since = room.clock() - lasting(room)
    with read(room.engine) as connection:
        found = editors.sessions_of(connection, editor.id) if editor else editors.all_sessions(connection)
    return [one for one in found if one.seen_at >= since]


def log_out(room: Newsroom, session: Session, session_id: int | None = None) -> None:
    """End a session: one's own, or another of one's own by its number."""
    with write(room.engine) as connection:
        number = session.id if session_id is None else session_id
        if any(one.id == number for one in editors.sessions_of(connection, session.editor.id)):
            editors.end_session(connection, number)
            audit.add(connection, as_who(session.editor), "logged_out", room.clock())


def end_session(room: Newsroom, editor: Editor, session_id: int, *, who: Who, dry_run: bool = False) -> None:
    """End one session of an editor's. Raises BadData where they have none of that number."""
    with write(room.engine, rehearsal=dry_run) as connection:
        if all(one.id != session_id for one in editors.sessions_of(connection, editor.id)):
            raise BadData(f"{editor.address} has no session {session_id}; `newsletter editors sessions` lists theirs")
        editors.end_session(connection, session_id)
        audit.add(connection, who, "sessions_ended", room.clock(), before={"address": editor.address, "count": 1})


def log_out_others(room: Newsroom, session: Session) -> int:
    """End all of one's own sessions but this one, and the links that begin one; returns how many there were."""
    with write(room.engine) as connection:
        editors.end_tickets(connection, session.editor.id, room.clock())
        count = editors.end_sessions(connection, session.editor.id, but=session.id)
        before = {"address": session.editor.address, "count": count}
        audit.add(connection, as_who(session.editor), "sessions_ended", room.clock(), before=before)
        return count


def log_out_everywhere(room: Newsroom, editor: Editor, *, who: Who, dry_run: bool = False) -> int:
    """End all sessions of an editor, and every link that was mailed to them, a draft's too: whoever has found their
    telephone has those before them. Returns how many sessions there were."""
    with write(room.engine, rehearsal=dry_run) as connection:
        editors.end_tickets(connection, editor.id, room.clock())
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
