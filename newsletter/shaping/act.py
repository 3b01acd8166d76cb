"""How an act is done: in one transaction, as a patch of the edition's shape, written down with what was there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from newsletter import shape as shapes
from newsletter.errors import BadData, NotSent
from newsletter.model import AuditEntry, Edition, EditionStatus, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape
from newsletter.shaping.refusals import AboutToGo, AskAnEditor, Cancelled, NoArticle
from newsletter.store import articles, audit, editions, editors
from newsletter.store import shapes as rows
from newsletter.store.database import write

Status = EditionStatus

UNDO, REDO = "undo", "redo"
SHAPING = frozenset(
    ["move", "arrange", "lead", "add", "drop", "words", "rewrite", "take", "leave", "pick_anew", UNDO, REDO]
)  # the acts that can be taken back, and done again

Act = Callable[[Connection, Shape], Patch]


class Conflict(BadData):
    """The same has been changed since: nothing was changed now. `keys` says what, `meanwhile` who did it, and `written`
    all that was to be changed: a field which is not in there was left alone."""

    def __init__(
        self, edition: Edition, keys: Sequence[str], meanwhile: Sequence[AuditEntry], written: Iterable[str] = ()
    ) -> None:
        who = ", ".join(dict.fromkeys(entry.who.name for entry in meanwhile)) or "somebody"
        super().__init__(f"{', '.join(keys)}: changed meanwhile by {who}; look again, and say it once more")
        self.edition = edition
        self.keys = list(keys)
        self.meanwhile = list(meanwhile)
        self.written = frozenset(written)


@dataclass(frozen=True, slots=True)
class Shaped:
    """What came of an act: the edition after it, and what others did since the version that it was made from, the
    newest first. One's own acts, made in another window it may be, are no news."""

    edition: Edition
    changed: bool
    meanwhile: tuple[AuditEntry, ...] = ()


def do(
    room: Newsroom,
    who: Who,
    edition_id: int,
    name: str,
    act: Act,
    version: int | None = None,
    article: int | None = None,
    *,
    dry_run: bool = False,
    pins: bool = True,
) -> Shaped:
    """Do it, and write it down. Raises NotSent where the edition cannot be changed, BadData for an article that is
    none."""
    with write(room.engine, rehearsal=dry_run) as connection:
        edition = open_edition(connection, room, who, edition_id)
        return do_in(connection, room, who, edition, name, act, version, article, pins=pins)


def do_in(
    connection: Connection,
    room: Newsroom,
    who: Who,
    edition: Edition,
    name: str,
    act: Act,
    version: int | None = None,
    article: int | None = None,
    *,
    pins: bool = True,
) -> Shaped:
    """The same in a transaction that is open already, which holds the edition's row.

    `pins`: every article picked is kept from now on as its site gives it. Without, the choice stays the machine's.
    """
    if article is not None and not articles.chosen(connection, [article]):
        raise NoArticle(article)
    now = rows.read(connection, edition.id)
    patch = act(connection, now)
    others = tuple(entry for entry in since(connection, edition.id, version) if entry.who != who)
    if not patch:
        return Shaped(edition, False, others)
    if pins or edition.status is Status.APPROVED:
        patch = _with_pins(connection, now, patch)
    keep(connection, room, who, edition, name, patch, article)
    return Shaped(editions.by_id(connection, edition.id), True, others)


def _with_pins(connection: Connection, now: Shape, patch: Patch) -> Patch:
    """What is written of an edition before anything was picked for it leaves the picking to the machine."""
    after = shapes.applied(now, patch)
    order = shapes.order_of(after)
    if order or "order" in patch:
        patch = {**patch, **shapes.pinned(after, rows.as_kept(connection, order))}
    return {name: value for name, value in patch.items() if now.get(name) != value}


def pin(connection: Connection, edition_id: int) -> Patch:
    """What keeps every article picked as it is now: for who decides on the edition as it stands."""
    now = rows.read(connection, edition_id)
    return shapes.pinned(now, rows.as_kept(connection, shapes.order_of(now)))


def keep(
    connection: Connection, room: Newsroom, who: Who, edition: Edition, name: str, patch: Patch, article: int | None
) -> int:
    """Write a patch, and the act with what was there before; returns the act's number."""
    was = shapes.before(rows.read(connection, edition.id), patch)
    version = rows.write(connection, edition.id, patch, reason=room.words.say("taken in by hand"))
    told: dict[str, Any] = {"edition_id": edition.id, "article_id": article, "version": version}
    return audit.add(connection, who, name, room.clock(), **told, before=was, after=patch)


def open_edition(connection: Connection, room: Newsroom, who: Who, edition_id: int) -> Edition:
    """The edition, which nobody else changes before our transaction has ended. Raises NotSent, see `refusal`."""
    edition = editions.lock(connection, edition_id)
    error = refusal(room, edition, _role(connection, who))
    if error:
        raise error
    return edition


def refusal(room: Newsroom, edition: Edition, role: Role) -> NotSent | None:
    """Why somebody of that role cannot change an edition now; None where they can. An approved one goes as somebody
    left it who may approve."""
    if edition.frozen:
        return NotSent(f"the edition {edition.name} is {edition.status} already: it cannot be changed any more")
    if edition.status is Status.CANCELLED:
        return Cancelled(edition.name)
    if edition.status is Status.APPROVED and edition.go_at and edition.go_at > room.clock():
        return AboutToGo(edition.name)
    if edition.status is Status.APPROVED and not role.may(Role.EDITOR):
        return AskAnEditor(edition.name)
    return None


def check_stays(room: Newsroom, edition: Edition) -> None:
    """Raise AboutToGo where it goes in a moment, because an editor said so."""
    error = refusal(room, edition, Role.OWNER)
    if isinstance(error, AboutToGo):
        raise error


def _role(connection: Connection, who: Who) -> Role:
    """The one they have at this moment. The command line may do everything."""
    if who.editor_id is None:
        return Role.OWNER
    editor = editors.by_id(connection, who.editor_id)
    return editor.role if editor else Role.WRITER


def since(connection: Connection, edition_id: int, version: int | None) -> list[AuditEntry]:
    """What was done since that version, the newest first; nothing where none is named."""
    return [] if version is None else audit.of_edition(connection, edition_id, after_version=version)
