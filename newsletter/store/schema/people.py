"""Who reads and who works at the desk: people, the proof of what they agreed to, letters to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from newsletter.store.columns import Id, Instant
from newsletter.store.schema.base import metadata

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, unique=True),  # what two spellings of an address share
    Column("name", Text),
    Column("status", String(20), nullable=False),
    Column("since", Instant, nullable=False),  # in this status
    Column("created_at", Instant, nullable=False),
    Column("variant", String(20), nullable=False, server_default="full"),
    Column("paused_until", Instant),
    Index(None, "status", "id"),
    Index(None, "status", "since"),
    sqlite_autoincrement=True,  # no number is used twice: links hold them
)

# The proof of what a person agreed to, and when: every act that concerns their being on the list.
consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", String(20), nullable=False),
    Column("how", String(20), nullable=False),  # by page, form, link, one-click, command, desk, import, mail, bounce
    Column("page", Text),  # where the form stood
    Column("wording", String(80), ForeignKey("wordings.version")),  # what they read and agreed to
    Column("network", String(50)),  # of their address: /24 or /48
    Column("note", Text),
    Column("import_id", Id, ForeignKey("imports.id")),
    Index(None, "subscriber_id", "id"),
)

# The words that people agreed to, as they stood there.
wordings = Table(
    "wordings",
    metadata,
    Column("version", String(80), primary_key=True),
    Column("text", Text, nullable=False),
    Column("first_used_at", Instant, nullable=False),
)

# Who imported which list, and with which claim of consent.
imports = Table(
    "imports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the file
    Column("claim", Text),
    Column("added", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
)

# A new address that a reader has asked for and not yet confirmed. Its numbers are never used twice: links hold them.
address_changes = Table(
    "address_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "subscriber_id"),
    sqlite_autoincrement=True,
)

# Single mails to one person, with the ledger's states.
letters = Table(
    "letters",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False),  # what the spellings of one mailbox share: the caps count by it
    Column("subscriber_id", Id, ForeignKey("subscribers.id")),  # none: to an editor
    Column("language", String(10), nullable=False),
    Column("details", Text, nullable=False),  # JSON object: what its template needs besides
    Column("network", String(50)),  # whence it was asked for: the caps count by it
    Column("created_at", Instant, nullable=False),
    Column("content", LargeBinary),  # frozen when it is first offered, gone when it has ended
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt", Instant),
    Column("repeated", Boolean, nullable=False, default=False),
    Column("code", Integer),
    Column("reply", Text),
    Column("at", Instant, nullable=False),
    Index(None, "state", "id"),
    Index(None, "created_at"),
    Index(None, "key", "created_at"),
    Index(None, "network", "created_at"),
    Index(None, "subscriber_id"),
    sqlite_autoincrement=True,
)

# Who works at the desk.
editors = Table(
    "editors",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, unique=True),  # what two spellings of an address share
    Column("name", Text, nullable=False),
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,  # links and sessions hold them
)

# Their stays at the desk, one for each browser.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("editor_id", Id, ForeignKey("editors.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("network", String(50)),
    Column("browser", Text, nullable=False),
    Index(None, "editor_id"),
    sqlite_autoincrement=True,
)

# What a link that was mailed to an editor is good for, and until when. A row without an editor: a stranger asked.
tickets = Table(
    "tickets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("editor_id", Id, ForeignKey("editors.id", ondelete="CASCADE")),
    Column("edition_id", Id, ForeignKey("editions.id")),  # the draft that it is about; none: to log in
    Column("network", String(50)),  # whence it was asked for: the caps count by it
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("used_at", Instant),
    Index(None, "editor_id", "at"),
    Index(None, "network", "at"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

# The audit log: what editors did, and what was there before and after. It names readers by their number alone.
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("editor_id", Id),
    Column("act", String(40), nullable=False),
    Column("edition_id", Id),
    Column("article_id", Id),
    Column("subscriber_id", Id),
    Column("version", Integer),  # the edition's, after it
    Column("before", Text, nullable=False),  # JSON object
    Column("after", Text, nullable=False),  # JSON object
    Column("undone_by", Id),  # the act that took it back
    Index(None, "edition_id", "id"),
    Index(None, "subscriber_id"),
    Index(None, "at"),
)
