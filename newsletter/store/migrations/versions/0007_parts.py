"""The ledger in parts on PostgreSQL: what is there becomes the first of them.

No row is copied: one index is built and the table is looked through once. Nobody else reads or writes deliveries
meanwhile, or writes subscribers or editions. Ten million rows took nine seconds (2026-11, two busy cores).

A program that knows migration 0006 alone goes on with this schema: the names are the same, and there is a part for
the editions that come next.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision: str | None = "0006"

WIDTH = 8  # editions in a part, as in store/partitions.py when this was written


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # In the order in which most come to them, and all before anything is done: who waits for us then holds nothing that
    # we still want. (The foreign keys of the new table would lock the first two when we had the third.)
    op.execute("LOCK TABLE subscribers, editions IN SHARE ROW EXCLUSIVE MODE")
    op.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
    newest = op.get_bind().exec_driver_sql("SELECT coalesce(max(id), 1) FROM editions").scalar_one()
    end = (newest - 1) // WIDTH * WIDTH + WIDTH + 1
    _set_aside()
    _make_parent()
    op.execute(f"ALTER TABLE deliveries ATTACH PARTITION deliveries_1 FOR VALUES FROM (MINVALUE) TO ({end})")
    op.execute(f"CREATE TABLE deliveries_{end} PARTITION OF deliveries FOR VALUES FROM ({end}) TO ({end + WIDTH})")


def _set_aside() -> None:
    """The table gives its names to the one that is made of parts, and its key learns of the edition."""
    for statement in (
        "ALTER TABLE deliveries RENAME TO deliveries_1",
        "ALTER TABLE deliveries_1 DROP CONSTRAINT pk_deliveries",
        "ALTER TABLE deliveries_1 ADD CONSTRAINT deliveries_1_pkey PRIMARY KEY (id, edition_id)",
        "ALTER TABLE deliveries_1 RENAME CONSTRAINT uq_deliveries_edition_id_subscriber_id"
        " TO deliveries_1_edition_id_subscriber_id_key",
        "ALTER INDEX ix_deliveries_edition_id_state_id RENAME TO deliveries_1_edition_id_state_id_idx",
        "ALTER INDEX ix_deliveries_subscriber_id RENAME TO deliveries_1_subscriber_id_idx",
    ):
        op.execute(statement)


def _make_parent() -> None:
    for statement in (
        "CREATE TABLE deliveries (LIKE deliveries_1 INCLUDING DEFAULTS INCLUDING STORAGE,"
        " CONSTRAINT pk_deliveries PRIMARY KEY (id, edition_id),"
        " CONSTRAINT uq_deliveries_edition_id_subscriber_id UNIQUE (edition_id, subscriber_id),"
        " CONSTRAINT fk_deliveries_edition_id FOREIGN KEY (edition_id) REFERENCES editions (id),"
        " CONSTRAINT fk_deliveries_subscriber_id FOREIGN KEY (subscriber_id) REFERENCES subscribers (id)"
        ") PARTITION BY RANGE (edition_id)",
        "ALTER SEQUENCE deliveries_id_seq OWNED BY deliveries.id",
        "CREATE INDEX ix_deliveries_edition_id_state_id ON deliveries (edition_id, state, id)",
        "CREATE INDEX ix_deliveries_subscriber_id ON deliveries (subscriber_id)",
    ):
        op.execute(statement)
