"""The order of an edition: which articles, in which places."""

from __future__ import annotations

from sqlalchemy import Connection

from newsletter import shape as shapes
from newsletter.model import Edition, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape
from newsletter.shaping.act import Shaped, do
from newsletter.shaping.refusals import Used
from newsletter.store import articles, editions


def move(
    room: Newsroom,
    who: Who,
    edition_id: int,
    article: int,
    before: int | None,
    version: int | None = None,
    *,
    dry_run: bool = False,
) -> Shaped:
    """Put an article before another one, or at the end."""

    def patch(_: Connection, now: Shape) -> Patch:
        return shapes.moved(now, article, before)

    return do(room, who, edition_id, "move", patch, version, article, dry_run=dry_run)


def place(
    room: Newsroom,
    who: Who,
    edition_id: int,
    article: int,
    number: int,
    version: int | None = None,
    *,
    dry_run: bool = False,
) -> Shaped:
    """Put an article in the place of that number: 1 is the lead."""

    def patch(_: Connection, now: Shape) -> Patch:
        return shapes.placed(now, article, number)

    return do(room, who, edition_id, "move", patch, version, article, dry_run=dry_run)


def step(
    room: Newsroom,
    who: Who,
    edition_id: int,
    article: int,
    by: int,
    version: int | None = None,
    *,
    dry_run: bool = False,
) -> Shaped:
    """Move an article up (-1) or down (1)."""

    def patch(_: Connection, now: Shape) -> Patch:
        order = shapes.order_of(now)
        return shapes.placed(now, article, order.index(article) + by + 1) if article in order else {}

    return do(room, who, edition_id, "move", patch, version, article, dry_run=dry_run)


def arrange(
    room: Newsroom, who: Who, edition_id: int, order: list[int], version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Put the articles in that order, as after dragging."""

    def patch(_: Connection, now: Shape) -> Patch:
        return shapes.arranged(now, order)

    return do(room, who, edition_id, "arrange", patch, version, dry_run=dry_run)


def lead(
    room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Make an article the lead; one that is out is taken in for it. Raises BadData as `add`."""

    def patch(connection: Connection, now: Shape) -> Patch:
        if article not in shapes.order_of(now):
            _check_free(connection, editions.by_id(connection, edition_id), article)
        return shapes.led_by(now, article, who.name)

    return do(room, who, edition_id, "lead", patch, version, article, dry_run=dry_run)


def add(
    room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Take an article in, at the end. Raises BadData for one that another edition has carried to readers."""

    def patch(connection: Connection, now: Shape) -> Patch:
        _check_free(connection, editions.by_id(connection, edition_id), article)
        return shapes.taken_in(now, article, who.name)

    return do(room, who, edition_id, "add", patch, version, article, dry_run=dry_run)


def drop(
    room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Take an article out."""

    def patch(_: Connection, now: Shape) -> Patch:
        return shapes.dropped(now, article, who.name)

    return do(room, who, edition_id, "drop", patch, version, article, dry_run=dry_run)


def _check_free(connection: Connection, edition: Edition, article: int) -> None:
    known = articles.chosen(connection, [article])[article]
    if known.used_in and edition.corrects is None:
        raise Used(known.article.title, known.used_in)
