"""Which database it is, whatever name it is called by, so that two newsletters never share one; and the PostgreSQL
schema that a URL names, made where it is missing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from newsletter.errors import DatabaseError
from newsletter.store.database import advisory_key, read, shown, write

Identity = tuple[str, ...]

# A server has many names, and clones have one system identifier: the moment it began, to the microsecond, is its own.
# A schema is not asked for by name: of several in a search_path, the one counts that holds our tables.
ASKED = """
SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_database(), to_regclass('notes')::oid::text
"""
NAMES = re.compile(r'"((?:[^"]|"")*)"|([^,\s"]+)')


def identity(engine: Engine) -> Identity:
    """The same for two engines where, and only where, they lead to the same tables. For databases that are up to date.
    Raises DatabaseError."""
    if engine.dialect.name == "sqlite":
        return _of_file(Path(engine.url.database or ""))
    with read(engine) as connection:
        return "postgresql", *(str(value) for value in connection.execute(text(ASKED)).one())


def _of_file(path: Path) -> Identity:
    """By what the file system says: it sees through links of either kind, and through names in other letters."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise DatabaseError(f"database {path}: {error.strerror}") from error
    return "sqlite", str(found.st_dev), str(found.st_ino)


def make_schema(engine: Engine) -> None:
    """Make the schema that the URL's search_path names first, where it is missing. SQLite has none.

    Raises DatabaseError, with the line to type, where we may not; and where the tables found are those of another
    schema: a search_path of several leads there while its first is empty.
    """
    if engine.dialect.name != "postgresql":
        return
    with read(engine) as connection:
        name = _named(connection)
        if name is None:
            return
        missing = connection.execute(
            text("SELECT to_regnamespace(quote_ident(:name)) IS NULL"), {"name": name}
        ).scalar()
        strange = _strange(connection, name)
        quoted = connection.dialect.identifier_preparer.quote(name)
        user = connection.execute(text("SELECT quote_ident(current_user)")).scalar()
    if strange:
        cure = f"name that one alone, as ?options=-csearch_path%3D{strange}; or, for a new newsletter, {quoted} alone"
        raise DatabaseError(f"database {shown(engine)}: its search_path leads to the tables of {strange}: {cure}")
    if missing:
        _make(engine, quoted, f"CREATE SCHEMA {quoted} AUTHORIZATION {user};")


def _named(connection: Connection) -> str | None:
    """The first schema of the search_path; None where that is PostgreSQL's own choice, by the account's name."""
    said = connection.execute(text("SHOW search_path")).scalar() or ""
    first = NAMES.search(said)
    if first is None or first.group(1) == "$user":
        return None
    return first.group(1).replace('""', '"') if first.group(1) is not None else first.group(2).lower()


def _strange(connection: Connection, name: str) -> str | None:
    """The schema of the tables that we see, where that is not the first of the search_path."""
    query = "SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    query += "WHERE pg_class.oid = to_regclass('alembic_version') AND nspname <> :name"
    return connection.execute(text(query), {"name": name}).scalar()


def _make(engine: Engine, quoted: str, line: str) -> None:
    try:
        with write(engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key("schema")})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted}"))
    except DatabaseError as error:
        cure = f"its schema {quoted} is missing, and we may not make it: as the database's owner, {line}"
        raise DatabaseError(f"database {shown(engine)}: {cure}") from error
