"""An edition's deliveries in slices, and the workers that deliver them.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from newsletter.store.upgrading import contracts

revision = "0006"
down_revision: str | None = "0005"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "slices",
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("first", Id, nullable=False),
        sa.Column("last", Id, nullable=False),
        sa.Column("due_at", Instant),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text()),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_slices_edition_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edition_id", "number", name="pk_slices"),
    )
    op.create_table(
        "workers",
        sa.Column("id", Id, nullable=False),
        sa.Column("place", sa.String(120), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("edition_id", Id),
        sa.Column("slice", sa.Integer()),
        sa.Column("accepted", Id, nullable=False, server_default="0"),
        sa.Column("rejected", Id, nullable=False, server_default="0"),
        sa.Column("deferred", Id, nullable=False, server_default="0"),
        sa.Column("uncertain", Id, nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_workers_seen_at", "workers", ["seen_at"])
    contracts(op.get_bind(), "0006")  # the first that tells: programs before it refuse whatever is newer than they
