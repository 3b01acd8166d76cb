"""Opening the database, its transactions and its locks.

`read` and `write` are the only two ways in. No transaction may be open while we talk to the network: so they are
short, and what a caller does between two of them may be interrupted.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from newsletter.errors import AlreadyRunning, DatabaseError
from newsletter.store import postgresql
from newsletter.store.ours import Ours

log = logging.getLogger(__name__)

HEAD = "0007"  # the newest migration: known here, so that a start costs one SELECT and no Alembic
BUSY_SECONDS = 60  # how long a writer waits for another
KEPT, MOST = 5, 15  # connections of one process: kept open while idle, and at once
BACKUP = "a backup"  # the stamp of one (`instance`)
LOOK = 0.001  # seconds between two looks while it waits


def open_engine(url: str, *, kept: int = KEPT) -> Engine:
    """An engine for a URL of `Config.database_url`, which keeps so many connections open while they are idle."""
    if not url.startswith("sqlite:"):
        try:
            return postgresql.open_engine(url, kept=kept, most=MOST)
        except (ArgumentError, ValueError) as error:
            raise DatabaseError(f"the database's address cannot be read: {_first_line(error)}") from None
    pool = {"pool_size": kept, "max_overflow": MOST - kept}
    turn = {"turn": threading.Lock()}  # one thread of ours at a time waits for the database's one writer
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, execution_options=turn, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(raw: Any, _record: object) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves, see below
    # WAL: readers do not wait for the writer. FULL: what is committed survives a power cut (0.95 ms a commit here,
    # measured 2026-11; NORMAL, at 0.02 ms, may forget an acknowledgement).
    # secure_delete: what is forgotten is overwritten, not merely let go (Debian's SQLite does so anyway).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        raw.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A plain BEGIN that writes later fails at once with "database is locked" when another has written in between:
    # a writer says so at the start, and waits.
    raw = connection.connection.dbapi_connection
    if not isinstance(raw, sqlite3.Connection):
        raise TypeError(f"no SQLite connection: {raw!r}")
    if connection.get_execution_options().get("writing"):
        _begin_writing(raw)
    else:
        raw.execute("BEGIN")


def _begin_writing(raw: sqlite3.Connection) -> None:
    """Wait for our turn by looking every millisecond. SQLite's own waiting sleeps up to 100 ms between two looks, and a
    reader who signs up starves behind a sender that commits without pause (2 to 8 s at the worst, 2026-11; so 0.5)."""
    deadline = time.monotonic() + BUSY_SECONDS
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only looks."""
    with explained(engine), engine.connect() as connection:
        yield connection


@contextmanager
def write(engine: Engine, *, rehearsal: bool = False) -> Iterator[Connection]:
    """A transaction that writes; committed at its end, rolled back by an exception.

    A rehearsal does all the same, and is rolled back at its end: what every `--dry-run` is made of.
    """
    with (
        explained(engine),
        _turn(engine),
        engine.connect().execution_options(writing=True) as connection,
        connection.begin() as transaction,
    ):
        yield connection
        if rehearsal:
            transaction.rollback()


class Held:
    """A way into the database for who writes again and again, from one thread: on SQLite always the same connection,
    which knows whether anybody else has written. Close it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None
        if engine.dialect.name == "sqlite":
            with explained(engine):
                self._connection = engine.connect().execution_options(writing=True)
            raw = self._connection.connection.dbapi_connection
            if not isinstance(raw, sqlite3.Connection):
                raise TypeError(f"no SQLite connection: {raw!r}")
            self._cursor: sqlite3.Cursor = raw.cursor()
        self._version: tuple[int] | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As `write`."""
        if self._connection is None:
            with write(self.engine) as connection:
                yield connection
            return
        with explained(self.engine), _turn(self.engine), self._connection.begin():
            yield self._connection

    def written_by_others(self) -> bool | None:
        """Whether anybody has, since this was asked before; None where the database does not tell."""
        if self._connection is None:
            return None
        before = self._version
        with explained(self.engine):
            self._version = self._cursor.execute("PRAGMA data_version").fetchone()
        return before != self._version

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def wipe(engine: Engine) -> None:
    """Take what was deleted out of SQLite's log too, as far as nobody is reading there just now: tidying comes again.

    What is freed in the file itself is overwritten by `secure_delete`.
    """
    if engine.dialect.name != "sqlite":
        return
    try:
        with explained(engine), closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA busy_timeout = 0")
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                raw.cursor().execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    except DatabaseError as error:  # it is deleted all the same: nobody must read that it was not
        log.warning("what was deleted may stay in the database's log until the next tidying: %s", error)


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    turn = engine.get_execution_options().get("turn")
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=BUSY_SECONDS):
        raise DatabaseError(f"database {shown(engine)}: {_first_line('database is locked')}")
    try:
        yield
    finally:
        turn.release()


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn what the driver says into one line for a person."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        said = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseError(f"database {shown(engine)}: {_first_line(said)}") from error


def _first_line(error: object) -> str:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    cures = {
        "database is locked": "another program holds it; run again when that has ended",
        "unable to open database file": "does its folder exist, and may we write there?",
        "attempt to write a readonly database": "we may not write there; check the file's owner",
        "file is not a database": "name another file, or restore a backup (docs/backup.md)",
        "database or disk is full": "free some space, then run again",
    }
    cure = next((cure for sign, cure in cures.items() if sign in said), "") or postgresql.cure(said)
    return f"{said}: {cure}" if cure else said


def shown(engine: Engine) -> str:
    """The database as we may print it: no password."""
    return engine.url.database or "" if engine.dialect.name == "sqlite" else postgresql.shown(engine.url)


# --- The schema -----------------------------------------------------------------------------------


def upgrade(engine: Engine) -> bool:
    """Bring the database up to date; True where there was something to do. Safe to call from several at once."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        _private_file(Path(engine.url.database))
    from newsletter.store.place import make_schema

    make_schema(engine)
    found = revision(engine)
    if found is not None and found >= HEAD:
        return False
    from newsletter.store.upgrading import migrate

    migrate(engine)
    revision(engine)  # a newer program may have been quicker
    return True


def _private_file(path: Path) -> None:
    """Readers' addresses are nobody else's business: the file is made with mode 0600."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseError(
            f"database {path}: {error.strerror}: does its folder exist, and may we write there?"
        ) from error


def revision(engine: Engine) -> str | None:
    """The schema's version; None where there is no schema yet. A newer one than ours is refused, unless it says that it
    serves programs of our age (`upgrading`): for who works long, worth asking again from time to time."""
    with read(engine) as connection:
        if not engine.dialect.has_table(connection, "alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if not found or found <= HEAD:
            return found
        from newsletter.store.upgrading import serves_us

        served = serves_us(connection)
    if not served:
        raise DatabaseError(
            f"database {shown(engine)}: made by a newer version of newsletter ({found}): upgrade the program"
        )
    return found


# --- One sender at a time -------------------------------------------------------------------------


def sending_lock(engine: Engine) -> AbstractContextManager[Ours]:
    """Held while a run sends an edition; see `_lock`."""
    return _lock(engine, "sending", ".lock")


def letters_lock(engine: Engine) -> AbstractContextManager[Ours]:
    """Held while letters are sent, beside an edition it may be; see `_lock`."""
    return _lock(engine, "letters", ".letters.lock")


def newcomers_lock(engine: Engine) -> AbstractContextManager[Ours]:
    """Held while newcomers get an edition that has ended; see `_lock`."""
    return _lock(engine, "newcomers", ".newcomers.lock")


def _lock(engine: Engine, name: str, ending: str) -> AbstractContextManager[Ours]:
    """One at a time, over all processes.

    SQLite: flock on a file beside the database, which the kernel lets go when the process dies, and never before:
    nobody takes over from a run that merely sleeps. PostgreSQL: a lease with a fence. Raises AlreadyRunning at once
    where another run holds it.
    """
    if engine.dialect.name == "sqlite":
        return _file_lock(Path(f"{engine.url.database}{ending}"))
    from newsletter.store.lease import lease

    return lease(engine, name)


@contextmanager
def _file_lock(path: Path) -> Iterator[Ours]:
    try:
        file = path.open("a+")
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror}: who sends must be able to write there") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(f"another run is sending (process {file.read().strip() or 'unknown'})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield Ours()


def advisory_key(name: object) -> int:
    """PostgreSQL's advisory locks are numbered, with 64 bits."""
    digest = hashlib.sha256(f"newsletter {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


# --- Backup ---------------------------------------------------------------------------------------


def backup(engine: Engine, target: Path) -> None:
    """A consistent copy of a SQLite database into `target`, also while a run is sending.

    Raises DatabaseError for PostgreSQL (pg_dump does that better) or where the file cannot be written.
    """
    if engine.dialect.name != "sqlite":
        raise DatabaseError("this is PostgreSQL: use pg_dump, as docs/backup.md shows")
    if target.exists():
        raise DatabaseError(f"{target}: exists already; name a new file")
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    try:
        _private_file(partial)
        partial.unlink()
        with explained(engine), closing(engine.raw_connection()) as raw:  # no BEGIN: VACUUM wants to be alone
            raw.cursor().execute("VACUUM INTO ?", (str(partial),))
        _mark_as_copy(partial)
        partial.chmod(0o600)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _mark_as_copy(path: Path) -> None:
    """A copy never sends by itself, whenever it was made: its stamp is one that no state file holds (`instance`)."""
    with closing(sqlite3.connect(path)) as copy, copy:
        copy.execute("DELETE FROM notes WHERE name = 'instance'")
        copy.execute("INSERT INTO notes (name, value) VALUES ('instance', ?)", (BACKUP,))
