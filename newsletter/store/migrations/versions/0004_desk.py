"""The desk: editors, their sessions, links and acts; what they make of an edition.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Columns are added in place, see 0002."""
    _add_columns()
    _make_tables()


def _add_columns() -> None:
    op.add_column("articles", sa.Column("answer", sa.Integer()))
    op.add_column("articles", sa.Column("answered_at", Instant))
    op.add_column("editions", sa.Column("preheader", sa.Text()))
    op.add_column("editions", sa.Column("note", sa.Text()))
    op.add_column("editions", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("editions", sa.Column("shaped", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("editions", sa.Column("go_at", Instant))
    op.add_column("editions", sa.Column("paused_at", Instant))
    op.add_column("editions", sa.Column("corrects", Id))
    for name in ("kept", "title", "summary", "picture", "by"):
        op.add_column("choices", sa.Column(name, sa.Text()))
    op.add_column("choices", sa.Column("declined", sa.String(32)))


def _make_tables() -> None:
    op.create_table(
        "editors",
        sa.Column("id", Id, nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_editors"),
        sa.UniqueConstraint("key", name="uq_editors_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("editor_id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("network", sa.String(50)),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["editor_id"], ["editors.id"], name="fk_sessions_editor_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_editor_id", "sessions", ["editor_id"])
    op.create_table(
        "tickets",
        sa.Column("id", Id, nullable=False),
        sa.Column("editor_id", Id),
        sa.Column("edition_id", Id),
        sa.Column("network", sa.String(50)),
        sa.Column("at", Instant, nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Column("used_at", Instant),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_tickets_edition_id"),
        sa.ForeignKeyConstraint(["editor_id"], ["editors.id"], name="fk_tickets_editor_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tickets_editor_id_at", "tickets", ["editor_id", "at"])
    op.create_index("ix_tickets_network_at", "tickets", ["network", "at"])
    op.create_index("ix_tickets_at", "tickets", ["at"])
    op.create_table(
        "audit",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("editor_id", Id),
        sa.Column("act", sa.String(40), nullable=False),
        sa.Column("edition_id", Id),
        sa.Column("article_id", Id),
        sa.Column("subscriber_id", Id),
        sa.Column("version", sa.Integer()),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("undone_by", Id),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_edition_id_id", "audit", ["edition_id", "id"])
    op.create_index("ix_audit_subscriber_id", "audit", ["subscriber_id"])
    op.create_index("ix_audit_at", "audit", ["at"])
