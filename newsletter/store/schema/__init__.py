"""The tables. A change here needs a migration beside it: a test holds that both give the same schema."""

from __future__ import annotations

from newsletter.store.schema.base import metadata
from newsletter.store.schema.paper import article_keys, articles, choices, editions, notes, signing_keys, sources, wires
from newsletter.store.schema.people import (
    address_changes,
    audit,
    consents,
    editors,
    imports,
    letters,
    sessions,
    subscribers,
    tickets,
    wordings,
)
from newsletter.store.schema.sending import bounces, deliveries, leases, runs, slices, totals, workers

__all__ = [
    "address_changes",
    "article_keys",
    "articles",
    "audit",
    "bounces",
    "choices",
    "consents",
    "deliveries",
    "editions",
    "editors",
    "imports",
    "leases",
    "letters",
    "metadata",
    "notes",
    "runs",
    "sessions",
    "signing_keys",
    "slices",
    "sources",
    "subscribers",
    "tickets",
    "totals",
    "wires",
    "wordings",
    "workers",
]
