"""What is known of each source: its validators, when it last gave, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from newsletter.model import Harvest, Validators
from newsletter.store.schema import sources


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One row: how a source of newsletter.toml has fared."""

    key: str
    validators: Validators
    first_collected_at: datetime | None  # None: never yet with success
    collected_at: datetime | None  # the last success
    articles: int  # given at the last success
    note: str | None
    error: str | None  # of the last collecting, None after a success
    failing_since: datetime | None


def records(connection: Connection) -> dict[str, SourceRecord]:
    """All sources ever collected, by key."""
    return {
        row.key: SourceRecord(
            key=row.key,
            validators=Validators(row.etag, row.last_modified),
            first_collected_at=row.first_collected_at,
            collected_at=row.collected_at,
            articles=row.articles,
            note=row.note,
            error=row.error,
            failing_since=row.failing_since,
        )
        for row in connection.execute(select(sources).order_by(sources.c.key))
    }


def keep(connection: Connection, harvest: Harvest, now: datetime) -> None:
    """Write down how a collecting went. A failure leaves what the last success left."""
    known = connection.execute(select(sources).where(sources.c.key == harvest.source)).one_or_none()
    values: dict[str, object] = {"note": "\n".join(harvest.notes) or None, "error": harvest.error}
    if harvest.error:
        values["failing_since"] = (known and known.failing_since) or now
    else:
        values |= {"failing_since": None, "collected_at": now}
        values["first_collected_at"] = (known and known.first_collected_at) or now
    if not harvest.error and not harvest.unchanged:
        values |= {"articles": len(harvest.articles)}
        values |= {"etag": harvest.validators.etag, "last_modified": harvest.validators.last_modified}
    if known:
        connection.execute(update(sources).where(sources.c.key == harvest.source).values(**values))
    else:
        connection.execute(insert(sources).values(key=harvest.source, **values))
