"""The tables. A change here needs a migration beside it: a test holds that both give the same schema."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from newsletter.store.columns import Id, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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

# Each time somebody set about sending an edition. Its number is also its journal's.
runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("edition_id", Id, ForeignKey("editions.id"), nullable=False),
    Column("place", String(120), nullable=False),  # the machine, and its boot
    Column("began_at", Instant, nullable=False),
    Index(None, "edition_id"),
    sqlite_autoincrement=True,
)

# Who may do what one alone does, on PostgreSQL: good until its time is over, and only with the newest fence.
leases = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("fence", Id, nullable=False),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
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

# The ledger.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("edition_id", Id, ForeignKey("editions.id"), nullable=False),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("address", String(320), nullable=False),
    Column("variant", String(20), nullable=False, server_default="full"),
    Column("late", Boolean, nullable=False, server_default=false()),  # not of the frozen audience: a newcomer's
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("first_attempt", Instant),
    Column("next_attempt", Instant),
    Column("repeated", Boolean, nullable=False, default=False),
    Column("code", Integer),
    Column("reply", Text),
    Column("at", Instant, nullable=False),
    Column("run_id", Id),  # which run claimed it last
    UniqueConstraint("edition_id", "subscriber_id"),
    Index(None, "edition_id", "state", "id"),
    Index(None, "subscriber_id"),
)

# What came back: a row for each returned mail, event of a provider, or refusal by the relay.
bounces = Table(
    "bounces",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # what makes it the same, however often it is read
    Column("at", Instant, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("via", String(20), nullable=False),
    Column("proof", String(20), nullable=False),
    Column("subscriber_id", Id, ForeignKey("subscribers.id")),
    Column("delivery_id", Id),  # and what follows: rows that go before this one does
    Column("edition_id", Id),
    Column("letter_id", Id),
    Column("permanent", Boolean),
    Column("reason", String(20)),
    Column("suppress", Boolean, nullable=False),
    Column("code", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("address", String(320), nullable=False),  # whom it names, where nothing proves whose it is
    Index(None, "subscriber_id", "id"),
    Index(None, "edition_id"),
    Index(None, "at"),
    Index(None, "address"),
)

# What came of an edition's deliveries by mailbox provider, counted once it had ended: a million rows need not be read
# again for each report.
totals = Table(
    "totals",
    metadata,
    Column("edition_id", Id, ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    Column("provider", String(255), primary_key=True),
    Column("state", String(20), primary_key=True),
    Column("times", Integer, nullable=False),
)
