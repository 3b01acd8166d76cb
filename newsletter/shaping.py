"""What editors do with the day's choice: move, drop, add, lead, rewrite, refresh, undo. The desk's and the command
line's.

Each act is a patch of the edition's `shape`, written down in the audit log with what was there before: so it can be
taken back, and a second editor who works from an older version is told what the first one changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from newsletter import shape as shapes
from newsletter.errors import BadData, NotSent
from newsletter.model import Article, AuditEntry, Choice, Edition, EditionStatus, Edits, Picture, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape, key
from newsletter.store import articles, audit, editions
from newsletter.store import shapes as rows
from newsletter.store.database import read, write

Status = EditionStatus

LONGEST = {"subject": 200, "preheader": 200, "note": 3000, "section": 60, "title": 300, "summary": 1500}  # characters
MANY_LINES = ("note",)
UNDO = "undo"
SHAPING = frozenset(
    ["move", "arrange", "lead", "add", "drop", "words", "rewrite", "take", "pick_anew", UNDO]
)  # the acts that can be taken back

Act = Callable[[Connection, Shape], Patch]


class Conflict(BadData):
    """Somebody else has changed the same since: nothing was changed. `keys` says what, `meanwhile` who did it."""

    def __init__(self, edition: Edition, keys: list[str], meanwhile: list[AuditEntry]) -> None:
        who = ", ".join(dict.fromkeys(entry.who.name for entry in meanwhile)) or "somebody"
        super().__init__(f"{', '.join(keys)}: changed meanwhile by {who}; look again, and say it once more")
        self.edition = edition
        self.keys = keys
        self.meanwhile = meanwhile


@dataclass(frozen=True, slots=True)
class Shaped:
    """What came of an act: the edition after it, and what others did since the version that it was made from."""

    edition: Edition
    changed: bool
    meanwhile: tuple[AuditEntry, ...] = ()


# --- The order --------------------------------------------------------------------------------------


def move(
    room: Newsroom, who: Who, edition_id: int, article: int, before: int | None, version: int | None = None
) -> Shaped:
    """Put an article before another one, or at the end."""
    return _act(room, who, edition_id, "move", lambda _, now: shapes.moved(now, article, before), version, article)


def step(room: Newsroom, who: Who, edition_id: int, article: int, by: int, version: int | None = None) -> Shaped:
    """Move an article up (-1) or down (1)."""

    def patch(_: Connection, now: Shape) -> Patch:
        order = shapes.order_of(now)
        if article not in order:
            return {}
        place = min(max(order.index(article) + by, 0), len(order) - 1)
        rest = [one for one in order if one != article]
        return shapes.moved(now, article, rest[place] if place < len(rest) else None)

    return _act(room, who, edition_id, "move", patch, version, article)


def arrange(room: Newsroom, who: Who, edition_id: int, order: list[int], version: int | None = None) -> Shaped:
    """Put the articles in that order, as after dragging."""
    return _act(room, who, edition_id, "arrange", lambda _, now: shapes.arranged(now, order), version)


def lead(room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None) -> Shaped:
    """Make an article the lead; one that is out is taken in for it."""
    return _act(room, who, edition_id, "lead", lambda _, now: shapes.led_by(now, article, who.name), version, article)


def add(room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None) -> Shaped:
    """Take an article in, at the end. Raises BadData for one that another edition has carried to readers."""
    return _act(room, who, edition_id, "add", lambda _, now: shapes.taken_in(now, article, who.name), version, article)


def drop(room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None) -> Shaped:
    """Take an article out."""
    return _act(room, who, edition_id, "drop", lambda _, now: shapes.dropped(now, article, who.name), version, article)


# --- The words --------------------------------------------------------------------------------------


def rewrite(
    room: Newsroom, who: Who, edition_id: int, article: int, wanted: Mapping[str, Any], version: int | None = None
) -> Shaped:
    """Write something in the place of what the site gave: `wanted` may name title, summary, section and picture.

    None, or what the site has itself, goes back to the site's. A picture is a mapping with url and alt; an empty one
    is no picture. Raises Conflict where somebody else has written it meanwhile.
    """
    patch = {key(name, article): _cleaned(name, wanted[name]) for name in shapes.TEXTS if name in wanted}
    return _act(room, who, edition_id, "rewrite", _merging(room, edition_id, patch, version), version, article)


def write_words(
    room: Newsroom, who: Who, edition_id: int, wanted: Mapping[str, Any], version: int | None = None
) -> Shaped:
    """Set the subject, the preheader or the note; empty, the machine's it is again. Raises Conflict as `rewrite`."""
    patch = {name: _cleaned(name, wanted[name]) for name in shapes.WORDS if name in wanted}
    return _act(room, who, edition_id, "words", _merging(room, edition_id, patch, version), version)


def tried(
    room: Newsroom, edition: Edition, choices: list[Choice], words: Mapping[str, Any], texts: Mapping[int, Any]
) -> tuple[Edition, list[Choice]]:
    """The edition as it would be with these words, and these texts by article: for a preview. Keeps nothing."""
    said = {name: _cleaned(name, words[name]) for name in shapes.WORDS if name in words}
    edition = replace(edition, **said)
    found = []
    for one in choices:
        wanted = {name: _cleaned(name, value) for name, value in texts.get(one.candidate.id, {}).items()}
        picture = wanted.get("picture")
        edits = Edits(
            title=wanted.get("title", one.edits.title),
            summary=wanted.get("summary", one.edits.summary),
            picture=(Picture(**picture) if picture else None) if "picture" in wanted else one.edits.picture,
            without_picture=picture == {} if "picture" in wanted else one.edits.without_picture,
        )
        found.append(replace(one, edits=edits, section=wanted.get("section", one.section)))
    return edition, found


def _cleaned(name: str, value: Any) -> Any:
    """A text as it is kept: without white space around it, or too much of it; None where it is empty."""
    if name == "picture":
        return _cleaned_picture(value)
    text = str(value or "").replace("\r\n", "\n")
    text = (
        "\n".join(" ".join(line.split(" ")) for line in text.split("\n"))
        if name in MANY_LINES
        else " ".join(text.split())
    )
    text = text.strip()
    if len(text) > LONGEST[name]:
        raise BadData(f"{name}: {len(text)} characters are too many: {LONGEST[name]} at most")
    return text or None


def _cleaned_picture(value: Any) -> Any:
    if value is None or value == {}:
        return value
    url = str(value.get("url") or "").strip()
    if not url.startswith(("https://", "http://")) or len(url) > 2000 or not url.isprintable():
        raise BadData(f"picture: {url[:100]!r} is no web address: it begins with https://")
    return {"url": url, "alt": " ".join(str(value.get("alt") or "").split())[:300]}


def _merging(room: Newsroom, edition_id: int, wanted: Patch, version: int | None) -> Act:
    def patch(connection: Connection, now: Shape) -> Patch:
        same = _as_the_site(connection, edition_id, wanted)
        meanwhile = _meanwhile(connection, edition_id, version)
        base = shapes.rewound(now, [entry.before for entry in meanwhile])
        found, disputed = shapes.merged(base, now, same)
        if disputed:
            raise Conflict(editions.by_id(connection, edition_id), disputed, _touching(meanwhile, disputed))
        return found

    return patch


def _as_the_site(connection: Connection, edition_id: int, wanted: Patch) -> Patch:
    """What is as the site has it is nobody's writing: it goes on following the site."""
    plain = dict(wanted)
    given = {one.candidate.id: one for one in editions.choices_of(connection, edition_id)}
    for name, value in wanted.items():
        number = shapes.article_of(name)
        if number is None or number not in given or value is None:
            continue
        article, what = given[number].kept or given[number].candidate.article, name.partition("/")[0]
        site = {"title": " ".join(article.title.split()), "summary": " ".join(article.summary.split())}
        if what == "picture" and value and article.picture and value["url"] == article.picture.url:
            plain[name] = None if value["alt"] == article.picture.alt else value
        elif what in site and value == site[what]:
            plain[name] = None
    return plain


def _touching(entries: list[AuditEntry], keys: list[str]) -> list[AuditEntry]:
    return [entry for entry in entries if set(entry.after) & set(keys)]


# --- What the site changed --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """An article that its site has changed since an editor decided on it."""

    choice: Choice
    fields: tuple[str, ...]  # title, summary, picture, section, authors, url

    @property
    def was(self) -> Article:
        return self.choice.kept or self.choice.candidate.article

    @property
    def now(self) -> Article:
        return self.choice.candidate.article


def changes(choices: list[Choice]) -> list[Change]:
    """What the sites have changed of the articles picked. Nothing of those that follow their site. Pure."""
    found = []
    for one in choices:
        if one.picked and one.kept:
            was, now = articles.as_json(one.kept), articles.as_json(one.candidate.article)
            names = ("title", "summary", "picture", "section", "authors", "url")
            fields = tuple(name for name in names if was[name] != now[name])
            if fields:
                found.append(Change(one, fields))
    return found


def take(room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None) -> Shaped:
    """Take over what the site changed of an article since an editor decided on it."""

    def patch(connection: Connection, now: Shape) -> Patch:
        return shapes.taken_over(now, article, rows.as_kept(connection, [article]).get(article))

    return _act(room, who, edition_id, "take", patch, version, article)


# --- Taking back ------------------------------------------------------------------------------------


def undoable(room: Newsroom, edition_id: int) -> AuditEntry | None:
    """The last act that `undo` would take back."""
    with read(room.engine) as connection:
        return _undoable(audit.of_edition(connection, edition_id))


def _undoable(entries: list[AuditEntry]) -> AuditEntry | None:
    open_ones = (entry for entry in entries if entry.act in SHAPING and entry.act != UNDO and not entry.undone)
    return next(open_ones, None)


def undo(room: Newsroom, who: Who, edition_id: int, version: int | None = None) -> Shaped:
    """Take the last act back, whoever did it. Raises BadData where there is none, or it was overtaken."""
    with write(room.engine) as connection:
        edition = _open(connection, edition_id)
        last = _undoable(audit.of_edition(connection, edition_id))
        if last is None:
            raise BadData(f"there is nothing to undo in the edition of {edition.day}")
        meanwhile = _meanwhile(connection, edition_id, version)
        if meanwhile and meanwhile[0].id == last.id and last.who != who:
            raise Conflict(edition, sorted(last.after), [last])  # what they saw as the last act was another one
        patch = shapes.undone(rows.read(connection, edition_id), last.before, last.after)
        if patch is None:
            raise BadData("it cannot be undone: what it changed was changed again since")
        number = _keep(room, connection, who, edition, UNDO, patch, last.article_id)
        audit.take_back(connection, last.id, number)
        return Shaped(editions.by_id(connection, edition_id), True, tuple(meanwhile))


# --- How an act is done -----------------------------------------------------------------------------


def _act(
    room: Newsroom,
    who: Who,
    edition_id: int,
    name: str,
    act: Act,
    version: int | None,
    article: int | None = None,
) -> Shaped:
    """Do it in one transaction, and write it down. Raises NotSent where the edition is frozen."""
    with write(room.engine) as connection:
        edition = _open(connection, edition_id)
        now = rows.read(connection, edition_id)
        patch = dict(act(connection, now))
        if name in ("add", "lead"):
            _check_free(connection, edition, article)
        meanwhile = tuple(_meanwhile(connection, edition_id, version))
        if not patch:
            return Shaped(edition, False, meanwhile)
        after = shapes.applied(now, patch)
        patch |= shapes.pinned(after, rows.as_kept(connection, shapes.order_of(after)))
        _keep(room, connection, who, edition, name, patch, article)
        return Shaped(editions.by_id(connection, edition_id), True, meanwhile)


def pin(connection: Connection, edition_id: int) -> dict[str, Any]:
    """What keeps every article picked as it is now: for who decides on the edition as it stands."""
    now = rows.read(connection, edition_id)
    return dict(shapes.pinned(now, rows.as_kept(connection, shapes.order_of(now))))


def _keep(
    room: Newsroom, connection: Connection, who: Who, edition: Edition, name: str, patch: Patch, article: int | None
) -> int:
    was = shapes.before(rows.read(connection, edition.id), patch)
    version = rows.write(connection, edition.id, patch)
    told: dict[str, Any] = {"edition_id": edition.id, "article_id": article, "version": version}
    return audit.add(connection, who, name, room.clock(), **told, before=was, after=patch)


def _open(connection: Connection, edition_id: int) -> Edition:
    edition = editions.lock(connection, edition_id)
    if edition.frozen:
        raise NotSent(f"the edition {edition.name} is {edition.status} already: it cannot be changed any more")
    if edition.status is Status.CANCELLED:
        raise NotSent(f"the edition {edition.name} is cancelled: approve it, or hold it, before you change it")
    return edition


def _check_free(connection: Connection, edition: Edition, article: int | None) -> None:
    known = articles.chosen(connection, [article]).get(article) if article is not None else None
    if known is None:
        raise BadData(f"there is no article {article}")
    if known.used_in and edition.corrects is None:
        raise BadData(f"« {known.article.title} » is in the edition of {known.used_in} already")


def _meanwhile(connection: Connection, edition_id: int, version: int | None) -> list[AuditEntry]:
    """What was done since that version, the newest first."""
    return [] if version is None else audit.of_edition(connection, edition_id, after_version=version)
