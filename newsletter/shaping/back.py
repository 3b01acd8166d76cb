"""Taking an act back, and doing it again after all: step by step, whoever did it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from newsletter import shape as shapes
from newsletter.model import AuditEntry, Edition, EditionStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.shaping.act import REDO, SHAPING, UNDO, Conflict, Shaped, keep, open_edition, since
from newsletter.shaping.refusals import NothingToRedo, NothingToUndo, Overtaken
from newsletter.store import audit, editions
from newsletter.store import shapes as rows
from newsletter.store.database import read, write

BACK = (UNDO, REDO)
SEEN = ("order", *shapes.WORDS, *shapes.TEXTS)  # of what an act changes, what an editor sees


def undoable(room: Newsroom, edition_id: int) -> AuditEntry | None:
    """The last act that `undo` would take back."""
    with read(room.engine) as connection:
        return _undoable(audit.of_edition(connection, edition_id))


def redoable(room: Newsroom, edition_id: int) -> AuditEntry | None:
    """The act that `redo` would do again: the one undone last, as long as nothing else was done since."""
    with read(room.engine) as connection:
        entries = audit.of_edition(connection, edition_id)
    undoing = _redoable(entries)
    return _undone_by(entries, undoing) if undoing else None


def undo(room: Newsroom, who: Who, edition_id: int, version: int | None = None, *, dry_run: bool = False) -> Shaped:
    """Take the last act back, whoever did it. Raises BadData where there is none, or it was overtaken; Conflict where
    somebody else has shaped the edition since that version: what was seen as the last act is it no more."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = open_edition(connection, room, who, edition_id)
        _check_nobody_else(connection, edition, who, version)
        last = _undoable(audit.of_edition(connection, edition_id))
        if last is None:
            raise NothingToUndo(edition.name)
        number = _reverse(connection, room, who, edition, UNDO, last)
        audit.take_back(connection, last.id, number)
        return Shaped(editions.by_id(connection, edition_id), True)


def redo(room: Newsroom, who: Who, edition_id: int, version: int | None = None, *, dry_run: bool = False) -> Shaped:
    """Do again what was undone last. Raises as `undo`."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = open_edition(connection, room, who, edition_id)
        _check_nobody_else(connection, edition, who, version)
        entries = audit.of_edition(connection, edition_id)
        undoing = _redoable(entries)
        if undoing is None:
            raise NothingToRedo(edition.name)
        number = _reverse(connection, room, who, edition, REDO, undoing)
        audit.take_back(connection, undoing.id, number)
        audit.restore(connection, undoing.id)
        return Shaped(editions.by_id(connection, edition_id), True)


def _undoable(entries: Sequence[AuditEntry]) -> AuditEntry | None:
    return next((entry for entry in entries if entry.act in SHAPING - {*BACK} and not entry.undone), None)


def _redoable(entries: Sequence[AuditEntry]) -> AuditEntry | None:
    """The newest undoing that stands, unless an act that stands is newer still."""
    standing = (entry for entry in entries if entry.act in SHAPING - {REDO} and not entry.undone)
    newest = next(standing, None)
    return newest if newest and newest.act == UNDO else None


def _undone_by(entries: Sequence[AuditEntry], undoing: AuditEntry) -> AuditEntry | None:
    return next((entry for entry in entries if entry.undone_by == undoing.id), None)


def _check_nobody_else(connection: Connection, edition: Edition, who: Who, version: int | None) -> None:
    entries = since(connection, edition.id, version)
    others = [entry for entry in entries if entry.who != who and entry.act in SHAPING]
    if others:
        told = {name for entry in others for name in entry.after if name.partition("/")[0] in SEEN}
        raise Conflict(edition, sorted(told), others)


def _reverse(connection: Connection, room: Newsroom, who: Who, edition: Edition, name: str, entry: AuditEntry) -> int:
    now = rows.read(connection, edition.id)
    patch = shapes.undone(now, entry.before, entry.after)
    if patch is None:
        raise Overtaken
    if edition.status is EditionStatus.APPROVED:
        patch = shapes.still_pinned(now, patch)
    return keep(connection, room, who, edition, name, patch, entry.article_id)
