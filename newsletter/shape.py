"""What editors make of an edition: its order, and what they write in the place of what the site gave. Pure.

A shape is a flat dictionary, so that a change is a patch, two changes can be laid side by side, and each can be taken
back:

    shaped                        whether editors have had a hand in it at all
    subject, preheader, note      an editor's words; absent where there are none
    order                         the ids of the articles picked, in their places: the first is the lead
    picked_at                     the moment of the machine's choice, from which the next edition's window is counted
    section/12, title/12, summary/12, picture/12     of the article with that id, in the place of the site's
    kept/12                       the article as the site gave it when an editor decided on it
    declined/12                   the digest of what its site has now, where an editor wants to keep what was
    by/12                         who took it in or out

Values are as JSON has them; a key without a value is absent. What may not be in this room: the database, the clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Shape = Mapping[str, Any]
Patch = Mapping[str, Any]  # keys with their new values; None takes a key away

WORDS = ("subject", "preheader", "note")
TEXTS = ("section", "title", "summary", "picture")  # what is written of an article
OF_ARTICLES = (*TEXTS, "kept", "declined", "by")
SHOWN = ("title", "summary", "picture", "section", "authors", "url")  # what a mail shows of a site's article
NO_PICTURE: dict[str, Any] = {}


def order_of(shape: Shape) -> list[int]:
    """The ids of the articles picked, in their places."""
    return list(shape.get("order") or [])


def key(what: str, article: int) -> str:
    """The key of something of an article."""
    return f"{what}/{article}"


def article_of(key: str) -> int | None:
    """Which article a key is about."""
    _, found, number = key.partition("/")
    return int(number) if found else None


def digest(article: Mapping[str, Any]) -> str:
    """By what a site's version of an article, as a shape keeps it, is known again."""
    text = json.dumps([article.get(name) for name in SHOWN], ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


# --- Acts: a shape → a patch ------------------------------------------------------------------------


def moved(shape: Shape, article: int, before: int | None) -> Patch:
    """An article put before another one, or at the end. Nothing where either is not in the edition."""
    order = order_of(shape)
    if article not in order or (before is not None and before not in order) or article == before:
        return {}
    order.remove(article)
    order.insert(len(order) if before is None else order.index(before), article)
    return _changed(shape, {"order": order})


def placed(shape: Shape, article: int, number: int) -> Patch:
    """An article put in the place of that number, from 1; in the first or last where there is no such place."""
    rest = [one for one in order_of(shape) if one != article]
    place = min(max(number - 1, 0), len(rest))
    return moved(shape, article, rest[place] if place < len(rest) else None)


def led_by(shape: Shape, article: int, who: str) -> Patch:
    """An article put in the first place, taken in for it where it was out."""
    order = order_of(shape)
    if article not in order:
        return taken_in(shape, article, who, before=order[0] if order else None)
    return moved(shape, article, order[0])


def taken_in(shape: Shape, article: int, who: str, before: int | None = None) -> Patch:
    """An article taken into the edition, before another one or at the end."""
    order = order_of(shape)
    if article in order:
        return {}
    order.insert(order.index(before) if before is not None and before in order else len(order), article)
    return _changed(shape, {"order": order, key("by", article): who})


def dropped(shape: Shape, article: int, who: str) -> Patch:
    """An article taken out. What was written of it stays, for when it is taken in again; it follows its site anew."""
    order = order_of(shape)
    if article not in order:
        return {}
    order.remove(article)
    follows = {key("kept", article): None, key("declined", article): None}
    return _changed(shape, {"order": order, key("by", article): who, **follows})


def arranged(shape: Shape, order: Sequence[int]) -> Patch:
    """The articles in that order, as after dragging: those that it does not name stay behind, in their own."""
    present = order_of(shape)
    named = [one for one in dict.fromkeys(order) if one in present]
    return _changed(shape, {"order": named + [one for one in present if one not in named]})


def pinned(shape: Shape, articles: Mapping[int, Any]) -> Patch:
    """Every article picked kept as its site gives it now, unless it is kept already; see `kept/12`."""
    fresh = {key("kept", one): articles[one] for one in order_of(shape) if one in articles}
    wanted = {name: value for name, value in fresh.items() if shape.get(name) is None}
    return _changed(shape, {"shaped": True, **wanted})


def taken_over(shape: Shape, article: int, value: Any) -> Patch:
    """What the site changed since is taken over."""
    if article not in order_of(shape):
        return {}
    return _changed(shape, {key("kept", article): value, key("declined", article): None})


def declined(shape: Shape, article: int, value: Any) -> Patch:
    """What the site changed since is not taken over, and not told of again: until it changes once more."""
    if article not in order_of(shape) or shape.get(key("kept", article)) is None:
        return {}
    return _changed(shape, {key("declined", article): digest(value)})


def begun_anew(shape: Shape, order: Sequence[int], sections: Mapping[int, str | None], picked_at: str) -> Patch:
    """The machine's choice in the place of the editors'; only subject, preheader and note stay as they are."""
    written = {name: None for name in shape if article_of(name) is not None}
    given = {key("section", one): section for one, section in sections.items()}
    return _changed(shape, {**written, **given, "order": list(order), "shaped": None, "picked_at": picked_at})


# --- Two editors at once ----------------------------------------------------------------------------


def merged(base: Shape, now: Shape, wanted: Patch) -> tuple[Patch, list[str]]:
    """What an editor wrote on a form made from `base`, laid over what stands there now.

    Returns what is to be changed, and the keys that somebody else has changed to something else meanwhile: with any of
    these, nothing should be changed. A field that the editor left as it was is none of theirs.
    """
    mine = {name: value for name, value in wanted.items() if base.get(name) != value}
    disputed = [name for name in mine if now.get(name) != base.get(name) and now.get(name) != mine[name]]
    return _changed(now, mine), disputed


def rewound(shape: Shape, patches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The shape before some acts, from what each found (`AuditEntry.before`), the newest first."""
    found = dict(shape)
    for before in patches:
        found |= before
    return {name: value for name, value in found.items() if value is not None}


def undone(shape: Shape, before: Mapping[str, Any], after: Mapping[str, Any]) -> Patch | None:
    """What takes an act back; None where something that it changed has been changed again since."""
    if any(shape.get(name) != value for name, value in after.items()):
        return None
    return _changed(shape, dict(before))


def still_pinned(shape: Shape, patch: Patch) -> Patch:
    """A patch without what would let the articles picked follow their sites again: for an approved edition."""
    picked = {key("kept", one) for one in order_of(applied(shape, patch))} | {"shaped"}
    return {name: value for name, value in patch.items() if value is not None or name not in picked}


def applied(shape: Shape, patch: Patch) -> dict[str, Any]:
    """The shape after a patch."""
    return {name: value for name, value in {**shape, **patch}.items() if value is not None}


def before(shape: Shape, patch: Patch) -> dict[str, Any]:
    """What stood where a patch changes something: the patch that takes it back."""
    return {name: shape.get(name) for name in patch}


def _changed(shape: Shape, values: Mapping[str, Any]) -> Patch:
    return {name: value for name, value in values.items() if shape.get(name) != value}
