"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "articles",
        sa.Column("id", Id, nullable=False),
        sa.Column("identity", sa.String(800), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("section", sa.Text()),
        sa.Column("picture", sa.Text()),
        sa.Column("published", Instant, nullable=False),
        sa.Column("modified", Instant),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(20)),
        sa.Column("source", sa.String(1000), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("first_seen", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("identity", name="uq_articles_identity"),
    )
    op.create_index("ix_articles_last_seen", "articles", ["last_seen"])
    op.create_index("ix_articles_published", "articles", ["published"])
    op.create_table(
        "editions",
        sa.Column("id", Id, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("slot", sa.String(40), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("picked_at", Instant, nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("wire", sa.Text()),
        sa.Column("started_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("remark", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_editions"),
        sa.UniqueConstraint("day", "slot", name="uq_editions_day_slot"),
    )
    op.create_table(
        "notes",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_notes"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_signing_keys"),
    )
    op.create_table(
        "sources",
        sa.Column("key", sa.String(1000), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("last_modified", sa.Text()),
        sa.Column("first_collected_at", Instant),
        sa.Column("collected_at", Instant),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("failing_since", Instant),
        sa.PrimaryKeyConstraint("key", name="pk_sources"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", Id, nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("consent", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_subscribers"),
        sa.UniqueConstraint("key", name="uq_subscribers_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_status_id", "subscribers", ["status", "id"])
    op.create_table(
        "article_keys",
        sa.Column("key", sa.String(800), nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_article_keys_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name="pk_article_keys"),
    )
    op.create_index("ix_article_keys_article_id", "article_keys", ["article_id"])
    op.create_table(
        "choices",
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("picked", sa.Boolean(), nullable=False),
        sa.Column("place", sa.Integer()),
        sa.Column("section", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_choices_article_id"),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_choices_edition_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edition_id", "article_id", name="pk_choices"),
    )
    op.create_index("ix_choices_article_id", "choices", ["article_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_attempt", Instant),
        sa.Column("next_attempt", Instant),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("reply", sa.Text()),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_deliveries_edition_id"),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name="fk_deliveries_subscriber_id"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("edition_id", "subscriber_id", name="uq_deliveries_edition_id_subscriber_id"),
    )
    op.create_index("ix_deliveries_edition_id_state_id", "deliveries", ["edition_id", "state", "id"])
    op.create_index("ix_deliveries_subscriber_id", "deliveries", ["subscriber_id"])
