"""What readers do: consents, letters, pauses, variants, imports.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Columns are added and dropped in place: to recreate a table on SQLite is to drop it, and all that hangs on it."""
    _make_tables()
    _move_wires()
    op.add_column("deliveries", sa.Column("variant", sa.String(20), nullable=False, server_default="full"))
    op.add_column("deliveries", sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("subscribers", sa.Column("variant", sa.String(20), nullable=False, server_default="full"))
    op.add_column("subscribers", sa.Column("paused_until", Instant))
    _move_consents()
    op.execute("ALTER TABLE subscribers DROP COLUMN consent")
    op.create_index("ix_subscribers_status_since", "subscribers", ["status", "since"])


def _move_wires() -> None:
    op.execute(
        "INSERT INTO wires (edition_id, variant, wire) SELECT id, 'full', wire FROM editions WHERE wire IS NOT NULL"
    )
    op.execute("ALTER TABLE editions DROP COLUMN wire")


def _move_consents() -> None:
    op.execute(
        "INSERT INTO consents (subscriber_id, at, act, how, note)"
        " SELECT id, created_at, 'added', 'command', consent FROM subscribers ORDER BY id"
    )


def _make_tables() -> None:
    op.create_table(
        "wires",
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("variant", sa.String(20), nullable=False),
        sa.Column("wire", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_wires_edition_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edition_id", "variant", name="pk_wires"),
    )
    op.create_table(
        "wordings",
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_used_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_wordings"),
    )
    op.create_table(
        "imports",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("claim", sa.Text()),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_table(
        "consents",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("how", sa.String(20), nullable=False),
        sa.Column("page", sa.Text()),
        sa.Column("wording", sa.String(80)),
        sa.Column("network", sa.String(50)),
        sa.Column("note", sa.Text()),
        sa.Column("import_id", Id),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name="fk_consents_subscriber_id"),
        sa.ForeignKeyConstraint(["wording"], ["wordings.version"], name="fk_consents_wording"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_consents_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_subscriber_id_id", "consents", ["subscriber_id", "id"])
    op.create_table(
        "address_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name="fk_address_changes_subscriber_id"),
        sa.PrimaryKeyConstraint("id", name="pk_address_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_address_changes_subscriber_id", "address_changes", ["subscriber_id"])
    op.create_table(
        "letters",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("subscriber_id", Id),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("network", sa.String(50)),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", Instant),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("reply", sa.Text()),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name="fk_letters_subscriber_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_letters_state_id", "letters", ["state", "id"])
    op.create_index("ix_letters_created_at", "letters", ["created_at"])
    op.create_index("ix_letters_key_created_at", "letters", ["key", "created_at"])
    op.create_index("ix_letters_network_created_at", "letters", ["network", "created_at"])
    op.create_index("ix_letters_subscriber_id", "letters", ["subscriber_id"])
