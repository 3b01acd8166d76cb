"""What editors made of an edition, read and written as a `shape` (see newsletter/shape.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from newsletter.store import articles
from newsletter.store.schema import choices, editions

JSON = ("picture", "kept")
COLUMNS = ("section", "title", "summary", "picture", "kept", "declined", "by")


def read(connection: Connection, edition_id: int) -> dict[str, Any]:
    """An edition's shape."""
    row = connection.execute(select(editions).where(editions.c.id == edition_id)).one()
    shape: dict[str, Any] = {"subject": row.subject, "preheader": row.preheader, "note": row.note}
    shape["shaped"] = True if row.shaped else None
    shape["picked_at"] = instant(row.picked_at)
    rows = connection.execute(select(choices).where(choices.c.edition_id == edition_id)).all()
    picked = sorted((one for one in rows if one.picked), key=lambda one: (one.place is None, one.place or 0))
    shape["order"] = [one.article_id for one in picked]
    for one in rows:
        for name in COLUMNS:
            value = getattr(one, name)
            shape[f"{name}/{one.article_id}"] = json.loads(value) if value is not None and name in JSON else value
    return {name: value for name, value in shape.items() if value is not None}


def as_kept(connection: Connection, ids: list[int]) -> dict[int, Any]:
    """Articles as their sites give them now, as a shape keeps them."""
    return {number: articles.as_json(one.article) for number, one in articles.chosen(connection, ids).items()}


def instant(moment: datetime) -> str:
    """A moment as a shape holds it."""
    return moment.isoformat()


def write(connection: Connection, edition_id: int, patch: Mapping[str, Any], *, reason: str = "") -> int:
    """Change what a patch names; returns the edition's new version.

    The caller holds the edition's row (`editions.lock`). An article that was not considered yet becomes so, for
    `reason`.
    """
    of_articles = _by_article(patch)
    _consider(connection, edition_id, sorted({*of_articles, *(patch.get("order") or [])}), reason)
    for article_id, values in of_articles.items():
        here = choices.c.edition_id == edition_id, choices.c.article_id == article_id
        connection.execute(update(choices).where(*here).values(values))
    if "order" in patch:
        _arrange(connection, edition_id, patch["order"] or [])
    values = {name: patch[name] for name in ("subject", "preheader", "note") if name in patch}
    if "shaped" in patch:
        values["shaped"] = bool(patch["shaped"])
    if patch.get("picked_at"):
        values["picked_at"] = datetime.fromisoformat(patch["picked_at"])
    return raise_version(connection, edition_id, **values)


def _by_article(patch: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The columns that a patch changes, by article."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in patch.items():
        what, of_article, number = name.partition("/")
        if of_article:
            stored = json.dumps(value, ensure_ascii=False) if value is not None and what in JSON else value
            found.setdefault(int(number), {})[what] = stored
    return found


def raise_version(connection: Connection, edition_id: int, **values: Any) -> int:
    """One act more was done to an edition; returns its version."""
    query = update(editions).where(editions.c.id == edition_id).values(version=editions.c.version + 1, **values)
    return int(connection.execute(query.returning(editions.c.version)).scalar_one())


def explain(connection: Connection, edition_id: int, reasons: Mapping[int, str]) -> None:
    """Write down anew why the machine has articles in or out."""
    for article_id, reason in reasons.items():
        here = choices.c.edition_id == edition_id, choices.c.article_id == article_id
        connection.execute(update(choices).where(*here).values(reason=reason))


def _consider(connection: Connection, edition_id: int, ids: list[int], reason: str) -> None:
    here = choices.c.edition_id == edition_id
    known = set(connection.scalars(select(choices.c.article_id).where(here)))
    ids = [one for one in ids if one not in known]
    if not ids:
        return
    rank = connection.execute(select(func.max(choices.c.rank)).where(here)).scalar()
    first = 0 if rank is None else rank + 1
    rows = [
        {"edition_id": edition_id, "article_id": one, "picked": False, "reason": reason, "rank": first + i}
        for i, one in enumerate(ids)
    ]
    connection.execute(insert(choices), rows)


def _arrange(connection: Connection, edition_id: int, order: list[int]) -> None:
    here = choices.c.edition_id == edition_id
    connection.execute(update(choices).where(here).values(picked=False, place=None))
    for place, article_id in enumerate(order, 1):
        one = update(choices).where(here, choices.c.article_id == article_id)
        connection.execute(one.values(picked=True, place=place))
