"""Runs, their claims, and leases.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    """A column is added in place, see 0002."""
    op.create_table(
        "runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("place", sa.String(120), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_runs_edition_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_edition_id", "runs", ["edition_id"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("fence", Id, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.add_column("deliveries", sa.Column("run_id", Id))
    # What was at its dot is in the journal now, and not in the ledger.
    op.execute("UPDATE deliveries SET state = 'uncertain' WHERE state = 'sending'")
