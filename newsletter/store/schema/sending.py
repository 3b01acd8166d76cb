"""How an edition goes out: the ledger, who delivers it, and what came back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false

from newsletter.store.columns import Id, Instant
from newsletter.store.schema.base import metadata

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

# On PostgreSQL an edition's deliveries are cut into slices, by their ids: a slice is in one worker's hands at a time.
slices = Table(
    "slices",
    metadata,
    Column("edition_id", Id, ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first", Id, nullable=False),
    Column("last", Id, nullable=False),
    Column("due_at", Instant),  # not to be taken before: what is left was put off, or its relay was in trouble
    Column("tries", Integer, nullable=False, server_default="0"),  # that ended in trouble, in a row
    Column("trouble", Text),  # what the last of them met
)

# The processes of `newsletter worker`: what each is at, and what it has done since it began.
workers = Table(
    "workers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("place", String(120), nullable=False),  # the machine's name
    Column("process", Integer, nullable=False),
    Column("version", String(20), nullable=False),
    Column("via", Text, nullable=False),  # its way out
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("edition_id", Id),
    Column("slice", Integer),
    Column("accepted", Id, nullable=False, server_default="0"),
    Column("rejected", Id, nullable=False, server_default="0"),
    Column("deferred", Id, nullable=False, server_default="0"),
    Column("uncertain", Id, nullable=False, server_default="0"),
    Column("trouble", Text),
    Index(None, "seen_at"),
    sqlite_autoincrement=True,
)

# The ledger. On PostgreSQL it is in parts by `edition_id`, made when they are needed (store/partitions.py), and its
# key is (id, edition_id), since a part knows its own rows alone; the ids are counted for all parts together.
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
    postgresql_partition_by="RANGE (edition_id)",
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
