"""A schema brought up to date while others are at work, and how old a program may be that works with it.

Workers are upgraded one after the other: so a program must be able to live with a schema that is newer than its own.
Migrations expand first and contract later (CONTRIBUTING.md): one that old programs can live with leaves the note
`schema_serves` as it is; one that takes away what they need raises it to its own number. The note says how new a
program must be, as the number of the newest migration it knows.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import Connection, Engine, text

from newsletter.errors import DatabaseError
from newsletter.store.database import HEAD, advisory_key, shown, write
from newsletter.store.postgresql import in_use

log = logging.getLogger(__name__)

NOTE = "schema_serves"
# For which a migration may wait for a table: all who come after it wait behind it for as long. Two such waits, and the
# work between them, are less than PostgreSQL's `deadlock_timeout`, 1 s: so it is us who give way, never a reader.
LOCK_MS = 300
PAUSE = 0.5  # seconds in which those go on
TRIES = 120


def serves_us(connection: Connection) -> bool:
    """Whether a schema that is newer than ours can be worked with. One without the note cannot: it is none of ours."""
    least = connection.execute(text("SELECT value FROM notes WHERE name = :name"), {"name": NOTE}).scalar()
    return least is not None and least <= HEAD


def contracts(connection: Connection, revision: str) -> None:
    """For a migration that takes away what programs before `revision` need: they refuse the database from now on."""
    connection.execute(text("DELETE FROM notes WHERE name = :name"), {"name": NOTE})
    values = {"name": NOTE, "value": revision}
    connection.execute(text("INSERT INTO notes (name, value) VALUES (:name, :value)"), values)


def migrate(engine: Engine) -> None:
    """Bring the schema up to ours, all of it or nothing. Raises DatabaseError.

    On PostgreSQL a change of a table waits until nobody is at work in it, and whoever comes meanwhile waits behind it.
    So it waits for a moment only, lets them go on, and tries again.
    """
    for _ in range(TRIES):
        try:
            with write(engine) as connection:
                _run(connection)
            return
        except DatabaseError as error:
            if not in_use(error):
                raise
            log.info("the database is in use: its upgrade waits for a quiet moment")
            time.sleep(PAUSE)
    raise DatabaseError(
        f"database {shown(engine)}: in use by somebody who does not let go of it for long: upgrade it at a quieter time"
    )


def _run(connection: Connection) -> None:
    from newsletter.store import migrations  # Alembic: only when there is something to do

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key("upgrade")})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'"))
    if connection.dialect.has_table(connection, "alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found and found > HEAD:  # a newer program was quicker
            return
    migrations.run(connection)
