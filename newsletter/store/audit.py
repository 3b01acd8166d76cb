"""The audit log: what editors did. Entries are added, marked as undone, at last deleted by age."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from newsletter.model import AuditEntry, Who
from newsletter.store.schema import audit


def add(
    connection: Connection,
    who: Who,
    act: str,
    now: datetime,
    *,
    edition_id: int | None = None,
    article_id: int | None = None,
    subscriber_id: int | None = None,
    version: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int:
    """Write an act down; returns its number. `before` and `after` hold what JSON can."""
    values = {"at": now, "who": who.name, "editor_id": who.editor_id, "act": act, "version": version}
    values |= {"edition_id": edition_id, "article_id": article_id, "subscriber_id": subscriber_id}
    values |= {"before": _json(before), "after": _json(after)}
    return int(connection.execute(insert(audit).values(**values).returning(audit.c.id)).scalar_one())


def of_edition(connection: Connection, edition_id: int, *, after_version: int = -1) -> list[AuditEntry]:
    """What was done to an edition since it had that version, the newest first; all of it where none is named."""
    query = select(audit).where(audit.c.edition_id == edition_id)
    if after_version >= 0:
        query = query.where(audit.c.version > after_version)
    return [_entry(row) for row in connection.execute(query.order_by(audit.c.id.desc()))]


def of_subscriber(connection: Connection, subscriber_id: int) -> list[AuditEntry]:
    """What editors did with a reader, the newest first."""
    query = select(audit).where(audit.c.subscriber_id == subscriber_id)
    return [_entry(row) for row in connection.execute(query.order_by(audit.c.id.desc()))]


def latest(
    connection: Connection,
    limit: int,
    *,
    before_id: int | None = None,
    edition_id: int | None = None,
    without: Collection[str] = (),
) -> list[AuditEntry]:
    """A page of the whole log, or of one edition's, the newest first; without some acts."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit.c.id < before_id)
    if edition_id is not None:
        query = query.where(audit.c.edition_id == edition_id)
    if without:
        query = query.where(audit.c.act.notin_(without))
    return [_entry(row) for row in connection.execute(query)]


def by_id(connection: Connection, entry_id: int) -> AuditEntry | None:
    row = connection.execute(select(audit).where(audit.c.id == entry_id)).one_or_none()
    return _entry(row) if row else None


def count(connection: Connection, act: str, who: Who, since: datetime) -> int:
    """How often somebody has done that since then."""
    by = audit.c.who == who.name if who.editor_id is None else audit.c.editor_id == who.editor_id
    query = select(func.count()).where(audit.c.at > since, audit.c.act == act, by)
    return connection.execute(query).scalar_one()


def take_back(connection: Connection, entry_id: int, by: int) -> None:
    """Mark an act as undone by another."""
    connection.execute(update(audit).where(audit.c.id == entry_id).values(undone_by=by))


def restore(connection: Connection, undoing: int) -> None:
    """What that act undid stands again."""
    connection.execute(update(audit).where(audit.c.undone_by == undoing).values(undone_by=None))


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete entries from before that moment; returns how many, at most `limit`."""
    old = select(audit.c.id).where(audit.c.at < before).limit(limit).scalar_subquery()
    return connection.execute(delete(audit).where(audit.c.id.in_(old))).rowcount


def _json(values: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(values or {}), ensure_ascii=False)


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        who=Who(row.who, row.editor_id),
        act=row.act,
        edition_id=row.edition_id,
        article_id=row.article_id,
        subscriber_id=row.subscriber_id,
        version=row.version,
        before=json.loads(row.before),
        after=json.loads(row.after),
        undone_by=row.undone_by,
    )
