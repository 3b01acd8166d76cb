"""What people agreed to, and when: one row for each act, never changed, only added to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from newsletter.model import Act, Consent, Origin
from newsletter.store.dialect import upsert
from newsletter.store.schema import consents, imports, subscribers, wordings

BATCH = 1000


def record(connection: Connection, subscriber_ids: Iterable[int], act: Act, origin: Origin, now: datetime) -> None:
    """Write an act down for each of them."""
    row = {"at": now, "act": act, "how": origin.how, "page": origin.page, "wording": origin.wording}
    row |= {"network": origin.network, "note": origin.note}
    rows = [row | {"subscriber_id": subscriber_id} for subscriber_id in subscriber_ids]
    if rows:
        connection.execute(insert(consents), rows)


def keep_wording(connection: Connection, version: str, text: str, now: datetime) -> None:
    """Keep the words that somebody agrees to, once for each version."""
    query = upsert(connection, wordings).values(version=version, text=text, first_used_at=now)
    connection.execute(query.on_conflict_do_nothing(index_elements=["version"]))


def wording(connection: Connection, version: str) -> str | None:
    return connection.execute(select(wordings.c.text).where(wordings.c.version == version)).scalar()


def of_subscriber(connection: Connection, subscriber_id: int) -> list[Consent]:
    """All that a person did, the oldest first."""
    query = _query().where(consents.c.subscriber_id == subscriber_id).order_by(consents.c.id)
    return [_consent(row) for row in connection.execute(query)]


def everybody(connection: Connection) -> Iterator[tuple[str, Consent]]:
    """Every act with the address as it is now, the oldest first; never all of them in memory."""
    after = 0
    while True:
        query = _query().add_columns(subscribers.c.address, consents.c.id.label("row_id"))
        query = query.join(subscribers, subscribers.c.id == consents.c.subscriber_id).where(consents.c.id > after)
        rows = connection.execute(query.order_by(consents.c.id).limit(BATCH)).all()
        yield from ((row.address, _consent(row)) for row in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1].row_id


def _query() -> Any:
    columns = [consents.c.at, consents.c.act, consents.c.how, consents.c.page, consents.c.wording]
    columns += [consents.c.network, consents.c.note]
    parts = [imports.c.at.label("imported_at"), imports.c.by, imports.c.file, imports.c.claim]
    joined = consents.outerjoin(imports, imports.c.id == consents.c.import_id)
    return select(*columns, *parts).select_from(joined)


def _consent(row: Row[Any]) -> Consent:
    imported = None
    if row.imported_at:
        imported = f"{row.file}, by {row.by}, {row.imported_at:%Y-%m-%d}: {row.claim or 'no claim of consent'}"
    origin = Origin(row.how, row.page, row.wording, row.network, row.note)
    return Consent(row.at, Act(row.act), origin, imported)


def last(connection: Connection, subscriber_id: int, act: Act) -> datetime | None:
    """When a person last did that."""
    query = select(consents.c.at).where(consents.c.subscriber_id == subscriber_id, consents.c.act == act)
    return connection.execute(query.order_by(consents.c.id.desc()).limit(1)).scalar()
