"""What the newsroom publishes: its articles and editions, and the single values that outlive a run."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from newsletter.store.columns import Id, Instant
from newsletter.store.schema.base import metadata

# Single values that outlive a run: the instance, when the next message may go.
notes = Table(
    "notes",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)

# Secrets that sign links. Here, so that a backup of the database keeps every link alive.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# What is known of each source of newsletter.toml.
sources = Table(
    "sources",
    metadata,
    Column("key", String(1000), primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("first_collected_at", Instant),
    Column("collected_at", Instant),
    Column("articles", Integer, nullable=False, default=0),
    Column("note", Text),
    Column("error", Text),
    Column("failing_since", Instant),
)

articles = Table(
    "articles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("identity", String(800), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("authors", Text, nullable=False),  # JSON list
    Column("section", Text),
    Column("picture", Text),  # JSON object
    Column("published", Instant, nullable=False),  # first publication, else first seen
    Column("modified", Instant),
    Column("lead", Boolean, nullable=False),
    Column("words", Integer, nullable=False),
    Column("language", String(20)),
    Column("source", String(1000), nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("answer", Integer),  # the HTTP status of its page when it was last looked up; 0: none came
    Column("answered_at", Instant),
    Index(None, "published"),
    Index(None, "last_seen"),
)

# Every key under which an article is known, its identity among them.
article_keys = Table(
    "article_keys",
    metadata,
    Column("key", String(800), primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Index(None, "article_id"),
)

editions = Table(
    "editions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("day", Date, nullable=False),
    Column("slot", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("picked_at", Instant, nullable=False),
    Column("subject", Text),
    Column("audience", Integer, nullable=False, default=0),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("remark", Text),
    Column("preheader", Text),
    Column("note", Text),
    Column("version", Integer, nullable=False, server_default="0"),
    Column("shaped", Boolean, nullable=False, server_default=false()),
    Column("go_at", Instant),
    Column("paused_at", Instant),
    Column("corrects", Id),
    UniqueConstraint("day", "slot"),
)

# The frozen templates of an edition's messages, one for each variant.
wires = Table(
    "wires",
    metadata,
    Column("edition_id", Id, ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    Column("variant", String(20), primary_key=True),
    Column("wire", Text, nullable=False),
)

# The articles considered for an edition, in and out, each with its reason.
choices = Table(
    "choices",
    metadata,
    Column("edition_id", Id, ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("picked", Boolean, nullable=False),
    Column("place", Integer),
    Column("section", Text),
    Column("reason", Text, nullable=False),
    Column("rank", Integer, nullable=False),  # the order of the list
    Column("kept", Text),  # JSON object: the article as it was when an editor decided on it
    Column("title", Text),  # an editor's, and so the next two
    Column("summary", Text),
    Column("picture", Text),  # JSON object; {} for none
    Column("declined", String(32)),  # the digest of what its site has now, which an editor does not want
    Column("by", Text),  # who took it in or out
    Index(None, "article_id"),
)
