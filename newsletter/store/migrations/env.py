"""Alembic's own entry: it migrates the connection that `run` hands over."""

from alembic import context

from newsletter.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
